//! Arrays in address space of their own: they grow in place, and their memory can be given back.
//!
//! What stands in them is made of atomics, for which all zero bytes are a value: an element that
//! has been given back reads as it did when it was new. So an element may be looked at by any
//! thread, with a lock or without, for as long as the array lives; what it means is for the
//! reader to find out.

#[cfg(not(loom))]
use crate::sys::memory::{COMMIT_STEP, Reservation};
use crate::sys::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Release},
};
use std::io::Result;

/// What may stand in a [`Space`].
///
/// # Safety
/// 1. Every byte of the type belongs to an atomic, or to no field at all.
/// 2. All zero bytes are a value of it, that of [`Default`].
pub unsafe trait Plain: Default + Sync {
    /// Under loom: makes it what it was when it was new, as memory that was given back is.
    #[cfg(loom)]
    fn clear(&self) {}
}

// SAFETY: an atomic; zero is a value.
unsafe impl Plain for std::sync::atomic::AtomicU8 {}
#[cfg(loom)]
// SAFETY: no memory is mapped under loom.
unsafe impl Plain for crate::sys::sync::atomic::AtomicU8 {}

/// The array.
///
/// 1. The first `committed` elements lie in `memory` and are committed; there are never fewer.
#[cfg(not(loom))]
pub struct Space<T> {
    memory: Reservation,
    committed: AtomicUsize,
    of: std::marker::PhantomData<T>,
}

#[cfg(not(loom))]
impl<T: Plain> Space<T> {
    /// An array without elements, and address space for `reserved` of them.
    pub fn new(reserved: usize) -> Result<Space<T>> {
        const { assert!(COMMIT_STEP.is_multiple_of(align_of::<T>())) };
        Ok(Space {
            memory: Reservation::new(reserved.saturating_mul(size_of::<T>()))?,
            committed: AtomicUsize::new(0),
            of: std::marker::PhantomData,
        })
    }

    /// The element at `index`, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        // SAFETY: within the committed elements by (1); mappings are aligned for `T`; every
        // bit pattern that is ever there is a value, for `T` is `Plain` and nothing else writes.
        let element = || unsafe { self.memory.base().cast::<T>().add(index).as_ref() };
        (index < self.len()).then(element)
    }

    /// Elements that there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.committed.load(Acquire)
    }

    /// Makes sure that there are `len` elements at least. The caller sees to it that no other
    /// thread does that at the same time.
    ///
    /// # Errors
    /// The system has no memory or no address space; nothing has changed.
    pub fn commit(&self, len: usize) -> Result<()> {
        let have = self.len();
        if len <= have {
            return Ok(());
        }
        let bytes = |len: usize| {
            let bytes = len.checked_mul(size_of::<T>());
            bytes.and_then(|bytes| bytes.checked_next_multiple_of(COMMIT_STEP))
        };
        let out_of_space = || std::io::Error::from(std::io::ErrorKind::OutOfMemory);
        let wanted = bytes(len).ok_or_else(out_of_space)?;
        let reserved = self.memory.len();
        if wanted > reserved {
            // By half as much again, so that a large array does not grow in small steps.
            let more = wanted.max(reserved.saturating_add(reserved / 2));
            self.memory
                .grow(more)
                .or_else(|_| self.memory.grow(wanted))?;
        }
        let from = (have * size_of::<T>()).next_multiple_of(COMMIT_STEP);
        if wanted > from {
            self.memory.commit(from, wanted - from)?;
        }
        self.committed.store(len, Release);
        Ok(())
    }

    /// Gives the memory of the elements from `from` up to `to` back to the system, as far as it is
    /// whole steps of [`COMMIT_STEP`]: they are all zero then, and can be used again.
    pub fn give_back(&self, from: usize, to: usize) {
        let bytes = |index: usize| index.min(self.len()) * size_of::<T>();
        let start = bytes(from).next_multiple_of(COMMIT_STEP);
        let end = bytes(to) / COMMIT_STEP * COMMIT_STEP;
        if start < end {
            // SAFETY: references to these bytes are to atomics, for which zero is a value; elements
            // are committed in whole steps.
            unsafe { self.memory.discard(start, end - start) };
        }
    }

    /// Asks for huge pages under the elements from `from` up to `to`.
    pub fn prefer_huge_pages(&self, from: usize, to: usize) {
        self.advise(from, to, Reservation::prefer_huge_pages);
    }

    /// Asks for small pages there: of what is used here and there, only that is to take memory.
    pub fn avoid_huge_pages(&self, from: usize, to: usize) {
        self.advise(from, to, Reservation::avoid_huge_pages);
    }

    fn advise(&self, from: usize, to: usize, advice: fn(&Reservation, usize, usize)) {
        let start = (from * size_of::<T>()).next_multiple_of(COMMIT_STEP);
        let end = (to * size_of::<T>()).min(self.memory.len()) / COMMIT_STEP * COMMIT_STEP;
        if start < end {
            advice(&self.memory, start, end - start);
        }
    }
}

/// Under loom: its atomics cannot lie in mapped memory. All elements exist from the start.
#[cfg(loom)]
pub struct Space<T> {
    elements: Box<[T]>,
    committed: AtomicUsize,
}

/// Elements of a space in a model, at most.
#[cfg(loom)]
const ELEMENTS: usize = 16;

#[cfg(loom)]
#[allow(missing_docs)] // as above
impl<T: Plain> Space<T> {
    pub fn new(_: usize) -> Result<Space<T>> {
        Ok(Space {
            elements: std::iter::repeat_with(T::default).take(ELEMENTS).collect(),
            committed: AtomicUsize::new(0),
        })
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.elements[..self.len()].get(index)
    }

    pub fn len(&self) -> usize {
        self.committed.load(Acquire)
    }

    pub fn commit(&self, len: usize) -> Result<()> {
        assert!(len <= ELEMENTS, "a model too large");
        self.committed.store(len.max(self.len()), Release);
        Ok(())
    }

    pub fn give_back(&self, from: usize, to: usize) {
        let to = to.min(self.len());
        self.elements[from.min(to)..to].iter().for_each(T::clear);
    }

    pub fn prefer_huge_pages(&self, _: usize, _: usize) {}

    pub fn avoid_huge_pages(&self, _: usize, _: usize) {}
}
