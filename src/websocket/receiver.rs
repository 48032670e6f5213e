//! From bytes to whole messages.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use crate::config::Config;
use crate::connection::{Event, Kind, Receiver, Role, Rules};
use crate::error::ProtocolError;
use crate::mask::Unmasked;
use crate::utf8;
use crate::websocket::Received;
use crate::websocket::assembly::Assembly;
use crate::websocket::compression::{Decompressor, Scratch};
use crate::websocket::message::Message;

/// The receiving half of a [`WebSocket`](crate::WebSocket): bytes to whole
/// messages.
///
/// It answers nothing. Carry over to the [`MessageSender`]: a
/// [`Ping`](Received::Ping)'s payload for [`MessageSender::pong`]; the peer's
/// [`Closed`](Received::Closed) or the error for [`MessageSender::close`].
///
/// [`MessageSender`]: crate::MessageSender
/// [`MessageSender::pong`]: crate::MessageSender::pong
/// [`MessageSender::close`]: crate::MessageSender::close
#[derive(Debug)]
pub struct MessageReceiver<R> {
    receiver: Receiver<R>,
    assembly: Assembly,
    decompressor: Option<Box<Decompressor>>,
    /// Whether a piece of a message has come, for who keeps deadlines.
    pub(super) has_heard: bool,
    /// For who keeps deadlines, too.
    pub(super) max_control_frames: u32,
    /// Layer 1 never drops: what is dropped must be judged, and text is judged
    /// here.
    drop_after_close: bool,
    /// Whether messages are dropped, our Close being sent.
    dropping: bool,
}

impl<R> MessageReceiver<R> {
    pub(super) fn decompressor_mut(&mut self) -> Option<&mut Decompressor> {
        self.decompressor.as_deref_mut()
    }
}

impl<R: Role> MessageReceiver<R> {
    pub(super) const fn new(config: &Config, decompressor: Option<Box<Decompressor>>) -> Self {
        Self {
            receiver: Receiver::new(Rules::for_layer_2(config, decompressor.is_some())),
            assembly: Assembly::Empty,
            decompressor,
            has_heard: false,
            max_control_frames: config.max_control_frames,
            drop_after_close: config.drop_after_close,
            dropping: false,
        }
    }
}

impl<R: Role> MessageReceiver<R> {
    /// Takes bytes off the front of `input` until something has been received.
    ///
    /// `None` means that `input` is used up, and nothing else does: an empty
    /// input may still have an error to tell.
    ///
    /// # Errors
    /// The first rule that the peer broke; every later call repeats it.
    #[inline]
    pub fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        match self.whole_message(input)? {
            Some(message) => Ok(Some(Received::Message(message))),
            None => self.receive_any(input),
        }
    }

    /// As [`receive`](Self::receive), with working memory for compression that
    /// the connections of a thread share.
    pub fn receive_with<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        scratch: &mut Scratch,
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        let received = self.next(input, scratch);
        if let Err(error) = received {
            self.fail(error);
        }
        received
    }

    /// Whether the peer's Close has come: nothing else will.
    #[must_use]
    pub fn has_received_close(&self) -> bool {
        self.receiver.has_received_close()
    }

    /// Tells the receiver that our Close is sent, from when on
    /// [`Config::drop_after_close`] holds. A [`WebSocket`](crate::WebSocket) does
    /// it by itself.
    pub fn note_close_sent(&mut self) {
        self.dropping = self.drop_after_close;
    }

    /// Takes a message that is one frame, lies whole in the input and is not
    /// compressed, as most do.
    #[inline]
    pub(super) fn whole_message<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Message<'b>>, ProtocolError> {
        if self.dropping {
            return Ok(None);
        }
        let Some(taken) = self.receiver.take_whole(input) else { return Ok(None) };
        Ok(Some(match taken {
            (Kind::Text, Unmasked::Ascii(text)) => Message::Text(Cow::Borrowed(text)),
            (Kind::Text, Unmasked::Bytes(bytes)) => match utf8::from_utf8(bytes) {
                Ok(text) => Message::Text(Cow::Borrowed(text)),
                Err(_) => return Err(self.fail(ProtocolError::TextNotUtf8)),
            },
            (Kind::Binary, Unmasked::Ascii(text)) => {
                Message::Binary(Cow::Borrowed(text.as_bytes()))
            }
            (Kind::Binary, Unmasked::Bytes(bytes)) => Message::Binary(Cow::Borrowed(bytes)),
        }))
    }

    #[inline(never)]
    pub(super) fn receive_any<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        let own = self.decompressor.as_mut().map(|own| core::mem::take(&mut own.scratch));
        let mut scratch = own.unwrap_or_default();
        let received = self.receive_with(input, &mut scratch);
        if let Some(own) = &mut self.decompressor {
            own.scratch = scratch;
        }
        received
    }

    fn next<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        scratch: &mut Scratch,
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        loop {
            let received = match self.receiver.receive(input)? {
                None => return Ok(None),
                Some(Event::Data(data)) => {
                    self.has_heard = true;
                    let message = match &mut self.decompressor {
                        Some(own) if data.is_compressed() => own.add(&data, scratch)?,
                        _ => self
                            .assembly
                            .add(data, self.receiver.remaining())
                            .map_err(|_| ProtocolError::TextNotUtf8)?,
                    };
                    match message {
                        Some(message) if !self.dropping => Received::Message(message),
                        _ => continue,
                    }
                }
                Some(Event::Ping(payload)) => Received::Ping(payload),
                Some(Event::Pong(payload)) => Received::Pong(payload),
                Some(Event::Close(close)) => {
                    self.forget();
                    Received::Closed(close)
                }
            };
            return Ok(Some(received));
        }
    }

    #[cold]
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        self.receiver.fail(error);
        self.forget();
        error
    }

    /// Lets go of the message under way, as no more of it will come.
    fn forget(&mut self) {
        self.assembly = Assembly::Empty;
        if let Some(decompressor) = &mut self.decompressor {
            decompressor.forget();
        }
    }
}
