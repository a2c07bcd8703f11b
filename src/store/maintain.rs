//! What the LRU maintainer does: it moves items between the lists of a class, so that COLD
//! holds the ones to evict next, and those in use are elsewhere.
//!
//! The thread itself, its sleep and its pace, are the caller's (`upkeep::maintainer`).

use super::engine::Store;
use super::item::{Header, state};
use super::lru::{Lists, Segment};
use super::moment::Moment;
use super::table::Slot;
use super::tail::{TailAction, TailWalk, Walked};
use super::thread_state::ThreadState;
use crate::counters::ListTotals;
use std::sync::atomic::Ordering::Relaxed;

/// Items that one visit to a class moves out of each kind of list at most. Short visits: where
/// there are few cores, a worker may have to wait for the end of one.
const MOVES_MAX: u32 = 128;
/// Items moved while the class's lists are held once: threads that store may wait for them.
const BATCH: u32 = 16;

/// How a class is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Items of the class that HOT holds, percent.
    pub hot_pct: u32,
    /// The same for WARM.
    pub warm_pct: u32,
    /// Age of the COLD tail, times this, is the age at which an item leaves HOT.
    pub hot_max_factor: f64,
    /// The same for WARM.
    pub warm_max_factor: f64,
}

/// What HOT or WARM may hold.
#[derive(Clone, Copy, Default)]
struct Bounds {
    len: u64,
    age_s: u32,
}

/// How many items a visit concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Those that left HOT or TEMP.
    pub new: u32,
    /// Those that had been sorted before.
    pub old: u32,
}

impl Maintained {
    /// Of both kinds.
    pub fn all(self) -> u32 {
        self.new + self.old
    }
}

/// How old the oldest item of each list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ListAges {
    /// Items in the list.
    pub items: u64,
    /// Seconds since the last access of its tail, 0 if it is empty.
    pub tail_s: u32,
}

/// What `stats items` shows of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListState {
    /// Its lists, in the order of [`Segment::ALL`].
    pub ages: [ListAges; 4],
    /// Seconds that the item evicted last had not been accessed.
    pub evicted_s: u32,
}

impl Store {
    /// Visits a class once: expired items at the tails go, HOT and WARM shrink to their bounds,
    /// COLD gives back what is in use.
    pub fn maintain_class(
        &self,
        thread: &mut ThreadState,
        class: usize,
        tuning: &Tuning,
    ) -> Maintained {
        let lists = self.lists(class);
        if lists.len() == 0 {
            return Maintained::default();
        }
        let moment = self.moment_under(&lists);
        let (hot, warm) = if moment.division().is_segmented() {
            self.bounds(&lists, moment, tuning)
        } else {
            Default::default()
        };
        drop(lists);
        Maintained {
            new: self.shrink_temp(thread, class) + self.shrink(thread, class, Segment::Hot, hot),
            old: self.shrink(thread, class, Segment::Warm, warm) + self.shrink_cold(thread, class),
        }
    }

    fn bounds(&self, lists: &Lists, moment: Moment, tuning: &Tuning) -> (Bounds, Bounds) {
        let len = |segment| lists.list(segment).len;
        let total = len(Segment::Hot) + len(Segment::Warm) + len(Segment::Cold);
        let cold_s = f64::from(self.tail_age(lists, moment, Segment::Cold));
        let bounds = |pct, factor| Bounds {
            len: total * u64::from(pct) / 100,
            age_s: (cold_s * factor) as u32,
        };
        let hot = bounds(tuning.hot_pct, tuning.hot_max_factor);
        let mut warm = bounds(tuning.warm_pct, tuning.warm_max_factor);
        if len(Segment::Cold) == 0 {
            // Nothing to be older than. Threads that store may have used up COLD: they would
            // evict at once what comes there now, though it was asked for a second ago.
            warm.age_s = u32::MAX;
        }
        (hot, warm)
    }

    /// Seconds since the last access of a list's tail, 0 if it is empty.
    fn tail_age(&self, lists: &Lists, moment: Moment, segment: Segment) -> u32 {
        let accessed_s = |id| self.header(id).accessed_s.load(Relaxed);
        let tail = lists.list(segment).tail();
        tail.map_or(0, |id| moment.now_s().saturating_sub(accessed_s(id)))
    }

    /// Items and ages of the four lists of a class, in the order of [`Segment::ALL`].
    pub(super) fn ages(&self, lists: &Lists, moment: Moment) -> [ListAges; 4] {
        Segment::ALL.map(|segment| ListAges {
            items: lists.list(segment).len,
            tail_s: self.tail_age(lists, moment, segment),
        })
    }

    /// Repeats short walks, between which others get at the lists, until one does nothing.
    fn walk_in_batches(&self, mut walk: impl FnMut() -> Walked) -> u32 {
        let mut done = 0;
        while done < MOVES_MAX {
            let walked = walk();
            if !walked.has_changed() {
                break;
            }
            done += walked.moved + walked.removed;
        }
        done
    }

    /// Moves what is over the bounds of HOT or WARM to COLD, and what is active to WARM.
    fn shrink(
        &self,
        thread: &mut ThreadState,
        class: usize,
        segment: Segment,
        bounds: Bounds,
    ) -> u32 {
        let judge = |lists: &mut Lists, header: &Header, moment: Moment| {
            let age_s = moment
                .now_s()
                .saturating_sub(header.accessed_s.load(Relaxed));
            let is_over = lists.list(segment).len > bounds.len || age_s > bounds.age_s;
            match header.state() & (state::ACTIVE | state::REWRITTEN) {
                0 if is_over => TailAction::To(Segment::Cold),
                0 => TailAction::Stop,
                state::ACTIVE => TailAction::To(Segment::Warm),
                // As good as new.
                _ if moment.division().is_segmented() => TailAction::To(Segment::Hot),
                _ => TailAction::To(Segment::Cold),
            }
        };
        let walk = TailWalk::new(class, segment, BATCH);
        self.walk_in_batches(|| self.walk_tail(thread, walk, None, judge))
    }

    fn shrink_cold(&self, thread: &mut ThreadState, class: usize) -> u32 {
        let judge = |_: &mut Lists, header: &Header, moment: Moment| {
            if !moment.division().is_segmented() {
                return TailAction::Stop; // threads that store give the second chances
            }
            match header.state() & (state::ACTIVE | state::REWRITTEN) {
                0 => TailAction::Stop,
                state::ACTIVE => TailAction::To(Segment::Warm),
                _ => TailAction::To(Segment::Hot),
            }
        };
        let walk = TailWalk::new(class, Segment::Cold, BATCH);
        self.walk_in_batches(|| self.walk_tail(thread, walk, None, judge))
    }

    /// TEMP loses what has expired; all of it, if there are to be no temporary items.
    fn shrink_temp(&self, thread: &mut ThreadState, class: usize) -> u32 {
        let judge = |_: &mut Lists, _: &Header, moment: Moment| {
            let division = moment.division();
            if division.has_temporary() {
                TailAction::Stop
            } else {
                // What never expires enters where nothing is temporary.
                TailAction::To(division.first_segment(0, moment.now_s()))
            }
        };
        let walk = TailWalk::new(class, Segment::Temp, BATCH);
        self.walk_in_batches(|| self.walk_tail(thread, walk, None, judge))
    }

    /// Moves the items that threads have reported to WARM, if they are still active in COLD;
    /// at most `most`. Returns how many reports there were.
    pub fn drain_bumps(&self, most: usize) -> usize {
        let rings = self.bump_rings.lock().unwrap().clone();
        let mut drained = 0;
        for ring in rings {
            while drained < most
                && let Some((hash, id)) = ring.pop()
            {
                drained += 1;
                self.bump(hash, id);
            }
        }
        drained
    }

    fn bump(&self, hash: u64, id: u64) {
        let stripe = self.hold_stripe(hash);
        let moment = stripe.moment();
        // The number may be that of an item that is gone; what is linked here is looked at.
        let id = self.arena().checked(id);
        let Some(Slot { id, .. }) = id.and_then(|id| stripe.slot_of(hash, id)) else {
            return;
        };
        let header = self.header(id);
        let is_cold = header.segment() == Segment::Cold as usize;
        if is_cold && header.has(state::ACTIVE) && moment.division().is_segmented() {
            header.remove_state(state::ACTIVE);
            header.accessed_s.store(moment.now_s(), Relaxed);
            let mut lists = self.lists(header.class());
            lists.relocate(id, Segment::Warm);
            lists.events.moves_to_warm += 1;
        }
    }

    /// What has happened to the items of a class's lists.
    pub fn list_events(&self, class: usize) -> ListTotals {
        let mut sum = ListTotals::default();
        sum.add(&self.lists(class).events);
        sum
    }

    /// How many items a class's lists hold, and how old they are.
    pub fn list_state(&self, class: usize) -> ListState {
        let lists = self.lists(class);
        ListState {
            ages: self.ages(&lists, self.moment_under(&lists)),
            evicted_s: lists.evicted_time_s,
        }
    }

    /// Forgets how old the items evicted last were.
    pub fn reset_evicted_time(&self) {
        for class in self.slabs.classes.ids() {
            self.lists(class).evicted_time_s = 0;
        }
    }
}
