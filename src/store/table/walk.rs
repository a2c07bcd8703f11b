//! A walk through the whole table.

use super::super::item::ItemId;
use super::buckets::Table;
use super::stripe::Stripe;

/// A walk through the whole table, one bucket of a stripe at a time, while others insert and
/// remove: it meets every item that stays there all the time exactly once.
///
/// Items are visited in the order of the bits of their hash, the lowest first. However many buckets
/// a stripe has, each holds a stretch of that order, so the walk need only know how far it has come:
/// a bucket that has been split since is two visits, and of one that has been merged with one
/// that was visited only the rest counts. The stripe is held for one bucket and its chain, whatever
/// has become of the table since the last visit.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableWalk {
    stripe: usize,
    /// Hashes of the stripe below this, by [`order`], have been visited.
    at: u64,
}

/// Where an item of that hash, less the bits that tell stripes apart, comes in a walk.
fn order(hash: u64) -> u64 {
    u64::from((hash as u32).reverse_bits())
}

impl TableWalk {
    /// A walk that begins with this stripe, or with the first if there is none such.
    pub fn from_stripe(stripe: usize) -> TableWalk {
        TableWalk {
            stripe,
            ..TableWalk::default()
        }
    }

    /// The stripe that it has come to.
    pub fn stripe(&self) -> usize {
        self.stripe
    }
}

impl Table {
    /// Takes the stripe of the walk's next bucket and puts the items of that, with their epochs,
    /// into `found`. `hash_of` gives the hash of any item of the stripe. `None`: the walk is over.
    pub fn next_row(
        &self,
        walk: &mut TableWalk,
        found: &mut Vec<(ItemId, u8)>,
        hash_of: impl Fn(&Stripe<'_>, ItemId) -> u64,
    ) -> Option<Stripe<'_>> {
        found.clear();
        if walk.stripe >= self.stripes() {
            return None;
        }
        let stripe = self.lock_index(walk.stripe);
        let rows = self.stripe_size(walk.stripe);
        // The order is its own inverse.
        let row = rows.index(order(walk.at));
        let begin = order(row.into());
        let is_next =
            |id| begin == walk.at || order(hash_of(&stripe, id) >> self.stripe_bits) >= walk.at;
        stripe.for_each_in(row, |id, epoch| {
            if is_next(id) {
                found.push((id, epoch));
            }
        });
        walk.at = begin + (1 << (u32::BITS - rows.bits_of(row)));
        if walk.at > u32::MAX.into() {
            *walk = TableWalk::from_stripe(walk.stripe + 1);
        }
        Some(stripe)
    }
}
