//! Values above `slab_chunk_max`: chains of chunks.
//!
//! ```text
//! head   [ header │ cas │ key │ pad │ first ]        a chunk of a small class
//!                                       │
//! chunk  [ header │ bytes … ] ─ next ─► [ header │ bytes … ] ─ next ─► ∅
//! ```
//!
//! A chunk's header is that of an item of which only some fields are used: `next` leads
//! on, `prev` names the head, `value_len` says how many bytes it holds. The head stands in
//! the LRU list of the last class; one reference and one stripe cover the whole.
//!
//! Chunks are taken one at a time while the value arrives: a client that announces a
//! gigabyte and sends nothing takes nothing. The last one is taken from the class that
//! fits what is left.

use super::engine::Store;
use super::held::Keeping;
use super::item::{HEADER_LEN, ItemId, Part, state};
use super::thread_state::ThreadState;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of a chunk that hold no value.
const CHUNK_HEADER: usize = HEADER_LEN;
/// Bytes that the class of a tail is reckoned with: those of C memcached, so that chains lie
/// in the classes where operators look for them.
const TAIL_HEADER: usize = 48;
/// Bytes of the link to the first chunk.
const FIRST_LINK: usize = 8;

impl Store {
    /// Bytes of the head of a chunked item.
    pub(super) fn head_len(&self, key_len: usize) -> usize {
        self.first_link_offset(key_len) + FIRST_LINK
    }

    fn first_link_offset(&self, key_len: usize) -> usize {
        (self.key_offset + key_len).next_multiple_of(8)
    }

    /// The first chunk of a chunked item, if it has one yet.
    pub(super) fn first_chunk(&self, head: ItemId) -> Option<ItemId> {
        let offset = self.first_link_offset(self.header(head).key_len());
        self.arena()
            .checked(self.arena().word(head, offset).load(Relaxed))
    }

    /// The chunk after `chunk`.
    pub(super) fn next_chunk(&self, chunk: ItemId) -> Option<ItemId> {
        self.arena().next(chunk)
    }

    /// Makes a chunked item that has no chunks.
    pub(super) fn start_chain(&self, head: ItemId) {
        let offset = self.first_link_offset(self.header(head).key_len());
        self.arena().word(head, offset).store(0, Relaxed);
        self.header(head).add_state(state::CHUNKED);
        // It is counted there, and the class may own nothing.
        self.slabs.note_used(self.slabs.classes.last());
    }

    /// One more chunk at the end of the chain of `head`, after `last`, for at most `rest`
    /// bytes. `None`: no memory. The caller owns the item.
    pub(super) fn add_chunk(
        &self,
        thread: &mut ThreadState,
        head: ItemId,
        last: Option<ItemId>,
        rest: usize,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        let chunk_max = self.slabs.classes.size(self.slabs.classes.last());
        let wanted = (rest + TAIL_HEADER).min(chunk_max);
        // A class that fits the tail may own nothing and have nothing to evict: then a
        // whole chunk must do, or several small ones.
        let chunk = self
            .allocate(thread, wanted, keeping)
            .or_else(|| self.allocate(thread, chunk_max, keeping))
            .or_else(|| self.allocate_smaller(thread, wanted, keeping))?;
        let header = self.header(chunk);
        header.set_key_len(0);
        header.set_next(None);
        header.set_prev(Some(head));
        header.value_len.store(0, Relaxed);
        header.set_state(state::CHUNKED);
        self.link_chunk(head, last, chunk);
        Some(chunk)
    }

    /// Makes `chunk` the one after `previous` in the chain of `head`, or the first.
    fn link_chunk(&self, head: ItemId, previous: Option<ItemId>, chunk: ItemId) {
        match previous {
            Some(previous) => self.header(previous).set_next(Some(chunk)),
            None => {
                let offset = self.first_link_offset(self.header(head).key_len());
                self.arena().word(head, offset).store(chunk.raw(), Relaxed);
            }
        }
    }

    /// The chunks of a chain, in order.
    fn chain(&self, head: ItemId) -> impl Iterator<Item = ItemId> {
        std::iter::successors(self.first_chunk(head), |&chunk| self.next_chunk(chunk))
    }

    /// Whether `chunk` is in the chain of `head`, whose stripe is held.
    pub(super) fn chain_has(&self, head: ItemId, chunk: ItemId) -> bool {
        self.chain(head).any(|at| at == chunk)
    }

    /// Puts `new`, a copy, in the place of `old` in the chain of `head`, whose stripe is held
    /// and which has no readers.
    pub(super) fn relink_chunk(&self, head: ItemId, old: ItemId, new: ItemId) {
        let previous = self.chain(head).take_while(|&at| at != old).last();
        let header = self.header(new);
        header.set_prev(Some(head));
        header.set_next(self.arena().next(old));
        self.link_chunk(head, previous, new);
    }

    /// Makes the chunks of a chain name their head, which is at another place.
    pub(super) fn rename_head(&self, head: ItemId) {
        self.chain(head)
            .for_each(|chunk| self.header(chunk).set_prev(Some(head)));
    }

    /// Bytes of value that a chunk can hold.
    pub(super) fn chunk_capacity(&self, chunk: ItemId) -> usize {
        self.slabs.classes.size(self.arena().class_of(chunk)) - CHUNK_HEADER
    }

    /// The pieces of an item's value, in order.
    ///
    /// # Safety
    /// The item stays allocated and its value unwritten for `'a`: its stripe is held, or a
    /// reference beyond that of its link.
    pub(super) unsafe fn pieces<'a>(
        &'a self,
        id: ItemId,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let header = self.header(id);
        let chunked = header.has(state::CHUNKED);
        let whole =
            (!chunked).then(|| (id, self.key_offset + header.key_len(), header.value_len()));
        let first = if chunked { self.first_chunk(id) } else { None };
        let chain = std::iter::successors(first, |&chunk| self.next_chunk(chunk));
        let chain = chain.map(|chunk| (chunk, CHUNK_HEADER, self.header(chunk).value_len()));
        whole.into_iter().chain(chain).map(|(id, offset, len)| {
            self.arena().reads(id, Part::Value);
            // SAFETY: a value lies within its chunk (checked when it was written); by the
            // caller's promise it is neither freed nor written for as long as the slice lives.
            unsafe { std::slice::from_raw_parts(self.arena().at(id).add(offset).as_ptr(), len) }
        })
    }

    /// Where the next bytes of a chunk go, and how many it can take. The caller owns the item.
    pub(super) fn chunk_window(&self, chunk: ItemId) -> (NonNull<u8>, usize) {
        let capacity = self.chunk_capacity(chunk);
        let used = self.header(chunk).value_len().min(capacity);
        self.arena().writes(chunk, Part::Value);
        // SAFETY: whatever the chunk says that it holds, this is within it, or its end.
        let at = unsafe { self.arena().at(chunk).add(CHUNK_HEADER + used) };
        (at, capacity - used)
    }
}
