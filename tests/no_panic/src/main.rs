//! Each entry point of layers 0 and 1 behind a guard that only a panic drops.

mod negotiation;

use std::hint::black_box;

use sansocket::deflate::{
    Agreement, Checked, Compression, Inflate, InflateError, InflateScratch, InflateWindow,
    Inflater, WindowBits,
};
use sansocket::extensions::Extensions;
use sansocket::frame::{Expected, Header};
use sansocket::handshake::{
    Accepted, ClientHandshake, Reply, Request, RequestReader, Response, ResponseReader, Url,
    accept_key,
};
use sansocket::utf8::Decoder;
use sansocket::{
    ChaChaKeys, Client, CloseCode, CloseFrame, Connection, Data, Frame, Kind, Payload,
    ProtocolError, Receiver, Sender, Server, base64, mask, sha1,
};

/// A codec that does what it likes.
struct Any(bool);

impl Inflate for Any {
    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        black_box(output);
        *input = black_box(&[]);
        black_box(Ok(self.0.into()))
    }
    fn is_between_blocks(&self) -> bool {
        self.0
    }
    fn clear(&mut self) {}
}

/// Functions, each the call of an entry point. Where a panic can be reached
/// from it, the linker misses `NAME_may_panic`.
macro_rules! no_panic {
    ($(fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $body:block)*) => {
        $(#[inline(never)]
        fn $name($($argument: $kind),*) {
            unsafe extern "C" {
                #[link_name = concat!(stringify!($name), "_may_panic")]
                fn may_panic();
            }
            struct Guard;
            impl Drop for Guard {
                fn drop(&mut self) {
                    // SAFETY: it does not exist, so this program does not, either.
                    unsafe { may_panic() }
                }
            }
            let guard = Guard;
            let _ = black_box($body);
            core::mem::forget(guard);
        })*

        /// Shows them to nobody knows whom.
        pub(crate) fn all() {
            $({
                let call: fn($($kind),*) = $name;
                black_box(call);
            })*
        }
    };
}

pub(crate) use no_panic;

fn main() {
    all();
    negotiation::all();
}

no_panic! {
    fn receive_server(ws: &mut Connection<Server>, input: &mut [u8]) {
        let mut input = input;
        black_box(ws.receive(&mut input)).is_ok()
    }
    fn receive_client(ws: &mut Connection<Client>, input: &mut [u8]) {
        let mut input = input;
        black_box(ws.receive(&mut input)).is_ok()
    }
    fn receive_half(ws: &mut Receiver<Server>, input: &mut [u8]) {
        let mut input = input;
        black_box(ws.receive(&mut input)).is_ok()
    }
    fn receive_half_client(ws: &mut Receiver<Client>, input: &mut [u8]) {
        let mut input = input;
        black_box(ws.receive(&mut input)).is_ok()
    }
    fn receiver_state(ws: &mut Receiver<Server>) {
        ws.note_close_sent();
        black_box(ws.has_received_close())
    }
    fn split_server(ws: Connection<Server>) { black_box(ws.split()) }
    fn split_client(ws: Connection<Client>) { black_box(ws.split()) }
    fn data(data: Data<'_>) {
        let mut data = data;
        black_box((data.kind(), data.is_first(), data.is_last(), data.is_compressed()));
        black_box(data.payload());
        black_box(data.payload_mut());
        black_box(data.into_payload());
    }
    fn send_server(ws: &mut Connection<Server>, kind: Kind, payload: &[u8]) {
        black_box(ws.send(kind, payload).map(|frame| frame.len()))
    }
    fn send_client(ws: &mut Connection<Client>, kind: Kind, payload: &mut [u8]) {
        black_box(ws.send(kind, payload).map(|frame| frame.len()))
    }
    fn send_part_server(ws: &mut Connection<Server>, kind: Kind, last: bool, payload: &[u8]) {
        black_box(ws.send_part(kind, last, payload).map(|frame| frame.len()))
    }
    fn send_part_client(ws: &mut Connection<Client>, kind: Kind, last: bool, payload: &mut [u8]) {
        black_box(ws.send_part(kind, last, payload).map(|frame| frame.len()))
    }
    fn send_compressed(ws: &mut Sender<Server>, kind: Kind, last: bool, payload: &[u8]) {
        black_box(ws.send_compressed_part(kind, last, payload).map(|frame| frame.len()))
    }
    fn send_compressed_client(ws: &mut Sender<Client>, kind: Kind, last: bool, payload: &mut [u8]) {
        black_box(ws.send_compressed_part(kind, last, payload).map(|frame| frame.len()))
    }
    fn encode_server(
        ws: &mut Connection<Server>, kind: Kind, last: bool, payload: &[u8], out: &mut [u8],
    ) {
        black_box(ws.encode(kind, last, payload, out).is_ok())
    }
    fn encode_client(
        ws: &mut Connection<Client>, kind: Kind, last: bool, payload: &[u8], out: &mut [u8],
    ) {
        black_box(ws.encode(kind, last, payload, out).is_ok())
    }
    fn frame_written(frame: Frame<'_>, n: usize) {
        let mut frame = frame;
        frame.advance(n);
        black_box((frame.as_slices(), frame.len(), frame.is_empty()));
    }
    fn ping_server(ws: &mut Connection<Server>, payload: Payload) { black_box(ws.ping(payload).len()) }
    fn ping_client(ws: &mut Connection<Client>, payload: Payload) { black_box(ws.ping(payload).len()) }
    fn pong_server(ws: &mut Connection<Server>, payload: Payload) { black_box(ws.pong(payload).len()) }
    fn pong_client(ws: &mut Connection<Client>, payload: Payload) { black_box(ws.pong(payload).len()) }
    fn close_server(ws: &mut Connection<Server>, close: CloseFrame) {
        black_box(ws.close(close).map(|frame| frame.len()))
    }
    fn close_client(ws: &mut Connection<Client>, close: CloseFrame) {
        black_box(ws.close(close).map(|frame| frame.len()))
    }
    fn close_code(ws: &mut Connection<Server>, code: CloseCode) {
        black_box(ws.close(code).map(|frame| frame.len()))
    }
    fn close_error(ws: &mut Connection<Server>, error: ProtocolError) {
        black_box(ws.close(error).map(|frame| frame.len()))
    }
    fn state(ws: &Connection<Server>) { black_box((ws.is_closed(), ws.has_sent_close())) }

    fn read_request(reader: &mut RequestReader, bytes: &[u8]) { black_box(reader.read(bytes).is_ok()) }
    fn look_at_request(request: &Request<'_>, name: &str) {
        black_box((request.path(), request.query(), request.host(), request.origin()));
        black_box(request.header(name));
        for (name, value) in request.headers() {
            black_box((name, value));
        }
        for protocol in request.protocols() {
            black_box(protocol);
        }
        for extension in request.extensions() {
            for param in extension.params() {
                black_box(param);
            }
        }
    }
    fn check_host(request: &Request<'_>) { black_box(request.check_host().is_ok()) }
    fn upgrade(request: Request<'_>) { black_box(request.upgrade().is_ok()) }
    fn accept(
        request: Request<'_>, protocol: &str, list: &'static str, value: &[u8], out: &mut [u8],
    ) {
        if let Ok(upgrade) = request.upgrade() {
            let answer = Compression::new().accept(request.extensions());
            let response = upgrade.accept(out).protocol(protocol).compression(answer);
            black_box(response.extensions(list).header(protocol, value).finish().is_ok());
        }
    }
    fn refuse(request: Request<'_>, out: &mut [u8]) {
        if let Err(error) = request.upgrade() {
            black_box(error.reply(out).is_ok());
        }
    }
    fn reply(status: u16, name: &str, value: &[u8], body: &[u8], out: &mut [u8]) {
        black_box(Reply::new(status, out).header(name, value).body(body).is_ok())
    }
    fn parse_url(url: &str) { black_box(Url::parse(url).is_ok()) }
    fn request(handshake: &ClientHandshake<'_>, url: &Url<'_>, name: &str, out: &mut [u8]) {
        black_box(handshake.request(url, out).header(name, name).finish().is_ok())
    }
    fn read_response(reader: &mut ResponseReader, bytes: &[u8]) {
        black_box(reader.read(bytes).is_ok())
    }
    fn look_at_response(response: &Response<'_>, name: &str) {
        black_box((response.status(), response.reason(), response.head_len()));
        black_box(response.header(name));
        for (name, value) in response.headers() {
            black_box((name, value));
        }
        for value in response.headers().named(name) {
            black_box(value);
        }
    }
    fn check_response(handshake: &ClientHandshake<'_>, response: &Response<'_>) {
        black_box(handshake.check(response).is_ok())
    }
    fn accepted(accepted: Accepted<'_>) {
        black_box((accepted.protocol(), accepted.compression()));
        for extension in accepted.extensions() {
            black_box(extension);
        }
    }
    fn extensions(list: &[u8]) {
        for extension in Extensions::new(list).map_while(Result::ok) {
            black_box(Agreement::read(&extension));
            black_box(Compression::new().check(&extension));
        }
    }

    fn inflate(
        inflater: &mut Inflater,
        scratch: &mut InflateScratch,
        window: &mut InflateWindow<&mut [u8]>,
        input: &[u8],
        output: &mut [u8],
    ) {
        let mut input = input;
        black_box(inflater.inflate(scratch, window, &mut input, output).is_ok())
    }
    fn inflate_whole(
        inflater: &mut Inflater,
        scratch: &mut InflateScratch,
        bits: WindowBits,
        input: &[u8],
        message: &mut [u8],
    ) {
        let mut input = input;
        black_box(inflater.inflate_whole(scratch, bits, &mut input, message).is_ok())
    }
    fn inflate_window(window: &mut InflateWindow<[u8; 4096]>) { window.clear() }
    fn checked(codec: &mut Checked<Any>, input: &[u8], output: &mut [u8]) {
        let mut input = input;
        black_box((codec.inflate(&mut input, output).is_ok(), codec.finish().is_ok()));
        codec.clear();
    }
    fn inflate_state(inflater: &Inflater) {
        black_box((inflater.len(), inflater.is_empty(), inflater.ahead()))
    }
    fn inflate_finish(inflater: Inflater) { black_box(inflater.finish().is_ok()) }
    fn header_parse(bytes: &[u8], expected: Expected) {
        black_box(Header::parse(bytes, expected).is_ok())
    }
    fn header_encode(header: &Header) { black_box(header.encode().len()) }
    fn mask_apply(data: &mut [u8], key: [u8; 4]) { mask::apply(data, key) }
    fn mask_copy(source: &[u8], target: &mut [u8], key: [u8; 4]) { mask::copy(source, target, key) }
    fn mask_advance(key: [u8; 4], len: usize) { black_box(mask::advance(key, len)) }
    fn utf8_decode(decoder: &mut Decoder, bytes: &[u8]) { black_box(decoder.decode(bytes).is_ok()) }
    fn close_parse(payload: Payload) {
        black_box(CloseFrame::parse(payload).map(|close| close.reason().len()).is_ok())
    }
    fn close_new(code: u16, reason: &str) {
        black_box(CloseCode::new(code).map(|code| CloseFrame::new(code, reason).is_ok()))
    }
    fn payload(bytes: &[u8]) { black_box(Payload::new(bytes).is_ok()) }
    fn sha1_digest(message: &[u8]) { black_box(sha1::digest(message)) }
    fn base64_encode(bytes: &[u8], out: &mut [u8]) { black_box(base64::encode(bytes, out).is_some()) }
    fn base64_decode(text: &[u8], out: &mut [u8]) { black_box(base64::decode(text, out).is_some()) }
    fn accept_value(key: &[u8; 24]) { black_box(accept_key(key)) }
    fn keys(keys: &mut ChaChaKeys, bytes: &mut [u8]) { keys.fill(bytes) }

    fn control(place: &[u8], index: usize) {
        #[cfg(feature = "panic")]
        black_box(place[index]);
        black_box(place.get(index));
    }
}
