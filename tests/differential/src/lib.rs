//! Implementations side by side: each is given the bytes of one connection and
//! says what it delivers and how it ends.

pub mod deflated;
pub mod peers;
pub mod streams;

/// Which end receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// What is agreed on permessage-deflate, for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The window is two to the power of this.
    pub bits: u8,
    pub takeover: bool,
}

/// What an implementation makes of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whole messages and control frames, in order.
    pub events: Vec<Event>,
    pub end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// Where a connection stands at the end of the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It waits for more.
    #[default]
    Open,
    /// The peer's Close has come.
    Closed,
    /// The peer broke a rule; which, if that is told.
    Refused(String),
}

/// The limit on messages that all of them are given.
pub const MAX_MESSAGE: usize = 1000;
