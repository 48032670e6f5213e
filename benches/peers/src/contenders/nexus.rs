//! nexus-web: a reader and a writer of frames.

use std::hint::black_box;

use nexus_web::ws::{
    ClientBuilder, FrameReader, FrameWriter, Message, Role as NexusRole, apply_mask,
    handshake::compute_accept_key,
};

use super::Contender;
use crate::buffer::Buffer;
use crate::heap::{Idle, idle};
use crate::source::Source;
use crate::wire::{KEY, REQUEST, Role};
use crate::work::{
    Application, Encoder, Handshaker, Receiver, Sink, Task, Work, calling, encoding, handshaking,
    masking, message, receiving,
};

pub struct Nexus;

impl Contender for Nexus {
    fn name(&self) -> &'static str {
        "nexus-web"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Mask { len, alignment } => masking(len, alignment, apply_mask),
            Work::Receive(receive) => {
                let reader = reader(receive.role);
                let unchecked = receive.content.is_text() && receive.len >= receive.read;
                receiving(&receive, |source| Receive { reader, source, unchecked })
            }
            Work::Encode { role, len } => encoding(
                *work,
                Encode {
                    writer: FrameWriter::new(nexus_role(role)),
                    payload: message(len),
                    out: Buffer::output(len + 14),
                },
            ),
            Work::AcceptKey => calling(*work, || compute_accept_key(black_box(KEY))),
            Work::Handshake => {
                handshaking(Handshake { source: Source::new(REQUEST.into(), REQUEST.len()) })
            }
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| (reader(Role::Server), FrameWriter::new(NexusRole::Server))))
    }
}

fn nexus_role(role: Role) -> NexusRole {
    match role {
        Role::Server => NexusRole::Server,
        Role::Client => NexusRole::Client,
    }
}

fn reader(role: Role) -> FrameReader {
    // Its default of 1 MiB does not stay in the nearer caches.
    FrameReader::builder().role(nexus_role(role)).buffer_capacity(64 * 1024).build()
}

struct Receive {
    reader: FrameReader,
    source: Source,
    /// A text message of one frame that a read cuts is handed out as a `str` that
    /// nobody looked at. Where every message is cut, its user must look.
    unchecked: bool,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        loop {
            while let Some(message) = self.reader.next().expect("good frames") {
                match message {
                    Message::Binary(bytes) => application.message(bytes),
                    Message::Text(text) => {
                        let text = text.as_bytes();
                        assert!(!self.unchecked || simdutf8::basic::from_utf8(text).is_ok());
                        application.message(text);
                    }
                    _ => unreachable!("data alone"),
                }
            }
            if self.reader.should_compact() {
                self.reader.compact();
            }
            if self.reader.read_from(&mut self.source).is_err() {
                return assert!(self.source.is_drained());
            }
        }
    }
}

struct Encode {
    writer: FrameWriter,
    payload: Buffer,
    out: Buffer,
}

impl Encoder for Encode {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        let len = self.writer.encode_binary(black_box(&self.payload), &mut self.out);
        sink.write(&self.out[..len]);
    }
}

struct Handshake {
    source: Source,
}

impl Handshaker for Handshake {
    #[inline]
    fn answer<S: Sink>(&mut self, sink: &mut S) {
        self.source.rewind();
        if S::CHECKS {
            self.source.keep();
        }
        // Buffers no greater than need be, since they are made anew.
        let builder = ClientBuilder::new().buffer_capacity(4096).write_buffer_capacity(4096);
        black_box(builder.accept(self.source.clone()).expect("a handshake"));
        if S::CHECKS {
            sink.write(&self.source.take_written());
        }
    }
}
