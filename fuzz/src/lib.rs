//! What the fuzzers hold true of any bytes.

pub mod oracle;
pub mod targets;
