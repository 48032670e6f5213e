//! yawc: the codec, on a buffer of the caller's, and the check of text that its
//! streams make.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder as _, Encoder as _};
use yawc::codec::{Decoder, Encoder as FrameEncoder};
use yawc::{Frame, OpCode, Role as YawcRole};

use super::{Contender, hyper};
use crate::heap::{Idle, idle};
use crate::source::Source;
use crate::wire::Role;
use crate::work::{
    Application, Encoder, Receiver, Sink, Task, Work, encoding, masking, receiving, shared_message,
};

pub struct Yawc;

impl Contender for Yawc {
    fn name(&self) -> &'static str {
        "yawc"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Mask { len, alignment } => masking(len, alignment, yawc::mask::apply_mask),
            Work::Receive(receive) => receiving(&receive, |source| Receive {
                decoder: Decoder::new(role(receive.role), 64 << 20),
                source,
                buffer: BytesMut::with_capacity(64 * 1024),
            }),
            Work::Encode { role: end, len } => {
                let (payload, out) = (shared_message(len), BytesMut::with_capacity(len + 32));
                encoding(*work, Encode { encoder: FrameEncoder::new(role(end)), payload, out })
            }
            Work::Handshake => hyper::handshake(|request| {
                yawc::HttpWebSocket::upgrade(request).expect("a handshake").0
            }),
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| {
            let source = Source::empty();
            yawc::WebSocket::from_stream(source, YawcRole::Server, yawc::Options::default())
                .expect("good options")
        }))
    }
}

fn role(role: Role) -> YawcRole {
    match role {
        Role::Server => YawcRole::Server,
        Role::Client => YawcRole::Client,
    }
}

struct Receive {
    decoder: Decoder,
    source: Source,
    buffer: BytesMut,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        while self.source.read_buf(&mut self.buffer) {
            while let Some(frame) = self.decoder.decode(&mut self.buffer).expect("good frames") {
                // As its `WebSocket` does, which has the codec below it.
                if frame.opcode() == OpCode::Text {
                    assert!(simdutf8::basic::from_utf8(frame.payload()).is_ok());
                }
                application.message(frame.payload());
            }
        }
    }
}

struct Encode {
    encoder: FrameEncoder,
    payload: Bytes,
    out: BytesMut,
}

impl Encoder for Encode {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        self.out.clear();
        let frame = Frame::binary(black_box(&self.payload).clone());
        self.encoder.encode(frame, &mut self.out).expect("a good message");
        sink.write(&self.out);
    }
}
