//! What errors say, and what `{:?}` shows: enough to know what is wrong, nothing
//! that is secret.

use std::error::Error;
use std::fmt::Debug;

use sansocket::deflate::{
    Checked, DeflateError, DeflateScratch, Deflater, Inflate, InflateError, InflateScratch,
    InflateWindow, Level, WindowBits,
};
use sansocket::extensions::{Extensions, Malformed};
use sansocket::frame::{Header, Opcode, Rsv};
use sansocket::handshake::{ComposeError, HandshakeError, UrlError};
use sansocket::keepalive::TimedOut;
use sansocket::utf8::Decoder;
use sansocket::{CloseCode, CloseFrame, Config, Connection, Payload, ProtocolError, SendError};

/// Checks the texts of one kind of error, each with a word that it must name.
fn check<E: Error + Debug>(errors: &[(E, &str)]) {
    let mut texts: Vec<String> = errors.iter().map(|(error, _)| error.to_string()).collect();
    for (text, (error, word)) in texts.iter().zip(errors) {
        assert!(text.contains(word), "{error:?} says {text:?} and not {word:?}");
        assert!(text.is_ascii() && text.len() <= 80, "{text}");
        // A part of a sentence, as "request failed: {error}".
        assert!(!text.ends_with(['.', '\n']), "{text}");
        assert!(error.source().is_none());
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), errors.len(), "two errors say the same");
}

#[test]
fn what_the_caller_did_wrong() {
    check(&[
        (SendError::Closed, "after our Close"),
        (SendError::UnfinishedMessage, "not finished"),
        (SendError::KindChanged, "kinds"),
        (SendError::CompressionNotAgreed, "permessage-deflate"),
        (SendError::BufferTooSmall { needed: 4711 }, "4711 bytes"),
        (SendError::BufferTooSmall { needed: usize::MAX }, "too small"),
    ]);
    check(&[
        (ComposeError::BadHeader, "header with characters"),
        (ComposeError::ReservedHeader, "handshake's own"),
        (ComposeError::BadProtocol, "subprotocol"),
        (ComposeError::BadExtension, "extension"),
        (ComposeError::BadStatus, "status"),
        (ComposeError::BufferTooSmall { needed: 4711 }, "4711 bytes"),
    ]);
    check(&[
        (UrlError::Scheme, "wss://"),
        (UrlError::Host, "host"),
        (UrlError::Port, "port"),
        (UrlError::UserInfo, "user"),
        (UrlError::Fragment, "fragment"),
        (UrlError::Resource, "percent-encoding"),
    ]);
    check(&[(Payload::new(&[0; 126]).unwrap_err(), "125 bytes")]);
    check(&[(DeflateError::OutputFull, "does not fit"), (DeflateError::Other, "codec")]);
}

#[test]
fn what_the_peer_did_wrong() {
    check(&[
        (ProtocolError::ReservedBits, "reserved bit"),
        (ProtocolError::ReservedOpcode, "opcode"),
        (ProtocolError::FragmentedControl, "fragmented control"),
        (ProtocolError::ControlTooLong, "125"),
        (ProtocolError::UnexpectedContinuation, "continuation"),
        (ProtocolError::UnfinishedMessage, "inside a fragmented one"),
        (ProtocolError::Unmasked, "unmasked frame from a client"),
        (ProtocolError::Masked, "masked frame from a server"),
        (ProtocolError::LengthNotMinimal, "shortest"),
        (ProtocolError::LengthOverflow, "2^63"),
        (ProtocolError::ClosePayloadOfOneByte, "half a code"),
        (ProtocolError::BadCloseCode, "close code"),
        (ProtocolError::BadCloseReason, "reason"),
        (ProtocolError::BadCompression, "inflated"),
        (ProtocolError::TextNotUtf8, "text is not UTF-8"),
        (ProtocolError::MessageTooBig, "message too big"),
        (ProtocolError::FrameTooBig, "frame too big"),
        (ProtocolError::TooManyFragments, "fragments"),
    ]);
    check(&[
        (HandshakeError::MalformedHead, "HTTP message"),
        (HandshakeError::HeadTooLarge, "too large"),
        (HandshakeError::HttpVersion, "version"),
        (HandshakeError::MethodNotGet, "GET"),
        (HandshakeError::MethodNotConnect, "CONNECT"),
        (HandshakeError::NotWebSocket, ":protocol"),
        (HandshakeError::ConnectionHeader, "HTTP/1.1"),
        (HandshakeError::BadTarget, "path"),
        (HandshakeError::RequestHasBody, "body"),
        (HandshakeError::BadHost, "Host"),
        (HandshakeError::BadOrigin, "Origin"),
        (HandshakeError::NotUpgrade, "Upgrade"),
        (HandshakeError::ConnectionNotUpgrade, "Connection"),
        (HandshakeError::WebSocketVersion, "Sec-WebSocket-Version"),
        (HandshakeError::BadKey, "Sec-WebSocket-Key"),
        (HandshakeError::BadProtocols, "Sec-WebSocket-Protocol"),
        (HandshakeError::BadExtensions, "Sec-WebSocket-Extensions"),
        (HandshakeError::Refused(503), "503"),
        (HandshakeError::BadAccept, "Sec-WebSocket-Accept"),
        (HandshakeError::ProtocolNotOffered, "subprotocol"),
        (HandshakeError::ExtensionNotOffered, "extension"),
    ]);
    check(&[
        (InflateError::InvalidBlockType, "block type"),
        (InflateError::InvalidStoredLength, "stored length"),
        (InflateError::TooManyCodes, "too many"),
        (InflateError::InvalidRepeat, "repetition"),
        (InflateError::NoEndOfBlock, "end of the block"),
        (InflateError::OversubscribedCode, "over-subscribed"),
        (InflateError::IncompleteCode, "incomplete"),
        (InflateError::InvalidCode, "invalid code"),
        (InflateError::DistanceTooFar, "distance"),
        (InflateError::Truncated, "truncated"),
        (InflateError::Other, "codec"),
    ]);
    check(&[(Malformed, "extensions")]);
    assert!(matches!(Extensions::new(b"a;").next(), Some(Err(Malformed))));
    // The place of the fault: the third byte cannot follow the second.
    check(&[(Decoder::new().decode(b"a\xC3b").unwrap_err(), "byte 2 ")]);
}

/// They are reasons of Close frames, too.
#[test]
fn what_the_peer_did_too_late() {
    let errors = [
        (TimedOut::Handshake, "opening handshake"),
        (TimedOut::Ping, "Ping"),
        (TimedOut::Close, "closed"),
    ];
    check(&errors);
    for (error, _) in errors {
        assert_eq!(CloseFrame::from(error).reason(), error.to_string());
    }
}

#[test]
fn a_connection_shows_its_state_and_no_masking_key() {
    let client = Connection::client(Config::new(), || *b"KEY!");
    let shown = format!("{client:?}");
    assert!(shown.contains("Client { .. }") && shown.contains("between messages"), "{shown}");

    let shown = |bytes: &[u8]| {
        let mut server = Connection::server(Config::new());
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Ok(Some(_)) = server.receive(&mut input) {}
        format!("{:?}", server.split().0)
    };
    for (bytes, state) in [
        (&b""[..], "between messages"),
        (b"\x82", "between frames"),
        (b"\x82\x81KEY!", "in a data frame"),
        (b"\x82\x82KEY!s", "in a data frame"),
        (b"\x82\x81KEY!s", "between messages"),
        (b"\x89\x82KEY!s", "in a control frame"),
        (b"\x88\x80KEY!", "closed"),
        (b"\x82\x01", "unmasked frame from a client"),
    ] {
        let expected = format!("Receiver {{ state: {state:?}, .. }}");
        assert_eq!(shown(bytes), expected, "after {}", bytes.escape_ascii());
    }
}

#[test]
fn close_codes_are_numbers() {
    assert_eq!(CloseCode::GOING_AWAY.to_string(), "1001");
    assert_eq!(format!("{:>6}|", CloseCode::new(4999).unwrap()), "  4999|");
}

#[test]
fn frames_show_their_bytes() {
    let mut server = Connection::server(Config::new());
    let ping = server.ping(Payload::new(b"\"\n").unwrap());
    assert_eq!(format!("{ping:?}"), r#"ControlFrame(b"\x89\x02\"\n")"#);
    assert_eq!(ping.as_ref(), b"\x89\x02\"\n");
    let header = Header { fin: true, rsv: Rsv::NONE, opcode: Opcode::Text, mask: None, len: 5 };
    assert_eq!(format!("{:?}", header.encode()), "[129, 5]");
}

#[test]
fn data_shows_its_bytes_and_its_place() {
    let mut client = Connection::client(Config::new(), || *b"KEY!");
    let mut bytes = *b"\x02\x01s";
    let event = client.receive(&mut &mut bytes[..]).unwrap();
    let expected =
        "Data(Data { kind: Binary, first: true, last: false, compressed: false, payload: [115] })";
    assert_eq!(format!("{:?}", event.unwrap()), expected);
}

/// A codec shows what it is, and not the messages in its memory.
#[test]
fn codecs_show_no_message() {
    struct Another([u8; 6]);

    impl Inflate for Another {
        fn inflate(&mut self, _: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
            output[..6].copy_from_slice(&self.0);
            Ok(6)
        }
        fn is_between_blocks(&self) -> bool {
            true
        }
        fn clear(&mut self) {}
    }

    const BITS: WindowBits = WindowBits::new(9).unwrap();
    let mut scratch = Box::<DeflateScratch>::default();
    let mut deflater = Deflater::new(Level::Fast, BITS, vec![0; Level::Fast.memory_len(BITS)]);
    deflater.deflate(&mut scratch, b"secret", true, &mut [0; 99]).unwrap();
    assert!(deflater.clone().into_memory().windows(6).any(|bytes| bytes == b"secret"));
    let window = InflateWindow::new(BITS, b"secret".repeat(100));
    for (shown, expected) in [
        (format!("{deflater:?}"), "Deflater { level: Fast, bits: WindowBits(9), .. }"),
        (format!("{scratch:?}"), "DeflateScratch { .. }"),
        (format!("{window:?}"), "InflateWindow { bits: WindowBits(9), len: 0, .. }"),
        (format!("{:?}", InflateScratch::new()), "InflateScratch { .. }"),
        (format!("{:?}", Checked::new(Another(*b"secret"))), "Checked { .. }"),
    ] {
        assert_eq!(shown, expected);
    }
}

/// Nor does a connection that has received and sent compressed messages.
#[cfg(feature = "alloc")]
#[test]
fn connections_show_no_message() {
    use sansocket::WebSocket;
    use sansocket::deflate::{Compression, Deflate};

    struct Another;

    impl Deflate for Another {
        fn deflate(&mut self, _: &[u8], _: &mut [u8]) -> Result<usize, DeflateError> {
            Err(DeflateError::OutputFull)
        }
        fn clear(&mut self) {}
    }

    let offers = Extensions::new(b"permessage-deflate").map(Result::unwrap);
    let agreement = Compression::new().threshold(1).accept(offers).unwrap();
    let mut ws = WebSocket::server_with_compression(Config::new(), agreement);
    ws.send("a secret kept in the window", &mut Vec::new()).unwrap();
    // The first half of a message, kept until the other comes.
    let mut half = *b"\x42\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(ws.receive(&mut &mut half[..], &mut Vec::new()), Ok(None));
    let shown = format!("{ws:?}");
    assert!(shown.contains("Deflater { level: Fast") && shown.len() < 3000, "{shown}");
    assert!(shown.contains("incoming: Incoming { len: 5, .. }"), "{shown}");
    // Bytes show as numbers.
    let numbers = |text: &str| format!("{:?}", text.as_bytes()).replace(['[', ']'], "");
    for secret in ["secret", "Hello"] {
        assert!(!shown.contains(secret) && !shown.contains(&numbers(secret)), "{shown}");
    }
    let shown = format!("{:?}", ws.deflate_with(|_| Another));
    assert!(shown.contains("Another(..)"), "{shown}");
}

/// Logs are read by more people than messages are.
#[test]
#[cfg(feature = "alloc")]
fn a_message_under_way_is_not_shown() {
    use sansocket::WebSocket;

    for (first, shown_as) in [(b'\x01', "Text { len: 6, .. }"), (b'\x02', "Binary { len: 6, .. }")]
    {
        let mut half = *b"?\x86\0\0\0\0secret";
        half[0] = first;
        let mut ws = WebSocket::server(Config::new());
        assert!(format!("{ws:?}").contains("assembly: Empty"));
        assert_eq!(ws.receive(&mut &mut half[..], &mut Vec::new()), Ok(None));
        let shown = format!("{ws:?}");
        assert!(shown.contains(shown_as), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
}

/// What `Default` gives is what `new` says it does.
#[test]
fn defaults_are_as_documented() {
    use sansocket::deflate::Compression;
    use sansocket::keepalive::Timeouts;

    assert_eq!(Config::default(), Config::new());
    assert_eq!(Timeouts::default(), Timeouts::new());
    assert_eq!(Compression::default(), Compression::new());
    assert_eq!(Payload::default(), Payload::EMPTY);
    assert_eq!(Payload::try_from(&b"abc"[..]).unwrap().as_ref(), b"abc");
    assert!(Payload::try_from(&[0; 126][..]).is_err());
}
