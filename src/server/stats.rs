//! `stats`: the counters, summed, in the order that tools know.
//!
//! `stats reset` moves a baseline that is subtracted; gauges have none.

#![forbid(unsafe_code)]

use super::Server;
use crate::counters::{ClassTotals, Gauge, ListTotals, SIZE_STEP, ThreadTotals};
use crate::settings::VERSION;
use crate::store::{CLASSES_MAX, ListState, Usage};
use crate::sys::process;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What the counters were at the last `stats reset`.
pub struct Baseline {
    thread: ThreadTotals,
    class: Vec<ClassTotals>,
    list: Vec<ListTotals>,
}

impl Default for Baseline {
    fn default() -> Baseline {
        Baseline {
            thread: ThreadTotals::default(),
            class: vec![ClassTotals::default(); CLASSES_MAX],
            list: vec![ListTotals::default(); CLASSES_MAX],
        }
    }
}

impl Baseline {
    /// Sums are made while threads go on counting: some keys that were asked for have not been
    /// counted as hits or misses yet. They are left for later, or there would be more of those
    /// than of keys asked for after a reset.
    fn settle(&mut self) {
        let class = ClassTotals::of_all(&self.class);
        self.thread.cmd_get = class.get_hits() + self.thread.get_misses;
        self.thread.cmd_touch = class.touch_hits + self.thread.touch_misses;
    }
}

/// Everything that is counted, at one moment: as such, and since the baseline.
struct Snapshot {
    thread: ThreadTotals,
    class: Vec<ClassTotals>,
    list: Vec<ListTotals>,
    now: Baseline,
}

impl Server {
    /// What all threads have counted, by class.
    pub(super) fn class_totals(&self) -> Vec<ClassTotals> {
        let used = self.store.used_classes();
        let threads = self.threads.lock().unwrap();
        let mut totals =
            ClassTotals::of_threads(threads.iter().map(Arc::as_ref), |class| used.has(class));
        totals.resize(CLASSES_MAX, ClassTotals::default()); // if there is no thread yet
        totals
    }

    /// What has been counted since the server started. The hits of the classes are read before
    /// the gets of the threads: see [`counters`](crate::counters).
    fn sums(&self) -> Baseline {
        let list = (0..CLASSES_MAX).map(|class| self.store.list_events(class));
        let list = list.collect();
        let class = self.class_totals();
        let thread = self.thread_totals();
        Baseline {
            thread,
            class,
            list,
        }
    }

    fn snapshot(&self) -> Snapshot {
        // Held while the sums are made: a reset in between would be ahead of them.
        let before = self.baseline.lock().unwrap();
        let now = self.sums();
        let class = now.class.iter().zip(&before.class);
        let list = now.list.iter().zip(&before.list);
        Snapshot {
            thread: now.thread.since(&before.thread),
            class: class.map(|(now, before)| now.since(before)).collect(),
            list: list.map(|(now, before)| now.since(before)).collect(),
            now,
        }
    }

    /// `stats reset`: counting begins anew.
    pub fn stats_reset(&self) {
        {
            let mut baseline = self.baseline.lock().unwrap();
            *baseline = self.sums();
            baseline.settle();
        }
        self.store.reset_evicted_time();
        self.mover.reset();
        self.prefixes.clear();
    }

    /// `stats`: every line, in order.
    pub fn stats(&self, mut line: impl FnMut(&str, &dyn Display)) {
        let snapshot = self.snapshot();
        let thread = &snapshot.thread;
        let class = ClassTotals::of_all(&snapshot.class);
        let list = ListTotals::of_all(&snapshot.list);
        // A counter's name on the wire is the name of its field.
        macro_rules! counted {
            ($of:ident: $($name:ident)*) => { $(line(stringify!($name), &$of.$name);)* };
        }
        self.process_lines(&mut line);
        counted!(thread: total_connections);
        if self.settings.maxconns_fast {
            counted!(thread: rejected_connections);
        }
        line(
            "connection_structures",
            &self.connections.most.load(Relaxed),
        );
        self.buffer_lines(thread, &mut line);
        counted!(thread: cmd_get);
        counted!(class: cmd_set);
        counted!(thread: cmd_flush cmd_touch cmd_meta);
        line("get_hits", &class.get_hits());
        counted!(thread: get_misses get_expired get_flushed delete_misses);
        counted!(class: delete_hits);
        counted!(thread: incr_misses);
        counted!(class: incr_hits);
        counted!(thread: decr_misses);
        counted!(class: decr_hits);
        counted!(thread: cas_misses);
        counted!(class: cas_hits cas_badval touch_hits);
        counted!(thread: touch_misses store_too_large store_no_memory);
        counted!(thread: auth_cmds auth_errors);
        if self.settings.idle_timeout_s != 0 {
            counted!(thread: idle_kicks);
        }
        counted!(thread: bytes_read bytes_written);
        line("limit_maxbytes", &self.settings.memory_bytes.get());
        line(
            "accepting_conns",
            &u8::from(!self.connections.paused.load(Relaxed)),
        );
        counted!(thread: listen_disabled_num time_in_listen_disabled_us);
        line("threads", &self.settings.threads);
        counted!(thread: conn_yields);
        let usage = self.table_lines(&mut line);
        self.mover_lines(&snapshot, &mut line);
        if self.settings.lru_crawler.get() {
            line("lru_crawler_running", &u8::from(self.crawler.is_running()));
            counted!(thread: lru_crawler_starts);
        }
        let maintained = self.settings.lru_maintainer;
        if maintained {
            counted!(thread: lru_maintainer_juggles);
        }
        line("malloc_fails", &0);
        counted!(thread: log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent);
        line("log_watchers", &self.log.watchers());
        counted!(thread: unexpected_napi_ids round_robin_fallback);
        let bytes: u64 = snapshot
            .now
            .class
            .iter()
            .map(ClassTotals::mem_requested)
            .sum();
        line("bytes", &bytes);
        line("curr_items", &usage.items);
        counted!(thread: total_items);
        line("slab_global_page_pool", &self.store.pool_len());
        counted!(list: expired_unfetched evicted_unfetched);
        if maintained {
            counted!(list: evicted_active);
        }
        line("evictions", &list.evicted);
        counted!(list: reclaimed);
        counted!(class: crawler_reclaimed crawler_items_checked);
        counted!(list: lrutail_reflocked);
        if maintained {
            counted!(list: moves_to_cold moves_to_warm moves_within_lru direct_reclaims);
            // A reset leaves this one alone.
            line("lru_bumps_dropped", &snapshot.now.thread.lru_bumps_dropped);
        }
    }

    fn mover_lines(&self, snapshot: &Snapshot, line: &mut impl FnMut(&str, &dyn Display)) {
        if !self.settings.slab_reassign {
            return;
        }
        let thread = &snapshot.thread;
        macro_rules! counted {
            ($($name:ident)*) => { $(line(stringify!($name), &thread.$name);)* };
        }
        counted!(slab_reassign_rescues slab_reassign_chunk_rescues);
        counted!(slab_reassign_inline_reclaim slab_reassign_busy_items);
        counted!(slab_reassign_busy_deletes slab_reassign_busy_nomem);
        line(
            "slab_reassign_last_busy_status",
            &self.mover.last_busy().name(),
        );
        line("slab_reassign_running", &u8::from(self.mover.is_running()));
        counted!(slabs_moved);
    }

    fn table_lines(&self, line: &mut impl FnMut(&str, &dyn Display)) -> Usage {
        let usage = self.store.usage();
        line("hash_power_level", &usage.power);
        line("hash_bytes", &usage.bytes);
        line("hash_is_expanding", &0); // it grows with each insertion, never for a while
        usage
    }

    fn process_lines(&self, line: &mut impl FnMut(&str, &dyn Display)) {
        let clock = &self.store.clock;
        let (user_us, system_us) = process::rusage();
        let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
        line("pid", &process::pid());
        line("uptime", &clock.uptime());
        line("time", &clock.wall(clock.now()));
        line("version", &VERSION);
        line("libevent", &"none");
        line("pointer_size", &usize::BITS);
        line("rusage_user", &seconds(user_us));
        line("rusage_system", &seconds(system_us));
        line("max_connections", &self.settings.connections_max);
        line(
            "curr_connections",
            &self.connections.open.load(Relaxed).saturating_sub(1),
        );
    }

    /// Each worker has one buffer to read into and one to write from, made at the start;
    /// they stand for C memcached's pools of both.
    fn buffer_lines(&self, thread: &ThreadTotals, line: &mut impl FnMut(&str, &dyn Display)) {
        let workers = u64::from(self.settings.threads);
        line("response_obj_oom", &thread.response_obj_oom);
        line("response_obj_count", &workers);
        line(
            "response_obj_bytes",
            &(workers * crate::wire::buffer::WRITE_BUFFER_LEN as u64),
        );
        line("read_buf_count", &workers);
        line(
            "read_buf_bytes",
            &(workers * crate::wire::buffer::READ_BUFFER_LEN as u64),
        );
        line("read_buf_bytes_free", &0);
        line("read_buf_oom", &thread.read_buf_oom);
        line("reserved_fds", &(workers * RESERVED_FDS));
    }

    /// `stats items`: the LRU lists of the classes that hold items.
    pub fn stats_items(&self, mut line: impl FnMut(&str, &dyn Display)) {
        let snapshot = self.snapshot();
        for class in 0..CLASSES_MAX {
            let state = self.store.list_state(class);
            let items: u64 = state.ages.iter().map(|list| list.items).sum();
            if items > 0 {
                let mut of = |name: &str, value: u64| {
                    line(&format!("items:{class}:{name}"), &value);
                };
                of("number", items);
                self.items_lines(class, &state, &snapshot, of);
            }
        }
    }

    fn items_lines(
        &self,
        class: usize,
        state: &ListState,
        snapshot: &Snapshot,
        mut of: impl FnMut(&str, u64),
    ) {
        let maintained = self.settings.lru_maintainer;
        let [hot, warm, cold, temp] = state.ages;
        let (list, counts) = (&snapshot.list[class], &snapshot.class[class]);
        macro_rules! counted {
            ($of:ident: $($name:ident)*) => { $(of(stringify!($name), $of.$name);)* };
        }
        if maintained {
            of("number_hot", hot.items);
            of("number_warm", warm.items);
            of("number_cold", cold.items);
            if self.settings.temp_lru.get() {
                of("number_temp", temp.items);
            }
            of("age_hot", u64::from(hot.tail_s));
            of("age_warm", u64::from(warm.tail_s));
        }
        of("age", u64::from(cold.tail_s));
        of("mem_requested", snapshot.now.class[class].mem_requested());
        counted!(list: evicted evicted_nonzero);
        of("evicted_time", u64::from(state.evicted_s));
        counted!(list: outofmemory);
        of("tailrepairs", 0);
        counted!(list: reclaimed expired_unfetched evicted_unfetched);
        if maintained {
            counted!(list: evicted_active);
        }
        counted!(counts: crawler_reclaimed crawler_items_checked);
        counted!(list: lrutail_reflocked);
        if maintained {
            counted!(list: moves_to_cold moves_to_warm moves_within_lru direct_reclaims);
            counted!(counts: hits_to_hot hits_to_warm hits_to_cold hits_to_temp);
        }
    }

    /// `stats sizes`: how many items have which length, in steps of 32 bytes.
    pub fn stats_sizes(&self, mut line: impl FnMut(&str, &dyn Display)) {
        if !self.settings.track_sizes {
            return line("sizes_status", &"disabled");
        }
        // Without the lock: there may be millions of steps.
        let threads = self.threads.lock().unwrap().clone();
        let steps = threads.first().map_or(0, |counters| counters.sizes.len());
        for step in 0..steps {
            let items = Gauge::sum(threads.iter().map(|counters| &counters.sizes[step]));
            if items > 0 {
                line(&(step * SIZE_STEP).to_string(), &items);
            }
        }
    }

    /// `stats slabs`: the classes that own pages.
    pub fn stats_slabs(&self, mut line: impl FnMut(&str, &dyn Display)) {
        let snapshot = self.snapshot();
        let (classes, usages) = (self.store.classes(), self.store.class_usages());
        let mut active = 0;
        for class in classes.ids() {
            let usage = usages[class];
            if usage.pages == 0 {
                continue;
            }
            active += 1;
            let per_page = classes.per_page(class) as u64;
            let total = usage.pages * per_page;
            let free = usage.free;
            let counts = &snapshot.class[class];
            let mut of = |name: &str, value: u64| line(&format!("{class}:{name}"), &value);
            of("chunk_size", classes.size(class) as u64);
            of("chunks_per_page", per_page);
            of("total_pages", usage.pages);
            of("total_chunks", total);
            of("used_chunks", total.saturating_sub(free));
            of("free_chunks", free);
            of("free_chunks_end", 0);
            of("get_hits", counts.get_hits());
            of("cmd_set", counts.cmd_set);
            of("delete_hits", counts.delete_hits);
            of("incr_hits", counts.incr_hits);
            of("decr_hits", counts.decr_hits);
            of("cas_hits", counts.cas_hits);
            of("cas_badval", counts.cas_badval);
            of("touch_hits", counts.touch_hits);
        }
        line("active_slabs", &active);
        line("total_malloced", &self.store.malloced());
    }
}

/// Descriptors that a worker is reckoned with; the figure that tools know from C memcached.
const RESERVED_FDS: u64 = 5;

#[cfg(test)]
mod tests {
    use crate::counters::{ClassTotals, ListTotals, ThreadTotals};
    use crate::server::Server;
    use crate::server::logins::Logins;
    use crate::settings::{Live, Settings};
    use crate::store::hash::Secret;
    use crate::store::{CLASSES_MAX, Meta, Mode, StoreRules, ThreadState};
    use std::collections::HashSet;

    /// Counters that are shown under another name, or as part of another figure.
    const OTHERWISE: [(&str, &str); 4] = [
        ("evicted", "evictions"),
        ("in_magazine", "free_chunks"),
        ("mem_linked", "mem_requested"),
        ("mem_unlinked", "mem_requested"),
    ];

    /// Stores an item; gives its class, the first that is in use.
    fn store_one(server: &Server, local: &mut ThreadState) -> usize {
        let (store, terms) = (&server.store, StoreRules::from(Mode::Set));
        let stored = store.put(local, &store.key(b"k"), Meta::default(), b"v", &terms);
        assert!(stored.is_ok());
        let used = store.used_classes();
        (0..CLASSES_MAX).find(|&class| used.has(class)).unwrap()
    }

    #[test]
    fn a_reset_in_the_middle_of_a_get_leaves_no_more_hits_than_gets() {
        let settings = Settings {
            memory_bytes: Live::new(16 << 20),
            ..Settings::default()
        };
        let server = Server::new(settings, Logins::default(), Secret::from_number(1)).unwrap();
        let mut local = server.add_thread();
        let class = store_one(&server, &mut local);
        let (thread, class) = (&local.counters.thread, &local.counters.class[class]);
        // One has been asked for and not found yet.
        thread.cmd_get.add(3);
        class.hits_to_hot.add(1);
        thread.get_misses.add(1);
        thread.cmd_touch.add(1);
        server.stats_reset();
        class.hits_to_hot.add(1);
        class.touch_hits.add(1);
        let mut shown = std::collections::HashMap::new();
        server.stats(|name, value| {
            shown.insert(name.to_owned(), value.to_string());
        });
        let shown = |name: &str| shown[name].parse::<u64>().unwrap();
        assert_eq!((shown("cmd_get"), shown("get_hits")), (1, 1));
        assert_eq!((shown("cmd_touch"), shown("touch_hits")), (1, 1));
        assert_eq!(shown("get_misses"), 0);
        server.store.retire(local);
    }

    #[test]
    fn every_counter_is_shown_and_no_line_comes_twice() {
        let settings = Settings {
            memory_bytes: Live::new(16 << 20),
            idle_timeout_s: 1, // or its counter is not shown
            ..Settings::default()
        };
        let server = Server::new(settings, Logins::default(), Secret::from_number(1)).unwrap();
        // Classes are shown that hold something.
        let mut local = server.add_thread();
        store_one(&server, &mut local);
        let mut shown = HashSet::new();
        let mut lists = [Vec::new(), Vec::new(), Vec::new()];
        server.stats(|name, _| lists[0].push(name.to_owned()));
        server.stats_items(|name, _| lists[1].push(name.to_owned()));
        server.stats_slabs(|name, _| lists[2].push(name.to_owned()));
        for list in lists {
            let mut seen = HashSet::new();
            for name in list {
                assert!(seen.insert(name.clone()), "{name} twice");
                let last = name.rsplit(':').next().unwrap();
                shown.insert(last.to_owned());
            }
        }
        let all = [ThreadTotals::NAMES, ClassTotals::NAMES, ListTotals::NAMES];
        for name in all.into_iter().flatten() {
            let other = OTHERWISE.iter().find(|(counter, _)| counter == name);
            let line = other.map_or(*name, |(_, line)| line);
            assert!(shown.contains(line), "{name}");
        }
        server.store.retire(local);
    }
}
