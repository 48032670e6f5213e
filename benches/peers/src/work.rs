//! What a line asks of a contender, and how it is both timed and checked.
//!
//! A contender's code is written once, over an [`Application`] or a [`Sink`].
//! Timed, it meets one that looks at the ends of each message; checked, one that
//! looks at every byte.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hasher};
use std::hint::black_box;
use std::rc::Rc;

use crate::buffer::Buffer;
use crate::source::Source;
use crate::wire::{self, Content, Role};

/// The work of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Unmasking `len` bytes in place, at every alignment or only at odd ones.
    Mask {
        len: usize,
        alignment: Alignment,
    },
    Receive(Receive),
    /// A message into a frame, contiguous, in memory that is used again.
    Encode {
        role: Role,
        len: usize,
    },
    /// The header alone, the payload to be written from where it lies.
    Header {
        len: usize,
    },
    /// `Sec-WebSocket-Accept` from `Sec-WebSocket-Key`.
    AcceptKey,
    /// A browser's request, and the response to it.
    Handshake,
    /// A browser's request as an HTTP request, not yet judged.
    ParseRequest,
    /// CJK text, not in a frame.
    Utf8 {
        len: usize,
    },
}

/// Messages of one size that arrive as frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receive {
    pub content: Content,
    pub len: usize,
    /// The most bytes a read gives.
    pub read: usize,
    pub role: Role,
    /// Whether a message must be handed over in one piece, whatever the reads.
    pub whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    Every,
    Odd,
    Page,
}

impl Work {
    /// How many messages (or calls) a turn of [`Task::run`] handles.
    pub fn units(self) -> usize {
        match self {
            Self::Mask { len, alignment } => MaskArea { len, alignment }.slots(),
            Self::Receive(receive) => receive.messages(),
            Self::Encode { len, .. } => (64 * 1024 / (len + 1)).clamp(1, 64),
            Self::Utf8 { .. } => 1,
            Self::Header { .. } | Self::AcceptKey | Self::Handshake | Self::ParseRequest => 16,
        }
    }
}

impl Receive {
    /// Enough for many reads, and few enough to stay in the caches.
    fn messages(self) -> usize {
        match self.len {
            ..0x1_0000 => (256 * 1024 / (self.len + 8)).clamp(64, 8 * 1024),
            _ => 4,
        }
    }

    fn source(self) -> Source {
        Source::new(wire::frames(self.content, self.len, self.messages(), self.role), self.read)
    }
}

/// A contender at a line.
pub trait Task {
    /// Does all of the line's work once.
    fn run(&mut self);
    /// The same, and says what came of it.
    fn check(&mut self) -> Outcome;
}

/// What must be equal among the contenders of a line, and how many reads it
/// took.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub units: usize,
    pub bytes: usize,
    pub hash: u64,
    pub reads: usize,
}

/// Where received messages go.
pub trait Application {
    /// A piece of a message, which begins or ends with it or does not.
    fn piece(&mut self, first: bool, last: bool, bytes: &[u8]);

    /// A whole message.
    #[inline]
    fn message(&mut self, bytes: &[u8]) {
        self.piece(true, true, bytes);
    }
}

/// Loads the first and the last byte of each message: who delivers a message
/// has it used.
#[derive(Default)]
struct Ends {
    sum: u64,
}

impl Application for Ends {
    #[inline]
    fn piece(&mut self, first: bool, last: bool, bytes: &[u8]) {
        black_box(bytes.as_ptr());
        if first {
            self.sum += u64::from(bytes.first().copied().unwrap_or_default());
        }
        if last {
            self.sum += u64::from(bytes.last().copied().unwrap_or_default());
        }
    }
}

/// Hashes all messages and their lengths.
#[derive(Default)]
struct Whole {
    message: Vec<u8>,
    messages: usize,
    bytes: usize,
    hash: DefaultHasher,
}

impl Application for Whole {
    fn piece(&mut self, first: bool, last: bool, bytes: &[u8]) {
        assert_eq!(first, self.message.is_empty(), "pieces are in order");
        self.message.extend_from_slice(bytes);
        if last {
            self.hash.write(&self.message);
            self.hash.write_usize(self.message.len());
            self.messages += 1;
            self.bytes += self.message.len();
            self.message.clear();
        }
    }
}

/// A contender that receives: reads all that its source has.
pub trait Receiver {
    fn receive(&mut self, application: &mut impl Application);
}

/// A [`Receiver`] as a task.
pub fn receiving<R: Receiver + 'static>(
    receive: &Receive,
    make: impl FnOnce(Source) -> R,
) -> Box<dyn Task> {
    let source = receive.source();
    Box::new(Receiving { receiver: make(source.clone()), source })
}

struct Receiving<R> {
    source: Source,
    receiver: R,
}

impl<R: Receiver> Task for Receiving<R> {
    fn run(&mut self) {
        let mut application = Ends::default();
        self.source.rewind();
        self.receiver.receive(&mut application);
        black_box(application.sum);
    }

    fn check(&mut self) -> Outcome {
        let mut application = Whole::default();
        self.source.rewind();
        self.receiver.receive(&mut application);
        assert!(self.source.is_drained(), "all was read");
        assert!(application.message.is_empty(), "no message is left open");
        Outcome {
            units: application.messages,
            bytes: application.bytes,
            hash: application.hash.finish(),
            reads: self.source.reads(),
        }
    }
}

/// Where encoded frames go.
pub trait Sink {
    /// Whether what is written is looked at.
    const CHECKS: bool;

    fn write(&mut self, bytes: &[u8]);
}

/// Lets go of everything.
#[derive(Clone, Copy, Default)]
struct Discard;

impl Sink for Discard {
    const CHECKS: bool = false;

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        black_box(bytes.as_ptr());
    }
}

impl Sink for Vec<u8> {
    const CHECKS: bool = true;

    fn write(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A contender that encodes a binary message.
pub trait Encoder {
    fn encode<S: Sink>(&mut self, sink: &mut S);

    /// Writes out what is still held back.
    fn flush(&mut self, _: &mut impl Sink) {}
}

/// A contender that writes to a stream of its own, which is then a [`Source`].
pub trait StreamEncoder {
    fn stream(&self) -> Source;

    /// Writes or buffers a frame.
    fn encode(&mut self);

    /// Writes out what is still held back.
    fn flush(&mut self) {}
}

/// A [`StreamEncoder`] as an [`Encoder`].
pub struct Streaming<E>(pub E);

impl<E: StreamEncoder> Encoder for Streaming<E> {
    #[inline]
    fn encode<S: Sink>(&mut self, _: &mut S) {
        if S::CHECKS {
            self.0.stream().keep();
        }
        self.0.encode();
    }

    fn flush(&mut self, sink: &mut impl Sink) {
        self.0.flush();
        sink.write(&self.0.stream().take_written());
    }
}

/// The message that is encoded.
pub fn message(len: usize) -> Buffer {
    Buffer::from(&Content::Binary.message(len, 1)[..])
}

/// An [`Encoder`] as a task.
pub fn encoding<E: Encoder + 'static>(work: Work, encoder: E) -> Box<dyn Task> {
    Box::new(Encoding { units: work.units(), encoder })
}

struct Encoding<E> {
    units: usize,
    encoder: E,
}

impl<E: Encoder> Task for Encoding<E> {
    fn run(&mut self) {
        let sink = &mut Discard;
        for _ in 0..self.units {
            self.encoder.encode(sink);
        }
        self.encoder.flush(sink);
    }

    fn check(&mut self) -> Outcome {
        let mut wire = Vec::new();
        for _ in 0..self.units {
            self.encoder.encode(&mut wire);
        }
        self.encoder.flush(&mut wire);
        // Masking keys differ, so what the peer would see is compared.
        let mut application = Whole::default();
        let masked = wire.first_chunk().is_some_and(|[_, second]: &[u8; 2]| second & 0x80 != 0);
        for payload in wire::payloads(&wire) {
            application.message(&payload);
        }
        application.hash.write_u8(masked.into());
        Outcome {
            units: application.messages,
            bytes: application.bytes,
            hash: application.hash.finish(),
            reads: 0,
        }
    }
}

/// A masker as a task.
pub fn masking(
    len: usize,
    alignment: Alignment,
    apply: impl Fn(&mut [u8], [u8; 4]) + 'static,
) -> Box<dyn Task> {
    Box::new(Masking { area: MaskArea { len, alignment }, apply })
}

struct Masking<F> {
    area: MaskArea,
    apply: F,
}

impl<F: Fn(&mut [u8], [u8; 4])> Task for Masking<F> {
    fn run(&mut self) {
        MASKED.with_borrow_mut(|memory| self.area.each(memory, &self.apply));
    }

    fn check(&mut self) -> Outcome {
        MASKED.with_borrow_mut(|memory| {
            memory.clear();
            memory.extend((0..MaskArea::MEMORY).map(|i| (i * 7) as u8));
            self.area.each(memory, &self.apply);
            let mut hash = DefaultHasher::new();
            self.area.each(memory, |slot: &mut [u8], _| hash.write(slot));
            let slots = self.area.slots();
            Outcome { units: slots, bytes: slots * self.area.len, hash: hash.finish(), reads: 0 }
        })
    }
}

thread_local! {
    /// What is masked: the same memory for all, as where it lies matters.
    static MASKED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Places in memory to be masked, so many that none waits for its last store.
struct MaskArea {
    len: usize,
    alignment: Alignment,
}

impl MaskArea {
    /// Bytes that are enough for every line.
    const MEMORY: usize = (16 << 20) + 8192;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn slots(&self) -> usize {
        (8 * 1024 / self.len.next_multiple_of(128)).clamp(1, 64)
    }

    /// Applies `apply` to each place in turn.
    #[inline]
    fn each(&self, memory: &mut [u8], mut apply: impl FnMut(&mut [u8], [u8; 4])) {
        let page = memory.as_ptr().align_offset(4096);
        let (len, key) = black_box((self.len, Self::KEY));
        let pitch = (len + 64).next_multiple_of(128);
        for slot in 0..self.slots() {
            let offset = match self.alignment {
                Alignment::Every => slot * 7 % 64,
                Alignment::Odd => (slot * 14 + 1) % 64,
                Alignment::Page => 0,
            };
            apply(black_box(&mut memory[page + slot * pitch + offset..][..len]), key);
        }
    }
}

/// Calls that need nothing and give bytes, as a task.
pub fn calling<T: AsRef<[u8]>>(work: Work, call: impl FnMut() -> T + 'static) -> Box<dyn Task> {
    Box::new(Calling { units: work.units(), call })
}

struct Calling<F> {
    units: usize,
    call: F,
}

impl<T: AsRef<[u8]>, F: FnMut() -> T> Task for Calling<F> {
    fn run(&mut self) {
        for _ in 0..self.units {
            black_box((self.call)().as_ref());
        }
    }

    fn check(&mut self) -> Outcome {
        let given = (self.call)();
        let mut hash = DefaultHasher::new();
        hash.write(given.as_ref());
        Outcome { units: 1, bytes: given.as_ref().len(), hash: hash.finish(), reads: 0 }
    }
}

/// What a contender makes of [`wire::REQUEST`]: its response goes to the sink.
pub trait Handshaker {
    fn answer<S: Sink>(&mut self, sink: &mut S);
}

/// A [`Handshaker`] as a task.
pub fn handshaking<H: Handshaker + 'static>(handshaker: H) -> Box<dyn Task> {
    Box::new(Handshaking { handshaker })
}

struct Handshaking<H> {
    handshaker: H,
}

impl<H: Handshaker> Task for Handshaking<H> {
    fn run(&mut self) {
        for _ in 0..Work::Handshake.units() {
            self.handshaker.answer(&mut Discard);
        }
    }

    fn check(&mut self) -> Outcome {
        let mut response = Vec::new();
        self.handshaker.answer(&mut response);
        let response = String::from_utf8(response).expect("a response is text");
        assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
        assert!(response.ends_with("\r\n\r\n"), "{response}");
        let accept = response.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("Sec-WebSocket-Accept").then_some(value.trim())
        });
        assert_eq!(accept, Some(wire::ACCEPT), "{response}");
        Outcome { units: 1, ..Outcome::default() }
    }
}

/// A payload that several handles share, for those whose messages own theirs.
pub fn shared_message(len: usize) -> bytes::Bytes {
    Content::Binary.message(len, 1).into()
}

/// A validator as a task: what it takes for text.
pub fn validating(len: usize, is_text: impl Fn(&[u8]) -> bool + 'static) -> Box<dyn Task> {
    let text: Rc<[u8]> = Content::Cjk.message(len, 1).into();
    let mut bad = text.to_vec();
    let middle = len / 2;
    bad[middle] = 0xFF;
    Box::new(Validating { text, bad, is_text })
}

struct Validating<F> {
    text: Rc<[u8]>,
    bad: Vec<u8>,
    is_text: F,
}

impl<F: Fn(&[u8]) -> bool> Task for Validating<F> {
    fn run(&mut self) {
        black_box((self.is_text)(black_box(&self.text)));
    }

    fn check(&mut self) -> Outcome {
        let verdicts = [(self.is_text)(&self.text), (self.is_text)(&self.bad)];
        assert_eq!(verdicts, [true, false]);
        Outcome { units: 1, bytes: self.text.len(), ..Outcome::default() }
    }
}
