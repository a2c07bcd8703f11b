//! Memory for a new item: a free chunk, a new page, or the place of an old item.
//!
//! The search for a victim begins at the tail of the class's list. It comes from the list's
//! side of the lock order, so it only tries the stripes of the items it meets and passes over
//! those that are busy.

use super::item::{ItemId, state};
use super::lru::{List, Segment};
use super::{Local, Store};
use std::sync::atomic::Ordering::Relaxed;

/// Searches per allocation.
const ROUNDS: u64 = 10;
/// Items that a search looks at, not counting those that get another round.
const TAIL_STEPS: usize = 5;
/// Marked items that a search sends back to the head before it takes one all the same: a
/// bound on how long it holds the list.
const SECOND_CHANCES: usize = 50;

/// What a search may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Only what is dead anyway.
    Dead,
    /// Live items too.
    Live,
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
        let take = if self.evict { Take::Live } else { Take::Dead };
        let mut searches = 0;
        let mut found = self.make_room_in(local, class, take, &mut searches);
        if self.evict {
            let mut larger = class + 1..=self.slabs.classes.last();
            while found.is_none()
                && let Some(other) = larger.next()
            {
                if self.slabs.usage(other).pages > 0 {
                    found = self.make_room_in(local, other, take, &mut searches);
                }
            }
        }
        let events = &mut self.lru.list(class, Segment::Cold as usize).events;
        events.direct_reclaims += searches;
        events.outofmemory += u64::from(found.is_none());
        found
    }

    fn make_room_in(
        &self,
        local: &mut Local,
        class: usize,
        take: Take,
        searches: &mut u64,
    ) -> Option<ItemId> {
        let last = self.slabs.classes.last();
        for _ in 0..ROUNDS {
            *searches += 1;
            // A class that holds only heads or chunks of large items has no list of its own:
            // what frees its chunks are victims of the last class.
            if !self.search(local, class, take)
                && (class == last || !self.search(local, last, take))
            {
                break;
            }
            if let Some(id) = self.take(local, class) {
                return Some(id);
            }
        }
        None
    }

    /// Looks for victims at the tail of `class`; true if any was removed.
    fn search(&self, local: &mut Local, class: usize, take: Take) -> bool {
        let list = &mut *self.lru.list(class, Segment::Cold as usize);
        let (mut steps, mut chances) = (0, 0);
        let mut at = list.tail();
        let mut removed = false;
        while let Some(id) = at
            && steps < TAIL_STEPS
        {
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
            let header = self.header(id);
            let dead = self.is_dead(&slot);
            if !dead {
                if take == Take::Dead {
                    break;
                }
                let marked = header.has(state::ACTIVE | state::REWRITTEN);
                if marked && chances < SECOND_CHANCES {
                    header.remove_state(state::ACTIVE | state::REWRITTEN);
                    list.refresh(&self.arena, id);
                    chances += 1;
                    steps -= 1;
                    continue;
                }
            }
            self.count_removal(list, id, dead);
            stripe.remove(hash, slot);
            list.remove(&self.arena, id);
            header.remove_state(state::LINKED);
            self.account(local, id, false);
            self.drop_ref(Some(local), id);
            removed = true;
            if !dead {
                break;
            }
        }
        removed
    }

    fn count_removal(&self, list: &mut List, id: ItemId, dead: bool) {
        let header = self.header(id);
        if header.refs.load(Relaxed) > 1 {
            list.events.lrutail_reflocked += 1;
        }
        if dead {
            return self.count_reclaimed(list, id);
        }
        list.events.evicted += 1;
        list.events.evicted_unfetched += u64::from(!header.has(state::FETCHED));
        list.events.evicted_nonzero += u64::from(header.expires_s.load(Relaxed) != 0);
        list.events.evicted_active += u64::from(header.has(state::ACTIVE));
        list.evicted_time_s = self
            .clock
            .now()
            .saturating_sub(header.accessed_s.load(Relaxed));
    }

    /// Counts an expired or flushed item that was found at the tail of `list`.
    pub(super) fn count_reclaimed(&self, list: &mut List, id: ItemId) {
        list.events.reclaimed += 1;
        list.events.expired_unfetched += u64::from(!self.header(id).has(state::FETCHED));
    }
}
