//! One connection: its operation, and what comes of it.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, Timespec};
use sansocket::Scratch;
use shared::{Error, Options, Session};

use crate::DEADLINE;

pub(crate) struct Peer {
    stream: TcpStream,
    session: Session,
    input: Box<[u8]>,
    output: Vec<u8>,
    /// How much of the output is written.
    written: usize,
    /// The kernel's, too, and where the slab does not move it.
    deadline: Box<Timespec>,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream, now: Duration, options: &Options) -> Self {
        stream.set_nodelay(true).ok(); // an error shows with the first operation, too
        Self {
            stream,
            session: Session::new(now, options),
            input: vec![0; 4096].into(),
            output: Vec::new(),
            written: 0,
            deadline: Box::new(Timespec::new()),
        }
    }

    /// The next operation: to write what is to be written, else to read; and its deadline.
    pub(crate) fn next_operation(&mut self, now: Duration, key: u64) -> [Entry; 2] {
        let fd = Fd(self.stream.as_raw_fd());
        let rest = &self.output[self.written..];
        let operation = if rest.is_empty() {
            opcode::Recv::new(fd, self.input.as_mut_ptr(), self.input.len() as u32).build()
        } else {
            // At first what the system takes at once: only what is left then waits for the peer.
            let flags = if self.session.is_behind() { 0 } else { libc::MSG_DONTWAIT };
            let len = rest.len().try_into().unwrap_or(u32::MAX);
            opcode::Send::new(fd, rest.as_ptr(), len).flags(flags).build()
        };
        let wait = self.session.next_deadline().saturating_sub(now);
        *self.deadline = wait.clamp(Duration::from_millis(1), Duration::from_secs(3600)).into();
        let deadline = opcode::LinkTimeout::new(&raw const *self.deadline).build();
        [operation.user_data(key).flags(Flags::IO_LINK), deadline.user_data(DEADLINE)]
    }

    /// Goes on with what came of the operation.
    ///
    /// # Errors
    /// The connection is over, or lost.
    pub(crate) fn on_result(
        &mut self,
        result: i32,
        now: Duration,
        options: &Options,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let done = match result {
            0.. => Some(result as usize),
            // Its time is over, or there is no room.
            _ if matches!(-result, libc::ECANCELED | libc::EINTR | libc::ETIME | libc::EAGAIN) => {
                None
            }
            _ => return Err(io::Error::from_raw_os_error(-result).into()),
        };
        if self.written < self.output.len() {
            let n = done.unwrap_or(0);
            self.written += n;
            self.session.on_write(now, n, self.output.len() - self.written);
            if self.written == self.output.len() {
                (self.output, self.written) = (Vec::new(), 0);
            }
        } else if let Some(n) = done {
            self.session.receive(&mut self.input[..n], options, &mut self.output, scratch);
        }
        self.session.on_timeout(now, options, &mut self.output)?;
        if self.output.is_empty() && self.session.ends_now() {
            self.stream.shutdown(Shutdown::Write)?;
        }
        if self.session.is_over() {
            return Err("both sides have ended".into());
        }
        Ok(())
    }
}
