//! zlib and zlib-rs in the place of our codec: they talk with ours, and are held to the same limits.

use deflate_oracle::corpus::{self, ALL};
use deflate_oracle::ours::{Cut, inflate};
use deflate_oracle::rng::Rng;
use deflate_oracle::zlib::{c, rs};
use sansocket::deflate::{
    Agreement, Checked, Compression, Deflate, Direction, Inflate, InflateError, InflateScratch,
    InflateWindow, Inflated, Level, WindowBits,
};
use sansocket::extensions::Extensions;
use sansocket::{
    Client, Config, Connection, Event, Kind, Message, ProtocolError, Received, Role, Server,
    WebSocket,
};

fn agreement(bits: u8, takeover: bool, wish: Compression) -> Agreement {
    let window = WindowBits::new(bits).unwrap();
    let offers = Extensions::new(b"permessage-deflate; client_max_window_bits");
    wish.send_window(window)
        .receive_window(window)
        .send_takeover(takeover)
        .receive_takeover(takeover)
        .accept(offers.map(Result::unwrap))
        .unwrap()
}

type Ends = (WebSocket<Server>, WebSocket<Client<fn() -> [u8; 4]>>);

fn ends(config: Config, agreement: Agreement) -> Ends {
    let keys: fn() -> [u8; 4] = || [1, 2, 3, 4];
    (
        WebSocket::server_with_compression(config, agreement),
        WebSocket::client_with_compression(config, keys, agreement),
    )
}

/// zlib has no windows of 8 bits, but with 9 it does not reach back further than 8 allow.
fn bits(direction: Direction) -> u8 {
    direction.window.get().max(9)
}

fn with_zlib_rs<R>(ws: WebSocket<R>) -> WebSocket<R> {
    ws.deflate_with(|direction| rs::Deflate::new(6, bits(direction), 8))
        .inflate_with(|direction| rs::Inflate::new(bits(direction)))
}

fn with_zlib<R>(ws: WebSocket<R>) -> WebSocket<R> {
    ws.deflate_with(|direction| c::Deflate::new(1, bits(direction), 8))
        .inflate_with(|direction| c::Inflate::new(bits(direction)))
}

/// Sends `message` from one end to the other, read in pieces; returns the bytes it took.
fn pass<A: Role, B: Role>(
    from: &mut WebSocket<A>,
    to: &mut WebSocket<B>,
    message: &[u8],
    piece: usize,
) -> Result<usize, ProtocolError> {
    let mut wire = Vec::new();
    from.send(message, &mut wire).unwrap();
    let len = wire.len();
    let mut got = None;
    for mut input in wire.chunks_mut(piece) {
        while let Some(received) = to.receive(&mut input, &mut Vec::new())? {
            let Received::Message(Message::Binary(bytes)) = received else { panic!() };
            got = Some(bytes.into_owned());
        }
    }
    assert!(got.as_deref() == Some(message));
    Ok(len)
}

#[test]
fn they_converse_with_ours() {
    let mut rng = Rng(31);
    let (mut bytes, mut wire) = (0, 0);
    for bits in 8..=15 {
        for takeover in [true, false] {
            for pairing in 0..4 {
                let wish = Compression::new().level([Level::Fast, Level::Best][rng.below(2)]);
                let (server, client) = ends(Config::new(), agreement(bits, takeover, wish));
                let (mut server, mut client) = match pairing {
                    0 => (with_zlib_rs(server), client),
                    1 => (server, with_zlib_rs(client)),
                    2 => (with_zlib(server), client),
                    _ => (with_zlib(server), with_zlib_rs(client)),
                };
                for _ in 0..40 {
                    // Noise among them, which does not shrink and goes out as it is.
                    let len = rng.length(20_000);
                    let message = corpus::message(ALL[rng.below(ALL.len())], len, &mut rng);
                    let piece = [1, 100, 1 << 20][rng.below(3)];
                    wire += pass(&mut server, &mut client, &message, piece).unwrap();
                    wire += pass(&mut client, &mut server, &message, piece).unwrap();
                    bytes += 2 * message.len();
                }
            }
        }
    }
    println!("{bytes} bytes in {wire}");
    assert!(wire < bytes * 7 / 10);
}

/// That it is the other codec which is at work, and with takeover where that was agreed.
#[test]
fn it_is_they_who_compress() {
    let text = b"the same words, and the same words again, and the same words";
    for takeover in [true, false] {
        let (server, mut client) =
            ends(Config::new(), agreement(12, takeover, Compression::new().threshold(1)));
        let mut server = with_zlib_rs(server);
        let mut alone = rs::Deflate::new(6, 12, 8);
        for _ in 0..3 {
            let mut payload = [0; 100];
            let expected = Deflate::deflate(&mut alone, text, &mut payload).unwrap();
            if !takeover {
                Deflate::clear(&mut alone);
            }
            assert_eq!(pass(&mut server, &mut client, text, 99), Ok(2 + expected));
        }
    }
}

/// A masked frame of a compressed binary message, with key zero.
fn frame(payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    let mut frame = if len < 126 {
        vec![0xC2, 0x80 | len as u8]
    } else {
        vec![0xC2, 0x80 | 126, (len >> 8) as u8, len as u8]
    };
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn the_limits_are_ours() {
    let zeros = vec![0; 200_000];
    let mut bomb = [0; 1000];
    let n = Deflate::deflate(&mut c::Deflate::new(9, 15, 8), &zeros, &mut bomb).unwrap();
    let bomb = frame(&bomb[..n]);
    let receive = |config, piece| {
        let server = ends(config, agreement(15, true, Compression::new())).0;
        let (mut server, mut bomb) = (with_zlib_rs(server), bomb.clone());
        for mut input in bomb.chunks_mut(piece) {
            if let Some(received) = server.receive(&mut input, &mut Vec::new())? {
                let Received::Message(message) = received else { panic!() };
                return Ok(message.as_bytes().len());
            }
        }
        panic!("no message")
    };
    let too_big = Err(ProtocolError::MessageTooBig);
    for piece in [1, 7, 1000] {
        for (limit, expected) in [(199_999, too_big), (200_000, Ok(200_000)), (0, too_big)] {
            let config = Config::new().max_message(limit);
            assert_eq!(receive(config, piece), expected, "{limit}");
        }
        for (ratio, expected) in [(100, too_big), (1040, Ok(200_000))] {
            let config = Config::new().max_ratio(ratio);
            assert_eq!(receive(config, piece), expected, "{ratio}");
        }
    }
}

#[test]
fn without_takeover_it_forgets() {
    for takeover in [true, false] {
        let server = ends(Config::new(), agreement(15, takeover, Compression::new())).0;
        let mut server = with_zlib_rs(server);
        // "Hello", and the same by a match that reaches back to it.
        let mut first = frame(b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        let mut second = frame(b"\xf2\x00\x11\x00\x00");
        let mut receive =
            |bytes: &mut [u8]| server.receive(&mut &mut *bytes, &mut Vec::new()).map(drop);
        assert_eq!(receive(&mut first), Ok(()));
        let expected = if takeover { Ok(()) } else { Err(ProtocolError::BadCompression) };
        assert_eq!(receive(&mut second), expected);
    }
}

/// A codec that goes on for ever, or stops for no reason, or claims to have written more than there is room for.
struct Mad(usize);

impl Inflate for Mad {
    fn inflate(&mut self, _: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        Ok(output.len() * self.0)
    }
    fn is_between_blocks(&self) -> bool {
        true
    }
    fn clear(&mut self) {}
}

impl Deflate for Mad {
    fn deflate(
        &mut self,
        message: &[u8],
        _: &mut [u8],
    ) -> Result<usize, sansocket::deflate::DeflateError> {
        Ok(message.len() * 1000 * self.0)
    }
    fn clear(&mut self) {}
}

#[test]
fn a_mad_codec_does_no_harm() {
    for (times, error) in [
        (0, ProtocolError::BadCompression),
        (1, ProtocolError::MessageTooBig),
        (2, ProtocolError::BadCompression),
    ] {
        let server =
            ends(Config::new().max_message(100_000), agreement(15, true, Compression::new())).0;
        let mut server = server.inflate_with(|_| Mad(times));
        let mut frame = frame(b"abc");
        assert_eq!(server.receive(&mut &mut frame[..], &mut Vec::new()), Err(error));
    }
    let (server, mut client) = ends(Config::new(), agreement(15, true, Compression::new()));
    let mut server = server.deflate_with(|_| Mad(1));
    assert_eq!(pass(&mut server, &mut client, &[7; 1000], 9), Ok(1004));
}

/// A codec that takes and gives a byte at a time, and may put back more than it took.
struct Slow(Box<c::Inflate>, bool);

impl Inflate for Slow {
    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        let (mut byte, rest) = input.split_at(input.len().min(1));
        let n = Inflate::inflate(&mut self.0, &mut byte, &mut output[..1])?;
        if byte.is_empty() {
            *input = rest;
        }
        if self.1 {
            *input = &[0; 99];
        }
        Ok(n)
    }
    fn is_between_blocks(&self) -> bool {
        self.0.is_between_blocks()
    }
    fn clear(&mut self) {
        Inflate::clear(&mut self.0);
    }
}

#[test]
fn a_codec_may_stop_when_it_likes_but_not_go_back() {
    let message = b"a byte at a time, and a byte at a time".repeat(9);
    let mut payload = [0; 400];
    let n = Deflate::deflate(&mut c::Deflate::new(9, 15, 8), &message, &mut payload).unwrap();
    for room in [1, 7, message.len() - 1, message.len(), message.len() + 1] {
        let mut codec = Checked::new(Slow(c::Inflate::new(15), false));
        let (mut input, mut inflated) = (&payload[..n], Vec::new());
        loop {
            let mut output = vec![0; room];
            let new = codec.inflate(&mut input, &mut output).unwrap();
            inflated.extend_from_slice(&output[..new.len]);
            if !new.is_full {
                break;
            }
            assert_eq!(new.len, room);
        }
        assert!(inflated == message && input.is_empty());
        codec.finish().unwrap();
    }
    let mut codec = Checked::new(Slow(c::Inflate::new(15), true));
    for _ in 0..2 {
        let refused = codec.inflate(&mut &payload[..n], &mut [0; 400]);
        assert_eq!(refused, Err(InflateError::Other));
        assert_eq!(codec.finish(), Err(InflateError::Other));
    }
    codec.clear();
    assert_eq!(codec.finish(), Err(InflateError::Truncated));
}

/// Broken off anywhere, a message is refused, though zlib alone takes many for good.
#[test]
fn the_end_of_a_message_is_ours_to_judge() {
    let mut rng = Rng(32);
    let mut broken = 0;
    let window = || InflateWindow::new(WindowBits::MAX, vec![0; 1 << 15]);
    for kind in ALL {
        for level in [0, 1, 6] {
            let message = corpus::message(kind, 300, &mut rng);
            let mut payload = vec![0; 1000];
            let n = Deflate::deflate(&mut c::Deflate::new(level, 15, 8), &message, &mut payload);
            payload.truncate(n.unwrap());
            for end in 0..=payload.len() {
                let mut codec = Checked::new(rs::Inflate::new(15));
                let mut out = [0; 400];
                let inflated = codec.inflate(&mut &payload[..end], &mut out).unwrap();
                let mut own = window();
                let (ours, result) = inflate(
                    &mut InflateScratch::new(),
                    &mut own,
                    &payload[..end],
                    &mut Cut::Whole,
                    &mut [0; 400],
                );
                assert_eq!(inflated, Inflated { len: ours.len(), is_full: false });
                assert_eq!(codec.finish(), result, "{kind:?} {level} {end}");
                assert!(end != payload.len() || result.is_ok());
                broken += usize::from(result.is_err());
            }
        }
    }
    assert!(broken > 1000, "{broken}");
    // A final block, and the byte that must follow it.
    for (payload, result) in [
        (&b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"[..], Ok(())),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", Ok(())),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00", Err(InflateError::Truncated)),
    ] {
        let mut codec = Checked::new(rs::Inflate::new(15));
        let (mut input, mut out) = (payload, [0; 20]);
        assert!(!codec.inflate(&mut input, &mut out).unwrap().is_full);
        assert_eq!(codec.finish(), result);
    }
}

/// Layer 1: the payload of a compressed message, however it is cut, through a codec of one's own choice.
#[test]
fn layer_1_with_another_codec() {
    let message = b"no allocation, no layer 2: no allocation, no layer 2".repeat(20);
    let mut payload = vec![0; 2000];
    let mut deflate: Box<dyn Deflate> = Box::new(rs::Deflate::new(9, 15, 8));
    let n = deflate.deflate(&message, &mut payload).unwrap();
    let mut wire = Vec::new();
    let config = Config::new().allow_compressed(true);
    let mut client = Connection::client(config, || [9; 4]);
    let half = n / 2;
    for (part, is_last) in [(0..half, false), (half..n, true)] {
        let frame = client.send_compressed_part(Kind::Binary, is_last, &mut payload[part]).unwrap();
        wire.extend(frame.as_slices().concat());
    }
    for step in [1, 5, 1000] {
        let mut server = Connection::server(config);
        let mut codec = Checked::new(rs::Inflate::new(15));
        let (mut wire, mut inflated, mut ended) = (wire.clone(), Vec::new(), false);
        for mut input in wire.chunks_mut(step) {
            while let Some(Event::Data(data)) = server.receive(&mut input).unwrap() {
                let (is_last, mut piece) = (data.is_last(), data.payload());
                loop {
                    let mut room = [0; 64];
                    let new = codec.inflate(&mut piece, &mut room).unwrap();
                    inflated.extend_from_slice(&room[..new.len]);
                    if !new.is_full {
                        break;
                    }
                }
                if is_last {
                    codec.finish().unwrap();
                    ended = true;
                }
            }
        }
        assert!(ended && inflated == message);
    }
}

/// A socket with compression may go where one without may.
#[test]
fn sockets_go_from_thread_to_thread() {
    fn check<T: Send + Sync + Unpin + 'static>(_: T) {}
    let (server, client) = ends(Config::new(), agreement(12, true, Compression::new()));
    check(with_zlib_rs(server));
    check(client);
}
