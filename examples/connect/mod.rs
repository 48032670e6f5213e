//! A client's way to an open WebSocket over TCP, for the examples that need one.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sansocket::deflate::Compression;
use sansocket::handshake::{ClientHandshake, Response, ResponseReader, Url};
use sansocket::{ChaChaKeys, Client, Config, WebSocket};

/// An open connection.
pub(crate) struct Connected {
    pub(crate) stream: TcpStream,
    pub(crate) ws: WebSocket<Client>,
    /// What came right behind the handshake: the first bytes to receive.
    pub(crate) first: Vec<u8>,
    /// The subprotocol that the server chose.
    #[allow(dead_code, reason = "not every example asks")]
    pub(crate) protocol: Option<String>,
}

/// Connects and shakes hands. A refusal's status, headers and body are in the
/// error.
pub(crate) fn connect(
    url: &str,
    headers: &[(String, String)],
    protocols: &[&str],
    compression: Option<Compression>,
    config: Config,
) -> Result<Connected, Box<dyn Error>> {
    let url = Url::parse(url)?;
    if url.is_secure() {
        return Err("wss:// needs TLS, which this example leaves out".into());
    }
    let mut stream = TcpStream::connect((url.host(), url.port()))?;
    stream.set_nodelay(true)?;

    let mut keys = ChaChaKeys::from_os()?;
    let mut nonce = [0; 16];
    keys.fill(&mut nonce);
    let mut handshake = ClientHandshake::new(nonce).protocols(protocols);
    if let Some(compression) = compression {
        handshake = handshake.compression(compression);
    }
    let mut out = vec![0; 16 * 1024];
    let mut request = handshake.request(&url, &mut out);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    stream.write_all(request.finish()?)?;

    let mut reader = ResponseReader::new();
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..])?;
        if n == 0 {
            return Err("the server closed the connection before it answered".into());
        }
        filled += n;
        let Some(response) = reader.read(&buffer[..filled])? else { continue };
        let first = buffer[response.head_len()..filled].to_vec();
        return match handshake.check(&response) {
            Ok(accepted) => {
                let protocol = accepted.protocol().map(str::to_owned);
                let ws = WebSocket::client_with_compression(config, keys, accepted.compression());
                Ok(Connected { stream, ws, first, protocol })
            }
            Err(error) if response.status() == 101 => Err(error.into()),
            Err(error) => Err(format!("{error}\n{}", refusal(&response, first, stream)).into()),
        };
    }
}

/// A refusal as text: status, headers, and a body of at most 64 KiB.
fn refusal(response: &Response, mut body: Vec<u8>, stream: TcpStream) -> String {
    let mut text = format!("{} {}\n", response.status(), response.reason().escape_ascii());
    for (name, value) in response.headers() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value));
    }
    let declared = response.header("Content-Length").and_then(|length| str::from_utf8(length).ok());
    let length = declared.and_then(|length| length.parse().ok()).unwrap_or(u64::MAX).min(64 << 10);
    // A server that announces no length and does not end either is not waited for.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let _ = stream.take(length.saturating_sub(body.len() as u64)).read_to_end(&mut body);
    text + "\n" + &String::from_utf8_lossy(&body)
}
