//! A server for one connection on a serial line: the opening handshake, then
//! every message is echoed until the peer closes.
//!
//! At the end it tells over semihosting how much of the stack it used.

#![no_std]
#![no_main]

mod board;

use core::panic::PanicInfo;

use cortex_m_rt::entry;
use sansocket::handshake::RequestReader;
use sansocket::{Config, Connection, Event, ProtocolError};

use board::Uart;

/// All the memory that the size of messages and heads decides.
const BUFFER: usize = 1024;

#[entry]
fn main() -> ! {
    board::paint_stack();
    let mut uart = Uart::start();
    let clean = serve(&mut uart);
    uart.flush();
    board::exit(clean)
}

/// Whether the connection ended by a closing handshake.
#[inline(never)]
fn serve(uart: &mut Uart) -> bool {
    let buffer = board::buffer();
    let Some(rest) = accept(uart, buffer) else { return false };
    let mut ws = Connection::server(Config::new());
    let mut len = rest;
    loop {
        let result = answer(uart, &mut ws, &mut buffer[..len]);
        match result {
            Err(error) => {
                if let Some(frame) = ws.close(error) {
                    uart.write(&frame);
                }
                return false;
            }
            Ok(()) if ws.is_closed() => return true,
            Ok(()) => len = uart.read(buffer),
        }
    }
}

/// Answers the request; the number of bytes behind it, which are now the first
/// in the buffer.
#[inline(never)]
fn accept(uart: &mut Uart, buffer: &mut [u8; BUFFER]) -> Option<usize> {
    let mut reader = RequestReader::with_limit(BUFFER);
    let mut len = 0;
    loop {
        len += uart.read(&mut buffer[len..]);
        // What is written goes behind what was read.
        let (head, out) = buffer.split_at_mut(len);
        let error = match reader.read(head).and_then(|request| {
            request.map(|request| Ok((request.head_len(), request.upgrade()?))).transpose()
        }) {
            Ok(None) => continue,
            Ok(Some((head_len, upgrade))) => {
                uart.write(upgrade.accept(out).finish().ok()?);
                buffer.copy_within(head_len..len, 0);
                return Some(len - head_len);
            }
            Err(error) => error,
        };
        uart.write(error.reply(buffer).ok()?);
        return None;
    }
}

/// Takes the events out of `input` and answers each.
#[inline(never)]
fn answer(
    uart: &mut Uart,
    ws: &mut Connection<sansocket::Server>,
    mut input: &mut [u8],
) -> Result<(), ProtocolError> {
    while let Some(event) = ws.receive(&mut input)? {
        match event {
            Event::Data(data) => {
                let (kind, last) = (data.kind(), data.is_last());
                if let Ok(frame) = ws.send_part(kind, last, data.into_payload()) {
                    for slice in frame.as_slices() {
                        uart.write(slice);
                    }
                }
            }
            Event::Ping(ping) => uart.write(&ws.pong(ping)),
            Event::Pong(_) => {}
            Event::Close(close) => {
                if let Some(frame) = ws.close(close) {
                    uart.write(&frame);
                }
            }
        }
    }
    Ok(())
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    board::exit(false)
}
