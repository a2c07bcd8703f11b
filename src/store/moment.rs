//! One command, one moment: the words that all threads share, read once.
//!
//! The epoch of flushes, the clock's second and the division of the LRU change at any time. A
//! command that judged by one look and acted by a second could join what was never together: a
//! value from before a flush, linked as one from after it. So a command takes the stripe of its
//! key, reads these words once, and carries what it has read, a [`Moment`], in the guard
//! (`held`) until it leaves the stripe. There is no other way to the epoch and to the division:
//! they stand in [`Shared`], whose words only this file can read. The clock's second has other
//! readers outside of the store; within it a test (below) keeps them out. (What a client's expiry
//! means may be asked of the clock before, by what carries out the protocol: it is stored, and
//! nothing is judged by it.)
//!
//! Threads that come from the side of the lists read a moment under those.

use super::clock::Clock;
use super::lru::{Division, HeldLists};
use super::table::{EPOCHS, Stripe};
use crate::sys::sync::atomic::{AtomicU8, AtomicU32};
use crate::sys::sync::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the shared words said when a lock was taken.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    now_s: u32,
    epoch: u8,
    division: Division,
}

/// The locks under which a moment may be read.
pub(super) trait Lock {}
impl Lock for Stripe<'_> {}
impl Lock for HeldLists<'_> {}

impl Moment {
    /// Reads the words; the lock is the one under which the outcome is used.
    #[inline]
    pub fn under(clock: &Clock, shared: &Shared, _lock: &impl Lock) -> Moment {
        Moment {
            now_s: second(clock),
            epoch: shared.epoch.load(Relaxed),
            division: Division::from_word(shared.division.load(Relaxed)),
        }
    }

    /// The clock's second.
    #[inline]
    pub fn now_s(self) -> u32 {
        self.now_s
    }

    /// The epoch in which an item is linked.
    #[inline]
    pub fn epoch(self) -> u8 {
        self.epoch
    }

    /// How the LRU is divided.
    #[inline]
    pub fn division(self) -> Division {
        self.division
    }

    /// Whether an item is from before a flush.
    #[inline]
    pub fn is_flushed(self, epoch: u8) -> bool {
        epoch != self.epoch
    }
}

/// The one look at the clock that commands have.
#[inline]
fn second(clock: &Clock) -> u32 {
    clock.now()
}

/// Shared words that are written here and there, and read as a [`Moment`] only.
pub(super) struct Shared {
    /// Of flushes.
    epoch: AtomicU8,
    /// A [`Division`]: one word, so that it is never half of one and half of another.
    division: AtomicU64,
}

impl Shared {
    /// The first epoch; an LRU flat or in segments, without TEMP.
    pub fn new(segmented: bool) -> Shared {
        let division = Division::new(segmented, None);
        Shared {
            epoch: AtomicU8::new(0),
            division: AtomicU64::new(division.word()),
        }
    }

    /// Begins the next epoch and gives it; flushes come one at a time.
    pub fn begin_epoch(&self, _one_at_a_time: &MutexGuard<'_, ()>) -> u8 {
        let epoch = (self.epoch.load(Relaxed) + 1) % EPOCHS;
        self.epoch.store(epoch, Relaxed);
        epoch
    }

    /// Changes how the LRU is divided.
    pub fn divide(&self, change: impl Fn(Division) -> Division) {
        let changed = |word| Some(change(Division::from_word(word)).word());
        // It never says no.
        let _ = self.division.fetch_update(Relaxed, Relaxed, changed);
    }
}

/// The flush to come.
#[derive(Default)]
pub(super) struct PendingFlush {
    /// Clock second of the pending flush, 0 for none. Written under the mutex.
    pub due_s: AtomicU32,
    /// Held while a flush is asked for or happens: two do not begin the same epoch, and one that
    /// becomes due does not take the place of one that has just been asked for.
    pub one_at_a_time: Mutex<()>,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Files that may: the clock and the moment, what takes stripes as a type, what begins a
    /// flush, what shows the time to an operator, and what only tests use.
    const ALLOWED: [&str; 10] = [
        "store/clock.rs",
        "store/moment.rs",
        "store/held.rs",
        "store/flush.rs",
        "store/verify.rs",
        "store/loom_models.rs",
        "store/tests.rs",
        "commands/admin.rs",
        "commands/debug.rs",
        "commands/tests.rs",
    ];

    #[test]
    fn no_command_looks_at_the_clock_or_takes_a_stripe_but_through_a_moment() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut looked_at = 0;
        for directory in ["store", "commands", "commands/binary"] {
            for entry in fs::read_dir(sources.join(directory)).unwrap() {
                let path = entry.unwrap().path();
                let file = path.strip_prefix(&sources).unwrap().to_str().unwrap();
                if path.is_dir() || ALLOWED.contains(&file) {
                    continue;
                }
                check(file, &fs::read_to_string(&path).unwrap());
                looked_at += 1;
            }
        }
        assert!(looked_at > 50, "the sources are there: {looked_at}");
    }

    fn check(file: &str, text: &str) {
        for call in [
            "clock.now(",
            "table.lock(",
            "table.try_lock(",
            "table.lock_index(",
        ] {
            // Those that hold one for tests are given back by other means.
            let found = text.lines().filter(|line| line.contains(call));
            let allowed = |line: &&str| !line.contains("mem::forget");
            let lines: Vec<&str> = found.filter(allowed).collect();
            assert!(lines.is_empty(), "{file}: {lines:?}");
        }
        // What carries the protocol out may ask what an expiry means: that is stored, not judged by.
        let asks_for_expiry = text.contains("clock.expiry(");
        assert!(!(asks_for_expiry && file.starts_with("store/")), "{file}");
    }
}
