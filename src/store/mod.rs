//! The cache engine: items by key, in bounded memory. No protocol, no sockets.
//!
//! ```text
//!  key ─ hash ─► table ──► item in the arena ◄── lru (who goes first)
//!                  │              ▲
//!                stripe         slabs (who has the memory)
//! ```
//!
//! | file     | holds                                                              |
//! |----------|--------------------------------------------------------------------|
//! | `item`   | the layout of an item and its id                                   |
//! | `arena`  | address space in pages                                             |
//! | `classes`| the sizes of chunks                                                |
//! | `slabs`  | pages cut into chunks, magazines, the pool of pages                |
//! | `space`  | arrays in address space of their own                               |
//! | `table`  | the hash table and the stripes that lock it                        |
//! | `lru`    | the lists that victims are taken from                              |
//! | `tail`   | walking a list from its tail                                       |
//! | `evict`  | memory for a new item: free, or made free                          |
//! | `bumps`  | reports of items in use, from those who read to the maintainer     |
//! | `juggle` | what the LRU maintainer does to the lists                          |
//! | `crawl`  | going through all items: to expire them, to list them              |
//! | `mover`  | emptying a page, so that another class can have it                 |
//! | `read`   | get, touch, and values pinned while they are sent                  |
//! | `write`  | drafts and commit                                                  |
//! | `join`   | append and prepend                                                 |
//! | `change` | delete and arithmetic                                              |
//! | `large`  | values that are chains of chunks                                   |
//! | `observe`| the seam for whoever wants to know what happens to items           |
//! | `flush`  | making everything older than a moment invisible                    |
//! | `clock`  | the one source of time                                             |
//! | `moment` | what a command sees of the words that all threads share, read once |
//!
//! Every call that names a key takes its hash ([`Store::hash`]), computed once, so that a
//! batch can prefetch. The thread's own state ([`Local`]) comes along: its counters, its
//! free chunks, its reports to the maintainer. No thread is started in here: what runs in the
//! background is called by threads of `ops`.
//!
//! Lock order: item stripe, LRU list, slab class, arena (doc/threads.txt). A function that
//! works under a stripe takes its guard: `Stripe`, or `Held`, which knows the command's moment.

mod arena;
mod bumps;
mod change;
#[cfg(loom)]
mod checked;
mod classes;
pub mod clock;
mod crawl;
mod evict;
mod flush;
pub mod hash;
mod item;
mod join;
mod juggle;
mod large;
mod locks;
mod lru;
mod moment;
mod mover;
mod observe;
mod read;
mod slabs;
mod space;
mod table;
mod tail;
#[cfg(any(test, debug_assertions))]
mod verify;
mod write;

pub use arena::LIMIT_MAX;
pub use change::{Change, NoChange, Removal};
pub use classes::{CLASSES_MAX, ClassSizes, Classes};
pub use crawl::{ClassSet, Crawl, Histogram, Histograms, LISTED_PER_HOLD, Listed, MINUTES};
pub use flush::FlushTime;
pub use item::{KEY_LEN_MAX, accounted_len};
pub use juggle::{Juggled, ListAges, Tuning};
pub use lru::Segment;
pub use mover::{Chunk, Move, MoveRefused, Moved, Pass, Source};
pub use observe::{End, Event, Observer, Seen};
pub use read::{Access, Ask, Found, Pinned};
pub use slabs::ClassUsage;
pub use table::{Hint, Peek, Usage};
#[cfg(any(test, debug_assertions))]
pub use verify::Census;
pub use write::{Draft, Meta, Mode, Outcome, Refused, Stored, Terms};

use crate::counters::{Counters, ListTotals, SIZE_STEP};
use crate::sys::sync::Mutex;
use arena::{Arena, Part};
use bumps::Bumps;
use clock::Clock;
use hash::Secret;
use item::{CAS_LEN, HEADER_LEN, Header, ItemId, state};
use lru::Lru;
use moment::{Held, Moment};
use slabs::{Magazines, Slabs};
use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{AcqRel, Relaxed},
};
use table::{Slot, Stripe, Table, Walk};

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;
/// Most of an item that is fetched ahead: hardware follows a longer copy by itself.
const PREFETCH_LEN: usize = 4 * CACHE_LINE;

/// Most that is fetched ahead of a value that is written: stores wait for their lines one
/// after the other, fetches do not.
const PREFETCH_WRITE_LEN: usize = 8 << 10;

/// Fetches a cache line that will be read soon.
#[inline]
fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint: it reads nothing and cannot fault, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// The same for a line that will be written: other cores lose it now, not when it is needed.
#[inline]
fn prefetch_to_write(at: *const u8) {
    // Not among what std has for every x86-64; those few that do not know it take it for a no-op.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    prefetch(at);
}

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
    /// Whether live items may be given up for new ones (not `-M`).
    pub evict: bool,
    /// Whether the LRU has segments; then somebody has to maintain them.
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

/// One thread's part of a store: what it alone writes, or nearly.
pub struct Local {
    /// Its counters.
    pub counters: Arc<Counters>,
    magazines: Arc<Magazines>,
    bumps: Arc<Bumps>,
    /// Who is told what it does to items.
    observer: Option<Arc<dyn Observer>>,
}

/// What `stats items` shows of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListState {
    /// Its lists, in the order of [`Segment::ALL`].
    pub ages: [ListAges; 4],
    /// Seconds that the last victim had not been accessed.
    pub evicted_s: u32,
}

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

/// The cache.
pub struct Store {
    /// Time, for everything in here.
    pub clock: Clock,
    arena: Arena,
    slabs: Slabs,
    table: Table,
    lru: Lru,
    /// The reports of all threads.
    rings: Mutex<Vec<Arc<Bumps>>>,
    shared: moment::Shared,
    flush: flush::Flush,
    /// The class that the last page from any class came from.
    next_source: AtomicUsize,
    /// Whether each victim's class is to be noted, and the last one that was; 0 for none.
    asks_for_pages: AtomicBool,
    page_wanted: AtomicUsize,
    secret: Secret,
    use_cas: bool,
    evict: bool,
    item_size_max: usize,
    /// Where the key of an item begins.
    key_offset: usize,
    /// Bytes that were taken before the first page.
    #[cfg(any(test, debug_assertions))]
    malloced_at_start: u64,
}

impl Store {
    /// An empty cache. Fails if the system has no address space for it.
    pub fn new(config: &Config) -> Result<Store> {
        let arena = Arena::new(config.memory_bytes)?;
        let size = table::Size {
            stripe_power: stripe_power(config.threads),
            hash_power: config.hash_power,
            expand: config.hash_expand,
        };
        Ok(Store {
            clock: Clock::new(),
            table: Table::new(&size)?,
            slabs: Slabs::new(
                &config.classes,
                &arena,
                config.memory_bytes,
                config.malloced_bytes,
            )?,
            lru: Lru::new(),
            rings: Mutex::default(),
            shared: moment::Shared::new(config.segmented),
            flush: flush::Flush::default(),
            next_source: AtomicUsize::new(0),
            asks_for_pages: AtomicBool::new(false),
            page_wanted: AtomicUsize::new(0),
            secret: config.secret.clone(),
            use_cas: config.use_cas,
            evict: config.evict,
            item_size_max: config.item_size_max,
            key_offset: HEADER_LEN + if config.use_cas { CAS_LEN } else { 0 },
            #[cfg(any(test, debug_assertions))]
            malloced_at_start: config.malloced_bytes,
            arena,
        })
    }

    /// Brings the clock up to date, and carries out a flush that has become due: for a thread that
    /// has waited, before it looks at items. What they mean to it is then what they mean now,
    /// though the thread that ticks may not have run since.
    #[inline]
    pub fn catch_up(&self, local: &mut Local) {
        self.clock.update();
        self.flush_if_due(local);
    }

    /// A thread's part; the counters are shared with whoever sums them up.
    pub fn join(&self, counters: Arc<Counters>) -> Local {
        let bumps = Arc::new(Bumps::new());
        self.rings.lock().unwrap().push(Arc::clone(&bumps));
        Local {
            counters,
            magazines: self.slabs.join(),
            bumps,
            observer: None,
        }
    }

    /// The hash of a key, which the other calls want.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.secret.hash(key)
    }

    /// First step of a batch: fetches the bucket of a key.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// Second step of a batch: fetches the items that the bucket's tags point at, as far as a
    /// value of `value_len` bytes will be written there (0 if it is read). For a key that is
    /// [`Peek::Spilled`], [`prefetch_spilled`](Store::prefetch_spilled) is worth calling later.
    #[inline]
    pub fn prefetch_item(&self, hash: u64, value_len: usize) -> Peek {
        self.table
            .peek(hash, |id| self.prefetch_chunk(id, value_len))
    }

    /// Third step, for the few whose item was not in the first bucket.
    pub fn prefetch_spilled(&self, hash: u64) {
        self.table
            .peek_spilled(hash, |id| self.prefetch_chunk(id, 0));
    }

    #[inline]
    fn prefetch_chunk(&self, id: ItemId, value_len: usize) {
        // How long the item is stands in the item; how long it can be does not.
        let Some(class) = self.arena.class_seen(id) else {
            return;
        };
        let chunk_len = self.slabs.classes.size(class);
        let len = value_len.clamp(PREFETCH_LEN, PREFETCH_WRITE_LEN);
        let len = chunk_len.min(len);
        if value_len == 0 {
            self.arena.prefetch(id, len, prefetch);
        } else {
            self.arena.prefetch(id, len, prefetch_to_write);
        }
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
    /// with counters for each class: whoever sums them up leaves the others out.
    pub fn used_classes(&self) -> ClassSet {
        ClassSet(self.slabs.used())
    }

    /// Changes what pages may take; false if there is no address space for that much. Of what
    /// is beyond a lower limit pages of the pool go back to the system at once, others when
    /// they come to the pool. `note` is called before the former, which may take long.
    pub fn set_limit(&self, bytes: u64, note: impl FnOnce()) -> bool {
        let fits = self.arena.reserve(bytes);
        if fits {
            self.slabs.set_limit(&self.arena, bytes, note);
        }
        fits
    }

    /// Gives the memory of pages of `class` all of whose chunks are free back to the system, of `most`
    /// at most; they stay pages of the class. Returns of how many.
    pub fn rest_free_pages(&self, class: usize, most: usize) -> usize {
        self.slabs.rest_free_pages(&self.arena, class, most)
    }

    /// Gives each class of the table its first page.
    ///
    /// # Errors
    /// The bytes that this takes, if they are more than there may be.
    pub fn preallocate(&self) -> std::result::Result<(), u64> {
        self.slabs.preallocate(&self.arena)
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
        let division = Moment::under(self, &*self.lru.class(1)).division();
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

    /// What has happened to the items of a class's lists.
    pub fn list_events(&self, class: usize) -> ListTotals {
        let mut sum = ListTotals::default();
        sum.add(&self.lru.class(class).events);
        sum
    }

    /// How many items a class's lists hold, and how old they are.
    pub fn list_state(&self, class: usize) -> ListState {
        let lists = self.lru.class(class);
        ListState {
            ages: self.ages(&lists, Moment::under(self, &*lists)),
            evicted_s: lists.evicted_time_s,
        }
    }

    /// Forgets how old the last victims were.
    pub fn reset_evicted_time(&self) {
        for class in self.slabs.classes.ids() {
            self.lru.class(class).evicted_time_s = 0;
        }
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
/// lists that they stand in, a reference, or that nobody else knows of them.
trait KeepsKeys {}
impl KeepsKeys for Stripe<'_> {}
impl KeepsKeys for moment::Held<'_> {}
impl KeepsKeys for lru::Lists {}
impl KeepsKeys for Draft<'_> {}

/// What the modules of the store share.
impl Store {
    #[inline]
    fn header(&self, id: ItemId) -> &Header {
        self.arena.header(id)
    }

    /// The key of an item that is linked, or that nobody else knows of: it does not change.
    #[inline]
    fn key_of<'k>(&'k self, id: ItemId, _kept_by: &'k impl KeepsKeys) -> &'k [u8] {
        let header = self.header(id);
        debug_assert!(!header.has(state::FREE), "a key that nobody keeps");
        self.arena.reads(id, Part::Key);
        // SAFETY: a key lies within its chunk (checked when it was written) and is frozen
        // from before linking until the chunk is free again, which `_kept_by` prevents for as long
        // as the slice lives. That it is the right one for this item is the caller's word; were it
        // false, the assertion above, loom (`reads`), and the address sanitizer would see it.
        unsafe {
            let start = self.arena.at(id).add(self.key_offset);
            std::slice::from_raw_parts(start.as_ptr(), header.key_len())
        }
    }

    #[inline]
    fn hash_of(&self, id: ItemId, kept_by: &impl KeepsKeys) -> u64 {
        self.hash(self.key_of(id, kept_by))
    }

    #[inline]
    fn cas_of(&self, id: ItemId) -> u64 {
        if self.use_cas {
            self.arena.cas_word(id).load(Relaxed)
        } else {
            0
        }
    }

    fn set_cas(&self, id: ItemId, cas: u64) {
        if self.use_cas {
            self.arena.cas_word(id).store(cas, Relaxed);
        }
    }

    /// Gives a linked item the cas id `given`, or the next one if that is 0.
    fn renew_cas(&self, key: &Stripe<'_>, id: ItemId, given: u64) {
        if self.use_cas {
            self.set_cas(id, if given == 0 { key.next_cas() } else { given });
        }
    }

    fn accounted(&self, id: ItemId) -> u64 {
        let header = self.header(id);
        let flags = header.client_flags.load(Relaxed);
        accounted_len(self.use_cas, header.key_len(), flags, header.value_len()) as u64
    }

    /// Counts an item's bytes in, or out again.
    fn account(&self, local: &Local, id: ItemId, linked: bool) {
        self.account_bytes(local, id, self.accounted(id), linked);
    }

    /// The same for a linked item that took `before` bytes and has been written over: most often
    /// it takes as many again, and there is nothing to count.
    #[inline]
    fn account_again(&self, local: &Local, id: ItemId, before: u64) {
        let bytes = self.accounted(id);
        if bytes != before {
            self.account_bytes(local, id, before, false);
            self.account_bytes(local, id, bytes, true);
        }
    }

    fn account_bytes(&self, local: &Local, id: ItemId, bytes: u64, linked: bool) {
        let class = &local.counters.class[self.header(id).class()];
        if linked {
            &class.mem_linked
        } else {
            &class.mem_unlinked
        }
        .add(bytes);
        if !local.counters.sizes.is_empty() {
            let step = &local.counters.sizes[(bytes as usize).div_ceil(SIZE_STEP)];
            if linked { &step.linked } else { &step.unlinked }.add(1);
        }
    }

    /// The slot of `key`, live or not.
    #[inline]
    fn find<'t>(&self, stripe: &Stripe<'t>, hash: u64, key: &[u8]) -> Option<Slot<'t>> {
        stripe.find(hash, |id| is_equal(self.key_of(id, stripe), key))
    }

    /// Whether an item is there for nobody any more: expired, or from before a flush.
    #[inline]
    fn is_dead(&self, moment: Moment, slot: &Slot<'_>) -> bool {
        moment.is_flushed(slot.epoch) || self.header(slot.id).is_expired(moment.now_s())
    }

    /// The live item under `key`. A dead one is removed on the way, and counted.
    #[inline(always)]
    fn find_live<'t>(
        &self,
        local: &mut Local,
        stripe: &Held<'t>,
        hash: impl Into<Hashed>,
        key: &[u8],
    ) -> Option<Slot<'t>> {
        let Hashed { hash, hint } = hash.into();
        self.tell_look_up(local, stripe, hash, key);
        let slot = stripe.find_at(hint, hash, |id| is_equal(self.key_of(id, stripe), key))?;
        if self.is_dead(stripe.moment(), &slot) {
            self.bury(local, stripe, hash, slot);
            return None;
        }
        Some(slot)
    }

    #[cold]
    fn bury(&self, local: &mut Local, stripe: &Held<'_>, hash: u64, slot: Slot<'_>) {
        let thread = &local.counters.thread;
        if stripe.moment().is_flushed(slot.epoch) {
            &thread.get_flushed
        } else {
            &thread.get_expired
        }
        .add(1);
        self.unlink(local, stripe, hash, slot);
    }

    /// Links an item that the caller owns; its key is not in the table. False: the table has
    /// no memory, and the item is still the caller's.
    fn link(&self, local: &mut Local, key: &Held<'_>, hash: u64, id: ItemId) -> bool {
        if !key.insert(hash, id, key.moment().epoch(), |stripe, id| {
            self.hash_of(id, stripe)
        }) {
            return false;
        }
        self.enter(local, key, id);
        true
    }

    /// The item at `slot` gives its place to `id`, which the caller owns and which has the
    /// same key.
    fn replace(&self, local: &mut Local, key: &Held<'_>, hash: u64, slot: Slot<'_>, id: ItemId) {
        key.replace(slot, hash, id, key.moment().epoch());
        self.leave(local, key, slot.id);
        self.enter(local, key, id);
    }

    /// Removes the item at `slot`; its memory comes back when nobody reads it any more.
    fn unlink(&self, local: &mut Local, key: &Stripe<'_>, hash: u64, slot: Slot<'_>) {
        key.remove(hash, slot);
        self.leave(local, key, slot.id);
    }

    /// What linking means besides the table: the LRU list, the counts, the link's reference.
    fn enter(&self, local: &mut Local, key: &Held<'_>, id: ItemId) {
        let (header, moment) = (self.header(id), key.moment());
        let now = moment.now_s();
        header.accessed_s.store(now, Relaxed);
        header.refs.store(1, Relaxed);
        self.renew_cas(key, id, 0);
        let class = header.class();
        let expires_s = header.expires_s.load(Relaxed);
        let entrance = moment.division().entrance(expires_s, now);
        let mut lists = self.lru.class(class);
        // Marked under the lock of the lists: who finds the mark there can rely on it.
        header.set_place(class, entrance as usize);
        header.set_state(header.state() & state::OF_DRAFT | state::LINKED);
        lists.push(&self.arena, id);
        drop(lists);
        local.counters.thread.total_items.add(1);
        self.account(local, id, true);
    }

    fn leave(&self, local: &mut Local, _key: &Stripe<'_>, id: ItemId) {
        let header = self.header(id);
        let mut lists = self.lru.class(header.class());
        lists.remove(&self.arena, id);
        header.remove_state(state::LINKED);
        drop(lists);
        self.account(local, id, false);
        self.drop_ref(Some(local), id);
    }

    /// Gives up one reference; the last one frees the item.
    fn drop_ref(&self, local: Option<&mut Local>, id: ItemId) {
        // Releases what this thread read or wrote, and sees what the others did before theirs.
        if self.header(id).refs.fetch_sub(1, AcqRel) == 1 {
            self.release(local, id);
        }
    }

    /// Frees the memory of an item that nobody refers to, its chain included. With a thread's
    /// part it goes to that thread's magazine, without to the class.
    fn release(&self, mut local: Option<&mut Local>, id: ItemId) {
        if self.header(id).has(state::CHUNKED) {
            let mut next = self.first_chunk(id);
            while let Some(chunk) = next {
                next = self.next_chunk(chunk);
                self.release_chunk(local.as_deref_mut(), chunk);
            }
        }
        self.release_chunk(local, id);
    }

    fn release_chunk(&self, local: Option<&mut Local>, id: ItemId) {
        match local {
            Some(local) => self.slabs.give(&self.arena, &local.magazines, id),
            None => self.slabs.give_back(&self.arena, id),
        }
    }

    /// Ends a thread's part: its free chunks go back to the classes.
    pub fn retire(&self, local: Local) {
        self.slabs.leave(&self.arena, &local.magazines);
        let mut rings = self.rings.lock().unwrap();
        rings.retain(|ring| !Arc::ptr_eq(ring, &local.bumps));
    }

    /// Gives a thread's free chunks back to the classes, before it rests.
    pub fn give_back(&self, local: &Local) {
        self.slabs.empty(&self.arena, &local.magazines);
    }
}

/// Whether two keys are equal. Those of 8 to 16 bytes, the usual ones, take two comparisons
/// of words that may overlap, and no call.
#[inline]
fn is_equal(a: &[u8], b: &[u8]) -> bool {
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

/// Stripes for so many workers: enough that two seldom want the same one, few enough that
/// all of them stay in the cache of a core.
fn stripe_power(threads: u32) -> u32 {
    match threads {
        0..=4 => 10,
        5..=10 => 11,
        11..=20 => 12,
        _ => 13,
    }
}

/// Steps of a run in a test: fewer under Miri, where each takes a thousand times as long.
#[cfg(test)]
const fn steps(count: u64) -> u64 {
    if cfg!(miri) { count / 100 } else { count }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod moment_tests;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(all(test, not(loom)))]
mod upkeep_tests;
