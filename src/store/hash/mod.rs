//! The hash of the table: 64 good bits from a key, which cannot be foreseen from outside.
//!
//! A key is hashed once per request and everything else is cut from that one number: stripe,
//! bucket and tag. So all 64 bits matter, and so does the time for a short key (typically 10 to
//! 40 bytes, never more than 250).
//!
//! Keys are chosen by strangers. So the function is drawn at random when the process starts: its
//! constants are a [`Secret`] of several hundred bytes. For any two keys that were chosen without
//! knowing it, each pair of hashes is as likely as any other, up to one part in 2^63:
//!
//! ```text
//! key of 16 bytes or less:  low, high = its first and its last eight bytes (shorter: all, and 0)
//! longer:                   low, high = sum of (word + secret) * (word + secret), modulo 2^128
//! then:                     sum = (a * low + b * high + c * length + d) modulo 2^128
//!                           hash = the upper half of the sum, mixed by a bijection
//! ```
//!
//! The second line is NH (Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC: Fast and Secure
//! Message Authentication", 1999), under which two keys of the same length share `low` and
//! `high` with a probability of 2^-64. The third is strongly universal (Dietzfelbinger, "Universal
//! Hashing and k-wise Independent Random Variables via Integer Arithmetic without Primes",
//! 1996): the upper 64 of 128 bits, with random `a`, `b`, `c`, `d` of 128 bits each. The seeds of
//! published functions give no such promise: MurmurHash3 has keys that collide under every seed
//! (Aumasson, Bernstein, 2012). The last step (of MurmurHash3's 64-bit finaliser) adds no secret: it
//! only breaks up the regular steps in which a linear function takes regular keys.
//!
//! What `-o hash_algorithm` names is in [`published`]; the option is accepted and shown, but no key
//! of the table goes through one of those.

#![forbid(unsafe_code)]

pub mod published;

use super::item::KEY_LEN_MAX;
use std::hash::{BuildHasher, RandomState};

/// Bytes that NH takes in one step.
const BLOCK_LEN: usize = 16;
/// Steps for the longest key; its last block may overlap the one before.
const BLOCKS_MAX: usize = KEY_LEN_MAX.div_ceil(BLOCK_LEN);

/// What makes the hash of this process: random, and never shown.
#[derive(Clone)]
#[repr(align(64))]
pub struct Secret {
    /// `a`, `b`, `c`, `d` of the module's drawing: with short keys all that is needed, in one line.
    last: [u128; 4],
    blocks: [(u64, u64); BLOCKS_MAX],
}

impl Secret {
    /// A new one, from the randomness of the system.
    pub fn random() -> Secret {
        // The standard library draws the keys of SipHash from the system for this; as a
        // pseudorandom function of a counter it gives as many words as are needed.
        let random = RandomState::new();
        Secret::from_words(|index| random.hash_one(index))
    }

    /// The one that belongs to a number: for tests, which need to know where keys go.
    pub fn from_number(number: u64) -> Secret {
        Secret::from_words(|index| {
            let word = number.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            mix(word)
        })
    }

    /// The secret of a process. A debug build takes it from `MEMCACHED_HASH_SECRET`, a number, if
    /// that is there: `from_number` of it lets a test know which keys meet in a bucket.
    pub fn of_process() -> Secret {
        #[cfg(debug_assertions)]
        if let Ok(number) = std::env::var("MEMCACHED_HASH_SECRET") {
            return Secret::from_number(number.parse().expect("MEMCACHED_HASH_SECRET: a number"));
        }
        Secret::random()
    }

    fn from_words(word: impl Fn(u64) -> u64) -> Secret {
        let wide = |index: u64| u128::from(word(index)) << 64 | u128::from(word(index + 1));
        Secret {
            last: std::array::from_fn(|i| wide(2 * i as u64)),
            blocks: std::array::from_fn(|i| (word(8 + 2 * i as u64), word(9 + 2 * i as u64))),
        }
    }

    /// Hashes a key of at most [`KEY_LEN_MAX`] bytes; of a longer one what is beyond does not count.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let len = key.len() as u64;
        let (low, high) = match (key.first_chunk(), key.last_chunk()) {
            (Some(first), Some(last)) if key.len() <= BLOCK_LEN => {
                (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
            }
            (Some(_), _) => self.compress(key),
            (None, _) => (published::partial64(key), 0),
        };
        let [a, b, c, d] = self.last;
        let sum = (a.wrapping_mul(low.into()))
            .wrapping_add(b.wrapping_mul(high.into()))
            .wrapping_add(c.wrapping_mul(len.into()))
            .wrapping_add(d);
        mix((sum >> 64) as u64)
    }

    /// NH of a key of more than one block, as two words.
    #[inline]
    fn compress(&self, key: &[u8]) -> (u64, u64) {
        let (blocks, _) = key.as_chunks::<BLOCK_LEN>();
        let last = key.last_chunk().expect("more than one block");
        // Keys are at most as long as there are blocks here; `zip` sees to it.
        let whole = &blocks[..(key.len() - 1) / BLOCK_LEN];
        let all = whole.iter().chain(std::iter::once(last));
        let sum = all.zip(&self.blocks).fold(0u128, |sum, (block, secret)| {
            let both = u128::from_le_bytes(*block);
            let low = (both as u64).wrapping_add(secret.0);
            let high = ((both >> 64) as u64).wrapping_add(secret.1);
            sum.wrapping_add(u128::from(low) * u128::from(high))
        });
        (sum as u64, (sum >> 64) as u64)
    }
}

/// Not even by mistake in a message.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A bijection after which each bit depends on all bits (the finaliser of MurmurHash3, Austin
/// Appleby, public domain).
#[inline(always)]
fn mix(h: u64) -> u64 {
    let h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ h >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// The same function, written as slowly as it is defined: with schoolbook words of a key.
    fn twin(secret: &Secret, key: &[u8]) -> u64 {
        let word = |bytes: &[u8]| {
            let bytes = bytes.iter().rev();
            bytes.fold(0u64, |word, byte| word << 8 | u64::from(*byte))
        };
        let n = key.len();
        let (low, high) = match n {
            0..8 => (word(key), 0),
            8..=16 => (word(&key[..8]), word(&key[n - 8..])),
            _ => {
                let mut starts: Vec<usize> = (0..n - 16).step_by(16).collect();
                starts.push(n - 16);
                let mut sum = 0u128;
                for (i, at) in starts.into_iter().enumerate() {
                    let low = word(&key[at..at + 8]).wrapping_add(secret.blocks[i].0);
                    let high = word(&key[at + 8..at + 16]).wrapping_add(secret.blocks[i].1);
                    sum = sum.wrapping_add(u128::from(low) * u128::from(high));
                }
                (sum as u64, (sum >> 64) as u64)
            }
        };
        let inputs = [u128::from(low), u128::from(high), n as u128, 1];
        let sum = secret.last.iter().zip(inputs);
        let sum = sum.fold(0u128, |sum, (a, x)| sum.wrapping_add(a.wrapping_mul(x)));
        mix((sum >> 64) as u64)
    }

    #[test]
    fn keys_of_every_length_hash_as_the_slow_twin_says() {
        let secret = Secret::from_number(3);
        let key: Vec<u8> = (0..=KEY_LEN_MAX).map(|i| mix(i as u64) as u8).collect();
        for len in 0..=KEY_LEN_MAX {
            let key = &key[..len];
            assert_eq!(secret.hash(key), twin(&secret, key), "{len} bytes");
        }
    }

    #[test]
    fn every_bit_of_a_key_of_every_length_counts() {
        let secret = Secret::from_number(4);
        for len in 1..=KEY_LEN_MAX {
            let mut key = vec![b'a'; len];
            let before = secret.hash(&key);
            for bit in 0..8 * len {
                key[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(secret.hash(&key), before, "bit {bit} of {len} bytes");
                key[bit / 8] ^= 1 << (bit % 8);
            }
        }
        let zeros = [0; KEY_LEN_MAX];
        let of_lengths: HashSet<u64> = (0..=KEY_LEN_MAX)
            .map(|n| secret.hash(&zeros[..n]))
            .collect();
        assert_eq!(of_lengths.len(), KEY_LEN_MAX + 1);
    }

    #[test]
    fn another_secret_is_another_function_in_stripes_buckets_and_tags() {
        let keys: Vec<String> = (0..4096).map(|i| format!("key:{i}")).collect();
        let (one, other) = (Secret::random(), Secret::random());
        for shift in [0, 10, 48] {
            let part = |secret: &Secret, key: &String| secret.hash(key.as_bytes()) >> shift & 0x3ff;
            let alike = keys.iter().filter(|k| part(&one, k) == part(&other, k));
            // Four are to be expected.
            assert!(alike.count() < 40, "bits from {shift}");
        }
    }

    /// Keys that all share a bucket under one secret are spread under another, as random ones.
    #[test]
    fn keys_aimed_at_one_bucket_are_spread_by_another_secret() {
        let known = Secret::from_number(1);
        let aimed: Vec<String> = (0u32..)
            .map(|i| format!("aimed:{i}"))
            .filter(|key| known.hash(key.as_bytes()) & 0x3ff == 5)
            .take(if cfg!(miri) { 64 } else { 2048 })
            .collect();
        let real = Secret::random();
        let seen: HashSet<u64> = aimed
            .iter()
            .map(|key| real.hash(key.as_bytes()) & 0x3ff)
            .collect();
        // 2048 balls in 1024 bins leave 139 empty on average.
        assert!(seen.len() > aimed.len().min(1600) / 2, "{}", seen.len());
    }

    /// Neighbouring keys must differ in the bits the table uses for itself: stripe and
    /// bucket at the bottom, tag at the top.
    #[test]
    #[cfg_attr(miri, ignore = "too many steps")]
    fn counting_keys_spread_over_low_and_high_bits() {
        const KEYS: usize = 1 << 16;
        for number in 0..3 {
            let secret = Secret::from_number(number);
            let key_of: [fn(usize) -> String; 3] = [
                |i| format!("key:{i}"),
                |i| format!("user:{i:08}:profile"),
                |i| format!("a/rather/long/path/to/an/object/{i}/of/some/collection"),
            ];
            for key_of in key_of {
                for shift in [0, 10, 48] {
                    let mut seen = vec![0_u32; KEYS];
                    for i in 0..KEYS {
                        let hash = secret.hash(key_of(i).as_bytes());
                        seen[(hash >> shift) as usize % KEYS] += 1;
                    }
                    // Thrown at random, 1/e of the places stay empty: 36.8 %.
                    let empty = seen.iter().filter(|n| **n == 0).count() * 1000 / KEYS;
                    assert!((358..=378).contains(&empty), "{number} {shift}: {empty}");
                }
            }
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::random()), "Secret");
    }
}
