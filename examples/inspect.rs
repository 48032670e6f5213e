//! A wire inspector: bytes that an endpoint received in, JSON lines out.
//!
//! ```text
//! inspect --role server|client [--handshake] [--chunk N] [--hex] [--max-message BYTES]
//!         [--max-frame BYTES] [--max-fragments N] [--key BASE64] [--protocol NAME]...
//!         [--origin ORIGIN]... [--deflate 'permessage-deflate; server_max_window_bits=10...'] < bytes
//! ```
//!
//! `--deflate` is what was agreed; with `--handshake`, what the client offered or
//! the most that the server accepts.
//!
//! Exit status: 0 without error lines, 1 with one, 2 on wrong usage.

mod deflate;

use std::env;
use std::io::{self, Read};
use std::process::ExitCode;

use sansocket::deflate::{Agreement, Compression};
use sansocket::handshake::{
    ClientHandshake, HandshakeError, Reply, Request, RequestReader, ResponseReader,
};
use sansocket::{Config, Message, Received, Role, WebSocket, base64};

/// What the command line asks for.
struct Options {
    server: bool,
    handshake: bool,
    chunk: usize,
    hex: bool,
    config: Config,
    nonce: [u8; 16],
    protocols: Vec<String>,
    origins: Vec<String>,
    deflate: Option<Agreement>,
}

fn main() -> ExitCode {
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => return usage(&problem),
    };
    let mut input = Vec::new();
    if let Err(error) = io::stdin().lock().read_to_end(&mut input) {
        return usage(&error.to_string());
    }
    if options.hex {
        match unhex(&input) {
            Some(bytes) => input = bytes,
            None => return usage("standard input is not hex"),
        }
    }
    let config = options.config;
    let state = if options.server {
        let open = |agreed| WebSocket::server_with_compression(config, agreed);
        inspect(&options, &mut input, open, server_handshake)
    } else {
        // Keys of zeros, so that what a client would send can be read.
        let keys = || [0; 4];
        let open = |agreed| WebSocket::client_with_compression(config, keys, agreed);
        inspect(&options, &mut input, open, client_handshake)
    };
    println!(r#"{{"type":"end","state":"{state}"}}"#);
    ExitCode::from(u8::from(state == "failed"))
}

impl Options {
    /// What `--deflate` asks for.
    fn wish(&self) -> Option<Compression> {
        let side = if self.server { Compression::server } else { Compression::client };
        self.deflate.map(side)
    }
}

/// What has come of a handshake.
enum Handshake {
    /// It needs more bytes.
    Unfinished,
    /// It is done: the length of its head, and what was agreed.
    Done(usize, Option<Agreement>),
    /// It failed, for the reason just printed.
    Failed,
}

/// Prints what happens; returns the state at the end.
fn inspect<R: Role>(
    options: &Options,
    bytes: &mut [u8],
    open: impl FnOnce(Option<Agreement>) -> WebSocket<R>,
    mut handshake: impl FnMut(&Options, &[u8], &mut Head) -> Handshake,
) -> &'static str {
    let (mut start, mut agreed) = (0, options.deflate);
    if options.handshake {
        let mut head = Head::default();
        let mut end = 0;
        (start, agreed) = loop {
            match handshake(options, &bytes[..end], &mut head) {
                Handshake::Done(len, agreed) => break (len, agreed),
                Handshake::Unfinished if end == bytes.len() => return "handshake",
                Handshake::Unfinished => end = bytes.len().min(end.saturating_add(options.chunk)),
                Handshake::Failed => return "failed",
            }
        };
    }
    let mut ws = open(agreed);
    for mut input in bytes[start..].chunks_mut(options.chunk) {
        loop {
            let mut output = Vec::new();
            let received = ws.receive(&mut input, &mut output);
            match &received {
                Ok(Some(received)) => print(received),
                Ok(None) => break,
                Err(error) => println!(
                    r#"{{"type":"error","error":{},"code":{}}}"#,
                    quote(error.as_str()),
                    error.close_code()
                ),
            }
            print_sent(&output);
            if received.is_err() {
                return "failed";
            }
        }
    }
    if ws.is_closed() { "closed" } else { "open" }
}

/// The readers, of which each role uses its own.
#[derive(Default)]
struct Head {
    request: RequestReader,
    response: ResponseReader,
}

fn server_handshake(options: &Options, bytes: &[u8], head: &mut Head) -> Handshake {
    let refuse = |error: HandshakeError| {
        print_handshake_error(error.as_str(), error.status());
        print_sent(error.reply(&mut [0; 512]).expect("room"));
        Handshake::Failed
    };
    let request = match head.request.read(bytes) {
        Ok(None) => return Handshake::Unfinished,
        Ok(Some(request)) => request,
        Err(error) => return refuse(error),
    };
    print_request(&request);
    let upgrade = match request.upgrade() {
        Ok(upgrade) => upgrade,
        Err(error) => return refuse(error),
    };
    let mut out = vec![0; 512 + bytes.len()];
    let origin = request.origin().unwrap_or("");
    if !options.origins.is_empty() && !options.origins.iter().any(|allowed| allowed == origin) {
        print_handshake_error("origin is not allowed", 403);
        print_sent(Reply::new(403, &mut out).body(b"origin is not allowed").expect("room"));
        return Handshake::Failed;
    }
    let supported: Vec<&str> = options.protocols.iter().map(String::as_str).collect();
    let protocol = upgrade.choose_protocol(&supported);
    let agreed = options.wish().and_then(|wish| wish.accept(request.extensions()));
    let response = upgrade.accept(&mut out).protocol(protocol).compression(agreed);
    print_sent(response.finish().expect("room for the longest protocol"));
    Handshake::Done(request.head_len(), agreed)
}

fn client_handshake(options: &Options, bytes: &[u8], head: &mut Head) -> Handshake {
    let offered: Vec<&str> = options.protocols.iter().map(String::as_str).collect();
    let mut handshake = ClientHandshake::new(options.nonce).protocols(&offered);
    if let Some(wish) = options.wish() {
        handshake = handshake.compression(wish);
    }
    let fail = |error: HandshakeError| {
        print_handshake_error(error.as_str(), error.status());
        Handshake::Failed
    };
    let response = match head.response.read(bytes) {
        Ok(None) => return Handshake::Unfinished,
        Ok(Some(response)) => response,
        Err(error) => return fail(error),
    };
    let protocol = response.header("Sec-WebSocket-Protocol").map(String::from_utf8_lossy);
    println!(
        r#"{{"type":"response","status":{},"protocol":{}}}"#,
        response.status(),
        quote_or_null(protocol.as_deref())
    );
    match handshake.check(&response) {
        Ok(accepted) => Handshake::Done(response.head_len(), accepted.compression()),
        Err(error) => fail(error),
    }
}

fn print_request(request: &Request) {
    let protocols: Vec<String> = request.protocols().map(quote).collect();
    println!(
        r#"{{"type":"request","target":{},"host":{},"origin":{},"protocols":[{}]}}"#,
        quote(request.target()),
        quote_or_null(request.host()),
        quote_or_null(request.origin()),
        protocols.join(",")
    );
}

fn print_handshake_error(error: &str, status: u16) {
    println!(r#"{{"type":"error","error":{},"status":{status}}}"#, quote(error));
}

fn print(received: &Received) {
    match received {
        Received::Message(Message::Text(text)) => {
            println!(r#"{{"type":"text","data":{}}}"#, quote(text));
        }
        Received::Message(Message::Binary(bytes)) => print_bytes("binary", bytes),
        Received::Ping(payload) => print_bytes("ping", payload),
        Received::Pong(payload) => print_bytes("pong", payload),
        Received::Closed(close) => {
            let code = close.code().map_or("null".to_owned(), |code| code.to_string());
            let reason = quote(close.reason());
            println!(r#"{{"type":"close","code":{code},"reason":{reason}}}"#);
        }
    }
}

fn print_sent(output: &[u8]) {
    if !output.is_empty() {
        print_bytes("send", output);
    }
}

fn print_bytes(kind: &str, bytes: &[u8]) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    println!(r#"{{"type":"{kind}","data":"{hex}"}}"#);
}

/// A JSON string.
fn quote(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\n' => json.push_str("\\n"),
            // Control characters, and what some take for the end of a line.
            _ if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                json += &format!("\\u{:04x}", u32::from(c));
            }
            _ => json.push(c),
        }
    }
    json + "\""
}

fn quote_or_null(text: Option<&str>) -> String {
    text.map_or("null".to_owned(), quote)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| Some(char::from(byte).to_digit(16)? as u8);
    digits
        .chunks(2)
        .map(|pair| match pair {
            &[high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut role = None;
    let mut options = Options {
        server: false,
        handshake: false,
        chunk: usize::MAX,
        hex: false,
        config: Config::new(),
        nonce: *b"the sample nonce",
        protocols: Vec::new(),
        origins: Vec::new(),
        deflate: None,
    };
    while let Some(option) = args.next() {
        let bad = |what: &str| format!("{option} needs {what}");
        let mut value = |what: &str| args.next().ok_or(bad(what));
        match option.as_str() {
            "--handshake" => options.handshake = true,
            "--hex" => options.hex = true,
            "--role" => match value("server or client")?.as_str() {
                "server" => role = Some(true),
                "client" => role = Some(false),
                _ => return Err(bad("server or client")),
            },
            "--chunk" => {
                let chunk = value("a number")?.parse().map_err(|_| bad("a number"))?;
                options.chunk = if chunk > 0 { chunk } else { return Err(bad("at least 1")) };
            }
            "--max-message" => {
                let bytes = value("a number")?.parse().map_err(|_| bad("a number"))?;
                options.config = options.config.max_message(bytes);
            }
            "--max-frame" => {
                let bytes = value("a number")?.parse().map_err(|_| bad("a number"))?;
                options.config = options.config.max_frame(bytes);
            }
            "--max-fragments" => {
                let frames = value("a number")?.parse().map_err(|_| bad("a number"))?;
                options.config = options.config.max_fragments(frames);
            }
            "--key" => {
                let what = "16 bytes in base64";
                let key = value(what)?;
                let mut bytes = [0; 18];
                let nonce = base64::decode(key.as_bytes(), &mut bytes);
                options.nonce = nonce.and_then(|n| n.try_into().ok()).ok_or(bad(what))?;
            }
            "--protocol" => options.protocols.push(value("a name")?),
            "--deflate" => {
                let words = value("permessage-deflate and its parameters")?;
                let agreed = deflate::parse(&words);
                options.deflate = Some(agreed.ok_or(bad("permessage-deflate and its parameters"))?);
            }
            "--origin" => options.origins.push(value("an origin")?),
            _ => return Err(format!("unknown option {option}")),
        }
    }
    options.server = role.ok_or("--role server|client is needed")?;
    Ok(options)
}

fn usage(problem: &str) -> ExitCode {
    eprintln!(
        "inspect: {problem}\nusage: inspect --role server|client [--handshake] [--chunk N] [--hex] \
         [--max-message BYTES] [--max-frame BYTES] [--max-fragments N] [--key BASE64] \
         [--protocol NAME]... [--origin ORIGIN]... [--deflate PARAMETERS] < bytes"
    );
    ExitCode::from(2)
}
