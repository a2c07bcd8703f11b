//! Drafts: items in the making.

use super::engine::{KeepsKeys, Store};
use super::events::StoreEnd;
use super::held::{Held, Keeping};
use super::item::{HEADER_LEN, ItemId, KEY_LEN_MAX, Part, state};
use super::key::Key;
use super::lru::Segment;
use super::moment::Moment;
use super::table::Slot;
use super::terms::{AllocError, Meta, Mode, Outcome, StoreRules, Stored};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::Relaxed;

/// Shortest value that becomes a chain when there is no chunk for the whole.
const CHAIN_LEN_MIN: usize = 4 << 10;

/// An item in the making: exclusive memory that no other thread can see.
///
/// 1. `id` is an allocated chunk of the store, with its header and key written, that is not
///    linked and has no references; a chunked one owns its chain.
/// 2. `filled` bytes of the value are written; `last` is the last chunk of the chain.
pub struct Draft<'s> {
    pub(super) store: &'s Store,
    pub(super) id: ItemId,
    last: Option<ItemId>,
    pub(super) filled: usize,
    pub(super) hash: u64,
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
    pub(super) fn key(&self) -> Key<'_> {
        Key::new(self.store.key_of(self.id, self), self.hash)
    }

    /// Bytes of the value that have not been written.
    pub fn missing(&self) -> usize {
        self.store.header(self.id).value_len() - self.filled
    }

    /// Memory for the next bytes of the value: some of what is missing, or nothing if it is
    /// complete. What has been written there is then claimed with [`advance`](Draft::advance).
    ///
    /// # Errors
    /// [`AllocError::NoMemoryInside`] if the chain needs a chunk and there is none.
    pub fn window(&mut self, thread: &mut ThreadState) -> Result<&mut [u8], AllocError> {
        self.window_keeping(thread, None)
    }

    fn window_keeping(
        &mut self,
        thread: &mut ThreadState,
        keeping: Option<Keeping<'_>>,
    ) -> Result<&mut [u8], AllocError> {
        let (store, missing) = (self.store, self.missing());
        let header = store.header(self.id);
        if !header.has(state::CHUNKED) {
            let offset = store.key_offset + header.key_len() + self.filled;
            // SAFETY: by (1) the draft is exclusive memory, and the chunk holds the value; the
            // slice borrows the draft, so there is no other.
            return Ok(unsafe {
                std::slice::from_raw_parts_mut(
                    store.arena().at(self.id).add(offset).as_ptr(),
                    missing,
                )
            });
        }
        let full =
            |chunk: &ItemId| store.chunk_capacity(*chunk) == store.header(*chunk).value_len();
        if missing > 0 && self.last.as_ref().is_none_or(full) {
            let chunk = store.add_chunk(thread, self.id, self.last, missing, keeping);
            self.last = Some(chunk.ok_or(AllocError::NoMemoryInside)?);
        }
        let Some(chunk) = self.last else {
            return Ok(&mut []);
        };
        let (at, free) = store.chunk_window(chunk);
        // SAFETY: the rest of a chunk of this draft, which is exclusive memory (1); the slice
        // borrows the draft, so there is no other.
        Ok(unsafe { std::slice::from_raw_parts_mut(at.as_ptr(), free.min(missing)) })
    }

    /// Claims `len` bytes written to the last window.
    pub fn advance(&mut self, len: usize) {
        let free = match self.last {
            Some(chunk) => self.store.chunk_window(chunk).1.min(self.missing()),
            None => self.missing(),
        };
        assert!(len <= free, "more than the window held");
        self.filled += len;
        if let Some(chunk) = self.last {
            let used = &self.store.header(chunk).value_len;
            used.store(used.load(Relaxed) + len as u32, Relaxed);
        }
    }

    /// Writes the next bytes of the value.
    ///
    /// # Errors
    /// [`AllocError::NoMemoryInside`] as [`window`](Draft::window).
    pub fn write(&mut self, thread: &mut ThreadState, bytes: &[u8]) -> Result<(), AllocError> {
        self.write_keeping(thread, bytes, None)
    }

    /// The same under a stripe.
    pub(super) fn write_keeping(
        &mut self,
        thread: &mut ThreadState,
        mut bytes: &[u8],
        keeping: Option<Keeping<'_>>,
    ) -> Result<(), AllocError> {
        while !bytes.is_empty() {
            let window = self.window_keeping(thread, keeping)?;
            let len = window.len().min(bytes.len());
            window[..len].copy_from_slice(&bytes[..len]);
            self.advance(len);
            bytes = &bytes[len..];
        }
        Ok(())
    }

    /// To be called when memory has run out while it was filled: notifies observers, and if the value
    /// was to take the place of another in any case (a `set`), removes that one: a client that
    /// meant to replace it shall not go on reading it. Gives the reason back.
    pub fn refuse(
        &self,
        thread: &mut ThreadState,
        rules: &StoreRules,
        reason: AllocError,
    ) -> AllocError {
        let key = self.key();
        thread.notify_refused(key.bytes(), rules, StoreEnd::Refused(reason));
        if rules.mode == Mode::Set && rules.compare.is_none() {
            self.store.remove_quietly(thread, &key);
        }
        reason
    }

    /// The answer for a draft that the rules, looked at in that moment, do not allow.
    pub(super) fn not_stored(
        &self,
        thread: &ThreadState,
        moment: Moment,
        rules: &StoreRules,
        outcome: Outcome,
    ) -> Stored {
        thread.notify_not_stored(self, moment, rules, outcome);
        Stored::not_stored(outcome, self.filled)
    }

    /// The item, which is now the caller's to link.
    fn into_id(self) -> ItemId {
        let id = self.id;
        std::mem::forget(self);
        id
    }
}

impl KeepsKeys for Draft<'_> {}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        self.store.release(None, self.id);
    }
}

impl Store {
    /// A chunk with header and key written, and space for the value or, if that is large,
    /// the start of a chain. `keeping`: what the caller holds, if it holds a stripe.
    pub(super) fn allocate_item(
        &self,
        thread: &mut ThreadState,
        key: &[u8],
        meta: Meta,
        value_len: usize,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        debug_assert!((1..=KEY_LEN_MAX).contains(&key.len()));
        let classes = &self.slabs.classes;
        let len = self.key_offset + key.len() + value_len;
        let may_be_whole = classes.class_for(len).is_some();
        let (id, is_chain) = match self.allocate(thread, len, keeping) {
            Some(id) => (id, false),
            // Where no large chunk can be had small ones will do, if the value is worth it.
            None if may_be_whole && (!self.evict || value_len < CHAIN_LEN_MIN) => return None,
            None => (
                self.allocate(thread, self.head_len(key.len()), keeping)?,
                true,
            ),
        };
        let header = self.header(id);
        header.set_key_len(key.len());
        let listed = if is_chain {
            classes.last()
        } else {
            self.arena().class_of(id)
        };
        header.set_place(listed, Segment::Cold as usize);
        header.refs.store(0, Relaxed);
        self.set_meta(id, meta, value_len);
        self.set_cas(id, 0);
        self.arena().writes(id, Part::Key);
        // SAFETY: the chunk is ours alone, and its class was chosen to hold the key.
        unsafe {
            let to = self.arena().at(id).add(self.key_offset);
            std::ptr::copy_nonoverlapping(key.as_ptr(), to.as_ptr(), key.len());
        }
        if is_chain {
            self.start_chain(id);
        }
        Some(id)
    }

    pub(super) fn set_meta(&self, id: ItemId, meta: Meta, value_len: usize) {
        let header = self.header(id);
        header.client_flags.store(meta.client_flags, Relaxed);
        header.expires_s.store(meta.expires_s, Relaxed);
        header.value_len.store(value_len as u32, Relaxed);
    }

    /// Copies `bytes` into the value of an item that is not chunked, from its byte `at`.
    ///
    /// # Safety
    /// 1. `at + bytes.len()` is at most the value's length, which the chunk holds.
    /// 2. No other thread reads or writes the value: the item is a draft, or its stripe is held
    ///    and it has no reference but its link's.
    pub(super) unsafe fn write_value(&self, id: ItemId, at: usize, bytes: &[u8]) {
        let header = self.header(id);
        debug_assert!(at + bytes.len() <= header.value_len());
        let offset = self.key_offset + header.key_len() + at;
        debug_assert!(offset + bytes.len() <= self.slabs.classes.size(self.arena().class_of(id)));
        self.arena().writes(id, Part::Value);
        // SAFETY: in bounds by (1), exclusive by (2); client bytes never lie in the arena.
        unsafe {
            let to = self.arena().at(id).add(offset);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len());
        }
    }

    pub(super) fn stored(&self, id: ItemId) -> Stored {
        let value_len = self.header(id).value_len();
        Stored {
            outcome: Outcome::Stored,
            cas: self.cas_of(id),
            value_len,
        }
    }

    /// Removes what is under `key`, without counting it as a delete.
    pub(super) fn remove_quietly(&self, thread: &mut ThreadState, key: &Key<'_>) {
        let mut held = self.hold(thread, key.hash());
        if let Some(slot) = held.find_live(key) {
            held.unlink(slot);
        }
    }
}

impl Held<'_, '_> {
    /// As `Store::allocate_item`, under the stripe; `kept` is the item that is being changed.
    pub(super) fn allocate_item(
        &mut self,
        key: &Key<'_>,
        meta: Meta,
        value_len: usize,
        kept: Option<ItemId>,
    ) -> Option<ItemId> {
        let keeping = Some(self.stripe.keeping(kept));
        let (store, thread) = (self.store, &mut *self.thread);
        store.allocate_item(thread, key.bytes(), meta, value_len, keeping)
    }

    /// Links a new small item under a key that is not there.
    pub(super) fn link_new(&mut self, key: &Key<'_>, meta: Meta, value: &[u8]) -> Option<ItemId> {
        let id = self.allocate_item(key, meta, value.len(), None)?;
        // SAFETY: the item is ours, and was allocated for this length.
        unsafe { self.store.write_value(id, 0, value) };
        if self.link(id) {
            return Some(id);
        }
        self.store.release(Some(&mut *self.thread), id);
        None
    }

    /// Gives the key of a finished draft its new item.
    pub(super) fn place(
        &mut self,
        old: Option<Slot<'_>>,
        draft: Draft<'_>,
        rules: &StoreRules,
    ) -> Stored {
        let (store, id) = (self.store, draft.id);
        if rules.binary_key {
            store.header(id).add_state(state::KEY_BINARY);
        }
        match old {
            Some(slot) => self.replace(slot, draft.into_id()),
            None if self.link(id) => {
                draft.into_id();
            }
            None => {
                let moment = self.moment();
                return draft.not_stored(self.thread, moment, rules, Outcome::NoMemory);
            }
        }
        if rules.cas != 0 {
            store.set_cas(id, rules.cas);
        }
        self.notify_stored(store.key_of(id, self), id, rules);
        store.stored(id)
    }
}

const _: () = assert!(HEADER_LEN.is_multiple_of(8), "a cas is aligned");
