//! A word of the table: empty, the slot of an item, or the link to an overflow node.
//!
//! This is the one place where words are put together and taken apart. What stands in a [`Cell`] was
//! put there as a [`Word`], so an id that is read from one is an id that was linked. A thread that looks at
//! the table without a lock loads a word once and decides by what it has loaded: a second
//! load may find anything.

use super::super::item::ItemId;
use crate::sys::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::num::NonZero;

const TAG_SHIFT: u32 = 48;
const EPOCH_SHIFT: u32 = ItemId::BITS;
/// Epochs are `0..EPOCHS`.
pub const EPOCHS: u8 = u8::MAX;
/// Tags of keys lie between that of an empty word and that of a link.
const TAG_MIN: u64 = 1;
const TAG_MAX: u64 = 0xfffe;
const TAG_LINK: u64 = TAG_MAX + 1;

/// The number of an overflow node: made where nodes are handed out, and read back from links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NodeId(u32);

impl NodeId {
    /// The node that stands at `index` of the overflow memory.
    pub(super) fn at(index: u32) -> NodeId {
        NodeId(index)
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The slot of an item: tag of its key, epoch in which it was linked, id.
///
/// 1. It was made by [`Slotted::new`], or is one that was, read from a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slotted(NonZero<u64>);

impl Slotted {
    pub(super) fn new(hash: u64, id: ItemId, epoch: u8) -> Slotted {
        debug_assert!(epoch < EPOCHS);
        let raw = tag_of(hash) << TAG_SHIFT | u64::from(epoch) << EPOCH_SHIFT | id.raw();
        Slotted(NonZero::new(raw).expect("an id is not 0"))
    }

    /// Whether the tag is that of the key with this hash.
    #[inline]
    pub(super) fn has_tag_of(self, hash: u64) -> bool {
        self.0.get() >> TAG_SHIFT == tag_of(hash)
    }

    #[inline]
    pub(super) fn id(self) -> ItemId {
        // SAFETY: by (1) these bits are those of an id, whole: a cell is one word, which is read
        // and written in one piece.
        unsafe { ItemId::from_raw(self.0.get() & ((1 << ItemId::BITS) - 1)) }
    }

    #[inline]
    pub(super) fn epoch(self) -> u8 {
        (self.0.get() >> EPOCH_SHIFT) as u8
    }
}

/// What a cell says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    Empty,
    Slot(Slotted),
    Link(NodeId),
}

impl Word {
    /// `raw` was made by [`encode`](Word::encode), or is 0 as new memory is.
    #[inline]
    fn decode(raw: u64) -> Word {
        match (raw >> TAG_SHIFT, NonZero::new(raw)) {
            (TAG_LINK, _) => Word::Link(NodeId(raw as u32)),
            (TAG_MIN..=TAG_MAX, Some(raw)) => Word::Slot(Slotted(raw)),
            _ => Word::Empty,
        }
    }

    fn encode(self) -> u64 {
        match self {
            Word::Empty => 0,
            Word::Slot(slot) => slot.0.get(),
            Word::Link(node) => TAG_LINK << TAG_SHIFT | u64::from(node.0),
        }
    }

    #[inline]
    pub(super) fn slot(self) -> Option<Slotted> {
        match self {
            Word::Slot(slot) => Some(slot),
            Word::Empty | Word::Link(_) => None,
        }
    }

    #[inline]
    pub(super) fn link(self) -> Option<NodeId> {
        match self {
            Word::Link(node) => Some(node),
            Word::Empty | Word::Slot(_) => None,
        }
    }
}

/// Where a word stands. New memory, all zero, is empty.
#[derive(Default)]
#[repr(transparent)]
pub(super) struct Cell(AtomicU64);

impl Cell {
    /// What it says now, in one load.
    #[inline]
    pub(super) fn read(&self) -> Word {
        Word::decode(self.0.load(Relaxed))
    }

    /// Makes it say `word`. The caller holds the stripe, which orders this for those who hold it
    /// later. A thread that finds a link or an id without it may not see yet that there is memory of that, and
    /// asks ([`OverflowNodes::get`](super::overflow::OverflowNodes::get), `Arena::class_seen`).
    #[inline]
    pub(super) fn write(&self, word: Word) {
        self.0.store(word.encode(), Relaxed);
    }
}

/// The words of a bucket or a node, each loaded once.
pub(super) struct Snapshot<const N: usize>([u64; N]);

impl<const N: usize> Snapshot<N> {
    #[inline]
    pub(super) fn of(cells: &[Cell; N]) -> Snapshot<N> {
        Snapshot(std::array::from_fn(|index| cells[index].0.load(Relaxed)))
    }

    /// The word at `index`.
    #[inline]
    pub(super) fn word(&self, index: usize) -> Word {
        Word::decode(self.0[index])
    }

    /// Bits of the words that are slots with the tag of `hash`, the first word's lowest. No
    /// branch: which slot it is cannot be foreseen.
    #[inline]
    pub(super) fn tagged(&self, hash: u64) -> u32 {
        let tag = tag_of(hash);
        if let Ok(words) = <&[u64; 8]>::try_from(&self.0[..]) {
            return crate::sys::simd::tagged(words, tag as u16);
        }
        self.0.iter().rev().fold(0, |bits, word| {
            bits << 1 | u32::from(word >> TAG_SHIFT == tag)
        })
    }
}

/// The tag of a key's slot: never that of an empty word or of a link.
#[inline]
fn tag_of(hash: u64) -> u64 {
    (hash >> TAG_SHIFT).clamp(TAG_MIN, TAG_MAX)
}

/// Empties all cells.
pub(super) fn clear(cells: &[Cell]) {
    cells.iter().for_each(|cell| cell.write(Word::Empty));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_what_it_was_made_from() {
        let id = ItemId::of_no_arena(77);
        let cell = Cell::default();
        assert_eq!(cell.read(), Word::Empty);
        for hash in [0, 1 << 48, u64::MAX, 0xfffe << 48, 0x1234 << 48] {
            let slot = Slotted::new(hash, id, 254);
            cell.write(Word::Slot(slot));
            assert_eq!(cell.read(), Word::Slot(slot));
            assert!(slot.has_tag_of(hash) && slot.id() == id && slot.epoch() == 254);
        }
        for index in [0, 1, u32::MAX] {
            let node = NodeId::at(index);
            cell.write(Word::Link(node));
            assert_eq!(cell.read(), Word::Link(node));
        }
        cell.write(Word::Empty);
        assert_eq!(cell.read(), Word::Empty);
    }

    #[test]
    fn a_link_has_the_tag_of_no_key() {
        let cells: [Cell; 8] = Default::default();
        cells[1].write(Word::Link(NodeId::at(5)));
        cells[7].write(Word::Link(NodeId::at(6)));
        for hash in [u64::MAX, 0xfffe << 48, 0] {
            assert_eq!(Snapshot::of(&cells).tagged(hash), 0);
        }
    }
}
