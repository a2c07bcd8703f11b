//! Reading: look-ups that count as an access, and values that outlive the stripe.

use super::item::{Header, ItemId, state};
use super::table::Stripe;
use super::{Local, Store};
use crate::counters::{ClassCounters, Counter, ThreadCounters};
use std::marker::PhantomData;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// References above which an item is refused to further readers; far above any real use,
/// far below where 16 bits end.
const REFS_MAX: u16 = 60_000;

/// Why a key is looked up; it decides what is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To read it.
    Get,
    /// To give it a new expiry (clock second, 0 never), and perhaps to read it.
    Touch(u32),
}

/// A live item, while its stripe is held (`'k`).
pub struct Found<'s, 'k> {
    store: &'s Store,
    id: ItemId,
    _held: PhantomData<&'k Stripe<'s>>,
}

impl Store {
    /// Looks `key` up as a client's access. `read` runs under the item's stripe: it must be
    /// short, and must not call the store. `None`: not there.
    #[inline]
    pub fn read<'s, R>(
        &'s self,
        local: &mut Local,
        key: &[u8],
        hash: u64,
        access: Access,
        read: impl for<'k> FnOnce(Found<'s, 'k>) -> R,
    ) -> Option<R> {
        let stripe = self.table.lock(hash);
        let found = self
            .find_live(local, &stripe, hash, key)
            .filter(|slot| self.header(slot.id).refs.load(Relaxed) < REFS_MAX);
        let thread = &local.counters.thread;
        let names = names_of(access);
        (names.asked)(thread).add(1);
        let Some(slot) = found else {
            (names.missed)(thread).add(1);
            return None;
        };
        let header = self.header(slot.id);
        (names.hit)(&local.counters.class[header.class()]).add(1);
        if let Access::Touch(expires_s) = access {
            header.expires_s.store(expires_s, Relaxed);
        }
        self.mark_hit(header);
        Some(read(Found {
            store: self,
            id: slot.id,
            _held: PhantomData,
        }))
    }

    /// The first hit marks an item as fetched, a later one as active; nothing else is
    /// written, so that items in steady use cause no traffic between caches.
    #[inline]
    fn mark_hit(&self, header: &Header) {
        match header.state() & (state::FETCHED | state::ACTIVE) {
            0 => header.add_state(state::FETCHED),
            state::FETCHED => {
                header.add_state(state::ACTIVE);
                header.accessed_s.store(self.clock.now(), Relaxed);
            }
            _ => {}
        }
    }
}

/// The counters of an access.
struct Names {
    asked: fn(&ThreadCounters) -> &Counter,
    missed: fn(&ThreadCounters) -> &Counter,
    hit: fn(&ClassCounters) -> &Counter,
}

#[inline]
fn names_of(access: Access) -> Names {
    match access {
        Access::Get => Names {
            asked: |t| &t.cmd_get,
            missed: |t| &t.get_misses,
            hit: |c| &c.get_hits,
        },
        Access::Touch(_) => Names {
            asked: |t| &t.cmd_touch,
            missed: |t| &t.touch_misses,
            hit: |c| &c.touch_hits,
        },
    }
}

impl<'s> Found<'s, '_> {
    /// Bytes of the value.
    #[inline]
    pub fn value_len(&self) -> usize {
        self.header().value_len()
    }

    /// The client flags.
    #[inline]
    pub fn client_flags(&self) -> u32 {
        self.header().client_flags.load(Relaxed)
    }

    /// The cas id, 0 with `-C`.
    #[inline]
    pub fn cas(&self) -> u64 {
        self.store.cas_of(self.id)
    }

    /// The value, if it lies in one piece.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        if self.header().has(state::CHUNKED) {
            return None;
        }
        // SAFETY: the stripe is held for as long as `self` lives.
        unsafe { self.store.pieces(self.id) }.next()
    }

    /// Keeps the value readable after the stripe is left.
    pub fn pin(&self) -> Pinned<'s> {
        self.store.pin(self.id)
    }

    #[inline]
    fn header(&self) -> &Header {
        self.store.header(self.id)
    }
}

/// A value that stays as it was when it was pinned, whatever becomes of its key.
///
/// It is counted in the item's `refs`, which stops others from writing the value in place
/// and keeps its memory from being given to another item.
pub struct Pinned<'s> {
    store: &'s Store,
    id: ItemId,
}

impl Store {
    /// Counts one more reference; the caller holds the stripe of the item.
    pub(super) fn pin(&self, id: ItemId) -> Pinned<'_> {
        self.header(id).refs.fetch_add(1, Acquire);
        Pinned { store: self, id }
    }
}

impl Pinned<'_> {
    /// The pieces of the value, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        // SAFETY: counted in `refs` for as long as `self` lives.
        unsafe { self.store.pieces(self.id) }
    }

    /// Bytes of the value.
    pub fn value_len(&self) -> usize {
        self.store.header(self.id).value_len()
    }

    pub(super) fn id(&self) -> ItemId {
        self.id
    }
}

/// For the debug commands that hold a reference on purpose.
impl Store {
    /// Counts a reference to `key` that only [`debug_unref`](Store::debug_unref) gives up.
    pub fn debug_ref(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.table.lock(hash);
        let slot = self.find(&stripe, hash, key);
        slot.map(|slot| std::mem::forget(self.pin(slot.id)))
            .is_some()
    }

    /// Gives up a reference that `debug_ref` has counted.
    pub fn debug_unref(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.table.lock(hash);
        let slot = self.find(&stripe, hash, key);
        slot.map(|slot| {
            drop(Pinned {
                store: self,
                id: slot.id,
            })
        })
        .is_some()
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        self.store.drop_ref(None, self.id);
    }
}
