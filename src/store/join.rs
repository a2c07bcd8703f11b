//! Append and prepend: a value put after another one, or before it.
//!
//! The joined value is built beside the old one, without the stripe, for that may take long. The
//! old item is pinned meanwhile, so that nobody writes it in place, and looked at again before the
//! new one takes its place: it must be the same item, alive, with the cas id that was seen with the
//! pin. Otherwise all begins anew. Where others change it all the time that would have no end, so
//! after a few tries the copy is made under the stripe, as arithmetic does.

use super::draft::Draft;
use super::engine::Store;
use super::found::REFS_MAX;
use super::held::{Held, Keeping};
use super::item::ItemId;
use super::table::Slot;
use super::terms::{Meta, Mode, Outcome, StoreRules, Stored};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::Relaxed;

/// How often the joined value is built without the stripe: each time may be for nothing.
const JOINS_BESIDE: u32 = 2;

impl Store {
    /// Appends or prepends: builds the joined value beside the old one, which is pinned meanwhile
    /// so that nobody writes it in place, and starts over if that has changed; after a few tries
    /// under the stripe.
    pub(super) fn merge(
        &self,
        thread: &mut ThreadState,
        part: Draft<'_>,
        terms: &StoreRules,
    ) -> Stored {
        let hash = part.hash;
        let mut tries = 0..JOINS_BESIDE;
        let mut stripe = self.hold(hash);
        self.notify_look_up(thread, &stripe, hash, part.key());
        loop {
            let moment = stripe.moment();
            let refused = |thread: &ThreadState, outcome| {
                self.notify_stored(thread, moment, (part.key(), part.id), terms, outcome);
                Stored {
                    outcome,
                    cas: 0,
                    value_len: part.filled,
                }
            };
            let old = match self.to_join(thread, &stripe, &part, terms) {
                Err(outcome) => return refused(thread, outcome),
                Ok(Some(old)) => old,
                Ok(None) => {
                    let expires_s = terms.create.unwrap_or(0);
                    self.header(part.id).expires_s.store(expires_s, Relaxed);
                    return self.place(thread, &stripe, None, part, terms);
                }
            };
            // Where as many read the old value as may there is no pin to be had either.
            let may_pin = self.header(old.id).refs.load(Relaxed) < REFS_MAX;
            if !may_pin || tries.next().is_none() {
                let keeping = Keeping {
                    held: &stripe,
                    id: Some(old.id),
                };
                let joined = self.joined(thread, old.id, &part, terms.mode, Some(keeping));
                let Some(joined) = joined else {
                    return refused(thread, Outcome::NotStored);
                };
                let old = stripe.slot_of(hash, old.id);
                debug_assert!(old.is_some(), "an item that is kept stays in the table");
                return self.place_joined(thread, &stripe, old, joined, terms);
            }
            let (pinned, cas) = (self.pin(old.id), self.cas_of(old.id));
            drop(stripe);
            let joined = self.joined(thread, pinned.id(), &part, terms.mode, None);
            let Some(joined) = joined else {
                return refused(thread, Outcome::NotStored);
            };
            stripe = self.hold(hash);
            // The old item is alive at the moment at which the new one is linked, and as it was:
            // who marks it as stale gives it another cas id.
            let same = |slot: &Slot<'_>| slot.id == pinned.id() && self.cas_of(slot.id) == cas;
            let old = self.find_live_to_store(thread, &stripe, hash, part.key());
            if let Some(old) = old.filter(same) {
                // A touch may have changed the expiry since the copy was made.
                let expires_s = self.header(old.id).expires_s.load(Relaxed);
                self.header(joined.id).expires_s.store(expires_s, Relaxed);
                return self.place_joined(thread, &stripe, Some(old), joined, terms);
            }
        }
    }

    /// What a part is to be joined to: an item, or nothing, and then it becomes one.
    fn to_join<'t>(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'t>,
        part: &Draft<'_>,
        terms: &StoreRules,
    ) -> Result<Option<Slot<'t>>, Outcome> {
        let other = |slot: &Slot<'_>| {
            let given = terms.compare.filter(|&given| given != 0);
            given.is_some_and(|given| given != self.cas_of(slot.id))
        };
        match self.find_live_to_store(thread, stripe, part.hash, part.key()) {
            Some(slot) if other(&slot) => Err(Outcome::Exists),
            None if terms.create.is_none() => Err(Outcome::NotStored),
            found => Ok(found),
        }
    }

    fn place_joined(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'_>,
        old: Option<Slot<'_>>,
        joined: Draft<'_>,
        terms: &StoreRules,
    ) -> Stored {
        // How the key came is forgotten: two clients have written the value.
        let terms = StoreRules {
            binary_key: false,
            ..*terms
        };
        self.place(thread, stripe, old, joined, &terms)
    }

    /// The values of `old` and `part`, one after the other. `old` is pinned, or its stripe is held
    /// (then `keeping` says so).
    fn joined(
        &self,
        thread: &mut ThreadState,
        old: ItemId,
        part: &Draft<'_>,
        mode: Mode,
        keeping: Option<Keeping<'_>>,
    ) -> Option<Draft<'_>> {
        #[cfg(test)]
        run_test_hook(keeping.is_some());
        let header = self.header(old);
        let meta = Meta {
            client_flags: header.client_flags.load(Relaxed),
            expires_s: header.expires_s.load(Relaxed),
        };
        let key = part.key();
        let len = header.value_len() + part.filled;
        if !self.fits(key.len(), meta.client_flags, len) {
            return None;
        }
        let id = self.allocate_item(thread, key, meta, len, keeping)?;
        let mut joined = Draft::new(self, id, part.hash);
        // SAFETY: the old item is pinned, or its stripe is held and it is kept from being given up,
        // by the caller's word, so its value is neither freed nor written until this returns; a
        // finished draft is not written any more, and it is borrowed.
        let (old, new) = unsafe { (self.pieces(old), self.pieces(part.id)) };
        let mut write = |piece| joined.write_keeping(thread, piece, keeping);
        let copied = if mode == Mode::Append {
            old.chain(new).try_for_each(&mut write)
        } else {
            new.chain(old).try_for_each(&mut write)
        };
        copied.ok().map(|()| joined)
    }
}

/// What a test does before a value is joined; it is told whether the stripe is held.
#[cfg(test)]
type Act = Box<dyn FnMut(bool)>;

#[cfg(test)]
thread_local! {
    pub(super) static BEFORE_JOIN: std::cell::RefCell<Option<Act>> =
        const { std::cell::RefCell::new(None) };
}

#[cfg(test)]
fn run_test_hook(is_held: bool) {
    BEFORE_JOIN.with_borrow_mut(|test| {
        if let Some(test) = test {
            test(is_held);
        }
    });
}
