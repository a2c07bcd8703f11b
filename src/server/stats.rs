//! `stats`: its lines, declared in the order that tools know, and `stats reset`.
//!
//! `stats reset` moves the baseline that is subtracted from the counters; gauges have none.

#![forbid(unsafe_code)]

use super::server::Server;
use super::stat_row::{StatRow, Value, When, counted, show};
use super::sums::Sums;
use crate::counters::{ClassTotals, Field, ListTotals, StatKind, ThreadTotals};
use crate::settings::VERSION;
use crate::store::{CLASSES_MAX, Usage};
use crate::sys::process;
use crate::wire::buffer::{READ_BUFFER_LEN, WRITE_BUFFER_LEN};
use StatKind::{Counter, Gauge, Text};
use std::fmt::Display;
use std::sync::atomic::Ordering::Relaxed;

/// What the lines are taken from: counters since the last `stats reset`, and a few that none
/// touches.
pub(super) struct General {
    thread: ThreadTotals,
    class: ClassTotals,
    list: ListTotals,
    /// Bytes of linked items.
    bytes: u64,
    lru_bumps_dropped: u64,
    table: Usage,
    user_us: u64,
    system_us: u64,
}

const MOVES: When<General> = ("with slab_reassign", |server, _| {
    server.settings.slab_reassign
});
const MAINTAINED: When<General> = ("with lru_maintainer", |server, _| {
    server.settings.lru_maintainer
});
const CRAWLED: When<General> = ("with lru_crawler", |server, _| {
    server.settings.lru_crawler.get()
});

/// Descriptors that a worker is reckoned with; the figure that tools know from C memcached.
const RESERVED_FDS: u64 = 5;

/// Each worker has one buffer to read into and one to write from, made at the start; in the lines
/// `response_obj_*` and `read_buf_*` they stand for C memcached's pools of both.
fn workers(server: &Server) -> u64 {
    server.settings.threads.into()
}

type Line = StatRow<General>;

/// The lines, in order.
#[rustfmt::skip] // a table
pub(super) static GENERAL: &[StatRow<General>] = &[
    Line::new(Gauge, "pid", "Number of the process.", |_, _| process::pid().into()),
    Line::new(Gauge, "uptime", "Seconds since the start; it begins with 2.", |server, _| {
        server.store.clock.uptime().into()
    }),
    Line::new(Gauge, "time", "The server's clock, seconds since 1970.", |server, _| {
        let clock = &server.store.clock;
        clock.wall(clock.now()).max(0).cast_unsigned().into()
    }),
    Line::new(Text, "version", "Version of memcached whose protocol and options this server has.", |_, _| {
        VERSION.into()
    }),
    Line::new(Text, "libevent", "none: there is no such library here.", |_, _| "none".into()),
    Line::new(Gauge, "pointer_size", "Bits of an address.", |_, _| usize::BITS.into()),
    Line::new(Counter, "rusage_user", "Processor time of the process itself, seconds; stats reset leaves this as it is.",
        |_, of| Value::Seconds(of.user_us)),
    Line::new(Counter, "rusage_system", "Processor time of the kernel for the process, seconds; stats reset leaves this as it is.",
        |_, of| Value::Seconds(of.system_us)),
    Line::new(Gauge, "max_connections", "Limit of connections (-c).", |server, _| {
        server.settings.connections_max.into()
    }),
    Line::new(Gauge, "curr_connections", "Open connections and listeners, less one.", |server, _| {
        server.connections.open.load(Relaxed).saturating_sub(1).into()
    }),
    counted!(thread.total_connections),
    counted!(thread.rejected_connections).only(("with maxconns_fast", |server, _| server.settings.maxconns_fast)),
    Line::new(Gauge, "connection_structures", "The most connections and listeners that were ever open at once.", |server, _| {
        server.connections.most.load(Relaxed).into()
    }),
    counted!(thread.response_obj_oom),
    Line::new(Gauge, "response_obj_count", "Buffers for replies, one for each worker.", |server, _| {
        workers(server).into()
    }),
    Line::new(Gauge, "response_obj_bytes", "Bytes of these buffers.", |server, _| {
        (workers(server) * WRITE_BUFFER_LEN as u64).into()
    }),
    Line::new(Gauge, "read_buf_count", "Buffers for requests, one for each worker.", |server, _| {
        workers(server).into()
    }),
    Line::new(Gauge, "read_buf_bytes", "Bytes of these buffers.", |server, _| {
        (workers(server) * READ_BUFFER_LEN as u64).into()
    }),
    Line::new(Gauge, "read_buf_bytes_free", "0: none of them is ever unused.", |_, _| 0u64.into()),
    counted!(thread.read_buf_oom),
    Line::new(Gauge, "reserved_fds", "Descriptors reckoned for the workers themselves.", |server, _| {
        (workers(server) * RESERVED_FDS).into()
    }),
    counted!(thread.cmd_get),
    counted!(class.cmd_set),
    counted!(thread.cmd_flush),
    counted!(thread.cmd_touch),
    counted!(thread.cmd_meta),
    Line::new(Counter, "get_hits", "Keys asked for and found.", |_, of| of.class.get_hits().into()),
    counted!(thread.get_misses),
    counted!(thread.get_expired),
    counted!(thread.get_flushed),
    counted!(thread.delete_misses),
    counted!(class.delete_hits),
    counted!(thread.incr_misses),
    counted!(class.incr_hits),
    counted!(thread.decr_misses),
    counted!(class.decr_hits),
    counted!(thread.cas_misses),
    counted!(class.cas_hits),
    counted!(class.cas_badval),
    counted!(class.touch_hits),
    counted!(thread.touch_misses),
    counted!(thread.store_too_large),
    counted!(thread.store_no_memory),
    counted!(thread.auth_cmds),
    counted!(thread.auth_errors),
    counted!(thread.idle_kicks).only(("with idle_timeout", |server, _| server.settings.idle_timeout_s != 0)),
    counted!(thread.bytes_read),
    counted!(thread.bytes_written),
    Line::new(Gauge, "limit_maxbytes", "Bytes of memory for items (-m, cache_memlimit).", |server, _| {
        server.settings.memory_bytes.get().into()
    }),
    Line::new(Gauge, "accepting_conns", "0 while accepting is switched off for want of descriptors, else 1.", |server, _| {
        (!server.connections.paused.load(Relaxed)).into()
    }),
    counted!(thread.listen_disabled_num),
    counted!(thread.time_in_listen_disabled_us),
    Line::new(Gauge, "threads", "Workers (-t).", |server, _| server.settings.threads.into()),
    counted!(thread.conn_yields),
    Line::new(Gauge, "hash_power_level", "Size of the hash table: the power of two below its number of words.",
        |_, of| of.table.power.into()),
    Line::new(Gauge, "hash_bytes", "Bytes of the hash table.", |_, of| of.table.bytes.into()),
    Line::new(Gauge, "hash_is_expanding", "0: the table grows a little with each insertion, never for a while.",
        |_, _| 0u64.into()),
    counted!(thread.slab_reassign_rescues).only(MOVES),
    counted!(thread.slab_reassign_chunk_rescues).only(MOVES),
    counted!(thread.slab_reassign_inline_reclaim).only(MOVES),
    counted!(thread.slab_reassign_busy_items).only(MOVES),
    counted!(thread.slab_reassign_busy_deletes).only(MOVES),
    counted!(thread.slab_reassign_busy_nomem).only(MOVES),
    Line::new(Text, "slab_reassign_last_busy_status", "What the last chunk was that kept a page from moving, none since stats reset.",
        |server, _| server.upkeep.mover.last_busy().name().into()).only(MOVES),
    Line::new(Gauge, "slab_reassign_running", "1 while a page moves.",
        |server, _| server.upkeep.mover.is_running().into()).only(MOVES),
    counted!(thread.slabs_moved).only(MOVES),
    Line::new(Gauge, "lru_crawler_running", "1 while a crawl or a dump is under way.",
        |server, _| server.upkeep.crawler.is_running().into()).only(CRAWLED),
    counted!(thread.lru_crawler_starts).only(CRAWLED),
    counted!(thread.lru_maintainer_juggles).only(MAINTAINED),
    Line::new(Counter, "malloc_fails", "0: refusals for want of memory have counters of their own.", |_, _| 0u64.into()),
    counted!(thread.log_worker_dropped),
    counted!(thread.log_worker_written),
    counted!(thread.log_watcher_skipped),
    counted!(thread.log_watcher_sent),
    Line::new(Gauge, "log_watchers", "Clients that watch.", |server, _| server.log.watchers().into()),
    counted!(thread.unexpected_napi_ids),
    counted!(thread.round_robin_fallback),
    Line::new(Gauge, "bytes", "Bytes of linked items: header, key and value.", |_, of| of.bytes.into()),
    Line::new(Gauge, "curr_items", "Linked items, expired ones that are not removed yet included.", |_, of| {
        of.table.items.into()
    }),
    counted!(thread.total_items),
    Line::new(Gauge, "slab_global_page_pool", "Free pages that belong to no slab class.", |server, _| {
        server.store.pool_len().into()
    }),
    counted!(list.expired_unfetched),
    counted!(list.evicted_unfetched),
    counted!(list.evicted_active).only(MAINTAINED),
    Line::of(Field { name: "evictions", ..ListTotals::field("evicted") }, |_, of| of.list.evicted.into()),
    counted!(list.reclaimed),
    counted!(class.crawler_reclaimed),
    counted!(class.crawler_items_checked),
    counted!(list.lrutail_reflocked),
    counted!(list.moves_to_cold).only(MAINTAINED),
    counted!(list.moves_to_warm).only(MAINTAINED),
    counted!(list.moves_within_lru).only(MAINTAINED),
    counted!(list.direct_reclaims).only(MAINTAINED),
    Line::of(ThreadTotals::field("lru_bumps_dropped"), |_, of| of.lru_bumps_dropped.into())
        .only(MAINTAINED),
];

impl Server {
    /// What has been counted since the server started. The hits of the classes are read before
    /// the gets of the threads: see [`counters`](crate::counters).
    fn sums(&self) -> Sums {
        let list = (0..CLASSES_MAX).map(|class| self.store.list_events(class));
        let list = list.collect();
        let class = self.class_totals();
        let thread = self.counters.thread_totals();
        Sums {
            thread,
            class,
            list,
        }
    }

    /// What has been counted since the server started, and since the last `stats reset`.
    pub(super) fn sums_and_since(&self) -> (Sums, Sums) {
        // Held while the sums are made: a reset in between would be ahead of them.
        let baseline = self.baseline.lock().unwrap();
        let now = self.sums();
        let since = now.since(&baseline);
        (now, since)
    }

    /// `stats reset`: counting begins anew.
    pub fn stats_reset(&self) {
        {
            let mut baseline = self.baseline.lock().unwrap();
            *baseline = self.sums();
            baseline.settle();
        }
        self.store.reset_evicted_time();
        self.upkeep.mover.reset();
        self.prefixes.clear();
    }

    /// `stats`: every line, in order.
    pub fn stats(&self, mut line: impl FnMut(&str, &dyn Display)) {
        let (now, since) = self.sums_and_since();
        let (user_us, system_us) = process::rusage();
        let general = General {
            thread: since.thread,
            class: ClassTotals::of_all(&since.class),
            list: ListTotals::of_all(&since.list),
            bytes: now.class.iter().map(ClassTotals::mem_requested).sum(),
            lru_bumps_dropped: now.thread.lru_bumps_dropped,
            table: self.store.usage(),
            user_us,
            system_us,
        };
        show(GENERAL, self, &general, |name, value| line(name, value));
    }
}
