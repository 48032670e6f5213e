//! What the tests and the benchmark share: zlib behind two safe types, data, and randomness that can be repeated.

pub mod corpus;
pub mod ours;
pub mod rng;
pub mod zlib;
