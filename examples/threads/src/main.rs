//! An echo server with two threads a connection: one reads, one writes, and neither waits for the
//! other or takes a lock. Between them is a queue of bounded length, which is the back-pressure: a
//! peer that does not read fills it, and is not read from any more.

#[path = "../../options/mod.rs"]
mod options;

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use options::Options;
use sansocket::handshake::{Request, RequestReader};
use sansocket::keepalive::{Due, Keepalive};
use sansocket::{
    CloseFrame, Message, MessageReceiver, MessageSender, Payload, Received, Server, WebSocket,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the reader has for the writer.
enum Outgoing {
    Message(Message<'static>),
    Ping(Payload),
    Pong(Payload),
    Close(CloseFrame),
}

fn main() -> io::Result<()> {
    let (options, listen) = options::parse(|_, _| false);
    let listener = TcpListener::bind(listen)?;
    println!("listening on ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let served = stream.and_then(|stream| {
            thread::Builder::new().stack_size(128 * 1024).spawn(move || {
                if let Err(error) = serve(&stream, options) {
                    eprintln!("{:?}: {error}", stream.peer_addr());
                }
            })
        });
        if let Err(error) = served {
            // Out of files or threads, most likely: let some connections end.
            eprintln!("accept: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

fn serve(stream: &TcpStream, options: Options) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(options.idle_timeout))?;
    let mut alive =
        Alive { clock: Instant::now(), keepalive: Keepalive::opening(options.timeouts) };
    let mut buffer = vec![0; 16 * 1024];
    let Some((ws, unread)) = open(stream, &mut alive, &mut buffer, options)? else {
        return Ok(linger(stream)?);
    };
    let (receiver, sender) = ws.split();
    let (queue, queued) = mpsc::sync_channel(16);
    let result = thread::scope(|scope| {
        let writer = scope.spawn(move || write(stream, sender, queued));
        let read = read(stream, &mut alive, receiver, &queue, &mut buffer, unread);
        drop(queue); // the writer ends when it has written what is there
        let written = writer.join().expect("the writer does not panic");
        read.and(written.map_err(Into::into))
    });
    linger(stream)?;
    result
}

/// The opening handshake: the connection, and which bytes of `buffer` came behind the request.
fn open(
    mut stream: &TcpStream,
    alive: &mut Alive,
    buffer: &mut [u8],
    options: Options,
) -> Result<Option<(WebSocket<Server>, Range<usize>)>> {
    let (mut reader, mut filled, mut out) = (RequestReader::new(), 0, [0; 1024]);
    loop {
        if let Some(Due::Failed(error)) = alive.on_timeout() {
            return Err(error.into());
        }
        match alive.read(stream, &mut buffer[filled..])? {
            None => continue,
            Some(0) => return Ok(None),
            Some(n) => filled += n,
        }
        let request = reader.read(&buffer[..filled]);
        match request.and_then(|request| request.map(Request::upgrade).transpose()) {
            Ok(None) => {}
            Ok(Some(upgrade)) => {
                let wish = options.compression;
                let agreed = wish.and_then(|wish| wish.accept(upgrade.offer().extensions()));
                stream.write_all(upgrade.accept(&mut out).compression(agreed).finish()?)?;
                alive.keepalive.opened();
                let ws = WebSocket::server_with_compression(options.config, agreed);
                return Ok(Some((ws, upgrade.request().head_len()..filled)));
            }
            Err(error) => {
                stream.write_all(error.reply(&mut out)?)?;
                return Ok(None);
            }
        }
    }
}

/// Reads until the peer's Close, its first error, or a deadline that it lets pass.
fn read(
    stream: &TcpStream,
    alive: &mut Alive,
    mut receiver: MessageReceiver<Server>,
    queue: &SyncSender<Outgoing>,
    buffer: &mut [u8],
    unread: Range<usize>,
) -> Result<()> {
    relay(&mut receiver, alive, &mut buffer[unread], queue)?;
    while !receiver.has_received_close() {
        match alive.on_timeout() {
            None => {}
            Some(Due::Ping(payload)) => queue.send(Outgoing::Ping(payload))?,
            Some(Due::Close(close)) => queue.send(Outgoing::Close(close))?,
            Some(Due::Failed(error)) => {
                queue.send(Outgoing::Close(error.into()))?;
                return Err(error.into());
            }
        }
        match alive.read(stream, buffer)? {
            None => {}
            Some(0) => return Err("the peer vanished".into()),
            Some(n) => relay(&mut receiver, alive, &mut buffer[..n], queue)?,
        }
    }
    Ok(())
}

/// Queues an answer to everything in `input`.
fn relay(
    receiver: &mut MessageReceiver<Server>,
    alive: &mut Alive,
    mut input: &mut [u8],
    queue: &SyncSender<Outgoing>,
) -> Result<()> {
    loop {
        queue.send(match receiver.receive(&mut input) {
            Ok(Some(Received::Message(message))) => Outgoing::Message(message.into_owned()),
            Ok(Some(Received::Ping(payload))) => Outgoing::Pong(payload),
            Ok(Some(Received::Pong(payload))) => {
                alive.keepalive.on_pong(&payload);
                continue;
            }
            Ok(Some(Received::Closed(close))) => Outgoing::Close(close),
            Ok(None) => return Ok(()),
            Err(error) => {
                queue.send(Outgoing::Close(error.into()))?;
                return Err(error.into());
            }
        })?;
    }
}

/// The deadlines of a connection, and the clock for them.
struct Alive {
    clock: Instant,
    keepalive: Keepalive,
}

impl Alive {
    fn on_timeout(&mut self) -> Option<Due> {
        self.keepalive.on_timeout(self.clock.elapsed())
    }

    /// Reads; nothing if there is a deadline before something comes.
    fn read(&mut self, mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        stream.set_read_timeout(self.keepalive.wait(self.clock.elapsed()))?;
        match stream.read(buffer) {
            Ok(n) => {
                self.keepalive.on_bytes();
                Ok(Some(n))
            }
            // Unix and Windows call a timeout by different names.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Writes what is queued, up to our Close.
fn write(
    mut stream: &TcpStream,
    mut sender: MessageSender<Server>,
    queued: Receiver<Outgoing>,
) -> io::Result<()> {
    let mut output = Vec::new();
    for outgoing in queued {
        match outgoing {
            // It fails only after our Close, which ends the loop.
            Outgoing::Message(message) => drop(sender.send(&message, &mut output)),
            Outgoing::Ping(payload) => sender.ping(payload, &mut output),
            Outgoing::Pong(payload) => sender.pong(payload, &mut output),
            Outgoing::Close(close) => sender.close(close, &mut output),
        }
        stream.write_all(&output)?;
        output.clear();
    }
    Ok(())
}

/// Ends our side and waits a while for the peer to end its own: closing at once, with bytes unread,
/// would reset the connection and could lose what we wrote.
fn linger(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let (start, mut rest) = (Instant::now(), [0; 4096]);
    while start.elapsed() < Duration::from_secs(2) && matches!(stream.read(&mut rest), Ok(1..)) {}
    Ok(())
}
