//! soketto: the two halves of a connection, a future for each message.

use std::hint::black_box;

use soketto::connection::{Builder, Mode};
use soketto::handshake::Server;
use soketto::handshake::server::Response;
use soketto::{Data, Receiver as SokettoReceiver, Sender};

use super::Contender;
use crate::buffer::Buffer;
use crate::heap::{Idle, idle};
use crate::source::{Source, poll};
use crate::wire::{REQUEST, Role};
use crate::work::{
    Application, Handshaker, Receiver, Sink, StreamEncoder, Streaming, Task, Work, encoding,
    handshaking, message, receiving,
};

pub struct Soketto;

impl Contender for Soketto {
    fn name(&self) -> &'static str {
        "soketto"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Receive(receive) => receiving(&receive, |source| {
                let (_, receiver) = halves(source, receive.role);
                Receive { receiver, messages: work.units(), message: Vec::new() }
            }),
            Work::Encode { role, len } => {
                let stream = Source::empty();
                let (sender, _) = halves(stream.clone(), role);
                encoding(*work, Streaming(Encode { sender, stream, payload: message(len) }))
            }
            Work::Handshake => {
                handshaking(Handshake { source: Source::new(REQUEST.into(), REQUEST.len()) })
            }
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| halves(Source::empty(), Role::Server)))
    }
}

fn halves(stream: Source, role: Role) -> (Sender<Source>, SokettoReceiver<Source>) {
    let mode = match role {
        Role::Server => Mode::Server,
        Role::Client => Mode::Client,
    };
    Builder::new(stream, mode).finish()
}

struct Receive {
    receiver: SokettoReceiver<Source>,
    /// A future that is dropped while it waits loses bytes, and so it is asked
    /// for as many messages as there are.
    messages: usize,
    message: Vec<u8>,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        for _ in 0..self.messages {
            self.message.clear();
            let received = poll(self.receiver.receive_data(&mut self.message));
            match received.expect("a message").expect("good frames") {
                Data::Binary(_) => application.message(&self.message),
                // It leaves it to its user to check text.
                Data::Text(_) => {
                    let text = std::str::from_utf8(&self.message).expect("text");
                    application.message(text.as_bytes());
                }
            }
        }
    }
}

struct Encode {
    sender: Sender<Source>,
    stream: Source,
    payload: Buffer,
}

impl StreamEncoder for Encode {
    fn stream(&self) -> Source {
        self.stream.clone()
    }

    #[inline]
    fn encode(&mut self) {
        let sent = poll(self.sender.send_binary(black_box(&*self.payload)));
        sent.expect("no wait").expect("open");
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
        let mut server = Server::new(self.source.clone());
        let answered = poll(async {
            let key = server.receive_request().await?.key();
            server.send_response(&Response::Accept { key, protocol: None }).await
        });
        answered.expect("all was read").expect("a handshake");
        if S::CHECKS {
            sink.write(&self.source.take_written());
        }
    }
}
