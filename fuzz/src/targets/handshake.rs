//! Heads of any bytes, and heads made of anything.

use sansocket::Config;
use sansocket::deflate::{Compression, WindowBits};
use sansocket::extensions::{Extension, Extensions};
use sansocket::handshake::{
    ClientHandshake, HandshakeError, Reply, Request, RequestReader, Response, ResponseReader,
    Upgrade, Url,
};

use super::script::{Script, pieces};

/// Any bytes as a request in any pieces: one verdict; what is accepted is
/// well-formed by a plain second reading. And any words in a request of ours, or in
/// an answer: the other end accepts it, and finds those words and no more.
pub fn handshake_request(data: &[u8]) {
    let mut script = Script::new(data);
    let limit = 1 + usize::from(script.word());
    let config = Config::new().max_head(limit);
    let cuts = script.cuts();
    let words = [script.string(), script.string(), script.string(), script.string()];
    let bytes = script.rest();

    let whole = read_request(config, &[bytes]);
    assert_eq!(read_request(config, &pieces(bytes, cuts)), whole);
    assert_eq!(read_request(config, &bytes.chunks(1).collect::<Vec<_>>()), whole);
    if let Ok(Some(request)) = RequestReader::with_config(config).read(bytes) {
        assert!(request.head_len() <= limit);
        let head = &bytes[..request.head_len()];
        assert_eq!(well_formed(head), request.headers().into_iter().count());
        let mut out = [0; 1024];
        match request.upgrade() {
            Ok(upgrade) => {
                let [_, list, name, value] = words;
                let [list, name] = [list, name].map(String::from_utf8_lossy);
                accept(&upgrade, assert_is_handshake(head), &list, &name, value);
            }
            Err(error) => assert!(error.reply(&mut out).is_ok()),
        }
    }
    write_request(words);
}

/// What came of a head: an error, nothing yet, or the bytes of all its parts.
type Verdict = Result<Option<Vec<Vec<u8>>>, HandshakeError>;

fn read_request(config: Config, pieces: &[&[u8]]) -> Verdict {
    let mut reader = RequestReader::with_config(config);
    read(pieces, |bytes| Ok(reader.read(bytes)?.map(|request| request_parts(&request))))
}

fn request_parts(request: &Request<'_>) -> Vec<Vec<u8>> {
    let mut parts = vec![request.method().into(), request.target().into()];
    parts.extend(header_parts(request.headers()));
    parts.push(request.head_len().to_string().into());
    parts.push(format!("{:?}", request.upgrade().map(|upgrade| *upgrade.key())).into());
    parts
}

fn header_parts(fields: sansocket::handshake::Fields<'_>) -> Vec<Vec<u8>> {
    let both = |(name, value): (&str, &[u8])| [name.as_bytes().to_vec(), value.to_vec()];
    fields.into_iter().flat_map(both).collect()
}

/// Gives a reader more and more; the verdict, which must not change any more.
fn read(
    pieces: &[&[u8]],
    mut read: impl FnMut(&[u8]) -> Result<Option<Vec<Vec<u8>>>, HandshakeError>,
) -> Verdict {
    let mut bytes = Vec::new();
    let mut decided = None;
    // For every byte of a long tail it would be all that is done here.
    let mut asked_again = 0;
    for piece in pieces {
        bytes.extend_from_slice(piece);
        match &decided {
            None => decided = Some(read(&bytes)).filter(|verdict| *verdict != Ok(None)),
            Some(before) if asked_again < 3 => {
                assert_eq!(&read(&bytes), before);
                asked_again += 1;
            }
            Some(_) => {}
        }
    }
    let verdict = decided.unwrap_or(Ok(None));
    assert_eq!(read(&bytes), verdict);
    verdict
}

/// The lines of a head, read once more in the plainest way.
fn lines(head: &[u8]) -> Vec<&[u8]> {
    let text = head.strip_suffix(b"\r\n\r\n").expect("a head ends with an empty line");
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    lines
}

/// Asserts that a head is made of such lines as it may be; counts its headers.
fn well_formed(head: &[u8]) -> usize {
    let lines = lines(head);
    for line in &lines {
        assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{line:?}");
    }
    for header in &lines[1..] {
        let name = header.split(|byte| *byte == b':').next().unwrap();
        assert!(name.len() < header.len(), "a colon");
        let token = |byte: &u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(byte);
        assert!(!name.is_empty() && name.iter().all(token), "{name:?}");
    }
    lines.len() - 1
}

/// The values of the headers of this name.
fn values<'b>(head: &'b [u8], name: &str) -> Vec<&'b [u8]> {
    let value = |line: &'b [u8]| {
        let (n, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        n.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
    };
    lines(head).into_iter().skip(1).filter_map(value).collect()
}

/// Whether a token is on the list that the headers of this name are.
fn lists(head: &[u8], name: &str, token: &str) -> bool {
    let list = values(head, name).join(&b","[..]);
    let mut elements = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements.any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// RFC 6455 §4.2.1, in the plainest way; the nonce that the key tells.
fn assert_is_handshake(head: &[u8]) -> [u8; 16] {
    let first = lines(head)[0];
    assert!(first.starts_with(b"GET ") && !first.ends_with(b" HTTP/1.0"), "{first:?}");
    assert_eq!(values(head, "Host").len(), 1);
    assert!(lists(head, "Upgrade", "websocket") && lists(head, "Connection", "upgrade"));
    assert_eq!(values(head, "Sec-WebSocket-Version"), [b"13"]);
    assert!(values(head, "Transfer-Encoding").is_empty(), "no body");
    assert!(values(head, "Content-Length").iter().all(|len| *len == b"0"), "no body");
    let keys = values(head, "Sec-WebSocket-Key");
    assert_eq!(keys.len(), 1);
    decoded(keys[0])
}

/// Base64 of 16 bytes: 21 digits of 6 bits, one of which 2 are left, and padding.
fn decoded(key: &[u8]) -> [u8; 16] {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |digit: &u8| DIGITS.iter().position(|d| d == digit).expect("a digit") as u128;
    assert_eq!((key.len(), &key[22..]), (24, &b"=="[..]));
    let number = key[..21].iter().fold(0, |number, digit| number << 6 | value(digit));
    let last = value(&key[21]);
    assert_eq!(last & 15, 0, "the bits that are left over");
    (number << 2 | last >> 4).to_be_bytes()
}

/// Accepts a request, with any words: our own client takes the answer, and finds
/// those words and no more.
fn accept(upgrade: &Upgrade<'_>, nonce: [u8; 16], list: &str, name: &str, value: &[u8]) {
    let request = upgrade.request();
    let mut out = vec![0; 4096 + request.head_len()];
    let protocol = request.protocols().next();
    let agreed = Compression::new().accept(request.extensions());
    let answer = upgrade.accept(&mut out).protocol(protocol).compression(agreed).finish();
    let answer = answer.expect("what was offered can be accepted");
    let agreements = 3 + usize::from(protocol.is_some());
    assert_eq!(well_formed(answer), agreements + usize::from(agreed.is_some()));

    let answer = upgrade.accept(&mut out).protocol(protocol).extensions(list).header(name, value);
    let Ok(answer) = answer.finish() else { return };
    assert_eq!(well_formed(answer), agreements + usize::from(!list.is_empty()) + 1);
    let config = Config::new().max_head(1 << 20);
    let response = ResponseReader::with_config(config).read(answer).unwrap().unwrap();
    assert_eq!((response.status(), response.head_len()), (101, answer.len()));
    assert_eq!(response.header(name), Some(value.trim_ascii()));
    let listed = response.header("Sec-WebSocket-Extensions").unwrap_or_default();
    assert_eq!(listed, list.trim_ascii().as_bytes());
    let is_offered = |own: &str| request.extensions().any(|offer| offer.name() == own);
    assert!(Extensions::new(listed).flatten().all(|own| is_offered(own.name())));
    let protocols: Vec<_> = protocol.into_iter().collect();
    let client = ClientHandshake::new(nonce).protocols(&protocols).extensions(list);
    assert_eq!(client.check(&response).expect("our own").protocol(), protocol);
}

/// Any words in a request: our own server takes it, and finds those words and no
/// more.
fn write_request(words: [&[u8]; 4]) {
    let [address, list, name, value] = words;
    let [address, list, name] =
        [address, list, name].map(|word| String::from_utf8_lossy(word).into_owned());
    let address = format!("ws://{address}");
    let Ok(url) = Url::parse(&address) else { return };
    let protocols = [&*list];
    let client = ClientHandshake::new([7; 16]);
    for (client, header) in [
        (client.protocols(&protocols), "Sec-WebSocket-Protocol"),
        (client.extensions(&list), "Sec-WebSocket-Extensions"),
    ] {
        let mut out = vec![0; 4096];
        let Ok(request) = client.request(&url, &mut out).header(&name, value).finish() else {
            continue;
        };
        assert_eq!(well_formed(request), 6 + usize::from(!list.is_empty()));
        let read = RequestReader::new().read(request).expect("well-formed").expect("whole");
        assert_eq!(read.head_len(), request.len());
        assert_eq!(read.header(&name), Some(value.trim_ascii()));
        assert_eq!(read.header(header).unwrap_or_default(), list.trim_ascii().as_bytes());
        assert_eq!((read.path(), read.query()), (url.path(), url.query()));
        // Its value is the caller's affair.
        if !name.eq_ignore_ascii_case("Origin") {
            read.upgrade().expect("a handshake");
        }
    }
}

/// Any bytes as a response in any pieces: one verdict; what is accepted is
/// well-formed by a plain second reading. And any words in a response of ours:
/// our own reader accepts it, and finds those words and no more.
pub fn handshake_response(data: &[u8]) {
    let mut script = Script::new(data);
    let limit = 1 + usize::from(script.word());
    let config = Config::new().max_head(limit);
    let cuts = script.cuts();
    let status = script.word();
    let words = [script.string(), script.string(), script.string()];
    let bytes = script.rest();

    let whole = read_response(config, &[bytes]);
    assert_eq!(read_response(config, &pieces(bytes, cuts)), whole);
    assert_eq!(read_response(config, &bytes.chunks(1).collect::<Vec<_>>()), whole);
    if let Ok(Some(response)) = ResponseReader::with_config(config).read(bytes) {
        assert!(response.head_len() <= limit);
        assert!(matches!(response.status(), 101 | 200..), "not an interim one");
        let head = final_head(&bytes[..response.head_len()]);
        assert_eq!(well_formed(head), response.headers().into_iter().count());
        let accepted = handshake().check(&response);
        assert_eq!(is_accepted(head), !matches!(accepted, Err(error) if is_plain(error)));
        if let Ok(accepted) = accepted {
            let protocols = values(head, "Sec-WebSocket-Protocol");
            let chosen: Vec<_> = accepted.protocol().map(str::as_bytes).into_iter().collect();
            assert_eq!(chosen, protocols);
            assert!(accepted.protocol().is_none_or(|chosen| PROTOCOLS.contains(&chosen)));
            assert!(values(head, "Sec-WebSocket-Extensions").len() <= 1);
        }
    }
    write_response(status, words);
}

const PROTOCOLS: [&str; 2] = ["chat", "superchat"];

/// What answers the key of the nonce below.
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn handshake() -> ClientHandshake<'static> {
    let wish = Compression::new().send_window(WindowBits::MAX).receive_window(WindowBits::MAX);
    ClientHandshake::new(*b"the sample nonce").protocols(&PROTOCOLS).compression(wish)
}

/// The last of several heads, behind the interim ones.
fn final_head(mut heads: &[u8]) -> &[u8] {
    loop {
        let end = heads.windows(4).position(|end| end == b"\r\n\r\n").expect("an empty line");
        let (head, rest) = heads.split_at(end + 4);
        if rest.is_empty() {
            return head;
        }
        well_formed(head);
        let status = &head[b"HTTP/1.1 ".len()..][..3];
        assert!(status[0] == b'1' && status != b"101", "{status:?} is not interim");
        heads = rest;
    }
}

/// RFC 6455 §4.1, in the plainest way, but for subprotocols and extensions.
fn is_accepted(head: &[u8]) -> bool {
    let upgrade = values(head, "Upgrade");
    head.starts_with(b"HTTP/1.")
        && !head.starts_with(b"HTTP/1.0")
        && head[b"HTTP/1.1 ".len()..].starts_with(b"101")
        && upgrade.len() == 1
        && upgrade[0].eq_ignore_ascii_case(b"websocket")
        && lists(head, "Connection", "upgrade")
        && values(head, "Sec-WebSocket-Accept") == [ACCEPT]
}

/// Whether it says that [`is_accepted`] is false.
fn is_plain(error: HandshakeError) -> bool {
    use HandshakeError::{BadAccept, ConnectionNotUpgrade, HttpVersion, NotUpgrade, Refused};
    matches!(error, Refused(_) | HttpVersion | NotUpgrade | ConnectionNotUpgrade | BadAccept)
}

fn read_response(config: Config, pieces: &[&[u8]]) -> Verdict {
    let mut reader = ResponseReader::with_config(config);
    read(pieces, |bytes| Ok(reader.read(bytes)?.map(|response| response_parts(&response))))
}

fn response_parts(response: &Response<'_>) -> Vec<Vec<u8>> {
    let mut parts = vec![response.status().to_string().into(), response.reason().to_vec()];
    parts.extend(header_parts(response.headers()));
    parts.push(response.head_len().to_string().into());
    parts.push(format!("{:?}", handshake().check(response).map(|it| it.protocol())).into());
    parts
}

fn write_response(status: u16, [name, value, body]: [&[u8]; 3]) {
    let name = String::from_utf8_lossy(name);
    let mut out = vec![0; 4096];
    let Ok(reply) = Reply::new(status, &mut out).header(&name, value).body(body) else { return };
    let read = ResponseReader::new().read(reply).expect("well-formed").expect("whole");
    assert_eq!(read.status(), status);
    assert_eq!(&reply[read.head_len()..], body);
    // The words, the length, that it closes, and of a 426 two more.
    let headers = if status == 426 { 5 } else { 3 };
    assert_eq!(well_formed(&reply[..read.head_len()]), headers);
    assert_eq!(read.header(&name), Some(value.trim_ascii()));
    assert_eq!(read.header("Content-Length"), Some(body.len().to_string().as_bytes()));
    assert_eq!(handshake().check(&read).err(), Some(HandshakeError::Refused(status)));
}

/// Any list of extensions against a plain second reading; any offer and any
/// answer of permessage-deflate against what was wished for.
pub fn extensions(data: &[u8]) {
    let mut script = Script::new(data);
    let wish = compression(&mut script);
    let list = script.rest();
    let parsed: Result<Vec<_>, _> = Extensions::new(list).collect();
    let plain = plain_list(list);
    assert_eq!(parsed.is_ok(), plain.is_some(), "{}", list.escape_ascii());
    let mut parsed: Vec<Extension<'_>> = parsed.unwrap_or_default();
    assert_eq!(parsed.iter().map(plainly).collect::<Vec<_>>(), plain.unwrap_or_default());

    // As an answer to our own offer: not over what was asked.
    for answer in parsed.iter().filter(|extension| extension.name() == "permessage-deflate") {
        if let Some(agreed) = wish.check(answer) {
            let offer = format!("permessage-deflate{}", wish.offer());
            let offer = Extensions::new(offer.as_bytes()).map(Result::unwrap);
            let server = Compression::server(agreed).accept(offer).expect("our own offer");
            assert!(server.server().window <= agreed.server().window);
            assert!(agreed.server().takeover || !server.server().takeover);
        }
    }
    // As offers: the answer is one that a client with the same wish takes, and
    // says what is agreed.
    if let Some(answer) = wish.accept(parsed.drain(..)) {
        let words = format!("permessage-deflate{}", answer.parameters());
        let words = Extensions::new(words.as_bytes()).next().unwrap().unwrap();
        let read = sansocket::deflate::Agreement::read(&words).expect("legal words");
        assert_eq!(read.server().takeover, answer.server().takeover);
        assert_eq!(read.client(), answer.client());
        assert!(read.server().window >= answer.server().window);
    }
}

fn compression(script: &mut Script<'_>) -> Compression {
    let [windows, flags] = [script.byte(), script.byte()];
    let window = |bits: u8| WindowBits::new(8 + bits % 8).expect("8 to 15");
    Compression::new()
        .send_window(window(windows))
        .receive_window(window(windows >> 4))
        .send_takeover(flags & 1 == 0)
        .receive_takeover(flags & 2 == 0)
}

/// A name, and names and values of parameters.
type Plain = (String, Vec<(String, Option<String>)>);

fn plainly(extension: &Extension<'_>) -> Plain {
    let params = extension.params().map(|(name, value)| {
        let value = value.map(|value| value.bytes().map(char::from).collect());
        (name.to_owned(), value)
    });
    (extension.name().to_owned(), params.collect())
}

/// The grammar of RFC 6455 §9.1, split first and looked at later. No white space
/// is borne around `=` (RFC 9110 §5.6.6).
fn plain_list(list: &[u8]) -> Option<Vec<Plain>> {
    let elements = split_outside_quotes(list, b',');
    let elements = elements.into_iter().filter(|element| !trim(element).is_empty());
    elements
        .map(|element| {
            let mut parts = split_outside_quotes(element, b';').into_iter();
            let name = plain_token(trim(parts.next()?))?;
            let params = parts.map(|part| {
                let part = trim(part);
                let Some(equals) = part.iter().position(|byte| *byte == b'=') else {
                    return Some((plain_token(part)?, None));
                };
                let value = &part[equals + 1..];
                let value = match value {
                    [b'"', inside @ .., b'"'] => unescaped(inside)?,
                    _ => value.to_vec(),
                };
                Some((plain_token(&part[..equals])?, Some(plain_token(&value)?)))
            });
            Some((name, params.collect::<Option<_>>()?))
        })
        .collect()
}

fn trim(bytes: &[u8]) -> &[u8] {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !space(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !space(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn split_outside_quotes(bytes: &[u8], separator: u8) -> Vec<&[u8]> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if *byte == separator && !quoted => {
                parts.push(&bytes[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&bytes[start..]);
    parts
}

fn unescaped(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.push(*bytes.next()?),
            b'"' => return None,
            _ => out.push(*byte),
        }
    }
    Some(out)
}

fn plain_token(bytes: &[u8]) -> Option<String> {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let all = !bytes.is_empty() && bytes.iter().all(good);
    all.then(|| String::from_utf8(bytes.to_vec()).unwrap())
}
