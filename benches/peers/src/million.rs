//! Very many idle connections in one process.

use std::fs;
use std::time::Instant;

use sansocket::{Config, Connection, Server, WebSocket};

use crate::lending::Decoder;
use crate::wire::{self, Content};

/// Holds `number` connections, uses each, and prints the memory that the process
/// has.
pub fn table(number: usize) {
    println!(
        "{number} connections; a connection: its value, and the memory of all divided by them"
    );
    layer("layer 1", number, || Connection::server(Config::new()), serve);
    layer("layer 2", number, || WebSocket::server(Config::new()), serve_whole);
}

fn layer<T>(name: &str, number: usize, make: impl Fn() -> T, serve: impl Fn(&mut T, &mut [u8])) {
    let before = resident();
    let start = Instant::now();
    let mut connections: Vec<T> = (0..number).map(|_| make()).collect();
    // Each is used: a message whose second half comes after all others had
    // their first.
    let mut wire = Vec::new();
    wire::frame(Content::Binary, true, b"are you there?", Some([1, 2, 3, 4]), &mut wire);
    for half in [0..9, 9..wire.len()] {
        for connection in &mut connections {
            serve(connection, &mut wire.clone()[half.clone()]);
        }
    }
    let held = resident().saturating_sub(before);
    println!(
        "  {name}: {} B, {:.1} B; {} MiB in all, made and used in {:.2} s",
        size_of::<T>(),
        held as f64 / number as f64,
        held >> 20,
        start.elapsed().as_secs_f64()
    );
}

fn serve(connection: &mut Connection<Server>, mut input: &mut [u8]) {
    while let Some(piece) = connection.next(&mut input) {
        assert!(b"are you there?".windows(piece.bytes.len()).any(|part| part == piece.bytes));
    }
}

fn serve_whole(websocket: &mut WebSocket<Server>, mut input: &mut [u8]) {
    let mut output = Vec::new();
    while websocket.receive(&mut input, &mut output).expect("good frames").is_some() {}
}

/// Bytes of memory that the process has.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let kilobytes = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<usize>().ok()
    });
    kilobytes.expect("a number") * 1024
}
