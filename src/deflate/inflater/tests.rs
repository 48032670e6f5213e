use super::*;
use crate::deflate::symbols::{
    DISTANCES, END_OF_BLOCK, FIRST_LENGTH, LENGTHS, distance_symbol, fixed_distance, fixed_litlen,
    length_symbol,
};
use crate::deflate::{DeflateScratch, Level};

fn window() -> InflateWindow<[u8; 32768]> {
    InflateWindow::new(WindowBits::MAX, [0; 32768])
}

/// Inflates a payload cut into pieces of `input` bytes, into pieces of `output`
/// bytes, and compares.
fn check(
    window: &mut InflateWindow<[u8; 32768]>,
    payload: &[u8],
    (input, output): (usize, usize),
    expected: Result<&[u8], InflateError>,
) {
    let mut scratch = InflateScratch::new();
    let mut inflater = Inflater::new();
    let mut buffer = [0; 100];
    let mut len = 0;
    for mut piece in payload.chunks(input) {
        loop {
            assert_eq!(inflater.is_empty(), len == 0);
            let room = &mut buffer[len..len + output];
            match inflater.inflate(&mut scratch, window, &mut piece, room) {
                Ok(inflated) => {
                    len += inflated.len;
                    if !inflated.is_full {
                        assert!(piece.is_empty());
                        break;
                    }
                }
                Err(error) => return assert_eq!(Err(error), expected),
            }
        }
    }
    assert_eq!(len, inflater.len());
    assert_eq!(inflater.finish().map(|()| &buffer[..len]), expected);
}

const CUTS: [(usize, usize); 4] = [(99, 60), (1, 60), (99, 1), (1, 1)];

#[test]
fn first_messages() {
    use InflateError::*;
    type Case<'a> = (&'a [u8], Result<&'a [u8], InflateError>);
    let cases: &[Case<'_>] = &[
        // RFC 7692 §7.2.3.1 to §7.2.3.6: one block, stored, final, two blocks.
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00", Ok(b"Hello")),
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", Ok(b"Hello")),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", Ok(b"Hello")),
        (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", Ok(b"Hello")),
        (b"\x00", Ok(b"")),
        // A final block without the byte behind it, and with another stream.
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00", Ok(b"Hello")),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", Ok(b"HelloHello")),
        // A final block that ends with its last byte.
        (b"\x3b\x71\xe9\xce\xb3\x0f\xbf\x00", Ok(b"\xc8\xd2\xdc\xe6\xf0\xfa")),
        (b"\x02\x00", Ok(b"")),
        (b"", Err(Truncated)),
        (b"\xf2\x48\xcd\xc9\xc9", Err(Truncated)),
        // Here the missing tail could be taken for the text.
        (b"\x00\x05\x00\xfa\xff\x48", Err(Truncated)),
        (b"\x06", Err(InvalidBlockType)),
        (b"\x00\x05\x00\xfa\xfe\x48", Err(InvalidStoredLength)),
        (b"\x02\x02\x00\x00", Err(DistanceTooFar)),
        (b"\xf2\x00\x11\x00\x00", Err(DistanceTooFar)),
        // Distance code 30, length code 286.
        (b"\x72\x04\x3e\x00\x00", Err(InvalidCode)),
        (b"\x1a\x03\x00", Err(InvalidCode)),
        (b"\xf4\x00\x00\x00", Err(TooManyCodes)),
        (b"\x04\x1e\x00\x00", Err(TooManyCodes)),
    ];
    for &(payload, expected) in cases {
        for cut in CUTS {
            check(&mut window(), payload, cut, expected);
        }
    }
}

#[test]
fn later_messages_reach_into_earlier_ones() {
    for cut in CUTS {
        let mut window = window();
        check(&mut window, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", cut, Ok(b"Hello"));
        check(&mut window, b"\xf2\x00\x11\x00\x00", cut, Ok(b"Hello"));
        window.clear();
        check(&mut window, b"\xf2\x00\x11\x00\x00", cut, Err(InflateError::DistanceTooFar));
    }
}

#[test]
fn a_limit_lets_pass_what_reaches_it() {
    for (limit, is_full) in [(0, true), (4, true), (5, false), (6, false)] {
        let mut output = [0; 6];
        let inflated = Inflater::new().inflate(
            &mut InflateScratch::new(),
            &mut window(),
            &mut &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..],
            &mut output[..limit],
        );
        assert_eq!(inflated, Ok(Inflated { len: limit.min(5), is_full }));
    }
}

#[test]
fn an_error_stays() {
    let mut inflater = Inflater::new();
    let mut message = [0; 9];
    for payload in [b"\x06", b"\x00"] {
        let result = inflater.inflate_whole(
            &mut InflateScratch::new(),
            WindowBits::MIN,
            &mut &payload[..],
            &mut message,
        );
        assert_eq!(result, Err(InflateError::InvalidBlockType));
    }
    assert_eq!(inflater.finish(), Err(InflateError::InvalidBlockType));
}

#[test]
fn a_distance_is_held_to_the_window() {
    // A text that repeats after 257 bytes, one more than the smallest window.
    let mut scratch = <DeflateScratch>::new();
    let mut text = [0; 520];
    for (n, byte) in text.iter_mut().enumerate() {
        *byte = (n % 257 % 251) as u8;
    }
    let mut payload = [0; 600];
    let mut table = [0; 4096];
    let n = scratch
        .deflate_whole(Level::Best, WindowBits::MAX, &mut table, &text, &mut payload)
        .unwrap();
    for (bits, expected) in [(8, Err(InflateError::DistanceTooFar)), (9, Ok(520))] {
        let mut output = [0; 520];
        let result = Inflater::new().inflate_whole(
            &mut InflateScratch::new(),
            WindowBits::new(bits).unwrap(),
            &mut &payload[..n],
            &mut output,
        );
        assert_eq!(result.map(|inflated| inflated.len), expected);
    }
}

/// Wherever the input is cut, and however little room there is.
#[test]
fn is_full_says_that_a_byte_more_is_due() {
    let payloads: [&[u8]; 4] = [
        // Stored; in the fixed codes; both; 259 times the same byte.
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        b"\x00\x02\x00\xfd\xff\x48\x65\xca\xc9\xc9\x07\x00",
        b"\x4a\x4c\x1c\xf1\x00\x00",
    ];
    let inflate = |input: &[u8], output: &mut [u8]| {
        let (mut inflater, mut rest) = (Inflater::new(), input);
        let inflated =
            inflater.inflate(&mut InflateScratch::new(), &mut window(), &mut rest, output);
        assert!(inflated.is_ok_and(|inflated| inflated.is_full || rest.is_empty()));
        inflated.unwrap()
    };
    for payload in payloads {
        for end in 0..=payload.len() {
            let mut output = [0; 300];
            let all = inflate(&payload[..end], &mut output);
            assert!(!all.is_full);
            for room in (0..=all.len + 1).rev().take(9).chain(0..4) {
                let inflated = inflate(&payload[..end], &mut output[..room]);
                let expected = Inflated { len: all.len.min(room), is_full: all.len > room };
                assert_eq!(inflated, expected, "{end} bytes into {room}");
            }
        }
    }
}

/// With room enough for the fast loop, and input that ends within it.
#[test]
fn every_cut_in_two_gives_the_same() {
    let mut text = [0; 600];
    for (n, byte) in text.iter_mut().enumerate() {
        // A byte or two that are new, then some that are not.
        *byte = if n % 7 < 2 { (n * n % 251) as u8 } else { b'a' + (n % 7 + n / 90) as u8 };
    }
    let (mut payload, mut table) = ([0; 700], [0; 4096]);
    let n = <DeflateScratch>::new()
        .deflate_whole(Level::Best, WindowBits::MAX, &mut table, &text, &mut payload)
        .unwrap();
    for cut in 0..=n {
        let (mut inflater, mut output) = (Inflater::new(), [0; 2000]);
        for mut piece in [&payload[..cut], &payload[cut..n]] {
            let inflated = inflater.inflate_whole(
                &mut InflateScratch::new(),
                WindowBits::MAX,
                &mut piece,
                &mut output,
            );
            assert!(!inflated.unwrap().is_full);
        }
        assert_eq!(output[..inflater.len()], text);
        assert_eq!(inflater.finish(), Ok(()));
    }
}

/// Where a block in the fixed codes is being written.
#[derive(Default)]
struct FixedBlock {
    payload: Vec<u8>,
    bits: usize,
    text: Vec<u8>,
    /// After each symbol, how many bits and how much of the text there are.
    ends: Vec<(usize, usize)>,
}

impl FixedBlock {
    fn put(&mut self, value: usize, count: u8) {
        for n in 0..count {
            self.payload.resize(self.bits / 8 + 1, 0);
            self.payload[self.bits / 8] |= ((value >> n & 1) as u8) << (self.bits % 8);
            self.bits += 1;
        }
    }

    fn symbol(&mut self, symbol: usize) {
        let code = fixed_litlen(symbol);
        self.put(code.bits.into(), code.len);
    }

    fn literal(&mut self, byte: u8) {
        self.symbol(byte.into());
        self.text.push(byte);
        self.ends.push((self.bits, self.text.len()));
    }

    fn copy(&mut self, length: usize, distance: usize) {
        let symbol = length_symbol(length);
        self.symbol(FIRST_LENGTH + symbol);
        self.put(length - usize::from(LENGTHS[symbol].base), LENGTHS[symbol].extra_bits);
        let symbol = distance_symbol(distance);
        self.put(fixed_distance(symbol).bits.into(), 5);
        self.put(distance - usize::from(DISTANCES[symbol].base), DISTANCES[symbol].extra_bits);
        for _ in 0..length {
            self.text.push(self.text[self.text.len() - distance]);
        }
        self.ends.push((self.bits, self.text.len()));
    }
}

/// Symbols as long as they come in these codes, in an order and number that let them end
/// at each bit of a byte.
fn long_symbols() -> FixedBlock {
    let mut block = FixedBlock::default();
    block.put(0b010, 3);
    block.literal(0);
    for _ in 0..64 {
        block.copy(258, 1);
    }
    for n in 0..24 {
        block.literal(200 + n);
        block.literal(250 - n);
        block.copy(131 + usize::from(n), 16385 + 7 * usize::from(n));
    }
    block.symbol(END_OF_BLOCK);
    block.put(0b000, 3);
    block
}

/// Wherever the input is cut, all of it that is whole comes out, and no more.
#[test]
fn no_symbol_waits_for_the_next() {
    let FixedBlock { payload, text, ends, .. } = long_symbols();
    let mut scratch = InflateScratch::new();
    for cut in 0..=payload.len() {
        let mut inflater = Inflater::new();
        // With room to spare, as there is but a fast path far from the end.
        let mut output = vec![0; text.len() + 400];
        let (mut head, mut tail) = payload.split_at(cut);
        let whole = ends.iter().rev().find(|(bits, _)| *bits <= 8 * cut).map_or(0, |end| end.1);
        let inflated =
            inflater.inflate_whole(&mut scratch, WindowBits::MAX, &mut head, &mut output).unwrap();
        assert_eq!((inflated.len, &output[..whole]), (whole, &text[..whole]), "{cut}");
        let inflated =
            inflater.inflate_whole(&mut scratch, WindowBits::MAX, &mut tail, &mut output).unwrap();
        assert_eq!((inflated.len, &output[..inflater.len()]), (text.len() - whole, &text[..]));
        assert_eq!(inflater.finish(), Ok(()));
    }
}

/// Where room ends before a literal, nothing behind the room was decoded.
#[test]
fn what_was_taken_ahead_is_known() {
    let FixedBlock { payload, text, ends, .. } = long_symbols();
    let mut output = vec![0; text.len()];
    for pair in ends.windows(2) {
        let [(bits, room), (_, next)] = *pair else { unreachable!() };
        if next - room > 1 {
            continue;
        }
        let (mut inflater, mut rest) = (Inflater::new(), &payload[..]);
        let inflated = inflater.inflate_whole(
            &mut InflateScratch::new(),
            WindowBits::MAX,
            &mut rest,
            &mut output[..room],
        );
        assert_eq!(inflated, Ok(Inflated { len: room, is_full: true }));
        assert_eq!(payload.len() - rest.len() - inflater.ahead(), bits.div_ceil(8));
        assert!(inflater.ahead() <= 7);
    }
}
