//! The handshake of those who leave HTTP to hyper: its server, one connection a
//! request.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::source::{Source, poll};
use crate::wire::REQUEST;
use crate::work::{Handshaker, Sink, Task, handshaking};

/// `upgrade` makes the response to a request.
pub fn handshake(
    upgrade: impl Fn(&mut Request<Incoming>) -> Response<Empty<Bytes>> + 'static,
) -> Box<dyn Task> {
    handshaking(Handshake { source: Source::new(REQUEST.into(), REQUEST.len()), upgrade })
}

struct Handshake<F> {
    source: Source,
    upgrade: F,
}

impl<F: Fn(&mut Request<Incoming>) -> Response<Empty<Bytes>>> Handshaker for Handshake<F> {
    #[inline]
    fn answer<S: Sink>(&mut self, sink: &mut S) {
        self.source.rewind();
        if S::CHECKS {
            self.source.keep();
        }
        let service =
            service_fn(|mut request| ready(Ok::<_, Infallible>((self.upgrade)(&mut request))));
        let io = TokioIo::new(self.source.clone());
        let served = poll(http1::Builder::new().serve_connection(io, service));
        assert!(!matches!(served, Some(Err(_))), "{served:?}");
        if S::CHECKS {
            sink.write(&self.source.take_written());
        }
    }
}
