//! A batch: requests that are parsed together, so that all that they will touch can be fetched from
//! memory before the first of them is carried out.

#![forbid(unsafe_code)]

use crate::store::{Hint, Probe, Store};
use crate::wire::parse::BATCH;
use crate::wire::request::Request;
use std::iter::Zip;
use std::slice::Iter;

/// Requests, and where a look ahead has seen the items of their keys.
#[derive(Default)]
pub struct Batch {
    /// The requests, in order; at most [`BATCH`].
    requests: Vec<Request>,
    /// One for each, at the same place, and what is left of earlier batches behind them.
    hints: Vec<Hint>,
}

impl Batch {
    /// Forgets what was in it, and keeps the memory; where the next requests are to go.
    pub(super) fn begin(&mut self) -> &mut Vec<Request> {
        self.requests.clear();
        &mut self.requests
    }

    /// Whether it holds none.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The requests, in order.
    pub(super) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter()
    }

    /// The requests, each with its hint; after [`Batch::prefetch`].
    #[inline]
    pub(super) fn iter(&self) -> Zip<Iter<'_, Request>, Iter<'_, Hint>> {
        debug_assert!(self.requests.len() <= self.hints.len());
        self.requests.iter().zip(&self.hints)
    }

    /// Looks ahead for what the requests will touch, whose buckets have been asked for: fetches
    /// the items that they point at, then those that an overflow node points at.
    #[inline]
    pub(super) fn prefetch(&mut self, store: &Store) {
        if self.hints.len() < self.requests.len() {
            self.hints.resize(BATCH, Hint::default());
        }
        let mut overflow = 0u32;
        for (index, (request, hint)) in self.requests.iter().zip(&mut self.hints).enumerate() {
            let probe = request
                .command
                .hash()
                .map(|hash| store.prefetch_item(hash, request.command.value_len()));
            *hint = match probe {
                Some(Probe::Seen(seen)) => seen,
                Some(Probe::Overflow) => {
                    overflow |= 1 << index;
                    Hint::default()
                }
                Some(Probe::Nothing) | None => Hint::default(),
            };
        }
        while overflow != 0 {
            let request = &self.requests[overflow.trailing_zeros() as usize];
            if let Some(hash) = request.command.hash() {
                store.prefetch_overflow(hash);
            }
            overflow &= overflow - 1;
        }
    }
}
