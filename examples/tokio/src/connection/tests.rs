//! Reading and writing under `select!`, dropped at every await point: nothing is lost, nothing is
//! said twice, no deadline is put off. The time is tokio's own, which passes when nobody has anything
//! to do.

use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use sansocket::deflate::Compression;
use sansocket::extensions::Extensions;
use sansocket::{Client, CloseCode, Config, Message, Payload, Received, WebSocket};
use shared::{Opened, Options, Outgoing};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, DuplexStream, ReadBuf, duplex,
    split,
};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::{BUFFER, ROOM, Reader, Writer, echo};
use crate::patient::patient;

type Keys = fn() -> [u8; 4];

/// The two ends of a connection, compressed or not.
fn ends(is_compressed: bool) -> (WebSocket<sansocket::Server>, WebSocket<Client<Keys>>) {
    let offer = Extensions::new(b"permessage-deflate").map(Result::unwrap);
    let agreed = Compression::new().accept(offer).filter(|_| is_compressed);
    let server = WebSocket::server_with_compression(Config::new(), agreed);
    let keys: Keys = || [0x37, 0xfa, 0x21, 0x3d];
    (server, WebSocket::client_with_compression(Config::new(), keys, agreed))
}

/// Messages of many lengths, each unlike the others.
fn messages() -> Vec<String> {
    (0..60).map(|n| format!("{n}: {}", "grüße ".repeat(n * n % 97))).collect()
}

fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(ROOM))
}

/// A place for something short; none if there is no room for it.
fn place(room: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    room.clone().try_acquire_many_owned(1000).ok()
}

/// A stream that is never ready at the first time of asking, nor at every other later.
struct Hesitant<S> {
    stream: S,
    is_asked: bool,
}

impl<S> Hesitant<S> {
    fn new(stream: S) -> Self {
        Self { stream, is_asked: false }
    }

    fn hesitates(&mut self, context: &Context<'_>) -> bool {
        self.is_asked = !self.is_asked;
        if self.is_asked {
            context.waker().wake_by_ref();
        }
        self.is_asked
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Hesitant<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.hesitates(context) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Hesitant<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hesitates(context) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.hesitates(context) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Sends all messages with a Ping before each and a Close at the end, and returns what comes back.
async fn client(mut ws: WebSocket<Client<Keys>>, stream: DuplexStream) -> Vec<String> {
    let (mut reader, mut writer) = split(stream);
    let mut output = Vec::new();
    for (n, message) in messages().iter().enumerate() {
        ws.ping(Payload::new(&[n as u8]).unwrap(), &mut output);
        ws.send(message, &mut output).unwrap();
    }
    ws.close(CloseCode::NORMAL, &mut output);
    tokio::spawn(async move { writer.write_all(&output).await });
    let (mut heard, mut buffer) = (Vec::new(), [0; 100]);
    while !ws.is_closed() {
        let n = reader.read(&mut buffer).await.unwrap();
        assert!(n > 0, "the end before the Close, after {heard:?}");
        let mut input = &mut buffer[..n];
        while let Some(received) = ws.receive(&mut input, &mut Vec::new()).unwrap() {
            heard.push(match received {
                Received::Message(Message::Text(text)) => text.into_owned(),
                other => format!("{other:?}"),
            });
        }
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn dropped_at_every_await_point_it_loses_and_repeats_nothing() {
    for is_compressed in [false, true] {
        // So many bytes lie between the two ends at most.
        for capacity in [1, 2, 7, 64, 100_000] {
            let (server, other) = ends(is_compressed);
            let (ours, theirs) = duplex(capacity);
            let client = tokio::spawn(client(other, theirs));

            let options = Options::default();
            let (receiver, sender) = server.split();
            let (reader, writer) = split(ours);
            let mut writer = Writer::new(Hesitant::new(BufWriter::new(writer)), sender);
            let (room, reader) = (room(), Hesitant::new(reader));
            let mut reader = Reader::new(reader, receiver, Vec::new(), room.clone(), &options);
            let (mut is_over, mut dropped) = (false, 0);
            while !is_over || writer.is_behind() {
                let place = place(&room).filter(|_| !is_over);
                select! {
                    biased;
                    next = reader.next(), if place.is_some() => match next.unwrap() {
                        Some(outgoing) => writer.push(outgoing, place.unwrap()),
                        None => is_over = true,
                    },
                    flushed = writer.flush(), if writer.is_behind() => flushed.unwrap(),
                    // What is not ready at once is dropped.
                    () = ready(()) => dropped += 1,
                }
                assert!(dropped < 1_000_000, "it waits for what was lost");
                yield_now().await; // the client's turn
            }

            let expected = messages().into_iter().enumerate();
            let expected = expected.flat_map(|(n, message)| {
                [format!("{:?}", Received::Pong(Payload::new(&[n as u8]).unwrap())), message]
            });
            let closed = format!("{:?}", Received::Closed(CloseCode::NORMAL.into()));
            let expected: Vec<_> = expected.chain([closed]).collect();
            let heard =
                timeout(options.idle_timeout, client).await.expect("all is flushed").unwrap();
            assert_eq!(heard, expected, "{capacity}, {is_compressed}");
            assert!(dropped > 1, "nothing was dropped");
        }
    }
}

/// Sends one message again and again, and counts the bytes.
struct Flood {
    frame: Vec<u8>,
    taken: Arc<AtomicUsize>,
}

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let start = self.taken.load(Relaxed) % self.frame.len();
        let len = buffer.remaining().min(self.frame.len() - start);
        buffer.put_slice(&self.frame[start..start + len]);
        self.taken.fetch_add(len, Relaxed);
        Poll::Ready(Ok(()))
    }
}

/// What a peer that does not read makes us hold is bounded by bytes, and it is given up in time.
#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_not_read_from() {
    for size in [0, 1, 1000, ROOM, 1_000_000] {
        let (server, mut other) = ends(false);
        let mut frame = Vec::new();
        other.send(vec![b'x'; size], &mut frame).unwrap();
        let (frame_len, taken) = (frame.len(), Arc::new(AtomicUsize::new(0)));
        let flood = Flood { frame, taken: taken.clone() };
        let (ours, _theirs) = duplex(64);
        let opened = Opened { ws: server, path: String::new(), first: Vec::new() };
        let (options, start) = (Options::default(), Instant::now());
        echo(opened, flood, patient(ours, &options), &options)
            .await
            .expect_err("the peer takes nothing");
        assert!(start.elapsed() <= options.idle_timeout + Duration::from_secs(1));
        // Those that have a place, the one that waits for it, and what is not received yet.
        let messages = (ROOM / (size + size_of::<Outgoing>())).max(1) + 1;
        let taken = taken.load(Relaxed);
        assert!(taken <= messages * frame_len + BUFFER, "{taken} bytes of {frame_len} each");
    }
}

/// Not put off by who drops it often: a Ping after half the time, the end after the whole.
#[tokio::test(start_paused = true)]
async fn the_deadlines_of_a_reader_that_is_dropped_often() {
    let (ours, _theirs) = duplex(100);
    let options = Options::default();
    let start = Instant::now();
    let receiver = ends(false).0.split().0;
    let mut reader = Reader::new(ours, receiver, Vec::new(), room(), &options);
    let mut said = Vec::new();
    while said.len() < 3 && start.elapsed() < options.idle_timeout * 2 {
        select! {
            next = reader.next() => said.push((next, start.elapsed())),
            () = sleep(Duration::from_millis(70)) => {}
        }
    }
    let step = Duration::from_millis(100);
    let near = |time: Duration, expected| (expected..expected + step).contains(&time);
    assert!(
        matches!(&said[0], (Ok(Some(Outgoing::Ping(_))), t) if near(*t, options.idle_timeout / 2))
    );
    assert!(
        matches!(&said[1], (Ok(Some(Outgoing::Close(_))), t) if near(*t, options.idle_timeout))
    );
    assert!(matches!(&said[2], (Err(_), t) if near(*t, options.idle_timeout)), "{said:?}");
}

/// A peer that takes nothing is given up in time, though there is always more to write for it.
#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_writer_that_is_dropped_often() {
    let (ours, _theirs) = duplex(100);
    let options = Options::default();
    let start = Instant::now();
    let mut writer = Writer::new(patient(ours, &options), ends(false).0.split().1);
    let room = room();
    let error = loop {
        assert!(start.elapsed() < options.idle_timeout * 2, "it is put off");
        if let Some(place) = place(&room) {
            writer.push(Outgoing::Message(Message::from("to nobody").into_owned()), place);
        }
        select! {
            flushed = writer.flush() => if let Err(error) = flushed { break error },
            () = sleep(Duration::from_millis(70)) => {}
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let (time, step) = (start.elapsed(), Duration::from_millis(100));
    assert!((options.idle_timeout..options.idle_timeout + step).contains(&time), "{time:?}");
}

/// As with TLS, which takes what the peer does not: that is no excuse.
#[tokio::test(start_paused = true)]
async fn who_takes_nothing_and_talks_is_given_up() {
    let (ours, theirs) = duplex(100);
    let options = Options::default();
    let (reader, writer) = split(ours);
    let writer = BufWriter::with_capacity(ROOM, patient(writer, &options));
    let (ws, mut other) = ends(false);
    let opened = Opened { ws, path: String::new(), first: Vec::new() };
    let (_deaf, mut talk) = split(theirs);
    let talking = tokio::spawn(async move {
        let mut letter = Vec::new();
        while talk.write_all(&letter).await.is_ok() {
            letter.clear();
            other.send("x", &mut letter).unwrap();
            sleep(Duration::from_secs(1)).await;
        }
    });
    let ended = timeout(options.idle_timeout * 4, echo(opened, reader, writer, &options)).await;
    ended.expect("it is kept").expect_err("the peer takes nothing");
    talking.abort();
}

#[tokio::test(start_paused = true)]
async fn patience_for_ever() {
    let options = Options { idle_timeout: Duration::MAX, ..Options::default() };
    let (ours, mut theirs) = duplex(1);
    let mut writer = Writer::new(patient(ours, &options), ends(false).0.split().1);
    writer.push(Outgoing::Message(Message::from("at last").into_owned()), place(&room()).unwrap());
    let late = tokio::spawn(async move {
        sleep(Duration::from_secs(1_000_000)).await;
        theirs.read_exact(&mut [0; 9]).await
    });
    writer.flush().await.unwrap();
    late.await.unwrap().unwrap();
}

/// On a slow line a Ping stands behind a long message: its time begins when that is written.
#[tokio::test(start_paused = true)]
async fn who_reads_slowly_is_alive() {
    let (ours, mut theirs) = duplex(100);
    let options = Options::default();
    let (receiver, sender) = ends(false).0.split();
    let (reader, writer) = split(ours);
    let mut writer = Writer::new(patient(writer, &options), sender);
    let room = room();
    let mut reader = Reader::new(reader, receiver, Vec::new(), room.clone(), &options);
    writer.push(Outgoing::Message(vec![0; 50_000].into()), place(&room).unwrap());
    let slow = tokio::spawn(async move {
        for _ in 0..500 {
            theirs.read_exact(&mut [0; 100]).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        theirs
    });
    let start = Instant::now();
    let mut written = None;
    let failed = loop {
        select! {
            next = reader.next() => match next {
                Ok(outgoing) => writer.push(outgoing.expect("no end"), place(&room).unwrap()),
                Err(_) => break start.elapsed(),
            },
            flushed = writer.flush(), if writer.is_behind() => {
                flushed.unwrap();
                written.get_or_insert(start.elapsed());
            }
        }
    };
    let written = written.expect("it failed before all was written");
    assert!(written > options.idle_timeout * 2);
    assert!(failed < written + options.idle_timeout, "{failed:?}, written at {written:?}");
    drop(slow);
}
