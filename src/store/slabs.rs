//! Slab allocator: the one owner of item memory.
//!
//! Memory comes in pages of one mebibyte. A page belongs to one class and is cut into
//! equal chunks, one after the other as they are needed, so memory that nobody has filled
//! has not been touched (but by a system that backs it with huge pages).
//!
//! ```text
//! class 3, chunks of 152   free ──► chunk ──► chunk ──► ∅
//!     page 7  [ item │ item │ free │ item │ ← not cut yet       ]
//! magazine of worker 2     [ chunk, chunk, … ]   filled and drained by the half
//! ```
//!
//! Each worker keeps a small magazine per class, so most stores touch nothing here.
//! Large chunks have none: copying them costs more than the lock.
//!
//! Locks: one mutex per class, after the LRU lists; under it that of the arena.
//! Elsewhere: when [`Slabs::take`] finds nothing it says so; making room is the work of
//! the store, from the tails of `lru`.

use super::arena::{Arena, PAGE_LEN};
use super::item::{HEADER_LEN, ItemId, free_link, state};
use crate::counters::Counters;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Class ids are `1..CLASSES_MAX`; 0 is no class.
pub const CLASSES_MAX: usize = 64;

/// The header that the class table is computed with: that of C memcached, so that class
/// ids and sizes are those that tools and tests know.
const TABLE_HEADER: usize = 48;

/// Chunks in a magazine at most, and bytes that they may hold together.
const MAGAZINE_CHUNKS: usize = 16;
const MAGAZINE_BYTES: usize = 16 << 10;

/// The sizes of the classes.
pub struct Classes {
    /// Chunk size by class id; `sizes[0]` is 0.
    sizes: Vec<u32>,
    /// Class by size in units of 8 bytes, rounded up.
    by_size: Box<[u8]>,
}

/// What the class table is made from.
#[derive(Clone, Debug)]
pub struct ClassSizes {
    /// `-n`: the least room for key, value and flags.
    pub chunk_size_min: u32,
    /// `-f`: each class is so much larger than the one before.
    pub factor: f64,
    /// `-o slab_sizes`: the sizes themselves.
    pub explicit: Option<Vec<u32>>,
    /// The largest chunk; larger values are chains.
    pub chunk_max: u32,
}

impl Classes {
    /// Computes the table: sizes from `-n` up by the factor, each rounded up to 8, the last
    /// one `chunk_max`.
    pub fn new(from: &ClassSizes) -> Classes {
        let mut sizes = vec![0];
        match &from.explicit {
            Some(list) => sizes.extend(
                list.iter()
                    .map(|&size| size.max(TABLE_HEADER as u32).next_multiple_of(8)),
            ),
            None => {
                let mut size = TABLE_HEADER as u32 + from.chunk_size_min;
                while sizes.len() < CLASSES_MAX - 1
                    && f64::from(size) < f64::from(from.chunk_max) / from.factor
                {
                    size = size.next_multiple_of(8);
                    sizes.push(size);
                    size = (f64::from(size) * from.factor) as u32;
                }
            }
        }
        sizes.push(from.chunk_max);
        let units = from.chunk_max as usize / 8 + 1;
        let mut class = 1;
        let by_size = (0..units)
            .map(|unit| {
                while (sizes[class] as usize) < unit * 8 {
                    class += 1;
                }
                class as u8
            })
            .collect();
        Classes { sizes, by_size }
    }

    /// The smallest class whose chunks hold `len` bytes. `None`: it takes a chain.
    #[inline]
    pub fn class_for(&self, len: usize) -> Option<usize> {
        self.by_size
            .get(len.div_ceil(8))
            .map(|&class| usize::from(class))
    }

    /// Bytes of a chunk of `class`.
    #[inline]
    pub fn size(&self, class: usize) -> usize {
        self.sizes[class] as usize
    }

    /// The id of the last class, that of the largest chunks.
    pub fn last(&self) -> usize {
        self.sizes.len() - 1
    }

    /// Chunks in a page of `class`.
    pub fn per_page(&self, class: usize) -> usize {
        PAGE_LEN / self.size(class)
    }

    /// Chunks that a worker's magazine of `class` holds at most.
    fn magazine(&self, class: usize) -> usize {
        match MAGAZINE_BYTES / self.size(class) {
            0 | 1 => 0,
            fitting => fitting.min(MAGAZINE_CHUNKS),
        }
    }
}

/// The chunks of one class that are in nobody's hands.
#[derive(Default)]
struct Class {
    free: Option<ItemId>,
    free_len: u64,
    /// Where the page that is being cut goes on, and how many chunks are left in it.
    cut_next: usize,
    cut_left: usize,
    pages: u64,
}

#[repr(align(128))]
#[derive(Default)]
struct Padded(Mutex<Class>);

/// The allocator.
pub struct Slabs {
    /// The sizes.
    pub classes: Classes,
    states: Box<[Padded]>,
    /// Bytes of pages.
    malloced: AtomicU64,
    /// Bytes that pages may take; every class may have one page beyond it.
    limit: AtomicU64,
    /// Serialises growth; guards nothing but the arena's page count.
    arena_lock: Mutex<()>,
}

/// The free chunks of one thread, by class.
pub struct Magazines {
    chunks: Box<[Vec<ItemId>]>,
}

/// What `stats slabs` shows of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassUsage {
    /// Pages it owns.
    pub pages: u64,
    /// Chunks on the free list or not cut yet; those in magazines are counted by workers.
    pub free: u64,
}

impl Slabs {
    /// No pages yet. `malloced` pretends that so many bytes are already taken.
    pub fn new(sizes: &ClassSizes, limit: u64, malloced: u64) -> Slabs {
        Slabs {
            classes: Classes::new(sizes),
            states: std::iter::repeat_with(Padded::default)
                .take(CLASSES_MAX)
                .collect(),
            malloced: AtomicU64::new(malloced),
            limit: AtomicU64::new(limit),
            arena_lock: Mutex::new(()),
        }
    }

    /// Bytes of pages obtained from the system.
    pub fn malloced(&self) -> u64 {
        self.malloced.load(Relaxed)
    }

    /// Changes what pages may take.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Relaxed);
    }

    /// Pages and free chunks of a class.
    pub fn usage(&self, class: usize) -> ClassUsage {
        let state = self.states[class].0.lock().unwrap();
        ClassUsage {
            pages: state.pages,
            free: state.free_len + state.cut_left as u64,
        }
    }

    /// A chunk of `class` from the thread's magazine.
    #[inline]
    pub fn pop(
        &self,
        arena: &Arena,
        magazines: &mut Magazines,
        counters: &Counters,
        class: usize,
    ) -> Option<ItemId> {
        let id = magazines.chunks[class].pop()?;
        counters.class[class].in_magazine.add(1u64.wrapping_neg());
        debug_assert!(arena.header(id).has(state::FREE));
        arena.header(id).set_state(0);
        Some(id)
    }

    /// A chunk of `class` for the thread that owns `magazines` and `counters`, or `None` if
    /// there is no free one and no page to be had.
    pub fn take(
        &self,
        arena: &Arena,
        magazines: &mut Magazines,
        counters: &Counters,
        class: usize,
    ) -> Option<ItemId> {
        if let Some(id) = self.pop(arena, magazines, counters, class) {
            return Some(id);
        }
        let id = self.refill(arena, &mut magazines.chunks[class], counters, class)?;
        debug_assert!(arena.header(id).has(state::FREE));
        arena.header(id).set_state(0);
        Some(id)
    }

    /// Gives a chunk back to the thread's magazine, or to the class if that is full.
    #[inline]
    pub fn give(&self, arena: &Arena, magazines: &mut Magazines, counters: &Counters, id: ItemId) {
        let class = arena.class_of(id);
        let most = self.classes.magazine(class);
        let chunks = &mut magazines.chunks[class];
        if most == 0 {
            return self.give_back(arena, id);
        }
        arena.header(id).set_state(state::FREE);
        if chunks.len() >= most {
            self.drain(arena, chunks, counters, class, most / 2);
        }
        chunks.push(id);
        counters.class[class].in_magazine.add(1);
    }

    /// Gives a chunk back to its class, from any thread.
    pub fn give_back(&self, arena: &Arena, id: ItemId) {
        let class = arena.class_of(id);
        arena.header(id).set_state(state::FREE);
        self.states[class].0.lock().unwrap().push(arena, id);
    }

    #[cold]
    fn refill(
        &self,
        arena: &Arena,
        chunks: &mut Vec<ItemId>,
        counters: &Counters,
        class: usize,
    ) -> Option<ItemId> {
        let mut state = self.states[class].0.lock().unwrap();
        let size = self.classes.size(class);
        let first = match state.pop(arena, size) {
            Some(id) => id,
            None => {
                self.grow(arena, &mut state, class)?;
                state.pop(arena, size)?
            }
        };
        for _ in 1..self.classes.magazine(class) / 2 {
            let Some(id) = state.pop(arena, size) else {
                break;
            };
            chunks.push(id);
            counters.class[class].in_magazine.add(1);
        }
        Some(first)
    }

    #[cold]
    fn drain(
        &self,
        arena: &Arena,
        chunks: &mut Vec<ItemId>,
        counters: &Counters,
        class: usize,
        keep: usize,
    ) {
        let mut state = self.states[class].0.lock().unwrap();
        for id in chunks.drain(keep..) {
            state.push(arena, id);
            counters.class[class].in_magazine.add(1u64.wrapping_neg());
        }
    }

    /// One more page for `class`, if the limit allows or the class has none: a class that
    /// owns nothing could otherwise never store anything.
    fn grow(&self, arena: &Arena, state: &mut Class, class: usize) -> Option<()> {
        let _arena = self.arena_lock.lock().unwrap();
        let malloced = self.malloced();
        let limit = self.limit.load(Relaxed);
        if limit != 0 && malloced + PAGE_LEN as u64 > limit && state.pages > 0 {
            return None;
        }
        let page = arena.add_page(class)?;
        self.malloced.store(malloced + PAGE_LEN as u64, Relaxed);
        state.pages += 1;
        state.cut_next = page * PAGE_LEN;
        state.cut_left = self.classes.per_page(class);
        Some(())
    }

    /// Calls `each` with every free chunk that is not in a magazine and has been cut; returns
    /// where the rest begins and how many chunks it is. For the invariant walk.
    #[cfg(any(test, debug_assertions))]
    pub fn for_each_free(
        &self,
        arena: &Arena,
        class: usize,
        mut each: impl FnMut(ItemId),
    ) -> (usize, usize) {
        let state = self.states[class].0.lock().unwrap();
        let mut next = state.free;
        while let Some(id) = next {
            each(id);
            next = Some(free_link(arena.header(id))).filter(|id| !id.is_none());
        }
        (state.cut_next, state.cut_left)
    }
}

impl Class {
    fn pop(&mut self, arena: &Arena, size: usize) -> Option<ItemId> {
        if let Some(id) = self.free {
            let next = free_link(arena.header(id));
            self.free = (!next.is_none()).then_some(next);
            self.free_len -= 1;
            return Some(id);
        }
        if self.cut_left == 0 {
            return None;
        }
        let id = ItemId::at(self.cut_next);
        self.cut_next += size;
        self.cut_left -= 1;
        arena.header(id).set_state(state::FREE);
        Some(id)
    }

    fn push(&mut self, arena: &Arena, id: ItemId) {
        arena.header(id).set_next(self.free.unwrap_or(ItemId::NONE));
        self.free = Some(id);
        self.free_len += 1;
    }
}

impl Magazines {
    /// Empty ones.
    pub fn new() -> Magazines {
        Magazines {
            chunks: std::iter::repeat_with(Vec::new).take(CLASSES_MAX).collect(),
        }
    }

    /// Gives everything back, when the thread ends.
    pub fn give_back(&mut self, slabs: &Slabs, arena: &Arena, counters: &Counters) {
        for (class, chunks) in self.chunks.iter_mut().enumerate() {
            if !chunks.is_empty() {
                slabs.drain(arena, chunks, counters, class, 0);
            }
        }
    }
}

impl Default for Magazines {
    fn default() -> Magazines {
        Magazines::new()
    }
}

const _: () = assert!(HEADER_LEN <= TABLE_HEADER, "every class holds a header");

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(chunk_size_min: u32, factor: f64, chunk_max: u32) -> Vec<u32> {
        let from = ClassSizes {
            chunk_size_min,
            factor,
            explicit: None,
            chunk_max,
        };
        Classes::new(&from).sizes[1..].to_vec()
    }

    #[test]
    fn the_default_table_is_the_one_that_tools_know() {
        let table = sizes(48, 1.25, 512 << 10);
        assert_eq!(table.len(), 39);
        assert_eq!(&table[..6], &[96, 120, 152, 192, 240, 304]);
        assert_eq!(
            (table[24], table[30], table[37], table[38]),
            (21696, 82792, 394_840, 524_288)
        );
    }

    #[test]
    fn the_variants_of_the_table_have_the_known_ends() {
        let ends = |table: Vec<u32>| {
            (
                table.len(),
                table[0],
                table[table.len() - 2],
                table[table.len() - 1],
            )
        };
        assert_eq!(ends(sizes(48, 2.0, 512 << 10)), (13, 96, 196_608, 524_288));
        assert_eq!(ends(sizes(48, 1.08, 512 << 10)), (63, 96, 13_800, 524_288));
        assert_eq!(
            ends(sizes(100, 1.25, 512 << 10)),
            (37, 152, 394_840, 524_288)
        );
        assert_eq!(ends(sizes(1, 1.25, 512 << 10)), (41, 56, 394_840, 524_288));
        assert_eq!(ends(sizes(48, 1.25, 16 << 10)), (23, 96, 11_104, 16_384));
        assert_eq!(ends(sizes(48, 1.25, 1 << 20)), (42, 96, 771_184, 1_048_576));
        assert_eq!(ends(sizes(48, 1.25, 1024)), (11, 96, 752, 1024));
        assert_eq!(ends(sizes(48, 1.01, 512 << 10)), (63, 96, 96, 524_288));
    }

    #[test]
    fn every_size_goes_to_the_smallest_class_that_holds_it() {
        let from = ClassSizes {
            chunk_size_min: 48,
            factor: 1.25,
            explicit: None,
            chunk_max: 512 << 10,
        };
        let classes = Classes::new(&from);
        for len in (1..=512 << 10).step_by(7) {
            let class = classes.class_for(len).unwrap();
            assert!(classes.size(class) >= len);
            assert!(class == 1 || classes.size(class - 1) < len);
        }
        assert_eq!(classes.class_for((512 << 10) + 1), None);
    }

    #[test]
    fn chunks_come_back_whole_and_pages_stop_at_the_limit() {
        let from = ClassSizes {
            chunk_size_min: 48,
            factor: 1.25,
            explicit: None,
            chunk_max: 512 << 10,
        };
        let (slabs, arena) = (
            Slabs::new(&from, 2 << 20, 0),
            Arena::new(2 << 20, false).unwrap(),
        );
        let (mut magazines, counters) = (Magazines::new(), Counters::new(CLASSES_MAX));
        let mut taken = std::collections::HashSet::new();
        while let Some(id) = slabs.take(&arena, &mut magazines, &counters, 1) {
            assert!(taken.insert(id), "handed out twice");
        }
        assert_eq!(taken.len(), 2 * 10922);
        assert!(
            slabs.take(&arena, &mut magazines, &counters, 5).is_some(),
            "a first page beyond the limit"
        );
        for &id in &taken {
            slabs.give(&arena, &mut magazines, &counters, id);
        }
        let in_magazine = counters.class[1].in_magazine.get();
        assert!(in_magazine > 0 && in_magazine <= MAGAZINE_CHUNKS as u64);
        assert_eq!(slabs.usage(1).free + in_magazine, 2 * 10922);
        magazines.give_back(&slabs, &arena, &counters);
        assert_eq!(
            slabs.usage(1),
            ClassUsage {
                pages: 2,
                free: 2 * 10922
            }
        );
    }
}
