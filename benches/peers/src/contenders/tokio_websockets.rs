//! tokio-websockets: a stream of messages, polled by hand.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::{Sink as _, Stream as _};
use tokio_websockets::{ClientBuilder, Config, Limits, Message, ServerBuilder, WebSocketStream};

use super::Contender;
use crate::heap::{Idle, idle};
use crate::source::{Source, poll};
use crate::wire::{REQUEST, Role};
use crate::work::{
    Application, Handshaker, Receiver, Sink, StreamEncoder, Streaming, Task, Work, encoding,
    handshaking, receiving, shared_message,
};

pub struct TokioWebsockets;

impl Contender for TokioWebsockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Receive(receive) => {
                receiving(&receive, |source| Receive { stream: stream(source, receive.role) })
            }
            Work::Encode { role, len } => {
                let stream = stream(Source::empty(), role);
                encoding(*work, Streaming(Encode { stream, payload: shared_message(len) }))
            }
            Work::Handshake => {
                handshaking(Handshake { source: Source::new(REQUEST.into(), REQUEST.len()) })
            }
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| stream(Source::empty(), Role::Server)))
    }
}

fn stream(source: Source, role: Role) -> WebSocketStream<Source> {
    // A message is one frame, as with all others.
    let config = Config::default().frame_size(usize::MAX);
    let limits = Limits::default().max_payload_len(Some(16 << 20));
    match role {
        Role::Server => ServerBuilder::new().config(config).limits(limits).serve(source),
        Role::Client => ClientBuilder::new().config(config).limits(limits).take_over(source),
    }
}

struct Receive {
    stream: WebSocketStream<Source>,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        let context = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(message) = Pin::new(&mut self.stream).poll_next(context) {
            let message = message.expect("open").expect("good frames");
            application.message(message.as_payload());
        }
    }
}

struct Encode {
    stream: WebSocketStream<Source>,
    payload: Bytes,
}

impl StreamEncoder for Encode {
    fn stream(&self) -> Source {
        self.stream.get_ref().clone()
    }

    #[inline]
    fn encode(&mut self) {
        let context = &mut Context::from_waker(Waker::noop());
        let mut stream = Pin::new(&mut self.stream);
        assert!(stream.as_mut().poll_ready(context).is_ready());
        let message = Message::binary(black_box(&self.payload).clone());
        stream.start_send(message).expect("open");
    }

    fn flush(&mut self) {
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut self.stream).poll_flush(context).is_ready());
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
        let accepted = poll(ServerBuilder::new().accept(self.source.clone()));
        black_box(accepted.expect("all was read").expect("a handshake"));
        if S::CHECKS {
            sink.write(&self.source.take_written());
        }
    }
}
