//! How much work an attacker can make of a byte: at worst no more than zlib makes of it.

use std::time::Instant;

use deflate_oracle::zlib::{c, rs};
use deflate_oracle::{Decompressor, empty};
use sansocket::deflate::{InflateScratch, Inflater, WindowBits};

/// The shortest times in which each did it, all taking turns.
fn fastest<const N: usize>(contenders: &mut [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut fastest = [f64::MAX; N];
    for _ in 0..15 {
        for (fastest, run) in fastest.iter_mut().zip(&mut *contenders) {
            let start = Instant::now();
            run();
            *fastest = fastest.min(start.elapsed().as_secs_f64());
        }
    }
    fastest
}

/// Nanoseconds that an empty block costs by the byte of its payload.
#[derive(Clone, Copy)]
struct Cost {
    ours: f64,
    zlib: f64,
    zlib_rs: f64,
}

fn cost(payload: &[u8]) -> Cost {
    let tailed = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut scratch = InflateScratch::new();
    let mut zlib = c::Inflate::new(15);
    let mut zlib_rs = rs::Inflate::new(15);
    let times = fastest(&mut [
        &mut || {
            let mut inflater = Inflater::new();
            let (mut input, mut out) = (payload, [0; 1024]);
            let inflated =
                inflater.inflate_whole(&mut scratch, WindowBits::MAX, &mut input, &mut out);
            assert_eq!(inflated.unwrap().len, 0);
            assert_eq!(inflater.finish(), Ok(()));
        },
        &mut || {
            assert_eq!(Decompressor::message(&mut zlib, &tailed, &mut [0; 1024]), 0);
            Decompressor::reset(&mut zlib);
        },
        &mut || {
            assert_eq!(Decompressor::message(&mut zlib_rs, &tailed, &mut [0; 1024]), 0);
            Decompressor::reset(&mut zlib_rs);
        },
    ]);
    let [ours, zlib, zlib_rs] = times.map(|time| time * 1e9 / payload.len() as f64);
    Cost { ours, zlib, zlib_rs }
}

/// What breaks the rule, if anything does: each kind of block costs at most twice what
/// it costs zlib, and the worst kind no more than zlib's worst.
///
/// Twice, since some nanoseconds a block depend on how all this was compiled, and a
/// stored one takes zlib few; what an attacker would choose is the worst.
fn excess(costs: &[(&str, Cost)]) -> Option<String> {
    let worst = |of: fn(&Cost) -> f64| costs.iter().map(|(_, cost)| of(cost)).fold(0.0, f64::max);
    let (ours, zlib) = (worst(|cost| cost.ours), worst(|cost| cost.zlib));
    if ours > zlib {
        return Some(format!("at worst {ours:.2} ns a byte, zlib {zlib:.2}"));
    }
    let (name, Cost { ours, zlib, .. }) =
        costs.iter().find(|(_, cost)| cost.ours > 2.0 * cost.zlib)?;
    Some(format!("{name}: {ours:.2} ns a byte, zlib {zlib:.2}"))
}

/// Times on a busy machine are what others leave of it, for seconds on end: only what is
/// too much each time it is measured is a fault.
#[test]
fn empty_blocks_cost_at_worst_no_more_than_with_zlib() {
    const TRIES: usize = 5;

    let blocks: [(&str, Vec<u8>, usize); 4] = [
        ("stored", empty::stored(1 << 20), 1 << 20),
        ("fixed", empty::fixed(1 << 20), 1 << 20),
        ("dynamic", empty::dynamic(1 << 14), 1 << 14),
        ("large", empty::large(1 << 12), 1 << 12),
    ];
    let mut excesses = Vec::new();
    for _ in 0..TRIES {
        let costs = blocks.each_ref().map(|(name, payload, count)| {
            let cost @ Cost { ours, zlib, zlib_rs } = cost(payload);
            println!(
                "{name}: ours {ours:.2} ns a byte, zlib {zlib:.2}, zlib-rs {zlib_rs:.2}; {count} blocks"
            );
            (*name, cost)
        });
        match excess(&costs) {
            None => return,
            Some(excess) => excesses.push(excess),
        }
    }
    panic!("too much {TRIES} times: {excesses:#?}");
}
