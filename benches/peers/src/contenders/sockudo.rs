//! sockudo-ws: the protocol, on a buffer and a list of the caller's.

use std::hint::black_box;

use bytes::BytesMut;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::protocol::{Message, Protocol, Role as SockudoRole};

use super::Contender;
use crate::heap::{Idle, idle};
use crate::source::Source;
use crate::wire::{KEY, REQUEST, Role};
use crate::work::{
    Application, Encoder, Handshaker, Receiver, Sink, Task, Work, calling, encoding, handshaking,
    masking, receiving, shared_message, validating,
};

pub struct Sockudo;

impl Contender for Sockudo {
    fn name(&self) -> &'static str {
        "sockudo-ws"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Mask { len, alignment } => masking(len, alignment, sockudo_ws::mask::apply_mask),
            Work::Receive(receive) => receiving(&receive, |source| Receive {
                protocol: protocol(receive.role),
                source,
                buffer: BytesMut::with_capacity(64 * 1024),
                messages: Vec::new(),
            }),
            Work::Encode { role, len } => {
                let message = Message::Binary(shared_message(len));
                let out = BytesMut::with_capacity(len + 14);
                encoding(*work, Encode { protocol: protocol(role), message, out })
            }
            Work::AcceptKey => calling(*work, || generate_accept_key(black_box(KEY))),
            Work::Handshake => handshaking(Handshake),
            Work::Utf8 { len } => validating(len, sockudo_ws::utf8::validate_utf8),
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| {
            let source = Source::empty();
            sockudo_ws::WebSocketStream::server(source, sockudo_ws::Config::default())
        }))
    }
}

fn protocol(role: Role) -> Protocol {
    let role = match role {
        Role::Server => SockudoRole::Server,
        Role::Client => SockudoRole::Client,
    };
    Protocol::new(role, 16 << 20, 64 << 20)
}

struct Receive {
    protocol: Protocol,
    source: Source,
    buffer: BytesMut,
    messages: Vec<Message>,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        while self.source.read_buf(&mut self.buffer) {
            let done = self.protocol.process_into(&mut self.buffer, &mut self.messages);
            done.expect("good frames");
            for message in self.messages.drain(..) {
                match message {
                    Message::Binary(bytes) | Message::Text(bytes) => application.message(&bytes),
                    _ => unreachable!("data alone"),
                }
            }
        }
    }
}

struct Encode {
    protocol: Protocol,
    message: Message,
    out: BytesMut,
}

impl Encoder for Encode {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        self.out.clear();
        let message = black_box(&self.message);
        self.protocol.encode_message(message, &mut self.out).expect("a good message");
        sink.write(&self.out);
    }
}

struct Handshake;

impl Handshaker for Handshake {
    fn answer<S: Sink>(&mut self, sink: &mut S) {
        let (request, _) = parse_request(black_box(REQUEST)).expect("good").expect("whole");
        sink.write(&build_response(&generate_accept_key(request.key), None, None));
    }
}
