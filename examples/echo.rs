//! An echo server: a thread a connection, whole messages, a page to try it.
//!
//! ```text
//! cargo run --release --example echo -- [--listen 127.0.0.1:9001] [--max-message BYTES]
//!     [--deflate 'permessage-deflate; server_max_window_bits=10...' | --no-deflate]
//!     [--refuse PATH]
//! ```

mod deflate;

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use sansocket::deflate::{Agreement, Compression};
use sansocket::handshake::{Reply, Request, RequestReader};
use sansocket::{Config, ProtocolError, Received, Server, WebSocket};

const PAGE: &[u8] = include_bytes!("echo.html");
const USAGE: &str = "usage: echo [--listen ADDRESS:PORT] [--max-message BYTES] \
                     [--deflate PARAMETERS | --no-deflate] [--refuse PATH]";

/// What the command line asks for.
#[derive(Clone)]
struct Options {
    listen: String,
    config: Config,
    compression: Option<Compression>,
    /// A path whose connections are refused, so that clients can be tried on it.
    refuse: Option<String>,
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options {
        listen: "127.0.0.1:9001".to_owned(),
        config: Config::new().max_message(64 << 20),
        compression: Some(Compression::new()),
        refuse: None,
    };
    while let Some(option) = args.next() {
        match option.as_str() {
            "--listen" => options.listen = args.next()?,
            "--max-message" => {
                options.config = options.config.max_message(args.next()?.parse().ok()?);
            }
            "--deflate" => {
                options.compression = Some(Compression::server(deflate::parse(&args.next()?)?));
            }
            "--no-deflate" => options.compression = None,
            "--refuse" => options.refuse = Some(args.next()?),
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        process::exit(2);
    };
    let listener = TcpListener::bind(&options.listen)?;
    println!("listening on ws://{}", listener.local_addr()?);
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
        let options = options.clone();
        thread::spawn(move || {
            let peer = stream.peer_addr();
            if let Err(error) = serve(stream, &options) {
                eprintln!("{peer:?}: {error}");
            }
        });
    }
    Ok(())
}

/// The opening handshake, then an echo until the end.
fn serve(mut stream: TcpStream, options: &Options) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut buffer = vec![0; 64 * 1024];
    let mut out = vec![0; 1024 + PAGE.len()];
    let mut reader = RequestReader::new();
    let mut filled = 0;
    let (head, agreement) = loop {
        let n = stream.read(&mut buffer[filled..])?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        match reader.read(&buffer[..filled]) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let (response, end) = answer(&request, options, &mut out)?;
                stream.write_all(response)?;
                match end {
                    Answer::Open(agreement) => break (request.head_len(), agreement),
                    Answer::Closed => return Ok(linger(stream)?),
                }
            }
            Err(error) => {
                stream.write_all(error.reply(&mut out)?)?;
                return Ok(linger(stream)?);
            }
        }
    };

    stream.set_read_timeout(None)?;
    let mut ws = WebSocket::server_with_compression(options.config, agreement);
    let mut output = Vec::new();
    // What came with the request are the first frames.
    let mut input = &mut buffer[head..filled];
    loop {
        let received = echo(&mut ws, input, &mut output);
        stream.write_all(&output)?;
        output.clear();
        if received.is_err() || ws.is_closed() {
            linger(stream)?;
            return Ok(received?);
        }
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err("connection lost".into());
        }
        input = &mut buffer[..n];
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
    options: &Options,
    out: &'o mut [u8],
) -> Result<(&'o [u8], Answer), Box<dyn Error>> {
    if request.header("Upgrade").is_none() && request.method() == "GET" {
        let reply = match request.path() {
            "/" => {
                Reply::new(200, out).header("Content-Type", "text/html; charset=utf-8").body(PAGE)
            }
            _ => Reply::new(404, out).body(b"not found\n"),
        };
        return Ok((reply?, Answer::Closed));
    }
    match request.upgrade() {
        Ok(_) if options.refuse.as_deref() == Some(request.path()) => {
            Ok((Reply::new(403, out).body(b"refused, as asked\n")?, Answer::Closed))
        }
        Ok(upgrade) => {
            let protocol = upgrade.choose_protocol(&["chat", "echo"]);
            let agreed = options.compression.and_then(|wish| wish.accept(request.extensions()));
            let response = upgrade.accept(out).protocol(protocol).compression(agreed).finish()?;
            Ok((response, Answer::Open(agreed.map(|answer| answer.agreement))))
        }
        Err(error) => Ok((error.reply(out)?, Answer::Closed)),
    }
}

/// Answers all of `input`.
fn echo(
    ws: &mut WebSocket<Server>,
    mut input: &mut [u8],
    output: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    while let Some(received) = ws.receive(&mut input, output)? {
        if let Received::Message(message) = received {
            // It fails only after our own Close, when there is no one to echo to.
            let _ = ws.send(&message, output);
        }
    }
    Ok(())
}

/// Ends our side and waits a while for the peer to end its own: closing at once,
/// with bytes unread, would reset the connection and could lose what we wrote.
fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let (start, mut rest) = (Instant::now(), [0; 4096]);
    while start.elapsed() < Duration::from_secs(2) && matches!(stream.read(&mut rest), Ok(1..)) {}
    Ok(())
}
