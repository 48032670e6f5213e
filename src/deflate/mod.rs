//! DEFLATE (RFC 1951) as permessage-deflate uses it (RFC 7692), in memory that
//! the caller lends.
//!
//! Nothing here allocates, and nothing is larger than it must be. State comes
//! in three parts:
//!
//! | part | lives | inflating | deflating |
//! |---|---|---|---|
//! | context | as long as the connection | [`InflateWindow`]: the window | [`Deflater`]: 1.75 to 4.25 times the window |
//! | message | while one is under way | [`Inflater`]: 384 bytes | in the context |
//! | scratch | for a call | [`InflateScratch`]: 5.3 KB | [`DeflateScratch`]: 35 KB, or less |
//!
//! The scratch may be shared by all connections of a thread. Without context
//! takeover, a message that is inflated into one buffer, or deflated from one,
//! needs no context: it is itself the window.
//!
//! What is called a payload here is that of a compressed message (RSV1 set),
//! all its frames put together, unmasked. It ends where the sender removed the
//! bytes `00 00 FF FF`; they need not be put there again.
//!
//! # With context takeover
//!
//! ```
//! use sansocket::deflate::{
//!     DeflateScratch, Deflater, InflateScratch, InflateWindow, Inflater, Level, WindowBits,
//! };
//!
//! const BITS: WindowBits = WindowBits::new(12).unwrap();
//! // One for each connection, in memory of any kind:
//! let mut deflater = Deflater::new(Level::Fast, BITS, [0; Level::Fast.memory_len(BITS)]);
//! let mut window = InflateWindow::new(BITS, [0; BITS.size()]);
//! // One for each thread:
//! let mut deflating = <DeflateScratch>::new();
//! let mut inflating = InflateScratch::new();
//!
//! for message in [&b"The same words twice are the same words."[..], b"The same words again."] {
//!     // What does not fit, does not shrink, and would be sent as it is.
//!     let mut payload = [0; 100];
//!     let room = &mut payload[..message.len()];
//!     let n = deflater.deflate(&mut deflating, message, true, room)?;
//!
//!     // On the other side, the room is what the message limit leaves.
//!     let mut inflater = Inflater::new();
//!     let mut output = [0; 100];
//!     let mut input = &payload[..n];
//!     let inflated = inflater.inflate(&mut inflating, &mut window, &mut input, &mut output)?;
//!     assert!(!inflated.is_full);
//!     inflater.finish()?;
//!     assert_eq!(&output[..inflated.len], message);
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Without
//!
//! ```
//! use sansocket::deflate::{DeflateScratch, InflateScratch, Inflater, Level, WindowBits};
//!
//! const BITS: WindowBits = WindowBits::MAX;
//!
//! let message = b"to be or not to be or not to be";
//! let mut scratch = <DeflateScratch>::new();
//! let mut table = [0; Level::Fast.table_len(BITS)];
//! let mut payload = [0; 31];
//! let n = scratch.deflate_whole(Level::Fast, BITS, &mut table, message, &mut payload)?;
//!
//! // The payload may come in pieces. They all go to one buffer.
//! let mut scratch = InflateScratch::new();
//! let mut inflater = Inflater::new();
//! let mut output = [0; 100];
//! for mut piece in payload[..n].chunks(7) {
//!     let inflated = inflater.inflate_whole(&mut scratch, BITS, &mut piece, &mut output)?;
//!     assert!(!inflated.is_full);
//! }
//! assert_eq!(&output[..inflater.len()], message);
//! inflater.finish()?;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What was agreed
//!
//! Which of the two it is, an [`Agreement`] tells for each direction. A server that
//! lends a window of a fixed size meets clients that cannot be held to it, and
//! gets their messages without takeover:
//!
//! ```
//! use sansocket::deflate::{
//!     Compression, Direction, InflateScratch, InflateWindow, Inflater, WindowBits,
//! };
//! use sansocket::extensions::Extensions;
//!
//! const MOST: WindowBits = WindowBits::new(10).unwrap();
//!
//! let offers = Extensions::new(b"permessage-deflate").map_while(Result::ok);
//! let agreed = Compression::new().receive_window(MOST).accept(offers).unwrap();
//! let Direction { window: bits, takeover } = agreed.client();
//! let mut scratch = InflateScratch::new();
//! let mut window = takeover.then(|| InflateWindow::new(bits, [0; MOST.size()]));
//!
//! let mut payload = &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..];
//! let mut message = [0; 100]; // all of it
//! let mut inflater = Inflater::new();
//! let inflated = match &mut window {
//!     Some(window) => inflater.inflate(&mut scratch, window, &mut payload, &mut message)?,
//!     None => inflater.inflate_whole(&mut scratch, bits, &mut payload, &mut message)?,
//! };
//! inflater.finish()?;
//! assert_eq!((&message[..inflated.len], takeover), (&b"Hello"[..], false));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Another codec
//!
//! zlib, or a piece of hardware, can take the place of what is here: see
//! [`Deflate`] and [`Inflate`].
//!
//! # Secrets
//!
//! The size of a payload tells how much of a message repeats what came before
//! it. Who can choose a part of what is sent, and see its size, can guess the
//! rest (as CRIME and BREACH did): do not compress secrets together with what
//! others choose.

mod codec;
mod deflater;
mod inflater;
mod negotiation;
mod symbols;
mod window;

pub use self::codec::{Checked, Deflate, Inflate};
pub use self::deflater::{DeflateError, DeflateScratch, Deflater, Level, max_deflated_len};
pub use self::inflater::{InflateError, InflateScratch, InflateWindow, Inflated, Inflater};
#[cfg(feature = "alloc")]
pub(crate) use self::negotiation::Settings;
pub use self::negotiation::{Agreement, Compression, Direction, NAME, Parameters};
pub use self::window::WindowBits;
