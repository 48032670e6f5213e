//! What many small things cost: with each number of them ten times as great,
//! the time for one must stay what it was. (Were each fragment to look again at those
//! before it, a hundred times as many would cost a hundred times as much each.)

use cpu_time::ThreadTime;
use sansocket::deflate::{Agreement, Compression, DeflateScratch, Level, WindowBits};
use sansocket::extensions::Extensions;
use sansocket::handshake::{RequestReader, ResponseReader};
use sansocket::{Config, Connection, Received, Server, WebSocket};

use crate::lending::Decoder;
use crate::wire::{self, Content};

const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// How many times what one costs among few it may cost among many.
const MOST: f64 = 5.0;

/// Prints the table, up to `most` frames.
///
/// # Panics
/// If time is not linear.
pub fn table(most: usize) {
    type Case = (&'static str, fn(usize) -> f64);
    let cases: [Case; 14] = [
        ("fragments of 1 byte, one message", |n| fragments(n, 1)),
        ("fragments of 0 bytes, one message", |n| fragments(n, 0)),
        ("fragments of 1 byte, layer 2", |n| {
            whole(n, message_in_fragments(2, n, |_| vec![7]), None)
        }),
        ("text in fragments of 1 byte, layer 2", |n| {
            whole(n, message_in_fragments(1, n, |_| vec![b'a']), None)
        }),
        ("compressed text in fragments of 1 byte, layer 2", compressed_fragments),
        ("messages of 1 byte, in one input", in_one_input),
        ("messages of 16 bytes, in inputs of 1 byte", in_single_bytes),
        ("text of 3-byte characters, in fragments of 1 byte", text_in_fragments),
        ("a bomb (for 16 bytes of what it inflates to)", bomb),
        ("empty DEFLATE blocks, one message", empty_blocks),
        ("a request's head, in inputs of 1 byte (for a byte)", request_head),
        ("interim responses, in inputs of 1 byte (for a byte)", response_heads),
        ("a list of extensions (for a byte)", |n| extensions(n, ", ")),
        ("extensions in a line each (for a byte)", |n| {
            extensions(n, "\r\nSec-WebSocket-Extensions: ")
        }),
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
        let mut least = f64::INFINITY;
        for &number in &numbers {
            // The best of three, for the first pays for new memory.
            let time = (0..3).map(|_| run(number)).fold(f64::INFINITY, f64::min);
            print!("{time:>12.1}");
            least = least.min(time);
            assert!(time < MOST * least, "{name}: time is not linear");
        }
        println!();
    }
}

fn config() -> Config {
    Config::new().max_message(u64::MAX).max_fragments(u32::MAX)
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

/// The time for each of `frames` that make one message of layer 2 in `wire`.
fn whole(frames: usize, mut wire: Vec<u8>, agreed: Option<Agreement>) -> f64 {
    let mut websocket = WebSocket::server_with_compression(config(), agreed);
    let mut output = Vec::new();
    let start = ThreadTime::now();
    let mut messages = 0;
    for input in wire.chunks_mut(16 * 1024) {
        let mut input = input;
        while let Some(received) = websocket.receive(&mut input, &mut output).expect("good frames")
        {
            let Received::Message(message) = received else { unreachable!("data alone") };
            assert!(message.as_bytes().len() >= frames);
            messages += 1;
        }
    }
    let time = start.elapsed();
    assert_eq!(messages, 1);
    time.as_nanos() as f64 / frames as f64
}

fn compressed_fragments(frames: usize) -> f64 {
    // Digits of no order, so that there is about a byte of payload for two of text.
    let mut random = 1_u64;
    let text: Vec<u8> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b'0' + (random >> 33) as u8 % 10
    })
    .take(2 * frames)
    .collect();
    let payload = deflated(&text);
    let wire = message_in_fragments(1 | RSV1, payload.len(), |i| vec![payload[i]]);
    whole(payload.len(), wire, Some(agreed()))
}

fn bomb(pieces: usize) -> f64 {
    let payload = deflated(&vec![0; 16 * pieces]);
    whole(pieces, message_in_fragments(2 | RSV1, 1, |_| payload.clone()), Some(agreed()))
}

/// As many bytes behind them are a message that is not empty.
fn empty_blocks(blocks: usize) -> f64 {
    let payload = [[0, 0, 0, 0xFF, 0xFF].repeat(blocks), deflated(&vec![0; blocks])].concat();
    whole(blocks, message_in_fragments(2 | RSV1, 1, |_| payload.clone()), Some(agreed()))
}

/// The first byte of a frame says so if its message is compressed.
const RSV1: u8 = 0x40;

fn agreed() -> Agreement {
    let offers = Extensions::new(b"permessage-deflate").map(|offer| offer.expect("good"));
    Compression::new().accept(offers).expect("agreed")
}

fn deflated(message: &[u8]) -> Vec<u8> {
    let mut payload = vec![0; message.len() + 100];
    let mut table = vec![0; Level::Fast.table_len(WindowBits::MAX)];
    let len = DeflateScratch::<8192>::new()
        .deflate_whole(Level::Fast, WindowBits::MAX, &mut table, message, &mut payload)
        .expect("there is room");
    payload.truncate(len);
    payload
}

fn request_head(bytes: usize) -> f64 {
    let mut head = b"GET / HTTP/1.1\r\n".to_vec();
    head.extend(b"Some-Field: some value\r\n".iter().cycle().take(bytes));
    let mut reader = RequestReader::with_config(Config::new().max_head(usize::MAX));
    in_inputs_of_a_byte(&head, |bytes| matches!(reader.read(bytes), Ok(None)))
}

fn response_heads(bytes: usize) -> f64 {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
    let heads: Vec<u8> = interim.iter().copied().cycle().take(bytes).collect();
    let mut reader = ResponseReader::with_config(Config::new().max_head(usize::MAX));
    in_inputs_of_a_byte(&heads, |bytes| matches!(reader.read(bytes), Ok(None)))
}

/// The time for each byte of a head, of which `goes_on` wants more.
fn in_inputs_of_a_byte(head: &[u8], mut goes_on: impl FnMut(&[u8]) -> bool) -> f64 {
    let start = ThreadTime::now();
    for end in 0..=head.len() {
        assert!(goes_on(&head[..end]));
    }
    start.elapsed().as_nanos() as f64 / head.len() as f64
}

/// The time for each of `bytes` that offer what cannot be agreed on, to read them
/// and to see that.
fn extensions(bytes: usize, between: &str) -> f64 {
    let offer = "permessage-deflate; x";
    let offers = vec![offer; 1 + bytes / (offer.len() + between.len())].join(between);
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: {offers}\r\n\r\n"
    );
    let mut reader = RequestReader::with_config(Config::new().max_head(usize::MAX));
    let start = ThreadTime::now();
    let request = reader.read(head.as_bytes()).expect("well-formed").expect("whole");
    let upgrade = request.upgrade().expect("a handshake");
    assert_eq!(Compression::new().accept(upgrade.request().extensions()), None);
    start.elapsed().as_nanos() as f64 / bytes as f64
}
