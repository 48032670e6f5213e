//! tokio-websockets, polled by hand on a stream that has all bytes at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{ClientBuilder, Error, Limits, ServerBuilder};

use crate::{End, Event, MAX_MESSAGE, Outcome, Role};

struct Wire(Vec<u8>);

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Pending;
        }
        let len = buffer.remaining().min(self.0.len());
        buffer.put_slice(&self.0[..len]);
        self.0.drain(..len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub fn tokio_websockets(role: Role, stream: &[u8]) -> Outcome {
    let limits = Limits::default().max_payload_len(Some(MAX_MESSAGE));
    let wire = Wire(stream.to_vec());
    let mut ws = match role {
        Role::Server => ServerBuilder::new().limits(limits).serve(wire),
        Role::Client => ClientBuilder::new().limits(limits).take_over(wire),
    };
    let mut outcome = Outcome::default();
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let message = match Pin::new(&mut ws).poll_next(&mut context) {
            Poll::Pending | Poll::Ready(None) => return outcome,
            Poll::Ready(Some(Err(Error::AlreadyClosed))) => return outcome,
            Poll::Ready(Some(Err(error))) => {
                outcome.end = End::Refused(error.to_string());
                return outcome;
            }
            Poll::Ready(Some(Ok(message))) => message,
        };
        let payload = message.as_payload().to_vec();
        outcome.events.push(if message.is_text() {
            Event::Text(payload)
        } else if message.is_binary() {
            Event::Binary(payload)
        } else if message.is_ping() {
            Event::Ping(payload)
        } else if message.is_pong() {
            Event::Pong(payload)
        } else {
            outcome.end = End::Closed;
            // It shows a Close without a code as one with 1005.
            let (code, reason) = message.as_close().expect("there are no other frames");
            let code = Some(u16::from(code)).filter(|_| !payload.is_empty());
            Event::Close(code, reason.to_owned())
        });
    }
}
