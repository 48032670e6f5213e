//! Reading with a timeout, for the examples that keep deadlines.

use std::io::{self, ErrorKind, Read};

/// Reads; `None` when the read timeout has passed, or a signal came before it.
pub(crate) fn read(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(n) => Ok(Some(n)),
        Err(error) => match error.kind() {
            // The system decides which of the first two. The third is a process that was
            // stopped and goes on: reads with a timeout are not taken up again.
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}
