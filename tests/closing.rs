//! The closing handshake: who says what, and what may still pass.
#![cfg(feature = "std")]

mod common;

use common::{BINARY, CLOSE, CONT, FIN, PING, SIDES, Seen, Side, TEXT, client, server, zero_key};
use sansocket::{
    CloseCode, CloseFrame, Config, Connection, ControlFrame, Event, Kind, Payload, ProtocolError,
    Received, Role, SendError, WebSocket,
};

const AWAY: CloseCode = CloseCode::GOING_AWAY;

/// Every event that `bytes` hold for `ws`, as text.
fn receive<R: Role>(ws: &mut Connection<R>, bytes: &[u8]) -> Vec<String> {
    let mut bytes = bytes.to_vec();
    let mut input = &mut bytes[..];
    let mut events = Vec::new();
    loop {
        events.push(match ws.receive(&mut input) {
            Ok(None) => return events,
            Ok(Some(Event::Data(data))) => {
                let whole = if data.is_first() && data.is_last() { "" } else { "part " };
                format!("{whole}{:?} {}", data.kind(), data.payload().escape_ascii())
            }
            Ok(Some(Event::Ping(ping))) => format!("Ping {}", ping.escape_ascii()),
            Ok(Some(Event::Pong(pong))) => format!("Pong {}", pong.escape_ascii()),
            Ok(Some(Event::Close(close))) => format!("{close:?}"),
            Err(error) => {
                events.push(error.to_string());
                return events;
            }
        });
    }
}

fn closes(code: CloseCode, reason: &str) -> String {
    format!("{:?}", CloseFrame::new(code, reason).unwrap())
}

/// The body of a Close on its way from either role, masked with zeros.
fn body(frame: Option<ControlFrame>) -> Vec<u8> {
    let frame = frame.expect("a Close frame");
    assert_eq!(frame[0], CLOSE);
    let header = if frame[1] & 0x80 == 0 { 2 } else { 6 };
    assert_eq!(usize::from(frame[1] & 0x7F), frame.len() - header);
    frame[header..].to_vec()
}

#[test]
fn the_client_closes() {
    let (mut client, mut server) = (client(), server());
    let bye = CloseFrame::new(AWAY, "bye").unwrap();
    let sent = client.close(bye).unwrap();
    assert!(!client.is_closed());

    assert_eq!(receive(&mut server, &sent), [closes(AWAY, "bye")]);
    assert!(!server.is_closed(), "our answer is still due");
    let answer = server.close(bye).unwrap();
    assert!(server.is_closed());

    assert_eq!(receive(&mut client, &answer), [closes(AWAY, "bye")]);
    assert!(client.is_closed());
    assert!(client.close(bye).is_none(), "an answer is not answered");
}

#[test]
fn the_server_closes() {
    let (mut client, mut server) = (client(), server());
    let sent = server.close(CloseCode::NORMAL).unwrap();
    assert!(!server.is_closed());
    assert_eq!(receive(&mut client, &sent), [closes(CloseCode::NORMAL, "")]);
    let answer = client.close(CloseCode::NORMAL).unwrap();
    assert!(client.is_closed() && !server.is_closed());
    assert_eq!(receive(&mut server, &answer), [closes(CloseCode::NORMAL, "")]);
    assert!(server.is_closed());
}

#[test]
fn both_close_at_once() {
    let (mut client, mut server) = (client(), server());
    let from_client = client.close(AWAY).unwrap();
    let from_server = server.close(CloseCode::NORMAL).unwrap();
    assert_eq!(receive(&mut client, &from_server), [closes(CloseCode::NORMAL, "")]);
    assert_eq!(receive(&mut server, &from_client), [closes(AWAY, "")]);
    assert!(client.is_closed() && server.is_closed());
    assert!(client.close(CloseCode::NORMAL).is_none());
    assert!(server.close(AWAY).is_none());
}

#[test]
fn layer_2_closes_from_either_side_and_at_once() {
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    for (client_closes, server_closes) in [(true, false), (false, true), (true, true)] {
        let mut client = WebSocket::client(Config::new(), zero_key);
        let mut server = WebSocket::server(Config::new());
        if client_closes {
            client.close(CloseFrame::new(AWAY, "bye").unwrap(), &mut to_server);
        }
        if server_closes {
            server.close(CloseCode::NORMAL, &mut to_client);
        }
        let mut closed = Vec::new();
        while !to_server.is_empty() || !to_client.is_empty() {
            let mut bytes = std::mem::take(&mut to_server);
            let mut input = &mut bytes[..];
            while let Some(received) = server.receive(&mut input, &mut to_client).unwrap() {
                closed.push(format!("server: {received:?}"));
            }
            let mut bytes = std::mem::take(&mut to_client);
            let mut input = &mut bytes[..];
            while let Some(received) = client.receive(&mut input, &mut to_server).unwrap() {
                closed.push(format!("client: {received:?}"));
            }
        }
        assert!(client.is_closed() && server.is_closed());
        let seen = |code, reason: &str| format!("Closed({})", closes(code, reason));
        let at_server = if client_closes { seen(AWAY, "bye") } else { seen(CloseCode::NORMAL, "") };
        let at_client = if server_closes { seen(CloseCode::NORMAL, "") } else { seen(AWAY, "bye") };
        let mut expected = [format!("server: {at_server}"), format!("client: {at_client}")];
        closed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(closed, expected, "each sees one Close");
    }
}

#[test]
fn the_answer_to_a_close_says_what_the_close_said() {
    for side in SIDES {
        let longest = "x".repeat(123);
        for (code, reason) in [(1000, ""), (1001, "bye"), (3000, "за"), (4999, &longest)] {
            let close = [&u16::to_be_bytes(code)[..], reason.as_bytes()].concat();
            let layer_1 = side.events(Config::new(), &[&side.frame(CLOSE, &close)]);
            assert_eq!(layer_1.seen(), [Seen::Close(Some(code), reason.to_owned())]);
            assert!(layer_1.closed);
            let header = if side == Side::Server { 2 } else { 6 };
            assert_eq!(layer_1.output[header..], close);
            assert_eq!(side.messages(Config::new(), &[&side.frame(CLOSE, &close)]), layer_1);
        }
    }
}

#[test]
fn a_close_without_a_code() {
    assert_eq!(body(client().close(CloseFrame::EMPTY)), b"");
    assert_eq!(body(server().close(CloseFrame::EMPTY)), b"");
    for side in SIDES {
        let script = side.messages(Config::new(), &[&side.frame(CLOSE, b"")]);
        assert_eq!(script.seen(), [Seen::Close(None, String::new())]);
        assert_eq!(script.output[..2], side_opposite(side).header(CLOSE, 0)[..2]);
        assert!(script.closed);
    }
}

fn side_opposite(side: Side) -> Side {
    if side == Side::Server { Side::Client } else { Side::Server }
}

#[test]
fn a_second_close_is_none() {
    let mut server = server();
    assert_eq!(body(server.close(AWAY)), 1001u16.to_be_bytes());
    assert!(server.close(AWAY).is_none());
    assert!(server.close(ProtocolError::Masked).is_none());
    assert!(server.close(CloseFrame::EMPTY).is_none());

    let mut ws = WebSocket::client(Config::new(), zero_key);
    let mut output = Vec::new();
    ws.close(AWAY, &mut output);
    ws.close(CloseCode::NORMAL, &mut output);
    assert_eq!(output, b"\x88\x82\0\0\0\0\x03\xE9");
}

#[test]
fn data_after_our_close_is_delivered() {
    for side in SIDES {
        let bytes = [
            side.fragments(TEXT, &[b"in", b" good", b" faith"]),
            side.frame(FIN | BINARY, b"\x01"),
            side.frame(PING, b"?"),
            side.frame(CLOSE, b"\x03\xE9"),
        ]
        .concat();
        let expected = [
            "part Text in".to_owned(),
            "part Text  good".to_owned(),
            "part Text  faith".to_owned(),
            "Binary \\x01".to_owned(),
            "Ping ?".to_owned(),
            closes(AWAY, ""),
        ];
        for_side(side, Config::new(), &bytes, &expected);
    }
}

#[test]
fn data_after_our_close_is_dropped_if_so_configured() {
    for side in SIDES {
        let bytes = [
            side.fragments(TEXT, &[b"in", b"", b" faith"]),
            side.frame(FIN | BINARY, b"\x01"),
            side.frame(BINARY, b"never"),
            side.frame(PING, b"?"),
            side.frame(FIN | CONT, b"ending"),
            side.frame(FIN | TEXT, b""),
            side.frame(CLOSE, b"\x03\xE9"),
        ]
        .concat();
        let config = Config::new().drop_after_close(true);
        for_side(side, config, &bytes, &["Ping ?".to_owned(), closes(AWAY, "")]);
    }
}

/// What comes of `bytes` behind our Close, whole and byte by byte, in layers 1 and 2.
fn for_side(side: Side, config: Config, bytes: &[u8], expected: &[String]) {
    fn check<R: Role>(mut ws: Connection<R>, pieces: &[&[u8]], expected: &[String], whole: bool) {
        let _ = ws.close(CloseCode::NORMAL);
        let events: Vec<String> = pieces.iter().flat_map(|piece| receive(&mut ws, piece)).collect();
        if whole {
            assert_eq!(events, expected);
        } else {
            let control = |event: &&String| event.starts_with("Ping") || event.starts_with("Close");
            assert!(events.iter().filter(control).eq(expected.iter().filter(control)));
            assert_eq!(events.len() > 2, expected.len() > 2, "data is delivered or it is not");
        }
        assert!(ws.is_closed());
    }
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    for (pieces, whole) in [(&[bytes][..], true), (&bytewise, false)] {
        match side {
            Side::Server => check(Connection::server(config), pieces, expected, whole),
            Side::Client => check(Connection::client(config, zero_key), pieces, expected, whole),
        }
    }
}

#[test]
fn a_message_that_our_close_cuts_is_whole_or_nothing_in_layer_2() {
    let side = Side::Server;
    for (drop, messages) in [(false, &["before", "cut", "after"][..]), (true, &["before"])] {
        let mut ws = WebSocket::server(Config::new().drop_after_close(drop));
        let (mut output, mut seen) = (Vec::new(), Vec::new());
        let mut feed = |ws: &mut WebSocket<_>, mut bytes: Vec<u8>| {
            let mut input = &mut bytes[..];
            while let Some(received) = ws.receive(&mut input, &mut output).unwrap() {
                match received {
                    Received::Message(message) => {
                        seen.push(message.as_text().unwrap().to_owned());
                    }
                    Received::Closed(close) => assert_eq!(close.code(), Some(AWAY)),
                    Received::Ping(_) | Received::Pong(_) => {}
                }
            }
        };
        let begun = [side.frame(FIN | TEXT, b"before"), side.frame(TEXT, b"c")].concat();
        feed(&mut ws, begun);
        ws.close(CloseCode::NORMAL, &mut Vec::new());
        let rest = [
            side.frame(FIN, b"ut"),
            side.frame(FIN | TEXT, b"after"),
            side.frame(CLOSE, b"\x03\xE9"),
        ];
        feed(&mut ws, rest.concat());
        assert_eq!(seen, messages, "dropping: {drop}");
        assert!(ws.is_closed());
        assert_eq!(output, b"", "the Close is sent once, nothing else was asked");
    }
}

#[test]
fn dropped_frames_are_held_to_the_rules() {
    let side = Side::Server;
    let config = Config::new().drop_after_close(true).max_message(10).max_fragments(2);
    for (bytes, error) in [
        (side.frame(FIN | TEXT, b"\xFF"), ProtocolError::TextNotUtf8),
        (side.frame(TEXT | FIN, b"ab\xC3"), ProtocolError::TextNotUtf8),
        (side.fragments(TEXT, &[b"ab\xC3", b"x"]), ProtocolError::TextNotUtf8),
        (side.frame(FIN, b""), ProtocolError::UnexpectedContinuation),
        (side.fragments(BINARY, &[b"12345", b"678901"]), ProtocolError::MessageTooBig),
        (side.frame(FIN | BINARY, &[0; 11]), ProtocolError::MessageTooBig),
        (side.fragments(BINARY, &[b"", b"", b""]), ProtocolError::TooManyFragments),
        (side.frame(TEXT, b"").repeat(2), ProtocolError::UnfinishedMessage),
        (Side::Client.frame(FIN | TEXT, b""), ProtocolError::Unmasked),
    ] {
        let mut ws = Connection::server(config);
        let _ = ws.close(CloseCode::NORMAL);
        assert_eq!(receive(&mut ws, &bytes), [error.to_string()]);

        let mut ws = WebSocket::server(config);
        ws.close(CloseCode::NORMAL, &mut Vec::new());
        let (mut bytes, mut output) = (bytes, Vec::new());
        assert_eq!(ws.receive(&mut &mut bytes[..], &mut output), Err(error));
    }
}

/// Our Close in the middle of a message: what has come of it still counts.
#[test]
fn a_message_that_our_close_cuts_is_dropped_and_judged() {
    for (end, expected) in [(b"\xA9", Ok(None)), (b"e", Err(ProtocolError::TextNotUtf8))] {
        let mut ws = WebSocket::server(Config::new().drop_after_close(true));
        let mut output = Vec::new();
        let mut bytes = Side::Server.frame(TEXT, b"\xC3");
        assert_eq!(ws.receive(&mut &mut bytes[..], &mut output), Ok(None));
        ws.close(CloseCode::NORMAL, &mut output);
        let mut bytes = Side::Server.frame(FIN, end);
        assert_eq!(ws.receive(&mut &mut bytes[..], &mut output), expected);
    }
}

#[test]
fn pings_after_our_close_are_answered() {
    for side in SIDES {
        let mut output = Vec::new();
        let mut bytes = [side.frame(PING, b"1"), side.frame(CLOSE, b"")].concat();
        let mut input = &mut bytes[..];
        let (pong, header) = match side {
            Side::Server => {
                let mut ws = WebSocket::server(Config::new());
                ws.close(CloseCode::NORMAL, &mut output);
                while ws.receive(&mut input, &mut output).unwrap().is_some() {}
                assert!(ws.is_closed());
                (b"\x8A\x01".to_vec(), 4)
            }
            Side::Client => {
                let mut ws = WebSocket::client(Config::new(), zero_key);
                ws.close(CloseCode::NORMAL, &mut output);
                while ws.receive(&mut input, &mut output).unwrap().is_some() {}
                assert!(ws.is_closed());
                (b"\x8A\x81\0\0\0\0".to_vec(), 8)
            }
        };
        assert_eq!(output[header..], [&pong[..], b"1"].concat(), "one Pong, no second Close");
    }
}

#[test]
fn nothing_comes_after_the_peers_close() {
    for side in SIDES {
        // Not even an error: these bytes are nobody's.
        for late in [
            side.frame(PING, b""),
            side.frame(FIN | TEXT, b"x"),
            side.frame(CLOSE, b""),
            side.frame(0xFF, b"x"),
            side_opposite(side).frame(FIN | TEXT, b"x"),
            vec![0; 1000],
        ] {
            let bytes = [side.frame(CLOSE, b"\x03\xE8"), late].concat();
            for pieces in [&[&bytes[..]][..], &bytes.chunks(1).collect::<Vec<_>>()] {
                let script = side.events(Config::new(), pieces);
                assert_eq!(script.seen(), [Seen::Close(Some(1000), String::new())]);
                assert_eq!((script.error, script.closed), (None, true));
                assert_eq!(side.messages(Config::new(), pieces), script);
            }
        }
    }
}

#[test]
fn a_reason_is_judged_to_its_last_byte() {
    for side in SIDES {
        for at in 0..CloseFrame::MAX_REASON {
            let mut body = [&b"\x03\xE8"[..], &[b'x'; CloseFrame::MAX_REASON]].concat();
            body[2 + at] = 0xC3; // the first half of an é
            for run in [Side::events, Side::messages] {
                let script = run(side, Config::new(), &[&side.frame(CLOSE, &body)]);
                assert_eq!(script.error, Some(ProtocolError::BadCloseReason), "at {at}");
                assert_eq!(script.seen(), []);
            }
        }
    }
}

#[test]
fn each_error_becomes_a_close_frame() {
    use ProtocolError as Error;
    for (error, code) in [
        (Error::ReservedBits, 1002),
        (Error::ReservedOpcode, 1002),
        (Error::FragmentedControl, 1002),
        (Error::ControlTooLong, 1002),
        (Error::UnexpectedContinuation, 1002),
        (Error::UnfinishedMessage, 1002),
        (Error::Unmasked, 1002),
        (Error::Masked, 1002),
        (Error::LengthNotMinimal, 1002),
        (Error::LengthOverflow, 1002),
        (Error::ClosePayloadOfOneByte, 1002),
        (Error::BadCloseCode, 1002),
        (Error::BadCloseReason, 1007),
        (Error::TextNotUtf8, 1007),
        (Error::MessageTooBig, 1009),
        (Error::FrameTooBig, 1009),
        (Error::TooManyFragments, 1009),
    ] {
        let expected = [&u16::to_be_bytes(code)[..], error.as_str().as_bytes()].concat();
        assert_eq!(body(server().close(error)), expected);
        assert_eq!(body(client().close(error)), expected);
        assert_eq!(error.close_code().get(), code);
        assert_eq!(error.to_string(), error.as_str());
        // The peer takes it for what it is.
        let mut server = server();
        let report = client().close(error).unwrap();
        let seen = closes(error.close_code(), error.as_str());
        assert_eq!(receive(&mut server, &report), [seen]);
    }
}

#[test]
fn an_error_ends_uncleanly() {
    for side in SIDES {
        let script = side.events(Config::new(), &[&[0xFF, 0xFF]]);
        assert!(script.error.is_some() && !script.closed);
        let script = side.messages(Config::new(), &[&[0xFF, 0xFF]]);
        assert!(script.error.is_some() && !script.closed);
        // Nor does a good Close heal it.
        let bytes = [vec![0xFF, 0xFF], side.frame(CLOSE, b"")].concat();
        assert!(!side.messages(Config::new(), &[&bytes]).closed);
    }
}

#[test]
fn an_error_after_our_close_is_not_reported_twice() {
    let mut ws = WebSocket::server(Config::new());
    let mut output = Vec::new();
    ws.close(CloseCode::NORMAL, &mut output);
    let mut bytes = [0xFF, 0xFF];
    assert!(ws.receive(&mut &mut bytes[..], &mut output).is_err());
    assert_eq!(output, b"\x88\x02\x03\xE8", "a Close was sent, and it was the last");
}

#[test]
fn no_data_is_sent_after_our_close() {
    let mut server = server();
    let _ = server.send_part(Kind::Text, false, b"begun").unwrap();
    let _ = server.close(CloseCode::NORMAL);
    assert_eq!(server.send(Kind::Text, b"x").unwrap_err(), SendError::Closed);
    assert_eq!(server.send(Kind::Binary, b"x").unwrap_err(), SendError::Closed);
    assert_eq!(server.send_part(Kind::Text, true, b"x").unwrap_err(), SendError::Closed);
    assert_eq!(server.encode(Kind::Text, true, b"x", &mut [0; 20]), Err(SendError::Closed));
    assert_eq!(server.encode(Kind::Text, true, b"x", &mut []), Err(SendError::Closed));
    // Control frames may go until the peer's Close comes.
    assert_eq!(*server.pong(Payload::EMPTY), [0x8A, 0]);
    assert_eq!(*server.ping(Payload::EMPTY), [0x89, 0]);

    let mut client = client();
    let _ = client.close(CloseCode::NORMAL);
    let mut payload = *b"untouched";
    assert_eq!(client.send(Kind::Text, &mut payload).unwrap_err(), SendError::Closed);
    assert_eq!(client.send_part(Kind::Text, false, &mut payload).unwrap_err(), SendError::Closed);
    assert_eq!(payload, *b"untouched");

    let mut ws = WebSocket::client(Config::new(), zero_key);
    let mut output = Vec::new();
    ws.close(CloseFrame::EMPTY, &mut output);
    let before = output.clone();
    assert_eq!(ws.send("x", &mut output), Err(SendError::Closed));
    assert_eq!(ws.send(b"x", &mut output), Err(SendError::Closed));
    assert_eq!(output, before);
}

#[test]
fn split_halves_carry_the_close_over() {
    // The peer closes: its Close goes from one half to the other.
    let (mut receiver, mut sender) = server().split();
    let mut bytes = Side::Server.frame(CLOSE, b"\x03\xE9bye");
    let Ok(Some(Event::Close(close))) = receiver.receive(&mut &mut bytes[..]) else { panic!() };
    assert!(receiver.has_received_close() && !sender.has_sent_close());
    assert_eq!(*sender.close(close).unwrap(), *b"\x88\x05\x03\xE9bye");
    assert!(sender.has_sent_close());
    assert!(sender.close(close).is_none());

    // We close: the receiver is told, so that it drops from then on.
    let config = Config::new().drop_after_close(true);
    let (mut receiver, mut sender) = Connection::server(config).split();
    let mut data = Side::Server.frame(FIN | TEXT, b"x");
    assert!(receiver.receive(&mut &mut data.clone()[..]).unwrap().is_some());
    assert_eq!(body(sender.close(CloseCode::NORMAL)), b"\x03\xE8");
    receiver.note_close_sent();
    assert_eq!(receiver.receive(&mut &mut data[..]), Ok(None));
    assert!(!receiver.has_received_close() && sender.has_sent_close());

    // An error goes the same way, and a Ping.
    let (mut receiver, mut sender) = client().split();
    let mut bytes = b"\x89\x01?\x8B".to_vec();
    let mut input = &mut bytes[..];
    let Ok(Some(Event::Ping(ping))) = receiver.receive(&mut input) else { panic!() };
    assert_eq!(*sender.pong(ping), *b"\x8A\x81\0\0\0\0?");
    let error = receiver.receive(&mut input).unwrap_err();
    assert_eq!(body(sender.close(error)), b"\x03\xEAreserved opcode");
    assert!(!receiver.has_received_close());
}

#[test]
fn split_halves_go_to_threads_of_their_own() {
    fn any_thread<T: Send + 'static>(_: &T) {}
    let (receiver, sender) = server().split();
    any_thread(&receiver);
    any_thread(&sender);
    // The receiver holds no keys, so it goes even where they cannot.
    let keys = std::rc::Rc::new(7);
    let client = Connection::client(Config::new(), move || [*keys; 4]);
    any_thread(&client.split().0);
}

#[test]
fn after_close_sent_without_dropping_data_still_comes() {
    let (mut receiver, _) = server().split();
    receiver.note_close_sent();
    let mut data = Side::Server.frame(FIN | TEXT, b"x");
    assert!(matches!(receiver.receive(&mut &mut data[..]), Ok(Some(Event::Data(_)))));
}

#[test]
fn the_sending_half_of_layer_2_knows_of_our_close() {
    let (_, mut sender) = WebSocket::server(Config::new()).split();
    let mut output = Vec::new();
    sender.send("a", &mut output).unwrap();
    assert!(!sender.has_sent_close());
    sender.close(AWAY, &mut output);
    assert!(sender.has_sent_close());
    assert_eq!(sender.send("b", &mut output), Err(SendError::Closed));
    assert_eq!(output, b"\x81\x01a\x88\x02\x03\xE9");
}

#[test]
fn the_halves_of_layer_2_drop_once_told_of_our_close() {
    let hello = b"\x81\x82\0\0\0\0hi";
    for (drop, told) in [(false, false), (false, true), (true, false), (true, true)] {
        let config = Config::new().drop_after_close(drop);
        let (mut receiver, _) = WebSocket::server(config).split();
        if told {
            receiver.note_close_sent();
        }
        let mut bytes = *hello;
        let received = receiver.receive(&mut &mut bytes[..]).unwrap();
        assert_eq!(received.is_none(), drop && told, "{drop} {told}");
        // What is dropped is still judged.
        let mut bytes = *b"\x81\x81\0\0\0\0\xFF";
        assert_eq!(receiver.receive(&mut &mut bytes[..]), Err(ProtocolError::TextNotUtf8));
    }
}
