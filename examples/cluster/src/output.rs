//! What waits to be written to a guest.

use shared::{Error, Options};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::WriteHalf;

use crate::patient::{Patient, patient};

/// How many bytes may wait before no more is read from the guest, nor heard for it.
const ENOUGH: usize = 16 * 1024;

pub(crate) struct Output<'s> {
    pub(crate) bytes: Vec<u8>,
    stream: Patient<WriteHalf<'s>>,
}

impl<'s> Output<'s> {
    pub(crate) fn new(stream: WriteHalf<'s>, options: &Options) -> Self {
        Self { bytes: Vec::new(), stream: patient(stream, options) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.bytes.len() < ENOUGH
    }

    /// Writes as much as the guest takes. Dropped before it is done, it has written nothing.
    pub(crate) async fn write(&mut self) -> Result<(), Error> {
        // After an error nothing more is written, or it would have its patience anew.
        let written = self.stream.write(&self.bytes).await.inspect_err(|_| self.bytes.clear())?;
        self.bytes.drain(..written);
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
