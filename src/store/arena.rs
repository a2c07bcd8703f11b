//! The arena: address space for all items, in pages of one mebibyte.
//!
//! ```text
//! page 0     page 1      page 2      …                  reserved to here
//! [ unused ] [ class 5 ] [ class 1 ] [ not committed … ]
//! ```
//!
//! Page 0 is never used, so that id 0 can mean no item; page 1 begins where a huge page does, so
//! that none is half of something else. A byte per page says which class
//! its chunks belong to; it changes only while no chunk of the page is in use. A mark in
//! the same byte says that the page is being emptied (`mover`).
//!
//! Locks: none here; pages are handed out and given back under the lock of the page pool
//! (`slabs`), the bytes are written under the lock of the class.

use super::cache_line::CACHE_LINE;
use super::item::{CHUNK_LEN_MIN, HEADER_LEN, Header, ItemId, PAGE_LEN, Part, Word};
use super::space::{Plain, Space};
use crate::sys::memory::{HUGE_PAGE_LEN, Reservation};
use std::io::{Error, ErrorKind, Result};
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicU8, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// Pages beyond the limit that are reserved with it: every class may own one.
const SPARE_PAGES: usize = 65;
/// Pages that ids reach: 8 TiB.
pub const PAGES_MAX: usize = (8 << ItemId::BITS) / PAGE_LEN;
/// The highest limit for which there are ids: every class may own one page beyond it.
pub const LIMIT_MAX: u64 = ((PAGES_MAX - SPARE_PAGES - 1) * PAGE_LEN) as u64;

/// Bytes of the reservation before page 0.
const ORIGIN: usize = HUGE_PAGE_LEN - PAGE_LEN;

/// The mark of a page that is being emptied, beside its class.
const DRAINING: u8 = 0x80;
const CLASS_BITS: u8 = 0x3f;

/// What is known of a page: the class that owns it and its marks.
#[derive(Default)]
struct Owner(AtomicU8);

// SAFETY: an atomic; zero is a value.
unsafe impl Plain for Owner {}

/// All item memory.
///
/// 1. Pages `1..committed` are readable and writable, and stay so for as long as this value
///    lives; they were zero when committed, and are zero again after they were given back.
pub struct Arena {
    space: Reservation,
    owners: Space<Owner>,
    committed: AtomicUsize,
    #[cfg(loom)]
    twins: super::loom_twins::Twins,
}

impl Arena {
    /// Reserves address space for `limit` bytes of items; more follows when it is needed.
    pub fn new(limit: u64) -> Result<Arena> {
        let pages = pages_for(limit).ok_or_else(|| Error::from(ErrorKind::OutOfMemory))?;
        Ok(Arena {
            space: Reservation::new(len_of(pages))?,
            owners: Space::new(pages)?,
            committed: AtomicUsize::new(1),
            #[cfg(loom)]
            twins: super::loom_twins::Twins::new(),
        })
    }

    /// Makes sure that there is address space for `limit` bytes of items; false if there is none.
    pub fn reserve(&self, limit: u64) -> bool {
        pages_for(limit).is_some_and(|pages| self.space.grow(len_of(pages)).is_ok())
    }

    /// Commits one more page and returns its number. `None`: the system has no memory or no
    /// address space. The caller holds the lock of the page pool.
    pub fn commit_page(&self) -> Option<usize> {
        let page = self.committed.load(Relaxed);
        // Access is widened by whole huge pages, for only those can be backed by one. What is
        // not used yet of the last takes memory only if the system backs it all at once.
        let start = (ORIGIN + page * PAGE_LEN) / HUGE_PAGE_LEN * HUGE_PAGE_LEN;
        if start + HUGE_PAGE_LEN > self.space.len() {
            // Without a limit there is no end that could be reserved at the start.
            let more = (page + page / 4 + 1).min(PAGES_MAX);
            let grown =
                self.space.grow(len_of(more)).is_ok() || self.space.grow(len_of(page + 1)).is_ok();
            if page >= PAGES_MAX || !grown {
                return None;
            }
        }
        if self.owners.commit(page + 1).is_err() || self.space.commit(start, HUGE_PAGE_LEN).is_err()
        {
            return None;
        }
        self.space.prefer_huge_pages(start, HUGE_PAGE_LEN);
        // A thread that counts this page among those that exist sees all that is kept about it.
        self.committed.store(page + 1, Release);
        Some(page)
    }

    /// Gives the memory of a page without items back to the system; it can be used again.
    pub fn give_back(&self, page: usize) {
        // SAFETY: unused chunks are looked at as headers and words only, whose
        // fields are atomics; a page that was ever handed out is committed.
        unsafe { self.space.discard(ORIGIN + page * PAGE_LEN, PAGE_LEN) };
    }

    /// Pages that exist, page 0 and those given back included.
    pub fn pages(&self) -> usize {
        self.committed.load(Acquire)
    }

    /// Gives an unused page to a class; 0 for none. The mover, which holds no lock then,
    /// sees with the class that nothing has been cut yet (release).
    pub fn set_class(&self, page: usize, class: usize) {
        self.owner(page).store(class as u8, Release);
    }

    /// The class that owns `page`, 0 if none does.
    pub fn class_of_page(&self, page: usize) -> usize {
        usize::from(self.owner(page).load(Acquire) & CLASS_BITS)
    }

    /// Marks `page` as being emptied, or takes the mark off.
    pub fn mark_draining(&self, page: usize, draining: bool) {
        let class = self.class_of_page(page) as u8;
        let mark = if draining { DRAINING } else { 0 };
        self.owner(page).store(class | mark, Relaxed);
    }

    #[inline]
    fn owner(&self, page: usize) -> &AtomicU8 {
        &self.owners.get(page).expect("a page that exists").0
    }

    /// The page of the chunk at `id`.
    #[inline]
    pub fn page_of(&self, id: ItemId) -> usize {
        id.offset() / PAGE_LEN
    }

    /// The class whose chunk `id` is.
    #[inline]
    pub fn class_of(&self, id: ItemId) -> usize {
        self.class_of_page(self.page_of(id))
    }

    /// The same where `id` was found without a lock. `None`: it is so new that nothing is to
    /// be seen of its page yet.
    #[inline]
    pub fn class_seen(&self, id: ItemId) -> Option<usize> {
        let owner = self.owners.get(self.page_of(id))?;
        Some(usize::from(owner.0.load(Relaxed) & CLASS_BITS))
    }

    /// Whether the page of `id` is being emptied.
    #[inline]
    pub fn is_draining(&self, id: ItemId) -> bool {
        self.owner(self.page_of(id)).load(Relaxed) & DRAINING != 0
    }

    /// The chunk that begins `offset` bytes into a page that exists.
    pub fn chunk(&self, page: usize, offset: usize) -> ItemId {
        let raw = (page * PAGE_LEN + offset) as u64 / 8;
        let fits = offset.is_multiple_of(8) && offset + CHUNK_LEN_MIN <= PAGE_LEN;
        let id = self.checked(raw).filter(|_| fits);
        id.expect("a chunk of a page that exists")
    }

    /// The id that a number stands for, if there can be one: none for 0, and none for what leads
    /// out of the pages that exist. It does not say that a chunk begins there.
    #[inline]
    pub fn checked(&self, raw: u64) -> Option<ItemId> {
        let offset = usize::try_from(raw).ok()?.checked_mul(8)?;
        let page = offset / PAGE_LEN;
        let is_inside = page >= 1 && page < self.pages();
        // SAFETY: a multiple of 8 in a page that is committed, with a chunk's length behind it.
        (is_inside && offset % PAGE_LEN + CHUNK_LEN_MIN <= PAGE_LEN)
            .then(|| unsafe { ItemId::from_raw(raw) })
    }

    /// Where the link of `id` towards the tail of its list leads.
    #[inline]
    pub fn next(&self, id: ItemId) -> Option<ItemId> {
        self.checked(self.header(id).next_raw())
    }

    /// Where the link of `id` towards the head of its list leads.
    #[inline]
    pub fn prev(&self, id: ItemId) -> Option<ItemId> {
        self.checked(self.header(id).prev_raw())
    }

    /// The header of the chunk at `id`. Any id will do, whatever has become of its chunk: the memory
    /// stays, and a header is made of atomics, so at worst what is read is out of date.
    #[inline]
    pub fn header(&self, id: ItemId) -> &Header {
        debug_assert!(self.page_of(id) < self.pages());
        #[cfg(loom)]
        return self.twins.header(id);
        #[cfg(not(loom))]
        // SAFETY: an id is a place in a committed page with the bytes of a header behind it, a
        // multiple of 8; by (1) that memory is valid for as long as `self`; every bit pattern is
        // a valid Header, and its fields are atomics.
        unsafe {
            self.at(id).cast::<Header>().as_ref()
        }
    }

    /// The word behind the header of the chunk at `id`: an item's cas id.
    #[inline]
    pub fn cas_word(&self, id: ItemId) -> &Word {
        const { assert!(HEADER_LEN.is_multiple_of(8) && HEADER_LEN + 8 <= CHUNK_LEN_MIN) };
        // SAFETY: as `header`: within the smallest chunk; an AtomicU64 takes every bit pattern.
        unsafe { self.at(id).add(HEADER_LEN).cast::<Word>().as_ref() }
    }

    /// The word `offset` bytes into the chunk at `id`, a multiple of 8.
    ///
    /// # Panics
    /// It does not lie in the page.
    pub fn word(&self, id: ItemId, offset: usize) -> &Word {
        let end = (id.offset() % PAGE_LEN).checked_add(offset);
        let end = end.and_then(|at| at.checked_add(size_of::<Word>()));
        assert!(offset.is_multiple_of(8) && end.is_some_and(|end| end <= PAGE_LEN));
        // SAFETY: as `header`, by the assertion.
        unsafe { self.at(id).add(offset).cast::<Word>().as_ref() }
    }

    /// The first byte of the chunk at `id`.
    #[inline]
    pub fn at(&self, id: ItemId) -> NonNull<u8> {
        // SAFETY: an id is an offset within the pages, which lie in the reservation.
        unsafe { self.space.base().add(ORIGIN + id.offset()) }
    }

    /// To be called before the bytes of a chunk are read: only loom needs it.
    #[inline]
    pub fn reads(&self, _id: ItemId, _part: Part) {
        #[cfg(loom)]
        self.twins.reads(_id, _part);
    }

    /// To be called before they are written, likewise.
    #[inline]
    pub fn writes(&self, _id: ItemId, _part: Part) {
        #[cfg(loom)]
        self.twins.writes(_id, _part);
    }

    /// Nothing may touch what follows the header of a chunk of `len` bytes until it is in use
    /// again. For a memory checker, in a build for one (`make sanitize`).
    #[cfg(poison)]
    pub fn poison(&self, id: ItemId, len: usize) {
        let header_len = HEADER_LEN;
        let at = ORIGIN + id.offset() + header_len;
        self.space.poison(at, len - header_len);
    }

    /// These bytes may be touched, likewise.
    #[cfg(poison)]
    pub fn unpoison(&self, id: ItemId, len: usize) {
        self.space.unpoison(ORIGIN + id.offset(), len);
    }

    /// Fetches the first `len` bytes of the chunk at `id`, line by line with `fetch`.
    #[inline]
    pub fn prefetch(&self, id: ItemId, len: usize, fetch: impl Fn(*const u8)) {
        let at = self.at(id).as_ptr();
        let end = at.addr() + len;
        let mut line = at.map_addr(|address| address & !(CACHE_LINE - 1));
        while line.addr() < end {
            fetch(line);
            line = line.wrapping_add(CACHE_LINE);
        }
    }
}

/// Pages that `limit` bytes may take, page 0 and those beyond the limit included, if ids reach so far.
fn pages_for(limit: u64) -> Option<usize> {
    let pages = usize::try_from(limit).ok()? / PAGE_LEN + SPARE_PAGES + 1;
    (pages <= PAGES_MAX).then_some(pages)
}

/// Bytes of a reservation that so many pages lie in: whole huge pages.
fn len_of(pages: usize) -> usize {
    (ORIGIN + pages * PAGE_LEN).next_multiple_of(HUGE_PAGE_LEN)
}

#[cfg(poison)]
impl Drop for Arena {
    fn drop(&mut self) {
        // The next owner of these addresses knows nothing of marks.
        self.space.unpoison(ORIGIN, self.pages() * PAGE_LEN);
    }
}
