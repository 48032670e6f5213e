//! An echo server on one thread and one event loop, for ten thousand connections and more.
//!
//! The loop owns one input buffer, one output buffer and one set of working memory for compression.
//! A connection owns its state, and bytes only while a request is incomplete, a message arrives in
//! pieces, or the peer does not take what was written.

mod peer;
mod peers;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Registry, Token};
use peer::Shared;
use peers::Peers;
use sansocket::Scratch;
use shared::{Error, Options, options};

const LISTENER: Token = Token(usize::MAX);

fn main() -> Result<(), Error> {
    let (options, listen) = options::parse(|_, _| false);
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut listener = TcpListener::bind(listen.parse()?)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;

    let clock = Instant::now();
    let (input, output, scratch) = (vec![0; 16 * 1024], Vec::new(), Scratch::new());
    let mut shared = Shared { options, input, output, scratch };
    let (mut peers, mut events) = (Peers::default(), Events::with_capacity(1024));
    let mut next_accept = Duration::MAX; // an event tells of the first who waits
    loop {
        let next = peers.next_turn().min(next_accept);
        let wait = (next < Duration::MAX).then(|| next.saturating_sub(clock.elapsed()));
        match poll.poll(&mut events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let now = clock.elapsed();
        for event in &events {
            match event.token() {
                LISTENER => next_accept = now,
                Token(key) => peers.wake(key, event.is_read_closed()),
            }
        }
        if next_accept <= now {
            next_accept = accept(&listener, &mut peers, poll.registry(), now, &shared.options);
        }
        peers.wake_those_in_time(now);
        // One read for each whose turn it is: nobody gets a second before all had their first.
        for _ in 0..peers.in_queue() {
            peers.give_turn(now, &mut shared);
        }
    }
}

/// Accepts some of those who wait; returns when to go on.
fn accept(
    listener: &TcpListener,
    peers: &mut Peers,
    registry: &Registry,
    now: Duration,
    options: &Options,
) -> Duration {
    for _ in 0..64 {
        match listener.accept().and_then(|(stream, _)| peers.add(stream, registry, now, options)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Duration::MAX,
            Err(error) => {
                // Out of files, most likely: let some connections end.
                shared::log(format_args!("accept: {error}"));
                return now + Duration::from_millis(100);
            }
        }
    }
    now // there may be more, and those who are here have waited
}
