//! Reading: look-ups that count as an access, and values that outlive the stripe.

use super::item::{Header, ItemId, state};
use super::lru::Segment;
use super::moment::{Held, Moment};
use super::table::Slot;
use super::write::Meta;
use super::{Hashed, Local, Store};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// References above which an item is refused to further readers; far above any real use,
/// far below where 16 bits end.
pub(super) const REFS_MAX: u16 = 60_000;

/// Why a key is looked up; it decides what is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To read it.
    Get,
    /// To give it a new expiry (clock second, 0 never), and perhaps to read it.
    Touch(u32),
}

/// How a key is looked up by a meta command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ask {
    /// A hit counts as a touch: the reader sets a new expiry.
    pub touches: bool,
    /// A hit leaves no mark.
    pub unmarked: bool,
    /// If there is no item an empty one is made, with this cas id or, if that is 0, the next.
    pub create: Option<u64>,
}

/// A live item, while its stripe is held (`'k`).
pub struct Found<'s, 'k> {
    store: &'s Store,
    id: ItemId,
    held: &'k Held<'s>,
}

impl Store {
    /// Looks `key` up as a client's access. `read` runs under the item's stripe: it must be
    /// short, and must not call the store. `None`: not there.
    #[inline]
    pub fn read<'s, R>(
        &'s self,
        local: &mut Local,
        key: &[u8],
        hash: impl Into<Hashed>,
        access: Access,
        read: impl for<'k> FnOnce(Found<'s, 'k>) -> R,
    ) -> Option<R> {
        let sought = hash.into();
        let hash = sought.hash;
        let stripe = self.hold(hash);
        let found = self.find_readable(local, &stripe, sought, key);
        let touch = matches!(access, Access::Touch(_));
        count_look(local, touch);
        let Some(slot) = found else {
            count_miss(local, touch);
            return None;
        };
        let header = self.header(slot.id);
        count_hit(local, header, touch);
        if let Access::Touch(expires_s) = access {
            self.retime(&stripe, slot.id, expires_s);
        }
        self.mark_hit(local, stripe.moment(), header, hash, slot.id);
        Some(read(Found::new(self, slot.id, &stripe)))
    }

    /// The same for a meta command: `read` may change the item, sees its marks as they were
    /// before, and is told whether the item was made for it.
    #[inline]
    pub fn read_meta<'s, R>(
        &'s self,
        local: &mut Local,
        key: &[u8],
        hash: impl Into<Hashed>,
        ask: &Ask,
        read: impl for<'k> FnOnce(Found<'s, 'k>, bool) -> R,
    ) -> Option<R> {
        let sought = hash.into();
        let hash = sought.hash;
        let stripe = self.hold(hash);
        let found = self
            .find_readable(local, &stripe, sought, key)
            .map(|slot| (slot.id, false));
        let made = || {
            self.make_empty(local, &stripe, hash, key, ask.create?)
                .map(|id| (id, true))
        };
        let Some((id, is_new)) = found.or_else(made) else {
            count_look(local, false);
            count_miss(local, false);
            return None;
        };
        let header = self.header(id);
        count_look(local, ask.touches);
        count_hit(local, header, ask.touches);
        let outcome = read(Found::new(self, id, &stripe), is_new);
        if !ask.unmarked {
            self.mark_hit(local, stripe.moment(), header, hash, id);
        }
        Some(outcome)
    }

    /// Looks `key` up without leaving a trace on the item; counted as a look of `me`.
    pub fn peek<'s, R>(
        &'s self,
        local: &mut Local,
        key: &[u8],
        hash: u64,
        read: impl for<'k> FnOnce(Found<'s, 'k>) -> R,
    ) -> Option<R> {
        local.counters.thread.cmd_meta.add(1);
        let stripe = self.hold(hash);
        let slot = self.find_live(local, &stripe, hash, key)?;
        Some(read(Found::new(self, slot.id, &stripe)))
    }

    /// Whether there is an item of that key, for a line of the log; counted as nothing.
    pub fn contains(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.hold(hash);
        let slot = self.find(&stripe, hash, key);
        slot.is_some_and(|slot| !self.is_dead(stripe.moment(), &slot))
    }

    #[inline]
    fn find_readable<'t>(
        &self,
        local: &mut Local,
        stripe: &Held<'t>,
        sought: Hashed,
        key: &[u8],
    ) -> Option<Slot<'t>> {
        self.find_live(local, stripe, sought, key)
            .filter(|slot| self.header(slot.id).refs.load(Relaxed) < REFS_MAX)
    }

    fn make_empty(
        &self,
        local: &mut Local,
        stripe: &Held<'_>,
        hash: u64,
        key: &[u8],
        cas: u64,
    ) -> Option<ItemId> {
        // One that has too many readers is there all the same.
        if self.find(stripe, hash, key).is_some() {
            return None;
        }
        let id = self.link_new(local, stripe, key, hash, Meta::default(), b"")?;
        if cas != 0 {
            self.set_cas(id, cas);
        }
        Some(id)
    }

    /// The first hit marks an item as fetched, a later one as active; nothing else is
    /// written, so that items in steady use cause no traffic between caches.
    #[inline]
    fn mark_hit(&self, local: &Local, moment: Moment, header: &Header, hash: u64, id: ItemId) {
        match header.state() & (state::FETCHED | state::ACTIVE) {
            0 => header.add_state(state::FETCHED),
            state::FETCHED => self.mark_active(local, moment, header, hash, id),
            _ => {}
        }
    }

    fn mark_active(&self, local: &Local, moment: Moment, header: &Header, hash: u64, id: ItemId) {
        header.add_state(state::ACTIVE);
        header.accessed_s.store(moment.now_s(), Relaxed);
        let is_cold = header.segment() == Segment::Cold as usize;
        if is_cold && moment.division().is_segmented() && !local.bumps.push(hash, id.raw()) {
            local.counters.thread.lru_bumps_dropped.add(1);
        }
    }
}

/// Counts that an item was asked for, to be touched or not.
#[inline]
fn count_look(local: &Local, touch: bool) {
    let thread = &local.counters.thread;
    if touch {
        thread.cmd_touch.add(1);
    } else {
        thread.cmd_get.add(1);
    }
}

/// Counts that it was not there.
#[cold]
fn count_miss(local: &Local, touch: bool) {
    let thread = &local.counters.thread;
    if touch {
        thread.touch_misses.add(1);
    } else {
        thread.get_misses.add(1);
    }
}

/// Counts that it was.
#[inline]
fn count_hit(local: &Local, header: &Header, touch: bool) {
    let class = &local.counters.class[header.class()];
    if touch {
        class.touch_hits.add(1);
    } else {
        class.hits_to(header.segment()).add(1);
    }
}

impl<'s, 'k> Found<'s, 'k> {
    /// The caller holds the stripe, and the item is linked in it.
    #[inline]
    pub(super) fn new(store: &'s Store, id: ItemId, held: &'k Held<'s>) -> Found<'s, 'k> {
        Found { store, id, held }
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

    /// The key.
    pub fn key(&self) -> &[u8] {
        self.store.key_of(self.id, self.held)
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
    pub fn set_expires_s(&self, second: u32) {
        self.store.retime(self.held, self.id, second);
    }

    /// What a client's expiry means at the moment of the command.
    pub fn expiry(&self, given: impl Into<i64>) -> u32 {
        self.store.clock.expiry_at(self.now_s(), given)
    }

    /// Whether it comes to its end before the time that a client names.
    pub fn ends_before(&self, given: i64) -> bool {
        let (now_s, at_s) = (self.now_s(), self.expires_s());
        self.store.clock.is_before(now_s, at_s, given)
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

    /// Whether a client has been told to renew it.
    #[inline]
    pub fn is_won(&self) -> bool {
        self.header().has(state::WON)
    }

    /// Notes that a client has been told to renew it.
    pub fn set_won(&self) {
        self.header().add_state(state::WON);
    }

    /// The slab class that it counts for.
    pub fn class(&self) -> usize {
        self.header().class()
    }

    /// Its accounting size.
    pub fn accounted_len(&self) -> u64 {
        self.store.accounted(self.id)
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
#[cfg(debug_assertions)]
impl Store {
    /// Counts a reference to `key` that only [`debug_unref`](Store::debug_unref) gives up.
    pub fn debug_ref(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.hold(hash);
        let slot = self.find(&stripe, hash, key);
        slot.map(|slot| std::mem::forget(self.pin(slot.id)))
            .is_some()
    }

    /// Gives up a reference that `debug_ref` has counted.
    pub fn debug_unref(&self, key: &[u8], hash: u64) -> bool {
        let stripe = self.hold(hash);
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
