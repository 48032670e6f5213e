//! A connection on two threads or tasks. The half that receives keeps the deadlines, and what it has
//! to say goes through a queue to the half that sends: `for each Outgoing { append, write }`.

use std::time::Duration;

use sansocket::keepalive::{Due, Keepalive};
use sansocket::{CloseFrame, Message, MessageReceiver, MessageSender, Payload, Received, Server};

use crate::Error;

/// Something to send.
#[derive(Debug, PartialEq)]
pub enum Outgoing {
    Message(Message<'static>),
    Ping(Payload),
    Pong(Payload),
    Close(CloseFrame),
}

impl Outgoing {
    /// The bytes that it holds as long as it waits.
    #[expect(clippy::len_without_is_empty, reason = "none is empty")]
    pub fn len(&self) -> usize {
        let heap = if let Self::Message(message) = self { message.as_bytes().len() } else { 0 };
        size_of::<Self>() + heap
    }

    pub fn append(self, sender: &mut MessageSender<Server>, output: &mut Vec<u8>) {
        match self {
            // It fails only after our Close, behind which nobody waits for an answer.
            Self::Message(message) => drop(sender.send(&message, output)),
            Self::Ping(payload) => sender.ping(payload, output),
            Self::Pong(payload) => sender.pong(payload, output),
            Self::Close(close) => sender.close(close, output),
        }
    }
}

/// A receiving half that echoes, and its deadlines.
pub struct Incoming {
    receiver: MessageReceiver<Server>,
    keepalive: Keepalive,
    end: Option<Result<(), Error>>,
}

impl Incoming {
    pub fn new(receiver: MessageReceiver<Server>, keepalive: Keepalive) -> Self {
        Self { receiver, keepalive, end: None }
    }

    /// Takes bytes off the front of `input` until there is something to send; nothing if there is
    /// none, and `input` is used up.
    pub fn receive(&mut self, input: &mut &mut [u8]) -> Option<Outgoing> {
        if !input.is_empty() {
            self.keepalive.on_bytes();
        }
        while self.end.is_none() {
            let received = match self.receiver.receive(input) {
                Ok(None) => break,
                Ok(Some(received)) => received,
                Err(error) => {
                    self.end = Some(Err(error.into()));
                    return Some(Outgoing::Close(error.into()));
                }
            };
            self.keepalive.on_received(&received);
            match received {
                Received::Message(message) => {
                    return Some(Outgoing::Message(message.into_owned()));
                }
                Received::Ping(payload) => return Some(Outgoing::Pong(payload)),
                Received::Pong(_) => {}
                Received::Closed(close) => {
                    self.end = Some(Ok(()));
                    return Some(Outgoing::Close(close));
                }
            }
        }
        *input = &mut [];
        None
    }

    /// Tells the time, after what came has been received; there may be something to send.
    ///
    /// `is_behind` is whether something waits to be written. As long as it does, who writes keeps the
    /// deadline: a Ping may stand behind a long message on a slow line.
    pub fn on_timeout(&mut self, now: Duration, is_behind: bool) -> Option<Outgoing> {
        if self.end.is_some() {
            return None;
        }
        if is_behind {
            self.keepalive.on_bytes();
        }
        match self.keepalive.on_timeout(now)? {
            Due::Ping(payload) => Some(Outgoing::Ping(payload)),
            Due::Close(close) => Some(Outgoing::Close(close)),
            Due::Failed(error) => {
                self.end = Some(Err(error.into()));
                Some(Outgoing::Close(error.into()))
            }
        }
    }

    /// How long to wait for the peer.
    pub fn wait(&self, now: Duration) -> Duration {
        self.keepalive.wait(now).unwrap_or(Duration::MAX)
    }

    /// How the connection ended, once it has: nothing is to be read any more.
    pub fn end(&mut self) -> Option<Result<(), Error>> {
        self.end.take()
    }
}
