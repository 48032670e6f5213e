//! The two ends of a connection, which differ in who masks.

use core::fmt;

use crate::keys::{ChaChaKeys, MaskingKeys};

/// The end that accepted the connection: it sends unmasked and takes masked
/// frames alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Server;

/// The end that opened the connection: it masks every frame it sends, with
/// keys from `K`, and takes unmasked frames alone.
#[derive(Clone, Copy)]
pub struct Client<K = ChaChaKeys> {
    pub(crate) keys: K,
}

/// Says nothing of the keys, so that closures will do.
impl<K> fmt::Debug for Client<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// [`Server`] or [`Client`]; no other type is one.
pub trait Role: sealed::Role {}

impl Role for Server {}

impl<K: MaskingKeys> Role for Client<K> {}

pub(super) mod sealed {
    use super::{Client, MaskingKeys, Server};

    pub trait Role {
        /// > a client MUST mask all frames that it sends to the server [...]
        /// > A server MUST NOT mask any frames that it sends to the client.
        /// > (RFC 6455 §5.1)
        const RECEIVES_MASKED: bool;

        /// A key for the next frame, or `None` if this end does not mask.
        fn next_key(&mut self) -> Option<[u8; 4]>;
    }

    impl Role for Server {
        const RECEIVES_MASKED: bool = true;

        #[inline]
        fn next_key(&mut self) -> Option<[u8; 4]> {
            None
        }
    }

    impl<K: MaskingKeys> Role for Client<K> {
        const RECEIVES_MASKED: bool = false;

        // > The masking key is a 32-bit value chosen at random by the client.
        // > When preparing a masked frame, the client MUST pick a fresh
        // > masking key from the set of allowed 32-bit values. (§5.3)
        #[inline]
        fn next_key(&mut self) -> Option<[u8; 4]> {
            Some(self.keys.next_key())
        }
    }
}
