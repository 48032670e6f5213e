//! Blocking sockets whose reads have a timeout: reading, and a graceful end.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Reads; `None` when the read timeout has passed.
pub(crate) fn read(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        return match stream.read(buffer) {
            Ok(n) => Ok(Some(n)),
            Err(error) => match error.kind() {
                // The system decides which of the two.
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(None),
                // A process that was stopped and goes on: reads with a timeout are not taken up
                // again. What came meanwhile is to be read before anything is found late.
                ErrorKind::Interrupted => continue,
                _ => Err(error),
            },
        };
    }
}

/// Ends our side and waits a while for the peer to end its own: closing at once,
/// with bytes unread, would reset the connection and could lose what we wrote.
#[allow(dead_code, reason = "clients leave it to the server")]
pub(crate) fn linger(stream: &TcpStream) {
    linger_for(stream, Duration::from_secs(2));
}

#[allow(dead_code, reason = "clients leave it to the server")]
pub(crate) fn linger_for(mut stream: &TcpStream, most: Duration) {
    let _ = stream.shutdown(Shutdown::Write);
    let (start, mut rest) = (Instant::now(), [0; 4096]);
    while let Some(left) = most.checked_sub(start.elapsed())
        && stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).is_ok()
        && matches!(read(&mut stream, &mut rest), Ok(Some(1..)))
    {}
}
