//! An echo server: a thread a connection, whole messages, a page to try it.
//!
//! ```text
//! cargo run --release --example echo -- [--listen 127.0.0.1:9001] [--max-message BYTES]
//!     [--deflate 'permessage-deflate; server_max_window_bits=10...' | --no-deflate]
//!     [--origin ORIGIN] [--refuse PATH]
//! ```

mod deflate;
mod server;
mod timed;

use std::error::Error;
use std::io::{Read, Write};
use std::{env, process};

use sansocket::deflate::Compression;
use sansocket::{Config, ProtocolError, Received, Server, WebSocket};
use server::{Opened, Site, listen};
use timed::linger;

const USAGE: &str = "usage: echo [--listen ADDRESS:PORT] [--max-message BYTES] \
                     [--deflate PARAMETERS | --no-deflate] [--origin ORIGIN] [--refuse PATH]";

/// What the command line asks for.
struct Options {
    listen: String,
    config: Config,
    compression: Option<Compression>,
    origin: Option<String>,
    /// A path whose connections are refused, so that clients can be tried on it.
    refuse: Option<String>,
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options {
        listen: "127.0.0.1:9001".to_owned(),
        config: Config::new().max_message(64 << 20),
        compression: Some(Compression::new()),
        origin: None,
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
            "--origin" => options.origin = Some(args.next()?),
            "--refuse" => options.refuse = Some(args.next()?),
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(Options { listen: address, config, compression, origin, refuse }) =
        parse(env::args().skip(1))
    else {
        eprintln!("{USAGE}");
        process::exit(2);
    };
    let site = Site {
        page: include_bytes!("echo.html"),
        origin,
        compression,
        protocols: &["chat", "echo"],
        knows: |_| true,
        refuse,
    };
    Ok(listen(&address, site, move |opened| serve(opened, config))?)
}

/// An echo until the end.
fn serve(opened: Opened, config: Config) -> Result<(), Box<dyn Error>> {
    let Opened { mut stream, agreement, mut first, .. } = opened;
    let mut ws = WebSocket::server_with_compression(config, agreement);
    let (mut buffer, mut output) = (vec![0; 64 * 1024], Vec::new());
    let mut input = &mut first[..];
    loop {
        let received = echo(&mut ws, input, &mut output);
        stream.write_all(&output)?;
        output.clear();
        if received.is_err() || ws.is_closed() {
            linger(&stream);
            return Ok(received?);
        }
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err("connection lost".into());
        }
        input = &mut buffer[..n];
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
