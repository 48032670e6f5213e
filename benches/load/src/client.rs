//! Many connections on one thread, each with one message under way.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};
use sansocket::handshake::{ClientHandshake, ResponseReader, Url};
use sansocket::{Client, Config, Connection, Event, Kind};
use socket2::{Domain, Socket, Type};

type Keys = fn() -> [u8; 4];

pub(crate) struct Load {
    poll: Poll,
    peers: Vec<Peer>,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

struct Peer {
    stream: mio::net::TcpStream,
    ws: Connection<Client<Keys>>,
    /// How much of the message has come back.
    returned: usize,
    /// Of the frame under way, what is to be written yet.
    frame: Vec<u8>,
    written: usize,
    sent: Instant,
}

/// What was measured of all connections together.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// Microseconds from a message to its echo.
    pub(crate) latency: Histogram<u64>,
}

/// Opens a connection. Ports are few, so that each source address has only some.
fn open(server: SocketAddr, n: usize) -> Result<TcpStream, Box<dyn Error>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Closed by a reset, which leaves no port waiting for stray packets.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(n / 5000)?);
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.connect(&server.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;

    let url = format!("ws://{server}/");
    let handshake = ClientHandshake::new(*b"the sample nonce");
    let mut out = [0; 512];
    stream.write_all(handshake.request(&Url::parse(&url)?, &mut out).finish()?)?;
    let (mut reader, mut head, mut filled) = (ResponseReader::new(), [0; 2048], 0);
    loop {
        match stream.read(&mut head[filled..])? {
            0 => return Err("the server ended the handshake".into()),
            n => filled += n,
        }
        if let Some(response) = reader.read(&head[..filled])? {
            handshake.check(&response)?;
            stream.set_nonblocking(true)?;
            return Ok(stream);
        }
    }
}

impl Load {
    /// Opens `connections` to `server`, which will carry messages of `size` bytes.
    pub(crate) fn open(
        server: SocketAddr,
        connections: usize,
        size: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let poll = Poll::new()?;
        let mut peers = Vec::with_capacity(connections);
        for n in 0..connections {
            let mut stream = mio::net::TcpStream::from_std(open(server, n)?);
            poll.registry().register(
                &mut stream,
                Token(n),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            // A key that anyone can guess is good enough for a load on one's own machine.
            let ws = Connection::client(Config::new(), (|| [0x37, 0xfa, 0x21, 0x3d]) as Keys);
            let (frame, sent) = (Vec::new(), Instant::now());
            peers.push(Peer { stream, ws, returned: 0, frame, written: 0, sent });
        }
        let message = (0..size).map(|i| i as u8).collect();
        Ok(Self { poll, peers, message, buffer: vec![0; 64 * 1024] })
    }

    /// Sends on all connections for some time, then waits for what is under way.
    pub(crate) fn run(&mut self, time: Duration) -> Result<Measured, Box<dyn Error>> {
        let mut latency = Histogram::new(3)?;
        let (start, mut events) = (Instant::now(), Events::with_capacity(1024));
        let mut under_way = 0;
        for peer in &mut self.peers {
            peer.send(&self.message)?;
            under_way += 1;
        }
        while under_way > 0 {
            if start.elapsed() > time + Duration::from_secs(30) {
                return Err(format!("{under_way} messages were not answered").into());
            }
            self.poll.poll(&mut events, Some(Duration::from_secs(1)))?;
            for event in &events {
                let peer = &mut self.peers[event.token().0];
                peer.write()?;
                while peer.is_answered(&self.message, &mut self.buffer)? {
                    let now = Instant::now();
                    latency.record((now - peer.sent).as_micros().try_into()?)?;
                    if now - start < time {
                        peer.send(&self.message)?;
                    } else {
                        under_way -= 1;
                    }
                }
            }
        }
        let per_second = latency.len() as f64 / start.elapsed().as_secs_f64();
        Ok(Measured { per_second, latency })
    }
}

impl Peer {
    fn send(&mut self, message: &[u8]) -> Result<(), Box<dyn Error>> {
        self.frame.resize(message.len() + sansocket::frame::MAX_HEADER, 0);
        let len = self.ws.encode(Kind::Binary, true, message, &mut self.frame)?.len();
        self.frame.truncate(len);
        (self.written, self.returned, self.sent) = (0, 0, Instant::now());
        Ok(self.write()?)
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.frame.len() {
            match self.stream.write(&self.frame[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads until the message has come back, or until there is nothing to read.
    fn is_answered(&mut self, message: &[u8], buffer: &mut [u8]) -> Result<bool, Box<dyn Error>> {
        loop {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err("the server ended a connection".into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let mut input = &mut buffer[..n];
            let mut is_whole = false;
            while let Some(event) = self.ws.receive(&mut input)? {
                let Event::Data(data) = event else { return Err("not a message".into()) };
                let expected = message.get(self.returned..self.returned + data.payload().len());
                if expected != Some(data.payload()) {
                    return Err("not the message that was sent".into());
                }
                self.returned += data.payload().len();
                is_whole |= data.is_last();
            }
            if is_whole {
                return Ok(true);
            }
        }
    }
}
