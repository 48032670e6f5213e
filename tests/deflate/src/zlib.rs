//! C zlib (`c`) and zlib-rs (`rs`) behind the same two types, which speak permessage-deflate: sync flush, tail removed or appended.
//! Boxed, they can take the place of our codec.

use std::ffi::c_int;

use sansocket::deflate::{DeflateError, InflateError};

macro_rules! zlib {
    ($name:ident, $sys:ident, $reset_keep:path) => {
        pub mod $name {
            use super::{DeflateError, InflateError, c_int};

            #[repr(transparent)]
            pub struct Deflate($sys::z_stream);
            #[repr(transparent)]
            pub struct Inflate($sys::z_stream);

            /// A zeroed stream, whose null pointers make zlib put in its own allocator.
            fn stream() -> Box<std::mem::MaybeUninit<$sys::z_stream>> {
                Box::new(std::mem::MaybeUninit::zeroed())
            }

            fn size() -> c_int {
                size_of::<$sys::z_stream>() as c_int
            }

            impl Deflate {
                pub fn new(level: i32, bits: u8, mem_level: i32) -> Box<Self> {
                    Self::with_strategy(level, bits, mem_level, 0)
                }

                /// `strategy`: 0 default, 1 filtered, 2 Huffman only, 3 runs, 4 fixed codes.
                pub fn with_strategy(
                    level: i32,
                    bits: u8,
                    mem_level: i32,
                    strategy: c_int,
                ) -> Box<Self> {
                    let mut this = stream();
                    // SAFETY: the stream is zeroed, and stays where it is.
                    let code = unsafe {
                        $sys::deflateInit2_(
                            this.as_mut_ptr(),
                            level,
                            8,
                            -c_int::from(bits),
                            mem_level,
                            strategy,
                            $sys::zlibVersion(),
                            size(),
                        )
                    };
                    assert_eq!(code, $sys::Z_OK as c_int);
                    // SAFETY: now it is initialised; `Self` is a transparent wrapper.
                    unsafe { Box::from_raw(Box::into_raw(this).cast()) }
                }
            }

            impl crate::Compressor for Box<Deflate> {
                fn message(&mut self, message: &[u8], out: &mut Vec<u8>) {
                    let start = out.len();
                    if message.is_empty() {
                        // Two flushes in a row are an error to zlib.
                        return out.push(0);
                    }
                    out.resize(start + message.len() + message.len() / 8 + 64, 0);
                    self.0.next_in = message.as_ptr().cast_mut();
                    self.0.avail_in = message.len() as _;
                    self.0.next_out = out[start..].as_mut_ptr();
                    self.0.avail_out = (out.len() - start) as _;
                    // SAFETY: pointers and lengths are those of live slices.
                    let code = unsafe { $sys::deflate(&mut self.0, $sys::Z_SYNC_FLUSH as c_int) };
                    assert!(
                        code == $sys::Z_OK as c_int && self.0.avail_in == 0 && self.0.avail_out > 0,
                        "{code}"
                    );
                    let end = out.len() - self.0.avail_out as usize;
                    assert_eq!(out[end - 4..end], [0, 0, 0xff, 0xff]);
                    out.truncate(end - 4);
                }

                fn reset(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $sys::deflateReset(&mut self.0) };
                }
            }

            // SAFETY: nobody else has the stream, nor what its pointers lead to.
            unsafe impl Send for Deflate {}
            // SAFETY: nothing can be done with a `&Deflate`.
            unsafe impl Sync for Deflate {}

            impl sansocket::deflate::Deflate for Box<Deflate> {
                fn deflate(
                    &mut self,
                    message: &[u8],
                    output: &mut [u8],
                ) -> Result<usize, DeflateError> {
                    let mut payload = Vec::new();
                    crate::Compressor::message(self, message, &mut payload);
                    let room = output.get_mut(..payload.len()).ok_or(DeflateError::OutputFull)?;
                    room.copy_from_slice(&payload);
                    Ok(payload.len())
                }

                fn clear(&mut self) {
                    crate::Compressor::reset(self);
                }
            }

            impl Drop for Deflate {
                fn drop(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $sys::deflateEnd(&mut self.0) };
                }
            }

            impl Inflate {
                pub fn new(bits: u8) -> Box<Self> {
                    let mut this = stream();
                    // SAFETY: the stream is zeroed, and stays where it is.
                    let code = unsafe {
                        $sys::inflateInit2_(
                            this.as_mut_ptr(),
                            -c_int::from(bits),
                            $sys::zlibVersion(),
                            size(),
                        )
                    };
                    assert_eq!(code, $sys::Z_OK as c_int);
                    // SAFETY: now it is initialised; `Self` is a transparent wrapper.
                    unsafe { Box::from_raw(Box::into_raw(this).cast()) }
                }

                /// Inflates one piece into `out`; returns the code, and how much input is left and how much was written.
                pub fn piece(&mut self, input: &[u8], out: &mut [u8]) -> (c_int, usize, usize) {
                    self.run(input, out, $sys::Z_SYNC_FLUSH as c_int)
                }

                /// The same, but not beyond the end of a block.
                pub fn block(&mut self, input: &[u8], out: &mut [u8]) -> (c_int, usize, usize) {
                    self.run(input, out, $sys::Z_BLOCK as c_int)
                }

                fn run(
                    &mut self,
                    input: &[u8],
                    out: &mut [u8],
                    flush: c_int,
                ) -> (c_int, usize, usize) {
                    self.0.next_in = input.as_ptr().cast_mut();
                    self.0.avail_in = input.len() as _;
                    self.0.next_out = out.as_mut_ptr();
                    self.0.avail_out = out.len() as _;
                    // SAFETY: pointers and lengths are those of live slices.
                    let code = unsafe { $sys::inflate(&mut self.0, flush) };
                    (code, self.0.avail_in as usize, out.len() - self.0.avail_out as usize)
                }

                /// Begins another stream, with the history of the last.
                pub fn next_stream(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $reset_keep(&mut self.0) };
                }

                /// Whether [`block`](Self::block) stopped at the end of a block, and how many bits it had read ahead.
                pub fn boundary(&self) -> Option<c_int> {
                    (self.0.data_type & 128 != 0).then_some(self.0.data_type & 63)
                }
            }

            impl crate::Decompressor for Box<Inflate> {
                fn message(&mut self, payload: &[u8], out: &mut [u8]) -> usize {
                    let (code, left, n) = self.piece(payload, out);
                    assert!(code == $sys::Z_OK as c_int && left == 0, "{code} {left}");
                    n
                }

                fn reset(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $sys::inflateReset(&mut self.0) };
                }
            }

            // SAFETY: nobody else has the stream, nor what its pointers lead to.
            unsafe impl Send for Inflate {}
            // SAFETY: all that can be done with a `&Inflate` is to read a number.
            unsafe impl Sync for Inflate {}

            impl sansocket::deflate::Inflate for Box<Inflate> {
                fn inflate(
                    &mut self,
                    input: &mut &[u8],
                    output: &mut [u8],
                ) -> Result<usize, InflateError> {
                    let mut written = 0;
                    loop {
                        let (code, left, n) = self.block(input, &mut output[written..]);
                        let is_end = code == $sys::Z_STREAM_END as c_int;
                        let is_idle = !is_end && left == input.len() && n == 0;
                        *input = &input[input.len() - left..];
                        written += n;
                        if is_end {
                            self.next_stream();
                        } else if code != $sys::Z_OK as c_int && code != $sys::Z_BUF_ERROR as c_int
                        {
                            return Err(InflateError::Other);
                        }
                        // What was read ahead may be the whole of the next block.
                        let has_block = self.boundary().is_some_and(|bits| bits > 0);
                        let is_done = !has_block && (left == 0 || is_idle);
                        if is_done || written == output.len() {
                            return Ok(written);
                        }
                    }
                }

                fn is_between_blocks(&self) -> bool {
                    self.boundary() == Some(0)
                }

                fn clear(&mut self) {
                    crate::Decompressor::reset(self);
                }
            }

            impl Drop for Inflate {
                fn drop(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $sys::inflateEnd(&mut self.0) };
                }
            }

            /// What it makes of the payload of a first message: the message, or nothing.
            ///
            /// A final block begins a new stream, which keeps the history, on the next byte. The tail must be the length of an empty
            /// block: a payload that is so broken off that it takes the tail for data or codes is no message, though it would
            /// deliver one.
            pub fn verdict(payload: &[u8], out: &mut Vec<u8>) -> Option<()> {
                let mut inflate = Inflate::new(15);
                let mut written = 0;
                let mut input = payload;
                let mut is_stream_end = false;
                // At the end, output may still be waiting for room.
                loop {
                    if out.len() - written < 1 << 16 {
                        out.resize(out.len().max(1 << 16) * 2, 0);
                    }
                    let (code, left, n) = inflate.piece(input, &mut out[written..]);
                    written += n;
                    let is_idle = input.len() == left && n == 0;
                    input = &input[input.len() - left..];
                    if code == $sys::Z_STREAM_END as c_int {
                        is_stream_end = true;
                        inflate.next_stream();
                        if input.is_empty() {
                            break;
                        }
                    } else if code != $sys::Z_OK as c_int && code != $sys::Z_BUF_ERROR as c_int {
                        out.truncate(written);
                        return None;
                    } else if is_idle {
                        break;
                    } else {
                        is_stream_end = false;
                    }
                }
                if is_stream_end {
                    out.truncate(written);
                    return Some(());
                }
                let (code, left, n) = inflate.block(&[0, 0, 0xff, 0xff], &mut out[written..]);
                out.truncate(written);
                let is_end = code == $sys::Z_STREAM_END as c_int
                    || code == $sys::Z_OK as c_int && inflate.boundary() == Some(0);
                (n == 0 && left == 0 && is_end).then_some(())
            }
        }
    };
}

unsafe extern "C" {
    // Left out of the bindings.
    fn inflateResetKeep(stream: *mut libz_sys::z_stream) -> c_int;
}

zlib!(c, libz_sys, super::inflateResetKeep);
zlib!(rs, libz_rs_sys, libz_rs_sys::inflateResetKeep);
