//! One guest: a single task, for which reading, hearing the others and the deadlines take turns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::handshake::{Request, RequestReader};
use sansocket::{CloseCode, CloseFrame, Message, Received, Server, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use crate::options::Options;
use crate::{Heard, House, Result};

pub(crate) async fn serve(
    mut stream: TcpStream,
    house: House,
    number: u64,
    options: Options,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let opening = open(&mut stream, options);
    let Some((mut ws, room, first)) = timeout(options.handshake_timeout, opening).await?? else {
        return Ok(());
    };
    // Before the others hear of it, so that it misses nothing.
    let mut heard = house.hear.subscribe();
    let name = format!("{}.{number}", house.name);
    let mut output = Vec::new();
    ws.send(format!("room {room}, you are {name}"), &mut output)?;
    house.say.send((room.clone(), format!("{name} joined"))).await?;

    let guest = Guest { name: &name, room: &room, house: &house, options };
    let result = guest.talk(&mut ws, &mut stream, &mut heard, first, output).await;
    house.say.send((room.clone(), format!("{name} left"))).await?;
    stream.shutdown().await?;
    // Closing at once, with bytes unread, would reset the connection and could lose the Close.
    let end = async { while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {} };
    timeout(Duration::from_secs(2), end).await.ok();
    result
}

struct Guest<'a> {
    name: &'a str,
    room: &'a Arc<str>,
    house: &'a House,
    options: Options,
}

impl Guest<'_> {
    async fn talk(
        &self,
        ws: &mut WebSocket<Server>,
        stream: &mut TcpStream,
        heard: &mut tokio::sync::broadcast::Receiver<Heard>,
        mut first: Vec<u8>,
        mut output: Vec<u8>,
    ) -> Result<()> {
        let (clock, mut buffer) = (Instant::now(), vec![0; 4096]);
        let mut result = self.answer(ws, &mut first, &mut output).await;
        loop {
            let in_time = ws.on_timeout(clock.elapsed(), &mut output);
            timeout(self.options.idle_timeout, stream.write_all(&output)).await??;
            output.clear();
            result?;
            in_time?;
            if ws.is_closed() {
                return Ok(());
            }
            result = Ok(());
            // Each of these may be dropped when another is faster: none has taken anything yet.
            select! {
                n = stream.read(&mut buffer) => match n? {
                    0 => return Err("the peer vanished".into()),
                    n => result = self.answer(ws, &mut buffer[..n], &mut output).await,
                },
                heard = heard.recv() => match heard {
                    // Sending fails only after our Close, when the guest hears nothing any more.
                    Ok(Heard::News(text)) => drop(ws.send(text, &mut output)),
                    Ok(Heard::Said { room, text }) if room == *self.room => {
                        let _ = ws.send(&*text, &mut output);
                    }
                    Ok(Heard::Said { .. }) | Err(RecvError::Closed) => {}
                    Err(RecvError::Lagged(_)) => {
                        let close = CloseFrame::new(CloseCode::POLICY_VIOLATION, "too slow")?;
                        ws.close(close, &mut output);
                    }
                },
                () = sleep(ws.wait(clock.elapsed()).unwrap_or(Duration::MAX)) => {}
            }
        }
    }

    /// Says what the guest says.
    async fn answer(
        &self,
        ws: &mut WebSocket<Server>,
        mut input: &mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<()> {
        while let Some(received) = ws.receive(&mut input, output)? {
            if let Received::Message(message) = received {
                let Message::Text(text) = message else {
                    let close = CloseFrame::new(CloseCode::UNSUPPORTED_DATA, "text only")?;
                    ws.close(close, output);
                    continue;
                };
                let said = (self.room.clone(), format!("{}: {text}", self.name));
                self.house.say.send(said).await?;
            }
        }
        Ok(())
    }
}

/// The opening handshake: the connection, the room, and what came behind the request.
async fn open(
    stream: &mut TcpStream,
    options: Options,
) -> Result<Option<(WebSocket<Server>, Arc<str>, Vec<u8>)>> {
    let (mut reader, mut head, mut out) = (RequestReader::new(), Vec::new(), [0; 1024]);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
        let upgrade = match reader.read(&head).and_then(|r| r.map(Request::upgrade).transpose()) {
            Ok(None) => continue,
            Ok(Some(upgrade)) => upgrade,
            Err(error) => {
                stream.write_all(error.reply(&mut out)?).await?;
                stream.shutdown().await?;
                return Ok(None);
            }
        };
        let room = upgrade.offer().path().trim_start_matches('/').into();
        let agreed = options.compression.and_then(|wish| wish.accept(upgrade.offer().extensions()));
        stream.write_all(upgrade.accept(&mut out).compression(agreed).finish()?).await?;
        let ws = WebSocket::server_with_compression(options.config, agreed);
        let len = upgrade.request().head_len();
        return Ok(Some((ws.keepalive(options.timeouts), room, head.split_off(len))));
    }
}
