//! Both roles, in memory, with neither `std` nor `alloc` to lean on.
//!
//! `cargo run --release --manifest-path tests/no_std/Cargo.toml` ends with 0 if
//! all is right, else with the number of the step that is not, or with 99 if
//! something panicked.

#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};
use core::panic::PanicInfo;
use core::time::Duration;

use sansocket::handshake::{
    ClientConnect, ClientHandshake, ConnectRequest, ConnectResponse, RequestReader, ResponseReader,
    Url,
};
use sansocket::keepalive::{Due, Keepalive, TimedOut, Timeouts};
use sansocket::{ChaChaKeys, CloseCode, Config, Connection, Event, Kind, Payload};

// The C library starts the program and ends it; nothing else is asked of it.
#[link(name = "c")]
unsafe extern "C" {
    fn _exit(status: c_int) -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    // SAFETY: it may be called at any time, and ends the process.
    unsafe { _exit(99) }
}

// SAFETY: the one `main` of this program.
#[unsafe(no_mangle)]
extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    let steps = server().and_then(|()| client()).and_then(|()| both());
    match steps.and_then(|()| connect()).and_then(|()| deadlines()) {
        Ok(()) => 0,
        Err(step) => step,
    }
}

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// A handshake, byte by byte, and the echo of a masked frame.
fn server() -> Result<(), c_int> {
    let mut reader = RequestReader::new();
    for end in 0..REQUEST.len() {
        expect(matches!(reader.read(&REQUEST[..end]), Ok(None)), 1)?;
    }
    let request = reader.read(REQUEST).map_err(|_| 2)?.ok_or(3)?;
    let upgrade = request.upgrade().map_err(|_| 4)?;
    let mut out = [0; 256];
    expect(upgrade.accept(&mut out).finish() == Ok(RESPONSE), 5)?;

    let mut ws = Connection::server(Config::new());
    // RFC 6455 §5.7: a masked text message "Hello".
    let mut frame = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
    let mut input = &mut frame[..];
    let Ok(Some(Event::Data(data))) = ws.receive(&mut input) else { return Err(6) };
    expect(data.kind() == Kind::Text && data.is_last() && data.payload() == b"Hello", 7)?;
    let echo = ws.send(data.kind(), data.into_payload()).map_err(|_| 8)?;
    expect(echo.as_slices() == [&[0x81, 5][..], b"Hello"], 9)
}

/// A handshake and a Ping.
fn client() -> Result<(), c_int> {
    let url = Url::parse("ws://server.example.com/chat").map_err(|_| 20)?;
    let handshake = ClientHandshake::new(*b"the sample nonce");
    let mut out = [0; 256];
    expect(handshake.request(&url, &mut out).finish() == Ok(REQUEST), 21)?;
    let response = ResponseReader::new().read(RESPONSE).map_err(|_| 22)?.ok_or(23)?;
    handshake.check(&response).map_err(|_| 24)?;

    let mut ws = Connection::client(Config::new(), || [1, 2, 3, 4]);
    let ping = ws.ping(Payload::new(b"abcd").map_err(|_| 25)?);
    expect(*ping == [0x89, 0x84, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, b'c' ^ 3, b'd' ^ 4], 26)?;
    let mut pong = *b"\x8A\x04abcd";
    let mut input = &mut pong[..];
    let Ok(Some(Event::Pong(payload))) = ws.receive(&mut input) else { return Err(27) };
    expect(*payload == *b"abcd", 28)
}

/// The two of them, to the end, byte by byte.
fn both() -> Result<(), c_int> {
    let mut client = Connection::client(Config::new(), ChaChaKeys::from_seed([7; 32]));
    let mut server = Connection::server(Config::new());
    let close = client.close(CloseCode::NORMAL).ok_or(40)?;
    let mut bytes = [0; 131];
    let bytes = bytes.get_mut(..close.len()).ok_or(41)?;
    bytes.copy_from_slice(&close);
    let mut answer = None;
    for mut byte in bytes.chunks_mut(1) {
        if let Some(event) = server.receive(&mut byte).map_err(|_| 42)? {
            let Event::Close(close) = event else { return Err(43) };
            answer = server.close(close);
        }
    }
    let mut answer = *answer.ok_or(44)?.first_chunk::<4>().ok_or(45)?;
    let mut input = &mut answer[..];
    expect(matches!(client.receive(&mut input), Ok(Some(Event::Close(_)))), 46)?;
    expect(client.is_closed() && server.is_closed(), 47)
}

/// A handshake over HTTP/2 or HTTP/3, whose stack is the caller's.
fn connect() -> Result<(), c_int> {
    let url = Url::parse("wss://server.example.com/chat").map_err(|_| 60)?;
    let handshake = ClientConnect::new().protocols(&["chat"]);
    let (mut ask, mut answer) = ([0; 256], [0; 256]);
    let request = handshake.request(&url, &mut ask).finish().map_err(|_| 61)?;
    let request = ConnectRequest::read(request).and_then(ConnectRequest::connect);
    let request = request.map_err(|_| 62)?;
    expect(request.is_secure() && request.offer().path() == "/chat", 63)?;
    let response = request.accept(&mut answer).protocol("chat").finish().map_err(|_| 64)?;
    let response = ConnectResponse::read(response).map_err(|_| 65)?;
    expect(handshake.check(&response).map_err(|_| 66)?.protocol() == Some("chat"), 67)
}

/// A Ping, its answer, and one that is not answered.
fn deadlines() -> Result<(), c_int> {
    let seconds = Duration::from_secs;
    let mut keepalive = Keepalive::new(Timeouts::new().interval(seconds(20)).answer(seconds(5)));
    expect(keepalive.on_timeout(seconds(0)).is_none(), 80)?;
    let Some(Due::Ping(ping)) = keepalive.on_timeout(seconds(20)) else { return Err(81) };
    keepalive.on_event(&Event::Pong(ping));
    expect(keepalive.on_timeout(seconds(21)).is_none(), 82)?;
    expect(keepalive.latency() == Some(seconds(1)), 83)?;
    expect(matches!(keepalive.on_timeout(seconds(40)), Some(Due::Ping(_))), 84)?;
    expect(keepalive.next_deadline() == Some(seconds(45)), 85)?;
    expect(keepalive.on_timeout(seconds(45)) == Some(Due::Failed(TimedOut::Ping)), 86)
}

fn expect(right: bool, step: c_int) -> Result<(), c_int> {
    if right { Ok(()) } else { Err(step) }
}
