//! A stripe that a command holds, with the moment that was read under it.

use super::engine::{KeepsKeys, Store};
use super::item::ItemId;
use super::moment::Moment;
use super::table::{Slot, Stripe, TableWalk};
use std::ops::Deref;

/// A held stripe, and the moment that was read under it.
pub(super) struct Held<'t> {
    stripe: Stripe<'t>,
    moment: Moment,
}

impl KeepsKeys for Held<'_> {}

impl<'t> Held<'t> {
    /// Reads the moment of a stripe that has been taken.
    #[inline]
    fn new(store: &Store, stripe: Stripe<'t>) -> Held<'t> {
        let moment = store.moment_under(&stripe);
        Held { stripe, moment }
    }

    /// What was read when it was taken.
    #[inline]
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// Where the item `id`, which is linked in this stripe, stands now.
    pub fn slot_of(&self, hash: u64, id: ItemId) -> Option<Slot<'t>> {
        self.stripe.find(hash, |found| found == id)
    }
}

impl<'t> Deref for Held<'t> {
    type Target = Stripe<'t>;

    #[inline]
    fn deref(&self) -> &Stripe<'t> {
        &self.stripe
    }
}

/// What a thread that looks for memory holds already: a search may take the place of items of
/// that stripe, which others could not leave to it, but not that of the item that is being changed.
///
/// Whoever holds a [`Slot`] of that stripe looks for it anew afterwards
/// ([`slot_of`](Held::slot_of)): what stands in a bucket moves when a neighbour is removed.
#[derive(Clone, Copy)]
pub(super) struct Keeping<'h> {
    /// The stripe.
    pub held: &'h Held<'h>,
    /// The item, if there is one.
    pub id: Option<ItemId>,
}

impl Store {
    /// Takes the stripe of `hash`.
    #[inline]
    pub(super) fn hold(&self, hash: u64) -> Held<'_> {
        Held::new(self, self.table.lock(hash))
    }

    /// The same if it is free.
    #[inline]
    pub(super) fn try_hold(&self, hash: u64) -> Option<Held<'_>> {
        Some(Held::new(self, self.table.try_lock(hash)?))
    }

    /// Takes the stripe of the next row of a walk; see `Table::next_row`.
    pub(super) fn hold_row(
        &self,
        walk: &mut TableWalk,
        found: &mut Vec<(ItemId, u8)>,
    ) -> Option<Held<'_>> {
        let row = self
            .table
            .next_row(walk, found, |stripe, id| self.hash_of(id, stripe));
        Some(Held::new(self, row?))
    }
}
