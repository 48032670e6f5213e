//! Another codec in the place of ours, at layer 2 and by `Checked` alone. (Beside
//! zlib: `tests/deflate`.)
#![cfg(feature = "alloc")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use sansocket::deflate::{
    Agreement, Checked, Compression, Deflate, DeflateError, DeflateScratch, Deflater, Direction,
    Inflate, InflateError, Inflated, Level, max_deflated_len,
};
use sansocket::extensions::Extensions;
use sansocket::{ChaChaKeys, Client, Config, Message, ProtocolError, Received, Server, WebSocket};

fn agreement(takeover: bool) -> Agreement {
    let offers = Extensions::new(b"permessage-deflate; client_max_window_bits");
    let wish = Compression::new().threshold(1);
    let wish = wish.send_takeover(takeover).receive_takeover(takeover);
    wish.accept(offers.map(Result::unwrap)).unwrap()
}

fn server(config: Config, takeover: bool) -> WebSocket<Server> {
    WebSocket::server_with_compression(config, agreement(takeover))
}

fn client(takeover: bool) -> WebSocket<Client> {
    WebSocket::client_with_compression(
        Config::new(),
        ChaChaKeys::from_seed([7; 32]),
        agreement(takeover),
    )
}

/// Our deflater behind the trait, which cannot undo what it deflated.
struct Wrapped {
    deflater: Deflater<Vec<u8>>,
    scratch: Box<DeflateScratch>,
}

impl Wrapped {
    fn new(Direction { window, .. }: Direction) -> Self {
        let memory = vec![0; Level::Fast.memory_len(window)];
        Self { deflater: Deflater::new(Level::Fast, window, memory), scratch: Box::default() }
    }
}

impl Deflate for Wrapped {
    fn deflate(&mut self, message: &[u8], output: &mut [u8]) -> Result<usize, DeflateError> {
        let mut payload = vec![0; max_deflated_len(message.len())];
        let n = self.deflater.deflate(&mut self.scratch, message, true, &mut payload)?;
        output.get_mut(..n).ok_or(DeflateError::OutputFull)?.copy_from_slice(&payload[..n]);
        Ok(n)
    }

    fn clear(&mut self) {
        self.deflater.clear();
    }
}

/// Bytes in which nothing repeats.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn ours_in_the_place_of_ours_sends_the_same() {
    for takeover in [true, false] {
        let mut ours = server(Config::new(), takeover);
        let mut another = server(Config::new(), takeover).deflate_with(Wrapped::new);
        let mut lengths = Vec::new();
        for _ in 0..2 {
            let (mut wire, mut expected) = (Vec::new(), Vec::new());
            let text = "the same words, the same words, and again the same words";
            ours.send(text, &mut expected).unwrap();
            another.send(text, &mut wire).unwrap();
            assert_eq!(wire, expected, "takeover: {takeover}");
            lengths.push(wire.len());
        }
        assert_eq!(lengths[1] < lengths[0], takeover);
    }
}

/// What went out as it is may not be referred to afterwards.
#[test]
fn a_message_that_does_not_shrink_leaves_no_history() {
    for takeover in [true, false] {
        let mut server = server(Config::new(), takeover).deflate_with(Wrapped::new);
        let mut client = client(takeover);
        let noise = noise(1500, 7);
        let again = [&noise[..700], &noise[..700]].concat();
        for (message, is_compressed) in
            [(&b"text text text text text text"[..], true), (&noise, false), (&again, true)]
        {
            let mut wire = Vec::new();
            server.send(message, &mut wire).unwrap();
            assert_eq!(wire[0] & 0x40 != 0, is_compressed);
            let got = client.receive(&mut &mut wire[..], &mut Vec::new()).unwrap();
            assert_eq!(got, Some(Received::Message(Message::from(message))));
        }
    }
}

/// Inflates stored blocks alone (RFC 1951 §3.2.4), which must not be final, and
/// counts how often it is told to forget.
#[derive(Default)]
struct Stored {
    /// What came of the header and the length of a block.
    head: VecDeque<u8>,
    left: usize,
    forgot: Arc<Mutex<usize>>,
}

impl Inflate for Stored {
    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        let mut len = 0;
        while len < output.len() {
            let Some((&byte, rest)) = input.split_first() else { break };
            if self.left == 0 {
                self.head.push_back(byte);
                if let [kind, a, b, c, d] = *self.head.make_contiguous() {
                    if kind != 0 || [a, b] != [!c, !d] {
                        return Err(InflateError::Other);
                    }
                    self.left = usize::from(u16::from_le_bytes([a, b]));
                    self.head.clear();
                }
            } else {
                output[len] = byte;
                len += 1;
                self.left -= 1;
            }
            *input = rest;
        }
        Ok(len)
    }

    fn is_between_blocks(&self) -> bool {
        self.head.is_empty() && self.left == 0
    }

    fn clear(&mut self) {
        *self.forgot.lock().unwrap() += 1;
    }
}

/// The payload of a message as stored blocks of `size` bytes.
fn stored(message: &[u8], size: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    for block in message.chunks(size) {
        let len = block.len() as u16;
        payload.push(0);
        payload.extend(len.to_le_bytes());
        payload.extend((!len).to_le_bytes());
        payload.extend(block);
    }
    payload.push(0);
    payload
}

/// A masked frame of a compressed binary message, with key zero.
fn frame(payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let head: &[u8] = if payload.len() < 126 { &[0x80 | len[1]] } else { &[0xFE, len[0], len[1]] };
    [&[0xC2], head, &[0; 4], payload].concat()
}

/// The messages that come of frames with these payloads, read in pieces.
fn receive(
    ws: &mut WebSocket<Server>,
    payloads: &[Vec<u8>],
    piece: usize,
) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let mut wire: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
    let mut messages = Vec::new();
    for mut input in wire.chunks_mut(piece) {
        while let Some(received) = ws.receive(&mut input, &mut Vec::new())? {
            if let Received::Message(message) = received {
                messages.push(message.as_bytes().to_vec());
            }
        }
    }
    Ok(messages)
}

#[test]
fn its_messages_arrive_however_they_are_cut() {
    for takeover in [true, false] {
        let forgot = Arc::new(Mutex::new(0));
        let messages = [noise(40_000, 1), vec![], noise(3, 2), noise(600, 3)];
        let payloads = messages.each_ref().map(|message| stored(message, 999));
        for (turn, piece) in [1, 7, 100_000].into_iter().enumerate() {
            let mut ws = server(Config::new(), takeover)
                .inflate_with(|_| Stored { forgot: Arc::clone(&forgot), ..Stored::default() });
            assert!(receive(&mut ws, &payloads, piece).unwrap() == messages, "by {piece}");
            let expected = if takeover { 0 } else { (turn + 1) * messages.len() };
            assert_eq!(*forgot.lock().unwrap(), expected, "takeover: {takeover}");
        }
    }
}

#[test]
fn its_limits_are_those_of_ours() {
    for (len, limit) in [(0, 0), (1, 0), (1, 1), (600, 599), (600, 600), (20_000, 19_999)] {
        for piece in [1, 100_000] {
            let config = Config::new().max_message(limit);
            let mut ws = server(config, true).inflate_with(|_| Stored::default());
            let message = noise(len, 4);
            let expected = if len as u64 > limit {
                Err(ProtocolError::MessageTooBig)
            } else {
                Ok(vec![message.clone()])
            };
            assert!(receive(&mut ws, &[stored(&message, 500)], piece) == expected, "{len} {limit}");
        }
    }
}

/// Broken off anywhere but behind the header of a block, which then counts as that
/// of the removed tail, a message is refused, by ours as well.
#[test]
fn its_ends_are_judged() {
    let message = b"two blocks, the second shorter";
    let payload = stored(message, 16);
    for end in 0..=payload.len() {
        let whole = match end {
            1 => Some(0),
            22 => Some(16),
            41 => Some(30),
            _ => None,
        };
        let expected = match whole {
            Some(len) => Ok(vec![message[..len].to_vec()]),
            None => Err(ProtocolError::BadCompression),
        };
        let payload = [payload[..end].to_vec()];
        for piece in [1, 100] {
            let mut ours = server(Config::new(), true);
            assert_eq!(receive(&mut ours, &payload, piece), expected, "the first {end} bytes");
            let mut another = server(Config::new(), true).inflate_with(|_| Stored::default());
            assert_eq!(receive(&mut another, &payload, piece), expected, "{end}, by another");
        }
    }
    assert_eq!(payload.len(), 41);
}

#[test]
fn what_it_refuses_is_refused() {
    for bad in [b"\0\x01\0\0\0a\0", b"\x02\x01\0\xFE\xFFa\0"] {
        let mut ws = server(Config::new(), true).inflate_with(|_| Stored::default());
        let refused = receive(&mut ws, &[bad.to_vec()], 100);
        assert_eq!(refused, Err(ProtocolError::BadCompression));
    }
}

/// Where compression was not agreed there is nothing to replace.
#[test]
fn without_an_agreement_none_is_made() {
    let mut ws = WebSocket::<Server>::server_with_compression(Config::new(), None)
        .deflate_with(|_| -> Wrapped { panic!("made") })
        .inflate_with(|_| -> Stored { panic!("made") });
    let mut wire = Vec::new();
    ws.send(&[7; 1000][..], &mut wire).unwrap();
    assert_eq!((wire[0], wire.len()), (0x82, 1004));
}

/// Whether a byte more is due is told by `Checked`, and the byte is not lost.
#[test]
fn checked_looks_one_byte_ahead() {
    let message = noise(50, 5);
    for room in 1..=51 {
        for stop_at in [25, 50] {
            let mut codec = Checked::new(Stored::default());
            let (payload, mut got) = (stored(&message, 20), Vec::new());
            let mut input = &payload[..];
            loop {
                let mut place = vec![0; room];
                let Inflated { len, is_full } = codec.inflate(&mut input, &mut place).unwrap();
                got.extend_from_slice(&place[..len]);
                assert_eq!(is_full, got.len() < message.len(), "room for {room}");
                if !is_full {
                    break;
                }
                assert_eq!(len, room);
                // To ask with no room changes nothing.
                let asked = codec.inflate(&mut input, &mut []);
                assert_eq!(asked, Ok(Inflated { len: 0, is_full: true }));
                if got.len() >= stop_at {
                    break;
                }
            }
            assert!(message.starts_with(&got));
            let expected = if got == message { Ok(()) } else { Err(InflateError::Truncated) };
            assert_eq!(codec.finish(), expected);
        }
    }
}

/// What was looked ahead to belongs to the message before.
#[test]
fn checked_forgets_the_byte_ahead() {
    let mut codec = Checked::new(Stored::default());
    let (payload, mut place) = (stored(b"ab", 2), [0; 2]);
    let inflated = codec.inflate(&mut &payload[..], &mut place[..1]);
    assert_eq!((inflated, place), (Ok(Inflated { len: 1, is_full: true }), [b'a', 0]));
    codec.clear();
    let inflated = codec.inflate(&mut &b"\0"[..], &mut place);
    assert_eq!(inflated, Ok(Inflated { len: 0, is_full: false }));
}

/// A codec need not go on by itself: each call may take a byte or write one.
#[test]
fn checked_goes_on_with_a_codec_that_stops() {
    struct Lazy(Stored);

    impl Inflate for Lazy {
        fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
            let (mut first, rest) = input.split_at(input.len().min(1));
            let n = self.0.inflate(&mut first, output)?;
            if first.is_empty() {
                *input = rest;
            }
            Ok(n)
        }
        fn is_between_blocks(&self) -> bool {
            self.0.is_between_blocks()
        }
        fn clear(&mut self) {
            self.0.clear();
        }
    }

    let message = noise(50, 6);
    for room in [49, 50, 51] {
        let mut codec = Checked::new(Lazy(Stored::default()));
        let mut place = vec![0; room];
        let (payload, is_full) = (stored(&message, 20), room < 50);
        let inflated = codec.inflate(&mut &payload[..], &mut place);
        let len = room.min(50);
        assert_eq!(inflated, Ok(Inflated { len, is_full }));
        assert_eq!(place[..len], message[..len]);
        assert_eq!(codec.finish().is_ok(), !is_full);
    }
}

/// One that takes nothing, gives input back, or claims to have written more than there
/// was room for fails, and stays failed until it is cleared.
#[test]
fn checked_bears_a_codec_that_is_wrong() {
    #[derive(Clone, Copy)]
    enum Wrong {
        /// Takes nothing and writes nothing.
        Idle,
        /// Takes all, and claims to have written more than there was room for.
        Boastful(usize),
        /// Gives back more input than it got, by turns one byte and two.
        Generous(usize),
        /// Takes nothing and goes on writing.
        Endless,
    }

    impl Inflate for Wrong {
        fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
            match self {
                Self::Idle => Ok(0),
                Self::Boastful(calls) => {
                    *calls += 1;
                    assert!(*calls < 10, "it could go on for ever");
                    *input = &[];
                    Ok(output.len() + 1)
                }
                Self::Generous(calls) => {
                    *calls += 1;
                    assert!(*calls < 10, "it could go on for ever");
                    *input = &b"more than abc"[..12 + *calls % 2];
                    Ok(0)
                }
                Self::Endless => Ok(output.len()),
            }
        }
        fn is_between_blocks(&self) -> bool {
            true
        }
        fn clear(&mut self) {
            *self = Self::Endless;
        }
    }

    for wrong in [Wrong::Idle, Wrong::Boastful(0), Wrong::Generous(0)] {
        let mut codec = Checked::new(wrong);
        let inflate = |codec: &mut Checked<_>| codec.inflate(&mut &b"abc"[..], &mut [0; 9]);
        for _ in 0..2 {
            assert_eq!(inflate(&mut codec), Err(InflateError::Other));
            assert_eq!(codec.finish(), Err(InflateError::Other));
        }
        codec.clear();
        assert_eq!(inflate(&mut codec), Ok(Inflated { len: 9, is_full: true }));
        for _ in 0..2 {
            assert_eq!(codec.finish(), Err(InflateError::Truncated));
            assert_eq!(inflate(&mut codec), Err(InflateError::Truncated));
        }
    }
}

/// No payload is empty, and none is longer than the room for it: a length that says so
/// sends the message as it is, and the codec is told to forget it.
#[test]
fn a_length_that_cannot_be_is_not_believed() {
    struct Claims {
        room_times: usize,
        cleared: Arc<Mutex<usize>>,
    }

    impl Deflate for Claims {
        fn deflate(&mut self, _: &[u8], output: &mut [u8]) -> Result<usize, DeflateError> {
            Ok(self.room_times * output.len())
        }
        fn clear(&mut self) {
            *self.cleared.lock().unwrap() += 1;
        }
    }

    for room_times in [0, 3] {
        let cleared = Arc::new(Mutex::new(0));
        let mut server = server(Config::new(), true)
            .deflate_with(|_| Claims { room_times, cleared: Arc::clone(&cleared) });
        let mut wire = Vec::new();
        server.send(&[7; 1000][..], &mut wire).unwrap();
        assert_eq!((wire[0], wire.len()), (0x82, 1004), "{room_times} times the room");
        assert_eq!(*cleared.lock().unwrap(), 1, "{room_times} times the room");
    }
}

/// Takes all of its input at once, which is what it inflates to, and gives it out as
/// there is room.
struct Hoard(VecDeque<u8>);

impl Inflate for Hoard {
    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        self.0.extend(std::mem::take(input));
        let n = self.0.len().min(output.len());
        output.iter_mut().zip(self.0.drain(..n)).for_each(|(slot, byte)| *slot = byte);
        Ok(n)
    }

    fn is_between_blocks(&self) -> bool {
        self.0.is_empty()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// That the input is used up does not say that no byte is due.
#[test]
fn what_it_has_taken_is_asked_for() {
    let bytes = noise(12, 5);
    for len in 0..=bytes.len() {
        for room in 0..=bytes.len() {
            let mut checked = Checked::new(Hoard(VecDeque::new()));
            let (mut input, mut output) = (&bytes[..len], Vec::<u8>::new());
            loop {
                let mut piece = vec![0; room];
                let Inflated { len: n, is_full } = checked.inflate(&mut input, &mut piece).unwrap();
                let due = len - output.len();
                assert_eq!((n, is_full), (due.min(room), due > room), "{len} in rooms of {room}");
                output.extend(&piece[..n]);
                if !is_full || room == 0 {
                    break;
                }
            }
            assert_eq!(output, bytes[..if room == 0 { 0 } else { len }]);
        }
    }
}
