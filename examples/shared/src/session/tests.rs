use super::*;
use sansocket::keepalive::TimedOut;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";

struct Script {
    session: Session,
    options: Options,
    output: Vec<u8>,
    scratch: Scratch,
}

impl Script {
    fn new() -> Self {
        let options = Options {
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            ..Options::default()
        };
        let session = Session::new(Duration::ZERO, &options);
        Self { session, options, output: Vec::new(), scratch: Scratch::new() }
    }

    fn opened() -> Self {
        let mut script = Self::new();
        let response = script.receive(REQUEST);
        assert!(response.starts_with(b"HTTP/1.1 101 "));
        script
    }

    fn receive(&mut self, input: &[u8]) -> Vec<u8> {
        let Self { session, options, output, scratch } = self;
        session.receive(&mut input.to_vec(), options, output, scratch);
        std::mem::take(output)
    }

    /// What is said at this time, in seconds.
    fn at(&mut self, seconds: u64) -> Result<Vec<u8>, String> {
        let now = Duration::from_secs(seconds);
        let in_time = self.session.on_timeout(now, &self.options, &mut self.output);
        in_time.map_err(|error| error.to_string())?;
        Ok(std::mem::take(&mut self.output))
    }
}

#[test]
fn a_request_in_two_pieces_and_a_message_behind_it() {
    for cut in 0..REQUEST.len() {
        let mut script = Script::new();
        if cut > 0 {
            assert_eq!(script.receive(&REQUEST[..cut]), b"");
        }
        let answer = script.receive(&[&REQUEST[cut..], HELLO].concat());
        assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\x81\x05hello"));
        assert!(!script.session.ends_now());
    }
}

#[test]
fn a_request_has_its_time_as_a_whole() {
    let mut script = Script::new();
    for second in 1..10 {
        script.receive(&REQUEST[..1]);
        assert_eq!(script.at(second), Ok(vec![]));
    }
    assert_eq!(script.at(10), Err(TimedOut::Handshake.to_string()));
}

#[test]
fn who_is_silent_gets_a_ping_then_a_close_then_a_last_deadline() {
    let mut script = Script::opened();
    assert_eq!(script.at(0), Ok(vec![]));
    assert!(script.at(30).unwrap().starts_with(b"\x89"));
    assert!(script.at(60).unwrap().starts_with(b"\x88"));
    assert!(script.session.ends_now() && !script.session.is_over());
    assert_eq!(script.at(69), Ok(vec![]));
    assert_eq!(script.at(79), Err(TimedOut::Close.to_string()));
}

#[test]
fn who_only_takes_what_is_written_is_alive() {
    let mut script = Script::opened();
    let mut pings = 0;
    for second in 0..600 {
        script.session.on_write(Duration::from_secs(second), 1, 1);
        pings += script.at(second).unwrap().starts_with(b"\x89") as u32;
    }
    assert_eq!(pings, 1, "the first is not answered yet");
    // To the end, too: what is left to be written may take its time.
    script.session.receive(&mut [], &script.options, &mut script.output, &mut script.scratch);
    for second in 600..900 {
        script.session.on_write(Duration::from_secs(second), 1, 1);
        assert_eq!(script.at(second), Ok(vec![]));
    }
    assert!(script.at(960).is_err());
}

#[test]
fn what_the_system_takes_is_no_sign_of_life() {
    let mut script = Script::opened();
    let said: Vec<_> = (0..=60)
        .filter_map(|second| {
            script.session.on_write(Duration::from_secs(second), 1, 0);
            script.at(second).unwrap().first().map(|first| (second, *first))
        })
        .collect();
    assert_eq!(said, [(30, 0x89), (60, 0x88)]);
}

#[test]
fn who_takes_nothing_is_not_kept_for_what_it_says() {
    // Open, and after an error: the Close that tells it waits, too.
    for last in [HELLO, b"\xff"] {
        let mut script = Script::opened();
        script.receive(last);
        for second in 0..60 {
            script.session.on_write(Duration::from_secs(second), 0, 7);
            script.receive(b"\x8a\x80\0\0\0\0");
            assert!(script.at(second).is_ok());
            assert!(script.session.next_deadline() <= Duration::from_secs(60));
        }
        assert_eq!(script.at(60), Err("the peer takes nothing".into()));
    }
}

#[test]
fn what_comes_after_an_error_puts_off_no_deadline() {
    let mut script = Script::opened();
    script.at(0).unwrap();
    assert!(script.receive(b"\xff").starts_with(b"\x88"));
    for second in 0..60 {
        script.receive(b"x");
        assert_eq!(script.at(second), Ok(vec![]));
    }
    script.receive(b"x");
    assert!(script.at(60).is_err());
}

#[test]
fn who_ends_its_side_is_over_when_all_is_written() {
    let mut script = Script::opened();
    script.receive(HELLO);
    assert!(!script.session.ends_now());
    script.receive(b"");
    assert!(script.session.has_ended() && !script.session.is_over());
    assert!(script.session.ends_now() && script.session.is_over());
    assert!(!script.session.ends_now(), "only once");
}

#[test]
fn after_both_closes_the_peer_has_a_deadline_to_end() {
    let mut script = Script::opened();
    assert_eq!(script.receive(b"\x88\x82\0\0\0\0\x03\xe8"), b"\x88\x02\x03\xe8");
    assert!(script.session.ends_now() && !script.session.is_over());
    assert_eq!(script.receive(HELLO), b"", "what comes now is dropped");
    assert_eq!(script.at(1), Ok(vec![]));
    assert_eq!(script.at(11), Err(TimedOut::Close.to_string()));
}

#[test]
fn who_is_silent_and_takes_nothing_has_the_last_deadline_too() {
    let mut script = Script::opened();
    for second in [0, 30, 60] {
        script.at(second).unwrap();
    }
    assert_eq!(script.at(69), Ok(vec![]));
    assert_eq!(script.at(70), Err(TimedOut::Close.to_string()));
}

#[test]
fn who_floods_pings_is_closed_and_has_a_deadline_to_end() {
    const PING: &[u8] = b"\x89\x80\0\0\0\0";
    let mut script = Script::opened();
    script.at(0).unwrap();
    for second in 1..5 {
        assert_eq!(script.receive(&PING.repeat(1000)).len(), 2000, "as many Pongs");
        assert_eq!(script.at(second), Ok(vec![]));
    }
    script.receive(&PING.repeat(20_000));
    assert!(script.at(5).unwrap()[2..].starts_with(&1008_u16.to_be_bytes()));
    // To go on puts nothing off.
    for second in 6..15 {
        script.receive(&PING.repeat(3000));
        assert_eq!(script.at(second), Ok(vec![]));
    }
    assert!(script.at(15).unwrap().is_empty());
    assert!(script.session.ends_now());
}

#[test]
fn what_nobody_asked_for_is_said_while_the_connection_is_open() {
    let mut script = Script::new();
    let say = |script: &mut Script| {
        let Script { session, output, scratch, .. } = script;
        session.send(&Message::from("news"), output, scratch).is_ok()
    };
    assert!(!say(&mut script));
    script.receive(REQUEST);
    assert!(say(&mut script));
    assert_eq!(script.output, b"\x81\x04news");
    script.receive(b"\x88\x82\0\0\0\0\x03\xe8");
    assert!(!say(&mut script) && script.output.is_empty());
}

#[test]
fn the_end_has_its_time_however_late_it_begins() {
    // A request for the page in its last second, and a Close in the last second of ours.
    let mut late_request = Script::new();
    late_request.at(9).unwrap();
    assert!(
        late_request.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with(b"HTTP/1.1 200 ")
    );
    let mut late_close = Script::opened();
    late_close.at(0).unwrap();
    late_close.receive(&b"\x89\x80\0\0\0\0".repeat(20_000));
    assert!(late_close.at(0).unwrap().starts_with(b"\x88"), "a flood is closed");
    late_close.at(9).unwrap();
    late_close.receive(b"\x88\x82\0\0\0\0\x03\xe8");
    for mut script in [late_request, late_close] {
        assert!(script.session.ends_now());
        for second in 9..19 {
            assert_eq!(script.at(second), Ok(vec![]));
            script.receive(b"x"); // puts nothing off
        }
        assert_eq!(script.at(19), Err(TimedOut::Close.to_string()));
    }
}
