//! Buckets, and what stripes have in common: their sizes, and the rows that are begun for all.

use super::super::cache_line::{prefetch, prefetch_to_write};
use super::super::item::ItemId;
use super::super::locks::RawLock;
use super::super::space::{Plain, Space};
use super::overflow::{Node, OverflowNodes};
use super::stripe_size::StripeSize;
use super::word::{Cell, NodeId, Slotted, Snapshot};
use crate::sys::memory::HUGE_PAGE_LEN;
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
use std::io::Result;
use std::mem::size_of;

/// Words of a bucket. Loom goes through all orders of all loads, so there must be few.
pub(super) const BUCKET_WORDS: usize = if cfg!(loom) { 2 } else { 8 };
/// Items of all stripes, for each of their buckets, that are worth beginning another row: at the
/// target load of an even spread there are nearly twice as many.
const ITEMS_PER_BUCKET_OF_ALL: u64 = BUCKET_WORDS as u64 / 2;
/// Bytes of a page of the machine, as far as it matters here.
const MACHINE_PAGE_LEN: u64 = 4096;
/// Rows are begun so many at a time, as a part of those that there are.
const ROWS_STEP: usize = 32;

/// Where a chain begins.
#[derive(Default)]
#[cfg_attr(not(loom), repr(align(64)))]
pub(super) struct Bucket(pub(super) [Cell; BUCKET_WORDS]);

#[cfg(not(loom))]
const _: () = assert!(size_of::<Bucket>() == 64);

// SAFETY: an array of atomics, without padding; zero is a value.
unsafe impl Plain for Bucket {
    #[cfg(loom)]
    fn clear(&self) {
        super::word::clear(&self.0);
    }
}

/// What a stripe's lock guards, with the lock, on one cache line. How many buckets it has stands
/// elsewhere.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct StripeState {
    pub(super) lock: RawLock,
    /// Items linked in this stripe.
    pub(super) items: AtomicU32,
    /// Source of cas ids.
    pub(super) cas: AtomicU64,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<StripeState>() == 64);

/// The table.
///
/// 1. Every stripe has at most `rows` buckets, and `main` has the buckets of so many rows at least.
///    A stripe says that it will have one more before it looks at `rows`; a thread that lowers `rows` looks
///    at all stripes after that ([`split`](Stripe::split), [`give_rows_back`](Table::give_rows_back)).
/// 2. Links lead to nodes that `nodes` has handed out.
pub struct Table {
    pub(super) stripes: Box<[StripeState]>,
    /// Buckets of each stripe, as [`StripeSize`]; written under its lock, peeked at without. A thread that looks
    /// ahead needs this first, and would wait here for the core that took the lock last.
    pub(super) sizes: Box<[AtomicU64]>,
    pub(super) stripe_bits: u32,
    pub(super) main: Space<Bucket>,
    /// Rows that stripes may use; written under `changing_rows`, after their memory is there
    /// (release).
    pub(super) rows: AtomicUsize,
    /// Those of them that were begun for all stripes; written likewise.
    pub(super) dense_rows: AtomicUsize,
    pub(super) changing_rows: Mutex<()>,
    /// Rows at the start: there are never fewer.
    pub(super) rows_min: u32,
    pub(super) nodes: OverflowNodes,
    pub(super) expand: bool,
}

/// How large the table starts, and whether it may grow.
pub struct Size {
    /// Stripes, as a power of two; fewer if the table starts smaller than that.
    pub stripe_power: u32,
    /// Words (eight bytes, eight to a bucket) at the start, as a power of two.
    pub hash_power: u32,
    /// Whether it may grow.
    pub expand: bool,
}

/// What `stats` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The power of two below the number of words.
    pub power: u32,
    /// Bytes of all rows and nodes that have been begun, which is what they take of the machine's
    /// memory at most.
    pub bytes: u64,
    /// Items linked.
    pub items: u64,
}

impl Table {
    /// An empty table.
    pub fn new(size: &Size) -> Result<Table> {
        let first_power = size.hash_power.saturating_sub(BUCKET_WORDS.ilog2());
        let stripe_bits = size.stripe_power.min(first_power);
        let stripes = 1usize << stripe_bits;
        let first = 1u32 << (first_power - stripe_bits);
        let table = Table {
            stripes: std::iter::repeat_with(StripeState::default)
                .take(stripes)
                .collect(),
            sizes: std::iter::repeat_with(|| AtomicU64::new(StripeSize::new(first).0))
                .take(stripes)
                .collect(),
            stripe_bits,
            main: Space::new(stripes * first as usize)?,
            rows: AtomicUsize::new(first as usize),
            dense_rows: AtomicUsize::new(first as usize),
            changing_rows: Mutex::default(),
            rows_min: first,
            nodes: OverflowNodes::new()?,
            expand: size.expand,
        };
        table.main.commit(stripes * first as usize)?;
        Ok(table)
    }

    /// Leaves the lock of the stripe of `hash` for a guard that was forgotten. Only for
    /// the debug command that holds one on purpose.
    #[cfg(debug_assertions)]
    pub fn force_unlock(&self, hash: u64) {
        self.stripes[self.index_of(hash)].lock.unlock();
    }

    /// Number of stripes.
    pub fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// Fetches the bucket that `hash` belongs to, and the stripe's lock. It does not take it: the
    /// address may be out of date, which costs only the fetch.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        let state = &self.stripes[self.index_of(hash)];
        prefetch_to_write(std::ptr::from_ref(state).cast());
        if let Some(bucket) = self.main.get(self.place_of(hash)) {
            prefetch(std::ptr::from_ref(bucket).cast());
        }
    }

    /// Calls `found` with the ids whose tags match `hash` in its bucket, without a lock: they
    /// tell what to fetch. If there is none and the chain goes on, its next node is fetched.
    ///
    /// Each word is loaded once. The bucket may change meanwhile, any number of times, and it may
    /// not be the bucket of this key any more: what is found is then fetched in vain, and the hint
    /// is not true any more, which [`Stripe::find_at`] notices.
    #[inline]
    pub fn probe(&self, hash: u64, mut found: impl FnMut(ItemId)) -> Probe {
        let place = self.place_of(hash);
        let Some(bucket) = self.main.get(place) else {
            return Probe::Nothing;
        };
        let seen = Snapshot::of(&bucket.0);
        let mut matches = seen.tagged(hash);
        if matches == 0 {
            return self.probe_link(&seen);
        }
        let first = matches.trailing_zeros() as usize;
        while matches != 0 {
            if let Some(slot) = seen.word(matches.trailing_zeros() as usize).slot() {
                found(slot.id());
            }
            matches &= matches - 1;
        }
        Probe::Seen(Hint {
            place: place * BUCKET_WORDS + first,
            seen: seen.word(first).slot(),
        })
    }

    pub(super) fn probe_link(&self, seen: &Snapshot<BUCKET_WORDS>) -> Probe {
        let Some(node) = seen.word(BUCKET_WORDS - 1).link() else {
            return Probe::Nothing;
        };
        if let Some(node) = self.nodes.get(node) {
            prefetch(std::ptr::from_ref(node).cast());
        }
        Probe::Overflow
    }

    /// The same for the first node of the chain, which may be of another chain by now.
    pub fn probe_overflow(&self, hash: u64, mut found: impl FnMut(ItemId)) {
        let bucket = self.main.get(self.place_of(hash));
        let link = bucket.and_then(|bucket| linked(&bucket.0));
        if let Some(node) = link.and_then(|node| self.nodes.get(node)) {
            let slots = node.0.iter().filter_map(|cell| cell.read().slot());
            for slot in slots.filter(|slot| slot.has_tag_of(hash)) {
                found(slot.id());
            }
        }
    }

    /// Sizes, summed over the stripes without locks.
    pub fn usage(&self) -> Usage {
        let buckets = (0..self.stripes.len()).map(|stripe| self.stripe_size(stripe).buckets());
        let (rows, dense) = (self.rows.load(Relaxed), self.dense_rows.load(Relaxed));
        let lone_buckets = buckets
            .clone()
            .map(|count| (count as usize).saturating_sub(dense));
        let lone_max = rows.saturating_sub(dense) * self.stripes.len() * size_of::<Bucket>();
        let lone_bytes = lone_buckets.sum::<usize>() as u64 * MACHINE_PAGE_LEN;
        let dense_bytes = self.len_of_rows(dense) * size_of::<Bucket>();
        let words = buckets.map(u64::from).sum::<u64>() * BUCKET_WORDS as u64;
        Usage {
            power: words.ilog2(),
            bytes: dense_bytes as u64 + lone_bytes.min(lone_max as u64) + self.nodes.bytes(),
            items: self.items(),
        }
    }

    /// Items linked, summed without locks.
    pub(super) fn items(&self) -> u64 {
        let items = self.stripes.iter().map(|s| s.items.load(Relaxed));
        items.map(u64::from).sum()
    }

    pub(super) fn index_of(&self, hash: u64) -> usize {
        hash as usize & (self.stripes.len() - 1)
    }

    #[inline]
    pub(super) fn stripe_size(&self, stripe: usize) -> StripeSize {
        StripeSize(self.sizes[stripe].load(Acquire))
    }

    /// Where the bucket of `hash` lies, as far as can be known without its lock.
    #[inline]
    pub(super) fn place_of(&self, hash: u64) -> usize {
        let index = self.index_of(hash);
        let row = self.stripe_size(index).index(hash >> self.stripe_bits);
        (row as usize) << self.stripe_bits | index
    }

    /// The stripe that a bucket belongs to.
    #[inline]
    pub(super) fn stripe_at(&self, place: usize) -> usize {
        place & (self.stripes.len() - 1)
    }

    /// A bucket of a row that its stripe has; the caller holds the stripe.
    #[inline]
    pub(super) fn bucket(&self, row: u32, stripe: usize) -> &Bucket {
        let bucket = self.main.get((row as usize) << self.stripe_bits | stripe);
        bucket.expect("a row of the stripe")
    }

    /// A node that a link leads to; the caller holds the stripe of the chain.
    #[inline]
    pub(super) fn node(&self, node: NodeId) -> &Node {
        self.nodes.get(node).expect("a node that was handed out")
    }

    /// Makes sure that stripes may use `rows` rows: and a few more if there are items enough in all
    /// stripes, or just these if the caller's stripe `is_worth_it` alone. False if it must wait,
    /// or if there is no memory. The caller holds that stripe.
    #[cold]
    pub(super) fn begin_rows(&self, rows: usize, is_worth_it: bool) -> bool {
        let _one_at_a_time = self.changing_rows.lock().unwrap();
        let (have, dense) = (self.rows.load(Relaxed), self.dense_rows.load(Relaxed));
        if rows <= have {
            return true;
        }
        let row_len = self.stripes.len();
        if self.items() >= (have * row_len) as u64 * ITEMS_PER_BUCKET_OF_ALL {
            let wanted = rows.max(have + have / ROWS_STEP);
            let len = self.len_of_rows(wanted);
            if self.main.commit(len).is_err() {
                return false;
            }
            self.main.prefer_huge_pages(0, len);
            self.dense_rows.store(wanted, Relaxed);
            self.rows.store(wanted, Release);
            return true;
        }
        if !is_worth_it || self.main.commit(rows * row_len).is_err() {
            return false;
        }
        self.main
            .avoid_huge_pages(self.len_of_rows(dense), rows * row_len);
        self.rows.store(rows, Release);
        true
    }

    /// Gives the memory of rows that no stripe uses any more back to the system. The caller may
    /// hold a stripe.
    #[cold]
    pub(super) fn give_rows_back(&self) {
        let _one_at_a_time = self.changing_rows.lock().unwrap();
        let have = self.rows.load(Relaxed);
        let used = || {
            let rows = (0..self.stripes.len()).map(|stripe| self.stripe_size(stripe).buckets());
            rows.max().unwrap_or(0).max(self.rows_min) as usize
        };
        let kept = used();
        let (keep_len, have_len) = (self.len_of_rows(kept), self.len_of_rows(have));
        if keep_len >= have_len {
            return;
        }
        // From here on a stripe that wants one of the others waits above, for this lock. One that
        // found it allowed before had said so (1), and is seen now.
        self.rows.store(kept, Release);
        fence(SeqCst);
        if used() > kept {
            self.rows.store(have, Release);
            return;
        }
        let dense = self.dense_rows.load(Relaxed);
        self.dense_rows.store(dense.min(kept), Relaxed);
        self.main.give_back(keep_len, have_len);
    }

    /// Buckets that are begun for so many rows: those of whole huge pages, once it is worth one.
    pub(super) fn len_of_rows(&self, rows: usize) -> usize {
        let len = rows * self.stripes.len();
        let in_huge_page = HUGE_PAGE_LEN / size_of::<Bucket>();
        if cfg!(loom) || len < in_huge_page {
            return len;
        }
        len.next_multiple_of(in_huge_page)
    }
}

/// The node that these cells lead on to.
#[inline]
pub(super) fn linked(cells: &[Cell]) -> Option<NodeId> {
    cells[cells.len() - 1].read().link()
}

/// Cells in use as slots; they come first.
pub(super) fn len(cells: &[Cell]) -> usize {
    let is_slot = |cell: &&Cell| cell.read().slot().is_some();
    cells.iter().take_while(is_slot).count()
}

/// Where a look without the lock has seen a slot with the tag of a key, and the whole word as it
/// was loaded there, once. Under the lock it may save the search: if the same word stands there, and
/// has the tag of the key that is sought, that item is linked there. It does not matter how
/// often the word has changed in between, nor in which bucket it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// Counts cells of `main`.
    pub(super) place: usize,
    pub(super) seen: Option<Slotted>,
}

/// What a look without the lock has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// No slot with the tag of the key.
    Nothing,
    /// One at least.
    Seen(Hint),
    /// None here, but the chain goes on: it is worth looking there later.
    Overflow,
}
