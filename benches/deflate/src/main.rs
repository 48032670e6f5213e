//! Throughput beside zlib-rs, zlib, `miniz_oxide` and libdeflate, and how small messages become.
//!
//! All take their turns within each repetition, on the same messages; what is printed is the ratio of medians: how many times as
//! fast as zlib-rs (at level 6, when deflating). `deflate-table [inflate|deflate|both] [kilobytes for each turn]`

use std::hint::black_box;
use std::time::Instant;

use deflate_oracle::corpus::{self, TEXTS};
use deflate_oracle::ours::{Receiver, Sender};
use deflate_oracle::rng::Rng;
use deflate_oracle::zlib::{c, rs};
use deflate_oracle::{Compressor, Decompressor, empty, libdeflate, miniz};
use sansocket::deflate::Level;

const SIZES: [usize; 6] = [64, 256, 1024, 4096, 16384, 65536];
const REPETITIONS: usize = 31;

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    let total = std::env::args().nth(2).map_or(512, |n| n.parse().unwrap()) * 1024;
    if what != "deflate" {
        inflate(total);
    }
    if what != "inflate" {
        deflate(total);
    }
    hostile();
}

/// A name, and a turn, which returns how many bytes it made.
struct Contender<'a> {
    name: &'static str,
    turn: Box<dyn FnMut() -> usize + 'a>,
}

/// Runs all contenders in turn; returns their median times in seconds, and what they made.
fn medians(contenders: &mut [Contender<'_>]) -> Vec<(f64, usize)> {
    let mut turns = vec![Vec::new(); contenders.len()];
    for _ in 0..REPETITIONS {
        for (turns, contender) in turns.iter_mut().zip(contenders.iter_mut()) {
            let start = Instant::now();
            let made = (contender.turn)();
            turns.push((start.elapsed().as_secs_f64(), made));
        }
    }
    let median = |mut turns: Vec<(f64, usize)>| {
        turns.sort_by(|a, b| a.0.total_cmp(&b.0));
        turns[turns.len() / 2]
    };
    turns.into_iter().map(median).collect()
}

fn geomean(values: &[f64]) -> f64 {
    (values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64).exp()
}

fn messages(kind: corpus::Kind, size: usize, total: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng(size as u64);
    (0..(total / size).max(4)).map(|_| corpus::message(kind, size, &mut rng)).collect()
}

fn inflating<'a, D: Decompressor + 'a>(
    name: &'static str,
    mut decompressor: D,
    payloads: &[Vec<u8>],
    size: usize,
    takeover: bool,
) -> Contender<'a> {
    // The tail comes for nothing.
    let payloads: Vec<_> = payloads.iter().map(|payload| [payload, D::TAIL].concat()).collect();
    let mut out = vec![0; 70_000];
    let turn = Box::new(move || {
        decompressor.reset();
        for payload in &payloads {
            let n = decompressor.message(payload, &mut out);
            assert_eq!(n, size);
            black_box(&out[..n]);
            if !takeover {
                decompressor.reset();
            }
        }
        size * payloads.len()
    });
    Contender { name, turn }
}

fn deflating<'a>(
    name: &'static str,
    mut compressor: impl Compressor + 'a,
    messages: &'a [Vec<u8>],
    takeover: bool,
) -> Contender<'a> {
    let mut out = Vec::new();
    let turn = Box::new(move || {
        compressor.reset();
        let mut made = 0;
        for message in messages {
            out.clear();
            compressor.message(message, &mut out);
            made += black_box(&out).len();
            if !takeover {
                compressor.reset();
            }
        }
        made
    });
    Contender { name, turn }
}

fn inflate(total: usize) {
    println!(
        "inflate: speed, zlib-rs = 1 (geometric mean of chat, tick, cjk); MB/s of ours on chat"
    );
    for takeover in [true, false] {
        for size in SIZES {
            let mut speeds = Vec::new();
            let mut on_chat = None;
            for kind in TEXTS {
                let messages = messages(kind, size, total);
                let mut sender = c::Deflate::new(6, 15, 8);
                let mut payloads = Vec::new();
                for message in &messages {
                    let mut payload = Vec::new();
                    sender.message(message, &mut payload);
                    payloads.push(payload);
                    if !takeover {
                        sender.reset();
                    }
                }
                let (p, t) = (&payloads[..], takeover);
                let mut contenders = vec![
                    inflating("zlib-rs", rs::Inflate::new(15), p, size, t),
                    inflating("zlib", c::Inflate::new(15), p, size, t),
                    inflating("miniz", miniz::Inflate::default(), p, size, t),
                    inflating("ours", Receiver::new(t), p, size, t),
                ];
                if !takeover {
                    let libdeflate = libdeflate::Inflate::default();
                    contenders.push(inflating("libdeflate", libdeflate, p, size, t));
                }
                let medians = medians(&mut contenders);
                on_chat.get_or_insert(medians[3].1 as f64 / medians[3].0 / 1e6);
                speeds.push(medians.iter().map(|m| medians[0].0 / m.0).collect::<Vec<_>>());
                if size == SIZES[0] && kind == TEXTS[0] {
                    heading(takeover, contenders.iter().map(|contender| contender.name));
                    println!("{:>11}", "MB/s");
                }
            }
            print!("{size:14}");
            row(&speeds, 2);
            println!("{:11.0}", on_chat.unwrap());
        }
    }
}

fn deflate(total: usize) {
    println!(
        "deflate: speed, zlib-rs level 6 = 1 (geometric mean of chat, tick, cjk) | bytes of text for each of payload, the same"
    );
    for takeover in [true, false] {
        for size in SIZES {
            let (mut speeds, mut shrinks) = (Vec::new(), Vec::new());
            for kind in TEXTS {
                let messages = &messages(kind, size, total)[..];
                let ours = |level| Sender::new(level, takeover);
                let mut contenders = vec![
                    deflating("rs 6", rs::Deflate::new(6, 15, 8), messages, takeover),
                    deflating("rs 1", rs::Deflate::new(1, 15, 8), messages, takeover),
                    deflating("zlib 6", c::Deflate::new(6, 15, 8), messages, takeover),
                    deflating("zlib 1", c::Deflate::new(1, 15, 8), messages, takeover),
                    deflating("miniz 6", miniz::Deflate::new(6, 0), messages, takeover),
                    deflating("fast", ours(Level::Fast), messages, takeover),
                    deflating("balanced", ours(Level::Balanced), messages, takeover),
                    deflating("best", ours(Level::Best), messages, takeover),
                ];
                if !takeover {
                    for (name, level) in [("libdef 1", 1), ("libdef 6", 6)] {
                        let libdeflate = libdeflate::Deflate::new(level);
                        contenders.push(deflating(name, libdeflate, messages, takeover));
                    }
                }
                let medians = medians(&mut contenders);
                let len = messages.len() * size;
                speeds.push(medians.iter().map(|m| medians[0].0 / m.0).collect::<Vec<_>>());
                shrinks.push(medians.iter().map(|m| len as f64 / m.1 as f64).collect());
                if size == SIZES[0] && kind == TEXTS[0] {
                    let all = || contenders.iter().map(|contender| contender.name);
                    heading(takeover, all().chain(["|"]).chain(all()));
                    println!();
                }
            }
            print!("{size:14}");
            row(&speeds, 2);
            print!("{:>11}", "|");
            row(&shrinks, 3);
            println!();
        }
    }
}

fn heading(takeover: bool, names: impl Iterator<Item = &'static str>) {
    print!("{:14}", if takeover { "takeover" } else { "no takeover" });
    names.for_each(|name| print!("{name:>11}"));
}

/// The geometric means of all columns.
fn row(values: &[Vec<f64>], digits: usize) {
    for column in 0..values[0].len() {
        let column: Vec<_> = values.iter().map(|row| row[column]).collect();
        print!("{:11.digits$}", geomean(&column));
    }
}

/// Blocks with nothing in them: the most work that a byte of input can make.
fn hostile() {
    println!("empty blocks: ns each");
    println!("{:14}{:>11}{:>11}{:>11}", "", "zlib-rs", "zlib", "ours");
    for (name, blocks) in [
        ("stored", empty::stored as fn(usize) -> Vec<u8>),
        ("fixed", empty::fixed),
        ("dynamic", empty::dynamic),
        ("large", empty::large),
    ] {
        const BLOCKS: usize = 2000;
        let payload = &[blocks(BLOCKS)][..];
        let medians = medians(&mut [
            inflating("zlib-rs", rs::Inflate::new(15), payload, 0, true),
            inflating("zlib", c::Inflate::new(15), payload, 0, true),
            inflating("ours", Receiver::new(true), payload, 0, true),
        ]);
        print!("{name:14}");
        row(&[medians.iter().map(|m| m.0 * 1e9 / BLOCKS as f64).collect()], 1);
        println!();
    }
}
