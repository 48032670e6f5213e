//! Layer 2: whole messages, with Pongs and Closes answered.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod assembly;
mod compression;
mod memory;
mod message;
mod receiver;
mod sender;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

pub use self::compression::Scratch;
pub use self::message::Message;
pub use self::receiver::MessageReceiver;
pub use self::sender::MessageSender;

use self::compression::{Compressor, Decompressor};
use crate::close::CloseFrame;
use crate::config::Config;
use crate::connection::{Client, Role, Sender, Server};
use crate::deflate::Agreement;
use crate::error::{ProtocolError, SendError};
use crate::keepalive::{Due, Keepalive, TimedOut, Timeouts};
use crate::keys::MaskingKeys;
use crate::payload::Payload;

/// A WebSocket connection that deals in whole messages.
///
/// What it has to say is appended to an `output` of the caller's, who writes it
/// to the transport and clears it; nothing waits inside.
///
/// A message that comes in one piece is borrowed from the input and costs no
/// allocation. One that comes in several is gathered in a `Vec` of its own, which
/// holds at most [`Config::max_message`] bytes.
///
/// ```
/// use std::error::Error;
/// use std::io::{Read, Write};
/// use sansocket::{Config, Received, Server, WebSocket};
///
/// fn echo(mut io: impl Read + Write) -> Result<(), Box<dyn Error>> {
///     let mut ws = WebSocket::server(Config::new());
///     let (mut buffer, mut output) = (vec![0; 64 * 1024], Vec::new());
///     while !ws.is_closed() {
///         let n = io.read(&mut buffer)?;
///         if n == 0 {
///             return Err("the peer vanished".into());
///         }
///         let result = answer(&mut ws, &mut buffer[..n], &mut output);
///         io.write_all(&output)?; // before the error: it tells the peer
///         output.clear();
///         result?;
///     }
///     Ok(())
/// }
///
/// fn answer(
///     ws: &mut WebSocket<Server>,
///     mut input: &mut [u8], // a named cursor: it shrinks
///     output: &mut Vec<u8>,
/// ) -> Result<(), Box<dyn Error>> {
///     while let Some(received) = ws.receive(&mut input, output)? {
///         if let Received::Message(message) = received {
///             ws.send(&message, output)?;
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct WebSocket<R> {
    receiver: MessageReceiver<R>,
    sender: MessageSender<R>,
    keepalive: Option<Box<Keepalive>>,
}

/// Something that came from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<'b> {
    /// A whole message.
    Message(Message<'b>),
    /// A Ping, which has been answered. Shown so that a caller who feeds a
    /// flood of them sees `output` grow.
    Ping(Payload),
    /// A Pong, asked for or not.
    Pong(Payload),
    /// The peer's Close, which has been answered if it was the first. Nothing
    /// comes after it.
    Closed(CloseFrame),
}

impl Keepalive {
    /// What was received from the peer, each of it: [`on_event`](Self::on_event)
    /// for layer 2. A [`WebSocket`] with [`keepalive`](WebSocket::keepalive) tells
    /// it by itself; it is for [`MessageReceiver`]. A Close starts the deadline for
    /// the transport's end: who still has much to write tells it when that is done.
    pub fn on_received(&mut self, received: &Received<'_>) {
        self.on_bytes();
        match received {
            Received::Message(_) => self.on_message(),
            Received::Ping(_) => self.on_ping(),
            Received::Pong(payload) => self.on_pong(payload),
            Received::Closed(_) => self.on_close(),
        }
    }
}

impl WebSocket<Server> {
    /// The server's end of a connection, after the opening handshake.
    #[must_use]
    pub const fn server(config: Config) -> Self {
        Self::new(Server, &config, None, None)
    }

    /// The same, with what was agreed of permessage-deflate: an [`Agreement`],
    /// or `None` if nothing was.
    #[must_use]
    pub fn server_with_compression(
        config: Config,
        agreement: impl Into<Option<Agreement>>,
    ) -> Self {
        let Some(agreed) = agreement.into() else { return Self::server(config) };
        let compressor = Compressor::new(agreed, agreed.server());
        let decompressor = Decompressor::new(agreed.client(), &config);
        Self::new(Server, &config, Some(Box::new(compressor)), Some(Box::new(decompressor)))
    }
}

impl<K: MaskingKeys> WebSocket<Client<K>> {
    /// The client's end of a connection, after the opening handshake, which
    /// masks with `keys`: a [`ChaChaKeys`](crate::ChaChaKeys) or a closure of
    /// the caller's.
    #[must_use]
    pub const fn client(config: Config, keys: K) -> Self {
        Self::new(Client { keys }, &config, None, None)
    }

    /// The same, with what was agreed of permessage-deflate: an [`Agreement`],
    /// or `None` if nothing was.
    #[must_use]
    pub fn client_with_compression(
        config: Config,
        keys: K,
        agreement: impl Into<Option<Agreement>>,
    ) -> Self {
        let Some(agreed) = agreement.into() else { return Self::client(config, keys) };
        let compressor = Compressor::new(agreed, agreed.client());
        let decompressor = Decompressor::new(agreed.server(), &config);
        Self::new(
            Client { keys },
            &config,
            Some(Box::new(compressor)),
            Some(Box::new(decompressor)),
        )
    }
}

impl<R: Role> WebSocket<R> {
    const fn new(
        role: R,
        config: &Config,
        compressor: Option<Box<Compressor>>,
        decompressor: Option<Box<Decompressor>>,
    ) -> Self {
        let sender = Sender::new(role, compressor.is_some());
        Self {
            receiver: MessageReceiver::new(config, decompressor),
            sender: MessageSender::new(sender, compressor),
            keepalive: None,
        }
    }

    /// Keeps deadlines: Pings that must be answered, idle time, the end after a
    /// Close. The caller tells the time, since any moment of its choice, by
    /// [`on_timeout`](Self::on_timeout).
    ///
    /// ```
    /// use std::error::Error;
    /// use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    /// use std::time::{Duration, Instant};
    /// use sansocket::keepalive::Timeouts;
    /// use sansocket::{Config, ProtocolError, Server, WebSocket};
    ///
    /// fn serve(mut io: TcpStream) -> Result<(), Box<dyn Error>> {
    ///     let clock = Instant::now();
    ///     let timeouts = Timeouts::new().interval(Duration::from_secs(30));
    ///     let mut ws = WebSocket::server(Config::new()).keepalive(timeouts);
    ///     let (mut buffer, mut output) = (vec![0; 64 * 1024], Vec::new());
    ///     while !ws.is_closed() {
    ///         io.set_read_timeout(ws.wait(clock.elapsed()))?;
    ///         let n = match io.read(&mut buffer) {
    ///             Ok(0) => return Err("the peer vanished".into()),
    ///             Ok(n) => n,
    ///             Err(e) if matches!(e.kind(), WouldBlock | TimedOut | Interrupted) => 0,
    ///             Err(error) => return Err(error.into()),
    ///         };
    ///         let answered = answer(&mut ws, &mut buffer[..n], &mut output);
    ///         // Last, so that what came in time is not found late.
    ///         let in_time = ws.on_timeout(clock.elapsed(), &mut output);
    ///         io.write_all(&output)?;
    ///         output.clear();
    ///         answered?;
    ///         in_time?;
    ///     }
    ///     Ok(())
    /// }
    /// # fn answer(_: &mut WebSocket<Server>, _: &mut [u8], _: &mut Vec<u8>)
    /// # -> Result<(), ProtocolError> { Ok(()) }
    /// ```
    #[must_use]
    pub fn keepalive(mut self, timeouts: Timeouts) -> Self {
        let config = Config::new().max_control_frames(self.receiver.max_control_frames);
        self.keepalive = Some(Box::new(Keepalive::new(timeouts).with_config(config)));
        self
    }

    /// Until when to wait for the peer before the next call of
    /// [`on_timeout`](Self::on_timeout), on the caller's clock; `None` is for ever.
    ///
    /// See [`Keepalive::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.keepalive.as_ref()?.next_deadline()
    }

    /// How long to wait from `now` on, at least a millisecond; `None` is for
    /// ever.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        self.keepalive.as_ref()?.wait(now)
    }

    /// Tells the time, each time round: after what came has been received, and
    /// at the latest at [`next_deadline`](Self::next_deadline). A Ping or a Close
    /// that is due is appended to `output`.
    ///
    /// Without [`keepalive`](Self::keepalive) it does nothing.
    ///
    /// # Errors
    /// The deadline that the peer let pass, or that it floods on after our Close; every
    /// later call repeats it. A Close
    /// frame that reports it is in `output`, unless ours is sent already; the
    /// transport is to be closed.
    pub fn on_timeout(&mut self, now: Duration, output: &mut Vec<u8>) -> Result<(), TimedOut> {
        match self.keepalive.as_mut().and_then(|keepalive| keepalive.on_timeout(now)) {
            None => Ok(()),
            Some(Due::Ping(payload)) => {
                self.ping(payload, output);
                Ok(())
            }
            Some(Due::Close(close)) => {
                self.close(close, output);
                Ok(())
            }
            Some(Due::Failed(error)) => {
                self.close(error, output);
                Err(error)
            }
        }
    }

    /// The transport took some of an `output` of which it had not taken all, so the
    /// peer has more time to answer a Ping, which may stand behind a long message on
    /// a slow line. (What is taken at once says nothing of the peer: it lies in a
    /// buffer of the system.)
    ///
    /// Without [`keepalive`](Self::keepalive) it does nothing.
    pub fn on_progress(&mut self) {
        self.note_bytes();
    }

    /// How long the last answered Ping of [`on_timeout`](Self::on_timeout) took,
    /// there and back.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.keepalive.as_ref()?.latency()
    }

    /// Takes bytes off the front of `input` until something has been received.
    ///
    /// `None` means that `input` is used up, and nothing else does: an empty
    /// input may still have an error to tell. Each call appends at most one frame
    /// to `output`: the Pong to a Ping, the Close to a Close or to an error.
    ///
    /// What it returns borrows the input. So a function that reads into its buffer
    /// again after `None`, and returns what came otherwise, does not compile: the
    /// compiler takes the buffer for lent in both cases.
    ///
    /// ```compile_fail,E0499
    /// # use std::{error::Error, io::Read};
    /// # use sansocket::{Received, Server, WebSocket};
    /// fn next<'b>(
    ///     ws: &mut WebSocket<Server>,
    ///     mut io: impl Read,
    ///     buffer: &'b mut [u8],
    /// ) -> Result<Received<'b>, Box<dyn Error>> {
    ///     loop {
    ///         let n = io.read(buffer)?; // cannot borrow `*buffer` more than once
    ///         let mut input = &mut buffer[..n];
    ///         if let Some(received) = ws.receive(&mut input, &mut Vec::new())? {
    ///             return Ok(received);
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Let one function use up all of an input, as `answer` does in the
    /// [example](Self), and read outside of it. (Nor should it return with a part
    /// of the input left, which would be lost. Who must, keeps where that lies,
    /// and returns [`Message::into_owned`].)
    ///
    /// # Errors
    /// The first rule that the peer broke; every later call repeats it. The
    /// Close frame that reports it is in `output`, the transport is to be
    /// closed once it is written.
    #[inline]
    pub fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        match self.receiver.whole_message(input) {
            Ok(None) => self.receive_any(input, output, None),
            Ok(Some(message)) => {
                self.note_bytes();
                self.note_message();
                Ok(Some(Received::Message(message)))
            }
            Err(error) => Err(self.report(error, output)),
        }
    }

    /// As [`receive`](Self::receive), with working memory for compression that
    /// the connections of a thread share.
    pub fn receive_with<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        self.receive_any(input, output, Some(scratch))
    }

    #[inline(never)]
    fn receive_any<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        output: &mut Vec<u8>,
        scratch: Option<&mut Scratch>,
    ) -> Result<Option<Received<'b>>, ProtocolError> {
        let received = match scratch {
            Some(scratch) => self.receiver.receive_with(input, scratch),
            None => self.receiver.receive_any(input),
        };
        if core::mem::take(&mut self.receiver.has_heard) {
            self.note_bytes();
            self.note_message();
        }
        let received = received.map_err(|error| self.report(error, output))?;
        let Some(received) = received else { return Ok(None) };
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_received(&received);
        }
        match &received {
            Received::Message(_) | Received::Pong(_) => {}
            Received::Ping(payload) => self.sender.pong(*payload, output),
            Received::Closed(close) => self.close(*close, output),
        }
        Ok(Some(received))
    }

    /// Tells the peer of its error.
    #[cold]
    fn report(&mut self, error: ProtocolError, output: &mut Vec<u8>) -> ProtocolError {
        self.close(error, output);
        error
    }

    /// Appends a message to `output`, as a single frame: `&str` and `String`
    /// as text, bytes as binary, a [`Message`] as what it is. It is compressed
    /// if that was agreed and is worth it.
    #[inline]
    pub fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.note_message();
        self.sender.send(message, output)
    }

    /// As [`send`](Self::send), with working memory for compression that the
    /// connections of a thread share.
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<(), SendError> {
        self.note_message();
        self.sender.send_with(message, output, scratch)
    }

    /// As [`send`](Self::send), but never compressed: for messages with
    /// secrets, of which the compressed size could tell.
    #[inline]
    pub fn send_uncompressed<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.note_message();
        self.sender.send_uncompressed(message, output)
    }

    /// Appends a Ping to `output`.
    pub fn ping(&mut self, payload: Payload, output: &mut Vec<u8>) {
        self.sender.ping(payload, output);
    }

    /// Appends a Pong that nobody asked for to `output`: a sign of life.
    pub fn pong(&mut self, payload: Payload, output: &mut Vec<u8>) {
        self.sender.pong(payload, output);
    }

    /// Appends our Close to `output`, unless it is sent already: a
    /// [`CloseCode`](crate::CloseCode) or a [`CloseFrame`].
    ///
    /// The peer's answer comes as [`Received::Closed`]; data may come before.
    pub fn close(&mut self, close: impl Into<CloseFrame>, output: &mut Vec<u8>) {
        self.receiver.note_close_sent();
        self.sender.close(close, output);
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_close();
        }
    }

    #[inline]
    fn note_bytes(&mut self) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_bytes();
        }
    }

    #[inline]
    fn note_message(&mut self) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_message();
        }
    }

    /// Whether both Close frames have passed, so that the connection ended
    /// cleanly: the server now closes the transport, and the client waits for
    /// it to (RFC 6455 §7.1.1).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.receiver.has_received_close() && self.sender.has_sent_close()
    }

    /// The two halves, for a thread or task each; no lock is needed.
    ///
    /// They keep no deadlines: a [`Keepalive`] in the thread or task that receives
    /// does, if it is told of [all that is received](Keepalive::on_received); give it
    /// the same `Config` by [`Keepalive::with_config`].
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
        (self.receiver, self.sender)
    }
}
