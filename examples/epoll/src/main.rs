//! An echo server on one thread and one event loop, for ten thousand connections and more.
//!
//! The loop owns one input buffer, one output buffer and one set of working memory for compression.
//! A connection owns its state, and bytes only while a request is incomplete, a message arrives in
//! pieces, or the peer does not take what was written.

#[path = "../../options/mod.rs"]
mod options;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::error::Error;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use options::Options;
use sansocket::handshake::{HandshakeError, RequestReader};
use sansocket::keepalive::{Due, Keepalive};
use sansocket::{Received, Scratch, Server, WebSocket};
use slab::Slab;

/// A peer that leaves more unread than this is not read from.
const BACKLOG: usize = 256 * 1024;
const LISTENER: Token = Token(usize::MAX);

/// What the connections share.
struct Shared {
    options: Options,
    /// Since the start.
    now: Duration,
    input: Vec<u8>,
    output: Vec<u8>,
    scratch: Scratch,
}

struct Peer {
    stream: TcpStream,
    state: State,
    /// What was not yet taken of what was written: from `taken` on.
    backlog: Vec<u8>,
    taken: usize,
    /// Whether its turn will come.
    is_queued: bool,
    /// Whether it ended its side. Without that, a read that does not fill the buffer was the last
    /// there is, and an event will tell of more.
    has_ended: bool,
    keepalive: Keepalive,
    /// When a timer will wake it: not later than its next deadline.
    timer: Duration,
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

enum Turn {
    Again,
    Wait,
    Gone,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (options, listen) = options::parse(|_, _| false);
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut listener = TcpListener::bind(listen.parse()?)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;

    let (clock, now) = (Instant::now(), Duration::ZERO);
    let (input, output, scratch) = (vec![0; 64 * 1024], Vec::new(), Scratch::new());
    let mut shared = Shared { options, now, input, output, scratch };
    let mut peers = Peers { slab: Slab::new(), queue: VecDeque::new(), timers: BinaryHeap::new() };
    let (mut events, mut is_waiting) = (Events::with_capacity(1024), false);
    loop {
        if let Err(error) = poll.poll(&mut events, peers.patience(clock.elapsed()))
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        shared.now = clock.elapsed();
        for event in &events {
            match event.token() {
                LISTENER => is_waiting = true,
                Token(key) => peers.wake(key, event.is_read_closed()),
            }
        }
        while is_waiting {
            match listener.accept() {
                Ok((stream, _)) => peers.add(stream, poll.registry(), &shared)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_waiting = false,
                Err(error) => {
                    // Out of files, most likely. No event will come again for those who wait: they
                    // are tried once more in the next round.
                    eprintln!("accept: {error}");
                    break;
                }
            }
        }
        // One read for each whose turn it is: nobody gets a second before all had their first.
        for _ in 0..peers.queue.len() {
            let Some(key) = peers.queue.pop_front() else { break };
            peers.visit(key, |peer| peer.turn(&mut shared));
        }
        while let Some(key) = peers.timed_out(shared.now) {
            peers.visit(key, |peer| peer.on_timeout(&mut shared));
        }
    }
}

struct Peers {
    slab: Slab<Peer>,
    /// Those who may have something to read, or room for what is to be written.
    queue: VecDeque<usize>,
    /// The earliest first. A deadline mostly moves away, so a timer may be early: then it is set anew.
    timers: BinaryHeap<Reverse<(Duration, usize)>>,
}

impl Peers {
    fn add(
        &mut self,
        mut stream: TcpStream,
        registry: &Registry,
        shared: &Shared,
    ) -> io::Result<()> {
        let entry = self.slab.vacant_entry();
        // Edge-triggered: an event says that something changed, and is not repeated.
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, Token(entry.key()), interest)?;
        stream.set_nodelay(true).ok();
        let state = State::Opening(RequestReader::new(), Vec::new());
        let key = entry.key();
        entry.insert(Peer {
            stream,
            state,
            backlog: Vec::new(),
            taken: 0,
            is_queued: false,
            has_ended: false,
            keepalive: Keepalive::opening(shared.options.timeouts),
            timer: Duration::MAX,
        });
        self.enqueue(key); // it may have been faster than the registration
        Ok(())
    }

    fn wake(&mut self, key: usize, has_ended: bool) {
        if let Some(peer) = self.slab.get_mut(key) {
            peer.has_ended |= has_ended;
            self.enqueue(key);
        }
    }

    fn enqueue(&mut self, key: usize) {
        if let Some(peer) = self.slab.get_mut(key)
            && !mem::replace(&mut peer.is_queued, true)
        {
            self.queue.push_back(key);
        }
    }

    fn visit(&mut self, key: usize, work: impl FnOnce(&mut Peer) -> io::Result<Turn>) {
        let Some(peer) = self.slab.get_mut(key) else { return };
        let turn = work(peer);
        let deadline = peer.keepalive.next_deadline().unwrap_or(Duration::MAX);
        if deadline < peer.timer {
            peer.timer = deadline;
            self.timers.push(Reverse((deadline, key)));
        }
        match turn {
            Ok(Turn::Again) => self.enqueue(key),
            Ok(Turn::Wait) => {}
            Ok(Turn::Gone) | Err(_) => drop(self.slab.remove(key)),
        }
    }

    /// How long the loop may wait.
    fn patience(&self, now: Duration) -> Option<Duration> {
        if !self.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        self.timers.peek().map(|Reverse((timer, _))| timer.saturating_sub(now))
    }

    /// The next peer whose timer has come.
    fn timed_out(&mut self, now: Duration) -> Option<usize> {
        while let Some(&Reverse((timer, key))) = self.timers.peek()
            && timer <= now
        {
            self.timers.pop();
            // Timers that were set before an earlier one, or for a peer that has gone, are stale.
            if let Some(peer) = self.slab.get_mut(key)
                && peer.timer == timer
            {
                peer.timer = Duration::MAX;
                return Some(key);
            }
        }
        None
    }
}

impl Peer {
    /// Writes what is left, then reads once and answers.
    fn turn(&mut self, shared: &mut Shared) -> io::Result<Turn> {
        self.is_queued = false;
        self.write(&mut shared.output)?;
        if self.backlog.len() - self.taken > BACKLOG {
            return Ok(Turn::Wait); // until there is room for more
        }
        let n = match self.stream.read(&mut shared.input) {
            Ok(0) => {
                if !matches!(self.state, State::Ending { .. }) {
                    self.end();
                    self.write(&mut shared.output)?;
                }
                // It may have ended only its own side: what is left to write goes first.
                let is_over = matches!(self.state, State::Ending { is_shut: true });
                return Ok(if is_over { Turn::Gone } else { Turn::Wait });
            }
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Wait),
            Err(error) => return Err(error),
        };
        self.keepalive.on_bytes();
        self.answer(n, shared);
        self.write(&mut shared.output)?;
        if let Turn::Gone = self.on_timeout(shared)? {
            return Ok(Turn::Gone);
        }
        let is_all = n < shared.input.len() && !self.has_ended;
        Ok(if is_all { Turn::Wait } else { Turn::Again })
    }

    /// Puts the answer to `n` bytes of input into the output.
    fn answer(&mut self, n: usize, shared: &mut Shared) {
        let Shared { options, input, output, scratch, .. } = shared;
        let input = &mut input[..n];
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

    /// Writes what is left from before, and then `fresh`, with one call as long as both fit. What
    /// the peer does not take is left for later.
    fn write(&mut self, fresh: &mut Vec<u8>) -> io::Result<()> {
        let mut done = 0;
        loop {
            let (old, new) = (&self.backlog[self.taken..], &fresh[done..]);
            if old.is_empty() && new.is_empty() {
                break;
            }
            match self.stream.write_vectored(&[IoSlice::new(old), IoSlice::new(new)]) {
                Ok(n) => {
                    let of_old = n.min(old.len());
                    self.taken += of_old;
                    done += n - of_old;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    fresh.clear(); // it belongs to this peer alone
                    return Err(error);
                }
            }
        }
        // Moved seldom enough that a byte is moved once on average.
        if self.taken * 2 >= self.backlog.len() {
            self.backlog.drain(..mem::take(&mut self.taken));
        }
        self.backlog.extend_from_slice(&fresh[done..]);
        fresh.clear();
        if self.backlog.is_empty() {
            self.backlog = Vec::new();
            if let State::Ending { is_shut: is_shut @ false } = &mut self.state {
                *is_shut = true;
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.state = State::Ending { is_shut: false };
        self.keepalive.on_close(); // from here on there is a deadline for the end
    }

    /// Tells the time: after each turn, and when a timer has come.
    fn on_timeout(&mut self, shared: &mut Shared) -> io::Result<Turn> {
        match (self.keepalive.on_timeout(shared.now), &mut self.state) {
            (Some(Due::Ping(payload)), State::Open(ws)) => ws.ping(payload, &mut shared.output),
            (Some(Due::Close(close)), State::Open(ws)) => ws.close(close, &mut shared.output),
            (Some(Due::Failed(error)), state) => {
                if let State::Open(ws) = state {
                    ws.close(error, &mut shared.output);
                    self.write(&mut shared.output)?;
                }
                return Ok(Turn::Gone);
            }
            _ => return Ok(Turn::Wait),
        }
        self.write(&mut shared.output)?;
        Ok(Turn::Wait)
    }
}

/// Answers the request if `head` has it whole: a connection, and the length of the request.
fn open(
    reader: &mut RequestReader,
    head: &[u8],
    options: &Options,
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
