//! The lines of the table, and what is to be reached at each.

use crate::wire::{Content, Role};
use crate::work::{Alignment, Receive, Work};

pub struct Line {
    pub group: &'static str,
    pub name: &'static str,
    pub work: Work,
    pub targets: Targets,
}

/// What sansocket's time may be at most; see [`LIMITS`] for the second.
#[derive(Clone, Copy, Default)]
pub struct Targets {
    /// As a multiple of the fastest peer's.
    pub peer: Option<f64>,
    /// As a multiple of the limit's.
    pub limit: Option<f64>,
    pub nanoseconds: Option<f64>,
    /// Reads for a message.
    pub reads: Option<f64>,
}

/// The contenders that a line's limit is taken from, the first that is there.
pub const LIMITS: [&str; 3] = ["sansocket, binary", "limit", "httparse"];

const K16: usize = 16 * 1024;
const M1: usize = 1024 * 1024;

pub fn all() -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |group, name, work, targets| lines.push(Line { group, name, work, targets });

    for (name, len, alignment, peer) in [
        ("8 B", 8, Alignment::Every, 0.75),
        ("16 B", 16, Alignment::Every, 0.75),
        ("32 B", 32, Alignment::Every, 0.75),
        ("64 B", 64, Alignment::Every, 0.75),
        ("125 B", 125, Alignment::Every, 0.75),
        ("1 KiB, misaligned", 1024, Alignment::Odd, 0.80),
        ("64 KiB", 64 * 1024, Alignment::Page, 1.02),
        ("1 MiB", M1, Alignment::Page, 1.02),
        ("16 MiB", 16 * M1, Alignment::Page, 1.02),
    ] {
        add("mask", name, Work::Mask { len, alignment }, Targets::ratios(peer, 1.15));
    }

    let binary =
        Receive { content: Content::Binary, len: 0, read: K16, role: Role::Server, whole: false };
    for (name, len, targets) in [
        ("0 B", 0, Targets::ratios(0.80, 1.25)),
        ("16 B", 16, Targets::ratios(0.38, 1.25)),
        ("125 B", 125, Targets::ratios(0.44, 1.25)),
        ("1 KiB", 1024, Targets::ratios(0.62, 1.25)),
        ("16 KiB", K16, Targets { reads: Some(1.05), ..Targets::ratios(0.97, 1.03) }),
        ("1 MiB", M1, Targets::ratios(1.00, 1.03)),
    ] {
        add("receive binary", name, Work::Receive(Receive { len, ..binary }), targets);
    }
    add(
        "receive binary",
        "16 KiB in 1.4 KiB reads",
        Work::Receive(Receive { len: K16, read: 1400, ..binary }),
        Targets::ratios(0.85, 1.10),
    );
    for (name, len, targets) in [
        ("16 B", 16, Targets::peer(0.35)),
        ("125 B", 125, Targets::ratios(0.45, 1.25)),
        ("1 KiB", 1024, Targets::ratios(0.55, 1.25)),
        ("16 KiB", K16, Targets::ratios(0.85, 1.25)),
    ] {
        let receive = Receive { content: Content::Ascii, len, ..binary };
        add("receive ASCII", name, Work::Receive(receive), targets);
    }
    for (name, len, peer) in [("125 B", 125, 0.50), ("1 KiB", 1024, 0.65), ("16 KiB", K16, 0.80)] {
        let receive = Receive { content: Content::Cjk, len, ..binary };
        add("receive CJK", name, Work::Receive(receive), Targets::ratios(peer, 1.0));
    }
    for (name, len) in [("16 B", 16), ("125 B", 125)] {
        let receive = Receive { role: Role::Client, len, ..binary };
        add("receive as a client", name, Work::Receive(receive), Targets::ratios(0.42, 1.25));
    }
    for (name, len) in
        [("0 B", 0), ("16 B", 16), ("125 B", 125), ("1 KiB", 1024), ("16 KiB", K16), ("1 MiB", M1)]
    {
        let receive = Receive { whole: true, len, ..binary };
        add("whole messages", name, Work::Receive(receive), Targets::ratios(0.75, 1.4));
    }

    for (name, len, peer) in
        [("0 B", 0, 1.0), ("16 B", 16, 1.0), ("125 B", 125, 1.0), ("1 KiB", 1024, 0.80)]
    {
        let work = Work::Encode { role: Role::Server, len };
        add("encode as a server", name, work, Targets::ratios(peer, 1.1));
    }
    add(
        "encode as a server",
        "header alone",
        Work::Header { len: 125 },
        Targets { nanoseconds: Some(5.0), ..Targets::default() },
    );
    for (name, len, peer) in [
        ("16 B", 16, 1.0),
        ("125 B", 125, 1.0),
        ("1 KiB", 1024, 0.80),
        ("16 KiB", K16, 0.85),
        ("1 MiB", M1, 0.85),
    ] {
        let work = Work::Encode { role: Role::Client, len };
        add("encode as a client", name, work, Targets::ratios(peer, 1.1));
    }

    add("handshake", "accept key", Work::AcceptKey, Targets::peer(0.95));
    add("handshake", "whole", Work::Handshake, Targets::peer(0.40));
    let parse = Targets { limit: Some(1.0), ..Targets::default() };
    add("handshake", "parse alone", Work::ParseRequest, parse);
    for (name, len) in [("1 KiB", 1024), ("16 KiB", K16), ("1 MiB", M1)] {
        add("UTF-8, CJK", name, Work::Utf8 { len }, Targets::peer(0.80));
    }
    lines
}

impl Line {
    /// What `--lines` is held against.
    pub fn full_name(&self) -> String {
        format!("{}, {}", self.group, self.name)
    }
}

impl Targets {
    fn ratios(peer: f64, limit: f64) -> Self {
        Self { peer: Some(peer), limit: Some(limit), ..Self::default() }
    }

    fn peer(peer: f64) -> Self {
        Self { peer: Some(peer), ..Self::default() }
    }
}
