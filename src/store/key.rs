//! A key with its hash.

#![forbid(unsafe_code)]

use super::table::Hint;

/// A key, its hash, and where its item may be: made once for a request, and given to every call
/// of the store that names a key.
#[derive(Clone, Copy, Debug)]
pub struct Key<'k> {
    bytes: &'k [u8],
    hash: u64,
    hint: Hint,
}

impl<'k> Key<'k> {
    /// A key whose hash has been computed, by [`Store::hash`](super::Store::hash).
    #[inline]
    pub fn new(bytes: &'k [u8], hash: u64) -> Key<'k> {
        Key::with_hint(bytes, hash, Hint::default())
    }

    /// The same after [`Store::prefetch_item`](super::Store::prefetch_item) has found something.
    #[inline]
    pub fn with_hint(bytes: &'k [u8], hash: u64, hint: Hint) -> Key<'k> {
        Key { bytes, hash, hint }
    }

    /// The key itself.
    #[inline]
    pub fn bytes(&self) -> &'k [u8] {
        self.bytes
    }

    /// The same hash and hint for a key that is written in another way: they are of this one.
    #[inline]
    pub fn with_bytes<'b>(&self, bytes: &'b [u8]) -> Key<'b> {
        Key::with_hint(bytes, self.hash, self.hint)
    }

    /// Its hash.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Where to look first.
    #[inline]
    pub(super) fn hint(&self) -> Hint {
        self.hint
    }

    /// Whether `other` is the same key. Those of 8 to 16 bytes, the usual ones, take two
    /// comparisons of words that may overlap, and no call.
    #[inline]
    pub(super) fn is(&self, other: &[u8]) -> bool {
        if other.len() != self.bytes.len() {
            return false;
        }
        let ends = |key: &[u8]| {
            let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
            Some((word(key.first_chunk()?), word(key.last_chunk()?)))
        };
        match (ends(other), ends(self.bytes), other.len()) {
            (Some(a), Some(b), ..=16) => a == b,
            _ => other == self.bytes,
        }
    }
}
