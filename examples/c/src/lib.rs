//! The C interface; `sansocket.h` says what each function does.
//!
//! What C passes is turned into references in a few lines at the top, and what is wrong with it is
//! [`MISUSE`]. Behind them all is safe code.

#![no_std]

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::str::Utf8Error;
use core::time::Duration;
use core::{ptr, slice};

use sansocket::deflate::{Agreement, Compression, WindowBits};
use sansocket::extensions::Extension;
use sansocket::handshake::{HandshakeError, Reply, Request, RequestReader};
use sansocket::keepalive::{Due, Keepalive, Timeouts};
use sansocket::{
    CloseCode, CloseFrame, Config, Connection, Event, Kind, Payload, SendError, Server, mask,
};

const MISUSE: i32 = -1;
const SENT_CLOSE: i32 = -2;
/// Request Timeout.
const TIMED_OUT: i32 = -408;

const TEXT: i32 = 1;
const LAST: i32 = 2;
const COMPRESSED: i32 = 4;

/// What lies in a `sansocket`.
#[repr(C)]
pub struct WebSocket {
    /// Tells memory that `sansocket_init` has seen from other memory.
    magic: u64,
    keepalive: Keepalive,
    state: State,
}

enum State {
    Opening(Opening),
    Open(Connection<Server>),
    Refused,
}

struct Opening {
    config: Config,
    reader: RequestReader,
    /// How much of the request was passed.
    len: usize,
    error: Option<HandshakeError>,
}

const MAGIC: u64 = u64::from_be_bytes(*b"sansock2");
/// The size that the header has for it.
const SIZE: usize = 56 * size_of::<u64>();
const _: () =
    assert!(size_of::<WebSocket>() <= SIZE && align_of::<WebSocket>() <= align_of::<u64>());

#[derive(Default)]
#[repr(C)]
pub struct Limits {
    max_message: u64,
    max_frame: u32,
    max_fragments: u32,
    max_control_frames: u32,
    max_head: u32,
    handshake_ms: u32,
    interval_ms: u32,
    answer_ms: u32,
    idle_ms: u32,
    close_ms: u32,
}

#[repr(C)]
pub struct Text {
    bytes: *const u8,
    len: usize,
}

#[repr(C)]
pub struct ReadRequest {
    head: Text,
    path: Text,
    query: Text,
    host: Text,
    origin: Text,
}

#[repr(C)]
pub struct ReceivedEvent {
    payload: *mut u8,
    len: usize,
    flags: i32,
    code: u16,
    control: [MaybeUninit<u8>; Payload::MAX],
}

/// Places for what is written, of which C need not initialise any.
type Response = [MaybeUninit<u8>; 512];
type Header = [MaybeUninit<u8>; 14];
type Control = [MaybeUninit<u8>; 131];

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    unsafe extern "C" {
        safe fn abort() -> !;
    }
    abort()
}

/// `core` comes compiled for panics that unwind, and names this. Ours abort, so nothing calls it; but only
/// an optimiser that sees the whole, as in our release profile, finds that out. There it is left out: another
/// library in Rust, linked to the same program, may bring the real one.
#[cfg(debug_assertions)]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// # Safety
/// `ws` is null or points to `ws_size` bytes; `config` is null or points to what its type says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_init_sized(
    ws: *mut WebSocket,
    config: *const Limits,
    ws_size: usize,
    config_size: usize,
    request_size: usize,
    event_size: usize,
) -> i32 {
    let expected =
        (SIZE, size_of::<Limits>(), size_of::<ReadRequest>(), size_of::<ReceivedEvent>());
    let is_ours = (ws_size, config_size, request_size, event_size) == expected;
    if !is_ours || ws.is_null() || !ws.is_aligned() || !config.is_aligned() {
        return MISUSE;
    }
    // SAFETY: aligned, and by contract null or good.
    let (config, timeouts) = unsafe { config.as_ref() }.unwrap_or(&Limits::default()).read();
    let keepalive = Keepalive::opening(timeouts).with_config(config);
    let reader = RequestReader::with_config(config);
    let state = State::Opening(Opening { config, reader, len: 0, error: None });
    // SAFETY: not null, aligned, and by contract as large as in the header, which is enough. What was
    // there needs no drop.
    unsafe { ws.write(WebSocket { magic: MAGIC, keepalive, state }) };
    0
}

impl Limits {
    fn read(&self) -> (Config, Timeouts) {
        let config = Config::new().drop_after_close(true);
        let config = with(config, self.max_message, Config::max_message);
        let config = with(config, self.max_frame, Config::max_frame);
        let config = with(config, self.max_fragments, Config::max_fragments);
        let config = with(config, self.max_control_frames, Config::max_control_frames);
        let config = with(config, self.max_head, |c, bytes| c.max_head(bytes as usize));

        let timeouts = with_ms(Timeouts::new(), self.handshake_ms, Timeouts::handshake);
        let timeouts = with_ms(timeouts, self.interval_ms, Timeouts::interval);
        let timeouts = with_ms(timeouts, self.answer_ms, Timeouts::answer);
        let timeouts = with_ms(timeouts, self.idle_ms, Timeouts::idle);
        (config, with_ms(timeouts, self.close_ms, Timeouts::close))
    }
}

/// With this value, but for 0, which is the default.
fn with<C, V: PartialEq + Default>(whole: C, value: V, set: impl FnOnce(C, V) -> C) -> C {
    if value == V::default() { whole } else { set(whole, value) }
}

fn with_ms(whole: Timeouts, ms: u32, set: impl FnOnce(Timeouts, Duration) -> Timeouts) -> Timeouts {
    with(whole, Duration::from_millis(ms.into()), set)
}

/// # Safety
/// Pointers are null or point to what their types say; `head` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_read_request(
    ws: *mut WebSocket,
    head: *const u8,
    len: usize,
    request: *mut MaybeUninit<ReadRequest>,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (opening(ws), bytes(head, len), exclusive(request)) };
    let (Some(opening), Some(head), Some(view)) = given else { return MISUSE };
    if head.len() < opening.len {
        return MISUSE;
    }
    opening.len = head.len();
    view.write(ReadRequest::NONE);
    let checked = opening.reader.read(head).and_then(|request| {
        let Some(request) = request else { return Ok(0) };
        view.write(ReadRequest::of(&request, head));
        request.upgrade().map(|_| request.head_len())
    });
    opening.error = checked.err();
    checked.map_or_else(refusal, length)
}

impl Text {
    const NONE: Self = Self { bytes: ptr::null(), len: 0 };

    fn of(text: Option<&[u8]>) -> Self {
        text.map_or(Self::NONE, |text| Self { bytes: text.as_ptr(), len: text.len() })
    }
}

impl ReadRequest {
    const NONE: Self = Self {
        head: Text::NONE,
        path: Text::NONE,
        query: Text::NONE,
        host: Text::NONE,
        origin: Text::NONE,
    };

    fn of(request: &Request<'_>, head: &[u8]) -> Self {
        Self {
            head: Text::of(head.get(..request.head_len())),
            path: Text::of(Some(request.path().as_bytes())),
            query: Text::of(request.query().map(str::as_bytes)),
            host: Text::of(request.host().map(str::as_bytes)),
            origin: Text::of(request.origin().map(str::as_bytes)),
        }
    }
}

/// # Safety
/// Pointers are null or point to what their types say, the request to one that was read; `name` is a
/// string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_header(
    request: *const ReadRequest,
    name: *const c_char,
    value: *mut MaybeUninit<Text>,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (head(request), text(name), exclusive(value)) };
    let (Some(head), Some(Ok(name)), Some(value)) = given else { return MISUSE };
    let mut reader = RequestReader::with_config(Config::new().max_head(head.len()));
    let Ok(Some(request)) = reader.read(head) else { return MISUSE };
    let found = request.header(name);
    value.write(Text::of(found));
    found.is_some().into()
}

/// # Safety
/// Pointers are null or point to what their types say, the request to one that was read; `protocol` is
/// null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_accept(
    ws: *mut WebSocket,
    request: *const ReadRequest,
    flags: i32,
    protocol: *const c_char,
    response: *mut Response,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (socket(ws), head(request), text(protocol), exclusive(response)) };
    let (Some(ws), Some(head), protocol, Some(response)) = given else { return MISUSE };
    let (State::Opening(opening), Ok(protocol)) = (&ws.state, protocol.transpose()) else {
        return MISUSE;
    };
    if flags & !COMPRESSED != 0 {
        return MISUSE;
    }
    let mut reader = RequestReader::with_config(opening.config);
    let upgrade = match reader.read(head) {
        Ok(None) => return MISUSE,
        Ok(Some(request)) => request.upgrade(),
        Err(error) => Err(error),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => return refusal(error),
    };
    let agreed =
        if flags & COMPRESSED != 0 { pass_back(|| upgrade.request().extensions()) } else { None };
    let mut out = [0; size_of::<Response>()];
    let accept = upgrade.accept(&mut out).protocol(protocol).compression(agreed);
    let Ok(bytes) = accept.finish() else { return MISUSE };
    let config = opening.config.allow_compressed(agreed.is_some());
    ws.state = State::Open(Connection::server(config));
    ws.keepalive.opened();
    copy(bytes, response)
}

/// # Safety
/// Pointers are null or point to what their types say; `body` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_refuse(
    ws: *mut WebSocket,
    status: i32,
    body: *const u8,
    len: usize,
    response: *mut Response,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (socket(ws), bytes(body, len), exclusive(response)) };
    let (Some(ws), Some(body), Some(response)) = given else { return MISUSE };
    let (State::Opening(opening), Ok(status)) = (&ws.state, u16::try_from(status)) else {
        return MISUSE;
    };
    let mut out = [0; size_of::<Response>()];
    let reply = match opening.error.filter(|error| error.status() == status && body.is_empty()) {
        Some(error) => error.reply(&mut out),
        None => Reply::new(status, &mut out).header("Content-Type", "text/plain").body(body),
    };
    let Ok(bytes) = reply else { return MISUSE };
    ws.state = State::Refused;
    copy(bytes, response)
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
    event: *mut MaybeUninit<ReceivedEvent>,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (open(ws), exclusive(input), exclusive(len), exclusive(event)) };
    let (Some((connection, keepalive)), Some(input), Some(len), Some(place)) = given else {
        return MISUSE;
    };
    // SAFETY: by contract.
    let Some(mut rest) = (unsafe { bytes_mut(*input, *len) }) else { return MISUSE };
    let received = connection.receive(&mut rest);
    // Counted, as an empty rest may point anywhere.
    *input = input.wrapping_add(*len - rest.len());
    *len = rest.len();
    let event = match received {
        Ok(None) => return 0,
        Ok(Some(event)) => event,
        Err(error) => return negated(error.close_code()),
    };
    keepalive.on_event(&event);
    match event {
        Event::Data(data) => {
            let flags = if data.kind() == Kind::Text { TEXT } else { 0 }
                | if data.is_last() { LAST } else { 0 }
                | if data.is_compressed() { COMPRESSED } else { 0 };
            let payload = data.into_payload();
            place.write(ReceivedEvent {
                flags,
                ..ReceivedEvent::of(payload.as_mut_ptr(), payload.len())
            });
            1
        }
        Event::Ping(payload) => control(place, &payload, 0, 2),
        Event::Pong(payload) => control(place, &payload, 0, 3),
        Event::Close(close) => {
            let code = close.code().map_or(0, CloseCode::get);
            control(place, close.reason().as_bytes(), code, 4)
        }
    }
}

impl ReceivedEvent {
    fn of(payload: *mut u8, len: usize) -> Self {
        let control = [MaybeUninit::uninit(); Payload::MAX];
        Self { payload, len, flags: 0, code: 0, control }
    }
}

/// Puts the payload of a control frame into the event.
fn control(place: &mut MaybeUninit<ReceivedEvent>, payload: &[u8], code: u16, kind: i32) -> i32 {
    let event = place.write(ReceivedEvent::of(ptr::null_mut(), payload.len()));
    event.code = code;
    event.payload = event.control.as_mut_ptr().cast();
    copy(payload, &mut event.control);
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
    header: *mut Header,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (open(ws), bytes(payload, len), exclusive(header)) };
    let (Some((connection, keepalive)), Some(payload), Some(header)) = given else {
        return MISUSE;
    };
    if flags & !(TEXT | LAST | COMPRESSED) != 0 {
        return MISUSE;
    }
    let kind = if flags & TEXT != 0 { Kind::Text } else { Kind::Binary };
    let last = flags & LAST != 0;
    let frame = if flags & COMPRESSED != 0 {
        connection.send_compressed_part(kind, last, payload)
    } else {
        connection.send_part(kind, last, payload)
    };
    match frame {
        Ok(frame) => {
            keepalive.on_message();
            copy(frame.as_slices()[0], header)
        }
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
    frame: *mut Control,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (open(ws), bytes(payload, len), exclusive(frame)) };
    let (Some((connection, _)), Some(payload), Some(frame)) = given else { return MISUSE };
    Payload::new(payload).map_or(MISUSE, |payload| copy(&connection.ping(payload), frame))
}

/// # Safety
/// Pointers are null or point to what their types say; `payload` to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_pong(
    ws: *mut WebSocket,
    payload: *const u8,
    len: usize,
    frame: *mut Control,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (open(ws), bytes(payload, len), exclusive(frame)) };
    let (Some((connection, _)), Some(payload), Some(frame)) = given else { return MISUSE };
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
    frame: *mut Control,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (open(ws), bytes(reason, len), exclusive(frame)) };
    let (Some((connection, keepalive)), Some(reason), Some(frame)) = given else {
        return MISUSE;
    };
    let close = match (CloseCode::new(code), core::str::from_utf8(reason)) {
        (None, Ok("")) if code == 0 => Some(CloseFrame::EMPTY),
        (Some(code), Ok(reason)) => CloseFrame::new(code, reason).ok(),
        _ => None,
    };
    let Some(close) = close else { return MISUSE };
    keepalive.on_close();
    connection.close(close).map_or(0, |close| copy(&close, frame))
}

/// # Safety
/// `ws` is null or points to a `sansocket`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_is_closed(ws: *const WebSocket) -> i32 {
    // SAFETY: by contract; it is only read.
    unsafe { open(ws.cast_mut()) }.map_or(MISUSE, |(connection, _)| connection.is_closed().into())
}

/// # Safety
/// Pointers are null or point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_on_timeout(
    ws: *mut WebSocket,
    now_ms: u64,
    frame: *mut Control,
    wait_ms: *mut MaybeUninit<i32>,
) -> i32 {
    // SAFETY: by contract.
    let given = unsafe { (socket(ws), exclusive(frame), exclusive(wait_ms)) };
    let (Some(ws), Some(frame), Some(wait_ms)) = given else { return MISUSE };
    if matches!(ws.state, State::Refused) {
        return MISUSE;
    }
    let now = Duration::from_millis(now_ms);
    let due = ws.keepalive.on_timeout(now);
    // All times are in milliseconds, so nothing is cut off.
    let wait = ws.keepalive.wait(now).map(|wait| wait.as_millis().try_into().unwrap_or(i32::MAX));
    wait_ms.write(wait.unwrap_or(-1));
    match (due, &mut ws.state) {
        (Some(Due::Failed(_)), State::Opening(..)) => TIMED_OUT,
        (Some(Due::Failed(_)), _) => negated(CloseCode::INTERNAL_ERROR),
        (Some(Due::Ping(payload)), State::Open(connection)) => {
            copy(&connection.ping(payload), frame)
        }
        (Some(Due::Close(close)), State::Open(connection)) => {
            connection.close(close).map_or(0, |close| copy(&close, frame))
        }
        _ => 0,
    }
}

/// # Safety
/// `ws` is null or points to a `sansocket`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sansocket_on_progress(ws: *mut WebSocket) -> i32 {
    // SAFETY: by contract.
    let Some((_, keepalive)) = (unsafe { open(ws) }) else { return MISUSE };
    keepalive.on_bytes();
    0
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

fn copy(source: &[u8], target: &mut [MaybeUninit<u8>]) -> i32 {
    let Some(target) = target.get_mut(..source.len()) else { return MISUSE };
    for (target, byte) in target.iter_mut().zip(source) {
        target.write(*byte);
    }
    length(source.len())
}

fn length(len: usize) -> i32 {
    len.try_into().unwrap_or(i32::MAX)
}

fn refusal(error: HandshakeError) -> i32 {
    -i32::from(error.status())
}

fn negated(code: CloseCode) -> i32 {
    -i32::from(code.get())
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
unsafe fn socket<'a>(ws: *mut WebSocket) -> Option<&'a mut WebSocket> {
    if ws.is_null() || !ws.is_aligned() {
        return None;
    }
    // SAFETY: good for reads by contract, and any bytes are a number. Only what `sansocket_init`
    // wrote has this number, so that the rest is a state.
    unsafe { (ptr::read(&raw const (*ws).magic) == MAGIC).then(|| &mut *ws) }
}

/// # Safety
/// As [`socket`].
unsafe fn opening<'a>(ws: *mut WebSocket) -> Option<&'a mut Opening> {
    // SAFETY: by contract.
    match unsafe { socket(ws) }?.state {
        State::Opening(ref mut opening) => Some(opening),
        _ => None,
    }
}

/// # Safety
/// As [`socket`].
unsafe fn open<'a>(ws: *mut WebSocket) -> Option<(&'a mut Connection<Server>, &'a mut Keepalive)> {
    // SAFETY: by contract.
    let ws = unsafe { socket(ws) }?;
    match &mut ws.state {
        State::Open(connection) => Some((connection, &mut ws.keepalive)),
        _ => None,
    }
}

/// The bytes of a request.
///
/// # Safety
/// Null, or it points to a request that was read.
unsafe fn head<'a>(request: *const ReadRequest) -> Option<&'a [u8]> {
    if !request.is_aligned() {
        return None;
    }
    // SAFETY: aligned, and by contract null or good.
    unsafe { request.as_ref().and_then(|request| bytes(request.head.bytes, request.head.len)) }
}

/// # Safety
/// Null or a string.
unsafe fn text<'a>(string: *const c_char) -> Option<Result<&'a str, Utf8Error>> {
    // SAFETY: by contract.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_str())
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
