//! Events: what an observer hears of.

#![forbid(unsafe_code)]

use super::terms::{AllocError, Mode, Outcome};
use std::fmt;

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
        end: StoreEnd,
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
    /// A live item was evicted.
    Evicted {
        /// Whether a client had read it.
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
pub enum StoreEnd {
    /// The rules have been looked at.
    Judged(Outcome),
    /// There was no memory for the value.
    Refused(AllocError),
}

/// What hears of events.
pub trait Observer: Send + Sync {
    /// Something has happened to `key`.
    fn item(&self, key: &[u8], event: Event);

    /// A background thread has done something worth a line: `text` is that line, in fields
    /// of the form `name=value`, the first one its `type`.
    fn system(&self, text: &dyn fmt::Display);
}
