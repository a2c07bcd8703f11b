//! The sizes of slab classes: the table that operators know, and finer classes beside it.
//!
//! The table is that of C memcached for the same options, so ids and sizes are those that
//! tools expect. Its steps are wide, and its smallest chunk is twice what a small item needs
//! here; so the ids that it leaves free go to *finer* classes, whose sizes lie below the first
//! and between the others of the table:
//!
//! ```text
//! table   1:96         2:120         3:152              4:192 …      39:524288
//! finer   40:56 … 44:88       45:112        46:128 …          49:176 …
//! ```
//!
//! An item's *home* is the class of the table that fits it. It goes to the finer class only
//! when its home has filled a page (`slabs`), so a class that a tool looks at is where it has
//! always been, and a small cache does not spread over twice as many pages.

#![forbid(unsafe_code)]

use super::item::HEADER_LEN;
use super::item::PAGE_LEN;

/// Class ids are `1..CLASSES_MAX`; 0 is no class.
pub const CLASSES_MAX: usize = 64;

/// The header that the class table is computed with: that of C memcached.
const TABLE_HEADER: usize = 48;

/// The smallest finer class: header, cas, a short key and a counter.
const FINER_MIN: u32 = 56;
/// Steps of the finer sizes: up to so many bytes, multiples of that. Above the last the
/// rounding of the table costs a few percent of an item, and ids are scarce.
const FINER_STEPS: [(u32, u32); 4] = [(96, 8), (192, 16), (480, 32), (1184, 48)];
/// A finer size that is nearer to one of the table than this part of it would save nothing.
const FINER_NEAREST: u32 = 20;

/// What the class table is made from.
#[derive(Clone, Debug)]
pub struct ClassSizes {
    /// `-n`: the fewest bytes for key, value and flags.
    pub chunk_size_min: u32,
    /// `-f`: each class is so much larger than the one before.
    pub factor: f64,
    /// `-o slab_sizes`: the sizes themselves; no finer classes are added.
    pub explicit: Option<Vec<u32>>,
    /// The largest chunk; larger values are chains.
    pub chunk_max: u32,
}

/// A set of classes: bit *n* is class *n*.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClassSet(pub u64);

impl ClassSet {
    /// Every class.
    pub const ALL: ClassSet = ClassSet(u64::MAX);

    /// Whether `class` is in it.
    pub fn has(self, class: usize) -> bool {
        self.0 >> class & 1 != 0
    }

    /// Puts `class` in.
    pub fn insert(&mut self, class: usize) {
        self.0 |= 1 << class;
    }

    /// Takes `class` out.
    pub fn remove(&mut self, class: usize) {
        self.0 &= !(1 << class);
    }

    /// Whether there is none in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The sizes of the classes.
pub struct Classes {
    /// Chunk size by class id; `sizes[0]` is 0. First the table, then the finer ones.
    sizes: Vec<u32>,
    /// The last id of the table.
    last: usize,
    /// Class of the table by length in units of 8 bytes, rounded up.
    homes: Box<[u8]>,
    /// Finer class by length in the same units, 0 for none, as far as there are any.
    finer: Box<[u8]>,
}

impl Classes {
    /// Computes the table: sizes from `-n` up by the factor, each rounded up to 8, the last
    /// one `chunk_max`; then the finer ones.
    pub fn new(from: &ClassSizes) -> Classes {
        let table = table(from);
        let last = table.len() - 1;
        let finer = match from.explicit {
            Some(_) => Vec::new(),
            None => finer(&table[1..], CLASSES_MAX - table.len()),
        };
        let homes = ids_by_len(&table[1..], 1);
        let largest = finer.last().copied().unwrap_or(0);
        let ids = ids_by_len(&finer, last + 1);
        // Only where the finer chunk is the smaller one.
        let is_finer = |unit: usize| {
            let home = table[usize::from(homes[unit])];
            finer[usize::from(ids[unit]) - last - 1] < home
        };
        let finer_ids = (0..=largest as usize / 8)
            .map(|unit| match finer.is_empty() || !is_finer(unit) {
                true => 0,
                false => ids[unit],
            })
            .collect();
        Classes {
            sizes: [table, finer].concat(),
            last,
            homes,
            finer: finer_ids,
        }
    }

    /// The smallest class of the table whose chunks hold `len` bytes. `None`: it takes a chain.
    #[inline]
    pub fn class_for(&self, len: usize) -> Option<usize> {
        self.homes
            .get(len.div_ceil(8))
            .map(|&class| usize::from(class))
    }

    /// The finer class for `len` bytes, if there is one whose chunks are smaller than those of
    /// the home.
    #[inline]
    pub fn finer_for(&self, len: usize) -> Option<usize> {
        self.finer
            .get(len.div_ceil(8))
            .map(|&class| usize::from(class))
            .filter(|&class| class != 0)
    }

    /// Bytes of a chunk of `class`.
    #[inline]
    pub fn size(&self, class: usize) -> usize {
        self.sizes[class] as usize
    }

    /// The last id of the table, the class of the largest chunks.
    pub fn last(&self) -> usize {
        self.last
    }

    /// All ids.
    pub fn ids(&self) -> std::ops::Range<usize> {
        1..self.sizes.len()
    }

    /// Whether `class` stands in the table.
    pub fn is_of_table(&self, class: usize) -> bool {
        class <= self.last
    }

    /// Chunks in a page of `class`.
    pub fn per_page(&self, class: usize) -> usize {
        PAGE_LEN / self.size(class)
    }
}

/// The sizes of the table by id, the first of them 0.
fn table(from: &ClassSizes) -> Vec<u32> {
    let mut sizes = vec![0];
    match &from.explicit {
        Some(list) => sizes.extend(
            list.iter()
                .map(|&size| size.max(TABLE_HEADER as u32).next_multiple_of(8)),
        ),
        None => {
            let mut size = TABLE_HEADER as u32 + from.chunk_size_min;
            while sizes.len() < CLASSES_MAX - 1
                && f64::from(size) < f64::from(from.chunk_max) / from.factor
            {
                size = size.next_multiple_of(8);
                sizes.push(size);
                size = (f64::from(size) * from.factor) as u32;
            }
        }
    }
    sizes.push(from.chunk_max);
    sizes
}

/// At most `ids` sizes that lie between those of `table`.
fn finer(table: &[u32], ids: usize) -> Vec<u32> {
    let mut sizes = Vec::new();
    let mut size = FINER_MIN;
    for (up_to, step) in FINER_STEPS {
        size = size.next_multiple_of(step);
        while size <= up_to {
            let is_near = |&other: &u32| other.abs_diff(size) * FINER_NEAREST < size;
            let is_below_largest = table.last().is_some_and(|&largest| size < largest);
            if is_below_largest && !table.iter().any(is_near) {
                sizes.push(size);
            }
            size += step;
        }
    }
    sizes.truncate(ids);
    sizes
}

/// For each length in units of 8 bytes the id of the first of `sizes` that holds it.
fn ids_by_len(sizes: &[u32], first_id: usize) -> Box<[u8]> {
    let mut index = 0;
    let units = sizes.last().map_or(0, |&largest| largest as usize / 8 + 1);
    (0..units)
        .map(|unit| {
            while (sizes[index] as usize) < unit * 8 {
                index += 1;
            }
            (first_id + index) as u8
        })
        .collect()
}

const _: () = assert!(HEADER_LEN <= TABLE_HEADER, "every class holds a header");

#[cfg(test)]
mod tests {
    use super::*;

    fn from(chunk_size_min: u32, factor: f64, chunk_max: u32) -> ClassSizes {
        ClassSizes {
            chunk_size_min,
            factor,
            explicit: None,
            chunk_max,
        }
    }

    #[test]
    fn the_default_table_is_the_one_that_tools_know() {
        let table = table(&from(48, 1.25, 512 << 10));
        assert_eq!(table.len(), 40);
        assert_eq!(&table[1..7], &[96, 120, 152, 192, 240, 304]);
        assert_eq!(
            (table[25], table[31], table[38], table[39]),
            (21696, 82792, 394_840, 524_288)
        );
    }

    #[test]
    fn the_variants_of_the_table_have_the_known_ends() {
        let ends = |chunk_size_min, factor, chunk_max| {
            let table = table(&from(chunk_size_min, factor, chunk_max));
            (
                table.len() - 1,
                table[1],
                table[table.len() - 2],
                table[table.len() - 1],
            )
        };
        assert_eq!(ends(48, 2.0, 512 << 10), (13, 96, 196_608, 524_288));
        assert_eq!(ends(48, 1.08, 512 << 10), (63, 96, 13_800, 524_288));
        assert_eq!(ends(100, 1.25, 512 << 10), (37, 152, 394_840, 524_288));
        assert_eq!(ends(1, 1.25, 512 << 10), (41, 56, 394_840, 524_288));
        assert_eq!(ends(48, 1.25, 16 << 10), (23, 96, 11_104, 16_384));
        assert_eq!(ends(48, 1.25, 1 << 20), (42, 96, 771_184, 1_048_576));
        assert_eq!(ends(48, 1.25, 1024), (11, 96, 752, 1024));
        assert_eq!(ends(48, 1.01, 512 << 10), (63, 96, 96, 524_288));
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many steps")]
    fn every_length_has_the_smallest_home_and_a_finer_class_only_where_that_is_smaller() {
        for from in [
            from(48, 1.25, 512 << 10),
            from(48, 1.08, 512 << 10),
            from(1, 2.0, 512 << 10),
            from(48, 1.25, 1024),
            from(900, 1.1, 16 << 10),
        ] {
            let classes = Classes::new(&from);
            assert!(classes.ids().end <= CLASSES_MAX);
            for len in 1..=from.chunk_max as usize {
                let home = classes.class_for(len).unwrap();
                assert!(classes.is_of_table(home) && classes.size(home) >= len);
                assert!(home == 1 || classes.size(home - 1) < len);
                if let Some(finer) = classes.finer_for(len) {
                    assert!(!classes.is_of_table(finer));
                    assert!((len..classes.size(home)).contains(&classes.size(finer)));
                }
            }
            assert_eq!(classes.class_for(from.chunk_max as usize + 1), None);
            assert_eq!(classes.finer_for(from.chunk_max as usize + 1), None);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many steps")]
    fn small_items_have_finer_classes_unless_the_operator_names_the_sizes() {
        let classes = Classes::new(&from(48, 1.25, 512 << 10));
        let finer = |len| classes.finer_for(len).map(|class| classes.size(class));
        assert_eq!(
            (finer(41), finer(62), finer(86)),
            (Some(56), Some(64), Some(88))
        );
        assert_eq!(
            (finer(94), finer(154), finer(1024)),
            (None, Some(160), Some(1056))
        );
        let explicit = Classes::new(&ClassSizes {
            explicit: Some(vec![100, 200]),
            ..from(48, 1.25, 512 << 10)
        });
        assert_eq!(explicit.finer_for(50), None);
        assert_eq!(explicit.ids(), 1..4);
    }
}
