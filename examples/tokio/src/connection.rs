//! An open connection on two tasks: one receives, one sends, and neither holds a lock.
//!
//! [`Reader::next`] and [`Writer::flush`] are safe to drop unfinished, in `select!` or by a timeout:
//! what they know of the connection is in their halves. They do not know what is below: a TCP stream,
//! TLS, or a stream of HTTP/2. That must be [`patient`](crate::patient), as nothing here limits the
//! time of a write.

use std::io::{self, Cursor};
use std::ops::Range;
use std::sync::Arc;

use sansocket::{MessageReceiver, MessageSender, Server};
use shared::{Error, Incoming, Opened, Options, Outgoing};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::select;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// Bytes of a read.
const BUFFER: usize = 16 * 1024;
/// Bytes that wait to be written; or one message, if it is longer.
const ROOM: usize = 64 * 1024;

/// Something to send, and the room that it takes until it is written.
type Queued = (Outgoing, OwnedSemaphorePermit);

/// Echoes until the end. What is below is [`patient`](crate::patient).
pub(crate) async fn echo(
    opened: Opened,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin + Send + 'static,
    options: &Options,
) -> Result<(), Error> {
    let (receiver, sender) = opened.ws.split();
    let room = Arc::new(Semaphore::new(ROOM));
    let writer = Writer::new(writer, sender);
    let mut reader = Reader::new(reader, receiver, opened.first, room.clone(), options);
    // A server with more to say than an echo gives whoever says it a clone of the room, and one of the
    // queue that is weak (`downgrade`), lest the sending task waits for it at the end.
    let (queue, queued) = mpsc::unbounded_channel();
    let sending = tokio::spawn(send_all(writer, queued));
    let received = receive_all(&mut reader, queue, room).await;
    // The queue is dropped, and the other task ends when it has sent what is there.
    sending.await??;
    // Closing at once, with bytes unread, would reset the connection and could lose what was sent.
    timeout(options.handshake_timeout, reader.drain()).await.ok();
    received
}

/// Receives until the peer's Close, its first error, or a deadline that it lets pass.
///
/// A peer that does not read leaves no room, and is not read from any more.
async fn receive_all(
    reader: &mut Reader<impl AsyncRead + Unpin>,
    queue: UnboundedSender<Queued>,
    room: Arc<Semaphore>,
) -> Result<(), Error> {
    loop {
        let next = select! {
            biased;
            next = reader.next() => next?,
            () = queue.closed() => return Ok(()), // the other task knows why
        };
        let Some(outgoing) = next else { return Ok(()) };
        let len = outgoing.len().min(ROOM) as u32;
        let place = room.clone().acquire_many_owned(len).await?;
        queue.send((outgoing, place))?;
    }
}

/// Sends what is queued, until there is no one left to queue more, then ends our side.
async fn send_all(
    mut writer: Writer<impl AsyncWrite + Unpin>,
    mut queued: UnboundedReceiver<Queued>,
) -> io::Result<()> {
    loop {
        select! {
            biased; // so that what is queued goes out together: it is no more than there is room for
            next = queued.recv() => match next {
                Some((outgoing, place)) => writer.push(outgoing, place),
                None => break,
            },
            flushed = writer.flush(), if writer.is_behind() => flushed?,
        }
    }
    writer.flush().await?;
    writer.stream.shutdown().await
}

/// A receiving half and where its bytes come from.
pub(crate) struct Reader<R> {
    stream: R,
    incoming: Incoming,
    buffer: Vec<u8>,
    /// What of the buffer is yet to be received.
    unread: Range<usize>,
    /// That of what waits to be written.
    room: Arc<Semaphore>,
    clock: Instant,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// `first` are the bytes that came behind the request; of `room`, [`ROOM`] bytes, a part is taken
    /// while something waits to be written.
    pub(crate) fn new(
        stream: R,
        receiver: MessageReceiver<Server>,
        first: Vec<u8>,
        room: Arc<Semaphore>,
        options: &Options,
    ) -> Self {
        let (unread, mut buffer) = (0..first.len(), first);
        buffer.resize(buffer.len().max(BUFFER), 0);
        let incoming = Incoming::new(receiver, options.keepalive());
        Self { stream, incoming, buffer, unread, room, clock: Instant::now() }
    }

    /// The next thing to send; `None` at a clean end.
    ///
    /// Dropped unfinished it has lost nothing: what was read is used up before the next wait. Nor does
    /// that put off a deadline.
    pub(crate) async fn next(&mut self) -> Result<Option<Outgoing>, Error> {
        loop {
            let mut input = &mut self.buffer[self.unread.clone()];
            let received = self.incoming.receive(&mut input);
            self.unread.start = self.unread.end - input.len();
            let is_behind = self.room.available_permits() < ROOM;
            // The time last, so that what came before is not found late.
            let outgoing =
                received.or_else(|| self.incoming.on_timeout(self.clock.elapsed(), is_behind));
            if outgoing.is_some() {
                return Ok(outgoing);
            }
            if let Some(end) = self.incoming.end() {
                return end.map(|()| None);
            }
            let wait = self.incoming.wait(self.clock.elapsed());
            match timeout(wait, self.stream.read(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err("the peer vanished".into()),
                Ok(read) => self.unread = 0..read?,
                Err(_) => {} // the time has come for something
            }
        }
    }

    /// Reads to the end, whatever comes.
    async fn drain(&mut self) {
        while matches!(self.stream.read(&mut self.buffer).await, Ok(1..)) {}
    }
}

/// A sending half and where its bytes go to.
pub(crate) struct Writer<W> {
    stream: W,
    sender: MessageSender<Server>,
    /// All that is not written yet, behind what is.
    output: Cursor<Vec<u8>>,
    /// Where what is pushed has its place until all is written.
    place: Option<OwnedSemaphorePermit>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(crate) fn new(stream: W, sender: MessageSender<Server>) -> Self {
        Self { stream, sender, output: Cursor::default(), place: None }
    }

    /// Puts something behind all that is not written yet; its place is free when it is.
    pub(crate) fn push(&mut self, outgoing: Outgoing, place: OwnedSemaphorePermit) {
        outgoing.append(&mut self.sender, self.output.get_mut());
        match &mut self.place {
            Some(all) => all.merge(place),
            none => *none = Some(place),
        }
    }

    /// Whether there is something to flush.
    pub(crate) fn is_behind(&self) -> bool {
        self.place.is_some()
    }

    /// Writes all that was pushed.
    ///
    /// Dropped unfinished, the next call goes on where it was.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        // Unlike `write_all` it notes how far it came.
        self.stream.write_all_buf(&mut self.output).await?;
        self.output = Cursor::default(); // a long message does not stay for ever
        self.stream.flush().await?; // TLS may hold something back
        self.place = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
