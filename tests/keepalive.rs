//! Deadlines in simulated time: no clock and no sleep.
#![cfg(feature = "std")]

mod common;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sansocket::keepalive::{Due, Keepalive, TimedOut, Timeouts};
use sansocket::{CloseCode, CloseFrame, Config, Event, Payload};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A Ping every 100 ms, 30 to answer, 1000 of idleness, 50 for each handshake.
const TIMEOUTS: Timeouts = Timeouts::new()
    .handshake(Duration::from_millis(50))
    .interval(Duration::from_millis(100))
    .answer(Duration::from_millis(30))
    .idle(Duration::from_secs(1))
    .close(Duration::from_millis(50));

/// More than so many Pings and Pongs a second are a flood.
fn flooded_by(per_second: u32, timeouts: Timeouts) -> Keepalive {
    Keepalive::new(timeouts).with_config(Config::new().max_control_frames(per_second))
}

/// A connection that opened at 0.
fn opened() -> Keepalive {
    let mut keepalive = Keepalive::new(TIMEOUTS);
    assert_eq!(keepalive.next_deadline(), Some(ms(0)), "it wants to know the time");
    assert_eq!(keepalive.on_timeout(ms(0)), None);
    keepalive
}

fn ping(keepalive: &mut Keepalive, now: u64) -> Payload {
    match keepalive.on_timeout(ms(now)) {
        Some(Due::Ping(payload)) => payload,
        due => panic!("no Ping at {now}, but {due:?}"),
    }
}

#[test]
fn a_ping_each_interval_and_the_latency_of_its_answer() {
    let mut keepalive = opened();
    assert_eq!((keepalive.next_deadline(), keepalive.latency()), (Some(ms(100)), None));
    assert_eq!(keepalive.on_timeout(ms(99)), None);
    let first = ping(&mut keepalive, 100);
    assert_eq!(keepalive.next_deadline(), Some(ms(130)));
    keepalive.on_event(&Event::Pong(first));
    assert_eq!(keepalive.on_timeout(ms(107)), None);
    assert_eq!(keepalive.latency(), Some(ms(7)));
    assert_eq!(keepalive.next_deadline(), Some(ms(200)));
    // A call that is late moves the next one.
    let second = ping(&mut keepalive, 260);
    assert_ne!(first, second);
    keepalive.on_pong(&second);
    assert_eq!(keepalive.on_timeout(ms(261)), None);
    assert_eq!((keepalive.next_deadline(), keepalive.latency()), (Some(ms(360)), Some(ms(1))));
}

#[test]
fn an_unanswered_ping_is_a_failed_connection() {
    let mut keepalive = opened();
    let payload = ping(&mut keepalive, 100);
    assert_eq!(keepalive.on_timeout(ms(129)), None);
    let failed = Some(Due::Failed(TimedOut::Ping));
    assert_eq!(keepalive.on_timeout(ms(130)), failed);
    assert_eq!(keepalive.next_deadline(), None);
    // And stays one.
    keepalive.on_pong(&payload);
    keepalive.on_close();
    assert_eq!((keepalive.on_timeout(ms(130)), keepalive.on_timeout(ms(900))), (failed, failed));
    let close = CloseFrame::from(TimedOut::Ping);
    assert_eq!(close.code(), Some(CloseCode::INTERNAL_ERROR));
    assert_eq!(close.reason(), "Ping not answered in time");
}

#[test]
fn only_a_pong_of_the_same_payload_answers() {
    let mut keepalive = opened();
    let payload = ping(&mut keepalive, 100);
    for other in [&b""[..], b"ping", &payload[1..], &[0; 8]] {
        keepalive.on_event(&Event::Pong(Payload::new(other).unwrap()));
        assert_eq!((keepalive.on_timeout(ms(100)), keepalive.latency()), (None, None));
    }
    // They are signs of life, though, and give it time.
    assert_eq!(keepalive.on_timeout(ms(120)), None);
    keepalive.on_pong(b"");
    assert_eq!(keepalive.on_timeout(ms(120)), None);
    assert_eq!(keepalive.next_deadline(), Some(ms(150)));
    keepalive.on_pong(&payload);
    assert_eq!((keepalive.on_timeout(ms(150)), keepalive.latency()), (None, Some(ms(50))));
    // Nor does an old one answer the next.
    let next = ping(&mut keepalive, 200);
    keepalive.on_pong(&payload);
    assert_eq!((keepalive.on_timeout(ms(201)), keepalive.latency()), (None, Some(ms(50))));
    keepalive.on_pong(&next);
    assert_eq!((keepalive.on_timeout(ms(202)), keepalive.latency()), (None, Some(ms(2))));
}

#[test]
fn what_came_before_the_time_was_told_came_in_time() {
    // The process slept, or worked, far beyond the deadline; the answer was there.
    let mut keepalive = opened();
    let payload = ping(&mut keepalive, 100);
    keepalive.on_pong(&payload);
    let late = keepalive.on_timeout(ms(700));
    assert!(matches!(late, Some(Due::Ping(_))), "the next is due, not a failure: {late:?}");
}

#[test]
fn bytes_of_a_long_message_give_the_pong_time() {
    let mut keepalive = opened();
    ping(&mut keepalive, 100);
    for now in (110..900).step_by(29) {
        keepalive.on_bytes();
        assert_eq!(keepalive.on_timeout(ms(now)), None, "{now}");
        assert_eq!(keepalive.next_deadline(), Some(ms(now + 30)));
    }
}

#[test]
fn idleness_closes_and_the_close_has_a_deadline() {
    let mut keepalive = Keepalive::new(TIMEOUTS.interval(Duration::MAX));
    assert_eq!(keepalive.on_timeout(ms(10)), None);
    assert_eq!(keepalive.next_deadline(), Some(ms(1010)));
    keepalive.on_message();
    keepalive.on_event(&Event::Ping(Payload::EMPTY));
    assert_eq!(keepalive.on_timeout(ms(500)), None);
    // Control frames are no messages.
    keepalive.on_event(&Event::Ping(Payload::EMPTY));
    assert_eq!(keepalive.on_timeout(ms(600)), None);
    assert_eq!(keepalive.next_deadline(), Some(ms(1500)));
    let Some(Due::Close(close)) = keepalive.on_timeout(ms(1500)) else { panic!("no Close") };
    assert_eq!((close.code(), close.reason()), (Some(CloseCode::GOING_AWAY), "idle"));
    keepalive.on_close(); // sent
    assert_eq!(keepalive.next_deadline(), Some(ms(1550)));
    assert_eq!(keepalive.on_timeout(ms(1549)), None);
    assert_eq!(keepalive.on_timeout(ms(1550)), Some(Due::Failed(TimedOut::Close)));
}

/// Told by its events, a message counts piece by piece, and a Ping does not.
#[test]
fn a_message_is_no_idleness() {
    let idle_since = |wire: &[u8]| {
        let mut keepalive = Keepalive::new(TIMEOUTS.interval(Duration::MAX));
        assert_eq!(keepalive.on_timeout(ms(0)), None);
        let (mut server, mut wire) = (common::server(), wire.to_vec());
        let mut input = &mut wire[..];
        while let Some(event) = server.receive(&mut input).unwrap() {
            keepalive.on_event(&event);
        }
        assert_eq!(keepalive.on_timeout(ms(700)), None);
        keepalive.next_deadline()
    };
    assert_eq!(idle_since(b"\x81\x81\0\0\0\0a"), Some(ms(1700)), "a message");
    assert_eq!(idle_since(b"\x01\x81\0\0\0\0a"), Some(ms(1700)), "a fragment");
    assert_eq!(idle_since(b"\x81\x82\0\0\0\0a"), Some(ms(1700)), "a piece of one");
    assert_eq!(idle_since(b"\x89\x80\0\0\0\0"), Some(ms(1000)), "a Ping");
    assert_eq!(idle_since(b"\x8A\x80\0\0\0\0"), Some(ms(1000)), "a Pong");
    assert_eq!(idle_since(b"\x81\x81\0\0"), Some(ms(1000)), "half a header");
}

#[test]
fn after_a_close_of_either_side_nothing_else_is_due() {
    for of_the_peer in [true, false] {
        let mut keepalive = opened();
        ping(&mut keepalive, 100);
        if of_the_peer {
            keepalive.on_event(&Event::Close(CloseFrame::EMPTY));
        } else {
            keepalive.on_close();
        }
        assert_eq!(keepalive.next_deadline(), Some(ms(0)), "a deadline runs from now");
        assert_eq!(keepalive.on_timeout(ms(120)), None);
        assert_eq!(keepalive.next_deadline(), Some(ms(170)));
        assert_eq!(keepalive.on_timeout(ms(169)), None);
        assert_eq!(keepalive.on_timeout(ms(170)), Some(Due::Failed(TimedOut::Close)));
    }
}

#[test]
fn the_opening_handshake_has_a_deadline() {
    let mut keepalive = Keepalive::opening(TIMEOUTS);
    assert_eq!(keepalive.on_timeout(ms(7)), None);
    assert_eq!(keepalive.next_deadline(), Some(ms(57)));
    keepalive.on_bytes(); // a byte a second does not help
    assert_eq!(keepalive.on_timeout(ms(56)), None);
    let mut slow = keepalive.clone();
    assert_eq!(slow.on_timeout(ms(57)), Some(Due::Failed(TimedOut::Handshake)));
    keepalive.opened();
    assert_eq!(keepalive.on_timeout(ms(57)), None);
    assert_eq!(keepalive.next_deadline(), Some(ms(157)));
}

#[test]
fn for_ever_and_at_once() {
    let never = Timeouts::new()
        .handshake(Duration::MAX)
        .interval(Duration::MAX)
        .answer(Duration::MAX)
        .idle(Duration::MAX)
        .close(Duration::MAX);
    for mut keepalive in [Keepalive::new(never), Keepalive::opening(never)] {
        for now in [ms(1), Duration::MAX] {
            assert_eq!((keepalive.on_timeout(now), keepalive.next_deadline()), (None, None));
            assert_eq!(keepalive.wait(now), None);
        }
    }
    // Zero is a millisecond: no deadline comes again and again.
    let mut keepalive = Keepalive::new(never.interval(Duration::ZERO));
    assert_eq!(keepalive.on_timeout(ms(5)), None);
    assert_eq!(keepalive.next_deadline(), Some(ms(6)));
    assert_eq!(keepalive.wait(ms(5)), Some(ms(1)));
    assert_eq!(keepalive.wait(ms(9)), Some(ms(1)), "timers take zero for something else");
}

#[test]
fn pings_and_pongs_are_counted_alike_and_messages_not() {
    let flooded = |controls: usize| {
        let mut keepalive = flooded_by(3, TIMEOUTS);
        assert_eq!(keepalive.on_timeout(ms(7)), None);
        for control in 0..controls {
            keepalive.on_event(&match control % 2 {
                0 => Event::Ping(Payload::EMPTY),
                _ => Event::Pong(Payload::EMPTY),
            });
            keepalive.on_message();
        }
        let due = keepalive.on_timeout(ms(8));
        if due.is_some() {
            assert_eq!(keepalive.next_deadline(), Some(ms(58)), "for the answer to the Close");
            assert_eq!(keepalive.on_timeout(ms(9)), None, "it is told once");
        }
        due
    };
    let reason = "too many Pings and Pongs";
    let close = CloseFrame::new(CloseCode::POLICY_VIOLATION, reason).unwrap();
    assert_eq!(flooded(30), None);
    assert_eq!(flooded(31), Some(Due::Close(close)));
}

#[test]
fn what_is_a_flood_is_said_before_the_handshake() {
    let config = Config::new().max_control_frames(3);
    let mut keepalive = Keepalive::opening(TIMEOUTS).with_config(config);
    keepalive.opened();
    assert_eq!(keepalive.on_timeout(ms(0)), None);
    (0..31).for_each(|_| keepalive.on_ping());
    assert!(matches!(keepalive.on_timeout(ms(1)), Some(Due::Close(_))));
}

#[test]
fn a_flood_that_goes_on_after_our_close_fails() {
    for ours in [false, true] {
        let mut keepalive = flooded_by(3, TIMEOUTS);
        assert_eq!(keepalive.on_timeout(ms(0)), None);
        if ours {
            keepalive.on_close();
        }
        if !ours {
            // Those that came in the same read do not say that it goes on.
            (0..1000).for_each(|_| keepalive.on_ping());
            assert!(matches!(keepalive.on_timeout(ms(1)), Some(Due::Close(_))));
        }
        for _ in 0..if ours { 60 } else { 30 } {
            assert_eq!(keepalive.on_timeout(ms(1)), None);
            keepalive.on_ping();
        }
        assert_eq!(keepalive.on_timeout(ms(1)), None);
        keepalive.on_ping();
        for now in [ms(1), ms(2)] {
            assert_eq!(keepalive.on_timeout(now), Some(Due::Failed(TimedOut::Close)));
        }
    }
}

#[test]
fn the_answer_to_our_ping_is_no_flood() {
    let mut keepalive = flooded_by(0, TIMEOUTS);
    assert_eq!(keepalive.on_timeout(ms(0)), None);
    for now in [100, 200, 300] {
        let payload = ping(&mut keepalive, now);
        keepalive.on_pong(&payload);
        assert_eq!(keepalive.on_timeout(ms(now + 1)), None);
    }
    // Any other Pong is one too many: the answer again, too, at once or later.
    let payload = ping(&mut keepalive, 400);
    for told_between in [false, true] {
        for other in [&b""[..], &payload] {
            let mut keepalive = keepalive.clone();
            keepalive.on_pong(&payload);
            if told_between {
                assert_eq!(keepalive.on_timeout(ms(401)), None);
            }
            keepalive.on_pong(other);
            assert!(matches!(keepalive.on_timeout(ms(402)), Some(Due::Close(_))), "{other:?}");
        }
    }
}

#[test]
fn who_was_quiet_for_an_hour_may_not_flood_for_that() {
    let hour = Duration::from_secs(3600);
    let mut keepalive = flooded_by(3, Timeouts::new().answer(Duration::MAX));
    for now in [Duration::ZERO, hour] {
        assert!(!matches!(keepalive.on_timeout(now), Some(Due::Close(_))));
    }
    (0..31).for_each(|_| keepalive.on_ping());
    assert!(matches!(keepalive.on_timeout(hour + ms(1)), Some(Due::Close(_))));
}

/// What a caller may tell.
#[derive(Clone, Copy, Debug)]
enum Told {
    Bytes,
    Message,
    Ping,
    /// A Pong of the last Ping, or of the one before.
    Pong(bool),
    Close,
    Opened,
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        3 => Just(Told::Bytes),
        3 => Just(Told::Message),
        1 => Just(Told::Ping),
        4 => any::<bool>().prop_map(Told::Pong),
        1 => Just(Told::Close),
        1 => Just(Told::Opened),
    ]
}

/// The naive twin: it keeps all that ever happened, and searches it each time.
struct Twin {
    log: Vec<(u64, Happened)>,
    opening: bool,
    /// How many Pings and Pongs may come in a second.
    rate: u32,
    untold: Vec<Happened>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happened {
    Start,
    Opened,
    Bytes,
    Message,
    /// A Ping of the peer.
    Pinged,
    /// A Ping of ours.
    Ping(u64),
    Pong(u64),
    /// The time was told, after all that came until then.
    Timed,
    Close,
    Failed(TimedOut),
}

impl Twin {
    /// Millisecond and index of the last that `is` so.
    fn last(&self, is: impl Fn(Happened) -> bool) -> Option<(u64, usize)> {
        let found = self.log.iter().enumerate().rev().find(|(_, (_, happened))| is(*happened));
        found.map(|(index, (time, _))| (*time, index))
    }

    fn due(&mut self, now: u64) -> Option<Happened> {
        use Happened::{Close, Failed, Message, Opened, Ping, Pong, Start};
        if self.log.is_empty() {
            self.log.push((now, Start));
        }
        for happened in std::mem::take(&mut self.untold) {
            self.log.push((now, happened));
        }
        self.log.push((now, Happened::Timed));
        let failed = self.log.iter().find(|(_, happened)| matches!(happened, Failed(_)));
        if let Some((_, failed)) = failed {
            return Some(*failed);
        }
        let begin = if self.opening { Opened } else { Start };
        let opened = self.log.iter().position(|(_, happened)| *happened == begin);
        let Some(opened) = opened else {
            return (now >= self.log[0].0 + 50).then_some(Failed(TimedOut::Handshake));
        };
        let close = self.log[opened..].iter().find(|(_, happened)| *happened == Close);
        if let Some((closed, _)) = close {
            let is_over = self.is_flooded(opened, 20) || now >= closed + 50;
            return is_over.then_some(Failed(TimedOut::Close));
        }
        let is_flooded = self.is_flooded(opened, 10);
        let opened = self.log[opened].0;
        let mut pinged = opened;
        if let Some((time, index)) = self.last(|happened| matches!(happened, Ping(_))) {
            let Ping(number) = self.log[index].1 else { unreachable!() };
            let answered = self.log[index..].iter().any(|(_, h)| *h == Pong(number));
            pinged = if answered { time } else { u64::MAX };
            let heard =
                self.last(|h| matches!(h, Happened::Bytes | Happened::Pinged | Message | Pong(_)));
            if !answered && now >= heard.map_or(time, |(heard, _)| heard.max(time)) + 30 {
                return Some(Failed(TimedOut::Ping));
            }
        }
        let active = self.last(|happened| happened == Message).map_or(0, |(time, _)| time);
        if is_flooded || now >= active.max(opened) + 1000 {
            return Some(Close);
        }
        let count = self.log.iter().filter(|(_, happened)| matches!(happened, Ping(_))).count();
        (now >= pinged.saturating_add(100)).then_some(Ping(count as u64 + 1))
    }

    /// Whether, with each second since `opened` taking off what it allows, more is
    /// left than so many seconds allow.
    fn is_flooded(&self, opened: usize, allowed: u64) -> bool {
        let (mut left, mut seconds, mut is_closed) = (0, 0, false);
        for (index, (time, happened)) in self.log.iter().enumerate().skip(opened) {
            match happened {
                Happened::Pinged => left += 1,
                Happened::Pong(number) => left += u64::from(!self.is_answer(index, *number)),
                Happened::Timed => {
                    let passed = (time - self.log[opened].0) / 1000;
                    left = left.saturating_sub(u64::from(self.rate) * (passed - seconds));
                    seconds = passed;
                }
                Happened::Close if !is_closed => {
                    is_closed = true;
                    left = left.min(u64::from(self.rate) * 10);
                }
                _ => {}
            }
        }
        left > u64::from(self.rate) * allowed
    }

    /// Whether a Pong is of our last Ping before it, and the first one so.
    fn is_answer(&self, pong: usize, number: u64) -> bool {
        let before = self.log[..pong].iter().rev().map(|(_, happened)| *happened);
        let mut of_it =
            before.filter(|h| matches!(h, Happened::Ping(_)) || *h == Happened::Pong(number));
        of_it.next() == Some(Happened::Ping(number))
    }

    fn on_timeout(&mut self, now: u64) -> Option<Happened> {
        let due = self.due(now);
        self.log.extend(due.map(|due| (now, due)));
        due
    }
}

fn tell(keepalive: &mut Keepalive, pings: &[Payload], told: Told) -> Happened {
    match told {
        Told::Bytes => keepalive.on_bytes(),
        Told::Ping => keepalive.on_ping(),
        // What comes is a sign of life; what is sent is not.
        Told::Message => {
            keepalive.on_bytes();
            keepalive.on_message();
        }
        Told::Pong(last) => {
            let number = pings.len().saturating_sub(usize::from(!last));
            let payload = number.checked_sub(1).map_or(Payload::EMPTY, |index| pings[index]);
            keepalive.on_pong(&payload);
            return Happened::Pong(number as u64);
        }
        Told::Close => keepalive.on_close(),
        Told::Opened => keepalive.opened(),
    }
    match told {
        Told::Bytes | Told::Pong(_) => Happened::Bytes,
        Told::Ping => Happened::Pinged,
        Told::Message => Happened::Message,
        Told::Close => Happened::Close,
        Told::Opened => Happened::Opened,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    /// Whatever happens, in any order, at monotonic or repeated times: the same
    /// is due as for the naive twin, and no deadline that was served is left.
    #[test]
    fn the_same_is_due_as_for_the_twin(
        opening in any::<bool>(),
        rate in prop_oneof![Just(0u32), Just(1), Just(1000)],
        rounds in vec((vec(told(), 0..3), prop_oneof![2 => 0..40u64, 1 => 60..120u64, 1 => Just(0)]), 1..80),
        on_time in any::<bool>(),
    ) {
        let mut keepalive =
            if opening { Keepalive::opening(TIMEOUTS) } else { Keepalive::new(TIMEOUTS) }
                .with_config(Config::new().max_control_frames(rate));
        let mut twin = Twin { log: Vec::new(), opening, rate, untold: Vec::new() };
        let (mut now, mut pings) = (0, Vec::new());
        for (round, step) in rounds {
            for told in round {
                twin.untold.push(tell(&mut keepalive, &pings, told));
            }
            now += step;
            if let Some(deadline) = keepalive.next_deadline().filter(|_| on_time) {
                now = now.max((deadline.as_millis() as u64).min(now + 1));
            }
            let due = keepalive.on_timeout(ms(now));
            let expected = twin.on_timeout(now);
            prop_assert_eq!(
                expected,
                due.map(|due| match due {
                    Due::Ping(payload) => {
                        pings.push(payload);
                        Happened::Ping(pings.len() as u64)
                    }
                    Due::Close(_) => Happened::Close,
                    Due::Failed(error) => Happened::Failed(error),
                })
            );
            prop_assert!(keepalive.next_deadline().is_none_or(|deadline| deadline > ms(now)));
        }
    }

    /// However seldom or often the time is told, and however the network holds up
    /// what was sent at an even rate: a peer that keeps to it is not closed. One at
    /// twice the rate is, by the time that it is twenty seconds ahead.
    #[test]
    fn a_flood_is_told_from_what_is_much(
        rate in 1..20u32,
        stalls in vec((0..5000u64, 0..9000u64), 0..6),
        rounds in vec(prop_oneof![1..30u64, 1..1500u64], 1..100),
    ) {
        let timeouts = Timeouts::new().answer(Duration::MAX);
        for (per_second, is_fair) in [(u64::from(rate), true), (u64::from(rate) * 2, false)] {
            let mut keepalive = flooded_by(rate, timeouts);
            prop_assert_eq!(keepalive.on_timeout(Duration::ZERO), None);
            // Nothing comes from the begin of a stall to its end.
            let (mut line, mut end) = (Vec::new(), 0);
            for (pause, stall) in &stalls {
                line.push((end + pause, end + pause + stall));
                end += pause + stall;
            }
            let (mut now, mut come) = (0, 0);
            for round in &rounds {
                now += round;
                let stall = line.iter().find(|(start, end)| (start..end).contains(&&now));
                let sent = stall.map_or(now, |(start, _)| *start);
                while come < sent * per_second / 1000 {
                    if come % 2 == 0 { keepalive.on_ping() } else { keepalive.on_pong(b"") }
                    come += 1;
                }
                let due = keepalive.on_timeout(ms(now));
                let is_closed = matches!(due, Some(Due::Close(_)));
                prop_assert!(!(is_closed && is_fair), "{now}");
                if is_closed {
                    break;
                }
                prop_assert!(is_fair || sent < 11_000, "{sent} of {now}");
            }
        }
    }

    /// Even if the time runs backwards or to its end, nothing panics and
    /// no deadline stays in the past.
    #[test]
    fn any_times_at_all(
        rounds in vec((vec(told(), 0..3), prop_oneof![any::<u64>(), 0..200u64]), 1..40),
        limits in (any::<u64>(), any::<u64>(), [0..100u64, 0..100, 0..100]),
        opening in any::<bool>(),
    ) {
        let (a, b, [c, d, e]) = (ms(limits.0), ms(limits.1), limits.2.map(ms));
        let timeouts = Timeouts::new().interval(c).answer(d).idle(a).handshake(b).close(e);
        let mut keepalive =
            if opening { Keepalive::opening(timeouts) } else { Keepalive::new(timeouts) };
        for (round, now) in rounds {
            let mut pings = Vec::new();
            for told in round {
                tell(&mut keepalive, &pings, told);
            }
            // All the way to the end of what a Duration holds.
            let now = if now % 3 == 0 { Duration::MAX.saturating_sub(ms(now)) } else { ms(now) };
            if let Some(Due::Ping(payload)) = keepalive.on_timeout(now) {
                pings.push(payload);
            }
            prop_assert!(keepalive.next_deadline().is_none_or(|deadline| deadline > now));
            prop_assert!(keepalive.wait(now).is_none_or(|wait| wait >= ms(1)));
        }
    }

    /// Calls before the deadline change nothing, so that a caller may make them
    /// as it likes.
    #[test]
    fn early_calls_change_nothing(
        answers in vec(0..60u64, 1..20),
        early in vec(0..2000u64, 0..60),
    ) {
        let run = |early: &[u64]| {
            let (mut keepalive, mut seen, mut answers) = (opened(), Vec::new(), answers.iter());
            let (mut now, mut pong) = (0, None);
            while now < 2000 {
                // What happens next: a deadline, an answer, or an early call.
                let deadline = keepalive.next_deadline().map_or(2000, |d| d.as_millis() as u64);
                let next = early.iter().copied().filter(|&time| time > now).min();
                now = deadline.min(pong.map_or(2000, |(time, _)| time)).min(next.unwrap_or(2000));
                if let Some((_, payload)) = pong.take_if(|(time, _)| *time <= now) {
                    keepalive.on_event(&Event::Pong(payload));
                }
                if let Some(due) = keepalive.on_timeout(ms(now)) {
                    if let Due::Ping(payload) = due {
                        pong = answers.next().map(|time| (now + time + 1, payload));
                    }
                    seen.push((now, due, keepalive.latency()));
                    if matches!(due, Due::Failed(_)) {
                        break;
                    }
                }
            }
            seen
        };
        let mut sorted = early.clone();
        sorted.sort_unstable();
        prop_assert_eq!(run(&sorted), run(&[]));
    }
}

#[test]
fn a_loop_that_serves_deadlines_alone_wakes_seldom() {
    let timeouts = Timeouts::new().interval(ms(20_000)).answer(ms(20_000));
    let mut keepalive = Keepalive::new(timeouts);
    let (mut now, mut pings, mut wakes) = (ms(0), 0, 0);
    while now < Duration::from_secs(24 * 60 * 60) {
        wakes += 1;
        if let Some(Due::Ping(payload)) = keepalive.on_timeout(now) {
            pings += 1;
            keepalive.on_event(&Event::Pong(payload)); // at once
        }
        now += keepalive.wait(now).expect("there is always another");
    }
    // One for each Ping and one for its answer, which came behind the call.
    assert!((4000..=4320).contains(&pings), "{pings}");
    assert!(wakes <= 2 * pings + 2, "{wakes} for {pings}");
}

mod layer_2 {
    use super::common::{TestClient, zero_key};
    use super::*;
    use sansocket::{Received, Server, WebSocket};

    struct Link {
        client: WebSocket<TestClient>,
        server: WebSocket<Server>,
        /// Arrival time and bytes of what is on its way.
        to_client: Vec<(u64, Vec<u8>)>,
        to_server: Vec<(u64, Vec<u8>)>,
        delay: u64,
        seen: Vec<(u64, &'static str, String)>,
    }

    impl Link {
        fn new(server: Timeouts, delay: u64) -> Self {
            Self {
                client: WebSocket::client(Config::new(), zero_key),
                server: WebSocket::server(Config::new()).keepalive(server),
                to_client: Vec::new(),
                to_server: Vec::new(),
                delay,
                seen: Vec::new(),
            }
        }

        /// A millisecond of both ends; the client is gone from `gone` on.
        fn step(&mut self, now: u64, gone: u64) -> Result<(), TimedOut> {
            let mut output = Vec::new();
            for bytes in arrived(&mut self.to_client, now) {
                let (mut bytes, mut input) = (bytes, &mut [][..]);
                if now < gone {
                    input = &mut bytes;
                }
                while let Some(received) = self.client.receive(&mut input, &mut output).unwrap() {
                    self.seen.push((now, "client", format!("{received:?}")));
                }
            }
            self.to_server.push((now + self.delay, std::mem::take(&mut output)));
            for mut bytes in arrived(&mut self.to_server, now) {
                let mut input = &mut bytes[..];
                while let Some(received) = self.server.receive(&mut input, &mut output).unwrap() {
                    if !matches!(received, Received::Pong(_)) {
                        self.seen.push((now, "server", format!("{received:?}")));
                    }
                }
            }
            let result = self.server.on_timeout(ms(now), &mut output);
            self.to_client.push((now + self.delay, output));
            result
        }
    }

    fn arrived(line: &mut Vec<(u64, Vec<u8>)>, now: u64) -> Vec<Vec<u8>> {
        let (arrived, rest) = line.drain(..).partition(|(time, _)| *time <= now);
        *line = rest;
        arrived.into_iter().map(|(_, bytes)| bytes).filter(|bytes| !bytes.is_empty()).collect()
    }

    #[test]
    fn a_client_that_vanishes_is_noticed() {
        let mut link = Link::new(TIMEOUTS, 7);
        let failed = (0..2000).find_map(|now| Some((now, link.step(now, 250).err()?)));
        // Pings at 100, 200 and 300; the last comes to a client that is gone.
        assert_eq!(failed, Some((330, TimedOut::Ping)));
        assert_eq!(link.server.latency(), Some(ms(14)));
        assert_eq!(link.server.next_deadline(), None);
        // The error is repeated, and its Close is sent once.
        let mut output = Vec::new();
        assert_eq!(link.server.on_timeout(ms(2000), &mut output), Err(TimedOut::Ping));
        assert!(output.is_empty());
        let (_, close) = link.to_client.last().unwrap();
        assert_eq!(close[..4], [0x88, 27, 0x03, 0xF3], "1011");
        assert!(link.server.send("too late", &mut output).is_err());
    }

    #[test]
    fn an_idle_connection_is_closed_cleanly() {
        let mut link = Link::new(TIMEOUTS, 3);
        for now in 0..1100 {
            if now == 60 {
                link.server.send("the last word", &mut Vec::new()).unwrap();
            }
            assert_eq!(link.step(now, u64::MAX), Ok(()), "{now}");
        }
        assert!(link.server.is_closed() && link.client.is_closed());
        let closes: Vec<_> = link.seen.iter().filter(|seen| seen.2.contains("Closed")).collect();
        assert_eq!((closes[0].0, closes[1].0), (1063, 1066), "{closes:?}");
        assert!(closes[0].2.contains("idle") && closes[1].2.contains("1001"), "{closes:?}");
    }

    #[test]
    fn messages_either_way_and_in_parts_keep_it_from_being_idle() {
        let text: &[u8] = b"\x01\x81\0\0\0\0a"; // the first part of a message
        for receive in [true, false] {
            let mut ws =
                WebSocket::server(Config::new()).keepalive(TIMEOUTS.interval(Duration::MAX));
            let mut output = Vec::new();
            ws.on_timeout(ms(0), &mut output).unwrap();
            if receive {
                let mut bytes = text.to_vec();
                assert_eq!(ws.receive(&mut &mut bytes[..], &mut output), Ok(None));
            } else {
                ws.send("b", &mut output).unwrap();
            }
            output.clear();
            ws.on_timeout(ms(900), &mut output).unwrap();
            assert_eq!(ws.next_deadline(), Some(ms(1900)));
            assert!(output.is_empty());
        }
    }

    #[test]
    fn whatever_comes_gives_the_peer_more_time() {
        for (wire, heard) in [
            (&b""[..], false),
            (b"\x89", false),
            (b"\x89\x80\0\0\0\0", true),
            (b"\x8A\x81\0\0\0\0x", true),
            (b"\x81\x81\0\0\0\0a", true),
            (b"\x01\x81\0\0\0\0a", true),
            (b"\x81\x82\0\0\0\0a", true),
        ] {
            let mut ws = WebSocket::server(Config::new()).keepalive(TIMEOUTS);
            let mut output = Vec::new();
            ws.on_timeout(ms(0), &mut output).unwrap();
            assert_eq!(ws.wait(ms(0)), Some(ms(100)));
            ws.on_timeout(ms(100), &mut output).unwrap();
            assert_eq!(ws.wait(ms(110)), Some(ms(20)), "for the answer");
            let mut bytes = wire.to_vec();
            let mut input = &mut bytes[..];
            while ws.receive(&mut input, &mut output).unwrap().is_some() {}
            ws.on_timeout(ms(120), &mut output).unwrap();
            assert_eq!(ws.wait(ms(120)), Some(ms(if heard { 30 } else { 10 })), "{wire:?}");
        }
    }

    #[test]
    fn a_flood_of_pings_ends_with_a_close_of_1008() {
        let mut ws = WebSocket::server(Config::new().max_control_frames(2)).keepalive(TIMEOUTS);
        let mut output = Vec::new();
        ws.on_timeout(ms(0), &mut output).unwrap();
        let controls = b"\x89\x80\0\0\0\0\x8A\x80\0\0\0\0";
        for (now, controls, closed) in
            [(10, controls.repeat(10), false), (20, controls.to_vec(), true)]
        {
            let mut bytes = controls;
            let mut input = &mut bytes[..];
            while ws.receive(&mut input, &mut output).unwrap().is_some() {}
            assert_eq!(ws.on_timeout(ms(now), &mut output), Ok(()));
            let at = output.windows(4).position(|bytes| bytes == [0x88, 26, 0x03, 0xF0]);
            assert_eq!(at.is_some(), closed, "{output:?}");
        }
    }

    #[test]
    fn who_takes_what_is_written_has_more_time() {
        for progress in [false, true] {
            let mut ws = WebSocket::server(Config::new()).keepalive(TIMEOUTS);
            let mut output = Vec::new();
            ws.on_timeout(ms(0), &mut output).unwrap();
            ws.on_timeout(ms(100), &mut output).unwrap();
            if progress {
                ws.on_progress();
            }
            ws.on_timeout(ms(120), &mut output).unwrap();
            assert_eq!(ws.wait(ms(120)), Some(ms(if progress { 30 } else { 10 })));
        }
        WebSocket::server(Config::new()).on_progress();
    }

    #[test]
    fn our_close_has_a_deadline() {
        let mut ws = WebSocket::server(Config::new()).keepalive(TIMEOUTS);
        let mut output = Vec::new();
        ws.on_timeout(ms(10), &mut output).unwrap();
        ws.close(CloseCode::NORMAL, &mut output);
        assert_eq!(ws.next_deadline(), Some(ms(0)));
        ws.on_timeout(ms(20), &mut output).unwrap();
        assert_eq!(ws.next_deadline(), Some(ms(70)));
        let before = output.len();
        assert_eq!(ws.on_timeout(ms(70), &mut output), Err(TimedOut::Close));
        assert_eq!(output.len(), before, "ours is sent already");
    }

    /// After idleness, a flood, and a Ping that nobody answered.
    #[test]
    fn data_behind_a_close_of_keepalive_is_dropped_if_so_configured() {
        for (pings, times) in [(0, &[0, 1000][..]), (1, &[0, 10]), (0, &[0, 100, 130])] {
            for drop in [true, false] {
                let config = Config::new().max_control_frames(0).drop_after_close(drop);
                let mut ws = WebSocket::server(config).keepalive(TIMEOUTS);
                let mut output = Vec::new();
                let mut wire = b"\x89\x80\0\0\0\0".repeat(pings);
                let mut input = &mut wire[..];
                for now in times {
                    let _ = ws.on_timeout(ms(*now), &mut output);
                    while ws.receive(&mut input, &mut output).unwrap().is_some() {}
                }
                assert!(ws.send("", &mut output).is_err(), "our Close is sent");
                let mut wire = *b"\x81\x81\0\0\0\0a";
                let received = ws.receive(&mut &mut wire[..], &mut output).unwrap();
                assert_eq!(received.is_none(), drop, "{times:?}: {received:?}");
            }
        }
    }

    #[test]
    fn without_keepalive_there_is_no_deadline() {
        let mut ws = WebSocket::server(Config::new());
        let mut output = Vec::new();
        assert_eq!(ws.on_timeout(ms(1_000_000), &mut output), Ok(()));
        assert_eq!((ws.next_deadline(), ws.wait(ms(0)), ws.latency()), (None, None, None));
        assert!(output.is_empty());
    }
}
