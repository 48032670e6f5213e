//! The opening handshake over HTTP/1.1.

use shared::{Answer, Error, Opened, Opening, Options};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The connection; nothing if the request was for something else. The caller limits its time.
pub(crate) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    options: &Options,
) -> Result<Option<Opened>, Error> {
    let (mut opening, mut buffer, mut output) = (Opening::default(), [0; 1024], Vec::new());
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
            Answer::Over => {
                stream.shutdown().await?;
                while stream.read(&mut buffer).await? > 0 {}
                return Ok(None);
            }
        }
    }
}
