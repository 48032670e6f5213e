//! actix-http: the codec, on a buffer of the caller's.

use std::hint::black_box;

use actix_http::ws::{Codec, Frame, Message, hash_key};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::Contender;
use crate::heap::{Idle, idle};
use crate::source::Source;
use crate::wire::{KEY, Role};
use crate::work::{
    Application, Encoder, Receiver, Sink, Task, Work, calling, encoding, receiving, shared_message,
};

pub struct Actix;

impl Contender for Actix {
    fn name(&self) -> &'static str {
        "actix-http"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Receive(receive) => receiving(&receive, |source| Receive {
                codec: codec(receive.role),
                source,
                buffer: BytesMut::with_capacity(64 * 1024),
            }),
            Work::Encode { role, len } => {
                let out = BytesMut::with_capacity(len + 14);
                encoding(*work, Encode { codec: codec(role), payload: shared_message(len), out })
            }
            Work::AcceptKey => calling(*work, || hash_key(black_box(KEY.as_bytes()))),
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| (codec(Role::Server), BytesMut::new())))
    }
}

fn codec(role: Role) -> Codec {
    let codec = Codec::new().max_size(16 << 20);
    match role {
        Role::Server => codec,
        Role::Client => codec.client_mode(),
    }
}

struct Receive {
    codec: Codec,
    source: Source,
    buffer: BytesMut,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        while self.source.read_buf(&mut self.buffer) {
            while let Some(frame) = self.codec.decode(&mut self.buffer).expect("good frames") {
                match frame {
                    Frame::Binary(bytes) => application.message(&bytes),
                    // The codec leaves it to its user to check text.
                    Frame::Text(bytes) => {
                        application.message(std::str::from_utf8(&bytes).expect("text").as_bytes());
                    }
                    _ => unreachable!("whole messages alone"),
                }
            }
        }
    }
}

struct Encode {
    codec: Codec,
    payload: Bytes,
    out: BytesMut,
}

impl Encoder for Encode {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        self.out.clear();
        let message = Message::Binary(black_box(&self.payload).clone());
        self.codec.encode(message, &mut self.out).expect("a good message");
        sink.write(&self.out);
    }
}
