//! The handshake over HTTP/2 and HTTP/3, what all versions of HTTP negotiate, and
//! deadlines.

use std::hint::black_box;
use std::time::Duration;

use sansocket::deflate::{Agreement, Compression};
use sansocket::extensions::{Extension, Extensions};
use sansocket::handshake::{
    ClientConnect, Connect, ConnectRequest, ConnectResponse, Fields, HandshakeError, Headers,
    Offer, Pairs, Request, Url, UrlError,
};
use sansocket::keepalive::{Keepalive, TimedOut, Timeouts};
use sansocket::{CloseCode, CloseFrame, Event, Payload, base64};

use crate::no_panic;

/// Fields as pairs of bytes, as most HTTP stacks lend them.
type List<'b> = &'b [(&'b [u8], &'b [u8])];

no_panic! {
    fn connect_read(list: List<'_>) {
        black_box(ConnectRequest::read(list.iter().copied()).is_ok())
    }
    fn connect_judge(request: ConnectRequest<'_, List<'_>>) {
        let ConnectRequest { method, protocol, scheme, authority, path, headers } = request;
        let headers = headers.iter().copied();
        let request = ConnectRequest { method, protocol, scheme, authority, path, headers };
        black_box(request.connect().is_ok())
    }
    // Fields of HTTP/1.1 and of our own `Pairs` are a type of `Headers`, too.
    fn connect_judge_fields(request: ConnectRequest<'_, Fields<'_>>) {
        black_box(request.connect().is_ok())
    }
    fn connect_offer(connect: &Connect<'_, Fields<'_>>, supported: &[&str], name: &str) {
        let offer = connect.offer();
        black_box((offer.path(), offer.query(), offer.host(), offer.origin()));
        black_box((offer.choose_protocol(supported), offer.header(name)));
        for pair in offer.headers().pairs() {
            black_box(pair);
        }
        for protocol in offer.protocols() {
            black_box(protocol);
        }
        black_box(Compression::new().accept(offer.extensions()));
    }
    fn connect_accept(
        connect: &Connect<'_, Fields<'_>>, text: &str, agreement: Agreement, list: &'static str, out: &mut [u8],
    ) {
        let accept = connect.accept(out).protocol(text).compression(agreement).extensions(list);
        black_box(accept.header(text, text).finish().is_ok());
    }
    fn connect_request(
        client: ClientConnect<'_>, url: &Url<'_>, wish: Compression, text: &str, out: &mut [u8],
    ) {
        let client = client.compression(wish);
        black_box(client.request(url, out).header(text, text).finish().is_ok())
    }
    fn connect_response(list: List<'_>) {
        black_box(ConnectResponse::read(list.iter().copied()).is_ok())
    }
    fn connect_check(client: &ClientConnect<'_>, status: u16, list: List<'_>) {
        let headers = list.iter().copied();
        black_box(client.check(&ConnectResponse { status, headers }).is_ok())
    }
    fn connect_pairs(pairs: Pairs<'_>, name: &str) {
        for pair in pairs {
            black_box(pair);
        }
        black_box((pairs.pseudo(name), pairs.fields()));
    }
    fn connect_refusal(error: HandshakeError) {
        black_box((error.connect_refusal(), error.status(), error.as_str()))
    }

    fn offer_of_a_request(request: Request<'_>, supported: &[&str]) {
        if let Ok(upgrade) = request.upgrade() {
            let offer: Offer<'_> = upgrade.offer();
            black_box((offer.choose_protocol(supported), upgrade.key()));
        }
    }
    fn extension_values(extension: Extension<'_>, text: &str) {
        for (name, value) in extension.params() {
            black_box((name, value.is_some_and(|value| value == *text)));
            for byte in value.into_iter().flat_map(sansocket::extensions::Value::bytes) {
                black_box(byte);
            }
        }
    }
    fn compression_accept(compression: Compression, list: &[u8]) {
        black_box(compression.accept(Extensions::new(list).map_while(Result::ok)))
    }
    fn compression_check(compression: Compression, answer: Extension<'_>) {
        black_box((compression.check(&answer), compression.offer()))
    }

    fn url_parts(url: &str) {
        if let Ok(url) = Url::parse(url) {
            black_box((url.host(), url.port(), url.path(), url.query(), url.is_secure()));
        }
    }
    fn url_error(error: UrlError) { black_box(error) }
    fn base64_both(bytes: &[u8], out: &mut [u8], back: &mut [u8]) {
        if let Some(text) = base64::encode(bytes, out) {
            black_box(base64::decode(text.as_bytes(), back).is_some());
        }
    }
    fn close_codes(code: u16) {
        if let Some(code) = CloseCode::new(code) {
            black_box((code.get(), CloseFrame::from(code).payload()));
        }
    }
    fn close_look(close: CloseFrame) { black_box((close.code(), close.reason(), close.payload())) }

    fn keepalive_new(timeouts: Timeouts, time: Duration) {
        let timeouts = timeouts.handshake(time).interval(time).answer(time).idle(time).close(time);
        black_box((Keepalive::new(timeouts), Keepalive::opening(timeouts)));
    }
    fn keepalive_told(keepalive: &mut Keepalive, event: &Event<'_>, pong: &[u8]) {
        keepalive.on_event(event);
        keepalive.on_ping();
        keepalive.on_pong(pong);
        keepalive.on_bytes();
        keepalive.on_message();
        keepalive.on_close();
        keepalive.opened();
    }
    fn keepalive_timeout(keepalive: &mut Keepalive, now: Duration) {
        black_box(keepalive.on_timeout(now))
    }
    fn keepalive_wait(keepalive: &Keepalive, now: Duration) {
        black_box((keepalive.next_deadline(), keepalive.wait(now), keepalive.latency()))
    }
    fn keepalive_failed(error: TimedOut) { black_box(CloseFrame::from(error)) }
    fn payload_parts(payload: Payload, other: Payload) {
        black_box((payload == other, payload.as_ref().len()))
    }
}
