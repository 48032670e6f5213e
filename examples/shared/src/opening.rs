//! The opening handshake over HTTP/1.1, and a page for who asks for one.

use sansocket::handshake::{HandshakeError, Reply, Request, RequestReader};
use sansocket::{Server, WebSocket};

use crate::Options;

/// From where a browser tries the server.
pub const PAGE: &str = include_str!("../../echo.html");

/// A request, as far as it has come.
pub struct Opening {
    reader: RequestReader,
    head: Vec<u8>,
}

/// Where a request leaves the connection.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Answer {
    /// More of it must come.
    Wait,
    Open(Opened),
    /// The response is the last that is said.
    Over,
}

pub struct Opened {
    pub ws: WebSocket<Server>,
    /// What the client asked for.
    pub path: String,
    /// What came behind the request: the first bytes to receive.
    pub first: Vec<u8>,
}

impl Opening {
    pub fn new(options: &Options) -> Self {
        Self { reader: RequestReader::with_config(options.config), head: Vec::new() }
    }

    /// Takes bytes of the request. The response is appended to `output` once it is whole, or has been
    /// seen not to become one.
    pub fn receive(&mut self, input: &[u8], options: &Options, output: &mut Vec<u8>) -> Answer {
        self.head.extend_from_slice(input);
        let answered = match self.reader.read(&self.head) {
            Ok(None) => return Answer::Wait,
            Ok(Some(request)) => answer(&request, &self.head, options, output),
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| {
            output.extend_from_slice(error.reply(&mut [0; 512]).expect("room for a refusal"));
            Answer::Over
        })
    }
}

fn answer(
    request: &Request,
    bytes: &[u8],
    options: &Options,
    output: &mut Vec<u8>,
) -> Result<Answer, HandshakeError> {
    let mut out = vec![0; 512 + PAGE.len()];
    if request.method() == "GET" && request.header("Upgrade").is_none() {
        request.check_host()?;
        let reply = match request.path() {
            "/" => {
                let reply = Reply::new(200, &mut out);
                reply.header("Content-Type", "text/html; charset=utf-8").body(PAGE.as_bytes())
            }
            _ => Reply::new(404, &mut out).body(b"not found\n"),
        };
        output.extend_from_slice(reply.expect("room for the page"));
        return Ok(Answer::Over);
    }
    let upgrade = request.upgrade()?;
    let offer = upgrade.offer();
    if !options.admits(offer.origin()) {
        let reply = Reply::new(403, &mut out).body(b"not from this page\n");
        output.extend_from_slice(reply.expect("room for a line"));
        return Ok(Answer::Over);
    }
    let agreed = options.compression.and_then(|wish| wish.accept(offer.extensions()));
    let response = upgrade.accept(&mut out).compression(agreed).finish();
    output.extend_from_slice(response.expect("room for a response without headers of ours"));
    Ok(Answer::Open(Opened {
        ws: WebSocket::server_with_compression(options.config, agreed),
        path: offer.path().to_owned(),
        first: bytes[request.head_len()..].to_vec(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let options = Options { origin: Some("https://ours.example"), ..Options::default() };
        for (origin, status) in [("ours", "101"), ("theirs", "403")] {
            let request = format!(
                "GET / HTTP/1.1\r\nHost: ours.example\r\nOrigin: https://{origin}.example\r\n\
                Upgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            );
            let mut output = Vec::new();
            let answer = Opening::new(&options).receive(request.as_bytes(), &options, &mut output);
            assert_eq!(matches!(answer, Answer::Open(_)), status == "101");
            assert!(output.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{output:?}");
        }
    }
}
