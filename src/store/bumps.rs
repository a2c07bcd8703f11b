//! Reports of COLD items that have become active, from the threads that read to the one that
//! maintains the LRU.
//!
//! Each reading thread has a ring with one writer and one reader. An entry is a hash and the number of
//! an id, no reference: the maintainer looks whether the item is still there and still wants to
//! be moved, so an entry that is out of date does nothing and a full ring loses only a hint.
//! (The item stays marked as active, which saves it when it comes to the tail.)

#![forbid(unsafe_code)]

use crate::sys::sync::OnceLock;
use crate::sys::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Entries of a ring; a power of two.
pub const RING_LEN: usize = if cfg!(loom) { 2 } else { 8192 };

/// A thread's ring.
#[repr(align(128))] // no two threads on one cache line, nor on a pair that is fetched together
pub struct Bumps {
    /// Hash and number of the id of each entry; made when the first is written, for most threads never.
    entries: OnceLock<Box<[[AtomicU64; 2]]>>,
    /// Entries ever written, by the reading thread.
    written: AtomicU64,
    /// Entries ever taken, by the maintainer.
    taken: AtomicU64,
}

impl Bumps {
    /// An empty ring.
    pub fn new() -> Bumps {
        Bumps {
            entries: OnceLock::new(),
            written: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        }
    }

    /// Adds an entry; false if the ring is full. Called by the ring's thread.
    pub fn push(&self, hash: u64, id: u64) -> bool {
        let written = self.written.load(Relaxed);
        if written - self.taken.load(Acquire) == RING_LEN as u64 {
            return false;
        }
        let empty = || std::iter::repeat_with(Default::default).take(RING_LEN);
        let entries = self.entries.get_or_init(|| empty().collect());
        let entry = &entries[written as usize % RING_LEN];
        entry[0].store(hash, Relaxed);
        entry[1].store(id, Relaxed);
        self.written.store(written + 1, Release);
        true
    }

    /// Takes the oldest entry. Called by the maintainer.
    pub fn pop(&self) -> Option<(u64, u64)> {
        let taken = self.taken.load(Relaxed);
        if taken == self.written.load(Acquire) {
            return None;
        }
        let entry = &self.entries.get()?[taken as usize % RING_LEN];
        let found = (entry[0].load(Relaxed), entry[1].load(Relaxed));
        self.taken.store(taken + 1, Release);
        Some(found)
    }
}

impl Default for Bumps {
    fn default() -> Bumps {
        Bumps::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_one_thread_puts_in_the_other_takes_out_in_order_and_nothing_twice() {
        let bumps = Bumps::new();
        let (put, taken) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let accepted = |&n: &u64| bumps.push(n, n);
                (0..crate::store::steps(100_000))
                    .filter(accepted)
                    .collect::<Vec<u64>>()
            });
            let mut taken = Vec::new();
            while !writer.is_finished() {
                taken.extend(bumps.pop());
            }
            (writer.join().unwrap(), taken)
        });
        let rest = std::iter::from_fn(|| bumps.pop());
        let all: Vec<_> = taken.into_iter().chain(rest).collect();
        assert!(all.iter().all(|(hash, id)| hash == id));
        assert_eq!(all.iter().map(|(hash, _)| *hash).collect::<Vec<_>>(), put);
    }

    #[test]
    fn a_full_ring_refuses_until_something_is_taken() {
        let bumps = Bumps::new();
        for n in 0..RING_LEN as u64 {
            assert!(bumps.push(n, 1));
        }
        assert!(!bumps.push(9, 1));
        assert_eq!(bumps.pop().map(|(hash, _)| hash), Some(0));
        assert!(bumps.push(9, 1));
    }
}
