//! LRU lists: for each slab class the order in which its items would be evicted.
//!
//! ```text
//! new ─► HOT ──not asked for──► COLD ─► evicted           TEMP: short-lived,
//!         │                    ▲    │                     only expires
//!         └─asked for─► WARM ──┘    │
//!                        ▲──────────┘ asked for
//! ```
//!
//! A class has four lists. New items enter HOT; the maintainer moves what falls out of HOT and
//! WARM to COLD, and what was asked for twice to WARM (the segmented LRU of C memcached, after
//! Karedla et al., "Caching Strategies to Improve Disk System Performance", 1994). In flat mode
//! everything is in COLD.
//!
//! Hits do not move items, so reading takes no lock here. The second hit marks an item as
//! active; a walk that finds a marked one at a tail gives it another round (the CLOCK of Corbató, "A
//! Paging Experiment with the Multics System", 1968). A COLD item that becomes active is also
//! reported to the maintainer (`bumps`), which need not wait until it is at the tail.
//!
//! Locks: one mutex per class for its four lists, after the item stripe. A thread that comes from a
//! list may only *try* a stripe (doc/threads.txt). It is never held for a whole list: a thread that walks
//! along one looks at a few items, leaves a [`Mark`] at the next, and lets go.

use super::arena::Arena;
use super::cache_line::Padded;
use super::classes::CLASSES_MAX;
use super::item::ItemId;
use crate::counters::ListEvents;
use crate::sys::sync::{Mutex, MutexGuard};
use std::ops::{Deref, DerefMut};

/// Parts of a class's LRU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Segment {
    /// New items.
    Hot = 0,
    /// Items in use.
    Warm = 1,
    /// Where items are evicted.
    Cold = 2,
    /// Items that will expire soon.
    Temp = 3,
}

/// Lists of a class.
pub const SEGMENTS: usize = 4;

impl Segment {
    /// All of them.
    pub const ALL: [Segment; SEGMENTS] =
        [Segment::Hot, Segment::Warm, Segment::Cold, Segment::Temp];
}

/// One list.
#[derive(Default)]
pub struct LruList {
    head: Option<ItemId>,
    tail: Option<ItemId>,
    /// Items in it.
    pub len: u64,
}

/// The lists of one class and what has happened to their items.
#[derive(Default)]
pub struct Lists {
    lists: [LruList; SEGMENTS],
    /// Seconds since the last access of the item evicted last.
    pub evicted_time_s: u32,
    /// Counted under the lock of the lists.
    pub events: ListEvents,
    /// Where walks that have let go of the lists go on; seldom any.
    marks: Vec<(Mark, Option<ItemId>)>,
    last_mark: u64,
}

/// A place in a list to which a walk comes back. When the item there leaves its place, the mark
/// moves on to the one behind it, towards the tail; so the walk misses nothing that stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark(u64);

/// The lists of all classes.
pub struct Lru {
    classes: Box<[Padded<Mutex<Lists>>]>,
}

impl Lru {
    /// Empty lists.
    pub fn new() -> Lru {
        let empty = || Padded(Mutex::default());
        Lru {
            classes: std::iter::repeat_with(empty).take(CLASSES_MAX).collect(),
        }
    }

    /// Takes the lock of a class's lists. Their links stand in headers of `arena`.
    pub fn class<'a>(&'a self, arena: &'a Arena, class: usize) -> HeldLists<'a> {
        // A panic ends the process, so no lock is ever found poisoned.
        let lists = self.classes[class].0.lock().unwrap();
        HeldLists { lists, arena }
    }
}

/// The lists of a class while their lock is held, and the headers that their links stand in.
pub struct HeldLists<'a> {
    lists: MutexGuard<'a, Lists>,
    arena: &'a Arena,
}

impl Deref for HeldLists<'_> {
    type Target = Lists;

    fn deref(&self) -> &Lists {
        &self.lists
    }
}

impl DerefMut for HeldLists<'_> {
    fn deref_mut(&mut self) -> &mut Lists {
        &mut self.lists
    }
}

/// How the LRU of each class is divided, which operators change: one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Division(u64);

/// New items enter HOT, not COLD.
const SEGMENTED: u64 = 1 << 63;
/// The rest of the word: items that live so many seconds at most enter TEMP; this much: none does.
const NEVER: u64 = SEGMENTED - 1;

impl Division {
    /// Segments or not; what life is short enough for TEMP, `None` for no life.
    pub fn new(segmented: bool, temporary_ttl_s: Option<u32>) -> Division {
        let seconds = temporary_ttl_s.map_or(NEVER, u64::from);
        Division(seconds | if segmented { SEGMENTED } else { 0 })
    }

    /// As it is kept.
    pub fn word(self) -> u64 {
        self.0
    }

    /// What is kept.
    #[inline]
    pub fn from_word(word: u64) -> Division {
        Division(word)
    }

    /// The same with segments or without; the maintainer moves what is in the wrong one.
    pub fn with_segments(self, segmented: bool) -> Division {
        Division(self.0 & NEVER | if segmented { SEGMENTED } else { 0 })
    }

    /// The same with another life of temporary items.
    pub fn with_temporary_ttl(self, seconds: Option<u32>) -> Division {
        Division::new(self.is_segmented(), seconds)
    }

    /// Whether new items enter HOT.
    #[inline]
    pub fn is_segmented(self) -> bool {
        self.0 & SEGMENTED != 0
    }

    /// Whether there are temporary items.
    #[inline]
    pub fn has_temporary(self) -> bool {
        self.0 & NEVER != NEVER
    }

    /// What life is short enough for a temporary item, if there are any.
    #[cfg(test)]
    pub fn temporary_ttl_s(self) -> Option<u32> {
        self.has_temporary().then_some((self.0 & NEVER) as u32)
    }

    /// Whether an item that expires then is temporary. One that never expires, or has already,
    /// is not.
    #[inline]
    pub fn is_temporary(self, expires_s: u32, now_s: u32) -> bool {
        self.has_temporary() && u64::from(expires_s.wrapping_sub(now_s)) <= self.0 & NEVER
    }

    /// Where a new item enters.
    #[inline]
    pub fn first_segment(self, expires_s: u32, now_s: u32) -> Segment {
        if self.is_temporary(expires_s, now_s) {
            Segment::Temp
        } else if self.is_segmented() {
            Segment::Hot
        } else {
            Segment::Cold
        }
    }
}

impl Lists {
    /// One of the four.
    pub fn list(&self, segment: Segment) -> &LruList {
        &self.lists[segment as usize]
    }

    /// Leaves a mark at a linked item. It stays until it is taken.
    pub fn mark(&mut self, at: ItemId) -> Mark {
        self.last_mark += 1;
        let mark = Mark(self.last_mark);
        self.marks.push((mark, Some(at)));
        mark
    }

    /// Takes a mark away; gives the item where it stands now, `None` at the end of the list.
    pub fn take_mark(&mut self, mark: Mark) -> Option<ItemId> {
        let index = self.marks.iter().position(|&(other, _)| other == mark)?;
        self.marks.swap_remove(index).1
    }

    /// Whether any mark is left.
    #[cfg(any(test, debug_assertions))]
    pub fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    #[cold]
    fn move_marks(&mut self, from: ItemId, to: Option<ItemId>) {
        for (_, at) in &mut self.marks {
            if *at == Some(from) {
                *at = to;
            }
        }
    }

    /// Items in all lists.
    pub fn len(&self) -> u64 {
        self.lists.iter().map(|list| list.len).sum()
    }
}

impl LruList {
    /// The oldest item.
    pub fn tail(&self) -> Option<ItemId> {
        self.tail
    }

    /// The newest item.
    pub fn head(&self) -> Option<ItemId> {
        self.head
    }
}

impl HeldLists<'_> {
    /// The item towards the head from `id`.
    pub fn before(&self, id: ItemId) -> Option<ItemId> {
        self.arena.prev(id)
    }

    /// The item towards the tail from `id`.
    pub fn after(&self, id: ItemId) -> Option<ItemId> {
        self.arena.next(id)
    }

    /// Puts an item that is in no list at the head of the one that its header names.
    pub fn push(&mut self, id: ItemId) {
        let (arena, list) = self.list_of(id);
        let header = arena.header(id);
        header.set_prev(None);
        header.set_next(list.head);
        match list.head {
            Some(head) => arena.header(head).set_prev(Some(id)),
            None => list.tail = Some(id),
        }
        list.head = Some(id);
        list.len += 1;
    }

    /// Takes out an item.
    pub fn remove(&mut self, id: ItemId) {
        let (next, prev) = (self.after(id), self.before(id));
        if !self.marks.is_empty() {
            self.move_marks(id, next);
        }
        let (arena, list) = self.list_of(id);
        match prev {
            Some(prev) => arena.header(prev).set_next(next),
            None => {
                debug_assert_eq!(list.head, Some(id));
                list.head = next;
            }
        }
        match next {
            Some(next) => arena.header(next).set_prev(prev),
            None => {
                debug_assert_eq!(list.tail, Some(id));
                list.tail = prev;
            }
        }
        list.len -= 1;
    }

    /// Makes an item the newest of `to`.
    pub fn relocate(&mut self, id: ItemId, to: Segment) {
        self.remove(id);
        let header = self.arena.header(id);
        header.set_place(header.class(), to as usize);
        self.push(id);
    }

    /// Puts `new`, whose header names the same list, in the place of `old`.
    pub fn replace(&mut self, old: ItemId, new: ItemId) {
        if !self.marks.is_empty() {
            self.move_marks(old, Some(new));
        }
        let (next, prev) = (self.after(old), self.before(old));
        let (arena, list) = self.list_of(old);
        arena.header(new).set_next(next);
        arena.header(new).set_prev(prev);
        match prev {
            Some(prev) => arena.header(prev).set_next(Some(new)),
            None => list.head = Some(new),
        }
        match next {
            Some(next) => arena.header(next).set_prev(Some(new)),
            None => list.tail = Some(new),
        }
    }

    /// The list that an item's header names, and the arena.
    fn list_of(&mut self, id: ItemId) -> (&Arena, &mut LruList) {
        let segment = self.arena.header(id).segment();
        (self.arena, &mut self.lists.lists[segment])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn a_random_run_agrees_with_four_deques() {
        let arena = Arena::new(1 << 20).unwrap();
        let page = arena.commit_page().unwrap();
        let id = |n: usize| arena.chunk(page, n * 64);
        let lru = Lru::new();
        let mut lists = lru.class(&arena, 1);
        let mut twins: [VecDeque<ItemId>; SEGMENTS] = Default::default();
        let mut seed = 12345u64;
        for _ in 0..crate::store::steps(20_000) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let item = id((seed >> 33) as usize % 100);
            let to = Segment::ALL[(seed >> 24) as usize % SEGMENTS];
            let header = arena.header(item);
            let found = twins
                .iter()
                .enumerate()
                .find_map(|(list, twin)| Some((list, twin.iter().position(|&x| x == item)?)));
            match (found, seed >> 60) {
                (None, _) => {
                    header.set_place(1, to as usize);
                    lists.push(item);
                    twins[to as usize].push_front(item);
                }
                (Some((list, at)), 0..6) => {
                    lists.remove(item);
                    twins[list].remove(at);
                }
                (Some((list, at)), 6..9) => {
                    let new = id(100 + (seed >> 33) as usize % 100);
                    arena.header(new).set_place(1, list);
                    lists.replace(item, new);
                    lists.replace(new, item);
                    assert_eq!(twins[list][at], item);
                }
                (Some((list, at)), _) => {
                    lists.relocate(item, to);
                    twins[list].remove(at);
                    twins[to as usize].push_front(item);
                }
            }
            check(&lists, &twins);
        }
        for segment in Segment::ALL {
            let (list, twin) = (lists.list(segment), &twins[segment as usize]);
            let backwards = std::iter::successors(list.tail(), |&at| lists.before(at));
            let forwards = std::iter::successors(list.head(), |&at| lists.after(at));
            assert!(backwards.eq(twin.iter().rev().copied()));
            assert!(forwards.eq(twin.iter().copied()));
        }
    }

    fn check(lists: &Lists, twins: &[VecDeque<ItemId>; SEGMENTS]) {
        for segment in Segment::ALL {
            let (list, twin) = (lists.list(segment), &twins[segment as usize]);
            assert_eq!(list.tail(), twin.back().copied());
            assert_eq!(list.head(), twin.front().copied());
            assert_eq!(list.len, twin.len() as u64);
        }
    }

    #[test]
    fn a_mark_stays_before_what_has_not_been_seen() {
        let arena = Arena::new(1 << 20).unwrap();
        let page = arena.commit_page().unwrap();
        let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(|n| arena.chunk(page, n * 64));
        let lru = Lru::new();
        let mut lists = lru.class(&arena, 1);
        for id in [d, c, b, a] {
            arena.header(id).set_place(1, Segment::Cold as usize);
            lists.push(id);
        }
        let (first, second) = (lists.mark(b), lists.mark(b));
        lists.remove(b);
        assert_eq!(lists.take_mark(first), Some(c), "the one behind it");
        arena.header(e).set_place(1, Segment::Cold as usize);
        lists.replace(c, e);
        lists.relocate(a, Segment::Cold);
        let third = lists.mark(e);
        assert_eq!(lists.take_mark(second), Some(e), "a copy is the same item");
        lists.relocate(e, Segment::Cold);
        lists.relocate(d, Segment::Warm);
        assert_eq!(lists.take_mark(third), None, "nothing is behind it");
        assert!(!lists.has_marks());
    }

    #[test]
    fn only_items_that_expire_soon_are_temporary() {
        let lru = Division::new(true, None);
        assert_eq!(lru.first_segment(130, 100), Segment::Hot, "TEMP is off");
        let lru = lru.with_temporary_ttl(Some(61));
        assert_eq!(lru.first_segment(130, 100), Segment::Temp);
        assert_eq!(lru.first_segment(161, 100), Segment::Temp);
        assert_eq!(lru.first_segment(162, 100), Segment::Hot);
        assert_eq!(lru.first_segment(0, 100), Segment::Hot, "never");
        assert_eq!(lru.first_segment(99, 100), Segment::Hot, "already");
        let lru = lru.with_segments(false);
        assert_eq!(lru.first_segment(0, 100), Segment::Cold);
        assert_eq!(lru.first_segment(130, 100), Segment::Temp);
    }
}
