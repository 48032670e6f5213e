//! Whatever can be tried in full is tried in full: the first two bytes of a
//! frame, close codes, short sequences of UTF-8, the cuts of the RFCs' examples.
#![cfg(feature = "std")]

mod common;

use std::slice;
use std::sync::LazyLock;

use common::{BINARY, FIN, KEY, SIDES, Seen, Side, TEXT, messages, zero_key};
use sansocket::deflate::{Agreement, Compression, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::frame::{Expected, Header, Rsv};
use sansocket::handshake::{RequestReader, ResponseReader};
use sansocket::utf8::Decoder;
use sansocket::{CloseCode, Config, Connection, Event, ProtocolError, Role, WebSocket};

/// The message that is open when a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    None,
    Text,
    Binary,
    CompressedText,
    CompressedBinary,
}

/// How far closing has come by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Not,
    /// Our Close is sent, and data is still delivered.
    Ours,
    /// Our Close is sent, and data is dropped.
    OursAndDropping,
    /// The peer's Close has come.
    Peers,
    /// The peer broke a rule, by a reserved opcode.
    Failed,
}

/// Where a connection may stand when a frame begins.
#[derive(Clone, Copy, Debug)]
struct State {
    open: Open,
    closing: Closing,
    /// Whether permessage-deflate is agreed.
    deflate: bool,
}

fn states() -> impl Iterator<Item = State> {
    let plain = [(Open::None, false), (Open::Text, false), (Open::Binary, false)];
    let agreed = [Open::None, Open::Text, Open::CompressedText, Open::CompressedBinary];
    let all = plain.into_iter().chain(agreed.map(|open| (open, true)));
    all.flat_map(|(open, deflate)| {
        let of = |closing: &[Closing]| {
            let states = closing.iter().map(|&closing| State { open, closing, deflate });
            states.collect::<Vec<_>>()
        };
        match (open, deflate) {
            (Open::Binary | Open::CompressedBinary, _) | (Open::Text, true) => of(&[Closing::Not]),
            _ => of(&[
                Closing::Not,
                Closing::Ours,
                Closing::OursAndDropping,
                Closing::Peers,
                Closing::Failed,
            ]),
        }
    })
}

/// The first bytes that RFC 6455 §5.2 to §5.6 and RFC 7692 §6 allow.
///
/// ```text
///                      FIN   RSV                       opcode
/// between messages     0, 1  0, RSV1 if agreed         1, 2
/// inside a message     0, 1  0                         0
/// anywhere             1     0                         8, 9, 10
/// ```
///
/// Our own Close changes nothing of it: it is who sent a Close that must not send
/// more (RFC 6455 §5.5.1).
fn legal_first_bytes(state: State) -> Vec<u8> {
    let mut legal = vec![0x88, 0x89, 0x8A];
    if state.open == Open::None {
        legal.extend([0x01, 0x81, 0x02, 0x82]);
        if state.deflate {
            legal.extend([0x41, 0xC1, 0x42, 0xC2]);
        }
    } else {
        legal.extend([0x00, 0x80]);
    }
    legal
}

/// Whether a frame with this first and second byte breaks the rule that the
/// error names.
fn breaks(error: ProtocolError, first: u8, second: u8, side: Side, state: State) -> bool {
    let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 15);
    let (masked, len) = (second & 0x80 != 0, second & 0x7F);
    let (control, starts) = (opcode & 8 != 0, opcode == 1 || opcode == 2);
    let open = state.open != Open::None;
    match error {
        ProtocolError::ReservedBits => {
            rsv & !if state.deflate && starts && !open { 4 } else { 0 } != 0
        }
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

/// What two legal bytes bring by themselves: a frame that is empty and not masked is
/// whole by then.
fn brings(first: u8, second: u8, state: State, layer: Layer) -> Result<u32, ProtocolError> {
    let (fin, rsv1, control) = (first & 0x80 != 0, first & 0x40 != 0, first & 8 != 0);
    if second != 0 {
        return Ok(0);
    }
    if layer == Layer::Messages && fin && rsv1 {
        // With the bytes 00 00 FF FF behind it (RFC 7692 §7.2.2) nothing is a
        // stored block that ends in its length; an empty message is the byte 00.
        return Err(ProtocolError::BadCompression);
    }
    let dropped = !control && state.closing == Closing::OursAndDropping;
    let unfinished = !control && !fin && layer == Layer::Messages;
    Ok(u32::from(!dropped && !unfinished))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Events,
    Messages,
}

/// A connection of either layer and role.
trait Endpoint {
    /// Whether anything came.
    fn next(&mut self, input: &mut &mut [u8]) -> Result<bool, ProtocolError>;
    fn close(&mut self);
}

impl<R: Role> Endpoint for Connection<R> {
    fn next(&mut self, input: &mut &mut [u8]) -> Result<bool, ProtocolError> {
        self.receive(input).map(|event| event.is_some())
    }

    fn close(&mut self) {
        let _ = self.close(CloseCode::NORMAL);
    }
}

impl<R: Role> Endpoint for WebSocket<R> {
    fn next(&mut self, input: &mut &mut [u8]) -> Result<bool, ProtocolError> {
        self.receive(input, &mut Vec::new()).map(|received| received.is_some())
    }

    fn close(&mut self) {
        self.close(CloseCode::NORMAL, &mut Vec::new());
    }
}

fn endpoint(side: Side, layer: Layer, state: State) -> Box<dyn Endpoint> {
    let config = Config::new()
        .allow_compressed(state.deflate)
        .drop_after_close(state.closing == Closing::OursAndDropping);
    let agreed = state.deflate.then_some(*AGREEMENT);
    match (layer, side) {
        (Layer::Events, Side::Server) => Box::new(Connection::server(config)),
        (Layer::Events, Side::Client) => Box::new(Connection::client(config, zero_key)),
        (Layer::Messages, Side::Server) => {
            Box::new(WebSocket::server_with_compression(config, agreed))
        }
        (Layer::Messages, Side::Client) => {
            Box::new(WebSocket::client_with_compression(config, zero_key, agreed))
        }
    }
}

/// How much comes of these bytes, or the error.
fn feed(ws: &mut dyn Endpoint, mut input: &mut [u8]) -> Result<u32, ProtocolError> {
    let mut count = 0;
    while ws.next(&mut input)? {
        count += 1;
    }
    Ok(count)
}

/// What comes of each piece, in a connection brought to `state`. Where nothing but a
/// message is open, that opens in the same input.
fn judge<const N: usize>(
    side: Side,
    layer: Layer,
    state: State,
    pieces: [&[u8]; N],
) -> [Result<u32, ProtocolError>; N] {
    let mut ws = endpoint(side, layer, state);
    let mut before = match state.open {
        Open::None => vec![],
        Open::Text => side.frame(TEXT, b"a"),
        Open::Binary => side.frame(BINARY, b"a"),
        // "Hello" (RFC 7692 §7.2.3.1), all but the end.
        Open::CompressedText => side.frame(TEXT | 0x40, b"\xF2\x48\xCD\xC9\xC9\x07\x00"),
        Open::CompressedBinary => side.frame(BINARY | 0x40, b"\xF2\x48\xCD\xC9\xC9\x07\x00"),
    };
    // Of the message's beginning layer 1 gives a piece.
    let mut known = u32::from(state.open != Open::None && layer == Layer::Events);
    if state.closing != Closing::Not {
        assert_eq!(feed(&mut *ws, &mut before), Ok(known));
        (before, known) = (vec![], 0);
    }
    match state.closing {
        Closing::Not => {}
        Closing::Ours | Closing::OursAndDropping => ws.close(),
        Closing::Peers => assert_eq!(feed(&mut *ws, &mut side.frame(0x88, b"")), Ok(1)),
        Closing::Failed => {
            let error = feed(&mut *ws, &mut side.frame(0x83, b""));
            assert_eq!(error, Err(ProtocolError::ReservedOpcode));
        }
    }
    pieces.map(|piece| {
        before.extend(piece);
        let count = feed(&mut *ws, &mut before).map(|count| count - known);
        (before, known) = (vec![], 0);
        count
    })
}

/// All 65,536 of them, in every state.
fn the_first_two_bytes(side: Side, layer: Layer) {
    for state in states() {
        let legal = legal_first_bytes(state);
        let mut early = [Ok(0); 256];
        for first in 0..=255 {
            [early[usize::from(first)]] = judge(side, layer, state, [&[first]]);
        }
        for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
            let context = format_args!("{first:02x} {second:02x} {side:?} {layer:?} {state:?}");
            let [whole] = judge(side, layer, state, [&[first, second]]);
            match state.closing {
                // > after receiving a control frame indicating the connection
                // > should be closed, a peer discards any further data received.
                // > (RFC 6455 §1.4)
                Closing::Peers => assert_eq!(whole, Ok(0), "{context}"),
                // > An endpoint MUST NOT continue to attempt to process data
                // > (including a responding Close frame) from the remote endpoint
                // > after being instructed to _Fail the WebSocket Connection_.
                // > (§7.1.7)
                Closing::Failed => {
                    assert_eq!(whole, Err(ProtocolError::ReservedOpcode), "{context}");
                }
                Closing::Not | Closing::Ours | Closing::OursAndDropping => {
                    let masked = second & 0x80 != 0;
                    let (control, len) = (first & 8 != 0, second & 0x7F);
                    let first_is_legal = legal.contains(&first);
                    let second_is_legal = masked == (side == Side::Server)
                        && !(control && len > 125 || first & 15 == 8 && len == 1);
                    if first_is_legal && second_is_legal {
                        assert_eq!(whole, brings(first, second, state, layer), "{context}");
                    } else {
                        let error = whole.expect_err("a frame that breaks a rule");
                        assert!(breaks(error, first, second, side, state), "{context}: {error:?}");
                    }
                    // The first byte that decides it decides it alone.
                    let decided = if first_is_legal { Ok(0) } else { whole };
                    assert_eq!(early[usize::from(first)], decided, "{context}");
                    if first_is_legal {
                        let apart = judge(side, layer, state, [&[first], &[second]]);
                        assert_eq!(apart, [Ok(0), whole], "{context}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_first_two_bytes_of_a_frame_to_a_server() {
    the_first_two_bytes(Side::Server, Layer::Events);
}

#[test]
fn the_first_two_bytes_of_a_frame_to_a_client() {
    the_first_two_bytes(Side::Client, Layer::Events);
}

#[test]
fn the_first_two_bytes_of_a_message_to_a_server() {
    the_first_two_bytes(Side::Server, Layer::Messages);
}

#[test]
fn the_first_two_bytes_of_a_message_to_a_client() {
    the_first_two_bytes(Side::Client, Layer::Messages);
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

/// How many bytes of text a server delivers of these inputs, and whether it then
/// found fault with it.
fn received(inputs: &mut [&mut [u8]]) -> (usize, bool) {
    let (mut ws, mut delivered) = (common::server(), 0);
    for input in inputs {
        loop {
            match ws.receive(input) {
                Ok(None) => break,
                Ok(Some(Event::Data(data))) => delivered += data.payload().len(),
                Ok(event) => panic!("{event:?}"),
                Err(error) => {
                    assert_eq!(error, ProtocolError::TextNotUtf8);
                    return (delivered, true);
                }
            }
        }
    }
    (delivered, false)
}

/// What it should: up to the first byte with which no text goes on.
fn deliverable(text: &[u8]) -> (usize, bool) {
    let begins = |len: &usize| judged(&text[..*len]).is_some();
    let delivered = (1..=text.len()).take_while(begins).count();
    (delivered, delivered < text.len() || judged(text) != Some(true))
}

/// The same set as text messages to a server, which unmasks and judges in one. (What
/// follows two bytes that are refused is one of each class.)
#[test]
fn utf_8_of_one_to_three_bytes_masked() {
    let check = |text: &[u8], expected| {
        let mut header = [0x81, 0x80 | text.len() as u8, KEY[0], KEY[1], KEY[2], KEY[3]];
        let mut payload = [0; 3];
        let payload = &mut payload[..text.len()];
        for ((byte, plain), key) in payload.iter_mut().zip(text).zip(KEY) {
            *byte = plain ^ key;
        }
        assert_eq!(received(&mut [&mut header, payload]), expected, "{text:02x?}");
    };
    for a in 0..=255 {
        check(&[a], deliverable(&[a]));
        for b in 0..=255 {
            let two = deliverable(&[a, b]);
            check(&[a, b], two);
            if two.0 < 2 {
                for c in CLASSES {
                    check(&[a, b, c], two);
                }
                continue;
            }
            for c in 0..=255 {
                check(&[a, b, c], deliverable(&[a, b, c]));
            }
        }
    }
}

/// And in one input, where text is unmasked before, or cut before each byte, by
/// fragments or by inputs.
#[test]
fn utf_8_of_three_bytes_by_class_masked_and_cut_everywhere() {
    for [a, b, c, _] in four_by_class().take(CLASSES.len().pow(3)) {
        let text = [a, b, c];
        let expected = deliverable(&text);
        let mut frame = Side::Server.frame(FIN | TEXT, &text);
        assert_eq!(received(&mut [&mut frame.clone()]), expected, "{text:02x?}");
        let mut inputs: Vec<&mut [u8]> = frame.chunks_mut(1).collect();
        assert_eq!(received(&mut inputs), expected, "{text:02x?}");
        let mut fragments = Side::Server.fragments(TEXT, &text.each_ref().map(slice::from_ref));
        assert_eq!(received(&mut [&mut fragments]), expected, "{text:02x?}");
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

/// Every class of four bytes in the middle of a longer text, each at one place; the
/// places take turns.
#[test]
fn utf_8_by_class_in_a_longer_text() {
    for (n, sequence) in four_by_class().enumerate() {
        in_a_longer_text(sequence, n % 161);
    }
}

/// Four bytes of all classes that the syntax of RFC 3629 §4 tells apart, once each,
/// before, across and behind every edge of a block of 16, 32 or 64 bytes.
#[test]
fn utf_8_by_class_at_the_edges_of_blocks() {
    const ONE_OF_EACH: [u8; 12] =
        [0x7F, 0x80, 0x90, 0xA0, 0xC1, 0xDF, 0xE0, 0xEC, 0xED, 0xF0, 0xF3, 0xF4];
    let of = |n: usize| ONE_OF_EACH[n % 12];
    for n in 0..12usize.pow(4) {
        let sequence = [of(n), of(n / 12), of(n / 12 / 12), of(n / 12 / 12 / 12)];
        for edge in [4, 16, 32, 64, 128, 144, 160] {
            (edge - 4..=edge).for_each(|place| in_a_longer_text(sequence, place));
        }
    }
}

/// The verdict on `sequence` with 160 other bytes around it, `place` of them before.
fn in_a_longer_text(sequence: [u8; 4], place: usize) {
    const WIDE: &[u8] = "漢é😀".as_bytes();
    for wide in [false, true] {
        let mut text = [b'x'; 164];
        let (before, rest) = text.split_at_mut(place);
        let (middle, after) = rest.split_at_mut(4);
        middle.copy_from_slice(&sequence);
        if wide {
            // Whole characters right before and right behind.
            let before = before.rchunks_exact_mut(WIDE.len());
            let after = after.chunks_exact_mut(WIDE.len());
            before.for_each(|characters| characters.copy_from_slice(WIDE));
            after.for_each(|characters| characters.copy_from_slice(WIDE));
        }
        let mut decoder = Decoder::new();
        match (decoder.decode(&text), core::str::from_utf8(&text)) {
            (Ok(_), _) => {
                let complete = Some(decoder.is_complete());
                assert_eq!(complete, judged(&text), "{sequence:02x?} at {place}");
            }
            (Err(bad), Err(error)) => {
                let fault = error.valid_up_to()..error.valid_up_to() + 4;
                assert!(error.error_len().is_some(), "{sequence:02x?} at {place}");
                assert!(fault.contains(&bad.offset), "{sequence:02x?} at {place}");
            }
            (Err(_), Ok(_)) => panic!("{sequence:02x?} at {place}: good text was refused"),
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
    let frames = frames_of_the_rfc();
    let also = frames.iter().filter(|(side, ..)| *side == Side::Client);
    let also = also.map(|(_, bytes, seen)| (Side::Server, to_server(bytes), seen.clone()));
    for (side, bytes, expected) in also.chain(frames.clone()) {
        for pieces in splits(&bytes) {
            for run in [Side::events, Side::messages] {
                let script = run(side, Config::new(), &pieces);
                assert_eq!((&script.seen, script.error), (&expected, None), "{side:?}");
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
        for (side, bytes) in [(Side::Client, bytes.to_vec()), (Side::Server, to_server(bytes))] {
            for pieces in splits(&bytes) {
                let config = Config::new();
                let script = match side {
                    Side::Server => {
                        messages(WebSocket::server_with_compression(config, *AGREEMENT), &pieces)
                    }
                    Side::Client => messages(
                        WebSocket::client_with_compression(config, zero_key, *AGREEMENT),
                        &pieces,
                    ),
                };
                assert_eq!((&script.seen, script.error), (&expected, None), "{pieces:02x?}");
                // Layer 1 lends the compressed bytes.
                let script = side.events(config.allow_compressed(true), &pieces);
                assert_eq!(script.error, None);
                assert_eq!(script.whole_messages().seen.len(), expected.len());
            }
        }
    }
}

/// The largest windows both ways.
static AGREEMENT: LazyLock<Agreement> = LazyLock::new(|| {
    let wish = Compression::new().send_window(WindowBits::MAX).receive_window(WindowBits::MAX);
    let offer = Extensions::new(b"permessage-deflate; client_max_window_bits");
    wish.accept(offer.map(Result::unwrap)).unwrap()
});

/// What the server of a connection receives in place of these frames to its client.
fn to_server(mut frames: &[u8]) -> Vec<u8> {
    let mut masked = Vec::new();
    while let [first, second, rest @ ..] = frames {
        let (digits, rest) = rest.split_at(match second {
            126 => 2,
            127 => 8,
            _ => 0,
        });
        let len = match digits {
            [] => usize::from(*second),
            _ => digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)),
        };
        let (payload, rest) = rest.split_at(len);
        masked.extend(Side::Server.frame(*first, payload));
        frames = rest;
    }
    masked
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

/// Up to 16 bytes, every way to cut them up; of more, every two cuts, of many,
/// every cut near the header and some behind it; and byte by byte.
fn splits(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let at = |cuts: &[usize]| common::cut(bytes, cuts);
    if bytes.len() <= 16 {
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
