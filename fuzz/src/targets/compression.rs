//! DEFLATE, against itself in other pieces. Against another implementation:
//! `../oracle.rs`.

use sansocket::deflate::{
    DeflateScratch, Deflater, InflateError, InflateScratch, InflateWindow, Inflater, Level,
    WindowBits, max_deflated_len,
};

use super::script::{Script, pieces};

/// The most bytes that a message is inflated to here.
pub const LIMIT: usize = 1 << 16;

/// A payload, and what it was inflated to with a window of 32 KiB.
pub struct Inflated<'b> {
    /// The payload of a compressed message.
    pub payload: &'b [u8],
    /// The message so far.
    pub message: Vec<u8>,
    /// What is wrong with it; `None` if it is whole or over the limit.
    pub error: Option<InflateError>,
    /// Whether more bytes than the limit would have come.
    pub is_full: bool,
}

/// Any payload in any pieces, of input and of output, with a window or in one
/// buffer: the same bytes and verdict, and no byte over the limit.
pub fn inflate(data: &[u8]) -> Inflated<'_> {
    let mut script = Script::new(data);
    let bits = WindowBits::new(8 + script.byte() % 8).expect("8 to 15");
    let room = 1 + usize::from(script.byte());
    let cuts = script.cuts();
    let payload = script.rest();
    let each: Vec<_> = payload.chunks(1).collect();
    for bits in [bits, WindowBits::MAX] {
        let whole = inflate_whole(bits, &[payload]);
        for pieces in [pieces(payload, cuts), each.clone()] {
            assert!(inflate_whole(bits, &pieces) == whole);
        }
        for (pieces, room) in [
            (vec![payload], LIMIT),
            (vec![payload], room),
            (pieces(payload, cuts), room),
            (each.clone(), 1),
        ] {
            assert!(inflate_window(bits, &pieces, room) == whole, "room for {room} bytes");
        }
        // A limit that the message does not keep to, by one byte.
        if let Some(less) = whole.0.len().checked_sub(1) {
            let mut output = vec![0; less];
            let mut scratch = InflateScratch::new();
            let mut inflater = Inflater::new();
            let mut input = payload;
            let inflated = inflater.inflate_whole(&mut scratch, bits, &mut input, &mut output);
            assert!(inflated.is_ok_and(|inflated| inflated.is_full));
            assert!(output == whole.0[..less]);
        }
    }
    let (message, verdict) = inflate_whole(WindowBits::MAX, &[payload]);
    let is_full = verdict == Err(None);
    let error = verdict.err().flatten();
    Inflated { payload, message, error, is_full }
}

/// The bytes, and the verdict: `Err(None)` if they are more than the limit.
type Verdict = (Vec<u8>, Result<(), Option<InflateError>>);

fn inflate_whole(bits: WindowBits, pieces: &[&[u8]]) -> Verdict {
    let mut scratch = InflateScratch::new();
    let mut inflater = Inflater::new();
    let mut message = vec![0; LIMIT];
    let mut verdict = Ok(());
    for mut piece in pieces.iter().copied() {
        match inflater.inflate_whole(&mut scratch, bits, &mut piece, &mut message) {
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

fn inflate_window(bits: WindowBits, pieces: &[&[u8]], room: usize) -> Verdict {
    let mut scratch = InflateScratch::new();
    let mut window = InflateWindow::new(bits, vec![0xEE; bits.size()]);
    let mut inflater = Inflater::new();
    let mut message = Vec::new();
    let mut output = vec![0; room];
    for mut piece in pieces.iter().copied() {
        loop {
            let room = room.min(LIMIT - message.len());
            let before = inflater.len();
            let output = &mut output[..room];
            let inflated = inflater.inflate(&mut scratch, &mut window, &mut piece, output);
            message.extend_from_slice(&output[..inflater.len() - before]);
            match inflated {
                Err(error) => return (message, Err(Some(error))),
                Ok(inflated) if !inflated.is_full => break assert!(piece.is_empty()),
                Ok(_) if message.len() == LIMIT => return (message, Err(None)),
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
    let mut messages = Vec::new();
    let mut total = 0;
    while !script.is_empty() && total < LIMIT {
        let choice = script.byte();
        let times = 1 + usize::from(choice >> 4) * usize::from(choice >> 4);
        let message = script.string().repeat(times);
        total += message.len() + 1;
        let mut payload = vec![0; max_deflated_len(message.len()) + 8];
        let len = if takeover {
            let cut = usize::from(script.byte()).min(message.len());
            let (first, second) = message.split_at(cut);
            if choice & 1 != 0 {
                // Refused for want of room, or taken back: as if it had not
                // been tried.
                let room = if choice & 2 == 0 { cut / 2 } else { payload.len() };
                let room = &mut payload[..room];
                if deflater.deflate(&mut ample, &message, true, room).is_ok() {
                    deflater.rollback();
                }
            }
            let scratch = &mut ample;
            let n = deflater.deflate(scratch, first, false, &mut payload).expect("room enough");
            let rest = &mut payload[n..];
            n + if choice & 4 != 0 {
                deflater.deflate(&mut scant, second, true, rest).expect("room enough")
            } else {
                deflater.deflate(scratch, second, true, rest).expect("room enough")
            }
        } else {
            let mut table = vec![0xEE; usize::from(choice) * 256];
            ample.deflate_whole(level, bits, &mut table, &message, &mut payload).expect("room")
        };
        payload.truncate(len);
        if !takeover {
            assert!(len <= max_deflated_len(message.len()));
            window.clear();
        }
        let mut inflater = Inflater::new();
        let mut output = vec![0; message.len()];
        let mut input = &payload[..];
        let mut scratch = InflateScratch::new();
        let inflated = inflater.inflate(&mut scratch, &mut window, &mut input, &mut output);
        assert!(inflated.is_ok_and(|inflated| inflated.len == message.len() && !inflated.is_full));
        assert_eq!(inflater.finish(), Ok(()));
        assert!(output == message);
        messages.push((message, payload));
    }
    Deflated { messages, takeover }
}
