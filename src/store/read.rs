//! Reading: look-ups that count as an access, and values that outlive the stripe.

use super::engine::Store;
use super::found::{Found, REFS_MAX};
use super::held::Held;
use super::item::{Header, ItemId, state};
use super::key::Hashed;
use super::lru::Segment;
use super::moment::Moment;
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
        key: &[u8],
        hash: impl Into<Hashed>,
        access: Access,
        read: impl for<'k> FnOnce(Found<'s, 'k>) -> R,
    ) -> Option<R> {
        let sought = hash.into();
        let hash = sought.hash;
        let stripe = self.hold(hash);
        let found = self.find_readable(thread, &stripe, sought, key);
        let touch = matches!(access, Access::Touch(_));
        count_look(thread, touch);
        let Some(slot) = found else {
            count_miss(thread, touch);
            return None;
        };
        let header = self.header(slot.id);
        count_hit(thread, header, touch);
        if let Access::Touch(expires_s) = access {
            self.set_expiry(&stripe, slot.id, expires_s);
        }
        self.mark_hit(thread, stripe.moment(), header, hash, slot.id);
        Some(read(Found::new(self, slot.id, &stripe)))
    }

    /// The same for a meta command: `read` may change the item, sees its marks as they were
    /// before, and is told whether the item was made for it.
    #[inline]
    pub fn read_meta<'s, R>(
        &'s self,
        thread: &mut ThreadState,
        key: &[u8],
        hash: impl Into<Hashed>,
        ask: &MetaRead,
        read: impl for<'k> FnOnce(Found<'s, 'k>, bool) -> R,
    ) -> Option<R> {
        let sought = hash.into();
        let hash = sought.hash;
        let stripe = self.hold(hash);
        let found = self
            .find_readable(thread, &stripe, sought, key)
            .map(|slot| (slot.id, false));
        let made = || {
            self.make_empty(thread, &stripe, hash, key, ask.create?)
                .map(|id| (id, true))
        };
        let Some((id, is_new)) = found.or_else(made) else {
            count_look(thread, false);
            count_miss(thread, false);
            return None;
        };
        let header = self.header(id);
        count_look(thread, ask.touches);
        count_hit(thread, header, ask.touches);
        let outcome = read(Found::new(self, id, &stripe), is_new);
        if !ask.unmarked {
            self.mark_hit(thread, stripe.moment(), header, hash, id);
        }
        Some(outcome)
    }

    /// Looks `key` up without leaving a trace on the item; counted as a look of `me`.
    pub fn peek<'s, R>(
        &'s self,
        thread: &mut ThreadState,
        key: &[u8],
        hash: u64,
        read: impl for<'k> FnOnce(Found<'s, 'k>) -> R,
    ) -> Option<R> {
        thread.counters.thread.cmd_meta.add(1);
        let stripe = self.hold(hash);
        let slot = self.find_live(thread, &stripe, hash, key)?;
        Some(read(Found::new(self, slot.id, &stripe)))
    }

    /// Whether there is an item of that key, for a line of the log; counted as nothing.
    pub fn contains(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.hold(hash);
        let slot = self.find(&stripe, hash, key);
        slot.is_some_and(|slot| !self.is_dead(stripe.moment(), &slot))
    }

    #[inline]
    fn find_readable<'t>(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'t>,
        sought: Hashed,
        key: &[u8],
    ) -> Option<Slot<'t>> {
        self.find_live(thread, stripe, sought, key)
            .filter(|slot| self.header(slot.id).refs.load(Relaxed) < REFS_MAX)
    }

    fn make_empty(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'_>,
        hash: u64,
        key: &[u8],
        cas: u64,
    ) -> Option<ItemId> {
        // One that has too many readers is there all the same.
        if self.find(stripe, hash, key).is_some() {
            return None;
        }
        let id = self.link_new(thread, stripe, key, hash, Meta::default(), b"")?;
        if cas != 0 {
            self.set_cas(id, cas);
        }
        Some(id)
    }

    /// The first hit marks an item as fetched, a later one as active; nothing else is
    /// written, so that items in steady use cause no traffic between caches.
    #[inline]
    fn mark_hit(
        &self,
        thread: &ThreadState,
        moment: Moment,
        header: &Header,
        hash: u64,
        id: ItemId,
    ) {
        match header.state() & (state::FETCHED | state::ACTIVE) {
            0 => header.add_state(state::FETCHED),
            state::FETCHED => self.mark_active(thread, moment, header, hash, id),
            _ => {}
        }
    }

    fn mark_active(
        &self,
        thread: &ThreadState,
        moment: Moment,
        header: &Header,
        hash: u64,
        id: ItemId,
    ) {
        header.add_state(state::ACTIVE);
        header.accessed_s.store(moment.now_s(), Relaxed);
        let is_cold = header.segment() == Segment::Cold as usize;
        if is_cold && moment.division().is_segmented() && !thread.bumps.push(hash, id.raw()) {
            thread.counters.thread.lru_bumps_dropped.add(1);
        }
    }
}

/// Counts that an item was asked for, to be touched or not.
#[inline]
fn count_look(thread: &ThreadState, touch: bool) {
    let counters = &thread.counters.thread;
    if touch {
        counters.cmd_touch.add(1);
    } else {
        counters.cmd_get.add(1);
    }
}

/// Counts that it was not there.
#[cold]
fn count_miss(thread: &ThreadState, touch: bool) {
    let counters = &thread.counters.thread;
    if touch {
        counters.touch_misses.add(1);
    } else {
        counters.get_misses.add(1);
    }
}

/// Counts that it was.
#[inline]
fn count_hit(thread: &ThreadState, header: &Header, touch: bool) {
    let class = &thread.counters.class[header.class()];
    if touch {
        class.touch_hits.add(1);
    } else {
        class.hits_to(header.segment()).add(1);
    }
}

/// For the debug commands that hold a reference on purpose.
#[cfg(debug_assertions)]
impl Store {
    /// Counts a reference to `key` that only [`debug_unref`](Store::debug_unref) gives up.
    pub fn debug_ref(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.hold(hash);
        let slot = self.find(&stripe, hash, key);
        slot.map(|slot| std::mem::forget(self.pin(slot.id)))
            .is_some()
    }

    /// Gives up a reference that `debug_ref` has counted.
    pub fn debug_unref(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.hold(hash);
        let slot = self.find(&stripe, hash, key);
        slot.map(|slot| drop(super::found::Pinned::counted(self, slot.id)))
            .is_some()
    }
}
