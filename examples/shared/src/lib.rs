//! What the drivers share: all of a server but its I/O.
//!
//! * [`Opening`]: the opening handshake over HTTP/1.1;
//! * [`Session`]: a connection from its first byte to its last, for loops that own many;
//! * [`Incoming`] and [`Outgoing`]: a connection on two threads or tasks;
//! * [`options`]: the command line; [`log`]: what is said to who runs it.

use std::fmt::Display;
use std::io::{self, Write};

mod halves;
mod opening;
pub mod options;
mod session;

pub use halves::{Incoming, Outgoing};
pub use opening::{Answer, Opened, Opening, PAGE};
pub use options::Options;
pub use session::Session;

/// Says something to who runs the server. If nobody hears it, the server goes on: `eprintln!` would
/// panic.
pub fn log(what: impl Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// What ended a connection.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
