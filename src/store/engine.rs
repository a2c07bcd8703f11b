//! The store itself: what it is made of, what it says of itself, and what its modules share.

use super::arena::Arena;
use super::bumps::Bumps;
use super::classes::{ClassSet, Classes};
use super::clock::Clock;
use super::config::{Config, stripe_power};
use super::hash::Secret;
use super::item::{CAS_LEN, HEADER_LEN, Header, ItemId, Part, accounted_len, state};
use super::key::Key;
use super::lru::{HeldLists, Lru};
use super::moment::{Lock, Moment, PendingFlush, Shared};
use super::slabs::{ClassUsage, Slabs};
use super::table::{Size, Stripe, Table, Usage};
use crate::sys::sync::Mutex;
use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The cache.
pub struct Store {
    /// Time, for everything in here.
    pub clock: Clock,
    pub(super) slabs: Slabs,
    pub(super) table: Table,
    pub(super) lru: Lru,
    /// The reports of all threads.
    pub(super) bump_rings: Mutex<Vec<Arc<Bumps>>>,
    pub(super) shared: Shared,
    pub(super) flush: PendingFlush,
    /// The class that the last page from any class came from.
    pub(super) next_source: AtomicUsize,
    /// Whether the class of each evicted item is to be noted, and the last one that was; 0 for none.
    pub(super) notes_page_requests: AtomicBool,
    pub(super) page_request: AtomicUsize,
    pub(super) secret: Secret,
    pub(super) use_cas: bool,
    pub(super) evict: bool,
    pub(super) item_size_max: usize,
    /// Where the key of an item begins.
    pub(super) key_offset: usize,
    /// Bytes that were taken before the first page.
    #[cfg(any(test, debug_assertions))]
    pub(super) malloced_at_start: u64,
}

impl Store {
    /// An empty cache. Fails if the system has no address space for it.
    pub fn new(config: &Config) -> Result<Store> {
        let arena = Arena::new(config.memory_bytes)?;
        let size = Size {
            stripe_power: stripe_power(config.threads),
            hash_power: config.hash_power,
            expand: config.hash_expand,
        };
        Ok(Store {
            clock: Clock::new(),
            table: Table::new(&size)?,
            slabs: Slabs::new(
                &config.classes,
                arena,
                config.memory_bytes,
                config.malloced_bytes,
            )?,
            lru: Lru::new(),
            bump_rings: Mutex::default(),
            shared: Shared::new(config.segmented),
            flush: PendingFlush::default(),
            next_source: AtomicUsize::new(0),
            notes_page_requests: AtomicBool::new(false),
            page_request: AtomicUsize::new(0),
            secret: config.secret.clone(),
            use_cas: config.use_cas,
            evict: config.evict,
            item_size_max: config.item_size_max,
            key_offset: HEADER_LEN + if config.use_cas { CAS_LEN } else { 0 },
            #[cfg(any(test, debug_assertions))]
            malloced_at_start: config.malloced_bytes,
        })
    }

    /// The hash of a key, which the other calls want.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.secret.hash(key)
    }

    /// A key with its hash.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        Key::new(bytes, self.hash(bytes))
    }

    /// Sizes of the table and the number of items.
    pub fn usage(&self) -> Usage {
        self.table.usage()
    }

    /// Parts that the table is locked in.
    pub fn stripes(&self) -> usize {
        self.table.stripes()
    }

    /// Sizes of the slab classes.
    pub fn classes(&self) -> &Classes {
        &self.slabs.classes
    }

    /// Pages and free chunks of every class, by its number.
    pub fn class_usages(&self) -> Vec<ClassUsage> {
        self.slabs.usages()
    }

    /// The classes that anything has ever been counted for. There may be thousands of threads
    /// with counters for each class: sums leave the others out.
    pub fn used_classes(&self) -> ClassSet {
        ClassSet(self.slabs.used())
    }

    /// Changes what pages may take; false if there is no address space for that much. Of what
    /// is beyond a lower limit pages of the pool go back to the system at once, others when
    /// they come to the pool. `note` is called before the former, which may take long.
    pub fn set_limit(&self, bytes: u64, note: impl FnOnce()) -> bool {
        let fits = self.arena().reserve(bytes);
        if fits {
            self.slabs.set_limit(bytes, note);
        }
        fits
    }

    /// Gives the memory of pages of `class` all of whose chunks are free back to the system, of `most`
    /// at most; they stay pages of the class. Returns of how many.
    pub fn rest_free_pages(&self, class: usize, most: usize) -> usize {
        self.slabs.rest_free_pages(class, most)
    }

    /// Gives each class of the table its first page.
    ///
    /// # Errors
    /// The bytes that this takes, if they are more than there may be.
    pub fn preallocate(&self) -> std::result::Result<(), u64> {
        self.slabs.preallocate()
    }

    /// Turns the segments of the LRU on or off.
    pub fn set_segmented(&self, segmented: bool) {
        self.shared.divide(|now| now.with_segments(segmented));
    }

    /// Sets what life is short enough for a temporary item; `None` for no life.
    pub fn set_temporary_ttl(&self, seconds: Option<u32>) {
        self.shared.divide(|now| now.with_temporary_ttl(seconds));
    }

    /// Whether the LRU has segments, and what life is short enough for a temporary item.
    #[cfg(test)]
    pub fn division(&self) -> (bool, Option<u32>) {
        let division = self.moment_under(&self.lists(1)).division();
        (division.is_segmented(), division.temporary_ttl_s())
    }

    /// What pages may take, in bytes.
    #[cfg(test)]
    pub fn limit(&self) -> u64 {
        self.slabs.limit()
    }

    /// Bytes of all pages.
    pub fn malloced(&self) -> u64 {
        self.slabs.malloced()
    }

    /// Whether a value of `value_len` bytes under such a key may be stored at all (`-I`).
    pub fn fits(&self, key_len: usize, client_flags: u32, value_len: usize) -> bool {
        accounted_len(self.use_cas, key_len, client_flags, value_len) <= self.item_size_max
    }

    /// Takes the stripe of `hash` and keeps it until [`debug_unlock`](Store::debug_unlock),
    /// for tests of what happens meanwhile.
    #[cfg(debug_assertions)]
    pub fn debug_lock(&self, hash: u64) {
        std::mem::forget(self.table.lock(hash));
    }

    /// Leaves a stripe that `debug_lock` has taken.
    #[cfg(debug_assertions)]
    pub fn debug_unlock(&self, hash: u64) {
        self.table.force_unlock(hash);
    }
}

/// What keeps items, and so their keys, from being freed: the stripe that they are linked in, the
/// lists that they stand in, a reference, or exclusive ownership.
pub(super) trait KeepsKeys {}
impl KeepsKeys for Stripe<'_> {}
impl KeepsKeys for HeldLists<'_> {}

/// What the modules of the store share.
impl Store {
    #[inline]
    pub(super) fn arena(&self) -> &Arena {
        &self.slabs.arena
    }

    /// Takes the lock of a class's lists.
    pub(super) fn lists(&self, class: usize) -> HeldLists<'_> {
        self.lru.class(self.arena(), class)
    }

    /// Reads the words that all threads share; the lock is the one under which the outcome is used.
    #[inline]
    pub(super) fn moment_under(&self, lock: &impl Lock) -> Moment {
        Moment::under(&self.clock, &self.shared, lock)
    }

    #[inline]
    pub(super) fn header(&self, id: ItemId) -> &Header {
        self.arena().header(id)
    }

    /// The key of an item that is linked, or not yet: it does not change.
    #[inline]
    pub(super) fn key_of<'k>(&'k self, id: ItemId, _kept_by: &'k impl KeepsKeys) -> &'k [u8] {
        let header = self.header(id);
        debug_assert!(!header.has(state::FREE), "a key that nobody keeps");
        self.arena().reads(id, Part::Key);
        // SAFETY: a key lies within its chunk (checked when it was written) and is frozen
        // from before linking until the chunk is free again, which `_kept_by` prevents for as long
        // as the slice lives. That it is the right one for this item the caller promises; were it
        // false, the assertion above, loom (`reads`), and the address sanitizer would see it.
        unsafe {
            let start = self.arena().at(id).add(self.key_offset);
            std::slice::from_raw_parts(start.as_ptr(), header.key_len())
        }
    }

    #[inline]
    pub(super) fn hash_of(&self, id: ItemId, kept_by: &impl KeepsKeys) -> u64 {
        self.hash(self.key_of(id, kept_by))
    }

    #[inline]
    pub(super) fn cas_of(&self, id: ItemId) -> u64 {
        if self.use_cas {
            self.arena().cas_word(id).load(Relaxed)
        } else {
            0
        }
    }

    pub(super) fn set_cas(&self, id: ItemId, cas: u64) {
        if self.use_cas {
            self.arena().cas_word(id).store(cas, Relaxed);
        }
    }

    pub(super) fn accounted(&self, id: ItemId) -> u64 {
        let header = self.header(id);
        let flags = header.client_flags.load(Relaxed);
        accounted_len(self.use_cas, header.key_len(), flags, header.value_len()) as u64
    }
}
