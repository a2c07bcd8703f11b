//! The table against a naive twin, its packing, and its walks.

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
            items_max: 1 << 20,
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
        let hash_of = |id: ItemId| self.hashes[&id.raw()];
        assert!(
            self.table
                .lock(hash)
                .insert(hash, ItemId::from_raw(id), epoch, hash_of)
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
        let pool = twin.table.pool.lock().unwrap();
        assert_eq!(
            pool.free.len() as u32,
            pool.next - 1,
            "overflow nodes come back"
        );
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
    let (mut walk, mut found, mut next) = (Walk::default(), Vec::new(), 2001);
    let mut met = HashMap::new();
    while twin.table.next_row(&mut walk, &mut found).is_some() {
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

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_bucket_index_is_below_the_count_and_changes_only_by_splitting() {
    for buckets in 1..200u32 {
        for hash in 0..1000u64 {
            let (before, after) = (
                Rows::new(buckets).index(hash),
                Rows::new(buckets + 1).index(hash),
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
