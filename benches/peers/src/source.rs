//! A transport in memory: reads of a fixed size out of bytes that are there,
//! and writes that vanish unless they are to be checked.
//!
//! A clone is the same transport, so that the harness can rewind one that a
//! contender owns.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;

#[derive(Clone, Debug)]
pub struct Source(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: Rc<[u8]>,
    /// The most bytes that a read gives.
    read: usize,
    at: Cell<usize>,
    reads: Cell<usize>,
    /// What was written, if it is kept.
    written: RefCell<Option<Vec<u8>>>,
}

impl Source {
    pub fn new(bytes: Rc<[u8]>, read: usize) -> Self {
        Self(Rc::new(Shared {
            bytes,
            read,
            at: Cell::new(0),
            reads: Cell::new(0),
            written: RefCell::new(None),
        }))
    }

    /// One to write to.
    pub fn empty() -> Self {
        Self::new([].into(), 1)
    }

    /// Keeps what is written from now on.
    pub fn keep(&self) {
        self.0.written.borrow_mut().get_or_insert_default();
    }

    /// Gives what was kept, and keeps no more.
    pub fn take_written(&self) -> Vec<u8> {
        self.0.written.take().unwrap_or_default()
    }

    #[inline]
    fn write(&self, bytes: &[u8]) -> usize {
        black_box(bytes.as_ptr());
        if let Some(written) = &mut *self.0.written.borrow_mut() {
            written.extend_from_slice(bytes);
        }
        bytes.len()
    }

    /// Starts over.
    pub fn rewind(&self) {
        self.0.at.set(0);
        self.0.reads.set(0);
    }

    pub fn is_drained(&self) -> bool {
        self.0.at.get() == self.0.bytes.len()
    }

    /// Reads that gave something since the last rewind.
    pub fn reads(&self) -> usize {
        self.0.reads.get()
    }

    /// What a read into `room` bytes gets; nothing once all was read.
    #[inline]
    pub fn next(&self, room: usize) -> &[u8] {
        let at = self.0.at.get();
        let left = &self.0.bytes[at..];
        let piece = &left[..left.len().min(self.0.read).min(room)];
        self.0.at.set(at + piece.len());
        self.0.reads.set(self.0.reads.get() + usize::from(!piece.is_empty()));
        piece
    }

    /// Reads into `buffer`; returns the number of bytes.
    #[inline]
    pub fn read(&self, buffer: &mut [u8]) -> usize {
        let piece = self.next(buffer.len());
        buffer[..piece.len()].copy_from_slice(piece);
        piece.len()
    }

    /// Reads into the free capacity of `buffer`, which is made if there is not
    /// room for a whole read, as its users do. Says whether there was anything.
    #[inline]
    pub fn read_buf(&self, buffer: &mut BytesMut) -> bool {
        buffer.reserve(self.0.read);
        let piece = self.next(self.0.read);
        buffer.extend_from_slice(piece);
        !piece.is_empty()
    }
}

impl io::Read for Source {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match Source::read(self, buffer) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl io::Write for Source {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(Source::write(self, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Source {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.next(buffer.remaining());
        if piece.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(piece);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Source {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(Source::write(&self, bytes)))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(slices.iter().map(|slice| Source::write(&self, slice)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures::io::AsyncRead for Source {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match Source::read(&self, buffer) {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }
}

impl futures::io::AsyncWrite for Source {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(Source::write(&self, bytes)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls `future` once; `None` where it waits for more bytes.
#[inline]
pub fn poll<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
