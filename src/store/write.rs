//! Writing: values that arrive at once or in pieces, and what a mode makes of them.
//!
//! A value that is already here is stored by [`Store::put`]; one that is still arriving is
//! received into a [`Draft`], memory that nobody else knows of, and linked by
//! [`Store::commit`]. Dropping a draft gives its memory back, so a client that goes away
//! leaves nothing behind.
//!
//! Where the new value fits the chunk of the old one and nobody is reading that, it is
//! written in its place: no chunk changes hands and no list is locked. The item is marked,
//! and who looks for a victim later treats it as new. How a value is put after or before another
//! is told in `join`.

use super::arena::Part;
use super::item::{HEADER_LEN, ItemId, state};
use super::lru::Segment;
use super::moment::{Held, Keeping, Moment};
use super::observe::{End, ttl_s};
use super::table::Slot;
use super::{Hashed, KEY_LEN_MAX, Local, Store, is_equal};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// What a client gives besides key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Meta {
    /// Client flags.
    pub client_flags: u32,
    /// Clock second of the expiry, 0 never.
    pub expires_s: u32,
}

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Stored in any case.
    Set,
    /// Stored if the key is not there.
    Add,
    /// Stored if the key is there.
    Replace,
    /// Put after the value that is there.
    Append,
    /// Put before the value that is there.
    Prepend,
}

/// On what terms a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What is done with it.
    pub mode: Mode,
    /// The cas id that the item there must have; 0 matches none, but for [`Mode::Append`] and
    /// [`Mode::Prepend`], to which it means any. Not looked at by [`Mode::Add`].
    pub compare: Option<u64>,
    /// With `compare`: a lower id, but 0, is taken too, but the value is stale at once.
    pub or_stale: bool,
    /// The id of the new item, 0 for the next one.
    pub cas: u64,
    /// Whether the key came in base64 and is to be shown so.
    pub binary_key: bool,
    /// Append and prepend: the expiry of an item that is made if there is none.
    pub create: Option<u32>,
    /// Whether a value that is refused for its size or for want of memory takes away what is
    /// there, so that nobody reads the old value after that.
    pub replaces: bool,
    /// Whether such a refusal is not counted.
    pub refusal_uncounted: bool,
}

impl From<Mode> for Terms {
    fn from(mode: Mode) -> Terms {
        Terms {
            mode,
            compare: None,
            or_stale: false,
            cas: 0,
            binary_key: false,
            create: None,
            replaces: mode == Mode::Set,
            refusal_uncounted: false,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored.
    Stored,
    /// The mode's condition does not hold, or the joined value is impossible.
    NotStored,
    /// Another cas id.
    Exists,
    /// No such key.
    NotFound,
    /// There is no memory for one more item in the table.
    NoMemory,
}

/// What became of a value, and of the item if there is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whether it was stored.
    pub outcome: Outcome,
    /// The new item's cas id, 0 if there is none.
    pub cas: u64,
    /// Bytes of the new item's value, or of the refused one.
    pub value_len: usize,
}

/// What the terms allow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// A new item.
    Fresh,
    /// A new item that is stale from the start and keeps the expiry of the old one.
    Stale,
    /// Nothing.
    Refused(Outcome),
}

/// Why there is no memory for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It can never fit.
    TooLarge,
    /// Not now.
    NoMemory,
    /// Not for all of it: memory ran out while the chunks of a large value were filled.
    NoMemoryInside,
}

/// Shortest value that becomes a chain when there is no chunk for the whole.
const CHAIN_LEN_MIN: usize = 4 << 10;

/// An item in the making: exclusive memory that nobody else can see.
///
/// 1. `id` is an allocated chunk of the store, with its header and key written, that is not
///    linked and has no references; a chunked one owns its chain.
/// 2. `filled` bytes of the value are written; `last` is the last chunk of the chain.
pub struct Draft<'s> {
    store: &'s Store,
    pub(super) id: ItemId,
    last: Option<ItemId>,
    pub(super) filled: usize,
    pub(super) hash: u64,
}

impl Store {
    /// Memory for a value of `value_len` bytes.
    ///
    /// # Errors
    /// [`Refused`], counted as the terms say. What is there is removed if the terms say so. When
    /// memory runs out later, inside of a large value, [`Draft::refuse`] does likewise.
    pub fn draft(
        &self,
        local: &mut Local,
        key: &[u8],
        hash: u64,
        meta: Meta,
        value_len: usize,
        terms: &Terms,
    ) -> Result<Draft<'_>, Refused> {
        let fits = self.fits(key.len(), meta.client_flags, value_len);
        let id = if fits {
            self.allocate_item(local, key, meta, value_len, None)
        } else {
            None
        };
        if let Some(id) = id {
            local.counters.class[self.header(id).class()].cmd_set.add(1);
            return Ok(Draft::new(self, id, hash));
        }
        let thread = &local.counters.thread;
        let (refused, counter) = if fits {
            (Refused::NoMemory, &thread.store_no_memory)
        } else {
            (Refused::TooLarge, &thread.store_too_large)
        };
        if !terms.refusal_uncounted {
            counter.add(1);
        }
        self.tell_not_stored(local, key, terms, End::Refused(refused));
        if terms.replaces {
            self.remove_quietly(local, key, hash);
        }
        Err(refused)
    }

    /// Stores a value that is here already.
    ///
    /// # Errors
    /// As [`draft`](Store::draft).
    #[inline]
    pub fn put(
        &self,
        local: &mut Local,
        key: &[u8],
        hash: impl Into<Hashed>,
        meta: Meta,
        value: &[u8],
        terms: &Terms,
    ) -> Result<Stored, Refused> {
        let sought = hash.into();
        if self.fits(key.len(), meta.client_flags, value.len())
            && let Some(stored) = self.put_in_place(local, key, sought, meta, value, terms)
        {
            return Ok(stored);
        }
        let hash = sought.hash;
        let mut draft = self.draft(local, key, hash, meta, value.len(), terms)?;
        if let Err(refused) = draft.write(local, value) {
            return Err(draft.refuse(local, terms, refused));
        }
        Ok(self.commit(local, draft, terms))
    }

    /// Links a complete draft if the terms allow it.
    pub fn commit(&self, local: &mut Local, draft: Draft<'_>, terms: &Terms) -> Stored {
        debug_assert_eq!(draft.filled, self.header(draft.id).value_len());
        if matches!(terms.mode, Mode::Append | Mode::Prepend) {
            return self.merge(local, draft, terms);
        }
        let (id, hash) = (draft.id, draft.hash);
        let stripe = self.hold(hash);
        self.tell_look_up(local, &stripe, hash, draft.key());
        let old = self.find_live_to_store(local, &stripe, hash, draft.key());
        let moment = stripe.moment();
        let verdict = self.verdict(local, moment, old.as_ref(), terms);
        if let Verdict::Refused(outcome) = verdict {
            self.tell_stored(local, moment, (draft.key(), id), terms, outcome);
            return Stored {
                outcome,
                cas: 0,
                value_len: draft.filled,
            };
        }
        if let (Verdict::Stale, Some(slot)) = (verdict, &old) {
            let header = self.header(slot.id);
            let expires_s = header.expires_s.load(Relaxed);
            self.header(id).expires_s.store(expires_s, Relaxed);
            self.header(id)
                .add_state(state::STALE | header.state() & state::WON);
        }
        self.place(local, &stripe, old, draft, terms)
    }

    /// Whether the terms let a value take the place of `old`; counts what that means for cas.
    fn verdict(
        &self,
        local: &Local,
        moment: Moment,
        old: Option<&Slot<'_>>,
        terms: &Terms,
    ) -> Verdict {
        match (terms.mode, old, terms.compare) {
            (Mode::Set, _, None) | (Mode::Add, None, _) | (Mode::Replace, Some(_), None) => {
                Verdict::Fresh
            }
            (Mode::Add, Some(slot), _) => {
                let header = self.header(slot.id);
                header.accessed_s.store(moment.now_s(), Relaxed);
                Verdict::Refused(Outcome::NotStored)
            }
            (_, None, Some(_)) => {
                local.counters.thread.cas_misses.add(1);
                Verdict::Refused(Outcome::NotFound)
            }
            (_, Some(slot), Some(given)) => {
                let class = &local.counters.class[self.header(slot.id).class()];
                let there = self.cas_of(slot.id);
                let verdict = if given != 0 && given == there {
                    Verdict::Fresh
                } else if terms.or_stale && given != 0 && given < there {
                    Verdict::Stale
                } else {
                    class.cas_badval.add(1);
                    return Verdict::Refused(Outcome::Exists);
                };
                class.cas_hits.add(1);
                verdict
            }
            (_, None, None) => Verdict::Refused(Outcome::NotStored),
            (Mode::Append | Mode::Prepend, Some(_), None) => Verdict::Fresh,
        }
    }

    /// Writes the value over the old one where that is possible. `None`: it is not, and
    /// nothing has been done.
    #[inline]
    fn put_in_place(
        &self,
        local: &mut Local,
        key: &[u8],
        sought: Hashed,
        meta: Meta,
        value: &[u8],
        terms: &Terms,
    ) -> Option<Stored> {
        if !matches!(terms.mode, Mode::Set | Mode::Replace) {
            return None;
        }
        let len = self.key_offset + key.len() + value.len();
        let classes = &self.slabs.classes;
        let (home, finer) = (classes.class_for(len)?, classes.finer_for(len));
        let hash = sought.hash;
        let stripe = self.hold(hash);
        let moment = stripe.moment();
        let slot = stripe
            .find_at(sought.hint, hash, |id| {
                is_equal(self.key_of(id, &stripe), key)
            })
            .filter(|slot| !self.is_dead(moment, slot))?;
        let header = self.header(slot.id);
        // Acquires: who read the value last is done with it before it is written over.
        let alone = header.refs.load(Acquire) == 1;
        let class = header.class();
        let fits = class == home || Some(class) == finer;
        // TEMP is entered, and left, with another life only: as a new item.
        let division = moment.division();
        let stays = (header.segment() == Segment::Temp as usize)
            == division.is_temporary(meta.expires_s, moment.now_s());
        if !alone || !fits || !stays || header.has(state::CHUNKED) {
            return None;
        }
        self.tell_look_up(local, &stripe, hash, key);
        local.counters.class[class].cmd_set.add(1);
        let mut mark = if terms.binary_key {
            state::KEY_BINARY
        } else {
            0
        };
        let mut meta = meta;
        match self.verdict(local, moment, Some(&slot), terms) {
            Verdict::Fresh => {}
            Verdict::Stale => {
                meta.expires_s = header.expires_s.load(Relaxed);
                mark |= state::STALE | header.state() & state::WON;
            }
            Verdict::Refused(outcome) => {
                if local.is_observed() {
                    let size = (class as u8, value.len() as u32);
                    let end = End::Judged(outcome);
                    let ttl_s = ttl_s(moment, meta.expires_s);
                    self.tell_end(local, key, terms, end, ttl_s, size);
                }
                return Some(Stored {
                    outcome,
                    cas: 0,
                    value_len: value.len(),
                });
            }
        }
        let before = self.accounted(slot.id);
        self.set_meta(slot.id, meta, value.len());
        // SAFETY: the stripe is held and nobody else has a reference; the class fits.
        unsafe { self.write_value(slot.id, 0, value) };
        header.accessed_s.store(moment.now_s(), Relaxed);
        header.set_state(state::LINKED | state::REWRITTEN | mark);
        self.renew_cas(&stripe, slot.id, terms.cas);
        local.counters.thread.total_items.add(1);
        self.account_again(local, slot.id, before);
        self.tell_stored(local, moment, (key, slot.id), terms, Outcome::Stored);
        Some(self.stored(slot.id))
    }

    fn stored(&self, id: ItemId) -> Stored {
        let value_len = self.header(id).value_len();
        Stored {
            outcome: Outcome::Stored,
            cas: self.cas_of(id),
            value_len,
        }
    }

    /// Gives the key of a finished draft its new item.
    pub(super) fn place(
        &self,
        local: &mut Local,
        key: &Held<'_>,
        old: Option<Slot<'_>>,
        draft: Draft<'_>,
        terms: &Terms,
    ) -> Stored {
        let (id, hash) = (draft.id, draft.hash);
        if terms.binary_key {
            self.header(id).add_state(state::KEY_BINARY);
        }
        match old {
            Some(slot) => self.replace(local, key, hash, slot, draft.into_id()),
            None if self.link(local, key, hash, id) => {
                draft.into_id();
            }
            None => {
                let told = (draft.key(), id);
                self.tell_stored(local, key.moment(), told, terms, Outcome::NoMemory);
                return Stored {
                    outcome: Outcome::NoMemory,
                    cas: 0,
                    value_len: draft.filled,
                };
            }
        }
        if terms.cas != 0 {
            self.set_cas(id, terms.cas);
        }
        let told = (self.key_of(id, key), id);
        self.tell_stored(local, key.moment(), told, terms, Outcome::Stored);
        self.stored(id)
    }

    /// Removes what is under `key`, without counting it as a delete.
    fn remove_quietly(&self, local: &mut Local, key: &[u8], hash: u64) {
        let stripe = self.hold(hash);
        if let Some(slot) = self.find_live(local, &stripe, hash, key) {
            self.unlink(local, &stripe, hash, slot);
        }
    }

    /// As `find_live`, for a thread that is about to store under the key: a dead item counts as
    /// reclaimed memory, as it does when a search meets it at a tail.
    pub(super) fn find_live_to_store<'t>(
        &self,
        local: &mut Local,
        stripe: &Held<'t>,
        hash: u64,
        key: &[u8],
    ) -> Option<Slot<'t>> {
        let slot = self.find(stripe, hash, key)?;
        let header = self.header(slot.id);
        if !self.is_dead(stripe.moment(), &slot) {
            return Some(slot);
        }
        self.count_reclaimed(&mut self.lru.class(header.class()), slot.id);
        self.bury(local, stripe, hash, slot);
        None
    }

    /// A chunk with header and key written, and room for the value or, if that is large,
    /// the start of a chain. `keeping`: what the caller holds, if it holds a stripe.
    pub(super) fn allocate_item(
        &self,
        local: &mut Local,
        key: &[u8],
        meta: Meta,
        value_len: usize,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        debug_assert!((1..=KEY_LEN_MAX).contains(&key.len()));
        let classes = &self.slabs.classes;
        let len = self.key_offset + key.len() + value_len;
        let may_be_whole = classes.class_for(len).is_some();
        let (id, is_chain) = match self.allocate(local, len, keeping) {
            Some(id) => (id, false),
            // Where no large chunk can be had small ones will do, if the value is worth it.
            None if may_be_whole && (!self.evict || value_len < CHAIN_LEN_MIN) => return None,
            None => (
                self.allocate(local, self.head_len(key.len()), keeping)?,
                true,
            ),
        };
        let header = self.header(id);
        header.set_key_len(key.len());
        let listed = if is_chain {
            classes.last()
        } else {
            self.arena.class_of(id)
        };
        header.set_place(listed, Segment::Cold as usize);
        header.refs.store(0, Relaxed);
        self.set_meta(id, meta, value_len);
        self.set_cas(id, 0);
        self.arena.writes(id, Part::Key);
        // SAFETY: the chunk is ours alone, and its class was chosen to hold the key.
        unsafe {
            let to = self.arena.at(id).add(self.key_offset);
            std::ptr::copy_nonoverlapping(key.as_ptr(), to.as_ptr(), key.len());
        }
        if is_chain {
            self.start_chain(id);
        }
        Some(id)
    }

    fn set_meta(&self, id: ItemId, meta: Meta, value_len: usize) {
        let header = self.header(id);
        header.client_flags.store(meta.client_flags, Relaxed);
        header.expires_s.store(meta.expires_s, Relaxed);
        header.value_len.store(value_len as u32, Relaxed);
    }

    /// Copies `bytes` into the value of an item that is not chunked, from its byte `at`.
    ///
    /// # Safety
    /// 1. `at + bytes.len()` is at most the value's length, which the chunk holds.
    /// 2. Nobody else reads or writes the value: the item is a draft, or its stripe is held
    ///    and it has no reference but its link's.
    pub(super) unsafe fn write_value(&self, id: ItemId, at: usize, bytes: &[u8]) {
        let header = self.header(id);
        debug_assert!(at + bytes.len() <= header.value_len());
        let offset = self.key_offset + header.key_len() + at;
        debug_assert!(offset + bytes.len() <= self.slabs.classes.size(self.arena.class_of(id)));
        self.arena.writes(id, Part::Value);
        // SAFETY: in bounds by (1), exclusive by (2); client bytes never lie in the arena.
        unsafe {
            let to = self.arena.at(id).add(offset);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len());
        }
    }
}

impl<'s> Draft<'s> {
    pub(super) fn new(store: &'s Store, id: ItemId, hash: u64) -> Draft<'s> {
        Draft {
            store,
            id,
            last: None,
            filled: 0,
            hash,
        }
    }

    /// The key.
    pub(super) fn key(&self) -> &[u8] {
        self.store.key_of(self.id, self)
    }

    /// Bytes of the value that have not been written.
    pub fn missing(&self) -> usize {
        self.store.header(self.id).value_len() - self.filled
    }

    /// Memory for the next bytes of the value: some of what is missing, or nothing if it is
    /// complete. What has been written there is then claimed with [`advance`](Draft::advance).
    ///
    /// # Errors
    /// [`Refused::NoMemoryInside`] if the chain needs a chunk and there is none.
    pub fn window(&mut self, local: &mut Local) -> Result<&mut [u8], Refused> {
        self.window_keeping(local, None)
    }

    fn window_keeping(
        &mut self,
        local: &mut Local,
        keeping: Option<Keeping<'_>>,
    ) -> Result<&mut [u8], Refused> {
        let (store, missing) = (self.store, self.missing());
        let header = store.header(self.id);
        if !header.has(state::CHUNKED) {
            let offset = store.key_offset + header.key_len() + self.filled;
            // SAFETY: by (1) the draft is exclusive memory, and the chunk holds the value; the
            // slice borrows the draft, so there is no other.
            return Ok(unsafe {
                std::slice::from_raw_parts_mut(
                    store.arena.at(self.id).add(offset).as_ptr(),
                    missing,
                )
            });
        }
        let full = |chunk: &ItemId| store.chunk_room(*chunk) == store.header(*chunk).value_len();
        if missing > 0 && self.last.as_ref().is_none_or(full) {
            let chunk = store.add_chunk(local, self.id, self.last, missing, keeping);
            self.last = Some(chunk.ok_or(Refused::NoMemoryInside)?);
        }
        let Some(chunk) = self.last else {
            return Ok(&mut []);
        };
        let (at, room) = store.chunk_window(chunk);
        // SAFETY: the rest of a chunk of this draft, which is exclusive memory (1); the slice
        // borrows the draft, so there is no other.
        Ok(unsafe { std::slice::from_raw_parts_mut(at.as_ptr(), room.min(missing)) })
    }

    /// Claims `len` bytes written to the last window.
    pub fn advance(&mut self, len: usize) {
        let room = match self.last {
            Some(chunk) => self.store.chunk_window(chunk).1.min(self.missing()),
            None => self.missing(),
        };
        assert!(len <= room, "more than the window held");
        self.filled += len;
        if let Some(chunk) = self.last {
            let used = &self.store.header(chunk).value_len;
            used.store(used.load(Relaxed) + len as u32, Relaxed);
        }
    }

    /// Writes the next bytes of the value.
    ///
    /// # Errors
    /// [`Refused::NoMemoryInside`] as [`window`](Draft::window).
    pub fn write(&mut self, local: &mut Local, bytes: &[u8]) -> Result<(), Refused> {
        self.write_keeping(local, bytes, None)
    }

    /// The same for one who holds a stripe.
    pub(super) fn write_keeping(
        &mut self,
        local: &mut Local,
        mut bytes: &[u8],
        keeping: Option<Keeping<'_>>,
    ) -> Result<(), Refused> {
        while !bytes.is_empty() {
            let window = self.window_keeping(local, keeping)?;
            let len = window.len().min(bytes.len());
            window[..len].copy_from_slice(&bytes[..len]);
            self.advance(len);
            bytes = &bytes[len..];
        }
        Ok(())
    }

    /// To be called when memory has run out while it was filled: tells observers, and if the value
    /// was to take the place of another in any case (a `set`), removes that one: a client that
    /// meant to replace it shall not read it for good. Gives the reason back.
    pub fn refuse(&self, local: &mut Local, terms: &Terms, refused: Refused) -> Refused {
        let (store, key) = (self.store, self.key());
        store.tell_not_stored(local, key, terms, End::Refused(refused));
        if terms.mode == Mode::Set && terms.compare.is_none() {
            store.remove_quietly(local, key, self.hash);
        }
        refused
    }

    /// The item, which is now the caller's to link.
    fn into_id(self) -> ItemId {
        let id = self.id;
        std::mem::forget(self);
        id
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        self.store.release(None, self.id);
    }
}

const _: () = assert!(HEADER_LEN.is_multiple_of(8), "a cas is aligned");
