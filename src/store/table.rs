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
//! the target. So growth needs no thread, no second table, no pause and no word that all
//! threads share, and it can never fall behind. Bucket `j` of stripe `s` lies at place
//! `j * stripes + s`; address space for all of them is reserved at the start.
//!
//! Locks: one per stripe, first in the order. The pool of overflow buckets and the
//! committing of memory have mutexes of their own, which nest innermost.

use super::item::ItemId;
use super::locks::RawLock;
use crate::sys::memory::{HUGE_PAGE_LEN, Reservation};
use crate::sys::simd::tagged;
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

const TAG_SHIFT: u32 = 48;
const EPOCH_SHIFT: u32 = ItemId::BITS;
/// Epochs are `0..EPOCHS`.
pub const EPOCHS: u8 = u8::MAX;
/// Tags of keys lie between that of an empty word and that of a link.
const TAG_MIN: u64 = 1;
const TAG_MAX: u64 = 0xfffe;
const LINK: u64 = (TAG_MAX + 1) << TAG_SHIFT;

/// Where a chain begins.
#[repr(align(64))]
struct Bucket([AtomicU64; BUCKET_WORDS]);

/// Where it goes on.
#[repr(align(32))]
struct Node([AtomicU64; NODE_WORDS]);

const _: () = assert!(size_of::<Bucket>() == 64 && size_of::<Node>() == 32);

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
/// 1. `main` is committed for rows `0..rows` at least (a row: one bucket of every stripe), and
///    no stripe has more buckets than that.
/// 2. `spill` is committed for the nodes below `Spill::committed`, and only those are in chains.
pub struct Table {
    stripes: Box<[StripeState]>,
    /// Buckets of each stripe, as [`Rows`]; written under its lock, peeked at without. Who looks
    /// ahead needs this first, and would wait here for the core that took the lock last.
    sizes: Box<[AtomicU64]>,
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
            stripes: std::iter::repeat_with(StripeState::default)
                .take(stripes)
                .collect(),
            sizes: std::iter::repeat_with(|| AtomicU64::new(Rows::new(first).0))
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

    /// Fetches the bucket that `hash` belongs to, and the stripe's lock. It does not take it: the
    /// address may be out of date, which costs only the fetch.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        let state = &self.stripes[self.index_of(hash)];
        super::prefetch_to_write(std::ptr::from_ref(state).cast());
        super::prefetch(std::ptr::from_ref(self.bucket_at(self.place_of(hash))).cast());
    }

    /// Calls `found` with the ids whose tags match `hash` in its bucket, without a lock: they
    /// tell what to fetch. If there is none and the chain goes on, its next node is fetched.
    #[inline]
    pub fn peek(&self, hash: u64, found: impl FnMut(ItemId)) -> Peek {
        let place = self.place_of(hash);
        let bucket = self.bucket_at(place);
        let matches = matches_in(bucket, hash);
        if matches == 0 {
            return self.peek_link(bucket);
        }
        each_match(&bucket.0, matches, found);
        let first = matches.trailing_zeros() as usize;
        Peek::Seen(Hint {
            place: place * BUCKET_WORDS + first,
            word: bucket.0[first].load(Relaxed),
        })
    }

    fn peek_link(&self, bucket: &Bucket) -> Peek {
        let Some(number) = linked(&bucket.0) else {
            return Peek::Nothing;
        };
        super::prefetch(std::ptr::from_ref(self.node(number)).cast());
        Peek::Spilled
    }

    /// The same for the first node of the chain.
    pub fn peek_spilled(&self, hash: u64, found: impl FnMut(ItemId)) {
        let bucket = self.bucket_at(self.place_of(hash));
        if let Some(number) = linked(&bucket.0) {
            // Overflow memory stays committed, so a node that has been taken out of the chain
            // meanwhile can be looked at all the same.
            let words = &self.node(number).0;
            each_match(words, matches(words, hash), found);
        }
    }

    /// Sizes, summed over the stripes without locks.
    pub fn usage(&self) -> Usage {
        let buckets_of = |stripe| u64::from(self.rows_of(stripe).buckets());
        let buckets: u64 = (0..self.stripes.len()).map(buckets_of).sum();
        let items = self.stripes.iter().map(|s| s.items.load(Relaxed));
        let pool = self.pool.lock().unwrap();
        let spilled = u64::from(pool.next - 1) - pool.free.len() as u64;
        Usage {
            power: (buckets * 8).ilog2(),
            bytes: buckets * size_of::<Bucket>() as u64 + spilled * size_of::<Node>() as u64,
            items: items.map(u64::from).sum(),
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
    fn rows_of(&self, stripe: usize) -> Rows {
        Rows(self.sizes[stripe].load(Relaxed))
    }

    /// Where the bucket of `hash` lies, as far as can be told without its lock.
    #[inline]
    fn place_of(&self, hash: u64) -> usize {
        let index = self.index_of(hash);
        let row = self.rows_of(index).index(hash >> self.stripe_bits);
        (row as usize) << self.stripe_bits | index
    }

    /// The stripe that a bucket belongs to.
    #[inline]
    fn stripe_at(&self, place: usize) -> usize {
        place & (self.stripes.len() - 1)
    }

    #[inline]
    fn bucket(&self, row: u32, stripe: usize) -> &Bucket {
        self.bucket_at((row as usize) << self.stripe_bits | stripe)
    }

    #[inline]
    fn bucket_at(&self, place: usize) -> &Bucket {
        debug_assert!(place >> self.stripe_bits < self.rows.load(Relaxed));
        // SAFETY: by (1) committed, because a row is below the count of its stripe, which only
        // grows; mappings are aligned for a bucket; a bucket is made of atomics, for which
        // zero is a value.
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

/// How many buckets a stripe has (the low half), and the mask of the hash bits that tell them
/// apart (the high half): one word, so that who holds no lock sees both as of one moment.
#[derive(Clone, Copy)]
struct Rows(u64);

impl Rows {
    fn new(buckets: u32) -> Rows {
        let mask = buckets.next_power_of_two() - 1;
        Rows(u64::from(mask) << 32 | u64::from(buckets))
    }

    #[inline]
    fn buckets(self) -> u32 {
        self.0 as u32
    }

    /// The bucket of a key: those below the split point of the round already have twins, which
    /// one more bit of the hash tells apart.
    #[inline]
    fn index(self, hash: u64) -> u32 {
        let mask = (self.0 >> 32) as u32;
        let index = hash as u32 & mask;
        if index < self.buckets() {
            index
        } else {
            index & (mask >> 1)
        }
    }
}

/// The tag of a key's slot, in its place in the word.
#[inline]
fn tag_of(hash: u64) -> u64 {
    (hash >> TAG_SHIFT).clamp(TAG_MIN, TAG_MAX) << TAG_SHIFT
}

fn slot_word(hash: u64, id: ItemId, epoch: u8) -> u64 {
    debug_assert!(epoch < EPOCHS);
    tag_of(hash) | u64::from(epoch) << EPOCH_SHIFT | id.raw()
}

/// A bit for every slot of a bucket that has the tag of `hash`. No branch: which slot it is
/// cannot be foreseen.
#[inline]
fn matches_in(bucket: &Bucket, hash: u64) -> u32 {
    let words = std::array::from_fn(|index| bucket.0[index].load(Relaxed));
    tagged(&words, (tag_of(hash) >> TAG_SHIFT) as u16)
}

/// The same for a node.
fn matches(words: &[AtomicU64; NODE_WORDS], hash: u64) -> u32 {
    let tag = tag_of(hash);
    let mut found = 0;
    for slot in words.iter().rev() {
        // Below the tag everything may differ.
        let has_tag = slot.load(Relaxed) ^ tag < 1 << TAG_SHIFT;
        found = found << 1 | u32::from(has_tag);
    }
    found
}

/// Calls `found` with the ids of the words that `matches` names.
#[inline]
fn each_match(words: &[AtomicU64], mut matches: u32, mut found: impl FnMut(ItemId)) {
    while matches != 0 {
        let id = ItemId::from_raw(words[matches.trailing_zeros() as usize].load(Relaxed));
        // The slot may have been emptied since the tag was compared.
        if !id.is_none() {
            found(id);
        }
        matches &= matches - 1;
    }
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

/// Where a look without the lock has seen a slot with the tag of a key. Under the lock it may
/// save the search: if the word is still the same, that item is still linked there.
///
/// 1. A word other than 0 was read at `place`, which counts words of `main` in committed rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    place: usize,
    word: u64,
}

/// What a look without the lock has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// No slot with the tag of the key.
    Nothing,
    /// One at least.
    Seen(Hint),
    /// None here, but the chain goes on: it is worth looking there later.
    Spilled,
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
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(ItemId) -> bool) -> Option<Slot<'t>> {
        let bucket = self.bucket_of(hash);
        let mut words = &bucket.0[..];
        let mut matches = matches_in(bucket, hash);
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

    /// The same, where `hint` says first.
    #[inline]
    pub fn find_at(
        &self,
        hint: Hint,
        hash: u64,
        mut is_it: impl FnMut(ItemId) -> bool,
    ) -> Option<Slot<'t>> {
        let is_here = self.table.stripe_at(hint.place / BUCKET_WORDS) == self.index;
        if hint.word != 0 && is_here {
            let bucket = self.table.bucket_at(hint.place / BUCKET_WORDS);
            let word = &bucket.0[hint.place % BUCKET_WORDS];
            let id = ItemId::from_raw(hint.word);
            if word.load(Relaxed) == hint.word && is_it(id) {
                let epoch = (hint.word >> EPOCH_SHIFT) as u8;
                return Some(Slot { word, id, epoch });
            }
        }
        self.find(hash, is_it)
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
        if self.table.expand && items > self.buckets() * ITEMS_PER_BUCKET {
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
        for row in 0..self.buckets() {
            self.for_each_in(row, &mut each);
        }
    }

    fn for_each_in(&self, row: u32, mut each: impl FnMut(ItemId, u8)) {
        for slot in self.chain(self.table.bucket(row, self.index)) {
            let word = slot.load(Relaxed);
            each(ItemId::from_raw(word), (word >> EPOCH_SHIFT) as u8);
        }
    }

    fn buckets(&self) -> u32 {
        self.table.rows_of(self.index).buckets()
    }

    fn state(&self) -> &'t StripeState {
        &self.table.stripes[self.index]
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> &'t Bucket {
        let row = self
            .table
            .rows_of(self.index)
            .index(hash >> self.table.stripe_bits);
        self.table.bucket(row, self.index)
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
        let count = self.buckets();
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
        self.table.sizes[self.index].store(Rows::new(count + 1).0, Relaxed);
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
        let buckets = stripe.buckets();
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
mod tests;
