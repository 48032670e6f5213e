//! C zlib (`c`) and zlib-rs (`rs`) behind the same two types, which speak permessage-deflate: sync flush, tail removed or appended.

macro_rules! zlib {
    ($name:ident, $sys:ident) => {
        pub mod $name {
            use std::ffi::c_int;

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
                    let mut this = stream();
                    // SAFETY: the stream is zeroed, and stays where it is.
                    let code = unsafe {
                        $sys::deflateInit2_(
                            this.as_mut_ptr(),
                            level,
                            8,
                            -c_int::from(bits),
                            mem_level,
                            0,
                            $sys::zlibVersion(),
                            size(),
                        )
                    };
                    assert_eq!(code, $sys::Z_OK as c_int);
                    // SAFETY: now it is initialised; `Self` is a transparent wrapper.
                    unsafe { Box::from_raw(Box::into_raw(this).cast()) }
                }

                /// Appends the payload of a message.
                pub fn message(&mut self, message: &[u8], out: &mut Vec<u8>) {
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

                pub fn reset(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $sys::deflateReset(&mut self.0) };
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
                    self.0.next_in = input.as_ptr().cast_mut();
                    self.0.avail_in = input.len() as _;
                    self.0.next_out = out.as_mut_ptr();
                    self.0.avail_out = out.len() as _;
                    // SAFETY: pointers and lengths are those of live slices.
                    let code = unsafe { $sys::inflate(&mut self.0, $sys::Z_SYNC_FLUSH as c_int) };
                    (code, self.0.avail_in as usize, out.len() - self.0.avail_out as usize)
                }

                /// The way servers do it: payload, then tail. Returns the length of the message.
                pub fn message(&mut self, payload: &[u8], out: &mut [u8]) -> usize {
                    let (code, left, n) = self.piece(payload, out);
                    assert!(code == $sys::Z_OK as c_int && left == 0, "{code} {left}");
                    let (code, left, more) = self.piece(&[0, 0, 0xff, 0xff], &mut out[n..]);
                    assert!(code == $sys::Z_OK as c_int && left == 0, "{code} {left}");
                    n + more
                }

                pub fn reset(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $sys::inflateReset(&mut self.0) };
                }

                /// Whether a block has ended and no bit is left over.
                pub fn is_at_boundary(&self) -> bool {
                    self.0.data_type & 128 != 0 && self.0.data_type & 63 == 0
                }
            }

            impl Drop for Inflate {
                fn drop(&mut self) {
                    // SAFETY: the stream was initialised.
                    unsafe { $sys::inflateEnd(&mut self.0) };
                }
            }
        }
    };
}

zlib!(c, libz_sys);
zlib!(rs, libz_rs_sys);

/// What C zlib makes of the payload of a first message: the message, or nothing.
///
/// A final block begins a new stream, which keeps the history, on the next byte. The tail must be the length of an empty block: a
/// payload that is so broken off that zlib takes the tail for data or codes is no message, though zlib would deliver one.
pub fn verdict(payload: &[u8], bits: u8, out: &mut Vec<u8>) -> Option<()> {
    unsafe extern "C" {
        fn inflateResetKeep(stream: *mut libz_sys::z_stream) -> i32;
    }
    struct Raw(Box<c::Inflate>);
    let mut inflate = Raw(c::Inflate::new(bits));
    let mut written = 0;
    let mut input = payload;
    let mut is_stream_end = false;
    while !input.is_empty() {
        if out.len() - written < 1 << 16 {
            out.resize(out.len() * 2, 0);
        }
        let (code, left, n) = inflate.0.piece(input, &mut out[written..]);
        written += n;
        input = &input[input.len() - left..];
        is_stream_end = code == libz_sys::Z_STREAM_END;
        if is_stream_end {
            // SAFETY: `Inflate` is a newtype of the stream it initialised.
            unsafe { inflateResetKeep(std::ptr::from_mut(&mut *inflate.0).cast()) };
        } else if code != libz_sys::Z_OK && code != libz_sys::Z_BUF_ERROR {
            out.truncate(written);
            return None;
        }
    }
    // Output may still be waiting for room.
    loop {
        if is_stream_end {
            break;
        }
        out.resize(out.len().max(written + (1 << 16)), 0);
        let (code, _, n) = inflate.0.piece(&[], &mut out[written..]);
        written += n;
        if code == libz_sys::Z_STREAM_END {
            unsafe { inflateResetKeep(std::ptr::from_mut(&mut *inflate.0).cast()) };
            is_stream_end = true;
        } else if code < 0 && code != libz_sys::Z_BUF_ERROR {
            out.truncate(written);
            return None;
        }
        if n == 0 {
            break;
        }
    }
    if is_stream_end {
        out.truncate(written);
        return Some(());
    }
    out.resize(written + 1024, 0);
    let (code, left, n) = inflate.0.piece(&[0, 0, 0xff, 0xff], &mut out[written..]);
    out.truncate(written);
    let is_end =
        code == libz_sys::Z_STREAM_END || code == libz_sys::Z_OK && inflate.0.is_at_boundary();
    (n == 0 && left == 0 && is_end).then_some(())
}
