//! Masking in place and while copying: 8 bytes to 16 MiB, at each alignment.

mod common;

use std::hint::black_box;
use std::ops::Range;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansocket::mask;

use common::KEY;

const SIZES: [usize; 9] = [8, 16, 64, 125, 1024, 4096, 64 * 1024, 1024 * 1024, 16 * 1024 * 1024];

/// Offsets from a cache line: each power of two that a vector may care for.
const OFFSETS: [usize; 7] = [0, 1, 2, 4, 8, 16, 32];

fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        let (mut source, mut target) = (Placed::new(size, 0), Placed::new(size, 0));
        let (source, target) = (source.bytes(), target.bytes());
        group.bench_function(BenchmarkId::new("apply", size), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut *target), KEY));
        });
        group.bench_function(BenchmarkId::new("copy", size), |bencher| {
            bencher.iter(|| mask::copy(black_box(&*source), black_box(&mut *target), KEY));
        });
        group.bench_function(BenchmarkId::new("naive", size), |bencher| {
            bencher.iter(|| {
                for (i, byte) in black_box(&mut *target).iter_mut().enumerate() {
                    *byte ^= KEY[i % 4];
                }
            });
        });
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| black_box(&mut *target).copy_from_slice(black_box(&*source)));
        });
    }
}

fn alignments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask/offset");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        for offset in OFFSETS {
            let mut data = Placed::new(size, offset);
            let data = data.bytes();
            group.bench_function(BenchmarkId::new(size.to_string(), offset), |bencher| {
                bencher.iter(|| mask::apply(black_box(&mut *data), KEY));
            });
        }
    }
}

/// Bytes that begin at a given place of a page.
struct Placed {
    memory: Vec<u8>,
    range: Range<usize>,
}

impl Placed {
    /// `size` bytes, each written to, `offset` bytes behind the start of a page.
    fn new(size: usize, offset: usize) -> Self {
        let memory = vec![1; size + 2 * 4096];
        let start = memory.as_ptr().align_offset(4096) + offset;
        Self { memory, range: start..start + size }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.range.clone()]
    }
}

criterion_group! { name = benches; config = common::criterion(); targets = sizes, alignments }
criterion_main!(benches);
