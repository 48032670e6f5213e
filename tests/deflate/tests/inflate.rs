//! Inflating, against zlib, zlib-rs and `miniz_oxide`, and against the facts.

use deflate_oracle::corpus::{self, ALL};
use deflate_oracle::ours::{Cut, inflate, inflate_whole};
use deflate_oracle::rng::Rng;
use deflate_oracle::zlib::{c, rs};
use deflate_oracle::{Compressor, miniz};
use sansocket::deflate::{InflateError, InflateScratch, InflateWindow, Inflater, WindowBits};

fn window(bits: u8) -> InflateWindow<Vec<u8>> {
    let bits = WindowBits::new(bits).unwrap();
    InflateWindow::new(bits, vec![0xaa; bits.size()])
}

fn rounds(default: usize) -> usize {
    std::env::var("ROUNDS").map_or(default, |n| n.parse().unwrap())
}

/// All others that deflate with this window, level and strategy.
fn senders(bits: u8, level: i32, strategy: i32, mem_level: i32) -> Vec<Box<dyn Compressor>> {
    let mut senders: Vec<Box<dyn Compressor>> = vec![
        Box::new(c::Deflate::with_strategy(level, bits, mem_level, strategy)),
        Box::new(rs::Deflate::with_strategy(level, bits, mem_level, strategy)),
    ];
    if bits == 15 {
        senders.push(Box::new(miniz::Deflate::new(level, strategy)));
    }
    senders
}

#[test]
fn what_others_deflate_is_inflated() {
    let mut rng = Rng(1);
    let mut scratch = InflateScratch::new();
    let mut buffer = vec![0; 1 << 18];
    let mut messages = 0;
    let settings = |n: usize| (9 + (n % 7) as u8, (n / 7 % 10) as i32, (n / 70 % 5) as i32);
    for round in 0..rounds(6) {
        for (bits, level, strategy) in (0..7 * 10 * 5).map(settings) {
            for mut sender in senders(bits, level, strategy, 1 + rng.below(9) as i32) {
                let takeover = rng.chance(2);
                let mut ours = window(bits);
                for _ in 0..6 {
                    let kind = ALL[rng.below(ALL.len())];
                    let len = rng.length(if round % 3 == 0 { 40_000 } else { 3000 });
                    let message = corpus::message(kind, len, &mut rng);
                    let mut payload = Vec::new();
                    sender.message(&message, &mut payload);
                    let mut cut_rng = Rng(rng.draw());
                    let mut cut = match rng.below(4) {
                        0 => Cut::Whole,
                        1 if message.len() < 5000 => {
                            Cut::Random { rng: &mut cut_rng, input: 5, output: 5 }
                        }
                        _ => Cut::Random { rng: &mut cut_rng, input: 3000, output: 5000 },
                    };
                    let (inflated, result) =
                        inflate(&mut scratch, &mut ours, &payload, &mut cut, &mut buffer);
                    assert_eq!(result, Ok(()));
                    assert!(inflated == message);
                    if !takeover {
                        let (inflated, result) =
                            inflate_whole(&mut scratch, bits, &payload, &mut cut);
                        assert_eq!(result, Ok(()));
                        assert!(inflated == message);
                        sender.reset();
                        ours.clear();
                    }
                    messages += 1;
                }
            }
        }
    }
    println!("{messages} messages");
}

/// Each small payload cut in two at each place, and the room for its message, too.
#[test]
fn every_split_of_small_messages() {
    let mut rng = Rng(6);
    let mut scratch = InflateScratch::new();
    let mut splits = 0;
    for round in 0..rounds(70) {
        let len = rng.below(60);
        let message = corpus::message(ALL[round % ALL.len()], len, &mut rng);
        for mut sender in senders(15, rng.below(10) as i32, rng.below(5) as i32, 8) {
            let mut payload = Vec::new();
            sender.message(&message, &mut payload);
            for cut in 0..=payload.len() {
                for room in 0..=len {
                    let (mut inflater, mut window) = (Inflater::new(), window(8));
                    let (mut out, mut filled) = ([0; 60], 0);
                    for mut input in <[&[u8]; 2]>::from(payload.split_at(cut)) {
                        loop {
                            let end = if filled < room { room } else { len };
                            let out = &mut out[filled..end];
                            let inflated =
                                inflater.inflate(&mut scratch, &mut window, &mut input, out);
                            let inflated = inflated.unwrap();
                            filled += inflated.len;
                            if !inflated.is_full {
                                break;
                            }
                            assert!(filled == end && filled < len);
                        }
                    }
                    assert_eq!(inflater.finish(), Ok(()));
                    assert_eq!(out[..filled], message);
                    splits += 1;
                }
            }
        }
    }
    println!("{splits} splits");
}

/// A payload that is likely to be wrong in an interesting place.
fn hostile(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        // Noise, behind a dynamic header half of the time.
        0 => {
            let n = rng.below(60) + 1;
            let mut bytes = rng.bytes(n);
            if rng.chance(2) {
                bytes[0] = bytes[0] & !7 | [0b100, 0b101, 0b010, 0b011][rng.below(4)];
            }
            bytes
        }
        // Blocks of all kinds, one after the other, with few lengths so that codes come out whole now and then.
        1 | 2 => generated(rng),
        _ => {
            let kind = ALL[rng.below(ALL.len())];
            let len = rng.length(2000);
            let message = corpus::message(kind, len, rng);
            let mut payload = Vec::new();
            let senders = &mut senders(15, rng.below(10) as i32, rng.below(5) as i32, 8);
            let sender = rng.below(senders.len());
            senders[sender].message(&message, &mut payload);
            for _ in 0..rng.below(3) {
                match rng.below(6) {
                    0 => payload.truncate(rng.below(payload.len() + 1)),
                    1 => {
                        let n = rng.below(6);
                        payload.extend(rng.bytes(n));
                    }
                    2 => payload.insert(0, rng.draw() as u8),
                    _ if payload.is_empty() => {}
                    // The header is the interesting part.
                    3 => {
                        let at = rng.below(payload.len().min(40));
                        payload[at] ^= 1 << rng.below(8);
                    }
                    _ => {
                        let at = rng.below(payload.len());
                        payload[at] ^= 1 << rng.below(8);
                    }
                }
            }
            payload
        }
    }
}

struct BitWriter(Vec<u8>, u32);

impl BitWriter {
    fn put(&mut self, value: u32, bits: u32) {
        for n in 0..bits {
            if self.1 == 0 {
                self.0.push(0);
            }
            *self.0.last_mut().unwrap() |= ((value >> n & 1) as u8) << self.1;
            self.1 = (self.1 + 1) % 8;
        }
    }
}

/// Lengths of a complete code for some of `n` symbols, now and then spoilt.
fn random_code(rng: &mut Rng, n: usize, longest: usize) -> Vec<u8> {
    let mut lengths = vec![0u8; n];
    let mut leaves = vec![0u8];
    let wanted = rng.length(n - 1) + 1;
    while leaves.len() < wanted {
        let at = rng.below(leaves.len());
        if usize::from(leaves[at]) < longest {
            leaves[at] += 1;
            leaves.push(leaves[at]);
        } else if leaves.iter().all(|&l| usize::from(l) == longest) {
            break;
        }
    }
    if leaves == [0] {
        leaves[0] = rng.below(2) as u8;
    }
    for leaf in leaves {
        let mut at = rng.below(n);
        while lengths[at] != 0 {
            at = (at + 1) % n;
        }
        lengths[at] = leaf;
    }
    if rng.chance(12) {
        lengths[rng.below(n)] = rng.below(longest + 1) as u8;
    }
    lengths
}

fn generated(rng: &mut Rng) -> Vec<u8> {
    let mut out = BitWriter(Vec::new(), 0);
    for _ in 0..rng.below(4) + 1 {
        out.put(u32::from(rng.chance(8)), 1);
        match rng.below(4) {
            0 => {
                out.put(0, 2);
                while out.1 != 0 {
                    out.put(0, 1);
                }
                let n = rng.below(20) as u32;
                out.put(n, 16);
                out.put(if rng.chance(12) { n } else { !n & 0xffff }, 16);
                for _ in 0..n {
                    out.put(rng.below(256) as u32, 8);
                }
            }
            1 => {
                out.put(1, 2);
                for _ in 0..rng.below(30) {
                    // A literal (8 bits), a length (7), or anything.
                    out.put(rng.draw() as u32, [7, 8, 9, 5][rng.below(4)]);
                }
                out.put(0, 7);
            }
            _ => {
                out.put(2, 2);
                let hlit = 257 + {
                    let n = if rng.chance(20) { 32 } else { 30 };
                    rng.below(n)
                };
                let hdist = 1 + {
                    let n = if rng.chance(20) { 32 } else { 30 };
                    rng.below(n)
                };
                let mut lengths = random_code(rng, hlit, 15);
                if lengths[256] == 0 && !rng.chance(10) {
                    let any = lengths.iter().position(|&l| l != 0).unwrap_or(0);
                    lengths.swap(any, 256);
                }
                lengths.extend(random_code(rng, hdist, 15));
                // A flat code for the lengths: 16 symbols of 4 bits, in which zero runs are spelt out.
                out.put(hlit as u32 - 257, 5);
                out.put(hdist as u32 - 1, 5);
                out.put(15, 4);
                let spoilt = rng.chance(30);
                for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
                    out.put(if symbol < 16 || spoilt && rng.chance(3) { 4 } else { 0 }, 3);
                }
                for &length in &lengths {
                    out.put(u32::from(length).reverse_bits() >> 28, 4);
                }
                for _ in 0..rng.below(60) {
                    out.put(rng.draw() as u32, 5);
                }
            }
        }
    }
    if rng.chance(2) {
        out.put(0, 3);
    }
    out.0
}

#[test]
fn others_give_the_same_verdict_on_anything() {
    let mut rng = Rng(2);
    let mut scratch = InflateScratch::new();
    let mut buffer = vec![0; 1 << 18];
    let mut theirs = vec![0; 1 << 20];
    let (mut accepted, mut refused, mut kinds) = (0, 0, std::collections::BTreeMap::new());
    for round in 0..rounds(150_000) {
        let payload = hostile(&mut rng);
        let (ours, result) =
            inflate(&mut scratch, &mut window(15), &payload, &mut Cut::Whole, &mut buffer);
        for (name, verdict) in [
            ("zlib", c::verdict as fn(&[u8], &mut Vec<u8>) -> Option<()>),
            ("zlib-rs", rs::verdict),
            ("miniz_oxide", miniz::verdict),
        ] {
            theirs.resize(1 << 20, 0);
            let verdict = verdict(&payload, &mut theirs).is_some();
            assert_eq!(result.is_ok(), verdict, "{name}, round {round}: {result:?} {payload:02x?}");
            assert!(!verdict || ours == theirs, "{name}, round {round}: {payload:02x?}");
        }
        match result {
            Ok(()) => accepted += 1,
            Err(error) => {
                refused += 1;
                *kinds.entry(format!("{error:?}")).or_insert(0) += 1;
            }
        }

        // However it is cut, the same.
        let mut cut_rng = Rng(rng.draw());
        for (input, output) in [(0, 0), (1, 3000), (7, 1), (300, 300)] {
            let mut cut = Cut::Random { rng: &mut cut_rng, input: input + 1, output: output + 1 };
            let (pieces, cut_result) =
                inflate(&mut scratch, &mut window(15), &payload, &mut cut, &mut buffer);
            assert_eq!(cut_result, result, "round {round}");
            if result.is_ok() {
                assert!(pieces == ours, "round {round}");
            }
            let (whole, whole_result) = inflate_whole(&mut scratch, 15, &payload, &mut cut);
            assert_eq!(whole_result, result, "round {round}");
            assert_eq!(whole.len(), if result.is_ok() { ours.len() } else { whole.len() });
            if result.is_ok() {
                assert!(whole == ours, "round {round}");
            }
            if round % 16 != 0 {
                break;
            }
        }
    }
    println!("{accepted} accepted, {refused} refused: {kinds:#?}");
}

#[test]
fn the_window_is_a_limit_however_the_message_is_cut() {
    let mut rng = Rng(3);
    let mut scratch = InflateScratch::new();
    let mut buffer = vec![0; 1 << 18];
    let (mut near, mut far) = (0, 0);
    for _ in 0..rounds(20_000) / 10 {
        let len = rng.length(5000);
        let message = corpus::message(ALL[rng.below(ALL.len())], len, &mut rng);
        let mut payload = Vec::new();
        c::Deflate::new(6, 15, 8).message(&message, &mut payload);
        for bits in 8..=15 {
            let expected =
                inflate(&mut scratch, &mut window(bits), &payload, &mut Cut::Whole, &mut buffer).1;
            for (input, output) in [(1, 3000), (3000, 1), (50, 50)] {
                let mut cut = Cut::Random { rng: &mut rng, input, output };
                assert_eq!(
                    inflate(&mut scratch, &mut window(bits), &payload, &mut cut, &mut buffer).1,
                    expected
                );
                assert_eq!(inflate_whole(&mut scratch, bits, &payload, &mut cut).1, expected);
            }
            match expected {
                Ok(()) => near += 1,
                Err(error) => {
                    assert_eq!(error, InflateError::DistanceTooFar);
                    far += 1;
                }
            }
        }
    }
    println!("{near} within, {far} beyond");
}

#[test]
fn a_limit_is_never_passed_and_always_reached() {
    let mut rng = Rng(4);
    let mut scratch = InflateScratch::new();
    for _ in 0..rounds(20_000) / 4 {
        let len = rng.length(3000);
        let message = corpus::message(ALL[rng.below(ALL.len())], len, &mut rng);
        let mut payload = Vec::new();
        c::Deflate::new(6, 15, 8).message(&message, &mut payload);
        for limit in [0, 1, len / 2, len.saturating_sub(1), len, len + 1] {
            let mut out = vec![0xee; limit + 8];
            let mut inflater = Inflater::new();
            let mut input = &payload[..];
            let inflated = inflater
                .inflate(&mut scratch, &mut window(15), &mut input, &mut out[..limit])
                .unwrap();
            assert_eq!(inflated.is_full, limit < len);
            assert_eq!(inflated.len, limit.min(len));
            assert_eq!(out[..inflated.len], message[..inflated.len]);
            assert_eq!(out[limit..], [0xee; 8]);
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn first(payload: &str) -> Result<String, InflateError> {
    let (message, result) = inflate(
        &mut InflateScratch::new(),
        &mut window(15),
        &hex(payload),
        &mut Cut::Whole,
        &mut [0; 999],
    );
    let whole = inflate_whole(&mut InflateScratch::new(), 15, &hex(payload), &mut Cut::Whole);
    assert_eq!(result, whole.1);
    result.map(|()| String::from_utf8(message).unwrap())
}

#[test]
fn facts_29_to_37() {
    let hello = || Ok("Hello".to_owned());
    // 29: the second message needs the first.
    let mut scratch = InflateScratch::new();
    let mut ours = window(15);
    for payload in ["f2 48 cd c9 c9 07 00", "f2 00 11 00 00"] {
        let (message, result) =
            inflate(&mut scratch, &mut ours, &hex(payload), &mut Cut::Whole, &mut [0; 99]);
        assert_eq!((&message[..], result), (&b"Hello"[..], Ok(())));
    }
    assert_eq!(first("f2 00 11 00 00"), Err(InflateError::DistanceTooFar));
    // 30: stored.
    assert_eq!(first("00 05 00 fa ff 48 65 6c 6c 6f 00"), hello());
    // 31: final blocks, and the message after them.
    assert_eq!(first("f3 48 cd c9 c9 07 00 00"), hello());
    assert_eq!(first("f3 48 cd c9 c9 07 00 f2 48 cd c9 c9 07 00"), Ok("HelloHello".to_owned()));
    let mut ours = window(15);
    for payload in
        ["f3 48 cd c9 c9 07 00 00", "f2 00 11 00 00", "f3 48 cd c9 c9 07 00", "f2 00 11 00 00"]
    {
        let (message, result) =
            inflate(&mut scratch, &mut ours, &hex(payload), &mut Cut::Whole, &mut [0; 99]);
        assert_eq!((&message[..], result), (&b"Hello"[..], Ok(())));
    }
    // 32: the header byte behind a final block is missing.
    assert_eq!(first("f3 48 cd c9 c9 07 00"), hello());
    // 33: two blocks.
    assert_eq!(first("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"), hello());
    // 34: empty messages, and nothing at all.
    assert_eq!(first("00"), Ok(String::new()));
    assert_eq!(first("02 00"), Ok(String::new()));
    assert_eq!(first("01"), Ok(String::new()));
    assert_eq!(first(""), Err(InflateError::Truncated));
    // 36: bad blocks.
    assert_eq!(first("06"), Err(InflateError::InvalidBlockType));
    assert_eq!(first("00 05 00 fa fe 48"), Err(InflateError::InvalidStoredLength));
    // 37: bad symbols.
    assert_eq!(first("02 02 00 00"), Err(InflateError::DistanceTooFar));
    assert_eq!(first("72 04 3e 00 00"), Err(InflateError::InvalidCode));
    assert_eq!(first("1a 03 00"), Err(InflateError::InvalidCode));
    assert_eq!(first("f4 00 00 00"), Err(InflateError::TooManyCodes));
    assert_eq!(first("04 1e 00 00"), Err(InflateError::TooManyCodes));
    // Broken off anywhere, it is truncated: also where the tail could be taken for what is missing.
    for n in 0..6 {
        let payload = hex("f2 48 cd c9 c9 07 00");
        let result =
            inflate(&mut scratch, &mut window(15), &payload[..n], &mut Cut::Whole, &mut [0; 99]).1;
        assert_eq!(result, Err(InflateError::Truncated), "{n}");
    }
    assert_eq!(first("00 05 00 fa ff 48"), Err(InflateError::Truncated));
}

#[test]
fn fact_40_limits() {
    let mut scratch = InflateScratch::new();
    for (limit, len, is_full) in [(5, 5, false), (4, 4, true), (0, 0, true)] {
        let mut out = [0; 5];
        let mut input = &hex("f2 48 cd c9 c9 07 00")[..];
        let inflated = Inflater::new()
            .inflate(&mut scratch, &mut window(15), &mut input, &mut out[..limit])
            .unwrap();
        assert_eq!((inflated.len, inflated.is_full), (len, is_full));
    }
    // A bomb of 16 MiB under a limit of 1 MiB.
    let mut payload = Vec::new();
    c::Deflate::new(9, 15, 8).message(&vec![0; 16 << 20], &mut payload);
    let mut out = vec![0; 1 << 20];
    let mut input = &payload[..];
    let inflated =
        Inflater::new().inflate_whole(&mut scratch, WindowBits::MAX, &mut input, &mut out).unwrap();
    assert!(inflated.is_full && inflated.len == 1 << 20);
    assert!(payload.len() - input.len() < 1100, "{}", payload.len() - input.len());
}

/// The codes of RFC 1951 §3.2.2, their first bit lowest.
fn codes(lengths: &[u8]) -> Vec<u32> {
    let mut codes = vec![0; lengths.len()];
    let mut code = 0u32;
    for length in 1..=15 {
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, l)| **l == length) {
            codes[symbol] = code.reverse_bits() >> (32 - u32::from(length));
            code += 1;
        }
        code *= 2;
    }
    codes
}

/// Two literals and a match that take all the bits they can, 78, over and over, cut at every place.
#[test]
fn the_longest_codes_at_every_cut() {
    let mut rng = Rng(7);
    let noise = rng.bytes(32_000);
    let mut out = BitWriter(vec![0, 0x00, 0x7d, 0xff, 0x82], 0);
    out.0.extend_from_slice(&noise);
    // One code of each length, and the rest of 15 bits: the literals 97 and 98, and length 284 among them.
    let (mut litlen, mut distance) = ([0u8; 286], [0u8; 30]);
    litlen[..12].copy_from_slice(&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    litlen[256] = 1;
    for symbol in [97, 98, 283, 284] {
        litlen[symbol] = 15;
    }
    for (length, symbol) in (1..).zip(0..14) {
        distance[symbol] = length;
    }
    distance[28..].fill(15);
    out.put(0b100, 3);
    out.put(29 | 29 << 5 | 15 << 10, 14);
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
        out.put(if symbol < 16 { 4 } else { 0 }, 3);
    }
    for &length in litlen.iter().chain(&distance) {
        out.put(u32::from(length).reverse_bits() >> 28, 4);
    }
    let (litlen, distance) = (codes(&litlen), codes(&distance));
    let mut expected = noise;
    for n in 0..40 {
        out.put(litlen[97], 15);
        out.put(litlen[98], 15);
        expected.extend(b"ab");
        let (more, back) = (n % 31, rng.below(7000));
        out.put(litlen[284], 15);
        out.put(more, 5);
        out.put(distance[29], 15);
        out.put(back as u32, 13);
        let start = expected.len() - 24577 - back;
        expected.extend_from_within(start..start + 227 + more as usize);
    }
    out.put(litlen[256], 1);
    out.put(0, 3);
    let (payload, len) = (out.0, expected.len());
    let mut theirs = vec![0; 1 << 17];
    assert_eq!(c::verdict(&payload, &mut theirs), Some(()));
    assert!(theirs == expected);
    let mut scratch = InflateScratch::new();
    let mut message = vec![0; len + 1000];
    for cut in 32_100..=payload.len() {
        let mut inflater = Inflater::new();
        let (first, second) = payload.split_at(cut);
        for mut piece in [first, second] {
            let inflated =
                inflater.inflate_whole(&mut scratch, WindowBits::MAX, &mut piece, &mut message);
            assert!(!inflated.unwrap().is_full);
        }
        assert_eq!(inflater.finish(), Ok(()), "{cut}");
        assert!(message[..len] == expected, "{cut}");
    }
}

#[test]
fn one_scratch_serves_messages_that_interleave() {
    let mut rng = Rng(5);
    let mut scratch = InflateScratch::new();
    for _ in 0..rounds(20_000) / 40 {
        let messages: Vec<Vec<u8>> = (0..4)
            .map(|_| {
                let n = rng.length(4000);
                corpus::message(ALL[rng.below(3)], n, &mut rng)
            })
            .collect();
        let payloads: Vec<Vec<u8>> = messages
            .iter()
            .map(|message| {
                let mut p = Vec::new();
                c::Deflate::new(6, 15, 8).message(message, &mut p);
                p
            })
            .collect();
        let mut state: Vec<_> =
            (0..4).map(|n| (Inflater::new(), window(15), &payloads[n][..], Vec::new())).collect();
        while state.iter().any(|s| !s.2.is_empty()) {
            let (inflater, window, input, out) = &mut state[rng.below(4)];
            let n = rng.below(60).min(input.len());
            let (mut piece, rest) = input.split_at(n);
            *input = rest;
            let mut buffer = [0; 1 << 16];
            let inflated = inflater.inflate(&mut scratch, window, &mut piece, &mut buffer).unwrap();
            out.extend_from_slice(&buffer[..inflated.len]);
        }
        for ((inflater, _, _, out), message) in state.into_iter().zip(&messages) {
            assert_eq!(inflater.finish(), Ok(()));
            assert!(out == *message);
        }
    }
}
