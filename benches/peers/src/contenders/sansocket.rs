//! This crate: layer 1, which lends payload as it comes, and layer 2 where whole
//! messages are asked for.

use std::hint::black_box;

use sansocket::handshake::{RequestReader, accept_key};
use sansocket::{
    ChaChaKeys, Client, Config, Connection, Event, Kind, MaskingKeys, Message, Received, Role,
    Server, WebSocket, mask, utf8,
};

use super::{Contender, Standing};
use crate::buffer::Buffer;
use crate::heap::{Idle, idle};
use crate::lending::{Decoder, Lending, Piece};
use crate::source::Source;
use crate::wire::{self, Content, KEY};
use crate::work::{
    Application, Encoder, Handshaker, Receive, Receiver, Sink, Task, Work, calling, encoding,
    handshaking, masking, message, receiving, validating,
};

pub struct Sansocket;

impl Contender for Sansocket {
    fn name(&self) -> &'static str {
        "sansocket"
    }

    fn standing(&self) -> Standing {
        Standing::Ours
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Mask { len, alignment } => masking(len, alignment, mask::apply),
            Work::Receive(receive) => receive_task(&receive),
            Work::Encode { role: wire::Role::Server, len } => {
                encoding(*work, Encode::new(server(), len))
            }
            Work::Encode { role: wire::Role::Client, len } => {
                encoding(*work, Encode::new(client(), len))
            }
            Work::Header { len } => {
                encoding(*work, Header { connection: server(), payload: message(len) })
            }
            Work::AcceptKey => {
                let key = *KEY.as_bytes().first_chunk().expect("24 characters");
                calling(*work, move || accept_key(black_box(&key)))
            }
            Work::Handshake => handshaking(Handshake { out: vec![0; 1024] }),
            Work::ParseRequest => calling(*work, || {
                let mut reader = RequestReader::new();
                let request = reader.read(black_box(wire::REQUEST)).expect("good").expect("whole");
                (request.head_len() as u32).to_be_bytes()
            }),
            Work::Utf8 { len } => validating(len, |bytes| {
                let mut decoder = utf8::Decoder::new();
                decoder.decode(bytes).is_ok() && decoder.is_complete()
            }),
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(server))
    }
}

/// The same with binary messages, at the lines of ASCII text: what checking
/// text may cost is told from it.
pub struct OnBinary;

impl Contender for OnBinary {
    fn name(&self) -> &'static str {
        "sansocket, binary"
    }

    fn standing(&self) -> Standing {
        Standing::Reference
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        match *work {
            Work::Receive(receive) if receive.content == Content::Ascii => {
                Some(receive_task(&Receive { content: Content::Binary, ..receive }))
            }
            _ => None,
        }
    }
}

fn receive_task(receive: &Receive) -> Box<dyn Task> {
    let read = receive.read;
    match (receive.role, receive.whole) {
        (wire::Role::Server, false) => receiving(receive, |s| Lending::new(server(), s, read)),
        (wire::Role::Client, false) => receiving(receive, |s| Lending::new(client(), s, read)),
        (wire::Role::Server, true) => {
            receiving(receive, |s| Whole::new(WebSocket::server(Config::new()), s, read))
        }
        (wire::Role::Client, true) => {
            receiving(receive, |s| Whole::new(WebSocket::client(Config::new(), keys()), s, read))
        }
    }
}

pub fn server() -> Connection<Server> {
    Connection::server(Config::new())
}

fn client() -> Connection<Client<ChaChaKeys>> {
    Connection::client(Config::new(), keys())
}

pub fn keys() -> ChaChaKeys {
    ChaChaKeys::from_os().expect("a seed")
}

impl<R: Role> Decoder for Connection<R> {
    #[inline]
    fn next<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Piece<'b>> {
        match self.receive(input).expect("good frames") {
            Some(Event::Data(data)) => Some(Piece {
                first: data.is_first(),
                last: data.is_last(),
                bytes: data.into_payload(),
            }),
            Some(_) => unreachable!("data alone"),
            None => None,
        }
    }
}

/// Layer 2.
struct Whole<R> {
    websocket: WebSocket<R>,
    source: Source,
    buffer: Buffer,
    output: Vec<u8>,
}

impl<R> Whole<R> {
    fn new(websocket: WebSocket<R>, source: Source, read: usize) -> Self {
        Self { websocket, source, buffer: Buffer::new(read), output: Vec::new() }
    }
}

impl<R: Role> Receiver for Whole<R> {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        let buffer = &mut *self.buffer;
        loop {
            let n = self.source.read(buffer);
            if n == 0 {
                return;
            }
            let mut input = &mut buffer[..n];
            loop {
                match self.websocket.receive(&mut input, &mut self.output).expect("good frames") {
                    Some(Received::Message(Message::Binary(bytes))) => application.message(&bytes),
                    Some(Received::Message(Message::Text(text))) => {
                        application.message(text.as_bytes());
                    }
                    Some(_) => unreachable!("data alone"),
                    None => break,
                }
            }
        }
    }
}

struct Encode<R> {
    connection: Connection<R>,
    payload: Buffer,
    out: Buffer,
}

impl<R> Encode<R> {
    fn new(connection: Connection<R>, len: usize) -> Self {
        Self { connection, payload: message(len), out: Buffer::output(len + 14) }
    }
}

impl<R: Role> Encoder for Encode<R> {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        let payload = black_box(&*self.payload);
        let frame = self.connection.encode(Kind::Binary, true, payload, &mut self.out);
        sink.write(frame.expect("room"));
    }
}

struct Header {
    connection: Connection<Server>,
    payload: Buffer,
}

impl Encoder for Header {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        let payload = black_box(&*self.payload);
        let frame = self.connection.send(Kind::Binary, payload).expect("open");
        for slice in frame.as_slices() {
            sink.write(slice);
        }
    }
}

struct Handshake {
    out: Vec<u8>,
}

impl Handshaker for Handshake {
    fn answer<S: Sink>(&mut self, sink: &mut S) {
        let mut reader = RequestReader::new();
        let request = reader.read(black_box(wire::REQUEST)).expect("good").expect("whole");
        let upgrade = request.upgrade().expect("a handshake");
        let response = upgrade.accept(&mut self.out).finish();
        sink.write(response.expect("room"));
    }
}

/// The keys that the limit masks with, too: they must be unpredictable whoever
/// masks.
pub fn next_key(keys: &mut ChaChaKeys) -> [u8; 4] {
    keys.next_key()
}
