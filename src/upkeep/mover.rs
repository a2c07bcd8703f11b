//! The page mover: a thread that carries out one move at a time, asked for by an operator or
//! judged useful by itself.
//!
//! A pass over the page that finds chunks in use is repeated, after a pause that doubles from
//! a microsecond to five milliseconds. After five thousand passes large items in use are
//! deleted; after twenty thousand, a minute and a half, the page stays where it is. Moves that the
//! mover began by itself end sooner, and with -M all do: meanwhile the free chunks of the page are
//! lost to its class.
//!
//! `run` and what it calls is on the mover's thread, `mc-slabmaint`; requests come from
//! workers.

#![forbid(unsafe_code)]

use super::automove::{Automover, ClassSample, Decision, Rules};
use super::shared::UpkeepShared;
use super::wakeup::Wakeup;
use crate::settings::Settings;
use crate::store::{
    ChunkStatus, ClassUsage, Eviction, MoveRefused, PageMove, PagePick, Pass, Patience, Segment,
    Source, Store, ThreadState,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

/// Passes after which large items in use are deleted.
const STUCK_PASSES: u32 = 5000;
/// Passes after which a move ends without success: an operator's, and one of its own.
const PASSES_MAX: u32 = 20_000;
const PASSES_OWN_MAX: u32 = 1000;
/// The longest pause between two passes, microseconds.
const PAUSE_MAX_US: u64 = 5000;
/// Rounds after the start that follow each other quickly.
const QUICK_ROUNDS: u32 = 11;
const QUICK: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_secs(1);
/// How often evictions are looked at when each may move a page.
const EAGER: Duration = Duration::from_millis(10);
/// How long pages beyond the limit stay, in seconds that the process is awake (`Clock::awake`),
/// counted from the last time that an operator has moved one: an operator who looks at the pages of
/// a class soon after filling it finds them where they were.
const OVER_LIMIT_STAYS_S: u32 = 30;
/// The mode of `slab_automove` in which they do.
const AGGRESSIVE: u32 = 2;

/// A move that an operator has asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    from: Source,
    to: usize,
}

/// The mover as other threads see it: what they ask for, and what it is doing.
#[derive(Default)]
pub struct Mover {
    state: Mutex<State>,
    wakeup: Wakeup,
    last_busy: AtomicU8,
}

#[derive(Default)]
struct State {
    wanted: Option<Wanted>,
    running: bool,
}

/// A move to carry out.
#[derive(Clone, Copy)]
struct Plan {
    from: Source,
    to: usize,
    /// Whether items may be evicted for it.
    evict: bool,
    /// Whether the mover began it by itself.
    by_itself: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveError {
    /// Another move is under way.
    Busy,
    /// It is impossible.
    Impossible(MoveRefused),
}

impl Mover {
    /// Whether a page is on its way.
    pub fn is_running(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.running || state.wanted.is_some()
    }

    /// The state of the last chunk that was busy.
    pub fn last_busy(&self) -> ChunkStatus {
        ChunkStatus::from_number(self.last_busy.load(Relaxed))
    }

    /// Forgets that state.
    pub fn reset(&self) {
        self.last_busy.store(ChunkStatus::None as u8, Relaxed);
    }

    /// Asks for a page of `store` to be moved.
    ///
    /// # Errors
    /// [`MoveError`].
    pub fn request(&self, store: &Store, from: Source, to: usize) -> Result<(), MoveError> {
        let mut state = self.state.lock().unwrap();
        if from == Source::Class(to) {
            return Err(MoveError::Impossible(MoveRefused::Same));
        }
        if state.running || state.wanted.is_some() {
            return Err(MoveError::Busy);
        }
        let from = store.check_move(from, to).map_err(MoveError::Impossible)?;
        state.wanted = Some(Wanted {
            from: Source::Class(from),
            to,
        });
        drop(state);
        self.wakeup.wake();
        Ok(())
    }
}

/// Moves pages until the process ends.
pub(super) fn run(shared: UpkeepShared<'_>, mover: &Mover, local: ThreadState) {
    let mut thread = Thread {
        shared,
        mover,
        local,
        automover: Automover::new(rules(shared.settings)),
        moved_s: 0,
        over_limit_s: 0,
        rounds: 0,
    };
    loop {
        if !thread.round() {
            let pause = thread.pause();
            mover.wakeup.wait(pause);
        }
    }
}

/// Pages of a class whose memory goes back to the system in a round, at most.
const RESTED_MAX: usize = 64;

/// The thread's own state.
struct Thread<'s> {
    shared: UpkeepShared<'s>,
    mover: &'s Mover,
    local: ThreadState,
    automover: Automover,
    /// Clock second of the last move between classes that it began by itself.
    moved_s: u32,
    /// How long the process had been awake when pages beyond the limit began to be there, or an
    /// operator last moved any.
    over_limit_s: u32,
    rounds: u32,
}

impl Thread<'_> {
    fn pause(&self) -> Duration {
        if self.shared.settings.slab_automove.get() == AGGRESSIVE {
            EAGER
        } else if self.rounds < QUICK_ROUNDS {
            QUICK
        } else {
            SLOW
        }
    }

    /// Carries out a move, if one is wanted or useful; false: there was none.
    fn round(&mut self) -> bool {
        self.rounds = self.rounds.saturating_add(1);
        let wanted = {
            let mut state = self.mover.state.lock().unwrap();
            let wanted = state.wanted.take();
            state.running = wanted.is_some();
            wanted
        };
        if let Some(Wanted { from, to }) = wanted {
            let plan = Plan {
                from,
                to,
                evict: true,
                by_itself: false,
            };
            self.carry_out(plan);
            self.mover.state.lock().unwrap().running = false;
            self.over_limit_s = self.shared.store.clock.awake();
            return true;
        }
        let Some(plan) = self.own_plan() else {
            return false;
        };
        {
            let mut state = self.mover.state.lock().unwrap();
            if state.wanted.is_some() {
                return true; // an operator's move comes first
            }
            state.running = true;
        }
        let done = self.carry_out(plan);
        self.mover.state.lock().unwrap().running = false;
        done
    }

    /// A move that the mover finds useful by itself.
    fn own_plan(&mut self) -> Option<Plan> {
        let plan = |from, to, evict| Plan {
            from,
            to,
            evict,
            by_itself: true,
        };
        let store = self.shared.store;
        let mode = self.shared.settings.slab_automove.get();
        store.clock.update();
        let (now, awake_s) = (store.clock.now(), store.clock.awake());
        if mode == 0 || store.pages_over_limit() == 0 {
            self.over_limit_s = awake_s;
        }
        store.note_page_requests(mode == AGGRESSIVE);
        if mode == 0 {
            return None;
        }
        if self.automover.rules() != rules(self.shared.settings) {
            self.automover = Automover::new(rules(self.shared.settings));
        }
        if let Some(class) = store.take_page_request() {
            return Some(plan(Source::Any, class, true));
        }
        if now == self.moved_s {
            return None;
        }
        let samples = samples(self.shared.store);
        let full = store.is_full();
        let may_evict_page = self.shared.settings.evict
            && awake_s.saturating_sub(self.over_limit_s) >= OVER_LIMIT_STAYS_S;
        let decision = self.automover.look(&samples, full);
        self.rest_free_pages(&samples);
        match decision {
            Decision::Free(class) => Some(plan(Source::Class(class), 0, false)),
            Decision::Move { from, to } => {
                self.moved_s = now;
                Some(plan(Source::Class(from), to, full))
            }
            // Pages beyond the limit go back, but no item is refused for that.
            Decision::Stay if may_evict_page => {
                self.moved_s = now;
                oldest(&samples).map(|class| plan(Source::Class(class), 0, true))
            }
            Decision::Stay => None,
        }
    }

    /// Memory that was needed once and is free now goes back to the system, as far as it is whole
    /// pages of classes that have been quiet; not if an operator has asked for memory to be there.
    fn rest_free_pages(&self, samples: &[ClassSample]) {
        let settings = self.shared.settings;
        if settings.lock_memory || settings.large_pages {
            return;
        }
        for class in self.automover.quiet(samples) {
            self.shared.store.rest_free_pages(class, RESTED_MAX);
        }
    }

    /// Moves a page; false if it stays where it is.
    fn carry_out(&mut self, plan: Plan) -> bool {
        let store = self.shared.store;
        let pick = if plan.by_itself && plan.to == 0 {
            PagePick::Emptiest
        } else {
            PagePick::Oldest
        };
        let eviction = if plan.evict {
            Eviction::Allowed
        } else {
            Eviction::Forbidden
        };
        let begun = store.begin_move(plan.from, plan.to, pick, eviction);
        if plan.by_itself {
            self.notify(plan, begun.as_ref().ok());
        }
        let Ok(mut moving) = begun else {
            return false;
        };
        let done = self.repeat_passes(&mut moving, plan);
        if !done {
            store.abandon_move(&moving);
        }
        // What it has evicted for its copies wants no page in return.
        store.take_page_request();
        store.give_back(&self.local);
        let thread = &self.local.counters.thread;
        thread.slab_reassign_rescues.add(moving.done.rescues);
        thread
            .slab_reassign_chunk_rescues
            .add(moving.done.chunk_rescues);
        thread
            .slab_reassign_inline_reclaim
            .add(moving.done.inline_reclaim);
        thread
            .slab_reassign_busy_deletes
            .add(moving.done.busy_deletes);
        thread.slab_reassign_busy_nomem.add(moving.done.busy_nomem);
        thread.slabs_moved.add(u64::from(done));
        done
    }

    /// Writes a move that the mover began by itself to the log.
    fn notify(&self, plan: Plan, begun: Option<&PageMove>) {
        let from = match (begun, plan.from) {
            (Some(moving), _) => moving.from as i64,
            (None, Source::Class(class)) => class as i64,
            (None, Source::Any) => -1,
        };
        let (to, state) = (plan.to, if begun.is_some() { "ok" } else { "fail" });
        self.local.notify_system(&format_args!(
            "type=slab_move src={from} dst={to} state={state}"
        ));
    }

    fn repeat_passes(&mut self, moving: &mut PageMove, plan: Plan) -> bool {
        let store = self.shared.store;
        let mut pause_us = 1;
        let evicts = self.shared.settings.evict;
        // With -M a class that is full has no memory for copies, and will have none.
        let passes_max = if plan.by_itself || !evicts {
            PASSES_OWN_MAX
        } else {
            PASSES_MAX
        };
        for pass in 0..passes_max {
            let patience = if pass < STUCK_PASSES {
                Patience::Wait
            } else {
                Patience::Delete
            };
            let outcome = {
                let _at_work = self.shared.pause.at_work();
                store.catch_up(&mut self.local);
                store.move_pass(&mut self.local, moving, patience)
            };
            match outcome {
                Pass::Done => return true,
                Pass::Busy(count, status) => {
                    let thread = &self.local.counters.thread;
                    thread.slab_reassign_busy_items.add(count);
                    self.mover.last_busy.store(status as u8, Relaxed);
                    // There is nothing to wait for, or nothing without evicting items.
                    if count == 0 || !plan.evict && moving.done.busy_nomem > 0 {
                        return false;
                    }
                }
            }
            sleep(Duration::from_micros(pause_us));
            pause_us = (pause_us * 2).min(PAUSE_MAX_US);
        }
        false
    }
}

fn rules(settings: &Settings) -> Rules {
    Rules {
        ratio: settings.slab_automove_ratio.get(),
        window: settings.slab_automove_window.get(),
    }
}

/// What automove has to know of every class.
fn samples(store: &Store) -> Vec<ClassSample> {
    let classes = store.classes();
    let usages = store.class_usages();
    let sample = |class| {
        let usage: ClassUsage = usages[class];
        let events = store.list_events(class);
        ClassSample {
            evicted: events.evicted,
            out_of_memory: events.outofmemory,
            age_s: store.list_state(class).ages[Segment::Cold as usize].tail_s,
            free_chunks: usage.free,
            per_page: classes.per_page(class) as u64,
            pages: usage.pages,
        }
    };
    std::iter::once(ClassSample::default())
        .chain(classes.ids().map(sample))
        .collect()
}

/// The class that misses a page least.
fn oldest(samples: &[ClassSample]) -> Option<usize> {
    (1..samples.len())
        .filter(|&class| samples[class].pages > 1)
        .max_by_key(|&class| samples[class].age_s)
}
