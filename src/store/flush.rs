//! `flush_all`: everything that was stored before a moment is there no more.
//!
//! The store has an epoch, a byte; a slot of the table bears the epoch in which its item
//! was linked. A flush begins a new epoch: one store of one byte, and every older item is
//! dead. Look-ups and the search for memory remove the dead as they meet them.
//!
//! A byte comes round again, so each flush also removes what is still dead from an 85th of
//! the stripes: after 85 flushes there is nothing left that is older than that, and no thread
//! ever waits for a walk through all items.
//!
//! A delayed flush is a clock second at which the first thread that notices begins the epoch.
//! There is one; each flush replaces the last one's, unless the second of that has begun.

use super::engine::Store;
use super::table::{EPOCHS, TableWalk};
use super::terms::FlushTime;
use super::thread_state::ThreadState;
use crate::sys::sync::MutexGuard;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Parts that the stripes are walked in, one a flush. They divide the epochs: a part that is
/// not walked between two flushes of one epoch would show what is older again.
const PARTS: usize = 85;
const _: () = assert!((EPOCHS as usize).is_multiple_of(PARTS) && PARTS < EPOCHS as usize);

impl Store {
    /// Brings the clock up to date, and carries out a flush that has become due: for a thread that
    /// has waited, before it looks at items. What they mean to it is then what they mean now,
    /// though the thread that ticks may not have run since.
    #[inline]
    pub fn catch_up(&self, thread: &mut ThreadState) {
        self.clock.update();
        self.flush_if_due(thread);
    }

    /// [`flush_and_note`](Store::flush_and_note) without a note.
    #[cfg(test)]
    pub fn flush(&self, thread: &mut ThreadState, when: FlushTime) {
        self.flush_and_note(thread, when, || ());
    }

    /// Flushes now or later; forgets a flush that was pending. `note` is called in the order in
    /// which flushes come, and before the walk through what is dead: it must not wait.
    pub fn flush_and_note(&self, thread: &mut ThreadState, when: FlushTime, note: impl FnOnce()) {
        let one = self.flush.one_at_a_time.lock().unwrap();
        note();
        let now_s = self.clock.now();
        let next_s = match when {
            FlushTime::At(second) if second > now_s => second,
            FlushTime::Never => 0,
            FlushTime::Now | FlushTime::At(_) => return self.begin_epoch(thread, &one, 0),
        };
        // It takes the place of one that is to come, not of one whose second has begun and that
        // no thread has noticed yet: that was promised.
        if self.is_due(now_s) {
            self.begin_epoch(thread, &one, next_s);
        } else {
            self.flush.due_s.store(next_s, Relaxed);
        }
    }

    /// Carries out a flush that has become due. Called by every thread that has waited: when this
    /// returns, it has been carried out, by whichever thread.
    #[inline]
    pub fn flush_if_due(&self, thread: &mut ThreadState) {
        if self.is_due(self.clock.now()) {
            self.flush_due(thread);
        }
    }

    /// Whether the second of the pending flush has begun. A thread that finds that it has not sees the epoch
    /// of the last one that was due.
    #[inline]
    fn is_due(&self, now_s: u32) -> bool {
        let due = self.flush.due_s.load(Acquire);
        due != 0 && due <= now_s
    }

    #[cold]
    fn flush_due(&self, thread: &mut ThreadState) {
        let one = self.flush.one_at_a_time.lock().unwrap();
        // Another thread may have carried it out, or another flush, that is to come, may have been
        // asked for since.
        if self.is_due(self.clock.now()) {
            self.begin_epoch(thread, &one, 0);
        }
    }

    /// Clock second of the pending flush, 0 for none.
    #[cfg(test)]
    pub fn flush_due_s(&self) -> u32 {
        self.flush.due_s.load(Relaxed)
    }

    /// Begins an epoch, notes when the next one is due (0: none is), and cleans up.
    fn begin_epoch(
        &self,
        thread: &mut ThreadState,
        one_at_a_time: &MutexGuard<'_, ()>,
        next_s: u32,
    ) {
        let epoch = self.shared.begin_epoch(one_at_a_time);
        // After the new epoch: a thread that finds that nothing is due finds that, too.
        self.flush.due_s.store(next_s, Release);
        let part = usize::from(epoch) % PARTS;
        let stripes = self.table.stripes();
        for index in part * stripes / PARTS..(part + 1) * stripes / PARTS {
            self.remove_flushed(thread, index);
        }
    }

    /// Removes every item of an older epoch from a stripe. It is held for one bucket at a time:
    /// a thread that has held it after the epoch began links nothing of an older one.
    fn remove_flushed(&self, thread: &mut ThreadState, index: usize) {
        let (mut walk, mut found) = (TableWalk::from_stripe(index), Vec::new());
        while walk.stripe() == index
            && let Some(stripe) = self.hold_row(&mut walk, &mut found)
        {
            let moment = stripe.moment();
            for &(id, _) in found.iter().filter(|&&(_, epoch)| moment.is_flushed(epoch)) {
                let hash = self.hash_of(id, &stripe);
                if let Some(slot) = stripe.slot_of(hash, id) {
                    stripe.unlink_item(thread, hash, slot);
                }
            }
        }
    }
}
