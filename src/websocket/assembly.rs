//! Pieces of data become whole messages.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::connection::{Data, Kind};
use crate::utf8::{Decoder, InvalidUtf8};
use crate::websocket::message::Message;

/// The message that is arriving in pieces, if any.
///
/// It grows with the bytes that came, never with those that were declared.
#[derive(Debug, Default)]
pub(super) enum Assembly {
    #[default]
    Empty,
    Text(String, Decoder),
    Binary(Vec<u8>),
}

impl Assembly {
    /// Adds a piece; returns the message if it was the last.
    ///
    /// A message in a single piece is borrowed and nothing is allocated.
    pub(super) fn add<'b>(&mut self, data: Data<'b>) -> Result<Option<Message<'b>>, InvalidUtf8> {
        let (kind, first, last) = (data.kind(), data.is_first(), data.is_last());
        let payload: &'b [u8] = data.into_payload();
        if first {
            if last {
                return whole(kind, payload).map(Some);
            }
            *self = match kind {
                Kind::Text => Self::Text(String::new(), Decoder::new()),
                Kind::Binary => Self::Binary(Vec::new()),
            };
        }
        match self {
            Self::Empty => {}
            Self::Text(text, decoder) => {
                let decoded = decoder.decode(payload)?;
                text.extend(decoded.completed);
                text.push_str(decoded.text);
                if last && !decoder.is_complete() {
                    return Err(InvalidUtf8 { offset: payload.len() });
                }
            }
            Self::Binary(bytes) => bytes.extend_from_slice(payload),
        }
        Ok(if last { self.take() } else { None })
    }

    fn take(&mut self) -> Option<Message<'static>> {
        match core::mem::take(self) {
            Self::Empty => None,
            Self::Text(text, _) => Some(Message::Text(Cow::Owned(text))),
            Self::Binary(bytes) => Some(Message::Binary(Cow::Owned(bytes))),
        }
    }
}

fn whole(kind: Kind, payload: &[u8]) -> Result<Message<'_>, InvalidUtf8> {
    Ok(match kind {
        Kind::Text => {
            let mut decoder = Decoder::new();
            let text = decoder.decode(payload)?.text;
            if !decoder.is_complete() {
                return Err(InvalidUtf8 { offset: payload.len() });
            }
            Message::Text(Cow::Borrowed(text))
        }
        Kind::Binary => Message::Binary(Cow::Borrowed(payload)),
    })
}
