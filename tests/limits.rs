//! Every limit, exactly: what is just allowed passes, one more does not.
#![cfg(feature = "std")]

mod common;

use common::{BINARY, CONT, FIN, KEY, PING, SIDES, Seen, Side, TEXT, cut, messages, request_with};
use proptest::collection::vec;
use proptest::prelude::*;
use sansocket::deflate::Compression;
use sansocket::extensions::Extensions;
use sansocket::handshake::{HandshakeError, RequestReader, ResponseReader};
use sansocket::{
    CloseCode, CloseFrame, Config, Connection, Kind, ProtocolError, Received, SendError, WebSocket,
};

const TOO_BIG: Option<ProtocolError> = Some(ProtocolError::MessageTooBig);
const FRAME_TOO_BIG: Option<ProtocolError> = Some(ProtocolError::FrameTooBig);
const TOO_MANY: Option<ProtocolError> = Some(ProtocolError::TooManyFragments);

/// The verdict of both layers, which must agree.
fn verdict(side: Side, config: Config, bytes: &[u8]) -> Option<ProtocolError> {
    let error = side.events(config, &[bytes]).error;
    assert_eq!(side.messages(config, &[bytes]).error, error);
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(side.events(config, &bytewise).error, error);
    error
}

#[test]
fn a_message_at_the_limit_and_one_over() {
    for side in SIDES {
        for limit in [0, 1, 125, 126, 1000, 0xFFFF, 0x1_0000] {
            let config = Config::new().max_message(limit);
            for opcode in [TEXT, BINARY] {
                let exact = side.frame(FIN | opcode, &vec![b'x'; limit as usize]);
                assert_eq!(verdict(side, config, &exact), None, "{limit}");
                let over = side.header(FIN | opcode, limit + 1);
                assert_eq!(verdict(side, config, &over), TOO_BIG, "{limit}");
            }
        }
    }
}

#[test]
fn the_limit_holds_for_all_fragments_together() {
    let config = Config::new().max_message(10);
    for side in SIDES {
        for (fragments, expected) in [
            (&[&b"12345"[..], b"67890"][..], None),
            (&[b"12345", b"678901"], TOO_BIG),
            (&[b"", b"1234567890", b""], None),
            (&[b"1234567890", b"1"], TOO_BIG),
            (&[&b"1"[..]; 10], None),
            (&[&b"1"[..]; 11], TOO_BIG),
        ] {
            let message = side.fragments(BINARY, fragments);
            assert_eq!(verdict(side, config, &message), expected, "{fragments:?}");
            // It is a message's limit, not a connection's.
            let (twice, ping) = (message.repeat(2), side.frame(PING, &[0; 125]));
            assert_eq!(verdict(side, config, &[ping, twice].concat()), expected);
        }
    }
}

#[test]
fn a_frame_at_the_limit_and_one_over() {
    const RSV1: u8 = 0x40;

    for side in SIDES {
        for limit in [0, 1, 125, 126, 1000, 0xFFFF, 0x1_0000] {
            let config = Config::new().max_frame(limit as u32).allow_compressed(true);
            let exact = vec![b'x'; limit as usize];
            for opcode in [TEXT, BINARY] {
                let bytes = side.fragments(opcode, &[&exact[..]; 3]);
                assert_eq!(verdict(side, config, &side.frame(FIN | opcode, &exact)), None);
                assert_eq!(verdict(side, config, &bytes), None, "the frame's, not the message's");
                for header in [
                    side.header(FIN | opcode, limit + 1),
                    side.header(FIN | opcode | RSV1, limit + 1),
                    [side.frame(opcode, b""), side.header(CONT, limit + 1)].concat(),
                ] {
                    assert_eq!(side.events(config, &[&header]).error, FRAME_TOO_BIG, "{limit}");
                }
            }
            // Control frames have the RFC's.
            assert_eq!(verdict(side, config, &side.frame(PING, &[0; 125])), None);
        }
    }
}

/// The highest limit is none, the one below it still is one: lengths of frames have 63
/// bits, the limit 32.
#[test]
fn the_highest_limits_of_a_frame() {
    let longest = u64::from(u32::MAX);
    let config = Config::new().max_message(u64::MAX).allow_compressed(true);
    for side in SIDES {
        for first in [FIN | TEXT, BINARY, FIN | BINARY | 0x40] {
            let judge = |limit, len| {
                let header = side.header(first, len);
                let error = side.events(config.max_frame(limit), &[&header]).error;
                if first & 0x40 == 0 {
                    assert_eq!(verdict(side, config.max_frame(limit), &header), error);
                }
                error
            };
            assert_eq!(judge(u32::MAX - 1, longest - 1), None);
            for over in [longest, longest + 1, longest + 2, 1 << 62, (1 << 63) - 1] {
                assert_eq!(judge(u32::MAX - 1, over), FRAME_TOO_BIG, "{over:x}");
                assert_eq!(judge(u32::MAX, over), None, "{over:x}");
            }
        }
    }
}

#[test]
fn a_compressed_frame_at_the_limit_and_one_over_in_layer_2() {
    const RSV1: u8 = 0x40;

    let agreed = || {
        let offer = Extensions::new(b"permessage-deflate; client_max_window_bits");
        Compression::new().accept(offer.map(Result::unwrap))
    };
    // A stored block of that many bytes, and the byte that ends the message.
    let stored = |len: u16| {
        let [a, b] = len.to_le_bytes();
        [&[0, a, b, !a, !b][..], &vec![b'x'; len.into()], &[0]].concat()
    };
    let error = |side: Side, limit: usize, bytes: &[u8]| {
        let config = Config::new().max_frame(limit as u32);
        let error = |pieces: &[&[u8]]| match side {
            Side::Server => {
                messages(WebSocket::server_with_compression(config, agreed()), pieces).error
            }
            Side::Client => {
                let key = common::zero_key;
                messages(WebSocket::client_with_compression(config, key, agreed()), pieces).error
            }
        };
        assert_eq!(error(&[bytes]), error(&bytes.chunks(1).collect::<Vec<_>>()));
        error(&[bytes])
    };
    for side in SIDES {
        for len in [0, 1, 119, 120, 1000, 0xFFF9, 0xFFFA] {
            // As they come: what they inflate to is another limit's.
            let payload = stored(len);
            let whole = side.frame(FIN | TEXT | RSV1, &payload);
            assert_eq!(error(side, payload.len(), &whole), None, "{len}");
            assert_eq!(error(side, payload.len() - 1, &whole), FRAME_TOO_BIG, "{len}");
            let (head, tail) = payload.split_at(2);
            let parts = side.fragments(TEXT | RSV1, &[head, tail]);
            assert_eq!(error(side, tail.len(), &parts), None, "{len}");
            assert_eq!(error(side, tail.len() - 1, &parts), FRAME_TOO_BIG, "{len}");
        }
    }
}

/// Layer 1 does not know what a compressed message inflates to, and allows for
/// what does not shrink.
#[test]
fn a_compressed_message_at_the_limit_and_one_over() {
    const RSV1: u8 = 0x40;

    for side in SIDES {
        for (limit, eighth) in [(0, 0), (7, 0), (8, 1), (1000, 125), (0xFFFF, 0x1FFF)] {
            let config = Config::new().max_message(limit).allow_compressed(true);
            for fragments in 1..=4 {
                let most = limit + eighth + 64 + 8 * fragments;
                let mut before = vec![];
                let mut last = RSV1 | BINARY;
                if fragments > 1 {
                    before = side.frame(last, b"");
                    before.extend(side.frame(CONT, b"").repeat(fragments as usize - 2));
                    last = CONT;
                }
                for (len, expected) in [(most, None), (most + 1, TOO_BIG)] {
                    let bytes = [&before[..], &side.header(FIN | last, len)].concat();
                    let error = side.events(config, &[&bytes]).error;
                    assert_eq!(error, expected, "{len} in {fragments} frames, limit {limit}");
                }
            }
            let plain = side.header(FIN | BINARY, limit + 1);
            assert_eq!(side.events(config, &[&plain]).error, TOO_BIG);
        }
    }
}

/// RFC 6455 §5.5: 125 bytes, of which the code takes two.
#[test]
fn a_reason_at_the_limit_and_one_over() {
    assert_eq!(CloseFrame::MAX_REASON, 123);
    let code = CloseCode::NORMAL;
    let close = CloseFrame::new(code, &"x".repeat(CloseFrame::MAX_REASON)).unwrap();
    assert_eq!(close.reason().len(), CloseFrame::MAX_REASON);
    assert!(CloseFrame::new(code, &"x".repeat(CloseFrame::MAX_REASON + 1)).is_err());
}

#[test]
fn the_header_decides_before_any_payload() {
    for side in SIDES {
        for config in [Config::new(), Config::new().max_message(7)] {
            for len in [(16 << 20) + 1, 1 << 32, 1 << 62, (1 << 63) - 1] {
                let header = side.header(FIN | BINARY, len);
                assert!(header.len() <= 14);
                assert_eq!(verdict(side, config, &header), TOO_BIG, "{len}");
                assert_eq!(verdict(side, config, &header[..header.len() - 1]), None, "{len}");
                // A sum that would not fit into 64 bits is no way around it.
                let second =
                    [side.frame(BINARY, b"1234567"), side.header(CONT, (1 << 63) - 1)].concat();
                assert_eq!(verdict(side, config, &second), TOO_BIG);
            }
        }
    }
    // With no limit to speak of, sums stop at the top instead of wrapping around.
    let config = Config::new().max_message(u64::MAX);
    let mut ws = Connection::client(config, common::zero_key);
    let mut header = Side::Client.header(FIN | BINARY, (1 << 63) - 1);
    assert_eq!(ws.receive(&mut &mut header[..]), Ok(None));
}

#[test]
fn what_came_before_the_limit_is_delivered() {
    let config = Config::new().max_message(5);
    for side in SIDES {
        let bytes = [
            side.frame(FIN | TEXT, b"12345"),
            side.frame(PING, b"?"),
            side.frame(TEXT, b"123"),
            side.frame(FIN | CONT, b"456"),
        ]
        .concat();
        let script = side.events(config, &[&bytes]);
        let expected = [
            Seen::Text(b"12345".to_vec()),
            Seen::Ping(b"?".to_vec()),
            Seen::Piece(Kind::Text, b"123".to_vec()),
        ];
        assert_eq!((script.seen(), script.error), (&expected[..], TOO_BIG));
    }
}

#[test]
fn fragments_at_the_limit_and_one_over_empty_ones_included() {
    for side in SIDES {
        for limit in [1, 2, 5, 200] {
            let config = Config::new().max_fragments(limit);
            for piece in [&b""[..], b"x"] {
                let exact = side.fragments(TEXT, &vec![piece; limit as usize]);
                assert_eq!(verdict(side, config, &exact.repeat(2)), None, "{limit}");
                let over = side.fragments(TEXT, &vec![piece; limit as usize + 1]);
                assert_eq!(verdict(side, config, &over), TOO_MANY, "{limit}");
            }
        }
        // A frame is the least that a message is made of.
        let config = Config::new().max_fragments(0);
        assert_eq!(verdict(side, config, &side.frame(FIN | TEXT, b"x")), None);
        assert_eq!(verdict(side, config, &side.fragments(TEXT, &[&b"x"[..]; 2])), TOO_MANY);
        // Control frames between the fragments are not counted.
        let config = Config::new().max_fragments(2);
        let bytes = [
            side.frame(TEXT, b"x"),
            side.frame(PING, b"").repeat(10),
            side.frame(FIN | CONT, b"y"),
        ];
        assert_eq!(verdict(side, config, &bytes.concat()), None);
    }
}

#[test]
fn sixty_five_thousand_fragments_pass_by_default() {
    for side in SIDES {
        let middle = side.frame(CONT, b"x").repeat(65_534);
        let bytes = [side.frame(BINARY, b"x"), middle, side.frame(FIN, b"x")].concat();
        let script = side.messages(Config::new(), &[&bytes]);
        assert_eq!(script.seen(), [Seen::Binary(vec![b'x'; 65_536])]);
        assert_eq!(script.error, None);
        // And the default ends at twice that.
        let bytes = [side.frame(BINARY, b""), side.frame(CONT, b"").repeat(131_071)].concat();
        assert_eq!(side.events(Config::new(), &[&bytes]).error, None);
        let bytes = [bytes, side.frame(CONT, b"")].concat();
        assert_eq!(side.events(Config::new(), &[&bytes]).error, TOO_MANY);
    }
}

#[test]
fn sixteen_mebibytes_pass_by_default() {
    const SIZE: usize = 16 << 20;
    for side in SIDES {
        let zeros = if side == Side::Server { KEY.repeat(SIZE / 4) } else { vec![0; SIZE] };
        let mut bytes = [side.header(FIN | BINARY, SIZE as u64), zeros].concat();
        let mut output = Vec::new();
        let mut input = &mut bytes[..];
        let received = match side {
            Side::Server => WebSocket::server(Config::new()).receive(&mut input, &mut output),
            Side::Client => {
                WebSocket::client(Config::new(), common::zero_key).receive(&mut input, &mut output)
            }
        };
        let Ok(Some(Received::Message(message))) = received else { panic!("{received:?}") };
        assert!(message.as_bytes() == vec![0; SIZE]);
        let over = side.header(FIN | BINARY, SIZE as u64 + 1);
        assert_eq!(verdict(side, Config::new(), &over), TOO_BIG);
    }
}

#[test]
fn a_mebibyte_of_pings_brings_no_more_output_than_input() {
    for side in SIDES {
        for len in [0, 1, 125] {
            let ping = side.frame(PING, &vec![7; len]);
            let count = (1 << 20) / ping.len();
            let bytes = ping.repeat(count);
            let script = side.messages(Config::new(), &[&bytes]);
            assert_eq!(script.seen.len(), count);
            // A client's answer has a key, 4 bytes that the Ping had not.
            let pong = if side == Side::Server { len + 2 } else { len + 6 };
            assert_eq!(script.output.len(), count * pong);
            assert!(script.output.len() <= bytes.len() * 3);
            assert_eq!(side.events(Config::new(), &[&bytes]), script);
        }
    }
}

#[test]
fn each_call_of_layer_2_appends_at_most_one_frame() {
    let mut bytes = Side::Server.frame(PING, &[7; 125]).repeat(100);
    let mut input = &mut bytes[..];
    let mut ws = WebSocket::server(Config::new());
    for _ in 0..100 {
        let mut output = Vec::new();
        assert!(ws.receive(&mut input, &mut output).unwrap().is_some());
        assert_eq!(output.len(), 127);
    }
}

#[test]
fn a_buffer_too_small_for_a_frame_says_what_is_needed() {
    for len in [0, 1, 125, 126, 0xFFFF, 0x1_0000] {
        let payload = vec![7; len];
        let (mut server, mut client) = (common::server(), common::client());
        let header = |peer: Side| peer.header(FIN | BINARY, len as u64).len();
        let by_server = header(Side::Client) + len;
        let by_client = header(Side::Server) + len;
        for room in [0, 1, by_server - 1] {
            let mut out = vec![0; room];
            let small = server.encode(Kind::Text, false, &payload, &mut out);
            assert_eq!(small, Err(SendError::BufferTooSmall { needed: by_server }));
        }
        let mut out = vec![0; by_client - 1];
        let small = client.encode(Kind::Text, false, &payload, &mut out);
        assert_eq!(small, Err(SendError::BufferTooSmall { needed: by_client }));
        // Nothing was begun by it: the message may be of the other kind.
        let mut out = vec![0xEE; by_server];
        let frame = server.encode(Kind::Binary, true, &payload, &mut out).unwrap();
        assert_eq!(frame, Side::Client.frame(FIN | BINARY, &payload));
        let mut out = vec![0xEE; by_client + 100];
        let frame = client.encode(Kind::Binary, true, &payload, &mut out).unwrap();
        assert_eq!(frame.len(), by_client);
        assert_eq!(out[by_client..], [0xEE; 100], "what is not needed is not touched");
    }
    // Nor was a message ended.
    let mut server = common::server();
    let _ = server.send_part(Kind::Text, false, b"a").unwrap();
    assert!(server.encode(Kind::Text, true, b"b", &mut []).is_err());
    assert_eq!(server.encode(Kind::Text, true, b"b", &mut [0; 3]), Ok(&b"\x80\x01b"[..]));
}

#[test]
fn frames_of_every_short_length_fill_their_room() {
    let payload: Vec<u8> = (0..0x1_0010_usize).map(|i| (i * 7 + i / 256) as u8).collect();
    for len in (0..=300).chain(1000..1160).chain(0xFFFF - 5..=0x1_0000 + 5) {
        let payload = &payload[..len];
        let (to_client, to_server) =
            (Side::Client.frame(FIN | BINARY, payload), Side::Server.frame(FIN | BINARY, payload));

        let mut out = vec![0xEE; to_client.len()];
        let mut server = Connection::server(Config::new());
        assert_eq!(server.encode(Kind::Binary, true, payload, &mut out), Ok(&to_client[..]));
        let mut out = vec![0xEE; to_server.len()];
        let mut client = Connection::client(Config::new(), || KEY);
        assert_eq!(client.encode(Kind::Binary, true, payload, &mut out), Ok(&to_server[..]));

        let mut output = b"before".to_vec();
        WebSocket::server(Config::new()).send(payload, &mut output).unwrap();
        assert_eq!(output, [b"before", &to_client[..]].concat());
        let mut output = b"before".to_vec();
        WebSocket::client(Config::new(), || KEY).send(payload, &mut output).unwrap();
        assert_eq!(output, [b"before", &to_server[..]].concat());
    }
}

/// A request and a response of these lengths.
fn heads(len: usize) -> [Vec<u8>; 2] {
    let padded = |head: &[u8]| {
        let fixed = head.len() + "X: \r\n".len();
        let padding = format!("X: {}\r\n\r\n", "x".repeat(len - fixed));
        [&head[..head.len() - 2], padding.as_bytes()].concat()
    };
    [padded(&request_with("")), padded(&common::response_with(""))]
}

/// Reads both heads whole, byte by byte, and one byte after the other half.
fn read(limit: usize, [request, response]: &[Vec<u8>; 2]) -> [Result<bool, HandshakeError>; 2] {
    let ends = |len: usize| [vec![len], (0..=len).collect(), vec![len / 2, len / 2 + 1, len]];
    let requests = ends(request.len()).map(|ends| {
        let mut reader = RequestReader::with_config(Config::new().max_head(limit));
        ends.iter().try_fold(false, |_, &end| reader.read(&request[..end]).map(|r| r.is_some()))
    });
    let responses = ends(response.len()).map(|ends| {
        let mut reader = ResponseReader::with_config(Config::new().max_head(limit));
        ends.iter().try_fold(false, |_, &end| reader.read(&response[..end]).map(|r| r.is_some()))
    });
    [requests, responses].map(|verdicts| {
        assert_eq!(verdicts[0], verdicts[1]);
        assert_eq!(verdicts[0], verdicts[2]);
        verdicts[0]
    })
}

#[test]
fn a_head_at_the_limit_and_one_over() {
    for limit in [300, 1024, 16 * 1024] {
        assert_eq!(read(limit, &heads(limit)), [Ok(true); 2], "{limit}");
        let over = read(limit, &heads(limit + 1));
        assert_eq!(over, [Err(HandshakeError::HeadTooLarge); 2], "{limit}");
    }
    let (mut request, mut response) = (RequestReader::new(), ResponseReader::new());
    let [ask, answer] = heads(16 * 1024);
    assert!(request.read(&ask).unwrap().is_some() && response.read(&answer).unwrap().is_some());
    let (mut request, mut response) = (RequestReader::new(), ResponseReader::new());
    let [ask, answer] = heads(16 * 1024 + 1);
    assert!(request.read(&ask).is_err() && response.read(&answer).is_err());
}

#[test]
fn what_follows_a_head_is_not_counted() {
    for limit in [300, 1024] {
        let heads = heads(limit).map(|head| [head, vec![0xFF; 100_000]].concat());
        let [mut request, mut response] = [false; 2];
        let config = Config::new().max_head(limit);
        if let Ok(Some(head)) = RequestReader::with_config(config).read(&heads[0]) {
            request = head.head_len() == limit;
        }
        if let Ok(Some(head)) = ResponseReader::with_config(config).read(&heads[1]) {
            response = head.head_len() == limit;
        }
        assert!(request && response, "{limit}");
    }
}

#[test]
fn a_buffer_of_the_limit_never_fills_up_undecided() {
    // One endless line, endless lines, and a head that lacks its last byte.
    for limit in [0, 1, 2, 50, 1024] {
        let config = Config::new().max_head(limit);
        let endless_lines = b"GET / HTTP/1.1\r\n".iter().chain(b"X: y\r\n".iter().cycle());
        for bytes in [vec![b'x'; limit], endless_lines.copied().take(limit).collect()] {
            let verdict = RequestReader::with_config(config).read(&bytes).map(|_| ());
            assert_eq!(verdict, Err(HandshakeError::HeadTooLarge), "{limit}");
            let short = &bytes[..limit.saturating_sub(1)];
            if limit > 0 {
                assert!(RequestReader::with_config(config).read(short).unwrap().is_none());
            }
        }
        let verdict = ResponseReader::with_config(config).read(&vec![b'H'; limit]).map(|_| ());
        assert_eq!(verdict, Err(HandshakeError::HeadTooLarge), "{limit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A message passes if, and only if, it keeps all three limits.
    #[test]
    fn all_limits_at_any_fragmentation(
        fragments in vec(0usize..12, 1..8),
        max_message in 0usize..50,
        max_frame in 0usize..20,
        max_fragments in 0usize..9,
        cuts in vec(any::<usize>(), 0..5),
    ) {
        let config = Config::new()
            .max_message(max_message as u64)
            .max_frame(max_frame as u32)
            .max_fragments(max_fragments as u32);
        let mut expected = None;
        let mut sum = 0;
        for (i, len) in fragments.iter().enumerate() {
            sum += len;
            let broken = [
                (sum > max_message, TOO_BIG),
                (*len > max_frame, FRAME_TOO_BIG),
                (i + 1 > max_fragments.max(1), TOO_MANY),
            ];
            let broken = broken.into_iter().find(|(broken, _)| *broken);
            expected = expected.or(broken.and_then(|(_, error)| error));
        }
        for side in SIDES {
            let pieces: Vec<Vec<u8>> = fragments.iter().map(|&len| vec![b'x'; len]).collect();
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
            let bytes = side.fragments(TEXT, &pieces);
            prop_assert_eq!(verdict(side, config, &bytes), expected);
            prop_assert_eq!(side.messages(config, &cut(&bytes, &cuts)).error, expected);
        }
    }
}
