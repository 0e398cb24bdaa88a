//! BLAKE2b with 64 bytes and without a key (RFC 7693), which minisign signs. Nothing secret goes through it. Of our own
//! because the well-known crate turns on a feature of `digest` for everybody, for sixty lines.

/// The beginning: the fractional parts of the square roots of the first eight primes (RFC 7693, 2.6).
const BEGIN: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// Which word of the block each step takes (RFC 7693, 2.7). The eleventh and twelfth round begin anew.
const ORDER: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The four words that each step mixes: the columns, then the diagonals.
const PLACES: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

const ROUNDS: usize = 12;
const BLOCK_BYTES: usize = 128;

/// Gives the hash of bytes.
pub(super) fn hash(bytes: &[u8]) -> [u8; 64] {
    let mut state = BEGIN;
    // The parameters: 64 bytes of hash, no key, one leaf (RFC 7693, 2.5).
    state[0] ^= 0x0101_0040;
    let blocks = bytes.len().div_ceil(BLOCK_BYTES).max(1);
    let mut read: u128 = 0;
    for at in 0..blocks {
        let rest = &bytes[at * BLOCK_BYTES..];
        let part = &rest[..rest.len().min(BLOCK_BYTES)];
        read += part.len() as u128;
        let mut block = [0; BLOCK_BYTES];
        block[..part.len()].copy_from_slice(part);
        compress(&mut state, &block, read, at + 1 == blocks);
    }
    let mut hash = [0; 64];
    for (into, word) in hash.chunks_exact_mut(8).zip(state) {
        into.copy_from_slice(&word.to_le_bytes());
    }
    hash
}

/// Takes one block in. `read`: how many bytes were read with it.
fn compress(state: &mut [u64; 8], block: &[u8; BLOCK_BYTES], read: u128, is_last: bool) {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    let mut mixed = [0; 16];
    mixed[..8].copy_from_slice(state);
    mixed[8..].copy_from_slice(&BEGIN);
    mixed[12] ^= u64::try_from(read & u128::from(u64::MAX)).unwrap_or_default();
    mixed[13] ^= u64::try_from(read >> 64).unwrap_or_default();
    if is_last {
        mixed[14] = !mixed[14];
    }
    for round in 0..ROUNDS {
        let order = &ORDER[round % ORDER.len()];
        for (step, places) in PLACES.iter().enumerate() {
            mix(&mut mixed, *places, words[order[2 * step]], words[order[2 * step + 1]]);
        }
    }
    for (at, word) in state.iter_mut().enumerate() {
        *word ^= mixed[at] ^ mixed[at + 8];
    }
}

/// The step that mixes two words into four (RFC 7693, 3.1).
fn mix(all: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    all[a] = all[a].wrapping_add(all[b]).wrapping_add(x);
    all[d] = (all[d] ^ all[a]).rotate_right(32);
    all[c] = all[c].wrapping_add(all[d]);
    all[b] = (all[b] ^ all[c]).rotate_right(24);
    all[a] = all[a].wrapping_add(all[b]).wrapping_add(y);
    all[d] = (all[d] ^ all[a]).rotate_right(16);
    all[c] = all[c].wrapping_add(all[d]);
    all[b] = (all[b] ^ all[c]).rotate_right(63);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's `hashlib.blake2b`; `abc` stands in RFC 7693, appendix A, too.
    #[test]
    fn hashes_are_those_of_other_programs() {
        let hex = |bytes: &[u8]| crate::cache::hex(&hash(bytes))[..32].to_owned();
        assert_eq!(hex(b"abc"), "ba80a53f981c4d0d6a2797b69f12f6e9");
        let long: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for (length, expect) in [
            (0, "786a02f742015903c6c6fd852552d272"),
            (1, "2fa3f686df876995167e7c2e5d74c4c7"),
            (127, "b6292669ccd38d5f01caae96ba272c76"),
            (128, "2319e3789c47e2daa5fe807f61bec2a1"),
            (129, "f59711d44a031d5f97a9413c065d1e61"),
            (256, "1ecc896f34d3f9cac484c73f75f6a5fb"),
            (1000, "9fe687126e6566313081b43167cbfa0b"),
        ] {
            assert_eq!(hex(&long[..length]), expect, "{length} bytes");
        }
    }
}
