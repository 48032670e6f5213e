//! Masking in place and while copying: 8 bytes to 16 MiB, at each alignment.

mod common;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use sansocket::mask;

use common::KEY;

const SIZES: [usize; 9] = [8, 16, 64, 125, 1024, 4096, 64 * 1024, 1024 * 1024, 16 * 1024 * 1024];

/// Offsets from a cache line: each power of two that a vector may care for.
const OFFSETS: [usize; 7] = [0, 1, 2, 4, 8, 16, 32];

fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        apply(&mut group, BenchmarkId::new("apply", size), size, 0);

        let source = vec![1; size];
        let mut target = vec![0; size];
        group.bench_function(BenchmarkId::new("copy", size), |bencher| {
            bencher.iter(|| mask::copy(black_box(&source), black_box(&mut target), KEY));
        });
        group.bench_function(BenchmarkId::new("naive", size), |bencher| {
            bencher.iter(|| {
                for (i, byte) in black_box(&mut target).iter_mut().enumerate() {
                    *byte ^= KEY[i % 4];
                }
            });
        });
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| black_box(&mut target).copy_from_slice(black_box(&source)));
        });
    }
}

fn alignments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask/offset");
    for size in [64, 1024, 64 * 1024] {
        group.throughput(Throughput::Bytes(size as u64));
        for offset in OFFSETS {
            apply(&mut group, BenchmarkId::new(size.to_string(), offset), size, offset);
        }
    }
}

/// Masks `size` bytes that begin `offset` bytes behind the start of a page.
fn apply(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, size: usize, offset: usize) {
    let mut memory = vec![1; size + 2 * 4096];
    let start = memory.as_ptr().align_offset(4096) + offset;
    let data = &mut memory[start..start + size];
    group.bench_function(id, |bencher| bencher.iter(|| mask::apply(black_box(data), KEY)));
}

criterion_group! { name = benches; config = common::criterion(); targets = sizes, alignments }
criterion_main!(benches);
