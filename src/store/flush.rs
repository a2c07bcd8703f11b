//! `flush_all`: everything that was stored before a moment is there no more.
//!
//! The store has an epoch, a byte; a slot of the table bears the epoch in which its item
//! was linked. A flush begins a new epoch: one store of one byte, and every older item is
//! dead. Look-ups and the search for memory remove the dead as they meet them.
//!
//! A byte comes round again, so after every 64 flushes a walk removes what is still dead.
//! An item is linked in an epoch that was current while its stripe was held, so it can be
//! at most a few epochs old when a walk misses it, and the next one finds it long before
//! the byte has come round.
//!
//! A delayed flush is a clock second at which the ticking thread begins the epoch. There is
//! one; each flush replaces the last one's.

use super::{ItemId, Local, Store};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// Flushes between two walks.
const FLUSHES_PER_WALK: u8 = 64;

/// The epoch, and the flush to come.
#[derive(Default)]
pub(super) struct Flush {
    epoch: AtomicU8,
    /// Clock second of the pending flush, 0 for none.
    due_s: AtomicU32,
    /// Held while a flush happens, so that two do not begin the same epoch.
    one_at_a_time: Mutex<()>,
}

/// When to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushTime {
    /// Everything stored so far.
    Now,
    /// Everything that is stored when this clock second begins.
    At(u32),
    /// Not at all: a pending flush is forgotten.
    Never,
}

impl Flush {
    #[inline]
    pub(super) fn epoch(&self) -> u8 {
        self.epoch.load(Relaxed)
    }
}

impl Store {
    /// Flushes now or later; forgets a flush that was pending.
    pub fn flush(&self, local: &mut Local, when: FlushTime) {
        match when {
            FlushTime::At(second) if second > self.clock.now() => {
                self.flush.due_s.store(second, Relaxed);
            }
            FlushTime::Never => self.flush.due_s.store(0, Relaxed),
            FlushTime::Now | FlushTime::At(_) => {
                self.flush.due_s.store(0, Relaxed);
                self.begin_epoch(local);
            }
        }
    }

    /// Carries out a flush that has become due. Called by the ticking thread.
    pub fn flush_if_due(&self, local: &mut Local) {
        let due = self.flush.due_s.load(Relaxed);
        if due != 0 && due <= self.clock.now() {
            self.flush(local, FlushTime::Now);
        }
    }

    fn begin_epoch(&self, local: &mut Local) {
        let _one = self.flush.one_at_a_time.lock().unwrap();
        let epoch = self.flush.epoch().wrapping_add(1);
        self.flush.epoch.store(epoch, Relaxed);
        if epoch.is_multiple_of(FLUSHES_PER_WALK) {
            self.remove_flushed(local);
        }
    }

    /// Removes every item of an older epoch, one stripe at a time.
    fn remove_flushed(&self, local: &mut Local) {
        let mut dead: Vec<ItemId> = Vec::new();
        for index in 0..self.table.stripes() {
            let stripe = self.table.lock_index(index);
            let now = self.flush.epoch();
            stripe.for_each(|id, epoch| {
                if epoch != now {
                    dead.push(id);
                }
            });
            for id in dead.drain(..) {
                let hash = self.hash_of(id);
                if let Some(slot) = stripe.find(hash, |found| found == id) {
                    self.unlink(local, &stripe, hash, slot);
                }
            }
        }
    }
}
