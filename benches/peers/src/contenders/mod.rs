//! Who competes: one file each.

mod actix;
mod fastwebsockets;
mod hyper;
mod limit;
mod nexus;
mod reference;
mod sansocket;
mod shiguredo;
mod sockudo;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod websocket_sans_io;
mod ws_framer;
mod yawc;

use crate::heap::Idle;
use crate::work::{Task, Work};

/// A crate, driven as its users would in its fastest honest way.
pub trait Contender {
    fn name(&self) -> &'static str;

    /// What it is measured as.
    fn standing(&self) -> Standing {
        Standing::Peer
    }

    /// It at the work of a line; `None` if it has nothing to do that with.
    fn task(&self, work: &Work) -> Option<Box<dyn Task>>;

    /// A connection with nothing to do.
    fn idle(&self) -> Option<Idle> {
        None
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// sansocket.
    Ours,
    /// A crate that does the same.
    Peer,
    /// As fast as can be, by checking nothing.
    Limit,
    /// For comparison alone.
    Reference,
}

/// All of them, in the order of their turns.
pub fn all() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(sansocket::Sansocket),
        Box::new(limit::Limit),
        Box::new(actix::Actix),
        Box::new(fastwebsockets::FastWebsockets),
        Box::new(nexus::Nexus),
        Box::new(shiguredo::Shiguredo),
        Box::new(sockudo::Sockudo),
        Box::new(soketto::Soketto),
        Box::new(tokio_websockets::TokioWebsockets),
        Box::new(tungstenite::Tungstenite),
        Box::new(websocket_sans_io::WebsocketSansIo),
        Box::new(ws_framer::WsFramer),
        Box::new(yawc::Yawc),
        Box::new(sansocket::OnBinary),
        Box::new(reference::Httparse),
        Box::new(reference::Simdutf8),
        Box::new(reference::Std),
        Box::new(reference::Naive),
        Box::new(reference::Memcpy),
    ]
}
