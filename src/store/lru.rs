//! LRU lists: for each slab class the order in which its items would be given up.
//!
//! ```text
//! head ──► newest ◄──► … ◄──► oldest ◄── tail
//! ```
//!
//! Four lists a class are laid out, one per segment; in this version every item lives in
//! COLD, the flat mode of C memcached. Hits do not move items: the second
//! hit marks an item as in use, and who looks for a victim at the tail gives a marked one
//! another round (the CLOCK of Corbató, "A Paging Experiment with the Multics System", 1968). So reading takes no
//! lock here.
//!
//! Locks: one mutex per list, after the item stripe. Whoever comes from a list may only
//! *try* a stripe (doc/threads.txt).

use super::arena::Arena;
use super::item::ItemId;
use super::slabs::CLASSES_MAX;
use crate::counters::ListEvents;
use std::sync::{Mutex, MutexGuard};

/// Parts of a class's LRU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Segment {
    /// Where victims are taken.
    Cold = 2,
}

/// Lists of a class.
const SEGMENTS: usize = 4;

/// One list and what has happened to its items.
#[derive(Default)]
pub struct List {
    head: Option<ItemId>,
    tail: Option<ItemId>,
    /// Items in it.
    pub len: u64,
    /// Seconds since the last access of the item given up last.
    pub evicted_time_s: u32,
    /// Counted by whoever holds the list.
    pub events: ListEvents,
}

/// All lists. A line of its own for each, with room for the pair that is fetched together.
#[repr(align(128))]
struct Padded(Mutex<List>);

/// The lists of all classes.
pub struct Lru {
    lists: Box<[Padded]>,
}

impl Lru {
    /// Empty lists.
    pub fn new() -> Lru {
        let empty = || Padded(Mutex::default());
        Lru {
            lists: std::iter::repeat_with(empty)
                .take(CLASSES_MAX * SEGMENTS)
                .collect(),
        }
    }

    /// Takes the lock of a list.
    pub fn list(&self, class: usize, segment: usize) -> MutexGuard<'_, List> {
        // A panic ends the process, so no lock is ever found poisoned.
        self.lists[class * SEGMENTS + segment].0.lock().unwrap()
    }
}

impl Default for Lru {
    fn default() -> Lru {
        Lru::new()
    }
}

impl List {
    /// The item to give up first.
    pub fn tail(&self) -> Option<ItemId> {
        self.tail
    }

    /// The item towards the head from `id`.
    pub fn before(&self, arena: &Arena, id: ItemId) -> Option<ItemId> {
        some(arena.header(id).prev())
    }

    /// Puts an item that is in no list at the head.
    pub fn push(&mut self, arena: &Arena, id: ItemId) {
        let header = arena.header(id);
        header.set_prev(ItemId::NONE);
        header.set_next(self.head.unwrap_or(ItemId::NONE));
        match self.head {
            Some(head) => arena.header(head).set_prev(id),
            None => self.tail = Some(id),
        }
        self.head = Some(id);
        self.len += 1;
    }

    /// Takes out an item that is in this list.
    pub fn remove(&mut self, arena: &Arena, id: ItemId) {
        let header = arena.header(id);
        let (next, prev) = (some(header.next()), some(header.prev()));
        match prev {
            Some(prev) => arena.header(prev).set_next(next.unwrap_or(ItemId::NONE)),
            None => {
                debug_assert_eq!(self.head, Some(id));
                self.head = next;
            }
        }
        match next {
            Some(next) => arena.header(next).set_prev(prev.unwrap_or(ItemId::NONE)),
            None => {
                debug_assert_eq!(self.tail, Some(id));
                self.tail = prev;
            }
        }
        self.len -= 1;
    }

    /// Makes an item of this list its newest.
    pub fn refresh(&mut self, arena: &Arena, id: ItemId) {
        if self.head != Some(id) {
            self.remove(arena, id);
            self.push(arena, id);
        }
    }
}

fn some(id: ItemId) -> Option<ItemId> {
    (!id.is_none()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn a_random_run_agrees_with_a_deque() {
        let arena = Arena::new(1 << 20, false).unwrap();
        let page = arena.add_page(1).unwrap();
        let id = |n: usize| ItemId::at((page << 20) + n * 64);
        let (mut list, mut twin) = (List::default(), VecDeque::new());
        let mut seed = 12345u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let item = id((seed >> 33) as usize % 100);
            match (twin.iter().position(|&x| x == item), seed >> 60) {
                (None, _) => {
                    list.push(&arena, item);
                    twin.push_front(item);
                }
                (Some(at), 0..8) => {
                    list.remove(&arena, item);
                    twin.remove(at);
                }
                (Some(at), _) => {
                    list.refresh(&arena, item);
                    twin.remove(at);
                    twin.push_front(item);
                }
            }
            assert_eq!(list.tail(), twin.back().copied());
            assert_eq!(list.len, twin.len() as u64);
        }
        let mut order = Vec::new();
        let mut at = list.tail();
        while let Some(id) = at {
            order.push(id);
            at = list.before(&arena, id);
        }
        assert_eq!(order, twin.into_iter().rev().collect::<Vec<_>>());
    }
}
