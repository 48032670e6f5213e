//! However a stream is cut up, the same comes of it: events, output and error.
#![cfg(feature = "std")]

mod common;

use common::{
    BINARY, CLOSE, CONT, ERRORS, FIN, PING, PONG, SIDES, Seen, Side, TEXT, Transcript, cut,
    request_with, response_with,
};
use proptest::collection::vec;
use proptest::prelude::*;
use sansocket::handshake::{HandshakeError, RequestReader, ResponseReader};
use sansocket::{Config, Connection, Kind, Payload, ProtocolError, Receiver, Role};

/// Small enough for the vectors to reach.
fn config() -> Config {
    Config::new().max_message(1000).max_frame(999).max_fragments(5)
}

/// An error, and the number of bytes that decide it.
type Failure = (ProtocolError, usize);

/// Streams, and what each fails with, if it does.
fn vectors(side: Side) -> Vec<(Vec<u8>, Option<Failure>)> {
    use ProtocolError as Error;

    let frame = |first, payload: &[u8]| side.frame(first, payload);
    let close = |code: u16, reason: &[u8]| frame(CLOSE, &[&code.to_be_bytes(), reason].concat());
    let text = "aé€😀";
    let bytes = text.as_bytes();
    let good = [
        vec![],
        frame(FIN | TEXT, b""),
        frame(FIN | TEXT, bytes),
        frame(FIN | BINARY, &[0xFF; 5]),
        // Characters cut by fragments, Pings between them.
        [
            frame(TEXT, &bytes[..2]),
            frame(PING, b"p"),
            frame(CONT, &bytes[2..5]),
            frame(CONT, b""),
            frame(PONG, b""),
            frame(FIN | CONT, &bytes[5..]),
            frame(FIN | BINARY, b"next"),
        ]
        .concat(),
        [frame(BINARY, b""), frame(CONT, b""), frame(FIN, b"")].concat(),
        [frame(TEXT, b""), frame(PING, b""), frame(FIN, b"")].concat(),
        frame(FIN | BINARY, &[7; 125]),
        frame(FIN | BINARY, &[7; 126]),
        frame(FIN | TEXT, "é".repeat(64).as_bytes()),
        [frame(PING, &[9; 125]), frame(PONG, &[8; 125])].concat(),
        [frame(FIN | TEXT, b"x"), close(1000, "за".as_bytes()), frame(FIN | TEXT, b"y")].concat(),
        [frame(BINARY, b"open"), close(4999, b""), vec![0xFF; 6]].concat(),
        [frame(CLOSE, b""), frame(CLOSE, b"")].concat(),
    ];
    // What comes before an error, and that it comes, matters as much.
    let before = [frame(FIN | TEXT, "ö".as_bytes()), frame(PING, b"?")].concat();
    let inside = [frame(TEXT, "a€".as_bytes()), frame(PING, b"?")].concat();
    let raw = |head: &[u8]| head.to_vec();
    let (mask, unmasked) = if side == Side::Server { (0x80, 0) } else { (0, 0x80) };
    let wrong_mask = if side == Side::Server { Error::Unmasked } else { Error::Masked };
    // The last number is how many bytes of the bad part it takes to tell.
    let all = usize::MAX;
    let header = side.frame(PING, b"").len();
    let bad = [
        (&before, frame(FIN | TEXT | 0x40, b"x"), Error::ReservedBits, 1),
        (&before, frame(PING | 0x20, b"x"), Error::ReservedBits, 1),
        (&inside, frame(CONT | 0x10, b"x"), Error::ReservedBits, 1),
        (&before, frame(FIN | 3, b"x"), Error::ReservedOpcode, 1),
        (&inside, frame(FIN | 15, b"x"), Error::ReservedOpcode, 1),
        (&inside, frame(PING & !FIN, b"x"), Error::FragmentedControl, 1),
        (&before, frame(CLOSE & !FIN, b""), Error::FragmentedControl, 1),
        (&before, frame(PING, &[0; 126]), Error::ControlTooLong, 2),
        (&inside, raw(&[CLOSE, mask + 127, 0, 0]), Error::ControlTooLong, 2),
        (&before, frame(FIN | CONT, b"x"), Error::UnexpectedContinuation, 1),
        (&before, frame(CONT, b""), Error::UnexpectedContinuation, 1),
        (&inside, frame(FIN | BINARY, b"x"), Error::UnfinishedMessage, 1),
        (&inside, frame(TEXT, b"x"), Error::UnfinishedMessage, 1),
        (&before, raw(&[FIN | TEXT, unmasked + 5, b'H', b'e']), wrong_mask, 2),
        (&inside, raw(&[PING, unmasked]), wrong_mask, 2),
        (
            &before,
            raw(&[FIN | TEXT, mask + 126, 0, 125, 1, 2, 3, 4, 5]),
            Error::LengthNotMinimal,
            4,
        ),
        (
            &inside,
            raw(&[FIN, mask + 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
            Error::LengthNotMinimal,
            all,
        ),
        (&before, raw(&[BINARY, mask + 127, 0x80, 0, 0]), Error::LengthOverflow, 3),
        (&before, raw(&[CLOSE, mask + 1, 1, 2, 3, 4, 5]), Error::ClosePayloadOfOneByte, 2),
        (&before, close(1005, b"reason"), Error::BadCloseCode, all),
        (&inside, close(1000, b"reason \xFF."), Error::BadCloseReason, all),
        (&inside, close(1000, b"\xE2\x82"), Error::BadCloseReason, all),
        (&before, frame(FIN | TEXT, b"ab\xFFcd"), Error::TextNotUtf8, header + 3),
        (&before, frame(FIN | TEXT, b"ab\xE2\x82"), Error::TextNotUtf8, all),
        (&before, frame(TEXT, b"x\xF0\x9F\x98!"), Error::TextNotUtf8, all),
        (&before, frame(TEXT, b"\xF4\x90"), Error::TextNotUtf8, all),
        (&inside, frame(FIN, b"ab\xED\xA0\x80"), Error::TextNotUtf8, header + 4),
        (&inside, [frame(CONT, b"\xE2\x82"), frame(FIN, b"")].concat(), Error::TextNotUtf8, all),
        (&inside, [frame(CONT, b"\xE2\x82"), frame(FIN, b"x")].concat(), Error::TextNotUtf8, all),
        (&before, side.header(FIN | BINARY, 1001), Error::MessageTooBig, all),
        (&before, side.header(FIN | TEXT, 1 << 62), Error::MessageTooBig, all),
        (&before, side.header(FIN | TEXT, 1000), Error::FrameTooBig, all),
        (&inside, side.header(FIN, 997), Error::MessageTooBig, all),
        (&inside, frame(CONT, b"").repeat(5), Error::TooManyFragments, all),
    ];
    let bad = bad.into_iter().map(|(before, bytes, error, needed)| {
        let decided = before.len() + needed.min(bytes.len());
        // A text that would be fine, which must not be looked at any more.
        ([&before[..], &bytes, &frame(FIN | TEXT, b"after")].concat(), Some((error, decided)))
    });
    good.into_iter().map(|bytes| (bytes, None)).chain(bad).collect()
}

/// Every cut; every two of short streams; byte by byte, with empty pieces.
fn every_split<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    run: impl Fn(&[&[u8]]) -> T,
    expected: &T,
) {
    let check = |cuts: &[usize]| {
        assert_eq!(run(&cut(bytes, cuts)), *expected, "{bytes:02x?} cut at {cuts:?}");
    };
    check(&[]);
    for first in 0..=bytes.len() {
        check(&[first]);
        if bytes.len() <= 60 {
            for second in first..=bytes.len() {
                check(&[first, second]);
            }
        }
    }
    for step in 1..=9 {
        check(&(0..=bytes.len()).step_by(step).collect::<Vec<_>>());
    }
    let twice: Vec<usize> = (0..=bytes.len()).chain(0..=bytes.len()).collect();
    check(&twice);
}

#[test]
fn vectors_fail_as_they_should_and_only_those() {
    for side in SIDES {
        for (bytes, error) in vectors(side) {
            let script = side.events(config(), &[&bytes]);
            assert_eq!(script.error, error.map(|(error, _)| error), "{bytes:02x?}");
            if error.is_some() {
                assert!(script.seen.len() >= 2, "what came before is delivered: {script:?}");
                let closes = script.output.windows(2).filter(|w| w[0] == CLOSE).count();
                assert!(closes >= 1, "the error is reported: {script:?}");
            }
        }
    }
}

#[test]
fn every_protocol_error_is_among_the_vectors() {
    let mut errors: Vec<_> =
        SIDES.into_iter().flat_map(vectors).filter_map(|(_, error)| Some(error?.0)).collect();
    errors.sort_unstable_by_key(|error| error.as_str());
    errors.dedup();
    // Nothing is compressed here.
    let mut all: Vec<_> =
        ERRORS.into_iter().filter(|error| *error != ProtocolError::BadCompression).collect();
    all.sort_unstable_by_key(|error| error.as_str());
    assert_eq!(errors, all);
}

#[test]
fn layer_1_in_every_split() {
    for side in SIDES {
        for (bytes, _) in vectors(side) {
            let expected = side.events(config(), &[&bytes]);
            every_split(&bytes, |pieces| side.events(config(), pieces), &expected);
        }
    }
}

#[test]
fn layer_2_in_every_split() {
    for side in SIDES {
        for (bytes, _) in vectors(side) {
            let expected = side.messages(config(), &[&bytes]);
            every_split(&bytes, |pieces| side.messages(config(), pieces), &expected);
        }
    }
}

#[test]
fn layer_2_says_what_layer_1_says() {
    for side in SIDES {
        for (bytes, _) in vectors(side) {
            let expected = side.events(config(), &[&bytes]).whole_messages();
            assert_eq!(side.messages(config(), &[&bytes]), expected);
        }
    }
}

#[test]
fn each_error_is_told_at_the_first_byte_that_decides_it() {
    for side in SIDES {
        for (bytes, error) in vectors(side) {
            let Some((error, decided)) = error else { continue };
            for run in [Side::events, Side::messages] {
                let early = run(side, config(), &[&bytes[..decided - 1]]);
                assert_eq!(early.error, None, "{error:?} too early: {bytes:02x?}");
                let script = run(side, config(), &[&bytes[..decided]]);
                assert_eq!(script.error, Some(error), "{error:?} too late: {bytes:02x?}");
                assert_eq!(script, run(side, config(), &[&bytes]));
            }
        }
    }
}

#[test]
fn nothing_but_what_the_event_took_is_consumed() {
    // After each event the rest of the input, given to a twin in the same
    // state, goes on the same: the state never runs ahead.
    for side in SIDES {
        for (bytes, _) in vectors(side) {
            let whole = side.events(config(), &[&bytes]);
            let client = Connection::client(config(), common::zero_key);
            match side {
                Side::Server => stepwise(Connection::server(config()).split().0, &bytes, &whole),
                Side::Client => stepwise(client.split().0, &bytes, &whole),
            }
        }
    }
}

fn stepwise<R: Role>(mut receiver: Receiver<R>, bytes: &[u8], whole: &Transcript) {
    let mut bytes = bytes.to_vec();
    let mut start = 0;
    let mut events = 0;
    loop {
        // A fresh cursor each time, over what the last call left.
        let mut input = &mut bytes[start..];
        let len = input.len();
        let event = receiver.receive(&mut input);
        let used = len - input.len();
        match event {
            Ok(Some(_)) => {
                events += 1;
                start += used;
            }
            Ok(None) => break assert_eq!(used, len),
            Err(error) => break assert_eq!(Some(error), whole.error),
        }
    }
    assert!(events >= whole.seen.len());
}

const HEADS: [(&str, Option<HandshakeError>); 16] = [
    ("\r\n", Some(HandshakeError::MalformedHead)),
    ("\x16\x03\x01\x02\0", Some(HandshakeError::MalformedHead)),
    ("G", None),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n", None),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Some(HandshakeError::HttpVersion)),
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("GET / HTTP/1.1\r\nno colon\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("GET  / HTTP/1.1\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("GET / HTTP/1.1\r\nX: \0\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("HTTP/1.1 101 a\rb\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("HTTP/1.1 1O1 x\r\n\r\n", Some(HandshakeError::MalformedHead)),
    ("HTTP/2.0 200 OK\r\n\r\n", Some(HandshakeError::HttpVersion)),
    ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Some(HandshakeError::MalformedHead)),
];

/// What a reader came to: method or status, target or reason, headers, length.
type Head = Result<Option<(String, String, Vec<(String, Vec<u8>)>, usize)>, HandshakeError>;

/// A reader's bytes are all that came so far, so pieces only set how far.
fn prefixes<'b>(bytes: &'b [u8], pieces: &'b [&[u8]]) -> impl Iterator<Item = &'b [u8]> {
    let ends = pieces.iter().scan(0, |end, piece| {
        *end += piece.len();
        Some(*end)
    });
    ends.map(|end| &bytes[..end])
}

fn read_request(limit: usize, bytes: &[u8], pieces: &[&[u8]]) -> Head {
    let mut reader = RequestReader::with_config(Config::new().max_head(limit));
    for prefix in prefixes(bytes, pieces) {
        match reader.read(prefix) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let fields = request.headers().into_iter();
                let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let (method, target) = (request.method().to_owned(), request.target().to_owned());
                let again = reader.read(bytes).unwrap().expect("a whole head stays whole");
                assert_eq!((again.target(), again.head_len()), (&*target, request.head_len()));
                return Ok(Some((method, target, fields.collect(), request.head_len())));
            }
            Err(error) => {
                assert_eq!(reader.read(bytes).map(|_| ()), Err(error), "it is repeated");
                assert_eq!(reader.read(b"").map(|_| ()), Err(error), "it is repeated");
                return Err(error);
            }
        }
    }
    Ok(None)
}

fn read_response(limit: usize, bytes: &[u8], pieces: &[&[u8]]) -> Head {
    let mut reader = ResponseReader::with_config(Config::new().max_head(limit));
    for prefix in prefixes(bytes, pieces) {
        match reader.read(prefix) {
            Ok(None) => {}
            Ok(Some(response)) => {
                let fields = response.headers().into_iter();
                let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let reason = response.reason().escape_ascii().to_string();
                let status = response.status().to_string();
                let again = reader.read(bytes).unwrap().expect("a whole head stays whole");
                assert_eq!(again.head_len(), response.head_len());
                return Ok(Some((status, reason, fields.collect(), response.head_len())));
            }
            Err(error) => {
                assert_eq!(reader.read(bytes).map(|_| ()), Err(error), "it is repeated");
                assert_eq!(reader.read(b"").map(|_| ()), Err(error), "it is repeated");
                return Err(error);
            }
        }
    }
    Ok(None)
}

#[test]
fn both_handshake_readers_in_every_split() {
    let request =
        [&request_with("X-Empty:\r\nCookie: \t a=b \r\n")[..], b"\x81\x80frames"].concat();
    let response = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: <a>\r\n\r\n",
        &response_with("Set-Cookie: é\r\n")[..],
        b"\x81\x01x",
    ]
    .concat();
    let refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone".to_vec();
    let heads = HEADS.into_iter().map(|(head, _)| head.as_bytes().to_vec());
    for bytes in heads.chain([request, response, refusal]) {
        for limit in [16 * 1024, 20] {
            let expected = read_request(limit, &bytes, &[&bytes]);
            every_split(&bytes, |pieces| read_request(limit, &bytes, pieces), &expected);
            let expected = read_response(limit, &bytes, &[&bytes]);
            every_split(&bytes, |pieces| read_response(limit, &bytes, pieces), &expected);
        }
    }
}

#[test]
fn heads_fail_as_they_should_and_only_those() {
    for (head, error) in HEADS {
        let bytes = head.as_bytes();
        let read = if head.starts_with("HTTP") { read_response } else { read_request };
        assert_eq!(read(1000, bytes, &[bytes]).err(), error, "{head:?}");
    }
}

/// A message in fragments, control frames before each of them.
type Conversation = Vec<(Kind, String, Vec<usize>, Vec<(bool, Vec<u8>)>)>;

fn conversation() -> impl Strategy<Value = Conversation> {
    let kind = prop_oneof![Just(Kind::Text), Just(Kind::Binary)];
    // Now and then one of the two longer forms of length.
    let text = prop_oneof![
        8 => "\\PC{0,40}",
        2 => "[a€😀]{40,60}",
        1 => (65_530usize..65_545).prop_map(|len| "x".repeat(len)),
    ];
    let cuts = vec(any::<usize>(), 0..4);
    let controls = vec((any::<bool>(), vec(any::<u8>(), 0..=125)), 0..3);
    vec((kind, text, cuts, controls), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What one end sends the other receives, however it is cut up.
    #[test]
    fn round_trip(
        messages in conversation(),
        key in any::<[u8; 4]>(),
        cuts in vec(any::<usize>(), 0..20),
        to_server in any::<bool>(),
    ) {
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        let mut client = Connection::client(Config::new(), || key);
        let mut server = common::server();
        for (kind, text, cuts, controls) in &messages {
            let mut controls = controls.iter();
            let pieces = cut(text.as_bytes(), cuts);
            for (i, piece) in pieces.iter().enumerate() {
                let last = i + 1 == pieces.len();
                let mut bytes = piece.to_vec();
                let frame = if to_server {
                    client.send_part(*kind, last, &mut bytes)
                } else {
                    server.send_part(*kind, last, piece)
                };
                wire.extend(frame.unwrap().as_slices().concat());
                if last {
                    let bytes = text.as_bytes().to_vec();
                    let seen = if *kind == Kind::Text { Seen::Text } else { Seen::Binary };
                    expected.push(seen(bytes));
                }
                let Some((ping, payload)) = controls.next() else { continue };
                let body = Payload::new(payload).unwrap();
                wire.extend_from_slice(&match (to_server, ping) {
                    (true, true) => client.ping(body),
                    (true, false) => client.pong(body),
                    (false, true) => server.ping(body),
                    (false, false) => server.pong(body),
                });
                let seen = if *ping { Seen::Ping } else { Seen::Pong };
                expected.push(seen(payload.clone()));
            }
        }
        let side = if to_server { Side::Server } else { Side::Client };
        let pieces = cut(&wire, &cuts);
        let script = side.messages(Config::new(), &pieces);
        prop_assert_eq!(&script.seen, &expected);
        prop_assert_eq!(script.error, None);
        prop_assert_eq!(side.events(Config::new(), &pieces).whole_messages(), script);
    }

    /// Masked in place, copied or appended, a frame is the same.
    #[test]
    fn three_ways_to_send_give_one_frame(
        payload in vec(any::<u8>(), 0..300), key in any::<[u8; 4]>(), len in 0usize..70_000,
    ) {
        let payload: Vec<u8> = payload.iter().copied().cycle().take(len).collect();
        let client = || Connection::client(Config::new(), move || key);
        let mut in_place = payload.clone();
        let mut first = client();
        let in_place = first.send(Kind::Binary, &mut in_place).unwrap().as_slices().concat();
        let mut out = vec![0; payload.len() + 14];
        prop_assert_eq!(client().encode(Kind::Binary, true, &payload, &mut out).unwrap(), &in_place);
        let mut appended = Vec::new();
        let mut ws = sansocket::WebSocket::client(Config::new(), move || key);
        ws.send(&payload, &mut appended).unwrap();
        prop_assert_eq!(appended, in_place);
    }

    /// However short the writes are, a frame goes out once and whole.
    #[test]
    fn short_writes(len in 0usize..300, long in any::<bool>(), writes in vec(0usize..100, 0..30)) {
        let payload: Vec<u8> = (0..=250).cycle().take(len + if long { 65_536 } else { 0 }).collect();
        let (mut server, mut client) = (common::server(), common::client());
        let mut masked = payload.clone();
        let frames = [
            (server.send(Kind::Binary, &payload).unwrap(), Side::Client),
            (client.send(Kind::Binary, &mut masked).unwrap(), Side::Server),
        ];
        for (mut frame, to) in frames {
            let whole = frame.as_slices().concat();
            let header = to.header(FIN | BINARY, payload.len() as u64).len();
            prop_assert_eq!((whole.len(), frame.len()), (header + payload.len(), whole.len()));
            let mut written = Vec::new();
            for n in &writes {
                let rest = frame.as_slices().concat();
                prop_assert_eq!(rest.len(), frame.len());
                prop_assert_eq!(rest.is_empty(), frame.is_empty());
                written.extend_from_slice(&rest[..(*n).min(rest.len())]);
                frame.advance(*n);
            }
            written.extend(frame.as_slices().concat());
            prop_assert_eq!(written, whole);
            frame.advance(usize::MAX);
            prop_assert!(frame.is_empty() && frame.as_slices().concat().is_empty());
        }
    }

    /// Any bytes at all: no panic, and the same in any split.
    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..200), cuts in vec(any::<usize>(), 0..10)) {
        same_in_any_split(&bytes, &cuts);
    }

    /// Bytes that get further than random ones: good streams with a few
    /// bytes changed, one taken out or one put in.
    #[test]
    fn nearly_good_bytes(
        pick in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        moved in any::<prop::sample::Index>(),
        cuts in vec(any::<usize>(), 0..10),
    ) {
        for side in SIDES {
            let vectors = vectors(side);
            let mut bytes = vectors[pick.index(vectors.len())].0.clone();
            for (index, byte) in &changes {
                if !bytes.is_empty() {
                    let index = index.index(bytes.len());
                    bytes[index] = *byte;
                }
            }
            if bytes.len() > 1 {
                let byte = bytes.remove(moved.index(bytes.len()));
                bytes.insert(moved.index(bytes.len()), byte);
            }
            same_in_any_split(&bytes, &cuts);
        }
    }

    #[test]
    fn random_heads(
        bytes in prop_oneof![
            vec(any::<u8>(), 0..200),
            "(GET|HTTP/1.1) [ -~]{0,9} (HTTP/1.1|101)?\r?\n([A-Z:]{0,3}[ -~\t]{0,6}\r?\n){0,4}(\r\n)?"
                .prop_map(String::into_bytes),
        ],
        limit in 0usize..100,
        cuts in vec(any::<usize>(), 0..10),
    ) {
        for limit in [limit, 1000] {
            let pieces = cut(&bytes, &cuts);
            let whole = read_request(limit, &bytes, &[&bytes]);
            prop_assert_eq!(read_request(limit, &bytes, &pieces), whole);
            let whole = read_response(limit, &bytes, &[&bytes]);
            prop_assert_eq!(read_response(limit, &bytes, &pieces), whole);
        }
    }
}

fn same_in_any_split(bytes: &[u8], cuts: &[usize]) {
    for side in SIDES {
        for config in [config(), Config::new()] {
            let pieces = cut(bytes, cuts);
            let each: Vec<&[u8]> = bytes.chunks(1).collect();
            let whole = side.events(config, &[bytes]);
            assert_eq!(side.events(config, &pieces), whole);
            assert_eq!(side.events(config, &each), whole);
            let messages = side.messages(config, &[bytes]);
            assert_eq!(side.messages(config, &pieces), messages);
            assert_eq!(side.messages(config, &each), messages);
            assert_eq!(whole.whole_messages(), messages);
        }
    }
}

/// Long texts are judged in blocks: where a block begins nothing shifts.
#[test]
fn a_long_text_comes_as_far_as_it_is_good() {
    const LEN: usize = 40_000;

    for side in SIDES {
        for character in ["x", "\u{e9}"] {
            for bad in [0, 1, 8191, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, LEN - 1] {
                let mut text = character.repeat(LEN / character.len()).into_bytes();
                text[bad] = 0xFF;
                let frame = side.frame(FIN | TEXT, &text);
                let seen = match bad {
                    0 => vec![],
                    _ => vec![Seen::Piece(Kind::Text, text[..bad].to_vec())],
                };
                for at in [frame.len(), 100, 20_000, frame.len() - 1] {
                    let (first, second) = frame.split_at(at);
                    let script = side.events(Config::new(), &[first, second]);
                    assert_eq!(script.error, Some(ProtocolError::TextNotUtf8));
                    assert!(script.seen() == seen, "{side:?}, bad at {bad}, cut at {at}");
                }
            }
        }
    }
}
