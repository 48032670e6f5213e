//! Header fields of any bytes, over CONNECT and over HTTP/1.1.

use sansocket::Config;
use sansocket::deflate::Compression;
use sansocket::handshake::{
    ClientConnect, ConnectRequest, ConnectResponse, HandshakeError, Headers, Offer, Pairs,
    RequestReader, Url,
};

type Pair<'b> = (&'b [u8], &'b [u8]);

const PSEUDO: [Pair<'_>; 5] = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":authority", b"a"),
    (b":path", b"/b?c"),
];

/// What only one of the two ways has, or has in another way.
const OWN: [&[u8]; 10] = [
    b"host",
    b"upgrade",
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"transfer-encoding",
    b"content-length",
    b"sec-websocket-key",
    b"",
];

/// Any lines as the fields of a request: the same verdict and the same offer over
/// CONNECT as over HTTP/1.1; and as those of a response: a verdict. And any words in
/// a request and a response of ours: the other end accepts them, and finds those
/// words and no more.
pub fn connect(data: &[u8]) {
    let fields = data.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at(colon);
        let own = OWN.iter().any(|own| own.eq_ignore_ascii_case(name));
        (!own).then_some((name, &value[1..]))
    });
    let fields: Vec<Pair<'_>> = fields.collect();
    let pairs = [&PSEUDO[..], &fields].concat();
    let over_2 = ConnectRequest::read(pairs.iter().copied()).and_then(ConnectRequest::connect);
    let over_2 = over_2.map(|connect| {
        let offer = connect.offer();
        let mut out = vec![0; 1024 + data.len()];
        let answer = Compression::new().accept(offer.extensions());
        let accept = connect.accept(&mut out).protocol(offer.protocols().next());
        let response = accept.compression(answer).finish().expect("what was offered");
        assert_eq!(ConnectResponse::read(response).expect("our own").status, 200);
        told(offer)
    });

    let mut head = b"GET /b?c HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_vec();
    for (name, value) in &fields {
        head.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let over_1 = RequestReader::with_config(Config::new().max_head(usize::MAX))
        .read(&head)
        .and_then(|request| request.expect("it is whole").upgrade())
        .map(|upgrade| told(&upgrade.offer()));
    // HTTP/2 is stricter about two things.
    let strange = |(name, value): &Pair<'_>| {
        name.iter().any(u8::is_ascii_uppercase) || *value != value.trim_ascii()
    };
    if fields.iter().any(strange) {
        assert_eq!(over_2, Err(HandshakeError::MalformedHead));
    } else {
        assert_eq!(over_2, over_1);
    }

    let response = ConnectResponse { status: 200, headers: fields.iter().copied() };
    let wish = ClientConnect::new().protocols(&["chat"]).compression(Compression::new());
    if let Ok(accepted) = wish.check(&response) {
        assert!(accepted.protocol().is_none_or(|chosen| chosen == "chat"));
        assert!(accepted.extensions().count() <= 1);
    }
    let mut words = data.split(|&byte| byte == b'|');
    write([(); 3].map(|()| words.next().unwrap_or_default()));
}

/// Three words, of which the request and the response get a header and extensions.
fn write([name, value, list]: [&[u8]; 3]) {
    let [name, list] = [name, list].map(String::from_utf8_lossy);
    let lists = usize::from(!list.is_empty());
    let assert_told = |pairs: Pairs<'_>, count: usize| {
        assert_eq!(pairs.into_iter().count(), count);
        let named = |name: &str| pairs.fields().named(name).next();
        assert_eq!(named(&name), Some(value.trim_ascii()));
        let listed = named("sec-websocket-extensions").unwrap_or_default();
        assert_eq!(listed, list.trim_ascii().as_bytes());
    };
    let url = Url::parse("wss://a/b?c").expect("an address");
    let client = ClientConnect::new().protocols(&["chat"]).extensions(&list);
    let mut out = [0; 4096];
    let Ok(request) = client.request(&url, &mut out).header(&name, value).finish() else { return };
    assert_told(request, PSEUDO.len() + 3 + lists);
    // Its value is the caller's affair.
    if name.eq_ignore_ascii_case("Origin") {
        return;
    }
    let connect = ConnectRequest::read(request).and_then(ConnectRequest::connect);
    let connect = connect.expect("a handshake");
    let mut out = [0; 4096];
    let accept = connect.accept(&mut out).protocol("chat").extensions(&list);
    let response = accept.header(&name, value).finish().expect("what was offered");
    assert_told(response, 3 + lists);
    let response = ConnectResponse::read(response).expect("our own");
    assert_eq!(client.check(&response).expect("our own").protocol(), Some("chat"));
}

/// All that an application sees of an offer.
fn told<'b>(offer: &Offer<'b, impl Headers<'b>>) -> String {
    let extensions: Vec<_> = offer.extensions().map(|extension| extension.name()).collect();
    let protocols: Vec<_> = offer.protocols().collect();
    let place = (offer.path(), offer.query(), offer.host());
    format!("{place:?} {:?} {protocols:?} {extensions:?}", offer.origin())
}
