//! The C interface; `sansocket.h` says what each function does.
//!
//! What C passes is turned into references in a few lines at the top, and what is wrong with it is
//! [`MISUSE`]. Behind them all is safe code.

#![no_std]

use core::panic::PanicInfo;
use core::{ptr, slice};

use sansocket::deflate::{Agreement, Compression, WindowBits};
use sansocket::extensions::Extension;
use sansocket::handshake::{HandshakeError, RequestReader};
use sansocket::{
    CloseCode, CloseFrame, Config, Connection, Event, Kind, Payload, SendError, Server, mask,
};

const MISUSE: i32 = -1;
const SENT_CLOSE: i32 = -2;

const TEXT: i32 = 1;
const LAST: i32 = 2;
const COMPRESSED: i32 = 4;

/// What lies in a `sansocket`.
#[repr(C)]
pub struct WebSocket {
    /// Tells memory that `sansocket_init` has seen from other memory.
    magic: u64,
    state: State,
}

enum State {
    Opening(Config, RequestReader),
    Open(Connection<Server>),
    Refused,
}

const MAGIC: u64 = u64::from_be_bytes(*b"sansock1");
/// The size that the header has for it.
const SIZE: usize = 40 * size_of::<u64>();
const _: () = assert!(size_of::<WebSocket>() <= SIZE && align_of::<WebSocket>() <= 8);

#[repr(C)]
pub struct Response {
    head_len: usize,
    len: usize,
    bytes: [u8; 512],
}

#[repr(C)]
pub struct ReceivedEvent {
    payload: *mut u8,
    len: usize,
    flags: i32,
    code: u16,
    control: [u8; Payload::MAX],
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    unsafe extern "C" {
        safe fn abort() -> !;
    }
    abort()
}

/// # Safety
/// `ws` is null or points to a `sansocket`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_init(ws: *mut WebSocket, max_message: u64) -> i32 {
    if ws.is_null() || !ws.is_aligned() {
        return MISUSE;
    }
    let state = State::Opening(Config::new().max_message(max_message), RequestReader::new());
    // SAFETY: not null, aligned, and by contract as large as in the header, which is enough. What was
    // there needs no drop.
    unsafe { ws.write(WebSocket { magic: MAGIC, state }) };
    0
}

/// # Safety
/// Pointers are null or point to what their types say; `head` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_accept(
    ws: *mut WebSocket,
    head: *const u8,
    len: usize,
    response: *mut Response,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (state(ws), bytes(head, len), exclusive(response)) };
    let (Some(state), Some(head), Some(response)) = given else { return MISUSE };
    let State::Opening(config, reader) = state else { return MISUSE };
    response.len = 0;
    match open(reader, head, *config, response) {
        Ok(None) => 0,
        Ok(Some(connection)) => {
            *state = State::Open(connection);
            1
        }
        Err(error) => {
            response.len = error.reply(&mut response.bytes).map_or(0, <[u8]>::len);
            *state = State::Refused;
            2
        }
    }
}

fn open(
    reader: &mut RequestReader,
    head: &[u8],
    config: Config,
    response: &mut Response,
) -> Result<Option<Connection<Server>>, HandshakeError> {
    let Some(request) = reader.read(head)? else { return Ok(None) };
    response.head_len = request.head_len();
    let answer = pass_back(|| request.extensions());
    let accept = request.upgrade()?.accept(&mut response.bytes).compression(answer).finish();
    // It fits: without headers of our own, a response has half of that.
    response.len = accept.map_or(0, <[u8]>::len);
    Ok(Some(Connection::server(config.allow_compressed(answer.is_some()))))
}

/// Agrees to compression if whatever the client may send, the server may, too.
fn pass_back<'b, I: Iterator<Item = Extension<'b>>>(offers: impl Fn() -> I) -> Option<Agreement> {
    // The client is asked not to look back at earlier messages, the server then may or may not.
    let any = Compression::new().send_window(WindowBits::MAX).receive_takeover(false);
    let server = any.receive_window(WindowBits::MAX).accept(offers())?.server();
    let answer = any.receive_window(server.window).accept(offers())?;
    (answer.client().window <= answer.server().window).then_some(answer)
}

/// # Safety
/// Pointers are null or point to what their types say; `*input` to `*len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_receive(
    ws: *mut WebSocket,
    input: *mut *mut u8,
    len: *mut usize,
    event: *mut ReceivedEvent,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (connection(ws), exclusive(input), exclusive(len), exclusive(event)) };
    let (Some(connection), Some(input), Some(len), Some(event)) = given else { return MISUSE };
    // SAFETY: by contract.
    let Some(mut rest) = (unsafe { bytes_mut(*input, *len) }) else { return MISUSE };
    let received = connection.receive(&mut rest);
    // Counted, as an empty rest may point anywhere.
    *input = input.wrapping_add(*len - rest.len());
    *len = rest.len();
    match received {
        Ok(None) => 0,
        Ok(Some(Event::Data(data))) => {
            event.flags = if data.kind() == Kind::Text { TEXT } else { 0 }
                | if data.is_last() { LAST } else { 0 }
                | if data.is_compressed() { COMPRESSED } else { 0 };
            let payload = data.into_payload();
            (event.payload, event.len) = (payload.as_mut_ptr(), payload.len());
            1
        }
        Ok(Some(Event::Ping(payload))) => control(event, &payload, 2),
        Ok(Some(Event::Pong(payload))) => control(event, &payload, 3),
        Ok(Some(Event::Close(close))) => {
            event.code = close.code().map_or(0, CloseCode::get);
            control(event, close.reason().as_bytes(), 4)
        }
        Err(error) => -i32::from(error.close_code().get()),
    }
}

/// Puts the payload of a control frame into the event.
fn control(event: &mut ReceivedEvent, payload: &[u8], kind: i32) -> i32 {
    event.flags = 0;
    event.len = payload.len();
    if let Some(place) = event.control.get_mut(..payload.len()) {
        place.copy_from_slice(payload);
    }
    event.payload = event.control.as_mut_ptr();
    kind
}

/// # Safety
/// Pointers are null or point to what their types say; `payload` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_send(
    ws: *mut WebSocket,
    flags: i32,
    payload: *const u8,
    len: usize,
    header: *mut [u8; 14],
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (connection(ws), bytes(payload, len), exclusive(header)) };
    let (Some(connection), Some(payload), Some(header)) = given else { return MISUSE };
    let kind = if flags & TEXT != 0 { Kind::Text } else { Kind::Binary };
    let last = flags & LAST != 0;
    let frame = if flags & COMPRESSED != 0 {
        connection.send_compressed_part(kind, last, payload)
    } else {
        connection.send_part(kind, last, payload)
    };
    match frame {
        Ok(frame) => copy(frame.as_slices()[0], header),
        Err(SendError::Closed) => SENT_CLOSE,
        Err(_) => MISUSE,
    }
}

/// # Safety
/// Pointers are null or point to what their types say; `payload` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_ping(
    ws: *mut WebSocket,
    payload: *const u8,
    len: usize,
    frame: *mut [u8; 131],
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (connection(ws), bytes(payload, len), exclusive(frame)) };
    let (Some(connection), Some(payload), Some(frame)) = given else { return MISUSE };
    Payload::new(payload).map_or(MISUSE, |payload| copy(&connection.ping(payload), frame))
}

/// # Safety
/// Pointers are null or point to what their types say; `payload` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_pong(
    ws: *mut WebSocket,
    payload: *const u8,
    len: usize,
    frame: *mut [u8; 131],
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (connection(ws), bytes(payload, len), exclusive(frame)) };
    let (Some(connection), Some(payload), Some(frame)) = given else { return MISUSE };
    Payload::new(payload).map_or(MISUSE, |payload| copy(&connection.pong(payload), frame))
}

/// # Safety
/// Pointers are null or point to what their types say; `reason` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_close(
    ws: *mut WebSocket,
    code: u16,
    reason: *const u8,
    len: usize,
    frame: *mut [u8; 131],
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (connection(ws), bytes(reason, len), exclusive(frame)) };
    let (Some(connection), Some(reason), Some(frame)) = given else { return MISUSE };
    let close = match (CloseCode::new(code), core::str::from_utf8(reason)) {
        (None, Ok("")) if code == 0 => Some(CloseFrame::EMPTY),
        (Some(code), Ok(reason)) => CloseFrame::new(code, reason).ok(),
        _ => None,
    };
    let Some(close) = close else { return MISUSE };
    connection.close(close).map_or(0, |close| copy(&close, frame))
}

/// # Safety
/// `ws` is null or points to a `sansocket`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_is_closed(ws: *const WebSocket) -> i32 {
    // SAFETY: by contract; it is only read.
    unsafe { connection(ws.cast_mut()) }.map_or(MISUSE, |connection| connection.is_closed().into())
}

/// # Safety
/// Pointers are null or point to what their types say; `bytes` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_mask(data: *mut u8, len: usize, key: *const [u8; 4]) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (bytes_mut(data, len), key.as_ref()) };
    let (Some(data), Some(key)) = given else { return MISUSE };
    mask::apply(data, *key);
    0
}

fn copy(source: &[u8], target: &mut [u8]) -> i32 {
    let Some(target) = target.get_mut(..source.len()) else { return MISUSE };
    target.copy_from_slice(source);
    source.len().try_into().unwrap_or(MISUSE)
}

/// # Safety
/// Null, or it points to a `T` that nothing else uses during the call.
unsafe fn exclusive<'a, T>(pointer: *mut T) -> Option<&'a mut T> {
    if !pointer.is_aligned() {
        return None;
    }
    // SAFETY: aligned, and by contract null or good.
    unsafe { pointer.as_mut() }
}

/// # Safety
/// Null, or it points to a `sansocket` that nothing else uses during the call.
unsafe fn state<'a>(ws: *mut WebSocket) -> Option<&'a mut State> {
    if ws.is_null() || !ws.is_aligned() {
        return None;
    }
    // SAFETY: good for reads by contract, and any bytes are a number. Only what `sansocket_init`
    // wrote has this number, so that the rest is a state.
    unsafe { (ptr::read(&raw const (*ws).magic) == MAGIC).then(|| &mut (*ws).state) }
}

/// # Safety
/// As [`state`].
unsafe fn connection<'a>(ws: *mut WebSocket) -> Option<&'a mut Connection<Server>> {
    // SAFETY: by contract.
    match unsafe { state(ws) } {
        Some(State::Open(connection)) => Some(connection),
        _ => None,
    }
}

/// # Safety
/// `data` points to `len` bytes, or `len` is 0, or `data` is null.
unsafe fn bytes<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    if len == 0 {
        return Some(&[]);
    }
    // SAFETY: by contract, no slice being longer than that.
    (!data.is_null() && isize::try_from(len).is_ok())
        .then(|| unsafe { slice::from_raw_parts(data, len) })
}

/// # Safety
/// As [`bytes`], and nothing else uses them during the call.
unsafe fn bytes_mut<'a>(data: *mut u8, len: usize) -> Option<&'a mut [u8]> {
    if len == 0 {
        return Some(&mut []);
    }
    // SAFETY: by contract, no slice being longer than that.
    (!data.is_null() && isize::try_from(len).is_ok())
        .then(|| unsafe { slice::from_raw_parts_mut(data, len) })
}
