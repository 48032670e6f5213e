//! Streams of frames: good ones, good ones with something changed, and noise;
//! the same ones in every run.

use crate::{MAX_MESSAGE, Role};

/// A small generator of numbers (SplitMix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.draw() % n as u64) as usize
    }

    pub fn chance(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A frame whose parts may be at odds with the rules.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    masked: bool,
    /// How the length is written: 0, 2 or 8 bytes behind the second.
    form: usize,
    len: u64,
    payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(first: u8, payload: Vec<u8>, role: Role) -> Self {
        let len = payload.len() as u64;
        let form = match len {
            0..=125 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        Self { first, masked: role == Role::Server, form, len, payload }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>, key: [u8; 4]) {
        let mask = if self.masked { 0x80 } else { 0 };
        out.push(self.first);
        match self.form {
            0 => out.push(mask | self.len as u8 & 0x7F),
            2 => {
                out.push(mask | 126);
                out.extend((self.len as u16).to_be_bytes());
            }
            _ => {
                out.push(mask | 127);
                out.extend(self.len.to_be_bytes());
            }
        }
        if self.masked {
            out.extend(key);
            out.extend(self.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            out.extend(&self.payload);
        }
    }
}

pub(crate) const TEXTS: [&str; 6] =
    ["", "Hello", "aé€😀", "κόσμε", "漢字かな交じり文", "\u{10FFFF}\u{0}"];

/// Broken at the start, in the middle, at the end.
const NO_TEXTS: [&[u8]; 8] = [
    b"\xFF",
    b"ab\xC0\x80",
    b"\xED\xA0\x80",
    b"ok \xF4\x90\x80\x80",
    b"\xE2\x82",
    b"a\x80",
    b"\xF0\x9F\x98!",
    b"\xF8\x88\x80\x80\x80",
];

/// Frames as no rule forbids.
fn good(role: Role, rng: &mut Rng) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..=rng.below(4) {
        let is_text = rng.chance(2);
        let mut payload = if is_text {
            rng.pick(&TEXTS).repeat(1 + rng.below(9)).into_bytes()
        } else {
            let len = rng.pick(&[0, 1, 7, 125, 126, 300, MAX_MESSAGE]);
            (0..len).map(|_| rng.draw() as u8).collect()
        };
        let mut opcode = if is_text { 1 } else { 2 };
        while rng.chance(2) && frames.len() < 30 {
            let rest = payload.split_off(rng.below(payload.len() + 1));
            frames.push(Frame::new(opcode, payload, role));
            (payload, opcode) = (rest, 0);
            if rng.chance(3) {
                frames.push(control(role, rng));
            }
        }
        frames.push(Frame::new(0x80 | opcode, payload, role));
        if rng.chance(3) {
            frames.push(control(role, rng));
        }
    }
    if rng.chance(3) {
        let body = match rng.below(4) {
            0 => Vec::new(),
            1 => 1000u16.to_be_bytes().to_vec(),
            _ => {
                let code = rng.pick(&[1000u16, 1001, 1011, 1013, 3000, 4999]);
                [&code.to_be_bytes(), rng.pick(&TEXTS).as_bytes()].concat()
            }
        };
        frames.push(Frame::new(0x88, body, role));
        if rng.chance(2) {
            frames.push(Frame::new(0x81, b"late".to_vec(), role));
        }
    }
    frames
}

pub(crate) fn control(role: Role, rng: &mut Rng) -> Frame {
    let len = rng.pick(&[0, 1, 4, 125]);
    let payload = (0..len).map(|_| rng.draw() as u8).collect();
    Frame::new(rng.pick(&[0x89, 0x8A]), payload, role)
}

/// Breaks a rule, or seems to.
fn break_one(frames: &mut Vec<Frame>, role: Role, rng: &mut Rng) {
    let at = rng.below(frames.len());
    let frame = &mut frames[at];
    match rng.below(12) {
        0 => frame.first ^= 1 << rng.below(8),
        1 => frame.first = rng.draw() as u8,
        2 => frame.masked = !frame.masked,
        3 => frame.form = rng.pick(&[2, 8]),
        4 => {
            frame.form = 8;
            frame.len = rng.pick(&[1 << 63, (1 << 63) + 5, u64::MAX, 1 << 62, 1 << 32, 2000]);
        }
        5 => *frame = Frame::new(0x81, rng.pick(&NO_TEXTS).to_vec(), role),
        6 => {
            let code = rng.pick(&[0u16, 999, 1004, 1005, 1006, 1012, 1014, 1015, 1016, 2999, 5000]);
            *frame = Frame::new(0x88, code.to_be_bytes().to_vec(), role);
        }
        7 => {
            let body = rng.pick(&[&b"\x03"[..], b"\x03\xE8\xFF", b"\x03\xE8\xE2\x82"]);
            *frame = Frame::new(0x88, body.to_vec(), role);
        }
        8 => {
            let first = rng.pick(&[0x88, 0x89, 0x8A, 0x08, 0x09]);
            *frame = Frame::new(first, vec![b'x'; rng.pick(&[2, 126, 300])], role);
        }
        9 => *frame = Frame::new(0x82, vec![7; MAX_MESSAGE + 1], role),
        10 => {
            frames.remove(at);
        }
        _ => {
            let copy = frame.clone();
            frames.insert(rng.below(frames.len()), copy);
        }
    }
}

/// The stream of this number.
pub fn stream(role: Role, number: u64) -> Vec<u8> {
    let mut rng = Rng(number);
    let mut frames = good(role, &mut rng);
    let kind = number % 8;
    if kind > 1 {
        break_one(&mut frames, role, &mut rng);
    }
    let mut bytes = Vec::new();
    for frame in &frames {
        frame.write(&mut bytes, (rng.draw() as u32).to_be_bytes());
    }
    match kind {
        // Cut off, a byte changed, noise behind it, nothing but noise.
        4 => bytes.truncate(rng.below(bytes.len() + 1)),
        5 if !bytes.is_empty() => {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
        6 => bytes.extend((0..rng.below(30)).map(|_| rng.draw() as u8)),
        7 if rng.chance(2) => bytes = (0..rng.below(60)).map(|_| rng.draw() as u8).collect(),
        _ => {}
    }
    bytes
}
