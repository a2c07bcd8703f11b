//! The seam for whoever wants to know what happens to items.
//!
//! A thread's part of the store may hold an [`Observer`]. Without one, which is the rule, each
//! point where something happens costs a look at a word of that part. With one it is told on
//! the spot: under the item's stripe, and perhaps under an LRU list, so it must be brief and
//! must not call the store.

#![forbid(unsafe_code)]

use super::item::{ItemId, state};
use super::moment::{Held, Moment};
use super::write::{Mode, Outcome, Refused, Terms};
use super::{Local, Store};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What has happened to an item, or to a key without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key was looked up, for whatever purpose.
    LookedUp {
        /// What was there.
        seen: Seen,
        /// Slab class, 0 if there is no item.
        class: u8,
        /// Bytes of the value.
        value_len: u32,
    },
    /// An attempt to store has ended.
    Stored {
        /// How.
        end: End,
        /// What was to be done with the value.
        mode: Mode,
        /// Whether the item had to have a certain cas id.
        compares: bool,
        /// Seconds until the expiry, modulo 2^32; 0 never.
        ttl_s: u32,
        /// Slab class, 0 if there was no memory.
        class: u8,
        /// Bytes of the value, 0 if there was no memory.
        value_len: u32,
    },
    /// A live item was removed to make room.
    Evicted {
        /// Whether anybody had read it.
        is_fetched: bool,
        /// Seconds until it would have expired, none if never.
        ttl_s: Option<u32>,
        /// Seconds since the last access.
        idle_s: u32,
        /// Slab class.
        class: u8,
        /// Bytes of the value.
        value_len: u32,
    },
    /// An item was removed, or emptied, because a client asked for it.
    Removed {
        /// The command, as the client knows it.
        by: &'static str,
        /// Slab class.
        class: u8,
        /// Bytes of the value; of what is left, if it was emptied.
        value_len: u32,
    },
}

/// What a look-up has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An item.
    Found,
    /// Nothing.
    NotFound,
    /// An item from before a flush, which is removed.
    Flushed,
    /// An item whose time is over, which is removed.
    Expired,
}

/// How an attempt to store has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The terms have been looked at.
    Judged(Outcome),
    /// There was no memory for the value.
    Refused(Refused),
}

/// Who is told.
pub trait Observer: Send + Sync {
    /// Something has happened to `key`.
    fn item(&self, key: &[u8], event: Event);

    /// A background thread has done something worth a line: `text` is that line, in fields
    /// of the form `name=value`, the first one its `type`.
    fn system(&self, text: &dyn fmt::Display);
}

impl Local {
    /// Tells `observer` from now on what this thread does, or nobody.
    pub fn set_observer(&mut self, observer: Option<Arc<dyn Observer>>) {
        self.observer = observer;
    }

    /// Whether anybody is told.
    #[inline]
    pub fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// Tells of something that is not about one key.
    pub fn tell_system(&self, text: &dyn fmt::Display) {
        if let Some(observer) = &self.observer {
            observer.system(text);
        }
    }

    fn tell(&self, key: &[u8], event: Event) {
        if let Some(observer) = &self.observer {
            observer.item(key, event);
        }
    }
}

impl Store {
    /// Tells that `key` is looked up. To be called before that is done, since a dead item is
    /// removed then.
    #[inline]
    pub(super) fn tell_look_up(&self, local: &Local, stripe: &Held<'_>, hash: u64, key: &[u8]) {
        if local.is_observed() {
            self.tell_what_is_there(local, stripe, hash, key);
        }
    }

    #[cold]
    fn tell_what_is_there(&self, local: &Local, stripe: &Held<'_>, hash: u64, key: &[u8]) {
        let (slot, moment) = (self.find(stripe, hash, key), stripe.moment());
        let seen = match &slot {
            None => Seen::NotFound,
            Some(slot) if moment.is_flushed(slot.epoch) => Seen::Flushed,
            Some(slot) if self.is_dead(moment, slot) => Seen::Expired,
            Some(_) => Seen::Found,
        };
        let found = slot.filter(|_| seen == Seen::Found);
        let (class, value_len) = found.map_or((0, 0), |slot| self.size_of(slot.id));
        local.tell(
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
    pub(super) fn tell_stored(
        &self,
        local: &Local,
        moment: Moment,
        (key, id): (&[u8], ItemId),
        terms: &Terms,
        outcome: Outcome,
    ) {
        if local.is_observed() {
            let ttl_s = ttl_s(moment, self.header(id).expires_s.load(Relaxed));
            let (end, size) = (End::Judged(outcome), self.size_of(id));
            self.tell_end(local, key, terms, end, ttl_s, size);
        }
    }

    /// The same for a value that has not become an item.
    #[inline]
    pub(super) fn tell_not_stored(&self, local: &Local, key: &[u8], terms: &Terms, end: End) {
        if local.is_observed() {
            self.tell_end(local, key, terms, end, 0, (0, 0));
        }
    }

    /// How an attempt to store has ended; only if there is anybody to tell. `ttl_s` as in
    /// [`Event::Stored`].
    #[cold]
    pub(super) fn tell_end(
        &self,
        local: &Local,
        key: &[u8],
        terms: &Terms,
        end: End,
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
        local.tell(key, event);
    }

    /// Tells that a linked live item goes to make room.
    #[inline]
    pub(super) fn tell_evicted(&self, local: &Local, stripe: &Held<'_>, id: ItemId) {
        if !local.is_observed() {
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
        local.tell(self.key_of(id, stripe), event);
    }

    /// Tells that a client has removed the item, or emptied it, by this command.
    #[inline]
    pub(super) fn tell_removed(
        &self,
        local: &Local,
        key: &[u8],
        id: ItemId,
        by: Option<&'static str>,
    ) {
        if local.is_observed()
            && let Some(by) = by
        {
            let (class, value_len) = self.size_of(id);
            let event = Event::Removed {
                by,
                class,
                value_len,
            };
            local.tell(key, event);
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
