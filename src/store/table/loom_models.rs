//! Models of the table alone, for loom: `make loom` runs them.

use super::super::item::ItemId;
use super::buckets::*;
use crate::sys::sync::atomic::Ordering::Relaxed;
use crate::sys::sync::explore;
use loom::thread;
use std::sync::Arc;

/// Items here have no memory: the hash of one follows from its id. The lowest bit is the stripe.
fn hash_of(id: ItemId) -> u64 {
    id.raw() << 48 | id.raw()
}

fn insert(table: &Table, id: u64) {
    let id = ItemId::of_no_arena(id);
    let hash = hash_of(id);
    assert!(table.lock(hash).insert(hash, id, 0, |_, id| hash_of(id)));
}

fn remove(table: &Table, id: u64) {
    let hash = hash_of(ItemId::of_no_arena(id));
    let stripe = table.lock(hash);
    let slot = stripe.find(hash, |found| found.raw() == id);
    stripe.remove(hash, slot.expect("it is linked"));
}

fn holds(table: &Table, id: u64) -> bool {
    let hash = hash_of(ItemId::of_no_arena(id));
    table
        .lock(hash)
        .find(hash, |found| found.raw() == id)
        .is_some()
}

/// Two stripes; that of the even ids has two buckets, and nothing else keeps the second row.
fn two_stripes() -> Arc<Table> {
    let size = Size {
        stripe_power: 1,
        hash_power: 2,
        expand: true,
    };
    let table = Arc::new(Table::new(&size).unwrap());
    [2, 4, 6, 1].into_iter().for_each(|id| insert(&table, id));
    assert_eq!(table.stripe_size(0).buckets(), 2);
    assert_eq!(table.stripe_size(1).buckets(), 1);
    table
}

#[test]
fn a_row_is_not_given_back_under_a_stripe_that_begins_to_use_it() {
    explore(Some(3), || {
        let table = two_stripes();
        let shared = Arc::clone(&table);
        let shrinking = thread::spawn(move || {
            remove(&shared, 6);
            remove(&shared, 4);
        });
        insert(&table, 5);
        shrinking.join().unwrap();
        for id in [1, 2, 5] {
            assert!(holds(&table, id), "item {id} is lost");
        }
        let rows = table.rows.load(Relaxed);
        assert!((0..2).all(|stripe| table.stripe_size(stripe).buckets() as usize <= rows));
    });
}

#[test]
fn two_stripes_that_shrink_and_grow_give_back_only_what_neither_has() {
    explore(Some(2), || {
        let table = two_stripes();
        let shared = Arc::clone(&table);
        let other = thread::spawn(move || {
            insert(&shared, 5);
            remove(&shared, 5);
        });
        remove(&table, 6);
        remove(&table, 4);
        insert(&table, 4);
        insert(&table, 6);
        other.join().unwrap();
        for id in [1, 2, 4, 6] {
            assert!(holds(&table, id), "item {id} is lost");
        }
    });
}

#[test]
fn a_peek_finds_whole_words_whatever_becomes_of_the_bucket() {
    explore(Some(2), || {
        let size = Size {
            stripe_power: 0,
            hash_power: 1,
            expand: false,
        };
        let table = Arc::new(Table::new(&size).unwrap());
        [1, 2].into_iter().for_each(|id| insert(&table, id));
        let shared = Arc::clone(&table);
        let other = thread::spawn(move || {
            insert(&shared, 3);
            remove(&shared, 3);
        });
        let hash = hash_of(ItemId::of_no_arena(2));
        let mut seen = Vec::new();
        let hint = match table.probe(hash, |id| seen.push(id.raw())) {
            Probe::Seen(hint) => hint,
            Probe::Nothing | Probe::Overflow => Hint::default(),
        };
        assert!(
            seen.iter().all(|&id| id == 2),
            "not an item of this tag: {seen:?}"
        );
        let slot = table.lock(hash).find_at(hint, hash, |id| {
            assert!((1..=3).contains(&id.raw()), "not an item: {id:?}");
            id.raw() == 2
        });
        assert_eq!(slot.map(|slot| slot.id.raw()), Some(2));
        other.join().unwrap();
    });
}
