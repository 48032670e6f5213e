//! tungstenite: a `WebSocket` on a stream that does not block.

use std::hint::black_box;

use bytes::Bytes;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role as TungsteniteRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::Contender;
use crate::heap::{Idle, idle};
use crate::source::Source;
use crate::wire::{KEY, REQUEST, Role};
use crate::work::{
    Application, Handshaker, Receiver, Sink, StreamEncoder, Streaming, Task, Work, calling,
    encoding, handshaking, receiving, shared_message,
};

pub struct Tungstenite;

impl Contender for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Receive(receive) => {
                receiving(&receive, |source| Receive { websocket: websocket(source, receive.role) })
            }
            Work::Encode { role, len } => {
                let websocket = websocket(Source::empty(), role);
                encoding(*work, Streaming(Encode { websocket, payload: shared_message(len) }))
            }
            Work::AcceptKey => calling(*work, || derive_accept_key(black_box(KEY.as_bytes()))),
            Work::Handshake => {
                handshaking(Handshake { source: Source::new(REQUEST.into(), REQUEST.len()) })
            }
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| websocket(Source::empty(), Role::Server)))
    }
}

fn websocket(stream: Source, role: Role) -> WebSocket<Source> {
    let role = match role {
        Role::Server => TungsteniteRole::Server,
        Role::Client => TungsteniteRole::Client,
    };
    WebSocket::from_raw_socket(stream, role, Some(WebSocketConfig::default()))
}

struct Receive {
    websocket: WebSocket<Source>,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        loop {
            match self.websocket.read() {
                Ok(Message::Binary(bytes)) => application.message(&bytes),
                Ok(Message::Text(text)) => application.message(text.as_bytes()),
                Ok(_) => unreachable!("data alone"),
                Err(Error::Io(_)) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

struct Encode {
    websocket: WebSocket<Source>,
    payload: Bytes,
}

impl StreamEncoder for Encode {
    fn stream(&self) -> Source {
        self.websocket.get_ref().clone()
    }

    #[inline]
    fn encode(&mut self) {
        let message = Message::Binary(black_box(&self.payload).clone());
        self.websocket.write(message).expect("open");
    }

    fn flush(&mut self) {
        self.websocket.flush().expect("open");
    }
}

struct Handshake {
    source: Source,
}

impl Handshaker for Handshake {
    #[inline]
    fn answer<S: Sink>(&mut self, sink: &mut S) {
        self.source.rewind();
        if S::CHECKS {
            self.source.keep();
        }
        black_box(tungstenite::accept(self.source.clone()).expect("a handshake"));
        if S::CHECKS {
            sink.write(&self.source.take_written());
        }
    }
}
