//! The LRU crawler: a thread that goes through all items on request, and removes those that have
//! expired; and the list of the dumps under way, which workers carry out themselves.
//!
//! All of `run` is on the crawler's thread, `mc-itemcrawler`; the rest is called by the
//! maintainer and by workers.

#![forbid(unsafe_code)]

use super::shared::UpkeepShared;
use super::wakeup::Wakeup;
use crate::store::{CLASSES_MAX, ClassSet, Crawl, ExpiryHistogram, ExpiryHistograms, ThreadState};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

/// Items between two rests.
const ITEMS_PER_REST: usize = 1000;
/// Rows between two rests, where there are few items.
const ROWS_PER_REST: usize = 1000;
/// How long the maintainer starts no crawl after an operator was refused, in seconds that the
/// process is awake (`Clock::awake`).
const HOLD_OFF_S: u32 = 60;
/// A dump whose client has taken nothing for so many seconds, in which it could, does not count
/// any more.
const DUMP_STALLED_S: u32 = 30;

/// What to crawl: of each class as many items as `lru_crawler_tocrawl` says.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The classes.
    pub classes: ClassSet,
}

/// What a crawl has found.
pub struct Findings {
    /// The classes that it looked at.
    pub classes: ClassSet,
    /// What is in each.
    pub histograms: Box<ExpiryHistograms>,
    /// Whether the maintainer had asked for it.
    pub is_auto: bool,
    /// Clock second in which it began.
    pub begun_s: u32,
    /// Clock second in which it ended.
    pub ended_s: u32,
}

/// The crawler as other threads see it: what they ask for, and what it has found.
#[derive(Default)]
pub struct Crawler {
    state: Mutex<State>,
    wakeup: Wakeup,
}

#[derive(Default)]
struct State {
    /// What is being done, or about to be.
    job: Option<Job>,
    /// Whether the maintainer has asked for it.
    is_auto: bool,
    findings: Option<Findings>,
    /// When each dump has last made progress, in seconds awake.
    dumps: Vec<Arc<AtomicU32>>,
    /// Before the process has been awake so long the maintainer starts nothing.
    held_off_s: u32,
}

/// A dump under way: it counts as a run of the crawler until it is dropped.
pub struct DumpEntry<'s> {
    crawler: &'s Crawler,
    progress_s: Arc<AtomicU32>,
}

impl Crawler {
    /// Whether a crawl or a dump is under way.
    pub fn is_running(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.job.is_some() || !state.dumps.is_empty()
    }

    /// Starts a crawl for an operator; false: something is under way. `awake_s` is what the
    /// clock says to that, here and in the others.
    pub fn start(&self, job: Job, awake_s: u32) -> bool {
        self.start_if(job, awake_s, false, |state| !state.is_busy(awake_s))
    }

    /// Starts a crawl for the maintainer, which dumps do not keep from it; false: another is
    /// under way, or an operator waits to start one.
    pub fn start_auto(&self, job: Job, awake_s: u32) -> bool {
        self.start_if(job, 0, true, |state| {
            state.job.is_none() && awake_s >= state.held_off_s
        })
    }

    fn start_if(
        &self,
        job: Job,
        awake_s: u32,
        is_auto: bool,
        may: impl FnOnce(&State) -> bool,
    ) -> bool {
        let mut state = self.state.lock().unwrap();
        if !may(&state) {
            state.hold_off(awake_s);
            return false;
        }
        state.job = Some(job);
        state.is_auto = is_auto;
        drop(state);
        self.wakeup.wake();
        true
    }

    /// Adds a dump to the list; `None`: something is under way.
    pub fn start_dump(&self, awake_s: u32) -> Option<DumpEntry<'_>> {
        let mut state = self.state.lock().unwrap();
        if state.is_busy(awake_s) {
            state.hold_off(awake_s);
            return None;
        }
        let progress_s = Arc::new(AtomicU32::new(awake_s));
        state.dumps.push(Arc::clone(&progress_s));
        Some(DumpEntry {
            crawler: self,
            progress_s,
        })
    }

    /// What the last crawl has found, once.
    pub fn take_findings(&self) -> Option<Findings> {
        self.state.lock().unwrap().findings.take()
    }
}

impl State {
    fn is_busy(&self, awake_s: u32) -> bool {
        let is_alive = |progress_s: &Arc<AtomicU32>| {
            awake_s.saturating_sub(progress_s.load(Relaxed)) < DUMP_STALLED_S
        };
        self.job.is_some() || self.dumps.iter().any(is_alive)
    }

    fn hold_off(&mut self, awake_s: u32) {
        if awake_s != 0 {
            self.held_off_s = awake_s + HOLD_OFF_S;
        }
    }
}

impl DumpEntry<'_> {
    /// Notes that the client has taken something.
    pub fn progress(&self, awake_s: u32) {
        self.progress_s.store(awake_s, Relaxed);
    }
}

impl Drop for DumpEntry<'_> {
    fn drop(&mut self) {
        let mut state = self.crawler.state.lock().unwrap();
        state
            .dumps
            .retain(|dump| !Arc::ptr_eq(dump, &self.progress_s));
    }
}

/// Crawls when there is a job, until the process ends.
pub(super) fn run(shared: UpkeepShared<'_>, crawler: &Crawler, mut local: ThreadState) {
    let store = shared.store;
    let mut first_stripe = 0;
    loop {
        let job = crawler.state.lock().unwrap().job;
        let Some(job) = job else {
            crawler.wakeup.wait(Duration::MAX);
            continue;
        };
        local.counters.thread.lru_crawler_starts.add(1);
        store.clock.update();
        let begun_s = store.clock.now();
        let histograms = crawl(shared, &mut local, job, &mut first_stripe);
        store.give_back(&local);
        let mut state = crawler.state.lock().unwrap();
        state.findings = Some(Findings {
            classes: job.classes,
            histograms,
            is_auto: state.is_auto,
            begun_s,
            ended_s: store.clock.now(),
        });
        state.job = None;
    }
}

/// One crawl. With a budget the next one goes on where this one stops, so that every item has
/// its turn.
fn crawl(
    shared: UpkeepShared<'_>,
    local: &mut ThreadState,
    job: Job,
    first_stripe: &mut usize,
) -> Box<ExpiryHistograms> {
    let mut histograms = Box::new(std::array::from_fn(|_| ExpiryHistogram::default()));
    let (store, pause) = (shared.store, shared.pause);
    let budget = shared.settings.lru_crawler_tocrawl.get();
    let begun_at = if budget == 0 { 0 } else { *first_stripe };
    let mut crawl = Crawl::new(job.classes, begun_at);
    let (mut items, mut rows) = (0, 0);
    let mut at_work = pause.at_work();
    store.catch_up(local);
    while let Some(checked) = store.crawl_row(local, &mut crawl, &mut histograms) {
        items += checked;
        rows += 1;
        if items >= ITEMS_PER_REST || rows >= ROWS_PER_REST {
            (items, rows) = (0, 0);
            drop(at_work);
            rest(shared);
            at_work = pause.at_work();
            store.catch_up(local);
            if budget != 0 && !leave_out_spent(&mut crawl, job.classes, &histograms, budget) {
                break;
            }
        }
    }
    drop(at_work);
    *first_stripe = crawl.stripe() % store.stripes();
    histograms
}

/// Leaves the classes out whose budget is spent; false if none is left.
fn leave_out_spent(
    crawl: &mut Crawl,
    classes: ClassSet,
    histograms: &ExpiryHistograms,
    budget: u32,
) -> bool {
    let mut any = false;
    for class in (0..CLASSES_MAX).filter(|&class| classes.has(class)) {
        let found = &histograms[class];
        if found.seen + found.reclaimed >= u64::from(budget) {
            crawl.leave_out(class);
        } else {
            any = true;
        }
    }
    any
}

fn rest(shared: UpkeepShared<'_>) {
    match shared.settings.lru_crawler_sleep.get() {
        0 => std::thread::yield_now(),
        microseconds => sleep(Duration::from_micros(microseconds.into())),
    }
}
