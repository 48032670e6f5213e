//! What the example servers share: accepting connections, the opening handshake
//! with a page on the same port, and a graceful end.

use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use sansocket::deflate::{Agreement, Compression};
use sansocket::handshake::{Reply, Request, RequestReader};
use sansocket::keepalive::{Keepalive, Timeouts};

use crate::timed::{linger, read};

/// What a server serves.
pub(crate) struct Site {
    /// The HTML behind `/`.
    pub(crate) page: &'static [u8],
    /// The page whose scripts may connect, where there is just one.
    pub(crate) origin: Option<String>,
    pub(crate) compression: Option<Compression>,
    pub(crate) protocols: &'static [&'static str],
    /// Whether there is a WebSocket on this path; else it is a 404.
    pub(crate) knows: fn(&str) -> bool,
    /// A path whose connections are refused, so that clients can be tried on it.
    pub(crate) refuse: Option<String>,
}

/// A connection that is open.
pub(crate) struct Opened {
    pub(crate) stream: TcpStream,
    /// What the client asked for.
    #[allow(dead_code, reason = "one server serves all paths alike")]
    pub(crate) path: String,
    /// What is agreed of permessage-deflate.
    pub(crate) agreement: Option<Agreement>,
    /// What came with the request: the first bytes to receive.
    pub(crate) first: Vec<u8>,
}

/// What the command line of `rooms` and `prices` asks for.
#[allow(dead_code, reason = "echo has options of its own")]
pub(crate) struct Options {
    pub(crate) listen: String,
    pub(crate) origin: Option<String>,
    pub(crate) timeouts: Timeouts,
}

#[allow(dead_code, reason = "echo has options of its own")]
impl Options {
    /// The options of the program `name`, or the end with a word of usage.
    pub(crate) fn of(name: &str, listen: &str) -> Self {
        let listen = listen.to_owned();
        let defaults = Self { listen, origin: None, timeouts: Timeouts::new() };
        defaults.parse(env::args().skip(1)).unwrap_or_else(|| {
            eprintln!(
                "usage: {name} [--listen ADDRESS:PORT] [--origin ORIGIN] [--heartbeat SECONDS]"
            );
            process::exit(2)
        })
    }

    fn parse(mut self, mut args: impl Iterator<Item = String>) -> Option<Self> {
        while let Some(option) = args.next() {
            match option.as_str() {
                "--listen" => self.listen = args.next()?,
                "--origin" => self.origin = Some(args.next()?),
                "--heartbeat" => {
                    let every = Duration::try_from_secs_f64(args.next()?.parse().ok()?).ok()?;
                    self.timeouts = self.timeouts.interval(every).answer(every);
                }
                _ => return None,
            }
        }
        Some(self)
    }
}

/// Serves each connection to `address` in a thread of its own.
pub(crate) fn listen(
    address: &str,
    site: Site,
    serve: impl Fn(Opened) -> Result<(), Box<dyn Error>> + Send + Sync + 'static,
) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let shared = Arc::new((site, serve));
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: let some connections end.
                eprintln!("accept: {error}");
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let shared = Arc::clone(&shared);
        let spawned = thread::Builder::new().spawn(move || {
            let (site, serve) = &*shared;
            let peer = stream.peer_addr();
            let served = open(stream, site).and_then(|opened| opened.map_or(Ok(()), serve));
            if let Err(error) = served {
                eprintln!("{peer:?}: {error}");
            }
        });
        if let Err(error) = spawned {
            // The connection is dropped, and with luck others end meanwhile.
            eprintln!("no thread for a connection: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// The opening handshake; `None` if what was asked for was something else.
fn open(mut stream: TcpStream, site: &Site) -> Result<Option<Opened>, Box<dyn Error>> {
    stream.set_nodelay(true)?;
    let clock = Instant::now();
    let mut deadline = Keepalive::opening(Timeouts::new());
    let (mut reader, mut buffer, mut filled) = (RequestReader::new(), vec![0; 16 * 1024], 0);
    let mut out = vec![0; 1024 + site.page.len()];
    loop {
        // However slowly the bytes come, the whole has ten seconds.
        if deadline.on_timeout(clock.elapsed()).is_some() {
            stream.write_all(Reply::new(408, &mut out).body(b"too slow\n")?)?;
            linger(&stream);
            return Ok(None);
        }
        stream.set_read_timeout(deadline.wait(clock.elapsed()))?;
        let n = match read(&mut stream, &mut buffer[filled..])? {
            Some(0) => return Ok(None),
            Some(n) => n,
            None => continue,
        };
        filled += n;
        let answered = match reader.read(&buffer[..filled]) {
            Ok(None) => continue,
            Ok(Some(request)) => {
                let (response, answer) = answer(&request, site, &mut out)?;
                stream.write_all(response)?;
                match answer {
                    Answer::Open(agreement) => Some((request, agreement)),
                    Answer::Closed => None,
                }
            }
            Err(error) => {
                stream.write_all(error.reply(&mut out)?)?;
                None
            }
        };
        let Some((request, agreement)) = answered else {
            linger(&stream);
            return Ok(None);
        };
        stream.set_read_timeout(None)?;
        let path = request.path().to_owned();
        let first = buffer[request.head_len()..filled].to_vec();
        return Ok(Some(Opened { stream, path, agreement, first }));
    }
}

/// Where an answer leaves the connection.
enum Answer {
    /// A WebSocket is open, compressed or not.
    Open(Option<Agreement>),
    Closed,
}

/// The response to a request.
fn answer<'o>(
    request: &Request,
    site: &Site,
    out: &'o mut [u8],
) -> Result<(&'o [u8], Answer), Box<dyn Error>> {
    if request.header("Upgrade").is_none() && request.method() == "GET" {
        let reply = match (request.check_host(), request.path()) {
            (Err(error), _) => error.reply(out),
            (Ok(()), "/") => {
                let reply = Reply::new(200, out);
                reply.header("Content-Type", "text/html; charset=utf-8").body(site.page)
            }
            (Ok(()), _) => Reply::new(404, out).body(b"not found\n"),
        };
        return Ok((reply?, Answer::Closed));
    }
    let upgrade = match request.upgrade() {
        Ok(upgrade) => upgrade,
        Err(error) => return Ok((error.reply(out)?, Answer::Closed)),
    };
    // Programs send no Origin; browsers always do.
    let foreign = |own: &String| request.origin().is_some_and(|origin| origin != own);
    let reply = if site.origin.as_ref().is_some_and(foreign) {
        Reply::new(403, out).body(b"not from this page\n")
    } else if site.refuse.as_deref() == Some(request.path()) {
        Reply::new(403, out).body(b"refused, as asked\n")
    } else if !(site.knows)(request.path()) {
        Reply::new(404, out).body(b"no WebSocket here\n")
    } else {
        let protocol = upgrade.choose_protocol(site.protocols);
        let agreed = site.compression.and_then(|wish| wish.accept(request.extensions()));
        let response = upgrade.accept(out).protocol(protocol).compression(agreed).finish()?;
        return Ok((response, Answer::Open(agreed)));
    };
    Ok((reply?, Answer::Closed))
}
