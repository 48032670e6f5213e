//! Streams of a connection with permessage-deflate (RFC 7692): good ones, and others
//! with one thing that is seldom seen or that a rule forbids; the same ones in
//! every run.

use sansocket::deflate::{DeflateScratch, Deflater, Level, WindowBits, max_deflated_len};

use crate::peers::Wsproto;
use crate::streams::{Frame, Rng, TEXTS, control};
use crate::{Agreed, MAX_MESSAGE, Role};

/// What sets a stream apart from a plain one.
const TWISTS: [&str; 11] = [
    "plain",
    "control inside",
    "final block",
    "empty payload",
    "payload cut",
    "payload longer",
    "payload changed",
    "far match",
    "too big",
    "RSV1 changed",
    "stream cut",
];

pub struct Deflated {
    pub agreed: Agreed,
    pub twist: &'static str,
    pub bytes: Vec<u8>,
}

struct Message {
    opcode: u8,
    bytes: Vec<u8>,
    /// What goes into the frames, if it is compressed.
    payload: Option<Vec<u8>>,
}

/// The stream of this number, which the zlib of Python may have compressed.
pub fn stream(role: Role, number: u64, python: &mut Wsproto) -> Deflated {
    let rng = &mut Rng(!number);
    let twist = TWISTS[rng.below(TWISTS.len())];
    let mut agreed = Agreed { bits: rng.pick(&[9, 10, 12, 15]), takeover: rng.chance(2) };
    // With takeover, what becomes a final block by chance would hide what else differs.
    agreed.takeover &= !["payload changed", "RSV1 changed"].contains(&twist);
    let mut messages = (0..=rng.below(4)).map(|_| message(rng)).collect::<Vec<_>>();
    let mut sender = agreed;
    match twist {
        "far match" => {
            sender = Agreed { bits: 15, takeover: true };
            let noise: Vec<u8> = (0..600).map(|_| rng.draw() as u8).collect();
            let bytes = [&noise[..], &noise[..100]].concat();
            messages.push(Message { opcode: 2, bytes: bytes.clone(), payload: None });
            messages.push(Message { opcode: 2, bytes, payload: None });
        }
        "too big" => {
            let len = MAX_MESSAGE + 1 + rng.below(5000);
            let bytes = if rng.chance(2) { text(rng, len) } else { vec![b'x'; len] };
            let at = rng.below(messages.len() + 1);
            messages.insert(at, Message { opcode: 2, bytes, payload: None });
        }
        // Where it goes, what lies behind it reaches back to other bytes.
        "final block" => messages.iter_mut().for_each(|message| message.opcode = 2),
        _ => {}
    }

    let texts: Vec<&[u8]> = messages.iter().map(|message| &message.bytes[..]).collect();
    // What comes of these hangs on each bit, and must not on the version of zlib.
    let by_bits = ["payload cut", "payload longer", "payload changed", "RSV1 changed"];
    let payloads = if rng.chance(2) && !by_bits.contains(&twist) {
        python.deflate(sender, rng.pick(&[1, 6, 9]), &texts)
    } else {
        deflate(sender, rng.pick(&[Level::Fast, Level::Balanced, Level::Best]), &texts)
    };
    for (message, payload) in messages.iter_mut().zip(payloads) {
        message.payload = Some(payload);
    }
    // One that is not compressed is no history either.
    if rng.chance(3) {
        let message = message(rng);
        messages.insert(rng.below(messages.len() + 1), message);
    }
    twist_payload(twist, &mut messages, rng);

    let mut frames = Vec::new();
    for message in &messages {
        fragments(message, twist == "control inside", role, rng, &mut frames);
        if rng.chance(4) {
            frames.push(control(role, rng));
        }
    }
    if rng.chance(3) {
        frames.push(Frame::new(0x88, 1000u16.to_be_bytes().to_vec(), role));
    }
    if twist == "RSV1 changed" {
        let at = rng.below(frames.len());
        frames[at].first ^= RSV1;
    }

    let mut bytes = Vec::new();
    for frame in &frames {
        frame.write(&mut bytes, (rng.draw() as u32).to_be_bytes());
    }
    if twist == "stream cut" {
        bytes.truncate(rng.below(bytes.len() + 1));
    }
    Deflated { agreed, twist, bytes }
}

const RSV1: u8 = 0x40;

fn message(rng: &mut Rng) -> Message {
    let len = rng.pick(&[0, 1, 5, 40, 300, 900]);
    let (opcode, bytes) = match rng.below(3) {
        0 => (2, (0..len).map(|_| rng.draw() as u8).collect()),
        1 => (2, (0..len).map(|_| rng.pick(b"abc")).collect()),
        _ => (1, text(rng, len)),
    };
    Message { opcode, bytes, payload: None }
}

/// Words that repeat, about `len` bytes of them.
fn text(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < len {
        text.extend(rng.pick(&TEXTS).as_bytes());
        text.push(b' ');
    }
    text
}

fn deflate(agreed: Agreed, level: Level, messages: &[&[u8]]) -> Vec<Vec<u8>> {
    let bits = WindowBits::new(agreed.bits).expect("8 to 15");
    let mut deflater = Deflater::new(level, bits, vec![0; level.memory_len(bits)]);
    let mut scratch = Box::<DeflateScratch>::default();
    let payloads = messages.iter().map(|message| {
        if !agreed.takeover {
            deflater.clear();
        }
        let mut payload = vec![0; max_deflated_len(message.len())];
        let len = deflater.deflate(&mut scratch, message, true, &mut payload);
        payload.truncate(len.expect("there is room"));
        payload
    });
    payloads.collect()
}

/// Blocks that are the last of their stream: RFC 7692 §7.2.3.4's with the byte 0 that
/// it asks for behind it, the same without, one that is stored, and two streams.
const FINAL: [&[u8]; 4] = [
    b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00",
    b"\xF3\x48\xCD\xC9\xC9\x07\x00",
    b"\x01\x02\x00\xFD\xFFhi\x00",
    b"\xF3\x48\xCD\xC9\xC9\x07\x00\xF2\x48\xCD\xC9\xC9\x07\x00",
];

fn twist_payload(twist: &str, messages: &mut Vec<Message>, rng: &mut Rng) {
    let special = match twist {
        "final block" => Some(rng.pick(&FINAL).to_vec()),
        "empty payload" => Some(Vec::new()),
        _ => None,
    };
    if let Some(payload) = special {
        let message = Message { opcode: 2, bytes: Vec::new(), payload: Some(payload) };
        messages.insert(rng.below(messages.len() + 1), message);
    }
    let mut payloads = messages.iter_mut().filter_map(|message| message.payload.as_mut());
    let Some(payload) = payloads.next().filter(|payload| !payload.is_empty()) else { return };
    match twist {
        "payload cut" => payload.truncate(rng.below(payload.len())),
        // The end of the last block and the beginning of another, or anything.
        "payload longer" if rng.chance(4) => payload.extend(b"\0\0\xFF\xFF\x02"),
        "payload longer" => payload.extend((0..=rng.below(4)).map(|_| rng.draw() as u8)),
        "payload changed" => {
            let at = rng.below(payload.len());
            payload[at] ^= 1 << rng.below(8);
        }
        _ => {}
    }
}

/// The frames of a message, with control frames between them or not.
fn fragments(
    message: &Message,
    control_inside: bool,
    role: Role,
    rng: &mut Rng,
    frames: &mut Vec<Frame>,
) {
    let mut first = message.opcode | if message.payload.is_some() { RSV1 } else { 0 };
    let mut payload = message.payload.as_ref().unwrap_or(&message.bytes).clone();
    while rng.chance(2) {
        let rest = payload.split_off(rng.below(payload.len() + 1));
        frames.push(Frame::new(first, payload, role));
        (payload, first) = (rest, 0);
        if control_inside {
            frames.push(control(role, rng));
        }
    }
    frames.push(Frame::new(0x80 | first, payload, role));
}
