//! An open connection on two tasks: one receives, one sends, and neither holds a lock.
//!
//! It does not know what is below it: a TCP stream, TLS, or a stream of HTTP/2.

use std::io;
use std::ops::Range;
use std::time::Duration;

use sansocket::{
    CloseCode, CloseFrame, Message, MessageReceiver, MessageSender, Payload, Received, Server,
    WebSocket,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep_until, timeout};

use crate::Result;

/// What the receiving task has for the sending one. A server with more to say than an echo gives a
/// clone of the queue to whoever says it.
pub(crate) enum Outgoing {
    Message(Message<'static>),
    Ping,
    Pong(Payload),
    Close(CloseFrame),
}

/// Echoes until the end. `first` are the bytes that came behind the request.
pub(crate) async fn echo(
    ws: WebSocket<Server>,
    first: &[u8],
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin + Send + 'static,
    patience: Duration,
) -> Result<()> {
    let (receiver, sender) = ws.split();
    // Its length is the back-pressure: a peer that does not read is not read from any more.
    let (queue, queued) = mpsc::channel(16);
    let sending = tokio::spawn(send_all(writer, sender, queued, patience));
    let mut incoming = Incoming::new(reader, receiver, first);
    let received = receive_all(&mut incoming, &queue, patience).await;
    if let Err(Error::Protocol(error)) = &received {
        queue.send(Outgoing::Close((*error).into())).await.ok();
    }
    drop(queue); // the other task ends when it has sent what is queued
    sending.await??;
    // Closing with bytes unread would reset the connection and could lose what was sent.
    timeout(Duration::from_secs(2), incoming.drain()).await.ok();
    received
}
