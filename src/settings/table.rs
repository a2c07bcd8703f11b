//! The table: every option that any memcached of this generation has.
//!
//! The rows of [`SETTINGS`] stand in the order of `stats settings`, those that it does
//! not show come last. A row with a field is explained by its doc comment, which is its
//! text in `-h`. A row without one names an option that this version does not have yet,
//! and the value that `stats settings` shows in the meantime; `kept` marks those for which a
//! running server can be given another one, though nothing goes by it yet.

use std::path::PathBuf;

use super::live::{Live, Together};
use super::option_types::*;
use super::row::{OptionWord, PrintedText, Set, SettingRow};
use super::upkeep_types::*;

/// A row of the table.
pub(super) type Setting = SettingRow<Settings>;

const AUTOMOVE_RATIO: Above0 = Above0 {
    missing: "slab_automove_ratio argument",
    most: 1.0,
    complaint: "slab_automove_ratio must be > 0 and < 1",
};
const AUTOMOVE_WINDOW: Within = Within {
    missing: "slab_automove_window argument",
    range: 3..=1800,
    complaint: "slab_automove_window must be > 2 and < 1800",
};
const CRAWLER_SLEEP: Within = Within {
    missing: "lru_crawler_sleep value",
    range: 0..=1_000_000,
    complaint: "LRU crawler sleep must be between 0 and 1 second",
};
const HOT_PCT: Within = Within {
    missing: "hot_lru_pct argument",
    range: 1..=79,
    complaint: "hot_lru_pct must be > 1 and < 80",
};
const WARM_PCT: Within = Within {
    missing: "warm_lru_pct argument",
    range: 1..=79,
    complaint: "warm_lru_pct must be > 1 and < 80",
};
const HOT_FACTOR: Above0 = Above0 {
    missing: "hot_max_factor argument",
    most: f64::INFINITY,
    complaint: "hot_max_factor must be > 0",
};
const WARM_FACTOR: Above0 = Above0 {
    missing: "warm_max_factor argument",
    most: f64::INFINITY,
    complaint: "warm_max_factor must be > 0",
};

/// A page of item memory, and so the largest chunk.
pub(super) const PAGE_BYTES: u32 = 1 << 20;

settings! {
    /// Memory for items, in megabytes.
    memory_bytes: Live<u64> = Live::new(64 << 20), Megabytes,
        "-m, --memory-limit=<num>", "maxbytes";
    /// Connections at most; counts file descriptors.
    connections_max: u32 = 1024, Positive("Maximum connections"),
        "-c, --conn-limit=<num>", "maxconns";
    /// TCP port to listen on, 0 turns TCP off.
    tcp_port: i32 = 11211, Integer, "-p, --port=<num>", "tcpport";
    /// UDP port to listen on, 0 turns UDP off. Without -p
    /// TCP gets the same one.
    udp_port: i32 = 0, Integer, "-U, --udp-port=<num>", "udpport";
    /// Interfaces to listen on, all if not given; may be repeated.
    /// `<addr>` is a list, split by commas, of
    /// `[proto[<protocol>]:][tag[<tag>]:]<host>[:<port>]`,
    /// an IPv6 host with a port stands in brackets.
    listen: Option<String> = None, AddressList, "-l, --listen=<addr>", "inter";
    /// Print errors and warnings while running.
    /// `-vv`: Print client commands and replies, too.
    /// `-vvv`: Print changes of internal state, too.
    verbosity: Live<u32> = Live::new(0), CountsUp, "-v, --verbose[=x]", "verbosity";
    /// When the cache was last flushed, in seconds since the start.
    oldest_s: Live<u32> = Live::new(0), Shown, "", "oldest";
    /// Refuse to store when memory is full, instead of evicting items.
    evict: bool = true, TurnsEvictionOff, "-M, --disable-evictions", "evictions";
    /// Unix socket to listen on; turns TCP and UDP off.
    socket_path: Option<PathBuf> = None, FileName, "-s, --unix-socket=<file>", "domain_socket";
    /// Permissions of the unix socket, octal.
    socket_mask: u32 = 0o700, Octal, "-a, --unix-mask=<mask>", "umask";
    /// Obey the text command shutdown.
    shutdown_enabled: bool = false, TurnsOn, "-A, --enable-shutdown", "shutdown_command";
    /// Factor from each size of chunk to the next.
    growth_factor: f64 = 1.25, Factor, "-f, --slab-growth-factor=<num>", "growth_factor";
    /// Bytes for key, value and flags in the smallest chunk.
    chunk_size_min: u32 = 48, Positive("Chunk size"), "-n, --slab-min-size=<bytes>", "chunk_size";
    /// Worker threads.
    threads: u32 = 4, Positive("Number of threads"), "-t, --threads=<num>", "num_threads";
    /// Workers that read one UDP socket: all, or one if the interfaces are a list.
    threads_per_udp: u32 = 4, Shown, "", "num_threads_per_udp";
    /// Count requests by the prefix of their key, which ends before
    /// this character; `stats detail` shows the counts.
    prefix_delimiter: u8 = b':', Delimiter, "-D <char>", "stat_key_prefix";
    /// Whether requests are counted by prefix; `stats detail` switches it.
    detail_enabled: Live<bool> = Live::new(false), Shown, "", "detail_enabled";
    /// Requests per connection before others are served.
    requests_per_event: u32 = 20, Positive("Number of requests per event"),
        "-R, --max-reqs-per-event=<num>", "reqs_per_event";
    /// Do without CAS; saves eight bytes per item.
    use_cas: bool = true, TurnsOff, "-C, --disable-cas", "cas_enabled";
    /// Length of the queue of connections to accept.
    backlog: i32 = 1024, Integer, "-b, --listen-backlog=<num>", "tcp_backlog";
    /// Protocol: ascii, binary, or auto to find out.
    protocol: Protocol = Protocol::Auto, ProtocolName,
        "-B, --protocol=<name>", "binding_protocol";
    /// Clients log in by SASL, in the binary protocol alone. The file
    /// of users is named by the environment, MEMCACHED_SASL_PWDB.
    sasl: bool = false, TurnsOn, "-S, --enable-sasl", "auth_enabled_sasl";
    /// Clients log in, in the text protocol alone; the file has
    /// up to eight lines user:password.
    auth_file: Option<PathBuf> = None, AuthFile, "-Y, --auth-file=<file>", "auth_enabled_ascii";
    /// Largest item; k or m may follow; 1k to 1024m.
    item_size_max: u32 = 1 << 20, ItemSize, "-I, --max-item-size=<bytes>", "item_size_max";
    /// Close connections over the limit at once, with a message;
    /// the default. no_maxconns_fast leaves them waiting.
    maxconns_fast: bool = true, Switch, "-o [no_]maxconns_fast", "maxconns_fast";
    /// The hash table starts with two to this power buckets;
    /// 12 to 32, more than item locks have.
    hash_power: u32 = 0, HashPower, "-o hashpower=<num>", "hashpower_init";
    /// Pages of memory can move between slab classes.
    slab_reassign: bool = true, Switch, "-o [no_]slab_reassign", "slab_reassign";
    /// Move pages to where they are needed: 0 only on command,
    /// 1 by age of items, 2 also at each eviction.
    slab_automove: Live<u32> = Live::new(1), Automove,
        "-o slab_automove=<num>", "slab_automove";
    /// A page moves if the youngest class's items live less than
    /// this part of the oldest's.
    slab_automove_ratio: Live<f64> = Live::new(0.8), AUTOMOVE_RATIO,
        "-o slab_automove_ratio=<num>", "slab_automove_ratio";
    /// Rounds, of about a second, looked at for that.
    slab_automove_window: Live<u32> = Live::new(10), AUTOMOVE_WINDOW,
        "-o slab_automove_window=<num>", "slab_automove_window";
    /// Largest chunk in kilobytes; larger items are chains.
    slab_chunk_max: u32 = PAGE_BYTES / 2, ChunkMax, "-o slab_chunk_max=<num>", "slab_chunk_max";
    /// Look for expired items in the background.
    lru_crawler: Live<bool> = Live::new(true), LiveSwitch, "-o [no_]lru_crawler", "lru_crawler";
    /// Microseconds that the crawler sleeps between items.
    lru_crawler_sleep: Live<u32> = Live::new(100), CRAWLER_SLEEP,
        "-o lru_crawler_sleep=<us>", "lru_crawler_sleep";
    /// Items of a class that a crawl looks at; 0 is all.
    lru_crawler_tocrawl: Live<u32> = Live::new(0), ToCrawl,
        "-o lru_crawler_tocrawl=<num>", "lru_crawler_tocrawl";
    /// Seconds after which an item that is stuck is freed; has no
    /// effect: references do not leak, so no item gets stuck.
    tail_repair_time_s: u32 = 0, RepairTime, "-o tail_repair_time=<s>", "tail_repair_time";
    /// Refuse the command flush_all.
    flush_enabled: bool = true, TurnsOff, "-F, --disable-flush-all", "flush_enabled";
    /// Refuse the commands that list keys.
    dump_enabled: bool = true, TurnsOff, "-X, --disable-dumping", "dump_enabled";
    /// jenkins, murmur3 or xxh3; shown, but without effect:
    /// keys are hashed with a secret of the process.
    hash_algorithm: HashAlgorithm = HashAlgorithm::Murmur3, HashName,
        "-o hash_algorithm=<name>", "hash_algorithm";
    /// Divide the LRU into segments, with a thread for them.
    lru_maintainer: bool = true, Switch, "-o [no_]lru_maintainer", "lru_maintainer_thread";
    /// Whether new items enter a segment of their own.
    lru_segmented: Live<bool> = Live::new(true), Shown, "", "lru_segmented";
    /// Percent of a class's items that are in HOT.
    hot_lru_pct: Live<u32> = Live::new(20), HOT_PCT, "-o hot_lru_pct=<num>", "hot_lru_pct";
    /// The same for WARM.
    warm_lru_pct: Live<u32> = Live::new(40), WARM_PCT, "-o warm_lru_pct=<num>", "warm_lru_pct";
    /// Age that items have in HOT, as part of that in COLD.
    hot_max_factor: Live<f64> = Live::new(0.2), HOT_FACTOR,
        "-o hot_max_factor=<num>", "hot_max_factor";
    /// The same in WARM.
    warm_max_factor: Live<f64> = Live::new(2.0), WARM_FACTOR,
        "-o warm_max_factor=<num>", "warm_max_factor";
    /// Whether items that expire soon have a segment of their own.
    temp_lru: Live<bool> = Live::new(false), Shown, "", "temp_lru";
    /// Items that live no longer than so many seconds have a
    /// segment of their own and are evicted after all others.
    temporary_ttl: Live<u32> = Live::new(61), Seconds("temporary_ttl argument"),
        "-o temporary_ttl=<s>", "temporary_ttl";
    /// Seconds after which a TCP client that is silent is
    /// closed, 0 is never.
    idle_timeout_s: i32 = 0, Timeout, "-o idle_timeout=<s>", "idle_timeout";
    /// Kilobytes of log lines that may wait for a watcher.
    watcher_logbuf_kib: u32 = 256, Kibibytes("watcher_logbuf_size"),
        "-o watcher_logbuf_size=<num>", "watcher_logbuf_size";
    /// Kilobytes of log entries that a thread keeps.
    worker_logbuf_kib: u32 = 64, Kibibytes("worker_logbuf_size"),
        "-o worker_logbuf_size=<num>", "worker_logbuf_size";
    /// Memory for partial requests and unsent replies, in
    /// megabytes, split among the threads; 0 is no limit.
    buffer_bytes_max: u32 = 0, BufferLimit,
        "-o read_buf_mem_limit=<num>", "read_buf_mem_limit";
    /// Count items by their size for stats sizes.
    track_sizes: bool = false, TurnsOn, "-o track_sizes", "track_sizes";
    "", "inline_ascii_response" = "no";
    /// Give up all system calls that serving clients does not
    /// need; no_drop_privileges, the default, keeps them.
    drop_privileges: bool = false, Switch, "-o [no_]drop_privileges", "drop_privileges";
    /// Choose workers by the network queue that a client comes
    /// from, for up to so many queues; 0 is off.
    napi_ids: u32 = 0, Positive("Maximum number of NAPI IDs"),
        "-N, --napi-ids=<num>", "num_napi_ids";
    "-e, --memory-file=<file>", "memory_file" = "(null)";
    "", "client_flags_size" = "4";

    // Not shown by `stats settings`.

    /// User to run as; required, and obeyed, only if started as root.
    user: Option<String> = None, Text, "-u, --user=<user>", "";
    /// Keep the hash table at its first size.
    hash_expand: bool = true, TurnsOff, "-o no_hashexpand", "";
    /// Sizes of chunks, split by dashes, instead of -f and -n;
    /// one of slab_chunk_max is added at the end.
    slab_sizes: Option<Vec<u32>> = None, Sizes, "-o slab_sizes=<sizes>", "";
    /// Run in the background.
    daemon: bool = false, TurnsOn, "-d, --daemon", "";
    /// Let the system write a core file if the server crashes.
    core_dumps: bool = false, TurnsOn, "-r, --enable-coredumps", "";
    /// Keep all memory from being swapped out.
    lock_memory: bool = false, TurnsOn, "-k, --lock-memory", "";
    /// File to write the process id to; removed at the end only
    /// if the server runs in the background.
    pid_file: Option<PathBuf> = None, FileName, "-P, --pidfile=<file>", "";
    /// Do not start unless memory for items can be huge pages;
    /// they are used in any case where there are any.
    large_pages: bool = false, TurnsOn, "-L, --enable-largepages", "";
    /// Refuse the command watch.
    watch_enabled: bool = true, TurnsOff, "-W, --disable-watch", "";
    "-Z, --enable-ssl", "";
    /// Mark on listening sockets and what comes in by them,
    /// which packet filters can see; 0 is none.
    socket_mark: u32 = 0, SocketMark, "-o sock_cookie_id=<num>", "";
    "-o ext_path=<file>", "";
    "-o ext_page_size=<num>", "";
    "-o ext_wbuf_size=<num>", "";
    "-o ext_threads=<num>", "";
    "-o ext_io_depth=<num>", "";
    "-o ext_item_size=<bytes>", "";
    "-o ext_item_age=<s>", "";
    "-o ext_low_ttl=<s>", "";
    "-o ext_recache_rate=<num>", "";
    "-o ext_compact_under=<num>", "";
    "-o ext_drop_under=<num>", "";
    "-o ext_max_sleep=<us>", "";
    "-o ext_max_frag=<num>", "";
    "-o ext_drop_unread", "";
    "-o slab_automove_freeratio=<num>", "";
    "-o ssl_chain_cert=<file>", "";
    "-o ssl_key=<file>", "";
    "-o ssl_keyformat=<num>", "";
    "-o ssl_verify_mode=<num>", "";
    "-o ssl_ciphers=<list>", "";
    "-o ssl_ca_cert=<file>", "";
    "-o ssl_wbuf_size=<num>", "";
    "-o ssl_session_cache", "";
    "-o ssl_kernel_tls", "";
    "-o ssl_min_version=<num>", "";
}

/// Options without a field of their own: they print, or act on several fields, or ask
/// for what is so anyway.
pub(super) static WORDS: &[Setting] = &[
    Setting::word(
        "-h, --help",
        &["Print this text."],
        Set::Print(PrintedText::Usage),
    ),
    Setting::word(
        "-i, --license",
        &["Print the licence."],
        Set::Print(PrintedText::Licence),
    ),
    Setting::word(
        "-V, --version",
        &["Print the version."],
        Set::Print(PrintedText::Version),
    ),
    Setting::word(
        "-o, --extended=<list>",
        &["Further options, split by commas:"],
        Set::Word(OptionWord::Extended),
    ),
    Setting::word(
        "-o modern",
        &["Has no effect: its options are the defaults."],
        Set::Word(OptionWord::Nothing),
    ),
    Setting::word(
        "-o no_modern",
        &[
            "Short for no_maxconns_fast, hash_algorithm=jenkins,",
            "no_slab_reassign, no_slab_automove, no_lru_crawler,",
            "no_lru_maintainer and, unless given, slab_chunk_max=1024.",
        ],
        Set::Word(OptionWord::NoModern),
    ),
    Setting::word(
        "-o no_chunked_items",
        &["An item lies in one chunk: slab_chunk_max=1024."],
        Set::Word(OptionWord::NoChunkedItems),
    ),
    Setting::word(
        "-o no_slab_automove",
        &["The same as slab_automove=0."],
        Set::Word(OptionWord::NoSlabAutomove),
    ),
    Setting::word(
        "-o [no_]inline_ascii_resp",
        &["Has no effect."],
        Set::Word(OptionWord::Nothing),
    ),
    Setting::word(
        "-o resp_obj_mem_limit=<num>",
        &["Has no effect."],
        Set::Word(OptionWord::RespObjMemLimit),
    ),
    #[cfg(debug_assertions)]
    Setting::word("-o relaxed_privileges", &[], Set::Word(OptionWord::Nothing)),
];

/// All rows, in the order of the option parser.
pub(super) fn rows() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(WORDS)
}

/// The row that this name within `-o` means.
pub(super) fn find_extended(name: &str) -> Option<&'static Setting> {
    rows().find(|row| row.answers_to(name))
}

/// Bytes of a buffer that `-o read_buf_mem_limit` is counted in.
pub const BUFFER_BYTES: u32 = 16 << 10;

impl Settings {
    /// Buffers that a worker may hold for partial requests and for unsent replies, if there
    /// is a limit.
    pub fn buffers_max(&self) -> Option<u32> {
        let each = self.buffer_bytes_max / self.threads / BUFFER_BYTES;
        (self.buffer_bytes_max != 0).then_some(each.max(1))
    }

    /// Gives `stats settings` row by row, as operators have left them: key, value.
    pub fn each_stat(&self, mut f: impl FnMut(&str, &str)) {
        let _together = self.together.lock();
        for row in SETTINGS.iter().filter(|row| !row.stat.is_empty()) {
            f(row.stat, &(row.show)(self));
        }
    }
}
