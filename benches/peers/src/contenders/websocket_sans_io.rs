//! websocket-sans-io: a decoder and an encoder of frames, in the loop of those
//! who lend.

use std::hint::black_box;

use ::sansocket::ChaChaKeys;
use websocket_sans_io::{
    FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent,
    apply_mask,
};

use super::{Contender, sansocket};
use crate::buffer::Buffer;
use crate::heap::{Idle, idle};
use crate::lending::{Decoder, Lending, Piece};
use crate::wire::Role;
use crate::work::{Encoder, Sink, Task, Work, encoding, masking, message, receiving};

pub struct WebsocketSansIo;

impl Contender for WebsocketSansIo {
    fn name(&self) -> &'static str {
        "websocket-sans-io"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Mask { len, alignment } => {
                masking(len, alignment, |data, key| apply_mask(key, data, 0))
            }
            // It puts no messages together.
            Work::Receive(receive) if receive.whole => return None,
            Work::Receive(receive) => {
                receiving(&receive, |s| Lending::new(Pieces::default(), s, receive.read))
            }
            Work::Encode { role, len } => encoding(
                *work,
                Encode {
                    encoder: WebsocketFrameEncoder::new(),
                    // It leaves it to its user to find keys: these are
                    // sansocket's.
                    keys: (role == Role::Client).then(sansocket::keys),
                    payload: message(len),
                    out: Buffer::output(len + 14),
                },
            ),
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(WebsocketFrameDecoder::new))
    }
}

#[derive(Default)]
struct Pieces {
    decoder: WebsocketFrameDecoder,
    first: bool,
    remaining: u64,
    text: Text,
}

impl Decoder for Pieces {
    #[inline]
    fn next<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Piece<'b>> {
        loop {
            let Ok(result) = self.decoder.add_data(input);
            let bytes = input.split_off_mut(..result.consumed_bytes).expect("what it was given");
            match result.event {
                Some(WebsocketFrameEvent::Start { frame_info, .. }) => {
                    self.remaining = frame_info.payload_length;
                    self.first = true;
                    if self.remaining == 0 {
                        return Some(Piece { first: true, last: true, bytes: &mut [] });
                    }
                }
                Some(WebsocketFrameEvent::PayloadChunk { original_opcode }) => {
                    self.remaining -= bytes.len() as u64;
                    let last = self.remaining == 0;
                    // It leaves it to its user to check text.
                    if original_opcode == Opcode::Text {
                        assert!(self.text.goes_on(bytes, last));
                    }
                    let first = std::mem::take(&mut self.first);
                    return Some(Piece { first, last, bytes });
                }
                Some(WebsocketFrameEvent::End { .. }) => {}
                None if result.consumed_bytes == 0 => return None,
                None => {}
            }
        }
    }
}

/// The standard library's check, for text that comes in pieces.
#[derive(Default)]
struct Text {
    /// A character that a piece ended in.
    cut: Vec<u8>,
}

impl Text {
    #[inline]
    fn goes_on(&mut self, mut piece: &[u8], last: bool) -> bool {
        while !self.cut.is_empty()
            && let [byte, rest @ ..] = piece
        {
            self.cut.push(*byte);
            piece = rest;
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => {}
            Err(error) if error.error_len().is_some() => return false,
            Err(error) => self.cut.extend_from_slice(&piece[error.valid_up_to()..]),
        }
        !last || self.cut.is_empty()
    }
}

struct Encode {
    encoder: WebsocketFrameEncoder,
    keys: Option<ChaChaKeys>,
    payload: Buffer,
    out: Buffer,
}

impl Encoder for Encode {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        let payload = black_box(&*self.payload);
        let header = self.encoder.start_frame(&FrameInfo {
            opcode: Opcode::Binary,
            payload_length: payload.len() as u64,
            mask: self.keys.as_mut().map(sansocket::next_key),
            fin: true,
            reserved: 0,
        });
        let frame = &mut self.out[..header.len() + payload.len()];
        let (head, body) = frame.split_at_mut(header.len());
        head.copy_from_slice(&header);
        body.copy_from_slice(payload);
        self.encoder.transform_frame_payload(body);
        sink.write(frame);
    }
}
