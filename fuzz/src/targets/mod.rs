//! One function a fuzz target. Each takes any bytes and panics if a property
//! does not hold.
//!
//! The front of the bytes is a [`Script`]: how the input is cut and what is
//! done. The rest is the input itself, as it would come from a peer, so that a
//! captured stream can be tried by putting a few bytes before it.

#[path = "../../../tests/common/mod.rs"]
pub(crate) mod common;
pub mod compression;
mod connect;
mod conversation;
mod handshake;
mod receive;
mod script;
mod small;

pub use self::compression::{deflate, every_way, inflate};
pub use self::connect::connect;
pub use self::conversation::{duplex, roundtrip};
pub use self::handshake::{extensions, handshake_request, handshake_response};
pub use self::receive::receive_splits;
pub use self::small::{mask, utf8};

/// A target's name, and the target.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by the name of its folder in `seeds/`.
pub const ALL: [Target; 11] = [
    ("connect", connect),
    ("deflate", |data| every_way(data, |data| drop(deflate(data)))),
    ("duplex", duplex),
    ("extensions", extensions),
    ("handshake_request", handshake_request),
    ("handshake_response", handshake_response),
    ("inflate", |data| every_way(data, |data| drop(inflate(data)))),
    ("mask", mask),
    ("receive_splits", |data| _ = receive_splits(data)),
    ("roundtrip", roundtrip),
    ("utf8", utf8),
];
