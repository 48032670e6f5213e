//! The examples of RFC 6455, by section.
#![cfg(feature = "std")]

mod common;

use common::{NONCE, SIDES, Seen, Side, client, server};
use sansocket::frame::{Header, Opcode, Rsv};
use sansocket::handshake::{ClientHandshake, HandshakeError, RequestReader, ResponseReader, Url};
use sansocket::{
    CloseCode, CloseFrame, Config, Connection, Kind, Payload, ProtocolError, SendError,
};

const CLIENT_OF_1_2: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

const SERVER_OF_1_2: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\
    \r\n";

#[test]
fn section_1_2_the_servers_handshake() {
    let request = RequestReader::new().read(CLIENT_OF_1_2).unwrap().unwrap();
    assert_eq!(request.method(), "GET");
    assert_eq!((request.target(), request.path(), request.query()), ("/chat", "/chat", None));
    assert_eq!(request.host(), Some("server.example.com"));
    assert_eq!(request.origin(), Some("http://example.com"));
    assert_eq!(request.protocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(request.head_len(), CLIENT_OF_1_2.len());

    let upgrade = request.upgrade().unwrap();
    assert_eq!(upgrade.key(), b"dGhlIHNhbXBsZSBub25jZQ==");
    let mut out = [0; 512];
    let response = upgrade.accept(&mut out).protocol("chat").finish().unwrap();
    assert_eq!(response.escape_ascii().to_string(), SERVER_OF_1_2.escape_ascii().to_string());
}

#[test]
fn section_1_2_the_clients_handshake() {
    let handshake = ClientHandshake::new(NONCE).protocols(&["chat", "superchat"]);
    let url = Url::parse("ws://server.example.com/chat").unwrap();
    let mut out = [0; 512];
    let request = handshake.request(&url, &mut out).header("Origin", "http://example.com");
    let mut ours = lines(request.finish().unwrap());
    let mut example = lines(CLIENT_OF_1_2);
    assert_eq!(ours[0], example[0], "the request line is the first");
    ours.sort_unstable();
    example.sort_unstable();
    assert_eq!(ours, example, "header fields may come in any order");

    let response = ResponseReader::new().read(SERVER_OF_1_2).unwrap().unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.reason(), b"Switching Protocols");
    assert_eq!(handshake.check(&response).unwrap().protocol(), Some("chat"));
}

fn lines(head: &[u8]) -> Vec<&str> {
    std::str::from_utf8(head).unwrap().split("\r\n").collect()
}

#[test]
fn section_1_3_the_accept_value() {
    let key = b"dGhlIHNhbXBsZSBub25jZQ==";
    let text = [&key[..], b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    let digest = [
        0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16, 0x90, 0xf6, 0x46, 0x06, 0xcf, 0x38, 0x59,
        0x45, 0xb2, 0xbe, 0xc4, 0xea,
    ];
    assert_eq!(sansocket::sha1::digest(&text), digest);
    assert_eq!(&sansocket::handshake::accept_key(key), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn section_1_4_nothing_is_taken_after_a_close() {
    for side in SIDES {
        let bytes = [side.frame(0x88, b""), side.frame(0x81, b"late"), vec![0xFF; 20]].concat();
        let script = side.events(Config::new(), &[&bytes]);
        assert_eq!((script.seen(), script.error), (&[Seen::Close(None, String::new())][..], None));
    }
}

#[test]
fn section_3_addresses() {
    let url = Url::parse("ws://example.com/chat?x=1").unwrap();
    assert_eq!((url.is_secure(), url.host(), url.port()), (false, "example.com", 80));
    assert_eq!((url.path(), url.query()), ("/chat", Some("x=1")));
    let url = Url::parse("wss://example.com").unwrap();
    assert_eq!((url.is_secure(), url.port(), url.path()), (true, 443, "/"));
    assert!(Url::parse("ws://example.com/#fragment").is_err());
}

#[test]
fn section_4_1_the_key_of_the_bytes_1_to_16() {
    // > if the randomly selected value was the sequence of bytes 0x01 0x02 ...
    // > 0x10, the value of the header field would be "AQIDBAUGBwgJCgsMDQ4PEA=="
    let handshake = ClientHandshake::new(std::array::from_fn(|i| i as u8 + 1));
    let mut out = [0; 512];
    let url = Url::parse("ws://h").unwrap();
    let request = handshake.request(&url, &mut out).finish().unwrap();
    assert!(lines(request).contains(&"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="));
}

#[test]
fn section_4_2_2_another_version_gets_426_and_ours() {
    let request = common::request_with("");
    let request = String::from_utf8(request).unwrap().replace("Version: 13", "Version: 25");
    let request = RequestReader::new().read(request.as_bytes()).unwrap().unwrap();
    let error = request.upgrade().unwrap_err();
    assert_eq!(error, HandshakeError::WebSocketVersion);
    let mut out = [0; 512];
    let reply = lines(error.reply(&mut out).unwrap());
    assert_eq!(reply[0], "HTTP/1.1 426 Upgrade Required");
    assert!(reply.contains(&"Sec-WebSocket-Version: 13"));
}

#[test]
fn section_5_3_the_example_of_masking() {
    let mut payload = *b"Hello";
    sansocket::mask::apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
    assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
}

#[test]
fn section_5_7_a_single_frame_unmasked_text_message() {
    let bytes = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let script = Side::Client.events(Config::new(), &[&bytes]);
    assert_eq!(script.seen(), [Seen::Text(b"Hello".to_vec())]);
    assert_eq!(server().send(Kind::Text, b"Hello").unwrap().as_slices().concat(), bytes);
}

#[test]
fn section_5_7_a_single_frame_masked_text_message() {
    let bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let script = Side::Server.events(Config::new(), &[&bytes]);
    assert_eq!(script.seen(), [Seen::Text(b"Hello".to_vec())]);
    let mut client = Connection::client(Config::new(), || [0x37, 0xfa, 0x21, 0x3d]);
    let mut payload = *b"Hello";
    assert_eq!(client.send(Kind::Text, &mut payload).unwrap().as_slices().concat(), bytes);
    assert_eq!(client.encode(Kind::Text, true, b"Hello", &mut [0; 11]).unwrap(), bytes);
}

#[test]
fn section_5_7_a_fragmented_unmasked_text_message() {
    let first = [0x01, 0x03, 0x48, 0x65, 0x6c];
    let second = [0x80, 0x02, 0x6c, 0x6f];
    let script = Side::Client.events(Config::new(), &[&first, &second]);
    assert_eq!(script.seen(), [Seen::Text(b"Hello".to_vec())]);
    let mut server = server();
    let sent = server.send_part(Kind::Text, false, b"Hel").unwrap();
    assert_eq!(sent.as_slices().concat(), first);
    let sent = server.send_part(Kind::Text, true, b"lo").unwrap();
    assert_eq!(sent.as_slices().concat(), second);
}

#[test]
fn section_5_7_an_unmasked_ping_and_its_masked_pong() {
    let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(*server().ping(Payload::new(b"Hello").unwrap()), ping);
    let script = Side::Client.events(Config::new(), &[&ping]);
    assert_eq!(script.seen(), [Seen::Ping(b"Hello".to_vec())]);
    assert_eq!(script.output, b"\x8A\x85\0\0\0\0Hello");

    let mut client = Connection::client(Config::new(), || [0x37, 0xfa, 0x21, 0x3d]);
    assert_eq!(*client.pong(Payload::new(b"Hello").unwrap()), pong);
    let script = Side::Server.events(Config::new(), &[&pong]);
    assert_eq!(script.seen(), [Seen::Pong(b"Hello".to_vec())]);
}

#[test]
fn section_5_7_256_bytes_of_binary_in_a_single_unmasked_frame() {
    let payload: Vec<u8> = (0..=255).collect();
    let bytes = [&[0x82, 0x7E, 0x01, 0x00][..], &payload].concat();
    let script = Side::Client.events(Config::new(), &[&bytes]);
    assert_eq!(script.seen(), [Seen::Binary(payload.clone())]);
    assert_eq!(server().send(Kind::Binary, &payload).unwrap().as_slices().concat(), bytes);
}

#[test]
fn section_5_7_64_kib_of_binary_in_a_single_unmasked_frame() {
    let payload: Vec<u8> = (0..=255).cycle().take(65536).collect();
    let head = [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0];
    let bytes = [&head[..], &payload].concat();
    let script = Side::Client.events(Config::new(), &[&bytes]);
    assert_eq!(script.seen(), [Seen::Binary(payload.clone())]);
    assert_eq!(server().send(Kind::Binary, &payload).unwrap().as_slices(), [&head[..], &payload]);
}

#[test]
fn section_5_1_the_mask_belongs_to_the_role() {
    let masked = Side::Server.frame(0x81, b"Hello");
    let plain = Side::Client.frame(0x81, b"Hello");
    let error = |side: Side, bytes: &[u8]| side.events(Config::new(), &[bytes]).error;
    assert_eq!(error(Side::Server, &plain), Some(ProtocolError::Unmasked));
    assert_eq!(error(Side::Client, &masked), Some(ProtocolError::Masked));
}

#[test]
fn section_5_2_each_first_byte() {
    for side in SIDES {
        for first in 0..=255 {
            let script = side.events(Config::new(), &[&side.frame(first, b"")]);
            let expected = match (first & 15, first >> 4) {
                (3..=7 | 11.., _) => Some(ProtocolError::ReservedOpcode),
                (_, 1..=7 | 9..) => Some(ProtocolError::ReservedBits),
                (0, _) => Some(ProtocolError::UnexpectedContinuation),
                (8.., 0) => Some(ProtocolError::FragmentedControl),
                _ => None,
            };
            assert_eq!(script.error, expected, "{first:02x}");
        }
    }
}

#[test]
fn section_5_2_the_shortest_length_and_no_other() {
    let parse = |bytes: &[u8]| Side::Client.events(Config::new(), &[bytes]).error;
    for (short, long) in [(125u64, 126), (0xFFFF, 0x1_0000)] {
        let headers: [Vec<u8>; 2] = [short, long].map(|len| Side::Client.header(0x82, len));
        for (header, len) in headers.iter().zip([short, long]) {
            assert_eq!(parse(header), None, "length {len}");
            let ours =
                Header { fin: true, rsv: Rsv::NONE, opcode: Opcode::Binary, mask: None, len };
            assert_eq!(*ours.encode(), header[..]);
        }
    }
    for wrong in [
        &b"\x82\x7E\x00\x00"[..],
        b"\x82\x7E\x00\x7D",
        b"\x82\x7F\x00\x00\x00\x00\x00\x00\x00\x01",
        b"\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF",
    ] {
        assert_eq!(parse(wrong), Some(ProtocolError::LengthNotMinimal), "{wrong:02x?}");
    }
    assert_eq!(parse(b"\x82\x7F\x80"), Some(ProtocolError::LengthOverflow), "the top bit is 0");
}

#[test]
fn section_5_4_control_frames_between_fragments() {
    for side in SIDES {
        let bytes = [
            side.frame(0x01, b"Hel"),
            side.frame(0x89, b"between"),
            side.frame(0x00, b""),
            side.frame(0x8A, b""),
            side.frame(0x80, b"lo"),
        ]
        .concat();
        let script = side.messages(Config::new(), &[&bytes]);
        let expected = [
            Seen::Ping(b"between".to_vec()),
            Seen::Pong(Vec::new()),
            Seen::Text(b"Hello".to_vec()),
        ];
        assert_eq!((script.seen(), script.error), (&expected[..], None));
    }
}

#[test]
fn section_5_4_messages_do_not_interleave() {
    for side in SIDES {
        for second in [0x01, 0x81, 0x02, 0x82] {
            let bytes = [side.frame(0x01, b"Hel"), side.frame(second, b"lo")].concat();
            let script = side.events(Config::new(), &[&bytes]);
            assert_eq!(script.error, Some(ProtocolError::UnfinishedMessage));
        }
    }
}

#[test]
fn section_5_4_messages_are_not_interleaved_in_sending_either() {
    let mut server = server();
    let _ = server.send_part(Kind::Text, false, b"Hel").unwrap();
    // Refused, and nothing changed by it.
    assert_eq!(server.send(Kind::Text, b"x").unwrap_err(), SendError::UnfinishedMessage);
    assert_eq!(server.send(Kind::Binary, b"x").unwrap_err(), SendError::UnfinishedMessage);
    let changed = server.send_part(Kind::Binary, true, b"x").unwrap_err();
    assert_eq!(changed, SendError::KindChanged);
    let changed = server.encode(Kind::Binary, false, b"x", &mut [0; 9]).unwrap_err();
    assert_eq!(changed, SendError::KindChanged);
    // A control frame may go between.
    assert_eq!(*server.ping(Payload::EMPTY), [0x89, 0]);
    assert_eq!(server.encode(Kind::Text, false, b"l", &mut [0; 9]).unwrap(), b"\x00\x01l");
    let last = server.send_part(Kind::Text, true, b"o").unwrap();
    assert_eq!(last.as_slices().concat(), b"\x80\x01o");
    // The next message is one of its own.
    assert_eq!(server.send(Kind::Binary, b"x").unwrap().as_slices().concat(), b"\x82\x01x");

    let mut client = client();
    let mut payload = *b"untouched";
    let _ = client.encode(Kind::Binary, false, b"", &mut [0; 9]).unwrap();
    assert_eq!(client.send(Kind::Binary, &mut payload).unwrap_err(), SendError::UnfinishedMessage);
    let changed = client.send_part(Kind::Text, true, &mut payload).unwrap_err();
    assert_eq!((changed, payload), (SendError::KindChanged, *b"untouched"));
}

#[test]
fn section_5_5_control_frames_of_125_bytes_and_of_126() {
    for side in SIDES {
        for first in [0x89, 0x8A] {
            assert_eq!(side.events(Config::new(), &[&side.frame(first, &[7; 125])]).error, None);
            for len in [126, 65536] {
                let header = &side.header(first, len)[..2];
                let script = side.events(Config::new(), &[header]);
                assert_eq!(script.error, Some(ProtocolError::ControlTooLong));
            }
        }
        let close = [&[0x03, 0xE8][..], &[b'x'; 123]].concat();
        let script = side.events(Config::new(), &[&side.frame(0x88, &close)]);
        assert_eq!(script.seen(), [Seen::Close(Some(1000), "x".repeat(123))]);
    }
}

#[test]
fn section_5_5_1_the_body_of_a_close() {
    for side in SIDES {
        for (body, expected) in [
            (&b""[..], Ok((None, ""))),
            (b"\x03", Err(ProtocolError::ClosePayloadOfOneByte)),
            (b"\x03\xE8", Ok((Some(1000), ""))),
            (b"\x03\xE9bye \xE2\x82\xAC", Ok((Some(1001), "bye €"))),
            (b"\x03\xE8\xE2\x82", Err(ProtocolError::BadCloseReason)),
            (b"\x03\xE8\xED\xA0\x80", Err(ProtocolError::BadCloseReason)),
            (b"\x00\x00", Err(ProtocolError::BadCloseCode)),
        ] {
            let script = side.events(Config::new(), &[&side.frame(0x88, body)]);
            match expected {
                Ok((code, reason)) => {
                    assert_eq!(script.seen(), [Seen::Close(code, reason.to_owned())]);
                }
                Err(error) => assert_eq!((script.seen(), script.error), (&[][..], Some(error))),
            }
        }
    }
}

#[test]
fn section_5_5_2_and_3_a_pong_carries_what_the_ping_did() {
    for len in 0..=125 {
        let payload: Vec<u8> = (0..len).collect();
        for (side, pong) in [(Side::Server, Side::Client), (Side::Client, Side::Server)] {
            let script = side.events(Config::new(), &[&side.frame(0x89, &payload)]);
            let answered = pong.events(Config::new(), &[&script.output]);
            assert_eq!(answered.seen(), [Seen::Pong(payload.clone())]);
        }
    }
}

#[test]
fn section_7_1_5_no_code_is_echoed_as_no_code() {
    let script = Side::Server.events(Config::new(), &[&Side::Server.frame(0x88, b"")]);
    assert_eq!(script.output, [0x88, 0]);
    assert!(script.closed);
}

#[test]
fn section_7_4_codes_that_may_and_may_not_be_sent() {
    for side in SIDES {
        for code in 0..=u16::MAX {
            let bytes = side.frame(0x88, &code.to_be_bytes());
            let script = side.events(Config::new(), &[&bytes]);
            let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let expected = if legal { None } else { Some(ProtocolError::BadCloseCode) };
            assert_eq!(script.error, expected, "{code}");
            assert_eq!(CloseCode::new(code).is_some(), legal, "{code}");
            let answer = if legal { code } else { 1002 };
            let body = if side == Side::Server { 2 } else { 6 };
            assert_eq!(script.output[body..body + 2], answer.to_be_bytes(), "{code}");
        }
    }
}

#[test]
fn section_8_1_text_is_utf_8() {
    for side in SIDES {
        for (text, good) in [
            (&b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5"[..], true),
            (b"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", true),
            (b"\xEF\xBF\xBE\xEF\xBF\xBF\0\x7F", true),
            (b"\xCE", false),
            (b"a\x80", false),
            (b"\xC0\x80", false),
            (b"\xED\xA0\x80", false),
            (b"\xF4\x90\x80\x80", false),
            (b"\xF8\x88\x80\x80\x80", false),
            (b"\xFF", false),
        ] {
            let bytes = side.frame(0x81, text);
            let expected = if good { None } else { Some(ProtocolError::TextNotUtf8) };
            assert_eq!(side.events(Config::new(), &[&bytes]).error, expected, "{text:02x?}");
            assert_eq!(side.messages(Config::new(), &[&bytes]).error, expected, "{text:02x?}");
            let binary = side.frame(0x82, text);
            assert_eq!(side.events(Config::new(), &[&binary]).error, None, "{text:02x?}");
        }
    }
}

#[test]
fn section_5_1_and_5_3_a_client_masks_everything_with_fresh_keys() {
    let mut counter = 0u8;
    let mut client = Connection::client(Config::new(), || {
        counter += 1;
        [counter, 0xAA, 0xBB, 0xCC]
    });
    let mut keys = Vec::new();
    let mut note = |frame: &[u8]| {
        assert_eq!(frame[1] & 0x80, 0x80, "masked");
        keys.push(frame[2]);
    };
    let mut payload = *b"payload";
    note(client.send(Kind::Text, &mut payload).unwrap().as_slices()[0]);
    let mut payload = *b"payload";
    note(client.send_part(Kind::Binary, false, &mut payload).unwrap().as_slices()[0]);
    note(client.encode(Kind::Binary, true, b"payload", &mut [0; 32]).unwrap());
    note(&client.ping(Payload::EMPTY));
    note(&client.pong(Payload::EMPTY));
    note(&client.close(CloseFrame::EMPTY).unwrap());
    assert_eq!(keys, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn section_5_1_a_server_masks_nothing() {
    let mut server = server();
    let frames = [
        server.send(Kind::Text, b"x").unwrap().as_slices().concat(),
        server.encode(Kind::Binary, true, b"x", &mut [0; 8]).unwrap().to_vec(),
        server.ping(Payload::new(b"x").unwrap()).to_vec(),
        server.pong(Payload::new(b"x").unwrap()).to_vec(),
        server.close(CloseCode::NORMAL).unwrap().to_vec(),
    ];
    let expected: [&[u8]; 5] =
        [b"\x81\x01x", b"\x82\x01x", b"\x89\x01x", b"\x8A\x01x", b"\x88\x02\x03\xE8"];
    assert_eq!(frames, expected);
}

#[test]
fn sections_5_and_7_a_dialogue() {
    // Client and server talk through the wire alone, all kinds of frames.
    let mut client = client();
    let mut wire = Vec::new();
    let mut hello = *b"Hello";
    wire.extend(client.send(Kind::Text, &mut hello).unwrap().as_slices().concat());
    wire.extend_from_slice(&client.ping(Payload::new(b"?").unwrap()));
    wire.extend_from_slice(&client.close(CloseCode::GOING_AWAY).unwrap());
    let script = Side::Server.events(Config::new(), &[&wire]);
    let expected = [
        Seen::Text(b"Hello".to_vec()),
        Seen::Ping(b"?".to_vec()),
        Seen::Close(Some(1001), String::new()),
    ];
    assert_eq!(script.seen(), expected);
    assert_eq!(script.output, b"\x8A\x01?\x88\x02\x03\xE9");
    let mut answer = script.output;
    let mut input = &mut answer[..];
    while client.receive(&mut input).unwrap().is_some() {}
    assert!(client.is_closed() && script.closed);
}
