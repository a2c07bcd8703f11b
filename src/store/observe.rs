//! The seam for whoever wants to know what happens to items.
//!
//! A thread's part of the store may hold an [`Observer`]. Without one, which is the rule, each
//! point where something happens costs a look at a word of that part. With one it is told on
//! the spot: under the item's stripe, and perhaps under an LRU list, so it must be brief and
//! must not call the store.

#![forbid(unsafe_code)]

use super::engine::Store;
use super::events::{Event, Seen, StoreEnd};
use super::held::Held;
use super::item::{ItemId, state};
use super::moment::Moment;
use super::terms::{Outcome, StoreRules};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::Relaxed;

impl Store {
    /// Tells that `key` is looked up. To be called before that is done, since a dead item is
    /// removed then.
    #[inline]
    pub(super) fn notify_look_up(
        &self,
        thread: &ThreadState,
        stripe: &Held<'_>,
        hash: u64,
        key: &[u8],
    ) {
        if thread.is_observed() {
            self.notify_what_is_there(thread, stripe, hash, key);
        }
    }

    #[cold]
    fn notify_what_is_there(&self, thread: &ThreadState, stripe: &Held<'_>, hash: u64, key: &[u8]) {
        let (slot, moment) = (self.find(stripe, hash, key), stripe.moment());
        let seen = match &slot {
            None => Seen::NotFound,
            Some(slot) if moment.is_flushed(slot.epoch) => Seen::Flushed,
            Some(slot) if self.is_dead(moment, slot) => Seen::Expired,
            Some(_) => Seen::Found,
        };
        let found = slot.filter(|_| seen == Seen::Found);
        let (class, value_len) = found.map_or((0, 0), |slot| self.size_of(slot.id));
        thread.notify(
            key,
            Event::LookedUp {
                seen,
                class,
                value_len,
            },
        );
    }

    /// Tells what has become of an attempt to store the item, linked or not.
    #[inline]
    pub(super) fn notify_stored(
        &self,
        thread: &ThreadState,
        moment: Moment,
        (key, id): (&[u8], ItemId),
        terms: &StoreRules,
        outcome: Outcome,
    ) {
        if thread.is_observed() {
            let ttl_s = ttl_s(moment, self.header(id).expires_s.load(Relaxed));
            let (end, size) = (StoreEnd::Judged(outcome), self.size_of(id));
            self.notify_end(thread, key, terms, end, ttl_s, size);
        }
    }

    /// The same for a value that has not become an item.
    #[inline]
    pub(super) fn notify_not_stored(
        &self,
        thread: &ThreadState,
        key: &[u8],
        terms: &StoreRules,
        end: StoreEnd,
    ) {
        if thread.is_observed() {
            self.notify_end(thread, key, terms, end, 0, (0, 0));
        }
    }

    /// How an attempt to store has ended; only if there is anybody to tell. `ttl_s` as in
    /// [`Event::Stored`].
    #[cold]
    pub(super) fn notify_end(
        &self,
        thread: &ThreadState,
        key: &[u8],
        terms: &StoreRules,
        end: StoreEnd,
        ttl_s: u32,
        (class, value_len): (u8, u32),
    ) {
        let event = Event::Stored {
            end,
            mode: terms.mode,
            compares: terms.compare.is_some(),
            ttl_s,
            class,
            value_len,
        };
        thread.notify(key, event);
    }

    /// Tells that a linked live item goes to make room.
    #[inline]
    pub(super) fn notify_evicted(&self, thread: &ThreadState, stripe: &Held<'_>, id: ItemId) {
        if !thread.is_observed() {
            return;
        }
        let header = self.header(id);
        let now_s = stripe.moment().now_s();
        let expires_s = header.expires_s.load(Relaxed);
        let (class, value_len) = self.size_of(id);
        let event = Event::Evicted {
            is_fetched: header.has(state::FETCHED),
            ttl_s: (expires_s != 0).then(|| expires_s.saturating_sub(now_s)),
            idle_s: now_s.saturating_sub(header.accessed_s.load(Relaxed)),
            class,
            value_len,
        };
        thread.notify(self.key_of(id, stripe), event);
    }

    /// Tells that a client has removed the item, or emptied it, by this command.
    #[inline]
    pub(super) fn notify_removed(
        &self,
        thread: &ThreadState,
        key: &[u8],
        id: ItemId,
        by: Option<&'static str>,
    ) {
        if thread.is_observed()
            && let Some(by) = by
        {
            let (class, value_len) = self.size_of(id);
            let event = Event::Removed {
                by,
                class,
                value_len,
            };
            thread.notify(key, event);
        }
    }

    /// Class and bytes of the value.
    fn size_of(&self, id: ItemId) -> (u8, u32) {
        let header = self.header(id);
        (header.class() as u8, header.value_len.load(Relaxed))
    }
}

/// Seconds until an expiry, modulo 2^32; 0 never.
pub(super) fn ttl_s(moment: Moment, expires_s: u32) -> u32 {
    match expires_s {
        0 => 0,
        second => second.wrapping_sub(moment.now_s()),
    }
}
