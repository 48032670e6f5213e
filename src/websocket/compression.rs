//! permessage-deflate for whole messages, in memory allocated when the first
//! compressed message needs it.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::connection::{Data, Kind};
use crate::deflate::{
    Agreement, Checked, Deflate, DeflateScratch, Deflater, Direction, Inflate, InflateScratch,
    InflateWindow, Inflater, Settings,
};
use crate::error::ProtocolError;
use crate::utf8::Decoder;
use crate::websocket::WebSocket;
use crate::websocket::message::Message;

/// Working memory for compression, about 40 KiB, made when it is first needed;
/// and without takeover a table of half the window, the window or three times
/// the window, by [`Level`](crate::deflate::Level).
///
/// It holds nothing between two calls, so that the connections of a thread can
/// share one: see [`WebSocket::receive_with`](crate::WebSocket::receive_with)
/// and [`WebSocket::send_with`](crate::WebSocket::send_with). A connection for
/// which that is not done has one of its own.
#[derive(Debug, Default)]
pub struct Scratch {
    inflate: Option<Box<InflateScratch>>,
    deflate: Option<Box<DeflateScratch>>,
    /// For messages without context takeover.
    table: Vec<u8>,
}

impl Scratch {
    /// Working memory that takes nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { inflate: None, deflate: None, table: Vec::new() }
    }
}

/// What a connection keeps for compression.
#[derive(Debug)]
pub(super) struct PerMessageDeflate {
    settings: Settings,
    send: Direction,
    receive: Direction,
    max_message: u64,
    deflating: Deflating,
    inflating: Inflating,
    incoming: Incoming,
    /// For the calls that are lent none.
    pub(super) scratch: Scratch,
}

/// The codec of what is sent, and its context.
enum Deflating {
    Ours(Option<Deflater<Box<[u8]>>>),
    Another(Box<dyn Deflate>),
}

/// The codec of what is received, and its context.
#[derive(Debug)]
enum Inflating {
    Ours(Option<InflateWindow<Box<[u8]>>>),
    Another(Box<Checked<dyn Inflate>>),
}

impl core::fmt::Debug for Deflating {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Ours(deflater) => f.debug_tuple("Ours").field(deflater).finish(),
            Self::Another(_) => f.debug_tuple("Another").finish_non_exhaustive(),
        }
    }
}

/// Another codec in the place of ours. Negotiation, thresholds, limits and the
/// check of how a message ends stay what they are.
impl<R> WebSocket<R> {
    /// Compresses with what `make` makes, which is told the window agreed on;
    /// if compression was not agreed, it is not called. To be called before the
    /// first message is sent.
    ///
    /// ```
    /// use sansocket::deflate::{Agreement, Deflate, WindowBits};
    /// use sansocket::{Config, Server, WebSocket};
    ///
    /// fn open<D: Deflate + 'static>(
    ///     agreement: Option<Agreement>,
    ///     make: impl FnOnce(WindowBits) -> D,
    /// ) -> WebSocket<Server> {
    ///     WebSocket::server_with_compression(Config::new(), agreement)
    ///         .deflate_with(|direction| make(direction.window))
    /// }
    /// ```
    #[must_use]
    pub fn deflate_with<D: Deflate + 'static>(mut self, make: impl FnOnce(Direction) -> D) -> Self {
        if let Some(compression) = &mut self.compression {
            compression.deflating = Deflating::Another(Box::new(make(compression.send)));
        }
        self
    }

    /// Inflates with what `make` makes, which is told the window agreed on; if
    /// compression was not agreed, it is not called. To be called before the
    /// first message is received.
    #[must_use]
    pub fn inflate_with<I: Inflate + 'static>(mut self, make: impl FnOnce(Direction) -> I) -> Self {
        if let Some(compression) = &mut self.compression {
            let codec = Checked::new(make(compression.receive));
            compression.inflating = Inflating::Another(Box::new(codec));
        }
        self
    }
}

/// The message that is being inflated.
#[derive(Debug, Default)]
struct Incoming {
    inflater: Inflater,
    /// What it is so far.
    message: Vec<u8>,
    /// The compressed bytes so far.
    taken: u64,
    /// The last end of a piece at which the ratio was judged.
    ratio_judged: usize,
    /// Judges text before the message is whole, so far as it is.
    text: Decoder,
    judged: usize,
}

impl Incoming {
    fn judge(&mut self, kind: Kind) -> Result<(), ProtocolError> {
        if kind == Kind::Text {
            let new = self.message.get(self.judged..).unwrap_or_default();
            self.judged = self.message.len();
            self.text.decode(new).map_err(|_| ProtocolError::TextNotUtf8)?;
        }
        Ok(())
    }
}

impl Settings {
    /// Whether `compressed` bytes may have made `inflated` ones.
    fn check_ratio(&self, inflated: usize, compressed: u64) -> Result<(), ProtocolError> {
        let ratio = self.max_ratio.map_or(u64::MAX, u64::from);
        let allowed = compressed.saturating_mul(ratio).max(RATIO_FREE);
        if inflated as u64 > allowed { Err(ProtocolError::MessageTooBig) } else { Ok(()) }
    }
}

impl PerMessageDeflate {
    pub(super) fn new(
        agreement: Agreement,
        send: Direction,
        receive: Direction,
        max_message: u64,
    ) -> Self {
        Self {
            settings: agreement.settings,
            send,
            receive,
            max_message,
            deflating: Deflating::Ours(None),
            inflating: Inflating::Ours(None),
            incoming: Incoming::default(),
            scratch: Scratch::new(),
        }
    }

    /// What receiving needs, and what sending needs.
    pub(super) fn split(self) -> (Self, Self) {
        let sending = Self {
            settings: self.settings,
            send: self.send,
            receive: self.receive,
            max_message: self.max_message,
            deflating: self.deflating,
            inflating: Inflating::Ours(None),
            incoming: Incoming::default(),
            scratch: Scratch::new(),
        };
        (Self { deflating: Deflating::Ours(None), ..self }, sending)
    }

    /// Inflates a piece of a compressed message; returns the message if it was
    /// the last.
    pub(super) fn add(
        &mut self,
        data: &Data<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<Message<'static>>, ProtocolError> {
        if data.is_first() {
            self.incoming = Incoming::default();
            if let Inflating::Another(codec) = &mut self.inflating
                && !self.receive.takeover
            {
                codec.clear();
            }
        }
        // However the message is cut up, what is wrong first is reported: the
        // text before an error in the compression.
        let kind = data.kind();
        if let Err(error) = self.inflate(data.payload(), scratch) {
            self.incoming.judge(kind)?;
            return Err(error);
        }
        if !data.is_last() {
            self.incoming.judge(kind)?;
            return Ok(None);
        }
        let Incoming { inflater, message, taken, .. } = core::mem::take(&mut self.incoming);
        let ratio = self.settings.check_ratio(message.len(), taken);
        let message = match kind {
            Kind::Binary => Message::Binary(Cow::Owned(message)),
            Kind::Text => {
                let text = String::from_utf8(message).map_err(|_| ProtocolError::TextNotUtf8)?;
                Message::Text(Cow::Owned(text))
            }
        };
        let finished = match &mut self.inflating {
            Inflating::Ours(_) => inflater.finish(),
            Inflating::Another(codec) => codec.finish(),
        };
        finished.map_err(|_| ProtocolError::BadCompression)?;
        ratio.map(|()| Some(message))
    }

    /// Inflates `input` to the end of the message, no byte past the limits.
    fn inflate(&mut self, mut input: &[u8], scratch: &mut Scratch) -> Result<(), ProtocolError> {
        let Incoming { inflater, message, taken, ratio_judged, .. } = &mut self.incoming;
        *taken += input.len() as u64;
        loop {
            let start = message.len();
            let left = self.max_message.saturating_sub(start as u64);
            // Pieces end at the same places however the input is cut, and the
            // first call there asks no more than whether another byte is due:
            // so the ratio is judged at the same bytes, too.
            let at_end = start % PIECE == 0 && start != *ratio_judged;
            let to_end = if at_end { 0 } else { PIECE - start % PIECE };
            let room = input.len().saturating_mul(4).max(512).min(to_end);
            let room = left.min(room as u64) as usize;
            message.resize(start + room, 0);
            let inflated = match &mut self.inflating {
                Inflating::Another(codec) => {
                    codec.inflate(&mut input, message.get_mut(start..).unwrap_or_default())
                }
                Inflating::Ours(window) => {
                    let working = scratch.inflate.get_or_insert_with(Box::default);
                    let bits = self.receive.window;
                    if self.receive.takeover {
                        let window = window.get_or_insert_with(|| {
                            InflateWindow::new(bits, vec![0; bits.size()].into_boxed_slice())
                        });
                        let place = message.get_mut(start..).unwrap_or_default();
                        inflater.inflate(working, window, &mut input, place)
                    } else {
                        inflater.inflate_whole(working, bits, &mut input, message)
                    }
                }
            };
            // What came before an error is there, too, if the codec is ours.
            message.truncate(inflated.map_or(inflater.len().max(start), |new| start + new.len));
            let inflated = inflated.map_err(|_| ProtocolError::BadCompression)?;
            if !inflated.is_full {
                return Ok(());
            }
            if at_end {
                *ratio_judged = start;
                let decoded = *taken - (input.len() + inflater.ahead()) as u64;
                self.settings.check_ratio(start, decoded)?;
            }
            if left == 0 {
                return Err(ProtocolError::MessageTooBig);
            }
        }
    }

    /// Lets go of the message under way, as no more of it will come.
    pub(super) fn forget(&mut self) {
        self.incoming = Incoming::default();
    }

    /// Whether a message of `len` bytes may get shorter.
    pub(super) fn is_worth_it(&self, len: usize) -> bool {
        let default = if self.send.takeover { 16 } else { 128 };
        len >= self.settings.threshold.unwrap_or(default).max(1)
    }

    /// The most bytes that a message of `len` bytes, which is worth it, may
    /// take compressed: fewer than it has.
    ///
    /// But with takeover short ones may get longer by a few: they shrink the
    /// next of their kind, which they could not if they went out as they are.
    pub(super) fn room(&self, len: usize) -> usize {
        if self.send.takeover && len <= 1024 { len + 8 } else { len - 1 }
    }

    /// Deflates `message` into `room`; `None` if it does not fit.
    pub(super) fn deflate(
        &mut self,
        message: &[u8],
        room: &mut [u8],
        scratch: &mut Scratch,
    ) -> Option<usize> {
        let Direction { window, takeover } = self.send;
        let level = self.settings.level;
        let ours = match &mut self.deflating {
            Deflating::Ours(deflater) => deflater,
            Deflating::Another(codec) => {
                if !takeover {
                    codec.clear();
                }
                let deflated = codec.deflate(message, room).ok().filter(|&len| len <= room.len());
                if deflated.is_none() {
                    // The receiver will not see this message in its history.
                    codec.clear();
                }
                return deflated;
            }
        };
        let working = scratch.deflate.get_or_insert_with(Box::default);
        let deflated = if takeover {
            let deflater = ours.get_or_insert_with(|| {
                Deflater::new(level, window, vec![0; level.memory_len(window)].into_boxed_slice())
            });
            deflater.deflate(working, message, true, room)
        } else {
            let len = level.table_len(window).max(scratch.table.len());
            scratch.table.resize(len, 0);
            working.deflate_whole(level, window, &mut scratch.table, message, room)
        };
        deflated.ok()
    }
}

/// The most bytes inflated at a time: few enough to stay in the nearest caches,
/// and a divisor of `RATIO_FREE`.
const PIECE: usize = 16 * 1024;

/// The inflated bytes for which no ratio is asked: short messages may shrink
/// a lot.
const RATIO_FREE: u64 = 64 * 1024;
