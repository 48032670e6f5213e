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
use sansocket::{CloseFrame, Config, Connection, Data, Event, Payload, ProtocolError, Server};

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
fn serve(uart: &mut Uart) -> bool {
    let buffer = board::buffer();
    match accept(uart, buffer) {
        Some(len) => converse(uart, buffer, len),
        None => false,
    }
}

/// Speaks over the open connection, of which `len` bytes have come; whether it ended
/// by a closing handshake.
#[inline(never)]
fn converse(uart: &mut Uart, buffer: &mut [u8; BUFFER], mut len: usize) -> bool {
    let mut ws = open();
    loop {
        let Some(input) = buffer.get_mut(..len) else { return false };
        if let Err(error) = answer(uart, &mut ws, input) {
            fail(uart, &mut ws, error);
            return false;
        }
        if ws.is_closed() {
            return true;
        }
        len = uart.read(buffer);
    }
}

/// Answers the request; the number of bytes behind it, which are now the first
/// in the buffer.
#[inline(never)]
fn accept(uart: &mut Uart, buffer: &mut [u8; BUFFER]) -> Option<usize> {
    let mut reader = RequestReader::with_config(Config::new().max_head(BUFFER));
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
    ws: &mut Connection<Server>,
    mut input: &mut [u8],
) -> Result<(), ProtocolError> {
    loop {
        match ws.receive(&mut input) {
            Ok(None) => return Ok(()),
            Ok(Some(Event::Data(data))) => echo(uart, ws, data),
            Ok(Some(Event::Ping(ref ping))) => pong(uart, ws, ping),
            Ok(Some(Event::Pong(_))) => {}
            Ok(Some(Event::Close(ref frame))) => close(uart, ws, frame),
            Err(error) => return Err(error),
        }
    }
}

// What needs room on the stack has a function of its own, so that it is not there
// while bytes are received.

#[inline(never)]
fn open() -> Connection<Server> {
    Connection::server(Config::new())
}

#[inline(never)]
fn echo(uart: &mut Uart, ws: &mut Connection<Server>, data: Data<'_>) {
    let (kind, last) = (data.kind(), data.is_last());
    if let Ok(frame) = ws.send_part(kind, last, data.into_payload()) {
        for slice in frame.as_slices() {
            uart.write(slice);
        }
    }
}

#[inline(never)]
fn pong(uart: &mut Uart, ws: &mut Connection<Server>, ping: &Payload) {
    uart.write(&ws.pong(*ping));
}

#[inline(never)]
fn close(uart: &mut Uart, ws: &mut Connection<Server>, close: &CloseFrame) {
    if let Some(frame) = ws.close(*close) {
        uart.write(&frame);
    }
}

#[inline(never)]
fn fail(uart: &mut Uart, ws: &mut Connection<Server>, error: ProtocolError) {
    if let Some(frame) = ws.close(error) {
        uart.write(&frame);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    board::exit(false)
}
