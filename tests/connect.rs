//! The opening handshake over HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220): every
//! rule of both roles, and that it negotiates as HTTP/1.1 does.
#![cfg(feature = "std")]

use proptest::collection::vec;
use proptest::prelude::*;
use sansocket::deflate::Compression;
use sansocket::handshake::{
    ClientConnect, ClientHandshake, ComposeError, ConnectRequest, ConnectResponse, HandshakeError,
    Headers, Offer, Pairs, RequestReader, ResponseReader, Url,
};

type Pair<'a> = (&'a str, &'a str);

/// The example of RFC 8441 §5.1.
const EXAMPLE: [Pair; 9] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "server.example.com"),
    ("sec-websocket-protocol", "chat, superchat"),
    ("sec-websocket-extensions", "permessage-deflate"),
    ("sec-websocket-version", "13"),
    ("origin", "http://www.example.com"),
];

fn list(pairs: Pairs<'_>) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    pairs.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

fn judge(pairs: &[Pair]) -> Result<(), HandshakeError> {
    ConnectRequest::read(pairs.iter().copied())?.connect().map(|_| ())
}

#[test]
fn the_example_of_rfc_8441() {
    let connect = ConnectRequest::read(EXAMPLE).unwrap().connect().unwrap();
    let offer = connect.offer();
    assert!(connect.is_secure());
    assert_eq!((offer.path(), offer.query()), ("/chat", None));
    assert_eq!(offer.host(), "server.example.com");
    assert_eq!(offer.origin(), Some("http://www.example.com"));
    assert_eq!(offer.header("Origin"), Some(&b"http://www.example.com"[..]));
    assert_eq!(offer.protocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(offer.extensions().count(), 1);
    let mut out = [0; 512];
    let protocol = offer.choose_protocol(&["chat"]);
    let response = connect.accept(&mut out).protocol(protocol).finish().unwrap();
    let expected = [(":status", "200"), ("sec-websocket-protocol", "chat")];
    assert_eq!(list(response), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));

    let mut out = [0; 512];
    let url = Url::parse("wss://server.example.com/chat").unwrap();
    let wish = ClientConnect::new().protocols(&["chat", "superchat"]);
    let request = wish.request(&url, &mut out).header("Origin", "http://www.example.com");
    let mut ours = list(request.finish().unwrap());
    let mut theirs = EXAMPLE.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    theirs.retain(|(name, _)| name != "sec-websocket-extensions");
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

#[test]
fn each_rule_of_a_request() {
    use HandshakeError as Error;
    assert_eq!(judge(&EXAMPLE), Ok(()));
    for (name, value, error) in [
        (":method", Some("GET"), Error::MethodNotConnect),
        (":method", Some("connect"), Error::MethodNotConnect),
        (":method", None, Error::MalformedHead),
        (":protocol", Some("webtransport"), Error::NotWebSocket),
        (":protocol", Some("WebSocket"), Error::NotWebSocket),
        (":protocol", None, Error::NotWebSocket),
        (":scheme", Some("wss"), Error::BadTarget),
        (":scheme", None, Error::BadTarget),
        (":path", Some(""), Error::BadTarget),
        (":path", Some("*"), Error::BadTarget),
        (":path", Some("chat"), Error::BadTarget),
        (":path", Some("/a b"), Error::BadTarget),
        (":path", Some("/#top"), Error::BadTarget),
        (":path", Some("/\u{e9}"), Error::BadTarget),
        (":path", None, Error::BadTarget),
        (":authority", Some(""), Error::BadHost),
        (":authority", Some("user@a"), Error::BadHost),
        (":authority", Some("a/b"), Error::BadHost),
        (":authority", None, Error::BadHost),
        ("sec-websocket-version", Some("8"), Error::WebSocketVersion),
        ("sec-websocket-version", Some("13, 8"), Error::WebSocketVersion),
        ("sec-websocket-version", None, Error::WebSocketVersion),
        ("sec-websocket-protocol", Some("a b"), Error::BadProtocols),
        ("sec-websocket-extensions", Some("a;"), Error::BadExtensions),
        ("origin", Some("\u{e9}"), Error::BadOrigin),
        ("origin", Some(" http://www.example.com"), Error::MalformedHead),
        ("origin", Some("http://www.example.com\t"), Error::MalformedHead),
        ("origin", Some("a\r\nb"), Error::MalformedHead),
        ("origin", Some("a\0b"), Error::MalformedHead),
    ] {
        let pairs = EXAMPLE.into_iter().filter_map(|pair| match value {
            _ if pair.0 != name => Some(pair),
            value => value.map(|value| (name, value)),
        });
        assert_eq!(judge(&pairs.collect::<Vec<_>>()), Err(error), "{name} as {value:?}");
    }
    for (name, value, error) in [
        ("connection", "Upgrade", Error::ConnectionHeader),
        ("upgrade", "websocket", Error::ConnectionHeader),
        ("keep-alive", "1", Error::ConnectionHeader),
        ("proxy-connection", "x", Error::ConnectionHeader),
        ("transfer-encoding", "chunked", Error::ConnectionHeader),
        ("te", "gzip", Error::ConnectionHeader),
        ("content-length", "0", Error::RequestHasBody),
        ("host", "other.example.com", Error::BadHost),
        ("origin", "http://www.example.com", Error::BadOrigin),
        ("sec-websocket-version", "13", Error::WebSocketVersion),
        ("X-Upper", "x", Error::MalformedHead),
        ("x y", "x", Error::MalformedHead),
        ("x:y", "x", Error::MalformedHead),
        ("", "x", Error::MalformedHead),
        (":status", "200", Error::MalformedHead),
        (":path", "/chat", Error::MalformedHead),
    ] {
        let pairs = [&EXAMPLE[..], &[(name, value)]].concat();
        assert_eq!(judge(&pairs), Err(error), "and {name}: {value}");
        // Pseudo-header fields are bad in front, too, when unknown or repeated.
        if name.starts_with(':') {
            let pairs = [&[(name, value)], &EXAMPLE[..]].concat();
            assert_eq!(judge(&pairs), Err(error), "{name}: {value} and");
        }
    }
    let mut late = EXAMPLE;
    late.swap(4, 5);
    assert_eq!(judge(&late), Err(Error::MalformedHead), "a pseudo-header field behind another");
}

#[test]
fn each_request_that_keeps_the_rules() {
    for more in [
        ("te", "trailers"),
        ("host", "SERVER.example.com"),
        // > do not do the processing of the Sec-WebSocket-Key
        ("sec-websocket-key", "nonsense"),
        ("cookie", "a=b"),
        ("x-odd", "\u{e9}"),
    ] {
        assert_eq!(judge(&[&EXAMPLE[..], &[more, more]].concat()), Ok(()), "{more:?}");
    }
}

#[test]
fn what_each_error_is_answered_with() {
    use HandshakeError as Error;
    for (error, status, header) in [
        (Error::MalformedHead, 400, None),
        (Error::MethodNotConnect, 405, Some(("allow", "CONNECT"))),
        (Error::NotWebSocket, 501, None),
        (Error::ConnectionHeader, 400, None),
        (Error::WebSocketVersion, 400, Some(("sec-websocket-version", "13"))),
        (Error::BadOrigin, 400, None),
    ] {
        assert_eq!(error.connect_refusal(), (status, header), "{error:?}");
    }
}

#[test]
fn a_client_offers_extensions_of_its_own() {
    let url = Url::parse("wss://example.com/").unwrap();
    let wish = ClientConnect::new().compression(Compression::new()).extensions("x-own; a=1, x-b");
    let mut out = [0; 512];
    let request = list(wish.request(&url, &mut out).finish().unwrap());
    let offered: Vec<_> = request
        .iter()
        .filter(|(name, _)| name == "sec-websocket-extensions")
        .map(|(_, value)| value.as_str())
        .collect();
    let offered = offered.join(", ");
    assert!(offered.starts_with("permessage-deflate"), "{offered}");
    assert!(offered.ends_with(", x-own; a=1, x-b"), "{offered}");
    for (answer, is_good) in [("x-own; a=2", true), ("x-b", true), ("x-c", false)] {
        let pairs = [(":status", "200"), ("sec-websocket-extensions", answer)];
        let response = ConnectResponse::read(pairs).unwrap();
        assert_eq!(wish.check(&response).is_ok(), is_good, "{answer}");
    }
}

#[test]
fn each_rule_of_a_response() {
    use HandshakeError as Error;
    let wish = ClientConnect::new().protocols(&["a", "b"]).extensions("x-own");
    let check = |pairs: &[Pair]| {
        let response = ConnectResponse::read(pairs.iter().copied())?;
        wish.check(&response).map(|accepted| accepted.protocol().map(str::to_owned))
    };
    assert_eq!(check(&[(":status", "200")]), Ok(None));
    assert_eq!(check(&[(":status", "201")]), Ok(None));
    let good = [(":status", "200"), ("sec-websocket-protocol", "b"), ("date", "today")];
    assert_eq!(check(&good), Ok(Some("b".to_owned())));
    for (pairs, error) in [
        (&[][..], Error::MalformedHead),
        (&[(":status", "2000")], Error::MalformedHead),
        (&[(":status", "+20")], Error::MalformedHead),
        (&[(":status", "020")], Error::MalformedHead),
        (&[(":status", "2x0")], Error::MalformedHead),
        (&[(":status", "200"), (":status", "200")], Error::MalformedHead),
        (&[(":status", "200"), (":path", "/")], Error::MalformedHead),
        (&[("date", "today"), (":status", "200")], Error::MalformedHead),
        (&[(":status", "101")], Error::Refused(101)),
        (&[(":status", "304")], Error::Refused(304)),
        (&[(":status", "403"), ("x", "y")], Error::Refused(403)),
        (&[(":status", "200"), ("upgrade", "websocket")], Error::ConnectionHeader),
        (&[(":status", "200"), ("Date", "today")], Error::MalformedHead),
        (&[(":status", "200"), ("sec-websocket-protocol", "c")], Error::ProtocolNotOffered),
        (&[(":status", "200"), ("sec-websocket-protocol", "a, b")], Error::ProtocolNotOffered),
        (
            &[(":status", "200"), ("sec-websocket-extensions", "x-other")],
            Error::ExtensionNotOffered,
        ),
        (
            &[(":status", "200"), ("sec-websocket-extensions", "permessage-deflate")],
            Error::ExtensionNotOffered,
        ),
        (&[(":status", "200"), ("sec-websocket-extensions", "x-own;")], Error::BadExtensions),
    ] {
        assert_eq!(check(pairs), Err(error), "{pairs:?}");
    }
}

#[test]
fn header_maps_that_keep_the_pseudo_headers_apart() {
    let headers = std::collections::BTreeMap::from([
        ("origin".to_owned(), b"https://example.com".to_vec()),
        ("sec-websocket-version".to_owned(), b"13".to_vec()),
    ]);
    let request = ConnectRequest {
        method: "CONNECT",
        protocol: Some("websocket"),
        scheme: Some("http"),
        authority: Some("[::1]:8080"),
        path: Some("/a?b=c"),
        headers: &headers,
    };
    let connect = request.connect().unwrap();
    assert!(!connect.is_secure());
    let offer = connect.offer();
    assert_eq!((offer.path(), offer.query(), offer.host()), ("/a", Some("b=c"), "[::1]:8080"));
    assert_eq!(offer.origin(), Some("https://example.com"));

    // And such a stack gets them apart.
    let (url, mut out) = (Url::parse("ws://[::1]:8080/a?b=c").unwrap(), [0; 512]);
    let pairs = ClientConnect::new().request(&url, &mut out).header("X-A", ":b").finish().unwrap();
    let all = [":method", ":protocol", ":scheme", ":authority", ":path"];
    let expected = ["CONNECT", "websocket", "http", "[::1]:8080", "/a?b=c"];
    assert_eq!(all.map(|name| pairs.pseudo(name).unwrap()), expected);
    let fields: Vec<_> = pairs.fields().into_iter().collect();
    assert_eq!(fields, [("sec-websocket-version", &b"13"[..]), ("x-a", b":b")]);
}

#[test]
fn extensions_of_the_application() {
    let mut example = EXAMPLE;
    example[6].1 = "permessage-deflate, x-own; level=3";
    let connect = ConnectRequest::read(example).unwrap().connect().unwrap();
    // The request's own fields, pseudo-headers and all.
    let fields: Vec<_> = connect.offer().headers().pairs().collect();
    assert_eq!(fields, example.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let answer = |list: &str| {
        let mut out = [0; 512];
        let compression = Compression::new().accept(connect.offer().extensions());
        let accept = connect.accept(&mut out).compression(compression).extensions(list);
        let pairs = list_of_extensions(accept.finish()?);
        Ok(pairs)
    };
    assert_eq!(answer("").map(|list| list.len()), Ok(1));
    let both = answer("x-own; level=2").unwrap();
    assert!(both[0].starts_with("permessage-deflate"), "{both:?}");
    assert_eq!(both.last().map(String::as_str), Some("x-own; level=2"));
    for bad in ["x-new", "x-own;", "x-own\r\nx: y", "permessage-deflate", "x-own, x-own"] {
        assert_eq!(answer(bad), Err(ComposeError::BadExtension), "{bad:?}");
    }
}

/// The extensions that a response lists, in one field or several.
fn list_of_extensions(pairs: Pairs<'_>) -> Vec<String> {
    let fields = list(pairs).into_iter().filter(|(name, _)| name == "sec-websocket-extensions");
    fields.flat_map(|(_, value)| value.split(", ").map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn nothing_that_a_caller_passes_ends_a_field() {
    let url = Url::parse("ws://example.com/").unwrap();
    let connect = ConnectRequest::read(EXAMPLE).unwrap().connect().unwrap();
    let mut out = [0; 1024];
    let client = ClientConnect::new();
    for bad in ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\r", "\n", "\0", "a\x7Fb"] {
        let values = [
            client.request(&url, &mut out).header("x-a", bad).finish().err(),
            connect.accept(&mut out).header("x-a", bad).finish().err(),
        ];
        assert_eq!(values, [Some(ComposeError::BadHeader); 2], "value {bad:?}");
        let choice = connect.accept(&mut out).protocol(bad).finish().err();
        assert_eq!(choice, Some(ComposeError::BadProtocol));
    }
    for bad in ["", ":path", "a b", "a:", "\u{e9}"] {
        let names = [
            client.request(&url, &mut out).header(bad, "x").finish().err(),
            connect.accept(&mut out).header(bad, "x").finish().err(),
        ];
        assert_eq!(names, [Some(ComposeError::BadHeader); 2], "name {bad:?}");
    }
    for own in ["Connection", "upgrade", "Host", "TE", "Keep-Alive", "Sec-WebSocket-Key"] {
        let name = connect.accept(&mut out).header(own, "x").finish().err();
        assert_eq!(name, Some(ComposeError::ReservedHeader), "{own}");
    }
    let needed = connect.accept(&mut out).header("x", "y").finish().map(list).unwrap();
    let needed = needed.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let small = connect.accept(&mut vec![0; needed - 1]).header("x", "y").finish().err();
    assert_eq!(small, Some(ComposeError::BufferTooSmall { needed }));
    assert!(connect.accept(&mut vec![0; needed]).header("x", "y").finish().is_ok());
}

/// What one and the same application decides, whatever carries the request.
fn decide<'b>(offer: &Offer<'b, impl Headers<'b>>) -> (Option<&'static str>, Option<&'b str>) {
    (offer.choose_protocol(&["b", "c"]), offer.origin())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The same wish and the same choice come to the same over HTTP/1.1 and
    /// over CONNECT.
    #[test]
    fn both_ways_negotiate_the_same(
        protocols in proptest::collection::btree_set("[a-d]", 0..4),
        origin in proptest::option::of("https://[a-z]{1,8}"),
        resource in "/[a-z]{0,4}(\\?[a-z=&]{0,4})?",
        windows in (8u8..=15, 8u8..=15, any::<bool>()),
        compress in any::<bool>(),
        secure in any::<bool>(),
    ) {
        use sansocket::deflate::WindowBits;
        let protocols: Vec<&str> = protocols.iter().map(String::as_str).collect();
        let wish = Compression::new()
            .send_window(WindowBits::new(windows.0).unwrap())
            .receive_window(WindowBits::new(windows.1).unwrap())
            .receive_takeover(windows.2);
        let address = format!("{}://example.com{resource}", if secure { "wss" } else { "ws" });
        let url = Url::parse(&address).unwrap();
        let (mut ask, mut answer) = ([0; 1024], [0; 1024]);

        let mut client = ClientHandshake::new([7; 16]).protocols(&protocols);
        if compress {
            client = client.compression(wish);
        }
        let mut writer = client.request(&url, &mut ask);
        if let Some(origin) = &origin {
            writer = writer.header("Origin", origin);
        }
        let request = RequestReader::new().read(writer.finish().unwrap()).unwrap().unwrap();
        let upgrade = request.upgrade().unwrap();
        let chosen = decide(&upgrade.offer());
        let agreed = Compression::new().accept(upgrade.offer().extensions());
        let accept = upgrade.accept(&mut answer).protocol(chosen.0).compression(agreed);
        let response = ResponseReader::new().read(accept.finish().unwrap()).unwrap().unwrap();
        let over_1 = client.check(&response).unwrap();

        let (mut ask, mut answer) = ([0; 1024], [0; 1024]);
        let mut client = ClientConnect::new().protocols(&protocols);
        if compress {
            client = client.compression(wish);
        }
        let mut writer = client.request(&url, &mut ask);
        if let Some(origin) = &origin {
            writer = writer.header("Origin", origin);
        }
        let connect = ConnectRequest::read(writer.finish().unwrap()).unwrap().connect().unwrap();
        prop_assert_eq!(connect.is_secure(), secure);
        prop_assert_eq!(decide(connect.offer()), chosen);
        prop_assert_eq!(connect.offer().path(), upgrade.offer().path());
        prop_assert_eq!(connect.offer().query(), upgrade.offer().query());
        prop_assert_eq!(Compression::new().accept(connect.offer().extensions()), agreed);
        let accept = connect.accept(&mut answer).protocol(chosen.0).compression(agreed);
        let response = ConnectResponse::read(accept.finish().unwrap()).unwrap();
        let over_2 = client.check(&response).unwrap();
        prop_assert_eq!(over_1.protocol(), over_2.protocol());
        prop_assert_eq!(over_1.compression(), over_2.compression());
        prop_assert_eq!(over_1.compression().is_some(), compress);
    }

    /// Any pairs: an answer, never a panic, and nothing bad is accepted.
    #[test]
    fn any_pairs_get_an_answer(
        more in vec((":?[a-zA-Z-]{0,3}|\\PC{0,4}|sec-websocket-(protocol|version)", "\\PC{0,6}|[ -~\r\n\t]{0,6}"), 0..4),
        cut in 0..9usize,
    ) {
        let mut pairs = EXAMPLE.to_vec();
        pairs.truncate(cut);
        pairs.extend(more.iter().map(|(name, value)| (&**name, &**value)));
        let verdict = judge(&pairs);
        let has = |name: &str| pairs.iter().filter(|pair| pair.0 == name).count() == 1;
        if verdict.is_ok() {
            prop_assert!([":method", ":path", ":authority"].iter().all(|name| has(name)));
            prop_assert!(pairs.iter().all(|(_, value)| !value.contains(['\r', '\n', '\0'])));
        }
        let _ = ConnectResponse::read(pairs.iter().copied())
            .and_then(|response| ClientConnect::new().check(&response).map(|_| ()));
    }
}

/// A stack that keeps the pseudo-header fields apart and still lists some may
/// not list others than it keeps.
#[test]
fn pseudo_headers_that_say_something_else() {
    fn judge(headers: &[Pair<'_>]) -> Result<(), HandshakeError> {
        let request = ConnectRequest {
            method: "CONNECT",
            protocol: Some("websocket"),
            scheme: Some("https"),
            authority: Some("example.com"),
            path: Some("/"),
            headers: headers.iter().copied(),
        };
        request.connect().map(drop)
    }
    let version = ("sec-websocket-version", "13");
    assert_eq!(judge(&[version]), Ok(()));
    assert_eq!(judge(&[(":authority", "example.com"), version]), Ok(()));
    for other in [(":evil", "x\r\ny"), (":authority", "other"), (":path", "/other")] {
        for headers in [[other, version], [version, other]] {
            assert_eq!(judge(&headers), Err(HandshakeError::MalformedHead), "{headers:?}");
        }
    }
}
