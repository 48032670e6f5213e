//! Pieces of data become whole messages.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::connection::{Data, Kind};
use crate::utf8::{Decoder, InvalidUtf8};
use crate::websocket::message::Message;

/// The message that is arriving in pieces, if any.
///
/// It grows with the bytes that came, to twice as many at most, and not with
/// those that were declared.
#[derive(Default)]
pub(super) enum Assembly {
    #[default]
    Empty,
    Text(String, Decoder),
    Binary(Vec<u8>),
}

impl Assembly {
    /// Adds a piece, of whose frame `remaining` bytes are still to come; returns
    /// the message if it was the last.
    ///
    /// A message in a single piece is borrowed and nothing is allocated.
    pub(super) fn add<'b>(
        &mut self,
        data: Data<'b>,
        remaining: u64,
    ) -> Result<Option<Message<'b>>, InvalidUtf8> {
        let (len, last) = (data.payload().len(), data.is_last());
        if data.is_first() {
            if last {
                return whole(data.kind(), data.into_unmasked()).map(Some);
            }
            *self = match data.kind() {
                Kind::Text => Self::Text(String::new(), Decoder::new()),
                Kind::Binary => Self::Binary(Vec::new()),
            };
        }
        match self {
            Self::Empty => {}
            Self::Text(text, decoder) => {
                // What has come of a character begun before, too.
                text.reserve(growth(text.capacity(), text.len(), len + 3, remaining));
                let decoded = decoder.decode(data.into_unmasked())?;
                text.extend(decoded.completed);
                text.push_str(decoded.text);
                if last && !decoder.is_complete() {
                    return Err(InvalidUtf8 { offset: len });
                }
            }
            Self::Binary(bytes) => {
                bytes.reserve(growth(bytes.capacity(), bytes.len(), len, remaining));
                data.append_to(bytes);
            }
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

/// Without the message.
impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, len) = match self {
            Self::Empty => return f.write_str("Empty"),
            Self::Text(text, _) => ("Text", text.len()),
            Self::Binary(bytes) => ("Binary", bytes.len()),
        };
        f.debug_struct(kind).field("len", &len).finish_non_exhaustive()
    }
}

/// For how many bytes more than its `len` a buffer is to have room when `new` ones
/// come, and `remaining` are to follow of their frame: none if they fit. Otherwise
/// for as many of those to follow as have come, often all, so that the buffer moves no
/// more.
fn growth(capacity: usize, len: usize, new: usize, remaining: u64) -> usize {
    if capacity - len >= new {
        return 0;
    }
    let ahead = usize::try_from(remaining).unwrap_or(usize::MAX).min(len + new);
    new + ahead
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
