//! Whatever can be tried in full is tried in full: the first two bytes of a
//! frame, close codes, short sequences of UTF-8, the cuts of the RFCs' examples.
#![cfg(feature = "std")]

mod common;

use common::{BINARY, SIDES, Seen, Side, TEXT, events, messages, zero_key};
use sansocket::deflate::{Agreement, Compression, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::frame::{Expected, Header, Rsv};
use sansocket::handshake::{RequestReader, ResponseReader};
use sansocket::utf8::Decoder;
use sansocket::{CloseCode, Config, Connection, Event, ProtocolError, Role, WebSocket};

/// Where a connection may stand when a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BetweenMessages,
    InText,
    InBinary,
    InCompressed,
}

/// The first bytes that RFC 6455 §5.2 to §5.6 and RFC 7692 §6 allow.
///
/// ```text
///                      FIN   RSV                       opcode
/// between messages     0, 1  0, RSV1 if agreed         1, 2
/// inside a message     0, 1  0                         0
/// anywhere             1     0                         8, 9, 10
/// ```
fn legal_first_bytes(state: State, deflate: bool) -> Vec<u8> {
    let mut legal = vec![0x88, 0x89, 0x8A];
    if state == State::BetweenMessages {
        legal.extend([0x01, 0x81, 0x02, 0x82]);
        if deflate {
            legal.extend([0x41, 0xC1, 0x42, 0xC2]);
        }
    } else {
        legal.extend([0x00, 0x80]);
    }
    legal
}

/// Whether a frame with this first and second byte breaks the rule that the
/// error names.
fn breaks(
    error: ProtocolError,
    first: u8,
    second: u8,
    side: Side,
    state: State,
    deflate: bool,
) -> bool {
    let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 15);
    let (masked, len) = (second & 0x80 != 0, second & 0x7F);
    let (control, starts) = (opcode & 8 != 0, opcode == 1 || opcode == 2);
    let open = state != State::BetweenMessages;
    match error {
        ProtocolError::ReservedBits => rsv & !if deflate && starts && !open { 4 } else { 0 } != 0,
        ProtocolError::ReservedOpcode => !matches!(opcode, 0..=2 | 8..=10),
        ProtocolError::FragmentedControl => control && !fin,
        ProtocolError::ControlTooLong => control && len > 125,
        ProtocolError::UnexpectedContinuation => opcode == 0 && !open,
        ProtocolError::UnfinishedMessage => starts && open,
        ProtocolError::Unmasked => side == Side::Server && !masked,
        ProtocolError::Masked => side == Side::Client && masked,
        ProtocolError::ClosePayloadOfOneByte => opcode == 8 && len == 1,
        _ => false,
    }
}

/// What comes of these bytes: an error, or that more are needed.
fn verdict<R: Role>(mut ws: Connection<R>, pieces: &mut [&mut [u8]]) -> Option<ProtocolError> {
    for piece in pieces {
        let mut input = &mut **piece;
        loop {
            match ws.receive(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Some(error),
            }
        }
    }
    None
}

#[test]
fn the_first_two_bytes_of_a_frame() {
    for side in SIDES {
        let (open_text, open_binary) = (side.frame(TEXT, b"a"), side.frame(BINARY, b"a"));
        let open_compressed = side.frame(BINARY | 0x40, b"\xF2");
        for (state, before, agreed) in [
            (State::BetweenMessages, &[][..], false),
            (State::BetweenMessages, &[], true),
            (State::InText, &open_text, false),
            (State::InText, &open_text, true),
            (State::InBinary, &open_binary, false),
            (State::InCompressed, &open_compressed, true),
        ] {
            let config = Config::new().allow_compressed(agreed);
            let legal = legal_first_bytes(state, agreed);
            for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
                let judge = |pieces: &mut [&mut [u8]]| match side {
                    Side::Server => verdict(Connection::server(config), pieces),
                    Side::Client => verdict(Connection::client(config, zero_key), pieces),
                };
                let context = format!("{first:02x} {second:02x} {side:?} {state:?} {agreed}");
                let mut whole = [before, &[first, second]].concat();
                let error = judge(&mut [&mut whole]);

                let masked = second & 0x80 != 0;
                let (control, len) = (first & 8 != 0, second & 0x7F);
                let second_is_legal = masked == (side == Side::Server)
                    && !(control && len > 125 || first & 15 == 8 && len == 1);
                let is_legal = legal.contains(&first) && second_is_legal;
                assert_eq!(error.is_none(), is_legal, "{context}: {error:?}");

                if let Some(error) = error {
                    assert!(
                        breaks(error, first, second, side, state, agreed),
                        "{context}: {error:?}"
                    );
                    // The first byte that decides it decides it alone.
                    let early = judge(&mut [&mut before.to_vec(), &mut [first]]);
                    assert_eq!(early, (!legal.contains(&first)).then_some(error), "{context}");
                }
                let apart = judge(&mut [&mut before.to_vec(), &mut [first], &mut [second]]);
                assert_eq!(apart, error, "{context}");
            }
        }
    }
}

#[test]
fn reserved_bits_that_several_extensions_share() {
    let set = |bits: u8| {
        [(4, Rsv::RSV1), (2, Rsv::RSV2), (1, Rsv::RSV3)]
            .into_iter()
            .filter(|(bit, _)| bits & bit != 0)
            .fold(Rsv::NONE, |set, (_, rsv)| set | rsv)
    };
    for allowed in 0..8 {
        for bits in 0..8 {
            let expected = Expected { masked: false, message_open: false, rsv: set(allowed) };
            let parsed = Header::parse(&[0x81 | bits << 4, 0], expected);
            let legal = bits & !allowed == 0;
            assert_eq!(set(allowed).contains(set(bits)), legal);
            assert_eq!(
                parsed.map(|header| header.map(|(header, _)| header.rsv)),
                if legal { Ok(Some(set(bits))) } else { Err(ProtocolError::ReservedBits) },
            );
            // A set that holds a bit already is not changed by it.
            assert_eq!(set(allowed) | set(bits), set(allowed | bits));
        }
    }
}

/// RFC 6455 §7.4 and the registry it founded: who may send what in a Close.
#[expect(clippy::match_same_arms, reason = "a table, with its reasons line by line")]
fn may_be_sent(code: u16) -> bool {
    match code {
        // §7.4.2: "Status codes in the range 0-999 are not used."
        0..=999 => false,
        // §7.4.1: 1000 to 1003 and 1007 to 1011; the registry has 1012 to 1014.
        1000..=1003 | 1007..=1014 => true,
        // §7.4.1: reserved, or "MUST NOT be set as a status code in a Close
        // control frame by an endpoint".
        1004..=1006 | 1015 => false,
        // §7.4.2: for revisions of the protocol and extensions; none is defined.
        1016..=2999 => false,
        // §7.4.2: libraries and frameworks; private use.
        3000..=4999 => true,
        // Not mentioned.
        5000.. => false,
    }
}

#[test]
fn every_close_code() {
    for code in 0..=u16::MAX {
        let legal = may_be_sent(code);
        assert_eq!(CloseCode::new(code).map(CloseCode::get), legal.then_some(code));
        for side in SIDES {
            for reason in ["", "reason"] {
                let body = [&code.to_be_bytes(), reason.as_bytes()].concat();
                let mut bytes = side.frame(0x88, &body);
                let mut input = &mut bytes[..];
                let event = match side {
                    Side::Server => common::server().receive(&mut input),
                    Side::Client => common::client().receive(&mut input),
                };
                match event {
                    Ok(Some(Event::Close(close))) => {
                        assert!(legal, "{code}");
                        assert_eq!(close.code().map(CloseCode::get), Some(code));
                        assert_eq!(close.reason(), reason);
                    }
                    event => {
                        assert_eq!(event, Err(ProtocolError::BadCloseCode), "{code}");
                        assert!(!legal, "{code}");
                    }
                }
            }
        }
    }
}

/// The verdict on pieces: `None` if no text begins like that, else whether it
/// ends with a whole character.
fn decode(mut decoder: Decoder, piece: &[u8]) -> Option<Decoder> {
    decoder.decode(piece).ok().map(|_| decoder)
}

fn judged(bytes: &[u8]) -> Option<bool> {
    match core::str::from_utf8(bytes) {
        Ok(_) => Some(true),
        Err(error) => error.error_len().is_none().then_some(false),
    }
}

#[test]
fn utf_8_of_one_to_three_bytes_cut_everywhere() {
    let start = Decoder::new();
    let complete = |decoder: Option<Decoder>| decoder.map(|decoder| decoder.is_complete());
    for a in 0..=255 {
        let after_a = decode(start, &[a]);
        assert_eq!(complete(after_a), judged(&[a]), "{a:02x}");
        for b in 0..=255 {
            let whole = decode(start, &[a, b]);
            let cut = after_a.and_then(|decoder| decode(decoder, &[b]));
            assert_eq!(complete(whole), judged(&[a, b]), "{a:02x} {b:02x}");
            assert_eq!(complete(cut), complete(whole), "{a:02x} {b:02x}");
            for c in 0..=255 {
                let bytes = [a, b, c];
                let verdict = judged(&bytes);
                let ways = [
                    decode(start, &bytes),
                    after_a.and_then(|decoder| decode(decoder, &bytes[1..])),
                    whole.and_then(|decoder| decode(decoder, &[c])),
                    cut.and_then(|decoder| decode(decoder, &[c])),
                ];
                assert_eq!(ways.map(complete), [verdict; 4], "{bytes:02x?}");
            }
        }
    }
}

/// Both ends of each class of bytes that the syntax of RFC 3629 §4 tells apart.
const CLASSES: [u8; 24] = [
    0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
    0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
];

fn four_by_class() -> impl Iterator<Item = [u8; 4]> {
    let of = |n: usize| CLASSES[n % 24];
    (0..24usize.pow(4)).map(move |n| [of(n), of(n / 24), of(n / 24 / 24), of(n / 24 / 24 / 24)])
}

#[test]
fn utf_8_of_four_bytes_by_class_cut_everywhere() {
    for bytes in four_by_class() {
        let verdict = judged(&bytes);
        // A bit of `cuts` for each place between two bytes.
        for cuts in 0..8 {
            let mut decoder = Some(Decoder::new());
            let mut start = 0;
            for end in 1..=4 {
                if end == 4 || cuts >> (end - 1) & 1 == 1 {
                    decoder = decoder.and_then(|decoder| decode(decoder, &bytes[start..end]));
                    start = end;
                }
            }
            let complete = decoder.map(|decoder| decoder.is_complete());
            assert_eq!(complete, verdict, "{bytes:02x?} cut {cuts:03b}");
        }
    }
}

/// Every class of four bytes in the middle of a longer text, at every distance
/// from its ends that some block of 16, 32 or 64 bytes may have.
#[test]
fn utf_8_by_class_at_every_offset() {
    const ASCII: [u8; 160] = [b'x'; 160];
    let wide: Vec<u8> = "漢é😀".bytes().cycle().take(9 * 18).collect();
    for (n, sequence) in four_by_class().enumerate() {
        // Offsets take turns, so that each meets each class of two bytes.
        let offset = n % 149;
        // The wide text is put together again at the ends of its 9 bytes.
        for (background, boundary) in [(&ASCII[..], offset), (&wide, offset - offset % 9)] {
            let mut text = background.to_vec();
            text.splice(boundary..boundary, sequence);
            let error = core::str::from_utf8(&text).err();
            let valid = error.map(|error| error.valid_up_to());
            let mut decoder = Decoder::new();
            match decoder.decode(&text) {
                Ok(_) => assert_eq!(error, None, "{sequence:02x?} at {boundary}"),
                Err(bad) => {
                    let valid = valid.expect("good text was refused");
                    assert!((valid..valid + 4).contains(&bad.offset), "{sequence:02x?}");
                }
            }
        }
    }
}

/// The frames that RFC 6455 §5.7 shows, who receives them, and what they say.
fn frames_of_the_rfc() -> Vec<(Side, Vec<u8>, Vec<Seen>)> {
    let hello = || Seen::Text(b"Hello".to_vec());
    let binary = |len: usize| (0..=255).cycle().take(len).collect::<Vec<u8>>();
    vec![
        (Side::Client, b"\x81\x05Hello".to_vec(), vec![hello()]),
        (Side::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec(), vec![hello()]),
        (Side::Client, b"\x01\x03Hel\x80\x02lo".to_vec(), vec![hello()]),
        (Side::Client, b"\x89\x05Hello".to_vec(), vec![Seen::Ping(b"Hello".to_vec())]),
        (
            Side::Server,
            b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec(),
            vec![Seen::Pong(b"Hello".to_vec())],
        ),
        (
            Side::Client,
            [b"\x82\x7E\x01\x00", &binary(256)[..]].concat(),
            vec![Seen::Binary(binary(256))],
        ),
        (
            Side::Client,
            [b"\x82\x7F\0\0\0\0\0\x01\0\0", &binary(65_536)[..]].concat(),
            vec![Seen::Binary(binary(65_536))],
        ),
    ]
}

#[test]
fn every_split_of_the_frames_of_rfc_6455() {
    for (side, bytes, expected) in frames_of_the_rfc() {
        for pieces in splits(&bytes) {
            for run in [Side::events, Side::messages] {
                let script = run(side, Config::new(), &pieces);
                assert_eq!((&script.seen, script.error), (&expected, None));
            }
        }
    }
}

/// RFC 7692 §7.2.3: compressed messages of one frame and of two, with and
/// without a final block, stored, in two blocks, and with the window of the
/// message before.
#[test]
fn every_split_of_the_messages_of_rfc_7692() {
    let hello = || Seen::Text(b"Hello".to_vec());
    let one = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    let streams: [(&[u8], usize); 7] = [
        (one, 1),
        (b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", 1),
        (b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00", 2),
        (b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 1),
        (b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 1),
        (b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 1),
        (b"\x41\x03\xf2\x48\xcd\x89\x00\x80\x04\xc9\xc9\x07\x00", 1),
    ];
    for (bytes, count) in streams {
        let mut expected = vec![hello(); count];
        if bytes.contains(&0x89) {
            expected.insert(0, Seen::Ping(Vec::new()));
        }
        for pieces in splits(bytes) {
            let ws = WebSocket::client_with_compression(Config::new(), zero_key, agreement());
            let script = messages(ws, &pieces);
            assert_eq!((&script.seen, script.error), (&expected, None), "{pieces:02x?}");
            // Layer 1 lends the compressed bytes.
            let config = Config::new().allow_compressed(true);
            let script = events(Connection::client(config, zero_key), &pieces);
            assert_eq!(script.error, None);
            assert_eq!(script.whole_messages().seen.len(), expected.len());
        }
    }
}

fn agreement() -> Agreement {
    let wish = Compression::new().send_window(WindowBits::MAX).receive_window(WindowBits::MAX);
    let offer = Extensions::new(b"permessage-deflate; client_max_window_bits");
    wish.accept(offer.map(Result::unwrap)).unwrap()
}

#[test]
fn every_split_of_the_handshake_of_rfc_6455() {
    let request = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Protocol: chat\r\n\r\n";
    // A reader is given all that came so far, so a cut is an end.
    for first in 0..request.len() {
        for second in first..request.len() {
            let mut reader = RequestReader::new();
            assert!(matches!(reader.read(&request[..first]), Ok(None)));
            assert!(matches!(reader.read(&request[..second]), Ok(None)));
            let whole = reader.read(request).unwrap().unwrap();
            assert!(whole.protocols().eq(["chat", "superchat"]) && whole.upgrade().is_ok());
        }
    }
    for first in 0..response.len() {
        for second in first..response.len() {
            let mut reader = ResponseReader::new();
            assert!(matches!(reader.read(&response[..first]), Ok(None)));
            assert!(matches!(reader.read(&response[..second]), Ok(None)));
            let whole = reader.read(response).unwrap().unwrap();
            assert_eq!((whole.status(), whole.head_len()), (101, response.len()));
        }
    }
}

/// Up to 13 bytes, every way to cut them up; of more, every two cuts, of many,
/// every cut near the header and some behind it; and byte by byte.
fn splits(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let at = |cuts: &[usize]| common::cut(bytes, cuts);
    if bytes.len() <= 13 {
        let cuts = |bits: u32| (1..bytes.len()).filter(move |cut| bits >> (cut - 1) & 1 == 1);
        return (0..1 << (bytes.len() - 1))
            .map(|bits| at(&cuts(bits).collect::<Vec<_>>()))
            .collect();
    }
    let ends: Vec<usize> = match bytes.len() {
        ..300 => (0..bytes.len()).collect(),
        len => (0..20).chain((20..len).step_by(9973)).chain(len - 2..len).collect(),
    };
    let pairs = ends.iter().flat_map(|first| {
        ends.iter().filter(move |second| *second >= first).map(move |second| at(&[*first, *second]))
    });
    pairs.chain([bytes.chunks(1).collect()]).collect()
}
