//! One guest: a single task, for which reading, hearing the others and the deadlines take turns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::{CloseCode, CloseFrame, Message, Received, Server, WebSocket};
use shared::{Error, Opened, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{sleep, timeout};

use crate::{Heard, House, http1};

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
    let room = path.trim_start_matches('/').into();
    let mut guest = Guest { ws: ws.keepalive(options.timeouts()), name, room, house };
    // Before the others hear of it, so that it misses nothing.
    let heard = guest.house.hear.subscribe();
    guest.tell(" joined").await?;
    let result = guest.talk(&mut stream, first, heard, options).await;
    guest.tell(" left").await?;
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
    async fn talk(
        &mut self,
        stream: &mut TcpStream,
        mut first: Vec<u8>,
        mut heard: broadcast::Receiver<Heard>,
        options: &Options,
    ) -> Result<(), Error> {
        let (clock, mut buffer, mut output) = (Instant::now(), [0; 4096], Vec::new());
        self.ws.send(format!("room {}, you are {}", self.room, self.name), &mut output)?;
        let mut input = &mut first[..];
        loop {
            let received = self.receive(input, &mut output).await;
            // Last, so that what came in time is not found late.
            let in_time = self.ws.on_timeout(clock.elapsed(), &mut output);
            timeout(options.idle_timeout, stream.write_all(&output)).await??;
            output.clear();
            received?;
            in_time?;
            if self.ws.is_closed() {
                return Ok(());
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

    /// Tells the others what the guest says.
    async fn receive(&mut self, mut input: &mut [u8], output: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(received) = self.ws.receive(&mut input, output)? {
            match received {
                Received::Message(Message::Text(text)) => self.tell(&format!(": {text}")).await?,
                Received::Message(Message::Binary(_)) => {
                    let close = CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "text only")?;
                    self.ws.close(close, output);
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn tell(&self, what: &str) -> Result<(), Error> {
        let text = format!("{}{what}", self.name);
        Ok(self.house.say.send((self.room.clone(), text)).await?)
    }

    /// Tells the guest what the others say.
    fn hear(&mut self, heard: Result<Heard, RecvError>, output: &mut Vec<u8>) {
        let text = match &heard {
            Ok(Heard::News(text)) => text,
            Ok(Heard::Said { room, text }) if *room == self.room => &**text,
            Ok(Heard::Said { .. }) | Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(_)) => {
                self.ws.close(CloseCode::POLICY_VIOLATION, output);
                return;
            }
        };
        // It fails only after our Close, when the guest hears nothing any more.
        let _ = self.ws.send(text, output);
    }
}
