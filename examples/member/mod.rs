//! A connection that any thread may have say something, and that nobody waits
//! for: what it has to say gathers in memory, up to a limit, and a thread of its
//! own writes it.

use std::error::Error;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sansocket::{CloseCode, CloseFrame, Message, Received, Server, WebSocket};

use crate::timed::read;

/// More unsent bytes are refused with 1008.
const MAX_BACKLOG: usize = 256 * 1024;

/// A connection: one thread reads, one writes, and any may have it say something.
pub(crate) struct Member {
    state: Mutex<State>,
    /// There is something to write, or nothing ever again.
    ready: Condvar,
}

struct State {
    ws: WebSocket<Server>,
    /// What is to be written.
    output: Vec<u8>,
    finished: bool,
}

impl Member {
    /// An open connection and the thread that writes.
    pub(crate) fn start(
        ws: WebSocket<Server>,
        stream: &TcpStream,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let state = Mutex::new(State { ws, output: Vec::new(), finished: false });
        let member = Arc::new(Self { state, ready: Condvar::new() });
        // A write that takes longer than this will never end.
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        let (writing, stream) = (Arc::clone(&member), stream.try_clone()?);
        let writer = thread::Builder::new().spawn(move || writing.write(stream))?;
        Ok((member, writer))
    }

    /// Has the connection do something, and the writing thread take what comes of
    /// it. If that is too much it is dropped, and the connection closed. (What is
    /// dropped is whole frames, as what is being written was taken away before.)
    fn with<T>(&self, work: impl FnOnce(&mut WebSocket<Server>, &mut Vec<u8>) -> T) -> T {
        let mut state = lock(&self.state);
        let State { ws, output, .. } = &mut *state;
        let done = work(ws, output);
        if output.len() > MAX_BACKLOG {
            output.clear();
            ws.close(refusal("you read too slowly"), output);
        }
        self.ready.notify_one();
        done
    }

    /// Whether the connection still takes messages.
    pub(crate) fn send(&self, message: &Message) -> bool {
        self.with(|ws, output| ws.send(message, output)).is_ok()
    }

    /// Closes the connection with 1008.
    pub(crate) fn refuse(&self, why: &str) {
        self.with(|ws, output| ws.close(refusal(why), output));
    }

    /// Waits until all is written, the end of it having come.
    pub(crate) fn finish(&self, writer: JoinHandle<()>) {
        lock(&self.state).finished = true;
        self.ready.notify_one();
        let _ = writer.join();
    }

    /// Writes whatever is to be written, until there will be nothing.
    fn write(&self, mut stream: TcpStream) {
        loop {
            let idle = |state: &mut State| state.output.is_empty() && !state.finished;
            let state = self.ready.wait_while(lock(&self.state), idle);
            let output = std::mem::take(&mut state.unwrap_or_else(PoisonError::into_inner).output);
            if output.is_empty() {
                return;
            }
            // The lock is free again: writing may take long.
            if stream.write_all(&output).is_err() {
                // So that the reading thread does not wait either.
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Reads until the connection ends; `say` gets the messages.
    pub(crate) fn read(
        &self,
        mut stream: &TcpStream,
        first: Vec<u8>,
        say: impl Fn(Message<'static>),
    ) -> Result<(), Box<dyn Error>> {
        let clock = Instant::now();
        let (mut filled, mut buffer) = (first.len(), first);
        buffer.resize(16 * 1024, 0);
        loop {
            // Said when the lock is free again: the others may be saying something
            // to this one.
            let mut said = Vec::new();
            let wait = self.with(|ws, output| -> Result<_, Box<dyn Error>> {
                let mut input = &mut buffer[..filled];
                while let Some(received) = ws.receive(&mut input, output)? {
                    if let Received::Message(message) = received {
                        said.push(message.into_owned());
                    }
                }
                // Last, so that what came in time is not found late.
                ws.on_timeout(clock.elapsed(), output)?;
                Ok(if ws.is_closed() { None } else { Some(ws.wait(clock.elapsed())) })
            });
            said.into_iter().for_each(&say);
            let Some(wait) = wait? else { return Ok(()) };
            stream.set_read_timeout(wait)?;
            filled = match read(&mut stream, &mut buffer)? {
                Some(0) => return Err("connection lost".into()),
                Some(n) => n,
                None => 0,
            };
        }
    }
}

fn refusal(why: &str) -> CloseFrame {
    let code = CloseCode::POLICY_VIOLATION;
    CloseFrame::new(code, why).unwrap_or(code.into())
}

/// A thread that panicked leaves nothing half done here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
