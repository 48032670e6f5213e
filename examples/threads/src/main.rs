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
use sansocket::{
    CloseCode, CloseFrame, Message, MessageReceiver, MessageSender, Payload, Received, Server,
    WebSocket,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the reader has for the writer.
enum Outgoing {
    Message(Message<'static>),
    Ping,
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
    let mut buffer = vec![0; 16 * 1024];
    let Some((ws, unread)) = open(stream, &mut buffer, options)? else {
        return Ok(linger(stream)?);
    };
    let (receiver, sender) = ws.split();
    let (queue, queued) = mpsc::sync_channel(16);
    stream.set_write_timeout(Some(options.idle_timeout))?;
    let result = thread::scope(|scope| {
        let writer = scope.spawn(move || write(stream, sender, queued));
        let read = read(stream, receiver, &queue, &mut buffer, unread, options.idle_timeout);
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
    buffer: &mut [u8],
    options: Options,
) -> Result<Option<(WebSocket<Server>, Range<usize>)>> {
    let deadline = Instant::now() + options.handshake_timeout;
    let (mut reader, mut filled, mut out) = (RequestReader::new(), 0, [0; 1024]);
    loop {
        // For the whole request, lest one byte at a time takes for ever.
        let left = deadline.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut buffer[filled..])? {
            0 => return Ok(None),
            n => filled += n,
        }
        let request = reader.read(&buffer[..filled]);
        match request.and_then(|request| request.map(Request::upgrade).transpose()) {
            Ok(None) => {}
            Ok(Some(upgrade)) => {
                let (wish, head) = (options.compression, upgrade.request().head_len());
                let agreed = wish.and_then(|wish| wish.accept(upgrade.request().extensions()));
                stream.write_all(upgrade.accept(&mut out).compression(agreed).finish()?)?;
                let agreement = agreed.map(|answer| answer.agreement);
                let ws = WebSocket::server_with_compression(options.config, agreement);
                return Ok(Some((ws, head..filled)));
            }
            Err(error) => {
                stream.write_all(error.reply(&mut out)?)?;
                return Ok(None);
            }
        }
    }
}

/// Reads until the peer's Close, its first error, or its silence.
fn read(
    mut stream: &TcpStream,
    mut receiver: MessageReceiver<Server>,
    queue: &SyncSender<Outgoing>,
    buffer: &mut [u8],
    unread: Range<usize>,
    patience: Duration,
) -> Result<()> {
    stream.set_read_timeout(Some(patience / 2))?;
    relay(&mut receiver, &mut buffer[unread], queue)?;
    let mut is_asked = false;
    while !receiver.has_received_close() {
        match stream.read(buffer) {
            Ok(0) => return Err("the peer vanished".into()),
            Ok(n) => {
                is_asked = false;
                relay(&mut receiver, &mut buffer[..n], queue)?;
            }
            // Unix and Windows call a timeout by different names.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if is_asked {
                    queue.send(Outgoing::Close(CloseCode::POLICY_VIOLATION.into()))?;
                    return Err("the peer is silent".into());
                }
                is_asked = true;
                queue.send(Outgoing::Ping)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Queues an answer to everything in `input`.
fn relay(
    receiver: &mut MessageReceiver<Server>,
    mut input: &mut [u8],
    queue: &SyncSender<Outgoing>,
) -> Result<()> {
    loop {
        queue.send(match receiver.receive(&mut input) {
            Ok(Some(Received::Message(message))) => Outgoing::Message(message.into_owned()),
            Ok(Some(Received::Ping(payload))) => Outgoing::Pong(payload),
            Ok(Some(Received::Pong(_))) => continue,
            Ok(Some(Received::Closed(close))) => Outgoing::Close(close),
            Ok(None) => return Ok(()),
            Err(error) => {
                queue.send(Outgoing::Close(error.into()))?;
                return Err(error.into());
            }
        })?;
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
            Outgoing::Ping => sender.ping(Payload::EMPTY, &mut output),
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
