//! Layer 1: a connection after its opening handshake, as events and frames.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod event;
mod outbound;
mod receiver;
mod role;
mod rules;
mod sender;

pub use self::event::{Data, Event, Kind};
pub use self::outbound::{ControlFrame, Frame};
pub use self::receiver::Receiver;
pub use self::role::{Client, Role, Server};
pub(crate) use self::rules::Rules;
pub use self::sender::Sender;

use crate::close::CloseFrame;
use crate::config::Config;
use crate::error::{ProtocolError, SendError};
use crate::keys::MaskingKeys;
use crate::payload::Payload;

/// A WebSocket connection of either [`Role`], from the first byte after the
/// opening handshake on.
///
/// Bytes from the peer go into [`receive`](Self::receive), which lends events
/// out of them. What is sent comes back as a return value, to be written
/// before the next one: nothing waits inside.
///
/// ```
/// use sansocket::{CloseCode, Config, Connection, Event};
///
/// let mut client = Connection::client(Config::new(), || [1, 2, 3, 4]);
/// let mut server = Connection::server(Config::new());
///
/// let mut wire = [0; 64];
/// let sent = client.close(CloseCode::NORMAL).unwrap();
/// wire[..sent.len()].copy_from_slice(&sent);
///
/// let mut input = &mut wire[..sent.len()]; // a named cursor: it shrinks
/// let Some(Event::Close(close)) = server.receive(&mut input)? else { unreachable!() };
/// let answer = server.close(close).unwrap();
/// assert_eq!(*answer, [0x88, 2, 0x03, 0xE8]);
/// assert!(server.is_closed());
/// # Ok::<(), sansocket::ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct Connection<R> {
    receiver: Receiver<R>,
    sender: Sender<R>,
}

impl Connection<Server> {
    /// The server's end of a connection.
    #[must_use]
    pub const fn server(config: Config) -> Self {
        Self::new(&config, Server)
    }

    /// Sends `payload` as a whole message, without copying it.
    ///
    /// The caller sees to it that [`Kind::Text`] is UTF-8.
    #[inline]
    pub fn send<'p>(&mut self, kind: Kind, payload: &'p [u8]) -> Result<Frame<'p>, SendError> {
        self.sender.send(kind, payload)
    }

    /// Sends `payload` as the next part of a message, `last` or not, without
    /// copying it.
    #[inline]
    pub fn send_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.sender.send_part(kind, last, payload)
    }

    /// Sends `payload`, which is compressed, as the next part of a compressed
    /// message, `last` or not, without copying it.
    ///
    /// For what [`deflate`](crate::deflate) made, or a peer sent
    /// ([`Data::is_compressed`]); it needs [`Config::allow_compressed`].
    pub fn send_compressed_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.sender.send_compressed_part(kind, last, payload)
    }
}

impl<K: MaskingKeys> Connection<Client<K>> {
    /// The client's end of a connection, which masks with `keys`: a
    /// [`ChaChaKeys`](crate::ChaChaKeys) or a closure of the caller's.
    #[must_use]
    pub const fn client(config: Config, keys: K) -> Self {
        Self::new(&config, Client { keys })
    }

    /// Sends `payload` as a whole message, masking it in place.
    ///
    /// The caller sees to it that [`Kind::Text`] is UTF-8. On error `payload`
    /// is untouched.
    #[inline]
    pub fn send<'p>(&mut self, kind: Kind, payload: &'p mut [u8]) -> Result<Frame<'p>, SendError> {
        self.sender.send(kind, payload)
    }

    /// Sends `payload` as the next part of a message, `last` or not, masking
    /// it in place.
    ///
    /// On error `payload` is untouched.
    #[inline]
    pub fn send_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p mut [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.sender.send_part(kind, last, payload)
    }

    /// Sends `payload`, which is compressed, as the next part of a compressed
    /// message, `last` or not, masking it in place.
    ///
    /// For what [`deflate`](crate::deflate) made, or a peer sent
    /// ([`Data::is_compressed`]); it needs [`Config::allow_compressed`].
    pub fn send_compressed_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p mut [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.sender.send_compressed_part(kind, last, payload)
    }
}

impl<R: Role> Connection<R> {
    const fn new(config: &Config, role: R) -> Self {
        let receiver = Receiver::new(Rules::new(config));
        Self { receiver, sender: Sender::new(role, config.allow_compressed) }
    }

    /// Takes bytes off the front of `input` until they make an event.
    ///
    /// See [`Receiver::receive`].
    #[expect(clippy::inline_always, reason = "as for the receiver's")]
    #[inline(always)]
    pub fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        self.receiver.receive(input)
    }

    /// Writes `payload` as the next part of a message to the front of `out`.
    ///
    /// See [`Sender::encode`].
    #[inline]
    pub fn encode<'o>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &[u8],
        out: &'o mut [u8],
    ) -> Result<&'o [u8], SendError> {
        self.sender.encode(kind, last, payload, out)
    }

    /// A Ping, which the peer answers by a Pong of the same payload.
    #[inline]
    pub fn ping(&mut self, payload: Payload) -> ControlFrame {
        self.sender.ping(payload)
    }

    /// A Pong, in answer to a Ping or as a sign of life.
    #[inline]
    pub fn pong(&mut self, payload: Payload) -> ControlFrame {
        self.sender.pong(payload)
    }

    /// Our Close: to start the closing handshake, to answer the peer's, or to
    /// report its error. `None` if it is sent already.
    ///
    /// See [`Sender::close`].
    #[must_use = "a frame is sent by writing its bytes"]
    pub fn close(&mut self, close: impl Into<CloseFrame>) -> Option<ControlFrame> {
        self.receiver.note_close_sent();
        self.sender.close(close)
    }

    /// Whether both Close frames have passed, so that the connection ended
    /// cleanly: the server now closes the transport, and the client waits for
    /// it to (RFC 6455 §7.1.1).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.receiver.has_received_close() && self.has_sent_close()
    }

    /// Whether our Close is sent: no more data may be.
    #[must_use]
    pub fn has_sent_close(&self) -> bool {
        self.sender.has_sent_close()
    }

    /// The two halves, for a thread or task each; no lock is needed.
    ///
    /// Each knows its own side alone. Carry over to the [`Sender`]: a
    /// [`Ping`](Event::Ping)'s payload for [`Sender::pong`]; the peer's
    /// [`Close`](Event::Close) or the error for [`Sender::close`]. All three
    /// are `Copy`.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::thread;
    /// use sansocket::{Config, Connection, Event};
    ///
    /// let (mut receiver, mut sender) = Connection::server(Config::new()).split();
    /// let (answers, to_answer) = mpsc::channel();
    /// let reading = thread::spawn(move || {
    ///     let mut buffer = *b"\x89\x82\0\0\0\0hi"; // from the transport
    ///     let mut input = &mut buffer[..];
    ///     while let Some(event) = receiver.receive(&mut input)? {
    ///         if let Event::Ping(payload) = event {
    ///             answers.send(payload).unwrap();
    ///         }
    ///     }
    ///     Ok::<(), sansocket::ProtocolError>(())
    /// });
    /// for payload in to_answer {
    ///     assert_eq!(*sender.pong(payload), *b"\x8A\x02hi"); // to the transport
    /// }
    /// reading.join().unwrap()?;
    /// # Ok::<(), sansocket::ProtocolError>(())
    /// ```
    pub fn split(self) -> (Receiver<R>, Sender<R>) {
        (self.receiver, self.sender)
    }
}
