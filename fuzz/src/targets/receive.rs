//! Any bytes after the handshake.

use sansocket::deflate::{Agreement, Compression, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::{Config, Connection, ProtocolError, WebSocket};

use super::common::{PONG, Seen, Side, Transcript, events, messages, zero_key};
use super::script::{Script, pieces};

/// Any bytes in any pieces, to either role, with compression or without: the
/// same events, error and output as in one piece; the two layers agree; limits
/// hold. (That the error is repeated, and that all input is taken, the drivers
/// assert.) Returns the error.
pub fn receive_splits(data: &[u8]) -> Option<ProtocolError> {
    let mut script = Script::new(data);
    let flags = script.byte();
    let side = if flags & 1 == 0 { Side::Server } else { Side::Client };
    let mut config = Config::new().max_ratio(1000).drop_after_close(flags & 2 != 0);
    let mut limits = Limits { message: 16 << 20, frame: u32::MAX, fragments: 1 << 17 };
    if flags & 4 != 0 {
        limits = Limits { message: 1000, frame: 600, fragments: 5 };
        let Limits { message, frame, fragments } = limits;
        config = config.max_message(message).max_frame(frame).max_fragments(fragments);
    }
    let agreement = (flags & 8 != 0).then(|| agreement(flags));
    let cuts = script.cuts();
    let bytes = script.rest();
    let ways = [vec![bytes], pieces(bytes, cuts), bytes.chunks(1).collect()];

    let allowed = config.allow_compressed(agreement.is_some());
    let [one, cut, each] = ways.each_ref().map(|pieces| match side {
        Side::Server => events(Connection::server(allowed), pieces),
        Side::Client => events(Connection::client(allowed, zero_key), pieces),
    });
    assert_eq!(one, cut);
    assert_eq!(one, each);

    let [whole, cut, each] = ways.map(|pieces| match side {
        Side::Server => messages(WebSocket::server_with_compression(config, agreement), &pieces),
        Side::Client => {
            messages(WebSocket::client_with_compression(config, zero_key, agreement), &pieces)
        }
    });
    assert_eq!(whole, cut);
    assert_eq!(whole, each);

    if agreement.is_none() {
        assert_eq!(one.whole_messages(), whole);
    }
    within_limits(&whole, bytes, &limits);
    whole.error
}

struct Limits {
    message: u64,
    frame: u32,
    fragments: u32,
}

/// What a server and a client may agree on.
fn agreement(flags: u8) -> Agreement {
    let window = WindowBits::new(8 + (flags >> 4 & 7)).expect("8 to 15");
    let takeover = flags & 0x80 == 0;
    let wish = Compression::new()
        .send_window(window)
        .receive_window(window)
        .send_takeover(takeover)
        .receive_takeover(takeover);
    let offer = Extensions::new(b"permessage-deflate; client_max_window_bits");
    wish.accept(offer.map(Result::unwrap)).expect("acceptable")
}

fn within_limits(script: &Transcript, wire: &[u8], limits: &Limits) {
    use ProtocolError::{FrameTooBig, TooManyFragments};
    let broken = broken_limit(wire, limits);
    match script.error {
        None => assert_eq!(broken, None),
        Some(error @ (FrameTooBig | TooManyFragments)) => assert_eq!(broken, Some(error)),
        // Another rule, which may have been broken earlier.
        Some(_) => {}
    }
    let mut answers = 0;
    for seen in &script.seen {
        match seen {
            Seen::Text(bytes) | Seen::Binary(bytes) => {
                assert!(bytes.len() as u64 <= limits.message);
            }
            Seen::Piece(..) => panic!("layer 2 gives whole messages"),
            Seen::Ping(_) => answers += 1,
            Seen::Pong(_) | Seen::Close(..) => {}
        }
        if let Seen::Text(bytes) = seen {
            assert!(core::str::from_utf8(bytes).is_ok());
        }
    }
    // The output is a Pong for each Ping, and a Close if there is a reason.
    let mut output = &script.output[..];
    let mut answered = 0;
    while let [first, second, rest @ ..] = output {
        let key = if second & 0x80 != 0 { 4 } else { 0 };
        answered += usize::from(*first == PONG);
        output = &rest[key + usize::from(second & 0x7F)..];
        assert!(*first == PONG || output.is_empty(), "a Close is the last");
    }
    assert_eq!(answered, answers);
    let has_close = script.seen.iter().any(|seen| matches!(seen, Seen::Close(..)));
    assert_eq!(script.closed, has_close && script.error.is_none());
}

/// The first limit of frames that the headers on a wire break, read without a look
/// at any other rule.
fn broken_limit(wire: &[u8], limits: &Limits) -> Option<ProtocolError> {
    let mut script = Script::new(wire);
    let mut fragments = 0;
    while let [first, second] = *script.take(2) {
        let len_bytes = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key_bytes = if second & 0x80 != 0 { 4 } else { 0 };
        let header = script.take(len_bytes + key_bytes);
        if header.len() < len_bytes + key_bytes {
            return None;
        }
        let len = match &header[..len_bytes] {
            [] => u64::from(second & 0x7F),
            bytes => bytes.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        match first & 0x0F {
            8 => return None,
            9.. => {}
            opcode => {
                fragments = if opcode == 0 { fragments + 1 } else { 1 };
                if len > limits.frame.into() {
                    return Some(ProtocolError::FrameTooBig);
                }
                if fragments > limits.fragments {
                    return Some(ProtocolError::TooManyFragments);
                }
            }
        }
        script.take(usize::try_from(len).ok()?);
    }
    None
}
