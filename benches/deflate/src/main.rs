//! Throughput beside zlib-rs and C zlib, and how small messages become.
//!
//! All take their turns within each repetition, on the same messages; what is printed is the ratio of medians: how many times as
//! fast as zlib-rs (at level 6, when deflating). `bench [inflate|deflate] [kilobytes for each turn]`

use std::hint::black_box;
use std::time::Instant;

use deflate_oracle::corpus::{self, TEXTS};
use deflate_oracle::rng::Rng;
use deflate_oracle::zlib::{c, rs};
use sansocket::deflate::{
    DeflateScratch, Deflater, InflateScratch, InflateWindow, Inflater, Level, WindowBits,
    max_deflated_len,
};

const SIZES: [usize; 6] = [64, 256, 1024, 4096, 16384, 65536];
const REPETITIONS: usize = 9;

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

/// Runs all contenders in turn; returns their median times in seconds.
/// A name and what to time.
type Contender<'a> = (&'static str, Box<dyn FnMut() + 'a>);

fn medians(contenders: &mut [Contender<'_>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..REPETITIONS {
        for (times, (_, run)) in times.iter_mut().zip(contenders.iter_mut()) {
            let start = Instant::now();
            run();
            times.push(start.elapsed().as_secs_f64());
        }
    }
    times
        .iter_mut()
        .map(|t| {
            t.sort_by(f64::total_cmp);
            t[t.len() / 2]
        })
        .collect()
}

fn geomean(values: &[f64]) -> f64 {
    (values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64).exp()
}

fn messages(kind: corpus::Kind, size: usize, total: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng(size as u64);
    (0..(total / size).max(4)).map(|_| corpus::message(kind, size, &mut rng)).collect()
}

fn inflate(total: usize) {
    println!("inflate, zlib-rs = 1 (geometric mean of chat, tick, cjk); MB/s on chat");
    println!("{:14}{:>8}{:>8}{:>8}", "", "zlib", "ours", "MB/s");
    for takeover in [true, false] {
        for size in SIZES {
            let mut ratios = [Vec::new(), Vec::new()];
            let mut speed = 0.0;
            for kind in TEXTS {
                let messages = messages(kind, size, total);
                let mut sender = c::Deflate::new(6, 15, 8);
                let payloads: Vec<Vec<u8>> = messages
                    .iter()
                    .map(|message| {
                        let mut payload = Vec::new();
                        sender.message(message, &mut payload);
                        if !takeover {
                            sender.reset();
                        }
                        payload
                    })
                    .collect();
                // zlib gets its tail for nothing.
                let tailed: Vec<Vec<u8>> =
                    payloads.iter().map(|p| [&p[..], &[0, 0, 0xff, 0xff]].concat()).collect();
                let mut zlib_rs = rs::Inflate::new(15);
                let mut zlib_c = c::Inflate::new(15);
                let mut scratch = Box::new(InflateScratch::new());
                let mut window = InflateWindow::new(WindowBits::MAX, vec![0; 1 << 15]);
                let (mut a, mut b, mut d) = (vec![0; 70_000], vec![0; 70_000], vec![0; 70_000]);
                let times = medians(&mut [
                    (
                        "zlib-rs",
                        Box::new(|| {
                            zlib_rs.reset();
                            for payload in &tailed {
                                let n = zlib_rs.piece(payload, &mut a).2;
                                assert_eq!(n, size);
                                black_box(&a[..n]);
                                if !takeover {
                                    zlib_rs.reset();
                                }
                            }
                        }),
                    ),
                    (
                        "zlib",
                        Box::new(|| {
                            zlib_c.reset();
                            for payload in &tailed {
                                let n = zlib_c.piece(payload, &mut b).2;
                                assert_eq!(n, size);
                                black_box(&b[..n]);
                                if !takeover {
                                    zlib_c.reset();
                                }
                            }
                        }),
                    ),
                    (
                        "ours",
                        Box::new(|| {
                            window.clear();
                            for payload in &payloads {
                                let mut inflater = Inflater::new();
                                let mut input = &payload[..];
                                let inflated = if takeover {
                                    inflater.inflate(&mut scratch, &mut window, &mut input, &mut d)
                                } else {
                                    inflater.inflate_whole(
                                        &mut scratch,
                                        WindowBits::MAX,
                                        &mut input,
                                        &mut d,
                                    )
                                };
                                let n = inflated.unwrap().len;
                                assert_eq!(n, size);
                                inflater.finish().unwrap();
                                black_box(&d[..n]);
                            }
                        }),
                    ),
                ]);
                ratios[0].push(times[0] / times[1]);
                ratios[1].push(times[0] / times[2]);
                if speed == 0.0 {
                    speed = (messages.len() * size) as f64 / times[2] / 1e6;
                }
            }
            let mode = if takeover { "takeover" } else { "whole" };
            println!(
                "{mode:8}{size:6}{:8.2}{:8.2}{speed:8.0}",
                geomean(&ratios[0]),
                geomean(&ratios[1])
            );
        }
    }
}

fn deflate(total: usize) {
    println!(
        "deflate, speed where zlib-rs level 6 = 1 (geometric mean of chat, tick, cjk) | size of text / size of payload, the same"
    );
    let names = ["rs 6", "rs 1", "zlib 6", "zlib 1", "fast", "balanced", "best"];
    print!("{:14}", "");
    for name in names {
        print!("{name:>9}");
    }
    print!("  |");
    for name in names {
        print!("{name:>9}");
    }
    println!();
    for takeover in [true, false] {
        for size in SIZES {
            let mut speeds = vec![Vec::new(); names.len()];
            let mut shrinks = vec![Vec::new(); names.len()];
            for kind in TEXTS {
                let messages = messages(kind, size, total);
                let mut out = [const { Vec::<u8>::new() }; 7];
                let mut lens = [0usize; 7];
                {
                    let [l0, l1, l2, l3, l4, l5, l6] = &mut lens;
                    let [o0, o1, o2, o3, o4, o5, o6] = &mut out;
                    let mut contenders: Vec<Contender<'_>> = Vec::new();
                    for (level, len, out) in [(6, l0, o0), (1, l1, o1)] {
                        let messages = &messages;
                        let mut zlib = rs::Deflate::new(level, 15, 8);
                        contenders.push((
                            "rs",
                            Box::new(move || {
                                *len = 0;
                                zlib.reset();
                                for message in messages {
                                    out.clear();
                                    zlib.message(message, out);
                                    *len += out.len();
                                    if !takeover {
                                        zlib.reset();
                                    }
                                }
                            }),
                        ));
                    }
                    for (level, len, out) in [(6, l2, o2), (1, l3, o3)] {
                        let messages = &messages;
                        let mut zlib = c::Deflate::new(level, 15, 8);
                        contenders.push((
                            "zlib",
                            Box::new(move || {
                                *len = 0;
                                zlib.reset();
                                for message in messages {
                                    out.clear();
                                    zlib.message(message, out);
                                    *len += out.len();
                                    if !takeover {
                                        zlib.reset();
                                    }
                                }
                            }),
                        ));
                    }
                    for (level, len, out) in
                        [(Level::Fast, l4, o4), (Level::Balanced, l5, o5), (Level::Best, l6, o6)]
                    {
                        let messages = &messages;
                        let bits = WindowBits::MAX;
                        let mut scratch = Box::<DeflateScratch>::default();
                        let mut sender =
                            Deflater::new(level, bits, vec![0; level.memory_len(bits)]);
                        let mut table = vec![0; level.table_len(bits)];
                        contenders.push((
                            "ours",
                            Box::new(move || {
                                *len = 0;
                                sender.clear();
                                for message in messages {
                                    // What the wrappers of zlib do.
                                    out.clear();
                                    out.resize(max_deflated_len(message.len()), 0);
                                    let n = if takeover {
                                        sender.deflate(&mut scratch, message, true, out)
                                    } else {
                                        scratch.deflate_whole(level, bits, &mut table, message, out)
                                    };
                                    *len += n.unwrap();
                                }
                            }),
                        ));
                    }
                    let times = medians(&mut contenders);
                    for (speeds, time) in speeds.iter_mut().zip(&times) {
                        speeds.push(times[0] / time);
                    }
                }
                for (shrinks, len) in shrinks.iter_mut().zip(lens) {
                    shrinks.push((messages.len() * size) as f64 / len as f64);
                }
            }
            let mode = if takeover { "takeover" } else { "whole" };
            print!("{mode:8}{size:6}");
            for speed in &speeds {
                print!("{:9.2}", geomean(speed));
            }
            print!("  |");
            for shrink in &shrinks {
                print!("{:9.3}", geomean(shrink));
            }
            println!();
        }
    }
}

/// Dynamic blocks with nothing in them, 11.5 bytes each: the most work that a
/// byte of input can make.
fn hostile() {
    let mut payload = Vec::new();
    let (mut bits, mut count) = (0u64, 0);
    let mut put = |value: u64, n: u32| {
        bits |= value << count;
        count += n;
        while count >= 8 {
            payload.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    };
    const BLOCKS: u64 = 2000;
    for n in 0..BLOCKS {
        put(0b100, 3);
        put(14 << 10, 14);
        // Code lengths 18, 0 and 1 have codes of 1, 2 and 2 bits.
        for length in [0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] {
            put(length, 3);
        }
        // 256 zeros, a one, and a length that differs from block to block.
        put(127 << 1, 8);
        put(107 << 1, 8);
        put(0b11, 2);
        put(if n % 2 == 0 { 0b01 } else { 0b11 }, 2);
        put(0, 1);
    }
    put(0, 3);
    put(0, 8);
    let mut a = [0; 9];
    let mut b = [0; 9];
    let mut c = [0; 9];
    let mut rs = rs::Inflate::new(15);
    let mut zlib = c::Inflate::new(15);
    let mut scratch = Box::new(InflateScratch::new());
    let times = medians(&mut [
        (
            "zlib-rs",
            Box::new(|| {
                rs.reset();
                assert_eq!(rs.piece(&payload, &mut a).1, 0);
            }),
        ),
        (
            "zlib",
            Box::new(|| {
                zlib.reset();
                assert_eq!(zlib.piece(&payload, &mut b).1, 0);
            }),
        ),
        (
            "ours",
            Box::new(|| {
                let mut inflater = Inflater::new();
                let _ = inflater
                    .inflate_whole(&mut scratch, WindowBits::MAX, &mut &payload[..], &mut c)
                    .unwrap();
            }),
        ),
    ]);
    let ns: Vec<u64> = times.iter().map(|time| (time * 1e9) as u64 / BLOCKS).collect();
    println!("an empty dynamic block: zlib-rs {} ns, zlib {} ns, ours {} ns", ns[0], ns[1], ns[2]);
}
