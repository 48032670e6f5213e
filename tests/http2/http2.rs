//! Both roles of the handshake over HTTP/2, and the WebSockets behind it, on the
//! `h2` crate: what the crate hands over, and takes, is what a real stack has.
//!
//! `cargo test --manifest-path tests/http2/Cargo.toml`

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use sansocket::deflate::Compression;
use sansocket::handshake::{
    ClientConnect, ConnectRequest, ConnectResponse, HandshakeError, Pairs, Url,
};
use sansocket::{ChaChaKeys, CloseCode, Config, Message, Received, Role, WebSocket};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

const URL: &str = "wss://server.example.com:8443/chat?room=7";
const PROTOCOLS: [&str; 2] = ["chat", "superchat"];

/// Ends of one stream of HTTP/2.
struct Stream {
    receive: RecvStream,
    send: SendStream<Bytes>,
}

impl Stream {
    /// The next bytes; `None` at the orderly end.
    async fn read(&mut self) -> Option<Vec<u8>> {
        let data = self.receive.data().await?.expect("no reset");
        self.receive.flow_control().release_capacity(data.len()).unwrap();
        Some(data.to_vec())
    }

    /// Sends all of `output`, whatever window the peer gives.
    fn write(&mut self, output: &mut Vec<u8>) {
        self.send.send_data(Bytes::from(std::mem::take(output)), false).unwrap();
    }
}

/// A server of one connection: it echoes on `/chat`, and refuses the rest.
fn server(io: DuplexStream) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut builder = h2::server::Builder::new();
        let mut connection = builder.enable_connect_protocol().handshake(io).await.unwrap();
        while let Some(request) = connection.accept().await {
            let (request, mut respond) = request.unwrap();
            let (parts, receive) = request.into_parts();
            let asked = ConnectRequest {
                method: parts.method.as_str(),
                protocol: parts.extensions.get().map(Protocol::as_str),
                scheme: parts.uri.scheme_str(),
                authority: parts.uri.authority().map(|authority| authority.as_str()),
                path: parts.uri.path_and_query().map(|path| path.as_str()),
                headers: &parts.headers,
            };
            let mut out = [0; 512];
            let connect = match asked.connect() {
                Ok(connect) if connect.offer().path() == "/chat" => connect,
                Ok(_) => {
                    let response = Response::builder().status(404).body(()).unwrap();
                    respond.send_response(response, true).unwrap();
                    continue;
                }
                Err(error) => {
                    let (status, header) = error.connect_refusal();
                    let response = Response::builder().status(status);
                    let response = header.into_iter().fold(response, |r, (n, v)| r.header(n, v));
                    respond.send_response(response.body(()).unwrap(), true).unwrap();
                    continue;
                }
            };
            assert_eq!(connect.offer().host(), "server.example.com:8443");
            assert_eq!(connect.offer().query(), Some("room=7"));
            assert_eq!(connect.offer().origin(), Some("https://example.com"));
            let protocol = connect.offer().choose_protocol(&["superchat"]);
            let agreed = Compression::new().accept(connect.offer().extensions());
            let accept = connect.accept(&mut out).protocol(protocol).compression(agreed);
            let pairs = accept.header("X-Served-By", "us").finish().unwrap();
            assert_eq!(pairs.pseudo(":status"), Some("200"));
            let response = fields(pairs)
                .into_iter()
                .fold(Response::builder().status(200), |response, (name, value)| {
                    response.header(name.unwrap(), value)
                });
            let send = respond.send_response(response.body(()).unwrap(), false).unwrap();
            let ws = WebSocket::server_with_compression(Config::new(), agreed);
            tokio::spawn(echo(ws, Stream { receive, send }));
        }
    })
}

/// As a map of the stack's, which takes no name that is not in lower case.
fn fields(pairs: Pairs<'_>) -> HeaderMap {
    let name = |name: &str| HeaderName::from_lowercase(name.as_bytes()).unwrap();
    let value = |value: &[u8]| HeaderValue::from_bytes(value).unwrap();
    pairs.fields().into_iter().map(|(n, v)| (name(n), value(v))).collect()
}

async fn echo<R: Role>(mut ws: WebSocket<R>, mut stream: Stream) {
    let mut output = Vec::new();
    while let Some(mut bytes) = stream.read().await {
        let mut input = &mut bytes[..];
        while let Some(received) = ws.receive(&mut input, &mut output).unwrap() {
            if let Received::Message(message) = received {
                ws.send(&message, &mut output).unwrap();
            }
        }
        stream.write(&mut output);
        if ws.is_closed() {
            break;
        }
    }
    // > Orderly TCP-level closures are represented as END_STREAM flags (§5)
    stream.send.send_data(Bytes::new(), true).unwrap();
}

/// Asks for a WebSocket as `edit` changes the request; the response and the stream.
async fn ask(
    wish: &ClientConnect<'_>,
    url: &str,
    edit: impl FnOnce(&mut Request<()>),
) -> (Response<()>, Stream) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    server(theirs);
    let (client, connection) = h2::client::handshake(ours).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    // > Upon receipt of SETTINGS_ENABLE_CONNECT_PROTOCOL with a value of 1, a client MAY use the
    // > Extended CONNECT (§3)
    while !client.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let mut out = [0; 1024];
    let request = wish.request(&Url::parse(url).unwrap(), &mut out);
    let pairs = request.header("Origin", "https://example.com").finish().unwrap();
    let uri = Uri::builder()
        .scheme(pairs.pseudo(":scheme").unwrap())
        .authority(pairs.pseudo(":authority").unwrap())
        .path_and_query(pairs.pseudo(":path").unwrap());
    let mut request = Request::builder()
        .method(pairs.pseudo(":method").unwrap())
        .uri(uri.build().unwrap())
        .extension(Protocol::from(pairs.pseudo(":protocol").unwrap()))
        .body(())
        .unwrap();
    *request.headers_mut() = fields(pairs);
    edit(&mut request);
    let (response, send) = client.send_request(request, false).unwrap();
    let (parts, receive) = response.await.unwrap().into_parts();
    (Response::from_parts(parts, ()), Stream { receive, send })
}

fn judged(response: &Response<()>) -> ConnectResponse<&HeaderMap> {
    ConnectResponse { status: response.status().as_u16(), headers: response.headers() }
}

#[tokio::test]
async fn messages_over_a_stream_compressed_and_to_the_end() {
    let wish = ClientConnect::new().protocols(&PROTOCOLS).compression(Compression::new());
    let (response, mut stream) = ask(&wish, URL, |_| {}).await;
    let judged = judged(&response);
    let accepted = wish.check(&judged).unwrap();
    assert_eq!(accepted.protocol(), Some("superchat"));
    assert!(accepted.compression().is_some());
    assert_eq!(response.headers()["x-served-by"], "us");

    let keys = ChaChaKeys::from_os().unwrap();
    let mut ws = WebSocket::client_with_compression(Config::new(), keys, accepted.compression());
    let mut output = Vec::new();
    let long = "grüße, 世界 ".repeat(10_000);
    let sent = [Message::from("hello"), Message::from(&long), Message::from(&[0, 255][..])];
    for message in &sent {
        ws.send(message, &mut output).unwrap();
        stream.write(&mut output);
    }
    let mut heard = Vec::new();
    while heard.len() < sent.len() {
        let mut bytes = stream.read().await.expect("the answers");
        let mut input = &mut bytes[..];
        while let Some(received) = ws.receive(&mut input, &mut output).unwrap() {
            let Received::Message(message) = received else { panic!("{received:?}") };
            heard.push(message.into_owned());
        }
    }
    assert_eq!(heard, sent);
    ws.close(CloseCode::NORMAL, &mut output);
    stream.write(&mut output);
    while let Some(mut bytes) = stream.read().await {
        let mut input = &mut bytes[..];
        while ws.receive(&mut input, &mut output).unwrap().is_some() {}
    }
    assert!(ws.is_closed(), "the stream ended after both Closes");
}

#[tokio::test]
async fn refusals_have_a_status_and_a_header() {
    type Edit = fn(&mut Request<()>);
    let version: Edit = |request| {
        request.headers_mut().insert("sec-websocket-version", "8".parse().unwrap());
    };
    let protocol: Edit = |request| {
        request.extensions_mut().insert(Protocol::from_static("webtransport"));
    };
    let get: Edit = |request| {
        *request.method_mut() = http::Method::GET;
        request.extensions_mut().remove::<Protocol>();
    };
    let wish = ClientConnect::new();
    for (url, edit, status, header) in [
        ("wss://server.example.com/other", (|_| {}) as Edit, 404, None),
        (URL, version, 400, Some(("sec-websocket-version", "13"))),
        (URL, protocol, 501, None),
        (URL, get, 405, Some(("allow", "CONNECT"))),
    ] {
        let (response, _) = ask(&wish, url, edit).await;
        assert_eq!(wish.check(&judged(&response)).err(), Some(HandshakeError::Refused(status)));
        if let Some((name, value)) = header {
            assert_eq!(response.headers()[name], value);
        }
    }
}
