//! A server that pushes: a price once a second, for as long as the client only
//! listens, and a page that draws the line.
//!
//! ```text
//! cargo run --release --example prices -- [--listen 127.0.0.1:9003] [--origin ORIGIN]
//!     [--heartbeat SECONDS]
//! ```
//!
//! Each message is `{"symbol":"SANS","price":299.9,"time":1767225600000}`, the time
//! in milliseconds of the Unix epoch. Any message from the client closes the
//! connection with 1000, one of more than 16 KiB with 1009. A client that vanishes
//! is noticed when it does not answer a Ping.

mod server;
mod timed;

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sansocket::deflate::Compression;
use sansocket::keepalive::Timeouts;
use sansocket::{CloseCode, CloseFrame, Config, ProtocolError, Received, Server, WebSocket};
use server::{Opened, Options, Site, listen};
use timed::{linger, read};

/// A longer message is refused with 1009.
const MAX_MESSAGE: u64 = 16 * 1024;
const EVERY: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let Options { listen: address, origin, timeouts } = Options::of("prices", "127.0.0.1:9003");
    let site = Site {
        page: include_bytes!("prices.html"),
        origin,
        compression: Some(Compression::new()),
        protocols: &[],
        knows: |path| path == "/",
        refuse: None,
    };
    Ok(listen(&address, site, move |opened| serve(opened, timeouts))?)
}

/// Prices until the client says something or is gone.
fn serve(opened: Opened, timeouts: Timeouts) -> Result<(), Box<dyn Error>> {
    let Opened { mut stream, agreement, mut first, .. } = opened;
    // A client that takes nothing any more is not waited for.
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let clock = Instant::now();
    let config = Config::new().max_message(MAX_MESSAGE);
    let mut ws = WebSocket::server_with_compression(config, agreement).keepalive(timeouts);
    let (mut buffer, mut output) = (vec![0; 4096], Vec::new());
    let mut input = &mut first[..];
    let mut next_price = Duration::ZERO;
    loop {
        let received = listen_to(&mut ws, input, &mut output);
        // Last, so that what came in time is not found late.
        let now = clock.elapsed();
        let in_time = ws.on_timeout(now, &mut output);
        if now >= next_price {
            // What was missed, should the machine have slept, is not made up for.
            next_price += EVERY;
            if next_price <= now {
                next_price = now + EVERY;
            }
            // It fails only after our Close, when no more prices are due.
            let _ = ws.send(price(SystemTime::now()), &mut output);
        }
        stream.write_all(&output)?;
        output.clear();
        in_time?;
        if received.is_err() || ws.is_closed() {
            linger(&stream);
            return Ok(received?);
        }
        let until_price = next_price.saturating_sub(now).max(Duration::from_millis(1));
        let wait = ws.wait(now).map_or(until_price, |wait| wait.min(until_price));
        stream.set_read_timeout(Some(wait))?;
        input = match read(&mut stream, &mut buffer)? {
            Some(0) => return Err("connection lost".into()),
            Some(n) => &mut buffer[..n],
            None => &mut [],
        };
    }
}

/// Takes what the client sent; any message is the end.
fn listen_to(
    ws: &mut WebSocket<Server>,
    mut input: &mut [u8],
    output: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    while let Some(received) = ws.receive(&mut input, output)? {
        if let Received::Message(_) = received {
            let enough = CloseFrame::new(CloseCode::NORMAL, "you spoke, so you heard enough");
            ws.close(enough.unwrap_or(CloseFrame::EMPTY), output);
        }
    }
    Ok(())
}

/// The price at this time, the same for all clients.
fn price(time: SystemTime) -> String {
    let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let t = time.as_secs_f64();
    // Waves whose periods have nothing in common look like a market.
    let waves = [(12.0, 1013.0), (5.0, 271.3), (2.0, 61.7), (0.9, 17.3), (0.5, 5.9)];
    let price: f64 = waves.iter().map(|(height, period)| height * (t / period).sin()).sum();
    format!(r#"{{"symbol":"SANS","price":{:.1},"time":{}}}"#, 300.0 + price, time.as_millis())
}
