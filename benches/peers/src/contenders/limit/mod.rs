//! The least that a decoder and an encoder must do: find the header, mask, hand
//! over. No rule of the protocol is checked.

mod mask;

use std::hint::black_box;

use super::{Contender, Standing, sansocket};
use crate::buffer::Buffer;
use crate::lending::{Decoder, Lending, Piece};
use crate::source::Source;
use crate::wire::{Content, Role};
use crate::work::{
    Application, Encoder, Receiver, Sink, Task, Work, encoding, masking, message, receiving,
};

pub struct Limit;

impl Contender for Limit {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn standing(&self) -> Standing {
        Standing::Limit
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Mask { len, alignment } => masking(len, alignment, mask::apply),
            // What text must be checked by, and so as a whole.
            Work::Receive(receive) if receive.content == Content::Cjk => {
                receiving(&receive, |s| Whole::<true>::new(s, receive.len, receive.read))
            }
            Work::Receive(receive) if receive.whole => {
                receiving(&receive, |s| Whole::<false>::new(s, receive.len, receive.read))
            }
            Work::Receive(receive) => {
                receiving(&receive, |s| Lending::new(Minimal::default(), s, receive.read))
            }
            Work::Encode { role, len } => {
                let (payload, out) = (message(len), Buffer::output(len + 32));
                match role {
                    Role::Server => encoding(*work, ToClient { payload, out }),
                    Role::Client => {
                        encoding(*work, ToServer { payload, out, keys: sansocket::keys() })
                    }
                }
            }
            Work::Header { len } => encoding(*work, Header { payload: message(len) }),
            Work::AcceptKey | Work::Handshake | Work::ParseRequest | Work::Utf8 { .. } => {
                return None;
            }
        })
    }
}

/// A frame's header: as much of it as matters.
#[derive(Clone, Copy)]
struct FrameHeader {
    first: bool,
    last: bool,
    masked: bool,
    len: usize,
    key: [u8; 4],
    /// Bytes of the header.
    used: usize,
}

impl FrameHeader {
    /// The header at the front of `input`, if it is whole.
    #[inline]
    fn parse(input: &[u8]) -> Option<Self> {
        let &[first, second, ..] = input else { return None };
        let masked = second & 0x80 != 0;
        let (len, start) = match second & 0x7F {
            126 => (usize::from(u16::from_be_bytes(*input[2..].first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*input[2..].first_chunk()?) as usize, 10),
            len => (usize::from(len), 2),
        };
        let (key, used) = match masked {
            true => (*input.get(start..)?.first_chunk()?, start + 4),
            false => ([0; 4], start),
        };
        Some(Self { first: first & 0x0F != 0, last: first & 0x80 != 0, masked, len, key, used })
    }
}

/// Takes any cut, as sansocket does.
#[derive(Default)]
struct Minimal {
    /// A header that was cut.
    header: [u8; 14],
    have: usize,
    /// The frame that was cut, and what of it is to come.
    frame: Option<FrameHeader>,
    remaining: usize,
}

impl Decoder for Minimal {
    #[inline]
    fn next<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Piece<'b>> {
        if self.frame.is_none()
            && self.have == 0
            && let Some(header) = FrameHeader::parse(input)
            && input.len() - header.used >= header.len
        {
            let (frame, rest) = std::mem::take(input).split_at_mut(header.used + header.len);
            *input = rest;
            let bytes = &mut frame[header.used..];
            if header.masked {
                mask::apply(bytes, header.key);
            }
            return Some(Piece { first: header.first, last: header.last, bytes });
        }
        self.cut(input)
    }
}

impl Minimal {
    #[inline(never)]
    fn cut<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Piece<'b>> {
        let mut begun = false;
        while self.frame.is_none() {
            self.header[self.have] = *input.split_off_first_mut()?;
            self.have += 1;
            if let Some(header) = FrameHeader::parse(&self.header[..self.have]) {
                (self.frame, self.remaining, self.have) = (Some(header), header.len, 0);
                begun = true;
            }
        }
        let header = self.frame.as_mut()?;
        if input.is_empty() && self.remaining > 0 {
            // No piece of no bytes: it would be a first one twice.
            return None;
        }
        let first = header.first && (begun || self.remaining == header.len);
        let len = self.remaining.min(input.len());
        let bytes = input.split_off_mut(..len)?;
        mask::apply(bytes, header.key);
        header.key.rotate_left(len % 4);
        self.remaining -= len;
        let whole = self.remaining == 0;
        let last = whole && header.last;
        if whole {
            self.frame = None;
        }
        Some(Piece { first, last, bytes })
    }
}

/// Waits until a frame is whole, and so lends whole messages; checks text by
/// simdutf8 where that is asked for.
struct Whole<const CHECK: bool> {
    source: Source,
    buffer: Buffer,
    read: usize,
    start: usize,
    end: usize,
}

impl<const CHECK: bool> Whole<CHECK> {
    fn new(source: Source, len: usize, read: usize) -> Self {
        let room = (len + 14 + 2 * read).max(64 * 1024);
        Self { source, buffer: Buffer::new(room), read, start: 0, end: 0 }
    }
}

impl<const CHECK: bool> Receiver for Whole<CHECK> {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        let buffer = &mut *self.buffer;
        loop {
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            } else if buffer.len() - self.end < self.read {
                buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            let room = &mut buffer[self.end..];
            let n = self.source.read(room);
            if n == 0 {
                return;
            }
            self.end += n;
            let mut input = &mut buffer[self.start..self.end];
            while let Some(header) = FrameHeader::parse(input)
                && input.len() - header.used >= header.len
            {
                let (frame, rest) = input.split_at_mut(header.used + header.len);
                input = rest;
                let bytes = &mut frame[header.used..];
                if header.masked {
                    mask::apply(bytes, header.key);
                }
                if CHECK {
                    assert!(simdutf8::basic::from_utf8(bytes).is_ok());
                }
                application.message(bytes);
            }
            self.start = self.end - input.len();
        }
    }
}

/// The header of a binary message: its bytes and how many count.
#[inline]
fn header(len: usize, masked: bool) -> ([u8; 16], usize) {
    let bit = u64::from(masked) << 15;
    let (word, used) = match len {
        ..126 => (0x82 | bit | (len as u64) << 8, 2),
        126..0x1_0000 => (0x82 | bit | 126 << 8 | u64::from((len as u16).swap_bytes()) << 16, 4),
        _ => {
            let word =
                u128::from(0x82 | bit | 127 << 8) | u128::from((len as u64).swap_bytes()) << 16;
            return (word.to_le_bytes(), 10);
        }
    };
    (u128::from(word).to_le_bytes(), used)
}

/// A server's frames: header and payload, each stored once.
struct ToClient {
    payload: Buffer,
    out: Buffer,
}

impl Encoder for ToClient {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        let payload = black_box(&*self.payload);
        let (header, used) = header(payload.len(), false);
        self.out[..16].copy_from_slice(&header);
        self.out[used..][..payload.len()].copy_from_slice(payload);
        sink.write(&self.out[..used + payload.len()]);
    }
}

/// A client's frames, with keys as good as sansocket's.
struct ToServer {
    payload: Buffer,
    out: Buffer,
    keys: ::sansocket::ChaChaKeys,
}

impl Encoder for ToServer {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        let payload = black_box(&*self.payload);
        let key = sansocket::next_key(&mut self.keys);
        let (header, used) = header(payload.len(), true);
        self.out[..16].copy_from_slice(&header);
        self.out[used..][..4].copy_from_slice(&key);
        mask::copy(payload, &mut self.out[used + 4..][..payload.len()], key);
        sink.write(&self.out[..used + 4 + payload.len()]);
    }
}

struct Header {
    payload: Buffer,
}

impl Encoder for Header {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        let payload = black_box(&*self.payload);
        let (header, used) = header(payload.len(), false);
        sink.write(&header[..used]);
        sink.write(payload);
    }
}
