//! DEFLATE, against itself in other pieces. Against another implementation:
//! `../oracle.rs`.

use sansocket::deflate::{
    DeflateScratch, Deflater, InflateError, InflateScratch, InflateWindow, Inflater, Level,
    WindowBits, max_deflated_len,
};

use super::script::{Script, pieces};

/// The most bytes that an input is inflated to here, or deflated: few, or enough to
/// go round in the window.
fn limit(is_big: bool, bits: WindowBits) -> usize {
    if is_big { FEW.max(2 * bits.size()) } else { FEW }
}

const FEW: usize = 1 << 11;

/// `target` with each first byte: what a fuzzer comes upon in its time, while seeds
/// are few.
pub fn every_way(seed: &[u8], target: impl Fn(&[u8])) {
    let mut seed = seed.to_vec();
    for flags in 0..=u8::MAX {
        if let Some(first) = seed.first_mut() {
            *first = flags;
        }
        target(&seed);
    }
}

/// A payload, and what it was inflated to with a window of 32 KiB.
pub struct Inflated<'b> {
    /// The payload of a compressed message.
    pub payload: &'b [u8],
    /// The message so far.
    pub message: Vec<u8>,
    /// What is wrong with it; `None` if it is whole or over the limit.
    pub error: Option<InflateError>,
    /// The most bytes that could come.
    pub limit: usize,
    /// Whether more than those would have.
    pub is_full: bool,
}

/// Any payload in any pieces, of input and of output, with a window or in one
/// buffer: the same bytes and verdict, and no byte over the limit. A smaller window
/// makes no difference but to refuse what reaches out of it.
pub fn inflate(data: &[u8]) -> Inflated<'_> {
    let mut script = Script::new(data);
    let flags = script.byte();
    let bits = WindowBits::new(8 + flags % 8).expect("8 to 15");
    let limit = limit(flags & 8 != 0, bits);
    let (by_window, one_by_one) = (flags & 16 != 0, flags & 32 != 0);
    let room = match script.byte() {
        // So that a big message does not take a call for each of its bytes.
        room if limit > FEW => 32 * usize::from(room) + 1,
        room => usize::from(room) + 1,
    };
    let cuts = script.cuts();
    let payload = script.rest();
    let pieces = if one_by_one { payload.chunks(1).collect() } else { pieces(payload, cuts) };

    let scratch = &mut InflateScratch::new();
    let whole = inflate_whole(scratch, WindowBits::MAX, &[payload], limit);
    let narrow = inflate_whole(scratch, bits, &[payload], limit);
    if narrow.1 == Err(Some(InflateError::DistanceTooFar)) {
        assert!(whole.0.starts_with(&narrow.0));
    } else {
        assert!(narrow == whole);
    }
    let cut = if by_window {
        inflate_window(scratch, bits, &pieces, limit, room)
    } else {
        inflate_whole(scratch, bits, &pieces, limit)
    };
    assert!(cut == narrow);
    // A limit that the message does not keep to, by one byte.
    if let Some(less) = whole.0.len().checked_sub(1) {
        let over = inflate_whole(scratch, WindowBits::MAX, &[payload], less);
        assert!(over == (whole.0[..less].to_vec(), Err(None)));
    }
    let (message, verdict) = whole;
    let is_full = verdict == Err(None);
    let error = verdict.err().flatten();
    Inflated { payload, message, error, limit, is_full }
}

/// The bytes, and the verdict: `Err(None)` if they are more than the limit.
type Verdict = (Vec<u8>, Result<(), Option<InflateError>>);

fn inflate_whole(
    scratch: &mut InflateScratch,
    bits: WindowBits,
    pieces: &[&[u8]],
    limit: usize,
) -> Verdict {
    let mut inflater = Inflater::new();
    let mut message = vec![0; limit];
    let mut verdict = Ok(());
    for mut piece in pieces.iter().copied() {
        match inflater.inflate_whole(scratch, bits, &mut piece, &mut message) {
            Ok(inflated) if inflated.is_full => verdict = Err(None),
            Ok(_) => assert!(piece.is_empty()),
            Err(error) => verdict = Err(Some(error)),
        }
        if verdict.is_err() {
            break;
        }
    }
    message.truncate(inflater.len());
    (message, verdict.and_then(|()| inflater.finish().map_err(Some)))
}

fn inflate_window(
    scratch: &mut InflateScratch,
    bits: WindowBits,
    pieces: &[&[u8]],
    limit: usize,
    room: usize,
) -> Verdict {
    let mut window = InflateWindow::new(bits, vec![0xEE; bits.size()]);
    let mut inflater = Inflater::new();
    let mut message = Vec::new();
    let mut output = vec![0; room];
    for mut piece in pieces.iter().copied() {
        loop {
            let room = room.min(limit - message.len());
            let before = inflater.len();
            let output = &mut output[..room];
            let inflated = inflater.inflate(scratch, &mut window, &mut piece, output);
            message.extend_from_slice(&output[..inflater.len() - before]);
            match inflated {
                Err(error) => return (message, Err(Some(error))),
                Ok(inflated) if !inflated.is_full => break assert!(piece.is_empty()),
                Ok(_) if message.len() == limit => return (message, Err(None)),
                Ok(inflated) => assert_eq!(inflated.len, room, "it is full"),
            }
        }
    }
    (message, inflater.finish().map_err(Some))
}

/// Messages, the payloads they were deflated to, and whether the later ones
/// need the earlier ones.
pub struct Deflated {
    /// Each message with its payload.
    pub messages: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether they share a window.
    pub takeover: bool,
}

/// Any messages at any level and window, in any parts: what our own inflater
/// makes of them is what they were, and none is longer than it may be.
pub fn deflate(data: &[u8]) -> Deflated {
    let mut script = Script::new(data);
    let flags = script.byte();
    let bits = WindowBits::new(8 + flags % 8).expect("8 to 15");
    let level = [Level::Fast, Level::Balanced, Level::Best][usize::from(flags >> 3 & 3) % 3];
    let takeover = flags & 0x80 == 0;
    let mut deflater = Deflater::new(level, bits, vec![0; level.memory_len(bits)]);
    let mut window = InflateWindow::new(bits, vec![0; bits.size()]);
    let (mut ample, mut scant) = (<DeflateScratch>::new(), DeflateScratch::<64>::new());
    let mut scratch = InflateScratch::new();
    let mut messages = Vec::new();
    let mut table = vec![0xEE; usize::from(u8::MAX) * 256];
    let mut left = limit(flags & 0x20 != 0, bits);
    while !script.is_empty() && left > 0 {
        let choice = script.byte();
        let times = 1 + usize::from(choice >> 4) * usize::from(choice >> 4);
        let message = script.string();
        let message = message.repeat(times.min(1 + left / (message.len() + 1)));
        // Many messages take their time, too.
        left = left.saturating_sub(message.len() + 32);
        let mut payload = vec![0; max_deflated_len(message.len()) + 8];
        let len = if takeover {
            let cut = usize::from(script.byte()).min(message.len());
            let (first, second) = message.split_at(cut);
            let mut len = 0;
            for (part, last) in [(first, false), (second, true)] {
                if choice & 1 != 0 && last == (choice & 8 != 0) {
                    // Refused for want of room, or taken back: as if it had not
                    // been tried.
                    let rest = &mut payload[len..];
                    let room = if choice & 2 == 0 { rest.len().min(cut / 2) } else { rest.len() };
                    let room = &mut rest[..room];
                    if deflater.deflate(&mut ample, &message, last, room).is_ok() {
                        deflater.rollback();
                    }
                }
                let rest = &mut payload[len..];
                len += if last && choice & 4 != 0 {
                    deflater.deflate(&mut scant, part, last, rest).expect("room enough")
                } else {
                    deflater.deflate(&mut ample, part, last, rest).expect("room enough")
                };
            }
            len
        } else {
            let table = &mut table[..usize::from(choice) * 256];
            ample.deflate_whole(level, bits, table, &message, &mut payload).expect("room")
        };
        payload.truncate(len);
        if !takeover {
            assert!(len <= max_deflated_len(message.len()));
            window.clear();
        }
        let mut inflater = Inflater::new();
        let mut output = vec![0; message.len()];
        let mut input = &payload[..];
        let inflated = inflater.inflate(&mut scratch, &mut window, &mut input, &mut output);
        assert!(inflated.is_ok_and(|inflated| inflated.len == message.len() && !inflated.is_full));
        assert_eq!(inflater.finish(), Ok(()));
        assert!(output == message);
        messages.push((message, payload));
    }
    Deflated { messages, takeover }
}
