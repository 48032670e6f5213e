//! Reading with a timeout, for the examples that keep deadlines.

use std::io::{self, ErrorKind, Read};

/// Reads; `None` when the read timeout has passed.
pub(crate) fn read(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(n) => Ok(Some(n)),
        // Which of the two depends on the system.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
