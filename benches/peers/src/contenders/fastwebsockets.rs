//! fastwebsockets: the collector of fragments around a `WebSocket`, a future
//! for each message.

use std::hint::black_box;

use fastwebsockets::upgrade::upgrade;
use fastwebsockets::{
    FragmentCollector, Frame, OpCode, Payload, Role as FastRole, WebSocket, unmask,
};

use super::{Contender, hyper};
use crate::buffer::Buffer;
use crate::heap::{Idle, idle};
use crate::source::{Source, poll};
use crate::wire::Role;
use crate::work::{
    Application, Receiver, StreamEncoder, Streaming, Task, Work, encoding, masking, message,
    receiving,
};

pub struct FastWebsockets;

impl Contender for FastWebsockets {
    fn name(&self) -> &'static str {
        "fastwebsockets"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Mask { len, alignment } => masking(len, alignment, unmask),
            Work::Receive(receive) => receiving(&receive, |source| Receive {
                websocket: FragmentCollector::new(websocket(source, receive.role)),
            }),
            Work::Encode { role, len } => {
                let stream = Source::empty();
                let websocket = websocket(stream.clone(), role);
                encoding(*work, Streaming(Encode { websocket, stream, payload: message(len) }))
            }
            Work::Handshake => hyper::handshake(|request| upgrade(request).expect("a handshake").0),
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| FragmentCollector::new(websocket(Source::empty(), Role::Server))))
    }
}

fn websocket(stream: Source, role: Role) -> WebSocket<Source> {
    let role = match role {
        Role::Server => FastRole::Server,
        Role::Client => FastRole::Client,
    };
    WebSocket::after_handshake(stream, role)
}

struct Receive {
    websocket: FragmentCollector<Source>,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        // A future that waits at the end of all bytes waits between frames, and
        // so loses nothing when it is dropped.
        while let Some(frame) = poll(self.websocket.read_frame()) {
            let frame = frame.expect("good frames");
            assert!(matches!(frame.opcode, OpCode::Binary | OpCode::Text));
            application.message(&frame.payload);
        }
    }
}

struct Encode {
    websocket: WebSocket<Source>,
    stream: Source,
    payload: Buffer,
}

impl StreamEncoder for Encode {
    fn stream(&self) -> Source {
        self.stream.clone()
    }

    #[inline]
    fn encode(&mut self) {
        let payload = Payload::Borrowed(black_box(&*self.payload));
        let written = poll(self.websocket.write_frame(Frame::binary(payload)));
        written.expect("no wait").expect("open");
    }
}
