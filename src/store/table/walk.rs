//! A walk through the whole table.

use super::super::item::ItemId;
use super::{Rows, Stripe, Table};

/// A walk through the whole table, one row of a stripe at a time, while others insert and
/// remove: it meets every item that stays there all the time exactly once.
///
/// A row is one of those that the stripe had when the walk came to it. Buckets that have been split
/// from it since are visited together with it; of a bucket that it has been merged with, only
/// what belongs to it counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk {
    stripe: usize,
    /// Buckets of the stripe when the walk came to it; 0 before that.
    buckets: u32,
    row: u32,
}

impl Walk {
    /// A walk that begins with this stripe, or with the first if there is none such.
    pub fn from_stripe(stripe: usize) -> Walk {
        Walk {
            stripe,
            ..Walk::default()
        }
    }

    /// The stripe that it has come to.
    pub fn stripe(&self) -> usize {
        self.stripe
    }
}

impl Table {
    /// Takes the stripe of the walk's next row and puts the items of that row, with their
    /// epochs, into `found`. `hash_of` gives the hash of any linked item. `None`: the walk is over.
    pub fn next_row(
        &self,
        walk: &mut Walk,
        found: &mut Vec<(ItemId, u8)>,
        hash_of: impl Fn(ItemId) -> u64,
    ) -> Option<Stripe<'_>> {
        found.clear();
        if walk.stripe >= self.stripes() {
            return None;
        }
        let stripe = self.lock_index(walk.stripe);
        let buckets = stripe.buckets();
        if walk.buckets == 0 {
            walk.buckets = buckets;
        }
        if buckets < walk.buckets {
            // The bucket of the row now, and who of it would have been in the row then.
            let (then, row) = (Rows::new(walk.buckets), walk.row);
            stripe.for_each_in(Rows::new(buckets).index(row.into()), |id, epoch| {
                if then.index(hash_of(id) >> self.stripe_bits) == row {
                    found.push((id, epoch));
                }
            });
        } else {
            // The number of hash bits that lead to this row, as the stripe was then.
            let round = 1u32 << walk.buckets.ilog2();
            let was_split = walk.row < walk.buckets - round || walk.row >= round;
            let step = if was_split { 2 * round } else { round };
            for row in (walk.row..buckets).step_by(step as usize) {
                stripe.for_each_in(row, |id, epoch| found.push((id, epoch)));
            }
        }
        walk.row += 1;
        if walk.row == walk.buckets {
            *walk = Walk::from_stripe(walk.stripe + 1);
        }
        Some(stripe)
    }
}
