//! Linking and unlinking: the table, the lists, the counts and the references of an item.

use super::engine::Store;
use super::held::Held;
use super::item::{ItemId, state};
use super::key::{Hashed, is_equal};
use super::lru::Segment;
use super::moment::Moment;
use super::table::{Slot, Stripe};
use super::thread_state::ThreadState;
use crate::counters::SIZE_STEP;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

impl Store {
    /// Gives a linked item the cas id `given`, or the next one if that is 0.
    pub(super) fn renew_cas(&self, key: &Stripe<'_>, id: ItemId, given: u64) {
        if self.use_cas {
            self.set_cas(id, if given == 0 { key.next_cas() } else { given });
        }
    }

    /// Counts an item's bytes in, or out again.
    pub(super) fn account(&self, thread: &ThreadState, id: ItemId, linked: bool) {
        self.account_bytes(thread, id, self.accounted(id), linked);
    }

    /// The same for a linked item that took `before` bytes and has been written over: most often
    /// it takes as many again, and there is nothing to count.
    #[inline]
    pub(super) fn account_again(&self, thread: &ThreadState, id: ItemId, before: u64) {
        let bytes = self.accounted(id);
        if bytes != before {
            self.account_bytes(thread, id, before, false);
            self.account_bytes(thread, id, bytes, true);
        }
    }

    pub(super) fn account_bytes(&self, thread: &ThreadState, id: ItemId, bytes: u64, linked: bool) {
        let class = &thread.counters.class[self.header(id).class()];
        if linked {
            &class.mem_linked
        } else {
            &class.mem_unlinked
        }
        .add(bytes);
        if !thread.counters.sizes.is_empty() {
            let step = &thread.counters.sizes[(bytes as usize).div_ceil(SIZE_STEP)];
            if linked { &step.linked } else { &step.unlinked }.add(1);
        }
    }

    /// The slot of `key`, live or not.
    #[inline]
    pub(super) fn find<'t>(&self, stripe: &Stripe<'t>, hash: u64, key: &[u8]) -> Option<Slot<'t>> {
        stripe.find(hash, |id| is_equal(self.key_of(id, stripe), key))
    }

    /// Whether an item is there for nobody any more: expired, or from before a flush.
    #[inline]
    pub(super) fn is_dead(&self, moment: Moment, slot: &Slot<'_>) -> bool {
        moment.is_flushed(slot.epoch) || self.header(slot.id).is_expired(moment.now_s())
    }

    /// The live item under `key`. A dead one is removed on the way, and counted.
    #[inline(always)]
    pub(super) fn find_live<'t>(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'t>,
        hash: impl Into<Hashed>,
        key: &[u8],
    ) -> Option<Slot<'t>> {
        let Hashed { hash, hint } = hash.into();
        self.notify_look_up(thread, stripe, hash, key);
        let slot = stripe.find_at(hint, hash, |id| is_equal(self.key_of(id, stripe), key))?;
        if self.is_dead(stripe.moment(), &slot) {
            self.reclaim_dead(thread, stripe, hash, slot);
            return None;
        }
        Some(slot)
    }

    #[cold]
    pub(super) fn reclaim_dead(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'_>,
        hash: u64,
        slot: Slot<'_>,
    ) {
        let counters = &thread.counters.thread;
        if stripe.moment().is_flushed(slot.epoch) {
            &counters.get_flushed
        } else {
            &counters.get_expired
        }
        .add(1);
        self.unlink(thread, stripe, hash, slot);
    }

    /// Links an item that the caller owns; its key is not in the table. False: the table has
    /// no memory, and the item is still the caller's.
    pub(super) fn link(
        &self,
        thread: &mut ThreadState,
        key: &Held<'_>,
        hash: u64,
        id: ItemId,
    ) -> bool {
        if !key.insert(hash, id, key.moment().epoch(), |stripe, id| {
            self.hash_of(id, stripe)
        }) {
            return false;
        }
        self.link_in_lists(thread, key, id);
        true
    }

    /// The item at `slot` gives its place to `id`, which the caller owns and which has the
    /// same key.
    pub(super) fn replace(
        &self,
        thread: &mut ThreadState,
        key: &Held<'_>,
        hash: u64,
        slot: Slot<'_>,
        id: ItemId,
    ) {
        key.replace(slot, hash, id, key.moment().epoch());
        self.unlink_from_lists(thread, key, slot.id);
        self.link_in_lists(thread, key, id);
    }

    /// Removes the item at `slot`; its memory comes back when nobody reads it any more.
    pub(super) fn unlink(
        &self,
        thread: &mut ThreadState,
        key: &Stripe<'_>,
        hash: u64,
        slot: Slot<'_>,
    ) {
        key.remove(hash, slot);
        self.unlink_from_lists(thread, key, slot.id);
    }

    /// What linking means besides the table: the LRU list, the counts, the link's reference.
    pub(super) fn link_in_lists(&self, thread: &mut ThreadState, key: &Held<'_>, id: ItemId) {
        let (header, moment) = (self.header(id), key.moment());
        let now = moment.now_s();
        header.accessed_s.store(now, Relaxed);
        header.refs.store(1, Relaxed);
        self.renew_cas(key, id, 0);
        let class = header.class();
        let expires_s = header.expires_s.load(Relaxed);
        let first_segment = moment.division().first_segment(expires_s, now);
        let mut lists = self.lists(class);
        // Marked under the lock of the lists: who finds the mark there can rely on it.
        header.set_place(class, first_segment as usize);
        header.set_state(header.state() & state::OF_DRAFT | state::LINKED);
        lists.push(id);
        drop(lists);
        thread.counters.thread.total_items.add(1);
        self.account(thread, id, true);
    }

    pub(super) fn unlink_from_lists(
        &self,
        thread: &mut ThreadState,
        _key: &Stripe<'_>,
        id: ItemId,
    ) {
        let header = self.header(id);
        let mut lists = self.lists(header.class());
        lists.remove(id);
        header.remove_state(state::LINKED);
        drop(lists);
        self.account(thread, id, false);
        self.drop_ref(Some(thread), id);
    }

    /// Gives up one reference; the last one frees the item.
    pub(super) fn drop_ref(&self, thread: Option<&mut ThreadState>, id: ItemId) {
        // Releases what this thread read or wrote, and sees what the others did before theirs.
        if self.header(id).refs.fetch_sub(1, AcqRel) == 1 {
            self.release(thread, id);
        }
    }

    /// Frees the memory of an item that nobody refers to, its chain included. With a thread's
    /// part it goes to that thread's magazine, without to the class.
    pub(super) fn release(&self, mut thread: Option<&mut ThreadState>, id: ItemId) {
        if self.header(id).has(state::CHUNKED) {
            let mut next = self.first_chunk(id);
            while let Some(chunk) = next {
                next = self.next_chunk(chunk);
                self.release_chunk(thread.as_deref_mut(), chunk);
            }
        }
        self.release_chunk(thread, id);
    }

    pub(super) fn release_chunk(&self, thread: Option<&mut ThreadState>, id: ItemId) {
        match thread {
            Some(thread) => self.slabs.give(&thread.magazines, id),
            None => self.slabs.give_back(id),
        }
    }

    /// Gives an item that is linked under `key` a new expiry. A temporary one whose life has
    /// become long leaves TEMP, where nothing is ever given up.
    pub(super) fn set_expiry(&self, key: &Held<'_>, id: ItemId, expires_s: u32) {
        let header = self.header(id);
        header.expires_s.store(expires_s, Relaxed);
        if header.segment() == Segment::Temp as usize {
            let moment = key.moment();
            let first_segment = moment.division().first_segment(expires_s, moment.now_s());
            if first_segment != Segment::Temp {
                let mut lists = self.lists(header.class());
                lists.relocate(id, first_segment);
            }
        }
    }
}
