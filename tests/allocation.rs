//! What is allocated: nothing in layer 1 and the handshake, nothing in layer 2
//! for messages that come in one piece, and never more than what arrived.
//!
//! The counts are of this thread alone, so the tests may run side by side.
#![cfg(feature = "std")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use common::{
    BINARY, CLOSE, CONT, FIN, NONCE, PING, PONG, SIDES, Side, TEXT, request_with, zero_key,
};
use sansocket::deflate::{Compression, DeflateScratch, InflateScratch, Level, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::handshake::{
    ClientConnect, ClientHandshake, ConnectRequest, ConnectResponse, HandshakeError, Reply,
    RequestReader, ResponseReader, Url,
};
use sansocket::keepalive::{Due, Keepalive, Timeouts};
use sansocket::{
    ChaChaKeys, Client, CloseCode, Config, Connection, Event, Kind, Payload, ProtocolError,
    Received, Role, Scratch, Server, WebSocket,
};

struct Counting;

thread_local! {
    /// Calls that allocate or grow.
    static CALLS: Cell<usize> = const { Cell::new(0) };
    /// Bytes in use, and the most that there were.
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn note(grown: usize, freed: usize, calls: usize) {
    // Not there any more while a thread ends; nothing is counted then.
    let _ = CALLS.try_with(|count| count.set(count.get() + calls));
    let _ = BYTES.try_with(|bytes| {
        bytes.set((bytes.get() + grown).saturating_sub(freed));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(bytes.get())));
    });
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0, 1);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, layout.size(), 0);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both blocks may be there at once.
        note(size, 0, 1);
        note(0, layout.size(), 0);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of allocations that `work` makes, and the most bytes that it
/// held at a time.
fn allocations<T>(work: impl FnOnce() -> T) -> (usize, usize, T) {
    let (calls, bytes) = (CALLS.get(), BYTES.get());
    PEAK.set(bytes);
    let result = work();
    (CALLS.get() - calls, PEAK.get() - bytes, result)
}

#[test]
fn the_counter_counts() {
    let (calls, peak, kept) = allocations(|| {
        drop(vec![0u8; 1000]);
        let mut bytes = Vec::<u8>::with_capacity(10);
        bytes.reserve_exact(50);
        bytes
    });
    assert_eq!(calls, 3);
    assert!((1000..2000).contains(&peak), "{peak}");
    drop(kept);
    assert_eq!(allocations(|| 7), (0, 0, 7));
}

/// A stream with everything in it: fragments, Pings, all lengths of length.
fn session(side: Side) -> Vec<u8> {
    [
        side.frame(FIN | TEXT, "grüß".as_bytes()),
        side.frame(FIN | BINARY, &[7; 126]),
        side.frame(FIN | BINARY, &vec![7; 70_000]),
        side.frame(TEXT, b"a\xE2"),
        side.frame(PING, &[1; 125]),
        side.frame(CONT, b"\x82"),
        side.frame(FIN | CONT, b"\xAC"),
        side.frame(PONG, b""),
        side.frame(CLOSE, b"\x03\xE8bye"),
        b"ignored".to_vec(),
    ]
    .concat()
}

/// Everything that layer 1 does, into a buffer that is there already.
fn drive<R: Role>(
    ws: &mut Connection<R>,
    bytes: &mut [u8],
    chunk: usize,
    sink: &mut impl FnMut(&[u8]),
) -> usize {
    let mut events = 0;
    let mut out = [0; 1024];
    for mut input in bytes.chunks_mut(chunk) {
        loop {
            match ws.receive(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Data(data))) => {
                    let (kind, last) = (data.kind(), data.is_last());
                    let start = data.payload().len().min(1000);
                    sink(ws.encode(kind, last, &data.payload()[..start], &mut out).unwrap());
                }
                Ok(Some(Event::Ping(ping))) => sink(&ws.pong(ping)),
                Ok(Some(Event::Pong(pong))) => sink(&ws.ping(pong)),
                Ok(Some(Event::Close(close))) => sink(&ws.close(close).unwrap()),
                Err(error) => {
                    if let Some(frame) = ws.close(error) {
                        sink(&frame);
                    }
                    break;
                }
            }
            events += 1;
        }
    }
    events
}

#[test]
fn layer_1_allocates_nothing() {
    for chunk in [1, 7, 4096, usize::MAX] {
        let (mut to_server, mut to_client) = (session(Side::Server), session(Side::Client));
        let mut sent = 0;
        let (calls, _, events) = allocations(|| {
            let mut server = Connection::server(Config::new());
            let mut client = Connection::client(Config::new(), ChaChaKeys::from_seed([7; 32]));
            let mut sink = |bytes: &[u8]| sent += bytes.len();
            let mut hello = *b"hello";
            client
                .send(Kind::Text, &mut hello)
                .unwrap()
                .as_slices()
                .into_iter()
                .for_each(&mut sink);
            server.send(Kind::Text, b"hello").unwrap().as_slices().into_iter().for_each(&mut sink);
            let events = drive(&mut server, &mut to_server, chunk, &mut sink)
                + drive(&mut client, &mut to_client, chunk, &mut sink);
            let _halves = (server.split(), client.split());
            events
        });
        assert_eq!(calls, 0, "in pieces of {chunk}");
        assert!(events >= 18 && sent > 300);
    }
}

#[test]
fn errors_in_layer_1_allocate_nothing() {
    for bad in [
        Side::Server.frame(FIN | TEXT, b"ab\xFF"),
        Side::Server.frame(0xFF, b""),
        Side::Server.frame(CLOSE, b"\x03\xE8\xFF"),
        Side::Client.frame(PING, b""),
        Side::Server.header(FIN | BINARY, u64::MAX),
    ] {
        let mut bytes = [session(Side::Server), bad.clone()].concat();
        let mut bad = bad;
        let (calls, ..) = allocations(|| {
            let mut ws = Connection::server(Config::new());
            drive(&mut ws, &mut bytes, 50, &mut |_| {});
            let mut ws = Connection::server(Config::new());
            drive(&mut ws, &mut bad, 3, &mut |_| {});
            assert!(ws.receive(&mut &mut [][..]).is_err());
        });
        assert_eq!(calls, 0);
    }
}

#[test]
fn the_handshake_allocates_nothing() {
    let bytes = request_with("Sec-WebSocket-Protocol: a, b\r\nOrigin: http://x\r\n");
    let bad = request_with("Content-Length: 7\r\n");
    let (calls, ..) = allocations(|| {
        let mut out = [0; 1024];
        // The server's, byte by byte.
        let mut reader = RequestReader::new();
        for end in 0..bytes.len() {
            assert!(reader.read(&bytes[..end]).unwrap().is_none());
        }
        let request = reader.read(&bytes).unwrap().unwrap();
        assert_eq!((request.path(), request.origin()), ("/chat", Some("http://x")));
        let upgrade = request.upgrade().unwrap();
        let chosen = upgrade.choose_protocol(&["b"]);
        let response =
            upgrade.accept(&mut out).protocol(chosen).header("X-A", "b").finish().unwrap();
        // The client's.
        let mut ask = [0; 1024];
        let url = Url::parse("wss://[::1]:8443/chat?x").unwrap();
        let handshake = ClientHandshake::new(NONCE).protocols(&["a", "b"]);
        handshake.request(&url, &mut ask).header("Origin", "http://x").finish().unwrap();
        let mut reader = ResponseReader::new();
        for end in 0..response.len() {
            assert!(reader.read(&response[..end]).unwrap().is_none());
        }
        let response = reader.read(response).unwrap().unwrap();
        assert_eq!(handshake.check(&response).unwrap().protocol(), Some("b"));
        // Refusals.
        let request = RequestReader::new().read(&bad).unwrap().unwrap();
        let error = request.upgrade().unwrap_err();
        assert_eq!(error, HandshakeError::RequestHasBody);
        error.reply(&mut ask).unwrap();
        Reply::new(404, &mut ask).header("X-A", "b").body(b"gone").unwrap();
        assert!(RequestReader::new().read(b"\0").is_err());
    });
    assert_eq!(calls, 0);
}

#[test]
fn connect_and_deadlines_allocate_nothing() {
    let (calls, ..) = allocations(|| {
        let (mut ask, mut answer) = ([0; 1024], [0; 1024]);
        let url = Url::parse("wss://[::1]:8443/chat?x").unwrap();
        let handshake = ClientConnect::new().protocols(&["a", "b"]).compression(Compression::new());
        let pairs = handshake.request(&url, &mut ask).header("Origin", "http://x").finish();
        let request = ConnectRequest::read(pairs.unwrap()).unwrap().connect().unwrap();
        let agreed = Compression::new().accept(request.offer().extensions());
        let accept = request.accept(&mut answer).protocol("b").compression(agreed);
        let response = ConnectResponse::read(accept.finish().unwrap()).unwrap();
        assert_eq!(handshake.check(&response).unwrap().protocol(), Some("b"));

        let mut keepalive = Keepalive::new(Timeouts::new());
        for second in 0..100 {
            if let Some(Due::Ping(payload)) = keepalive.on_timeout(Duration::from_secs(second)) {
                keepalive.on_event(&Event::Pong(payload));
            }
        }
        assert_eq!(keepalive.latency(), Some(Duration::from_secs(1)));
    });
    assert_eq!(calls, 0);
}

fn count<R: Role>(ws: &mut WebSocket<R>, mut input: &mut [u8], output: &mut Vec<u8>) -> usize {
    let mut received = 0;
    while ws.receive(&mut input, output).unwrap().is_some() {
        received += 1;
    }
    received
}

#[test]
fn layer_2_allocates_nothing_for_messages_in_one_piece() {
    let wire = |side: Side| {
        [
            side.frame(FIN | TEXT, "grüß".as_bytes()),
            side.frame(PING, &[1; 125]),
            side.frame(FIN | BINARY, &vec![7; 100_000]),
            side.frame(FIN | TEXT, b""),
            side.frame(CLOSE, b"\x03\xE8bye"),
        ]
        .concat()
    };
    let (mut to_server, mut to_client) = (wire(Side::Server), wire(Side::Client));
    let mut output = Vec::with_capacity(1000);
    let (calls, _, received) = allocations(|| {
        let mut server = WebSocket::server(Config::new());
        let mut client = WebSocket::client(Config::new(), zero_key);
        client.send("hello", &mut output).unwrap();
        server.send(b"hello", &mut output).unwrap();
        client.ping(Payload::EMPTY, &mut output);
        count(&mut server, &mut to_server, &mut output)
            + count(&mut client, &mut to_client, &mut output)
    });
    assert_eq!((calls, received), (0, 10));
    assert!(output.capacity() == 1000, "the Pongs and Closes went into what was there");
}

#[test]
fn a_declared_length_allocates_nothing() {
    // All that a frame's header can say, and not a byte of payload behind it.
    let mut output = Vec::with_capacity(1000);
    for len in [1, 125, 126, 0xFFFF, 0x1_0000, 1 << 24, (1 << 24) + 1, 1 << 31, 1 << 62] {
        for first in [FIN | TEXT, FIN | BINARY, TEXT, BINARY] {
            for chunk in [1, 14] {
                let mut header = Side::Server.header(first, len);
                let (calls, _, error) = allocations(|| {
                    let mut ws = WebSocket::server(Config::new());
                    header
                        .chunks_mut(chunk)
                        .find_map(|mut input| ws.receive(&mut input, &mut output).err())
                });
                let expected =
                    if len > 1 << 24 { Some(ProtocolError::MessageTooBig) } else { None };
                assert_eq!((calls, error), (0, expected), "{len}");
            }
        }
    }
}

#[test]
fn memory_grows_with_what_arrived_and_not_with_what_was_declared() {
    for first in [FIN | TEXT, FIN | BINARY] {
        let header = Side::Server.header(first, 16 << 20);
        let arrived: Vec<u8> =
            header.iter().copied().chain(Side::Server.masked(&vec![b'x'; 50_000])).collect();
        let mut output = Vec::new();
        for chunk in [1, 100, 1460, 60_000] {
            let mut bytes = arrived.clone();
            let (_, peak, _ws) = allocations(|| {
                let mut ws = WebSocket::server(Config::new());
                for mut input in bytes.chunks_mut(chunk) {
                    assert_eq!(ws.receive(&mut input, &mut output), Ok(None));
                }
                ws
            });
            // A buffer that doubles, and while it moves its half, too.
            assert!((50_000..=3 * 50_000 + 64).contains(&peak), "{peak} in pieces of {chunk}");
        }
    }
}

#[test]
fn a_frame_of_which_half_has_come_moves_no_more() {
    for first in [FIN | TEXT, FIN | BINARY] {
        let frame = Side::Server.frame(first, &[b'x'; 16_384]);
        for cut in [8_200, 12_000, frame.len() - 1] {
            let mut bytes = frame.clone();
            let (head, tail) = bytes.split_at_mut(cut);
            let mut output = Vec::new();
            let (calls, peak, message) = allocations(|| {
                let mut ws = WebSocket::server(Config::new());
                assert_eq!(ws.receive(&mut { head }, &mut output), Ok(None));
                ws.receive(&mut { tail }, &mut output).unwrap()
            });
            let Some(Received::Message(message)) = message else { panic!("{message:?}") };
            assert_eq!(message.as_bytes(), [b'x'; 16_384]);
            assert!(calls == 1 && peak <= 16_384 + 3, "{calls} calls, {peak} bytes, cut at {cut}");
        }
    }
}

#[test]
fn what_is_kept_is_at_most_twice_what_arrived() {
    let mut ws = WebSocket::server(Config::new());
    let mut output = Vec::new();
    let before = BYTES.get();
    let mut arrived = 0;
    for i in 0..10_000 {
        // Every other one is empty: a frame by itself must not cost anything.
        let opcode = if i == 0 { BINARY } else { CONT };
        let mut frame = Side::Server.frame(opcode, if i % 2 == 0 { b"" } else { b"x" });
        arrived += i % 2;
        assert_eq!(ws.receive(&mut &mut frame[..], &mut output), Ok(None));
        drop(frame);
        assert!(BYTES.get() - before <= 2 * arrived + 64, "frame {i}, {arrived} bytes");
    }
    {
        let mut last = Side::Server.frame(FIN, b"");
        let received = ws.receive(&mut &mut last[..], &mut output).unwrap();
        let Some(Received::Message(message)) = received else { panic!() };
        assert_eq!(message.as_bytes().len(), arrived);
    }
    assert_eq!(BYTES.get(), before, "with the message the memory goes");
}

#[test]
fn an_error_frees_the_message_that_was_arriving() {
    let mut bytes = [
        Side::Server.frame(BINARY, &vec![0; 100_000]),
        Side::Server.frame(CONT, b""),
        vec![0xFF, 0xFF],
    ]
    .concat();
    let mut output = Vec::with_capacity(100);
    let before = BYTES.get();
    let mut ws = WebSocket::server(Config::new());
    let mut input = &mut bytes[..];
    assert!(ws.receive(&mut input, &mut output).is_err());
    assert_eq!(BYTES.get(), before);
}

#[test]
fn sending_a_message_reserves_what_it_takes_and_at_once() {
    let payload = vec![7; 100_000];
    let mut server = WebSocket::server(Config::new());
    let mut client = WebSocket::client(Config::new(), zero_key);
    let (calls, ..) = allocations(|| server.send(&payload, &mut Vec::new()));
    assert_eq!(calls, 1);
    let (calls, ..) = allocations(|| client.send(&payload, &mut Vec::new()));
    assert_eq!(calls, 1);
    let (calls, ..) = allocations(|| client.close(CloseCode::NORMAL, &mut Vec::new()));
    assert_eq!(calls, 1);
}

/// A server and a client with permessage-deflate, windows of these bits.
fn compressed_pair(
    level: Level,
    bits: u8,
    takeover: bool,
    config: Config,
) -> (WebSocket<Server>, WebSocket<Client<impl FnMut() -> [u8; 4]>>) {
    let window = WindowBits::new(bits).unwrap();
    let wish = Compression::new()
        .level(level)
        .send_window(window)
        .receive_window(window)
        .send_takeover(takeover)
        .receive_takeover(takeover);
    let offers = Extensions::new(b"permessage-deflate; client_max_window_bits");
    let agreed = wish.accept(offers.map(Result::unwrap)).unwrap();
    let client = WebSocket::client_with_compression(config, zero_key, agreed);
    (WebSocket::server_with_compression(config, agreed), client)
}

/// The table of the README: what a connection holds for compression, on each
/// side, beside the working memory.
#[test]
fn compression_holds_its_windows_and_little_else() {
    for (level, quarters) in [(Level::Fast, 7), (Level::Balanced, 17), (Level::Best, 17)] {
        for bits in 8..=15 {
            for takeover in [true, false] {
                let (mut server, mut client) =
                    compressed_pair(level, bits, takeover, Config::new());
                let (mut wire, mut scratch) = (Vec::with_capacity(2000), Scratch::new());
                let window = if takeover { 1 << bits } else { 0 };
                let message = "many words and many words again ".repeat(20);
                let mut exchange = |scratch: &mut Scratch| {
                    wire.clear();
                    let (_, _, sent) =
                        allocations(|| client.send_with(&message, &mut wire, scratch));
                    sent.unwrap();
                    let mut input = &mut wire[..];
                    let received = server.receive_with(&mut input, &mut Vec::new(), scratch);
                    assert_eq!(received, Ok(Some(Received::Message(message.as_str().into()))));
                };
                let before = BYTES.get();
                exchange(&mut scratch);
                let first = BYTES.get() - before;
                let before = BYTES.get();
                exchange(&mut scratch);
                assert_eq!(BYTES.get() - before, 0, "nothing more for the second message");

                drop(scratch);
                let kept = first - scratch_bytes(level, bits, takeover);
                assert_eq!(kept, window + window * quarters / 4, "{level:?} {bits} {takeover}");
            }
        }
    }
}

/// The working memory that sending and receiving a message makes.
fn scratch_bytes(level: Level, bits: u8, takeover: bool) -> usize {
    let table = level.table_len(WindowBits::new(bits).unwrap());
    let codec = size_of::<InflateScratch>() + size_of::<DeflateScratch>();
    assert!(size_of::<InflateScratch>() <= 8 * 1024 && codec <= 41 * 1024);
    codec + if takeover { 0 } else { table }
}

/// What has come of a message is let go when no more of it will come.
#[test]
fn nothing_of_a_message_outlives_its_connection() {
    for compressed in [false, true] {
        for end in [Side::Server.frame(CLOSE, b""), Side::Server.frame(FIN | 3, b"")] {
            let (mut server, _) = compressed_pair(Level::Fast, 8, false, Config::new());
            let (mut output, mut scratch) = (Vec::with_capacity(200), Scratch::new());
            // A stored block of 60,000 bytes, or just so many bytes.
            let head = if compressed { &b"\x00\x60\xEA\x9F\x15"[..] } else { b"" };
            let rsv1 = if compressed { 0x40 } else { 0 };
            let payload = [head, &vec![7; 60_000]].concat();
            let mut bytes = [Side::Server.frame(BINARY | rsv1, &payload), end].concat();
            let mut end = bytes.split_off(bytes.len() - 6);
            let start = server.receive_with(&mut &mut bytes[..], &mut output, &mut scratch);
            assert_eq!(start, Ok(None));
            let before = BYTES.get();
            let _ = server.receive_with(&mut &mut end[..], &mut output, &mut scratch);
            let freed = before - BYTES.get();
            assert!(freed >= 60_000, "{compressed}: {freed}");
        }
    }
}

/// A few KB that would be many MiB: refused at the limit, and no more memory
/// held than a `Vec` of that size takes while it grows, and the compression's
/// own.
#[test]
fn a_bomb_takes_no_more_than_the_limit() {
    for takeover in [true, false] {
        let config = Config::new().max_message(256 << 10);
        let (mut server, mut client) = compressed_pair(Level::Fast, 15, takeover, config);
        let mut wire = Vec::new();
        client.send(vec![0; 8 << 20], &mut wire).unwrap();
        assert!(wire.len() < 16 << 10, "{}", wire.len());
        let (_, peak, received) =
            allocations(|| server.receive(&mut &mut wire[..], &mut Vec::new()));
        assert_eq!(received, Err(ProtocolError::MessageTooBig));
        assert!(peak < 3 * (256 << 10) + (64 << 10), "{peak}");
    }
}

/// No more of a text is inflated than shows that it is none.
#[test]
fn a_bomb_that_is_no_text_goes_off_at_once() {
    for takeover in [true, false] {
        let (mut server, mut client) = compressed_pair(Level::Fast, 15, takeover, Config::new());
        let (mut wire, mut message) = (Vec::new(), vec![0; 8 << 20]);
        message[0] = 0xFF;
        client.send(message, &mut wire).unwrap();
        wire[0] = 0xC1; // text
        let (_, peak, received) =
            allocations(|| server.receive(&mut &mut wire[..], &mut Vec::new()));
        assert_eq!(received, Err(ProtocolError::TextNotUtf8));
        assert!(peak < 128 << 10, "{peak}");
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn sizes() {
    use sansocket::deflate::Inflater;
    use sansocket::{ControlFrame, Receiver, Sender};

    // Promises of the documentation; the others are here so that a change is noticed.
    assert!(size_of::<Connection<Server>>() <= 256);
    assert!(size_of::<Inflater>() <= 384);
    let sizes = [
        ("Receiver<Server>", size_of::<Receiver<Server>>(), 192),
        ("Sender<Server>", size_of::<Sender<Server>>(), 4),
        ("Connection<Server>", size_of::<Connection<Server>>(), 200),
        ("WebSocket<Server>", size_of::<WebSocket<Server>>(), 264),
        ("ControlFrame", size_of::<ControlFrame>(), 2 + 4 + 125 + 1),
        ("Keepalive", size_of::<Keepalive>(), 200),
        ("Connection<Client>", size_of::<Connection<Client>>(), 312),
        ("Connection<Client<fn>>", size_of::<Connection<Client<fn() -> [u8; 4]>>>(), 208),
    ];
    for (name, size, expected) in sizes {
        assert_eq!(size, expected, "{name}");
    }
}

#[test]
fn memory_said_is_memory_taken() {
    const MESSAGE: u64 = 1000;
    let config = Config::new().max_message(MESSAGE);
    let itself = (size_of::<WebSocket<Server>>() + size_of::<Keepalive>()) as u64;
    for takeover in [true, false] {
        for level in [Level::Fast, Level::Balanced, Level::Best] {
            let wish = Compression::new()
                .level(level)
                .send_window(WindowBits::new(11).unwrap())
                .receive_window(WindowBits::new(13).unwrap())
                .receive_takeover(takeover)
                .send_takeover(takeover);
            let offers = Extensions::new(b"permessage-deflate; client_max_window_bits");
            let agreed = wish.accept(offers.map(Result::unwrap)).unwrap();
            let message = "words, words and words. ".repeat(40);
            let mut wire = Vec::with_capacity(2000);
            WebSocket::client_with_compression(config, zero_key, agreed)
                .send(message.as_str(), &mut wire)
                .unwrap();
            let mut output = Vec::with_capacity(2000);
            let (_, peak, ()) = allocations(|| {
                let mut ws = WebSocket::server_with_compression(config, agreed);
                ws.send(message.as_str(), &mut output).unwrap();
                ws.receive(&mut &mut wire[..], &mut output).unwrap().expect("a message");
            });
            let bound = WebSocket::<Server>::max_memory(&config, Some(&agreed));
            // For the message, and for a connection on the stack without keepalive.
            let more = 3 * MESSAGE + itself + 64;
            assert!((peak as u64..=peak as u64 + more).contains(&bound), "{peak}, {bound}");
        }
    }
    let bound = WebSocket::<Server>::max_memory(&config, None);
    assert_eq!(bound, 3 * MESSAGE + itself + 64);
}

/// Each move of a buffer copies what it has: there are to be few of them.
#[test]
fn fragments_however_many_make_the_buffer_grow_seldom() {
    for side in SIDES {
        for (opcode, count) in [TEXT, BINARY].into_iter().flat_map(|op| [(op, 1000), (op, 30_000)])
        {
            let mut wire = side.fragments(opcode, &vec![&b"x"[..]; count]);
            let mut output = Vec::new();
            let (calls, _, received) = allocations(|| match side {
                Side::Server => {
                    let mut ws = WebSocket::server(Config::new());
                    ws.receive(&mut &mut wire[..], &mut output).map(|r| r.is_some())
                }
                Side::Client => {
                    let mut ws = WebSocket::client(Config::new(), zero_key);
                    ws.receive(&mut &mut wire[..], &mut output).map(|r| r.is_some())
                }
            });
            assert_eq!(received, Ok(true));
            assert!(calls <= count.ilog2() as usize + 1, "{calls} for {count} fragments");
        }
    }
}

/// Streams of a peer that means harm, the same in kind for each limit.
fn hostile_streams(side: Side, compressed: bool) -> Vec<Vec<u8>> {
    let text = "text in many pieces, ".repeat(400);
    let mut pieces = side.frame(TEXT, b"");
    pieces.extend(text.bytes().flat_map(|byte| side.frame(CONT, &[byte])));
    let mut streams = vec![
        side.frame(PING, &[7; 125]).repeat(300),
        [side.frame(BINARY, b""), side.frame(CONT, b"").repeat(2000)].concat(),
        [side.frame(BINARY, &[1; 1000]), side.frame(CONT, &[2; 1000]).repeat(10)].concat(),
        [side.header(FIN | BINARY, 8000), vec![0x55; 8000]].concat(),
        side.header(FIN | BINARY, (1 << 63) - 1),
        side.header(BINARY, 8 << 10),
        pieces,
        vec![0xFF; 1000],
    ];
    if compressed {
        // A bomb, whole and in fragments, and blocks that give nothing.
        let mut scratch = Box::<DeflateScratch>::default();
        let mut payload = vec![0; 10_000];
        let window = WindowBits::MAX;
        let mut table = vec![0; Level::Best.table_len(window)];
        let zeros = vec![0; 1 << 20];
        let len =
            scratch.deflate_whole(Level::Best, window, &mut table, &zeros, &mut payload).unwrap();
        payload.truncate(len);
        streams.push(side.frame(FIN | BINARY | 0x40, &payload));
        let pieces: Vec<_> = payload.chunks(3).collect();
        streams.push(side.fragments(BINARY | 0x40, &pieces));
        streams.push(side.frame(FIN | TEXT | 0x40, &[0, 0, 0, 0xFF, 0xFF].repeat(1500)));
    }
    streams
}

/// Feeds `wire` in pieces, the output written at once; the calls that it took.
fn feed<R: Role>(ws: WebSocket<R>, wire: &mut [u8], output: &mut Vec<u8>, step: usize) -> usize {
    let mut ws = Box::new(ws.keepalive(Timeouts::new()));
    let mut calls = 0;
    for mut input in wire.chunks_mut(step) {
        loop {
            calls += 1;
            output.clear();
            match ws.receive(&mut input, output) {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
    }
    calls
}

#[test]
fn whatever_the_peer_sends_memory_keeps_to_what_was_said() {
    let agreement = |takeover| {
        let wish = Compression::new()
            .send_window(WindowBits::MAX)
            .receive_window(WindowBits::MAX)
            .receive_takeover(takeover)
            .send_takeover(takeover);
        let offers = Extensions::new(b"permessage-deflate; client_max_window_bits");
        wish.accept(offers.map(Result::unwrap)).unwrap()
    };
    let agreements = [None, Some(agreement(true)), Some(agreement(false))];
    let limits = agreements.iter().flat_map(|agreed| [0, 1, 8 << 10].map(|max| (*agreed, max)));
    for (agreed, max_message) in limits {
        let config = Config::new().max_message(max_message).max_fragments(9000);
        let mut most = 0;
        for side in [Side::Server, Side::Client] {
            type TestClient = Client<fn() -> [u8; 4]>;
            let bound = match side {
                Side::Server => WebSocket::<Server>::max_memory(&config, agreed.as_ref()),
                Side::Client => WebSocket::<TestClient>::max_memory(&config, agreed.as_ref()),
            };
            for stream in hostile_streams(side, agreed.is_some()) {
                for step in [1, 1000, stream.len()] {
                    let mut wire = stream.clone();
                    let mut output = Vec::with_capacity(300);
                    let bytes = wire.len();
                    let (_, peak, calls) = allocations(|| match side {
                        Side::Server => {
                            let ws = WebSocket::server_with_compression(config, agreed);
                            feed(ws, &mut wire, &mut output, step)
                        }
                        Side::Client => {
                            let key: fn() -> [u8; 4] = zero_key;
                            let ws = WebSocket::client_with_compression(config, key, agreed);
                            feed(ws, &mut wire, &mut output, step)
                        }
                    });
                    assert!(peak as u64 <= bound, "{peak} of {bound} bytes");
                    // Each call takes bytes, gives what is two bytes at least, or
                    // ends a read.
                    assert!(calls <= bytes / 2 + bytes.div_ceil(step) + 1, "{calls} calls");
                    most = most.max(peak);
                }
            }
        }
        assert!(most as u64 > 2 * max_message, "the streams do press on the limit: {most}");
    }
}
