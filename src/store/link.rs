//! Linking and unlinking: the table, the lists, the counts and the references of an item.

#![forbid(unsafe_code)]

use super::engine::Store;
use super::held::{Held, HeldStripe};
use super::item::{ItemId, state};
use super::key::Key;
use super::lru::{Lists, Segment};
use super::table::Slot;
use super::thread_state::ThreadState;
use crate::counters::SIZE_STEP;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// Which way an item's bytes are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// It has been linked.
    In,
    /// It has been unlinked.
    Out,
}

impl<'s> Held<'s, '_> {
    /// The live item under `key`. A dead one is removed on the way, and counted.
    #[inline(always)]
    pub(super) fn find_live(&mut self, key: &Key<'_>) -> Option<Slot<'s>> {
        self.notify_look_up(key);
        let slot = self.find(key)?;
        if self.is_dead(&slot) {
            self.reclaim_dead(slot);
            return None;
        }
        Some(slot)
    }

    /// The same for a thread that is about to store under the key, and has notified of the look-up:
    /// a dead item counts as reclaimed memory, as it does when a search meets it at a tail.
    pub(super) fn find_live_to_store(&mut self, key: &Key<'_>) -> Option<Slot<'s>> {
        let slot = self.find(key)?;
        if !self.is_dead(&slot) {
            return Some(slot);
        }
        let (store, id) = (self.store, slot.id);
        store.count_reclaimed(&mut store.lists(store.header(id).class()), id);
        self.reclaim_dead(slot);
        None
    }

    #[cold]
    fn reclaim_dead(&mut self, slot: Slot<'_>) {
        let counters = &self.thread.counters.thread;
        if self.moment().is_flushed(slot.epoch) {
            &counters.get_flushed
        } else {
            &counters.get_expired
        }
        .add(1);
        self.unlink(slot);
    }

    /// Where the item `id`, which is linked under the key, stands now.
    pub(super) fn slot_of(&self, id: ItemId) -> Option<Slot<'s>> {
        self.stripe.slot_of(self.hash, id)
    }

    /// Links an item that the caller owns; its key is not in the table. False: the table has
    /// no memory, and the item is still the caller's.
    pub(super) fn link(&mut self, id: ItemId) -> bool {
        let (store, epoch) = (self.store, self.moment().epoch());
        if !self.insert(self.hash, id, epoch, |stripe, id| store.hash_of(id, stripe)) {
            return false;
        }
        self.link_in_lists(id);
        true
    }

    /// The item at `slot` gives its place to `id`, which the caller owns and which has the
    /// same key.
    pub(super) fn replace(&mut self, slot: Slot<'_>, id: ItemId) {
        let epoch = self.moment().epoch();
        self.stripe.replace(slot, self.hash, id, epoch);
        self.stripe.unlink_from_lists(self.thread, slot.id);
        self.link_in_lists(id);
    }

    /// Removes the item at `slot`; its memory comes back when its last reader is done.
    pub(super) fn unlink(&mut self, slot: Slot<'_>) {
        self.stripe.unlink_item(self.thread, self.hash, slot);
    }

    /// What linking means besides the table: the LRU list, the counts, the link's reference.
    fn link_in_lists(&mut self, id: ItemId) {
        let (store, moment) = (self.store, self.moment());
        let (header, now_s) = (store.header(id), moment.now_s());
        header.accessed_s.store(now_s, Relaxed);
        header.refs.store(1, Relaxed);
        self.renew_cas(id, 0);
        let class = header.class();
        let expires_s = header.expires_s.load(Relaxed);
        let segment = moment.division().first_segment(expires_s, now_s);
        let mut lists = store.lists(class);
        // Marked under the lock of the lists: a thread that finds the mark there can rely on it.
        header.set_place(class, segment as usize);
        header.set_state(header.state() & state::OF_DRAFT | state::LINKED);
        lists.push(id);
        drop(lists);
        self.thread.counters.thread.total_items.add(1);
        store.account(self.thread, id, Count::In);
    }
}

impl HeldStripe<'_> {
    /// Removes the item at `slot`, whose hash is `hash`: for those who hold no key.
    pub(super) fn unlink_item(&self, thread: &mut ThreadState, hash: u64, slot: Slot<'_>) {
        self.remove(hash, slot);
        self.unlink_from_lists(thread, slot.id);
    }

    fn unlink_from_lists(&self, thread: &mut ThreadState, id: ItemId) {
        let (store, header) = (self.store, self.store.header(id));
        let mut lists = store.lists(header.class());
        lists.remove(id);
        header.remove_state(state::LINKED);
        drop(lists);
        store.account(thread, id, Count::Out);
        store.drop_ref(Some(thread), id);
    }

    /// Gives a linked item the cas id `given`, or the next one if that is 0.
    pub(super) fn renew_cas(&self, id: ItemId, given: u64) {
        if self.store.use_cas {
            let cas = if given == 0 { self.next_cas() } else { given };
            self.store.set_cas(id, cas);
        }
    }

    /// Gives a linked item a new expiry. A temporary one whose life has become long leaves TEMP,
    /// from which an item is evicted only when there is no other.
    pub(super) fn set_expiry(&self, id: ItemId, expires_s: u32) {
        let header = self.store.header(id);
        header.expires_s.store(expires_s, Relaxed);
        if header.segment() == Segment::Temp as usize {
            let moment = self.moment();
            let segment = moment.division().first_segment(expires_s, moment.now_s());
            if segment != Segment::Temp {
                self.store.lists(header.class()).relocate(id, segment);
            }
        }
    }
}

impl Store {
    /// Counts an item's bytes in, or out again.
    pub(super) fn account(&self, thread: &ThreadState, id: ItemId, count: Count) {
        self.account_bytes(thread, id, self.accounted(id), count);
    }

    /// The same for a linked item that took `before` bytes and has been written over: most often
    /// it takes as many again, and there is nothing to count.
    #[inline]
    pub(super) fn account_again(&self, thread: &ThreadState, id: ItemId, before: u64) {
        let bytes = self.accounted(id);
        if bytes != before {
            self.account_bytes(thread, id, before, Count::Out);
            self.account_bytes(thread, id, bytes, Count::In);
        }
    }

    fn account_bytes(&self, thread: &ThreadState, id: ItemId, bytes: u64, count: Count) {
        let class = &thread.counters.class[self.header(id).class()];
        match count {
            Count::In => class.mem_linked.add(bytes),
            Count::Out => class.mem_unlinked.add(bytes),
        }
        if !thread.counters.sizes.is_empty() {
            let step = &thread.counters.sizes[(bytes as usize).div_ceil(SIZE_STEP)];
            match count {
                Count::In => step.linked.add(1),
                Count::Out => step.unlinked.add(1),
            }
        }
    }

    /// Counts an expired or flushed item of `lists` that was found at a tail, or by a thread that
    /// stores under its key.
    pub(super) fn count_reclaimed(&self, lists: &mut Lists, id: ItemId) {
        lists.events.reclaimed += 1;
        lists.events.expired_unfetched += u64::from(!self.header(id).has(state::FETCHED));
    }

    /// Drops one reference; the last one frees the item.
    pub(super) fn drop_ref(&self, thread: Option<&mut ThreadState>, id: ItemId) {
        // Releases what this thread read or wrote, and sees what the others did before theirs.
        if self.header(id).refs.fetch_sub(1, AcqRel) == 1 {
            self.release(thread, id);
        }
    }

    /// Frees the memory of an item without references, its chain included. With a thread's
    /// state it goes to that thread's magazine, without to the class.
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

    fn release_chunk(&self, thread: Option<&mut ThreadState>, id: ItemId) {
        match thread {
            Some(thread) => self.slabs.give(&thread.magazines, id),
            None => self.slabs.give_back(id),
        }
    }
}
