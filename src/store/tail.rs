//! Walking a list from its tail: which items are looked at, and what becomes of them.
//!
//! A walk begins at the tail and comes from the list's side of the lock order, so it only
//! tries the stripes of the items it meets and passes over those that are busy. (A thread that
//! holds a stripe already, because the item that it changes has outgrown its chunk, walks with
//! the guard of that one: else it could get no memory from its neighbours.) What is dead is
//! removed; of the rest the caller decides.

use super::engine::Store;
use super::held::{HeldStripe, Keeping};
use super::item::{Header, ItemId, state};
use super::link::Count;
use super::lru::{HeldLists, Lists, Segment};
use super::moment::Moment;
use super::table::Slot;
use super::thread_state::ThreadState;
use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;

/// Items that a walk looks at without moving them.
const STEPS: usize = 5;

/// The stripe of an item that a walk looks at.
enum ItemStripe<'h> {
    /// The walking thread holds it anyway.
    Kept(&'h HeldStripe<'h>),
    /// It was free.
    Tried(HeldStripe<'h>),
}

impl<'h> Deref for ItemStripe<'h> {
    type Target = HeldStripe<'h>;

    fn deref(&self) -> &HeldStripe<'h> {
        match self {
            ItemStripe::Kept(stripe) => stripe,
            ItemStripe::Tried(stripe) => stripe,
        }
    }
}

/// What becomes of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TailAction {
    /// It is dead, and removed: for the walk itself to say, not for a caller.
    Reclaim,
    /// It is evicted, and the walk ends.
    Evict,
    /// It goes to the head of that list, without its marks.
    To(Segment),
    /// The same, and the walk ends.
    LastTo(Segment),
    /// It stays where it is, and so does all that is newer: the walk ends.
    Stop,
}

/// Where a walk begins, and how far it may go.
#[derive(Clone, Copy)]
pub(super) struct TailWalk {
    pub class: usize,
    pub segment: Segment,
    /// Items that may be moved.
    pub moves_max: u32,
    /// Whether it counts as a direct reclaim if it changes anything.
    pub is_direct: bool,
}

impl TailWalk {
    /// One that does not count.
    pub fn new(class: usize, segment: Segment, moves_max: u32) -> TailWalk {
        TailWalk {
            class,
            segment,
            moves_max,
            is_direct: false,
        }
    }
}

/// What a walk has done.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Walked {
    /// Items removed: dead, or evicted.
    pub removed: u32,
    /// Items put into another list or at the head of their own.
    pub moved: u32,
}

impl Walked {
    /// Whether anything has changed.
    pub fn has_changed(self) -> bool {
        self.removed + self.moved > 0
    }
}

impl Store {
    /// Walks from the tail of one list of a class until `judge` says so, or as many items have
    /// been moved as may be. The class's lists are held all the time, and the stripe of each
    /// item while it is judged. Items of the stripe that the caller keeps are judged like others,
    /// under that guard, but for the one that it is changing.
    pub(super) fn walk_tail(
        &self,
        thread: &mut ThreadState,
        walk: TailWalk,
        keeping: Option<Keeping<'_>>,
        mut judge: impl FnMut(&mut Lists, &Header, Moment) -> TailAction,
    ) -> Walked {
        let TailWalk { class, segment, .. } = walk;
        let mut lists = self.lists(class);
        let (mut walked, mut gone) = (Walked::default(), [None; STEPS]);
        let (mut steps, mut at) = (0, lists.list(segment).tail());
        while steps < STEPS
            && walked.moved < walk.moves_max
            && let Some(id) = at
        {
            at = lists.before(id);
            let hash = self.hash_of(id, &lists);
            let Some((stripe, slot)) = self.at_tail(id, hash, keeping) else {
                steps += 1;
                continue;
            };
            let action = if stripe.is_dead(&slot) {
                TailAction::Reclaim
            } else {
                judge(&mut lists, self.header(id), stripe.moment())
            };
            match action {
                TailAction::Stop => break,
                TailAction::To(to) | TailAction::LastTo(to) => {
                    self.relocate(&mut lists, id, segment, to);
                    walked.moved += 1;
                    if matches!(action, TailAction::LastTo(_)) {
                        break;
                    }
                    continue;
                }
                TailAction::Reclaim => self.count_reclaimed(&mut lists, id),
                TailAction::Evict => self.note_eviction(thread, &mut lists, &stripe, id),
            }
            stripe.remove(hash, slot);
            lists.remove(id);
            self.header(id).remove_state(state::LINKED);
            self.account(thread, id, Count::Out);
            gone[walked.removed as usize] = Some(id);
            walked.removed += 1;
            steps += 1;
            if action == TailAction::Evict {
                break;
            }
        }
        lists.events.direct_reclaims += u64::from(walk.is_direct && walked.has_changed());
        drop(lists);
        // Freed without the lists: an item may be thousands of chunks.
        for id in gone.into_iter().flatten() {
            self.drop_ref(Some(thread), id);
        }
        walked
    }

    /// The stripe of an item that stands in lists that are held, and its slot. `None`: another
    /// thread holds the stripe, or the item is the one that the caller is changing.
    fn at_tail<'h>(
        &'h self,
        id: ItemId,
        hash: u64,
        keeping: Option<Keeping<'h>>,
    ) -> Option<(ItemStripe<'h>, Slot<'h>)> {
        let stripe = match keeping.filter(|keeping| keeping.held.covers(hash)) {
            Some(kept) if kept.id == Some(id) => return None,
            Some(kept) => ItemStripe::Kept(kept.held),
            None => ItemStripe::Tried(self.try_hold_stripe(hash)?),
        };
        // Linked items are in the table, and both are left under the stripe that is held.
        let slot = stripe.slot_of(hash, id)?;
        Some((stripe, slot))
    }

    fn relocate(&self, lists: &mut HeldLists<'_>, id: ItemId, from: Segment, to: Segment) {
        let header = self.header(id);
        let events = &mut lists.events;
        match (from, to) {
            (Segment::Hot | Segment::Warm, Segment::Cold) => events.moves_to_cold += 1,
            (Segment::Hot | Segment::Cold, Segment::Warm) => events.moves_to_warm += 1,
            (Segment::Warm, Segment::Warm) => events.moves_within_lru += 1,
            _ => {}
        }
        header.remove_state(state::ACTIVE | state::REWRITTEN);
        lists.relocate(id, to);
    }

    /// Counts an item that is evicted, and notifies of it.
    fn note_eviction(
        &self,
        thread: &ThreadState,
        lists: &mut Lists,
        stripe: &HeldStripe<'_>,
        id: ItemId,
    ) {
        let (header, now_s) = (self.header(id), stripe.moment().now_s());
        let accessed_s = header.accessed_s.load(Relaxed);
        let events = &mut lists.events;
        events.evicted += 1;
        events.evicted_unfetched += u64::from(!header.has(state::FETCHED));
        events.evicted_active += u64::from(header.has(state::ACTIVE));
        events.evicted_nonzero += u64::from(header.expires_s.load(Relaxed) != 0);
        lists.evicted_time_s = now_s.saturating_sub(accessed_s);
        stripe.notify_evicted(thread, id);
        if self.notes_page_requests.load(Relaxed) {
            self.page_request.store(header.class(), Relaxed);
        }
    }
}
