//! Deflating and inflating messages, in bytes of text a second. How that
//! compares with other codecs is told by the table of `benches/deflate/`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansocket::deflate::{
    DeflateScratch, Deflater, InflateScratch, InflateWindow, Inflater, Level, WindowBits,
    max_deflated_len,
};

const SIZES: [usize; 4] = [64, 256, 4096, 64 * 1024];
const BITS: WindowBits = WindowBits::DEFAULT;

/// 64 KiB or more of messages like those of a market feed, each of `size`
/// bytes.
fn messages(size: usize) -> Vec<Vec<u8>> {
    let mut text = Vec::new();
    let mut seed = 1u32;
    let mut draw = |n| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % n
    };
    while text.len() < 64 * 1024 {
        let symbol = ["BTC-USD", "ETH-USD", "SOL-USD", "EUR-USD"][draw(4) as usize];
        let side = ["buy", "sell"][draw(2) as usize];
        let (price, amount) = (60_000 + draw(500), draw(100_000));
        text.extend_from_slice(
            format!(r#"{{"e":"trade","s":"{symbol}","p":{price},"q":0.{amount},"m":"{side}"}}"#)
                .as_bytes(),
        );
    }
    text.chunks_exact(size).map(<[u8]>::to_vec).collect()
}

fn deflater(level: Level) -> Deflater<Vec<u8>> {
    Deflater::new(level, BITS, vec![0; level.memory_len(BITS)])
}

fn deflate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deflate");
    let mut scratch = Box::<DeflateScratch>::default();
    for size in SIZES {
        let messages = messages(size);
        let mut out = vec![0; max_deflated_len(size)];
        group.throughput(Throughput::Bytes((size * messages.len()) as u64));
        for level in [Level::Fast, Level::Balanced, Level::Best] {
            let name = format!("{level:?}").to_lowercase();
            let mut deflater = deflater(level);
            group.bench_function(BenchmarkId::new(&name, size), |bencher| {
                bencher.iter(|| {
                    for message in &messages {
                        black_box(deflater.deflate(&mut scratch, message, true, &mut out).unwrap());
                    }
                });
            });
            let mut table = vec![0; level.table_len(BITS)];
            group.bench_function(BenchmarkId::new(format!("{name} whole"), size), |bencher| {
                bencher.iter(|| {
                    for message in &messages {
                        let n = scratch.deflate_whole(level, BITS, &mut table, message, &mut out);
                        black_box(n.unwrap());
                    }
                });
            });
        }
    }
}

fn inflate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inflate");
    let mut scratch = Box::<DeflateScratch>::default();
    let mut tables = InflateScratch::new();
    for size in SIZES {
        let messages = messages(size);
        let mut deflater = deflater(Level::Best);
        let mut table = vec![0; Level::Best.table_len(BITS)];
        let mut out = vec![0; max_deflated_len(size)];
        let (mut linked, mut whole) = (Vec::new(), Vec::new());
        for message in &messages {
            let n = deflater.deflate(&mut scratch, message, true, &mut out).unwrap();
            linked.push(out[..n].to_vec());
            let n = scratch.deflate_whole(Level::Best, BITS, &mut table, message, &mut out);
            whole.push(out[..n.unwrap()].to_vec());
        }
        group.throughput(Throughput::Bytes((size * messages.len()) as u64));
        group.bench_function(BenchmarkId::new("takeover", size), |bencher| {
            let mut window = InflateWindow::new(BITS, vec![0; BITS.size()]);
            bencher.iter(|| {
                window.clear();
                for mut payload in linked.iter().map(Vec::as_slice) {
                    let mut inflater = Inflater::new();
                    let inflated =
                        inflater.inflate(&mut tables, &mut window, &mut payload, &mut out);
                    assert_eq!(inflated.unwrap().len, size);
                    inflater.finish().unwrap();
                }
            });
        });
        group.bench_function(BenchmarkId::new("whole", size), |bencher| {
            bencher.iter(|| {
                for mut payload in whole.iter().map(Vec::as_slice) {
                    let mut inflater = Inflater::new();
                    let inflated =
                        inflater.inflate_whole(&mut tables, BITS, &mut payload, &mut out);
                    assert_eq!(inflated.unwrap().len, size);
                    inflater.finish().unwrap();
                }
            });
        });
    }
}

criterion_group!(benches, deflate, inflate);
criterion_main!(benches);
