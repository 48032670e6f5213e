//! Pieces of data become whole messages.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::connection::{Data, Kind};
use crate::utf8::{Decoder, InvalidUtf8};
use crate::websocket::message::Message;

/// The message that is arriving in pieces, if any.
///
/// It grows with the bytes that came, to twice as many at most, and not with
/// those that were declared.
#[derive(Debug, Default)]
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
                let most = len + 3;
                if text.capacity() - text.len() < most {
                    text.reserve(most + ahead(text.len() + len, remaining));
                }
                let decoded = decoder.decode(data.into_unmasked())?;
                text.extend(decoded.completed);
                text.push_str(decoded.text);
                if last && !decoder.is_complete() {
                    return Err(InvalidUtf8 { offset: len });
                }
            }
            Self::Binary(bytes) => {
                if bytes.capacity() - bytes.len() < len {
                    bytes.reserve(len + ahead(bytes.len() + len, remaining));
                }
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

/// For how many of the `remaining` bytes of a frame to make room, when `arrived`
/// bytes of its message have come: often all, so that the buffer moves no more.
fn ahead(arrived: usize, remaining: u64) -> usize {
    usize::try_from(remaining).unwrap_or(usize::MAX).min(arrived)
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
