//! A key with its hash.

#![forbid(unsafe_code)]

use super::table::Hint;

/// The hash of a key, and where a look ahead has seen what may be its item.
#[derive(Clone, Copy, Debug)]
pub struct Hashed {
    /// What [`Store::hash`] says.
    pub hash: u64,
    /// What [`Store::prefetch_item`] has seen, if it was called.
    pub hint: Hint,
}

impl From<u64> for Hashed {
    fn from(hash: u64) -> Hashed {
        Hashed {
            hash,
            hint: Hint::default(),
        }
    }
}

/// Whether two keys are equal. Those of 8 to 16 bytes, the usual ones, take two comparisons
/// of words that may overlap, and no call.
#[inline]
pub(super) fn is_equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ends = |key: &[u8]| {
        let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
        Some((word(key.first_chunk()?), word(key.last_chunk()?)))
    };
    match (ends(a), ends(b), a.len()) {
        (Some(a), Some(b), ..=16) => a == b,
        _ => a == b,
    }
}
