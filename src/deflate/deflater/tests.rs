use super::*;
use crate::deflate::{InflateScratch, InflateWindow, Inflater};

const LEVELS: [Level; 3] = [Level::Fast, Level::Balanced, Level::Best];

/// Enough for the best level and the largest window.
const MEMORY: usize = Level::Best.memory_len(WindowBits::MAX);

/// A sender and a receiver that agreed on a window.
struct Pair {
    sender: Deflater<[u8; MEMORY]>,
    window: InflateWindow<[u8; 32768]>,
}

impl Pair {
    fn new(level: Level, bits: u8) -> Self {
        let bits = WindowBits::new(bits).unwrap();
        // What the memory holds must not matter.
        Self {
            sender: Deflater::new(level, bits, [0x5a; MEMORY]),
            window: InflateWindow::new(bits, [0; 32768]),
        }
    }

    fn send(&mut self, message: &[u8]) -> usize {
        let mut payload = [0; 6000];
        let n = self.sender.deflate(&mut <DeflateScratch>::new(), message, true, &mut payload);
        let n = n.unwrap();
        assert!(n <= max_deflated_len(message.len()));
        self.expect(&payload[..n], message);
        n
    }

    fn expect(&mut self, mut payload: &[u8], message: &[u8]) {
        let mut inflater = Inflater::new();
        let mut output = [0; 6000];
        let scratch = &mut InflateScratch::new();
        let inflated =
            inflater.inflate(scratch, &mut self.window, &mut payload, &mut output).unwrap();
        assert_eq!(inflater.finish(), Ok(()));
        assert_eq!(&output[..inflated.len], message);
    }
}

/// Words in a fixed disorder.
fn text<const N: usize>(mut seed: u32) -> [u8; N] {
    let words = b"the quick brown fox jumps over the lazy dog and runs away ";
    core::array::from_fn(|n| {
        if n % 7 == 0 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        }
        words[(seed >> 16) as usize % 51 + n % 7]
    })
}

fn noise<const N: usize>(mut seed: u64) -> [u8; N] {
    core::array::from_fn(|_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    })
}

#[test]
fn messages_of_all_kinds_arrive() {
    for level in LEVELS {
        for bits in 8..=15 {
            let mut pair = Pair::new(level, bits);
            assert_eq!(pair.send(b""), 1);
            pair.send(b"a");
            assert!(pair.send(&[7; 5000]) < 40);
            assert!(pair.send(&text::<5000>(1)) < 3000);
            assert!(pair.send(&noise::<5000>(1)) <= 5006);
            pair.send(&text::<5000>(1));
            pair.send(&text::<300>(2));
            assert_eq!(pair.send(b""), 1);
        }
    }
}

#[test]
fn a_message_again_costs_four_bytes() {
    for level in LEVELS {
        let mut pair = Pair::new(level, 15);
        let message = text::<62>(3);
        assert!(pair.send(&message) < 62);
        assert_eq!(pair.send(&message), 4);
        assert_eq!(pair.send(&message), 4);
    }
}

#[test]
fn what_is_not_sent_is_not_history() {
    let mut scratch = <DeflateScratch>::new();
    for level in LEVELS {
        let mut pair = Pair::new(level, 10);
        let message = text::<62>(3);
        pair.send(&message);
        let raw = noise::<200>(2);
        let mut out = [0; 6000];
        let result = pair.sender.deflate(&mut scratch, &raw, true, &mut out[..200]);
        assert_eq!(result, Err(DeflateError::OutputFull));
        assert!(pair.send(&message) < 16);
        pair.sender.deflate(&mut scratch, &text::<90>(5), true, &mut out).unwrap();
        pair.sender.rollback();
        assert!(pair.send(&message) < 16);
        // So long a message overwrites the history; there is none then.
        assert!(
            pair.sender.deflate(&mut scratch, &noise::<5000>(4), true, &mut out[..5000]).is_err()
        );
        pair.send(&message);
        assert!(pair.send(&message) < 16);
    }
}

#[test]
fn parts_make_one_message() {
    let message = text::<3000>(6);
    for level in LEVELS {
        let mut pair = Pair::new(level, 9);
        let mut payload = [0; 6000];
        let mut len = 0;
        let mut scratch = <DeflateScratch<2>>::new();
        let mut parts = message.chunks(170).peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            let output = &mut payload[len..len + max_deflated_len(part.len())];
            len += pair.sender.deflate(&mut scratch, part, is_last, output).unwrap();
        }
        pair.expect(&payload[..len], &message);
    }
}

#[test]
fn without_a_window_the_result_depends_on_the_message_alone() {
    let mut scratch = <DeflateScratch>::new();
    let message = text::<3000>(7);
    for level in LEVELS {
        let mut payloads = [[0; 3100]; 2];
        let mut lens = [0; 2];
        for (n, payload) in payloads.iter_mut().enumerate() {
            let mut table = [n as u8 * 77; 9000];
            lens[n] = scratch
                .deflate_whole(level, WindowBits::MAX, &mut table, &message, payload)
                .unwrap();
        }
        assert_eq!(lens[0], lens[1]);
        assert_eq!(payloads[0], payloads[1]);
        Pair::new(level, 15).expect(&payloads[0][..lens[0]], &message);
        // No table at all: no matches, but still codes.
        let n = scratch
            .deflate_whole(level, WindowBits::MAX, &mut [], &message, &mut payloads[0])
            .unwrap();
        assert!(n < 2500);
        Pair::new(level, 15).expect(&payloads[0][..n], &message);
    }
}

/// However often the window moves, and whatever its positions then count from.
#[test]
fn the_last_message_is_history_for_the_next() {
    for level in LEVELS {
        for bits in [8, 9, 10] {
            let mut pair = Pair::new(level, bits);
            let message = text::<62>(3);
            pair.send(&message);
            for _ in 0..1200 {
                assert_eq!(pair.send(&message), 4, "{level:?} {bits}");
            }
            // Twice, with a message between them so long that both fit the window.
            let (message, other) = (noise::<97>(1), noise::<100>(2));
            pair.send(&message);
            for turn in 0..300 {
                pair.send(&other);
                let n = pair.send(&message);
                assert!(n < 10, "{level:?} {bits} {turn}: {n}");
            }
        }
    }
}

/// Nothing takes more than it does stored or, all of it literals, in the fixed codes.
#[test]
fn the_shortest_kind_of_block_is_taken() {
    let mut scratch = <DeflateScratch>::new();
    for (mask, high) in [(0x0f, 0), (0x7f, 0), (0x8f, 0), (0xff, 0), (0xff, 0x90)] {
        let message = noise::<2000>(8).map(|byte| byte & mask | high);
        for len in (0..40).chain([200, 500, 2000]) {
            let message = &message[..len];
            let mut payload = [0; 2100];
            let n = scratch
                .deflate_whole(Level::Fast, WindowBits::MAX, &mut [], message, &mut payload)
                .unwrap();
            let literals: usize = message.iter().map(|&byte| if byte < 144 { 8 } else { 9 }).sum();
            let fixed = (3 + literals + 7 + 3).div_ceil(8);
            let stored = 5 + len + 1;
            assert!(n <= if len == 0 { 1 } else { fixed.min(stored) }, "{mask} {high} {len}: {n}");
            Pair::new(Level::Fast, 15).expect(&payload[..n], message);
        }
    }
}

/// Stored blocks are as long as they can be, however small the blocks that were tried.
#[test]
fn noise_costs_five_bytes_in_64_kib() {
    let message: Vec<u8> = noise::<140_000>(9).to_vec();
    let mut payload = vec![0; 150_000];
    let mut scratch = <DeflateScratch<100>>::new();
    for level in LEVELS {
        for len in [1000, 65_535, 65_536, 131_070, 131_071] {
            let bits = WindowBits::MIN;
            let mut deflater = Deflater::new(level, bits, [0; MEMORY]);
            let n = deflater.deflate(&mut scratch, &message[..len], true, &mut payload);
            assert_eq!(n, Ok(len + 5 * len.div_ceil(65_535) + 1), "{level:?} {len}");
        }
    }
}

/// It takes an unlucky end of the part before, and noise that begins one more stored block.
#[test]
fn a_payload_may_take_the_most_there_is() {
    let text = [&text::<40>(1)[..], &noise::<65_536>(9)].concat();
    let mut payload = vec![0; 70_000];
    let mut scratch = <DeflateScratch<100>>::new();
    for len in [1000, 65_534, 65_536] {
        let longest = (0..40).map(|before| {
            let bits = WindowBits::MIN;
            let mut deflater = Deflater::new(Level::Fast, bits, [0; MEMORY]);
            deflater.deflate(&mut scratch, &text[40 - before..40], false, &mut payload).unwrap();
            deflater.deflate(&mut scratch, &text[40..40 + len], true, &mut payload).unwrap()
        });
        assert_eq!(longest.max(), Some(max_deflated_len(len)));
    }
}

/// What is stored ends where coding pays again, be it at the end.
#[test]
fn text_behind_noise_is_not_stored() {
    let message = [&noise::<200>(1)[..], &[b'a'; 90]].concat();
    let mut scratch = <DeflateScratch<100>>::new();
    for level in LEVELS {
        let mut deflater = Deflater::new(level, WindowBits::MIN, [0; MEMORY]);
        let n = deflater.deflate(&mut scratch, &message, true, &mut [0; 400]).unwrap();
        assert!(n < 220, "{n}");
    }
}

/// However small, and too small to be of use.
#[test]
fn tables_of_any_size() {
    let mut scratch = <DeflateScratch>::new();
    let message = text::<300>(1);
    for level in LEVELS {
        for len in 0..40 {
            let (mut table, mut payload) = ([0; 40], [0; 400]);
            let table = &mut table[..len];
            let n = scratch.deflate_whole(level, WindowBits::MAX, table, &message, &mut payload);
            Pair::new(level, 15).expect(&payload[..n.unwrap()], &message);
        }
    }
}

/// A match may begin at the second byte, and have any length.
#[test]
fn runs_of_any_length() {
    let mut scratch = <DeflateScratch>::new();
    for len in 0..300 {
        let (mut table, mut payload) = ([0; 600], [0; 400]);
        let message = &[7; 300][..len];
        let n = scratch
            .deflate_whole(Level::Best, WindowBits::MAX, &mut table, message, &mut payload)
            .unwrap();
        Pair::new(Level::Best, 15).expect(&payload[..n], message);
        let mut output = [0; 400];
        let inflated = Inflater::new().inflate_whole(
            &mut InflateScratch::new(),
            WindowBits::MAX,
            &mut &payload[..n],
            &mut output,
        );
        assert_eq!(inflated.unwrap().len, len);
        assert_eq!(&output[..len], message);
    }
}
