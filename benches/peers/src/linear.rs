//! What many small things cost: with each number of them ten times as great,
//! the time for one must stay what it was.

use cpu_time::ThreadTime;
use sansocket::{Config, Connection, Received, Server, WebSocket};

use crate::lending::Decoder;
use crate::wire::{self, Content};

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// Prints the table, up to `most` frames.
pub fn table(most: usize) {
    type Case = (&'static str, fn(usize) -> f64);
    let cases: [Case; 6] = [
        ("fragments of 1 byte, one message", |n| fragments(n, 1)),
        ("fragments of 0 bytes, one message", |n| fragments(n, 0)),
        ("the same, layer 2, fragments of 1 byte", whole_fragments),
        ("messages of 1 byte, in one input", in_one_input),
        ("messages of 16 bytes, in inputs of 1 byte", in_single_bytes),
        ("text of 3-byte characters, in fragments of 1 byte", text_in_fragments),
    ];
    println!("nanoseconds for a frame");
    print!("{:50}", "");
    let numbers: Vec<usize> =
        std::iter::successors(Some(1000), |n| Some(n * 10)).take_while(|n| *n <= most).collect();
    for number in &numbers {
        print!("{number:>12}");
    }
    println!();
    for (name, run) in cases {
        print!("{name:50}");
        for &number in &numbers {
            // The best of three, for the first pays for new memory.
            let time = (0..3).map(|_| run(number)).fold(f64::INFINITY, f64::min);
            print!("{time:>12.1}");
        }
        println!();
    }
}

fn config() -> Config {
    Config::new().max_fragments(u32::MAX)
}

/// The time for each of `frames` in `wire`, in reads of at most `read` bytes.
fn time(frames: usize, mut wire: Vec<u8>, read: usize) -> f64 {
    let mut connection: Connection<Server> = Connection::server(config());
    let start = ThreadTime::now();
    let mut pieces = 0;
    for input in wire.chunks_mut(read) {
        let mut input = input;
        while connection.next(&mut input).is_some() {
            pieces += 1;
        }
    }
    let time = start.elapsed();
    assert!(pieces >= frames, "{pieces} pieces of {frames} frames");
    time.as_nanos() as f64 / frames as f64
}

fn message_in_fragments(opcode: u8, frames: usize, payload: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut wire = Vec::new();
    for i in 0..frames {
        let opcode = if i == 0 { opcode } else { 0 };
        wire::part(opcode, i + 1 == frames, &payload(i), KEY, &mut wire);
    }
    wire
}

fn fragments(frames: usize, len: usize) -> f64 {
    time(frames, message_in_fragments(2, frames, |_| vec![7; len]), 16 * 1024)
}

fn text_in_fragments(frames: usize) -> f64 {
    let frames = frames.next_multiple_of(3);
    time(frames, message_in_fragments(1, frames, |i| vec!["漢".as_bytes()[i % 3]]), 16 * 1024)
}

fn in_one_input(frames: usize) -> f64 {
    let mut wire = Vec::new();
    for _ in 0..frames {
        wire::frame(Content::Binary, true, &[7], KEY, &mut wire);
    }
    let len = wire.len();
    time(frames, wire, len)
}

fn in_single_bytes(frames: usize) -> f64 {
    let mut wire = Vec::new();
    for _ in 0..frames {
        wire::frame(Content::Binary, true, &[7; 16], KEY, &mut wire);
    }
    time(frames, wire, 1)
}

fn whole_fragments(frames: usize) -> f64 {
    let mut wire = message_in_fragments(2, frames, |_| vec![7]);
    let mut websocket = WebSocket::server(config());
    let mut output = Vec::new();
    let start = ThreadTime::now();
    let mut messages = 0;
    for input in wire.chunks_mut(16 * 1024) {
        let mut input = input;
        while let Some(received) = websocket.receive(&mut input, &mut output).expect("good frames")
        {
            let Received::Message(message) = received else { unreachable!("data alone") };
            assert_eq!(message.as_bytes().len(), frames);
            messages += 1;
        }
    }
    let time = start.elapsed();
    assert_eq!(messages, 1);
    time.as_nanos() as f64 / frames as f64
}
