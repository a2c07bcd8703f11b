//! Every counter, declared once: its name here is its name on the wire, its comment is what
//! doc/stats.txt says of it.
//!
//! Each has one writer. [`Counters`] and [`ClassCounters`] belong to one thread, which alone
//! adds, with a load and a store; any thread may read. [`ListEvents`] belong to an LRU list, and
//! are written under its lock. `stats` sums them, and `stats reset` only moves the baseline that
//! is subtracted, so that it writes no counter.
//!
//! Sums are made while threads go on counting, so the order matters. A thread counts that a key is
//! asked for before it counts the hit or the miss; a sum reads the hits and misses first, and
//! so finds no more of them than keys that were asked for. A gauge is two counters, of what came
//! and of what went: nothing goes before it has come, so a sum that reads first what went, of all
//! threads, finds no difference below zero.

#![forbid(unsafe_code)]

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex};

/// One number with one writer.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A load and a store, no locked instruction: there is only one writer. A thread that reads
    /// this sum sees all that the writer has added elsewhere before (on x86 that costs nothing).
    #[inline]
    pub fn add(&self, n: u64) {
        let value = self.0.load(Relaxed);
        self.0.store(value.wrapping_add(n), Release);
    }

    /// The value now. What is read after it is as new, or newer.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Acquire)
    }
}

/// How many there are of something that comes and goes.
#[derive(Default, Debug)]
pub struct Gauge {
    /// What came.
    pub linked: Counter,
    /// What went, perhaps by another thread than the one that had counted it in.
    pub unlinked: Counter,
}

impl Gauge {
    /// The sum of what several threads have counted.
    pub fn sum<'g>(gauges: impl Iterator<Item = &'g Gauge> + Clone) -> u64 {
        let unlinked: u64 = gauges.clone().map(|gauge| gauge.unlinked.get()).sum();
        let linked: u64 = gauges.map(|gauge| gauge.linked.get()).sum();
        linked.saturating_sub(unlinked)
    }
}

/// What kind of figure it is: tools that draw curves have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatKind {
    /// It only grows: its rate is of interest.
    Counter,
    /// It grows and shrinks: its value is of interest.
    Gauge,
    /// It is not a number.
    Text,
}

/// A figure that the server shows, declared.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it is.
    pub kind: StatKind,
    /// What it says, in one sentence.
    pub help: &'static str,
}

/// Declares a struct of counters, the plain struct that holds sums of it, and the list of their
/// names and meanings. Where each is shown is declared by the lists of `stats` (server/stats.rs).
macro_rules! counters {
    ($(#[$meta:meta])* $Name:ident of $cell:ty, summed in $Sum:ident {
        $(#[doc = $doc:literal] $name:ident;)*
    }) => {
        $(#[$meta])*
        #[derive(Default)]
        pub struct $Name { $(#[doc = $doc] pub $name: $cell,)* }

        /// Sums at one moment.
        #[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $Sum { $(#[doc = $doc] pub $name: u64,)* }

        impl $Sum {
            /// What is declared of each, in the order of declaration.
            pub const FIELDS: &'static [Field] = &[$(Field {
                name: stringify!($name),
                kind: StatKind::Counter,
                help: $doc.trim_ascii(),
            }),*];

            /// The declaration of the counter of that name. In a constant a name that there is
            /// not is an error of the compiler.
            pub const fn field(name: &str) -> Field {
                field_of(Self::FIELDS, name)
            }

            /// Adds what `more` holds now, read in the order of declaration.
            pub fn add(&mut self, more: &$Name) { $(self.$name = self.$name.wrapping_add(more.$name.value());)* }

            /// The sum of several sums.
            #[must_use]
            pub fn of_all(parts: &[$Sum]) -> $Sum {
                let mut all = $Sum::default();
                for part in parts {
                    $(all.$name = all.$name.wrapping_add(part.$name);)*
                }
                all
            }

            /// What has been counted since `baseline`.
            #[must_use]
            pub fn since(&self, baseline: &$Sum) -> $Sum {
                $Sum { $($name: self.$name.wrapping_sub(baseline.$name),)* }
            }
        }
    };
}

const fn field_of(fields: &[Field], name: &str) -> Field {
    let mut at = 0;
    while at < fields.len() {
        if is_same(fields[at].name.as_bytes(), name.as_bytes()) {
            return fields[at];
        }
        at += 1;
    }
    panic!("there is no counter of that name");
}

/// `one == other`, in constants as well.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// What a counter's cell holds, however it is kept.
trait Value {
    fn value(&self) -> u64;
}

impl Value for Counter {
    fn value(&self) -> u64 {
        self.get()
    }
}

impl Value for u64 {
    fn value(&self) -> u64 {
        *self
    }
}

counters! {
    /// What a thread counts for the whole server.
    ThreadCounters of Counter, summed in ThreadTotals {
        /// Connections opened, listeners included.
        total_connections;
        /// Clients refused because the limit of connections was reached.
        rejected_connections;
        /// Clients closed because they were silent for too long.
        idle_kicks;
        /// Times that accepting was switched off for want of descriptors.
        listen_disabled_num;
        /// Microseconds for which accepting was switched off.
        time_in_listen_disabled_us;
        /// Items looked at by the command me.
        cmd_meta;
        /// Flushes asked for.
        cmd_flush;
        /// Keys asked for and not found.
        get_misses;
        // Read after the misses, like that of touches.
        /// Keys asked for, found or not.
        cmd_get;
        /// Look-ups that met an expired item.
        get_expired;
        /// Look-ups that met an item from before a flush.
        get_flushed;
        /// Deletes of keys that are not there.
        delete_misses;
        /// Increments of keys that are not there.
        incr_misses;
        /// Decrements of keys that are not there.
        decr_misses;
        /// Compare-and-swaps of keys that are not there.
        cas_misses;
        /// Touches of keys that are not there.
        touch_misses;
        /// Keys touched, found or not.
        cmd_touch;
        /// Values refused because they can never fit.
        store_too_large;
        /// Values refused because there was no memory.
        store_no_memory;
        /// Attempts to log in.
        auth_cmds;
        /// Attempts to log in that failed.
        auth_errors;
        /// Times that replies of one client were more than the memory for them.
        response_obj_oom;
        /// Times that there was no memory for a partial request.
        read_buf_oom;
        /// Clients that came from an unknown receive queue of the network.
        unexpected_napi_ids;
        /// Clients whose receive queue of the network is not known.
        round_robin_fallback;
        /// Payload bytes received.
        bytes_read;
        /// Payload bytes sent.
        bytes_written;
        /// Times that a connection used up its turn (-R) with requests left.
        conn_yields;
        /// Items copied out of pages that move.
        slab_reassign_rescues;
        /// Chunks of large items copied out of pages that move.
        slab_reassign_chunk_rescues;
        /// Free chunks of pages that move, fetched from where threads kept them.
        slab_reassign_inline_reclaim;
        /// Chunks that could not be freed in a pass over a page that moves.
        slab_reassign_busy_items;
        /// Large items in use for too long, deleted so that a page can move.
        slab_reassign_busy_deletes;
        /// Times that there was no free chunk to copy to.
        slab_reassign_busy_nomem;
        /// Pages moved.
        slabs_moved;
        /// Crawls and dumps begun.
        lru_crawler_starts;
        /// Rounds of the LRU maintainer.
        lru_maintainer_juggles;
        /// Items in use not reported to the LRU maintainer because it lagged behind; stats reset leaves this as it is.
        lru_bumps_dropped;
        /// Log entries dropped because a thread's ring was full.
        log_worker_dropped;
        /// Log entries taken out of the rings.
        log_worker_written;
        /// Log lines that a watcher was not sent because it reads too slowly.
        log_watcher_skipped;
        /// Log lines that wait for a watcher, or have been sent to it.
        log_watcher_sent;
        /// Items linked.
        total_items;
    }
}

counters! {
    /// What a thread counts for a slab class.
    ClassCounters of Counter, summed in ClassTotals {
        /// Keys found and sent, of items in HOT.
        hits_to_hot;
        /// Keys found and sent, of items in WARM.
        hits_to_warm;
        /// Keys found and sent, of items in COLD.
        hits_to_cold;
        /// Keys found and sent, of items in TEMP.
        hits_to_temp;
        /// Keys deleted.
        delete_hits;
        /// Values incremented.
        incr_hits;
        /// Values decremented.
        decr_hits;
        /// Compare-and-swaps that stored.
        cas_hits;
        /// Compare-and-swaps that found another cas id.
        cas_badval;
        /// Keys found and touched.
        touch_hits;
        // Read after what became of them.
        /// Values to store that memory was found for.
        cmd_set;
        /// Bytes of items that were unlinked, or written over.
        mem_unlinked;
        // Less the above it is `mem_requested`.
        /// Bytes of items that were linked.
        mem_linked;
        /// Expired and flushed items that a crawl has removed.
        crawler_reclaimed;
        /// Items that a crawl or a dump has looked at.
        crawler_items_checked;
    }
}

counters! {
    /// What happens to the items of an LRU list.
    ListEvents of u64, summed in ListTotals {
        /// Live items evicted, that is removed to make room.
        evicted;
        /// Evicted items that would have expired one day.
        evicted_nonzero;
        /// Evicted items that no client had read.
        evicted_unfetched;
        /// Evicted items that were in use.
        evicted_active;
        /// Allocations that found no item to evict.
        outofmemory;
        /// Expired or flushed items removed at a tail, or by a store of the same key.
        reclaimed;
        /// Expired or flushed items that no client had read, removed at a tail, by a store or by a crawl.
        expired_unfetched;
        /// Items at the tail of a list that a reader held.
        lrutail_reflocked;
        /// Items moved from HOT or WARM to COLD.
        moves_to_cold;
        /// Items in use moved from HOT or COLD to WARM.
        moves_to_warm;
        /// Items in use at the tail of WARM, put at its head.
        moves_within_lru;
        /// Searches for an item to evict by a thread that stores.
        direct_reclaims;
    }
}

impl ClassCounters {
    /// The counter of hits on items of that segment, a `Segment` as a number.
    #[inline]
    pub fn hits_to(&self, segment: usize) -> &Counter {
        match segment {
            0 => &self.hits_to_hot,
            1 => &self.hits_to_warm,
            2 => &self.hits_to_cold,
            _ => &self.hits_to_temp,
        }
    }
}

impl ClassTotals {
    /// What several threads count, by class, in those classes that `is_used` says. What went is
    /// read first, of all threads, so that nothing is taken off that has not been added.
    pub fn of_threads<'c>(
        threads: impl Iterator<Item = &'c Counters> + Clone,
        is_used: impl Fn(usize) -> bool,
    ) -> Vec<ClassTotals> {
        let classes = threads
            .clone()
            .next()
            .map_or(0, |counters| counters.class.len());
        let used: Vec<usize> = (0..classes).filter(|&class| is_used(class)).collect();
        let mut unlinked = vec![0; classes];
        for counters in threads.clone() {
            for &class in &used {
                unlinked[class] += counters.class[class].mem_unlinked.get();
            }
        }
        let mut totals = vec![ClassTotals::default(); classes];
        for counters in threads {
            for &class in &used {
                totals[class].add(&counters.class[class]);
            }
        }
        for (sum, unlinked) in totals.iter_mut().zip(unlinked) {
            sum.mem_unlinked = unlinked;
        }
        totals
    }

    /// Accounted bytes of linked items.
    pub fn mem_requested(&self) -> u64 {
        self.mem_linked.saturating_sub(self.mem_unlinked)
    }

    /// Keys found and sent.
    pub fn get_hits(&self) -> u64 {
        self.hits_to_hot + self.hits_to_warm + self.hits_to_cold + self.hits_to_temp
    }
}

/// One thread's counters: that thread alone adds, anyone may read.
#[repr(align(128))] // no two threads on one cache line, nor on a pair that is fetched together
pub struct Counters {
    /// For the whole server.
    pub thread: ThreadCounters,
    /// By slab class.
    pub class: Box<[ClassCounters]>,
    /// Linked items by accounted length, in steps of [`SIZE_STEP`] bytes, rounded up; empty if
    /// they are not tracked.
    pub sizes: Box<[Gauge]>,
}

/// Bytes of a step of the histogram of `stats sizes`.
pub const SIZE_STEP: usize = 32;

impl Counters {
    /// All zero, for so many slab classes and so many steps of lengths.
    pub fn new(classes: usize, sizes: usize) -> Counters {
        let class = std::iter::repeat_with(ClassCounters::default)
            .take(classes)
            .collect();
        Counters {
            thread: ThreadCounters::default(),
            class,
            sizes: std::iter::repeat_with(Gauge::default).take(sizes).collect(),
        }
    }
}

/// The counters of all threads of a server.
pub struct Registry {
    /// Slab classes, and steps of lengths, that each thread counts.
    classes: usize,
    sizes: usize,
    threads: Mutex<Vec<Arc<Counters>>>,
}

impl Registry {
    /// No thread yet; each is to count for so many slab classes and so many steps of lengths.
    pub fn new(classes: usize, sizes: usize) -> Registry {
        Registry {
            classes,
            sizes,
            threads: Mutex::default(),
        }
    }

    /// A new thread's counters, part of all sums from now on.
    pub fn add(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::new(self.classes, self.sizes));
        self.threads.lock().unwrap().push(Arc::clone(&counters));
        counters
    }

    /// What all threads have counted for the whole server.
    pub fn thread_totals(&self) -> ThreadTotals {
        let mut sum = ThreadTotals::default();
        for counters in self.threads.lock().unwrap().iter() {
            sum.add(&counters.thread);
        }
        sum
    }

    /// What all threads have counted, by class, in those classes that `is_used` says.
    pub fn class_totals(&self, is_used: impl Fn(usize) -> bool) -> Vec<ClassTotals> {
        let threads = self.threads.lock().unwrap();
        let mut totals = ClassTotals::of_threads(threads.iter().map(Arc::as_ref), is_used);
        totals.resize(self.classes, ClassTotals::default()); // if there is no thread yet
        totals
    }

    /// Gives each step of lengths that linked items have: the longest of it, and how many.
    pub fn each_size(&self, mut give: impl FnMut(usize, u64)) {
        // Without the lock: there may be millions of steps.
        let threads = self.threads.lock().unwrap().clone();
        for step in 0..self.sizes {
            let items = Gauge::sum(threads.iter().map(|counters| &counters.sizes[step]));
            if items > 0 {
                give(step * SIZE_STEP, items);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn names_are_declared_once() {
        for fields in [
            ThreadTotals::FIELDS,
            ClassTotals::FIELDS,
            ListTotals::FIELDS,
        ] {
            for (index, field) in fields.iter().enumerate() {
                let mut before = fields[..index].iter();
                assert!(
                    before.all(|other| other.name != field.name),
                    "{field:?} twice"
                );
            }
        }
    }

    #[test]
    fn what_goes_is_never_more_than_what_came_however_the_sums_are_made() {
        // One thread links, one unlinks, and a third one sums.
        let threads = [Counters::new(2, 1), Counters::new(2, 1)];
        let (turn, stop) = (std::sync::Mutex::new(0u64), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for (index, counters) in threads.iter().enumerate() {
                let (turn, stop) = (&turn, &stop);
                scope.spawn(move || {
                    while !stop.load(Relaxed) {
                        // As under an item's stripe.
                        let mut turn = turn.lock().unwrap();
                        let (class, size) = (&counters.class[1], &counters.sizes[0]);
                        if index == 0 {
                            class.mem_linked.add(100);
                            size.linked.add(1);
                            *turn += 1;
                        } else if *turn > 0 {
                            class.mem_unlinked.add(100);
                            size.unlinked.add(1);
                            *turn -= 1;
                        }
                    }
                });
            }
            for _ in 0..100_000 {
                let class = ClassTotals::of_threads(threads.iter(), |_| true)[1];
                assert!(class.mem_unlinked <= class.mem_linked, "{class:?}");
                let sizes = threads.iter().map(|counters| &counters.sizes[0]);
                assert!(Gauge::sum(sizes) < 1 << 40);
            }
            stop.store(true, Relaxed);
        });
    }

    #[test]
    fn no_more_misses_are_read_than_keys_that_were_asked_for() {
        let (counters, stop) = (Counters::new(2, 0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    counters.thread.cmd_get.add(1);
                    counters.thread.get_misses.add(1);
                    counters.thread.cmd_touch.add(1);
                    counters.thread.touch_misses.add(1);
                }
            });
            for _ in 0..100_000 {
                let mut sum = ThreadTotals::default();
                sum.add(&counters.thread);
                assert!(sum.get_misses <= sum.cmd_get, "{sum:?}");
                assert!(sum.touch_misses <= sum.cmd_touch, "{sum:?}");
            }
            stop.store(true, Relaxed);
        });
    }

    #[test]
    fn a_reset_moves_the_baseline_and_leaves_the_counter() {
        let counters = Counters::new(64, 0);
        counters.thread.cmd_get.add(5);
        let mut baseline = ThreadTotals::default();
        baseline.add(&counters.thread);
        counters.thread.cmd_get.add(2);
        let mut now = ThreadTotals::default();
        now.add(&counters.thread);
        assert_eq!((now.cmd_get, now.since(&baseline).cmd_get), (7, 2));
    }
}
