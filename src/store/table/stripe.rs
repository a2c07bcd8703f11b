//! A stripe that is held: looking up, linking and removing, and growing its part of the table.

use super::super::item::ItemId;
use super::buckets::{BUCKET_WORDS, Bucket, Hint, StripeState, Table, len, linked};
use super::stripe_size::StripeSize;
use super::word::{Cell, Slotted, Snapshot, Word, clear};
use crate::sys::memory::HUGE_PAGE_LEN;
use crate::sys::sync::atomic::{
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};

/// Items per bucket above which a stripe splits one: a load of 87 %.
pub(super) const ITEMS_PER_BUCKET: u32 = BUCKET_WORDS as u32 - 1;
/// The same for a bucket in a row that no other stripe has begun yet.
const ITEMS_PER_BUCKET_MAX: u32 = ITEMS_PER_BUCKET + 1;
/// Items per bucket below which a stripe merges two.
const ITEMS_PER_BUCKET_MIN: u32 = if cfg!(loom) { 1 } else { 2 };
/// Items per bucket above which a stripe begins a row all the same: its bucket then takes a page
/// of the machine, 64 bytes for each of so many items.
const ITEMS_PER_LONE_BUCKET: u32 = BUCKET_WORDS as u32 * 8;
/// How many insertions a stripe that must not begin a row lets go by before it asks again.
const INSERTIONS_BETWEEN: u32 = if cfg!(loom) { 1 } else { 8 };
/// Buckets that a stripe may have: a row is named by 32 bits, with one to spare.
const BUCKETS_MAX: u32 = 1 << 30;

/// A held stripe: the right to read and change its buckets and the items linked in them.
pub struct Stripe<'t> {
    pub(super) table: &'t Table,
    pub(super) index: usize,
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

    /// The slot that `hint` names, if it stands there now, in this stripe, for a key with the tag
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

    pub(super) fn for_each_in(&self, row: u32, mut each: impl FnMut(ItemId, u8)) {
        for slot in self.chain(self.table.bucket(row, self.index)) {
            each(slot.id(), slot.epoch());
        }
    }

    pub(super) fn buckets(&self) -> u32 {
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
        // Said first, so that no thread gives the row back meanwhile: see `Table`, (1).
        let size = &self.table.sizes[self.index];
        size.store(StripeSize::new(count + 1).0, Release);
        fence(SeqCst);
        // A thread that sees that there is a row sees its memory (acquires).
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

impl Drop for Stripe<'_> {
    #[inline]
    fn drop(&mut self) {
        self.state().lock.unlock();
    }
}

impl Table {
    /// Takes the lock of the stripe that `hash` belongs to.
    #[inline]
    pub fn lock(&self, hash: u64) -> Stripe<'_> {
        self.lock_index(self.index_of(hash))
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
    #[inline]
    pub fn lock_index(&self, index: usize) -> Stripe<'_> {
        self.stripes[index].lock.lock();
        Stripe { table: self, index }
    }
}
