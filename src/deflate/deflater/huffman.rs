//! The shortest prefix codes for given counts, with a limit to their length.

use crate::deflate::symbols::{Code, MAX_CODE_BITS};

/// The most symbols an alphabet has here.
const MAX_SYMBOLS: usize = 286;

/// Finds code lengths for symbols that occur `counts` times, none longer than
/// `limit` bits, and makes the codes.
///
/// The code is complete. Where fewer than two symbols occur, two of them get a
/// code of one bit all the same: not every decoder takes a code that is not
/// complete.
pub(super) fn make_codes(counts: &[u32], limit: usize, codes: &mut [Code]) {
    codes.fill(Code::NONE);
    let mut symbols = [0; MAX_SYMBOLS];
    let mut used = 0;
    for (symbol, &count) in counts.iter().enumerate() {
        if count > 0 {
            symbols[used] = symbol as u16;
            used += 1;
        }
    }
    if used < 2 {
        symbols[1] = u16::from(symbols[0] == 0);
        for symbol in &symbols[..2] {
            codes[usize::from(*symbol)].len = 1;
        }
        symbols[..2].sort_unstable();
        assign(&symbols[..2], &[0, 2], codes);
        return;
    }

    let symbols = &symbols[..used];
    let mut leaves = [0; MAX_SYMBOLS];
    let leaves = &mut leaves[..used];
    for (leaf, &symbol) in leaves.iter_mut().zip(symbols) {
        // Sorting these sorts by count, and by symbol where counts are equal.
        *leaf = counts[usize::from(symbol)] << SYMBOL_BITS | u32::from(symbol);
    }
    leaves.sort_unstable();
    let mut sorted = [0; MAX_SYMBOLS];
    for (sorted, leaf) in sorted.iter_mut().zip(leaves.iter_mut()) {
        *sorted = *leaf as usize & SYMBOL_MASK;
        *leaf >>= SYMBOL_BITS;
    }
    depths(leaves);
    let lengths = limited(leaves, limit);
    // The rarest symbols come first, so they get the longest codes.
    let mut sorted = sorted.iter();
    for length in (1..=limit).rev() {
        for &symbol in sorted.by_ref().take(lengths[length].into()) {
            codes[symbol].len = length as u8;
        }
    }
    assign(symbols, &lengths[..=limit], codes);
}

const SYMBOL_BITS: u32 = 9;
const SYMBOL_MASK: usize = (1 << SYMBOL_BITS) - 1;

/// Turns ascending counts into the depths of a Huffman tree's leaves, in place
/// (Moffat and Katajainen, 1995).
fn depths(tree: &mut [u32]) {
    let n = tree.len();
    // First each inner node, at the index where the leaf that it could take the
    // place of is used up, gets its weight, and its children the index of their
    // parent.
    let mut leaf = 0;
    let mut inner = 0;
    for next in 0..n - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            if leaf >= n || inner < next && tree[inner] < tree[leaf] {
                weight += tree[inner];
                tree[inner] = next as u32;
                inner += 1;
            } else {
                weight += tree[leaf];
                leaf += 1;
            }
        }
        tree[next] = weight;
    }
    // Then the depths of the inner nodes, from the root down.
    tree[n - 2] = 0;
    for node in (0..n - 2).rev() {
        tree[node] = tree[tree[node] as usize] + 1;
    }
    // Then those of the leaves: wherever a level has more nodes than inner
    // ones.
    let mut node = n - 1;
    let mut leaf = n;
    let mut nodes = 1;
    let mut depth = 0;
    while nodes > 0 {
        let mut inner = 0;
        while node > 0 && tree[node - 1] == depth {
            inner += 1;
            node -= 1;
        }
        for _ in inner..nodes {
            leaf -= 1;
            tree[leaf] = depth;
        }
        nodes = 2 * inner;
        depth += 1;
    }
}

/// How many codes of each length there are when none may be longer than
/// `limit`.
fn limited(depths: &[u32], limit: usize) -> [u16; MAX_CODE_BITS + 1] {
    let mut lengths = [0u16; MAX_CODE_BITS + 1];
    // What the code takes of the space of all codes, in units of the longest.
    let mut taken = 0;
    for &depth in depths {
        let length = (depth as usize).min(limit);
        lengths[length] += 1;
        taken += 1 << (limit - length);
    }
    // Cut-off leaves take too much. Each turn lengthens the longest code that
    // can be by one bit, which frees half of what it took.
    while taken > 1 << limit {
        let mut length = limit - 1;
        while lengths[length] == 0 {
            length -= 1;
        }
        lengths[length] -= 1;
        lengths[length + 1] += 1;
        taken -= 1 << (limit - length - 1);
    }
    // The last turn may have freed too much. It goes to the longest codes, of which there
    // are more.
    let spare = ((1_u32 << limit) - taken) as u16;
    lengths[limit] -= spare;
    lengths[limit - 1] += spare;
    lengths
}

/// Assigns the canonical codes (RFC 1951 §3.2.2) to the ascending `symbols`
/// that have one, of which so many have each length.
fn assign(symbols: &[u16], lengths: &[u16], codes: &mut [Code]) {
    let mut next = [0u16; MAX_CODE_BITS + 1];
    for length in 1..lengths.len() {
        next[length] = (next[length - 1] + lengths[length - 1]) << 1;
    }
    for &symbol in symbols {
        let code = &mut codes[usize::from(symbol)];
        let next = &mut next[usize::from(code.len)];
        *code = Code::new(*next, code.len);
        *next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(codes: &[Code], limit: u32) -> u32 {
        codes
            .iter()
            .filter(|code| code.len > 0)
            .map(|code| 1 << (limit - u32::from(code.len)))
            .sum()
    }

    /// The bits that these symbols take with the best codes of at most `limit` bits, by
    /// the package-merge algorithm; `None` for fewer than two symbols.
    fn least_cost(counts: &[u32], limit: usize) -> Option<u64> {
        let coins: Vec<u64> = counts.iter().filter(|n| **n > 0).map(|&n| n.into()).collect();
        let mut packages = Vec::new();
        for _ in 0..limit {
            let pairs = packages.chunks_exact(2).map(|pair: &[u64]| pair[0] + pair[1]);
            packages = pairs.chain(coins.iter().copied()).collect();
            packages.sort_unstable();
        }
        (coins.len() > 1).then(|| packages[..2 * coins.len() - 2].iter().sum())
    }

    #[test]
    fn codes_are_complete_within_their_limit_and_the_best() {
        let mut seed = 1u32;
        for limit in [7, 15] {
            for n in [1, 2, 3, 19, 30, 100, 128, 286] {
                if n > 128 && limit == 7 {
                    continue;
                }
                for shape in 0..6 {
                    let mut counts = [0; 286];
                    let (mut a, mut b) = (1u32, 1u32);
                    for count in &mut counts[..n] {
                        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12345);
                        *count = match shape {
                            0 => 1,
                            // Fibonacci numbers make the deepest tree.
                            1 => a,
                            2 => seed >> 30,
                            3 => seed >> (12 + seed % 20),
                            4 => 0,
                            _ => u32::from(seed >> 28 == 0),
                        };
                        (a, b) = (b.min(1 << 21), (a + b).min(1 << 21));
                    }
                    let mut codes = [Code::NONE; 286];
                    make_codes(&counts[..n], limit, &mut codes[..n.max(2)]);
                    assert_eq!(space(&codes, limit as u32), 1 << limit, "{limit} {n} {shape}");
                    for (symbol, &count) in counts.iter().enumerate() {
                        assert!(count == 0 || codes[symbol].len > 0);
                        assert!(usize::from(codes[symbol].len) <= limit);
                    }
                    let cost = |counts: &[u32]| -> u64 {
                        let lens = codes.iter().map(|code| u64::from(code.len));
                        counts.iter().zip(lens).map(|(&count, len)| u64::from(count) * len).sum()
                    };
                    let Some(least) = least_cost(&counts[..n], limit) else { continue };
                    if least_cost(&counts[..n], n) == Some(least) {
                        assert_eq!(cost(&counts), least, "{limit} {n} {shape}");
                    } else {
                        // What is too long is cut off, which is not the best that can be
                        // done; less so for short codes, as those of code lengths.
                        let percent = if limit == 15 { 101 } else { 115 };
                        assert!(cost(&counts) * 100 <= least * percent, "{limit} {n} {shape}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_example_of_rfc_1951_comes_out() {
        // §3.2.2: ABCDEFGH with lengths (3, 3, 3, 3, 3, 2, 4, 4).
        let mut codes = [3, 3, 3, 3, 3, 2, 4, 4].map(|len| Code { bits: 0, len });
        assign(&[0, 1, 2, 3, 4, 5, 6, 7], &[0, 0, 1, 5, 2], &mut codes);
        let expected = [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111];
        for (code, expected) in codes.iter().zip(expected) {
            assert_eq!(code.bits.reverse_bits() >> (16 - code.len), expected);
        }
    }
}
