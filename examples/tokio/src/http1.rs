//! The opening handshake over HTTP/1.1, and a page for who asks for one.

use sansocket::handshake::{HandshakeError, Reply, RequestReader};
use sansocket::{Server, WebSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::options::Options;
use crate::{PAGE, Result};

/// A response; and if it opens a connection, that and how long the request was.
type Answer = (Vec<u8>, Option<(WebSocket<Server>, usize)>);

/// The connection and what came behind the request; nothing if it was not for a WebSocket.
pub(crate) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    options: Options,
) -> Result<Option<(WebSocket<Server>, Vec<u8>)>> {
    let (mut reader, mut head) = (RequestReader::new(), Vec::new());
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
        let (response, opened) = match answer(&mut reader, &head, options) {
            Ok(None) => continue,
            Ok(Some(answer)) => answer,
            Err(error) => (error.reply(&mut [0; 512])?.to_vec(), None),
        };
        stream.write_all(&response).await?;
        stream.flush().await?;
        if let Some((ws, len)) = opened {
            return Ok(Some((ws, head.split_off(len))));
        }
        stream.shutdown().await?;
        while stream.read(&mut [0; 4096]).await? > 0 {}
        return Ok(None);
    }
}

/// The response to a request, once it is whole.
fn answer(
    reader: &mut RequestReader,
    head: &[u8],
    options: Options,
) -> std::result::Result<Option<Answer>, HandshakeError> {
    let Some(request) = reader.read(head)? else { return Ok(None) };
    let mut out = vec![0; 1024 + PAGE.len()];
    if request.method() == "GET" && request.header("Upgrade").is_none() {
        let reply = match request.path() {
            "/" => Reply::new(200, &mut out).header("Content-Type", "text/html").body(PAGE),
            _ => Reply::new(404, &mut out).body(b"not found\n"),
        };
        return Ok(Some((reply.expect("room for the page").to_vec(), None)));
    }
    let upgrade = request.upgrade()?;
    let agreed = options.compression.and_then(|wish| wish.accept(upgrade.offer().extensions()));
    let response = upgrade.accept(&mut out).compression(agreed).finish();
    let response = response.expect("room for a response without headers of ours").to_vec();
    let ws = WebSocket::server_with_compression(options.config, agreed);
    Ok(Some((response, Some((ws, request.head_len())))))
}
