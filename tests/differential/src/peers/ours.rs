//! This crate, layer 2.

use sansocket::{CloseCode, Config, Message, ProtocolError, Received, WebSocket};

use crate::{End, Event, MAX_MESSAGE, Outcome, Role};

pub fn ours(role: Role, stream: &[u8]) -> Outcome {
    let config = Config::new().max_message(MAX_MESSAGE as u64);
    match role {
        Role::Server => drive(WebSocket::server(config), stream),
        Role::Client => drive(WebSocket::client(config, || [1, 2, 3, 4]), stream),
    }
}

fn drive<R: sansocket::Role>(mut ws: WebSocket<R>, stream: &[u8]) -> Outcome {
    let mut bytes = stream.to_vec();
    let mut input = &mut bytes[..];
    let mut outcome = Outcome::default();
    loop {
        let event = match ws.receive(&mut input, &mut Vec::new()) {
            Ok(None) => return outcome,
            Err(error) => {
                outcome.end = End::Refused(name(error));
                return outcome;
            }
            Ok(Some(Received::Message(Message::Text(text)))) => Event::Text(text.as_bytes().into()),
            Ok(Some(Received::Message(Message::Binary(bytes)))) => {
                Event::Binary(bytes.into_owned())
            }
            Ok(Some(Received::Ping(payload))) => Event::Ping(payload.to_vec()),
            Ok(Some(Received::Pong(payload))) => Event::Pong(payload.to_vec()),
            Ok(Some(Received::Closed(close))) => {
                outcome.end = End::Closed;
                Event::Close(close.code().map(CloseCode::get), close.reason().to_owned())
            }
        };
        outcome.events.push(event);
    }
}

fn name(error: ProtocolError) -> String {
    format!("{error:?}")
}
