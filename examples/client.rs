//! A client for the terminal: lines in become messages, messages are printed.
//!
//! ```text
//! cargo run --release --example client -- URL [--header 'Name: value']... [--protocol NAME]...
//!     [--deflate 'permessage-deflate; server_max_window_bits=10...'] [--reconnect]
//! ```
//!
//! Ctrl-D closes the connection and waits for the server to answer. With
//! `--reconnect` a connection that is lost is made again, after a time that grows
//! from attempt to attempt; lines typed meanwhile are sent then, also those before Ctrl-D.
//! A refusal ends it, unless the status says that the server is at fault.

mod connect;
mod deflate;
mod timed;

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};
use std::{env, thread};

use connect::{Backoff, Connected, connect, is_final, parse};
use sansocket::deflate::Compression;
use sansocket::keepalive::Timeouts;
use sansocket::{Client, CloseCode, Config, Message, Received, WebSocket};

const USAGE: &str = "usage: client URL [--header 'Name: value']... [--protocol NAME]... \
                     [--deflate PARAMETERS] [--reconnect]";

/// How many lines, and pieces of 64 KiB from the server, may wait: the user and the server
/// wait then.
const QUEUE: usize = 256;

/// What the command line asks for.
#[derive(Default)]
struct Options {
    url: String,
    headers: Vec<(String, String)>,
    protocols: Vec<String>,
    compression: Option<Compression>,
    reconnect: bool,
}

fn options(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--header" => {
                let header = args.next()?;
                let (name, value) = header.split_once(':')?;
                options.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            "--deflate" => {
                options.compression = Some(Compression::client(deflate::parse(&args.next()?)?));
            }
            "--protocol" => options.protocols.push(args.next()?),
            "--reconnect" => options.reconnect = true,
            _ if options.url.is_empty() && !arg.starts_with("--") => options.url = arg,
            _ => return None,
        }
    }
    (!options.url.is_empty()).then_some(options)
}

fn main() -> ExitCode {
    let Some(options) = options(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let url = parse(&options.url)?;
    let protocols: Vec<&str> = options.protocols.iter().map(String::as_str).collect();

    // Threads wait for the user and for the server; this one does the rest.
    let (inputs, events) = mpsc::sync_channel(QUEUE);
    let user = inputs.clone();
    thread::spawn(move || read_user(&user));
    let mut session =
        Session { inputs, events, backoff: Backoff::new()?, typed: Vec::new(), done: false };
    for number in 0.. {
        let connected =
            connect(&url, &options.headers, &protocols, options.compression, Config::new());
        match connected.and_then(|connected| session.talk(connected, number)) {
            Ok(()) if !options.reconnect || session.done => return Ok(()),
            Ok(()) => {}
            Err(error) if !options.reconnect || is_final(&*error) => return Err(error),
            Err(error) if session.done && session.typed.is_empty() => return Err(error),
            Err(error) => eprintln!("{error}"),
        }
        if session.pause() {
            return Ok(());
        }
    }
    Ok(())
}

/// What the main loop waits for.
enum Input {
    /// A line that the user typed.
    Line(String),
    /// The user is done.
    Done,
    /// Bytes from the server; none when it is gone. With them the number of the
    /// connection: what is left of an earlier one may still come.
    Bytes(u32, Vec<u8>),
}

/// What lasts from connection to connection.
struct Session {
    inputs: SyncSender<Input>,
    events: Receiver<Input>,
    backoff: Backoff,
    /// Lines that are not sent; those of a write that failed are sent again.
    typed: Vec<String>,
    /// The user wants no more, or the server has no more to say.
    done: bool,
}

impl Session {
    /// Waits before the next attempt; whether there is nothing to make it for.
    fn pause(&mut self) -> bool {
        let wait = self.backoff.next();
        eprintln!("connecting again in {:.1} s", wait.as_secs_f32());
        let start = Instant::now();
        let left = || wait.saturating_sub(start.elapsed());
        while self.typed.len() < QUEUE
            && let Ok(input) = self.events.recv_timeout(left())
        {
            match input {
                Input::Line(line) => self.typed.push(line),
                Input::Done => self.done = true,
                Input::Bytes(..) => {}
            }
            if self.done && self.typed.is_empty() {
                return true;
            }
        }
        thread::sleep(left());
        false
    }

    /// One connection, until one of the two sides ends it.
    fn talk(&mut self, connected: Connected, number: u32) -> Result<(), Box<dyn Error>> {
        let Connected { stream, ws, first, protocol } = connected;
        match protocol {
            Some(protocol) => eprintln!("connected, protocol {protocol}"),
            None => eprintln!("connected"),
        }
        let (server, inputs) = (stream.try_clone()?, self.inputs.clone());
        thread::Builder::new().spawn(move || read_server(server, number, &inputs))?;
        let end = self.exchange(&stream, ws.keepalive(Timeouts::new()), first, number);
        // Ends the reading thread, too.
        let _ = stream.shutdown(Shutdown::Both);
        end
    }

    fn exchange(
        &mut self,
        mut stream: &TcpStream,
        mut ws: WebSocket<Client>,
        mut bytes: Vec<u8>,
        number: u32,
    ) -> Result<(), Box<dyn Error>> {
        let (clock, mut output) = (Instant::now(), Vec::new());
        loop {
            let received = self.receive(&mut ws, &mut bytes, &mut output);
            let sent = self.typed.iter().try_for_each(|line| ws.send(line, &mut output));
            if self.done {
                ws.close(CloseCode::NORMAL, &mut output);
            }
            // Last, so that what came in time is not found late.
            let in_time = ws.on_timeout(clock.elapsed(), &mut output);
            stream.write_all(&output)?;
            output.clear();
            received?;
            sent?;
            self.typed.clear();
            in_time?;
            if ws.is_closed() {
                return Ok(());
            }
            bytes.clear();
            let wait = ws.wait(clock.elapsed()).unwrap_or(Duration::MAX);
            match self.events.recv_timeout(wait) {
                Ok(Input::Bytes(of, new)) if of == number => {
                    if new.is_empty() {
                        return Err("connection lost".into());
                    }
                    bytes = new;
                }
                Ok(Input::Line(line)) => self.typed.push(line),
                Ok(Input::Done) => self.done = true,
                Ok(Input::Bytes(..)) | Err(_) => {}
            }
        }
    }

    fn receive(
        &mut self,
        ws: &mut WebSocket<Client>,
        mut input: &mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<(), Box<dyn Error>> {
        while let Some(received) = ws.receive(&mut input, output)? {
            self.backoff.reset();
            show(&received)?;
            if let Received::Closed(close) = received {
                self.done |= close.code() == Some(CloseCode::NORMAL);
            }
        }
        Ok(())
    }
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

fn read_user(inputs: &SyncSender<Input>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if inputs.send(Input::Line(line)).is_err() {
            return;
        }
    }
    inputs.send(Input::Done).ok();
}

fn read_server(mut server: TcpStream, number: u32, inputs: &SyncSender<Input>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = server.read(&mut buffer).unwrap_or(0);
        if inputs.send(Input::Bytes(number, buffer[..n].to_vec())).is_err() || n == 0 {
            return;
        }
    }
}
