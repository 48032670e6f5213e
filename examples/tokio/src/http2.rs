//! WebSockets as streams of HTTP/2 (RFC 8441): many on one connection, beside the page itself.

mod stream;

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response};
use sansocket::WebSocket;
use sansocket::handshake::ConnectRequest;
use shared::{Error, Opened, Options, PAGE};
use stream::{ReadHalf, WriteHalf};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::connection;
use crate::patient::patient;

/// Streams of a connection at a time, and the bytes that may wait in each: to be read, and to be
/// written.
const STREAMS: u32 = 100;
const WINDOW: u32 = 64 * 1024;

/// Serves the streams of a connection until nobody wants one any more.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    options: &Options,
) -> Result<(), Error> {
    let handshake = Builder::new()
        // A browser that does not see it opens a connection of HTTP/1.1 for each WebSocket (§3).
        .enable_connect_protocol()
        // By default a peer may open as many as it likes, with headers of 16 MiB.
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(16 * 1024)
        // Room for all of them, or those that are not read would use up that of the others.
        .initial_window_size(WINDOW)
        .initial_connection_window_size(STREAMS * WINDOW)
        .max_send_buffer_size(WINDOW as usize)
        .handshake(stream);
    let mut connection = timeout(options.handshake_timeout, handshake).await??;
    // Each stream holds a count.
    let streams = Arc::new(());
    loop {
        match timeout(options.idle_timeout, connection.accept()).await {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => {
                let ((request, respond), options, count) = (request?, *options, streams.clone());
                tokio::spawn(async move {
                    if let Err(error) = answer(request, respond, &options).await {
                        shared::log(format_args!("stream: {error}"));
                    }
                    drop(count);
                });
            }
            Err(_) if Arc::strong_count(&streams) == 1 => break,
            Err(_) => {}
        }
    }
    // Nobody uses it. A client whose next request is on its way learns that it was not read.
    connection.abrupt_shutdown(Reason::NO_ERROR);
    timeout(options.handshake_timeout, poll_fn(|context| connection.poll_closed(context)))
        .await??;
    Ok(())
}

/// Gives the page, or opens a WebSocket and serves it.
async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    options: &Options,
) -> Result<(), Error> {
    if request.method() == Method::GET {
        let (status, page) = if request.uri().path() == "/" { (200, PAGE) } else { (404, "") };
        let response = Response::builder().status(status).header("Content-Type", "text/html");
        let mut body = respond.send_response(response.body(())?, false)?;
        body.send_data(page.into(), true)?;
        return Ok(());
    }
    let uri = request.uri();
    let connect = ConnectRequest {
        method: request.method().as_str(),
        protocol: request.extensions().get::<Protocol>().map(Protocol::as_str),
        scheme: uri.scheme_str(),
        authority: uri.authority().map(Authority::as_str),
        path: uri.path_and_query().map(PathAndQuery::as_str),
        headers: request.headers(),
    };
    let mut response = Response::builder();
    let connect = match connect.connect() {
        Ok(connect) => connect,
        Err(error) => {
            let (status, header) = error.connect_refusal();
            if let Some((name, value)) = header {
                response = response.header(name, value);
            }
            respond.send_response(response.status(status).body(())?, true)?;
            return Err(error.into());
        }
    };
    let offer = connect.offer();
    if !options.admits(offer.origin()) {
        respond.send_response(response.status(403).body(())?, true)?;
        return Ok(());
    }
    let agreed = options.compression.and_then(|wish| wish.accept(offer.extensions()));
    let mut out = [0; 512];
    // The status is 200, which is what a response is if nothing else is said.
    for (name, value) in connect.accept(&mut out).compression(agreed).finish()?.fields() {
        response = response.header(name, value);
    }
    let send = respond.send_response(response.body(())?, false)?;
    let opened = Opened {
        ws: WebSocket::server_with_compression(options.config, agreed),
        path: offer.path().to_owned(),
        first: Vec::new(),
    };
    let reader = ReadHalf::new(request.into_body());
    let writer = patient(WriteHalf::new(send), options);
    connection::echo(opened, reader, writer, options).await
}
