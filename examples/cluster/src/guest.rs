//! One guest: a single task, for which reading, hearing the others and the deadlines take turns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::{CloseCode, CloseFrame, Message, Received, Server, WebSocket};
use shared::{Error, Opened, Options};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::select;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{sleep, timeout};

use crate::output::Output;
use crate::rooms::BEHIND;
use crate::{House, http1};

/// How often to look whether who takes nothing has fallen behind.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn serve(
    mut stream: TcpStream,
    house: House,
    number: u64,
    options: &Options,
) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let opened = http1::open(&mut stream, options).await?;
    let Some(Opened { ws, path, first }) = opened else { return Ok(()) };
    let (mut stream, writer) = stream.split();
    let room: Arc<str> = path.trim_start_matches('/').into();
    let mut guest = Guest {
        ws: ws.keepalive(options.timeouts()),
        output: Output::new(writer, options),
        name: format!("{}.{number}", house.name),
        // Before the others hear of it, so that it misses nothing.
        heard: house.rooms.enter(&room),
        room,
        house,
    };
    let result = guest.visit(&mut stream, first).await;
    guest.house.rooms.leave(&guest.room, guest.heard);
    // After an error, too: it says why.
    guest.output.write_all().await?;
    guest.output.shutdown().await?;
    // Closing at once, with bytes unread, would reset the connection and could lose the Close.
    let end = async { while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {} };
    timeout(options.handshake_timeout, end).await.ok();
    result
}

struct Guest<'s> {
    ws: WebSocket<Server>,
    output: Output<'s>,
    /// What is said in the room.
    heard: Receiver<Arc<str>>,
    name: String,
    room: Arc<str>,
    house: House,
}

impl Guest<'_> {
    async fn visit(&mut self, stream: &mut ReadHalf<'_>, first: Vec<u8>) -> Result<(), Error> {
        let greeting = format!("room {}, you are {}", self.room, self.name);
        self.ws.send(greeting, &mut self.output.bytes)?;
        self.say(" joined").await?;
        let result = self.talk(stream, first).await;
        self.house.say.send((self.room.clone(), format!("{} left", self.name))).await?;
        result
    }

    async fn talk(&mut self, stream: &mut ReadHalf<'_>, mut first: Vec<u8>) -> Result<(), Error> {
        let (clock, mut buffer) = (Instant::now(), [0; 4096]);
        let mut input = &mut first[..];
        loop {
            self.make_room().await?; // who does not read is not read from
            let is_used_up = self.receive(&mut input).await?;
            // Last, so that what came in time is not found late.
            self.ws.on_timeout(clock.elapsed(), &mut self.output.bytes)?;
            if self.ws.is_closed() {
                return Ok(());
            }
            if !is_used_up {
                continue;
            }
            let wait = self.ws.wait(clock.elapsed()).unwrap_or(Duration::MAX);
            // Each of these may be dropped when another is faster: it has taken nothing yet.
            input = select! {
                n = stream.read(&mut buffer) => match n? {
                    0 => return Err("the peer vanished".into()),
                    n => &mut buffer[..n],
                },
                error = self.hear() => return Err(error),
                () = sleep(wait) => &mut [],
            };
        }
    }

    /// While there is more than the system's buffer takes, a Ping may stand behind it.
    fn note_progress(&mut self) {
        if !self.output.is_empty() {
            self.ws.on_progress();
        }
    }

    /// Takes one thing off the input, and tells the others of it; true when the input is used up.
    async fn receive(&mut self, input: &mut &mut [u8]) -> Result<bool, Error> {
        let Some(received) = self.ws.receive(input, &mut self.output.bytes)? else {
            return Ok(true);
        };
        match received {
            Received::Message(Message::Text(text)) => self.say(&format!(": {text}")).await?,
            Received::Message(Message::Binary(_)) => {
                let close = CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "text only")?;
                self.ws.close(close, &mut self.output.bytes);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Tells the others, when it is the guest's turn. Until then it hears what they say: so nobody who
    /// reads falls behind, however many talk, and however much it says itself.
    ///
    /// The guest's deadlines wait, too: that nothing is read meanwhile is not its fault.
    async fn say(&mut self, what: &str) -> Result<(), Error> {
        let said = (self.room.clone(), format!("{}{what}", self.name));
        let say = self.house.say.clone();
        select! {
            biased; // it hears at least once, even if its turn is now
            error = self.hear() => return Err(error),
            // Asked for once, as who asks again stands behind all others.
            turn = say.reserve() => turn?.send(said),
        }
        Ok(())
    }

    /// Tells the guest what the others say, and writes, until that fails. It may be dropped whenever
    /// it waits.
    async fn hear(&mut self) -> Error {
        loop {
            if let Err(error) = self.make_room().await {
                return error;
            }
            select! {
                biased; // what is there is written at once
                heard = self.heard.recv() => match heard {
                    // It fails only after our Close, when the guest hears nothing any more.
                    Ok(text) => drop(self.ws.send(&*text, &mut self.output.bytes)),
                    Err(RecvError::Lagged(_)) => return self.fell_behind(),
                    Err(RecvError::Closed) => {} // not as long as the guest is in the room
                },
                written = self.output.write(), if !self.output.is_empty() => match written {
                    Ok(()) => self.note_progress(),
                    Err(error) => return error,
                },
            }
        }
    }

    /// Writes until there is room for more. Who falls behind meanwhile leaves the room at once, as the
    /// others wait for it.
    async fn make_room(&mut self) -> Result<(), Error> {
        while !self.output.has_room() {
            match timeout(LOOK, self.output.write()).await {
                Ok(written) => {
                    written?;
                    self.note_progress();
                }
                Err(_) if self.heard.len() > BEHIND => return Err(self.fell_behind()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn fell_behind(&mut self) -> Error {
        self.ws.close(CloseCode::POLICY_VIOLATION, &mut self.output.bytes);
        "it fell behind".into()
    }
}
