//! An echo server on `io_uring`: one thread, which hands operations to the kernel and takes results.
//!
//! A connection has one operation under way, a read or a write, with the deadline linked to it. What
//! is to be written is written before more is read: that is the back-pressure. The buffers of an
//! operation belong to the kernel until its result is there, and so does the connection.
//!
//! Exits with 77 where the kernel has no `io_uring`, or does not let us use it.

#[path = "../../options/mod.rs"]
mod options;

use std::error::Error;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process;
use std::time::{Duration, Instant};

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, Timespec};
use io_uring::{IoUring, opcode};
use options::Options;
use sansocket::handshake::{HandshakeError, RequestReader};
use sansocket::keepalive::{Due, Keepalive};
use sansocket::{Received, Scratch, Server, WebSocket};
use slab::Slab;

const ACCEPT: u64 = u64::MAX;
/// The result of a deadline: the operation that it is linked to has one of its own.
const DEADLINE: u64 = u64::MAX - 1;

struct Peer {
    stream: TcpStream,
    state: State,
    keepalive: Keepalive,
    input: Box<[u8]>,
    output: Vec<u8>,
    /// How much of the output is written.
    written: usize,
    is_writing: bool,
    /// The kernel's, too, and where the slab does not move it.
    deadline: Box<Timespec>,
}

enum State {
    /// The request, as far as it has come.
    Opening(RequestReader, Vec<u8>),
    Open(Box<WebSocket<Server>>),
    /// All is said. What the peer says is dropped until it ends: closing before would reset the
    /// connection and could lose what we wrote.
    Ending {
        is_shut: bool,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let (options, listen) = options::parse(|_, _| false);
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut ring = IoUring::new(1024).unwrap_or_else(|error| {
        eprintln!("no io_uring here: {error}");
        process::exit(77);
    });
    let listener = TcpListener::bind(listen)?;
    println!("listening on ws://{}", listener.local_addr()?);

    let (clock, mut peers, mut scratch) = (Instant::now(), Slab::<Peer>::new(), Scratch::new());
    accept(&mut ring, &listener)?;
    loop {
        match ring.submit_and_wait(1) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let done: Vec<_> =
            ring.completion().map(|done| (done.user_data(), done.result())).collect();
        for (key, result) in done {
            match key {
                DEADLINE => {}
                ACCEPT if result < 0 => {
                    // Out of files, most likely.
                    eprintln!("accept: {}", io::Error::from_raw_os_error(-result));
                    accept(&mut ring, &listener)?;
                }
                ACCEPT => {
                    accept(&mut ring, &listener)?;
                    // SAFETY: the kernel has just made it, for nobody but us.
                    let stream = unsafe { TcpStream::from_raw_fd(result) };
                    stream.set_nodelay(true)?;
                    let key = peers.insert(Peer::new(stream, options));
                    peers[key].keepalive.on_timeout(clock.elapsed());
                    peers[key].go_on(&mut ring, key, clock.elapsed(), options)?;
                }
                _ => {
                    let (key, now) = (key as usize, clock.elapsed());
                    if peers[key].on_result(result, now, options, &mut scratch).is_ok() {
                        peers[key].go_on(&mut ring, key, now, options)?;
                    } else {
                        peers.remove(key); // nothing of it is with the kernel now
                    }
                }
            }
        }
    }
}

fn accept(ring: &mut IoUring, listener: &TcpListener) -> io::Result<()> {
    let accept =
        opcode::Accept::new(Fd(listener.as_raw_fd()), std::ptr::null_mut(), std::ptr::null_mut());
    push(ring, &[accept.build().user_data(ACCEPT)])
}

/// Lays operations that are linked where the kernel takes them, when the loop waits next. Those
/// before them are taken at once where there is no room for these.
fn push(ring: &mut IoUring, entries: &[Entry]) -> io::Result<()> {
    // SAFETY: what the entries point to are the input, the output and the deadline of a `Peer`. They
    // are on the heap, and neither they nor the peer are touched until the result is there.
    while unsafe { ring.submission().push_multiple(entries) }.is_err() {
        ring.submit()?;
    }
    Ok(())
}

impl Peer {
    fn new(stream: TcpStream, options: Options) -> Self {
        Self {
            stream,
            state: State::Opening(RequestReader::new(), Vec::new()),
            keepalive: Keepalive::opening(options.timeouts),
            input: vec![0; 4096].into(),
            output: Vec::new(),
            written: 0,
            is_writing: false,
            deadline: Box::new(Timespec::new()),
        }
    }

    /// The next operation: to write what is to be written, else to read.
    fn go_on(
        &mut self,
        ring: &mut IoUring,
        key: usize,
        now: Duration,
        options: Options,
    ) -> io::Result<()> {
        let fd = Fd(self.stream.as_raw_fd());
        let rest = &self.output[self.written..];
        self.is_writing = !rest.is_empty();
        let (operation, wait) = if self.is_writing {
            let len = rest.len().try_into().unwrap_or(u32::MAX);
            (opcode::Send::new(fd, rest.as_ptr(), len).build(), options.idle_timeout)
        } else {
            let (input, len) = (self.input.as_mut_ptr(), self.input.len() as u32);
            let wait = self.keepalive.wait(now).unwrap_or(Duration::from_secs(3600));
            (opcode::Recv::new(fd, input, len).build(), wait)
        };
        *self.deadline = wait.into();
        let operation = operation.user_data(key as u64).flags(Flags::IO_LINK);
        let deadline = opcode::LinkTimeout::new(&raw const *self.deadline).build();
        push(ring, &[operation, deadline.user_data(DEADLINE)])
    }

    /// What came of the operation; an error ends the connection.
    fn on_result(
        &mut self,
        result: i32,
        now: Duration,
        options: Options,
        scratch: &mut Scratch,
    ) -> Result<(), Box<dyn Error>> {
        let is_late = matches!(-result, libc::ECANCELED | libc::EINTR | libc::ETIME);
        if result < 0 && (!is_late || self.is_writing) {
            return Err(io::Error::from_raw_os_error(-result).into());
        }
        let done = usize::try_from(result).ok(); // none at a deadline
        if self.is_writing {
            self.written += done.unwrap_or(0);
            if self.written < self.output.len() {
                return Ok(());
            }
            (self.output, self.written) = (Vec::new(), 0);
        } else if let Some(n @ 1..) = done {
            self.keepalive.on_bytes();
            self.answer(n, options, scratch);
        } else if done == Some(0) {
            if let State::Ending { .. } = self.state {
                return Err("the end".into());
            }
            self.end();
        }
        match (self.keepalive.on_timeout(now), &mut self.state) {
            (Some(Due::Ping(payload)), State::Open(ws)) => ws.ping(payload, &mut self.output),
            (Some(Due::Close(close)), State::Open(ws)) => ws.close(close, &mut self.output),
            (Some(Due::Failed(error)), State::Open(ws)) => {
                ws.close(error, &mut self.output);
                self.end();
            }
            (Some(Due::Failed(error)), _) if self.output.is_empty() => return Err(error.into()),
            _ => {}
        }
        if let State::Ending { is_shut: is_shut @ false } = &mut self.state
            && self.output.is_empty()
        {
            *is_shut = true;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    fn end(&mut self) {
        self.state = State::Ending { is_shut: false };
        self.keepalive.on_close(); // from here on there is a deadline for the end
    }

    /// Puts the answer to `n` bytes of input into the output.
    fn answer(&mut self, n: usize, options: Options, scratch: &mut Scratch) {
        let (input, output) = (&mut self.input[..n], &mut self.output);
        let is_over = match &mut self.state {
            State::Opening(reader, head) => {
                head.extend_from_slice(input);
                match open(reader, head, options, output) {
                    Ok(None) => false,
                    Ok(Some((mut ws, len))) => {
                        self.keepalive.opened();
                        let first = &mut head[len..];
                        let is_over = echo(&mut ws, &mut self.keepalive, first, output, scratch);
                        self.state = State::Open(Box::new(ws));
                        is_over
                    }
                    Err(error) => {
                        output.extend_from_slice(error.reply(&mut [0; 512]).unwrap_or_default());
                        true
                    }
                }
            }
            State::Open(ws) => echo(ws, &mut self.keepalive, input, output, scratch),
            State::Ending { .. } => false,
        };
        if is_over {
            self.end();
        }
    }
}

/// Answers the request if `head` has it whole: a connection, and the length of the request.
fn open(
    reader: &mut RequestReader,
    head: &[u8],
    options: Options,
    output: &mut Vec<u8>,
) -> Result<Option<(WebSocket<Server>, usize)>, HandshakeError> {
    let Some(request) = reader.read(head)? else { return Ok(None) };
    let upgrade = request.upgrade()?;
    let agreed = options.compression.and_then(|wish| wish.accept(upgrade.offer().extensions()));
    let mut out = [0; 1024];
    let response = upgrade.accept(&mut out).compression(agreed).finish();
    output.extend_from_slice(response.expect("room for a response without headers of ours"));
    let ws = WebSocket::server_with_compression(options.config, agreed);
    Ok(Some((ws, request.head_len())))
}

/// Answers all of `input`; tells whether the connection is over.
fn echo(
    ws: &mut WebSocket<Server>,
    keepalive: &mut Keepalive,
    mut input: &mut [u8],
    output: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> bool {
    loop {
        match ws.receive_with(&mut input, output, scratch) {
            // It fails only after our own Close, when there is no one to echo to.
            Ok(Some(Received::Message(message))) => drop(ws.send_with(&message, output, scratch)),
            Ok(Some(Received::Pong(payload))) => keepalive.on_pong(&payload),
            Ok(Some(_)) => {}
            Ok(None) => return ws.is_closed(),
            Err(_) => return true, // the Close that tells it is in the output
        }
    }
}
