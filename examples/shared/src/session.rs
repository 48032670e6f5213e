//! A connection from its first byte to its last, for loops that own many.
//!
//! The loop reads and writes, and tells what came of it and what time it is.

use std::time::Duration;

use sansocket::keepalive::{Due, Keepalive};
use sansocket::{Message, Received, Scratch, Server, WebSocket};

use crate::{Answer, Error, Opening, Options};

pub struct Session {
    state: State,
    keepalive: Keepalive,
    /// Since when the peer has taken nothing of what was left to be written; none if nothing was.
    stuck_since: Option<Duration>,
    /// How long it may.
    patience: Duration,
    /// Whether the peer has ended its side.
    has_ended: bool,
    /// Whether we have.
    is_shut: bool,
}

enum State {
    Opening(Opening),
    Open(Box<WebSocket<Server>>),
    /// All is said. What the peer says is dropped until it ends: closing before would reset the
    /// connection and could lose what we wrote.
    Ending,
}

impl Session {
    pub fn new(now: Duration, options: &Options) -> Self {
        let mut keepalive = options.opening();
        keepalive.on_timeout(now); // the request has time from here on
        let state = State::Opening(Opening::new(options));
        let patience = options.idle_timeout;
        Self { state, keepalive, stuck_since: None, patience, has_ended: false, is_shut: false }
    }

    /// Takes what the peer sent, none for its end, and appends what is to be written to `output`.
    pub fn receive(
        &mut self,
        input: &mut [u8],
        options: &Options,
        output: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) {
        if !matches!(self.state, State::Ending) {
            self.keepalive.on_bytes(); // what is dropped puts off no deadline
        }
        self.has_ended |= input.is_empty();
        let keepalive = &mut self.keepalive;
        let goes_on = match &mut self.state {
            State::Opening(opening) => match opening.receive(input, options, output) {
                Answer::Wait => true,
                Answer::Open(mut opened) => {
                    keepalive.opened();
                    let goes_on =
                        echo(&mut opened.ws, &mut opened.first, keepalive, output, scratch);
                    self.state = State::Open(Box::new(opened.ws));
                    goes_on
                }
                Answer::Over => false,
            },
            State::Open(ws) => echo(ws, input, keepalive, output, scratch),
            State::Ending => false,
        };
        // Who has ended only its own side still gets its answers.
        if (!goes_on || self.has_ended) && !matches!(self.state, State::Ending) {
            self.state = State::Ending;
            // What is left has its own time, however late the request or the peer's Close came.
            self.keepalive = options.keepalive();
        }
    }

    /// Says what nobody asked for. It is appended to `output`, to be written as what
    /// [`receive`](Self::receive) appends is.
    ///
    /// # Errors
    /// The connection is not open yet, or not any more.
    pub fn send(
        &mut self,
        message: &Message,
        output: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let State::Open(ws) = &mut self.state else {
            return Err("the connection is not open".into());
        };
        Ok(ws.send_with(message, output, scratch)?)
    }

    /// Tells how many bytes were written now, and how many are left.
    ///
    /// Who takes some of what was left before is there, and slow. (Of the rest nobody knows: the system
    /// takes it.) Who takes none is not kept for what it says meanwhile.
    pub fn on_write(&mut self, now: Duration, written: usize, left: usize) {
        if written > 0 && self.stuck_since.take().is_some() {
            self.keepalive.on_bytes();
        }
        self.stuck_since = (left > 0).then(|| self.stuck_since.unwrap_or(now));
    }

    /// Whether something was left to be written.
    pub fn is_behind(&self) -> bool {
        self.stuck_since.is_some()
    }

    /// Tells the time: each round, after what came has been received.
    ///
    /// # Errors
    /// The peer has let its last deadline pass, so there is nothing more to wait for.
    pub fn on_timeout(
        &mut self,
        now: Duration,
        options: &Options,
        output: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.takes_until().is_some_and(|deadline| deadline <= now) {
            return Err("the peer takes nothing".into());
        }
        match (self.keepalive.on_timeout(now), &mut self.state) {
            (Some(Due::Ping(payload)), State::Open(ws)) => ws.ping(payload, output),
            (Some(Due::Close(close)), State::Open(ws)) => ws.close(close, output),
            (Some(Due::Failed(error)), State::Open(ws)) => {
                ws.close(error, output);
                // The peer may be there after all: it has a last deadline to read why.
                self.state = State::Ending;
                self.keepalive = options.keepalive();
                self.keepalive.on_close();
                self.keepalive.on_timeout(now);
            }
            (Some(Due::Failed(error)), _) => return Err(error.into()),
            _ => {}
        }
        Ok(())
    }

    /// When to call [`on_timeout`](Self::on_timeout) again, if not before.
    pub fn next_deadline(&self) -> Duration {
        let deadlines = [self.keepalive.next_deadline(), self.takes_until()];
        deadlines.into_iter().flatten().min().unwrap_or(Duration::MAX)
    }

    fn takes_until(&self) -> Option<Duration> {
        Some(self.stuck_since?.saturating_add(self.patience))
    }

    /// Whether to end our side, once all is written: it is true once.
    pub fn ends_now(&mut self) -> bool {
        if !matches!(self.state, State::Ending) || self.is_shut {
            return false;
        }
        self.is_shut = true;
        self.keepalive.on_close(); // from here on there is a deadline for the peer's end
        true
    }

    /// Whether the peer has ended its side: there is nothing to read any more.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether both sides have ended.
    pub fn is_over(&self) -> bool {
        self.has_ended && self.is_shut
    }
}

/// Answers all of `input`; tells whether the connection goes on.
fn echo(
    ws: &mut WebSocket<Server>,
    mut input: &mut [u8],
    keepalive: &mut Keepalive,
    output: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> bool {
    loop {
        match ws.receive_with(&mut input, output, scratch) {
            // It fails only after our own Close, when there is no one to echo to.
            Ok(Some(Received::Message(message))) => drop(ws.send_with(&message, output, scratch)),
            Ok(Some(Received::Ping(_))) => keepalive.on_ping(), // it is answered
            Ok(Some(Received::Pong(payload))) => keepalive.on_pong(&payload),
            Ok(Some(Received::Closed(_))) => {} // its deadline begins when all is written
            Ok(None) => return !ws.is_closed(),
            Err(_) => return false, // the Close that tells it is in the output
        }
    }
}

#[cfg(test)]
mod tests;
