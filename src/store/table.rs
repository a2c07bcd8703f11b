//! The hash table: buckets of one cache line, grown in place, one stripe at a time.
//!
//! ```text
//! hash   [ tag:16 │ …            bucket in stripe …        │ stripe ]
//!
//! bucket [ slot │ slot │ slot │ slot │ slot │ slot │ slot │ slot or link ]   64 bytes
//! node   [ slot │ slot │ slot │ slot or link ]                               32 bytes
//! slot   [ epoch:8 │ tag:16 │ id:40 ]                                        0 = empty
//! link   [ 255:8 │ number of the next node:56 ]
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
//! the target. So growth needs no thread, no second table, no pause and no word that all
//! threads share, and it can never fall behind. Bucket `j` of stripe `s` lies at place
//! `j * stripes + s`; address space for all of them is reserved at the start.
//!
//! Locks: one per stripe, first in the order. The pool of overflow buckets and the
//! committing of memory have mutexes of their own, which nest innermost.

use super::item::ItemId;
use super::locks::RawLock;
use crate::sys::memory::{HUGE_PAGE_LEN, Reservation};
use std::io::Result;
use std::mem::size_of;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Words of a bucket and of an overflow node.
const BUCKET_WORDS: usize = 8;
const NODE_WORDS: usize = 4;
/// Items per bucket above which a stripe splits one: a load of 87 %.
const ITEMS_PER_BUCKET: u32 = 7;
/// The same for a bucket in a row that no other stripe has begun yet.
const ITEMS_PER_BUCKET_MAX: u32 = 8;
/// Rows are begun so many at a time, as a part of those that there are.
const ROWS_STEP: usize = 32;
/// Overflow memory is committed in steps of this many bytes.
const OVERFLOW_STEP: usize = 1 << 20;

const EPOCH_SHIFT: u32 = 56;
const TAG_SHIFT: u32 = ItemId::BITS;
/// Epochs are `0..EPOCHS`; in the place of the one beyond, a word says that it is a link.
pub const EPOCHS: u8 = u8::MAX;
const LINK: u64 = (EPOCHS as u64) << EPOCH_SHIFT;

/// Where a chain begins.
#[repr(align(64))]
struct Bucket([AtomicU64; BUCKET_WORDS]);

/// Where it goes on.
#[repr(align(32))]
struct Node([AtomicU64; NODE_WORDS]);

const _: () = assert!(size_of::<Bucket>() == 64 && size_of::<Node>() == 32);

/// What a stripe's lock guards, with the lock, on one cache line.
#[repr(align(64))]
struct StripeState {
    lock: RawLock,
    /// Buckets of this stripe; written under the lock, peeked at without.
    buckets: AtomicU32,
    /// Items linked in this stripe.
    items: AtomicU32,
    /// Source of cas ids.
    cas: AtomicU64,
}

const _: () = assert!(size_of::<StripeState>() == 64);

/// The table.
///
/// 1. `main` is committed for rows `0..rows` at least (a row: one bucket of every stripe), and
///    no stripe has more buckets than that.
/// 2. `spill` is committed for the nodes below `Spill::committed`, and only those are in chains.
pub struct Table {
    stripes: Box<[StripeState]>,
    stripe_bits: u32,
    main: Reservation,
    rows: AtomicUsize,
    spill: Reservation,
    pool: Mutex<Spill>,
    expand: bool,
}

/// The overflow nodes that are not in a chain: their words are 0.
struct Spill {
    free: Vec<u32>,
    next: u32,
    committed: usize,
}

/// How large the table starts and how far it may grow.
pub struct Size {
    /// Stripes, as a power of two; fewer if the table starts smaller than that.
    pub stripe_power: u32,
    /// Words (eight bytes, eight to a bucket) at the start, as a power of two.
    pub hash_power: u32,
    /// Items that there can be at most.
    pub items_max: u64,
    /// Whether it may grow.
    pub expand: bool,
}

/// What `stats` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The power of two below the number of words.
    pub power: u32,
    /// Bytes of all buckets and nodes in use.
    pub bytes: u64,
    /// Items linked.
    pub items: u64,
}

impl Table {
    /// An empty table.
    pub fn new(size: &Size) -> Result<Table> {
        let first_power = size.hash_power.saturating_sub(3);
        let stripe_bits = size.stripe_power.min(first_power);
        let stripes = 1usize << stripe_bits;
        let first = 1u32 << (first_power - stripe_bits);
        // Twice what the target load needs: stripes are never filled alike.
        let rows_max =
            (size.items_max / u64::from(ITEMS_PER_BUCKET) * 2) as usize / stripes + first as usize;
        let main = Reservation::new(rows_max.next_power_of_two() * stripes * size_of::<Bucket>())?;
        let spill = Reservation::new(main.len().max(OVERFLOW_STEP))?;
        let table = Table {
            stripes: std::iter::repeat_with(|| StripeState::new(first))
                .take(stripes)
                .collect(),
            stripe_bits,
            main,
            rows: AtomicUsize::new(0),
            spill,
            pool: Mutex::new(Spill {
                free: Vec::new(),
                next: 1,
                committed: 0,
            }),
            expand: size.expand,
        };
        if !table.commit_rows(first as usize) {
            return Err(std::io::Error::last_os_error());
        }
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

    /// Fetches the bucket that `hash` belongs to. No lock: the address may be out of date,
    /// which costs only the fetch.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        super::prefetch(std::ptr::from_ref(self.peek(hash)).cast());
    }

    /// Calls `found` with the ids whose tags match `hash`, in the bucket or else in the first
    /// node of its chain, without a lock: a hint what to fetch. If the node had not been
    /// `fetched` yet it is now, and the answer is that it is worth looking again.
    #[inline]
    pub fn peek_items(&self, hash: u64, fetched: bool, mut found: impl FnMut(ItemId)) -> bool {
        let bucket = self.peek(hash);
        let mut words = &bucket.0[..];
        let mut matches = matches(&bucket.0, hash);
        if matches == 0 {
            let Some(number) = linked(&bucket.0) else {
                return false;
            };
            // Overflow memory stays committed, so a node that has been taken out of the chain
            // meanwhile can be looked at all the same.
            let node = self.node(number);
            if !fetched {
                super::prefetch(std::ptr::from_ref(node).cast());
                return true;
            }
            words = &node.0;
            matches = self::matches(&node.0, hash);
        }
        while matches != 0 {
            let id = ItemId::from_raw(words[matches.trailing_zeros() as usize].load(Relaxed));
            // The slot may have been emptied since the tag was compared.
            if !id.is_none() {
                found(id);
            }
            matches &= matches - 1;
        }
        false
    }

    /// Sizes, summed over the stripes without locks.
    pub fn usage(&self) -> Usage {
        let sum = |field: fn(&StripeState) -> &AtomicU32| {
            self.stripes
                .iter()
                .map(|s| u64::from(field(s).load(Relaxed)))
                .sum::<u64>()
        };
        let buckets = sum(|s| &s.buckets);
        let pool = self.pool.lock().unwrap();
        let spilled = u64::from(pool.next - 1) - pool.free.len() as u64;
        Usage {
            power: (buckets * 8).ilog2(),
            bytes: buckets * size_of::<Bucket>() as u64 + spilled * size_of::<Node>() as u64,
            items: sum(|s| &s.items),
        }
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
    fn peek(&self, hash: u64) -> &Bucket {
        let index = self.index_of(hash);
        let buckets = self.stripes[index].buckets.load(Relaxed);
        self.bucket(bucket_index(hash >> self.stripe_bits, buckets), index)
    }

    #[inline]
    fn bucket(&self, row: u32, stripe: usize) -> &Bucket {
        debug_assert!((row as usize) < self.rows.load(Relaxed));
        let place = (row as usize) << self.stripe_bits | stripe;
        // SAFETY: by (1) committed, because a row is below the count of its stripe; mappings
        // are aligned for a bucket; a bucket is made of atomics, for which zero is a value.
        unsafe { self.main.base().cast::<Bucket>().add(place).as_ref() }
    }

    fn node(&self, number: u32) -> &Node {
        // SAFETY: by (2), for numbers come from links; otherwise as `bucket`.
        unsafe {
            self.spill
                .base()
                .cast::<Node>()
                .add(number as usize)
                .as_ref()
        }
    }

    /// Makes sure that `rows` rows are committed, and a few more each time.
    fn commit_rows(&self, rows: usize) -> bool {
        if rows <= self.rows.load(Relaxed) {
            return true;
        }
        // Serialises committing; the pool itself is not needed.
        let _one_at_a_time = self.pool.lock().unwrap();
        let have = self.rows.load(Relaxed);
        if rows <= have {
            return true;
        }
        let wanted = rows.max(have + have / ROWS_STEP);
        let len = self.len_of_rows(wanted);
        if len > self.main.len() {
            return false;
        }
        if len > self.len_of_rows(have) || have == 0 {
            if self.main.commit(0, len).is_err() {
                return false;
            }
            if have > 0 {
                self.main.prefer_huge_pages(0, len);
            }
        }
        self.rows.store(wanted, Relaxed);
        true
    }

    /// Bytes that are committed for so many rows: whole huge pages, once it is worth one.
    fn len_of_rows(&self, rows: usize) -> usize {
        let len = rows * self.stripes.len() * size_of::<Bucket>();
        len.next_multiple_of(if len < HUGE_PAGE_LEN {
            4096
        } else {
            HUGE_PAGE_LEN
        })
    }

    fn take_node(&self) -> Option<u32> {
        let mut pool = self.pool.lock().unwrap();
        if let Some(number) = pool.free.pop() {
            return Some(number);
        }
        let end = (pool.next as usize + 1) * size_of::<Node>();
        if end > pool.committed {
            let fits = pool.committed + OVERFLOW_STEP <= self.spill.len();
            if !fits || self.spill.commit(pool.committed, OVERFLOW_STEP).is_err() {
                return None;
            }
            pool.committed += OVERFLOW_STEP;
        }
        pool.next += 1;
        Some(pool.next - 1)
    }
}

/// The bucket of a stripe with `buckets` buckets: those below the split point of the round
/// already have twins, which one more bit of the hash tells apart.
#[inline]
fn bucket_index(hash: u64, buckets: u32) -> u32 {
    let mask = u32::MAX
        .checked_shr((buckets - 1).leading_zeros())
        .unwrap_or(0);
    let index = hash as u32 & mask;
    if index < buckets {
        index
    } else {
        index & (mask >> 1)
    }
}

impl StripeState {
    fn new(buckets: u32) -> StripeState {
        StripeState {
            lock: RawLock::default(),
            buckets: AtomicU32::new(buckets),
            items: AtomicU32::new(0),
            cas: AtomicU64::new(0),
        }
    }
}

/// Never 0, so that neither an empty word nor a link has the tag of any key.
#[inline]
fn tag_of(hash: u64) -> u64 {
    (hash >> 48).max(1)
}

fn slot_word(hash: u64, id: ItemId, epoch: u8) -> u64 {
    debug_assert!(epoch < EPOCHS);
    u64::from(epoch) << EPOCH_SHIFT | tag_of(hash) << TAG_SHIFT | id.raw()
}

/// A bit for every slot that has the tag of `hash`. No branch: which slot it is cannot be
/// foreseen.
#[inline]
fn matches<const WORDS: usize>(words: &[AtomicU64; WORDS], hash: u64) -> u32 {
    let tag = tag_of(hash) as u16;
    let mut found = 0;
    for (index, slot) in words.iter().enumerate() {
        found |= u32::from((slot.load(Relaxed) >> TAG_SHIFT) as u16 == tag) << index;
    }
    found
}

/// The number of the node that these words lead on to.
#[inline]
fn linked(words: &[AtomicU64]) -> Option<u32> {
    let last = words[words.len() - 1].load(Relaxed);
    (last >= LINK).then_some(last as u32)
}

/// Words in use as slots; they come first.
fn len(words: &[AtomicU64]) -> usize {
    let is_slot = |word: &&AtomicU64| (1..LINK).contains(&word.load(Relaxed));
    words.iter().take_while(is_slot).count()
}

/// A held stripe: the right to read and change its buckets and the items linked in them.
pub struct Stripe<'t> {
    table: &'t Table,
    index: usize,
}

/// Where an item stands in the table, as long as its stripe is held.
#[derive(Clone, Copy)]
pub struct Slot<'s> {
    word: &'s AtomicU64,
    /// The item.
    pub id: ItemId,
    /// The store's epoch when it was linked.
    pub epoch: u8,
}

impl<'t> Stripe<'t> {
    /// The slot of the item for which `is_it` says yes, among those whose tag matches.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(ItemId) -> bool) -> Option<Slot<'t>> {
        let bucket = self.bucket_of(hash);
        let mut words = &bucket.0[..];
        let mut matches = matches(&bucket.0, hash);
        loop {
            while matches != 0 {
                let word = &words[matches.trailing_zeros() as usize];
                let value = word.load(Relaxed);
                let id = ItemId::from_raw(value);
                if is_it(id) {
                    return Some(Slot {
                        word,
                        id,
                        epoch: (value >> EPOCH_SHIFT) as u8,
                    });
                }
                matches &= matches - 1;
            }
            let node = self.table.node(linked(words)?);
            words = &node.0;
            matches = self::matches(&node.0, hash);
        }
    }

    /// Puts another item in the place of the one at `slot`; their keys are equal.
    pub fn replace(&self, slot: Slot<'_>, hash: u64, id: ItemId, epoch: u8) {
        slot.word.store(slot_word(hash, id, epoch), Relaxed);
    }

    /// Links `id`, whose key is not in the table. `hash_of` gives the hash of any linked
    /// item, for the split that may follow. False: no memory for an overflow bucket.
    #[must_use]
    pub fn insert(
        &self,
        hash: u64,
        id: ItemId,
        epoch: u8,
        hash_of: impl Fn(ItemId) -> u64,
    ) -> bool {
        if !self.append(self.bucket_of(hash), slot_word(hash, id, epoch)) {
            return false;
        }
        let state = self.state();
        let items = state.items.load(Relaxed) + 1;
        state.items.store(items, Relaxed);
        if self.table.expand && items > state.buckets.load(Relaxed) * ITEMS_PER_BUCKET {
            self.split(hash_of);
        }
        true
    }

    /// Takes the item at `slot` out; the last of the chain moves into the gap.
    pub fn remove(&self, hash: u64, slot: Slot<'_>) {
        let state = self.state();
        state.items.store(state.items.load(Relaxed) - 1, Relaxed);
        self.take_out(self.bucket_of(hash), slot.word);
    }

    /// An id that this server has not given to any item of this stripe before, and that no
    /// other stripe gives: the stripe's count times the number of stripes, plus its index.
    pub fn next_cas(&self) -> u64 {
        let state = self.state();
        let count = state.cas.load(Relaxed) + 1;
        state.cas.store(count, Relaxed);
        count << self.table.stripe_bits | self.index as u64
    }

    /// Calls `each` with every item of the stripe and its epoch.
    pub fn for_each(&self, mut each: impl FnMut(ItemId, u8)) {
        for row in 0..self.state().buckets.load(Relaxed) {
            self.for_each_in(row, &mut each);
        }
    }

    fn for_each_in(&self, row: u32, mut each: impl FnMut(ItemId, u8)) {
        for slot in self.chain(self.table.bucket(row, self.index)) {
            let word = slot.load(Relaxed);
            each(ItemId::from_raw(word), (word >> EPOCH_SHIFT) as u8);
        }
    }

    fn state(&self) -> &'t StripeState {
        &self.table.stripes[self.index]
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> &'t Bucket {
        let buckets = self.state().buckets.load(Relaxed);
        self.table.bucket(
            bucket_index(hash >> self.table.stripe_bits, buckets),
            self.index,
        )
    }

    fn append(&self, bucket: &'t Bucket, word: u64) -> bool {
        let mut words = &bucket.0[..];
        while let Some(number) = linked(words) {
            words = &self.table.node(number).0;
        }
        if let Some(slot) = words.iter().find(|slot| slot.load(Relaxed) == 0) {
            slot.store(word, Relaxed);
            return true;
        }
        let Some(number) = self.table.take_node() else {
            return false;
        };
        let (last, node) = (&words[words.len() - 1], self.table.node(number));
        node.0[0].store(last.load(Relaxed), Relaxed);
        node.0[1].store(word, Relaxed);
        last.store(LINK | u64::from(number), Relaxed);
        true
    }

    fn take_out(&self, bucket: &Bucket, gap: &AtomicU64) {
        let (mut link, mut words) = (None, &bucket.0[..]);
        while let Some(number) = linked(words) {
            link = Some(&words[words.len() - 1]);
            words = &self.table.node(number).0;
        }
        let len = len(words);
        let last = &words[len - 1];
        gap.store(last.load(Relaxed), Relaxed);
        last.store(0, Relaxed);
        if let Some(link) = link
            && len == 2
        {
            // One is left, and the word that leads to it can hold it.
            let number = link.swap(words[0].load(Relaxed), Relaxed) as u32;
            words[0].store(0, Relaxed);
            self.table.pool.lock().unwrap().free.push(number);
        }
    }

    /// Splits the next bucket of this stripe in two: first every item that moves is copied
    /// to the twin, then those that stay close ranks. Should there be no memory for the
    /// twin's overflow, the copies are dropped and nothing has happened.
    fn split(&self, hash_of: impl Fn(ItemId) -> u64) {
        let state = self.state();
        let count = state.buckets.load(Relaxed);
        // A row takes memory for all stripes: one that is a little fuller than the others waits
        // for them before it begins the next.
        let is_begun = (count as usize) < self.table.rows.load(Relaxed);
        let must_grow = state.items.load(Relaxed) > count * ITEMS_PER_BUCKET_MAX;
        let may_split = is_begun || must_grow && self.table.commit_rows(count as usize + 1);
        if !may_split {
            return; // longer chains do until then, or until there is memory
        }
        let round = 1u32 << count.ilog2();
        let old = self.table.bucket(count - round, self.index);
        let new = self.table.bucket(count, self.index);
        let moves = |word: u64| {
            let hash = hash_of(ItemId::from_raw(word)) >> self.table.stripe_bits;
            hash & u64::from(round) != 0
        };
        let mut staying = Vec::with_capacity(2 * BUCKET_WORDS);
        for slot in self.chain(old) {
            let word = slot.load(Relaxed);
            if !moves(word) {
                staying.push(word);
            } else if !self.append(new, word) {
                return self.rewrite(new, &[]);
            }
        }
        self.rewrite(old, &staying);
        state.buckets.store(count + 1, Relaxed);
    }

    /// Makes `slots`, at most as many as there are, the contents of a chain.
    fn rewrite(&self, bucket: &'t Bucket, mut slots: &[u64]) {
        let mut words = &bucket.0[..];
        let mut rest = loop {
            let next = linked(words);
            let here = match next {
                Some(_) if slots.len() > words.len() => words.len() - 1,
                _ => slots.len(),
            };
            for (word, slot) in words.iter().zip(&slots[..here]) {
                word.store(*slot, Relaxed);
            }
            slots = &slots[here..];
            match next {
                Some(number) if !slots.is_empty() => words = &self.table.node(number).0,
                next => {
                    words[here..].iter().for_each(|word| word.store(0, Relaxed));
                    break next;
                }
            }
        };
        if rest.is_none() {
            return;
        }
        let mut pool = self.table.pool.lock().unwrap();
        while let Some(number) = rest {
            let node = self.table.node(number);
            rest = linked(&node.0);
            node.0.iter().for_each(|word| word.store(0, Relaxed));
            pool.free.push(number);
        }
    }

    /// Every slot of the chain that begins at `bucket`, in order.
    fn chain(&self, bucket: &'t Bucket) -> impl Iterator<Item = &'t AtomicU64> + use<'t> {
        let table = self.table;
        let after = |words: &&'t [AtomicU64]| Some(&table.node(linked(words)?).0[..]);
        std::iter::successors(Some(&bucket.0[..]), after)
            .flat_map(|words| words[..len(words)].iter())
    }
}

/// A walk through the whole table, one row of a stripe at a time, while others insert and
/// remove: it meets every item that stays there all the time exactly once.
///
/// Rows that have been split since the walk came to the stripe are visited together with the
/// row that they were split from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk {
    stripe: usize,
    /// Buckets of the stripe when the walk came to it; 0 before that.
    buckets: u32,
    row: u32,
}

impl Walk {
    /// A walk that begins with this stripe, or with the first if there is none such.
    pub fn from_stripe(stripe: usize) -> Walk {
        Walk {
            stripe,
            ..Walk::default()
        }
    }

    /// The stripe that it has come to.
    pub fn stripe(&self) -> usize {
        self.stripe
    }
}

impl Table {
    /// Takes the stripe of the walk's next row and puts the items of that row, with their
    /// epochs, into `found`. `None`: the walk is over.
    pub fn next_row(&self, walk: &mut Walk, found: &mut Vec<(ItemId, u8)>) -> Option<Stripe<'_>> {
        found.clear();
        if walk.stripe >= self.stripes() {
            return None;
        }
        let stripe = self.lock_index(walk.stripe);
        let buckets = stripe.state().buckets.load(Relaxed);
        if walk.buckets == 0 {
            walk.buckets = buckets;
        }
        // The number of hash bits that lead to this row, as the stripe was then.
        let round = 1u32 << walk.buckets.ilog2();
        let was_split = walk.row < walk.buckets - round || walk.row >= round;
        let step = if was_split { 2 * round } else { round };
        for row in (walk.row..buckets).step_by(step as usize) {
            stripe.for_each_in(row, |id, epoch| found.push((id, epoch)));
        }
        walk.row += 1;
        if walk.row == walk.buckets {
            *walk = Walk::from_stripe(walk.stripe + 1);
        }
        Some(stripe)
    }
}

impl Drop for Stripe<'_> {
    #[inline]
    fn drop(&mut self) {
        self.state().lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Items here have no memory: their hash is looked up in a list by id.
    struct Twin {
        table: Table,
        hashes: HashMap<u64, u64>,
        linked: HashMap<u64, u8>,
    }

    fn mix(mut x: u64) -> u64 {
        x = (x ^ x >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        x = (x ^ x >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        x ^ x >> 33
    }

    impl Twin {
        fn new(stripe_power: u32, hash_power: u32, expand: bool) -> Twin {
            let size = Size {
                stripe_power,
                hash_power,
                items_max: 1 << 20,
                expand,
            };
            Twin {
                table: Table::new(&size).unwrap(),
                hashes: HashMap::new(),
                linked: HashMap::new(),
            }
        }

        fn insert(&mut self, id: u64, hash: u64, epoch: u8) {
            self.hashes.insert(id, hash);
            let hash_of = |id: ItemId| self.hashes[&id.raw()];
            assert!(
                self.table
                    .lock(hash)
                    .insert(hash, ItemId::from_raw(id), epoch, hash_of)
            );
            self.linked.insert(id, epoch);
        }

        fn remove(&mut self, id: u64) {
            let hash = self.hashes[&id];
            let stripe = self.table.lock(hash);
            let slot = stripe.find(hash, |found| found.raw() == id);
            assert_eq!(slot.is_some(), self.linked.remove(&id).is_some());
            if let Some(slot) = slot {
                stripe.remove(hash, slot);
            }
        }

        fn check(&self) {
            for (id, epoch) in &self.linked {
                let hash = self.hashes[id];
                let slot = self.table.lock(hash).find(hash, |found| found.raw() == *id);
                assert_eq!(slot.map(|s| s.epoch), Some(*epoch), "item {id} is lost");
            }
            let mut walked = 0;
            for index in 0..self.table.stripes() {
                self.table.lock_index(index).for_each(|id, epoch| {
                    assert_eq!(self.linked.get(&id.raw()), Some(&epoch));
                    walked += 1;
                });
            }
            assert_eq!(walked, self.linked.len());
            assert_eq!(self.table.usage().items, walked as u64);
        }
    }

    #[test]
    fn a_random_run_of_insertions_and_removals_agrees_with_a_map() {
        for (stripe_power, hash_power, expand) in [(0, 3, true), (4, 8, true), (3, 6, false)] {
            let mut twin = Twin::new(stripe_power, hash_power, expand);
            let mut seed = 7;
            for step in 0..30_000u64 {
                seed = mix(seed + step);
                let id = 1 + seed % 5000;
                // Few distinct tags and many equal hashes: chains get long, tags lie.
                let hash = mix(id / 3) & 0x0003_ffff_ffff_ffff;
                if twin.linked.contains_key(&id) {
                    twin.remove(id);
                } else if seed % 7 != 0 {
                    twin.insert(id, hash, (seed >> 20) as u8 % EPOCHS);
                }
                if step % 5000 == 0 {
                    twin.check();
                }
            }
            twin.check();
            for id in 1..=5000 {
                if twin.linked.contains_key(&id) {
                    twin.remove(id);
                }
            }
            twin.check();
            let pool = twin.table.pool.lock().unwrap();
            assert_eq!(
                pool.free.len() as u32,
                pool.next - 1,
                "overflow nodes come back"
            );
        }
    }

    #[test]
    fn growth_keeps_the_load_near_its_target() {
        let mut twin = Twin::new(4, 7, true);
        for id in 1..=50_000 {
            twin.insert(id, mix(id), 0);
        }
        twin.check();
        let buckets = f64::from(ITEMS_PER_BUCKET) * twin.table.usage().bytes as f64 / 64.0;
        assert!(
            buckets > 50_000.0 && buckets < 70_000.0,
            "room for {buckets} items at the target load"
        );
    }

    #[test]
    fn a_walk_meets_everything_once_though_the_table_grows_and_shrinks_under_it() {
        let mut twin = Twin::new(2, 6, true);
        for id in 1..=2000 {
            twin.insert(id, mix(id), 3);
        }
        let (mut walk, mut found, mut next) = (Walk::default(), Vec::new(), 2001);
        let mut met = HashMap::new();
        while twin.table.next_row(&mut walk, &mut found).is_some() {
            for (id, epoch) in &found {
                assert_eq!(*epoch, 3);
                *met.entry(id.raw()).or_insert(0) += 1;
            }
            // Others come, so that buckets are split before and behind the walk, and some go.
            for _ in 0..40 {
                twin.insert(next, mix(next), 3);
                next += 1;
            }
            twin.remove(next - 7);
        }
        twin.check();
        for id in 1..=2000 {
            assert_eq!(met.get(&id), Some(&1), "item {id}");
        }
        assert!(met.values().all(|&times| times == 1));
        assert!(next > 20_000, "it has grown meanwhile");
    }

    #[test]
    fn a_bucket_index_is_below_the_count_and_changes_only_by_splitting() {
        for buckets in 1..200u32 {
            for hash in 0..1000u64 {
                let (before, after) =
                    (bucket_index(hash, buckets), bucket_index(hash, buckets + 1));
                assert!(before < buckets);
                assert!(
                    after == before
                        || after == buckets && before == buckets - (1 << buckets.ilog2())
                );
            }
        }
    }

    #[test]
    fn cas_ids_are_unique_across_stripes_and_grow_within_one() {
        let twin = Twin::new(2, 6, true);
        let mut seen = std::collections::HashSet::new();
        for hash in 0..4 {
            let mut last = 0;
            for _ in 0..100 {
                let cas = twin.table.lock(hash).next_cas();
                assert!(cas > last && seen.insert(cas));
                last = cas;
            }
        }
    }

    #[test]
    fn a_stripe_that_is_held_is_refused_to_those_who_only_try() {
        let twin = Twin::new(1, 6, true);
        let held = twin.table.lock(4);
        assert!(twin.table.try_lock(6).is_none(), "the same stripe");
        assert!(
            twin.table.try_lock(6).is_none(),
            "a refusal must not free it"
        );
        assert!(twin.table.try_lock(5).is_some(), "another one");
        drop(held);
        assert!(twin.table.try_lock(6).is_some());
    }
}
