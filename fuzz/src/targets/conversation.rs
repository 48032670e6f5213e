//! Two ends that talk to each other over wires that deliver late and in
//! pieces.

use std::cell::RefCell;
use std::rc::Rc;

use sansocket::deflate::{Compression, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::{
    Client, CloseCode, Config, Connection, Event, Kind, MaskingKeys, Message, MessageReceiver,
    MessageSender, Payload, ProtocolError, Received, Role, Scratch, SendError, Server, WebSocket,
};

use super::common::{Seen, Transcript};
use super::script::Script;

/// Any sequence of sends and reads on both ends of layer 1: what is refused is
/// refused for the right reason, all else arrives as it was sent, but for data that
/// an end drops behind its Close, and both ends end closed.
pub fn roundtrip(data: &[u8]) {
    let mut script = Script::new(data);
    let flags = script.byte();
    let config = |drops| Config::new().drop_after_close(drops);
    let [server_drops, client_drops] = [flags & 1 != 0, flags & 2 != 0];
    let mut server = End::new(Connection::server(config(server_drops)), server_drops);
    let mut client = End::new(Connection::client(config(client_drops), Counter(0)), client_drops);
    while !script.is_empty() {
        let choice = script.byte();
        if choice & 0x80 == 0 {
            server.act(choice, &mut script, &mut client.inbox);
        } else {
            client.act(choice, &mut script, &mut server.inbox);
        }
    }
    server.close(CloseCode::NORMAL, &mut client.inbox);
    client.close(CloseCode::GOING_AWAY, &mut server.inbox);
    for _ in 0..2 {
        server.read(usize::MAX, &mut client.inbox);
        client.read(usize::MAX, &mut server.inbox);
    }
    assert!(server.ws.is_closed() && client.ws.is_closed());
    assert_eq!(server.seen.seen, server.due(&client));
    assert_eq!(client.seen.seen, client.due(&server));
}

/// Masking keys that are all different.
struct Counter(u32);

impl MaskingKeys for Counter {
    fn next_key(&mut self) -> [u8; 4] {
        self.0 = self.0.wrapping_add(0x9E37_79B9);
        self.0.to_be_bytes()
    }
}

/// The two roles send alike, but for what they do to the payload.
trait Peer {
    fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<Vec<u8>, SendError>;
    fn send_part(&mut self, kind: Kind, last: bool, part: &[u8]) -> Result<Vec<u8>, SendError>;
}

impl Peer for Connection<Server> {
    fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<Vec<u8>, SendError> {
        self.send(kind, payload).map(|frame| frame.as_slices().concat())
    }

    fn send_part(&mut self, kind: Kind, last: bool, part: &[u8]) -> Result<Vec<u8>, SendError> {
        self.send_part(kind, last, part).map(|frame| frame.as_slices().concat())
    }
}

impl Peer for Connection<Client<Counter>> {
    fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<Vec<u8>, SendError> {
        self.send(kind, &mut payload.to_vec()).map(|frame| frame.as_slices().concat())
    }

    fn send_part(&mut self, kind: Kind, last: bool, part: &[u8]) -> Result<Vec<u8>, SendError> {
        self.send_part(kind, last, &mut part.to_vec()).map(|frame| frame.as_slices().concat())
    }
}

/// One end, what is on its way to it, and what it sent and saw.
struct End<R> {
    ws: Connection<R>,
    inbox: Vec<u8>,
    /// How much it has read.
    read: usize,
    sent: Vec<Sent>,
    seen: Transcript,
    /// The kind of the message that is half sent, and of the one half seen.
    sending: Option<Kind>,
    receiving: Option<Kind>,
    /// Whether it drops data once its Close is sent, and how much it had read by
    /// then.
    drops: bool,
    open: Option<usize>,
}

/// A frame, and where on the wire it ends.
struct Sent {
    what: What,
    end: usize,
}

enum What {
    Data { kind: Kind, first: bool, last: bool, payload: Vec<u8> },
    Control(Seen),
}

impl<R> End<R> {
    fn new(ws: Connection<R>, drops: bool) -> Self {
        Self {
            ws,
            inbox: Vec::new(),
            read: 0,
            sent: Vec::new(),
            seen: Transcript::default(),
            sending: None,
            receiving: None,
            drops,
            open: None,
        }
    }

    /// What it has to see of what `other` sent.
    fn due<P>(&self, other: &End<P>) -> Vec<Seen> {
        let open = self.open.filter(|_| self.drops).unwrap_or(usize::MAX);
        let mut due = Transcript::default();
        for Sent { what, end } in &other.sent {
            match what {
                What::Control(seen) => due.seen.push(seen.clone()),
                What::Data { kind, first, last, payload } => match end.saturating_sub(open) {
                    0 => due.piece(*kind, *first, *last, payload),
                    late if late < payload.len() => {
                        due.piece(*kind, *first, false, &payload[..payload.len() - late]);
                    }
                    _ => {}
                },
            }
        }
        due.seen
    }

    /// Notes a frame that goes out.
    fn sends(&mut self, frame: &[u8], what: What, wire: &mut Vec<u8>) {
        wire.extend_from_slice(frame);
        let end = self.sent.last().map_or(0, |sent| sent.end) + frame.len();
        self.sent.push(Sent { what, end });
    }
}

impl<R: Role> End<R>
where
    Connection<R>: Peer,
{
    fn act(&mut self, choice: u8, script: &mut Script<'_>, wire: &mut Vec<u8>) {
        let last = choice & 0x40 != 0;
        let kind = if choice & 0x20 == 0 { Kind::Text } else { Kind::Binary };
        match choice % 10 {
            0 | 1 => {
                let mut text = script.string().to_vec();
                if choice % 10 == 1 {
                    text = text.repeat(1 + usize::from(script.word()) / (text.len() + 1));
                }
                let text = String::from_utf8_lossy(&text);
                let sent = Peer::send(&mut self.ws, kind, text.as_bytes());
                let open = self.sending.map(|_| SendError::UnfinishedMessage);
                self.note(sent, open, kind, true, text.as_bytes(), wire);
            }
            2 | 3 => {
                // Cut anywhere, so that the parts of a text may not be text.
                let text = String::from_utf8_lossy(script.string()).into_owned();
                let cut = usize::from(script.byte()).min(text.len());
                let (first, second) = text.as_bytes().split_at(cut);
                let open = self.sending;
                self.part(kind, false, first, choice % 10 == 2, wire);
                // Else a text could end in the middle of a character.
                if self.sending == Some(kind) && (open.is_none() || open == Some(kind)) {
                    self.part(kind, last, second, choice % 10 == 3, wire);
                }
            }
            4 => {
                let payload = script.string();
                let Ok(payload) = Payload::new(payload) else {
                    return assert!(payload.len() > Payload::MAX);
                };
                let (frame, seen) = if last {
                    (self.ws.ping(payload), Seen::Ping(payload.to_vec()))
                } else {
                    (self.ws.pong(payload), Seen::Pong(payload.to_vec()))
                };
                self.control(&frame, seen, wire);
            }
            // A close is rare, as little comes after it.
            5 if choice & 0x70 == 0x70 => self.close(CloseCode::NORMAL, wire),
            _ => {
                let len = script.byte();
                self.read(len.into(), wire);
            }
        }
    }

    fn part(&mut self, kind: Kind, last: bool, part: &[u8], copied: bool, wire: &mut Vec<u8>) {
        let other = self.sending.filter(|open| *open != kind).map(|_| SendError::KindChanged);
        let sent = if copied {
            let mut out = vec![0; part.len() + 14];
            self.ws.encode(kind, last, part, &mut out).map(<[u8]>::to_vec)
        } else {
            Peer::send_part(&mut self.ws, kind, last, part)
        };
        self.note(sent, other, kind, last, part, wire);
    }

    /// Notes a data frame, which must have been refused with `expected`.
    fn note(
        &mut self,
        sent: Result<Vec<u8>, SendError>,
        expected: Option<SendError>,
        kind: Kind,
        last: bool,
        payload: &[u8],
        wire: &mut Vec<u8>,
    ) {
        let closed = self.ws.has_sent_close().then_some(SendError::Closed);
        match sent {
            Err(error) => assert_eq!(Some(error), closed.or(expected)),
            Ok(frame) => {
                assert_eq!((closed, expected), (None, None));
                let first = self.sending.is_none();
                let what = What::Data { kind, first, last, payload: payload.to_vec() };
                self.sends(&frame, what, wire);
                self.sending = (!last).then_some(kind);
            }
        }
    }

    fn close(&mut self, close: impl Into<sansocket::CloseFrame>, wire: &mut Vec<u8>) {
        let before = self.ws.has_sent_close();
        let close = close.into();
        match self.ws.close(close) {
            None => assert!(before),
            Some(frame) => {
                let code = close.code().map(CloseCode::get);
                let seen = Seen::Close(code, close.reason().to_owned());
                self.sends(&frame, What::Control(seen), wire);
                self.open = Some(self.read);
            }
        }
    }

    /// Notes a control frame, which is nothing to the peer behind a Close.
    fn control(&mut self, frame: &[u8], seen: Seen, wire: &mut Vec<u8>) {
        if self.ws.has_sent_close() {
            wire.extend_from_slice(frame);
        } else {
            self.sends(frame, What::Control(seen), wire);
        }
    }

    fn read(&mut self, len: usize, wire: &mut Vec<u8>) {
        let rest = self.inbox.split_off(len.min(self.inbox.len()));
        let mut bytes = std::mem::replace(&mut self.inbox, rest);
        self.read += bytes.len();
        let mut input = &mut bytes[..];
        while let Some(event) = self.ws.receive(&mut input).expect("nobody breaks a rule") {
            match event {
                Event::Data(data) => self.seen.data(&data, &mut self.receiving),
                Event::Pong(payload) => self.seen.seen.push(Seen::Pong(payload.to_vec())),
                Event::Ping(payload) => {
                    self.seen.seen.push(Seen::Ping(payload.to_vec()));
                    let pong = self.ws.pong(payload);
                    self.control(&pong, Seen::Pong(payload.to_vec()), wire);
                }
                Event::Close(close) => {
                    let code = close.code().map(CloseCode::get);
                    self.seen.seen.push(Seen::Close(code, close.reason().to_owned()));
                    self.close(close, wire);
                }
            }
        }
        assert!(input.is_empty());
    }
}

/// Two ends of layer 2, compression agreed or not, whole or in halves, with
/// working memory of their own or shared, that send each other anything, with
/// garbage on the wires: what was sent before the garbage arrives, and without any
/// everything does, but what is to be dropped.
pub fn duplex(data: &[u8]) {
    let mut script = Script::new(data);
    let flags = script.byte();
    let agreement = (flags & 1 != 0).then(|| {
        let [client, server] = [wish(&mut script), wish(&mut script)];
        let offer = format!("permessage-deflate{}", client.offer());
        let offers = Extensions::new(offer.as_bytes()).map(Result::unwrap);
        let answer = server.accept(offers).expect("our own offers are acceptable");
        let words = format!("permessage-deflate{}", answer.parameters());
        let words = Extensions::new(words.as_bytes()).next().unwrap().unwrap();
        let agreed = client.check(&words).expect("and so are our own answers");
        assert_eq!(agreed.server(), answer.server());
        assert_eq!(agreed.client(), answer.client());
        (answer, agreed)
    });
    let drops = flags & 2 != 0;
    let config = Config::new().max_message(1 << 18).drop_after_close(drops);
    let (for_server, for_client) = agreement.unzip();
    let server = WebSocket::server_with_compression(config, for_server);
    let client = WebSocket::client_with_compression(config, Counter(7), for_client);
    let scratch = (flags & 4 != 0).then(Rc::default);
    let mut server = Talker::new(Ends::new(server, flags & 8 != 0, scratch.clone()), drops);
    let mut client = Talker::new(Ends::new(client, flags & 16 != 0, scratch), drops);
    while !script.is_empty() {
        let choice = script.byte();
        if choice & 0x80 == 0 {
            server.act(choice, &mut script, &mut client);
        } else {
            client.act(choice, &mut script, &mut server);
        }
    }
    server.close(&mut client.inbox);
    client.close(&mut server.inbox);
    for _ in 0..2 {
        server.read(usize::MAX, &mut client.inbox);
        client.read(usize::MAX, &mut server.inbox);
    }
    server.judge(&client);
    client.judge(&server);
    if !server.tainted && !client.tainted {
        assert!(server.ends.is_closed() && client.ends.is_closed());
    }
}

fn wish(script: &mut Script<'_>) -> Compression {
    let [windows, flags] = [script.byte(), script.byte()];
    let window = |bits: u8| WindowBits::new(8 + bits % 8).expect("8 to 15");
    let level = [
        sansocket::deflate::Level::Fast,
        sansocket::deflate::Level::Balanced,
        sansocket::deflate::Level::Best,
    ];
    Compression::new()
        .send_window(window(windows))
        .receive_window(window(windows >> 4))
        .send_takeover(flags & 1 == 0)
        .receive_takeover(flags & 2 == 0)
        .level(level[usize::from(flags >> 2 & 3) % 3])
        .threshold(usize::from(flags >> 4))
}

/// One end of layer 2, as one or as its two halves.
struct Ends<R> {
    parts: Parts<R>,
    /// The working memory that is lent to each call, if it is shared.
    scratch: Option<Rc<RefCell<Scratch>>>,
}

enum Parts<R> {
    Whole(WebSocket<R>),
    Halves(MessageReceiver<R>, MessageSender<R>),
}

impl<R: Role> Ends<R> {
    fn new(ws: WebSocket<R>, halves: bool, scratch: Option<Rc<RefCell<Scratch>>>) -> Self {
        let parts = if halves {
            let (receiver, sender) = ws.split();
            Parts::Halves(receiver, sender)
        } else {
            Parts::Whole(ws)
        };
        Self { parts, scratch }
    }

    fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        let shared = self.scratch.as_ref().map(|scratch| scratch.borrow_mut());
        let (received, sender) = match (&mut self.parts, shared) {
            (Parts::Whole(ws), None) => return ws.receive(input, output),
            (Parts::Whole(ws), Some(mut shared)) => {
                return ws.receive_with(input, output, &mut shared);
            }
            (Parts::Halves(receiver, sender), None) => (receiver.receive(input), sender),
            (Parts::Halves(receiver, sender), Some(mut shared)) => {
                (receiver.receive_with(input, &mut shared), sender)
            }
        };
        // What one half has to tell the other.
        match &received {
            Ok(Some(Received::Ping(payload))) => sender.pong(*payload, output),
            Ok(Some(Received::Closed(close))) => sender.close(*close, output),
            Ok(_) => {}
            Err(error) => sender.close(*error, output),
        }
        received
    }

    fn send(&mut self, message: &Message<'_>, output: &mut Vec<u8>) -> Result<(), SendError> {
        let shared = self.scratch.as_ref().map(|scratch| scratch.borrow_mut());
        match (&mut self.parts, shared) {
            (Parts::Whole(ws), None) => ws.send(message, output),
            (Parts::Whole(ws), Some(mut shared)) => ws.send_with(message, output, &mut shared),
            (Parts::Halves(_, sender), None) => sender.send(message, output),
            (Parts::Halves(_, sender), Some(mut shared)) => {
                sender.send_with(message, output, &mut shared)
            }
        }
    }

    fn send_uncompressed(
        &mut self,
        message: &Message<'_>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        match &mut self.parts {
            Parts::Whole(ws) => ws.send_uncompressed(message, output),
            Parts::Halves(_, sender) => sender.send_uncompressed(message, output),
        }
    }

    fn ping(&mut self, payload: Payload, output: &mut Vec<u8>) {
        match &mut self.parts {
            Parts::Whole(ws) => ws.ping(payload, output),
            Parts::Halves(_, sender) => sender.ping(payload, output),
        }
    }

    fn close(&mut self, code: CloseCode, output: &mut Vec<u8>) {
        match &mut self.parts {
            Parts::Whole(ws) => ws.close(code, output),
            Parts::Halves(receiver, sender) => {
                sender.close(code, output);
                receiver.note_close_sent();
            }
        }
    }

    fn is_closed(&self) -> bool {
        match &self.parts {
            Parts::Whole(ws) => ws.is_closed(),
            Parts::Halves(receiver, sender) => {
                receiver.has_received_close() && sender.has_sent_close()
            }
        }
    }
}

/// One end, what is on its way to it, and what it sent and saw.
struct Talker<R> {
    ends: Ends<R>,
    inbox: Vec<u8>,
    /// Whether its inbox ever held something that the other did not send.
    tainted: bool,
    error: Option<ProtocolError>,
    /// What arrives whatever is done to the wire later.
    sent: Vec<Seen>,
    seen: Vec<Seen>,
    /// How much of what the other sent lay before the garbage.
    clean: usize,
    /// Whether messages are dropped once its Close is sent, and how much it had
    /// seen until then.
    drops: bool,
    open: usize,
}

impl<R: Role> Talker<R> {
    fn new(ends: Ends<R>, drops: bool) -> Self {
        let (inbox, sent, seen) = (Vec::new(), Vec::new(), Vec::new());
        let (tainted, error) = (false, None);
        Self { ends, inbox, tainted, error, sent, seen, clean: 0, drops, open: 0 }
    }

    fn act<P: Role>(&mut self, choice: u8, script: &mut Script<'_>, other: &mut Talker<P>) {
        match choice % 8 {
            0 | 1 => {
                let bytes = script.string();
                let repeated = bytes.repeat(1 + usize::from(script.byte()));
                let message = if choice & 0x40 == 0 {
                    Message::from(String::from_utf8_lossy(&repeated).into_owned())
                } else {
                    Message::from(repeated)
                };
                let plain = choice & 0x20 != 0;
                self.send(&message, plain, &mut other.inbox);
            }
            2 => {
                let payload = Payload::new(script.string()).unwrap_or_default();
                let before = self.has_closed();
                self.ends.ping(payload, &mut other.inbox);
                if !before {
                    self.sent.push(Seen::Ping(payload.to_vec()));
                }
            }
            3 if choice & 0x70 == 0x70 => self.close(&mut other.inbox),
            4 if choice & 0x70 == 0x70 => {
                let garbage = script.string();
                if !garbage.is_empty() && !other.tainted {
                    other.tainted = true;
                    other.clean = self.sent.len();
                }
                other.inbox.extend_from_slice(garbage);
            }
            _ => {
                let len = script.word();
                self.read(len.into(), &mut other.inbox);
            }
        }
    }

    fn send(&mut self, message: &Message<'_>, plain: bool, wire: &mut Vec<u8>) {
        let before = wire.len();
        let sent = if plain {
            self.ends.send_uncompressed(message, wire)
        } else {
            self.ends.send(message, wire)
        };
        if self.has_closed() {
            assert_eq!((sent, wire.len()), (Err(SendError::Closed), before));
        } else {
            assert_eq!(sent, Ok(()));
            let seen = if message.kind() == Kind::Text { Seen::Text } else { Seen::Binary };
            self.sent.push(seen(message.as_bytes().to_vec()));
        }
    }

    fn has_closed(&self) -> bool {
        matches!(self.sent.last(), Some(Seen::Close(..)))
    }

    fn close(&mut self, wire: &mut Vec<u8>) {
        self.ends.close(CloseCode::NORMAL, wire);
        if !self.has_closed() {
            self.sent.push(Seen::Close(Some(1000), String::new()));
        }
    }

    fn read(&mut self, len: usize, wire: &mut Vec<u8>) {
        let rest = self.inbox.split_off(len.min(self.inbox.len()));
        let mut bytes = std::mem::replace(&mut self.inbox, rest);
        let mut input = &mut bytes[..];
        loop {
            let seen = match self.ends.receive(&mut input, wire) {
                Ok(None) => return assert!(input.is_empty()),
                Ok(Some(Received::Message(message))) => {
                    let seen = if message.kind() == Kind::Text { Seen::Text } else { Seen::Binary };
                    seen(message.as_bytes().to_vec())
                }
                Ok(Some(Received::Ping(payload))) => {
                    if !self.has_closed() {
                        self.sent.push(Seen::Pong(payload.to_vec()));
                    }
                    Seen::Ping(payload.to_vec())
                }
                Ok(Some(Received::Pong(payload))) => Seen::Pong(payload.to_vec()),
                Ok(Some(Received::Closed(close))) => {
                    let code = close.code().map(CloseCode::get);
                    let seen = Seen::Close(code, close.reason().to_owned());
                    if !self.has_closed() {
                        self.sent.push(seen.clone());
                    }
                    seen
                }
                Err(error) => {
                    assert!(self.tainted, "{error} without anyone's fault");
                    assert_eq!(*self.error.get_or_insert(error), error, "the first is repeated");
                    if !self.has_closed() {
                        let code = Some(error.close_code().get());
                        self.sent.push(Seen::Close(code, error.as_str().to_owned()));
                    }
                    return;
                }
            };
            assert_eq!(self.error, None, "nothing comes after an error");
            self.seen.push(seen);
            if !self.has_closed() {
                self.open = self.seen.len();
            }
        }
    }

    /// Whether it saw what it had to of what `other` sent.
    fn judge<P>(&self, other: &Talker<P>) {
        let clean = if self.tainted { self.clean } else { other.sent.len() };
        let is_message = |seen: &Seen| matches!(seen, Seen::Text(_) | Seen::Binary(_));
        let dropped = |i: usize| self.drops && i >= self.open && is_message(&other.sent[i]);
        let due = (0..clean).filter(|&i| !dropped(i)).map(|i| &other.sent[i]);
        let due: Vec<_> = due.collect();
        let seen: Vec<_> = self.seen.iter().collect();
        assert!(seen.starts_with(&due), "{seen:?} instead of {due:?}");
        assert!(self.tainted || seen.len() == due.len(), "{seen:?} instead of {due:?}");
    }
}
