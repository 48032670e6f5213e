//! The opening handshake, for both roles, without allocation: over HTTP/1.1
//! (RFC 6455 §4), and over the caller's HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220).
//!
//! # HTTP/1.1
//!
//! A server reads a request with [`RequestReader`], looks at the [`Request`],
//! and answers with [`Upgrade::accept`], a [`Reply`] of its own, or the
//! [`HandshakeError::reply`] to what is wrong with it. A client asks by
//! [`ClientHandshake::request`], reads the [`Response`] with
//! [`ResponseReader`] and lets [`ClientHandshake::check`] judge it.
//!
//! ```text
//!  server:  bytes ──► RequestReader ──► Request ──► Reply ──► bytes
//!                                          │ upgrade()
//!                                          └──► Upgrade ──► Accept ──► bytes
//!
//!  client:  nonce, Url ──► ClientHandshake ──► RequestWriter ──► bytes
//!                                 │ check()
//!           bytes ──► ResponseReader ──► Response ──► Accepted
//! ```
//!
//! The bytes behind a head, from [`Request::head_len`] or
//! [`Response::head_len`] on, are the first from the open connection.
//!
//! # HTTP/2 and HTTP/3
//!
//! There a WebSocket is a stream that an extended CONNECT request opens. Its
//! pseudo-header and header fields come from the caller's HTTP stack as pairs of
//! name and value, and go back to it as pairs. Status 200 accepts; there are no
//! keys. The [`Offer`] is what both ways have in common, so an application decides
//! once.
//!
//! ```text
//!  server:  fields ──► ConnectRequest ──► Connect ──► ConnectAccept ──► Pairs
//!
//!  client:  Url ──► ClientConnect ──► ConnectWriter ──► Pairs
//!                         │ check()
//!           fields ──► ConnectResponse ──► Accepted
//! ```

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod authority;
mod compose;
mod connect;
mod error;
mod fields;
mod head;
mod lines;
mod negotiation;
mod request;
mod response;
mod summary;
mod text;
mod url;

pub use self::compose::{Accept, ComposeError, Reply, RequestWriter};
pub use self::connect::{
    ClientConnect, Connect, ConnectAccept, ConnectRequest, ConnectResponse, ConnectWriter, Pairs,
    PairsIter,
};
pub use self::error::HandshakeError;
pub use self::fields::{Fields, FieldsIter};
pub use self::negotiation::{Accepted, Headers, Offer};
pub use self::request::{Request, RequestReader, Upgrade};
pub use self::response::{ClientHandshake, Response, ResponseReader};
pub use self::url::{Url, UrlError};

use crate::{base64, sha1};

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`.
///
/// > concatenate this with the Globally Unique Identifier [...]
/// > "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" in string form [...]. A SHA-1 hash
/// > [...], base64-encoded [...], of this concatenation is then returned in
/// > the server's handshake. (RFC 6455 §1.3)
///
/// ```
/// let accept = sansocket::handshake::accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(&accept, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &[u8; 24]) -> [u8; 28] {
    let mut text = [0; 24 + GUID.len()];
    let (start, end) = text.split_at_mut(key.len());
    start.copy_from_slice(key);
    end.copy_from_slice(GUID);
    let mut accept = [0; 28];
    // Never too short: base64 makes 28 characters of 20 bytes.
    let _ = base64::encode(&sha1::digest(&text), &mut accept);
    accept
}

const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
