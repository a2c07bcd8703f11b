//! Memory for a new item: a free chunk, a new page, or the place of an old item.
//!
//! The search for a victim begins at the tail of the class's list. It comes from the list's
//! side of the lock order, so it only tries the stripes of the items it meets and passes over
//! those that are busy.

use super::item::{ItemId, state};
use super::lru::{List, Segment};
use super::table::Slot;
use super::{Local, Store};
use std::sync::atomic::Ordering::Relaxed;

/// Searches per allocation.
const ROUNDS: u64 = 10;
/// Items that a search looks at, not counting those that it sends back to the head.
const TAIL_STEPS: usize = 5;
/// Items that a search sends back to the head at most: a bound on how long it holds the list.
const SECOND_CHANCES: usize = 50;

/// Shortest chunk that a chain is made of.
const CHAIN_CHUNK_MIN: usize = 1 << 10;

/// What a search may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Only what is dead anyway.
    Dead,
    /// Live items too.
    Live,
}

/// What is to be done with an item at the tail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is dead, and goes.
    Reclaim,
    /// It goes.
    Evict,
    /// It goes round once more.
    Spare,
    /// It stays where it is, and so does all that is newer.
    Stop,
}

impl Store {
    /// A chunk of `class`, its state cleared, or `None` if there is nothing to be had. It may
    /// be of a larger class: where memory has gone to other classes and this one has all its
    /// chunks in hands, it is better to waste some of theirs than to refuse.
    pub(super) fn allocate(&self, local: &mut Local, class: usize) -> Option<ItemId> {
        if let Some(id) = self
            .slabs
            .pop(&self.arena, &mut local.magazines, &local.counters, class)
        {
            return Some(id);
        }
        // The dead make room before the class grows.
        self.search(local, class, Take::Dead);
        self.take(local, class)
            .or_else(|| self.make_room(local, class))
    }

    /// A free chunk, without giving anything up for it.
    #[inline]
    pub(super) fn take(&self, local: &mut Local, class: usize) -> Option<ItemId> {
        self.slabs
            .take(&self.arena, &mut local.magazines, &local.counters, class)
    }

    /// Searches until a chunk is free.
    #[cold]
    fn make_room(&self, local: &mut Local, class: usize) -> Option<ItemId> {
        let mut searches = 0;
        let mut found = self.make_room_in(local, class, &mut searches);
        if self.evict {
            let mut larger = class + 1..=self.slabs.classes.last();
            while found.is_none()
                && let Some(other) = larger.next()
            {
                if self.slabs.usage(other).pages > 0 {
                    found = self.make_room_in(local, other, &mut searches);
                }
            }
        }
        let events = &mut self.lru.list(class, Segment::Cold as usize).events;
        events.direct_reclaims += searches;
        events.outofmemory += u64::from(found.is_none());
        found
    }

    fn make_room_in(&self, local: &mut Local, class: usize, searches: &mut u64) -> Option<ItemId> {
        let take = if self.evict { Take::Live } else { Take::Dead };
        let last = self.slabs.classes.last();
        for _ in 0..ROUNDS {
            *searches += 1;
            // A class that holds only heads or chunks of large items has no list of its own:
            // what frees its chunks are victims of the last class.
            let removed =
                self.search(local, class, take) || class != last && self.search(local, last, take);
            if !removed {
                break;
            }
            // What the victim had may be of another class: that is taken before a second one
            // has to go.
            let found = self
                .take(local, class)
                .or_else(|| self.take_larger(local, class));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// A chunk of a smaller class, one whose live items may be given up and whose chunks are
    /// long enough to make a chain of.
    pub(super) fn allocate_smaller(&self, local: &mut Local, class: usize) -> Option<ItemId> {
        let classes = &self.slabs.classes;
        (1..class)
            .rev()
            .filter(|&other| self.evict && classes.size(other) >= CHAIN_CHUNK_MIN)
            .find_map(|other| self.make_room_in(local, other, &mut 0))
    }

    /// A free chunk of a larger class that has pages, if live items may be given up at all.
    fn take_larger(&self, local: &mut Local, class: usize) -> Option<ItemId> {
        let mut larger = class + 1..=self.slabs.classes.last();
        larger
            .by_ref()
            .filter(|&other| self.evict && self.slabs.usage(other).pages > 0)
            .find_map(|other| self.take(local, other))
    }

    /// Looks for victims at the tail of `class`; true if any was removed.
    fn search(&self, local: &mut Local, class: usize, take: Take) -> bool {
        let list = &mut *self.lru.list(class, Segment::Cold as usize);
        let (mut steps, mut spared) = (0, 0);
        let (mut removed, mut again) = (false, false);
        let mut at = list.tail();
        while steps < TAIL_STEPS {
            let Some(id) = at else {
                // All of a short list have been spared: now there are fewer excuses.
                if removed || again || spared == 0 {
                    break;
                }
                again = true;
                at = list.tail();
                continue;
            };
            at = list.before(&self.arena, id);
            steps += 1;
            let hash = self.hash_of(id);
            let Some(stripe) = self.table.try_lock(hash) else {
                continue;
            };
            // Linked items are in the table, and both are left under the stripe that is held.
            let Some(slot) = stripe.find(hash, |found| found == id) else {
                continue;
            };
            let fate = self.fate(list, &slot, take);
            match fate {
                Fate::Stop => break,
                Fate::Spare if spared == SECOND_CHANCES => break,
                Fate::Spare => {
                    list.refresh(&self.arena, id);
                    spared += 1;
                    steps -= 1;
                    continue;
                }
                Fate::Reclaim => self.count_reclaimed(list, id),
                Fate::Evict => self.count_evicted(list, id),
            }
            stripe.remove(hash, slot);
            list.remove(&self.arena, id);
            self.header(id).remove_state(state::LINKED);
            self.account(local, id, false);
            self.drop_ref(Some(local), id);
            removed = true;
            if fate == Fate::Evict {
                break;
            }
        }
        removed
    }

    /// What is to be done with the item at `slot`, whose stripe is held.
    fn fate(&self, list: &mut List, slot: &Slot<'_>, take: Take) -> Fate {
        let header = self.header(slot.id);
        if self.is_dead(slot) {
            return Fate::Reclaim;
        }
        if take == Take::Dead {
            return Fate::Stop;
        }
        if header.refs.load(Relaxed) > 1 {
            // A reader or an append holds it: to remove it would make no room now.
            list.events.lrutail_reflocked += 1;
            return Fate::Spare;
        }
        if header.has(state::ACTIVE | state::REWRITTEN) {
            header.remove_state(state::ACTIVE | state::REWRITTEN);
            return Fate::Spare;
        }
        Fate::Evict
    }

    fn count_evicted(&self, list: &mut List, id: ItemId) {
        let header = self.header(id);
        let idle_s = |accessed_s| self.clock.now().saturating_sub(accessed_s);
        list.events.evicted += 1;
        list.events.evicted_unfetched += u64::from(!header.has(state::FETCHED));
        list.events.evicted_nonzero += u64::from(header.expires_s.load(Relaxed) != 0);
        list.evicted_time_s = idle_s(header.accessed_s.load(Relaxed));
    }

    /// Counts an expired or flushed item that was found at the tail of `list`.
    pub(super) fn count_reclaimed(&self, list: &mut List, id: ItemId) {
        list.events.reclaimed += 1;
        list.events.expired_unfetched += u64::from(!self.header(id).has(state::FETCHED));
    }
}
