//! Any bytes after the handshake.

use sansocket::deflate::{Agreement, Compression, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::{Config, Connection, ProtocolError, WebSocket};

use super::common::{PONG, Seen, Side, Transcript, events, messages, zero_key};
use super::script::{Script, pieces};

/// Any bytes in any pieces, to either role, with compression or without: the
/// same events, error and output as in one piece; the two layers agree; limits
/// hold, and end nothing that keeps them. (That the error is repeated, and that all
/// input is taken, the drivers assert.) Returns the error.
pub fn receive_splits(data: &[u8]) -> Option<ProtocolError> {
    let mut script = Script::new(data);
    let flags = script.byte();
    let side = if flags & 1 == 0 { Side::Server } else { Side::Client };
    // Low ones, too, or few inputs would be long enough; they go by the window.
    let ratio = if flags & 2 == 0 { 1000 } else { 1 << (flags >> 4 & 7) };
    let limits = if flags & 4 == 0 {
        Limits { message: 16 << 20, frame: u32::MAX, fragments: 1 << 17, ratio }
    } else {
        Limits { message: 1000, frame: 600, fragments: 5, ratio }
    };
    let config = limits.config().drop_after_close(flags & 2 != 0);
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

    let layer_2 = |config, pieces: &[&[u8]]| match side {
        Side::Server => messages(WebSocket::server_with_compression(config, agreement), pieces),
        Side::Client => {
            messages(WebSocket::client_with_compression(config, zero_key, agreement), pieces)
        }
    };
    let [whole, cut, each] = ways.map(|pieces| layer_2(config, &pieces));
    assert_eq!(whole, cut);
    assert_eq!(whole, each);

    if agreement.is_none() {
        assert_eq!(one.whole_messages(), whole);
    }
    limits.judge(&whole, &layer_2(Limits::NONE.config(), &[bytes]), bytes);
    well_answered(&whole);
    whole.error
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

fn well_answered(script: &Transcript) {
    let mut answers = 0;
    for seen in &script.seen {
        match seen {
            Seen::Text(bytes) => assert!(core::str::from_utf8(bytes).is_ok()),
            Seen::Piece(..) => panic!("layer 2 gives whole messages"),
            Seen::Ping(_) => answers += 1,
            Seen::Binary(_) | Seen::Pong(_) | Seen::Close(..) => {}
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

struct Limits {
    message: u64,
    frame: u32,
    fragments: u32,
    ratio: u32,
}

/// A message on the wire, as the headers of it that came tell.
struct Sent {
    compressed: bool,
    fragments: u32,
    len: u64,
    ended: bool,
}

impl Limits {
    const NONE: Self =
        Self { message: u64::MAX, frame: u32::MAX, fragments: u32::MAX, ratio: u32::MAX };

    /// Inflated bytes for which no ratio is asked.
    const RATIO_FREE: u64 = 64 << 10;

    fn config(&self) -> Config {
        let Self { message, frame, fragments, ratio } = *self;
        let config = Config::new().max_message(message).max_frame(frame);
        config.max_fragments(fragments).max_ratio(ratio)
    }

    /// Holds what came of a wire with these limits against what does with none.
    fn judge(&self, limited: &Transcript, free: &Transcript, wire: &[u8]) {
        use ProtocolError::{FrameTooBig, MessageTooBig, TooManyFragments};
        let (sent, broken) = self.walk(wire);
        let whole = message_lens(limited);
        for (sent, len) in sent.iter().zip(&whole) {
            if sent.compressed {
                let most = sent.len.saturating_mul(self.ratio.into()).max(Self::RATIO_FREE);
                assert!(*len <= most.min(self.message));
            } else {
                assert_eq!(*len, sent.len);
            }
        }
        let Some(error @ (FrameTooBig | MessageTooBig | TooManyFragments)) = limited.error else {
            // Another rule may have been broken before a limit.
            assert!(broken.is_none() || limited.error.is_some());
            assert_eq!(limited, free);
            return;
        };
        assert!(free.seen.starts_with(&limited.seen));
        let at_header = broken == Some(error) && sent.len() == whole.len() + 1;
        if !at_header {
            // Inflated, then, which is certain if it can be without limits.
            assert!(error == MessageTooBig && sent[whole.len()].compressed);
            let len = message_lens(free).get(whole.len()).copied();
            assert!(len.is_none_or(|len| len > self.message.min(Self::RATIO_FREE)));
        }
    }

    /// The messages on a wire up to the header with which one breaks a limit, read
    /// without a look at any other rule.
    fn walk(&self, wire: &[u8]) -> (Vec<Sent>, Option<ProtocolError>) {
        let (mut script, mut sent) = (Script::new(wire), Vec::new());
        while let [first, second] = *script.take(2) {
            let len_bytes = match second & 0x7F {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            let key_bytes = if second & 0x80 != 0 { 4 } else { 0 };
            let header = script.take(len_bytes + key_bytes);
            if header.len() < len_bytes + key_bytes {
                break;
            }
            let len = match &header[..len_bytes] {
                [] => u64::from(second & 0x7F),
                bytes => bytes.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
            };
            match first & 0x0F {
                8 => break,
                9.. => {}
                opcode => {
                    if opcode > 0 {
                        let compressed = first & 0x40 != 0;
                        sent.push(Sent { compressed, fragments: 0, len: 0, ended: false });
                    }
                    let open = sent.last_mut().filter(|message| !message.ended);
                    let Some(message) = open else { break };
                    message.ended = first & 0x80 != 0;
                    message.fragments += 1;
                    message.len = message.len.saturating_add(len);
                    let broken = self.broken(message, len);
                    if broken.is_some() {
                        return (sent, broken);
                    }
                }
            }
            script.take(usize::try_from(len).unwrap_or(usize::MAX));
        }
        (sent, None)
    }

    /// The limit that a message breaks by its last header, if any.
    fn broken(&self, message: &Sent, frame_len: u64) -> Option<ProtocolError> {
        // > Their compressed size may pass `max_message` by an eighth, 64 bytes and 8
        // > more a fragment (`Config::allow_compressed`)
        let slack = self.message / 8 + 64 + 8 * u64::from(message.fragments);
        let slack = if message.compressed { slack } else { 0 };
        if message.len > self.message + slack {
            Some(ProtocolError::MessageTooBig)
        } else if frame_len > self.frame.into() {
            Some(ProtocolError::FrameTooBig)
        } else if message.fragments > self.fragments {
            Some(ProtocolError::TooManyFragments)
        } else {
            None
        }
    }
}

/// The lengths of all whole messages.
fn message_lens(script: &Transcript) -> Vec<u64> {
    let lens = script.seen.iter().filter_map(|seen| match seen {
        Seen::Text(bytes) | Seen::Binary(bytes) => Some(bytes.len() as u64),
        _ => None,
    });
    lens.collect()
}
