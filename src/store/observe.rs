//! Notifying of what happens to items.
//!
//! A thread's state may hold an [`Observer`](super::Observer). Without one, which is the rule, each
//! point where something happens costs a look at a word of that state. With one it is called on
//! the spot: under the item's stripe, and perhaps under an LRU list, so it must be brief and
//! must not call the store.

#![forbid(unsafe_code)]

use super::draft::Draft;
use super::engine::Store;
use super::events::{Event, Seen, StoreEnd};
use super::held::{Held, HeldStripe};
use super::item::{ItemId, state};
use super::key::Key;
use super::moment::Moment;
use super::terms::{Outcome, StoreRules};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::Relaxed;

/// What an event says of an item.
#[derive(Clone, Copy, Default)]
pub(super) struct Described {
    /// Slab class, 0 if there is no item.
    pub class: u8,
    /// Bytes of the value.
    pub value_len: u32,
    /// Seconds until the expiry, modulo 2^32; 0 never.
    pub ttl_s: u32,
}

impl Held<'_, '_> {
    /// Notifies that `key` is looked up. To be called before that is done, since a dead item is
    /// removed then.
    #[inline]
    pub(super) fn notify_look_up(&self, key: &Key<'_>) {
        if self.thread.is_observed() {
            self.notify_what_is_there(key);
        }
    }

    #[cold]
    fn notify_what_is_there(&self, key: &Key<'_>) {
        let slot = self.find(key);
        let seen = match &slot {
            None => Seen::NotFound,
            Some(slot) if self.moment().is_flushed(slot.epoch) => Seen::Flushed,
            Some(slot) if self.is_dead(slot) => Seen::Expired,
            Some(_) => Seen::Found,
        };
        let found = slot.filter(|_| seen == Seen::Found);
        let Described {
            class, value_len, ..
        } = found.map_or(Described::default(), |slot| {
            self.store.describe(slot.id, self.moment())
        });
        let event = Event::LookedUp {
            seen,
            class,
            value_len,
        };
        self.thread.notify(key.bytes(), event);
    }

    /// Notifies that the item has been stored under `key`.
    #[inline]
    pub(super) fn notify_stored(&self, key: &[u8], id: ItemId, rules: &StoreRules) {
        if self.thread.is_observed() {
            let described = self.store.describe(id, self.moment());
            let end = StoreEnd::Judged(Outcome::Stored);
            self.thread.notify_store_end(key, rules, end, described);
        }
    }

    /// Notifies that a client has removed the item, or emptied it, by this command; without one
    /// observers do not hear of it.
    #[inline]
    pub(super) fn notify_removed(&self, key: &Key<'_>, id: ItemId, by: Option<&'static str>) {
        if self.thread.is_observed()
            && let Some(by) = by
        {
            let Described {
                class, value_len, ..
            } = self.store.describe(id, self.moment());
            let event = Event::Removed {
                by,
                class,
                value_len,
            };
            self.thread.notify(key.bytes(), event);
        }
    }
}

impl HeldStripe<'_> {
    /// Notifies that a linked live item is evicted.
    #[inline]
    pub(super) fn notify_evicted(&self, thread: &ThreadState, id: ItemId) {
        if !thread.is_observed() {
            return;
        }
        let header = self.store.header(id);
        let now_s = self.moment().now_s();
        let expires_s = header.expires_s.load(Relaxed);
        let Described {
            class, value_len, ..
        } = self.store.describe(id, self.moment());
        let event = Event::Evicted {
            is_fetched: header.has(state::FETCHED),
            ttl_s: (expires_s != 0).then(|| expires_s.saturating_sub(now_s)),
            idle_s: now_s.saturating_sub(header.accessed_s.load(Relaxed)),
            class,
            value_len,
        };
        thread.notify(self.store.key_of(id, self), event);
    }
}

impl ThreadState {
    /// Notifies that a draft, judged at that moment, has not been stored.
    #[inline]
    pub(super) fn notify_not_stored(
        &self,
        draft: &Draft<'_>,
        moment: Moment,
        rules: &StoreRules,
        outcome: Outcome,
    ) {
        if self.is_observed() {
            let described = draft.store.describe(draft.id, moment);
            let end = StoreEnd::Judged(outcome);
            self.notify_store_end(draft.key().bytes(), rules, end, described);
        }
    }

    /// Notifies that there was no memory for a value.
    #[inline]
    pub(super) fn notify_refused(&self, key: &[u8], rules: &StoreRules, end: StoreEnd) {
        if self.is_observed() {
            self.notify_store_end(key, rules, end, Described::default());
        }
    }

    /// How an attempt to store has ended; only if there is an observer.
    #[cold]
    pub(super) fn notify_store_end(
        &self,
        key: &[u8],
        rules: &StoreRules,
        end: StoreEnd,
        described: Described,
    ) {
        let event = Event::Stored {
            end,
            mode: rules.mode,
            compares: rules.compare.is_some(),
            ttl_s: described.ttl_s,
            class: described.class,
            value_len: described.value_len,
        };
        self.notify(key, event);
    }
}

impl Store {
    /// What an event of that moment says of an item.
    fn describe(&self, id: ItemId, moment: Moment) -> Described {
        let header = self.header(id);
        Described {
            class: header.class() as u8,
            value_len: header.value_len.load(Relaxed),
            ttl_s: ttl_s(moment, header.expires_s.load(Relaxed)),
        }
    }
}

/// Seconds until an expiry, modulo 2^32; 0 never.
pub(super) fn ttl_s(moment: Moment, expires_s: u32) -> u32 {
    match expires_s {
        0 => 0,
        second => second.wrapping_sub(moment.now_s()),
    }
}
