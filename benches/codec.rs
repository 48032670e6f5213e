//! Masking, receiving and sending, in bytes a second.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansocket::{Config, Connection, Event, Kind, mask};

const SIZES: [usize; 6] = [0, 16, 125, 1024, 16 * 1024, 1024 * 1024];
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn masking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for size in SIZES {
        let mut data = vec![1; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut data), KEY));
        });
    }
}

/// Frames from a client, as many as fit in 16 KiB but at least one, received by
/// a server. Masked bytes are made anew by the unmasking itself: after two
/// rounds they are what they were.
fn receive(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("receive");
    for size in SIZES {
        let mut frame = vec![0; size + 14];
        let mut client = Connection::client(Config::new(), || KEY);
        let frame = client.encode(Kind::Binary, true, &vec![1; size], &mut frame).unwrap();
        let count = (16 * 1024 / frame.len()).max(1);
        let mut wire = frame.repeat(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            let mut server = Connection::server(Config::new());
            bencher.iter(|| {
                let mut input = &mut wire[..];
                while let Some(Event::Data(data)) = server.receive(&mut input).unwrap() {
                    black_box(data.into_payload());
                }
            });
        });
    }
}

fn send(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send");
    for size in SIZES {
        let payload = vec![1; size];
        let mut out = vec![0; size + 14];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("server", size), |bencher| {
            let mut server = Connection::server(Config::new());
            bencher.iter(|| {
                server.encode(Kind::Binary, true, black_box(&payload), &mut out).unwrap().len()
            });
        });
        group.bench_function(BenchmarkId::new("client", size), |bencher| {
            let mut client = Connection::client(Config::new(), || KEY);
            bencher.iter(|| {
                client.encode(Kind::Binary, true, black_box(&payload), &mut out).unwrap().len()
            });
        });
    }
}

criterion_group!(benches, masking, receive, send);
criterion_main!(benches);
