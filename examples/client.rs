//! A client for the terminal: lines in become messages, messages are printed.
//!
//! ```text
//! cargo run --release --example client -- URL [--header 'Name: value']... [--protocol NAME]...
//!     [--deflate 'permessage-deflate; server_max_window_bits=10...']
//! ```
//!
//! Ctrl-D closes the connection and waits for the server to answer.

mod connect;
mod deflate;

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;
use std::{env, thread};

use connect::{Connected, connect};
use sansocket::deflate::Compression;
use sansocket::{CloseCode, Config, Message, Received};

const USAGE: &str =
    "usage: client URL [--header 'Name: value']... [--protocol NAME]... [--deflate PARAMETERS]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.to_string() == USAGE => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What the main loop waits for.
enum Input {
    /// A line that the user typed.
    Line(String),
    /// The user is done.
    Done,
    /// Bytes from the server; none when it is gone.
    Bytes(Vec<u8>),
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut url, mut headers, mut protocols) = (None, Vec::new(), Vec::new());
    let mut compression = None;
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--header" => {
                let header = args.next().ok_or(USAGE)?;
                let (name, value) = header.split_once(':').ok_or(USAGE)?;
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            "--deflate" => {
                let most = deflate::parse(&args.next().ok_or(USAGE)?).ok_or(USAGE)?;
                compression = Some(Compression::client(most));
            }
            "--protocol" => protocols.push(args.next().ok_or(USAGE)?),
            _ if url.is_none() && !arg.starts_with("--") => url = Some(arg),
            _ => return Err(USAGE.into()),
        }
    }
    let protocols: Vec<&str> = protocols.iter().map(String::as_str).collect();
    let connected = connect(&url.ok_or(USAGE)?, &headers, &protocols, compression, Config::new())?;
    match &connected.protocol {
        Some(protocol) => eprintln!("connected, protocol {protocol}"),
        None => eprintln!("connected"),
    }
    talk(connected)
}

fn talk(connected: Connected) -> Result<(), Box<dyn Error>> {
    let Connected { mut stream, mut ws, first, .. } = connected;
    // Two threads wait, for the user and for the server; this one does the rest.
    let (inputs, events) = mpsc::channel();
    if !first.is_empty() {
        inputs.send(Input::Bytes(first)).ok();
    }
    let (server, user) = (stream.try_clone()?, inputs.clone());
    thread::spawn(move || read_server(server, &inputs));
    thread::spawn(move || read_user(&user));

    let mut patience = Duration::MAX;
    let mut output = Vec::new();
    while let Ok(event) = events.recv_timeout(patience) {
        let mut failed = None;
        match event {
            Input::Line(line) => ws.send(&line, &mut output)?,
            Input::Done => {
                ws.close(CloseCode::NORMAL, &mut output);
                patience = Duration::from_secs(10);
            }
            Input::Bytes(bytes) if bytes.is_empty() => return Err("connection lost".into()),
            Input::Bytes(mut bytes) => {
                let mut input = &mut bytes[..];
                loop {
                    match ws.receive(&mut input, &mut output) {
                        Ok(Some(received)) => show(&received)?,
                        Ok(None) => break,
                        Err(error) => {
                            failed = Some(error);
                            break;
                        }
                    }
                }
            }
        }
        stream.write_all(&output)?;
        output.clear();
        if let Some(error) = failed {
            return Err(error.into());
        }
        if ws.is_closed() {
            return Ok(());
        }
    }
    Err("the server did not answer our close".into())
}

fn show(received: &Received) -> io::Result<()> {
    match received {
        Received::Message(Message::Text(text)) => writeln!(io::stdout(), "{text}"),
        Received::Message(Message::Binary(bytes)) => {
            let start: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let more = if bytes.len() > 16 { "..." } else { "" };
            writeln!(io::stdout(), "binary, {} bytes: {start}{more}", bytes.len())
        }
        Received::Ping(_) | Received::Pong(_) => Ok(()),
        Received::Closed(close) => match close.code() {
            Some(code) => writeln!(io::stderr(), "closed: {code} {}", close.reason()),
            None => writeln!(io::stderr(), "closed"),
        },
    }
}

fn read_user(inputs: &Sender<Input>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if inputs.send(Input::Line(line)).is_err() {
            return;
        }
    }
    inputs.send(Input::Done).ok();
}

fn read_server(mut server: TcpStream, inputs: &Sender<Input>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = server.read(&mut buffer).unwrap_or(0);
        if inputs.send(Input::Bytes(buffer[..n].to_vec())).is_err() || n == 0 {
            return;
        }
    }
}
