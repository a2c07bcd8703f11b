//! The lock of a stripe: four bytes, one atomic instruction to take it and one to leave.
//!
//! The states are those of "mutex, take 3" in Ulrich Drepper, "Futexes Are Tricky" (2011):
//! free, held, held with sleepers. Taking a free lock and leaving an uncontended one makes
//! no call. It stands alone because it shares a cache line with what it guards (`table`).
//!
//! Order of all locks: item stripe, LRU list, slab class, arena (doc/threads.txt).

use crate::sys::futex;
use crate::sys::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use std::hint::spin_loop;

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// How often a taken lock is looked at before the thread sleeps: holders stay for well
/// under a microsecond.
const SPINS: u32 = if cfg!(loom) { 1 } else { 100 };

/// The lock itself; guards are made by its owner.
#[derive(Default)]
pub struct RawLock(AtomicU32);

impl RawLock {
    /// Takes the lock, waiting for it if need be.
    #[inline]
    pub fn lock(&self) {
        if !self.try_lock() {
            self.wait();
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> bool {
        self.0
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .is_ok()
    }

    /// Leaves the lock, which the caller holds.
    #[inline]
    pub fn unlock(&self) {
        if self.0.swap(FREE, Release) == CONTENDED {
            futex::wake_one(&self.0);
        }
    }

    #[cold]
    fn wait(&self) {
        for _ in 0..SPINS {
            spin_loop();
            if self.0.load(Relaxed) == FREE && self.try_lock() {
                return;
            }
        }
        // From here on the lock is taken as contended: whether others sleep is not known.
        while self.0.swap(CONTENDED, Acquire) != FREE {
            futex::wait(&self.0, CONTENDED);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn increments_under_the_lock_are_never_lost() {
        let (lock, sum) = (RawLock::default(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..crate::store::steps(20_000) {
                        lock.lock();
                        sum.store(sum.load(Relaxed) + 1, Relaxed);
                        lock.unlock();
                    }
                });
            }
        });
        assert_eq!(sum.load(Relaxed), 4 * crate::store::steps(20_000));
    }

    #[test]
    fn a_held_lock_is_refused_to_those_who_only_try() {
        let lock = RawLock::default();
        assert!(lock.try_lock());
        assert!(!lock.try_lock());
        lock.unlock();
        assert!(lock.try_lock());
    }
}
