//! A server that speaks unasked: from another thread, while one hears it and talks itself, and one
//! takes nothing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;

use mio::{Events, Poll, Waker};
use sansocket::{Message, Scratch};

use super::*;

const NEWS: Token = Token(usize::MAX - 1);
/// More and longer than what the system holds for one who takes nothing.
const MANY: usize = 1000;
const LEN: usize = 60_000;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

impl Peers {
    /// Says something to a peer; not to one that has yet to take what was said before.
    fn tell(&mut self, key: usize, message: &Message, now: Duration, shared: &mut Shared) -> bool {
        let Shared { output, scratch, .. } = shared;
        let peer = &mut self.slab[key];
        if peer.session.is_behind() || peer.session.send(message, output, scratch).is_err() {
            return false;
        }
        peer.write(now, output).ok(); // if it fails, so does its turn
        self.wake(key, false); // which sets the timer, too
        true
    }
}

#[test]
fn who_reads_hears_what_nobody_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
    let (mut peers, options) = (Peers::default(), Options::default());
    let [mut deaf, hearer] = [(); 2].map(|()| {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = mio::net::TcpStream::from_std(stream);
        peers.add(stream, poll.registry(), Duration::ZERO, &options).unwrap();
        client
    });
    deaf.write_all(REQUEST).unwrap();

    let (say, news) = mpsc::channel();
    let waker = Waker::new(poll.registry(), NEWS).unwrap();
    let hears = thread::spawn(move || hear(hearer, say, waker));
    let mut shared =
        Shared { options, input: vec![0; 4096], output: Vec::new(), scratch: Scratch::new() };
    let (now, mut told) = (Duration::ZERO, [0; 2]);
    // Until the one who hears has gone.
    while peers.slab.len() == 2 {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            peers.wake(event.token().0, event.is_read_closed()); // of the news there is none
        }
        for message in news.try_iter() {
            for (key, told) in told.iter_mut().enumerate() {
                *told += usize::from(peers.tell(key, &message, now, &mut shared));
            }
        }
        while peers.in_queue() > 0 {
            peers.give_turn(now, &mut shared);
        }
    }
    hears.join().unwrap();
    assert_eq!(told[1], MANY);
    assert!((1..MANY).contains(&told[0]) && peers.slab[0].session.is_behind(), "{told:?}");
}

/// Has something told, and hears it, and its own echo.
fn hear(mut stream: TcpStream, say: Sender<Message<'static>>, waker: Waker) {
    stream.write_all(REQUEST).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    for n in 0..MANY {
        say.send(Message::from(vec![n as u8; LEN])).unwrap();
        waker.wake().unwrap();
        let mut news = vec![0; LEN + 4];
        stream.read_exact(&mut news).unwrap();
        assert!(news.starts_with(&[0x82, 126]) && news[4..].iter().all(|byte| *byte == n as u8));
        stream.write_all(b"\x81\x85\0\0\0\0hello").unwrap();
        let mut echo = [0; 7];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"\x81\x05hello");
    }
}
