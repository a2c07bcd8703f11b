//! The published hash functions that `-o hash_algorithm` can name, bit for bit.
//!
//! The tests compare them with other implementations or with their authors' own check values.
//! They read whole words only: the last, incomplete word is taken from the end of the key, where
//! it overlaps bytes already seen, and shifted into place. There is no loop over bytes.
//!
//! None of them is keyed with a secret: a client that may choose keys can make them collide, so
//! the table does not use them. Which one is named is accepted and shown, as people expect.

#![forbid(unsafe_code)]

/// A hash function that `-o hash_algorithm` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Bob Jenkins' lookup3, `hashlittle2` with both seeds zero.
    Jenkins,
    /// The first half of `MurmurHash3_x64_128`, seed zero.
    Murmur3,
    /// `XXH3_64bits` with the default secret and seed zero.
    Xxh3,
}

impl Algorithm {
    /// Every algorithm, in the order the option's error text lists them.
    pub const ALL: [Algorithm; 3] = [Algorithm::Jenkins, Algorithm::Murmur3, Algorithm::Xxh3];

    /// The name on the command line and in `stats settings`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Jenkins => "jenkins",
            Algorithm::Murmur3 => "murmur3",
            Algorithm::Xxh3 => "xxh3",
        }
    }

    /// The algorithm of that exact name, if there is one.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Hashes a key. Any length is allowed; the keys of a cache are 1 to 250 bytes.
    #[inline]
    pub fn hash(self, key: &[u8]) -> u64 {
        match self {
            Algorithm::Murmur3 => murmur3(key),
            Algorithm::Xxh3 => xxh3(key),
            Algorithm::Jenkins => jenkins(key),
        }
    }
}

/// The eight bytes at `at`, little endian.
#[inline(always)]
fn word64(bytes: &[u8], at: usize) -> u64 {
    let word = bytes[at..].first_chunk().expect("eight bytes from `at`");
    u64::from_le_bytes(*word)
}

/// The four bytes at `at`, little endian.
#[inline(always)]
fn word32(bytes: &[u8], at: usize) -> u32 {
    let word = bytes[at..].first_chunk().expect("four bytes from `at`");
    u32::from_le_bytes(*word)
}

/// A block of sixteen bytes as two little endian words.
#[inline(always)]
fn halves(block: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*block);
    (both as u64, (both >> 64) as u64)
}

/// Up to eight bytes as the low bytes of a word, the rest of it zero.
///
/// Words that overlap are or-ed together: where they overlap they hold the same bytes.
#[inline(always)]
pub(super) fn partial64(bytes: &[u8]) -> u64 {
    let n = bytes.len();
    debug_assert!(n <= 8);
    if n >= 4 {
        let low = u64::from(word32(bytes, 0));
        let high = u64::from(word32(bytes, n - 4));
        low | high << (8 * (n - 4))
    } else if n > 0 {
        let (middle, last) = (n / 2, n - 1);
        u64::from(bytes[0])
            | u64::from(bytes[middle]) << (8 * middle)
            | u64::from(bytes[last]) << (8 * last)
    } else {
        0
    }
}

/// The product of two words, its upper half folded onto the lower.
#[inline(always)]
fn multiply_fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

// ---- MurmurHash3_x64_128, Austin Appleby, public domain --------------------------------

const MURMUR_1: u64 = 0x87c3_7b91_1142_53d5;
const MURMUR_2: u64 = 0x4cf5_ad43_2745_937f;

#[inline]
fn murmur3(key: &[u8]) -> u64 {
    let (h1, h2, low, high) = if key.len() < 16 {
        let (low, high) = match key.first_chunk() {
            Some(first) => (u64::from_le_bytes(*first), partial64(&key[8..])),
            None => (partial64(key), 0),
        };
        (0, 0, low, high)
    } else {
        murmur3_blocks(key)
    };
    // A word of zero scrambles to zero, so an absent tail needs no branch.
    let h1 = h1 ^ murmur3_scramble_1(low);
    let h2 = h2 ^ murmur3_scramble_2(high);

    let h1 = h1 ^ key.len() as u64;
    let h2 = h2 ^ key.len() as u64;
    let h1 = h1.wrapping_add(h2);
    let h2 = h2.wrapping_add(h1);
    murmur3_finish(h1).wrapping_add(murmur3_finish(h2))
}

/// The whole blocks of a key of 16 bytes or more: both states, and the two words of the tail.
fn murmur3_blocks(key: &[u8]) -> (u64, u64, u64, u64) {
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let mut rest = key;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        let (low, high) = halves(block);
        h1 = (h1 ^ murmur3_scramble_1(low)).rotate_left(27);
        h1 = h1
            .wrapping_add(h2)
            .wrapping_mul(5)
            .wrapping_add(0x52dc_e729);
        h2 = (h2 ^ murmur3_scramble_2(high)).rotate_left(31);
        h2 = h2
            .wrapping_add(h1)
            .wrapping_mul(5)
            .wrapping_add(0x3849_5ab5);
        rest = after;
    }

    // The key ends with at least one block, so the tail can be cut out of its last 16 bytes.
    let tail = match key.last_chunk() {
        Some(last) if !rest.is_empty() => u128::from_le_bytes(*last) >> (8 * (16 - rest.len())),
        _ => 0,
    };
    (h1, h2, tail as u64, (tail >> 64) as u64)
}

#[inline(always)]
fn murmur3_scramble_1(word: u64) -> u64 {
    let word = word.wrapping_mul(MURMUR_1).rotate_left(31);
    word.wrapping_mul(MURMUR_2)
}

#[inline(always)]
fn murmur3_scramble_2(word: u64) -> u64 {
    let word = word.wrapping_mul(MURMUR_2).rotate_left(33);
    word.wrapping_mul(MURMUR_1)
}

#[inline(always)]
fn murmur3_finish(h: u64) -> u64 {
    let h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ h >> 33
}

// ---- lookup3 hashlittle2, Bob Jenkins, public domain -----------------------------------

/// `b` above `c`: the author calls `c` the better mixed of the two, so it is the low half.
fn jenkins(key: &[u8]) -> u64 {
    // The length enters as 32 bits, as published.
    let start = 0xdead_beef_u32.wrapping_add(key.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);

    // The last block may be a whole one, hence more than twelve and not at least.
    let mut rest = key;
    while rest.len() > 12 {
        a = a.wrapping_add(word32(rest, 0));
        b = b.wrapping_add(word32(rest, 4));
        c = c.wrapping_add(word32(rest, 8));
        (a, b, c) = jenkins_mix(a, b, c);
        rest = &rest[12..];
    }

    if !rest.is_empty() {
        let (first, last) = match rest.split_first_chunk() {
            Some((first, last)) => (u64::from_le_bytes(*first), partial64(last)),
            None => (partial64(rest), 0),
        };
        a = a.wrapping_add(first as u32);
        b = b.wrapping_add((first >> 32) as u32);
        c = c.wrapping_add(last as u32);
        (b, c) = jenkins_finish(a, b, c);
    }
    u64::from(b) << 32 | u64::from(c)
}

#[inline(always)]
fn jenkins_mix(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    a = a.wrapping_sub(c) ^ c.rotate_left(4);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(6);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(8);
    b = b.wrapping_add(a);
    a = a.wrapping_sub(c) ^ c.rotate_left(16);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(19);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(4);
    b = b.wrapping_add(a);
    (a, b, c)
}

#[inline(always)]
fn jenkins_finish(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32) {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    (b, c)
}

// ---- XXH3_64bits, Yann Collet, BSD 2-clause --------------------------------------------

const XXH_PRIME32_1: u64 = 0x9e37_79b1;
const XXH_PRIME32_2: u64 = 0x85eb_ca77;
const XXH_PRIME32_3: u64 = 0xc2b2_ae3d;
const XXH_PRIME64_1: u64 = 0x9e37_79b1_85eb_ca87;
const XXH_PRIME64_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const XXH_PRIME64_3: u64 = 0x1656_67b1_9e37_79f9;
const XXH_PRIME64_4: u64 = 0x85eb_ca77_c2b2_ae63;
const XXH_PRIME64_5: u64 = 0x27d4_eb2f_1656_67c5;
const XXH_PRIME_MX1: u64 = 0x1656_6791_9e37_79f9;
const XXH_PRIME_MX2: u64 = 0x9fb2_1c65_1e98_df25;

/// The default secret.
#[rustfmt::skip]
const SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
];

/// A secret word at a constant place: computed when this file is compiled.
macro_rules! secret {
    ($at:literal) => {
        const {
            let (_, from) = SECRET.split_at($at);
            match from.first_chunk() {
                Some(word) => u64::from_le_bytes(*word),
                None => panic!("inside the secret"),
            }
        }
    };
}

#[inline]
fn xxh3(key: &[u8]) -> u64 {
    let len = key.len();
    match len {
        17.. => xxh3_long(key),
        9..=16 => {
            let low = word64(key, 0) ^ (secret!(24) ^ secret!(32));
            let high = word64(key, len - 8) ^ (secret!(40) ^ secret!(48));
            let sum = (len as u64)
                .wrapping_add(low.swap_bytes())
                .wrapping_add(high);
            xxh3_avalanche(sum.wrapping_add(multiply_fold(low, high)))
        }
        4..=8 => {
            let first = u64::from(word32(key, 0));
            let last = u64::from(word32(key, len - 4));
            let h = (last | first << 32) ^ (secret!(8) ^ secret!(16));
            let h = h ^ h.rotate_left(49) ^ h.rotate_left(24);
            let h = h.wrapping_mul(XXH_PRIME_MX2);
            let h = h ^ (h >> 35).wrapping_add(len as u64);
            let h = h.wrapping_mul(XXH_PRIME_MX2);
            h ^ h >> 28
        }
        1..=3 => {
            let first = u64::from(key[0]);
            let middle = u64::from(key[len / 2]);
            let last = u64::from(key[len - 1]);
            let packed = first << 16 | middle << 24 | last | (len as u64) << 8;
            let flip = (secret!(0) ^ secret!(0) >> 32) & 0xffff_ffff;
            xxh64_avalanche(packed ^ flip)
        }
        0 => xxh64_avalanche(secret!(56) ^ secret!(64)),
    }
}

/// Keys of 17 bytes and more.
fn xxh3_long(key: &[u8]) -> u64 {
    match key.len() {
        0..=128 => xxh3_to_128(key),
        129..=240 => xxh3_to_240(key),
        _ => xxh3_stripes(key),
    }
}

/// 17 to 128 bytes: from both ends to the middle, sixteen bytes at a time.
#[inline(always)]
fn xxh3_to_128(key: &[u8]) -> u64 {
    let len = key.len();
    let mut sum = (len as u64).wrapping_mul(XXH_PRIME64_1);
    // Each pair takes 32 bytes of the secret and covers 32 more bytes of key.
    for pair in 0..=(len - 1) / 32 {
        let at = pair * 16;
        sum = sum
            .wrapping_add(xxh3_mix(key, at, pair * 32))
            .wrapping_add(xxh3_mix(key, len - at - 16, pair * 32 + 16));
    }
    xxh3_avalanche(sum)
}

/// 129 to 240 bytes.
fn xxh3_to_240(key: &[u8]) -> u64 {
    let len = key.len();
    let mut sum = (len as u64).wrapping_mul(XXH_PRIME64_1);
    for block in 0..8 {
        sum = sum.wrapping_add(xxh3_mix(key, block * 16, block * 16));
    }
    sum = xxh3_avalanche(sum);
    for block in 8..len / 16 {
        sum = sum.wrapping_add(xxh3_mix(key, block * 16, (block - 8) * 16 + 3));
    }
    xxh3_avalanche(sum.wrapping_add(xxh3_mix(key, len - 16, 136 - 17)))
}

#[inline(always)]
fn xxh3_mix(key: &[u8], at: usize, secret_at: usize) -> u64 {
    let block = key[at..].first_chunk().expect("sixteen bytes of key");
    let secret = SECRET[secret_at..].first_chunk().expect("of the secret");
    let (low, high) = halves(block);
    let (secret_low, secret_high) = halves(secret);
    multiply_fold(low ^ secret_low, high ^ secret_high)
}

const STRIPE: usize = 64;
/// Each stripe starts this many bytes further in the secret.
const STRIPE_SECRET_STEP: usize = 8;
const STRIPES_PER_BLOCK: usize = (SECRET.len() - STRIPE) / STRIPE_SECRET_STEP;

/// More than 240 bytes: eight lanes over stripes of 64 bytes.
#[cold]
fn xxh3_stripes(key: &[u8]) -> u64 {
    let len = key.len();
    let mut lanes = [
        XXH_PRIME32_3,
        XXH_PRIME64_1,
        XXH_PRIME64_2,
        XXH_PRIME64_3,
        XXH_PRIME64_4,
        XXH_PRIME32_2,
        XXH_PRIME64_5,
        XXH_PRIME32_1,
    ];
    // One stripe is left for the end of the key, whole or not; it overlaps its neighbour.
    for stripe in 0..(len - 1) / STRIPE {
        let in_block = stripe % STRIPES_PER_BLOCK;
        let secret_at = in_block * STRIPE_SECRET_STEP;
        xxh3_accumulate(&mut lanes, key, stripe * STRIPE, secret_at);
        // No key of a cache gets to the end of a block.
        if in_block == STRIPES_PER_BLOCK - 1 {
            xxh3_scramble(&mut lanes);
        }
    }
    xxh3_accumulate(&mut lanes, key, len - STRIPE, SECRET.len() - STRIPE - 7);

    let mut sum = (len as u64).wrapping_mul(XXH_PRIME64_1);
    for pair in 0..4 {
        sum = sum.wrapping_add(multiply_fold(
            lanes[pair * 2] ^ word64(&SECRET, 11 + pair * 16),
            lanes[pair * 2 + 1] ^ word64(&SECRET, 11 + pair * 16 + 8),
        ));
    }
    xxh3_avalanche(sum)
}

#[inline(always)]
fn xxh3_accumulate(lanes: &mut [u64; 8], key: &[u8], at: usize, secret_at: usize) {
    for lane in 0..8 {
        let word = word64(key, at + lane * 8);
        let keyed = word ^ word64(&SECRET, secret_at + lane * 8);
        lanes[lane ^ 1] = lanes[lane ^ 1].wrapping_add(word);
        lanes[lane] = lanes[lane].wrapping_add((keyed & 0xffff_ffff) * (keyed >> 32));
    }
}

fn xxh3_scramble(lanes: &mut [u64; 8]) {
    for (i, lane) in lanes.iter_mut().enumerate() {
        let keyed = *lane ^ *lane >> 47 ^ word64(&SECRET, SECRET.len() - STRIPE + i * 8);
        *lane = keyed.wrapping_mul(XXH_PRIME32_1);
    }
}

#[inline(always)]
fn xxh3_avalanche(h: u64) -> u64 {
    let h = (h ^ h >> 37).wrapping_mul(XXH_PRIME_MX1);
    h ^ h >> 32
}

#[inline(always)]
fn xxh64_avalanche(h: u64) -> u64 {
    let h = (h ^ h >> 33).wrapping_mul(XXH_PRIME64_2);
    let h = (h ^ h >> 29).wrapping_mul(XXH_PRIME64_3);
    h ^ h >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cache key and what lies just beyond; a few lengths around xxh3's blocks.
    fn lengths() -> impl Iterator<Item = usize> {
        (0..=260).chain(1000..=1100).chain(2040..=2120)
    }

    /// Bytes that differ with the length, so that no test passes by luck of alignment.
    fn bytes(len: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15 ^ len as u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn murmur3_is_the_published_function() {
        for len in lengths() {
            let key = bytes(len);
            let whole = murmur3::murmur3_x64_128(&mut key.as_slice(), 0).unwrap();
            assert_eq!(Algorithm::Murmur3.hash(&key), whole as u64, "length {len}");
        }
    }

    #[test]
    fn xxh3_is_the_published_function() {
        for len in lengths() {
            let key = bytes(len);
            let expected = xxhash_rust::xxh3::xxh3_64(&key);
            assert_eq!(Algorithm::Xxh3.hash(&key), expected, "length {len}");
        }
    }

    #[test]
    fn jenkins_gives_its_authors_check_values() {
        let hash = |key: &str| Algorithm::Jenkins.hash(key.as_bytes());
        assert_eq!(hash(""), 0xdead_beef_dead_beef);
        assert_eq!(
            hash("Four score and seven years ago"),
            0xce72_26e6_1777_0551
        );
    }

    /// A second, slow way to write lookup3: the key padded with zeros to whole blocks.
    fn jenkins_by_blocks(key: &[u8]) -> u64 {
        if key.is_empty() {
            return 0xdead_beef_dead_beef;
        }
        let mut padded = key.to_vec();
        padded.resize(key.len().next_multiple_of(12), 0);
        let blocks = padded.len() / 12;
        let start = 0xdead_beef_u32.wrapping_add(key.len() as u32);
        let mut state = [start; 3];
        for (i, block) in padded.chunks(12).enumerate() {
            for (part, word) in state.iter_mut().zip(block.chunks(4)) {
                let word = word.iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b));
                *part = part.wrapping_add(word);
            }
            let [a, b, c] = state;
            if i + 1 == blocks {
                let (b, c) = jenkins_finish(a, b, c);
                return u64::from(b) << 32 | u64::from(c);
            }
            state = jenkins_mix(a, b, c).into();
        }
        unreachable!("the last block returns")
    }

    #[test]
    fn jenkins_reads_every_length_as_its_slow_twin_does() {
        for len in lengths() {
            let key = bytes(len);
            assert_eq!(
                Algorithm::Jenkins.hash(&key),
                jenkins_by_blocks(&key),
                "length {len}"
            );
        }
    }

    #[test]
    fn a_name_leads_back_to_its_algorithm() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::from_name("md5"), None);
        assert_eq!(Algorithm::from_name("Murmur3"), None);
    }

    /// Neighbouring keys must differ in the bits the table uses for itself: stripe and
    /// bucket at the bottom, tag at the top.
    #[test]
    fn counting_keys_spread_over_low_and_high_bits() {
        const KEYS: usize = 1 << 16;
        for algorithm in Algorithm::ALL {
            for shift in [0, 48] {
                let mut seen = vec![0_u32; KEYS];
                for i in 0..KEYS {
                    let hash = algorithm.hash(format!("key:{i}").as_bytes());
                    seen[(hash >> shift) as usize % KEYS] += 1;
                }
                // Thrown at random, 1/e of the places stay empty: 36.8 %.
                let empty = seen.iter().filter(|n| **n == 0).count() * 1000 / KEYS;
                assert!(
                    (360..=376).contains(&empty),
                    "{algorithm:?} {shift}: {empty}"
                );
            }
        }
    }
}
