//! An echo server on fastwebsockets and hyper, as its own example has it.

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

#[path = "../listen.rs"]
mod listen;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = listen::listen().await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(accept);
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            connection.with_upgrades().await.ok();
        });
    }
}

async fn accept(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    tokio::spawn(async move {
        let mut ws = FragmentCollector::new(upgraded.await?);
        loop {
            let frame = ws.read_frame().await?;
            match frame.opcode {
                OpCode::Close => return Ok::<_, WebSocketError>(()),
                OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
                _ => {}
            }
        }
    });
    Ok(response)
}
