//! A word of the table: empty, the slot of an item, or the link to an overflow node.
//!
//! This is the one place where words are taken apart. Who looks at the table without a lock
//! loads a word once and decides by what it has loaded: a second load may find anything.

use super::super::item::ItemId;

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

    /// The word that leads to it.
    pub(super) fn link(self) -> u64 {
        TAG_LINK << TAG_SHIFT | u64::from(self.0)
    }
}

/// The slot of an item: tag of its key, epoch in which it was linked, id.
///
/// 1. The tag is that of a key, and the id is one that an item was linked with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slotted(u64);

impl Slotted {
    pub(super) fn new(hash: u64, id: ItemId, epoch: u8) -> Slotted {
        debug_assert!(epoch < EPOCHS);
        Slotted(tag_of(hash) << TAG_SHIFT | u64::from(epoch) << EPOCH_SHIFT | id.raw())
    }

    pub(super) fn raw(self) -> u64 {
        self.0
    }

    /// Whether the tag is that of the key with this hash.
    #[inline]
    pub(super) fn has_tag_of(self, hash: u64) -> bool {
        self.0 >> TAG_SHIFT == tag_of(hash)
    }

    #[inline]
    pub(super) fn id(self) -> ItemId {
        ItemId::from_raw(self.0)
    }

    #[inline]
    pub(super) fn epoch(self) -> u8 {
        (self.0 >> EPOCH_SHIFT) as u8
    }
}

/// What a word says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    Empty,
    Slot(Slotted),
    Link(NodeId),
}

impl Word {
    #[inline]
    pub(super) fn decode(raw: u64) -> Word {
        match raw >> TAG_SHIFT {
            0 => Word::Empty,
            TAG_LINK => Word::Link(NodeId(raw as u32)),
            _ => Word::Slot(Slotted(raw)),
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

/// The tag of a key's slot: never that of an empty word or of a link.
#[inline]
pub(super) fn tag_of(hash: u64) -> u64 {
    (hash >> TAG_SHIFT).clamp(TAG_MIN, TAG_MAX)
}

/// Bits of the words that are slots with the tag of `hash`, the first word's lowest. No branch:
/// which slot it is cannot be foreseen.
#[inline]
pub(super) fn tagged<const N: usize>(words: &[u64; N], hash: u64) -> u32 {
    let tag = tag_of(hash);
    if let Ok(words) = <&[u64; 8]>::try_from(&words[..]) {
        return crate::sys::simd::tagged(words, tag as u16);
    }
    words.iter().rev().fold(0, |bits, word| {
        bits << 1 | u32::from(word >> TAG_SHIFT == tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_what_it_was_made_from() {
        let id = ItemId::from_raw(77);
        for hash in [0, 1 << 48, u64::MAX, 0xfffe << 48, 0x1234 << 48] {
            let slot = Slotted::new(hash, id, 254);
            assert_eq!(Word::decode(slot.raw()), Word::Slot(slot));
            assert!(slot.has_tag_of(hash) && slot.id() == id && slot.epoch() == 254);
        }
        for index in [0, 1, u32::MAX] {
            let node = NodeId::at(index);
            assert_eq!(Word::decode(node.link()), Word::Link(node));
        }
        assert_eq!(Word::decode(0), Word::Empty);
    }

    #[test]
    fn a_link_has_the_tag_of_no_key() {
        let link = NodeId::at(5).link();
        for hash in [u64::MAX, 0xfffe << 48, 0] {
            assert_eq!(tagged(&[link, 0, link, 0], hash), 0);
            assert_eq!(tagged(&[link, 0, link, 0, 0, 0, 0, link], hash), 0);
        }
    }
}
