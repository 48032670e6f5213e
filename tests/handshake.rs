//! The opening handshake: every rule of both roles, and what may be written.
#![cfg(feature = "std")]

mod common;

use std::fmt::Write;

use common::{NONCE, Side, request_with, response_with};
use proptest::collection::vec;
use proptest::prelude::*;
use sansocket::deflate::Compression;
use sansocket::extensions::Extensions;
use sansocket::handshake::{
    ClientHandshake, ComposeError, HandshakeError, Reply, Request, RequestReader, Response,
    ResponseReader, Url,
};

fn request(bytes: &[u8]) -> Request<'_> {
    RequestReader::new().read(bytes).expect("a well-formed head").expect("a whole head")
}

fn response(bytes: &[u8]) -> Response<'_> {
    ResponseReader::new().read(bytes).expect("a well-formed head").expect("a whole head")
}

/// A request or response with `from` replaced, which must be there.
fn edited(head: Vec<u8>, from: &str, to: &str) -> String {
    let head = String::from_utf8(head).unwrap();
    assert!(head.contains(from), "{from:?} is not in {head}");
    head.replacen(from, to, 1)
}

/// Name and value of each header field.
type HeaderFields<'b> = Vec<(&'b str, &'b [u8])>;

/// Takes a response apart that must be well-formed and whole: status, headers, body.
fn parsed_reply(bytes: &[u8]) -> (u16, HeaderFields<'_>, &[u8]) {
    let response = response(bytes);
    let fields: Vec<_> = response.headers().into_iter().collect();
    let body = &bytes[response.head_len()..];
    let length = response.header("Content-Length").expect("a length");
    assert_eq!(length, body.len().to_string().as_bytes());
    let closes = response
        .headers()
        .named("Connection")
        .any(|value| value.split(|&byte| byte == b',').any(|token| token.trim_ascii() == b"close"));
    assert!(closes, "Connection: close");
    (response.status(), fields, body)
}

// The server's side.

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Edits of a good request, and the rule that each breaks.
const BROKEN: [(&str, &str, HandshakeError); 64] = {
    use HandshakeError as Error;
    const HOST: &str = "Host: server.example.com\r\n";
    const UPGRADE: &str = "Upgrade: websocket\r\n";
    const CONNECTION: &str = "Connection: Upgrade\r\n";
    const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
    const LINE: &str = "GET /chat?room=7 HTTP/1.1\r\n";
    const END: &str = "13\r\n\r\n";
    [
        ("HTTP/1.1", "HTTP/1.0", Error::HttpVersion),
        ("HTTP/1.1", "HTTP/2.0", Error::HttpVersion),
        ("HTTP/1.1", "HTTP/0.9", Error::HttpVersion),
        ("HTTP/1.1", "HTTP/1.10", Error::MalformedHead),
        ("HTTP/1.1", "http/1.1", Error::MalformedHead),
        ("GET", "POST", Error::MethodNotGet),
        ("GET", "get", Error::MethodNotGet),
        ("GET", "CONNECT", Error::MethodNotGet),
        ("GET", "G@T", Error::MalformedHead),
        ("GET", "", Error::MalformedHead),
        (LINE, "GET /chat\r\n", Error::MalformedHead),
        (LINE, "GET  HTTP/1.1\r\n", Error::MalformedHead),
        (LINE, "GET /a b HTTP/1.1\r\n", Error::MalformedHead),
        (LINE, "GET /\u{e9} HTTP/1.1\r\n", Error::MalformedHead),
        (LINE, "GET /\t HTTP/1.1\r\n", Error::MalformedHead),
        (LINE, "GET * HTTP/1.1\r\n", Error::BadTarget),
        (LINE, "GET chat HTTP/1.1\r\n", Error::BadTarget),
        (LINE, "GET example.com:80 HTTP/1.1\r\n", Error::BadTarget),
        (LINE, "GET /chat#top HTTP/1.1\r\n", Error::BadTarget),
        (LINE, "GET http://example.com/#top HTTP/1.1\r\n", Error::BadTarget),
        (LINE, "\r\nGET /chat HTTP/1.1\r\n", Error::MalformedHead),
        (HOST, "", Error::BadHost),
        (HOST, "Host: \r\n", Error::BadHost),
        (HOST, "Host: a\r\nHost: a\r\n", Error::BadHost),
        (HOST, "Host: a\r\nHost: A\r\n", Error::BadHost),
        (HOST, "Host: a, b\r\n", Error::BadHost),
        (HOST, "Host: user@a\r\n", Error::BadHost),
        (HOST, "Host: a/b\r\n", Error::BadHost),
        (HOST, "Host: \u{e9}\r\n", Error::BadHost),
        (HOST, "Host : a\r\n", Error::MalformedHead),
        (HOST, "Host\r\n", Error::MalformedHead),
        (HOST, "Host: a\r\n b\r\n", Error::MalformedHead),
        (HOST, "Host: a\n", Error::MalformedHead),
        (HOST, "Host: a\rb\r\n", Error::MalformedHead),
        (UPGRADE, "", Error::NotUpgrade),
        (UPGRADE, "Upgrade: h2c\r\n", Error::NotUpgrade),
        (UPGRADE, "Upgrade: websockets\r\n", Error::NotUpgrade),
        (UPGRADE, "Upgrade: notwebsocket, h2c\r\n", Error::NotUpgrade),
        (CONNECTION, "", Error::ConnectionNotUpgrade),
        (CONNECTION, "Connection: keep-alive\r\n", Error::ConnectionNotUpgrade),
        (CONNECTION, "Connection: notupgrade, upgraded\r\n", Error::ConnectionNotUpgrade),
        (CONNECTION, "Connection: keep-alive Upgrade\r\n", Error::ConnectionNotUpgrade),
        (VERSION, "", Error::WebSocketVersion),
        (VERSION, "Sec-WebSocket-Version: 8\r\n", Error::WebSocketVersion),
        (VERSION, "Sec-WebSocket-Version: 013\r\n", Error::WebSocketVersion),
        (VERSION, "Sec-WebSocket-Version: 13, 8\r\n", Error::WebSocketVersion),
        (END, "13\r\nSec-WebSocket-Version: 13\r\n\r\n", Error::WebSocketVersion),
        (KEY, "", Error::BadKey),
        (KEY, "Sec-WebSocket-Key: \r\n", Error::BadKey),
        (END, "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", Error::BadKey),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", Error::BadKey),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZT==", Error::BadKey),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=a", Error::BadKey),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSE=", Error::BadKey),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSEh", Error::BadKey),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSEhIQ==", Error::BadKey),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25-ZQ==", Error::BadKey),
        (END, "13\r\nSec-WebSocket-Protocol: a b\r\n\r\n", Error::BadProtocols),
        (END, "13\r\nSec-WebSocket-Protocol: a, \"b\"\r\n\r\n", Error::BadProtocols),
        (END, "13\r\nContent-Length: 1\r\n\r\n", Error::RequestHasBody),
        (END, "13\r\nContent-Length: 0\r\nContent-Length: 7\r\n\r\n", Error::RequestHasBody),
        (END, "13\r\nTransfer-Encoding: chunked\r\n\r\n", Error::RequestHasBody),
        (END, "13\r\nOrigin: a\r\nOrigin: a\r\n\r\n", Error::BadOrigin),
        (END, "13\r\nOrigin: \u{e9}\r\n\r\n", Error::BadOrigin),
    ]
};

fn judge(head: &[u8]) -> Result<(), HandshakeError> {
    let request = RequestReader::new().read(head)?.expect("a whole head");
    request.upgrade().map(|_| ())
}

#[test]
fn each_rule_of_a_request() {
    assert_eq!(judge(&request_with("")), Ok(()));
    for (from, to, error) in BROKEN {
        let head = edited(request_with(""), from, to);
        assert_eq!(judge(head.as_bytes()), Err(error), "{from:?} as {to:?}");
    }
}

/// However it is announced: two readers could disagree about where it ends.
#[test]
fn a_request_has_no_body() {
    let codings = ["", "gzip", "identity", "chunked", "Chunked", "gzip, chunked"];
    let lengths = ["", "00", "07", "7", "010", "+0", "-0", "0, 0", "0,0", "0 0", "0x0", "0\u{a0}"];
    for (name, values) in [("Transfer-Encoding", &codings[..]), ("Content-Length", &lengths)] {
        for value in values {
            for lines in [
                format!("{name}: {value}\r\n"),
                format!("{name}: {value}\r\nContent-Length: 0\r\n"),
                format!("Content-Length: 0\r\n{name}: {value}\r\n"),
            ] {
                let error = Err(HandshakeError::RequestHasBody);
                assert_eq!(judge(&request_with(&lines)), error, "{lines:?}");
            }
        }
    }
}

#[test]
fn each_request_that_keeps_the_rules() {
    for (from, to) in [
        ("HTTP/1.1", "HTTP/1.2"),
        ("Upgrade: websocket", "upgrade:WebSocket"),
        ("Upgrade: websocket", "UPGRADE: h2c,\t websocket , x"),
        ("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: WEBSOCKET"),
        ("Connection: Upgrade", "connection: keep-alive, Upgrade"),
        ("Connection: Upgrade", "Connection: ,,upgrade,"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: UPGRADE"),
        ("Sec-WebSocket-Key: ", "SEC-WEBSOCKET-KEY:\t"),
        ("Sec-WebSocket-Version: 13", "sec-websocket-version:13 "),
        ("Host: server.example.com", "host: [2001:db8::7]:8080"),
        ("Host: server.example.com", "Host: xn--bcher-kva.example:80"),
        ("13\r\n\r\n", "13\r\nContent-Length: 0\r\n\r\n"),
        ("13\r\n\r\n", "13\r\nOrigin: null\r\n\r\n"),
        ("13\r\n\r\n", "13\r\nSec-WebSocket-Protocol: a,b\r\nSec-WebSocket-Protocol: c\r\n\r\n"),
        ("13\r\n\r\n", "13\r\nX: \u{e9}\u{ff}\r\n!#$%&'*+-.^_`|~09azAZ: \r\n\r\n"),
    ] {
        let head = edited(request_with(""), from, to);
        assert_eq!(judge(head.as_bytes()), Ok(()), "{from:?} as {to:?}");
    }
}

/// Header fields are told apart by length before name.
#[test]
fn a_name_as_long_as_one_that_counts_is_not_it() {
    let known = [
        "Host",
        "Origin",
        "Upgrade",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Extensions",
    ];
    for name in known {
        let other = format!("{}_", &name[..name.len() - 1]);
        for value in ["", "1", "a b;;", "websocket", "upgrade", "dGhlIHNhbXBsZSBub25jZQ=="] {
            let head = request_with(&format!("{other}: {value}\r\n{other}: {value}\r\n"));
            assert_eq!(judge(&head), Ok(()), "{other}: {value}");
            let head = response_with(&format!("{other}: {value}\r\n{other}: {value}\r\n"));
            let checked = ClientHandshake::new(NONCE).check(&response(&head)).map(|_| ());
            assert_eq!(checked, Ok(()), "{other}: {value}");
        }
        // Nor does it stand in for it.
        for head in [request_with(""), response_with("")] {
            let head = String::from_utf8(head).unwrap();
            let Some((before, after)) = head.split_once(&format!("\r\n{name}: ")) else { continue };
            let (_, without) = after.split_once("\r\n").unwrap();
            let without = format!("{before}\r\n{without}");
            let renamed = format!("{before}\r\n{other}: {after}");
            if head.starts_with("GET") {
                assert!(judge(without.as_bytes()).is_err(), "without {name}");
                assert_eq!(judge(renamed.as_bytes()), judge(without.as_bytes()), "{other}");
            } else {
                let check = |head: &str| {
                    ClientHandshake::new(NONCE).check(&response(head.as_bytes())).map(|_| ())
                };
                assert!(check(&without).is_err(), "without {name}");
                assert_eq!(check(&renamed), check(&without), "{other}");
            }
        }
    }
}

#[test]
fn each_error_has_a_status_and_a_reply_that_closes() {
    use HandshakeError as Error;
    let mut errors: Vec<_> = BROKEN.iter().map(|&(_, _, error)| error).collect();
    errors.extend([Error::HeadTooLarge, Error::BadAccept, Error::MethodNotConnect]);
    errors.extend([Error::NotWebSocket, Error::ConnectionHeader]);
    errors.extend([Error::ProtocolNotOffered, Error::ExtensionNotOffered, Error::Refused(503)]);
    for error in errors {
        let expected = match error {
            Error::MethodNotGet | Error::MethodNotConnect => 405,
            Error::NotWebSocket => 501,
            Error::WebSocketVersion => 426,
            Error::HeadTooLarge => 431,
            Error::HttpVersion => 505,
            Error::Refused(status) => status,
            Error::BadAccept | Error::ProtocolNotOffered | Error::ExtensionNotOffered => 502,
            _ => 400,
        };
        assert_eq!(error.status(), expected, "{error:?}");
        let mut out = [0; 512];
        let reply = error.reply(&mut out).expect("512 bytes are enough");
        let (status, fields, body) = parsed_reply(reply);
        assert_eq!(status, expected, "{error:?}");
        // The method may have been HEAD.
        let expected = if status == 405 { "" } else { error.as_str() };
        assert_eq!(body, expected.as_bytes());
        let has = |name: &str, value: &[u8]| fields.contains(&(name, value));
        assert_eq!(has("Allow", b"GET"), error == Error::MethodNotGet, "{error:?}");
        assert_eq!(has("Allow", b"CONNECT"), error == Error::MethodNotConnect, "{error:?}");
        assert_eq!(has("Sec-WebSocket-Version", b"13"), status == 426, "{error:?}");
        assert_eq!(has("Upgrade", b"websocket"), status == 426, "{error:?}");
        let needed = reply.len();
        assert_eq!(
            error.reply(&mut vec![0; needed - 1]),
            Err(ComposeError::BufferTooSmall { needed })
        );
        assert!(error.to_string().starts_with(error.as_str()));
    }
}

const CHROME: &str = "GET /socket?v=2 HTTP/1.1\r\n\
    Host: 127.0.0.1:9001\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/120.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://127.0.0.1:9001\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n\
    Cookie: session=abc; theme=\"dark\"\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

const FIREFOX: &str = "GET / HTTP/1.1\r\n\
    Host: example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: https://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    DNT: 1\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-Fetch-Dest: empty\r\n\
    Sec-Fetch-Mode: websocket\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Upgrade: websocket\r\n\r\n";

const SAFARI: &str = "GET /chat HTTP/1.1\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Host: [::1]:9001\r\n\
    Origin: null\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\
    User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/17.4 Safari/605.1.15\r\n\r\n";

#[test]
fn requests_of_real_browsers_are_accepted() {
    for (head, host, origin) in [
        (CHROME, "127.0.0.1:9001", "http://127.0.0.1:9001"),
        (FIREFOX, "example.com", "https://example.com"),
        (SAFARI, "[::1]:9001", "null"),
    ] {
        let request = request(head.as_bytes());
        assert_eq!((request.host(), request.origin()), (Some(host), Some(origin)));
        let mut out = [0; 512];
        let upgrade = request.upgrade().unwrap();
        let answer = response(upgrade.accept(&mut out).finish().unwrap());
        let accepted = ClientHandshake::new(NONCE).check(&answer).unwrap();
        assert_eq!(accepted.protocol(), None);
        // > an extension that was not asked for or that we do not speak
        assert_eq!(answer.header("Sec-WebSocket-Extensions"), None);
        assert_eq!(answer.header("Sec-WebSocket-Protocol"), None);
    }
}

#[test]
fn the_application_sees_all_of_the_request_before_it_accepts() {
    let request = request(CHROME.as_bytes());
    assert_eq!(request.header("COOKIE"), Some(&b"session=abc; theme=\"dark\""[..]));
    assert_eq!(request.header("X-Missing"), None);
    let extensions = Some(&b"permessage-deflate; client_max_window_bits"[..]);
    assert_eq!(request.header("sec-websocket-extensions"), extensions);
    assert_eq!(request.headers().into_iter().count(), 13);
    assert_eq!(request.upgrade().unwrap().request().target(), "/socket?v=2");
    // The origin is its to judge; a request without one is not a browser's.
    let plain = request_with("");
    assert_eq!(self::request(&plain).origin(), None);
    assert!(self::request(&plain).upgrade().is_ok());
    let twice = request_with("Origin: http://good\r\nOrigin: http://evil\r\n");
    assert_eq!(self::request(&twice).origin(), None, "neither of two is the origin");
}

#[test]
fn targets() {
    for (target, path, query) in [
        ("/", "/", None),
        ("/a/b?c=d?e", "/a/b", Some("c=d?e")),
        ("/?", "/", Some("")),
        ("/%41%zz", "/%41%zz", None),
        ("http://example.com/chat?x", "/chat", Some("x")),
        ("http://example.com", "/", None),
        ("ws://example.com?x", "/", Some("x")),
        ("HTTPS://example.com:8443/a", "/a", None),
        ("wss://example.com/a?b=c://d/e", "/a", Some("b=c://d/e")),
        ("/go?to=http://example.com/a?b", "/go", Some("to=http://example.com/a?b")),
    ] {
        let head = edited(request_with(""), "/chat?room=7", target);
        let request = request(head.as_bytes());
        assert_eq!(request.target(), target);
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
    }
}

#[test]
fn the_answer_to_head_has_no_body() {
    for (from, to) in [("", ""), ("HTTP/1.1", "HTTP/1.0"), ("Host: ", "X: "), ("Upgrade: ", "X: ")]
    {
        let head = edited(request_with(""), from, to).replacen("GET", "HEAD", 1);
        let error = request(head.as_bytes()).upgrade().unwrap_err();
        let mut out = [0; 512];
        let reply = error.reply(&mut out).unwrap();
        assert!(reply.ends_with(b"\r\n\r\n"), "{from}");
        let (status, fields, _) = parsed_reply(reply);
        assert_eq!(status, 405);
        assert!(fields.contains(&("Allow", b"GET")));
    }
}

#[test]
fn requests_of_another_kind_need_a_host_too() {
    let check = |head: &str| request(head.as_bytes()).check_host();
    let bad = Err(HandshakeError::BadHost);
    for (host, verdict) in [
        ("Host: a\r\n", Ok(())),
        ("host: [::1]:80\r\n", Ok(())),
        ("", bad),
        ("Host: a b\r\n", bad),
        ("Host: a\r\nHost: a\r\n", bad),
    ] {
        assert_eq!(check(&format!("GET / HTTP/1.1\r\n{host}\r\n")), verdict, "{host:?}");
    }
    // HTTP/1.0 knew none, but not two either.
    assert_eq!(check("GET / HTTP/1.0\r\n\r\n"), Ok(()));
    assert_eq!(check("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), bad);
}

#[test]
fn a_target_that_is_no_path_begins_with_a_scheme() {
    for target in
        ["chat?to=http://example.com/", "://example.com/", "1://a/", "a/b://c/", "?x", "*"]
    {
        let head = edited(request_with(""), "/chat?room=7", target);
        assert_eq!(judge(head.as_bytes()), Err(HandshakeError::BadTarget), "{target}");
    }
}

#[test]
fn an_address_as_the_target_names_the_host() {
    // > the origin server MUST ignore the received Host header field (if any)
    // > and instead use the host information of the request-target
    let head = edited(request_with(""), "/chat?room=7", "http://other.example:8080/chat");
    let request = request(head.as_bytes());
    assert_eq!(request.host(), Some("other.example:8080"));
    assert_eq!(request.header("Host"), Some(&b"server.example.com"[..]));
    assert!(request.upgrade().is_ok());
    // It is to be there and to be good nevertheless.
    for bad in ["X: y", "Host: a b", "Host: a\r\nHost: b"] {
        let head = edited(head.clone().into_bytes(), "Host: server.example.com", bad);
        assert_eq!(judge(head.as_bytes()), Err(HandshakeError::BadHost), "{bad:?}");
    }
}

/// Names are not known by their lengths.
#[test]
fn fields_with_names_of_the_same_length() {
    for known in [
        "Host",
        "Origin",
        "Upgrade",
        "Connection",
        "Content-Length",
        "Sec-WebSocket-Key",
        "Transfer-Encoding",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
    ] {
        // Equal but for the last letter, or but for all.
        let almost = format!("{}x", &known[..known.len() - 1]);
        for name in [almost, "x".repeat(known.len())] {
            assert_eq!(judge(&request_with(&format!("{name}: ;;,\r\n"))), Ok(()), "{name}");
        }
    }
}

#[test]
fn three_hundred_header_fields() {
    let lines: String = (0..300).fold(String::new(), |mut lines, i| {
        write!(lines, "X-Forwarded-{i}: {i}\r\n").unwrap();
        lines
    });
    let head = request_with(&lines);
    let request = request(&head);
    assert_eq!(request.headers().into_iter().count(), 305);
    assert_eq!(request.header("x-forwarded-299"), Some(&b"299"[..]));
    assert!(request.upgrade().is_ok());
}

#[test]
fn bytes_behind_the_head_are_the_first_frames() {
    let frames = [Side::Server.frame(0x81, b"early"), Side::Server.frame(0x89, b"")].concat();
    let bytes = [request_with(""), frames.clone()].concat();
    let request = request(&bytes);
    assert_eq!(bytes[request.head_len()..], frames);
    let bytes = [response_with(""), b"\x81\x05early".to_vec()].concat();
    let response = response(&bytes);
    assert_eq!(&bytes[response.head_len()..], b"\x81\x05early");
    assert!(ClientHandshake::new(NONCE).check(&response).is_ok());
}

#[test]
fn the_server_chooses_among_what_was_offered() {
    let head = request_with("Sec-WebSocket-Protocol: a, b,,c\r\nSec-WebSocket-Protocol: d\r\n");
    let upgrade = request(&head).upgrade().unwrap();
    assert_eq!(upgrade.request().protocols().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    // The server's order of preference decides.
    assert_eq!(upgrade.choose_protocol(&["d", "a"]), Some("d"));
    assert_eq!(upgrade.choose_protocol(&["x", "c"]), Some("c"));
    assert_eq!(upgrade.choose_protocol(&["A", "bb", ""]), None);
    assert_eq!(upgrade.choose_protocol(&[]), None);

    let mut out = [0; 512];
    let answer = response(upgrade.accept(&mut out).protocol("c").finish().unwrap());
    let values: Vec<_> = answer.headers().named("Sec-WebSocket-Protocol").collect();
    assert_eq!(values, [b"c"]);
    for bad in ["x", "A", "", "a, b", "a\r\nX: y"] {
        let answer = upgrade.accept(&mut out).protocol(bad).finish();
        assert_eq!(answer, Err(ComposeError::BadProtocol), "{bad:?}");
    }
    let answer = upgrade.accept(&mut out).protocol("a").protocol("b").finish();
    assert_eq!(answer, Err(ComposeError::BadProtocol), "one at most");
}

// The client's side.

/// An answer to another request than this one, which offered nothing.
#[test]
fn compression_is_not_accepted_unasked() {
    let offers = Extensions::new(b"permessage-deflate").map(Result::unwrap);
    let answer = Compression::new().accept(offers).unwrap();
    for (offer, expected) in [
        ("", Err(ComposeError::BadExtension)),
        ("Sec-WebSocket-Extensions: x-own\r\n", Err(ComposeError::BadExtension)),
        ("Sec-WebSocket-Extensions: x-own, permessage-deflate\r\n", Ok(())),
    ] {
        let head = request_with(offer);
        let (upgrade, mut out) = (request(&head).upgrade().unwrap(), [0; 512]);
        let response = upgrade.accept(&mut out).compression(answer).finish();
        assert_eq!(response.map(drop), expected, "{offer:?}");
    }
}

#[test]
fn each_rule_of_a_response() {
    use HandshakeError as Error;
    const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let end = "xOo=\r\n\r\n";
    for (from, to, error) in [
        ("HTTP/1.1", "HTTP/1.0", Error::HttpVersion),
        ("HTTP/1.1", "HTTP/2.0", Error::HttpVersion),
        ("HTTP/1.1", "ICY/1.1", Error::MalformedHead),
        ("101 S", "1010 S", Error::MalformedHead),
        ("101 S", "10 S", Error::MalformedHead),
        ("101 S", "001 S", Error::MalformedHead),
        ("101 S", "101S", Error::MalformedHead),
        ("101 Switching Protocols", "200 OK", Error::Refused(200)),
        ("101 Switching Protocols", "999 ", Error::Refused(999)),
        ("Upgrade: websocket\r\n", "", Error::NotUpgrade),
        ("Upgrade: websocket\r\n", "Upgrade: websocket, h2c\r\n", Error::NotUpgrade),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\nUpgrade: websocket\r\n", Error::NotUpgrade),
        ("Connection: Upgrade\r\n", "", Error::ConnectionNotUpgrade),
        ("Connection: Upgrade\r\n", "Connection: notupgrade\r\n", Error::ConnectionNotUpgrade),
        (ACCEPT, "", Error::BadAccept),
        ("s3pP", "S3pP", Error::BadAccept),
        ("xOo=", "xOo", Error::BadAccept),
        ("xOo=", "xOo= x", Error::BadAccept),
        (end, &format!("xOo=\r\n{ACCEPT}\r\n"), Error::BadAccept),
        (end, "xOo=\r\nSec-WebSocket-Protocol: c\r\n\r\n", Error::ProtocolNotOffered),
        (end, "xOo=\r\nSec-WebSocket-Protocol: A\r\n\r\n", Error::ProtocolNotOffered),
        (end, "xOo=\r\nSec-WebSocket-Protocol: a, b\r\n\r\n", Error::ProtocolNotOffered),
        (end, "xOo=\r\nSec-WebSocket-Protocol: \r\n\r\n", Error::ProtocolNotOffered),
        (
            end,
            "xOo=\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n\r\n",
            Error::ProtocolNotOffered,
        ),
        (
            end,
            "xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            Error::ExtensionNotOffered,
        ),
        (end, "xOo=\r\nX : y\r\n\r\n", Error::MalformedHead),
        (end, "xOo=\r\n folded\r\n\r\n", Error::MalformedHead),
        (end, "xOo=\r\nX: a\rb\r\n\r\n", Error::MalformedHead),
    ] {
        let head = edited(response_with(""), from, to);
        let handshake = ClientHandshake::new(NONCE).protocols(&["a", "b"]);
        let verdict = ResponseReader::new()
            .read(head.as_bytes())
            .and_then(|response| handshake.check(&response.expect("a whole head")));
        assert_eq!(verdict, Err(error), "{from:?} as {to:?}");
    }
}

#[test]
fn each_response_that_keeps_the_rules() {
    for (from, to, protocol) in [
        ("101 Switching Protocols", "101 ", None),
        ("101 Switching Protocols", "101", None),
        ("101 Switching Protocols", "101 \u{fc}ber", None),
        ("HTTP/1.1", "HTTP/1.9", None),
        ("Upgrade: websocket", "UPGRADE:WebSocket", None),
        ("Connection: Upgrade", "connection: x,upgrade", None),
        ("Accept: ", "Accept:\t  ", None),
        ("xOo=\r\n", "xOo=\r\nSec-WebSocket-Protocol: b\r\n", Some("b")),
        ("xOo=\r\n", "xOo=\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n", None),
        // > Any response with a 1xx (Informational) [...] status code is always
        // > terminated by the first empty line after the header fields,
        // > regardless of the header fields present (RFC 9112 §6.3)
        ("xOo=\r\n", "xOo=\r\nContent-Length: 7\r\n", None),
        ("xOo=\r\n", "xOo=\r\nTransfer-Encoding: chunked\r\n", None),
    ] {
        let head = edited(response_with(""), from, to);
        let handshake = ClientHandshake::new(NONCE).protocols(&["a", "b"]);
        let accepted = handshake.check(&response(head.as_bytes())).unwrap();
        assert_eq!(accepted.protocol(), protocol, "{from:?} as {to:?}");
    }
    // Another nonce, and the same answer no longer fits.
    let head = response_with("");
    let other = ClientHandshake::new([0; 16]).check(&response(&head));
    assert_eq!(other, Err(HandshakeError::BadAccept));
}

#[test]
fn interim_responses_are_passed_over() {
    let interim: [&[u8]; 4] = [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 \r\nX: y\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 199\r\n\r\n",
    ];
    let bytes = [interim.concat(), response_with(""), b"\x89\0".to_vec()].concat();
    let response = response(&bytes);
    assert_eq!((response.status(), &bytes[response.head_len()..]), (101, &b"\x89\0"[..]));
    assert_eq!(response.reason(), b"Switching Protocols");
    assert!(ClientHandshake::new(NONCE).check(&response).is_ok());
    assert_eq!(response.headers().into_iter().count(), 3, "those of the last alone");
    // Their number is bounded by the limit of the head.
    let endless = interim[0].repeat(1000);
    let error = ResponseReader::new().read(&endless).unwrap_err();
    assert_eq!(error, HandshakeError::HeadTooLarge);
}

#[test]
fn a_refusal_is_handed_over_whole() {
    let bytes = b"HTTP/1.1 401 Who Are You\r\nWWW-Authenticate: Basic\r\n\
        WWW-Authenticate: Digest\r\nContent-Length: 5\r\n\r\nknock";
    let response = response(bytes);
    let error = ClientHandshake::new(NONCE).check(&response).unwrap_err();
    assert_eq!((error, error.status()), (HandshakeError::Refused(401), 401));
    assert_eq!(error.to_string(), "refused by the server with status 401");
    assert_eq!((response.status(), response.reason()), (401, &b"Who Are You"[..]));
    let ways: Vec<_> = response.headers().named("www-authenticate").collect();
    assert_eq!(ways, [&b"Basic"[..], b"Digest"]);
    assert_eq!(&bytes[response.head_len()..], b"knock");
}

// What is written.

/// Texts that no caller may smuggle into a head.
const INJECTIONS: [&str; 8] = ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\r", "\n", "\0", "a\x7Fb"];

#[test]
fn nothing_that_a_caller_passes_ends_a_line() {
    let url = Url::parse("ws://example.com/").unwrap();
    let head = request_with("Sec-WebSocket-Protocol: a\r\n");
    let upgrade = request(&head).upgrade().unwrap();
    let mut out = [0; 1024];
    for bad in INJECTIONS {
        let client = ClientHandshake::new(NONCE);
        let values = [
            client.request(&url, &mut out).header("Origin", bad).finish().err(),
            upgrade.accept(&mut out).header("X-A", bad).finish().err(),
            Reply::new(400, &mut out).header("X-A", bad).body(b"").err(),
        ];
        assert_eq!(values, [Some(ComposeError::BadHeader); 3], "value {bad:?}");
        let offer = [bad];
        let offer = client.protocols(&offer).request(&url, &mut out).finish().err();
        let choice = upgrade.accept(&mut out).protocol(bad).finish().err();
        assert_eq!([offer, choice], [Some(ComposeError::BadProtocol); 2], "protocol {bad:?}");
        for part in ["ws://h", "ws://h/", "ws://h/?", "ws://h:"] {
            assert!(Url::parse(&format!("{part}{bad}")).is_err(), "address {bad:?}");
        }
    }
    for bad in INJECTIONS.into_iter().chain(["", " ", "a b", "a:", "\u{e9}", "X\t", "(x)"]) {
        let client = ClientHandshake::new(NONCE);
        let names = [
            client.request(&url, &mut out).header(bad, "x").finish().err(),
            upgrade.accept(&mut out).header(bad, "x").finish().err(),
            Reply::new(400, &mut out).header(bad, "x").body(b"").err(),
        ];
        assert_eq!(names, [Some(ComposeError::BadHeader); 3], "name {bad:?}");
    }
    // All other bytes are the application's own business.
    let odd: Vec<u8> = (0x80..=0xFF).chain(0x20..0x7F).chain([b'\t', b'x']).collect();
    let reply = Reply::new(400, &mut out).header("X-Odd", &odd).body(b"\r\n\0").unwrap();
    let (_, fields, body) = parsed_reply(reply);
    assert!(fields.contains(&("X-Odd", &odd)));
    assert_eq!(body, b"\r\n\0");
}

#[test]
fn headers_of_the_handshake_are_its_own() {
    let url = Url::parse("ws://example.com/").unwrap();
    let head = request_with("");
    let upgrade = request(&head).upgrade().unwrap();
    let mut out = [0; 1024];
    for name in [
        "Connection",
        "Content-Length",
        "Host",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Version",
        "Transfer-Encoding",
        "Upgrade",
    ] {
        for name in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let client = ClientHandshake::new(NONCE);
            let errors = [
                client.request(&url, &mut out).header(&name, "x").finish().err(),
                upgrade.accept(&mut out).header(&name, "x").finish().err(),
                Reply::new(400, &mut out).header(&name, "x").body(b"").err(),
            ];
            assert_eq!(errors, [Some(ComposeError::ReservedHeader); 3], "{name}");
        }
    }
}

#[test]
fn subprotocols_are_offered_once_and_as_tokens() {
    let url = Url::parse("ws://example.com/").unwrap();
    let mut out = [0; 1024];
    for bad in [&["a", "a"][..], &["a", "b", "a"], &[""], &["a b"], &["a,b"], &["a", "\u{e9}"]] {
        let request = ClientHandshake::new(NONCE).protocols(bad).request(&url, &mut out);
        assert_eq!(request.finish(), Err(ComposeError::BadProtocol), "{bad:?}");
    }
    let handshake = ClientHandshake::new(NONCE).protocols(&["a", "A", "b.c"]);
    let request = handshake.request(&url, &mut out).finish().unwrap();
    assert_eq!(self::request(request).protocols().collect::<Vec<_>>(), ["a", "A", "b.c"]);
    let request = ClientHandshake::new(NONCE).request(&url, &mut out).finish().unwrap();
    assert_eq!(self::request(request).header("Sec-WebSocket-Protocol"), None);
}

#[test]
fn the_first_mistake_is_the_one_told() {
    let mut out = [0; 4];
    let reply = Reply::new(99, &mut out).header("X:", "").header("Host", "x").body(b"");
    assert_eq!(reply, Err(ComposeError::BadStatus));
    let reply = Reply::new(200, &mut out).header("Host", "x").header("X:", "").body(b"");
    assert_eq!(reply, Err(ComposeError::ReservedHeader));
}

#[test]
fn statuses_of_replies() {
    let mut out = [0; 256];
    for status in [0, 99, 100, 101, 199, 204, 304, 600, 1000, u16::MAX] {
        let reply = Reply::new(status, &mut out).body(b"");
        assert_eq!(reply, Err(ComposeError::BadStatus), "{status}");
    }
    for status in (200..600).filter(|status| ![204, 304].contains(status)) {
        let (written, ..) = parsed_reply(Reply::new(status, &mut out).body(b"").unwrap());
        assert_eq!(written, status);
    }
}

/// The words of RFC 9110 §15 and RFC 6585.
#[test]
fn replies_have_the_usual_words() {
    for (status, words) in [
        (200, "OK"),
        (301, "Moved Permanently"),
        (302, "Found"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (408, "Request Timeout"),
        (413, "Content Too Large"),
        (426, "Upgrade Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (505, "HTTP Version Not Supported"),
        (299, ""),
        (599, ""),
    ] {
        let mut out = [0; 256];
        let reply = Reply::new(status, &mut out).body(b"").unwrap();
        assert!(reply.starts_with(format!("HTTP/1.1 {status} {words}\r\n").as_bytes()));
    }
}

#[test]
fn a_request_asks_for_what_the_address_says() {
    for (url, target, host) in [
        ("ws://example.com", "/", "example.com"),
        ("ws://example.com:80/a", "/a", "example.com"),
        ("ws://example.com:443/a", "/a", "example.com:443"),
        ("wss://example.com:443", "/", "example.com"),
        ("wss://example.com:80?q", "/?q", "example.com:80"),
        ("ws://[::1]/", "/", "[::1]"),
        ("ws://[2001:db8::7]:9001/x?", "/x?", "[2001:db8::7]:9001"),
        ("ws://127.0.0.1:65535/a?b=c", "/a?b=c", "127.0.0.1:65535"),
    ] {
        let mut out = [0; 512];
        let parsed = Url::parse(url).unwrap();
        let head = ClientHandshake::new(NONCE).request(&parsed, &mut out).finish().unwrap();
        let request = request(head);
        assert_eq!((request.target(), request.host()), (target, Some(host)), "{url}");
        assert!(request.upgrade().is_ok(), "{url}");
    }
}

#[test]
fn each_buffer_that_is_too_small_says_what_is_needed() {
    let url = Url::parse("wss://example.com:12345/path?query").unwrap();
    let ask = |out: &mut [u8]| {
        let handshake = ClientHandshake::new(NONCE).protocols(&["a", "b"]);
        let request = handshake.request(&url, out);
        request.header("Origin", "http://example.com").finish().map(<[u8]>::to_vec)
    };
    let head = request_with("Sec-WebSocket-Protocol: a\r\n");
    let upgrade = request(&head).upgrade().unwrap();
    let accept = |out: &mut [u8]| {
        upgrade.accept(out).protocol("a").header("X-A", "b").finish().map(<[u8]>::to_vec)
    };
    let reply =
        |out: &mut [u8]| Reply::new(426, out).header("X-A", "b").body(b"body").map(<[u8]>::to_vec);
    exact(ask);
    exact(accept);
    exact(reply);
}

fn exact(compose: impl Fn(&mut [u8]) -> Result<Vec<u8>, ComposeError>) {
    let Err(ComposeError::BufferTooSmall { needed }) = compose(&mut []) else {
        panic!("nothing fits into nothing");
    };
    let whole = compose(&mut vec![0; needed]).expect("the size asked for is enough");
    assert_eq!(whole.len(), needed);
    for len in 0..needed {
        let small = compose(&mut vec![0; len]);
        assert_eq!(small, Err(ComposeError::BufferTooSmall { needed }), "{len}");
    }
    assert_eq!(compose(&mut vec![0xEE; needed + 100]), Ok(whole), "and more does not matter");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Our request is one that we accept, and our response, too.
    #[test]
    fn both_ends_understand_each_other(
        nonce in any::<[u8; 16]>(),
        host in "[a-z0-9.-]{1,20}|\\[::[0-9a-f]{1,4}\\]",
        port in proptest::option::of(1u16..),
        resource in "(/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2}){0,20})?(\\?([a-z0-9?/=&]|%[0-9a-f]{2}){0,20})?",
        secure in any::<bool>(),
        protocols in proptest::collection::btree_set("[A-Za-z0-9.!~-]{1,8}", 0..4),
        value in "[ -~\u{e9}\t]{0,30}",
        supported in vec("[a-c]", 0..3),
    ) {
        let scheme = if secure { "wss" } else { "ws" };
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let address = format!("{scheme}://{host}{port}{resource}");
        let url = Url::parse(&address).unwrap();
        let protocols: Vec<&str> = protocols.iter().map(String::as_str).collect();
        let handshake = ClientHandshake::new(nonce).protocols(&protocols);
        let (mut ask, mut answer) = ([0; 1024], [0; 1024]);
        let ask = handshake.request(&url, &mut ask).header("X-Value", &value).finish().unwrap();
        let request = request(ask);
        prop_assert_eq!(request.head_len(), ask.len());
        prop_assert_eq!(request.path(), url.path());
        prop_assert_eq!(request.query(), url.query());
        let trimmed = value.trim_matches([' ', '\t']).as_bytes();
        prop_assert_eq!(request.header("x-value"), Some(trimmed));

        let upgrade = request.upgrade().unwrap();
        let supported: Vec<&str> = supported.iter().map(String::as_str).collect();
        let chosen = upgrade.choose_protocol(&supported);
        let answer = upgrade.accept(&mut answer).protocol(chosen).finish().unwrap();
        let response = response(answer);
        prop_assert_eq!(handshake.check(&response).unwrap().protocol(), chosen);
    }

    /// Whatever is passed, a head that is written says that and no more.
    #[test]
    fn heads_hold_what_was_passed_and_nothing_else(
        name in "\\PC{0,4}|[A-Za-z\r\n:]{1,6}",
        value in vec(any::<u8>(), 0..12),
    ) {
        let mut out = [0; 512];
        if let Ok(reply) = Reply::new(403, &mut out).header(&name, &value).body(b"no") {
            let (status, fields, body) = parsed_reply(reply);
            prop_assert_eq!((status, fields.len(), body), (403, 3, &b"no"[..]));
            let start = value.iter().take_while(|byte| b" \t".contains(byte)).count();
            let end = value.iter().rev().take_while(|byte| b" \t".contains(byte)).count();
            let trimmed = value.get(start..value.len() - end).unwrap_or_default();
            prop_assert!(fields.contains(&(&*name, trimmed)));
        }
    }

    /// Any bytes as a request line or header lines: an answer, never a panic.
    #[test]
    fn any_lines_get_an_answer(lines in vec(any::<u8>(), 0..60), text in "[ -~\r\n]{0,60}") {
        for lines in [&lines[..], text.as_bytes()] {
            let mut head = request_with("");
            head.truncate(head.len() - 2);
            let bytes = [&head, lines, b"\r\n\r\n"].concat();
            let mut out = [0; 512];
            match RequestReader::new().read(&bytes) {
                Ok(Some(request)) => {
                    let _ = (request.path(), request.query(), request.host(), request.origin());
                    if let Err(error) = request.upgrade() {
                        parsed_reply(error.reply(&mut out).unwrap());
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    parsed_reply(error.reply(&mut out).unwrap());
                }
            }
            let bytes = [b"HTTP/1.1 101 x\r\n", lines, b"\r\n\r\n"].concat();
            if let Ok(Some(response)) = ResponseReader::new().read(&bytes) {
                prop_assert!(ClientHandshake::new(NONCE).check(&response).is_err());
            }
        }
    }
}
