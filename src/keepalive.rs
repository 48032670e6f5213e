//! Deadlines, without a clock: is the peer still there, and how far away?
//!
//! A [`Keepalive`] is told what happens and what time it is, and says until when
//! to wait and what is due then. The time is a [`Duration`] since any moment that
//! the caller chooses once: `start.elapsed()` of an `Instant`, a counter of
//! milliseconds, a test's own invention.
//!
//! ```text
//!            opening() ──────► Opening ──handshake──────────────────► Failed
//!                                 │ opened()                            ▲
//!                                 ▼                                     │
//!  new() ──────────────────────► Open ───answer───────────────────────► │
//!                                 │ Ping every interval                 │
//!                                 │ on_close(), idle or a flood: Close  │
//!                                 ▼                                     │
//!                              Closing ──close, or the flood goes on──► ┘
//! ```
//!
//! Beside a layer 1 connection, in the loop of a server:
//!
//! ```
//! use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
//! use std::io::{Error, Read, Write};
//! use std::net::TcpStream;
//! use std::time::{Duration, Instant};
//! use sansocket::{Config, Connection, Event};
//! use sansocket::keepalive::{Due, Keepalive, Timeouts};
//!
//! fn serve(mut io: TcpStream) -> Result<(), Error> {
//!     let clock = Instant::now();
//!     let mut ws = Connection::server(Config::new());
//!     let mut keepalive = Keepalive::new(Timeouts::new().interval(Duration::from_secs(30)));
//!     let mut buffer = [0; 4096];
//!     loop {
//!         io.set_read_timeout(keepalive.wait(clock.elapsed()))?;
//!         let n = match io.read(&mut buffer) {
//!             Ok(0) => return Ok(()), // the peer is gone
//!             Ok(n) => n,
//!             Err(e) if matches!(e.kind(), WouldBlock | TimedOut | Interrupted) => 0,
//!             Err(error) => return Err(error),
//!         };
//!         let mut input = &mut buffer[..n];
//!         while let Some(event) = ws.receive(&mut input).map_err(Error::other)? {
//!             keepalive.on_event(&event);
//!             if let Event::Ping(ping) = event {
//!                 io.write_all(&ws.pong(ping))?;
//!             } // and so on
//!         }
//!         // Last, so that what came in time is not found late.
//!         match keepalive.on_timeout(clock.elapsed()) {
//!             None => {}
//!             Some(Due::Ping(payload)) => io.write_all(&ws.ping(payload))?,
//!             Some(Due::Close(frame)) => {
//!                 ws.close(frame).map_or(Ok(()), |frame| io.write_all(&frame))?;
//!             }
//!             Some(Due::Failed(error)) => return Err(Error::other(error)),
//!         }
//!     }
//! }
//! ```
//!
//! A `WebSocket` of layer 2 has one inside, if it is made with `keepalive`.

// Any time may be told, and none may make it panic or overflow.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

use core::error::Error;
use core::fmt;
use core::time::Duration;

use crate::close::{CloseCode, CloseFrame};
use crate::config::Config;
use crate::connection::Event;
use crate::payload::Payload;

/// How long to wait for what.
///
/// [`Duration::MAX`] is for ever; less than a millisecond counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Timeouts {
    handshake: Duration,
    interval: Duration,
    answer: Duration,
    idle: Duration,
    close: Duration,
}

impl Timeouts {
    /// The defaults: a Ping every 20 seconds, 20 more to answer it, 10 for
    /// either handshake, and any time without messages.
    pub const fn new() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            interval: Duration::from_secs(20),
            answer: Duration::from_secs(20),
            idle: Duration::MAX,
            close: Duration::from_secs(10),
        }
    }

    /// How long the opening handshake may take. Default: 10 seconds.
    pub const fn handshake(self, time: Duration) -> Self {
        Self { handshake: time, ..self }
    }

    /// The time between two Pings. The next waits for the answer to the last.
    /// Default: 20 seconds.
    ///
    /// Under a minute it also keeps most proxies and address translators from
    /// forgetting the connection.
    pub const fn interval(self, time: Duration) -> Self {
        Self { interval: time, ..self }
    }

    /// How long after a Ping the peer may be silent before it is given up.
    /// Default: 20 seconds.
    ///
    /// Any event from the peer gives it this long anew, a piece of a message too:
    /// its Pong may be waiting behind a long message on a slow line.
    pub const fn answer(self, time: Duration) -> Self {
        Self { answer: time, ..self }
    }

    /// How long there may be no message, either way, before the connection is
    /// closed with 1001. Pings and Pongs do not count. Default: for ever.
    pub const fn idle(self, time: Duration) -> Self {
        Self { idle: time, ..self }
    }

    /// How long after our Close the transport may stay open. Default: 10
    /// seconds.
    pub const fn close(self, time: Duration) -> Self {
        Self { close: time, ..self }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::new()
    }
}

/// What a deadline that has come asks for.
///
/// Exhaustive, so that none is overlooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a Ping with this payload, by
    /// [`Connection::ping`](crate::Connection::ping).
    Ping(Payload),
    /// Nothing was said for too long, or too many Pings and Pongs came: send
    /// this Close and go on, as the peer is to answer it.
    Close(CloseFrame),
    /// Give the connection up: it is time to close the transport.
    Failed(TimedOut),
}

/// The peer let a deadline pass, or flooded on after our Close; the connection has
/// failed.
///
/// It turns into the [`CloseFrame`] to send before the transport is closed, with
/// code 1011: a peer that is there after all learns why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimedOut {
    /// The opening handshake was not finished. A server may answer with status
    /// 408.
    Handshake,
    /// A Ping was not answered, and nothing else came either.
    Ping,
    /// The closing handshake was not finished, or the transport not ended; or a
    /// flood of Pings and Pongs went on after our Close.
    Close,
}

impl TimedOut {
    /// The error in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "opening handshake not finished in time",
            Self::Ping => "Ping not answered in time",
            Self::Close => "connection not closed in time",
        }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error for TimedOut {}

/// The Close frame that tells a peer which may still be there.
impl From<TimedOut> for CloseFrame {
    fn from(error: TimedOut) -> Self {
        let code = CloseCode::INTERNAL_ERROR;
        Self::new(code, error.as_str()).unwrap_or(code.into())
    }
}

/// The deadlines of one connection; see the [module](self) for how to drive it.
///
/// Time enters by [`on_timeout`](Self::on_timeout) alone. What is told in between
/// counts as of the next call, so call it each time round, after all that came
/// has been received.
#[derive(Clone, Debug)]
pub struct Keepalive {
    timeouts: Timeouts,
    max_control_frames: u32,
    phase: Phase,
    /// When the phase began; `None` until the next call tells the time. So, too,
    /// the two below.
    since: Option<Duration>,
    /// When something last came.
    heard: Option<Duration>,
    /// When there last was a message.
    active: Option<Duration>,
    /// When the last Ping was sent, or the phase began.
    pinged: Duration,
    ping: Ping,
    /// The number of the last Ping, which is its payload.
    number: u64,
    latency: Option<Duration>,
    /// Pings and Pongs that came, less those that were allowed until `counted`.
    controls: u64,
    counted: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    Closing,
    Failed(TimedOut),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    /// None is under way.
    Answered,
    Waiting,
    /// The answer has come, but not yet the time.
    JustAnswered,
}

impl Keepalive {
    /// The deadlines of an open connection.
    #[must_use]
    pub const fn new(timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            max_control_frames: Config::new().max_control_frames,
            phase: Phase::Open,
            since: None,
            heard: None,
            active: None,
            pinged: Duration::ZERO,
            ping: Ping::Answered,
            number: 0,
            latency: None,
            controls: 0,
            counted: Duration::ZERO,
        }
    }

    /// The deadlines of a connection that begins with its opening handshake.
    #[must_use]
    pub const fn opening(timeouts: Timeouts) -> Self {
        Self { phase: Phase::Opening, ..Self::new(timeouts) }
    }

    /// With [`Config::max_control_frames`], if it is not the default.
    #[must_use]
    pub const fn with_config(self, config: Config) -> Self {
        Self { max_control_frames: config.max_control_frames, ..self }
    }

    /// The opening handshake is finished.
    pub fn opened(&mut self) {
        if self.phase == Phase::Opening {
            let max_control_frames = self.max_control_frames;
            *self = Self { max_control_frames, ..Self::new(self.timeouts) };
        }
    }

    /// What was received from the peer, each event of it.
    pub fn on_event(&mut self, event: &Event<'_>) {
        self.on_bytes();
        match event {
            Event::Data(_) => self.on_message(),
            Event::Ping(_) => self.on_ping(),
            Event::Pong(payload) => self.on_pong(payload),
            Event::Close(_) => self.on_close(),
        }
    }

    /// Something came from the peer, whatever it was.
    pub fn on_bytes(&mut self) {
        self.heard = None;
    }

    /// A message came or was sent; where there are parts, one of them.
    pub fn on_message(&mut self) {
        self.active = None;
    }

    /// A Ping came.
    pub fn on_ping(&mut self) {
        self.on_bytes();
        self.controls = self.controls.saturating_add(1);
    }

    /// A Pong came: the answer to our Ping, or not.
    pub fn on_pong(&mut self, payload: &[u8]) {
        self.on_bytes();
        if self.ping == Ping::Waiting && *payload == self.number.to_be_bytes() {
            self.ping = Ping::JustAnswered;
        } else {
            self.controls = self.controls.saturating_add(1);
        }
    }

    /// A Close was sent or came.
    pub fn on_close(&mut self) {
        if self.phase == Phase::Open {
            self.begin_closing();
            self.since = None;
        }
    }

    /// Until when to wait for the peer before the next call of
    /// [`on_timeout`](Self::on_timeout), on the caller's clock; `None` is for ever.
    ///
    /// It is later than the time of the last such call, unless something was told
    /// since from which a deadline runs: then it may be earlier, or zero, and is
    /// right again with the next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let Some(since) = self.since else { return Some(Duration::ZERO) };
        match self.phase {
            Phase::Opening => after(since, self.timeouts.handshake),
            Phase::Closing => after(since, self.timeouts.close),
            Phase::Failed(_) => None,
            Phase::Open => {
                let idle = after(self.active.unwrap_or(since), self.timeouts.idle);
                let ping = match self.ping {
                    Ping::Waiting => self.answer_deadline(),
                    _ => after(self.pinged, self.timeouts.interval),
                };
                idle.into_iter().chain(ping).min()
            }
        }
    }

    /// How long to wait from `now` on: at least a millisecond, as timers take
    /// zero for an error or for ever; `None` is for ever.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        self.next_deadline().map(|deadline| between(now, deadline).max(SHORTEST))
    }

    /// Tells the time; returns what is due, one thing at most.
    ///
    /// It may be called at any time, early, late or twice. A failure is repeated
    /// with every later call.
    pub fn on_timeout(&mut self, now: Duration) -> Option<Due> {
        if self.since.is_none() {
            self.pinged = now;
            self.counted = now;
        }
        self.take_off(now);
        let since = *self.since.get_or_insert(now);
        let active = *self.active.get_or_insert(now);
        self.heard.get_or_insert(now);
        if self.ping == Ping::JustAnswered {
            self.ping = Ping::Answered;
            self.latency = Some(between(self.pinged, now));
        }
        let has_come =
            |deadline: Option<Duration>| deadline.is_some_and(|deadline| deadline <= now);
        match self.phase {
            Phase::Opening if has_come(after(since, self.timeouts.handshake)) => {
                Some(self.fail(TimedOut::Handshake))
            }
            Phase::Closing
                if self.controls > self.allowed_in(20)
                    || has_come(after(since, self.timeouts.close)) =>
            {
                Some(self.fail(TimedOut::Close))
            }
            Phase::Open if self.ping == Ping::Waiting && has_come(self.answer_deadline()) => {
                Some(self.fail(TimedOut::Ping))
            }
            Phase::Open if self.controls > self.allowed_in(10) => {
                Some(self.close(now, CloseCode::POLICY_VIOLATION, "too many Pings and Pongs"))
            }
            Phase::Open if has_come(after(active, self.timeouts.idle)) => {
                Some(self.close(now, CloseCode::GOING_AWAY, "idle"))
            }
            Phase::Open
                if self.ping == Ping::Answered
                    && has_come(after(self.pinged, self.timeouts.interval)) =>
            {
                self.number = self.number.wrapping_add(1);
                (self.pinged, self.ping) = (now, Ping::Waiting);
                Payload::new(&self.number.to_be_bytes()).ok().map(Due::Ping)
            }
            Phase::Failed(error) => Some(Due::Failed(error)),
            Phase::Opening | Phase::Open | Phase::Closing => None,
        }
    }

    /// How long the last answered Ping took, there and back.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// > If an endpoint receives a Ping frame and has not yet sent Pong frame(s)
    /// > in response to previous Ping frame(s), the endpoint MAY elect to send a
    /// > Pong frame for only the most recently processed Ping frame.
    /// > (RFC 6455 §5.5.3)
    ///
    /// Of which there is one at a time.
    fn answer_deadline(&self) -> Option<Duration> {
        let last = self.heard.map_or(self.pinged, |heard| heard.max(self.pinged));
        after(last, self.timeouts.answer)
    }

    /// Takes off the Pings and Pongs that were allowed in the seconds that passed.
    fn take_off(&mut self, now: Duration) {
        let seconds = between(self.counted, now).as_secs();
        self.controls = self.controls.saturating_sub(self.allowed_in(seconds));
        let counted = self.counted.saturating_add(Duration::from_secs(seconds));
        self.counted = counted.min(now);
    }

    /// How many Pings and Pongs may come in so many seconds.
    fn allowed_in(&self, seconds: u64) -> u64 {
        u64::from(self.max_control_frames).saturating_mul(seconds)
    }

    fn close(&mut self, now: Duration, code: CloseCode, reason: &str) -> Due {
        self.begin_closing();
        self.since = Some(now);
        Due::Close(CloseFrame::new(code, reason).unwrap_or(code.into()))
    }

    fn begin_closing(&mut self) {
        self.phase = Phase::Closing;
        // However many came before our Close, they do not say that it goes on.
        self.controls = self.controls.min(self.allowed_in(10));
    }

    fn fail(&mut self, error: TimedOut) -> Due {
        self.phase = Phase::Failed(error);
        Due::Failed(error)
    }
}

/// No deadline is nearer than this, so that serving one never makes another at
/// once.
const SHORTEST: Duration = Duration::from_millis(1);

/// `time` after `start`; `None` where that is for ever.
fn after(start: Duration, time: Duration) -> Option<Duration> {
    start.checked_add(time.max(SHORTEST))
}

/// From `start` to `end`, zero if that is not later. `Duration` has it, too, but the
/// compiler cannot see that it does not panic.
fn between(start: Duration, end: Duration) -> Duration {
    const SECOND: u32 = 1_000_000_000;
    if end <= start {
        return Duration::ZERO;
    }
    let borrowed = end.subsec_nanos() < start.subsec_nanos();
    let seconds = end.as_secs().wrapping_sub(start.as_secs()).wrapping_sub(borrowed.into());
    let nanos = SECOND.wrapping_add(end.subsec_nanos()).wrapping_sub(start.subsec_nanos());
    Duration::new(seconds, nanos % SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_those_of_core() {
        let times = [0, 1, 2, u64::MAX - 1, u64::MAX].into_iter().flat_map(|seconds| {
            [0, 1, 500_000_000, 999_999_999].map(|nanos| Duration::new(seconds, nanos))
        });
        for start in times.clone() {
            for end in times.clone() {
                assert_eq!(between(start, end), end.saturating_sub(start), "{start:?} {end:?}");
            }
        }
    }
}
