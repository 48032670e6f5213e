//! Sending: each size and role, in each of the ways that there are. What messages
//! are made of does not matter to them.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansocket::{ChaChaKeys, Config, Connection, Kind, WebSocket};

use common::{Content, SIZES};

fn server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send/server");
    for size in SIZES {
        let payload = Content::Binary.message(size);
        let mut out = vec![0; size + 14];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            let mut server = Connection::server(Config::new());
            bencher.iter(|| {
                let frame = server.encode(Kind::Binary, true, black_box(&payload), &mut out);
                black_box(frame.unwrap()).len()
            });
        });
        group.bench_function(BenchmarkId::new("send", size), |bencher| {
            let mut server = Connection::server(Config::new());
            bencher.iter(|| {
                let frame = server.send(Kind::Binary, black_box(&payload)).unwrap();
                black_box(frame.as_slices()).len()
            });
        });
        group.bench_function(BenchmarkId::new("layer 2", size), |bencher| {
            let mut server = WebSocket::server(Config::new());
            let mut output = Vec::new();
            bencher.iter(|| {
                output.clear();
                server.send(black_box(&payload[..]), &mut output).unwrap();
                black_box(&output).len()
            });
        });
    }
}

fn client(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send/client");
    let keys = || ChaChaKeys::from_seed([7; 32]);
    for size in SIZES {
        let mut payload = Content::Binary.message(size);
        let mut out = vec![0; size + 14];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("encode", size), |bencher| {
            let mut client = Connection::client(Config::new(), keys());
            bencher.iter(|| {
                let frame = client.encode(Kind::Binary, true, black_box(&payload), &mut out);
                black_box(frame.unwrap()).len()
            });
        });
        group.bench_function(BenchmarkId::new("layer 2", size), |bencher| {
            let mut client = WebSocket::client(Config::new(), keys());
            let mut output = Vec::new();
            bencher.iter(|| {
                output.clear();
                client.send(black_box(&payload[..]), &mut output).unwrap();
                black_box(&output).len()
            });
        });
        group.bench_function(BenchmarkId::new("send", size), |bencher| {
            let mut client = Connection::client(Config::new(), keys());
            bencher.iter(|| {
                let frame = client.send(Kind::Binary, black_box(&mut payload)).unwrap();
                black_box(frame.as_slices()).len()
            });
        });
    }
}

criterion_group! { name = benches; config = common::criterion(); targets = server, client }
criterion_main!(benches);
