//! One guest: a single task, for which reading, hearing the others and the deadlines take turns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::{CloseCode, CloseFrame, Message, Received, Server, WebSocket};
use shared::{Error, Opened, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{sleep, timeout};

use crate::{House, http1};

/// Bytes that are written at once, one text more at most.
const OUTPUT: usize = 64 * 1024;

pub(crate) async fn serve(
    mut stream: TcpStream,
    house: House,
    number: u64,
    options: &Options,
) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let opening = http1::open(&mut stream, options);
    let opened = timeout(options.handshake_timeout, opening).await??;
    let Some(Opened { ws, path, first }) = opened else { return Ok(()) };
    let name = format!("{}.{number}", house.name);
    let room: Arc<str> = path.trim_start_matches('/').into();
    // Before the others hear of it, so that it misses nothing.
    let mut heard = house.rooms.enter(&room);
    let mut guest = Guest { ws: ws.keepalive(options.timeouts()), name, room, house };
    let result = guest.visit(&mut stream, first, &mut heard, options).await;
    guest.house.rooms.leave(&guest.room, heard);
    stream.shutdown().await?;
    // Closing at once, with bytes unread, would reset the connection and could lose the Close.
    let end = async { while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {} };
    timeout(options.handshake_timeout, end).await.ok();
    result
}

struct Guest {
    ws: WebSocket<Server>,
    name: String,
    room: Arc<str>,
    house: House,
}

impl Guest {
    async fn visit(
        &mut self,
        stream: &mut TcpStream,
        first: Vec<u8>,
        heard: &mut Receiver<Arc<str>>,
        options: &Options,
    ) -> Result<(), Error> {
        self.tell(" joined").await?;
        let result = self.talk(stream, first, heard, options).await;
        self.tell(" left").await?;
        result
    }

    async fn talk(
        &mut self,
        stream: &mut TcpStream,
        mut first: Vec<u8>,
        heard: &mut Receiver<Arc<str>>,
        options: &Options,
    ) -> Result<(), Error> {
        let (clock, mut buffer, mut output) = (Instant::now(), [0; 4096], Vec::new());
        self.ws.send(format!("room {}, you are {}", self.room, self.name), &mut output)?;
        let mut input = &mut first[..];
        loop {
            let received = self.receive(&mut input, &mut output).await;
            // After each thing that it says, it hears what was said meanwhile: so nobody who reads
            // falls behind, however much is said.
            while output.len() < OUTPUT && !heard.is_empty() {
                self.hear(heard.recv().await, &mut output);
            }
            // Last, so that what came in time is not found late.
            let in_time = self.ws.on_timeout(clock.elapsed(), &mut output);
            timeout(options.idle_timeout, stream.write_all(&output)).await??;
            output = Vec::new(); // a long one does not stay
            let is_used_up = received?;
            in_time?;
            if self.ws.is_closed() {
                return Ok(());
            }
            if !is_used_up {
                continue;
            }
            // Each of these may be dropped when another is faster: none has taken anything yet.
            input = select! {
                n = stream.read(&mut buffer) => match n? {
                    0 => return Err("the peer vanished".into()),
                    n => &mut buffer[..n],
                },
                heard = heard.recv() => {
                    self.hear(heard, &mut output);
                    &mut []
                }
                () = sleep(self.ws.wait(clock.elapsed()).unwrap_or(Duration::MAX)) => &mut [],
            };
        }
    }

    /// Takes one thing off the input, and tells the others of it; true when the input is used up.
    async fn receive(
        &mut self,
        input: &mut &mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let Some(received) = self.ws.receive(input, output)? else { return Ok(true) };
        match received {
            Received::Message(Message::Text(text)) => self.tell(&format!(": {text}")).await?,
            Received::Message(Message::Binary(_)) => {
                let close = CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "text only")?;
                self.ws.close(close, output);
            }
            _ => {}
        }
        Ok(false)
    }

    async fn tell(&self, what: &str) -> Result<(), Error> {
        let text = format!("{}{what}", self.name);
        Ok(self.house.say.send((self.room.clone(), text)).await?)
    }

    /// Tells the guest what the others say.
    fn hear(&mut self, heard: Result<Arc<str>, RecvError>, output: &mut Vec<u8>) {
        match heard {
            // It fails only after our Close, when the guest hears nothing any more.
            Ok(text) => drop(self.ws.send(&*text, output)),
            Err(RecvError::Lagged(_)) => self.ws.close(CloseCode::POLICY_VIOLATION, output),
            Err(RecvError::Closed) => {} // not as long as the guest is in the room
        }
    }
}
