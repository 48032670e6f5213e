//! Mistakes that other WebSocket implementations made, each with a test that
//! would notice it here. The numbers are those of the list that they were
//! gathered in; at the end are some that came to light later. What of it concerns
//! compression is in `field_notes_deflate.rs`.
#![cfg(feature = "std")]

mod common;

use std::time::Duration;

use common::{
    BINARY, CLOSE, CONT, FIN, NONCE, PING, PONG, SIDES, Seen, Side, TEXT, request_with,
    response_with, server, zero_key,
};
use sansocket::handshake::{
    ClientConnect, ClientHandshake, ComposeError, ConnectResponse, HandshakeError, Reply,
    RequestReader, ResponseReader, Url,
};
use sansocket::keepalive::{TimedOut, Timeouts};
use sansocket::{
    ChaChaKeys, CloseCode, CloseFrame, Config, Event, Kind, MaskingKeys, Payload, ProtocolError,
    Received, WebSocket,
};

fn judge(head: &[u8]) -> Result<(), HandshakeError> {
    let request = RequestReader::new().read(head)?.expect("a whole head");
    request.upgrade().map(|_| ())
}

fn judge_answer(head: &[u8]) -> Result<(), HandshakeError> {
    let response = ResponseReader::new().read(head)?.expect("a whole head");
    ClientHandshake::new(NONCE).protocols(&["a", "b"]).check(&response).map(|_| ())
}

// Handshake.

/// tungstenite up to 0.20 (CVE-2023-43669) went over a head from its start with
/// every read, and tokio-websockets 0.13 kept an endless line.
#[test]
fn mistake_01_head_scanned_again_and_without_limit() {
    // What was seen is made illegal behind the reader's back: were it looked
    // at again, the head would be malformed.
    let mut bytes = request_with(&format!("X: {}\r\n", "x".repeat(16_000)));
    let (mut reader, value) = (RequestReader::new(), request_with("").len() + 1);
    for end in 1..bytes.len() {
        assert!(reader.read(&bytes[..end]).unwrap().is_none(), "at byte {end}");
        if (value + 1..value + 15_000).contains(&end) {
            bytes[end - 2] = 0;
        }
    }
    let head_len = reader.read(&bytes).unwrap().expect("a whole head").head_len();
    assert_eq!(head_len, bytes.len());

    let mut reader = RequestReader::new();
    let endless = vec![b'x'; 8 << 20];
    let fed = (0..endless.len()).step_by(1000).find(|&end| reader.read(&endless[..end]).is_err());
    assert_eq!(fed, Some(17_000), "it fails once the limit is passed");
}

/// fastwebsockets 0.10, embedded-websocket 0.9.5, wtx and yawc took any 101,
/// whatever its accept value was.
#[test]
fn mistake_02_accept_value_not_checked() {
    let good = String::from_utf8(response_with("")).unwrap();
    assert_eq!(judge_answer(good.as_bytes()), Ok(()));
    let value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    for at in 0..value.len() {
        let mut wrong = value.to_owned().into_bytes();
        wrong[at] ^= 1;
        let wrong = good.replace(value, std::str::from_utf8(&wrong).unwrap());
        assert_eq!(judge_answer(wrong.as_bytes()), Err(HandshakeError::BadAccept), "at {at}");
        // A letter in the other case is another digit.
        let mut wrong = value.to_owned().into_bytes();
        wrong[at] ^= u8::from(wrong[at].is_ascii_alphabetic()) << 5;
        let wrong = good.replace(value, std::str::from_utf8(&wrong).unwrap());
        assert_eq!(judge_answer(wrong.as_bytes()).is_ok(), wrong == good, "at {at}");
    }
    for wrong in ["", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "S3PPLMBITXAQ9KYGZZHZRBK+XOO="] {
        let wrong = good.replace(value, wrong);
        assert_eq!(judge_answer(wrong.as_bytes()), Err(HandshakeError::BadAccept));
    }
    let missing = good.replace(&format!("Sec-WebSocket-Accept: {value}\r\n"), "");
    assert_eq!(judge_answer(missing.as_bytes()), Err(HandshakeError::BadAccept));
}

/// embedded-websocket 0.9.5 copied keys and subprotocols into arrays of 24
/// bytes and panicked at longer ones.
#[test]
fn mistake_03_long_key_or_subprotocol_panics() {
    let good = String::from_utf8(request_with("")).unwrap();
    for len in 0..200 {
        let head = good.replace("dGhlIHNhbXBsZSBub25jZQ==", &"A".repeat(len));
        assert_eq!(judge(head.as_bytes()), Err(HandshakeError::BadKey), "{len}");
    }
    let name = "n".repeat(5000);
    let head = request_with(&format!("Sec-WebSocket-Protocol: {name}\r\n"));
    let upgrade = RequestReader::new().read(&head).unwrap().unwrap().upgrade().unwrap();
    let mut out = vec![0; 6000];
    let response = upgrade.accept(&mut out).protocol(&*name).finish().unwrap();
    let offered = [&*name];
    let response = ResponseReader::new().read(response).unwrap().unwrap();
    let accepted = ClientHandshake::new(NONCE).protocols(&offered).check(&response).unwrap();
    assert_eq!(accepted.protocol(), Some(&*name));
}

/// `Connection` was compared as a whole or searched as a string, and soketto
/// did not take the list of subprotocols apart.
#[test]
fn mistake_04_lists_compared_as_strings() {
    let good = String::from_utf8(request_with("")).unwrap();
    for (connection, verdict) in [
        ("keep-alive, Upgrade", Ok(())),
        ("upgrade,keep-alive", Ok(())),
        ("notupgrade", Err(HandshakeError::ConnectionNotUpgrade)),
        ("upgrade-not, not-upgrade", Err(HandshakeError::ConnectionNotUpgrade)),
    ] {
        let head = good.replace("Connection: Upgrade", &format!("Connection: {connection}"));
        assert_eq!(judge(head.as_bytes()), verdict, "{connection}");
    }
    let head = request_with("Sec-WebSocket-Protocol: soap,wamp , chat\r\n");
    let upgrade = RequestReader::new().read(&head).unwrap().unwrap().upgrade().unwrap();
    for protocol in ["soap", "wamp", "chat"] {
        assert_eq!(upgrade.choose_protocol(&[protocol]), Some(protocol));
    }
    assert_eq!(upgrade.choose_protocol(&["soap,wamp", "hat", "soa"]), None);
}

/// Arrays of 16 to 32 headers refuse browsers behind proxies (wtx,
/// tokio-websockets, ws-framer, soketto); Node's ws fell over at its limit
/// (CVE-2024-37890).
#[test]
fn mistake_05_fixed_number_of_headers() {
    for count in [16, 25, 32, 100, 1000, 2000] {
        let head = request_with(&"X: y\r\n".repeat(count));
        assert_eq!(judge(&head), Ok(()), "{count}");
        assert_eq!(judge_answer(&response_with(&"X: y\r\n".repeat(count))), Ok(()), "{count}");
    }
    let head = request_with(&"X: y\r\n".repeat(3000));
    assert_eq!(judge(&head), Err(HandshakeError::HeadTooLarge));
}

/// Regular expressions over headers took exponential time (ws CVE-2021-32640,
/// websocket-extensions CVE-2020-7662 and -7663); here each element of a list
/// is cut off at its comma, once.
#[test]
fn mistake_06_lists_that_blow_up() {
    for value in [" ".repeat(8000), ",".repeat(8000), "a,".repeat(4000), " , \t".repeat(2000)] {
        let names = value.split(',').filter(|name| !name.trim().is_empty()).count();
        let head = request_with(&format!("Sec-WebSocket-Protocol: {value}\r\n"));
        let request = RequestReader::new().read(&head).unwrap().unwrap();
        assert_eq!(request.protocols().count(), names);
        assert!(request.upgrade().is_ok());
    }
    // A quote that is never closed, and long lists of extensions.
    let quote = format!("Sec-WebSocket-Extensions: a; b=\"{}\r\n", "\\a".repeat(4000));
    assert_eq!(judge(&request_with(&quote)), Err(HandshakeError::BadExtensions));
    for value in
        ["a,".repeat(4000), ";a".repeat(4000).replacen(';', "", 1), "a;b=\"c\",".repeat(900)]
    {
        let header = format!("Sec-WebSocket-Extensions: {value}\r\n");
        assert_eq!(judge(&request_with(&header)), Ok(()));
    }
}

/// Repeated headers of the handshake collapsed into one, and a caller's value
/// with a line break was written as it was (sockudo #78 and #83).
#[test]
fn mistake_07_repeated_headers_and_line_breaks() {
    use HandshakeError as Error;
    for (line, error) in [
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", Error::BadKey),
        ("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n", Error::BadKey),
        ("Sec-WebSocket-Version: 13\r\n", Error::WebSocketVersion),
        ("Host: server.example.com\r\n", Error::BadHost),
    ] {
        assert_eq!(judge(&request_with(line)), Err(error), "{line:?}");
    }
    for (line, error) in [
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", Error::BadAccept),
        ("Upgrade: websocket\r\n", Error::NotUpgrade),
        ("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", Error::ProtocolNotOffered),
    ] {
        assert_eq!(judge_answer(&response_with(line)), Err(error), "{line:?}");
    }
    let reply = Reply::new(401, &mut [0; 512]).header("X", "a\r\nSet-Cookie: b").body(b"").err();
    assert_eq!(reply, Some(ComposeError::BadHeader));
}

/// Bytes behind the head were lost, counted against its limit, or refused
/// (sockudo #17 and #77, tungstenite).
#[test]
fn mistake_08_bytes_behind_the_head() {
    let frames = Side::Server.frame(FIN | BINARY, &vec![7; 100_000]);
    let head = request_with("");
    let bytes = [&head[..], &frames].concat();
    let request = RequestReader::with_config(Config::new().max_head(head.len()))
        .read(&bytes)
        .unwrap()
        .unwrap();
    assert!(request.upgrade().is_ok());
    let script = Side::Server.messages(Config::new(), &[&bytes[request.head_len()..]]);
    assert_eq!(script.seen(), [Seen::Binary(vec![7; 100_000])]);

    let frames = Side::Client.frame(FIN | TEXT, b"welcome");
    let head = response_with("");
    let bytes = [&head[..], &frames].concat();
    let response = ResponseReader::with_config(Config::new().max_head(head.len()))
        .read(&bytes)
        .unwrap()
        .unwrap();
    let script = Side::Client.messages(Config::new(), &[&bytes[response.head_len()..]]);
    assert_eq!(script.seen(), [Seen::Text(b"welcome".to_vec())]);
}

/// Servers accepted before the application could see where a request came
/// from, which lets a foreign page use its visitor's cookies.
#[test]
fn mistake_09_origin_not_shown() {
    let head = request_with("Origin: https://evil.example\r\nCookie: session=1\r\n");
    let request = RequestReader::new().read(&head).unwrap().unwrap();
    assert_eq!(request.origin(), Some("https://evil.example"));
    assert_eq!(request.header("Cookie"), Some(&b"session=1"[..]));
    // Nothing is written unless the application asks for one or the other.
    let upgrade = request.upgrade().unwrap();
    assert_eq!(upgrade.request().origin(), Some("https://evil.example"));
    let mut out = [0; 512];
    assert!(Reply::new(403, &mut out).body(b"").unwrap().starts_with(b"HTTP/1.1 403 Forbidden"));
    // One that could be read in two ways is none.
    let head = request_with("Origin: https://good.example\r\nOrigin: https://evil.example\r\n");
    assert_eq!(judge(&head), Err(HandshakeError::BadOrigin));
}

/// An empty subprotocol header was written where none was chosen
/// (embedded-websocket #17), and clients could not see why they were refused
/// (tungstenite #148, #199, #499).
#[test]
fn mistake_10_empty_subprotocol_and_opaque_refusals() {
    let head = request_with("Sec-WebSocket-Protocol: a\r\n");
    let upgrade = RequestReader::new().read(&head).unwrap().unwrap().upgrade().unwrap();
    let mut out = [0; 512];
    let response = upgrade.accept(&mut out).protocol(None).finish().unwrap();
    let response = ResponseReader::new().read(response).unwrap().unwrap();
    assert_eq!(response.header("Sec-WebSocket-Protocol"), None);

    let mut out = [0; 512];
    let refusal = Reply::new(429, &mut out).header("Retry-After", "7").body(b"later").unwrap();
    let response = ResponseReader::new().read(refusal).unwrap().unwrap();
    let error = ClientHandshake::new(NONCE).check(&response).unwrap_err();
    assert_eq!(error, HandshakeError::Refused(429));
    assert_eq!(response.header("Retry-After"), Some(&b"7"[..]));
    assert_eq!(&refusal[response.head_len()..], b"later");
}

// Frames.

/// 14 bytes made tungstenite 0.30 reserve 16 MiB and the websocket crate
/// abort (CVE-2022-35922). That nothing at all is allocated is counted in
/// `allocation.rs`.
#[test]
fn mistake_11_declared_length_reserved() {
    for side in SIDES {
        for first in [FIN | BINARY, FIN | TEXT, BINARY] {
            let script = side.messages(Config::new(), &[&side.header(first, 1 << 62)]);
            assert_eq!(script.error, Some(ProtocolError::MessageTooBig));
            let config = Config::new().max_message(u64::MAX);
            let script = side.messages(config, &[&side.header(first, (1 << 63) - 1)]);
            assert_eq!(
                (script.error, script.seen.len()),
                (None, 0),
                "it waits and reserves nothing"
            );
        }
    }
}

/// Sums of lengths overflowed or looped (gorilla CVE-2020-27813, Tomcat
/// CVE-2020-13935), 64 bits were cut to 32 (yawc), and 65,535 was written in
/// the long form (embedded-websocket).
#[test]
fn mistake_12_length_arithmetic() {
    let config = Config::new().max_message(u64::MAX).max_fragments(u32::MAX);
    for side in SIDES {
        // Lengths whose lower 32 bits are small: not a byte too many is taken.
        let bytes = [side.header(FIN | BINARY, (1 << 32) + 1), side.masked(&[7; 100])].concat();
        let script = side.events(config, &[&bytes]);
        assert_eq!(script.seen(), [Seen::Piece(Kind::Binary, vec![7; 100])]);
        // The top bit is refused, whatever the limit.
        let script = side.events(config, &[&side.header(FIN | BINARY, 1 << 63)]);
        assert_eq!(script.error, Some(ProtocolError::LengthOverflow));
    }
    for (len, header) in [
        (125, &b"\x82\x7D"[..]),
        (126, b"\x82\x7E\x00\x7E"),
        (65_535, b"\x82\x7E\xFF\xFF"),
        (65_536, b"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"),
    ] {
        assert_eq!(server().send(Kind::Binary, &vec![0; len]).unwrap().as_slices()[0], header);
    }
}

/// The limit was held against each frame, so that fragments passed it by
/// (fastwebsockets #100, old ws).
#[test]
fn mistake_13_size_limit_per_frame_only() {
    let config = Config::new().max_message(1024);
    for side in SIDES {
        let fragment = side.frame(CONT, &[0; 1000]);
        let bytes = [side.frame(BINARY, &[0; 1000]), fragment.repeat(20_000)].concat();
        let script = side.messages(config, &[&bytes]);
        assert_eq!(script.error, Some(ProtocolError::MessageTooBig));
        // At the second header already.
        let bytes = [side.frame(BINARY, &[0; 1000]), side.header(CONT, 1000)].concat();
        assert_eq!(side.messages(config, &[&bytes]).error, Some(ProtocolError::MessageTooBig));
    }
}

/// Servers took unmasked frames (fastwebsockets, soketto, ws-framer), clients
/// masked ones, and reserved bits or long forms of a length passed
/// (tungstenite).
#[test]
fn mistake_14_masks_reserved_bits_and_long_lengths() {
    use ProtocolError as Error;
    for first in [FIN | TEXT, FIN | BINARY, BINARY, PING, PONG, CLOSE] {
        let script = Side::Server.events(Config::new(), &[&Side::Client.frame(first, b"")]);
        assert_eq!(script.error, Some(Error::Unmasked));
        let script = Side::Client.events(Config::new(), &[&Side::Server.frame(first, b"")]);
        assert_eq!(script.error, Some(Error::Masked));
        for bit in [0x40, 0x20, 0x10] {
            for side in SIDES {
                let script = side.events(Config::new(), &[&side.frame(first | bit, b"")]);
                assert_eq!(script.error, Some(Error::ReservedBits));
            }
        }
    }
    for long in [&b"\x82\x7E\0\x05"[..], b"\x82\x7F\0\0\0\0\0\0\0\x05"] {
        let script = Side::Client.events(Config::new(), &[long]);
        assert_eq!(script.error, Some(Error::LengthNotMinimal));
    }
}

/// Pongs and Closes of any length passed (fastwebsockets), or the rule was
/// applied only once the payload had come (tungstenite).
#[test]
fn mistake_15_long_control_frames() {
    for side in SIDES {
        for first in [PING, PONG, CLOSE] {
            for len in [126, 5000, 1 << 20] {
                // The second byte says enough.
                let script = side.events(Config::new(), &[&side.header(first, len)[..2]]);
                assert_eq!(script.error, Some(ProtocolError::ControlTooLong));
            }
        }
    }
    assert!(Payload::new(&[0; 126]).is_err(), "and none can be sent");
}

/// A Pong between two fragments made soketto and picoserve lose the message,
/// and a new message inside an open one replaced it (fastwebsockets).
#[test]
fn mistake_16_control_frames_between_fragments() {
    for side in SIDES {
        for control in [PING, PONG] {
            let bytes = [
                side.frame(TEXT, b"one "),
                side.frame(control, b"x"),
                side.frame(FIN | CONT, b"message"),
            ]
            .concat();
            let script = side.messages(Config::new(), &[&bytes]);
            assert_eq!(script.seen.last(), Some(&Seen::Text(b"one message".to_vec())));
        }
        let bytes = [side.frame(TEXT, b"one"), side.frame(FIN | TEXT, b"other")].concat();
        let script = side.messages(Config::new(), &[&bytes]);
        assert_eq!((script.seen.len(), script.error), (0, Some(ProtocolError::UnfinishedMessage)));
    }
}

/// Millions of empty fragments, or of a byte each, cost memory (ws CVE-2026-48779,
/// and #2331 in what its limit left), and the text so far was judged anew with each fragment (sockudo 2.0.2). The memory
/// is counted in `allocation.rs`, and the time is held linear by `linear` of `benches/peers`.
#[test]
fn mistake_17_tiny_fragments() {
    let side = Side::Server;
    let endless = [side.frame(TEXT, b""), side.frame(CONT, b"").repeat(1_000_000)].concat();
    let script = side.messages(Config::new(), &[&endless]);
    assert_eq!(script.error, Some(ProtocolError::TooManyFragments));

    // What layer 1 has judged it keeps no copy of, so it cannot judge it again.
    let mut ws = server();
    for (i, byte) in "€".repeat(30_000).bytes().enumerate() {
        let mut frame = side.frame(if i == 0 { TEXT } else { CONT }, &[byte]);
        assert!(matches!(ws.receive(&mut &mut frame[..]), Ok(Some(Event::Data(_)))));
    }
    // Layer 2 puts decoded text behind decoded text.
    let fragments: Vec<u8> =
        "€".repeat(20_000).bytes().flat_map(|byte| side.frame(CONT, &[byte])).collect();
    let bytes = [side.frame(TEXT, b""), fragments, side.frame(FIN, b"")].concat();
    let script = side.messages(Config::new(), &[&bytes]);
    assert_eq!(script.seen(), [Seen::Text("€".repeat(20_000).into_bytes())]);
}

/// Messages in front of a broken frame in the same read were dropped
/// (sockudo #36), or reading went on behind it (ws-framer).
#[test]
fn mistake_18_messages_before_an_error() {
    for side in SIDES {
        let good = side.frame(FIN | TEXT, b"due");
        let bytes = [&good[..], &good, &side.frame(FIN | 3, b""), &good].concat();
        for run in [Side::events, Side::messages] {
            let script = run(side, Config::new(), &[&bytes]);
            assert_eq!(script.seen(), vec![Seen::Text(b"due".to_vec()); 2]);
            assert_eq!(script.error, Some(ProtocolError::ReservedOpcode));
        }
    }
}

/// The input was moved to the front with each frame, which makes 80,000 of
/// them in one read quadratic (shiguredo).
#[test]
fn mistake_19_input_moved_with_each_frame() {
    let frame = Side::Server.frame(FIN | BINARY, b"x");
    let mut bytes = frame.repeat(80_000);
    let start = bytes.as_ptr() as usize;
    let mut ws = server();
    let mut input = &mut bytes[..];
    for i in 0..80_000 {
        let Ok(Some(Event::Data(data))) = ws.receive(&mut input) else { panic!() };
        // Each payload lies where it was read to: nothing was moved.
        let place = data.payload().as_ptr() as usize - start;
        assert_eq!(place, i * frame.len() + 6);
        assert_eq!(input.as_ptr() as usize - start, (i + 1) * frame.len(), "not a byte further");
    }
    assert!(input.is_empty());
}

/// Characters across the edge of a block were misjudged (sockudo #28), text
/// was not judged at all (soketto, web-socket), or too late (tungstenite,
/// fastwebsockets).
#[test]
fn mistake_20_utf_8_at_the_edges_and_in_time() {
    let side = Side::Client;
    for prefix in 0..130 {
        for character in ["é", "€", "😀"] {
            let text = "x".repeat(prefix) + character + &"y".repeat(70);
            let script = side.messages(Config::new(), &[&side.frame(FIN | TEXT, text.as_bytes())]);
            assert_eq!(script.seen(), [Seen::Text(text.into_bytes())]);
            // The same with its last byte broken, in a frame that goes on.
            let mut bad = "x".repeat(prefix).into_bytes();
            bad.extend_from_slice(character.as_bytes());
            *bad.last_mut().unwrap() = b'!';
            let header = side.header(TEXT, 10_000);
            let script = side.messages(Config::new(), &[&[&header[..], &bad].concat()]);
            assert_eq!(script.error, Some(ProtocolError::TextNotUtf8));
            bad.pop();
            let script = side.messages(Config::new(), &[&[&header[..], &bad].concat()]);
            assert_eq!(script.error, None, "not a byte too early");
        }
    }
}

/// Header bytes were taken and forgotten when the rest did not come in the
/// same read (fastwebsockets #43 and #64, soketto #59 and #110).
#[test]
fn mistake_21_headers_cut_by_a_read() {
    for side in SIDES {
        for len in [5, 126, 70_000] {
            let header = side.header(FIN | BINARY, len);
            let payload = side.masked(&vec![b'x'; len as usize]);
            for cut in 0..=header.len() {
                let (head, tail) = header.split_at(cut);
                let rest = [tail, &payload].concat();
                let script = side.messages(Config::new(), &[head, b"", b"", &rest]);
                assert_eq!(script.seen(), [Seen::Binary(vec![b'x'; len as usize])]);
            }
        }
    }
}

// Control frames and closing.

/// Answers piled up inside while the peer did not read (tokio-websockets,
/// ws-rs CVE-2020-35896). Here they are in the caller's `output`, a frame a
/// call, so the caller sees them grow and can stop.
#[test]
fn mistake_22_pongs_queued_without_bound() {
    let mut bytes = Side::Server.frame(PING, &[7; 125]).repeat(1000);
    let mut ws = WebSocket::server(Config::new());
    let mut output = Vec::new();
    let mut input = &mut bytes[..];
    // A caller who feeds no more than it can write.
    while output.len() < 4096 {
        assert!(matches!(ws.receive(&mut input, &mut output), Ok(Some(Received::Ping(_)))));
    }
    assert!(output.len() < 4096 + 127);
    assert_eq!(input.len(), bytes.len() - output.len() / 127 * 131);
    // Layer 1 answers nothing by itself.
    let mut bytes = Side::Server.frame(PING, b"");
    assert!(matches!(server().receive(&mut &mut bytes[..]), Ok(Some(Event::Ping(_)))));
}

/// An answer waited for the caller's next write, which never came
/// (tungstenite #212 and #393, sockudo #8).
#[test]
fn mistake_23_pong_never_written() {
    let mut ws = WebSocket::server(Config::new());
    let mut output = Vec::new();
    let mut bytes = Side::Server.frame(PING, b"?");
    assert!(ws.receive(&mut &mut bytes[..], &mut output).unwrap().is_some());
    assert_eq!(output, b"\x8A\x01?", "there by the time the call returns");
}

/// The connection was cut without telling the peer why (tungstenite #38).
#[test]
fn mistake_24_no_close_on_an_error() {
    for side in SIDES {
        let script = side.messages(Config::new(), &[&side.frame(FIN | TEXT, b"\xFF")]);
        let opposite = if side == Side::Server { Side::Client } else { Side::Server };
        let told = opposite.messages(Config::new(), &[&script.output]);
        assert_eq!(told.seen(), [Seen::Close(Some(1007), "text is not UTF-8".to_owned())]);
    }
}

/// A normal close ended in an error (tokio-tungstenite #189), was answered
/// twice (deno #31747), or left one side waiting (tungstenite #506).
#[test]
fn mistake_25_a_normal_close_that_is_none() {
    for server_begins in [true, false] {
        let mut client = WebSocket::client(Config::new(), zero_key);
        let mut server = WebSocket::server(Config::new());
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        if server_begins {
            server.close(CloseCode::NORMAL, &mut to_client);
        } else {
            client.close(CloseCode::NORMAL, &mut to_server);
        }
        for _ in 0..3 {
            let mut bytes = std::mem::take(&mut to_client);
            let mut input = &mut bytes[..];
            while client.receive(&mut input, &mut to_server).unwrap().is_some() {}
            let mut bytes = std::mem::take(&mut to_server);
            assert!(bytes.len() <= 8, "one masked Close with a code at most");
            let mut input = &mut bytes[..];
            while server.receive(&mut input, &mut to_client).unwrap().is_some() {}
        }
        assert!(client.is_closed() && server.is_closed(), "nobody waits");
        assert!(to_server.is_empty() && to_client.is_empty());
    }
}

/// Old ws sent memory it had not written in a Ping (CVE-2016-10518).
#[test]
fn mistake_26_uninitialised_memory_in_a_ping() {
    // Safe Rust has none to send; and what is there from before stays there.
    for len in 0..=125 {
        let mut ws = server();
        let long = Payload::new(&[0xEE; 125]).unwrap();
        assert_eq!(ws.ping(long).len(), 127);
        let short = Payload::new(&vec![7; len]).unwrap();
        assert_eq!(*ws.ping(short), *[&[0x89, len as u8][..], &vec![7; len]].concat());
    }
}

// Keys.

/// Masking keys of zeros, from a counter, or from a generator of a fixed seed
/// (ws-framer, zerodds, wtx). Here no client is made without a source of keys,
/// and the one that comes along wants a seed.
#[test]
fn mistake_27_predictable_masking_keys() {
    let keys = |mut source: ChaChaKeys| -> Vec<[u8; 4]> {
        (0..10_000).map(|_| source.next_key()).collect()
    };
    let first = keys(ChaChaKeys::from_os().unwrap());
    let second = keys(ChaChaKeys::from_os().unwrap());
    assert_ne!(first[..4], second[..4], "each stream has a seed of its own");
    // 10,000 of 4 billion: a dozen repetitions have a chance below 10^-25.
    let mut sorted = first.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert!(sorted.len() > 9_988);
    // Every bit is set in half of the keys, give or take ten deviations.
    for bit in 0..32 {
        let ones = first.iter().filter(|key| key[bit / 8] >> (bit % 8) & 1 == 1).count();
        assert!((4500..5500).contains(&ones), "bit {bit}: {ones}");
    }
    // Nor do keys differ from those before by something simple.
    let steps = |op: fn(u32, u32) -> u32| {
        let words: Vec<u32> = first.iter().map(|key| u32::from_le_bytes(*key)).collect();
        let mut steps: Vec<u32> = words.windows(2).map(|pair| op(pair[0], pair[1])).collect();
        steps.sort_unstable();
        steps.dedup();
        steps.len()
    };
    assert!(steps(|a, b| b.wrapping_sub(a)) > 9_980 && steps(|a, b| a ^ b) > 9_980);
    // It is the key stream of ChaCha12 (draft-strombergson-chacha-test-vectors, TC1).
    let zero = keys(ChaChaKeys::from_seed([0; 32]));
    assert_eq!(zero[..2], [[0x9B, 0xF4, 0x9A, 0x6A], [0x07, 0x55, 0xF9, 0x53]]);
    // The seed is all there is to know, and is not told.
    assert_eq!(keys(ChaChaKeys::from_seed([1; 32])), keys(ChaChaKeys::from_seed([1; 32])));
    assert_eq!(format!("{:?}", ChaChaKeys::from_seed([0x5A; 32])), "ChaChaKeys { .. }");
}

// By root cause.

/// Lengths that overflow or turn negative: gorilla CVE-2020-27813, Tomcat
/// CVE-2020-13935, nginx Unit CVE-2025-1695, NATS CVE-2026-27889, undici
/// CVE-2026-1528, noPoll #84, gws.
#[test]
fn mistake_32_lengths_that_overflow() {
    let borders = [63, 62, 33, 32, 31, 16].map(|bits| 1u64 << bits);
    for side in SIDES {
        for len in borders.into_iter().flat_map(|len| [len - 1, len, len + 1]).chain([u64::MAX]) {
            for config in [Config::new(), Config::new().max_message(u64::MAX)] {
                let bytes = [side.header(FIN | BINARY, len), side.masked(b"some")].concat();
                let script = side.events(config, &[&bytes]);
                let error = match len {
                    0x8000_0000_0000_0000.. => Some(ProtocolError::LengthOverflow),
                    _ if config == Config::new() && len > 16 << 20 => {
                        Some(ProtocolError::MessageTooBig)
                    }
                    _ => None,
                };
                assert_eq!(script.error, error, "{len:x}");
            }
            // As the second of two fragments, whose sum is over any 64 bits.
            let top = (1 << 63) - 1;
            let config = Config::new().max_message(top);
            let bytes = [side.frame(BINARY, b"x"), side.header(CONT, top)].concat();
            assert_eq!(side.events(config, &[&bytes]).error, Some(ProtocolError::MessageTooBig));
        }
    }
}

/// Something without a bound: continuations (Netty CVE-2014-0193, Bandit
/// CVE-2026-42786), fragments (ws CVE-2026-48779 and #2331, undici CVE-2026-12151),
/// output (ws-rs CVE-2020-35896, and QEMU CVE-2017-15268 for readers that are slow),
/// headers (ws CVE-2024-37890, QEMU CVE-2015-1779), a handshake's body (Vert.x
/// CVE-2018-12541).
#[test]
fn mistake_33_something_unbounded() {
    let side = Side::Server;
    let endless = |frame: Vec<u8>| {
        let bytes = [side.frame(BINARY, b""), frame.repeat(200_000)].concat();
        side.events(Config::new(), &[&bytes]).error
    };
    assert_eq!(endless(side.frame(CONT, &[0; 130])), Some(ProtocolError::MessageTooBig));
    assert_eq!(endless(side.frame(CONT, b"")), Some(ProtocolError::TooManyFragments));
    assert_eq!(endless(side.frame(PING, b"")), None, "of Pings nothing is kept");

    let mut head = request_with("");
    head.truncate(head.len() - 2);
    head.extend(b"X: y\r\n".repeat(100_000));
    assert_eq!(judge(&head), Err(HandshakeError::HeadTooLarge));
    let interim = b"HTTP/1.1 100 \r\n\r\n".repeat(100_000);
    assert_eq!(judge_answer(&interim), Err(HandshakeError::HeadTooLarge));
    let body = request_with("Content-Length: 1000000000\r\n");
    assert_eq!(judge(&body), Err(HandshakeError::RequestHasBody), "a body is not waited for");
}

/// Quadratic work: tungstenite CVE-2023-43669, Bandit CVE-2026-65623; and
/// regular expressions, see 6. Where bytes are looked at once, each call takes
/// its input whole, however small: so the calls are counted.
#[test]
fn mistake_34_quadratic_work() {
    let calls = |messages: usize, chunk: usize| {
        let mut bytes = Side::Server.fragments(TEXT, &vec![&b"x"[..]; messages]);
        let (mut ws, mut calls) = (server(), 0);
        for mut input in bytes.chunks_mut(chunk) {
            while let Some(event) = ws.receive(&mut input).unwrap() {
                assert!(matches!(event, Event::Data(_)));
                calls += 1;
            }
            assert!(input.is_empty());
            calls += 1;
        }
        calls
    };
    for chunk in [1, 3, 1000] {
        let (once, twice) = (calls(10_000, chunk), calls(20_000, chunk));
        assert!(twice <= 2 * once, "{once}, then {twice} in pieces of {chunk}");
    }
    // The same of a response's head as of a request's in 1: seen is seen.
    let mut bytes = response_with(&format!("X: {}\r\n", "x".repeat(10_000)));
    let (mut reader, value) = (ResponseReader::new(), response_with("").len() + 1);
    for end in 1..bytes.len() {
        assert!(reader.read(&bytes[..end]).unwrap().is_none());
        if (value + 1..value + 9_000).contains(&end) {
            bytes[end - 2] = 0;
        }
    }
    assert!(reader.read(&bytes).unwrap().is_some());
}

/// The mask bit not looked at (uWebSockets, Bandit GHSA-rhh8, facil.io #169), masked
/// bytes handed to the application (coder), one mask for all frames (curl
/// CVE-2025-10148).
#[test]
fn mistake_35_masking() {
    let plain = Side::Client.frame(FIN | TEXT, b"plain");
    let script = Side::Server.events(Config::new(), &[&plain]);
    assert_eq!((script.seen.len(), script.error), (0, Some(ProtocolError::Unmasked)));

    // Whatever piece the application gets, it is unmasked.
    let mut bytes = Side::Server.frame(FIN | BINARY, b"0123456789");
    let (mut ws, mut seen) = (server(), Vec::new());
    for mut input in bytes.chunks_mut(3) {
        while let Some(Event::Data(mut data)) = ws.receive(&mut input).unwrap() {
            assert_eq!(data.payload().to_vec(), data.payload_mut().to_vec());
            seen.extend_from_slice(data.into_payload());
        }
    }
    assert_eq!(seen, b"0123456789");

    let mut keys = ChaChaKeys::from_os().unwrap();
    let mut ws = WebSocket::client(Config::new(), move || keys.next_key());
    let mut masks: Vec<Vec<u8>> = (0..100)
        .map(|_| {
            let mut output = Vec::new();
            ws.send("same", &mut output).unwrap();
            output[2..6].to_vec()
        })
        .collect();
    masks.sort_unstable();
    masks.dedup();
    assert!(masks.len() > 98);
}

/// Bytes of someone else in a Close or Ping (ws CVE-2026-45736 and
/// CVE-2016-10518), Pong buffers never given back (Undertow CVE-2021-3690).
#[test]
fn mistake_36_leaked_bytes() {
    for side in SIDES {
        // A secret, then short control frames through the same connection.
        let bytes = [
            side.frame(PING, &[0xEE; 125]),
            side.frame(PING, b"short"),
            side.frame(PING, b""),
            side.frame(CLOSE, b"\x03\xE8"),
        ]
        .concat();
        for pieces in [&[&bytes[..]][..], &bytes.chunks(1).collect::<Vec<_>>()] {
            let output = side.messages(Config::new(), pieces).output;
            let header = if side == Side::Server { 2 } else { 6 };
            let rest = &output[header + 125..];
            assert_eq!(rest.len(), header + 5 + header + header + 2);
            assert!(!rest.contains(&0xEE));
        }
    }
    // What of a Payload is not used neither shows nor counts.
    let mut longer = CloseFrame::new(CloseCode::NORMAL, &"x".repeat(123)).unwrap();
    assert_eq!(longer.payload().len(), 125);
    longer = CloseCode::NORMAL.into();
    assert_eq!(*longer.payload(), [0x03, 0xE8]);
    assert_eq!(format!("{:?}", Payload::new(b"a").unwrap()), "Payload(b\"a\")");
}

/// State lost or stuck: closing that never completes (Tomcat CVE-2024-23672),
/// an endless loop (curl CVE-2025-5399), bytes behind a 101 or a refusal lost
/// or run (Vert.x #2595, kemal #767, aiohttp #12796), frames read before the
/// application accepted (websockets).
#[test]
fn mistake_37_state_lost_or_stuck() {
    // Each call takes bytes, gives an event, or ends: counted over all short streams.
    for first in 0..=255 {
        for second in 0..=255 {
            for side in SIDES {
                let tail = [0, 0, 0, 0, 0x81, 0, 0xFF];
                let mut bytes = [&[first, second][..], &tail].concat();
                let mut input = &mut bytes[..];
                let mut calls = 0;
                let (mut server, mut client) = (server(), common::client());
                while let Ok(Some(_)) = match side {
                    Side::Server => server.receive(&mut input),
                    Side::Client => client.receive(&mut input),
                } {
                    calls += 1;
                    assert!(calls <= 10, "{first:02x} {second:02x}");
                }
            }
        }
    }
    // Who never answers our Close is given up, and talking puts nothing off.
    let ms = Duration::from_millis;
    let timeouts = Timeouts::new().idle(ms(20)).close(ms(30));
    for (close_at, given_up) in [(10, 40), (u64::MAX, 50)] {
        let mut ws = WebSocket::server(Config::new()).keepalive(timeouts);
        let mut output = Vec::new();
        let end = (0..1000).find(|now| {
            if *now >= close_at {
                ws.close(CloseCode::NORMAL, &mut output); // and again, which is nothing
            }
            // Idle until the time for that has come.
            let mut bytes = Side::Server.fragments(TEXT, &[b"still", b" here"]);
            bytes.extend(Side::Server.frame(PING, b""));
            let mut input = if *now > 20 { &mut bytes[..] } else { &mut [] };
            while ws.receive(&mut input, &mut output).unwrap().is_some() {}
            ws.on_timeout(ms(*now), &mut output) == Err(TimedOut::Close)
        });
        assert_eq!(end, Some(given_up));
    }
    // Behind a refused upgrade nothing can be taken for another request.
    let mut out = [0; 512];
    let reply = HandshakeError::BadKey.reply(&mut out).unwrap();
    assert!(reply.windows(21).any(|line| line == b"\r\nConnection: close\r\n"));
    // And a request whose end two readers could disagree about is refused.
    for smuggled in ["Content-Length: 30\r\n", "Transfer-Encoding: chunked\r\n"] {
        assert_eq!(judge(&request_with(smuggled)), Err(HandshakeError::RequestHasBody));
    }
    // A reader stops at its head: frames stay bytes until there is a connection.
    let bytes = [request_with(""), vec![0xFF; 10]].concat();
    assert!(RequestReader::new().read(&bytes).unwrap().unwrap().upgrade().is_ok());
}

/// Line breaks through a caller's header (undici CVE-2026-1527), `__proto__` as
/// a name (ws), a Close judged by how it was cut (wslay), six bytes or an empty
/// continuation that crash (Bandit #633 and #685), bad UTF-8 that does
/// (Mattermost CVE-2025-12689). Credentials, whose timing told them elsewhere
/// (websockets CVE-2021-33880), are not compared here at all.
#[test]
fn mistake_39_odds_and_ends() {
    let url = Url::parse("ws://h/").unwrap();
    let handshake = ClientHandshake::new(NONCE);
    let request = handshake.request(&url, &mut [0; 512]).header("X", "a\r\nHost: b").finish().err();
    assert_eq!(request, Some(ComposeError::BadHeader));

    for name in ["__proto__", "constructor", "toString"] {
        let lines = format!(
            "{name}: x\r\nSec-WebSocket-Protocol: {name}\r\nSec-WebSocket-Extensions: {name}\r\n"
        );
        let head = request_with(&lines);
        let request = RequestReader::new().read(&head).unwrap().unwrap();
        let upgrade = request.upgrade().unwrap();
        assert_eq!(request.header(name), Some(&b"x"[..]));
        assert_eq!(upgrade.choose_protocol(&["a"]), None);
        assert_eq!(upgrade.choose_protocol(&[name]), Some(name));
    }

    for side in SIDES {
        for reason in [&b"\x03\xE8caf\xC3\xA9"[..], b"\x03\xE8caf\xC3", b"\x03\xE8\xC3(", b"\x03"] {
            let bytes = side.frame(CLOSE, reason);
            let whole = side.events(Config::new(), &[&bytes]);
            for cut in 0..bytes.len() {
                let (head, tail) = bytes.split_at(cut);
                assert_eq!(side.events(Config::new(), &[head, tail]), whole);
            }
        }
        let script =
            side.messages(Config::new(), &[&side.fragments(TEXT, &[b"a", b"", b"b", b""])]);
        assert_eq!(script.seen(), [Seen::Text(b"ab".to_vec())]);
        let script = side.messages(Config::new(), &[&side.fragments(BINARY, &[b"", b""])]);
        assert_eq!(script.seen(), [Seen::Binary(Vec::new())]);
        for bad in [&b"\xFF\xFE"[..], b"\xF0\x9F", b"\xED\xBF\xBF"] {
            let script = side.messages(Config::new(), &[&side.frame(FIN | TEXT, bad)]);
            assert_eq!(script.error, Some(ProtocolError::TextNotUtf8));
        }
    }
    // A server's frame of six bytes: a mask, and nothing to be masked.
    for first in 0..=255u8 {
        let _ = Side::Server.messages(Config::new(), &[&[first, 0x80, 0, 0, 0, 0]]);
    }
}

// Since. (1 to 3, and 5, are in `field_notes_deflate.rs`.)

/// A subprotocol that is not ASCII took a worker process down (Granian) or a client
/// (Deno #32594), and one that is no more than a separator a device (ESP-IDF
/// CVE-2026-45541).
#[test]
fn since_4_subprotocols_of_any_bytes() {
    let with = |head: Vec<u8>, value: &[u8]| {
        let line = [b"Sec-WebSocket-Protocol:", value, b"\r\n\r\n"].concat();
        [&head[..head.len() - 2], &line].concat()
    };
    let own = ["a", "\u{e9}", ",", ""];
    let separators: &[&[u8]] = &[b"", b" ", b"\t", b",", b",,", b" , ", b",\t,", b" ,, , "];
    for &value in separators {
        let head = with(request_with(""), value);
        let request = RequestReader::new().read(&head).unwrap().unwrap();
        assert_eq!(request.protocols().count(), 0, "{value:02x?}");
        let upgrade = request.upgrade().unwrap();
        assert_eq!(upgrade.choose_protocol(&own), None);
        assert!(upgrade.accept(&mut [0; 512]).protocol(None).finish().is_ok());
        for name in own {
            let accepted = upgrade.accept(&mut [0; 512]).protocol(name).finish().err();
            assert_eq!(accepted, Some(ComposeError::BadProtocol), "{name:?}");
        }
    }
    for name in ["\u{e9}", "a, \u{e9}", "a\u{1F600}"] {
        let head = with(request_with(""), name.as_bytes());
        assert_eq!(judge(&head), Err(HandshakeError::BadProtocols), "{name}");
        let request = RequestReader::new().read(&head).unwrap().unwrap();
        assert!(request.protocols().all(|name| name == "a"));
        let response = with(response_with(""), name.as_bytes());
        assert_eq!(judge_answer(&response), Err(HandshakeError::ProtocolNotOffered), "{name}");
    }
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    for byte in 0..=255 {
        for value in [vec![byte], vec![byte; 9], vec![b'a', b',', byte], vec![b'a', byte, b'a']] {
            let head = with(request_with(""), &value);
            let verdict = judge(&head);
            match byte {
                b'\r' | b'\n' | 0..=8 | 11..=31 | 127 => {
                    assert_eq!(verdict, Err(HandshakeError::MalformedHead), "{value:02x?}");
                }
                _ => {
                    // Elements without the white space around them (RFC 9110 §5.6.1).
                    let good = value
                        .split(|&byte| byte == b',')
                        .all(|element| element.trim_ascii().iter().all(is_tchar));
                    let error = (!good).then_some(HandshakeError::BadProtocols);
                    assert_eq!(verdict.err(), error, "{value:02x?}");
                    let request = RequestReader::new().read(&head).unwrap().unwrap();
                    assert!(request.protocols().all(|name| name.bytes().all(|b| is_tchar(&b))));
                    assert!(request.protocols().all(|name| !name.is_empty()));
                }
            }
            // Nor does a client take what it did not offer, whatever it is.
            let chosen = judge_answer(&with(response_with(""), &value));
            let expected = match byte {
                b'\r' | b'\n' | 0..=8 | 11..=31 | 127 => Err(HandshakeError::MalformedHead),
                _ if matches!(value.trim_ascii(), b"a" | b"b") => Ok(()),
                _ => Err(HandshakeError::ProtocolNotOffered),
            };
            assert_eq!(chosen, expected, "{value:02x?}");
        }
    }
}

/// With the limit taken away, bytes were read that had not come (libsoup
/// CVE-2026-0716).
#[test]
fn since_6_no_limit_and_every_border_of_a_length() {
    let config = Config::new().max_message(u64::MAX).max_frame(u32::MAX).max_fragments(u32::MAX);
    let borders = [1, 125, 126, 1 << 8, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 1 << 62];
    let lens = borders.into_iter().flat_map(|border: u64| [border - 1, border, border + 1]);
    for len in lens.chain([(1 << 63) - 1]) {
        for side in SIDES {
            // So many of its bytes; if those are all, something comes behind it.
            let come = len.min(70_000) as usize;
            let header = side.header(FIN | BINARY, len);
            let mut bytes = [&header[..], &side.masked(&vec![7; come])].concat();
            let mut expected = vec![Seen::Piece(Kind::Binary, vec![7; come])];
            if come as u64 == len {
                bytes.extend(side.frame(PING, b"next"));
                expected = vec![Seen::Binary(vec![7; come]), Seen::Ping(b"next".to_vec())];
            }
            let whole = if come as u64 == len { &expected[..] } else { &[] };
            for cut in [0, 1, header.len() - 1, header.len(), bytes.len()] {
                let pieces = [&bytes[..cut], &bytes[cut..]];
                let script = side.events(config, &pieces);
                assert_eq!((script.seen(), script.error), (&expected[..], None), "{len} at {cut}");
                let script = side.messages(config, &pieces);
                assert_eq!((script.seen(), script.error), (whole, None), "{len} at {cut}");
            }
        }
    }
}

/// A broken frame right behind the request killed the process, as nobody was there yet
/// to be told (engine.io CVE-2022-21676).
#[test]
fn since_7_a_broken_frame_in_the_read_of_the_head() {
    for (first, error) in [
        (FIN | TEXT | 0x40, ProtocolError::ReservedBits),
        (FIN | TEXT | 0x20, ProtocolError::ReservedBits),
        (FIN | TEXT | 0x10, ProtocolError::ReservedBits),
        (FIN | 3, ProtocolError::ReservedOpcode),
        (FIN | CONT, ProtocolError::UnexpectedContinuation),
        (0x09, ProtocolError::FragmentedControl),
    ] {
        for side in SIDES {
            let head = match side {
                Side::Server => request_with(""),
                Side::Client => response_with(""),
            };
            let bytes = [&head[..], &side.frame(first, b"")].concat();
            let (mut request, mut response) = (RequestReader::new(), ResponseReader::new());
            // The head is good, however much of the frame came with it.
            for end in head.len()..=bytes.len() {
                let read = &bytes[..end];
                let head_len = match side {
                    Side::Server => {
                        let request = request.read(read).unwrap().unwrap();
                        assert!(request.upgrade().is_ok());
                        request.head_len()
                    }
                    Side::Client => {
                        let response = response.read(read).unwrap().unwrap();
                        assert!(ClientHandshake::new(NONCE).check(&response).is_ok());
                        response.head_len()
                    }
                };
                let rest = &read[head_len..];
                for run in [Side::events, Side::messages] {
                    let script = run(side, Config::new(), &[rest]);
                    assert_eq!(script.error, (!rest.is_empty()).then_some(error));
                    // The Close that says so, and nothing else.
                    let told = match side {
                        Side::Server => Side::Client,
                        Side::Client => Side::Server,
                    };
                    let told = told.events(Config::new(), &[&script.output]);
                    let close = Seen::Close(Some(1002), error.as_str().to_owned());
                    let expected = if rest.is_empty() { vec![] } else { vec![close] };
                    assert_eq!(told.seen(), expected);
                }
            }
        }
    }
}

/// An empty frame after one that was not freed the same buffer twice (Asterisk
/// CVE-2014-9374).
#[test]
fn since_8_an_empty_frame_after_a_full_one() {
    let seen = |first: u8, payload: &[u8]| match first {
        PING => Seen::Ping(payload.to_vec()),
        PONG => Seen::Pong(payload.to_vec()),
        _ if first == FIN | TEXT => Seen::Text(payload.to_vec()),
        _ => Seen::Binary(payload.to_vec()),
    };
    let kinds = [FIN | TEXT, FIN | BINARY, PING, PONG];
    for side in SIDES {
        for full in kinds {
            for empty in kinds {
                let frames = [(full, &b"content"[..]), (empty, b""), (empty, b""), (full, b"more")];
                let bytes = frames.map(|(first, payload)| side.frame(first, payload)).concat();
                let expected = frames.map(|(first, payload)| seen(first, payload));
                for pieces in [vec![&bytes[..]], bytes.chunks(1).collect()] {
                    for run in [Side::events, Side::messages] {
                        let script = run(side, Config::new(), &pieces);
                        assert_eq!((script.seen(), script.error), (&expected[..], None));
                    }
                }
            }
        }
        let bytes = side.fragments(TEXT, &[b"content", b"", b"", b"more", b""]);
        let script = side.messages(Config::new(), &[&bytes]);
        assert_eq!(script.seen(), [Seen::Text(b"contentmore".to_vec())]);
    }
}

/// A tunnel was opened, and what came passed on, though the upgrade had been refused
/// (Kubernetes CVE-2018-1002105, Apache httpd CVE-2019-17567).
#[test]
fn since_9_a_refused_upgrade_taken_for_a_tunnel() {
    // With every header of an upgrade, and frames behind it; but for the status.
    let head = String::from_utf8(response_with("")).unwrap();
    for status in 200..1000 {
        let head = head.replace(" 101 ", &format!(" {status} "));
        assert_eq!(judge_answer(head.as_bytes()), Err(HandshakeError::Refused(status)));
    }
    // Those below 200 say that the answer is yet to come.
    for status in (100..200).filter(|status| *status != 101) {
        let head = head.replace(" 101 ", &format!(" {status} "));
        let frames = Side::Client.frame(FIN | TEXT, b"not for you");
        assert!(ResponseReader::new().read(head.as_bytes()).unwrap().is_none(), "{status}");
        let bytes = [head.as_bytes(), &frames].concat();
        assert!(!matches!(ResponseReader::new().read(&bytes), Ok(Some(_))), "{status}");
    }
    // Over HTTP/2 it is 101 that opens nothing.
    let headers: [(&str, &str); 0] = [];
    for status in (100..1000).filter(|status| !(200..300).contains(status)) {
        let response = ConnectResponse { status, headers };
        let error = ClientConnect::new().check(&response).err();
        assert_eq!(error, Some(HandshakeError::Refused(status)));
    }

    // A server that refuses says that it reads nothing more, whatever the reason.
    let good = String::from_utf8(request_with("")).unwrap();
    for (from, to) in [
        ("GET", "POST"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("/chat", "chat"),
        ("Host", "Toast"),
        ("websocket", "h2c"),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("Version: 13", "Version: 8"),
        ("dGhl", "dGh"),
        ("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n"),
        ("\r\n\r\n", "\r\nOrigin: \u{e9}\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: (\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: (\r\n\r\n"),
    ] {
        let error = judge(good.replace(from, to).as_bytes()).unwrap_err();
        let mut out = [0; 512];
        let reply = error.reply(&mut out).unwrap();
        let reply = ResponseReader::new().read(reply).unwrap().unwrap();
        assert!(reply.status() >= 400, "{error:?}");
        let connection = reply.header("Connection").unwrap();
        assert!(connection.starts_with(b"close"), "{error:?}");
        assert_eq!(reply.header("Sec-WebSocket-Accept"), None);
        let refused = ClientHandshake::new(NONCE).check(&reply).err();
        assert_eq!(refused, Some(HandshakeError::Refused(reply.status())));
    }
}
