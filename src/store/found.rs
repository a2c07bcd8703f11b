//! A live item that a command has found, and values that outlive the stripe.

use super::engine::Store;
use super::held::HeldStripe;
use super::item::{Header, ItemId, state};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// References above which an item is refused to further readers; far above any real use,
/// far below where 16 bits end.
pub(super) const REFS_MAX: u16 = 60_000;

/// A live item, while its stripe is held (`'k`).
pub struct Found<'s, 'k> {
    id: ItemId,
    held: &'k HeldStripe<'s>,
}

impl<'s, 'k> Found<'s, 'k> {
    /// The caller holds the stripe, and the item is linked in it.
    #[inline]
    pub(super) fn new(id: ItemId, held: &'k HeldStripe<'s>) -> Found<'s, 'k> {
        Found { id, held }
    }

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
        self.store().cas_of(self.id)
    }

    /// The value, if it lies in one piece.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        if self.header().has(state::CHUNKED) {
            return None;
        }
        // SAFETY: the stripe is held for as long as `self` lives.
        unsafe { self.store().pieces(self.id) }.next()
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        self.store().key_of(self.id, self.held)
    }

    /// Whether the key came in base64.
    #[inline]
    pub fn is_key_binary(&self) -> bool {
        self.header().has(state::KEY_BINARY)
    }

    /// Clock second of the expiry, 0 never.
    pub fn expires_s(&self) -> u32 {
        self.header().expires_s.load(Relaxed)
    }

    /// Sets the expiry to a clock second, 0 never.
    pub fn set_expiry(&self, second: u32) {
        self.held.set_expiry(self.id, second);
    }

    /// What a client's expiry means at the moment of the command.
    pub fn expiry(&self, given: impl Into<i64>) -> u32 {
        self.store().clock.expiry_at(self.now_s(), given)
    }

    /// Whether it comes to its end before the time that a client names.
    pub fn ends_before(&self, given: i64) -> bool {
        let (now_s, at_s) = (self.now_s(), self.expires_s());
        self.store().clock.is_before(now_s, at_s, given)
    }

    /// Seconds until the expiry, none if there is none ahead. The moment is the one at which the
    /// item was found alive: an item in its last second has one left, whatever the clock says now.
    pub fn ttl_s(&self) -> Option<u32> {
        let (at, now) = (self.expires_s(), self.now_s());
        (at > now).then(|| at - now)
    }

    /// Seconds since the last access.
    pub fn idle_s(&self) -> u32 {
        self.now_s().saturating_sub(self.accessed_s())
    }

    /// The clock's second when the item was found.
    fn now_s(&self) -> u32 {
        self.held.moment().now_s()
    }

    /// Clock second of the last access.
    pub fn accessed_s(&self) -> u32 {
        self.header().accessed_s.load(Relaxed)
    }

    /// Whether it has been read.
    pub fn is_fetched(&self) -> bool {
        self.header().has(state::FETCHED)
    }

    /// Whether it is marked as out of date.
    #[inline]
    pub fn is_stale(&self) -> bool {
        self.header().has(state::STALE)
    }

    /// Whether a reply has asked a client to renew it.
    #[inline]
    pub fn is_win_sent(&self) -> bool {
        self.header().has(state::WIN_SENT)
    }

    /// Notes that the reply asks the client to renew it.
    pub fn set_win_sent(&self) {
        self.header().add_state(state::WIN_SENT);
    }

    /// The slab class that it counts for.
    pub fn class(&self) -> usize {
        self.header().class()
    }

    /// Its accounting size.
    pub fn accounted_len(&self) -> u64 {
        self.store().accounted(self.id)
    }

    /// Keeps the value readable after the stripe is left.
    pub fn pin(&self) -> Pinned<'s> {
        self.store().pin(self.id)
    }

    #[inline]
    fn store(&self) -> &'s Store {
        self.held.store
    }

    #[inline]
    fn header(&self) -> &Header {
        self.store().header(self.id)
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

    /// One that has been counted before.
    #[cfg(debug_assertions)]
    pub(super) fn counted(store: &Store, id: ItemId) -> Pinned<'_> {
        Pinned { store, id }
    }

    pub(super) fn id(&self) -> ItemId {
        self.id
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        self.store.drop_ref(None, self.id);
    }
}
