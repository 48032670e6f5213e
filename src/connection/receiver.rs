//! From bytes to events. Every state transition of receiving is in this file.
//!
//! ```text
//!             ┌──────────────────────────────────────────────┐
//!             ▼            header whole                      │ frame whole
//!        ┌────────┐ ──── data frame ────► ┌──────┐ ──────────┤
//!  ────► │ Header │                       │ Data │           │
//!        └────────┘ ──── control frame ─► ├──────┤           │
//!             │                           │ Ctrl │ ──────────┘
//!             │ any rule broken           └──────┘
//!             ▼                              │ Close frame whole
//!        ┌────────┐                          ▼
//!        │ Failed │ ◄── any rule broken   ┌────────┐
//!        └────────┘                       │ Closed │
//!                                         └────────┘
//! ```
//!
//! Between messages `Header` is called `Idle`: there the next message may take a
//! shorter way. The state advances only with bytes consumed and never runs ahead of
//! the event just returned.

use core::fmt;
use core::marker::PhantomData;

use crate::close::CloseFrame;
use crate::connection::event::{Data, Event, Kind};
use crate::connection::role::Role;
use crate::connection::rules::Rules;
use crate::error::ProtocolError;
use crate::frame::{Expected, Header, Opcode, Rsv, WholeMessage};
use crate::mask;
#[cfg(feature = "alloc")]
use crate::mask::Unmasked;
use crate::payload::Payload;
use crate::utf8;

/// The receiving half of a connection.
///
/// It knows of the peer what has arrived, and nothing of what was sent: after
/// [`Connection::split`](crate::Connection::split) the caller carries Pings,
/// the Close and errors over to the [`Sender`](crate::Sender).
pub struct Receiver<R> {
    rules: Rules,
    state: State,
    /// Whether data is dropped, our Close being sent.
    dropping: bool,
    /// The fragmented or partly arrived message.
    message: Message,
    /// The frame whose payload is arriving.
    frame: Frame,
    /// What has come of a header, or of the payload of a control frame.
    gathered: Payload,
    /// A receiver holds nothing of its role, so it may go to any thread.
    role: PhantomData<fn() -> R>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between messages: nothing of the next has come.
    Idle,
    /// In a header, or between the frames of a message.
    Header,
    /// In the payload of a data frame.
    Data,
    /// In the payload of a control frame.
    Control,
    /// The peer's Close has come.
    Closed,
    /// The peer broke a rule.
    Failed(ProtocolError),
}

struct Frame {
    opcode: Opcode,
    /// Whether it is the last of its message.
    fin: bool,
    /// The masking key, turned to the next byte; zero where nothing is masked.
    key: [u8; 4],
    /// Bytes of payload yet to come.
    remaining: u64,
}

struct Message {
    kind: Kind,
    compressed: bool,
    /// Whether the first piece has been delivered.
    begun: bool,
    /// Frames so far, the current one included; none while no message is open.
    fragments: u32,
    /// Bytes that these frames declare.
    len: u64,
    text: utf8::Decoder,
}

impl<R: Role> Receiver<R> {
    pub(crate) const fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Idle,
            dropping: false,
            message: Message::NONE,
            frame: Frame::NONE,
            gathered: Payload::EMPTY,
            role: PhantomData,
        }
    }

    /// Takes bytes off the front of `input` until they make an event.
    ///
    /// `None` means that `input` is used up, and nothing else does: an empty
    /// input may still have an error to tell. Payload is unmasked in place and
    /// lent as it arrives. Neither the events nor the error depend on how the
    /// peer's bytes were cut into inputs, but for where pieces of data end.
    ///
    /// Once the peer's Close has come, further bytes are taken and ignored:
    ///
    /// > after receiving a control frame indicating the connection should be
    /// > closed, a peer discards any further data received. (RFC 6455 §1.4)
    ///
    /// # Errors
    /// The first rule that the peer broke; every later call repeats it. What
    /// came before has been returned as events.
    #[expect(clippy::inline_always, reason = "a call would be half the cost of a short message")]
    #[inline(always)]
    pub fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let Some((header, payload)) = self.whole_message(input) else {
            return self.receive_any(input);
        };
        let kind = if header.text { Kind::Text } else { Kind::Binary };
        let ascii = if R::RECEIVES_MASKED {
            mask::apply_is_ascii(payload, header.key)
        } else {
            header.text && utf8::is_short_ascii(payload)
        };
        if header.text
            && !ascii
            && !self.rules.leave_data
            && let Some(good) = judge_message(payload)
        {
            return Ok(Some(Event::Data(self.cut_text(Data::whole(kind, payload), good)?)));
        }
        Ok(Some(Event::Data(Data::whole(kind, payload))))
    }

    /// Whether the peer's Close has come: nothing else will.
    #[must_use]
    pub fn has_received_close(&self) -> bool {
        self.state == State::Closed
    }

    /// Tells the receiver that our Close is sent, from when on
    /// [`Config::drop_after_close`](crate::Config::drop_after_close) holds.
    ///
    /// For the halves of a split connection; a
    /// [`Connection`](crate::Connection) does it by itself.
    pub fn note_close_sent(&mut self) {
        self.dropping = self.rules.drop_after_close;
    }

    /// Fails the connection for what a layer above found.
    #[cfg(feature = "alloc")]
    pub(crate) fn fail(&mut self, error: ProtocolError) {
        self.state = State::Failed(error);
    }

    /// Takes a message that is one frame and lies whole in the input, as nearly
    /// all do. It passes through no state, and what is not such a message,
    /// or breaks a rule, is left to [`receive_any`](Self::receive_any).
    #[inline]
    fn whole_message<'b>(&self, input: &mut &'b mut [u8]) -> Option<(WholeMessage, &'b mut [u8])> {
        if self.state != State::Idle || self.dropping {
            return None;
        }
        let header = WholeMessage::parse(input, R::RECEIVES_MASKED)?;
        if header.len > usize::from(self.rules.max_whole) {
            return None;
        }
        let frame = input.split_off_mut(..header.header_len + header.len)?;
        Some((header, frame.split_at_mut_checked(header.header_len)?.1))
    }

    /// The bytes that the frame under way has yet to bring.
    #[cfg(feature = "alloc")]
    pub(crate) fn remaining(&self) -> u64 {
        self.frame.remaining
    }

    /// A message that [`receive`](Self::receive) would give at once; text is not
    /// judged, but for what is seen on the way.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn take_whole<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Option<(Kind, Unmasked<'b>)> {
        let (header, payload) = self.whole_message(input)?;
        let kind = if header.text { Kind::Text } else { Kind::Binary };
        let unmasked = if R::RECEIVES_MASKED || header.text && payload.len() < utf8::SHORT {
            mask::unmask(payload, header.key)
        } else {
            Unmasked::Bytes(payload)
        };
        Some((kind, unmasked))
    }

    /// The next event, whatever it is.
    #[inline(never)]
    fn receive_any<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let event = self.advance(input);
        if let Err(error) = event {
            self.state = State::Failed(error);
        }
        event
    }

    fn advance<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        loop {
            match self.state {
                State::Idle | State::Header => {
                    let Some(header) = self.header(input)? else { return Ok(None) };
                    self.begin_frame(header)?;
                }
                State::Data => {
                    if self.frame.remaining > 0 && input.is_empty() {
                        return Ok(None);
                    }
                    let data = self.data(input)?;
                    if !self.dropping {
                        return Ok(Some(Event::Data(data)));
                    }
                }
                State::Control => return self.control(input),
                State::Closed => {
                    *input = &mut [];
                    return Ok(None);
                }
                State::Failed(error) => return Err(error),
            }
        }
    }

    /// The next header, once it is whole.
    #[inline]
    fn header(&mut self, input: &mut &mut [u8]) -> Result<Option<Header>, ProtocolError> {
        let expected = Expected {
            masked: R::RECEIVES_MASKED,
            message_open: self.message.is_open(),
            rsv: if self.rules.allow_compressed { Rsv::RSV1 } else { Rsv::NONE },
        };
        if self.gathered.is_empty()
            && let Some((header, used)) = Header::parse(input, expected)?
        {
            take(input, used);
            return Ok(Some(header));
        }
        // A header cut by the end of an input: byte by byte, so that what
        // follows it stays in the input.
        while let byte @ [_] = &*take(input, 1) {
            self.state = State::Header;
            // It fits: no header is as long as a control frame's payload.
            let _ = self.gathered.extend(byte);
            if let Some((header, _)) = Header::parse(&self.gathered, expected)? {
                self.gathered = Payload::EMPTY;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Opens the frame of `header`, and its message if it is the first.
    fn begin_frame(&mut self, header: Header) -> Result<(), ProtocolError> {
        let Header { fin, opcode, len, .. } = header;
        let key = header.mask.unwrap_or_default();
        self.frame = Frame { opcode, fin, key, remaining: len };
        let kind = match opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                self.state = State::Control;
                return Ok(());
            }
            Opcode::Text | Opcode::Continuation => Kind::Text,
            Opcode::Binary => Kind::Binary,
        };
        let message = &mut self.message;
        if !message.is_open() {
            *message = Message::new(kind, header.rsv.contains(Rsv::RSV1));
        }
        message.fragments = message.fragments.saturating_add(1);
        message.len = message.len.saturating_add(len);
        self.check_limits(len)?;
        self.state = State::Data;
        Ok(())
    }

    /// Delivers what `input` has of a data frame.
    #[inline]
    fn data<'b>(&mut self, input: &mut &'b mut [u8]) -> Result<Data<'b>, ProtocolError> {
        let Self { frame, message, .. } = self;
        let len = frame.remaining.min(input.len() as u64);
        let payload = take(input, len as usize);
        let key = R::RECEIVES_MASKED.then_some(frame.key);
        frame.remaining -= len;
        frame.key = mask::advance(frame.key, payload.len());
        let last = frame.fin && frame.remaining == 0;
        let Message { kind, compressed, begun, .. } = *message;
        message.begun = true;
        let (mut masked, mut bad) = (None, None);
        if self.rules.leave_data && !compressed {
            masked = key;
        } else if kind == Kind::Text && !compressed {
            bad = judge_text(&mut message.text, payload, key, last);
        } else if let Some(key) = key {
            mask::apply(payload, key);
        }
        if frame.remaining == 0 {
            self.state = if last { State::Idle } else { State::Header };
        }
        if last {
            *message = Message::NONE;
        }
        let data = Data { kind, first: !begun, last, compressed, payload, masked };
        match bad {
            None => Ok(data),
            Some(good) => self.cut_text(data, good),
        }
    }

    /// Gathers a control frame, and reports it once it is whole.
    ///
    /// Not inlined: its payload would take room on the stack when data comes, too.
    #[inline(never)]
    fn control<'b>(&mut self, input: &mut &mut [u8]) -> Result<Option<Event<'b>>, ProtocolError> {
        let Self { frame, gathered, message, .. } = self;
        let len = frame.remaining.min(input.len() as u64);
        let piece = take(input, len as usize);
        mask::apply(piece, frame.key);
        frame.remaining -= len;
        frame.key = mask::advance(frame.key, piece.len());
        // It fits: a header of more than 125 bytes was refused.
        let _ = gathered.extend(piece);
        if frame.remaining > 0 {
            return Ok(None);
        }
        self.state = if message.is_open() { State::Header } else { State::Idle };
        let payload = core::mem::take(gathered);
        Ok(Some(match frame.opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => {
                let close = CloseFrame::parse(payload)?;
                self.state = State::Closed;
                Event::Close(close)
            }
        }))
    }

    /// Holds the message under way, and its newest frame, to their limits.
    fn check_limits(&self, frame_len: u64) -> Result<(), ProtocolError> {
        let Message { compressed, fragments, len, .. } = self.message;
        let mut slack = 0;
        if compressed {
            // What does not shrink is a little longer compressed than inflated,
            // by some bytes for each fragment that ends a block.
            slack = self.rules.max_message / 8 + 64 + 8 * u64::from(fragments);
        }
        if len > self.rules.max_message.saturating_add(slack) {
            return Err(ProtocolError::MessageTooBig);
        }
        if self.rules.frame_limit().is_some_and(|max| frame_len > max) {
            return Err(ProtocolError::FrameTooBig);
        }
        if fragments > self.rules.max_fragments.max(1) {
            return Err(ProtocolError::TooManyFragments);
        }
        Ok(())
    }

    /// Delivers what came before the byte with which a text turned bad, if
    /// anything; the error follows.
    #[cold]
    fn cut_text<'b>(&mut self, mut data: Data<'b>, good: usize) -> Result<Data<'b>, ProtocolError> {
        self.state = State::Failed(ProtocolError::TextNotUtf8);
        if good == 0 {
            return Err(ProtocolError::TextNotUtf8);
        }
        data.payload = take(&mut data.payload, good);
        data.last = false;
        Ok(data)
    }
}

impl Frame {
    const NONE: Self = Self { opcode: Opcode::Binary, fin: true, key: [0; 4], remaining: 0 };
}

impl Message {
    const NONE: Self = Self::new(Kind::Binary, false);

    const fn new(kind: Kind, compressed: bool) -> Self {
        Self { kind, compressed, begun: false, fragments: 0, len: 0, text: utf8::Decoder::new() }
    }

    const fn is_open(&self) -> bool {
        self.fragments > 0
    }
}

impl<R> fmt::Debug for Receiver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "between messages",
            State::Header => "between frames",
            State::Data => "in a data frame",
            State::Control => "in a control frame",
            State::Closed => "closed",
            State::Failed(error) => error.as_str(),
        };
        f.debug_struct("Receiver").field("state", &state).finish_non_exhaustive()
    }
}

/// Judges the text of a whole message: `None` if it is good, or how many bytes of
/// it are.
#[inline(never)]
fn judge_message(payload: &mut [u8]) -> Option<usize> {
    match utf8::from_utf8(payload) {
        Ok(_) => None,
        Err(_) => judge_text(&mut utf8::Decoder::new(), payload, None, true),
    }
}

/// Judges a piece of text, the `last` of its message or not, unmasking it first
/// if there is a key: `None` if it is good, or how many bytes of it are.
///
/// > When an endpoint is to interpret a byte stream as UTF-8 but finds that the
/// > byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail
/// > the WebSocket Connection_. (RFC 6455 §8.1)
fn judge_text(
    text: &mut utf8::Decoder,
    payload: &mut [u8],
    key: Option<[u8; 4]>,
    last: bool,
) -> Option<usize> {
    match text.unmask(payload, key) {
        Ok(()) if !last || text.is_complete() => None,
        Ok(()) => Some(payload.len()),
        Err(error) => Some(error.offset),
    }
}

/// Takes `len` bytes off the front of `input`, or none if there are fewer.
#[inline]
fn take<'b>(input: &mut &'b mut [u8], len: usize) -> &'b mut [u8] {
    input.split_off_mut(..len).unwrap_or_default()
}
