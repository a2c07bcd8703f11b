//! Reading: look-ups that count as an access.

#![forbid(unsafe_code)]

use super::engine::Store;
use super::found::{Found, REFS_MAX};
use super::held::Held;
use super::item::{Header, ItemId, state};
use super::key::Key;
use super::lru::Segment;
use super::table::Slot;
use super::terms::{Access, Meta, MetaRead};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::Relaxed;

impl Store {
    /// Looks `key` up as a client's access. `read` runs under the item's stripe: it must be
    /// short, and must not call the store. `None`: not there.
    #[inline]
    pub fn read<'s, R>(
        &'s self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        access: Access,
        read: impl for<'k> FnOnce(Found<'s, 'k>) -> R,
    ) -> Option<R> {
        let mut held = self.hold(thread, key.hash());
        let found = held.find_readable(key);
        let counted = Counted::of(matches!(access, Access::Touch(_)));
        counted.look(held.thread);
        let Some(slot) = found else {
            counted.miss(held.thread);
            return None;
        };
        counted.hit(held.thread, self.header(slot.id));
        if let Access::Touch(expires_s) = access {
            held.set_expiry(slot.id, expires_s);
        }
        held.mark_hit(slot.id);
        Some(read(Found::new(slot.id, &held.stripe)))
    }

    /// The same for a meta command: `read` may change the item, sees its marks as they were
    /// before, and gets whether the item was made for it.
    #[inline]
    pub fn read_meta<'s, R>(
        &'s self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        how: &MetaRead,
        read: impl for<'k> FnOnce(Found<'s, 'k>, bool) -> R,
    ) -> Option<R> {
        let mut held = self.hold(thread, key.hash());
        let found = held.find_readable(key).map(|slot| (slot.id, false));
        let made = || Some((held.make_empty(key, how.create?)?, true));
        let Some((id, is_new)) = found.or_else(made) else {
            Counted::Get.look(held.thread);
            Counted::Get.miss(held.thread);
            return None;
        };
        let counted = Counted::of(how.touches);
        counted.look(held.thread);
        counted.hit(held.thread, self.header(id));
        let outcome = read(Found::new(id, &held.stripe), is_new);
        if !how.unmarked {
            held.mark_hit(id);
        }
        Some(outcome)
    }

    /// Looks `key` up without leaving a trace on the item; counted as a look of `me`.
    pub fn peek<'s, R>(
        &'s self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        read: impl for<'k> FnOnce(Found<'s, 'k>) -> R,
    ) -> Option<R> {
        thread.counters.thread.cmd_meta.add(1);
        let mut held = self.hold(thread, key.hash());
        let slot = held.find_live(key)?;
        Some(read(Found::new(slot.id, &held.stripe)))
    }

    /// Whether there is an item of that key, for a line of the log; counted as nothing.
    pub fn contains(&self, key: &Key<'_>) -> bool {
        let stripe = self.hold_stripe(key.hash());
        stripe.find(key).is_some_and(|slot| !stripe.is_dead(&slot))
    }
}

impl<'s> Held<'s, '_> {
    #[inline]
    fn find_readable(&mut self, key: &Key<'_>) -> Option<Slot<'s>> {
        self.find_live(key)
            .filter(|slot| self.store.header(slot.id).refs.load(Relaxed) < REFS_MAX)
    }

    fn make_empty(&mut self, key: &Key<'_>, cas: u64) -> Option<ItemId> {
        // One that has too many readers is there all the same.
        if self.find(key).is_some() {
            return None;
        }
        let id = self.link_new(key, Meta::default(), b"")?;
        if cas != 0 {
            self.store.set_cas(id, cas);
        }
        Some(id)
    }

    /// The first hit marks an item as fetched, a later one as active; nothing else is
    /// written, so that items in steady use cause no traffic between caches.
    #[inline]
    fn mark_hit(&self, id: ItemId) {
        let header = self.store.header(id);
        match header.state() & (state::FETCHED | state::ACTIVE) {
            0 => header.add_state(state::FETCHED),
            state::FETCHED => self.mark_active(id),
            _ => {}
        }
    }

    fn mark_active(&self, id: ItemId) {
        let (header, moment) = (self.store.header(id), self.moment());
        header.add_state(state::ACTIVE);
        header.accessed_s.store(moment.now_s(), Relaxed);
        let is_cold = header.segment() == Segment::Cold as usize;
        let thread = &*self.thread;
        if is_cold && moment.division().is_segmented() && !thread.bumps.push(self.hash, id.raw()) {
            thread.counters.thread.lru_bumps_dropped.add(1);
        }
    }
}

/// As what a look-up is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Get,
    Touch,
}

impl Counted {
    #[inline]
    fn of(touches: bool) -> Counted {
        if touches {
            Counted::Touch
        } else {
            Counted::Get
        }
    }

    /// An item was asked for.
    #[inline]
    fn look(self, thread: &ThreadState) {
        let counters = &thread.counters.thread;
        match self {
            Counted::Touch => counters.cmd_touch.add(1),
            Counted::Get => counters.cmd_get.add(1),
        }
    }

    /// It was not there.
    #[cold]
    fn miss(self, thread: &ThreadState) {
        let counters = &thread.counters.thread;
        match self {
            Counted::Touch => counters.touch_misses.add(1),
            Counted::Get => counters.get_misses.add(1),
        }
    }

    /// It was.
    #[inline]
    fn hit(self, thread: &ThreadState, header: &Header) {
        let class = &thread.counters.class[header.class()];
        match self {
            Counted::Touch => class.touch_hits.add(1),
            Counted::Get => class.hits_to(header.segment()).add(1),
        }
    }
}

/// For the debug commands that hold a reference on purpose.
#[cfg(debug_assertions)]
impl Store {
    /// Counts a reference to `key` that only [`debug_unref`](Store::debug_unref) drops.
    pub fn debug_ref(&self, key: &Key<'_>) -> bool {
        let stripe = self.hold_stripe(key.hash());
        let slot = stripe.find(key);
        slot.map(|slot| std::mem::forget(self.pin(slot.id)))
            .is_some()
    }

    /// Drops a reference that `debug_ref` has counted.
    pub fn debug_unref(&self, key: &Key<'_>) -> bool {
        let stripe = self.hold_stripe(key.hash());
        let slot = stripe.find(key);
        slot.map(|slot| drop(super::found::Pinned::counted(self, slot.id)))
            .is_some()
    }
}
