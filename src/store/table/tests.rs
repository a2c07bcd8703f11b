//! The table against a naive twin, its packing, and its walks.

use super::super::item::ItemId;
use super::buckets::*;
use super::stripe::*;
use super::stripe_size::StripeSize;
use super::word::*;
use super::*;
use std::collections::HashMap;

/// Items here have no memory: their hash is looked up in a list by id.
struct Twin {
    table: Table,
    hashes: HashMap<u64, u64>,
    linked: HashMap<u64, u8>,
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ x >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

impl Twin {
    fn new(stripe_power: u32, hash_power: u32, expand: bool) -> Twin {
        let size = Size {
            stripe_power,
            hash_power,
            expand,
        };
        Twin {
            table: Table::new(&size).unwrap(),
            hashes: HashMap::new(),
            linked: HashMap::new(),
        }
    }

    fn insert(&mut self, id: u64, hash: u64, epoch: u8) {
        self.hashes.insert(id, hash);
        let hash_of = |_: &Stripe<'_>, id: ItemId| self.hashes[&id.raw()];
        assert!(
            self.table
                .lock(hash)
                .insert(hash, ItemId::of_no_arena(id), epoch, hash_of)
        );
        self.linked.insert(id, epoch);
    }

    fn remove(&mut self, id: u64) {
        let hash = self.hashes[&id];
        let stripe = self.table.lock(hash);
        let slot = stripe.find(hash, |found| found.raw() == id);
        assert_eq!(slot.is_some(), self.linked.remove(&id).is_some());
        if let Some(slot) = slot {
            stripe.remove(hash, slot);
        }
    }

    fn next_row(&self, walk: &mut TableWalk, found: &mut Vec<(ItemId, u8)>) -> bool {
        let hash_of = |_: &Stripe<'_>, id: ItemId| self.hashes[&id.raw()];
        self.table.next_row(walk, found, hash_of).is_some()
    }

    fn check(&self) {
        for (id, epoch) in &self.linked {
            let hash = self.hashes[id];
            let slot = self.table.lock(hash).find(hash, |found| found.raw() == *id);
            assert_eq!(slot.map(|s| s.epoch), Some(*epoch), "item {id} is lost");
        }
        let mut walked = 0;
        for index in 0..self.table.stripes() {
            self.table.lock_index(index).for_each(|id, epoch| {
                assert_eq!(self.linked.get(&id.raw()), Some(&epoch));
                walked += 1;
            });
        }
        assert_eq!(walked, self.linked.len());
        assert_eq!(self.table.usage().items, walked as u64);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_random_run_of_insertions_and_removals_agrees_with_a_map() {
    for (stripe_power, hash_power, expand) in [(0, 3, true), (4, 8, true), (3, 6, false)] {
        let mut twin = Twin::new(stripe_power, hash_power, expand);
        let mut seed = 7;
        for step in 0..30_000u64 {
            seed = mix(seed + step);
            let id = 1 + seed % 5000;
            // Few distinct tags and many equal hashes: chains get long, tags lie.
            let hash = mix(id / 3) & 0x0003_ffff_ffff_ffff;
            if twin.linked.contains_key(&id) {
                twin.remove(id);
            } else if seed % 7 != 0 {
                twin.insert(id, hash, (seed >> 20) as u8 % EPOCHS);
            }
            if step % 5000 == 0 {
                twin.check();
            }
        }
        twin.check();
        for id in 1..=5000 {
            if twin.linked.contains_key(&id) {
                twin.remove(id);
            }
        }
        twin.check();
        assert!(twin.table.nodes.are_all_free(), "overflow nodes come back");
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn growth_keeps_the_load_near_its_target() {
    let mut twin = Twin::new(4, 7, true);
    for id in 1..=50_000 {
        twin.insert(id, mix(id), 0);
    }
    twin.check();
    let buckets = f64::from(ITEMS_PER_BUCKET) * twin.table.usage().bytes as f64 / 64.0;
    assert!(
        buckets > 50_000.0 && buckets < 70_000.0,
        "room for {buckets} items at the target load"
    );
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_walk_meets_everything_once_though_the_table_grows_and_shrinks_under_it() {
    let mut twin = Twin::new(2, 6, true);
    for id in 1..=2000 {
        twin.insert(id, mix(id), 3);
    }
    let (mut walk, mut found, mut next) = (TableWalk::default(), Vec::new(), 2001);
    let mut met = HashMap::new();
    while twin.next_row(&mut walk, &mut found) {
        for (id, epoch) in &found {
            assert_eq!(*epoch, 3);
            *met.entry(id.raw()).or_insert(0) += 1;
        }
        // Others come, so that buckets are split before and behind the walk, and some go.
        for _ in 0..40 {
            twin.insert(next, mix(next), 3);
            next += 1;
        }
        twin.remove(next - 7);
    }
    twin.check();
    for id in 1..=2000 {
        assert_eq!(met.get(&id), Some(&1), "item {id}");
    }
    assert!(met.values().all(|&times| times == 1));
    assert!(next > 20_000, "it has grown meanwhile");
}

/// The table may have grown a thousandfold since a walk has come to a stripe, as under a dump that
/// its client does not read.
#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_walk_takes_one_bucket_at_a_time_whatever_has_become_of_the_table() {
    let mut twin = Twin::new(1, 6, true);
    for id in 1..=50 {
        twin.insert(id, mix(id), 3);
    }
    let (mut walk, mut found, mut most) = (TableWalk::default(), Vec::new(), 0);
    let mut met = HashMap::new();
    let mut note = |found: &[(ItemId, u8)]| {
        for (id, _) in found {
            *met.entry(id.raw()).or_insert(0) += 1;
        }
    };
    twin.next_row(&mut walk, &mut found);
    note(&found);
    for id in 51..=20_000 {
        twin.insert(id, mix(id), 3);
    }
    while twin.next_row(&mut walk, &mut found) {
        most = most.max(found.len());
        note(&found);
    }
    assert!(most < 40, "{most} items under one hold");
    for id in 1..=50 {
        assert_eq!(met.get(&id), Some(&1), "item {id}");
    }
    assert!(met.values().all(|&times| times == 1));
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_bucket_index_is_below_the_count_and_changes_only_by_splitting() {
    for buckets in 1..200u32 {
        for hash in 0..1000u64 {
            let (before, after) = (
                StripeSize::new(buckets).index(hash),
                StripeSize::new(buckets + 1).index(hash),
            );
            assert!(before < buckets);
            assert!(
                after == before || after == buckets && before == buckets - (1 << buckets.ilog2())
            );
        }
    }
}

#[test]
fn cas_ids_are_unique_across_stripes_and_grow_within_one() {
    let twin = Twin::new(2, 6, true);
    let mut seen = std::collections::HashSet::new();
    for hash in 0..4 {
        let mut last = 0;
        for _ in 0..100 {
            let cas = twin.table.lock(hash).next_cas();
            assert!(cas > last && seen.insert(cas));
            last = cas;
        }
    }
}

#[test]
fn a_stripe_that_is_held_is_refused_to_those_who_only_try() {
    let twin = Twin::new(1, 6, true);
    let held = twin.table.lock(4);
    assert!(twin.table.try_lock(6).is_none(), "the same stripe");
    assert!(
        twin.table.try_lock(6).is_none(),
        "a refusal must not free it"
    );
    assert!(twin.table.try_lock(5).is_some(), "another one");
    drop(held);
    assert!(twin.table.try_lock(6).is_some());
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_walk_meets_everything_once_though_the_table_shrinks_and_grows_again_under_it() {
    for step in [3, 40, 400] {
        let mut twin = Twin::new(2, 6, true);
        for id in 1..=20_000 {
            twin.insert(id, mix(id), 3);
        }
        let (mut walk, mut found, mut at) = (TableWalk::default(), Vec::new(), 0u64);
        let mut met = HashMap::new();
        let mut sizes = std::collections::HashSet::new();
        while twin.next_row(&mut walk, &mut found) {
            for (id, _) in &found {
                *met.entry(id.raw()).or_insert(0) += 1;
            }
            // All but the first 500 go, then they come again, then they go again.
            for _ in 0..step {
                let id = 501 + at % 19_500;
                match at / 19_500 % 2 {
                    0 => twin.remove(id),
                    _ => twin.insert(id, mix(id), 3),
                }
                at += 1;
            }
            sizes.insert(twin.table.stripe_size(walk.stripe().min(3)).buckets());
        }
        twin.check();
        for id in 1..=500 {
            assert_eq!(met.get(&id), Some(&1), "item {id}");
        }
        if step > 3 {
            assert!(sizes.len() > 20, "it has changed meanwhile: {sizes:?}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_table_that_was_emptied_is_as_small_as_a_new_one() {
    let mut twin = Twin::new(6, 9, true);
    let new = twin.table.usage();
    for round in 0..2 {
        for id in 1..=250_000 {
            twin.insert(id, mix(id), 0);
        }
        let full = twin.table.usage().bytes;
        assert!(full > 250_000 * 9, "round {round}: {full}");
        for id in 1..=250_000 {
            twin.remove(id);
        }
        let emptied = twin.table.usage();
        assert_eq!((emptied.items, emptied.power), (0, new.power));
        // Parts of a huge page, and nodes below the number that is worth giving back.
        assert!(
            emptied.bytes <= new.bytes + (4 << 20),
            "{emptied:?}, {new:?}"
        );
    }
    twin.check();
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn the_memory_of_a_table_is_in_proportion_to_its_items_whatever_the_keys() {
    for aimed in [0u64, 0x3ff, 0xffff, u64::MAX] {
        let mut twin = Twin::new(10, 16, true);
        let new = twin.table.usage().bytes;
        for id in 1..=60_000 {
            // All bits of the hash below the mask are alike: one stripe, a few buckets, one chain.
            twin.insert(id, mix(id) & !aimed | 0x1234 & aimed, 0);
            if aimed == u64::MAX && id == 3000 {
                break; // one chain of equal hashes: quadratic
            }
            if aimed == 0x3ff && id.is_multiple_of(1000) {
                // One stripe has all, and chains of a bounded length.
                let buckets = twin.table.stripe_size(0x234).buckets();
                assert!(
                    buckets.max(16) * 72 >= id as u32,
                    "{buckets} buckets, {id} items"
                );
            }
        }
        let usage = twin.table.usage();
        let each = (usage.bytes - new) / usage.items;
        assert!(each < 90, "{aimed:#x}: {each} bytes an item");
        if aimed != u64::MAX {
            continue;
        }
        twin.check();
    }
}
