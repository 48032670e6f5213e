//! Deflating, against the inflaters of zlib, zlib-rs and `miniz_oxide`, and our own strict one.

use deflate_oracle::corpus::{self, ALL, Kind};
use deflate_oracle::ours::{Cut, deflate, deflater, inflate, inflate_whole};
use deflate_oracle::rng::Rng;
use deflate_oracle::zlib::{c, rs};
use deflate_oracle::{Decompressor, miniz};
use sansocket::deflate::{
    DeflateError, DeflateScratch, Deflater, InflateScratch, InflateWindow, Level, WindowBits,
    max_deflated_len,
};

const LEVELS: [Level; 3] = [Level::Fast, Level::Balanced, Level::Best];

fn rounds(default: usize) -> usize {
    std::env::var("ROUNDS").map_or(default, |n| n.parse().unwrap())
}

/// A receiver: others, and ours with the window that was agreed on.
struct Receiver {
    zlib: Box<c::Inflate>,
    zlib_rs: Box<rs::Inflate>,
    miniz: miniz::Inflate,
    window: InflateWindow<Vec<u8>>,
    scratch: Box<InflateScratch>,
    buffer: Vec<u8>,
}

impl Receiver {
    fn new(bits: u8) -> Self {
        let bits = WindowBits::new(bits).unwrap();
        Self {
            zlib: c::Inflate::new(bits.get()),
            zlib_rs: rs::Inflate::new(bits.get()),
            miniz: miniz::Inflate::default(),
            window: InflateWindow::new(bits, vec![0; bits.size()]),
            scratch: Box::default(),
            buffer: vec![0; 1 << 19],
        }
    }

    fn expect(&mut self, payload: &[u8], message: &[u8]) {
        let tailed = [payload, &[0, 0, 0xff, 0xff]].concat();
        let n = self.zlib.message(&tailed, &mut self.buffer);
        assert!(self.buffer[..n] == *message, "zlib disagrees");
        let n = self.zlib_rs.message(&tailed, &mut self.buffer);
        assert!(self.buffer[..n] == *message, "zlib-rs disagrees");
        let n = self.miniz.message(&tailed, &mut self.buffer);
        assert!(self.buffer[..n] == *message, "miniz_oxide disagrees");
        let (ours, result) = inflate(
            &mut self.scratch,
            &mut self.window,
            payload,
            &mut Cut::Whole,
            &mut self.buffer,
        );
        assert_eq!(result, Ok(()));
        assert!(ours == message, "we disagree with ourselves");
    }

    fn clear(&mut self) {
        self.zlib.reset();
        self.zlib_rs.reset();
        self.miniz.reset();
        self.window.clear();
    }
}

/// What a sender may do with a message, in any order, with and without context takeover.
#[test]
fn whatever_is_deflated_both_inflaters_understand() {
    let mut rng = Rng(11);
    let mut scratch = Box::<DeflateScratch>::default();
    let mut small_scratch = Box::<DeflateScratch<100>>::default();
    let (mut messages, mut raw, mut undone, mut parts) = (0, 0, 0, 0);
    for round in 0..rounds(300) {
        for bits in 8..=15 {
            for level in LEVELS {
                let takeover = !rng.chance(3);
                let mut sender = deflater(level, bits);
                let mut receiver = Receiver::new(bits);
                let mut last = Vec::new();
                for _ in 0..8 {
                    let kind = ALL[rng.below(ALL.len())];
                    let len = rng.length(if round % 10 == 0 { 200_000 } else { 4000 });
                    let mut message = corpus::message(kind, len, &mut rng);
                    if rng.chance(6) {
                        message.clone_from(&last);
                    }
                    let mut out = vec![0; max_deflated_len(message.len())];
                    match rng.below(4) {
                        // Sent raw when it does not shrink.
                        0 => match sender.deflate(
                            &mut scratch,
                            &message,
                            true,
                            &mut out[..message.len()],
                        ) {
                            Ok(n) => receiver.expect(&out[..n], &message),
                            Err(error) => {
                                assert_eq!(error, DeflateError::OutputFull);
                                raw += 1;
                            }
                        },
                        // Deflated, and then not sent.
                        1 => {
                            let _ = sender.deflate(&mut scratch, &message, true, &mut out).unwrap();
                            sender.rollback();
                            undone += 1;
                        }
                        // In parts, some of which do not fit at first, or are undone.
                        2 => {
                            let mut payload = Vec::new();
                            let mut rest = &message[..];
                            loop {
                                let n = rng.length(rest.len());
                                let (part, after) = rest.split_at(n);
                                let is_last = after.is_empty() && rng.chance(2);
                                if rng.chance(4) {
                                    let room = rng.below(n + 1) / 4;
                                    if sender
                                        .deflate(&mut scratch, part, is_last, &mut out[..room])
                                        .is_ok()
                                    {
                                        sender.rollback();
                                    }
                                }
                                let room = max_deflated_len(n);
                                let n = if rng.chance(2) {
                                    sender
                                        .deflate(&mut scratch, part, is_last, &mut out[..room])
                                        .unwrap()
                                } else {
                                    sender
                                        .deflate(
                                            &mut small_scratch,
                                            part,
                                            is_last,
                                            &mut out[..room],
                                        )
                                        .unwrap()
                                };
                                payload.extend_from_slice(&out[..n]);
                                rest = after;
                                parts += 1;
                                if is_last {
                                    break;
                                }
                            }
                            receiver.expect(&payload, &message);
                        }
                        _ => {
                            let n = sender.deflate(&mut scratch, &message, true, &mut out).unwrap();
                            receiver.expect(&out[..n], &message);
                        }
                    }
                    if !takeover {
                        sender.clear();
                        receiver.clear();
                    }
                    messages += 1;
                    last = message;
                }
            }
        }
    }
    println!("{messages} messages, {raw} raw, {undone} undone, {parts} parts");
}

#[test]
fn whole_messages_need_no_window_on_either_side() {
    let mut rng = Rng(12);
    let mut scratch = Box::<DeflateScratch>::default();
    let mut inflate_scratch = InflateScratch::new();
    let mut messages = 0;
    for round in 0..rounds(300) {
        for bits in 8..=15 {
            for level in LEVELS {
                let kind = ALL[rng.below(ALL.len())];
                let len = rng.length(if round % 10 == 0 { 200_000 } else { 4000 });
                let message = corpus::message(kind, len, &mut rng);
                let window = WindowBits::new(bits).unwrap();
                let n = if rng.chance(2) {
                    level.table_len(window)
                } else {
                    rng.below(level.table_len(window))
                };
                let mut table = rng.bytes(n);
                let mut out = vec![0; max_deflated_len(len)];
                let n =
                    scratch.deflate_whole(level, window, &mut table, &message, &mut out).unwrap();
                Receiver::new(bits).expect(&out[..n], &message);
                let (inflated, result) =
                    inflate_whole(&mut inflate_scratch, bits, &out[..n], &mut Cut::Whole);
                assert_eq!(result, Ok(()));
                assert!(inflated == message);
                // A place one byte too small is refused, and nothing else is.
                assert!(
                    scratch
                        .deflate_whole(level, window, &mut table, &message, &mut out[..n - 1])
                        .is_err()
                );
                assert_eq!(
                    scratch.deflate_whole(level, window, &mut table, &message, &mut out[..n]),
                    Ok(n)
                );
                messages += 1;
            }
        }
    }
    println!("{messages} messages");
}

#[test]
fn nothing_grows_by_more_than_five_bytes_in_64_kib() {
    let mut rng = Rng(13);
    let mut scratch = Box::<DeflateScratch>::default();
    for level in LEVELS {
        for bits in [8, 9, 15] {
            for len in
                [0, 1, 2, 5, 60, 8191, 8192, 8193, 65534, 65535, 65536, 131_070, 131_071, 400_000]
            {
                let mut message = rng.bytes(len);
                // Text between noise makes blocks of both kinds.
                if rng.chance(2) {
                    for chunk in message.chunks_mut(9000).skip(1).step_by(2) {
                        chunk.fill(7);
                    }
                }
                let n = deflate(&mut deflater(level, bits), &mut scratch, &message).len();
                assert!(n <= len + 5 * len.div_ceil(65535) + 1, "{level:?} {bits} {len} {n}");
            }
        }
    }
}

#[test]
fn facts_41_to_43() {
    let mut scratch = Box::<DeflateScratch>::default();
    let text = b"{\"type\":\"message\",\"channel\":\"C024BE91L\",\"text\":\"Hello, world\"}";
    let text = &text[..62];
    let mut rng = Rng(14);
    let noise = corpus::message(Kind::Noise, 500, &mut rng);
    for level in LEVELS {
        let mut sender = deflater(level, 15);
        let mut receiver = Receiver::new(15);
        // 41: an empty message, at first and after others.
        assert_eq!(deflate(&mut sender, &mut scratch, b""), [0]);
        // 42: the same message again costs next to nothing.
        let first = deflate(&mut sender, &mut scratch, text);
        receiver.expect(&first, text);
        for _ in 0..2 {
            let again = deflate(&mut sender, &mut scratch, text);
            assert_eq!(again.len(), 4, "{level:?}");
            receiver.expect(&again, text);
        }
        assert_eq!(deflate(&mut sender, &mut scratch, b""), [0]);
        // 43: a message that does not shrink is none to the history.
        let mut out = [0; 500];
        assert_eq!(
            sender.deflate(&mut scratch, &noise, true, &mut out),
            Err(DeflateError::OutputFull)
        );
        let again = deflate(&mut sender, &mut scratch, text);
        assert_eq!(again.len(), 4, "{level:?}");
        receiver.expect(&again, text);
        println!("{level:?}: {} B, then 4", first.len());
    }
}

#[test]
fn fact_44_no_distance_passes_the_window() {
    // `Receiver` holds every window to its size; here each is driven to reach as far as it can.
    let mut rng = Rng(15);
    let mut scratch = Box::<DeflateScratch>::default();
    for bits in 8..=15 {
        let size = 1 << bits;
        for level in LEVELS {
            for slip in [-2i32, -1, 0, 1, 2] {
                let block = corpus::message(Kind::Noise, (size + slip) as usize, &mut rng);
                let mut sender = deflater(level, bits);
                let mut receiver = Receiver::new(bits);
                for _ in 0..3 {
                    let payload = deflate(&mut sender, &mut scratch, &block);
                    receiver.expect(&payload, &block);
                }
            }
        }
    }
}

#[test]
fn memory_is_within_its_bounds() {
    for bits in 8..=15 {
        let bits = WindowBits::new(bits).unwrap();
        let w = bits.size();
        let state = size_of::<Deflater<[u8; 0]>>();
        let window = size_of::<InflateWindow<[u8; 0]>>();
        let memory = LEVELS.map(|level| level.memory_len(bits) + state);
        println!("{:2} bits: inflate {}, deflate {memory:?}", bits.get(), w + window);
        assert!(w + window <= w + 64);
        assert!(
            memory[0] <= w + w / 4 + w / 2 + 64
                && memory[2] <= w * 9 / 2 + if w == 256 { 64 } else { 0 }
        );
    }
    assert!(size_of::<InflateScratch>() <= 8192);
    println!(
        "scratch: inflate {}, deflate {}; a message being inflated: {}",
        size_of::<InflateScratch>(),
        size_of::<DeflateScratch>(),
        size_of::<sansocket::deflate::Inflater>()
    );
}
