//! Tests of the store as a whole, and what they share: a store, and a client of it. Each ends with
//! the invariant walk.

use super::*;
use crate::counters::Counters;
use hash::Secret;
use std::sync::Arc;

mod commands;
mod moments;
mod upkeep;

pub(super) fn config(memory_mb: u64) -> Config {
    Config {
        memory_bytes: memory_mb << 20,
        malloced_bytes: 0,
        item_size_max: 1 << 20,
        classes: ClassSizes {
            chunk_size_min: 48,
            factor: 1.25,
            explicit: None,
            chunk_max: 64 << 10,
        },
        use_cas: true,
        evict: true,
        segmented: true,
        hash_power: 12,
        hash_expand: true,
        secret: Secret::from_number(1),
        threads: 2,
    }
}

fn thread_state(store: &Store) -> ThreadState {
    store.join(Arc::new(Counters::new(CLASSES_MAX, 0)))
}

pub(super) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One client of a store, in plain words.
pub(super) struct Client<'s> {
    pub store: &'s Store,
    pub thread: ThreadState,
}

impl<'s> Client<'s> {
    pub fn new(store: &'s Store) -> Client<'s> {
        Client {
            store,
            thread: thread_state(store),
        }
    }

    pub fn put(
        &mut self,
        key: &[u8],
        value: &[u8],
        terms: impl Into<StoreRules>,
    ) -> std::result::Result<Outcome, AllocError> {
        let terms = terms.into();
        let meta = Meta::default();
        let stored = self
            .store
            .put(&mut self.thread, &self.store.key(key), meta, value, &terms)?;
        Ok(stored.outcome)
    }

    /// The same in pieces, as values arrive that are still on their way.
    pub fn upload(
        &mut self,
        key: &[u8],
        value: &[u8],
        mode: Mode,
    ) -> std::result::Result<Outcome, AllocError> {
        let (meta, terms) = (Meta::default(), mode.into());
        let len = value.len();
        let mut draft =
            self.store
                .draft(&mut self.thread, &self.store.key(key), meta, len, &terms)?;
        for piece in value.chunks(1000) {
            draft.write(&mut self.thread, piece)?;
        }
        Ok(self.store.commit(&mut self.thread, draft, &terms).outcome)
    }

    pub fn get(&mut self, key: &[u8]) -> Option<(Vec<u8>, u64)> {
        self.store.read(
            &mut self.thread,
            &self.store.key(key),
            Access::Get,
            |found| {
                (
                    found.pin().pieces().flatten().copied().collect(),
                    found.cas(),
                )
            },
        )
    }

    pub fn delete(&mut self, key: &[u8]) -> bool {
        self.store.delete(&mut self.thread, &self.store.key(key))
    }

    pub fn verify(&self) -> Census {
        self.store
            .verify(&Store::totals_of(&[&self.thread]))
            .unwrap()
    }
}

/// A value that can be told from any other: its key, then a pattern of its length.
pub(super) fn value_for(key: &[u8], len: usize) -> Vec<u8> {
    key.iter()
        .copied()
        .cycle()
        .zip(0..len)
        .map(|(b, i)| b ^ (i / 7) as u8)
        .collect()
}
