//! Under loom only: what it has to see of the arena.
//!
//! The bytes of the arena are real. But loom's atomics are objects of its own, which cannot lie
//! in them, so headers stand here beside them; and for each chunk there are two cells, one that is
//! read and written whenever the key is, one for the value, so that loom finds threads that do that at
//! the same time. The words of the table are loom's. Pages and cas ids stay plain atomics: locks
//! guard them, and those are checked.

use super::item::{Header, ItemId, PAGE_LEN, Part};
use loom::cell::UnsafeCell;

/// Sizes of chunks in a model are multiples of this.
pub const STEP: usize = 8 << 10;
/// Chunks of that size from the start of a page, and pages, that a model may use.
const STEPS: usize = 6;
const PAGES: usize = 4;

/// Beside a chunk: its header, and cells for its key and its value.
#[derive(Default)]
struct Twin {
    header: Header,
    key: UnsafeCell<()>,
    value: UnsafeCell<()>,
}

impl Twin {
    fn part(&self, part: Part) -> &UnsafeCell<()> {
        match part {
            Part::Key => &self.key,
            Part::Value => &self.value,
        }
    }
}

/// Those of all chunks.
pub struct Twins(Vec<Twin>);

// SAFETY: the cells hold nothing; loom says so if two threads come to one at the same time.
unsafe impl Sync for Twins {}

impl Twins {
    /// As in memory that is all zero.
    pub fn new() -> Twins {
        let twins = std::iter::repeat_with(Twin::default);
        Twins(twins.take(PAGES * STEPS).collect())
    }

    /// The header of a chunk.
    pub fn header(&self, id: ItemId) -> &Header {
        &self.of(id).header
    }

    /// A part of a chunk is read.
    pub fn reads(&self, id: ItemId, part: Part) {
        self.of(id).part(part).with(|_| ());
    }

    /// A part of a chunk is written.
    pub fn writes(&self, id: ItemId, part: Part) {
        self.of(id).part(part).with_mut(|_| ());
    }

    fn of(&self, id: ItemId) -> &Twin {
        let (page, within) = (id.offset() / PAGE_LEN - 1, id.offset() % PAGE_LEN);
        assert!(page < PAGES && within / STEP < STEPS, "a model too large");
        &self.0[page * STEPS + within / STEP]
    }
}
