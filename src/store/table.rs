//! The hash table: buckets of one cache line, grown in place, one stripe at a time.
//!
//! ```text
//! hash   [ tag:16 │ …            bucket in stripe …        │ stripe ]
//!
//! bucket [ slot │ slot │ slot │ slot │ slot │ slot │ slot │ slot or link ]   64 bytes
//! node   [ slot │ slot │ slot │ slot or link ]                               32 bytes
//! slot   [ tag:16 │ epoch:8 │ id:40 ]                                        0 = empty
//! link   [ 65535:16 │ number of the next node:48 ]
//! ```
//!
//! A look-up reads one line here and one of the item; a tag that does not match costs no
//! item access. The ninth item of a bucket makes a chain: the last word becomes a link to an
//! overflow node, which holds what stood there and the newcomer. Chains are packed: all words
//! before the last item are in use, and a node holds two items at least.
//!
//! Growth is linear hashing (Litwin, "Linear Hashing: A New Tool for File and Table
//! Addressing", 1980), but each stripe is a table of its own: it counts its items and
//! splits its own next bucket, under its own lock, when an insertion has filled it above
//! the target, and merges its last bucket with the one that it was split from when a removal has
//! emptied it far below. So growth needs no thread, no second table, no pause and no word that all
//! threads share, and it can never fall behind. Bucket `j` of stripe `s` lies at place
//! `j * stripes + s`; a row is one bucket of every stripe.
//!
//! Rows are memory of all stripes. A stripe that is fuller than the others, since somebody has
//! gathered keys of one stripe (cas ids tell them apart), must not take it alone: its chains
//! get longer, and it begins a row by itself only when it has items enough for a whole page of the
//! machine. So the table's memory is in proportion to its items, and chains are bounded, whatever keys
//! there are. Rows that no stripe uses any more go back to the system.
//!
//! Threads that look ahead read words of buckets and nodes, and the sizes of stripes, without a
//! lock. They load each word once (`word`), and use what they find only as a hint: to fetch memory,
//! and to look there first once they hold the stripe. All that they may read stays mapped.
//!
//! Locks: one per stripe, first in the order. The pool of overflow nodes and the
//! committing of rows have mutexes of their own, which nest innermost.

mod overflow;
mod stripe_size;
mod walk;
mod word;

use super::cache_line::{prefetch, prefetch_to_write};
use super::item::ItemId;
use super::locks::RawLock;
use super::space::{Plain, Space};
use crate::sys::memory::HUGE_PAGE_LEN;
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};
use overflow::OverflowNodes;
use std::io::Result;
use std::mem::size_of;
use stripe_size::StripeSize;
pub use walk::TableWalk;
pub use word::EPOCHS;
use word::{Cell, NodeId, Slotted, Snapshot, Word};

/// Words of a bucket and of an overflow node. Loom goes through all orders of all loads, so there
/// must be few.
const BUCKET_WORDS: usize = if cfg!(loom) { 2 } else { 8 };
const NODE_WORDS: usize = if cfg!(loom) { 2 } else { 4 };
/// Items per bucket above which a stripe splits one: a load of 87 %.
const ITEMS_PER_BUCKET: u32 = BUCKET_WORDS as u32 - 1;
/// The same for a bucket in a row that no other stripe has begun yet.
const ITEMS_PER_BUCKET_MAX: u32 = ITEMS_PER_BUCKET + 1;
/// Items per bucket below which a stripe merges two.
const ITEMS_PER_BUCKET_MIN: u32 = if cfg!(loom) { 1 } else { 2 };
/// Items of all stripes, for each of their buckets, that are worth beginning another row: at the
/// target load of an even spread there are nearly twice as many.
const ITEMS_PER_BUCKET_OF_ALL: u64 = BUCKET_WORDS as u64 / 2;
/// Items per bucket above which a stripe begins a row all the same: its bucket then takes a page
/// of the machine, 64 bytes for each of so many items.
const ITEMS_PER_LONE_BUCKET: u32 = BUCKET_WORDS as u32 * 8;
/// Bytes of a page of the machine, as far as it matters here.
const MACHINE_PAGE_LEN: u64 = 4096;
/// How many insertions a stripe that must not begin a row lets go by before it asks again.
const INSERTIONS_BETWEEN: u32 = if cfg!(loom) { 1 } else { 8 };
/// Rows are begun so many at a time, as a part of those that there are.
const ROWS_STEP: usize = 32;
/// Buckets that a stripe may have: a row is named by 32 bits, with one to spare.
const BUCKETS_MAX: u32 = 1 << 30;

/// Where a chain begins.
#[derive(Default)]
#[cfg_attr(not(loom), repr(align(64)))]
struct Bucket([Cell; BUCKET_WORDS]);

#[cfg(not(loom))]
const _: () = assert!(size_of::<Bucket>() == 64);

// SAFETY: an array of atomics, without padding; zero is a value.
unsafe impl Plain for Bucket {
    #[cfg(loom)]
    fn clear(&self) {
        clear(&self.0);
    }
}

/// What a stripe's lock guards, with the lock, on one cache line. How many buckets it has stands
/// elsewhere.
#[derive(Default)]
#[repr(align(64))]
struct StripeState {
    lock: RawLock,
    /// Items linked in this stripe.
    items: AtomicU32,
    /// Source of cas ids.
    cas: AtomicU64,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<StripeState>() == 64);

/// The table.
///
/// 1. Every stripe has at most `rows` buckets, and `main` has the buckets of so many rows at least.
///    A stripe says that it will have one more before it looks at `rows`; who lowers `rows` looks
///    at all stripes after that ([`split`](Stripe::split), [`give_rows_back`](Table::give_rows_back)).
/// 2. Links lead to nodes that `nodes` has handed out.
pub struct Table {
    stripes: Box<[StripeState]>,
    /// Buckets of each stripe, as [`StripeSize`]; written under its lock, peeked at without. Who looks
    /// ahead needs this first, and would wait here for the core that took the lock last.
    sizes: Box<[AtomicU64]>,
    stripe_bits: u32,
    main: Space<Bucket>,
    /// Rows that stripes may use; written under `changing_rows`, after their memory is there
    /// (release).
    rows: AtomicUsize,
    /// Those of them that were begun for all stripes; written likewise.
    dense_rows: AtomicUsize,
    changing_rows: Mutex<()>,
    /// Rows at the start: there are never fewer.
    rows_min: u32,
    nodes: OverflowNodes,
    expand: bool,
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

    /// Takes the lock of the stripe that `hash` belongs to.
    #[inline]
    pub fn lock(&self, hash: u64) -> Stripe<'_> {
        let stripe = self.guard_of(hash);
        stripe.state().lock.lock();
        stripe
    }

    /// The same if it is free: all that a thread may do that already holds an LRU list.
    #[inline]
    pub fn try_lock(&self, hash: u64) -> Option<Stripe<'_>> {
        let index = self.index_of(hash);
        // The guard is made only once the lock is held: dropping it would leave the lock.
        self.stripes[index]
            .lock
            .try_lock()
            .then(|| Stripe { table: self, index })
    }

    /// Takes the lock of stripe `index`, for walks.
    pub fn lock_index(&self, index: usize) -> Stripe<'_> {
        self.stripes[index].lock.lock();
        Stripe { table: self, index }
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

    fn probe_link(&self, seen: &Snapshot<BUCKET_WORDS>) -> Probe {
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
    fn items(&self) -> u64 {
        let items = self.stripes.iter().map(|s| s.items.load(Relaxed));
        items.map(u64::from).sum()
    }

    fn index_of(&self, hash: u64) -> usize {
        hash as usize & (self.stripes.len() - 1)
    }

    fn guard_of(&self, hash: u64) -> Stripe<'_> {
        Stripe {
            table: self,
            index: self.index_of(hash),
        }
    }

    #[inline]
    fn stripe_size(&self, stripe: usize) -> StripeSize {
        StripeSize(self.sizes[stripe].load(Acquire))
    }

    /// Where the bucket of `hash` lies, as far as can be told without its lock.
    #[inline]
    fn place_of(&self, hash: u64) -> usize {
        let index = self.index_of(hash);
        let row = self.stripe_size(index).index(hash >> self.stripe_bits);
        (row as usize) << self.stripe_bits | index
    }

    /// The stripe that a bucket belongs to.
    #[inline]
    fn stripe_at(&self, place: usize) -> usize {
        place & (self.stripes.len() - 1)
    }

    /// A bucket of a row that its stripe has; the caller holds the stripe.
    #[inline]
    fn bucket(&self, row: u32, stripe: usize) -> &Bucket {
        let bucket = self.main.get((row as usize) << self.stripe_bits | stripe);
        bucket.expect("a row of the stripe")
    }

    /// A node that a link leads to; the caller holds the stripe of the chain.
    #[inline]
    fn node(&self, node: NodeId) -> &overflow::Node {
        self.nodes.get(node).expect("a node that was handed out")
    }

    /// Makes sure that stripes may use `rows` rows: and a few more if there are items enough in all
    /// stripes, or just these if the caller's stripe `is_worth_it` alone. False if it must wait,
    /// or if there is no memory. The caller holds that stripe.
    #[cold]
    fn begin_rows(&self, rows: usize, is_worth_it: bool) -> bool {
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
    fn give_rows_back(&self) {
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
    fn len_of_rows(&self, rows: usize) -> usize {
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
fn linked(cells: &[Cell]) -> Option<NodeId> {
    cells[cells.len() - 1].read().link()
}

/// Cells in use as slots; they come first.
fn len(cells: &[Cell]) -> usize {
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
    place: usize,
    seen: Option<Slotted>,
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

/// A held stripe: the right to read and change its buckets and the items linked in them.
pub struct Stripe<'t> {
    table: &'t Table,
    index: usize,
}

/// Where an item stands in the table, as long as its stripe is held.
#[derive(Clone, Copy)]
pub struct Slot<'s> {
    cell: &'s Cell,
    /// The item.
    pub id: ItemId,
    /// The store's epoch when it was linked.
    pub epoch: u8,
}

impl<'s> Slot<'s> {
    /// What stands in a cell, if that is an item; its stripe is held.
    #[inline]
    fn at(cell: &'s Cell) -> Option<Slot<'s>> {
        let slot = cell.read().slot()?;
        Some(Slot {
            cell,
            id: slot.id(),
            epoch: slot.epoch(),
        })
    }
}

impl<'t> Stripe<'t> {
    /// The slot of the item for which `is_it` says yes, among those whose tag matches.
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(ItemId) -> bool) -> Option<Slot<'t>> {
        let bucket = self.bucket_of(hash);
        let mut chain = (&bucket.0[..], Snapshot::of(&bucket.0).tagged(hash));
        loop {
            let (cells, mut matches) = chain;
            while matches != 0 {
                let cell = &cells[matches.trailing_zeros() as usize];
                if let Some(slot) = Slot::at(cell)
                    && is_it(slot.id)
                {
                    return Some(slot);
                }
                matches &= matches - 1;
            }
            let node = self.table.node(linked(cells)?);
            chain = (&node.0, Snapshot::of(&node.0).tagged(hash));
        }
    }

    /// The same, where `hint` says first.
    #[inline]
    pub fn find_at(
        &self,
        hint: Hint,
        hash: u64,
        mut is_it: impl FnMut(ItemId) -> bool,
    ) -> Option<Slot<'t>> {
        if let Some(slot) = self.slot_at(hint, hash)
            && is_it(slot.id)
        {
            return Some(slot);
        }
        self.find(hash, is_it)
    }

    /// The slot that `hint` tells of, if it stands there now, in this stripe, for a key with the tag
    /// of `hash`. Its item is then linked in this stripe, whose lock is held.
    #[inline]
    fn slot_at(&self, hint: Hint, hash: u64) -> Option<Slot<'t>> {
        let (place, seen) = (hint.place / BUCKET_WORDS, hint.seen?);
        if self.table.stripe_at(place) != self.index || !seen.has_tag_of(hash) {
            return None;
        }
        let cell = &self.table.main.get(place)?.0[hint.place % BUCKET_WORDS];
        (cell.read() == Word::Slot(seen)).then(|| Slot {
            cell,
            id: seen.id(),
            epoch: seen.epoch(),
        })
    }

    /// Whether keys with this hash belong to it.
    #[inline]
    pub fn covers(&self, hash: u64) -> bool {
        self.table.index_of(hash) == self.index
    }

    /// Puts another item in the place of the one at `slot`; their keys are equal.
    pub fn replace(&self, slot: Slot<'_>, hash: u64, id: ItemId, epoch: u8) {
        slot.cell.write(Word::Slot(Slotted::new(hash, id, epoch)));
    }

    /// Links `id`, whose key is not in the table. `hash_of` gives the hash of any item
    /// of this stripe, for the split that may follow. False: no memory for an overflow bucket.
    #[must_use]
    pub fn insert(
        &self,
        hash: u64,
        id: ItemId,
        epoch: u8,
        hash_of: impl Fn(&Stripe<'_>, ItemId) -> u64,
    ) -> bool {
        if !self.append(self.bucket_of(hash), Slotted::new(hash, id, epoch)) {
            return false;
        }
        let state = self.state();
        let items = state.items.load(Relaxed) + 1;
        state.items.store(items, Relaxed);
        if self.table.expand && items > self.buckets() * ITEMS_PER_BUCKET {
            self.split(hash_of);
        }
        true
    }

    /// Takes the item at `slot` out; the last of the chain moves into the gap.
    pub fn remove(&self, hash: u64, slot: Slot<'_>) {
        let state = self.state();
        let items = state.items.load(Relaxed) - 1;
        state.items.store(items, Relaxed);
        self.take_out(self.bucket_of(hash), slot.cell);
        let buckets = self.buckets();
        if items < buckets * ITEMS_PER_BUCKET_MIN && buckets > self.table.rows_min {
            self.merge(buckets);
        }
    }

    /// An id that this server has not given to any item of this stripe before, and that no
    /// other stripe gives: the stripe's count times the number of stripes, plus its index.
    pub fn next_cas(&self) -> u64 {
        let state = self.state();
        let count = state.cas.load(Relaxed) + 1;
        state.cas.store(count, Relaxed);
        count << self.table.stripe_bits | self.index as u64
    }

    /// Calls `each` with every item of the stripe and its epoch: for the invariant walk, which has
    /// the table alone. Others take a bucket at a time ([`TableWalk`]).
    #[cfg(any(test, debug_assertions))]
    pub fn for_each(&self, mut each: impl FnMut(ItemId, u8)) {
        for row in 0..self.buckets() {
            self.for_each_in(row, &mut each);
        }
    }

    fn for_each_in(&self, row: u32, mut each: impl FnMut(ItemId, u8)) {
        for slot in self.chain(self.table.bucket(row, self.index)) {
            each(slot.id(), slot.epoch());
        }
    }

    fn buckets(&self) -> u32 {
        self.table.stripe_size(self.index).buckets()
    }

    fn state(&self) -> &'t StripeState {
        &self.table.stripes[self.index]
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> &'t Bucket {
        let row = self
            .table
            .stripe_size(self.index)
            .index(hash >> self.table.stripe_bits);
        self.table.bucket(row, self.index)
    }

    fn append(&self, bucket: &'t Bucket, slot: Slotted) -> bool {
        let mut cells = &bucket.0[..];
        while let Some(node) = linked(cells) {
            cells = &self.table.node(node).0;
        }
        if let Some(empty) = cells.iter().find(|cell| cell.read() == Word::Empty) {
            empty.write(Word::Slot(slot));
            return true;
        }
        let Some(number) = self.table.nodes.take() else {
            return false;
        };
        let (last, node) = (&cells[cells.len() - 1], self.table.node(number));
        node.0[0].write(last.read());
        node.0[1].write(Word::Slot(slot));
        last.write(Word::Link(number));
        true
    }

    fn take_out(&self, bucket: &Bucket, gap: &Cell) {
        let (mut before, mut cells) = (None, &bucket.0[..]);
        while let Some(node) = linked(cells) {
            before = Some((&cells[cells.len() - 1], node));
            cells = &self.table.node(node).0;
        }
        let len = len(cells);
        let last = &cells[len - 1];
        gap.write(last.read());
        last.write(Word::Empty);
        if let Some((link, node)) = before
            && len == 2
        {
            // One is left, and the cell that leads to it can hold it.
            link.write(cells[0].read());
            cells[0].write(Word::Empty);
            self.table.nodes.give(node);
        }
    }

    /// Splits the next bucket of this stripe in two: first every item that moves is copied
    /// to the twin, then those that stay close ranks. Should there be no memory for the
    /// twin's overflow, the copies are dropped and nothing has happened.
    fn split(&self, hash_of: impl Fn(&Stripe<'_>, ItemId) -> u64) {
        let items = self.state().items.load(Relaxed);
        let count = self.buckets();
        // A row takes memory for all stripes: one that is a little fuller than the others waits
        // for them before it begins the next.
        let is_begun = (count as usize) < self.table.rows.load(Relaxed);
        let must_grow =
            items > count * ITEMS_PER_BUCKET_MAX && items.is_multiple_of(INSERTIONS_BETWEEN);
        if !is_begun && !must_grow || count >= BUCKETS_MAX {
            return; // longer chains do until then
        }
        // Said first, so that nobody gives the row back meanwhile: see `Table`, (1).
        let size = &self.table.sizes[self.index];
        size.store(StripeSize::new(count + 1).0, Release);
        fence(SeqCst);
        // Who sees that there is a row sees its memory (acquires).
        let may_use = (count as usize) < self.table.rows.load(Acquire)
            || self
                .table
                .begin_rows(count as usize + 1, items > count * ITEMS_PER_LONE_BUCKET);
        if !may_use || !self.divide(count, hash_of) {
            size.store(StripeSize::new(count).0, Release); // longer chains do until there is memory
        }
    }

    /// Divides a bucket with its new twin, bucket `count`. False: there was no memory.
    fn divide(&self, count: u32, hash_of: impl Fn(&Stripe<'_>, ItemId) -> u64) -> bool {
        let round = 1u32 << count.ilog2();
        let old = self.table.bucket(count - round, self.index);
        let new = self.table.bucket(count, self.index);
        let mut staying = Vec::with_capacity(2 * BUCKET_WORDS);
        for slot in self.chain(old) {
            let hash = hash_of(self, slot.id()) >> self.table.stripe_bits;
            if hash & u64::from(round) == 0 {
                staying.push(slot);
            } else if !self.append(new, slot) {
                self.rewrite(new, &[]);
                return false;
            }
        }
        self.rewrite(old, &staying);
        true
    }

    /// Merges the last of `count` buckets with the one that it was split from. Should there be
    /// no memory for overflow, nothing has happened.
    #[cold]
    fn merge(&self, count: u32) {
        let last = count - 1;
        let round = 1u32 << last.ilog2();
        let into = self.table.bucket(last - round, self.index);
        let from = self.table.bucket(last, self.index);
        let staying: Vec<Slotted> = self.chain(into).collect();
        for slot in self.chain(from) {
            if !self.append(into, slot) {
                return self.rewrite(into, &staying);
            }
        }
        self.rewrite(from, &[]);
        self.table.sizes[self.index].store(StripeSize::new(last).0, Release);
        let row_len = self.table.stripes.len() * size_of::<Bucket>();
        if cfg!(loom) || (last as usize * row_len).is_multiple_of(HUGE_PAGE_LEN) {
            self.table.give_rows_back();
        }
    }

    /// Makes `slots`, at most as many as there are, the contents of a chain.
    fn rewrite(&self, bucket: &'t Bucket, mut slots: &[Slotted]) {
        let mut cells = &bucket.0[..];
        let mut rest = loop {
            let next = linked(cells);
            let here = match next {
                Some(_) if slots.len() > cells.len() => cells.len() - 1,
                _ => slots.len(),
            };
            for (cell, slot) in cells.iter().zip(&slots[..here]) {
                cell.write(Word::Slot(*slot));
            }
            slots = &slots[here..];
            match next {
                Some(number) if !slots.is_empty() => cells = &self.table.node(number).0,
                next => {
                    clear(&cells[here..]);
                    break next;
                }
            }
        };
        while let Some(number) = rest {
            let node = self.table.node(number);
            rest = linked(&node.0);
            clear(&node.0);
            self.table.nodes.give(number);
        }
    }

    /// Every slot of the chain that begins at `bucket`, in order.
    fn chain(&self, bucket: &'t Bucket) -> impl Iterator<Item = Slotted> + use<'t> {
        let table = self.table;
        let after = |cells: &&'t [Cell]| Some(&table.node(linked(cells)?).0[..]);
        std::iter::successors(Some(&bucket.0[..]), after)
            .flat_map(|cells| cells.iter().map_while(|cell| cell.read().slot()))
    }
}

fn clear(cells: &[Cell]) {
    cells.iter().for_each(|cell| cell.write(Word::Empty));
}

impl Drop for Stripe<'_> {
    #[inline]
    fn drop(&mut self) {
        self.state().lock.unlock();
    }
}

#[cfg(all(test, loom))]
mod loom_models;
#[cfg(all(test, not(loom)))]
mod tests;
