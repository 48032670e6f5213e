//! The symbols of a block, decoded one after the other.
//!
//! Two loops do it: one while input and output are far from their ends, so that
//! it needs to look for those but once in a while, and one for what is left.

use super::Stop;
use super::bits::BitReader;
use super::error::InflateError;
use super::output::{Output, SLACK};
use super::table::Codes;
use crate::deflate::symbols::MAX_MATCH;

/// Why decoding ended, if not by an error.
pub(super) enum Decoded {
    /// The block ended.
    Block,
    /// A match has to be copied in another way than [`Output::copy_fast`] can.
    Match { length: usize, distance: usize },
    /// Before the next symbol, input or output ended.
    Nothing(Stop),
}

/// Decodes symbols until the block ends, or input or output.
#[inline(never)]
pub(super) fn decode(
    codes: &Codes,
    reader: &mut BitReader<'_>,
    output: &mut Output<'_, '_>,
) -> Result<Decoded, InflateError> {
    match decode_fast(codes, reader, output)? {
        Some(decoded) => Ok(decoded),
        None => decode_carefully(codes, reader, output),
    }
}

/// Decodes symbols while input and output are far from their ends. `None` once
/// they are not.
fn decode_fast(
    codes: &Codes,
    reader: &mut BitReader<'_>,
    output: &mut Output<'_, '_>,
) -> Result<Option<Decoded>, InflateError> {
    /// What one turn may write: literals and a match, and what copying the
    /// match may overwrite behind it.
    const ROOM: usize = 3 + MAX_MATCH + SLACK;
    /// The most bits that three literals take, or a match: 15 + 5 for its
    /// length and 15 + 13 for its distance.
    const BITS: u32 = 48;

    // Copies, which unlike what the references lead to can stay in registers.
    let mut bits = *reader;
    let mut out = output.reborrow();
    bits.refill();
    let mut entry = codes.litlen.root(bits.peek());
    let result = loop {
        if bits.count() < BITS || out.room() < ROOM {
            break Ok(None);
        }
        if entry.is_literal() {
            bits.consume(entry.bits());
            out.push(entry.base() as u8);
            entry = codes.litlen.root(bits.peek());
            if entry.is_literal() {
                bits.consume(entry.bits());
                out.push(entry.base() as u8);
                entry = codes.litlen.root(bits.peek());
                if entry.is_literal() {
                    bits.consume(entry.bits());
                    out.push(entry.base() as u8);
                    bits.refill();
                    entry = codes.litlen.root(bits.peek());
                    continue;
                }
            }
            bits.refill();
            if bits.count() < BITS {
                break Ok(None);
            }
        }
        if entry.is_exceptional() {
            entry = codes.litlen.follow(entry, bits.peek());
            if entry.is_literal() {
                bits.consume(entry.bits());
                out.push(entry.base() as u8);
                bits.refill();
                entry = codes.litlen.root(bits.peek());
                continue;
            }
            if entry.is_exceptional() {
                bits.consume(entry.bits());
                break if entry.is_end() {
                    Ok(Some(Decoded::Block))
                } else {
                    Err(InflateError::InvalidCode)
                };
            }
        }
        let length = entry.value(bits.peek());
        bits.consume(entry.bits());
        entry = codes.distance.root(bits.peek());
        if entry.is_exceptional() {
            entry = codes.distance.follow(entry, bits.peek());
            if entry.is_exceptional() {
                break Err(InflateError::InvalidCode);
            }
        }
        let distance = entry.value(bits.peek());
        bits.consume(entry.bits());
        bits.refill();
        entry = codes.litlen.root(bits.peek());
        if !out.copy_fast(distance, length) {
            break Ok(Some(Decoded::Match { length, distance }));
        }
    };
    let len = out.len();
    output.set_len(len);
    *reader = bits;
    result
}

/// Decodes symbols, however near the end.
fn decode_carefully(
    codes: &Codes,
    reader: &mut BitReader<'_>,
    output: &mut Output<'_, '_>,
) -> Result<Decoded, InflateError> {
    loop {
        if reader.count() < 48 {
            reader.refill();
        }
        // Bits beyond the count are not input. A code that needs any of those
        // is not there yet.
        let entry = codes.litlen.lookup(reader.peek());
        if entry.bits() > reader.count() {
            return Ok(Decoded::Nothing(Stop::Input));
        }
        if entry.is_literal() {
            if !output.push(entry.base() as u8) {
                return Ok(Decoded::Nothing(Stop::Output));
            }
            reader.consume(entry.bits());
            continue;
        }
        if entry.is_exceptional() {
            reader.consume(entry.bits());
            return if entry.is_end() {
                Ok(Decoded::Block)
            } else {
                Err(InflateError::InvalidCode)
            };
        }
        let length = entry.value(reader.peek());
        let length_bits = entry.bits();
        let bits = reader.peek() >> length_bits;
        let entry = codes.distance.lookup(bits);
        if length_bits + entry.bits() > reader.count() {
            return Ok(Decoded::Nothing(Stop::Input));
        }
        if entry.is_exceptional() {
            return Err(InflateError::InvalidCode);
        }
        let distance = entry.value(bits);
        reader.consume(length_bits + entry.bits());
        if !output.copy_fast(distance, length) {
            return Ok(Decoded::Match { length, distance });
        }
    }
}
