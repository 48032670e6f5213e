//! The way from the reader to the writer. A channel counts messages, but what a peer makes us hold is
//! bytes: so the writer tells on a second channel how many it has written.

use std::sync::mpsc::{self, Receiver, Sender};

use shared::{Error, Outgoing};

/// Bytes that wait to be written; or one message, if it is longer.
const MOST: usize = 64 * 1024;

/// Its end in the reader's hands.
pub(crate) struct Queue {
    queue: Sender<Outgoing>,
    written: Receiver<usize>,
    /// Bytes that are not known to be written.
    waiting: usize,
}

impl Queue {
    /// The queue, where the writer takes from it, and where it tells how many bytes are written.
    pub(crate) fn new() -> (Self, Receiver<Outgoing>, Sender<usize>) {
        let ((queue, queued), (writes, written)) = (mpsc::channel(), mpsc::channel());
        (Self { queue, written, waiting: 0 }, queued, writes)
    }

    /// Waits until there is room; it fails when the writer has ended.
    pub(crate) fn push(&mut self, outgoing: Outgoing) -> Result<(), Error> {
        let len = outgoing.len();
        while self.waiting > 0 && self.waiting + len > MOST {
            self.waiting -= self.written.recv()?;
        }
        self.waiting += len;
        Ok(self.queue.send(outgoing)?)
    }

    /// Whether something waits to be written.
    pub(crate) fn is_behind(&mut self) -> bool {
        self.waiting -= self.written.try_iter().sum::<usize>();
        self.waiting > 0
    }
}
