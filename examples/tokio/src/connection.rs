//! An open connection on two tasks: one receives, one sends, and neither holds a lock.
//!
//! It does not know what is below it: a TCP stream, TLS, or a stream of HTTP/2.

use std::io;
use std::time::{Duration, Instant};

use sansocket::keepalive::{Due, Keepalive, Timeouts};
use sansocket::{
    CloseFrame, Message, MessageReceiver, MessageSender, Payload, Received, Server, WebSocket,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::select;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{sleep, timeout};

use crate::Result;
use crate::options::Options;

/// What the receiving task has for the sending one. A server with more to say than an echo gives a
/// clone of the queue to whoever says it.
enum Outgoing {
    Message(Message<'static>),
    Ping(Payload),
    Pong(Payload),
    Close(CloseFrame),
}

/// Echoes until the end. `first` are the bytes that came behind the request.
pub(crate) async fn echo(
    ws: WebSocket<Server>,
    first: Vec<u8>,
    mut reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin + Send + 'static,
    options: Options,
) -> Result<()> {
    let (receiver, sender) = ws.split();
    // Its length is the back-pressure: a peer that does not read is not read from any more.
    let (queue, queued) = mpsc::channel(16);
    let sending = tokio::spawn(send_all(writer, sender, queued, options.idle_timeout));
    let received = receive_all(&mut reader, receiver, first, queue, options.timeouts).await;
    // The queue is dropped, and the other task ends when it has sent what is there.
    sending.await??;
    // Closing at once, with bytes unread, would reset the connection and could lose what was sent.
    let end = async { while matches!(reader.read(&mut [0; 4096]).await, Ok(1..)) {} };
    timeout(Duration::from_secs(2), end).await.ok();
    received
}

/// Receives until the peer's Close, its first error, or a deadline that it lets pass.
async fn receive_all(
    reader: &mut (impl AsyncRead + Unpin),
    mut receiver: MessageReceiver<Server>,
    mut first: Vec<u8>,
    queue: Sender<Outgoing>,
    timeouts: Timeouts,
) -> Result<()> {
    let (clock, mut keepalive) = (Instant::now(), Keepalive::new(timeouts));
    relay(&mut receiver, &mut keepalive, &mut first, &queue).await?;
    drop(first);
    let mut buffer = vec![0; 16 * 1024];
    while !receiver.has_received_close() {
        match keepalive.on_timeout(clock.elapsed()) {
            None => {}
            Some(Due::Ping(payload)) => queue.send(Outgoing::Ping(payload)).await?,
            Some(Due::Close(close)) => queue.send(Outgoing::Close(close)).await?,
            Some(Due::Failed(error)) => {
                queue.send(Outgoing::Close(error.into())).await?;
                return Err(error.into());
            }
        }
        select! {
            // What waits here is safe to drop when another branch is faster: a read that is not
            // finished has taken nothing from the peer. What it has read is used up outside.
            n = reader.read(&mut buffer) => {
                keepalive.on_bytes();
                match n? {
                    0 => return Err("the peer vanished".into()),
                    n => relay(&mut receiver, &mut keepalive, &mut buffer[..n], &queue).await?,
                }
            }
            () = sleep(keepalive.wait(clock.elapsed()).unwrap_or(Duration::MAX)) => {}
            () = queue.closed() => return Ok(()), // the other task knows why
        }
    }
    Ok(())
}

/// Queues an answer to everything in `input`.
async fn relay(
    receiver: &mut MessageReceiver<Server>,
    keepalive: &mut Keepalive,
    mut input: &mut [u8],
    queue: &Sender<Outgoing>,
) -> Result<()> {
    loop {
        let outgoing = match receiver.receive(&mut input) {
            Ok(Some(Received::Message(message))) => Outgoing::Message(message.into_owned()),
            Ok(Some(Received::Ping(payload))) => Outgoing::Pong(payload),
            Ok(Some(Received::Pong(payload))) => {
                keepalive.on_pong(&payload);
                continue;
            }
            Ok(Some(Received::Closed(close))) => Outgoing::Close(close),
            Ok(None) => return Ok(()),
            Err(error) => {
                queue.send(Outgoing::Close(error.into())).await?;
                return Err(error.into());
            }
        };
        queue.send(outgoing).await?;
    }
}

/// Sends what is queued, until there is no one left to queue more, then ends our side.
async fn send_all(
    mut writer: impl AsyncWrite + Unpin,
    mut sender: MessageSender<Server>,
    mut queued: Receiver<Outgoing>,
    patience: Duration,
) -> io::Result<()> {
    let (mut batch, mut output) = (Vec::new(), Vec::new());
    while queued.recv_many(&mut batch, 16).await > 0 {
        for outgoing in batch.drain(..) {
            match outgoing {
                // It fails only after our Close, behind which nobody waits for an answer.
                Outgoing::Message(message) => drop(sender.send(&message, &mut output)),
                Outgoing::Ping(payload) => sender.ping(payload, &mut output),
                Outgoing::Pong(payload) => sender.pong(payload, &mut output),
                Outgoing::Close(close) => sender.close(close, &mut output),
            }
        }
        // In pieces, so that the time is for some progress, and a long message may take longer.
        for piece in output.chunks(64 * 1024) {
            timeout(patience, writer.write_all(piece)).await??;
        }
        timeout(patience, writer.flush()).await??; // TLS may hold something back
        output.clear();
    }
    writer.shutdown().await
}
