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

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn room(&self) -> usize {
        self.buffer.len() - self.len
    }

    /// Has `fill` fill the next `max` bytes, or as many as there is room for, and
    /// say how many it filled.
    pub(super) fn fill(&mut self, max: usize, fill: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let end = self.buffer.len().min(self.len + max);
        let n = fill(self.buffer.get_mut(self.len..end).unwrap_or_default());
        self.len += n;
        n
    }

    /// Appends one byte if there is room; says whether there was.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let Some(slot) = self.buffer.get_mut(self.len) else { return false };
        *slot = byte;
        self.len += 1;
        true
    }

    /// Whether a match may begin `distance` bytes before the end.
    pub(super) fn check_distance(&self, distance: usize) -> Result<(), InflateError> {
        if distance > self.max_distance || distance > self.len + self.history.len() {
            return Err(InflateError::DistanceTooFar);
        }
        Ok(())
    }

    /// Repeats `length` bytes from `distance` bytes before the end, or as many
    /// as there is room for; returns how many. The distance was checked.
    #[inline(never)]
    pub(super) fn copy(&mut self, distance: usize, length: usize) -> usize {
        let length = length.min(self.room());
        let end = self.len + length;
        let (first, second) = self.history.last(distance.saturating_sub(self.len));
        for piece in [first, second] {
            let room = self.buffer.get_mut(self.len..end).unwrap_or_default();
            let n = room.len().min(piece.len());
            room[..n].copy_from_slice(&piece[..n]);
            self.len += n;
        }
        // The match may run into what it writes, and so repeat it.
        while self.len < end
            && let Some(&byte) = self.buffer.get(self.len - distance)
        {
            self.push(byte);
        }
        length
    }

    /// As [`copy`](Self::copy), for most matches far from the end: writes up to
    /// [`SLACK`] bytes too many. Says whether it could.
    #[expect(clippy::inline_always, reason = "a tenth of the time")]
    #[inline(always)]
    pub(super) fn copy_fast(&mut self, distance: usize, length: usize) -> bool {
        let start = self.len;
        let padded = length.next_multiple_of(SLACK);
        if distance > self.max_distance {
            return false;
        }
        if distance > start {
            let Some(source) = self.history.get(distance - start, length, padded) else {
                return false;
            };
            let Some(target) = self.buffer.get_mut(start..start + padded) else { return false };
            copy_chunks(source, target);
        } else {
            let Some(buffer) = self.buffer.get_mut(start - distance..start + padded) else {
                return false;
            };
            if distance >= 16 {
                copy_within::<16>(buffer, distance, length);
            } else if distance >= 8 {
                copy_within::<8>(buffer, distance, length);
            } else if distance == 1 {
                let [byte, target @ ..] = buffer else { return false };
                target.fill(*byte);
            } else {
                for n in 0..length {
                    let Some(&byte) = buffer.get(n) else { break };
                    let Some(slot) = buffer.get_mut(distance + n) else { break };
                    *slot = byte;
                }
            }
        }
        self.len += length;
        true
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

/// Copies the start of `source` to `target`, whose length is a multiple of
/// [`SLACK`].
fn copy_chunks(source: &[u8], target: &mut [u8]) {
    let chunks = target.as_chunks_mut::<SLACK>().0.iter_mut().zip(source.as_chunks::<SLACK>().0);
    for (target, source) in chunks {
        *target = *source;
    }
}

/// Copies `length` bytes from the start of `buffer` to `distance`, and up to
/// [`SLACK`] - 1 too many. The distance is at least `CHUNK`, so that each chunk is
/// complete before it is read.
fn copy_within<const CHUNK: usize>(buffer: &mut [u8], distance: usize, length: usize) {
    for done in (0..length).step_by(SLACK) {
        let Some(buffer) = buffer.get_mut(done..done + distance + SLACK) else { return };
        for at in (0..SLACK).step_by(CHUNK) {
            let Some(source) = buffer.get(at..).and_then(|rest| rest.first_chunk()) else { return };
            let chunk: [u8; CHUNK] = *source;
            let target = buffer.get_mut(at + distance..).and_then(|rest| rest.first_chunk_mut());
            let Some(target) = target else { return };
            *target = chunk;
        }
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
                    if !fast || !output.copy_fast(distance, length) {
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
