//! What is this board's alone: its serial line, its memory and its end.

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m_semihosting::{debug, nr, syscall1};

use crate::BUFFER;

/// The first of the board's serial lines (a "CMSDK APB UART").
pub struct Uart(());

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;

const SENDING: u32 = 1;
const RECEIVED: u32 = 2;

/// How often to look for a byte before the line counts as silent: else each
/// byte would be a read, and echoed as a fragment, of its own.
const PATIENCE: u32 = 5000;

impl Uart {
    pub fn start() -> Self {
        // SAFETY: the registers of the UART, on the board that this is built for.
        unsafe {
            DIVIDER.write_volatile(16);
            CONTROL.write_volatile(0b11);
        }
        Self(())
    }

    /// Waits for a byte, and takes those behind it until the buffer is full or
    /// the line falls silent; how many.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut len = 0;
        let mut silence = 0;
        for slot in buffer {
            // SAFETY: as above.
            while unsafe { STATE.read_volatile() } & RECEIVED == 0 {
                silence += 1;
                if len > 0 && silence > PATIENCE {
                    return len;
                }
            }
            // SAFETY: as above.
            *slot = unsafe { DATA.read_volatile() } as u8;
            len += 1;
            silence = 0;
        }
        len
    }

    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.flush();
            // SAFETY: as above.
            unsafe { DATA.write_volatile((*byte).into()) };
        }
    }

    /// Waits until the last byte is on its way.
    pub fn flush(&mut self) {
        // SAFETY: as above.
        while unsafe { STATE.read_volatile() } & SENDING != 0 {}
    }
}

/// The buffer, to be had once.
pub fn buffer() -> &'static mut [u8; BUFFER] {
    static mut PLACE: [u8; BUFFER] = [0; BUFFER];
    static TAKEN: AtomicBool = AtomicBool::new(false);
    assert!(!TAKEN.swap(true, Ordering::Relaxed));
    // SAFETY: nobody else has it, since nobody comes here twice.
    unsafe { &mut *ptr::addr_of_mut!(PLACE) }
}

unsafe extern "C" {
    /// The end of what is static: below the stack is nothing else.
    static mut __sheap: u32;
}

const PAINT: u32 = 0xA5A5_A5A5;

/// Fills the unused part of the stack.
#[inline(never)]
pub fn paint_stack() {
    let here = 0u32;
    let mut place = ptr::addr_of_mut!(__sheap);
    // SAFETY: between what is static and what is on the stack (this function's
    // own frame, for which some words are left) nothing lives.
    unsafe {
        let end = (&raw const here).sub(16).cast_mut();
        while place < end {
            place.write_volatile(PAINT);
            place = place.add(1);
        }
    }
}

/// Tells how much of the stack is no longer painted, and ends.
pub fn exit(clean: bool) -> ! {
    unsafe extern "C" {
        static mut _stack_start: u32;
    }
    let top = ptr::addr_of_mut!(_stack_start);
    let mut place = ptr::addr_of_mut!(__sheap);
    // SAFETY: all of it is RAM, up to the top of the stack.
    unsafe {
        while place < top && place.read_volatile() == PAINT {
            place = place.add(1);
        }
    }
    let used = top as usize - place as usize;
    // Not by `core::fmt`, which would be as large as the rest.
    let mut text = *b"stack 00000\n\0";
    let mut rest = used;
    for digit in text[6..11].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // SAFETY: a string that ends with a zero, for the time of the call.
    unsafe { syscall1(nr::WRITE0, text.as_ptr() as usize) };
    debug::exit(if clean { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {}
}
