//! What the tests share: frames built by hand, and drivers that feed a stream
//! in pieces and write down all that comes of it.

#![allow(dead_code, reason = "each test uses a part of it")]

use sansocket::{
    Client, Config, Connection, Data, Event, Kind, ProtocolError, Received, Role, Server, WebSocket,
};

/// The key of the RFC's masked examples, with which the frames here are masked.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Which end receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

pub(crate) const SIDES: [Side; 2] = [Side::Server, Side::Client];

/// First bytes of frames: FIN and opcode.
pub(crate) const CONT: u8 = 0x00;
pub(crate) const TEXT: u8 = 0x01;
pub(crate) const BINARY: u8 = 0x02;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;
pub(crate) const FIN: u8 = 0x80;

/// All that a peer can do wrong.
pub(crate) const ERRORS: [ProtocolError; 18] = [
    ProtocolError::ReservedBits,
    ProtocolError::ReservedOpcode,
    ProtocolError::FragmentedControl,
    ProtocolError::ControlTooLong,
    ProtocolError::UnexpectedContinuation,
    ProtocolError::UnfinishedMessage,
    ProtocolError::Unmasked,
    ProtocolError::Masked,
    ProtocolError::LengthNotMinimal,
    ProtocolError::LengthOverflow,
    ProtocolError::ClosePayloadOfOneByte,
    ProtocolError::BadCloseCode,
    ProtocolError::BadCloseReason,
    ProtocolError::BadCompression,
    ProtocolError::TextNotUtf8,
    ProtocolError::MessageTooBig,
    ProtocolError::FrameTooBig,
    ProtocolError::TooManyFragments,
];

impl Side {
    /// A well-formed frame for this end: masked for the server alone.
    ///
    /// Written without the crate's own encoder, which is what the tests judge.
    pub(crate) fn frame(self, first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.header(first, payload.len() as u64);
        frame.extend(self.masked(payload));
        frame
    }

    /// The header of such a frame, whatever length it declares.
    pub(crate) fn header(self, first: u8, len: u64) -> Vec<u8> {
        let mask = if self == Self::Server { 0x80 } else { 0 };
        let mut header = match len {
            0..=125 => vec![first, mask | len as u8],
            126..=0xFFFF => {
                let [a, b] = (len as u16).to_be_bytes();
                vec![first, mask + 126, a, b]
            }
            _ => [&[first, mask + 127][..], &len.to_be_bytes()].concat(),
        };
        if self == Self::Server {
            header.extend(KEY);
        }
        header
    }

    /// The payload as it lies on the wire to this end.
    pub(crate) fn masked(self, payload: &[u8]) -> Vec<u8> {
        match self {
            Self::Server => payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k).collect(),
            Self::Client => payload.to_vec(),
        }
    }

    /// The frames of a message cut into these fragments.
    pub(crate) fn fragments(self, opcode: u8, pieces: &[&[u8]]) -> Vec<u8> {
        let last = pieces.len() - 1;
        let frames = pieces.iter().enumerate().map(|(i, piece)| {
            let fin = if i == last { FIN } else { 0 };
            self.frame(fin | if i == 0 { opcode } else { CONT }, piece)
        });
        frames.collect::<Vec<_>>().concat()
    }

    /// The layer-1 connection of this end, fed with `pieces`.
    pub(crate) fn events(self, config: Config, pieces: &[&[u8]]) -> Transcript {
        match self {
            Self::Server => events(Connection::server(config), pieces),
            Self::Client => events(Connection::client(config, zero_key), pieces),
        }
    }

    /// The layer-2 connection of this end, fed with `pieces`.
    pub(crate) fn messages(self, config: Config, pieces: &[&[u8]]) -> Transcript {
        match self {
            Self::Server => messages(WebSocket::server(config), pieces),
            Self::Client => messages(WebSocket::client(config, zero_key), pieces),
        }
    }
}

/// A masking key that leaves what is sent readable. For tests alone.
pub(crate) fn zero_key() -> [u8; 4] {
    [0; 4]
}

pub(crate) type TestClient = Client<fn() -> [u8; 4]>;

pub(crate) fn server() -> Connection<Server> {
    Connection::server(Config::new())
}

pub(crate) fn client() -> Connection<TestClient> {
    Connection::client(Config::new(), zero_key)
}

/// What a stream comes to, no matter how it was cut up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) seen: Vec<Seen>,
    /// Pongs, and the Close that answers the peer's or its error.
    pub(crate) output: Vec<u8>,
    pub(crate) error: Option<ProtocolError>,
    pub(crate) closed: bool,
}

/// An event; of a message in pieces, all that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    /// The beginning of a message that had not ended when the next event came
    /// or the stream ended.
    Piece(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl Transcript {
    pub(crate) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// What layer 2 makes of what layer 1 says.
    pub(crate) fn whole_messages(self) -> Self {
        let mut begun = Vec::new();
        let mut seen = Vec::new();
        let whole = |end: Vec<u8>, begun: &mut Vec<u8>| [std::mem::take(begun), end].concat();
        for event in self.seen {
            match event {
                Seen::Piece(_, bytes) => begun.extend(bytes),
                Seen::Text(bytes) => seen.push(Seen::Text(whole(bytes, &mut begun))),
                Seen::Binary(bytes) => seen.push(Seen::Binary(whole(bytes, &mut begun))),
                event => seen.push(event),
            }
        }
        Self { seen, ..self }
    }

    /// Adds a piece of data: to the piece before, if none but data came since.
    pub(crate) fn data(&mut self, data: &Data<'_>, open: &mut Option<Kind>) {
        let kind = data.kind();
        match *open {
            None => assert!(data.is_first(), "a message begins with its first piece"),
            Some(kind) => {
                assert!(!data.is_first(), "only one piece is the first");
                assert_eq!(data.kind(), kind, "a message is of one kind");
            }
        }
        self.piece(kind, data.is_first(), data.is_last(), data.payload());
        *open = if data.is_last() { None } else { Some(kind) };
    }

    /// Adds a piece, which may lie in the middle of a frame or be all of it.
    pub(crate) fn piece(&mut self, kind: Kind, first: bool, last: bool, payload: &[u8]) {
        let mut bytes = Vec::new();
        if !first && let Some(Seen::Piece(_, before)) = self.seen.last_mut() {
            bytes = std::mem::take(before);
            self.seen.pop();
        }
        bytes.extend_from_slice(payload);
        self.seen.push(match kind {
            _ if !last => Seen::Piece(kind, bytes),
            Kind::Text => Seen::Text(bytes),
            Kind::Binary => Seen::Binary(bytes),
        });
    }
}

/// Drives layer 1 as an application would: Pings and Close are answered, and
/// an error is reported by a Close.
pub(crate) fn events<R: Role>(mut ws: Connection<R>, pieces: &[&[u8]]) -> Transcript {
    let mut script = Transcript::default();
    let mut open = None;
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut input = &mut bytes[..];
        loop {
            match ws.receive(&mut input) {
                Ok(None) => {
                    assert!(input.is_empty(), "None means that the input is used up");
                    break;
                }
                Ok(Some(event)) => {
                    assert_eq!(script.error, None, "nothing comes after an error");
                    match event {
                        Event::Data(data) => script.data(&data, &mut open),
                        Event::Ping(ping) => {
                            script.output.extend_from_slice(&ws.pong(ping));
                            script.seen.push(Seen::Ping(ping.to_vec()));
                        }
                        Event::Pong(pong) => script.seen.push(Seen::Pong(pong.to_vec())),
                        Event::Close(close) => {
                            let code = close.code().map(sansocket::CloseCode::get);
                            script.seen.push(Seen::Close(code, close.reason().to_owned()));
                            script.output.extend(ws.close(close).iter().flat_map(|f| f.to_vec()));
                        }
                    }
                }
                Err(error) => {
                    let first = *script.error.get_or_insert(error);
                    assert_eq!(first, error, "the first error is repeated");
                    script.output.extend(ws.close(error).iter().flat_map(|f| f.to_vec()));
                    break;
                }
            }
        }
    }
    if let Some(error) = script.error {
        assert_eq!(ws.receive(&mut &mut [][..]), Err(error), "without further bytes, too");
    }
    script.closed = ws.is_closed();
    script
}

/// Drives layer 2, which gives whole messages.
pub(crate) fn messages<R: Role>(mut ws: WebSocket<R>, pieces: &[&[u8]]) -> Transcript {
    let mut script = Transcript::default();
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut input = &mut bytes[..];
        loop {
            match ws.receive(&mut input, &mut script.output) {
                Ok(None) => {
                    assert!(input.is_empty(), "None means that the input is used up");
                    break;
                }
                Ok(Some(received)) => {
                    assert_eq!(script.error, None, "nothing comes after an error");
                    script.seen.push(match received {
                        Received::Message(message) => match message.kind() {
                            Kind::Text => Seen::Text(message.as_bytes().to_vec()),
                            Kind::Binary => Seen::Binary(message.as_bytes().to_vec()),
                        },
                        Received::Ping(ping) => Seen::Ping(ping.to_vec()),
                        Received::Pong(pong) => Seen::Pong(pong.to_vec()),
                        Received::Closed(close) => Seen::Close(
                            close.code().map(sansocket::CloseCode::get),
                            close.reason().to_owned(),
                        ),
                    });
                }
                Err(error) => {
                    let first = *script.error.get_or_insert(error);
                    assert_eq!(first, error, "the first error is repeated");
                    break;
                }
            }
        }
    }
    if let Some(error) = script.error {
        let mut output = Vec::new();
        assert_eq!(ws.receive(&mut &mut [][..], &mut output), Err(error));
        assert!(output.is_empty(), "the Close is written once");
    }
    script.closed = ws.is_closed();
    script
}

/// Pieces of `bytes` that begin at each of `cuts`, which may repeat.
pub(crate) fn cut<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(bytes.len());
    let mut start = 0;
    let mut pieces = Vec::new();
    for end in cuts {
        pieces.push(&bytes[start..end]);
        start = end;
    }
    pieces
}

/// A request that every server accepts, with these further lines.
pub(crate) fn request_with(lines: &str) -> Vec<u8> {
    format!(
        "GET /chat?room=7 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// The response to it, with these further lines.
pub(crate) fn response_with(lines: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// The nonce whose base64 is the key of the request above.
pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";
