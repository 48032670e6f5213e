//! A client's way to an open WebSocket over TCP, for the examples that need one.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use sansocket::deflate::Compression;
use sansocket::handshake::{ClientHandshake, ComposeError, Response, ResponseReader, Url};
use sansocket::keepalive::{Keepalive, Timeouts};
use sansocket::{ChaChaKeys, Client, Config, WebSocket};

use crate::timed::read;

/// How long a server may take to accept the connection, and nothing of what is written.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open connection, with a timeout for writes.
pub(crate) struct Connected {
    pub(crate) stream: TcpStream,
    pub(crate) ws: WebSocket<Client>,
    /// What came right behind the handshake: the first bytes to receive.
    pub(crate) first: Vec<u8>,
    /// The subprotocol that the server chose.
    #[allow(dead_code, reason = "not every example asks")]
    pub(crate) protocol: Option<String>,
}

/// The server's answer is no.
#[derive(Debug)]
struct Refused {
    status: u16,
    /// What is wrong, and the whole answer.
    text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Refused {}

/// Whether the next attempt would end like the one with this `error`: what was asked for
/// cannot be said, or the server refuses it (which with a 5xx is a fault of its own).
#[allow(dead_code, reason = "not every example tries again")]
pub(crate) fn is_final(error: &(dyn Error + 'static)) -> bool {
    error.is::<ComposeError>() || error.downcast_ref().is_some_and(|no: &Refused| no.status < 500)
}

/// An address that [`connect`] can do something with.
pub(crate) fn parse(url: &str) -> Result<Url<'_>, Box<dyn Error>> {
    let url = Url::parse(url)?;
    if url.is_secure() {
        return Err("wss:// needs TLS, which this example leaves out".into());
    }
    Ok(url)
}

/// Connects and shakes hands.
pub(crate) fn connect(
    url: &Url,
    headers: &[(String, String)],
    protocols: &[&str],
    compression: Option<Compression>,
    config: Config,
) -> Result<Connected, Box<dyn Error>> {
    let mut stream = dial(url)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let clock = Instant::now();
    let mut deadline = Keepalive::opening(Timeouts::new());

    let mut keys = ChaChaKeys::from_os()?;
    let mut nonce = [0; 16];
    keys.fill(&mut nonce);
    let mut handshake = ClientHandshake::new(nonce).protocols(protocols);
    if let Some(compression) = compression {
        handshake = handshake.compression(compression);
    }
    let mut out = vec![0; 16 * 1024];
    let mut request = handshake.request(url, &mut out);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    stream.write_all(request.finish()?)?;

    let mut reader = ResponseReader::new();
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        // However slowly the bytes come, the whole has ten seconds.
        if deadline.on_timeout(clock.elapsed()).is_some() {
            return Err("the server took too long to answer".into());
        }
        stream.set_read_timeout(deadline.wait(clock.elapsed()))?;
        filled += match read(&mut stream, &mut buffer[filled..])? {
            Some(0) => return Err("the server closed the connection before it answered".into()),
            Some(n) => n,
            None => continue,
        };
        let Some(response) = reader.read(&buffer[..filled])? else { continue };
        let first = buffer[response.head_len()..filled].to_vec();
        return match handshake.check(&response) {
            Ok(accepted) => {
                stream.set_read_timeout(None)?;
                let protocol = accepted.protocol().map(str::to_owned);
                let ws = WebSocket::client_with_compression(config, keys, accepted.compression());
                Ok(Connected { stream, ws, first, protocol })
            }
            Err(error) if response.status() == 101 => Err(error.into()),
            Err(error) => {
                let text = format!("{error}\n{}", refusal(&response, first, stream));
                Err(Refused { status: response.status(), text }.into())
            }
        };
    }
}

/// Tries the addresses of the host in turn.
fn dial(url: &Url) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the host has no address");
    for address in (url.host(), url.port()).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// A refusal as text: status, headers, and a body of at most 64 KiB.
fn refusal(response: &Response, mut body: Vec<u8>, mut stream: TcpStream) -> String {
    let mut text = format!("{} {}\n", response.status(), response.reason().escape_ascii());
    for (name, value) in response.headers() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value));
    }
    let declared = response.header("Content-Length").and_then(|length| str::from_utf8(length).ok());
    let length =
        declared.and_then(|length| length.parse().ok()).unwrap_or(usize::MAX).min(64 << 10);
    // A server that announces no length and does not end either is not waited for.
    let (start, mut buffer) = (Instant::now(), [0; 4096]);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    while body.len() < length && start.elapsed() < Duration::from_secs(2) {
        match read(&mut stream, &mut buffer) {
            Ok(Some(0)) | Err(_) => break,
            Ok(Some(n)) => body.extend_from_slice(&buffer[..n]),
            Ok(None) => {}
        }
    }
    body.truncate(length);
    text + "\n" + &String::from_utf8_lossy(&body)
}

/// How long to wait before each attempt to connect again: half a second at first,
/// then twice as long each time, up to half a minute; and by chance up to a half
/// less, lest all clients of a server come back at once.
#[allow(dead_code, reason = "not every example tries again")]
pub(crate) struct Backoff {
    next: Duration,
    chance: ChaChaKeys,
}

#[allow(dead_code, reason = "not every example tries again")]
impl Backoff {
    const FIRST: Duration = Duration::from_millis(500);
    const LAST: Duration = Duration::from_secs(30);

    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { next: Self::FIRST, chance: ChaChaKeys::from_os()? })
    }

    pub(crate) fn next(&mut self) -> Duration {
        let mut byte = [0];
        self.chance.fill(&mut byte);
        let wait = self.next.mul_f64(0.5 + f64::from(byte[0]) / 512.0);
        self.next = (self.next * 2).min(Self::LAST);
        wait
    }

    /// The connection was good for something: the next waits begin anew.
    pub(crate) fn reset(&mut self) {
        self.next = Self::FIRST;
    }
}
