//! Append and prepend: a value put after another one, or before it.
//!
//! The joined value is built beside the old one, without the stripe, for that may take long. The
//! old item is pinned meanwhile, so that no thread writes it in place, and looked at again before
//! the new one takes its place: it must be the same item, alive, with the cas id that was seen with
//! the pin. Otherwise all begins anew. Where others change it all the time that would have no end,
//! so after a few tries the copy is made under the stripe, as arithmetic does.

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
    /// Appends or prepends `part`: see the head of this file.
    pub(super) fn join_values(
        &self,
        thread: &mut ThreadState,
        part: Draft<'_>,
        rules: &StoreRules,
    ) -> Stored {
        // How the key came is forgotten: two clients have written the joined value.
        let joined_rules = StoreRules {
            binary_key: false,
            ..*rules
        };
        let mut tries = 0..JOINS_BESIDE;
        let mut held = self.hold(thread, part.hash);
        held.notify_look_up(&part.key());
        loop {
            let moment = held.moment();
            let old = match held.item_to_join(&part, rules) {
                Err(outcome) => return part.not_stored(held.thread, moment, rules, outcome),
                Ok(Some(old)) => old,
                Ok(None) => {
                    let expires_s = rules.create.unwrap_or(0);
                    self.header(part.id).expires_s.store(expires_s, Relaxed);
                    return held.place(None, part, rules);
                }
            };
            // Where as many read the old value as may there is no pin to be had either.
            let may_pin = self.header(old.id).refs.load(Relaxed) < REFS_MAX;
            if !may_pin || tries.next().is_none() {
                let keeping = Some(held.stripe.keeping(Some(old.id)));
                let joined = self.joined(held.thread, old.id, &part, rules.mode, keeping);
                let Some(joined) = joined else {
                    return part.not_stored(held.thread, moment, rules, Outcome::NotStored);
                };
                let old = held.slot_of(old.id);
                debug_assert!(old.is_some(), "an item that is kept stays in the table");
                return held.place(old, joined, &joined_rules);
            }
            let (pinned, cas) = (self.pin(old.id), self.cas_of(old.id));
            drop(held);
            let joined = self.joined(thread, pinned.id(), &part, rules.mode, None);
            let Some(joined) = joined else {
                return part.not_stored(thread, moment, rules, Outcome::NotStored);
            };
            held = self.hold(thread, part.hash);
            // The old item is alive at the moment at which the new one is linked, and as it was:
            // marking it as stale gives it another cas id.
            let same = |slot: &Slot<'_>| slot.id == pinned.id() && self.cas_of(slot.id) == cas;
            let old = held.find_live_to_store(&part.key());
            if let Some(old) = old.filter(same) {
                // A touch may have changed the expiry since the copy was made.
                let expires_s = self.header(old.id).expires_s.load(Relaxed);
                self.header(joined.id).expires_s.store(expires_s, Relaxed);
                return held.place(Some(old), joined, &joined_rules);
            }
        }
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
        if !self.fits(key.bytes().len(), meta.client_flags, len) {
            return None;
        }
        let id = self.allocate_item(thread, key.bytes(), meta, len, keeping)?;
        let mut joined = Draft::new(self, id, part.hash);
        // SAFETY: the old item is pinned, or its stripe is held and searches do not evict it
        // (`keeping`), so its value is neither freed nor written until this returns; a finished
        // draft is not written any more, and it is borrowed.
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

impl<'s> Held<'s, '_> {
    /// What a part is to be joined to: an item, or nothing, and then it becomes one.
    fn item_to_join(
        &mut self,
        part: &Draft<'_>,
        rules: &StoreRules,
    ) -> Result<Option<Slot<'s>>, Outcome> {
        let store = self.store;
        let other = |slot: &Slot<'_>| {
            let given = rules.compare.filter(|&given| given != 0);
            given.is_some_and(|given| given != store.cas_of(slot.id))
        };
        match self.find_live_to_store(&part.key()) {
            Some(slot) if other(&slot) => Err(Outcome::Exists),
            None if rules.create.is_none() => Err(Outcome::NotStored),
            found => Ok(found),
        }
    }
}

/// What a test does before a value is joined; it gets whether the stripe is held.
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
