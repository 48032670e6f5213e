//! One connection: what it does in its turn.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::net::TcpStream;
use sansocket::Scratch;
use shared::{Error, Options, Session};

/// A peer that leaves more unread than this is not read from.
const BACKLOG: usize = 256 * 1024;

/// What the connections share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) scratch: Scratch,
}

pub(crate) struct Peer {
    stream: TcpStream,
    pub(crate) session: Session,
    /// What was written and not yet taken.
    backlog: VecDeque<u8>,
    /// Whether its turn will come.
    pub(crate) is_queued: bool,
    /// Whether it has ended its side, be it read or not. Without that, a read that does not fill the
    /// buffer was the last there is, and an event will tell of more.
    pub(crate) has_ended: bool,
    /// When it is woken: not later than its next deadline.
    pub(crate) timer: Duration,
}

pub(crate) enum Turn {
    Again,
    Wait,
    Over,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream, now: Duration, options: &Options) -> Self {
        let session = Session::new(now, options);
        let timer = session.next_deadline();
        let backlog = VecDeque::new();
        Self { stream, session, backlog, is_queued: false, has_ended: false, timer }
    }

    /// Writes what is left, reads once and answers.
    pub(crate) fn turn(&mut self, now: Duration, shared: &mut Shared) -> Result<Turn, Error> {
        let Shared { options, input, output, scratch } = shared;
        self.write(now, output)?;
        let mut turn = Turn::Wait;
        if self.backlog.len() <= BACKLOG && !self.session.has_ended() {
            match self.stream.read(input) {
                Ok(n) => {
                    self.session.receive(&mut input[..n], options, output, scratch);
                    if n == input.len() || self.has_ended {
                        turn = Turn::Again;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => turn = Turn::Again,
                Err(error) => return Err(error.into()),
            }
        }
        let in_time = self.session.on_timeout(now, options, output);
        self.write(now, output)?;
        in_time?;
        Ok(if self.session.is_over() { Turn::Over } else { turn })
    }

    /// Writes what is left from before, and then `fresh`, with one call as long as both fit. What
    /// the peer does not take is left for later.
    ///
    /// It needs no budget: a turn reads once, so a peer that reads as fast as this writes has no more
    /// written to it than the backlog and one answer.
    pub(crate) fn write(&mut self, now: Duration, fresh: &mut Vec<u8>) -> io::Result<()> {
        let (mut rest, mut written) = (&fresh[..], 0);
        let result = loop {
            if self.backlog.is_empty() && rest.is_empty() {
                break Ok(());
            }
            let (a, b) = self.backlog.as_slices();
            match self.stream.write_vectored(&[a, b, rest].map(IoSlice::new)) {
                Ok(n) => {
                    let of_backlog = n.min(self.backlog.len());
                    self.backlog.drain(..of_backlog);
                    rest = &rest[n - of_backlog..];
                    written += n;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.backlog.extend(rest);
        fresh.clear(); // for the next peer
        self.session.on_write(now, written, self.backlog.len());
        if self.backlog.is_empty() {
            self.backlog = VecDeque::new();
            if self.session.ends_now() {
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        result
    }
}
