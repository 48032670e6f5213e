//! Where inflated bytes go, and what matches copy from.

use super::InflateError;
use super::window::History;

/// A piece of output behind the history before it.
pub(super) struct Output<'o, 'w> {
    buffer: &'o mut [u8],
    /// How much of the buffer is filled.
    len: usize,
    /// What came before the first byte of the buffer.
    history: History<'w>,
    max_distance: usize,
}

/// By how much [`Output::copy_fast`] may write past the end of a match.
pub(super) const SLACK: usize = 32;

impl<'o, 'w> Output<'o, 'w> {
    pub(super) fn new(
        buffer: &'o mut [u8],
        len: usize,
        history: History<'w>,
        max_distance: usize,
    ) -> Self {
        Self { buffer, len, history, max_distance }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn room(&self) -> usize {
        self.buffer.len() - self.len
    }

    /// The room itself, and then how much of it was filled.
    pub(super) fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let n = fill(&mut self.buffer[self.len..]);
        self.len += n;
        n
    }

    /// Appends one byte; there must be room.
    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.buffer[self.len] = byte;
        self.len += 1;
    }

    /// Whether a match may begin `distance` bytes before the end.
    #[inline]
    pub(super) fn check_distance(&self, distance: usize) -> Result<(), InflateError> {
        if distance > self.max_distance || distance > self.len + self.history.len() {
            return Err(InflateError::DistanceTooFar);
        }
        Ok(())
    }

    /// Repeats `length` bytes from `distance` bytes before the end; the
    /// distance was checked, and there must be room.
    #[inline]
    pub(super) fn copy(&mut self, distance: usize, length: usize) {
        let (first, second) = self.history.last(distance.saturating_sub(self.len));
        copy(self.buffer, self.len, first, second, distance, length);
        self.len += length;
    }

    /// As [`copy`](Self::copy), but checks the distance, and needs room for
    /// [`SLACK`] bytes more, which it may overwrite.
    #[expect(clippy::inline_always, reason = "a tenth of the time")]
    #[inline(always)]
    pub(super) fn copy_fast(&mut self, distance: usize, length: usize) -> Result<(), InflateError> {
        let start = self.len;
        if distance > self.max_distance {
            return Err(InflateError::DistanceTooFar);
        }
        if distance <= start {
            self.len += length;
            // One bounds check for all that follows.
            let Some(buffer) = self.buffer.get_mut(start - distance..start + length + SLACK) else {
                return Ok(());
            };
            if distance >= 16 {
                copy_within::<16>(buffer, distance, length);
            } else if distance >= 8 {
                copy_within::<8>(buffer, distance, length);
            } else if distance == 1 {
                let byte = buffer[0];
                buffer[1..=length].fill(byte);
            } else {
                for n in 0..length {
                    buffer[distance + n] = buffer[n];
                }
            }
            return Ok(());
        }
        let back = distance - start;
        if back > self.history.len() {
            return Err(InflateError::DistanceTooFar);
        }
        let source = self.history.ring_from(back);
        if length <= back && length + SLACK <= source.len() {
            copy_between(source, &mut self.buffer[start..start + length + SLACK], length);
            self.len += length;
        } else {
            self.copy(distance, length);
        }
        Ok(())
    }

    /// The same output for a loop that keeps it in registers.
    pub(super) fn reborrow(&mut self) -> Output<'_, 'w> {
        Output {
            buffer: self.buffer,
            len: self.len,
            history: self.history,
            max_distance: self.max_distance,
        }
    }

    /// Takes over what was written through [`reborrow`](Self::reborrow), up to
    /// `len`.
    pub(super) fn set_len(&mut self, len: usize) {
        self.len = len;
    }
}

/// Copies a match from wherever it lies: history that ends with `first` and
/// `second`, the buffer, or where the one turns into the other.
#[inline(never)]
fn copy(
    buffer: &mut [u8],
    start: usize,
    first: &[u8],
    second: &[u8],
    distance: usize,
    length: usize,
) {
    let end = start + length;
    let mut at = start;
    for piece in [first, second] {
        let n = piece.len().min(end - at);
        buffer[at..at + n].copy_from_slice(&piece[..n]);
        at += n;
    }
    if at == end {
        return;
    }
    let source = at - distance;
    if distance >= end - at {
        buffer.copy_within(source..source + end - at, at);
    } else {
        // The match runs into what it writes, and so repeats it.
        for n in source..end - distance {
            buffer[n + distance] = buffer[n];
        }
    }
}

/// Copies `length` bytes from the start of `buffer` to `distance`, and up to
/// [`SLACK`] - 1 too many. The distance is at least `CHUNK`, so that each chunk is
/// complete before it is read.
#[inline]
fn copy_within<const CHUNK: usize>(buffer: &mut [u8], distance: usize, length: usize) {
    let mut done = 0;
    while done < length {
        let Some(buffer) = buffer.get_mut(done..done + distance + SLACK) else { return };
        for at in (0..SLACK).step_by(CHUNK) {
            let (source, target) = buffer[at..].split_at_mut(distance);
            target[..CHUNK].copy_from_slice(&source[..CHUNK]);
        }
        done += SLACK;
    }
}

/// Copies `length` bytes from the start of `source` to that of `target`, and up
/// to [`SLACK`] - 1 too many.
#[inline]
fn copy_between(source: &[u8], target: &mut [u8], length: usize) {
    let chunks = source.as_chunks::<SLACK>().0.iter().zip(target.as_chunks_mut::<SLACK>().0);
    for (source, target) in chunks.take(length.div_ceil(SLACK)) {
        *target = *source;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::window::WindowBits;
    use super::super::window::InflateWindow;
    use super::*;

    #[test]
    fn every_match_equals_the_naive_copy() {
        let mut window = InflateWindow::new(WindowBits::MIN, [0; 256]);
        let mut before = [0u8; 300];
        for (n, byte) in before.iter_mut().enumerate() {
            *byte = (n * 11 % 253) as u8;
        }
        window.push(&before[..270]);
        for distance in 1..=256 {
            for length in [3, 4, 7, 8, 15, 16, 17, 30, 31, 64, 257, 258] {
                for fast in [false, true] {
                    let mut naive = [0; 1000];
                    naive[..300].copy_from_slice(&before);
                    for n in 300..300 + length {
                        naive[n] = naive[n - distance];
                    }
                    let mut buffer = [0; 400];
                    buffer[..30].copy_from_slice(&before[270..]);
                    let mut output = Output::new(&mut buffer, 30, window.history(), 256);
                    output.check_distance(distance).unwrap();
                    if fast {
                        output.copy_fast(distance, length).unwrap();
                    } else {
                        output.copy(distance, length);
                    }
                    assert_eq!(output.len(), 30 + length);
                    assert_eq!(
                        buffer[..30 + length],
                        naive[270..300 + length],
                        "{distance} {length}"
                    );
                }
            }
        }
    }
}
