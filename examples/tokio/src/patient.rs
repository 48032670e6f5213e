//! The deadline for a peer that takes nothing.

use std::pin::Pin;

use shared::Options;
use shared::options::FOR_EVER;
use tokio::io::AsyncWrite;
use tokio_io_timeout::TimeoutWriter;

pub(crate) type Patient<S> = Pin<Box<TimeoutWriter<S>>>;

/// A stream that fails when it has something to write and the peer takes nothing for so long; whoever
/// drops a write and begins another does not put that off.
///
/// For what carries bytes to the peer: a stream above it, as TLS, takes some of its own accord, though
/// the peer takes none.
pub(crate) fn patient<S: AsyncWrite>(stream: S, options: &Options) -> Patient<S> {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(options.idle_timeout.min(FOR_EVER)));
    Box::pin(stream)
}
