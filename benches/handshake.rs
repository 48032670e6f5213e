//! The opening handshake, step by step, of both roles.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansocket::handshake::{ClientHandshake, RequestReader, ResponseReader, Url, accept_key};

/// As a browser sends it.
const REQUEST: &[u8] = b"GET /chat?room=4242 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://server.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

fn server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake/server");
    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            let mut reader = RequestReader::new();
            reader.read(black_box(REQUEST)).unwrap().unwrap().head_len()
        });
    });
    group.bench_function("whole", |bencher| {
        let mut out = [0; 1024];
        bencher.iter(|| {
            let mut reader = RequestReader::new();
            let request = reader.read(black_box(REQUEST)).unwrap().unwrap();
            request.upgrade().unwrap().accept(&mut out).finish().unwrap().len()
        });
    });
    // All bytes so far are passed each time, and none is looked at twice.
    for piece in [1, 64] {
        group.bench_function(BenchmarkId::new("parse in pieces", piece), |bencher| {
            bencher.iter(|| {
                let mut reader = RequestReader::new();
                let ends = (0..REQUEST.len()).step_by(piece).skip(1).chain([REQUEST.len()]);
                let mut whole = 0;
                for end in ends {
                    if let Some(request) = reader.read(black_box(&REQUEST[..end])).unwrap() {
                        whole = request.head_len();
                    }
                }
                assert_eq!(whole, REQUEST.len());
            });
        });
    }
}

fn client(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake/client");
    let url = Url::parse("ws://server.example.com/chat?room=4242").unwrap();
    group.bench_function("request", |bencher| {
        let mut out = [0; 1024];
        bencher.iter(|| {
            let handshake = ClientHandshake::new(*black_box(b"the sample nonce"));
            handshake.request(&url, &mut out).finish().unwrap().len()
        });
    });
    group.bench_function("response", |bencher| {
        let handshake = ClientHandshake::new(*b"the sample nonce");
        bencher.iter(|| {
            let mut reader = ResponseReader::new();
            let response = reader.read(black_box(RESPONSE)).unwrap().unwrap();
            handshake.check(&response).is_ok()
        });
    });
}

fn accept(criterion: &mut Criterion) {
    criterion.bench_function("handshake/accept key", |bencher| {
        bencher.iter(|| accept_key(black_box(b"dGhlIHNhbXBsZSBub25jZQ==")));
    });
}

criterion_group! { name = benches; config = common::criterion(); targets = server, client, accept }
criterion_main!(benches);
