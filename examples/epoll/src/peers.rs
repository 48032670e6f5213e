//! Whose turn it is, and when.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::mem;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use shared::Options;
use slab::Slab;

use crate::peer::{Peer, Shared, Turn};

#[derive(Default)]
pub(crate) struct Peers {
    slab: Slab<Peer>,
    /// Those who may have something to read, or room for what is to be written.
    queue: VecDeque<usize>,
    /// One for each, the earliest first. Most deadlines move away before they come, so a timer may
    /// be early, and is set anew when it fires.
    timers: BTreeSet<(Duration, usize)>,
}

impl Peers {
    pub(crate) fn add(
        &mut self,
        mut stream: TcpStream,
        registry: &Registry,
        now: Duration,
        options: &Options,
    ) -> io::Result<()> {
        let entry = self.slab.vacant_entry();
        let key = entry.key();
        // Edge-triggered: an event says that something changed, and is not repeated.
        registry.register(&mut stream, Token(key), Interest::READABLE | Interest::WRITABLE)?;
        stream.set_nodelay(true).ok(); // an error shows with the first read, too
        let peer = entry.insert(Peer::new(stream, now, options));
        self.timers.insert((peer.timer, key));
        Ok(())
    }

    /// Something has changed for a peer; `has_ended` if it has ended its side.
    pub(crate) fn wake(&mut self, key: usize, has_ended: bool) {
        if let Some(peer) = self.slab.get_mut(key) {
            peer.has_ended |= has_ended;
            if !mem::replace(&mut peer.is_queued, true) {
                self.queue.push_back(key);
            }
        }
    }

    pub(crate) fn wake_those_in_time(&mut self, now: Duration) {
        while let Some(&(timer, key)) = self.timers.first()
            && timer <= now
        {
            self.timers.pop_first();
            self.wake(key, false);
        }
    }

    /// When the next turn is to be given.
    pub(crate) fn next_turn(&self) -> Duration {
        if !self.queue.is_empty() {
            return Duration::ZERO;
        }
        self.timers.first().map_or(Duration::MAX, |&(timer, _)| timer)
    }

    pub(crate) fn in_queue(&self) -> usize {
        self.queue.len()
    }

    /// Gives the first in the queue its turn.
    pub(crate) fn give_turn(&mut self, now: Duration, shared: &mut Shared) {
        let Some(key) = self.queue.pop_front() else { return };
        let peer = &mut self.slab[key];
        peer.is_queued = false;
        let turn = peer.turn(now, shared);
        let (timer, deadline) = (peer.timer, peer.session.next_deadline());
        if deadline < timer || timer <= now {
            peer.timer = deadline;
            self.timers.remove(&(timer, key));
            self.timers.insert((deadline, key));
        }
        match turn {
            Ok(Turn::Again) => self.wake(key, false),
            Ok(Turn::Wait) => {}
            Ok(Turn::Over) | Err(_) => {
                let peer = self.slab.remove(key);
                self.timers.remove(&(peer.timer, key));
            }
        }
    }
}

#[cfg(test)]
mod tests;
