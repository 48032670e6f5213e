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

/// Our deflater as one of many: with a window, or, without takeover, with none.
pub struct Sender {
    level: Level,
    deflater: Deflater<Vec<u8>>,
    table: Option<Vec<u8>>,
    scratch: Box<DeflateScratch>,
}

impl Sender {
    pub fn new(level: Level, takeover: bool) -> Self {
        let table = (!takeover).then(|| vec![0; level.table_len(WindowBits::MAX)]);
        Self { level, deflater: deflater(level, 15), table, scratch: Box::default() }
    }
}

impl crate::Compressor for Sender {
    fn message(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + max_deflated_len(message.len()), 0);
        let (scratch, room) = (&mut self.scratch, &mut out[start..]);
        let n = match &mut self.table {
            None => self.deflater.deflate(scratch, message, true, room),
            Some(table) => scratch.deflate_whole(self.level, WindowBits::MAX, table, message, room),
        };
        out.truncate(start + n.expect("the bound holds"));
    }

    fn reset(&mut self) {
        self.deflater.clear();
    }
}

/// Our inflater as one of many: with a window, or, without takeover, with none.
pub struct Receiver {
    window: Option<InflateWindow<Vec<u8>>>,
    scratch: Box<InflateScratch>,
}

impl Receiver {
    pub fn new(takeover: bool) -> Self {
        let window = takeover.then(|| InflateWindow::new(WindowBits::MAX, vec![0; 1 << 15]));
        Self { window, scratch: Box::default() }
    }
}

impl crate::Decompressor for Receiver {
    const TAIL: &[u8] = &[];

    fn message(&mut self, mut payload: &[u8], out: &mut [u8]) -> usize {
        let (mut inflater, input) = (Inflater::new(), &mut payload);
        let inflated = match &mut self.window {
            Some(window) => inflater.inflate(&mut self.scratch, window, input, out),
            None => inflater.inflate_whole(&mut self.scratch, WindowBits::MAX, input, out),
        };
        inflater.finish().unwrap();
        inflated.unwrap().len
    }

    fn reset(&mut self) {
        if let Some(window) = &mut self.window {
            window.clear();
        }
    }
}
