//! A client as other libraries have it: callbacks for what happens, and a call
//! that runs until it is over, connecting again if the connection is lost.
//!
//! ```text
//! cargo run --release --example callbacks -- URL [MESSAGE]...
//! ```

mod connect;
mod timed;

use std::error::Error;
use std::io::Write;
use std::time::Instant;
use std::{env, process, thread};

use connect::{Backoff, Connected, connect, is_final, parse};
use sansocket::keepalive::Timeouts;
use sansocket::{Client, CloseCode, CloseFrame, Config, Message, Received, WebSocket};
use timed::read;

fn main() {
    let mut args = env::args().skip(1);
    let Some(url) = args.next() else {
        eprintln!("usage: callbacks URL [MESSAGE]...");
        process::exit(2);
    };
    let greetings: Vec<String> = args.collect();
    App::new(&url)
        .on_open(|socket| {
            println!("open");
            for greeting in &greetings {
                socket.send(greeting);
            }
        })
        .on_message(|socket, message| match message {
            Message::Text(text) if text == "bye" => socket.close(CloseCode::NORMAL),
            Message::Text(text) => println!("message: {text}"),
            Message::Binary(bytes) => println!("message: {} bytes", bytes.len()),
        })
        .on_error(|error| println!("error: {error}"))
        .on_close(|close| match close.code() {
            Some(code) => println!("close: {code} {}", close.reason()),
            None => println!("close"),
        })
        .run_forever()
        .unwrap_or_else(|error| {
            eprintln!("{error}");
            process::exit(1)
        });
}

/// What a callback may do to the connection.
struct Socket {
    ws: WebSocket<Client>,
    output: Vec<u8>,
}

impl Socket {
    /// Sends a message, unless the connection is being closed.
    fn send<'m>(&mut self, message: impl Into<Message<'m>>) {
        let _ = self.ws.send(message, &mut self.output);
    }

    fn close(&mut self, close: impl Into<CloseFrame>) {
        self.ws.close(close, &mut self.output);
    }
}

/// An address, and what to call.
#[expect(clippy::type_complexity, reason = "the types say what each is called with")]
struct App<'a> {
    url: &'a str,
    open: Box<dyn FnMut(&mut Socket) + 'a>,
    message: Box<dyn FnMut(&mut Socket, Message<'_>) + 'a>,
    error: Box<dyn FnMut(&dyn Error) + 'a>,
    close: Box<dyn FnMut(CloseFrame) + 'a>,
}

impl<'a> App<'a> {
    fn new(url: &'a str) -> Self {
        Self {
            url,
            open: Box::new(|_| {}),
            message: Box::new(|_, _| {}),
            error: Box::new(|_| {}),
            close: Box::new(|_| {}),
        }
    }

    /// The connection is open, the first time or again.
    fn on_open(self, call: impl FnMut(&mut Socket) + 'a) -> Self {
        Self { open: Box::new(call), ..self }
    }

    /// A message has come.
    fn on_message(self, call: impl FnMut(&mut Socket, Message<'_>) + 'a) -> Self {
        Self { message: Box::new(call), ..self }
    }

    /// The connection could not be made, was lost, or broke the protocol.
    fn on_error(self, call: impl FnMut(&dyn Error) + 'a) -> Self {
        Self { error: Box::new(call), ..self }
    }

    /// The connection was closed, with this frame of the server's.
    fn on_close(self, call: impl FnMut(CloseFrame) + 'a) -> Self {
        Self { close: Box::new(call), ..self }
    }

    /// Runs until a connection is closed with 1000 or refused for good; connects
    /// again after anything else.
    fn run_forever(mut self) -> Result<(), Box<dyn Error>> {
        let url = parse(self.url)?;
        let mut backoff = Backoff::new()?;
        loop {
            let connected = connect(&url, &[], &[], None, Config::new());
            match connected.and_then(|connected| self.run(connected, &mut backoff)) {
                Ok(close) if close.code() == Some(CloseCode::NORMAL) => return Ok(()),
                Ok(_) => {}
                Err(error) if is_final(&*error) => return Err(error),
                Err(error) => (self.error)(&*error),
            }
            thread::sleep(backoff.next());
        }
    }

    /// One connection, until it is closed.
    fn run(&mut self, at: Connected, backoff: &mut Backoff) -> Result<CloseFrame, Box<dyn Error>> {
        let Connected { mut stream, ws, first, .. } = at;
        let clock = Instant::now();
        let ws = ws.keepalive(Timeouts::new());
        let mut socket = Socket { ws, output: Vec::new() };
        (self.open)(&mut socket);
        let (mut filled, mut buffer) = (first.len(), first);
        buffer.resize(64 * 1024, 0);
        let mut closed = None;
        loop {
            let received = self.receive(&mut socket, &mut buffer[..filled]);
            // Last, so that what came in time is not found late.
            let in_time = socket.ws.on_timeout(clock.elapsed(), &mut socket.output);
            stream.write_all(&socket.output)?;
            socket.output.clear();
            closed = received?.or(closed);
            in_time?;
            if let Some(close) = closed.filter(|_| socket.ws.is_closed()) {
                (self.close)(close);
                return Ok(close);
            }
            stream.set_read_timeout(socket.ws.wait(clock.elapsed()))?;
            filled = match read(&mut stream, &mut buffer)? {
                Some(0) => return Err("connection lost".into()),
                Some(n) => n,
                None => 0,
            };
            if filled > 0 {
                backoff.reset();
            }
        }
    }

    /// Calls for each message; returns the server's Close if it has come.
    fn receive(
        &mut self,
        socket: &mut Socket,
        mut input: &mut [u8],
    ) -> Result<Option<CloseFrame>, Box<dyn Error>> {
        while let Some(received) = socket.ws.receive(&mut input, &mut socket.output)? {
            match received {
                Received::Message(message) => (self.message)(socket, message),
                Received::Closed(close) => return Ok(Some(close)),
                Received::Ping(_) | Received::Pong(_) => {}
            }
        }
        Ok(None)
    }
}
