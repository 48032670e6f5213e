//! The bytes that all contenders get: messages of one size, framed.
//!
//! Written by code that no contender has a part in.

use std::cell::RefCell;
use std::rc::Rc;

/// What the messages are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Binary,
    /// Text that is all ASCII.
    Ascii,
    /// Text of CJK characters and some emoji.
    Cjk,
}

/// Which end of a connection a contender plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

impl Content {
    /// A message of `len` bytes; another `seed`, another message.
    pub fn message(self, len: usize, seed: u64) -> Vec<u8> {
        let mut random = Random::new(seed);
        match self {
            Self::Binary => (0..len).map(|_| random.below(256) as u8).collect(),
            Self::Ascii => (0..len).map(|_| b' ' + random.below(95) as u8).collect(),
            Self::Cjk => {
                let mut text = String::new();
                loop {
                    let character = match random.below(8) {
                        0 => char::from_u32(0x1F600 + random.below(64)),
                        _ => char::from_u32(0x4E00 + random.below(0x5000)),
                    };
                    text.push(character.expect("an assigned range"));
                    if text.len() > len {
                        text.pop();
                        break;
                    }
                }
                let mut bytes = text.into_bytes();
                bytes.resize(len, b'.');
                bytes
            }
        }
    }

    pub fn is_text(self) -> bool {
        self != Self::Binary
    }
}

/// Messages on the wire, each a single frame: the same memory for all who ask one
/// after the other, as where it lies matters.
pub fn frames(content: Content, len: usize, count: usize, receiver: Role) -> Rc<[u8]> {
    type Key = (Content, usize, usize, Role);
    thread_local! {
        static LAST: RefCell<Option<(Key, Rc<[u8]>)>> = const { RefCell::new(None) };
    }
    let key = (content, len, count, receiver);
    LAST.with_borrow_mut(|last| match last {
        Some((asked, wire)) if *asked == key => Rc::clone(wire),
        _ => {
            let wire = encode(content, len, count, receiver);
            Rc::clone(&last.insert((key, wire)).1)
        }
    })
}

fn encode(content: Content, len: usize, count: usize, receiver: Role) -> Rc<[u8]> {
    let mut keys = Random::new(len as u64);
    let mut wire = Vec::new();
    for seed in 0..count {
        let key = (receiver == Role::Server).then(|| keys.next().to_be_bytes());
        frame(content, true, &content.message(len, seed as u64), key, &mut wire);
    }
    wire.into()
}

/// Appends a frame, as RFC 6455 §5.2 draws it.
pub fn frame(
    content: Content,
    fin: bool,
    payload: &[u8],
    key: Option<[u8; 4]>,
    wire: &mut Vec<u8>,
) {
    let opcode = if content.is_text() { 1 } else { 2 };
    part(opcode, fin, payload, key, wire);
}

/// Appends a frame of any opcode.
pub fn part(opcode: u8, fin: bool, payload: &[u8], key: Option<[u8; 4]>, wire: &mut Vec<u8>) {
    wire.push(u8::from(fin) << 7 | opcode);
    let masked = u8::from(key.is_some()) << 7;
    match payload.len() {
        len @ ..126 => wire.push(masked | len as u8),
        len @ ..0x1_0000 => {
            wire.push(masked | 126);
            wire.extend((len as u16).to_be_bytes());
        }
        len => {
            wire.push(masked | 127);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    wire.extend(key.into_iter().flatten());
    let key = key.unwrap_or_default();
    wire.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// The payloads of whole frames, one after the other; the inverse of
/// [`frames`], for what contenders encode.
pub fn payloads(mut wire: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let [_, second, rest @ ..] = wire {
        let (len, rest) = match second & 0x7F {
            126 => {
                let (len, rest) = rest.split_first_chunk().expect("a whole header");
                (usize::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk().expect("a whole header");
                (u64::from_be_bytes(*len) as usize, rest)
            }
            len => (usize::from(len), rest),
        };
        let (key, rest) = match second & 0x80 {
            0 => ([0; 4], rest),
            _ => rest.split_first_chunk().map(|(key, rest)| (*key, rest)).expect("a key"),
        };
        let (payload, rest) = rest.split_at(len);
        payloads.push(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect());
        wire = rest;
    }
    payloads
}

/// The opening request of a browser behind a CDN: 581 bytes.
pub const REQUEST: &[u8] = b"GET /chat?room=4242 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://server.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

/// The key in [`REQUEST`], and what answers it (RFC 6455 §1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// xorshift64*: the same numbers with each run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.next() % limit
    }
}
