//! An echo server on tokio-tungstenite.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::accept_async;

#[path = "../listen.rs"]
mod listen;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = listen::listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let Ok(mut ws) = accept_async(stream).await else { return };
            while let Some(Ok(message)) = ws.next().await {
                if (message.is_text() || message.is_binary()) && ws.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}
