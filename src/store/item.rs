//! What an item looks like in memory, and what of it may be touched by whom.
//!
//! An item is named by its position in the arena, never by a pointer, so the arena
//! could lie at any address.
//!
//! ```text
//! +0       +10 +11     +12      +16     +20        +24   +26    +28     +32   +40
//! | links  |cls|keylen| access | expiry| value len| refs| state| flags | cas | key, value ...
//! ```
//!
//! With `-C` there is no cas and the key begins at 32. There is no terminator, and no
//! CR LF after the value. An item above `slab_chunk_max` has no value here: after its
//! key stands the id of the first chunk of a chain (`large`).

use crate::sys::sync::atomic::{
    AtomicU8, AtomicU16, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::num::NonZero;
use std::sync::atomic::AtomicU64;

/// Bytes of a page.
pub const PAGE_LEN: usize = 1 << 20;

/// A part of a chunk behind its header. A key is frozen, a value may be written over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Longest key, in bytes.
pub const KEY_LEN_MAX: usize = 250;

/// Bytes of an item's accounting size that do not depend on its contents; with the 8 of
/// a cas these are the figures that clients see in `bytes` and that `-I` limits.
const ACCOUNTED_HEADER: usize = 48;

/// The position of a chunk: its offset in the arena divided by 8, in 40 bits; not 0.
///
/// 1. It is a place in a committed page of the arena that it belongs to, a multiple of 8, with
///    [`CHUNK_LEN_MIN`] bytes of that page behind it: the arena makes ids, and where one was
///    kept as a number it is made again by those who know that it was one, or checked by the arena.
///
/// A store has one arena and shows no id to the outside, so ids do not meet another's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ItemId(NonZero<u64>);

impl ItemId {
    /// Bits that an id takes in links and table slots.
    pub const BITS: u32 = 40;

    /// The id whose [`raw`](ItemId::raw) is `raw`.
    ///
    /// # Safety
    /// 1. There is such an id: `raw` is what `raw()` of it gave.
    pub const unsafe fn from_raw(raw: u64) -> ItemId {
        debug_assert!(raw != 0 && raw >> Self::BITS == 0);
        // SAFETY: by (1) not 0, as no id is.
        ItemId(unsafe { NonZero::new_unchecked(raw) })
    }

    /// For tests of what only carries ids around: no memory belongs to it.
    #[cfg(test)]
    pub fn of_no_arena(raw: u64) -> ItemId {
        ItemId(NonZero::new(raw).unwrap())
    }

    /// The number itself.
    pub const fn raw(self) -> u64 {
        self.0.get()
    }

    /// Bytes from the start of the arena.
    pub const fn offset(self) -> usize {
        self.0.get() as usize * 8
    }
}

/// Bytes of the smallest chunk that there can be: a header, a cas and a little more.
pub const CHUNK_LEN_MIN: usize = 48;

/// An id or none, as a number: what stands in links.
pub fn raw_of(id: Option<ItemId>) -> u64 {
    id.map_or(0, ItemId::raw)
}

/// State bits of an item.
pub mod state {
    /// In the table and in an LRU list.
    pub const LINKED: u16 = 1;
    /// Read by a client at least once.
    pub const FETCHED: u16 = 2;
    /// Read again after that: worth keeping.
    pub const ACTIVE: u16 = 4;
    /// The value is a chain of chunks.
    pub const CHUNKED: u16 = 8;
    /// Rewritten where it stands: as new as one at the head of its list.
    pub const REWRITTEN: u16 = 16;
    /// Not in use: on a free list or in a magazine.
    pub const FREE: u16 = 32;
    /// Marked as out of date by a client; replies show it.
    pub const STALE: u16 = 64;
    /// A reply has asked a client to renew it (`W`).
    pub const WIN_SENT: u16 = 128;
    /// The key came in base64 and is shown so.
    pub const KEY_BINARY: u16 = 256;
    /// What a draft brings along when it is linked.
    pub const OF_DRAFT: u16 = CHUNKED | STALE | WIN_SENT | KEY_BINARY;
}

/// The fixed front of every item.
///
/// | offset | bytes | field           | written under  | holds                                 |
/// |-------:|------:|-----------------|----------------|---------------------------------------|
/// |      0 |     4 | `next_low`      | LRU lock       | low 32 bits of the id towards the tail|
/// |      4 |     4 | `prev_low`      | LRU lock       | low 32 bits of the id towards the head|
/// |      8 |     1 | `next_high`     | LRU lock       | high 8 bits                           |
/// |      9 |     1 | `prev_high`     | LRU lock       | high 8 bits                           |
/// |     10 |     1 | `place`         | before linking, then LRU lock | class (6 bits), segment (2) |
/// |     11 |     1 | `key_len`       | before linking | 1 ..= `KEY_LEN_MAX`                   |
/// |     12 |     4 | `accessed_s`    | item lock      | last access, clock seconds            |
/// |     16 |     4 | `expires_s`     | item lock      | clock seconds, 0 = never              |
/// |     20 |     4 | `value_len`     | item lock, while there is no other reference | bytes   |
/// |     24 |     2 | `refs`          | atomic         | one if linked, one per pin            |
/// |     26 |     2 | `state`         | item lock      | [`state`]                             |
/// |     28 |     4 | `client_flags`  | item lock      | as the client gave them               |
/// |     32 |  0, 8 | cas             | item lock      | unless `-C`                           |
/// |      … |     n | key, value      | before linking; the value as `value_len` |             |
///
/// Every field is an atomic read and written relaxed, which costs what a plain access
/// costs: the locks order them, the type only makes an unlocked peek harmless. The state is
/// written with release (the same instruction on x86), for the page mover, which finds out by it
/// whose lock it needs.
#[repr(C)]
#[cfg_attr(loom, derive(Default))]
pub struct Header {
    next_low: AtomicU32,
    prev_low: AtomicU32,
    next_high: AtomicU8,
    prev_high: AtomicU8,
    place: AtomicU8,
    key_len: AtomicU8,
    /// Last access, clock seconds, at most: hits that change no mark do not write it.
    pub accessed_s: AtomicU32,
    /// Clock second at which the item expires, 0 = never.
    pub expires_s: AtomicU32,
    /// Bytes of the value.
    pub value_len: AtomicU32,
    /// One if linked, one per pin.
    pub refs: AtomicU16,
    state: AtomicU16,
    /// Client flags.
    pub client_flags: AtomicU32,
}

/// Bytes of the header without cas.
pub const HEADER_LEN: usize = 32;
/// Bytes of a cas.
pub const CAS_LEN: usize = 8;

// (The atomics of loom are larger: see `loom_twins`.)
#[cfg(not(loom))]
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<Header>() == HEADER_LEN);
    assert!(offset_of!(Header, place) == 10);
    assert!(offset_of!(Header, accessed_s) == 12);
    assert!(offset_of!(Header, value_len) == 20);
    assert!(offset_of!(Header, refs) == 24);
    assert!(offset_of!(Header, client_flags) == 28);
};
const _: () = assert!(KEY_LEN_MAX <= u8::MAX as usize, "key_len is one byte");

impl Header {
    /// The link towards the tail of the list, a number: [`Arena::next`](super::arena::Arena::next)
    /// makes an id of it.
    pub fn next_raw(&self) -> u64 {
        join(&self.next_low, &self.next_high)
    }

    /// The link towards the head of the list, likewise.
    pub fn prev_raw(&self) -> u64 {
        join(&self.prev_low, &self.prev_high)
    }

    /// Sets the link towards the tail.
    pub fn set_next(&self, id: Option<ItemId>) {
        split(id, &self.next_low, &self.next_high);
    }

    /// Sets the link towards the head.
    pub fn set_prev(&self, id: Option<ItemId>) {
        split(id, &self.prev_low, &self.prev_high);
    }

    /// The class in whose LRU lists the item is counted.
    pub fn class(&self) -> usize {
        usize::from(self.place.load(Relaxed) & 63)
    }

    /// The segment of the LRU that holds the item, a `Segment` as a number.
    pub fn segment(&self) -> usize {
        usize::from(self.place.load(Relaxed) >> 6)
    }

    /// Sets class and segment.
    pub fn set_place(&self, class: usize, segment: usize) {
        debug_assert!(class < 64 && segment < 4);
        self.place.store((segment << 6 | class) as u8, Relaxed);
    }

    /// Bytes of the key.
    pub fn key_len(&self) -> usize {
        usize::from(self.key_len.load(Relaxed))
    }

    /// Sets the length of the key.
    pub fn set_key_len(&self, len: usize) {
        debug_assert!(len <= KEY_LEN_MAX);
        self.key_len.store(len as u8, Relaxed);
    }

    /// Takes over everything but links and references from another header. Field by field:
    /// neighbours in the list may write that one's links, readers its references.
    pub fn copy_from(&self, other: &Header) {
        self.place.store(other.place.load(Relaxed), Relaxed);
        self.key_len.store(other.key_len.load(Relaxed), Relaxed);
        self.accessed_s
            .store(other.accessed_s.load(Relaxed), Relaxed);
        self.expires_s.store(other.expires_s.load(Relaxed), Relaxed);
        self.value_len.store(other.value_len.load(Relaxed), Relaxed);
        self.state.store(other.state.load(Relaxed), Relaxed);
        self.client_flags
            .store(other.client_flags.load(Relaxed), Relaxed);
    }

    /// Bytes of the value.
    pub fn value_len(&self) -> usize {
        self.value_len.load(Relaxed) as usize
    }

    /// All state bits.
    pub fn state(&self) -> u16 {
        self.state.load(Relaxed)
    }

    /// Whether any of `bits` is set.
    pub fn has(&self, bits: u16) -> bool {
        self.state() & bits != 0
    }

    /// The same without a lock that orders it: the fields that were written before
    /// these bits are seen as they were then, or newer.
    pub fn state_acquired(&self) -> u16 {
        self.state.load(Acquire)
    }

    /// Replaces all state bits.
    pub fn set_state(&self, bits: u16) {
        self.state.store(bits, Release);
    }

    /// Sets `bits`: a load and a store, writers are serialised by the item lock.
    pub fn add_state(&self, bits: u16) {
        self.set_state(self.state() | bits);
    }

    /// Clears `bits`.
    pub fn remove_state(&self, bits: u16) {
        self.set_state(self.state() & !bits);
    }

    /// Whether the item has reached its expiry at clock second `now_s`.
    pub fn is_expired(&self, now_s: u32) -> bool {
        let at = self.expires_s.load(Relaxed);
        at != 0 && at <= now_s
    }
}

/// The size that counts for `bytes`, `mem_requested` and `-I`, the same as in C, whatever
/// an item really takes here.
pub fn accounted_len(use_cas: bool, key_len: usize, client_flags: u32, value_len: usize) -> usize {
    let cas = if use_cas { CAS_LEN } else { 0 };
    let flags = if client_flags == 0 { 0 } else { 4 };
    ACCOUNTED_HEADER + cas + key_len + 1 + flags + value_len + 2
}

fn join(low: &AtomicU32, high: &AtomicU8) -> u64 {
    u64::from(low.load(Relaxed)) | u64::from(high.load(Relaxed)) << 32
}

fn split(id: Option<ItemId>, low: &AtomicU32, high: &AtomicU8) {
    let raw = raw_of(id);
    low.store(raw as u32, Relaxed);
    high.store((raw >> 32) as u8, Relaxed);
}

/// A word inside an item that is not part of [`Header`]: a cas, the link to a first chunk.
pub type Word = AtomicU64;
