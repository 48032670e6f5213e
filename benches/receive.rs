//! Receiving: each content, size, role and way of reading, by layer 1 and layer 2.
//!
//! A read copies out of memory, which also makes anew what was unmasked.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansocket::{Client, Config, Connection, Event, Kind, Received, Role, Server, WebSocket};

use common::{Content, KEY, SIZES};

/// The most bytes of a read, and what that is called.
const READS: [(&str, usize); 3] = [("whole", usize::MAX), ("16k", 16 * 1024), ("1.4k", 1400)];

fn server(criterion: &mut Criterion) {
    layer_1(criterion, "server", || Connection::server(Config::new()), client_frame);
}

fn client(criterion: &mut Criterion) {
    let connection = || Connection::client(Config::new(), || KEY);
    layer_1(criterion, "client", connection, server_frame);
}

/// Messages of 64 KiB together, but at least one, received again and again.
fn layer_1<R: Role>(
    criterion: &mut Criterion,
    role: &str,
    connection: impl Fn() -> Connection<R>,
    frame: impl Fn(Content, usize) -> Vec<u8>,
) {
    for content in Content::ALL {
        for (name, read) in READS {
            let title = format!("receive/{role}/{}/{name}", content.name());
            let mut group = criterion.benchmark_group(title);
            for size in SIZES {
                let (wire, count) = wire(&frame(content, size));
                let mut buffer = vec![0; read.min(wire.len())];
                group.throughput(Throughput::Elements(count));
                group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                    let mut connection = connection();
                    bencher.iter(|| {
                        for bytes in wire.chunks(buffer.len()) {
                            let mut input = &mut buffer[..bytes.len()];
                            input.copy_from_slice(bytes);
                            while let Some(Event::Data(data)) =
                                connection.receive(&mut input).unwrap()
                            {
                                black_box(data.into_payload());
                            }
                        }
                    });
                });
            }
        }
    }
}

fn layer_2(criterion: &mut Criterion) {
    for content in Content::ALL {
        for (name, read) in READS {
            let title = format!("receive/whole messages/{}/{name}", content.name());
            let mut group = criterion.benchmark_group(title);
            for size in SIZES {
                let (wire, count) = wire(&client_frame(content, size));
                let mut buffer = vec![0; read.min(wire.len())];
                group.throughput(Throughput::Elements(count));
                group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                    let mut websocket = WebSocket::server(Config::new());
                    let mut output = Vec::new();
                    bencher.iter(|| {
                        for bytes in wire.chunks(buffer.len()) {
                            let mut input = &mut buffer[..bytes.len()];
                            input.copy_from_slice(bytes);
                            while let Some(Received::Message(message)) =
                                websocket.receive(&mut input, &mut output).unwrap()
                            {
                                black_box(message.as_bytes());
                            }
                        }
                    });
                });
            }
        }
    }
}

fn wire(frame: &[u8]) -> (Vec<u8>, u64) {
    let count = (64 * 1024 / frame.len()).max(1);
    (frame.repeat(count), count as u64)
}

fn client_frame(content: Content, size: usize) -> Vec<u8> {
    frame(&mut Connection::<Client<_>>::client(Config::new(), || KEY), content, size)
}

fn server_frame(content: Content, size: usize) -> Vec<u8> {
    frame(&mut Connection::<Server>::server(Config::new()), content, size)
}

fn frame<R: Role>(connection: &mut Connection<R>, content: Content, size: usize) -> Vec<u8> {
    let kind = if content == Content::Binary { Kind::Binary } else { Kind::Text };
    let mut out = vec![0; size + 14];
    connection.encode(kind, true, &content.message(size), &mut out).unwrap().to_vec()
}

criterion_group! { name = benches; config = common::criterion(); targets = server, client, layer_2 }
criterion_main!(benches);
