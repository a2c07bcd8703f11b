//! Looking ahead for a batch: buckets, then items, are fetched before they are needed.

use super::cache_line::{CACHE_LINE, prefetch, prefetch_to_write};
use super::engine::Store;
use super::item::ItemId;
use super::table::Probe;

/// Most of an item that is fetched ahead: hardware follows a longer copy by itself.
const PREFETCH_LEN: usize = 4 * CACHE_LINE;

/// Most that is fetched ahead of a value that is written: stores wait for their lines one
/// after the other, fetches do not.
const PREFETCH_WRITE_LEN: usize = 8 << 10;

impl Store {
    /// First step of a batch: fetches the bucket of a key.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// Second step of a batch: fetches the items that the bucket's tags point at, as far as a
    /// value of `value_len` bytes will be written there (0 if it is read). For a key that is
    /// [`Probe::Overflow`], [`prefetch_overflow`](Store::prefetch_overflow) is worth calling later.
    #[inline]
    pub fn prefetch_item(&self, hash: u64, value_len: usize) -> Probe {
        self.table
            .probe(hash, |id| self.prefetch_chunk(id, value_len))
    }

    /// Third step, for the few whose item was not in the first bucket.
    pub fn prefetch_overflow(&self, hash: u64) {
        self.table
            .probe_overflow(hash, |id| self.prefetch_chunk(id, 0));
    }

    #[inline]
    fn prefetch_chunk(&self, id: ItemId, value_len: usize) {
        // How long the item is stands in the item; how long it can be does not.
        let Some(class) = self.arena().class_seen(id) else {
            return;
        };
        let chunk_len = self.slabs.classes.size(class);
        let len = value_len.clamp(PREFETCH_LEN, PREFETCH_WRITE_LEN);
        let len = chunk_len.min(len);
        if value_len == 0 {
            self.arena().prefetch(id, len, prefetch);
        } else {
            self.arena().prefetch(id, len, prefetch_to_write);
        }
    }
}
