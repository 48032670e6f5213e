//! Checking UTF-8, whole and in pieces, beside the standard library.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansocket::utf8::Decoder;

use common::{Content, SIZES};

fn whole(criterion: &mut Criterion) {
    for content in [Content::Ascii, Content::Cjk] {
        let mut group = criterion.benchmark_group(format!("utf8/{}", content.name()));
        for size in SIZES {
            let text = content.message(size);
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new("decoder", size), |bencher| {
                bencher.iter(|| {
                    let mut decoder = Decoder::new();
                    let len = decoder.decode(black_box(&text)).unwrap().text.len();
                    (len, decoder.is_complete())
                });
            });
            group.bench_function(BenchmarkId::new("core", size), |bencher| {
                bencher.iter(|| std::str::from_utf8(black_box(&text)).unwrap().len());
            });
        }
    }
}

/// 16 KiB in pieces of all sizes: what the seams cost.
fn pieces(criterion: &mut Criterion) {
    let text = Content::Cjk.message(16 * 1024);
    let mut group = criterion.benchmark_group("utf8/cjk in pieces");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for piece in [1, 16, 100, 1400] {
        group.bench_function(BenchmarkId::from_parameter(piece), |bencher| {
            bencher.iter(|| {
                let mut decoder = Decoder::new();
                for bytes in black_box(&text).chunks(piece) {
                    black_box(decoder.decode(bytes).unwrap());
                }
                decoder.is_complete()
            });
        });
    }
}

criterion_group! { name = benches; config = common::criterion(); targets = whole, pieces }
criterion_main!(benches);
