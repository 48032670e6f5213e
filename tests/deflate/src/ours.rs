//! Our codec the way a connection would drive it, cut at random.

use crate::rng::Rng;
use sansocket::deflate::{
    DeflateScratch, Deflater, InflateError, InflateScratch, InflateWindow, Inflater, Level,
    WindowBits, max_deflated_len,
};

/// How a message is cut into pieces of input and of output.
pub enum Cut<'r> {
    Whole,
    Random { rng: &'r mut Rng, input: usize, output: usize },
}

/// Inflates a message through a window. Returns what was inflated before the error, if there is one.
pub fn inflate(
    scratch: &mut InflateScratch,
    window: &mut InflateWindow<Vec<u8>>,
    payload: &[u8],
    cut: &mut Cut<'_>,
    buffer: &mut [u8],
) -> (Vec<u8>, Result<(), InflateError>) {
    let mut message = Vec::new();
    let mut inflater = Inflater::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let n = match cut {
            Cut::Whole => rest.len(),
            Cut::Random { rng, input, .. } => rng.below(*input + 1).min(rest.len()),
        };
        let (mut piece, after) = rest.split_at(n);
        rest = after;
        loop {
            let room = match cut {
                Cut::Whole => buffer.len(),
                Cut::Random { rng, output, .. } => rng.below(*output + 1).min(buffer.len()),
            };
            match inflater.inflate(scratch, window, &mut piece, &mut buffer[..room]) {
                Ok(inflated) => {
                    message.extend_from_slice(&buffer[..inflated.len]);
                    if !inflated.is_full {
                        assert!(piece.is_empty());
                        break;
                    }
                    assert_eq!(inflated.len, room);
                }
                Err(error) => {
                    assert_eq!(
                        inflater.inflate(scratch, window, &mut &[][..], &mut []),
                        Err(error)
                    );
                    assert_eq!(inflater.finish(), Err(error));
                    return (message, Err(error));
                }
            }
        }
    }
    assert_eq!(inflater.len(), message.len());
    (message, inflater.finish())
}

/// Inflates a message without a window, into a buffer that grows as it must.
pub fn inflate_whole(
    scratch: &mut InflateScratch,
    bits: u8,
    payload: &[u8],
    cut: &mut Cut<'_>,
) -> (Vec<u8>, Result<(), InflateError>) {
    let bits = WindowBits::new(bits).unwrap();
    let mut message = Vec::new();
    let mut inflater = Inflater::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let n = match cut {
            Cut::Whole => rest.len(),
            Cut::Random { rng, input, .. } => rng.below(*input + 1).min(rest.len()),
        };
        let (mut piece, after) = rest.split_at(n);
        rest = after;
        loop {
            match inflater.inflate_whole(scratch, bits, &mut piece, &mut message) {
                Ok(inflated) if inflated.is_full => {
                    let more = match cut {
                        Cut::Whole => 1 << 17,
                        Cut::Random { rng, output, .. } => rng.below(*output + 1),
                    };
                    message.resize(message.len() + more, 0);
                }
                Ok(_) => break,
                Err(error) => {
                    message.truncate(inflater.len());
                    return (message, Err(error));
                }
            }
        }
    }
    message.truncate(inflater.len());
    (message, inflater.finish())
}

/// Deflates a message as a whole, into a buffer of its own.
pub fn deflate(
    deflater: &mut Deflater<Vec<u8>>,
    scratch: &mut DeflateScratch,
    message: &[u8],
) -> Vec<u8> {
    let mut out = vec![0; max_deflated_len(message.len())];
    let n = deflater.deflate(scratch, message, true, &mut out).expect("the bound holds");
    out.truncate(n);
    out
}

pub fn deflater(level: Level, bits: u8) -> Deflater<Vec<u8>> {
    let bits = WindowBits::new(bits).unwrap();
    Deflater::new(level, bits, vec![0; level.memory_len(bits)])
}
