//! What the tests and the benchmark share: other codecs behind two safe traits, data, and randomness that can be repeated.

pub mod corpus;
pub mod empty;
pub mod libdeflate;
pub mod miniz;
pub mod ours;
pub mod rng;
pub mod zlib;

/// Payloads out of messages. Each refers to those before it, until a reset.
pub trait Compressor {
    /// Appends the payload of a message.
    fn message(&mut self, message: &[u8], out: &mut Vec<u8>);
    fn reset(&mut self);
}

/// Messages out of payloads.
pub trait Decompressor {
    /// What comes behind a payload for this decoder to take it for complete.
    const TAIL: &[u8] = &[0, 0, 0xff, 0xff];

    /// Inflates a payload with its tail; returns the length of the message.
    fn message(&mut self, payload: &[u8], out: &mut [u8]) -> usize;
    fn reset(&mut self);
}
