//! A stream of HTTP/2 as bytes to read and to write, with its flow control.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes that a stream brings. The peer may send more when they are read.
pub(crate) struct ReadHalf {
    stream: RecvStream,
    chunk: Bytes,
}

impl ReadHalf {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self { stream, chunk: Bytes::new() }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.chunk.is_empty() {
            match ready!(self.stream.poll_data(context)) {
                Some(chunk) => self.chunk = chunk.map_err(io::Error::other)?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let len = self.chunk.len().min(buffer.remaining());
        buffer.put_slice(&self.chunk.split_to(len));
        let released = self.stream.flow_control().release_capacity(len);
        Poll::Ready(released.map_err(io::Error::other))
    }
}

/// Bytes into a stream, as many as the peer has room for.
pub(crate) struct WriteHalf(SendStream<Bytes>);

impl WriteHalf {
    pub(crate) fn new(stream: SendStream<Bytes>) -> Self {
        Self(stream)
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0)); // for which there would never be room
        }
        self.0.reserve_capacity(bytes.len());
        while self.0.capacity() == 0 {
            match ready!(self.0.poll_capacity(context)) {
                Some(capacity) => drop(capacity.map_err(io::Error::other)?),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let len = self.0.capacity().min(bytes.len());
        let sent = self.0.send_data(Bytes::copy_from_slice(&bytes[..len]), false);
        Poll::Ready(sent.map(|()| len).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.send_data(Bytes::new(), true).map_err(io::Error::other))
    }
}
