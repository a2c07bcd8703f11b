//! What is going on, for those who watch: streams of events, from the threads where they
//! happen to the logger that sends them.
//!
//! ```text
//! worker 1 ── entry ──► ring ┐
//! worker 2 ── entry ──► ring ┼─► logger (net/logger.rs): in order ─► lines ─► watchers
//! other threads ──────► ring ┘
//! ```
//!
//! A thread makes an entry only if somebody watches its stream, and never waits: a ring that
//! is full drops the entry. The logger takes a ring's entries by giving it an empty one.
//!
//! Locks: a mutex for each ring, taken last: under an item's stripe and an LRU list, or, by the
//! logger, under that of the list of rings. The roster of watchers has one that is taken alone.

#![forbid(unsafe_code)]

use crate::store::{AllocError, Event, Mode, Observer, Outcome, Seen, StoreEnd, ThreadState};
use crate::sys::socket::Address;
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::{
    AtomicI32, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst,
};
use crate::sys::wake::Waker;
use crate::wire::request::CloseCause;
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::io::Result;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Watchers at a time.
pub const WATCHERS_MAX: usize = 20;

/// Streams of events, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams(u32);

/// All streams by name, in the order in which a shortened name is looked up. Those that have
/// no constant are known, and nothing is ever sent in them.
const STREAMS: [&str; 10] = [
    "rawcmds",
    "evictions",
    "fetchers",
    "mutations",
    "sysevents",
    "connevents",
    "proxyreqs",
    "proxyevents",
    "proxyuser",
    "deletions",
];

impl Streams {
    /// Items that make room.
    pub const EVICTIONS: Streams = Streams(1 << 1);
    /// Look-ups.
    pub const FETCHERS: Streams = Streams(1 << 2);
    /// Attempts to store.
    pub const MUTATIONS: Streams = Streams(1 << 3);
    /// What background threads do.
    pub const SYSEVENTS: Streams = Streams(1 << 4);
    /// Connections that come and go.
    pub const CONNEVENTS: Streams = Streams(1 << 5);
    /// Items that clients remove.
    pub const DELETIONS: Streams = Streams(1 << 9);
    /// All that the store tells.
    const OF_ITEMS: Streams = Streams(
        Streams::EVICTIONS.0 | Streams::FETCHERS.0 | Streams::MUTATIONS.0 | Streams::DELETIONS.0,
    );

    /// The streams of these words, which may be cut short; without words, look-ups. None if
    /// there is no such stream.
    pub fn named(words: &[&[u8]]) -> Option<Streams> {
        if words.is_empty() {
            return Some(Streams::FETCHERS);
        }
        let of = |word: &&[u8]| {
            let mut names = STREAMS.iter();
            let index = names.position(|name| name.as_bytes().starts_with(word));
            index.map(|index| 1 << index)
        };
        let bits = words.iter().map(of);
        bits.sum_bits().map(Streams)
    }

    /// Whether they have one in common.
    pub fn meets(self, other: Streams) -> bool {
        self.0 & other.0 != 0
    }
}

/// The union of bits, none if any of them is none.
trait SumBits {
    fn sum_bits(self) -> Option<u32>;
}

impl<I: Iterator<Item = Option<u32>>> SumBits for I {
    fn sum_bits(mut self) -> Option<u32> {
        self.try_fold(0, |sum, bits| Some(sum | bits?))
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client has closed it, or said `quit`.
    Normal,
    /// It is lost, or broke the rules.
    Error,
    /// The client has been silent for too long.
    IdleTimeout,
}

impl From<CloseCause> for Reason {
    fn from(cause: CloseCause) -> Reason {
        match cause {
            CloseCause::Quit => Reason::Normal,
            CloseCause::BadInput => Reason::Error,
        }
    }
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::Normal => "normal",
            Reason::Error => "error",
            Reason::IdleTimeout => "idle_timeout",
        }
    }
}

/// What an entry tells.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// Something about an item; the text is its key.
    Item(Event),
    /// A connection has come; the text is the address of the other end.
    Opened { port: Option<u16> },
    /// A connection has gone; the text likewise.
    Closed { port: Option<u16>, reason: Reason },
    /// What the text says.
    System,
}

impl Happening {
    fn stream(&self) -> Streams {
        match self {
            Happening::Item(Event::LookedUp { .. }) => Streams::FETCHERS,
            Happening::Item(Event::Stored { .. }) => Streams::MUTATIONS,
            Happening::Item(Event::Evicted { .. }) => Streams::EVICTIONS,
            Happening::Item(Event::Removed { .. }) => Streams::DELETIONS,
            Happening::Opened { .. } | Happening::Closed { .. } => Streams::CONNEVENTS,
            Happening::System => Streams::SYSEVENTS,
        }
    }
}

/// One event.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its number, of all threads' events together.
    gid: u64,
    /// Microseconds since 1970.
    at_us: u64,
    what: Happening,
    /// The descriptor of the connection behind it.
    fd: RawFd,
    text_len: u32,
}

/// The entries of a ring, and their texts one after the other.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    texts: Vec<u8>,
    /// Entries that found no room.
    dropped: u64,
}

impl Batch {
    fn len(&self) -> usize {
        self.entries.len() * size_of::<Entry>() + self.texts.len()
    }
}

/// What a thread has to tell.
type Ring = Mutex<Batch>;

/// The log: what is wanted, and what waits to be sent.
pub struct Log {
    /// Streams that anybody watches.
    wanted: AtomicU32,
    next_gid: AtomicU64,
    /// Bytes of a ring, and of what waits for a watcher.
    ring_len: usize,
    watcher_len: usize,
    rings: Mutex<Vec<Arc<Ring>>>,
    roster: Mutex<Roster>,
    /// Wakes the logger when it has something to do at once.
    pub waker: Waker,
}

/// Who watches.
#[derive(Default)]
struct Roster {
    /// The streams of each place that is taken.
    places: Vec<Streams>,
    /// Watchers that the logger has not seen yet.
    arrivals: Vec<Arrival>,
}

/// The right to become a watcher, and memory for what will wait for it.
pub struct Admission {
    streams: Streams,
    first_gid: u64,
    waiting: VecDeque<u8>,
}

#[cfg(all(test, loom))]
impl Admission {
    /// The first event that it will be told of.
    pub fn first_gid(&self) -> u64 {
        self.first_gid
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// There are too many watchers.
    Full,
    /// There is no memory.
    NoMemory,
}

/// A watcher on its way to the logger.
pub struct Arrival {
    /// Its connection.
    pub socket: OwnedFd,
    /// What it wants to see.
    pub streams: Streams,
    /// The first event that it is told of.
    pub first_gid: u64,
    /// What waits for it.
    pub waiting: VecDeque<u8>,
}

impl Log {
    /// Nobody watches yet; the sizes are in bytes.
    ///
    /// # Errors
    /// The process has no more descriptors.
    pub fn new(ring_len: usize, watcher_len: usize) -> Result<Log> {
        Ok(Log {
            wanted: AtomicU32::new(0),
            next_gid: AtomicU64::new(1),
            ring_len,
            watcher_len,
            rings: Mutex::default(),
            roster: Mutex::default(),
            waker: Waker::new()?,
        })
    }

    /// Whether anybody watches one of these streams.
    #[inline]
    pub fn wants(&self, streams: Streams) -> bool {
        Streams(self.wanted.load(Relaxed)).meets(streams)
    }

    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.roster.lock().unwrap().places.len()
    }

    /// Takes a place for a watcher of these streams. From now on their events are kept for it.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn reserve(&self, streams: Streams) -> std::result::Result<Admission, NoPlace> {
        let mut roster = self.roster.lock().unwrap();
        if roster.places.len() >= WATCHERS_MAX {
            return Err(NoPlace::Full);
        }
        let mut waiting = VecDeque::new();
        waiting
            .try_reserve_exact(self.watcher_len)
            .map_err(|_| NoPlace::NoMemory)?;
        roster.places.push(streams);
        self.publish(&roster);
        Ok(Admission {
            streams,
            first_gid: self.next_gid.fetch_add(1, Relaxed),
            waiting,
        })
    }

    /// Hands the connection of a watcher to the logger; `greeting` is sent to it first.
    pub fn admit(&self, place: Admission, socket: OwnedFd, greeting: &[u8]) {
        let Admission {
            streams,
            first_gid,
            mut waiting,
        } = place;
        waiting.extend(greeting);
        self.roster.lock().unwrap().arrivals.push(Arrival {
            socket,
            streams,
            first_gid,
            waiting,
        });
        self.waker.wake();
    }

    /// The watchers that have come since the last call.
    pub fn arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut self.roster.lock().unwrap().arrivals)
    }

    /// A watcher of these streams has gone.
    pub fn leave(&self, streams: Streams) {
        let mut roster = self.roster.lock().unwrap();
        if let Some(at) = roster.places.iter().position(|&place| place == streams) {
            roster.places.swap_remove(at);
        }
        self.publish(&roster);
    }

    fn publish(&self, roster: &Roster) {
        let wanted = roster.places.iter().fold(0, |bits, place| bits | place.0);
        self.wanted.store(wanted, SeqCst);
    }

    /// A pen for one thread, and its ring.
    pub fn recorder(self: &Arc<Log>) -> Arc<Recorder> {
        let ring = Arc::new(Ring::default());
        self.rings.lock().unwrap().push(Arc::clone(&ring));
        Arc::new(Recorder {
            log: Arc::clone(self),
            ring,
            fd: AtomicI32::new(-1),
        })
    }
}

/// What a thread makes entries with.
pub struct Recorder {
    log: Arc<Log>,
    ring: Arc<Ring>,
    /// The connection that is served.
    fd: AtomicI32,
}

impl Recorder {
    /// Has `local` tell what it does for the client of `fd`, as long as anybody watches that.
    /// (A background thread has no clients: it makes its recorder the observer of its `ThreadState`
    /// once and for all.)
    #[inline]
    pub fn attend(self: &Arc<Recorder>, local: &mut ThreadState, fd: RawFd) {
        let is_wanted = self.log.wants(Streams::OF_ITEMS);
        if is_wanted != local.is_observed() {
            let observer: Arc<dyn Observer> = self.clone();
            local.set_observer(is_wanted.then_some(observer));
        }
        if is_wanted {
            self.fd.store(fd, Relaxed);
        }
    }

    /// A connection has come.
    pub fn opened(&self, fd: RawFd, peer: &Address) {
        if self.log.wants(Streams::CONNEVENTS) {
            let port = peer.port();
            self.add(Happening::Opened { port }, fd, ip_of(peer).as_bytes());
        }
    }

    /// A connection has gone.
    pub fn closed(&self, fd: RawFd, peer: &Address, reason: Reason) {
        if self.log.wants(Streams::CONNEVENTS) {
            let what = Happening::Closed {
                port: peer.port(),
                reason,
            };
            self.add(what, fd, ip_of(peer).as_bytes());
        }
    }

    /// Whether anybody wants to know of connections.
    pub fn wants_connections(&self) -> bool {
        self.log.wants(Streams::CONNEVENTS)
    }

    fn add(&self, what: Happening, fd: RawFd, text: &[u8]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_us = now.map_or(0, |since| since.as_micros() as u64);
        let log = &*self.log;
        let mut batch = self.ring.lock().unwrap();
        let before = batch.len();
        if before + size_of::<Entry>() + text.len() > log.ring_len {
            batch.dropped += 1;
            return;
        }
        // Under the lock, so that the entries of a ring are in order.
        let gid = log.next_gid.fetch_add(1, Relaxed);
        batch.texts.extend_from_slice(text);
        batch.entries.push(Entry {
            gid,
            at_us,
            what,
            fd,
            text_len: text.len() as u32,
        });
        let half = log.ring_len / 2;
        let is_half_full = before < half && batch.len() >= half;
        drop(batch);
        if is_half_full {
            log.waker.wake(); // or the rest might be dropped
        }
    }
}

impl Observer for Recorder {
    fn item(&self, key: &[u8], event: Event) {
        let what = Happening::Item(event);
        if self.log.wants(what.stream()) {
            self.add(what, self.fd.load(Relaxed), key);
        }
    }

    fn system(&self, text: &dyn fmt::Display) {
        if self.log.wants(Streams::SYSEVENTS) {
            self.add(Happening::System, -1, text.to_string().as_bytes());
        }
    }
}

/// The address without a port; of a unix socket only that it is one.
fn ip_of(peer: &Address) -> String {
    match peer {
        Address::Tcp4(address) => address.ip().to_string(),
        Address::Tcp6(address) => address.ip().to_string(),
        Address::Unix(_) | Address::Unnamed => String::from("unix"),
    }
}

/// What the logger has taken out of the rings.
#[derive(Default)]
pub struct Harvest {
    /// One for each ring: what was taken from it, or, between two passes, empty memory.
    taken: Vec<Batch>,
    /// Which entries there are, in the order of their numbers: ring, entry, start of the text.
    order: Vec<(usize, usize, usize)>,
    line: String,
}

impl Harvest {
    /// Takes all entries; gives how many, and how many were dropped.
    pub fn gather(&mut self, log: &Log) -> (u64, u64) {
        let rings = log.rings.lock().unwrap();
        self.taken.resize_with(rings.len(), Batch::default);
        self.order.clear();
        let mut dropped = 0;
        for (at, (ring, batch)) in rings.iter().zip(&mut self.taken).enumerate() {
            std::mem::swap(&mut *ring.lock().unwrap(), batch);
            dropped += batch.dropped;
            let mut start = 0;
            for (index, entry) in batch.entries.iter().enumerate() {
                self.order.push((at, index, start));
                start += entry.text_len as usize;
            }
        }
        drop(rings);
        let taken = &self.taken;
        self.order
            .sort_unstable_by_key(|&(ring, index, _)| taken[ring].entries[index].gid);
        (self.order.len() as u64, dropped)
    }

    /// Gives each entry that was taken: its number, its stream, and its line.
    pub fn each(&mut self, mut give: impl FnMut(u64, Streams, &str)) {
        for &(ring, index, start) in &self.order {
            let batch = &self.taken[ring];
            let entry = &batch.entries[index];
            let text = &batch.texts[start..start + entry.text_len as usize];
            self.line.clear();
            // Writing to memory cannot fail.
            let _ = write_line(&mut self.line, entry, text);
            give(entry.gid, entry.what.stream(), &self.line);
        }
    }

    /// Forgets what was taken, and keeps the memory for the next time.
    pub fn clear(&mut self) {
        self.order.clear();
        for batch in &mut self.taken {
            batch.entries.clear();
            batch.texts.clear();
            batch.dropped = 0;
        }
    }

    /// Nobody watches any more: takes what was recorded to the last, as [`Harvest::gather`]
    /// does, and gives back the memory of that, its own and that of the rings.
    pub fn end(&mut self, log: &Log) -> (u64, u64) {
        *self = Harvest::default();
        let counts = self.gather(log);
        *self = Harvest::default();
        counts
    }
}

fn write_line(to: &mut String, entry: &Entry, text: &[u8]) -> fmt::Result {
    let (s, us) = (entry.at_us / 1_000_000, entry.at_us % 1_000_000);
    write!(to, "ts={s}.{us:06} gid={} ", entry.gid)?;
    match entry.what {
        Happening::Item(event) => write_item(to, &event, text, entry.fd)?,
        Happening::Opened { port } => {
            to.push_str("type=conn_new ");
            write_peer(to, text, port)?;
            write!(to, " cfd={}", entry.fd)?;
        }
        Happening::Closed { port, reason } => {
            to.push_str("type=conn_close ");
            write_peer(to, text, port)?;
            write!(to, " reason={} cfd={}", reason.name(), entry.fd)?;
        }
        Happening::System => to.push_str(&String::from_utf8_lossy(text)),
    }
    to.push('\n');
    Ok(())
}

fn write_item(to: &mut String, event: &Event, key: &[u8], fd: RawFd) -> fmt::Result {
    let kind = match event {
        Event::LookedUp { .. } => "item_get",
        Event::Stored { .. } => "item_store",
        Event::Evicted { .. } => "eviction",
        Event::Removed { .. } => "deleted",
    };
    write!(to, "type={kind} key=")?;
    write_key(to, key);
    match *event {
        Event::LookedUp {
            seen,
            class,
            value_len,
        } => {
            let status = match seen {
                Seen::Found => "found",
                Seen::NotFound => "not_found",
                Seen::Flushed => "flushed",
                Seen::Expired => "expired",
            };
            write!(
                to,
                " status={status} clsid={class} cfd={fd} size={value_len}"
            )
        }
        Event::Stored {
            end,
            mode,
            compares,
            ttl_s,
            class,
            value_len,
        } => {
            let (status, command) = (status_of(end), command_of(mode, compares));
            write!(to, " status={status} cmd={command} ttl={ttl_s}")?;
            write!(to, " clsid={class} cfd={fd} size={value_len}")
        }
        Event::Evicted {
            is_fetched,
            ttl_s,
            idle_s,
            class,
            value_len,
        } => {
            let fetch = if is_fetched { "yes" } else { "no" };
            let ttl_s = ttl_s.map_or(-1, i64::from);
            write!(to, " fetch={fetch} ttl={ttl_s} la={idle_s}")?;
            write!(to, " clsid={class} size={value_len}")
        }
        Event::Removed {
            by,
            class,
            value_len,
        } => write!(to, " cmd={by} clsid={class} size={value_len}"),
    }
}

fn status_of(end: StoreEnd) -> &'static str {
    match end {
        StoreEnd::Judged(Outcome::Stored) => "stored",
        StoreEnd::Judged(Outcome::NotStored) => "not_stored",
        StoreEnd::Judged(Outcome::Exists) => "exists",
        StoreEnd::Judged(Outcome::NotFound) => "not_found",
        StoreEnd::Refused(AllocError::TooLarge) => "too_large",
        StoreEnd::Judged(Outcome::NoMemory)
        | StoreEnd::Refused(AllocError::NoMemory | AllocError::NoMemoryInside) => "no_memory",
    }
}

fn command_of(mode: Mode, compares: bool) -> &'static str {
    match mode {
        Mode::Set | Mode::Replace if compares => "cas",
        Mode::Set => "set",
        Mode::Add => "add",
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Prepend => "prepend",
    }
}

fn write_peer(to: &mut String, ip: &[u8], port: Option<u16>) -> fmt::Result {
    let ip = String::from_utf8_lossy(ip);
    let transport = if port.is_some() { "tcp" } else { "local" };
    let port = port.unwrap_or(0);
    write!(to, "rip={ip} rport={port} transport={transport}")
}

/// A key as in a URI: letters, digits and four marks stand for themselves.
fn write_key(to: &mut String, key: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in key {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(HEX[usize::from(byte >> 4)]));
            to.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SEEN: Event = Event::LookedUp {
        seen: Seen::Found,
        class: 1,
        value_len: 4,
    };

    fn log(ring_len: usize) -> Arc<Log> {
        Arc::new(Log::new(ring_len, 1024).unwrap())
    }

    fn harvest(harvest: &mut Harvest, log: &Log) -> Vec<String> {
        harvest.gather(log);
        let mut lines = Vec::new();
        harvest.each(|_, _, line| {
            let (_, line) = line.split_once(' ').unwrap();
            lines.push(line.trim_end().to_owned());
        });
        harvest.clear();
        lines
    }

    #[test]
    fn streams_are_known_by_their_first_letters() {
        let named = |word: &str| Streams::named(&[word.as_bytes()]);
        assert_eq!(named("evictions"), Some(Streams::EVICTIONS));
        assert_eq!(named("e"), Some(Streams::EVICTIONS));
        assert_eq!(named("f"), Some(Streams::FETCHERS));
        assert_eq!(named("mut"), Some(Streams::MUTATIONS));
        assert_eq!(named("s"), Some(Streams::SYSEVENTS));
        assert_eq!(named("conn"), Some(Streams::CONNEVENTS));
        assert_eq!(named("deletions"), Some(Streams::DELETIONS));
        assert_eq!(Streams::named(&[]), Some(Streams::FETCHERS));
        for name in STREAMS {
            assert!(named(name).is_some());
            assert_eq!(named(&format!("{name}x")), None);
            assert_eq!(named(&name.to_uppercase()), None);
        }
        let both = Streams::named(&[b"f", b"mutations", b"f"]).unwrap();
        assert!(both.meets(Streams::FETCHERS) && both.meets(Streams::MUTATIONS));
        assert!(!both.meets(Streams::EVICTIONS));
        assert_eq!(Streams::named(&[b"f", b"noreply"]), None);
    }

    #[test]
    fn entries_are_made_only_for_what_is_watched_and_come_in_order() {
        let (log, mut taken) = (log(4096), Harvest::default());
        let (one, two) = (log.recorder(), log.recorder());
        one.item(b"early", SEEN);
        assert!(harvest(&mut taken, &log).is_empty());
        let place = log.reserve(Streams::named(&[b"f", b"s"]).unwrap()).unwrap();
        assert!(log.wants(Streams::OF_ITEMS) && place.first_gid == 1);
        one.fd.store(5, Relaxed);
        one.item(b"a b", SEEN);
        two.item(b"\xff,%~", SEEN);
        let by = "delete";
        two.item(
            b"c",
            Event::Removed {
                by,
                class: 1,
                value_len: 1,
            },
        );
        two.opened(9, &Address::Unnamed);
        one.system(&format_args!("type=slab_move src={} dst={} state=ok", 1, 2));
        assert_eq!(
            harvest(&mut taken, &log),
            [
                "gid=2 type=item_get key=a%20b status=found clsid=1 cfd=5 size=4",
                "gid=3 type=item_get key=%FF%2C%25~ status=found clsid=1 cfd=-1 size=4",
                "gid=4 type=slab_move src=1 dst=2 state=ok",
            ]
        );
        log.leave(place.streams);
        assert!(!log.wants(Streams::OF_ITEMS) && log.watchers() == 0);
        one.item(b"late", SEEN);
        assert!(harvest(&mut taken, &log).is_empty());
    }

    #[test]
    fn a_full_ring_drops_entries_and_says_how_many() {
        let room = 3 * (size_of::<Entry>() + 1);
        let (log, mut taken) = (log(room), Harvest::default());
        let recorder = log.recorder();
        log.reserve(Streams::FETCHERS).unwrap();
        for _ in 0..5 {
            recorder.item(b"k", SEEN);
        }
        assert_eq!(taken.gather(&log), (3, 2));
        taken.clear();
        recorder.item(b"k", SEEN);
        assert_eq!(taken.gather(&log), (1, 0));
        taken.clear();
        assert_eq!(taken.gather(&log), (0, 0));
    }

    #[test]
    fn when_nobody_watches_any_more_no_memory_is_kept() {
        let (log, mut taken) = (log(4096), Harvest::default());
        let recorder = log.recorder();
        let place = log.reserve(Streams::FETCHERS).unwrap();
        for _ in 0..3 {
            recorder.item(b"k", SEEN);
            assert_eq!(taken.gather(&log), (1, 0));
            taken.clear();
        }
        recorder.item(b"k", SEEN);
        log.leave(place.streams);
        assert_eq!(taken.end(&log), (1, 0));
        let ring = recorder.ring.lock().unwrap();
        assert_eq!((ring.entries.capacity(), ring.texts.capacity()), (0, 0));
        assert_eq!(taken.taken.capacity(), 0);
    }

    #[test]
    fn there_are_only_so_many_places() {
        let log = log(4096);
        for _ in 0..WATCHERS_MAX {
            assert!(log.reserve(Streams::EVICTIONS).is_ok());
        }
        assert_eq!(log.reserve(Streams::FETCHERS).err(), Some(NoPlace::Full));
        assert!(!log.wants(Streams::FETCHERS));
        log.leave(Streams::EVICTIONS);
        assert!(log.reserve(Streams::FETCHERS).is_ok());
        let huge = Arc::new(Log::new(4096, usize::MAX / 2 + 1).unwrap());
        let refused = huge.reserve(Streams::FETCHERS).err();
        assert_eq!(refused, Some(NoPlace::NoMemory));
        assert_eq!(huge.watchers(), 0);
    }

    #[test]
    fn every_way_to_store_has_its_words() {
        let mut words = Vec::new();
        for mode in [
            Mode::Set,
            Mode::Add,
            Mode::Replace,
            Mode::Append,
            Mode::Prepend,
        ] {
            words.push(format!(
                "{} {}",
                command_of(mode, false),
                command_of(mode, true)
            ));
        }
        let expected = [
            "set cas",
            "add add",
            "replace cas",
            "append append",
            "prepend prepend",
        ];
        assert_eq!(words, expected);
        let mut line = String::new();
        let event = Event::Stored {
            end: StoreEnd::Refused(AllocError::TooLarge),
            mode: Mode::Set,
            compares: false,
            ttl_s: 0,
            class: 0,
            value_len: 0,
        };
        write_item(&mut line, &event, b"k", 7).unwrap();
        let expected = "type=item_store key=k status=too_large cmd=set ttl=0 clsid=0 cfd=7 size=0";
        assert_eq!(line, expected);
    }
}
