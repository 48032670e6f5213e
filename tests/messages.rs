//! Layer 2: whole messages, and what is answered without being asked.
#![cfg(feature = "std")]

mod common;

use std::borrow::Cow;

use common::{BINARY, CLOSE, CONT, FIN, PING, PONG, SIDES, Seen, Side, TEXT, cut, zero_key};
use proptest::collection::vec;
use proptest::prelude::*;
use sansocket::{
    CloseCode, CloseFrame, Config, Kind, MaskingKeys, Message, Payload, ProtocolError, Received,
    Role, SendError, WebSocket,
};

/// The first message in `bytes`, with what it borrows from them.
fn first<'b, R: Role>(ws: &mut WebSocket<R>, mut bytes: &'b mut [u8]) -> Message<'b> {
    loop {
        match ws.receive(&mut bytes, &mut Vec::new()).unwrap() {
            Some(Received::Message(message)) => return message,
            Some(_) => {}
            None => panic!("no message"),
        }
    }
}

fn is_borrowed(message: &Message) -> bool {
    matches!(message, Message::Text(Cow::Borrowed(_)) | Message::Binary(Cow::Borrowed(_)))
}

#[test]
fn a_message_in_one_piece_is_borrowed_and_any_other_owned() {
    let text = "aé€😀".as_bytes();
    for (opcode, kind) in [(TEXT, Kind::Text), (BINARY, Kind::Binary)] {
        let mut ws = WebSocket::server(Config::new());
        let side = Side::Server;
        let mut whole = [side.frame(PING, b""), side.frame(FIN | opcode, text)].concat();
        let message = first(&mut ws, &mut whole);
        assert!(is_borrowed(&message));
        assert_eq!((message.kind(), message.as_bytes()), (kind, text));

        // The frame in two reads.
        let mut frame = side.frame(FIN | opcode, text);
        let (head, tail) = frame.split_at_mut(9);
        assert_eq!(ws.receive(&mut &mut *head, &mut Vec::new()), Ok(None));
        let message = first(&mut ws, tail);
        assert!(!is_borrowed(&message));
        assert_eq!((message.kind(), message.as_bytes()), (kind, text));

        // The header before, the payload in one piece.
        let mut frame = side.frame(FIN | opcode, text);
        let (head, tail) = frame.split_at_mut(6);
        assert_eq!(ws.receive(&mut &mut *head, &mut Vec::new()), Ok(None));
        let message = first(&mut ws, tail);
        assert!(is_borrowed(&message), "its bytes lie in one place");
        assert_eq!(message.as_bytes(), text);

        // The message in two frames.
        let mut frames = side.fragments(opcode, &[&text[..2], &text[2..]]);
        let message = first(&mut ws, &mut frames);
        assert!(!is_borrowed(&message));
        assert_eq!((message.kind(), message.as_bytes()), (kind, text));
    }
}

#[test]
fn a_borrowed_message_lies_where_it_came() {
    let mut bytes = Side::Client.frame(FIN | BINARY, b"here");
    let place = bytes[2..].as_ptr();
    let mut ws = WebSocket::client(Config::new(), zero_key);
    let message = first(&mut ws, &mut bytes);
    assert_eq!(message.as_bytes().as_ptr(), place);
}

#[test]
fn messages_outlive_the_socket_and_the_next_receive() {
    let mut bytes = Side::Server.frame(FIN | TEXT, b"kept").repeat(3);
    let mut input = &mut bytes[..];
    let mut ws = WebSocket::server(Config::new());
    let mut output = Vec::new();
    let mut kept = Vec::new();
    while let Some(received) = ws.receive(&mut input, &mut output).unwrap() {
        if let Received::Message(message) = &received {
            ws.send(message, &mut output).unwrap();
        }
        kept.push(received);
    }
    drop(ws);
    assert_eq!(kept, [const { Received::Message(Message::Text(Cow::Borrowed("kept"))) }; 3]);
    assert_eq!(output, b"\x81\x04kept".repeat(3));
}

#[test]
fn everything_that_is_a_message() {
    let (text, bytes) = ("grüß".to_owned(), vec![0, 0xFF]);
    let messages: [(Message, bool); 9] = [
        (Message::from("grüß"), true),
        (Message::from(&text), true),
        (Message::from(text.clone()), false),
        (Message::from(&bytes[..]), true),
        (Message::from(b"\0\xFF"), true),
        (Message::from(&bytes), true),
        (Message::from(bytes.clone()), false),
        (Message::from(&Message::from(text.clone())), true),
        (Message::from(&Message::from(bytes.clone())), true),
    ]
    .map(|(message, borrowed)| (message.into_owned(), borrowed));
    for (i, (message, _)) in messages.iter().enumerate() {
        let is_text = [0, 1, 2, 7].contains(&i);
        assert_eq!(message.kind(), if is_text { Kind::Text } else { Kind::Binary });
        assert_eq!(message.as_text(), if is_text { Some("grüß") } else { None });
        assert_eq!(message.as_bytes(), if is_text { text.as_bytes() } else { &bytes });
        assert!(!is_borrowed(message), "into_owned owns");
        let mut output = Vec::new();
        WebSocket::server(Config::new()).send(message, &mut output).unwrap();
        let (first, len) = if is_text { (0x81, 6) } else { (0x82, 2) };
        assert_eq!(output, [&[first, len], message.as_bytes()].concat());
    }
    // Each goes without a copy where it can.
    assert!(is_borrowed(&Message::from("grüß")) && is_borrowed(&Message::from(&text)));
    assert!(is_borrowed(&Message::from(&bytes)) && is_borrowed(&Message::from(b"\0\xFF")));
    assert!(is_borrowed(&Message::from(&bytes[..])));
    let owned = (Message::from(text), Message::from(bytes));
    assert!(!is_borrowed(&owned.0) && !is_borrowed(&owned.1));
    assert!(is_borrowed(&Message::from(&owned.0)) && is_borrowed(&Message::from(&owned.1)));
}

/// Texts, and where their first bad byte lies.
const BAD_TEXTS: [(&[u8], usize); 9] = [
    (b"\xFF", 0),
    (b"abc\x80def", 3),
    (b"\xC3(", 1),
    (b"a\xE2\x82A", 3),
    (b"\xED\xA0\x80", 1),
    (b"\xF0\x9F\x98!", 3),
    (b"\xF4\x90\x80\x80", 1),
    (b"\xE2\x82\xAC\xC0\xAF", 3),
    (b"0123456789abcdef0123456789abcde\xF8", 31),
];

#[test]
fn text_fails_at_its_first_bad_byte_inside_an_arriving_frame() {
    for side in SIDES {
        for (text, bad) in BAD_TEXTS {
            // The frame is far from whole: a thousand bytes are still to come.
            let header = side.header(FIN | TEXT, 2000);
            let bytes = [header.clone(), side.masked(text)].concat();
            let until = header.len() + bad;
            for run in [Side::events, Side::messages] {
                let before = run(side, Config::new(), &[&bytes[..until]]);
                assert_eq!(before.error, None, "{text:02x?}");
                for pieces in [vec![&bytes[..=until]], bytes[..=until].chunks(1).collect()] {
                    let script = run(side, Config::new(), &pieces);
                    assert_eq!(script.error, Some(ProtocolError::TextNotUtf8), "{text:02x?}");
                }
            }
        }
    }
}

#[test]
fn text_fails_at_its_first_bad_byte_across_fragments() {
    for side in SIDES {
        for (text, bad) in BAD_TEXTS {
            for cut in 0..=bad {
                let (head, tail) = text.split_at(cut);
                let bytes = [
                    side.frame(TEXT, head),
                    side.frame(PING, b"still fine"),
                    side.header(CONT, 1000),
                    side.masked(tail)[..=bad - cut].to_vec(),
                ]
                .concat();
                for run in [Side::events, Side::messages] {
                    let good = run(side, Config::new(), &[&bytes[..bytes.len() - 1]]);
                    assert_eq!(good.error, None, "{text:02x?} cut at {cut}");
                    let script = run(side, Config::new(), &[&bytes]);
                    assert_eq!(script.error, Some(ProtocolError::TextNotUtf8), "{text:02x?}");
                }
            }
        }
    }
}

#[test]
fn text_may_not_end_inside_a_character() {
    for side in SIDES {
        for text in ["é", "€", "😀"] {
            for end in 1..text.len() {
                let text = &text.as_bytes()[..end];
                for bytes in [
                    side.frame(FIN | TEXT, text),
                    side.fragments(TEXT, &[text, b""]),
                    side.fragments(TEXT, &[b"", text]),
                ] {
                    let script = side.messages(Config::new(), &[&bytes]);
                    assert_eq!(script.error, Some(ProtocolError::TextNotUtf8));
                    assert_eq!(script.seen(), []);
                }
                let open = side.messages(Config::new(), &[&side.frame(TEXT, text)]);
                assert_eq!(open.error, None, "while more may come");
            }
        }
    }
}

/// Around the lengths at which a header grows and at which a message that lies whole
/// in the input is no longer taken at once.
#[test]
fn long_text_is_judged_to_its_end() {
    let ends = [("é", 0), ("€", 0), ("😀", 0), ("é", 1), ("€", 2), ("😀", 1), ("\u{80}", 1)];
    for side in SIDES {
        for len in [125, 126, 65_534, 65_535, 65_536, 65_537, 70_000, 200_000] {
            for (end, cut) in ends {
                let end = &end.as_bytes()[..end.len() - cut];
                let text = [&vec![b'a'; len - end.len()], end].concat();
                let frame = side.frame(FIN | TEXT, &text);
                let fragments = side.fragments(TEXT, &[b"a", &text]);
                let mut wires = vec![vec![&frame[..]], vec![&fragments]];
                // Behind the header, and before the last character.
                for from_end in [len, end.len()] {
                    let (head, tail) = frame.split_at(frame.len() - from_end);
                    wires.push(vec![head, tail]);
                }
                let expected = (cut > 0).then_some(ProtocolError::TextNotUtf8);
                for pieces in wires {
                    for run in [Side::events, Side::messages] {
                        let script = run(side, Config::new(), &pieces);
                        assert_eq!(script.error, expected, "{len} bytes with {end:02x?}");
                    }
                }
            }
        }
    }
}

#[test]
fn binary_is_not_judged_as_text() {
    for side in SIDES {
        for (bytes, _) in BAD_TEXTS {
            let frames = [side.frame(FIN | BINARY, bytes), side.fragments(BINARY, &[bytes, bytes])];
            let script = side.messages(Config::new(), &[&frames.concat()]);
            let expected = [Seen::Binary(bytes.to_vec()), Seen::Binary(bytes.repeat(2))];
            assert_eq!((script.seen(), script.error), (&expected[..], None));
        }
    }
}

#[test]
fn an_error_puts_its_close_into_the_output_once() {
    for (bytes, error) in [
        (Side::Server.frame(FIN | TEXT, b"\xFF"), ProtocolError::TextNotUtf8),
        (Side::Server.frame(0xFF, b""), ProtocolError::ReservedOpcode),
        (Side::Client.frame(FIN | TEXT, b""), ProtocolError::Unmasked),
        (Side::Server.header(FIN | TEXT, 1 << 40), ProtocolError::MessageTooBig),
        (Side::Server.frame(CLOSE, b"\x03\xEE"), ProtocolError::BadCloseCode),
    ] {
        let bytes = [Side::Server.frame(PING, b"!"), bytes].concat();
        let script = Side::Server.messages(Config::new(), &[&bytes, &bytes, b"", &bytes]);
        assert_eq!(script.error, Some(error));
        assert_eq!(script.seen(), [Seen::Ping(b"!".to_vec())], "before the error, and once");
        let close = CloseFrame::from(error).payload();
        let expected = [&b"\x8A\x01!\x88"[..], &[close.len() as u8], &close].concat();
        assert_eq!(script.output, expected);
    }
}

#[test]
fn after_an_error_nothing_of_the_message_is_kept() {
    // A message was being put together when the connection failed.
    let bytes = [
        Side::Server.frame(TEXT, b"begun"),
        Side::Server.frame(FIN | TEXT, b"inside"),
        Side::Server.frame(FIN | CONT, b"ended"),
    ];
    let script = Side::Server.messages(Config::new(), &bytes.each_ref().map(|b| &b[..]));
    assert_eq!((script.seen(), script.error), (&[][..], Some(ProtocolError::UnfinishedMessage)));
}

#[test]
fn a_pong_carries_what_the_ping_did() {
    for side in SIDES {
        for len in 0..=125 {
            let payload: Vec<u8> = (0..len).map(|i| i ^ 0xA5).collect();
            let script = side.messages(Config::new(), &[&side.frame(PING, &payload)]);
            assert_eq!(script.seen(), [Seen::Ping(payload.clone())]);
            let other = if side == Side::Server { Side::Client } else { Side::Server };
            let back = other.messages(Config::new(), &[&script.output]);
            assert_eq!(back.seen(), [Seen::Pong(payload)]);
            assert_eq!(back.output, b"", "a Pong is not answered");
        }
    }
}

#[test]
fn pongs_are_written_though_the_caller_only_reads() {
    // Inside a fragmented message, too, and before the call that gives it.
    let side = Side::Server;
    let bytes = [
        side.frame(TEXT, b"a"),
        side.frame(PING, b"1"),
        side.frame(CONT, b"b"),
        side.frame(PONG, b"unasked"),
        side.frame(PING, b"2"),
        side.frame(FIN | CONT, b"c"),
    ]
    .concat();
    let script = side.messages(Config::new(), &[&bytes]);
    assert_eq!(script.output, b"\x8A\x011\x8A\x012");
    let expected = [
        Seen::Ping(b"1".to_vec()),
        Seen::Pong(b"unasked".to_vec()),
        Seen::Ping(b"2".to_vec()),
        Seen::Text(b"abc".to_vec()),
    ];
    assert_eq!(script.seen(), expected);
}

#[test]
fn what_is_sent_is_appended() {
    let mut ws = WebSocket::server(Config::new());
    let mut output = b"before".to_vec();
    ws.send("text", &mut output).unwrap();
    ws.ping(Payload::new(b"p").unwrap(), &mut output);
    ws.pong(Payload::EMPTY, &mut output);
    ws.send(b"", &mut output).unwrap();
    ws.close(CloseFrame::new(CloseCode::NORMAL, "x").unwrap(), &mut output);
    let expected: [&[u8]; 6] =
        [b"before", b"\x81\x04text", b"\x89\x01p", b"\x8A\x00", b"\x82\x00", b"\x88\x03\x03\xE8x"];
    assert_eq!(output, expected.concat());
    assert_eq!(ws.send("late", &mut output), Err(SendError::Closed));
    assert_eq!(output, expected.concat());
}

#[test]
fn a_client_masks_all_that_it_appends_with_fresh_keys() {
    struct Counting(u8);
    impl MaskingKeys for Counting {
        fn next_key(&mut self) -> [u8; 4] {
            self.0 += 1;
            [self.0, 0x55, 0xAA, 0xFF]
        }
    }
    let mut ws = WebSocket::client(Config::new(), Counting(0));
    let mut output = Vec::new();
    let mut wire = Vec::new();
    for i in 1..=3 {
        ws.send("text", &mut output).unwrap();
        assert_eq!(output[..6], [0x81, 0x84, i, 0x55, 0xAA, 0xFF]);
        assert_eq!(output[6..], [b't' ^ i, b'e' ^ 0x55, b'x' ^ 0xAA, b't' ^ 0xFF]);
        wire.append(&mut output);
    }
    // The answer to a Ping has a key of its own.
    let mut ping = Side::Client.frame(PING, b"?");
    assert!(ws.receive(&mut &mut ping[..], &mut output).unwrap().is_some());
    assert_eq!(output, [0x8A, 0x81, 4, 0x55, 0xAA, 0xFF, b'?' ^ 4]);
    wire.append(&mut output);
    let script = Side::Server.messages(Config::new(), &[&wire]);
    assert_eq!(script.seen.len(), 4);
    assert_eq!(script.error, None);
}

#[test]
fn large_messages_both_ways() {
    // Over the length that is masked in one go, and not a multiple of it.
    let payload: Vec<u8> = (0..=250).cycle().take((1 << 20) + 13).collect();
    let mut output = Vec::new();
    WebSocket::client(Config::new(), || [1, 2, 3, 4]).send(&payload, &mut output).unwrap();
    let pieces: Vec<&[u8]> = output.chunks(60_001).collect();
    let script = Side::Server.messages(Config::new(), &pieces);
    assert!(script.seen == [Seen::Binary(payload.clone())]);

    let text = "€".repeat((1 << 20) / 3);
    output.clear();
    WebSocket::server(Config::new()).send(&text, &mut output).unwrap();
    let pieces: Vec<&[u8]> = output.chunks(60_001).collect();
    let script = Side::Client.messages(Config::new(), &pieces);
    assert!(script.seen == [Seen::Text(text.into_bytes())]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Client and server, whatever they say and however the wire cuts it up.
    #[test]
    fn both_ends_hear_what_the_other_said(
        texts in vec("\\PC{0,60}", 0..6),
        binaries in vec(vec(any::<u8>(), 0..300), 0..6),
        long in 0usize..80_000,
        seed in any::<[u8; 32]>(),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let mut keys = sansocket::ChaChaKeys::from_seed(seed);
        let mut client = WebSocket::client(Config::new(), move || keys.next_key());
        let mut server = WebSocket::server(Config::new());
        let long: Vec<u8> = (0..251).cycle().take(long).collect();
        let messages: Vec<Message> = texts.iter().map(Message::from)
            .chain(binaries.iter().map(Message::from))
            .chain([Message::from(&long)])
            .collect();
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        for message in &messages {
            client.send(message, &mut to_server).unwrap();
            server.send(message, &mut to_client).unwrap();
        }
        client.close(CloseCode::NORMAL, &mut to_server);
        let closed = Received::Closed(CloseCode::NORMAL.into());
        let mut expected: Vec<Received> = messages.into_iter().map(Received::Message).collect();
        prop_assert_eq!(&heard(&mut client, &to_client, &cuts).0, &expected);
        expected.push(closed);
        let (seen, answer) = heard(&mut server, &to_server, &cuts);
        prop_assert_eq!(&seen, &expected);
        prop_assert!(server.is_closed() && !client.is_closed());
        heard(&mut client, &answer, &cuts);
        prop_assert!(client.is_closed());
    }
}

fn heard<R: Role>(
    ws: &mut WebSocket<R>,
    wire: &[u8],
    cuts: &[usize],
) -> (Vec<Received<'static>>, Vec<u8>) {
    let (mut seen, mut output) = (Vec::new(), Vec::new());
    for piece in cut(wire, cuts) {
        let mut bytes = piece.to_vec();
        let mut input = &mut bytes[..];
        while let Some(received) = ws.receive(&mut input, &mut output).unwrap() {
            seen.push(match received {
                Received::Message(message) => Received::Message(message.into_owned()),
                Received::Ping(payload) => Received::Ping(payload),
                Received::Pong(payload) => Received::Pong(payload),
                Received::Closed(close) => Received::Closed(close),
            });
        }
    }
    (seen, output)
}
