//! Header fields of any bytes, over CONNECT and over HTTP/1.1.

use sansocket::deflate::Compression;
use sansocket::handshake::{
    ClientConnect, ConnectRequest, ConnectResponse, HandshakeError, Headers, Offer, RequestReader,
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
/// CONNECT as over HTTP/1.1; and as those of a response: a verdict.
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
    let over_1 = RequestReader::with_limit(usize::MAX)
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
}

/// All that an application sees of an offer.
fn told<'b>(offer: &Offer<'b, impl Headers<'b>>) -> String {
    let extensions: Vec<_> = offer.extensions().map(|extension| extension.name()).collect();
    let protocols: Vec<_> = offer.protocols().collect();
    let place = (offer.path(), offer.query(), offer.host());
    format!("{place:?} {:?} {protocols:?} {extensions:?}", offer.origin())
}
