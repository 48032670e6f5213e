//! The two halves of a layer 2 connection, for a thread or task each.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::close::CloseFrame;
use crate::connection::{Event, Receiver, Role, Sender};
use crate::error::{ProtocolError, SendError};
use crate::payload::Payload;
use crate::websocket::assembly::Assembly;
use crate::websocket::compression::{PerMessageDeflate, Scratch};
use crate::websocket::message::Message;
use crate::websocket::{Received, WebSocket};

/// The receiving half of a [`WebSocket`]: bytes to whole messages.
///
/// It answers nothing. Carry over to the [`MessageSender`]: a
/// [`Ping`](Received::Ping)'s payload for [`MessageSender::pong`]; the peer's
/// [`Closed`](Received::Closed) or the error for [`MessageSender::close`].
#[derive(Debug)]
pub struct MessageReceiver<R> {
    receiver: Receiver<R>,
    assembly: Assembly,
    compression: Option<Box<PerMessageDeflate>>,
}

/// The sending half of a [`WebSocket`]: whole messages to bytes.
#[derive(Debug)]
pub struct MessageSender<R> {
    sender: Sender<R>,
    compression: Option<Box<PerMessageDeflate>>,
}

impl<R: Role> WebSocket<R> {
    /// The two halves, for a thread or task each; no lock is needed.
    ///
    /// They keep no deadlines: a [`Keepalive`](crate::keepalive::Keepalive) in
    /// the thread or task that receives does.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::thread;
    /// use sansocket::{Config, Message, Received, WebSocket};
    ///
    /// let (mut receiver, mut sender) = WebSocket::server(Config::new()).split();
    /// let (messages, to_send) = mpsc::channel::<Message<'static>>();
    /// let reading = thread::spawn(move || {
    ///     let mut buffer = *b"\x81\x82\0\0\0\0hi"; // from the transport
    ///     let mut input = &mut buffer[..];
    ///     while let Some(received) = receiver.receive(&mut input)? {
    ///         if let Received::Message(message) = received {
    ///             messages.send(message.into_owned()).unwrap();
    ///         }
    ///     }
    ///     Ok::<(), sansocket::ProtocolError>(())
    /// });
    /// let mut output = Vec::new();
    /// for message in to_send {
    ///     sender.send(&message, &mut output)?;
    /// }
    /// assert_eq!(output, b"\x81\x02hi"); // to the transport
    /// reading.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn split(self) -> (MessageReceiver<R>, MessageSender<R>) {
        let (receiver, sender) = self.connection.split();
        let (receiving, sending) = match self.compression {
            Some(compression) => {
                let (receiving, sending) = compression.split();
                (Some(Box::new(receiving)), Some(Box::new(sending)))
            }
            None => (None, None),
        };
        (
            MessageReceiver { receiver, assembly: self.assembly, compression: receiving },
            MessageSender { sender, compression: sending },
        )
    }
}

impl<R: Role> MessageReceiver<R> {
    /// Takes bytes off the front of `input` until something has been received.
    ///
    /// `None` means that `input` is used up, and nothing else does.
    ///
    /// # Errors
    /// The first rule that the peer broke; every later call repeats it.
    pub fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        let mut scratch = self.compression.as_mut().map(|own| core::mem::take(&mut own.scratch));
        let received = self.receive_with(input, scratch.get_or_insert_default());
        if let (Some(own), Some(scratch)) = (&mut self.compression, scratch) {
            own.scratch = scratch;
        }
        received
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
            self.receiver.fail(error);
            self.forget();
        }
        received
    }

    fn next<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        scratch: &mut Scratch,
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        while let Some(event) = self.receiver.receive(input)? {
            let received = match event {
                Event::Data(data) => {
                    let message = match &mut self.compression {
                        Some(own) if data.is_compressed() => own.add(&data, scratch)?,
                        _ => self.assembly.add(data).map_err(|_| ProtocolError::TextNotUtf8)?,
                    };
                    let Some(message) = message else { continue };
                    Received::Message(message)
                }
                Event::Ping(payload) => Received::Ping(payload),
                Event::Pong(payload) => Received::Pong(payload),
                Event::Close(close) => {
                    self.forget();
                    Received::Closed(close)
                }
            };
            return Ok(Some(received));
        }
        Ok(None)
    }

    /// Whether the peer's Close has come: nothing else will.
    #[must_use]
    pub fn has_received_close(&self) -> bool {
        self.receiver.has_received_close()
    }

    fn forget(&mut self) {
        self.assembly = Assembly::Empty;
        if let Some(compression) = &mut self.compression {
            compression.forget();
        }
    }
}

impl<R: Role> MessageSender<R> {
    /// Appends a message to `output`; see [`WebSocket::send`].
    pub fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let mut scratch = self.compression.as_mut().map(|own| core::mem::take(&mut own.scratch));
        let sent = self.send_with(message, output, scratch.get_or_insert_default());
        if let (Some(own), Some(scratch)) = (&mut self.compression, scratch) {
            own.scratch = scratch;
        }
        sent
    }

    /// As [`send`](Self::send), with working memory for compression that the
    /// connections of a thread share.
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<(), SendError> {
        let message = message.into();
        let (kind, bytes) = (message.kind(), message.as_bytes());
        if let Some(own) = &mut self.compression
            && own.is_worth_it(bytes.len())
        {
            let room = own.room(bytes.len());
            let deflate = |room: &mut [u8]| own.deflate(bytes, room, scratch);
            if self.sender.append_compressed(kind, room, output, deflate)? {
                return Ok(());
            }
        }
        self.sender.append(kind, bytes, output)
    }

    /// Appends a Ping to `output`.
    pub fn ping(&mut self, payload: Payload, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.sender.ping(payload));
    }

    /// Appends a Pong to `output`: the answer to a Ping that the other half
    /// received, or a sign of life.
    pub fn pong(&mut self, payload: Payload, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.sender.pong(payload));
    }

    /// Appends our Close to `output`, unless it is sent already: the peer's own
    /// to answer it, its error to report it, or a code to start with.
    pub fn close(&mut self, close: impl Into<CloseFrame>, output: &mut Vec<u8>) {
        if let Some(frame) = self.sender.close(close) {
            output.extend_from_slice(&frame);
        }
    }

    /// Whether our Close is sent: no more messages may be.
    #[must_use]
    pub fn has_sent_close(&self) -> bool {
        self.sender.has_sent_close()
    }
}
