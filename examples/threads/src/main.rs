//! An echo server with two threads a connection: one reads, one writes, and neither takes a lock.
//! Between them is a [queue](queue) of bounded size, which is the back-pressure: a peer that does not
//! read fills it, and is not read from any more.

mod queue;
#[path = "../../timed/mod.rs"]
mod timed;

use std::io::{self, Write};
use std::iter;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use queue::Queue;
use sansocket::keepalive::{Due, Keepalive};
use sansocket::{MessageSender, Server};
use shared::{Answer, Error, Incoming, Opened, Opening, Options, Outgoing, options};
use timed::{linger, read};

fn main() -> io::Result<()> {
    let (options, listen) = options::parse(|_, _| false);
    let listener = TcpListener::bind(listen)?;
    println!("listening on ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let served = stream.and_then(|stream| {
            thread::Builder::new().stack_size(128 * 1024).spawn(move || {
                if let Err(error) = serve(&stream, &options) {
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

fn serve(stream: &TcpStream, options: &Options) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(options.idle_timeout))?;
    let mut buffer = vec![0; 16 * 1024];
    let Some(Opened { ws, mut first, .. }) = open(stream, &mut buffer, options)? else {
        linger(stream);
        return Ok(());
    };
    let (receiver, sender) = ws.split();
    let mut incoming = Incoming::new(receiver, options.timeouts());
    let (queue, queued, written) = Queue::new();
    let result = thread::scope(|scope| {
        let writer = thread::Builder::new().stack_size(128 * 1024);
        let writer = writer.spawn_scoped(scope, || {
            let sent = send_all(stream, sender, queued, written);
            if sent.is_err() {
                let _ = stream.shutdown(Shutdown::Both); // or who reads would wait for the peer
            }
            sent
        })?;
        let received = receive_all(stream, &mut incoming, &mut first, &mut buffer, queue);
        // The queue is dropped, and the writer ends when it has written what is there.
        writer.join().expect("the writer does not panic")?;
        received
    });
    linger(stream);
    result
}

/// The opening handshake; nothing if it opens no connection.
fn open(
    mut stream: &TcpStream,
    buffer: &mut [u8],
    options: &Options,
) -> Result<Option<Opened>, Error> {
    let (clock, mut deadline) = (Instant::now(), Keepalive::opening(options.timeouts()));
    let (mut opening, mut output) = (Opening::default(), Vec::new());
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
    mut queue: Queue,
) -> Result<(), Error> {
    let clock = Instant::now();
    let mut input = first;
    loop {
        while let Some(outgoing) = incoming.receive(&mut input) {
            queue.push(outgoing)?;
        }
        // Last, so that what came in time is not found late.
        if let Some(outgoing) = incoming.on_timeout(clock.elapsed(), queue.is_behind()) {
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

/// Sends what is queued, until there is no one left to queue more, and tells how much is written.
fn send_all(
    mut stream: &TcpStream,
    mut sender: MessageSender<Server>,
    queued: Receiver<Outgoing>,
    written: Sender<usize>,
) -> io::Result<()> {
    while let Ok(first) = queued.recv() {
        let (mut output, mut len) = (Vec::new(), 0);
        // Together with what has gathered meanwhile: there is no more of it than the queue has room for.
        for outgoing in iter::once(first).chain(queued.try_iter()) {
            len += outgoing.len();
            outgoing.append(&mut sender, &mut output);
        }
        stream.write_all(&output)?;
        let _ = written.send(len); // the last time, nobody waits for it
    }
    Ok(())
}
