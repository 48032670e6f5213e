//! A WebSocket without the socket.
//!
//! `sansocket` speaks the WebSocket protocol (RFC 6455) and does no I/O. Bytes
//! go in; events and outbound frames come out. Sockets, clocks, tasks and
//! randomness stay with the caller, so a thread, an async runtime, an event
//! loop, a kernel or a microcontroller can drive it alike. It has no
//! dependencies, and its core neither allocates nor needs `std`.
//!
//! # Layers
//!
//! Each is public, can be used alone, and knows only those below it.
//!
//! | layer | what | needs |
//! |---|---|---|
//! | 2 | [`WebSocket`](https://docs.rs/sansocket/latest/sansocket/struct.WebSocket.html): whole messages, Pongs and Closes answered | `alloc` |
//! | 1 | [`Connection`], or [`Receiver`] and [`Sender`]: bytes to events, messages to frames, the closing handshake | core |
//! |   | [`handshake`]: the opening handshake over HTTP/1.1, HTTP/2 and HTTP/3, both roles | core |
//! |   | [`keepalive`]: deadlines, without a clock | core |
//! |   | [`deflate`], [`extensions`]: permessage-deflate (RFC 7692), in memory that is lent | core |
//! | 0 | [`frame`], [`mask`], [`utf8`], [`close`], [`base64`], [`sha1`] | core |
//!
//! # A server's loop
//!
//! Layer 1, on any transport that reads and writes. Payload is unmasked in the
//! buffer that it was read into, and goes out from there.
//!
//! ```
//! use std::io::{Error, Read, Write};
//! use sansocket::{Config, Connection, Event};
//!
//! fn echo(mut io: impl Read + Write) -> Result<(), Error> {
//!     let mut ws = Connection::server(Config::new());
//!     let mut buffer = [0; 4096];
//!     loop {
//!         let n = io.read(&mut buffer)?;
//!         if n == 0 {
//!             return Ok(()); // ws.is_closed() tells a clean end from another
//!         }
//!         let mut input = &mut buffer[..n]; // a named cursor: it shrinks
//!         loop {
//!             match ws.receive(&mut input) {
//!                 Ok(None) => break,
//!                 Ok(Some(Event::Data(data))) => {
//!                     let (kind, last) = (data.kind(), data.is_last());
//!                     let frame = ws.send_part(kind, last, data.into_payload());
//!                     for slice in frame.map_err(Error::other)?.as_slices() {
//!                         io.write_all(slice)?;
//!                     }
//!                 }
//!                 Ok(Some(Event::Ping(ping))) => io.write_all(&ws.pong(ping))?,
//!                 Ok(Some(Event::Pong(_))) => {}
//!                 Ok(Some(Event::Close(close))) => {
//!                     return ws.close(close).map_or(Ok(()), |frame| io.write_all(&frame));
//!                 }
//!                 Err(error) => {
//!                     let report = ws.close(error);
//!                     report.map_or(Ok(()), |frame| io.write_all(&frame))?;
//!                     return Err(Error::other(error));
//!                 }
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! The cursor is a variable of its own because [`Connection::receive`] moves
//! it forward. The events borrow the buffer, never the connection, so that the
//! connection can send while an event is held. A function that returns an
//! event needs the buffer's lifetime in its signature, and a method cannot take
//! an event out of `self.buffer` and then call `&mut self`: keep buffer and
//! connection in two fields, and borrow the fields.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | `ChaChaKeys::from_os`: masking keys seeded by the operating system; implies `alloc` |
//! | `alloc` | yes | `WebSocket`, `Message`: layer 2 |
//! | `simd` | yes | vectors of the CPU at hand for masking and UTF-8, its instructions for SHA-1; all `unsafe` code; implies `std` |
//!
//! Without them, all else is there.

#![cfg_attr(not(test), no_std)]
#![cfg_attr(not(feature = "simd"), forbid(unsafe_code))]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod base64;
pub mod close;
mod config;
mod connection;
pub mod deflate;
mod error;
pub mod extensions;
pub mod frame;
pub mod handshake;
pub mod keepalive;
mod keys;
pub mod mask;
mod payload;
pub mod sha1;
#[cfg(feature = "simd")]
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        unused_mut,
        unused_variables,
        reason = "there are no vectors for this CPU"
    )
)]
mod simd;
pub mod utf8;
#[cfg(feature = "alloc")]
mod websocket;

pub use self::close::{CloseCode, CloseFrame};
pub use self::config::Config;
pub use self::connection::{
    Client, Connection, ControlFrame, Data, Event, Frame, Kind, Receiver, Role, Sender, Server,
};
pub use self::error::{ProtocolError, SendError};
pub use self::keys::{ChaChaKeys, MaskingKeys};
pub use self::payload::{Payload, PayloadTooLong};
#[cfg(feature = "alloc")]
pub use self::websocket::{Message, MessageReceiver, MessageSender, Received, Scratch, WebSocket};

/// The README's examples, as tests.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
