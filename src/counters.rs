//! Every counter, declared once: its name here is its name on the wire.
//!
//! Two kinds, by who adds. [`Counters`] and [`ClassCounters`] belong to one thread each,
//! which alone adds, with a load and a store; anyone may read. [`ListEvents`] belong to
//! whoever holds the lock of an LRU list. `stats` sums each kind, and `stats reset` only
//! moves the baseline that is subtracted, so no counter ever has a second writer.
//!
//! Sums are made while threads go on counting, so the order matters. A thread counts that a key is
//! asked for before it counts the hit or the miss; who sums reads the hits and misses first, and
//! so finds no more of them than keys that were asked for. What grows and shrinks is two counters,
//! of what came and of what went: nothing goes before it has come, so who reads first what went,
//! of all threads, finds no difference below zero.

#![forbid(unsafe_code)]

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// One number with one writer.
#[derive(Default, Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A load and a store, no locked instruction: there is only one writer. Whoever sees what is
    /// added here sees what the thread added elsewhere before (the same instructions on x86).
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

/// Declares a struct of counters, and the plain struct that holds sums of it.
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
            /// The names, in the order of declaration.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

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
        /// Connections made, listeners included.
        total_connections;
        /// Clients refused because the limit was reached.
        rejected_connections;
        /// Clients closed because they were silent for too long.
        idle_kicks;
        /// Times that accepting was switched off for want of descriptors.
        listen_disabled_num;
        /// Microseconds that it stayed off.
        time_in_listen_disabled_us;
        /// Items looked at by `me`.
        cmd_meta;
        /// Flushes asked for.
        cmd_flush;
        /// Keys asked for and not found.
        get_misses;
        /// Keys asked for, found or not. (Read after the misses.)
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
        /// Keys touched, found or not. (Read after the misses.)
        cmd_touch;
        /// Values refused because they can never fit.
        store_too_large;
        /// Values refused because there was no memory.
        store_no_memory;
        /// Attempts to log in.
        auth_cmds;
        /// Attempts to log in that failed.
        auth_errors;
        /// Times that replies of one client were more than memory for them.
        response_obj_oom;
        /// Times that there was no memory for a partial request.
        read_buf_oom;
        /// Clients from a network queue that nobody had counted on.
        unexpected_napi_ids;
        /// Clients of whom it is not known which queue they come from.
        round_robin_fallback;
        /// Payload bytes received.
        bytes_read;
        /// Payload bytes sent.
        bytes_written;
        /// Connections that used up their turn with requests left.
        conn_yields;
        /// Items copied out of a page that moves.
        slab_reassign_rescues;
        /// The same for chunks of large items.
        slab_reassign_chunk_rescues;
        /// Free chunks of such a page, fetched from where threads kept them.
        slab_reassign_inline_reclaim;
        /// Chunks that could not be freed in a pass over the page.
        slab_reassign_busy_items;
        /// Large items in use for too long, deleted.
        slab_reassign_busy_deletes;
        /// Times that there was no free chunk to copy to.
        slab_reassign_busy_nomem;
        /// Pages moved.
        slabs_moved;
        /// Crawls and dumps begun.
        lru_crawler_starts;
        /// Rounds of the LRU maintainer.
        lru_maintainer_juggles;
        /// Active items not reported to the LRU maintainer, as it lagged behind.
        lru_bumps_dropped;
        /// Log entries that found no room in a thread's ring.
        log_worker_dropped;
        /// Log entries taken out of the rings.
        log_worker_written;
        /// Log lines that a watcher had no room for.
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
        /// The same of items in WARM.
        hits_to_warm;
        /// The same of items in COLD.
        hits_to_cold;
        /// The same of items in TEMP.
        hits_to_temp;
        /// Keys deleted.
        delete_hits;
        /// Values incremented.
        incr_hits;
        /// Values decremented.
        decr_hits;
        /// Compare-and-swaps that stored.
        cas_hits;
        /// Compare-and-swaps that found another id.
        cas_badval;
        /// Keys touched.
        touch_hits;
        /// Values that memory was found for. (Read after what became of them.)
        cmd_set;
        /// Accounted bytes of items that were unlinked, or written over.
        mem_unlinked;
        /// Accounted bytes of items that were linked; less the above it is `mem_requested`.
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
        /// Live items given up to make room.
        evicted;
        /// Of those, items that would have expired one day.
        evicted_nonzero;
        /// Of those, items that nobody had read.
        evicted_unfetched;
        /// Of those, items that were in use.
        evicted_active;
        /// Allocations that found nothing to give up.
        outofmemory;
        /// Expired or flushed items found at the tail.
        reclaimed;
        /// Of those, items that nobody had read.
        expired_unfetched;
        /// Items at the tail that a reader held.
        lrutail_reflocked;
        /// Items moved from HOT or WARM to COLD.
        moves_to_cold;
        /// Items in use moved from HOT or COLD to WARM.
        moves_to_warm;
        /// Items in use at the tail of WARM, put at its head.
        moves_within_lru;
        /// Searches for a victim by a thread that stores.
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
    /// read first, of all threads: nobody takes off what another has not added.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn names_are_declared_once() {
        for names in [ThreadTotals::NAMES, ClassTotals::NAMES, ListTotals::NAMES] {
            for (index, name) in names.iter().enumerate() {
                assert!(!names[..index].contains(name), "{name} twice");
            }
        }
    }

    #[test]
    fn what_goes_is_never_more_than_what_came_however_the_sums_are_made() {
        // The one who links and the one who unlinks are two threads, and a third one sums.
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
