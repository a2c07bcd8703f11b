//! Changing what is there: arithmetic, removing, and marking as stale.

use super::engine::Store;
use super::found::Found;
use super::held::{Held, Keeping};
use super::item::{ItemId, state};
use super::table::Slot;
use super::terms::{Change, ChangeError, Meta, Mode, Outcome, Removal, StoreRules};
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
        key: &[u8],
        hash: u64,
        change: &Change,
        done: impl for<'k> FnOnce(Found<'s, 'k>, u64, bool) -> R,
    ) -> Result<R, ChangeError> {
        let stripe = self.hold(hash);
        let Some(slot) = self.find_live(thread, &stripe, hash, key) else {
            return self.create_number(thread, &stripe, key, hash, change, done);
        };
        let header = self.header(slot.id);
        // What can never be a number is told first, whatever the id: nothing, and pieces.
        if header.value_len() == 0 || header.has(state::CHUNKED) {
            return Err(ChangeError::NotNumeric);
        }
        if change
            .compare
            .is_some_and(|given| given != 0 && given != self.cas_of(slot.id))
        {
            return Err(ChangeError::Exists);
        }
        // Neither reading what is longer than any number nor a copy of it is worth the time.
        if header.value_len() > NUMBER_LEN_MAX {
            return Err(ChangeError::NotNumeric);
        }
        // SAFETY: the stripe is held, and the slice is dropped before the value is written.
        let number = unsafe { self.pieces(slot.id) }
            .next()
            .and_then(digits::parse_unsigned);
        let number = number.ok_or(ChangeError::NotNumeric)?;
        let class = &thread.counters.class[header.class()];
        if change.increment {
            &class.incr_hits
        } else {
            &class.decr_hits
        }
        .add(1);
        let sum = if change.increment {
            number.wrapping_add(change.delta)
        } else {
            number.saturating_sub(change.delta)
        };
        let id = self.write_number(thread, &stripe, key, hash, slot, sum)?;
        // A new item has a new id already.
        if id == slot.id || change.cas != 0 {
            self.renew_cas(&stripe, id, change.cas);
        }
        Ok(done(Found::new(self, id, &stripe), sum, false))
    }

    fn create_number<'s, R>(
        &'s self,
        thread: &mut ThreadState,
        stripe: &Held<'s>,
        key: &[u8],
        hash: u64,
        change: &Change,
        done: impl for<'k> FnOnce(Found<'s, 'k>, u64, bool) -> R,
    ) -> Result<R, ChangeError> {
        let Some(seed) = change.create else {
            let counters = &thread.counters.thread;
            if change.increment {
                &counters.incr_misses
            } else {
                &counters.decr_misses
            }
            .add(1);
            return Err(ChangeError::NotFound);
        };
        // It is stored like any other value, which takes a look of its own.
        self.notify_look_up(thread, stripe, hash, key);
        let text = &mut [0; U64_LEN_MAX];
        let text = digits::format(text, seed);
        let id = self
            .link_new(thread, stripe, key, hash, Meta::default(), text)
            .ok_or(ChangeError::NoMemoryForNew)?;
        let terms = StoreRules::from(Mode::Add);
        self.notify_stored(thread, stripe.moment(), (key, id), &terms, Outcome::Stored);
        if change.cas != 0 {
            self.set_cas(id, change.cas);
        }
        Ok(done(Found::new(self, id, stripe), seed, true))
    }

    /// Writes a number in the place of the old one, or puts a new item there.
    fn write_number(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'_>,
        key: &[u8],
        hash: u64,
        slot: Slot<'_>,
        number: u64,
    ) -> Result<ItemId, ChangeError> {
        let header = self.header(slot.id);
        let text = &mut [0; U64_LEN_MAX];
        let text = digits::format(text, number);
        let fits = text.len() <= header.value_len();
        // Acquires: who read the value last is done with it before it is written over.
        if fits && header.refs.load(Acquire) == 1 {
            self.overwrite_number(stripe, slot.id, text);
            return Ok(slot.id);
        }
        let meta = Meta {
            client_flags: header.client_flags.load(Relaxed),
            expires_s: header.expires_s.load(Relaxed),
        };
        // A number that has outgrown the old value gets its exact length. Where a reader holds
        // the value, a copy is written over instead: who adds need not know of readers.
        let (len, marks) = if fits {
            (header.value_len(), header.state() & OF_NUMBER)
        } else {
            (text.len(), 0)
        };
        let (id, slot) = self
            .allocate_beside(thread, stripe, key, hash, slot, meta, len)
            .ok_or(ChangeError::NoMemory)?;
        if self.header(id).has(state::CHUNKED) {
            // In pieces it would be a number no more.
            self.release(Some(thread), id);
            return Err(ChangeError::NoMemory);
        }
        self.overwrite_number(stripe, id, text);
        self.replace(thread, stripe, hash, slot, id);
        self.header(id).add_state(marks);
        Ok(id)
    }

    /// Memory for an item that will take the place of the one at `slot`, and where that stands
    /// then: its neighbours may have been given up for it.
    #[allow(clippy::too_many_arguments)] // all of one line of the protocol
    fn allocate_beside<'t>(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'t>,
        key: &[u8],
        hash: u64,
        slot: Slot<'_>,
        meta: Meta,
        value_len: usize,
    ) -> Option<(ItemId, Slot<'t>)> {
        let keeping = Keeping {
            held: stripe,
            id: Some(slot.id),
        };
        let id = self.allocate_item(thread, key, meta, value_len, Some(keeping))?;
        let slot = stripe.slot_of(hash, slot.id);
        Some((id, slot.expect("an item that is kept stays in the table")))
    }

    /// Writes a number, filled up with blanks. The item is the caller's alone: it is not linked, or
    /// its stripe is held and nobody else has a reference.
    fn overwrite_number(&self, stripe: &Held<'_>, id: ItemId, text: &[u8]) {
        let header = self.header(id);
        let blanks = [b' '; 64];
        // SAFETY: the item is the caller's alone, by its word; within the value.
        unsafe {
            self.write_value(id, 0, text);
            let mut at = text.len();
            while at < header.value_len() {
                let len = blanks.len().min(header.value_len() - at);
                self.write_value(id, at, &blanks[..len]);
                at += len;
            }
        }
        header.accessed_s.store(stripe.moment().now_s(), Relaxed);
    }

    /// Removes `key`; false if it is not there.
    pub fn delete(&self, thread: &mut ThreadState, key: &[u8], hash: u64) -> bool {
        let removal = Removal {
            event_name: Some("delete"),
            ..Removal::default()
        };
        self.remove(thread, key, hash, &removal).is_ok()
    }

    /// Removes `key`, or what there is about it.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has been done.
    pub fn remove(
        &self,
        thread: &mut ThreadState,
        key: &[u8],
        hash: u64,
        removal: &Removal,
    ) -> Result<(), ChangeError> {
        let stripe = self.hold(hash);
        let slot = self.find_live(thread, &stripe, hash, key);
        let wrong_id = |slot: &Slot<'_>| {
            removal
                .compare
                .is_some_and(|given| given != self.cas_of(slot.id))
        };
        let Some(slot) = slot.filter(|slot| !wrong_id(slot)) else {
            if slot.is_none() || !removal.mismatch_uncounted {
                thread.counters.thread.delete_misses.add(1);
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
                let id = self.empty(thread, &stripe, key, hash, slot, client_flags, removal)?;
                self.notify_removed(thread, key, id, removal.event_name);
            }
            None if removal.stale => {
                self.mark_stale(&stripe, slot.id, removal);
                return Ok(());
            }
            None => {
                self.notify_removed(thread, key, slot.id, removal.event_name);
                self.unlink(thread, &stripe, hash, slot);
            }
        }
        thread.counters.class[class].delete_hits.add(1);
        Ok(())
    }

    fn mark_stale(&self, key: &Held<'_>, id: ItemId, removal: &Removal) {
        let header = self.header(id);
        header.remove_state(state::WIN_SENT);
        header.add_state(state::STALE);
        if let Some(expires_s) = removal.expires_s {
            self.set_expiry(key, id, expires_s);
        }
        self.renew_cas(key, id, removal.cas);
    }

    /// Puts an item without a value in the place of the one at `slot`; gives the new one.
    #[allow(clippy::too_many_arguments)] // all of one line of the protocol
    fn empty(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'_>,
        key: &[u8],
        hash: u64,
        slot: Slot<'_>,
        client_flags: u32,
        removal: &Removal,
    ) -> Result<ItemId, ChangeError> {
        let meta = Meta {
            client_flags,
            expires_s: removal.expires_s.unwrap_or(0),
        };
        let (id, slot) = self
            .allocate_beside(thread, stripe, key, hash, slot, meta, 0)
            .ok_or(ChangeError::NoMemory)?;
        let kept = self.cas_of(slot.id);
        if removal.stale {
            self.header(id).add_state(state::STALE);
        }
        self.notify_look_up(thread, stripe, hash, key);
        self.replace(thread, stripe, hash, slot, id);
        let terms = StoreRules::from(Mode::Set);
        self.notify_stored(thread, stripe.moment(), (key, id), &terms, Outcome::Stored);
        match (removal.cas, removal.stale) {
            (0, true) => {} // the next one, which it has
            (0, false) => self.set_cas(id, kept),
            (given, _) => self.set_cas(id, given),
        }
        Ok(id)
    }
}
