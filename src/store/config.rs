//! What a store is made from.

#![forbid(unsafe_code)]

use super::classes::ClassSizes;
use super::hash::Secret;

/// What a store is made from.
#[derive(Clone, Debug)]
pub struct Config {
    /// `-m` in bytes: what pages may take.
    pub memory_bytes: u64,
    /// Pretend that so many bytes are already taken (for tests of large limits).
    pub malloced_bytes: u64,
    /// `-I` in bytes.
    pub item_size_max: usize,
    /// How the class table is made.
    pub classes: ClassSizes,
    /// Whether items have cas ids (not `-C`).
    pub use_cas: bool,
    /// Whether live items may be evicted for new ones (not `-M`).
    pub evict: bool,
    /// Whether the LRU has segments; then a thread has to maintain them.
    pub segmented: bool,
    /// `-o hashpower`: words of the table at the start, as a power of two.
    pub hash_power: u32,
    /// Whether the table grows.
    pub hash_expand: bool,
    /// What makes the hash of keys.
    pub secret: Secret,
    /// Worker threads, which decide how many stripes there are.
    pub threads: u32,
}

/// Stripes for so many workers: enough that two seldom want the same one, few enough that
/// all of them stay in the cache of a core.
pub(super) fn stripe_power(threads: u32) -> u32 {
    match threads {
        0..=4 => 10,
        5..=10 => 11,
        11..=20 => 12,
        _ => 13,
    }
}
