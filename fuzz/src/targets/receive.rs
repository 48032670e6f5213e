//! Any bytes after the handshake.

use sansocket::deflate::{Agreement, Compression, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::{Config, Connection, ProtocolError, WebSocket};

use super::common::{PONG, Seen, Side, Transcript, events, messages, zero_key};
use super::script::{Script, pieces};

/// Any bytes in any pieces, to either role, with compression or without: the
/// same events, error and output as in one piece; the two layers agree; limits
/// hold. (That the error is repeated, and that all input is taken, the drivers
/// assert.)
pub fn receive_splits(data: &[u8]) {
    let mut script = Script::new(data);
    let flags = script.byte();
    let side = if flags & 1 == 0 { Side::Server } else { Side::Client };
    let mut config = Config::new().drop_after_close(flags & 2 != 0);
    if flags & 4 != 0 {
        config = config.max_message(1000).max_frame(600).max_fragments(5);
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
    within_limits(&whole, if flags & 4 != 0 { 1000 } else { 16 << 20 });
}

/// What a server and a client may agree on.
fn agreement(flags: u8) -> Agreement {
    let window = WindowBits::new(8 + (flags >> 4 & 7)).expect("8 to 15");
    let takeover = flags & 0x80 == 0;
    let wish = Compression::new()
        .send_window(window)
        .receive_window(window)
        .send_takeover(takeover)
        .receive_takeover(takeover)
        .max_ratio(1000);
    let offer = Extensions::new(b"permessage-deflate; client_max_window_bits");
    wish.accept(offer.map(Result::unwrap)).expect("acceptable")
}

fn within_limits(script: &Transcript, max_message: usize) {
    let mut answers = 0;
    for seen in &script.seen {
        match seen {
            Seen::Text(bytes) | Seen::Binary(bytes) => assert!(bytes.len() <= max_message),
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
    let _: Option<ProtocolError> = script.error;
}
