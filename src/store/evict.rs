//! Memory for a new item: a free chunk, a new page, or the place of an old item.

use super::engine::Store;
use super::held::Keeping;
use super::item::{Header, ItemId, state};
use super::lru::{Lists, Segment};
use super::slabs::Grow;
use super::tail::{TailAction, TailWalk, Walked};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::Relaxed;

/// Rounds per allocation; each may remove one living item.
const ROUNDS: u64 = 10;
/// Items that a round sends back to the head at most: a bound on how long it holds the lists.
const SECOND_CHANCES: u32 = 50;
/// Items that go to COLD when it has none, for the next searches.
const DEMOTIONS: u32 = 16;
/// Shortest chunk that a chain is made of.
const CHAIN_CHUNK_MIN: usize = 1 << 10;

/// Whether a search may spare items in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// There will be another: they get their second chance.
    Another,
    /// There will be none.
    Last,
}

/// Whose memory a length may have.
#[derive(Clone, Copy)]
struct Choice {
    /// Its class in the table.
    home: usize,
    /// The finer class, if there is one.
    finer: Option<usize>,
}

impl Choice {
    /// The class that an item goes to if there is memory.
    fn first(self, store: &Store) -> usize {
        match self.finer {
            Some(finer) if store.slabs.is_first_page_full(self.home) => finer,
            _ => self.home,
        }
    }
}

impl Store {
    /// A chunk of at least `len` bytes, its state cleared. `None`: there is nothing to be had,
    /// or no chunk is so large. It may be much larger: where memory has gone to other classes
    /// and all chunks of this one are in use, it is better to waste some of theirs than to
    /// refuse. `keeping`: what the caller holds, if it holds a stripe.
    #[inline]
    pub(super) fn allocate(
        &self,
        thread: &mut ThreadState,
        len: usize,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        let choice = Choice {
            home: self.slabs.classes.class_for(len)?,
            finer: self.slabs.classes.finer_for(len),
        };
        let class = choice.first(self);
        self.slabs
            .pop(&thread.magazines, class)
            .or_else(|| self.allocate_slowly(thread, choice, keeping))
    }

    #[cold]
    fn allocate_slowly(
        &self,
        thread: &mut ThreadState,
        choice: Choice,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        // Dead items go before the class grows. If it cannot, they are met on the way to
        // an item to evict.
        if !self.slabs.is_full() {
            self.remove_dead(thread, choice.first(self), keeping);
        }
        self.take_free(thread, choice)
            .or_else(|| self.evict_for(thread, choice, keeping))
    }

    /// A free chunk, or one of a new page, without evicting anything for it.
    fn take_free(&self, thread: &ThreadState, choice: Choice) -> Option<ItemId> {
        let Choice { home, finer } = choice;
        let Some(finer) = finer else {
            return self.take(thread, home, Grow::Yes);
        };
        if !self.slabs.is_first_page_full(home) {
            let is_empty = self.slabs.pages_of(home) == 0;
            let grow = if is_empty { Grow::Yes } else { Grow::No };
            let found = self.take(thread, home, grow);
            if found.is_some() {
                return found;
            }
            self.slabs.set_first_page_full(home);
        }
        self.take(thread, finer, Grow::Yes)
            .or_else(|| self.take(thread, home, Grow::No))
    }

    fn take(&self, thread: &ThreadState, class: usize, grow: Grow) -> Option<ItemId> {
        self.slabs.take(&thread.magazines, class, grow)
    }

    /// Evicts items until a chunk is free.
    #[cold]
    fn evict_for(
        &self,
        thread: &mut ThreadState,
        choice: Choice,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        let (first, second) = self.older_first(choice);
        let mut found = self.evict_in(thread, first, choice, keeping);
        if let Some(second) = second
            && found.is_none()
        {
            found = self.evict_in(thread, second, choice, keeping);
        }
        if self.evict {
            let mut larger = choice.home + 1..=self.slabs.classes.last();
            while found.is_none()
                && let Some(home) = larger.next()
            {
                if self.slabs.pages_of(home) > 0 {
                    let other = Choice { home, finer: None };
                    found = self.evict_in(thread, home, other, keeping);
                }
            }
        }
        if found.is_none() || !self.evict {
            let mut lists = self.lists(choice.first(self));
            lists.events.outofmemory += u64::from(found.is_none());
            if !self.evict && self.moment_under(&lists).division().is_segmented() {
                // The walks do not count here: how many there are is chance, for the maintainer
                // sorts the same lists. A hopeless attempt has as many rounds as there may be.
                lists.events.direct_reclaims += if found.is_some() { 1 } else { ROUNDS };
            }
        }
        found
    }

    /// The classes that may evict something for a length, the one with the older tail first.
    fn older_first(&self, choice: Choice) -> (usize, Option<usize>) {
        let Choice { home, finer } = choice;
        match finer.map(|finer| (finer, self.tail_time(finer), self.tail_time(home))) {
            None | Some((_, None, _)) => (home, finer),
            Some((finer, Some(_), None)) => (finer, Some(home)),
            Some((finer, Some(fine_s), Some(home_s))) if fine_s < home_s => (finer, Some(home)),
            Some((finer, ..)) => (home, Some(finer)),
        }
    }

    /// Last access of the item that a class would evict first.
    fn tail_time(&self, class: usize) -> Option<u32> {
        let lists = self.lists(class);
        let tail = |segment| lists.list(segment).tail();
        let id = tail(Segment::Cold)
            .or_else(|| tail(Segment::Hot))
            .or_else(|| tail(Segment::Warm))?;
        Some(self.header(id).accessed_s.load(Relaxed))
    }

    fn evict_in(
        &self,
        thread: &mut ThreadState,
        class: usize,
        choice: Choice,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        let last = self.slabs.classes.last();
        for round in 1..=ROUNDS {
            // A class that holds only heads or chunks of large items has no lists of its own:
            // its chunks are freed by evictions from the last class.
            let attempt = if round == ROUNDS {
                Try::Last
            } else {
                Try::Another
            };
            let changed = self.evict_one(thread, class, attempt, keeping)
                || class != last && self.evict_one(thread, last, attempt, keeping);
            if !changed {
                break;
            }
            // The memory of the evicted item may be of another class: that is taken before a second one
            // has to go.
            let found = self
                .take_free(thread, choice)
                .or_else(|| self.take_larger(thread, choice.home));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// One round in one class: evicts an item, or brings one nearer to the COLD tail. False: there
    /// is neither.
    pub(super) fn evict_one(
        &self,
        thread: &mut ThreadState,
        class: usize,
        attempt: Try,
        keeping: Option<Keeping<'_>>,
    ) -> bool {
        let changed = if self.evict {
            let walked = self.evict_cold(thread, class, attempt, keeping);
            walked.has_changed()
        } else {
            self.remove_dead(thread, class, keeping)
        };
        changed || self.demote(thread, class, keeping)
    }

    /// A walk for a thread that needs a chunk now.
    fn direct(&self, class: usize, segment: Segment, moves_max: u32) -> TailWalk {
        TailWalk {
            is_direct: self.evict,
            ..TailWalk::new(class, segment, moves_max)
        }
    }

    /// Removes what is dead at the COLD tail of `class`.
    fn remove_dead(
        &self,
        thread: &mut ThreadState,
        class: usize,
        keeping: Option<Keeping<'_>>,
    ) -> bool {
        let walk = TailWalk::new(class, Segment::Cold, 1);
        let walked = self.walk_tail(thread, walk, keeping, |_, _, _| TailAction::Stop);
        walked.removed > 0
    }

    /// Evicts the first item from the COLD tail that is not in use; the others get their
    /// second chance, unless this is the last try.
    fn evict_cold(
        &self,
        thread: &mut ThreadState,
        class: usize,
        attempt: Try,
        keeping: Option<Keeping<'_>>,
    ) -> Walked {
        self.walk_tail(
            thread,
            self.direct(class, Segment::Cold, SECOND_CHANCES),
            keeping,
            |lists, header, moment| {
                let segmented = moment.division().is_segmented();
                let spared =
                    |segment| TailAction::To(if segmented { segment } else { Segment::Cold });
                if header.refs.load(Relaxed) > 1 {
                    // A reader or an append holds it: to remove it would free no memory now.
                    lists.events.lrutail_reflocked += 1;
                    return TailAction::To(Segment::Cold);
                }
                match header.state() & (state::ACTIVE | state::REWRITTEN) {
                    0 => TailAction::Evict,
                    _ if attempt == Try::Last => TailAction::Evict,
                    state::ACTIVE => spared(Segment::Warm),
                    _ => spared(Segment::Hot),
                }
            },
        )
    }

    /// For a class with nothing to evict in COLD: moves a few items there, from HOT, else
    /// WARM, else one from TEMP, passing over those in use.
    fn demote(&self, thread: &mut ThreadState, class: usize, keeping: Option<Keeping<'_>>) -> bool {
        [Segment::Hot, Segment::Warm, Segment::Temp]
            .into_iter()
            .any(|segment| {
                let mut left = DEMOTIONS;
                let marks = |header: &Header| header.state() & (state::ACTIVE | state::REWRITTEN);
                let judge = |_: &mut Lists, header: &Header, _| match marks(header) {
                    _ if segment == Segment::Temp => TailAction::LastTo(Segment::Cold),
                    0 if left == 1 => TailAction::LastTo(Segment::Cold),
                    0 => {
                        left -= 1;
                        TailAction::To(Segment::Cold)
                    }
                    state::ACTIVE => TailAction::To(Segment::Warm),
                    _ => TailAction::To(Segment::Hot),
                };
                let walk = self.direct(class, segment, SECOND_CHANCES);
                self.walk_tail(thread, walk, keeping, judge).has_changed()
            })
    }

    /// A chunk of a smaller class, one whose live items may be evicted and whose chunks are
    /// long enough to make a chain of.
    pub(super) fn allocate_smaller(
        &self,
        thread: &mut ThreadState,
        len: usize,
        keeping: Option<Keeping<'_>>,
    ) -> Option<ItemId> {
        let classes = &self.slabs.classes;
        (1..classes.class_for(len)?)
            .rev()
            .filter(|&home| self.evict && classes.size(home) >= CHAIN_CHUNK_MIN)
            .filter(|&home| self.slabs.pages_of(home) > 0)
            .find_map(|home| {
                let other = Choice { home, finer: None };
                self.take_free(thread, other)
                    .or_else(|| self.evict_in(thread, home, other, keeping))
            })
    }

    /// A free chunk of a larger class that has pages, if live items may be evicted at all.
    fn take_larger(&self, thread: &ThreadState, home: usize) -> Option<ItemId> {
        let mut larger = home + 1..=self.slabs.classes.last();
        larger
            .by_ref()
            .filter(|&other| self.evict && self.slabs.pages_of(other) > 0)
            .find_map(|other| self.take(thread, other, Grow::Yes))
    }
}
