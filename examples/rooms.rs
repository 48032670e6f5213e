//! Chat in rooms: who connects to `/{id}` talks to all who are there.
//!
//! ```text
//! cargo run --release --example rooms -- [--listen 127.0.0.1:9002] [--origin ORIGIN]
//!     [--heartbeat SECONDS]
//! ```
//!
//! A newcomer hears `room {id}, you are {N}`, the others `{N} joined`; a text `m` of
//! N goes to all as `{N}: {m}`, a binary message as it is; in the end the others
//! hear `{N} left`. Nobody is waited for: who does not take what is said is closed
//! with 1008. Clients that vanish are noticed by Pings.

mod server;
mod timed;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sansocket::deflate::Compression;
use sansocket::keepalive::Timeouts;
use sansocket::{CloseCode, CloseFrame, Config, Message, Received, Server, WebSocket};
use server::{Opened, Options, Site, linger, listen};
use timed::read;

/// A longer message is refused with 1009.
const MAX_MESSAGE: u64 = 16 * 1024;
/// A longer name of a room is refused with 1008.
const MAX_NAME: usize = 64;
/// More unsent bytes are refused with 1008.
const MAX_BACKLOG: usize = 256 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let Options { listen: address, origin, timeouts } = Options::of("rooms", "127.0.0.1:9002");
    let site = Site {
        page: include_bytes!("rooms.html"),
        origin,
        compression: Some(Compression::new()),
        protocols: &[],
        knows: |path| path != "/" && !path[1..].contains('/'),
        refuse: None,
    };
    let rooms = Rooms::default();
    Ok(listen(&address, site, move |opened| serve(opened, &rooms, timeouts))?)
}

#[derive(Default)]
struct Rooms(Mutex<HashMap<String, Room>>);

#[derive(Default)]
struct Room {
    /// How many have ever come.
    count: u64,
    members: BTreeMap<u64, Arc<Member>>,
}

impl Rooms {
    /// Greets the newcomer, tells the others, and gives the newcomer's number.
    fn join(&self, id: &str, member: &Arc<Member>) -> u64 {
        let mut rooms = lock(&self.0);
        let room = rooms.entry(id.to_owned()).or_default();
        room.count += 1;
        let number = room.count;
        member.send(&format!("room {id}, you are {number}").into());
        room.tell(format!("{number} joined").into());
        room.members.insert(number, Arc::clone(member));
        number
    }

    fn say(&self, id: &str, number: u64, message: Message<'static>) {
        let message = match message {
            Message::Text(text) => format!("{number}: {text}").into(),
            binary @ Message::Binary(_) => binary,
        };
        if let Some(room) = lock(&self.0).get_mut(id) {
            room.tell(message);
        }
    }

    fn leave(&self, id: &str, number: u64) {
        let mut rooms = lock(&self.0);
        let Some(room) = rooms.get_mut(id) else { return };
        if room.members.remove(&number).is_some() {
            room.tell(format!("{number} left").into());
        }
        if room.members.is_empty() {
            rooms.remove(id);
        }
    }
}

impl Room {
    /// Says `message` to all. Who was closed for being slow is gone by now, and
    /// the others are told in turn.
    fn tell(&mut self, message: Message<'static>) {
        let mut messages = VecDeque::from([message]);
        while let Some(message) = messages.pop_front() {
            self.members.retain(|number, member| {
                let stays = member.send(&message);
                if !stays {
                    messages.push_back(format!("{number} left").into());
                }
                stays
            });
        }
    }
}

/// A connection: one thread reads, one writes, and any may have it say something.
struct Member {
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
    fn send(&self, message: &Message) -> bool {
        self.with(|ws, output| ws.send(message, output)).is_ok()
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
    fn read(
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

/// One connection: in a room until the end.
fn serve(opened: Opened, rooms: &Rooms, timeouts: Timeouts) -> Result<(), Box<dyn Error>> {
    let Opened { stream, path, agreement, first } = opened;
    // A write that takes longer than this will never end.
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let config = Config::new().max_message(MAX_MESSAGE).drop_after_close(true);
    let ws = WebSocket::server_with_compression(config, agreement).keepalive(timeouts);
    let state = Mutex::new(State { ws, output: Vec::new(), finished: false });
    let member = Arc::new(Member { state, ready: Condvar::new() });
    let (writing, out) = (Arc::clone(&member), stream.try_clone()?);
    let writer = thread::spawn(move || writing.write(out));

    let id = &path[1..];
    let result = if id.len() > MAX_NAME {
        member.with(|ws, output| ws.close(refusal("the room's name is too long"), output));
        member.read(&stream, first, |_| {})
    } else {
        let number = rooms.join(id, &member);
        let result = member.read(&stream, first, |message| rooms.say(id, number, message));
        rooms.leave(id, number);
        result
    };
    lock(&member.state).finished = true;
    member.ready.notify_one();
    let _ = writer.join();
    linger(stream);
    result
}

fn refusal(why: &str) -> CloseFrame {
    let code = CloseCode::POLICY_VIOLATION;
    CloseFrame::new(code, why).unwrap_or(code.into())
}

/// A thread that panicked leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
