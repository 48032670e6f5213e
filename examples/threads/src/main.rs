//! An echo server with two threads a connection: one reads, one writes, each with its own half and
//! without a lock on it. Between them is a [queue](queue) of bounded size, which is the back-pressure:
//! a peer that does not read fills it, and is not read from any more.

mod queue;
#[path = "../../timed/mod.rs"]
mod timed;

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use queue::{End, Queue};
use sansocket::keepalive::Due;
use sansocket::{MessageSender, Server};
use shared::{Answer, Error, Incoming, Opened, Opening, Options, options};
use timed::{linger_for, read};

fn main() -> io::Result<()> {
    let (options, listen) = options::parse(|_, _| false);
    let listener = TcpListener::bind(listen)?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let served = listener.accept().and_then(|(stream, peer)| {
            thread::Builder::new().stack_size(128 * 1024).spawn(move || {
                if let Err(error) = serve(&stream, &options) {
                    shared::log(format_args!("{peer}: {error}"));
                }
            })
        });
        if let Err(error) = served {
            // Out of files or threads, most likely: let some connections end.
            shared::log(format_args!("accept: {error}"));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn serve(stream: &TcpStream, options: &Options) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(options.idle_timeout))?;
    let mut buffer = vec![0; 16 * 1024];
    let Some(Opened { ws, mut first, .. }) = open(stream, &mut buffer, options)? else {
        linger_for(stream, options.handshake_timeout);
        return Ok(());
    };
    let (receiver, sender) = ws.split();
    let mut incoming = Incoming::new(receiver, options.keepalive());
    // A thread with something to say unasked gets a `Weak` of it.
    let queue = Arc::new(Queue::default());
    let result = thread::scope(|scope| {
        let end = End(&queue);
        let writer = thread::Builder::new().stack_size(128 * 1024);
        let writer = writer.spawn_scoped(scope, || {
            let _end = End(&queue);
            let sent = send_all(stream, sender, &queue);
            if sent.is_err() {
                let _ = stream.shutdown(Shutdown::Both); // or who reads would wait for the peer
            }
            sent
        })?;
        let received = receive_all(stream, &mut incoming, &mut first, &mut buffer, &queue);
        drop(end); // and the writer ends when it has written what is there
        writer.join().expect("the writer does not panic")?;
        received
    });
    linger_for(stream, options.handshake_timeout);
    result
}

/// The opening handshake; nothing if it opens no connection.
fn open(
    mut stream: &TcpStream,
    buffer: &mut [u8],
    options: &Options,
) -> Result<Option<Opened>, Error> {
    let (clock, mut deadline) = (Instant::now(), options.opening());
    let (mut opening, mut output) = (Opening::new(options), Vec::new());
    loop {
        if let Some(Due::Failed(error)) = deadline.on_timeout(clock.elapsed()) {
            return Err(error.into());
        }
        stream.set_read_timeout(deadline.wait(clock.elapsed()))?;
        let n = match read(&mut stream, buffer)? {
            None => continue,
            Some(0) => return Ok(None),
            Some(n) => n,
        };
        let answer = opening.receive(&buffer[..n], options, &mut output);
        stream.write_all(&output)?;
        match answer {
            Answer::Wait => {}
            Answer::Open(opened) => return Ok(Some(opened)),
            Answer::Over => return Ok(None),
        }
    }
}

/// Receives until the peer's Close, its first error, or a deadline that it lets pass.
fn receive_all(
    mut stream: &TcpStream,
    incoming: &mut Incoming,
    first: &mut [u8],
    buffer: &mut [u8],
    queue: &Queue,
) -> Result<(), Error> {
    let clock = Instant::now();
    let mut input = first;
    loop {
        while let Some(outgoing) = incoming.receive(&mut input) {
            queue.push(outgoing)?;
        }
        // Last, so that what came in time is not found late.
        if let Some(outgoing) = incoming.on_timeout(clock.elapsed(), queue.waiting() > 0) {
            queue.push(outgoing)?;
        }
        if let Some(end) = incoming.end() {
            return end;
        }
        stream.set_read_timeout(Some(incoming.wait(clock.elapsed())))?;
        input = match read(&mut stream, buffer)? {
            None => &mut [],
            Some(0) => return Err("the peer vanished".into()),
            Some(n) => &mut buffer[..n],
        };
    }
}

/// Sends what is queued, until the queue has ended, and tells how much is written.
fn send_all(
    mut stream: &TcpStream,
    mut sender: MessageSender<Server>,
    queue: &Queue,
) -> io::Result<()> {
    loop {
        // Together, what has gathered meanwhile: there is no more of it than the queue has room for.
        let taken = queue.take();
        if taken.is_empty() {
            return Ok(());
        }
        let (mut output, mut len) = (Vec::new(), 0);
        for outgoing in taken {
            len += outgoing.len();
            outgoing.append(&mut sender, &mut output);
        }
        stream.write_all(&output)?;
        queue.written(len);
    }
}
