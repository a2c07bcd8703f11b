//! A stripe that is held, with what belongs to it: the moment that was read under it, and the
//! thread that holds it.
//!
//! ```text
//! HeldStripe   store, stripe, moment          any item of the stripe: walks, page moves
//! Held         the same, thread, hash         one key of it: commands
//! ```
//!
//! What is done to an item under its stripe is a method of one of the two; `link` has those that
//! change the table and the lists.

#![forbid(unsafe_code)]

use super::engine::{KeepsKeys, Store};
use super::item::ItemId;
use super::key::Key;
use super::moment::Moment;
use super::table::{Slot, Stripe, TableWalk};
use super::thread_state::ThreadState;
use std::ops::Deref;

/// A held stripe, and the moment that was read under it.
pub(super) struct HeldStripe<'s> {
    pub store: &'s Store,
    stripe: Stripe<'s>,
    moment: Moment,
}

/// The stripe of a key, held by a thread. The key itself is an argument of the few methods that
/// compare it: that of a draft lies in the draft, which linking consumes.
pub(super) struct Held<'s, 't> {
    pub stripe: HeldStripe<'s>,
    pub thread: &'t mut ThreadState,
    pub hash: u64,
}

impl KeepsKeys for HeldStripe<'_> {}
impl KeepsKeys for Held<'_, '_> {}

impl<'s> HeldStripe<'s> {
    /// Reads the moment of a stripe that has been taken.
    #[inline]
    fn new(store: &'s Store, stripe: Stripe<'s>) -> HeldStripe<'s> {
        let moment = store.moment_under(&stripe);
        HeldStripe {
            store,
            stripe,
            moment,
        }
    }

    /// What was read when it was taken.
    #[inline]
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// The slot of `key`, live or not.
    #[inline]
    pub fn find(&self, key: &Key<'_>) -> Option<Slot<'s>> {
        let is_it = |id| key.is(self.store.key_of(id, self));
        self.stripe.find_at(key.hint(), key.hash(), is_it)
    }

    /// Where the item `id`, which is linked in this stripe, stands now.
    pub fn slot_of(&self, hash: u64, id: ItemId) -> Option<Slot<'s>> {
        self.stripe.find(hash, |found| found == id)
    }

    /// What a search for memory has to know of this stripe and of the item that is being changed.
    pub fn keeping(&self, id: Option<ItemId>) -> Keeping<'_> {
        Keeping { held: self, id }
    }

    /// Whether an item is there for no client any more: expired, or from before a flush.
    #[inline]
    pub fn is_dead(&self, slot: &Slot<'_>) -> bool {
        self.moment.is_flushed(slot.epoch)
            || self.store.header(slot.id).is_expired(self.moment.now_s())
    }
}

impl<'s> Deref for HeldStripe<'s> {
    type Target = Stripe<'s>;

    #[inline]
    fn deref(&self) -> &Stripe<'s> {
        &self.stripe
    }
}

impl<'s> Deref for Held<'s, '_> {
    type Target = HeldStripe<'s>;

    #[inline]
    fn deref(&self) -> &HeldStripe<'s> {
        &self.stripe
    }
}

/// What a thread that looks for memory holds already: a search may evict items of that stripe,
/// which other searches have to pass over, but not the item that is being changed.
///
/// A caller that has a [`Slot`] of that stripe looks for it anew afterwards
/// ([`slot_of`](HeldStripe::slot_of)): what stands in a bucket moves when a neighbour is removed.
#[derive(Clone, Copy)]
pub(super) struct Keeping<'h> {
    /// The stripe.
    pub held: &'h HeldStripe<'h>,
    /// The item, if there is one.
    pub id: Option<ItemId>,
}

impl Store {
    /// Takes the stripe of `hash` for a thread.
    #[inline]
    pub(super) fn hold<'s, 't>(&'s self, thread: &'t mut ThreadState, hash: u64) -> Held<'s, 't> {
        Held {
            stripe: self.hold_stripe(hash),
            thread,
            hash,
        }
    }

    /// The same if it is free.
    pub(super) fn try_hold<'s, 't>(
        &'s self,
        thread: &'t mut ThreadState,
        hash: u64,
    ) -> Option<Held<'s, 't>> {
        Some(Held {
            stripe: self.try_hold_stripe(hash)?,
            thread,
            hash,
        })
    }

    /// Takes the stripe of `hash`: for what changes no count.
    #[inline]
    pub(super) fn hold_stripe(&self, hash: u64) -> HeldStripe<'_> {
        HeldStripe::new(self, self.table.lock(hash))
    }

    /// Takes the stripe of `hash` if it is free.
    #[inline]
    pub(super) fn try_hold_stripe(&self, hash: u64) -> Option<HeldStripe<'_>> {
        Some(HeldStripe::new(self, self.table.try_lock(hash)?))
    }

    /// Takes the stripe of the next row of a walk; see `Table::next_row`.
    pub(super) fn hold_row(
        &self,
        walk: &mut TableWalk,
        found: &mut Vec<(ItemId, u8)>,
    ) -> Option<HeldStripe<'_>> {
        let row = self
            .table
            .next_row(walk, found, |stripe, id| self.hash_of(id, stripe));
        Some(HeldStripe::new(self, row?))
    }
}
