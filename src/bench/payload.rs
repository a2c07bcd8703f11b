//! Values that prove themselves: a reader can tell whether it is a value of this
//! key, of this length, and whole.
//!
//! ```text
//! 16 bytes or more   │ check, 8 │ serial, 8 │ text: from a fixed one, where the serial says … │
//! fewer              │ the first bytes of the check of key and length, twice                │
//! ```
//!
//! The check is the CRC-32 of length, serial, key and text, in hexadecimal. The serial is
//! another one for each set, so a value put together from two sets of one key is found out.

use crc32fast::Hasher;

use crate::keys::Rng;

/// Bytes of check and serial: values that are shorter are too short for a proof.
pub const PROOF_LEN: usize = 16;

/// Bytes of the text that values are cut from.
const TEXT_LEN: usize = 1 << 16;

/// Makes values and judges them.
#[derive(Clone)]
pub struct Payload {
    text: Box<[u8]>,
}

impl Payload {
    /// The same text in every run.
    pub fn new() -> Payload {
        let mut rng = Rng::new(0);
        let letter = |_| b'a' + rng.below(26) as u8;
        Payload {
            text: (0..TEXT_LEN).map(letter).collect(),
        }
    }

    /// Appends a value of `len` bytes for `key`.
    pub fn write(&self, key: &[u8], len: usize, serial: u32, to: &mut Vec<u8>) {
        let start = to.len();
        if len < PROOF_LEN {
            to.extend_from_slice(&tiny(key, len)[..len]);
            return;
        }
        to.extend_from_slice(&[0; 8]);
        to.extend_from_slice(&hex(serial));
        let mut place = serial as usize % TEXT_LEN;
        while to.len() < start + len {
            let rest = start + len - to.len();
            let piece = &self.text[place..];
            to.extend_from_slice(&piece[..rest.min(piece.len())]);
            place = 0;
        }
        let check = check(key, &to[start..]);
        to[start..start + 8].copy_from_slice(&check);
    }

    /// Whether this is a whole value of this key; of fewer than [`PROOF_LEN`] bytes, whether it
    /// is the one value of this length.
    pub fn proves(key: &[u8], value: &[u8]) -> bool {
        if value.len() < PROOF_LEN {
            return value == &tiny(key, value.len())[..value.len()];
        }
        value[..8] == check(key, value)
    }
}

/// What all values of that length and key are, up to 16 bytes.
fn tiny(key: &[u8], len: usize) -> [u8; PROOF_LEN] {
    let mut hasher = Hasher::new();
    hasher.update(&(len as u64).to_le_bytes());
    hasher.update(key);
    let half = hex(hasher.finalize());
    let mut whole = [0; PROOF_LEN];
    whole[..8].copy_from_slice(&half);
    whole[8..].copy_from_slice(&half);
    whole
}

/// The check of a value of at least 16 bytes.
fn check(key: &[u8], value: &[u8]) -> [u8; 8] {
    let mut hasher = Hasher::new();
    hasher.update(&(value.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(&value[8..]);
    hex(hasher.finalize())
}

fn hex(number: u32) -> [u8; 8] {
    let mut digits = [0; 8];
    for (index, digit) in digits.iter_mut().enumerate() {
        let nibble = (number >> (28 - 4 * index)) as usize & 15;
        *digit = b"0123456789abcdef"[nibble];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(key: &[u8], len: usize, serial: u32) -> Vec<u8> {
        let mut value = Vec::new();
        Payload::new().write(key, len, serial, &mut value);
        assert_eq!(value.len(), len);
        value
    }

    #[test]
    fn a_value_proves_its_key_its_length_and_every_byte() {
        for len in [0, 1, 7, 8, 15, 16, 17, 100, TEXT_LEN, 2 * TEXT_LEN + 1] {
            let good = value(b"key:1", len, 77);
            assert!(Payload::proves(b"key:1", &good), "{len}");
            assert!(len == 0 || !Payload::proves(b"key:2", &good), "{len}: key");
            let shorter = &good[..len.saturating_sub(1)];
            assert!(
                len < 2 || !Payload::proves(b"key:1", shorter),
                "{len}: length"
            );
            for place in (0..len).step_by(1 + len / 50) {
                let mut bad = good.clone();
                bad[place] ^= 1;
                assert!(!Payload::proves(b"key:1", &bad), "{len}: byte {place}");
            }
        }
    }

    #[test]
    fn halves_of_two_sets_are_no_value() {
        let (one, other) = (value(b"k", 100, 1), value(b"k", 100, 2));
        let mixed = [&one[..50], &other[50..]].concat();
        assert_ne!(one, other);
        assert!(!Payload::proves(b"k", &mixed));
    }
}
