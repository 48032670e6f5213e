//! Mistakes that other implementations made with compression, by the numbers of
//! the same list as in `field_notes.rs`; and, at the end, some that came to light
//! later.
#![cfg(feature = "std")]

mod common;

use common::{BINARY, CLOSE, CONT, FIN, PING, SIDES, Seen, Side, TEXT, messages, zero_key};
use sansocket::deflate::{
    Agreement, Compression, DeflateScratch, Deflater, InflateScratch, Inflater, Level, WindowBits,
};
use sansocket::extensions::Extensions;
use sansocket::{Config, Connection, Kind, Message, ProtocolError, SendError, WebSocket};

const RSV1: u8 = 0x40;

/// What a server with these wishes agrees to, when this is offered.
fn answer(wish: Compression, offer: &str) -> Option<String> {
    let offers = Extensions::new(offer.as_bytes()).map(Result::unwrap);
    wish.accept(offers).map(|answer| answer.parameters().to_string())
}

/// The largest windows both ways.
fn agreement(takeover: bool) -> Agreement {
    let wish = Compression::new()
        .send_window(WindowBits::MAX)
        .receive_window(WindowBits::MAX)
        .send_takeover(takeover)
        .receive_takeover(takeover);
    let offer = Extensions::new(b"permessage-deflate; client_max_window_bits");
    wish.accept(offer.map(Result::unwrap)).unwrap()
}

/// A server or a client that agreed to that, fed with `pieces`.
fn receive(side: Side, config: Config, pieces: &[&[u8]]) -> common::Transcript {
    let agreed = agreement(true);
    match side {
        Side::Server => messages(WebSocket::server_with_compression(config, agreed), pieces),
        Side::Client => {
            messages(WebSocket::client_with_compression(config, zero_key, agreed), pieces)
        }
    }
}

/// The payload of `message`, compressed by itself.
fn deflated(message: &[u8]) -> Vec<u8> {
    let mut payload = vec![0; message.len() + 100];
    let mut table = vec![0; Level::Best.table_len(WindowBits::MAX)];
    let mut scratch = Box::<DeflateScratch>::default();
    let len = scratch
        .deflate_whole(Level::Best, WindowBits::MAX, &mut table, message, &mut payload)
        .unwrap();
    payload.truncate(len);
    payload
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// 65 KB became 64 MiB under a limit of 128 KiB (soketto), without any limit
/// (ratchet, Python's websockets CVE-2018-1000518, undici CVE-2026-1526, Bandit
/// CVE-2026-39804), or it was looked at once all was inflated (websocketpp #1191), or
/// the last call of the inflater went over it (sockudo #76).
#[test]
fn mistake_28_inflating_without_limit() {
    let bomb = deflated(&vec![0; 4 << 20]);
    assert!(bomb.len() < 5000);
    let config = Config::new().max_message(8 << 10);
    for side in SIDES {
        let script = receive(side, config, &[&side.frame(FIN | BINARY | RSV1, &bomb)]);
        assert_eq!(script.error, Some(ProtocolError::MessageTooBig));
        let fragments = side.fragments(BINARY | RSV1, &bomb.chunks(50).collect::<Vec<_>>());
        let script = receive(side, config, &[&fragments]);
        assert_eq!(script.error, Some(ProtocolError::MessageTooBig));
    }
    // Not a byte over the room is written, in whatever calls.
    for piece in [1, 7, bomb.len()] {
        let (mut scratch, mut inflater) = (InflateScratch::new(), Inflater::new());
        let mut place = vec![0xEE; 1001];
        for mut input in bomb.chunks(piece) {
            let (bits, room) = (WindowBits::MAX, &mut place[..1000]);
            let inflated = inflater.inflate_whole(&mut scratch, bits, &mut input, room).unwrap();
            assert!(inflated.is_full || inflater.len() <= 1000);
        }
        assert_eq!((inflater.len(), place[1000]), (1000, 0xEE));
    }
}

/// A message that did not shrink was sent as it is, and stayed in the sender's
/// history, though the receiver never inflated it (sockudo 2.1.0 #14).
#[test]
fn mistake_29_history_out_of_step() {
    let agreed = agreement(true);
    let mut server = WebSocket::server_with_compression(Config::new(), agreed);
    let mut wire = Vec::new();
    let noise = noise(5000);
    let text = "a text that shrinks, a text that shrinks".repeat(30);
    // The noise again and again: were it in the history, it would be a match.
    let mut sent: Vec<Message<'_>> = Vec::new();
    for i in 0..20 {
        sent.push(Message::from(&noise[i..]));
        sent.push(Message::from(&text));
        sent.push(Message::from([&noise[..1000], text.as_bytes()].concat()));
    }
    for message in &sent {
        server.send(message, &mut wire).unwrap();
        server.send_uncompressed("beside it", &mut wire).unwrap();
    }
    assert_eq!(wire[..2], [FIN | BINARY, 126], "the noise went out as it is");
    for step in [1, 1000, wire.len()] {
        let pieces: Vec<_> = wire.chunks(step).collect();
        let script = receive(Side::Client, Config::new(), &pieces);
        assert_eq!(script.error, None);
        let seen = script.seen.iter().step_by(2);
        assert!(
            seen.eq(sent
                .iter()
                .map(|message| match message.kind() {
                    Kind::Text => Seen::Text(message.as_bytes().to_vec()),
                    Kind::Binary => Seen::Binary(message.as_bytes().to_vec()),
                })
                .collect::<Vec<_>>()
                .iter())
        );
    }
}

/// Final blocks inside a message; the bit on continuations and control frames;
/// long messages that do not shrink, cut off; a window of 8 bits that became one
/// of 9 without a word.
#[test]
fn mistake_30_final_blocks_stray_bits_and_windows() {
    for side in SIDES {
        // "Hello" in a final block; a second stream behind it in the same
        // message; and another message.
        let hello = b"\xF3\x48\xCD\xC9\xC9\x07\x00";
        let twice = [&hello[..], hello, b"\x00"].concat();
        let bytes = [
            side.frame(FIN | TEXT | RSV1, &[&hello[..], b"\x00"].concat()),
            side.frame(FIN | TEXT | RSV1, &twice),
            side.frame(FIN | TEXT | RSV1, &deflated(b"after it")),
        ]
        .concat();
        let texts = ["Hello", "HelloHello", "after it"];
        let texts = texts.map(|text| Seen::Text(text.as_bytes().to_vec()));
        assert_eq!(receive(side, Config::new(), &[&bytes]).seen(), texts);

        let open = side.frame(TEXT | RSV1, &hello[..3]);
        for stray in [CONT | RSV1, FIN | CONT | RSV1, PING | RSV1, CLOSE | RSV1] {
            let bytes = [&open[..], &side.frame(stray, b"")].concat();
            let script = receive(side, Config::new(), &[&bytes]);
            assert_eq!(script.error, Some(ProtocolError::ReservedBits), "{stray:02x}");
        }

        for len in [100, 65_535, 65_536, 300_000] {
            let noise = noise(len);
            let bytes = side.frame(FIN | BINARY | RSV1, &deflated(&noise));
            assert_eq!(receive(side, Config::new(), &[&bytes]).seen(), [Seen::Binary(noise)]);
        }
    }
    // 8 is 8: what is agreed is said, and what is sent keeps to it.
    let eight = WindowBits::new(8).unwrap();
    let wish = Compression::new().send_window(eight);
    let said = answer(wish, "permessage-deflate; server_max_window_bits=15").unwrap();
    assert!(said.contains("server_max_window_bits=8"), "{said}");
    let message = [noise(250), vec![b'-'; 20], noise(250)].concat();
    let mut deflater = Deflater::new(Level::Best, eight, vec![0; Level::Best.memory_len(eight)]);
    let mut payload = vec![0; 2000];
    let mut scratch = Box::<DeflateScratch>::default();
    let len = deflater.deflate(&mut scratch, &message, true, &mut payload).unwrap();
    let mut output = vec![0; message.len()];
    let inflated = Inflater::new().inflate_whole(
        &mut InflateScratch::new(),
        eight,
        &mut &payload[..len],
        &mut output,
    );
    assert!(inflated.is_ok_and(|inflated| inflated.len == message.len()) && output == message);
}

/// 300 KB and more for each connection (Node's ws). This is what is asked for; that
/// nothing else is allocated is counted in `allocation.rs`, by
/// `compression_holds_its_windows_and_little_else`.
#[test]
fn mistake_31_memory_of_a_connection() {
    let bits = WindowBits::DEFAULT;
    assert!(bits.size() + Level::Fast.memory_len(bits) <= 12 << 10, "both directions");
    let largest = WindowBits::MAX.size() + Level::Fast.memory_len(WindowBits::MAX);
    assert!(largest <= 96 << 10, "with the largest windows");
}

/// Limits that were held against the compressed size alone (websocket-driver
/// CVE-2026-54464, gorilla, autobahn-python #1909), or not before
/// authentication (NATS CVE-2026-27571).
#[test]
fn mistake_33_limits_on_the_compressed_size() {
    for side in SIDES {
        let payload = deflated(&[b'x'; 2000]);
        assert!(payload.len() < 50);
        let config = Config::new().max_message(1000);
        let script = receive(side, config, &[&side.frame(FIN | TEXT | RSV1, &payload)]);
        assert_eq!(script.error, Some(ProtocolError::MessageTooBig));
        // Nor may fragments gather what inflates to nothing.
        let empty = [side.frame(TEXT | RSV1, b""), side.frame(CONT, b"").repeat(200_000)].concat();
        let script = receive(side, Config::new(), &[&empty]);
        assert_eq!(script.error, Some(ProtocolError::TooManyFragments));
        // Empty stored blocks, of which each takes five bytes and gives none.
        let blocks = [0, 0, 0, 0xFF, 0xFF].repeat(4000);
        let script = receive(side, config, &[&side.frame(BINARY | RSV1, &blocks)]);
        assert_eq!(script.error, Some(ProtocolError::MessageTooBig));
    }
}

/// A Ping between two compressed fragments cost the message (wsproto #205,
/// aiohttp #12988, libwebsockets #1470).
#[test]
fn mistake_37_a_ping_inside_a_compressed_message() {
    let text = "compressed, in pieces, with something between them".repeat(3);
    let payload = deflated(text.as_bytes());
    for side in SIDES {
        let mut bytes = Vec::new();
        for (i, piece) in payload.chunks(7).enumerate() {
            bytes.extend(side.frame(if i == 0 { TEXT | RSV1 } else { CONT }, piece));
            bytes.extend(side.frame(PING, &[i as u8]));
        }
        bytes.extend(side.frame(FIN | CONT, b""));
        for pieces in [vec![&bytes[..]], bytes.chunks(1).collect()] {
            let script = receive(side, Config::new(), &pieces);
            assert_eq!(script.error, None);
            assert_eq!(script.seen.last(), Some(&Seen::Text(text.clone().into_bytes())));
        }
    }
}

/// Inflating what was not agreed (aiohttp #12976, NATS #8029); windows out of
/// range (undici CVE-2026-2229), an offer of 8 that gave a 500 or a crash;
/// nothing in later messages after a final block (websockets); cut off data
/// taken for whole (ws, websockets, autobahn-python #1908); writing out of bounds
/// (`CivetWeb` CVE-2026-29035).
#[test]
fn mistake_38_what_is_not_agreed_or_not_whole() {
    let payload = deflated(b"hello hello hello hello");
    for side in SIDES {
        let bytes = side.frame(FIN | TEXT | RSV1, &payload);
        let script = side.messages(Config::new(), &[&bytes]);
        assert_eq!(script.error, Some(ProtocolError::ReservedBits));
        // (That messages behind a final block arrive is shown in 30.)
        for len in 0..payload.len() {
            let cut = side.frame(FIN | TEXT | RSV1, &payload[..len]);
            let script = receive(side, Config::new(), &[&cut]);
            assert_eq!(script.error, Some(ProtocolError::BadCompression), "{len} bytes");
            assert_eq!(script.seen(), []);
        }
    }
    for bits in ["7", "16", "0", "-1", "08", "4294967304", "", "\"\""] {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let offers = Extensions::new(offer.as_bytes()).map_while(Result::ok);
        assert_eq!(Compression::new().accept(offers), None, "{bits:?}");
    }
    for bits in 8..=15 {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let wish = Compression::new().send_window(WindowBits::MAX);
        let said = answer(wish, &offer).unwrap();
        assert!(said.contains(&format!("server_max_window_bits={bits}")), "{said}");
    }
    // Matches that reach too far, for every distance the format has, and room
    // for nothing: not a byte is touched that is not ours.
    for first in 0..=255 {
        for second in 0..=255 {
            let payload = [0xF2, first, second, 0xFF, 0x55, 0xAA];
            let mut place = [0xEE; 48];
            let (before, rest) = place.split_at_mut(8);
            let (room, behind) = rest.split_at_mut(8);
            let mut inflater = Inflater::new();
            let _ = inflater.inflate_whole(
                &mut InflateScratch::new(),
                WindowBits::MAX,
                &mut &payload[..],
                room,
            );
            assert!(before.iter().chain(&*behind).all(|byte| *byte == 0xEE));
        }
    }
}

// Since.

/// Text that ends in the middle of a character, in a last fragment of no bytes,
/// is delivered as text by tokio-websockets 0.13.3 (found by `differential/`).
#[test]
fn since_1_text_cut_by_an_empty_last_fragment() {
    for side in SIDES {
        for cut in ["é", "€", "😀"]
            .map(str::as_bytes)
            .into_iter()
            .flat_map(|character| (1..character.len()).map(|len| &character[..len]))
        {
            let bytes = side.fragments(TEXT, &[b"text", cut, b""]);
            let script = side.messages(Config::new(), &[&bytes]);
            assert_eq!((script.seen(), script.error), (&[][..], Some(ProtocolError::TextNotUtf8)));
            let text = [b"text", cut].concat();
            let bytes = side.fragments(TEXT | RSV1, &[&deflated(&text), b""]);
            let script = receive(side, Config::new(), &[&bytes]);
            assert_eq!((script.seen(), script.error), (&[][..], Some(ProtocolError::TextNotUtf8)));
        }
    }
}

/// Sending went on while the connection was being closed, and wrote into
/// whatever came to use the socket next (Tomcat CVE-2022-25762).
#[test]
fn since_2_sending_while_closing() {
    let mut ws = WebSocket::server_with_compression(Config::new(), agreement(true));
    let mut output = Vec::new();
    let mut close = Side::Server.frame(CLOSE, b"\x03\xE8");
    ws.receive(&mut &mut close[..], &mut output).unwrap();
    let before = output.len();
    for message in ["short", &"long enough to be compressed ".repeat(9)] {
        assert_eq!(ws.send(message, &mut output), Err(SendError::Closed));
        assert_eq!(ws.send_uncompressed(message, &mut output), Err(SendError::Closed));
    }
    assert_eq!(output.len(), before);
}

/// Frames and messages of 2 GB were accepted, and no smaller limit could be set
/// (Qt up to 5.14, CVE-2018-21035).
#[test]
fn since_3_limits_that_cannot_be_set() {
    for side in SIDES {
        for limit in [0, 1, 100, 70_000] {
            let config = Config::new().max_message(limit);
            let whole = vec![b'x'; limit as usize];
            let script = side.messages(config, &[&side.frame(FIN | BINARY, &whole)]);
            assert_eq!(script.seen(), [Seen::Binary(whole)]);
            let script = side.messages(config, &[&side.header(FIN | BINARY, limit + 1)]);
            assert_eq!(script.error, Some(ProtocolError::MessageTooBig));
        }
    }
}

/// Limits were at their widest by default (ws CVE-2016-10542), or those that were
/// configured were never handed down to whom they concern (Daphne CVE-2026-44545).
#[test]
fn since_5_limits_in_every_constructor() {
    type Receive = Box<dyn FnMut(&mut &mut [u8]) -> Result<bool, ProtocolError>>;
    // What receives, and what else it takes, as one that says whether something came.
    macro_rules! receive {
        ($ws:expr $(, $output:expr)?) => {{
            let mut ws = $ws;
            Box::new(move |input| ws.receive(input $(, $output)?).map(|came| came.is_some()))
        }};
    }
    let plain = |config: Config| -> [(Side, Receive); 8] {
        let none: Option<Agreement> = None;
        [
            (Side::Server, receive!(Connection::server(config))),
            (Side::Client, receive!(Connection::client(config, zero_key))),
            (Side::Server, receive!(Connection::server(config).split().0)),
            (Side::Client, receive!(Connection::client(config, zero_key).split().0)),
            (Side::Server, receive!(WebSocket::server(config), &mut vec![])),
            (Side::Client, receive!(WebSocket::client(config, zero_key).split().0)),
            (Side::Server, receive!(WebSocket::server_with_compression(config, none).split().0)),
            (
                Side::Client,
                receive!(WebSocket::client_with_compression(config, zero_key, none), &mut vec![]),
            ),
        ]
    };
    let compressed = |config: Config| -> [(Side, Receive); 4] {
        let agreed = agreement(true);
        let server = || WebSocket::server_with_compression(config, agreed);
        let client = || WebSocket::client_with_compression(config, zero_key, agreed);
        [
            (Side::Server, receive!(server(), &mut vec![])),
            (Side::Client, receive!(client(), &mut vec![])),
            (Side::Server, receive!(server().split().0)),
            (Side::Client, receive!(client().split().0)),
        ]
    };
    let error = |receive: &mut Receive, mut bytes: Vec<u8>| {
        let mut input = &mut bytes[..];
        loop {
            match receive(&mut input) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(error),
            }
        }
    };

    let too_big = Some(ProtocolError::MessageTooBig);
    let config = Config::new().max_message(10).max_frame(5).max_fragments(3);
    for (fragments, expected) in [
        (&[&b"12345"[..], b"67890"][..], None),
        (&[b"123456"], Some(ProtocolError::FrameTooBig)),
        (&[b"12345", b"67890", b"1"], too_big),
        (&[b"1", b"", b"", b"2"], Some(ProtocolError::TooManyFragments)),
    ] {
        let ways = plain(config).into_iter().chain(compressed(config));
        for (n, (side, mut receive)) in ways.enumerate() {
            let bytes = side.fragments(TEXT, fragments);
            assert_eq!(error(&mut receive, bytes), expected, "{n}: {fragments:?}");
        }
    }
    for (n, (side, mut receive)) in plain(Config::new()).into_iter().enumerate() {
        let header = side.header(FIN | BINARY, (16 << 20) + 1);
        assert_eq!(error(&mut receive, header), too_big, "{n} by default");
    }

    // Of what is compressed, the inflated size counts, and the frames as they come.
    let config = Config::new().max_message(1000).max_frame(50).max_fragments(3);
    let (exact, over) = (deflated(&[b'x'; 1000]), deflated(&[b'x'; 1001]));
    let noise = deflated(&noise(60));
    for (first, fragments, expected) in [
        (TEXT, &[&exact[..]][..], None),
        (TEXT, &[&over], too_big),
        (BINARY, &[&noise], Some(ProtocolError::FrameTooBig)),
        (TEXT, &[b"", &exact, b""], None),
        (TEXT, &[b"", b"", &exact, b""], Some(ProtocolError::TooManyFragments)),
    ] {
        for (n, (side, mut receive)) in compressed(config).into_iter().enumerate() {
            let bytes = side.fragments(first | RSV1, fragments);
            assert_eq!(error(&mut receive, bytes), expected, "{n}: {fragments:02x?}");
        }
    }
    let bomb = deflated(&vec![0; (16 << 20) + 1]);
    for (n, (side, mut receive)) in compressed(Config::new()).into_iter().enumerate() {
        let bomb = side.frame(FIN | BINARY | RSV1, &bomb);
        assert_eq!(error(&mut receive, bomb), too_big, "{n} by default");
    }
}
