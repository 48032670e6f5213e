//! This crate, layer 2.

use sansocket::deflate::Agreement;
use sansocket::extensions::Extensions;
use sansocket::{CloseCode, Config, Message, ProtocolError, Received, WebSocket};

use crate::{Agreed, End, Event, MAX_MESSAGE, Outcome, Role};

pub fn ours(role: Role, agreed: Option<Agreed>, stream: &[u8]) -> Outcome {
    let config = Config::new().max_message(MAX_MESSAGE as u64);
    let agreement = agreed.map(agreement);
    match role {
        Role::Server => drive(WebSocket::server_with_compression(config, agreement), stream),
        Role::Client => {
            let key = || [1, 2, 3, 4];
            drive(WebSocket::client_with_compression(config, key, agreement), stream)
        }
    }
}

fn agreement(Agreed { bits, takeover }: Agreed) -> Agreement {
    let mut words =
        format!("permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}");
    if !takeover {
        words += "; client_no_context_takeover; server_no_context_takeover";
    }
    let words = Extensions::new(words.as_bytes()).next();
    Agreement::read(&words.expect("one").expect("a good one")).expect("an answer")
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
