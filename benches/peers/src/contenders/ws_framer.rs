//! ws-framer: a framer for each direction, on memory of the caller's.

use std::hint::black_box;

use ws_framer::{WsFrame, WsRxFramer, WsTxFramer, process_sec_websocket_key};

use super::Contender;
use crate::buffer::Buffer;
use crate::heap::{Idle, idle};
use crate::source::Source;
use crate::wire::{KEY, Role};
use crate::work::{
    Application, Encoder, Receiver, Sink, Task, Work, calling, encoding, message, receiving,
};

pub struct WsFramer;

impl Contender for WsFramer {
    fn name(&self) -> &'static str {
        "ws-framer"
    }

    fn task(&self, work: &Work) -> Option<Box<dyn Task>> {
        Some(match *work {
            Work::Receive(receive) => receiving(&receive, |source| Receive {
                framer: WsRxFramer::new(memory(receive.len + 14 + receive.read)),
                source,
            }),
            Work::Encode { role, len } => {
                let framer = WsTxFramer::new(role == Role::Client, memory(len + 14));
                encoding(*work, Encode { framer, payload: message(len) })
            }
            Work::AcceptKey => {
                calling(*work, || process_sec_websocket_key(black_box(KEY)).expect("a good key"))
            }
            _ => return None,
        })
    }

    fn idle(&self) -> Option<Idle> {
        Some(idle(|| (WsRxFramer::new(&mut []), WsTxFramer::new(false, &mut []))))
    }
}

/// Memory for a framer, which borrows it. (Never given back: a program has few
/// framers here.)
fn memory(len: usize) -> &'static mut [u8] {
    vec![0; len].leak()
}

struct Receive {
    framer: WsRxFramer<'static>,
    source: Source,
}

impl Receiver for Receive {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        loop {
            let n = self.source.read(self.framer.read_buf());
            if n == 0 {
                return;
            }
            self.framer.advance(n);
            while let Some(frame) = self.framer.next_frame() {
                match frame.expect("good frames") {
                    WsFrame::Binary(bytes) => application.message(bytes),
                    WsFrame::Text(text) => application.message(text.as_bytes()),
                    _ => unreachable!("data alone"),
                }
            }
        }
    }
}

struct Encode {
    framer: WsTxFramer<'static>,
    payload: Buffer,
}

impl Encoder for Encode {
    #[inline]
    fn encode<S: Sink>(&mut self, sink: &mut S) {
        sink.write(self.framer.binary(black_box(&*self.payload)).expect("room"));
    }
}
