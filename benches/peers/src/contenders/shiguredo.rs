//! `shiguredo_websocket`: connections that are fed, and polled for events and output.

use std::hint::black_box;

use ::sansocket::ChaChaKeys;
use shiguredo_websocket::{
    ClientConnectionOptions, ConnectionEvent, ConnectionOutput, RandomSource,
    ServerConnectionOptions, Timestamp, WebSocketClientConnection, WebSocketServerConnection,
};

use super::{Contender, sansocket};
use crate::buffer::Buffer;
use crate::heap::{Idle, idle};
use crate::source::Source;
use crate::wire::{ACCEPT, REQUEST, Role};
use crate::work::{
    Application, Encoder, Handshaker, Receive, Receiver, Sink, Task, Work, encoding, handshaking,
    message, receiving,
};

pub struct Shiguredo;

impl Contender for Shiguredo {
    fn name(&self) -> &'static str {
        "shiguredo"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Receive(receive) => match receive.role {
                Role::Server => receiving(&receive, |source| Feed::new(server(), source, &receive)),
                Role::Client => receiving(&receive, |source| Feed::new(client(), source, &receive)),
            },
            Work::Encode { role: Role::Server, len } => {
                encoding(*work, Encode { connection: server(), payload: message(len) })
            }
            Work::Encode { role: Role::Client, len } => {
                encoding(*work, Encode { connection: client(), payload: message(len) })
            }
            Work::Handshake => handshaking(Handshake),
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(server))
    }
}

/// What both ends have in common.
trait Connection {
    fn feed(&mut self, bytes: &[u8]);
    fn event(&mut self) -> Option<ConnectionEvent>;
    fn send(&mut self, payload: &[u8]);
    fn output(&mut self) -> Option<ConnectionOutput>;
}

impl Connection for WebSocketServerConnection {
    fn feed(&mut self, bytes: &[u8]) {
        self.feed_recv_buf(bytes).expect("good frames");
    }

    fn event(&mut self) -> Option<ConnectionEvent> {
        self.poll_event()
    }

    fn send(&mut self, payload: &[u8]) {
        self.send_binary(payload).expect("open");
    }

    fn output(&mut self) -> Option<ConnectionOutput> {
        self.poll_output()
    }
}

impl Connection for WebSocketClientConnection<Keys> {
    fn feed(&mut self, bytes: &[u8]) {
        self.feed_recv_buf(bytes, Timestamp::from_millis(0)).expect("good frames");
    }

    fn event(&mut self) -> Option<ConnectionEvent> {
        self.poll_event()
    }

    fn send(&mut self, payload: &[u8]) {
        self.send_binary(payload).expect("open");
    }

    fn output(&mut self) -> Option<ConnectionOutput> {
        self.poll_output()
    }
}

fn server() -> WebSocketServerConnection {
    let options =
        ServerConnectionOptions::new().max_frame_size(16 << 20).max_message_size(16 << 20);
    let mut connection = WebSocketServerConnection::new(options);
    connection.feed(REQUEST);
    connection.accept_handshake_auto().expect("a handshake");
    drain(&mut connection);
    connection
}

fn client() -> WebSocketClientConnection<Keys> {
    let options = ClientConnectionOptions::new("server.example.com", "/")
        .max_frame_size(16 << 20)
        .max_message_size(16 << 20);
    let mut connection = WebSocketClientConnection::new(options, Keys(sansocket::keys()));
    connection.connect().expect("a request");
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    connection.feed(response.as_bytes());
    drain(&mut connection);
    connection
}

fn drain(connection: &mut impl Connection) {
    while connection.event().is_some() {}
    while connection.output().is_some() {}
}

/// It leaves it to its user to find keys: these are sansocket's.
struct Keys(ChaChaKeys);

impl RandomSource for Keys {
    fn masking_key(&mut self) -> [u8; 4] {
        sansocket::next_key(&mut self.0)
    }

    fn nonce(&mut self) -> [u8; 16] {
        *b"the sample nonce"
    }
}

struct Feed<C> {
    connection: C,
    source: Source,
    buffer: Buffer,
}

impl<C> Feed<C> {
    fn new(connection: C, source: Source, receive: &Receive) -> Self {
        Self { connection, source, buffer: Buffer::new(receive.read) }
    }
}

impl<C: Connection> Receiver for Feed<C> {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        loop {
            let n = self.source.read(&mut self.buffer);
            if n == 0 {
                return;
            }
            self.connection.feed(&self.buffer[..n]);
            while let Some(event) = self.connection.event() {
                match event {
                    ConnectionEvent::BinaryMessage(bytes) => application.message(&bytes),
                    ConnectionEvent::TextMessage(text) => application.message(text.as_bytes()),
                    _ => unreachable!("data alone"),
                }
            }
        }
    }
}

struct Encode<C> {
    connection: C,
    payload: Buffer,
}

impl<C: Connection> Encoder for Encode<C> {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        self.connection.send(black_box(&self.payload));
        while let Some(output) = self.connection.output() {
            if let ConnectionOutput::SendData(frame) = output {
                sink.write(&frame);
            }
        }
    }
}

struct Handshake;

impl Handshaker for Handshake {
    fn answer<S: Sink>(&mut self, sink: &mut S) {
        let mut connection = WebSocketServerConnection::new(ServerConnectionOptions::new());
        connection.feed(black_box(REQUEST));
        connection.accept_handshake_auto().expect("a handshake");
        while let Some(output) = connection.output() {
            if let ConnectionOutput::SendData(response) = output {
                sink.write(&response);
            }
        }
    }
}
