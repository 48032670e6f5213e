//! The `inspect` example: its lines, its exit status, and that they do not
//! depend on how the bytes were cut up.
//!
//! Needs the example's binary, which `cargo test` builds; with `--test inspect`
//! alone, add `--example inspect`.
#![cfg(feature = "std")]

mod common;

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{BINARY, CLOSE, CONT, FIN, PING, PONG, Side, TEXT, request_with, response_with};

/// The bit of a compressed message.
const RSV1: u8 = 0x40;

/// Beside the directory of this test's own binary. (`current_exe` could be a loader
/// that runs it.)
fn binary() -> PathBuf {
    let test = PathBuf::from(env::args_os().next().expect("a test has a path"));
    let target = test.parent().and_then(|deps| deps.parent()).expect("TARGET/PROFILE/deps/test");
    let path = target.join("examples").join(format!("inspect{}", env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not there: cargo build --example inspect", path.display());
    path
}

/// The example, by the emulator that `TEST_RUNNER` names if it is not for this
/// machine.
fn command() -> Command {
    let runner = env::var("TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(runner) = words.next() else { return Command::new(binary()) };
    let mut command = Command::new(runner);
    command.args(words).arg(binary());
    command
}

/// Exit status and standard output.
fn run(args: &[&str], input: &[u8]) -> (i32, String) {
    let mut child = command()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    // On wrong usage nobody reads it.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("the example ends");
    let stdout = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let status = output.status.code().expect("no signal ended it");
    assert_eq!(!output.stderr.is_empty(), status == 2, "only wrong usage is told on stderr");
    (status, stdout)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Checks the output for these bytes in pieces of 1, 2, 3, 7 and all, raw and as hex.
fn check(args: &[&str], input: &[u8], status: i32, lines: &[&str]) {
    let expected: String = lines.iter().map(|line| format!("{line}\n")).collect();
    for chunk in ["1", "2", "3", "7", "all"] {
        let mut args = args.to_vec();
        if chunk != "all" {
            args.extend(["--chunk", chunk]);
        }
        assert_eq!(run(&args, input), (status, expected.clone()), "{args:?}");
    }
    let spaced: String = hex(input)
        .chars()
        .enumerate()
        .flat_map(|(i, c)| [if i % 3 == 0 { '\n' } else { ' ' }, c])
        .collect();
    let args = [args, &["--hex"]].concat();
    assert_eq!(run(&args, spaced.as_bytes()), (status, expected.clone()), "{args:?}");
    let upper = hex(input).to_uppercase();
    assert_eq!(run(&args, upper.as_bytes()), (status, expected), "{args:?}");
}

const SERVER: [&str; 2] = ["--role", "server"];
const CLIENT: [&str; 2] = ["--role", "client"];

fn lines_of_a_session(side: Side) -> (Vec<u8>, Vec<String>) {
    let input = [
        side.frame(FIN | TEXT, "say \"hä\\\", \n\t\r\x01\x7F \u{2028}😀".as_bytes()),
        side.frame(FIN | BINARY, b"\x00\xFF"),
        side.frame(FIN | TEXT, b""),
        side.frame(TEXT, b"fr\xC3"),
        side.frame(PING, b"p\x01"),
        side.frame(CONT, b""),
        side.frame(FIN | CONT, b"\xBCh"),
        side.frame(PONG, b""),
        side.frame(CLOSE, b"\x03\xE9bye"),
        b"\xFF\xFF\xFF".to_vec(),
    ];
    let (pong, close) = match side {
        Side::Server => ("8a027001", "880503e9627965"),
        Side::Client => ("8a82000000007001", "88850000000003e9627965"),
    };
    let lines = [
        // Escaped is what could end a line; all else is as it came.
        r#"{"type":"text","data":"say \"hä\\\", \n\u0009\u000d\u0001\u007f \u2028😀"}"#.to_owned(),
        r#"{"type":"binary","data":"00ff"}"#.to_owned(),
        r#"{"type":"text","data":""}"#.to_owned(),
        r#"{"type":"ping","data":"7001"}"#.to_owned(),
        format!(r#"{{"type":"send","data":"{pong}"}}"#),
        r#"{"type":"text","data":"früh"}"#.to_owned(),
        r#"{"type":"pong","data":""}"#.to_owned(),
        r#"{"type":"close","code":1001,"reason":"bye"}"#.to_owned(),
        format!(r#"{{"type":"send","data":"{close}"}}"#),
        r#"{"type":"end","state":"closed"}"#.to_owned(),
    ];
    (input.concat(), lines.to_vec())
}

#[test]
fn a_session_of_either_role() {
    for (side, args) in [(Side::Server, SERVER), (Side::Client, CLIENT)] {
        let (input, lines) = lines_of_a_session(side);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        check(&args, &input, 0, &lines);
    }
}

#[test]
fn streams_that_end_early() {
    let open = r#"{"type":"end","state":"open"}"#;
    check(&SERVER, b"", 0, &[open]);
    check(&CLIENT, b"\x81", 0, &[open]);
    check(&SERVER, &Side::Server.frame(TEXT, b"begun"), 0, &[open]);
    check(&CLIENT, &Side::Client.frame(FIN | TEXT, b"whole")[..6], 0, &[open]);
}

#[test]
fn a_close_without_a_code() {
    let lines = [
        r#"{"type":"close","code":null,"reason":""}"#,
        r#"{"type":"send","data":"8800"}"#,
        r#"{"type":"end","state":"closed"}"#,
    ];
    check(&SERVER, &Side::Server.frame(CLOSE, b""), 0, &lines);
}

#[test]
fn errors_of_the_protocol() {
    for (args, input, error, code, sent) in [
        (SERVER, &b"\x81\x05Hello"[..], "unmasked frame from a client", 1002, "03ea"),
        (SERVER, b"\x81\x82\0\0\0\0\xC3\x28", "text is not UTF-8", 1007, "03ef"),
        (SERVER, b"\x80\x80\0\0\0\0", "continuation without a message", 1002, "03ea"),
        (SERVER, b"\x82\xFF\0\0\0\0\x7F\xFF\xFF\xFF\0\0\0\0", "message too big", 1009, "03f1"),
    ] {
        let body = format!("{sent}{}", hex(error.as_bytes()));
        let lines = [
            r#"{"type":"text","data":"before"}"#.to_owned(),
            format!(r#"{{"type":"error","error":"{error}","code":{code}}}"#),
            format!(r#"{{"type":"send","data":"88{:02x}{body}"}}"#, body.len() / 2),
            r#"{"type":"end","state":"failed"}"#.to_owned(),
        ];
        let input = [&Side::Server.frame(FIN | TEXT, b"before"), input, b"\x00\x00after"].concat();
        check(&args, &input, 1, &lines.each_ref().map(String::as_str));
    }
    let lines = [
        r#"{"type":"error","error":"masked frame from a server","code":1002}"#,
        r#"{"type":"send","data":"889c0000000003ea6d61736b6564206672616d652066726f6d206120736572766572"}"#,
        r#"{"type":"end","state":"failed"}"#,
    ];
    check(&CLIENT, b"\x89\x80", 1, &lines);
}

#[test]
fn limits() {
    let side = Side::Server;
    let message = side.fragments(BINARY, &[b"12", b"34", b"5"]);
    let whole = [r#"{"type":"binary","data":"3132333435"}"#, r#"{"type":"end","state":"open"}"#];
    let over = |error: &str| {
        [
            format!(r#"{{"type":"error","error":"{error}","code":1009}}"#),
            format!(
                r#"{{"type":"send","data":"88{:02x}03f1{}"}}"#,
                error.len() + 2,
                hex(error.as_bytes())
            ),
            r#"{"type":"end","state":"failed"}"#.to_owned(),
        ]
    };
    let errors = ["message too big", "frame too big", "message in too many fragments"].map(over);
    let [big, big_frame, many] = errors.each_ref().map(|lines| lines.each_ref().map(|l| &l[..]));
    let args = |option: &'static str, value: &'static str| [&SERVER[..], &[option, value]].concat();
    check(&args("--max-message", "5"), &message, 0, &whole);
    check(&args("--max-message", "4"), &message, 1, &big);
    check(&args("--max-frame", "2"), &message, 0, &whole);
    check(&args("--max-frame", "1"), &message, 1, &big_frame);
    check(&args("--max-fragments", "3"), &message, 0, &whole);
    check(&args("--max-fragments", "2"), &message, 1, &many);
}

fn sent(text: &str) -> String {
    format!(r#"{{"type":"send","data":"{}"}}"#, hex(text.as_bytes()))
}

#[test]
fn the_handshake_of_a_server() {
    let head = request_with("Origin: http://x\r\nSec-WebSocket-Protocol: a, b\r\n");
    let input = [head, Side::Server.frame(FIN | TEXT, b"early")].concat();
    let request = |rest: &str| {
        format!(
            r#"{{"type":"request","target":"/chat?room=7","host":"server.example.com",{rest}}}"#
        )
    };
    let seen = request(r#""origin":"http://x","protocols":["a","b"]"#);
    let accepted = |protocol: &str| {
        sent(&format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{protocol}\r\n"
        ))
    };
    let early = r#"{"type":"text","data":"early"}"#;
    let open = r#"{"type":"end","state":"open"}"#;
    let args = |more: &[&'static str]| [&SERVER[..], &["--handshake"], more].concat();

    check(&args(&[]), &input, 0, &[&seen, &accepted(""), early, open]);
    let b = accepted("Sec-WebSocket-Protocol: b\r\n");
    check(&args(&["--protocol", "b", "--protocol", "a"]), &input, 0, &[&seen, &b, early, open]);
    check(&args(&["--protocol", "c"]), &input, 0, &[&seen, &accepted(""), early, open]);
    let allowed = args(&["--origin", "http://y", "--origin", "http://x"]);
    check(&allowed, &input, 0, &[&seen, &accepted(""), early, open]);

    // An origin that is not allowed: nothing behind the head is looked at.
    let failed = r#"{"type":"end","state":"failed"}"#;
    let (status, output) = run(&args(&["--origin", "http://y"]), &input);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!((status, lines.len()), (1, 4));
    assert_eq!((lines[0], lines[3]), (&*seen, failed));
    assert_eq!(lines[1], r#"{"type":"error","error":"origin is not allowed","status":403}"#);
    assert!(lines[2].starts_with(r#"{"type":"send","data":"485454502f312e3120343033"#));
    check(&args(&["--origin", "http://y"]), &input, 1, &lines);

    // A request that breaks a rule, and one that is none.
    let bare = request_with("Content-Length: 1\r\n");
    let plain = request(r#""origin":null,"protocols":[]"#);
    let reply = |status: &str, error: &str| {
        sent(&format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: {}\r\n\r\n{error}",
            error.len()
        ))
    };
    let lines = [
        &*plain,
        r#"{"type":"error","error":"request with a body","status":400}"#,
        &reply("400 Bad Request", "request with a body"),
        failed,
    ];
    check(&args(&[]), &bare, 1, &lines);
    let lines = [
        r#"{"type":"error","error":"not the head of an HTTP message","status":400}"#,
        &reply("400 Bad Request", "not the head of an HTTP message"),
        failed,
    ];
    check(&args(&[]), b"\x16\x03\x01", 1, &lines);
    check(&args(&[]), b"GET / HTT", 0, &[r#"{"type":"end","state":"handshake"}"#]);
    let empty = r#"{"type":"end","state":"handshake"}"#;
    check(&args(&[]), b"", 0, &[empty]);
}

/// `--deflate` in the words of the header: what is agreed, the most that a server
/// accepts, what a client has offered.
#[test]
fn compression() {
    const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let (hello, open) = (r#"{"type":"text","data":"Hello"}"#, r#"{"type":"end","state":"open"}"#);

    // Agreed from the start.
    for side in [Side::Server, Side::Client] {
        let role = if side == Side::Server { &SERVER } else { &CLIENT };
        let args = |words: &'static str| [&role[..], &["--deflate", words]].concat();
        let frame = side.frame(FIN | RSV1 | TEXT, HELLO);
        for words in ["permessage-deflate", "permessage-deflate; server_max_window_bits=10"] {
            check(&args(words), &frame, 0, &[hello, open]);
        }
        assert_eq!(run(role, &frame).0, 1, "a compressed message without agreement");
        for words in
            ["x-own", "permessage-deflate; server_max_window_bits", "permessage-deflate; x=1"]
        {
            assert_eq!(run(&args(words), &frame).0, 2, "{words}");
        }
    }

    // The most that a server accepts.
    let server = [&SERVER[..], &["--handshake", "--deflate"]].concat();
    for (most, offer, answer) in [
        ("permessage-deflate", "permessage-deflate", Some("permessage-deflate")),
        (
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=9, permessage-deflate",
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            "x-own, permessage-deflate; client_max_window_bits",
            Some("permessage-deflate; client_no_context_takeover"),
        ),
        ("permessage-deflate", "permessage-deflate; server_max_window_bits=7", None),
    ] {
        let head = request_with(&format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let (status, output) = run(&[&server[..], &[most]].concat(), &head);
        let agreed = answer.map(|answer| format!("Sec-WebSocket-Extensions: {answer}\r\n"));
        let response =
            sent(&String::from_utf8(response_with(&agreed.unwrap_or_default())).unwrap());
        assert_eq!((status, output.lines().nth(1)), (0, Some(&*response)), "{most} to {offer}");
    }

    // What a client has offered, and no more than that.
    let client = [&CLIENT[..], &["--handshake", "--deflate"]].concat();
    for (offer, answer, is_good) in [
        ("permessage-deflate", "permessage-deflate", true),
        ("permessage-deflate", "permessage-deflate; client_max_window_bits=10", false),
        (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10",
            true,
        ),
        ("permessage-deflate; server_max_window_bits=15", "permessage-deflate", false),
        ("permessage-deflate; server_no_context_takeover", "permessage-deflate", false),
    ] {
        let head = response_with(&format!("Sec-WebSocket-Extensions: {answer}\r\n"));
        let input = [head, Side::Client.frame(FIN | RSV1 | TEXT, HELLO)].concat();
        let (status, output) = run(&[&client[..], &[offer]].concat(), &input);
        let got_it = output.lines().any(|line| line == hello);
        assert_eq!((status, got_it), (i32::from(!is_good), is_good), "{offer}: {answer}");
    }
}

#[test]
fn the_handshake_of_a_client() {
    let args = |more: &[&'static str]| [&CLIENT[..], &["--handshake"], more].concat();
    let open = r#"{"type":"end","state":"open"}"#;
    let failed = r#"{"type":"end","state":"failed"}"#;
    let plain = [response_with(""), b"\x81\x05early".to_vec()].concat();
    let early = r#"{"type":"text","data":"early"}"#;
    let response = r#"{"type":"response","status":101,"protocol":null}"#;
    check(&args(&[]), &plain, 0, &[response, early, open]);
    check(&args(&["--key", "dGhlIHNhbXBsZSBub25jZQ=="]), &plain, 0, &[response, early, open]);
    let wrong =
        r#"{"type":"error","error":"Sec-WebSocket-Accept does not answer the key","status":502}"#;
    check(&args(&["--key", "AQIDBAUGBwgJCgsMDQ4PEA=="]), &plain, 1, &[response, wrong, failed]);

    let chosen = response_with("Sec-WebSocket-Protocol: b\r\n");
    let response = r#"{"type":"response","status":101,"protocol":"b"}"#;
    check(&args(&["--protocol", "a", "--protocol", "b"]), &chosen, 0, &[response, open]);
    let wrong = r#"{"type":"error","error":"subprotocol that was not offered","status":502}"#;
    check(&args(&["--protocol", "a"]), &chosen, 1, &[response, wrong, failed]);

    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    let lines = [
        r#"{"type":"response","status":403,"protocol":null}"#,
        r#"{"type":"error","error":"refused by the server","status":403}"#,
        failed,
    ];
    check(&args(&[]), refusal, 1, &lines);
    let interim = [b"HTTP/1.1 103 Early Hints\r\n\r\n", &response_with("")[..]].concat();
    let response = r#"{"type":"response","status":101,"protocol":null}"#;
    check(&args(&[]), &interim, 0, &[response, open]);
}

#[test]
fn wrong_usage() {
    for args in [
        &[][..],
        &["--role"],
        &["--role", "proxy"],
        &["--role", "server", "--chunk"],
        &["--role", "server", "--chunk", "0"],
        &["--role", "server", "--chunk", "x"],
        &["--role", "server", "--max-message", "-1"],
        &["--role", "server", "--max-fragments", ""],
        &["--role", "client", "--key", "short"],
        &["--role", "client", "--key", "dGhlIHNhbXBsZSBub25jZSE="],
        &["--role", "client", "--protocol"],
        &["--role", "client", "--origin"],
        &["--role", "server", "--frobnicate"],
        &["server"],
    ] {
        assert_eq!(run(args, b""), (2, String::new()), "{args:?}");
    }
    let hex = [&SERVER[..], &["--hex"]].concat();
    for input in ["8", "8x", "é", "0x81"] {
        assert_eq!(run(&hex, input.as_bytes()), (2, String::new()), "{input}");
    }
}
