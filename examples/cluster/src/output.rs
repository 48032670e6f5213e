//! What waits to be written to a guest.

use std::time::Duration;

use shared::Error;
use shared::options::FOR_EVER;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::WriteHalf;
use tokio::time::{Instant, timeout_at};

/// How many bytes may wait before no more is read from the guest, nor heard for it.
const ENOUGH: usize = 16 * 1024;

pub(crate) struct Output<'s> {
    pub(crate) bytes: Vec<u8>,
    stream: WriteHalf<'s>,
    /// Since when the guest has taken none of them, and how long it may.
    stuck_since: Option<Instant>,
    patience: Duration,
}

impl<'s> Output<'s> {
    pub(crate) fn new(stream: WriteHalf<'s>, patience: Duration) -> Self {
        Self { bytes: Vec::new(), stream, stuck_since: None, patience: patience.min(FOR_EVER) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.bytes.len() < ENOUGH
    }

    /// Writes as much as the guest takes. Dropped before it is done, it has written nothing, and the
    /// deadline stays where it was.
    pub(crate) async fn write(&mut self) -> Result<(), Error> {
        let since = *self.stuck_since.get_or_insert_with(Instant::now);
        let write = self.stream.write(&self.bytes);
        let written = timeout_at(since + self.patience, write).await??;
        self.bytes.drain(..written);
        self.stuck_since = None;
        if self.is_empty() {
            self.bytes = Vec::new(); // a long one does not stay
        }
        Ok(())
    }

    pub(crate) async fn write_all(&mut self) -> Result<(), Error> {
        while !self.is_empty() {
            self.write().await?;
        }
        Ok(())
    }

    /// Ends our side.
    pub(crate) async fn shutdown(mut self) -> Result<(), Error> {
        Ok(self.stream.shutdown().await?)
    }
}
