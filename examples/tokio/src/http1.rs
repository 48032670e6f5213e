//! The opening handshake over HTTP/1.1.

use std::io;

use shared::{Answer, Error, Opened, Opening, Options};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The connection; nothing if the request was for something else, and is answered.
pub(crate) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    options: &Options,
) -> Result<Option<Opened>, Error> {
    let opened = timeout(options.handshake_timeout, answer(stream, options)).await??;
    if opened.is_none() {
        // Of a request that came late, the time left is too short for the peer to read the answer.
        timeout(options.handshake_timeout, end(stream)).await??;
    }
    Ok(opened)
}

async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    options: &Options,
) -> Result<Option<Opened>, Error> {
    let (mut opening, mut buffer, mut output) = (Opening::new(options), [0; 1024], Vec::new());
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(None);
        }
        let answer = opening.receive(&buffer[..n], options, &mut output);
        stream.write_all(&output).await?;
        stream.flush().await?;
        match answer {
            Answer::Wait => {}
            Answer::Open(opened) => return Ok(Some(opened)),
            Answer::Over => return Ok(None),
        }
    }
}

/// Closing at once, with bytes unread, would reset the connection and could lose the answer.
async fn end(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}
