//! permessage-deflate from negotiation to whole messages.
#![cfg(feature = "std")]

use proptest::prelude::*;
use sansocket::deflate::{
    Agreement, Compression, DeflateError, DeflateScratch, Deflater, InflateError, InflateScratch,
    InflateWindow, Inflater, Level, WindowBits, max_deflated_len,
};
use sansocket::extensions::Extensions;
use sansocket::frame::{Header, Opcode, Rsv};
use sansocket::handshake::{
    ClientHandshake, ComposeError, HandshakeError, RequestReader, ResponseReader, Url,
};
use sansocket::{
    ChaChaKeys, Client, CloseCode, Config, Connection, Event, Kind, Message, Payload,
    ProtocolError, Received, Scratch, SendError, Server, WebSocket,
};

fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

/// Both ends after a handshake over the wire.
fn pair(
    client: Compression,
    server: Compression,
    config: Config,
) -> (WebSocket<Client>, WebSocket<Server>, Agreement) {
    let url = Url::parse("ws://example.com/").unwrap();
    let handshake = ClientHandshake::new([7; 16]).compression(client);
    let mut out = [0; 1024];
    let request = handshake.request(&url, &mut out).finish().unwrap();
    let request = RequestReader::new().read(request).unwrap().unwrap();
    let answer = server.accept(request.extensions()).unwrap();
    let mut out = [0; 1024];
    let upgrade = request.upgrade().unwrap();
    let response = upgrade.accept(&mut out).compression(answer).finish().unwrap();
    let response = ResponseReader::new().read(response).unwrap().unwrap();
    let agreed = handshake.check(&response).unwrap().compression().unwrap();
    assert_eq!(agreed.server(), answer.server());
    assert_eq!(agreed.client(), answer.client());
    let keys = ChaChaKeys::from_seed([1; 32]);
    let client = WebSocket::client_with_compression(config, keys, agreed);
    (client, WebSocket::server_with_compression(config, answer), agreed)
}

/// What the server makes of `wire`, read in pieces of `step` bytes.
fn received(
    server: &mut WebSocket<Server>,
    wire: &mut [u8],
    step: usize,
) -> Result<Vec<Message<'static>>, ProtocolError> {
    let mut messages = Vec::new();
    for mut input in wire.chunks_mut(step) {
        while let Some(received) = server.receive(&mut input, &mut Vec::new())? {
            if let Received::Message(message) = received {
                messages.push(message.into_owned());
            }
        }
    }
    Ok(messages)
}

/// A masked frame with key zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u64;
    let (opcode, mask) = (Opcode::Binary, Some([0; 4]));
    let mut frame = Header { fin: true, rsv: Rsv::NONE, opcode, mask, len }.encode().to_vec();
    frame[0] = first;
    frame.extend_from_slice(payload);
    frame
}

/// The largest windows, with takeover or without.
fn agreement(takeover: bool, wish: Compression) -> Agreement {
    let wish = wish.send_window(WindowBits::MAX).receive_window(WindowBits::MAX);
    let wish = wish.send_takeover(takeover).receive_takeover(takeover);
    let offers = Extensions::new(b"permessage-deflate; client_max_window_bits");
    wish.accept(offers.map(Result::unwrap)).unwrap()
}

fn server(takeover: bool, config: Config) -> WebSocket<Server> {
    WebSocket::server_with_compression(config, agreement(takeover, Compression::new()))
}

fn text(text: &str) -> Message<'static> {
    Message::from(text.to_owned())
}

#[test]
fn extensions_of_the_application_beside_compression() {
    let url = Url::parse("ws://example.com/").unwrap();
    let own = "x-own; level=\"3\", x-other";
    let offer = |wish: Option<Compression>, own| {
        let handshake = ClientHandshake::new([7; 16]).extensions(own);
        wish.map_or(handshake, |wish| handshake.compression(wish))
    };
    let exchange = |wish, accepted: &str| {
        let handshake = offer(wish, own);
        let mut out = [0; 1024];
        let request = handshake.request(&url, &mut out).finish().unwrap();
        let request = RequestReader::new().read(request).unwrap().unwrap();
        assert!(request.extensions().any(|offer| offer.name() == "x-own"));
        let answer = Compression::new().accept(request.extensions());
        assert_eq!(answer.is_some(), wish.is_some());
        let (upgrade, mut out) = (request.upgrade().unwrap(), [0; 1024]);
        let response =
            upgrade.accept(&mut out).compression(answer).extensions(accepted).finish()?;
        let response = ResponseReader::new().read(response).unwrap().unwrap();
        let checked = handshake.check(&response).unwrap();
        assert_eq!(checked.compression().is_some(), wish.is_some());
        let names: Vec<_> = checked.extensions().map(|extension| extension.name()).collect();
        Ok(names.join(" "))
    };
    let wish = Some(Compression::new());
    assert_eq!(exchange(wish, "x-own; level=2"), Ok("permessage-deflate x-own".to_owned()));
    assert_eq!(exchange(wish, ""), Ok("permessage-deflate".to_owned()));
    assert_eq!(exchange(None, "x-other"), Ok("x-other".to_owned()));
    assert_eq!(exchange(None, ""), Ok(String::new()));
    assert_eq!(exchange(wish, "permessage-deflate"), Err(ComposeError::BadExtension));
    for bad in ["x-new", "x-own;", "x-own\r\n", "permessage-deflate", ",", " ", "x-own, x-own"] {
        assert_eq!(exchange(None, bad), Err(ComposeError::BadExtension), "{bad:?}");
        let mut out = [0; 1024];
        let made = offer(None, bad).request(&url, &mut out).finish().map(drop);
        let malformed = !["x-new", "permessage-deflate"].contains(&bad);
        assert_eq!(made.is_err(), malformed, "{bad:?}");
    }
}

#[test]
fn responses_with_extensions_that_fail_the_client() {
    for (extensions, error) in [
        ("x-new", HandshakeError::ExtensionNotOffered),
        ("x-own, x-own", HandshakeError::ExtensionNotOffered),
        ("permessage-deflate; foo", HandshakeError::ExtensionNotOffered),
        ("permessage-deflate, permessage-deflate", HandshakeError::ExtensionNotOffered),
        ("permessage-deflate;", HandshakeError::BadExtensions),
        ("x-own\r\nSec-WebSocket-Extensions: permessage-deflate", HandshakeError::BadExtensions),
    ] {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Extensions: {extensions}\r\n\r\n"
        );
        let wide = Compression::new().send_window(WindowBits::MAX).receive_window(WindowBits::MAX);
        let handshake = ClientHandshake::new(*b"the sample nonce").compression(wide);
        let response = ResponseReader::new().read(head.as_bytes()).unwrap().unwrap();
        let checked = handshake.extensions("x-own").check(&response);
        assert_eq!(checked.map(drop), Err(error), "{extensions}");
    }
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn rfc_7692_7_2_3_examples() {
    for (takeover, frames, expected) in [
        (true, vec![frame(0xc1, &HELLO)], &["Hello"][..]),
        // §7.2.3.1, a fragmented message.
        (true, vec![frame(0x41, &HELLO[..3]), frame(0x80, &HELLO[3..])], &["Hello"]),
        // §7.2.3.2, the second refers to the first.
        (
            true,
            vec![frame(0xc1, &HELLO), frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00])],
            &["Hello", "Hello"],
        ),
        (false, vec![frame(0xc1, &HELLO), frame(0xc1, &HELLO)], &["Hello", "Hello"]),
        // §7.2.3.3, a block without compression.
        (true, vec![frame(0xc1, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")], &["Hello"]),
        // §7.2.3.4, a final block, and a message after it.
        (
            true,
            vec![frame(0xc1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), frame(0xc1, &HELLO)],
            &["Hello", "Hello"],
        ),
        // §7.2.3.5, two blocks.
        (
            true,
            vec![frame(0xc1, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")],
            &["Hello"],
        ),
        // A Ping between the fragments, empty ones, and a message as it is.
        (
            true,
            vec![
                frame(0x41, b""),
                frame(0x89, b"ping"),
                frame(0x00, &HELLO[..1]),
                frame(0x8a, b""),
                frame(0x00, b""),
                frame(0x80, &HELLO[1..]),
                frame(0x81, b"plain"),
                frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
            ],
            &["Hello", "plain", "Hello"],
        ),
    ] {
        let wire = frames.concat();
        for step in 1..=wire.len() {
            let mut server = server(takeover, Config::new());
            let expected: Vec<_> = expected.iter().map(|message| text(message)).collect();
            assert_eq!(received(&mut server, &mut wire.clone(), step), Ok(expected), "{wire:02x?}");
        }
    }
}

#[test]
fn what_breaks_the_rules() {
    use ProtocolError::{BadCompression, MessageTooBig, ReservedBits, TextNotUtf8};
    let limit = Config::new().max_message(4);
    for (config, frames, expected) in [
        // The bit on a continuation and on a control frame.
        (Config::new(), vec![frame(0x41, &HELLO), frame(0xc0, b"")], ReservedBits),
        (Config::new(), vec![frame(0xc9, b"")], ReservedBits),
        (Config::new(), vec![frame(0xe1, &HELLO)], ReservedBits),
        // Truncated, of no bytes, of a block type that there is not.
        (Config::new(), vec![frame(0xc1, &HELLO[..5])], BadCompression),
        (Config::new(), vec![frame(0xc1, b"")], BadCompression),
        (Config::new(), vec![frame(0xc1, b"\x06")], BadCompression),
        // Not all of the tail removed.
        (Config::new(), vec![frame(0xc1, &[&HELLO[..], &[0]].concat())], BadCompression),
        (Config::new(), vec![frame(0xc1, &[&HELLO[..], &[0, 0]].concat())], BadCompression),
        (Config::new(), vec![frame(0xc1, &[&HELLO[..], &[0, 0, 255]].concat())], BadCompression),
        // A distance with nothing behind it.
        (Config::new(), vec![frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00])], BadCompression),
        (limit, vec![frame(0xc1, &HELLO)], MessageTooBig),
        // FF in a stored block, the end of the message not even there.
        (Config::new(), vec![frame(0x41, b"\x00\x01\x00\xfe\xff\xff")], TextNotUtf8),
        (Config::new(), vec![frame(0xc1, b"\x00\x01\x00\xfe\xff\xff\x00")], TextNotUtf8),
    ] {
        let wire = frames.concat();
        for step in 1..=wire.len() {
            let mut server = server(true, config);
            assert_eq!(
                received(&mut server, &mut wire.clone(), step),
                Err(expected),
                "{wire:02x?}"
            );
        }
    }
    // Not agreed, whatever layer 1 may do.
    for config in [Config::new(), Config::new().allow_compressed(true)] {
        let mut plain = WebSocket::server(config);
        assert_eq!(received(&mut plain, &mut frame(0xc1, &HELLO), 99), Err(ReservedBits));
        let mut plain = WebSocket::server_with_compression(config, None);
        assert_eq!(received(&mut plain, &mut frame(0xc1, &HELLO), 99), Err(ReservedBits));
    }
}

#[test]
fn the_limit_is_exact_and_a_bomb_stops_there() {
    let (mut client, _, _) =
        pair(Compression::new(), Compression::new(), Config::new().max_message(100 << 20));
    let mut bomb = Vec::new();
    client.send(vec![0; 8 << 20], &mut bomb).unwrap();
    assert!(bomb.len() < 64 << 10, "{}", bomb.len());
    for (limit, expected) in [
        (8 << 20, Ok(vec![Message::from(vec![0; 8 << 20])])),
        ((8 << 20) - 1, Err(ProtocolError::MessageTooBig)),
        (64 << 10, Err(ProtocolError::MessageTooBig)),
        (0, Err(ProtocolError::MessageTooBig)),
    ] {
        let config = Config::new().max_message(limit);
        let mut server = server(true, config);
        let mut output = Vec::new();
        let mut bytes = bomb.clone();
        let mut input = &mut bytes[..];
        let got = server.receive(&mut input, &mut output);
        match expected {
            Ok(messages) => assert_eq!(got, Ok(messages.into_iter().next().map(Received::Message))),
            Err(error) => {
                assert_eq!(got, Err(error));
                assert_eq!(output[2..4], CloseCode::MESSAGE_TOO_BIG.get().to_be_bytes());
            }
        }
    }
    let mut server = server(true, Config::new().max_ratio(100));
    assert_eq!(received(&mut server, &mut bomb, 999), Err(ProtocolError::MessageTooBig));
}

/// What DEFLATE has of the densest: a literal, and matches of 258 bytes in two bits, of
/// which a byte of zeros holds four.
fn densest(zeros: usize) -> Vec<u8> {
    // Of the codes, 18 (many zeros) has one bit, 1 and 2 have two.
    let lengths_of_codes = ["000", "000", "100"].into_iter().chain(["000"; 12]);
    let header = ["0", "01", "10111", "00000", "0111"].into_iter().chain(lengths_of_codes);
    let header = header.chain(["010", "000", "010"]);
    // Literal 0 and the end have two bits, a length of 258 and a distance of 1 one.
    let codes = ["11", "01111111", "00101011", "11", "01000100", "10", "10"];
    // The block's end, and a stored one, of which the rest is left out.
    let bits = header.chain(codes).chain(["10"]).flat_map(str::bytes);
    let bits = bits.chain((0..8 * zeros).map(|_| b'0')).chain(*b"11000");
    let bits: Vec<_> = bits.map(|bit| bit - b'0').collect();
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

#[test]
fn by_default_no_ratio_is_too_much() {
    let zeros = 16_000;
    let wire = frame(0xc2, &densest(zeros));
    let too_much = Err(ProtocolError::MessageTooBig);
    for (ratio, expected) in [(None, Ok(1 + 1032 * zeros)), (Some(1031), too_much)] {
        for takeover in [true, false] {
            let config = ratio.map_or(Config::new(), |ratio| Config::new().max_ratio(ratio));
            let mut server = server(takeover, config);
            let messages = received(&mut server, &mut wire.clone(), wire.len());
            let lens = messages.map(|messages| messages[0].as_bytes().len());
            assert_eq!(lens, expected, "{ratio:?}");
        }
    }
}

/// A message of `x` with a flush at the end of each piece, so that the input can
/// end where a piece does.
fn flushed(pieces: usize, piece: usize) -> Vec<Vec<u8>> {
    let mut deflater = Deflater::new(Level::Fast, WindowBits::MAX, vec![0; 1 << 16]);
    let mut scratch = Box::<DeflateScratch>::default();
    let mut payloads = Vec::new();
    for i in 0..pieces {
        let mut payload = vec![0; max_deflated_len(piece)];
        let len = deflater.deflate(&mut scratch, &vec![b'x'; piece], true, &mut payload).unwrap();
        payload.truncate(len);
        if i + 1 < pieces {
            payload.extend_from_slice(&[0, 0, 0xFF, 0xFF]);
        }
        payloads.push(payload);
    }
    payloads
}

#[test]
fn no_cut_gets_past_the_ratio() {
    for (pieces, piece, ratio, too_much) in [
        (512, 16384, 10, true),
        (512, 16384, 5000, false),
        (6, 16384, 20, true),
        (5, 16384, 2, true),
        (4, 16384, 2, false),
        (5, 16384, 5000, false),
        (3, 30_000, 2, true),
    ] {
        let payloads = flushed(pieces, piece);
        let whole = frame(0xc2, &payloads.concat());
        let verdict = |wire: &[u8], step| {
            let mut server = server(true, Config::new().max_ratio(ratio));
            let messages = received(&mut server, &mut wire.to_vec(), step);
            messages.map(|messages| messages[0].as_bytes().len())
        };
        let expected =
            if too_much { Err(ProtocolError::MessageTooBig) } else { Ok(pieces * piece) };
        let mut fragments = Vec::new();
        for (i, payload) in payloads.iter().enumerate() {
            let first = if i == 0 { 0x42 } else { 0 } | if i + 1 == pieces { 0x80 } else { 0 };
            fragments.extend(frame(first, payload));
        }
        for step in [1, 7, 100, whole.len()] {
            assert_eq!(verdict(&whole, step), expected, "{pieces} of {piece}, ratio {ratio}");
            assert_eq!(verdict(&fragments, step), expected, "{pieces} of {piece}, ratio {ratio}");
        }
    }
}

#[test]
fn parameters_without_values_have_none() {
    let answer = |offer: &str| {
        let offers = Extensions::new(offer.as_bytes()).map(Result::unwrap);
        Compression::new().accept(offers).is_some()
    };
    for name in ["server_no_context_takeover", "client_no_context_takeover"] {
        assert!(answer(&format!("permessage-deflate; {name}")));
        for value in ["1", "true", "\"10\""] {
            assert!(!answer(&format!("permessage-deflate; {name}={value}")), "{name}={value}");
        }
    }
}

/// The ratio is asked as the message comes, of what has been inflated so far.
#[test]
fn what_follows_a_bomb_does_not_excuse_it() {
    let mut noise = 1_u32;
    let noise = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    });
    let message: Vec<u8> =
        std::iter::repeat_n(b'x', 200 << 10).chain(noise.take(100_000)).collect();
    let mut deflater = Deflater::new(Level::Fast, WindowBits::MAX, vec![0; 1 << 16]);
    let mut payload = vec![0; max_deflated_len(message.len())];
    let len = deflater
        .deflate(&mut Box::<DeflateScratch>::default(), &message, true, &mut payload)
        .unwrap();
    let wire = frame(0xc2, &payload[..len]);
    assert!(message.len() < 4 * wire.len(), "in the end, a ratio like any");
    for (ratio, expected) in [(10, Err(ProtocolError::MessageTooBig)), (u32::MAX, Ok(1))] {
        for takeover in [true, false] {
            for step in [100, 4096, 50_000, wire.len()] {
                let mut server = server(takeover, Config::new().max_ratio(ratio));
                let messages = received(&mut server, &mut wire.clone(), step);
                assert_eq!(messages.map(|messages| messages.len()), expected, "{ratio}, {step}");
            }
        }
    }
}

/// What a level is for: none of its ways to find a match, to choose codes or to end a
/// block may fall out of use unnoticed, as every one of them makes valid DEFLATE. The
/// sizes are what they came to: a change that trades one for another sets them anew.
#[test]
fn how_small_it_gets() {
    let sample = Sample::new();
    let mut scratch = Box::<DeflateScratch>::default();
    for (what, message, most) in [
        ("records", &sample.records[..], [4103, 3679, 3448]),
        ("a record", &sample.records[..60], [52, 52, 52]),
        ("some records", &sample.records[..2000], [489, 472, 449]),
        ("syllables", &sample.syllables, [5620, 4793, 4453]),
        ("bytes of different frequency", &sample.skewed, [16_079, 16_123, 16_123]),
        ("records, noise, records", &sample.mixed, [8138, 7553, 7262]),
    ] {
        let mut sizes = [0; 3];
        for (level, size) in LEVELS.into_iter().zip(&mut sizes) {
            let table = &mut vec![0; level.table_len(WindowBits::MAX)];
            let mut payload = vec![0; max_deflated_len(message.len())];
            *size = scratch
                .deflate_whole(level, WindowBits::MAX, table, message, &mut payload)
                .unwrap();
        }
        assert!(sizes.iter().zip(most).all(|(size, most)| *size <= most), "{what}: {sizes:?}");
    }
}

/// As above, with all that came before as history, as far as the window reaches, and
/// with blocks as small as the scratch makes them.
#[test]
fn how_small_it_gets_with_history() {
    let sample = Sample::new();
    for (what, text, len, window, most) in [
        ("records, one by one", &sample.records[..], 60, 8, [9737, 7586, 7579]),
        ("records, one by one", &sample.records, 60, 10, [7844, 6558, 6255]),
        ("records, one by one", &sample.records, 60, 15, [6726, 5950, 5709]),
        ("records, five at a time", &sample.records, 300, 9, [7113, 5875, 5728]),
        ("long messages", &sample.mixed, 7000, 8, [12_230, 10_061, 10_058]),
        ("long messages", &sample.mixed, 7000, 12, [9388, 8625, 8312]),
        ("syllables", &sample.syllables, 1000, 11, [6070, 5138, 4828]),
    ] {
        let mut sizes = [0; 3];
        for (level, size) in LEVELS.into_iter().zip(&mut sizes) {
            let memory = vec![0; level.memory_len(bits(window))];
            let mut deflater = Deflater::new(level, bits(window), memory);
            let mut scratch = Box::new(DeflateScratch::<500>::new());
            for message in text.chunks(len) {
                let mut payload = vec![0; max_deflated_len(message.len())];
                *size += deflater.deflate(&mut scratch, message, true, &mut payload).unwrap();
            }
        }
        assert!(
            sizes.iter().zip(most).all(|(size, most)| *size <= most),
            "{what}, window of {window} bits: {sizes:?}"
        );
    }
}

const LEVELS: [Level; 3] = [Level::Fast, Level::Balanced, Level::Best];

/// Texts of different kinds.
struct Sample {
    records: Vec<u8>,
    syllables: Vec<u8>,
    skewed: Vec<u8>,
    mixed: Vec<u8>,
}

impl Sample {
    fn new() -> Self {
        let mut noise = 1_u32;
        let mut pick = |n: usize| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 8) as usize % n
        };
        let names = ["ask", "bid", "last", "volume", "open", "close", "spread", "high", "low"];
        let records: String = (0..400)
            .map(|id| {
                let (name, price, size) = (names[pick(9)], pick(100_000), pick(50));
                format!("{{\"id\":{id},\"kind\":\"{name}\",\"price\":{price},\"size\":{size}}},\n")
            })
            .collect();
        let syllables: String =
            (0..9000).map(|_| names[pick(9) * pick(9) / 8].split_at(2).0).collect();
        let skewed =
            (0..20_000).map(|_| ((pick(256) * pick(256) * pick(256)) >> 16) as u8).collect();
        let mut mixed = records.clone().into_bytes();
        mixed.extend((0..3000).map(|_| pick(256) as u8));
        mixed.extend_from_slice(&records.as_bytes()[..9000]);
        Self { records: records.into_bytes(), syllables: syllables.into_bytes(), skewed, mixed }
    }
}

/// What does not shrink goes out as it is; with takeover, short messages may grow by
/// a little, for the sake of the next.
#[test]
fn compressed_messages_are_shorter() {
    let (mut noise, mut compressed) = (1_u32, 0);
    for takeover in [false, true] {
        let agreed = agreement(takeover, Compression::new().threshold(1));
        for symbols in [1, 2, 3, 5, 12, 40, 256] {
            let mut server = WebSocket::server_with_compression(Config::new(), agreed);
            for len in 1..=125 {
                let bytes = std::iter::repeat_with(|| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((noise >> 16) % symbols) as u8
                });
                let message: Vec<u8> = bytes.take(len).collect();
                let mut wire = Vec::new();
                server.send(&message, &mut wire).unwrap();
                let payload = usize::from(wire[1] & 0x7F);
                if wire[0] & 0x40 != 0 {
                    compressed += 1;
                    let most = if takeover { len + 8 } else { len - 1 };
                    assert!(payload <= most, "{payload} for {len} bytes");
                } else {
                    assert_eq!(wire[2..], message);
                }
            }
        }
    }
    assert!(compressed > 200, "{compressed}");
}

#[test]
fn flushes_may_make_the_wire_longer_than_the_message() {
    let mut wire = Vec::new();
    let payloads = flushed(100, 8);
    for (i, payload) in payloads.iter().enumerate() {
        let first = if i == 0 { 0x41 } else { 0 } | if i == 99 { 0x80 } else { 0 };
        wire.extend(frame(first, payload));
    }
    let mut server = server(true, Config::new().max_message(800));
    assert_eq!(received(&mut server, &mut wire, 50), Ok(vec![text(&"x".repeat(800))]));
}

#[test]
fn takeover_makes_the_second_message_shorter() {
    let message = "{\"type\":\"trade\",\"symbol\":\"ABC\",\"price\":299.9,\"size\":100}";
    let sizes = |takeover| {
        let compression = Compression::new().send_takeover(takeover).threshold(1);
        let (mut client, _, _) = pair(compression, compression, Config::new());
        [(); 2].map(|()| {
            let mut output = Vec::new();
            client.send(message, &mut output).unwrap();
            output.len()
        })
    };
    let [first, second] = sizes(true);
    assert!(second < first / 3, "{first} {second}");
    let [first, second] = sizes(false);
    assert_eq!(first, second);
}

#[test]
fn short_and_secret_messages_go_out_as_they_are() {
    let (mut client, _, _) = pair(Compression::new(), Compression::new(), Config::new());
    let is_compressed = |send: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut output = Vec::new();
        send(&mut output);
        output[0] & 0x40 != 0
    };
    let long = "again and ".repeat(20);
    assert!(is_compressed(&mut |output| client.send(&long, output).unwrap()));
    assert!(!is_compressed(&mut |output| client.send("aaaaaaaaaaaaaaa", output).unwrap()));
    assert!(!is_compressed(&mut |output| client.send_uncompressed(&long, output).unwrap()));
    assert!(!is_compressed(&mut |output| client.send("", output).unwrap()));
}

/// Layer 1: the parts of a compressed message, of which the first frame alone has
/// the bit; both roles.
#[test]
fn parts_of_a_compressed_message() {
    let config = Config::new().allow_compressed(true);
    let mut client = Connection::client(config, || [9; 4]);
    let mut server = Connection::server(config);
    let parts = [&b"first"[..], b"", b"third"];
    for kind in [Kind::Text, Kind::Binary] {
        let mut up = Vec::new();
        let mut down = Vec::new();
        for (i, part) in parts.into_iter().enumerate() {
            let is_last = i == 2;
            let mut masked = part.to_vec();
            let frame = client.send_compressed_part(kind, is_last, &mut masked).unwrap();
            up.extend(frame.as_slices().concat());
            let frame = server.send_compressed_part(kind, is_last, part).unwrap();
            assert_eq!(frame.as_slices()[0][0] & 0x40 != 0, i == 0, "RSV1 of frame {i}");
            down.extend(frame.as_slices().concat());
        }
        let mut to_server = Vec::new();
        let mut input = &mut up[..];
        while let Some(Event::Data(data)) = server.receive(&mut input).unwrap() {
            to_server.push((
                data.kind(),
                data.is_compressed(),
                data.is_last(),
                data.payload().to_vec(),
            ));
        }
        let mut to_client = Vec::new();
        let mut input = &mut down[..];
        while let Some(Event::Data(data)) = client.receive(&mut input).unwrap() {
            to_client.push((
                data.kind(),
                data.is_compressed(),
                data.is_last(),
                data.payload().to_vec(),
            ));
        }
        let expected = parts.map(|part| (kind, true, part == b"third", part.to_vec()));
        assert_eq!(to_server, expected);
        assert_eq!(to_client, expected);
    }
    // The next message is free to be another kind.
    let frame = server.send(Kind::Text, b"a").unwrap();
    assert_eq!(frame.as_slices()[0], [0x81, 1]);
}

/// What breaks the rules of sending leaves everything as it was.
#[test]
fn compressed_parts_that_may_not_be_sent() {
    let mut server = Connection::server(Config::new());
    let mut client = Connection::client(Config::new(), || [9; 4]);
    let mut payload = *b"abc";
    let refused = server.send_compressed_part(Kind::Text, true, b"").err();
    assert_eq!(refused, Some(SendError::CompressionNotAgreed));
    let refused = client.send_compressed_part(Kind::Text, true, &mut payload).err();
    assert_eq!((refused, payload), (Some(SendError::CompressionNotAgreed), *b"abc"));

    let mut server = Connection::server(Config::new().allow_compressed(true));
    let _ = server.send_compressed_part(Kind::Text, false, b"a").unwrap();
    for refused in [
        server.send_part(Kind::Text, true, b"b").err(),
        server.send_compressed_part(Kind::Binary, true, b"b").err(),
    ] {
        assert_eq!(refused, Some(SendError::KindChanged));
    }
    assert_eq!(server.send(Kind::Text, b"b").err(), Some(SendError::UnfinishedMessage));
    let frame = server.send_compressed_part(Kind::Text, true, b"b").unwrap();
    assert_eq!(frame.as_slices().concat(), [0x80, 1, b'b']);
    let _ = server.send_part(Kind::Text, false, b"a").unwrap();
    let refused = server.send_compressed_part(Kind::Text, true, b"b").err();
    assert_eq!(refused, Some(SendError::KindChanged));
    let _ = server.close(CloseCode::NORMAL).unwrap();
    let refused = server.send_compressed_part(Kind::Text, true, b"b").err();
    assert_eq!(refused, Some(SendError::Closed));
}

/// A deflater that was told to forget, in the middle of a message or between two,
/// refers to nothing that it wrote before.
#[test]
fn contexts_that_were_cleared() {
    let text = b"what was said before, what was said before";
    let mut scratch = Box::<DeflateScratch>::default();
    let mut inflating = Box::new(InflateScratch::new());
    for level in [Level::Fast, Level::Balanced, Level::Best] {
        for is_last in [true, false] {
            for clear in [true, false] {
                let memory = vec![0; level.memory_len(bits(9))];
                let mut deflater = Deflater::new(level, bits(9), memory);
                let mut payload = [0; 200];
                deflater.deflate(&mut scratch, text, is_last, &mut payload).unwrap();
                if clear {
                    deflater.clear();
                }
                let n = deflater.deflate(&mut scratch, text, true, &mut payload).unwrap();
                let mut window = InflateWindow::new(bits(9), [0; 512]);
                let (mut out, mut inflater) = ([0; 200], Inflater::new());
                let inflated = inflater
                    .inflate(&mut inflating, &mut window, &mut &payload[..n], &mut out)
                    .map(|inflated| out[..inflated.len] == *text);
                assert_eq!(inflated == Ok(true), clear, "{level:?} {is_last}");
            }
        }
    }
}

/// The room may be exactly what a message needs. With less, however much is missing,
/// the receiver need not know that there was a message.
#[test]
fn rooms_that_are_too_small() {
    let noise: Vec<u8> =
        (0..300_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut scratch, mut inflating) = (Box::<DeflateScratch>::default(), InflateScratch::new());
    for level in [Level::Fast, Level::Balanced, Level::Best] {
        let mut deflater = Deflater::new(level, bits(9), vec![0; level.memory_len(bits(9))]);
        let mut window = InflateWindow::new(bits(9), vec![0; 512]);
        let mut inflate = |window: &mut InflateWindow<_>, mut payload: &[u8]| {
            let (mut inflater, mut out) = (Inflater::new(), vec![0; 400]);
            let inflated = inflater.inflate(&mut inflating, window, &mut payload, &mut out);
            out.truncate(inflated.unwrap().len);
            inflater.finish().map(|()| out)
        };
        for message in [&b""[..], b"ab", b"words, words and words", &noise, &noise[..90].repeat(4)]
        {
            let mut payload = vec![0; max_deflated_len(message.len())];
            let n = deflater.clone().deflate(&mut scratch, message, true, &mut payload).unwrap();
            for room in 0..n {
                let mut deflater = deflater.clone();
                let full = deflater.deflate(&mut scratch, message, true, &mut vec![0; room]);
                assert_eq!(full, Err(DeflateError::OutputFull), "{n} bytes in {room}");
                let n = deflater.deflate(&mut scratch, message, true, &mut payload).unwrap();
                assert_eq!(inflate(&mut window.clone(), &payload[..n]).unwrap(), message);
            }
            let mut payload = vec![0; n];
            assert_eq!(deflater.deflate(&mut scratch, message, true, &mut payload), Ok(n));
            assert_eq!(inflate(&mut window, &payload).unwrap(), message);
        }
    }
}

/// A match that reaches further back than the window is refused wherever it stands:
/// at the end of input or output, or far from both.
#[test]
fn matches_from_beyond_the_window() {
    let noise: Vec<u8> =
        (0..700_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut scratch, mut inflating) = (Box::<DeflateScratch>::default(), InflateScratch::new());
    let table = &mut vec![0; Level::Best.table_len(WindowBits::MAX)];
    for behind in [0, 500] {
        let message = [&noise, &noise[..40], &noise[40..40 + behind]].concat();
        let mut payload = vec![0; 4000];
        let n = scratch.deflate_whole(Level::Best, WindowBits::MAX, table, &message, &mut payload);
        let payload = &payload[..n.unwrap()];
        assert!(payload.len() < message.len() - behind, "there is a match");
        for (window, is_good) in [(8, false), (9, false), (10, true), (15, true)] {
            for step in [1, 5, 4000] {
                let mut inflate = |to: Option<&mut InflateWindow<Vec<u8>>>| {
                    let (mut inflater, mut out) = (Inflater::new(), vec![0; 2000]);
                    let mut to = to;
                    for mut piece in payload.chunks(step) {
                        let len = inflater.len();
                        let _ = match &mut to {
                            Some(to) => {
                                inflater.inflate(&mut inflating, to, &mut piece, &mut out[len..])?
                            }
                            None => inflater.inflate_whole(
                                &mut inflating,
                                bits(window),
                                &mut piece,
                                &mut out,
                            )?,
                        };
                    }
                    out.truncate(inflater.len());
                    Ok(out)
                };
                let expected =
                    if is_good { Ok(message.clone()) } else { Err(InflateError::DistanceTooFar) };
                assert_eq!(inflate(None), expected, "{window} {step}");
                let mut to = InflateWindow::new(bits(window), vec![0; bits(window).size()]);
                assert_eq!(inflate(Some(&mut to)), expected, "{window} {step}");
            }
        }
    }
}

#[test]
fn windows_that_were_cleared() {
    // "Hello", and the same by a match that reaches back to it.
    let (first, second) = (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00");
    let mut scratch = Box::new(InflateScratch::new());
    let mut window = InflateWindow::new(bits(9), vec![0; 512]);
    let mut inflate = |window: &mut InflateWindow<_>, mut payload: &[u8]| {
        let mut out = [0; 9];
        Inflater::new()
            .inflate(&mut scratch, window, &mut payload, &mut out)
            .map(|inflated| out[..inflated.len].to_vec())
    };
    assert_eq!(inflate(&mut window, first).unwrap(), b"Hello");
    assert_eq!(inflate(&mut window, second).unwrap(), b"Hello");
    window.clear();
    assert_eq!(inflate(&mut window, second), Err(InflateError::DistanceTooFar));
    assert!(window.into_memory().starts_with(b"HelloHello"), "the memory that was lent");
}

#[test]
fn one_scratch_serves_many_connections() {
    let mut scratch = Scratch::new();
    let mut pairs: Vec<_> =
        (0..10).map(|_| pair(Compression::new(), Compression::new(), Config::new())).collect();
    for round in 0..5 {
        for (i, (client, server, _)) in pairs.iter_mut().enumerate() {
            let message = format!("message {round} of connection {i}, and a little more of it");
            let mut wire = Vec::new();
            client.send_with(&message, &mut wire, &mut scratch).unwrap();
            // In two reads, the other connections' between them.
            let mut input = &mut wire[..];
            let got = server.receive_with(&mut input, &mut Vec::new(), &mut scratch).unwrap();
            assert_eq!(got, Some(Received::Message(text(&message))));
        }
    }
}

fn messages() -> impl Strategy<Value = Vec<Message<'static>>> {
    let words =
        prop::collection::vec("[a-d]{1,3}|漢字|😀|κόσμε", 0..200).prop_map(|words| words.join(" "));
    let message = prop_oneof![
        words.prop_map(Message::from),
        prop::collection::vec(any::<u8>(), 0..2000).prop_map(Message::from),
        (any::<u8>(), 0..100_000usize).prop_map(|(byte, len)| Message::from(vec![byte; len])),
    ];
    prop::collection::vec(message, 1..6)
}

fn compression() -> impl Strategy<Value = Compression> {
    let level = prop_oneof![Just(Level::Fast), Just(Level::Balanced), Just(Level::Best)];
    (level, 8..=15u8, 8..=15u8, any::<(bool, bool)>(), 1..200usize).prop_map(
        |(level, send, receive, (send_takeover, receive_takeover), threshold)| {
            Compression::new()
                .level(level)
                .send_window(bits(send))
                .receive_window(bits(receive))
                .send_takeover(send_takeover)
                .receive_takeover(receive_takeover)
                .threshold(threshold)
        },
    )
}

/// Payloads that are nearly good: bytes changed, cut off, put in.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let texts = prop_oneof![
        Just(vec![b'a'; 200_000]),
        "[a-c]{0,300}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..300),
        "(漢|é|x){0,100}\u{FF}?".prop_map(|text| [text.as_bytes(), b"\xC3"].concat()),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (texts, edits, any::<bool>()).prop_map(|(text, edits, cut)| {
        let mut scratch = Box::<DeflateScratch>::default();
        let mut payload = vec![0; max_deflated_len(text.len())];
        let (mut table, bits) = (vec![0; 1 << 16], WindowBits::MAX);
        let len = scratch.deflate_whole(Level::Fast, bits, &mut table, &text, &mut payload);
        payload.truncate(len.unwrap());
        for (at, byte) in edits {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if cut {
            payload.pop();
        }
        payload
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn messages_come_out_as_they_went_in(
        messages in messages(),
        client in compression(),
        server in compression(),
        step in 1..5000usize,
    ) {
        let (mut client, mut server, _) = pair(client, server, Config::new());
        let mut wire = Vec::new();
        for message in &messages {
            client.send(message, &mut wire).unwrap();
        }
        prop_assert_eq!(received(&mut server, &mut wire, step), Ok(messages));
    }

    #[test]
    fn halves_do_what_the_whole_does(
        messages in messages(),
        agreed in (any::<bool>(), compression(), compression()),
        step in 1..5000usize,
        split_at in any::<prop::sample::Index>(),
    ) {
        let (compressed, client, server) = agreed;
        let (_, _, agreement) = pair(client, server, Config::new());
        let agreement = compressed.then_some(agreement);
        let keys = ChaChaKeys::from_seed([1; 32]);
        let mut client = WebSocket::client_with_compression(Config::new(), keys, agreement);
        let mut whole = WebSocket::server_with_compression(Config::new(), agreement);
        let mut split = WebSocket::server_with_compression(Config::new(), agreement);

        let mut wire = Vec::new();
        for message in &messages {
            client.ping(Payload::new(b"still there?").unwrap(), &mut wire);
            client.send(message, &mut wire).unwrap();
        }
        client.close(CloseCode::NORMAL, &mut wire);
        let split_at = split_at.index(wire.len());

        let (mut expected, mut seen) = (Vec::new(), Vec::new());
        for mut input in wire.clone().chunks_mut(step) {
            while let Some(received) = whole.receive(&mut input, &mut expected)? {
                if let Received::Message(message) = &received {
                    whole.send(message, &mut expected)?;
                }
                seen.push(format!("{received:?}"));
            }
        }

        // Whole for a while, in the middle of a message split.
        let (mut output, mut seen_split) = (Vec::new(), Vec::new());
        let (before, after) = wire.split_at_mut(split_at);
        for mut input in before.chunks_mut(step) {
            while let Some(received) = split.receive(&mut input, &mut output)? {
                if let Received::Message(message) = &received {
                    split.send(message, &mut output)?;
                }
                seen_split.push(format!("{received:?}"));
            }
        }
        let (mut receiver, mut sender) = split.split();
        for mut input in after.chunks_mut(step) {
            while let Some(received) = receiver.receive(&mut input)? {
                match &received {
                    Received::Message(message) => sender.send(message, &mut output)?,
                    Received::Ping(payload) => sender.pong(*payload, &mut output),
                    Received::Pong(_) => {}
                    Received::Closed(close) => sender.close(*close, &mut output),
                }
                seen_split.push(format!("{received:?}"));
            }
        }
        prop_assert!(receiver.has_received_close() && sender.has_sent_close());
        prop_assert_eq!(seen_split, seen);
        prop_assert_eq!(output, expected);
    }

    #[test]
    fn a_verdict_does_not_depend_on_cuts(
        payload in damaged(),
        is_text in any::<bool>(),
        takeover in any::<bool>(),
        limit in prop_oneof![Just(1u64 << 20), 0..300u64, 60_000..140_000u64],
        ratio in prop_oneof![Just(u32::MAX), 1..2000u32],
    ) {
        let config = Config::new().max_message(limit).max_ratio(ratio);
        let frame = frame(if is_text { 0xc1 } else { 0xc2 }, &payload);
        let verdict = |step| {
            received(&mut server(takeover, config), &mut frame.clone(), step)
        };
        let whole = verdict(frame.len());
        // The receiving half by itself judges alike, and goes on doing so.
        let mut half = server(takeover, config).split().0;
        let mut bytes = frame.clone();
        let mut input = &mut bytes[..];
        let by_half = half.receive(&mut input).map(|got| got.is_some());
        prop_assert_eq!(by_half, whole.clone().map(|messages| !messages.is_empty()));
        if let Err(error) = by_half {
            prop_assert_eq!(half.receive(&mut &mut [][..]), Err(error));
        }
        for step in [1, 2, 3, 7, 100, 1000] {
            prop_assert_eq!(verdict(step), whole.clone(), "step {}", step);
        }
    }
}
