//! Changing what is there: arithmetic, removing, and marking as stale.

use super::engine::Store;
use super::found::Found;
use super::held::Held;
use super::item::{ItemId, state};
use super::key::Key;
use super::table::Slot;
use super::terms::{Change, ChangeError, Meta, Mode, Removal, StoreRules};
use super::thread_state::ThreadState;
use crate::digits::{self, U64_LEN_MAX};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// Longest value that is taken for a number. The longest number has 20 digits; zeros may stand
/// before it and blanks after it, but a client could make others wait with megabytes of them.
const NUMBER_LEN_MAX: usize = 512;

/// Marks that a number keeps when it is written over.
const OF_NUMBER: u16 =
    state::FETCHED | state::ACTIVE | state::STALE | state::WIN_SENT | state::KEY_BINARY;

impl Store {
    /// Adds to the number under `key`, or takes off. A number that is not longer than the old
    /// one is written over it and filled with blanks. `done` is called with the item, the
    /// number, and whether it was made, under the item's stripe.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn change<'s, R>(
        &'s self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        change: &Change,
        done: impl for<'k> FnOnce(Found<'s, 'k>, u64, bool) -> R,
    ) -> Result<R, ChangeError> {
        let mut held = self.hold(thread, key.hash());
        let (id, number, is_new) = match held.find_live(key) {
            Some(slot) => {
                let number = held.changed_number(slot.id, change)?;
                let id = held.write_number(key, slot, number)?;
                // A new item has a new id already.
                if id == slot.id || change.cas != 0 {
                    held.renew_cas(id, change.cas);
                }
                (id, number, false)
            }
            None => {
                let (id, number) = held.create_number(key, change)?;
                (id, number, true)
            }
        };
        Ok(done(Found::new(id, &held.stripe), number, is_new))
    }

    /// Removes `key`; false if it is not there.
    pub fn delete(&self, thread: &mut ThreadState, key: &Key<'_>) -> bool {
        let removal = Removal {
            event_name: Some("delete"),
            ..Removal::default()
        };
        self.remove(thread, key, &removal).is_ok()
    }

    /// Removes `key`, or what there is about it.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has been done.
    pub fn remove(
        &self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        removal: &Removal,
    ) -> Result<(), ChangeError> {
        let mut held = self.hold(thread, key.hash());
        let slot = held.find_live(key);
        let is_other = |slot: &Slot<'_>| {
            let given = removal.compare;
            given.is_some_and(|given| given != self.cas_of(slot.id))
        };
        let Some(slot) = slot.filter(|slot| !is_other(slot)) else {
            if slot.is_none() || !removal.mismatch_uncounted {
                held.thread.counters.thread.delete_misses.add(1);
            }
            return Err(if slot.is_some() {
                ChangeError::Exists
            } else {
                ChangeError::NotFound
            });
        };
        let class = self.header(slot.id).class();
        match removal.empty {
            Some(client_flags) => {
                let id = held.empty(key, slot, client_flags, removal)?;
                held.notify_removed(key, id, removal.event_name);
            }
            None if removal.stale => {
                held.mark_stale(slot.id, removal);
                return Ok(());
            }
            None => {
                held.notify_removed(key, slot.id, removal.event_name);
                held.unlink(slot);
            }
        }
        held.thread.counters.class[class].delete_hits.add(1);
        Ok(())
    }
}

/// Arithmetic.
impl<'s> Held<'s, '_> {
    /// What the number in an item becomes; counts the hit.
    fn changed_number(&self, id: ItemId, change: &Change) -> Result<u64, ChangeError> {
        let (store, header) = (self.store, self.store.header(id));
        // What can never be a number is refused first, whatever the cas id: nothing, and pieces.
        if header.value_len() == 0 || header.has(state::CHUNKED) {
            return Err(ChangeError::NotNumeric);
        }
        let given = change.compare.filter(|&given| given != 0);
        if given.is_some_and(|given| given != store.cas_of(id)) {
            return Err(ChangeError::Exists);
        }
        // Neither reading what is longer than any number nor a copy of it is worth the time.
        if header.value_len() > NUMBER_LEN_MAX {
            return Err(ChangeError::NotNumeric);
        }
        // SAFETY: the stripe is held, and the slice is dropped before the value is written.
        let number = unsafe { store.pieces(id) }
            .next()
            .and_then(digits::parse_unsigned);
        let number = number.ok_or(ChangeError::NotNumeric)?;
        let class = &self.thread.counters.class[header.class()];
        Ok(if change.increment {
            class.incr_hits.add(1);
            number.wrapping_add(change.delta)
        } else {
            class.decr_hits.add(1);
            number.saturating_sub(change.delta)
        })
    }

    /// Stores the first number under a key that is not there, if one is given.
    fn create_number(
        &mut self,
        key: &Key<'_>,
        change: &Change,
    ) -> Result<(ItemId, u64), ChangeError> {
        let Some(seed) = change.create else {
            let counters = &self.thread.counters.thread;
            if change.increment {
                counters.incr_misses.add(1);
            } else {
                counters.decr_misses.add(1);
            }
            return Err(ChangeError::NotFound);
        };
        // It is stored like any other value, which takes a look of its own.
        self.notify_look_up(key);
        let text = &mut [0; U64_LEN_MAX];
        let text = digits::format(text, seed);
        let id = self
            .link_new(key, Meta::default(), text)
            .ok_or(ChangeError::NoMemoryForNew)?;
        self.notify_stored(key.bytes(), id, &StoreRules::from(Mode::Add));
        if change.cas != 0 {
            self.store.set_cas(id, change.cas);
        }
        Ok((id, seed))
    }

    /// Writes a number in the place of the old one, or puts a new item there.
    fn write_number(
        &mut self,
        key: &Key<'_>,
        slot: Slot<'_>,
        number: u64,
    ) -> Result<ItemId, ChangeError> {
        let (store, header) = (self.store, self.store.header(slot.id));
        let text = &mut [0; U64_LEN_MAX];
        let text = digits::format(text, number);
        let fits = text.len() <= header.value_len();
        // Acquires: the last reader of the value is done with it before it is written over.
        if fits && header.refs.load(Acquire) == 1 {
            // SAFETY: its stripe is held, and there is no reference but its link's.
            unsafe { self.overwrite_number(slot.id, text) };
            return Ok(slot.id);
        }
        let meta = Meta {
            client_flags: header.client_flags.load(Relaxed),
            expires_s: header.expires_s.load(Relaxed),
        };
        // A number that has outgrown the old value gets its exact length. Where a reader holds
        // the value, a copy is written over instead: a client that adds need not know of readers.
        let (len, marks) = if fits {
            (header.value_len(), header.state() & OF_NUMBER)
        } else {
            (text.len(), 0)
        };
        let (id, slot) = self
            .allocate_beside(key, slot, meta, len)
            .ok_or(ChangeError::NoMemory)?;
        if store.header(id).has(state::CHUNKED) {
            // In pieces it would be a number no more.
            store.release(Some(&mut *self.thread), id);
            return Err(ChangeError::NoMemory);
        }
        // SAFETY: it is not linked yet.
        unsafe { self.overwrite_number(id, text) };
        self.replace(slot, id);
        store.header(id).add_state(marks);
        Ok(id)
    }

    /// Memory for an item that will take the place of the one at `slot`, and where that stands
    /// then: its neighbours may have been evicted for it.
    fn allocate_beside(
        &mut self,
        key: &Key<'_>,
        slot: Slot<'_>,
        meta: Meta,
        value_len: usize,
    ) -> Option<(ItemId, Slot<'s>)> {
        let id = self.allocate_item(key, meta, value_len, Some(slot.id))?;
        let slot = self.slot_of(slot.id);
        Some((id, slot.expect("an item that is kept stays in the table")))
    }

    /// Writes a number, filled up with blanks.
    ///
    /// # Safety
    /// 1. No other thread reads or writes the value: the item is not linked, or its stripe is held
    ///    and it has no reference but its link's.
    unsafe fn overwrite_number(&self, id: ItemId, text: &[u8]) {
        let (store, header) = (self.store, self.store.header(id));
        let blanks = [b' '; 64];
        // SAFETY: within the value, which is the caller's alone (1).
        unsafe {
            store.write_value(id, 0, text);
            let mut at = text.len();
            while at < header.value_len() {
                let len = blanks.len().min(header.value_len() - at);
                store.write_value(id, at, &blanks[..len]);
                at += len;
            }
        }
        header.accessed_s.store(self.moment().now_s(), Relaxed);
    }
}

/// Removing.
impl Held<'_, '_> {
    fn mark_stale(&self, id: ItemId, removal: &Removal) {
        let header = self.store.header(id);
        header.remove_state(state::WIN_SENT);
        header.add_state(state::STALE);
        if let Some(expires_s) = removal.expires_s {
            self.set_expiry(id, expires_s);
        }
        self.renew_cas(id, removal.cas);
    }

    /// Puts an item without a value in the place of the one at `slot`; gives the new one.
    fn empty(
        &mut self,
        key: &Key<'_>,
        slot: Slot<'_>,
        client_flags: u32,
        removal: &Removal,
    ) -> Result<ItemId, ChangeError> {
        let store = self.store;
        let meta = Meta {
            client_flags,
            expires_s: removal.expires_s.unwrap_or(0),
        };
        let (id, slot) = self
            .allocate_beside(key, slot, meta, 0)
            .ok_or(ChangeError::NoMemory)?;
        let kept = store.cas_of(slot.id);
        if removal.stale {
            store.header(id).add_state(state::STALE);
        }
        self.notify_look_up(key);
        self.replace(slot, id);
        self.notify_stored(key.bytes(), id, &StoreRules::from(Mode::Set));
        match (removal.cas, removal.stale) {
            (0, true) => {} // the next one, which it has
            (0, false) => store.set_cas(id, kept),
            (given, _) => store.set_cas(id, given),
        }
        Ok(id)
    }
}
