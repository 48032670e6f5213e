//! tungstenite, on a stream that has all bytes at once and takes any answer.

use std::io::{self, Read, Write};

use tungstenite::protocol::{Role as Side, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::{End, Event, MAX_MESSAGE, Outcome, Role};

struct Wire<'b>(&'b [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn tungstenite(role: Role, stream: &[u8]) -> Outcome {
    let side = if role == Role::Server { Side::Server } else { Side::Client };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut ws = WebSocket::from_raw_socket(Wire(stream), side, Some(config));
    let mut outcome = Outcome::default();
    loop {
        let event = match ws.read() {
            Ok(Message::Text(text)) => Event::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(bytes)) => Event::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Event::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Event::Pong(bytes.to_vec()),
            Ok(Message::Close(close)) => {
                outcome.end = End::Closed;
                match close {
                    Some(close) => Event::Close(Some(close.code.into()), close.reason.to_string()),
                    None => Event::Close(None, String::new()),
                }
            }
            Ok(Message::Frame(_)) => unreachable!("frames are not read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return outcome,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return outcome,
            Err(error) => {
                outcome.end = End::Refused(error.to_string());
                return outcome;
            }
        };
        outcome.events.push(event);
    }
}
