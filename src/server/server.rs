//! What all threads of a server share, and how it is made.

#![forbid(unsafe_code)]

use super::conns::Conns;
use super::log::Log;
use super::logins::Logins;
use super::prefixes::Prefixes;
use super::sums::Sums;
use crate::counters::{ClassTotals, Counters, Registry, SIZE_STEP};
use crate::settings::Settings;
use crate::store::hash::Secret;
use crate::store::{CLASSES_MAX, ClassSizes, Config, Store, ThreadState};
use crate::sys::seccomp::Role;
use crate::sys::signals::{self, Signal};
use crate::sys::thread;
use crate::upkeep::Upkeep;
use std::io::Result;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Everything that the threads of a server share.
pub struct Server {
    /// As started, and as changed since.
    pub settings: Settings,
    /// The cache.
    pub store: Store,
    /// Connections, as `stats` shows them.
    pub connections: Connections,
    /// What each of them is doing.
    pub conns: Conns,
    /// The threads that look after memory.
    pub upkeep: Upkeep,
    /// What is recorded for watchers.
    pub log: Arc<Log>,
    /// What `stats detail` counts.
    pub prefixes: Prefixes,
    /// Who may log in.
    pub logins: Logins,
    /// What each thread counts.
    pub(super) counters: Registry,
    /// What they had counted at the last `stats reset`.
    pub(super) baseline: Mutex<Sums>,
    /// Requests that wait for an operator's `debugdone`.
    #[cfg(debug_assertions)]
    pub debug_waits: super::debug_waits::DebugWaits,
}

/// How many connections there are. Written when one comes or goes, by any thread.
#[derive(Default)]
pub struct Connections {
    /// Open ones, listeners included.
    pub open: AtomicU64,
    /// The most that were ever open at once.
    pub most: AtomicU64,
    /// Whether accepting is switched off for want of descriptors.
    pub paused: AtomicBool,
}

impl Connections {
    /// One more is open.
    pub fn opened(&self) {
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(open, Relaxed);
    }

    /// One has been closed.
    pub fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

impl Server {
    /// A server with an empty cache, not serving yet. Its keys are hashed with `secret`.
    ///
    /// # Errors
    /// The system has no address space for the cache.
    pub fn new(settings: Settings, logins: Logins, secret: Secret) -> Result<Server> {
        let config = Config {
            memory_bytes: settings.memory_bytes.get(),
            malloced_bytes: malloced_at_start(),
            item_size_max: settings.item_size_max as usize,
            classes: ClassSizes {
                chunk_size_min: settings.chunk_size_min,
                factor: settings.growth_factor,
                explicit: settings.slab_sizes.clone(),
                chunk_max: settings.slab_chunk_max,
            },
            use_cas: settings.use_cas,
            evict: settings.evict,
            segmented: settings.lru_maintainer,
            hash_power: if settings.hash_power == 0 {
                HASH_POWER
            } else {
                settings.hash_power
            },
            hash_expand: settings.hash_expand,
            secret,
            threads: settings.threads,
        };
        let store = Store::new(&config)?;
        if settings.temp_lru.get() {
            store.set_temporary_ttl(Some(settings.temporary_ttl.get()));
        }
        Ok(Server {
            store,
            conns: Conns::new(settings.connections_max as usize),
            log: Arc::new(Log::new(
                settings.worker_logbuf_kib as usize * KIB,
                settings.watcher_logbuf_kib as usize * KIB,
            )?),
            prefixes: Prefixes::new(settings.prefix_delimiter),
            counters: Registry::new(CLASSES_MAX, size_steps(&settings)),
            settings,
            connections: Connections::default(),
            upkeep: Upkeep::default(),
            logins,
            baseline: Mutex::default(),
            #[cfg(debug_assertions)]
            debug_waits: super::debug_waits::DebugWaits::default(),
        })
    }

    /// Starts the threads that look after memory, those that the settings want, and the one that
    /// looks after the files of users, if there are any. They run until the process ends.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start_upkeep(&'static self) -> Result<()> {
        self.upkeep.start(&self.settings, &self.store, || {
            let mut local = self.add_thread();
            local.set_observer(Some(self.log.recorder()));
            local
        })?;
        if self.logins.has_files() {
            thread::spawn("mc-users", Role::Reader, || self.logins.follow())?;
        }
        Ok(())
    }

    /// A new thread's part of the store; `stats` sums its counters up from now on.
    pub fn add_thread(&self) -> ThreadState {
        self.store.join(self.add_counters())
    }

    /// Counters for a thread that has no business with the store.
    pub fn add_counters(&self) -> Arc<Counters> {
        self.counters.add()
    }

    /// What all threads have counted, by class.
    pub(super) fn class_totals(&self) -> Vec<ClassTotals> {
        let used = self.store.used_classes();
        self.counters.class_totals(|class| used.has(class))
    }

    /// The store's invariant walk, for tests that have brought all clients to rest.
    ///
    /// # Errors
    /// What does not agree, in words.
    #[cfg(debug_assertions)]
    pub fn verify(&self) -> std::result::Result<crate::store::Census, String> {
        let _rest = self.upkeep.pause.hold();
        self.store.verify(&self.class_totals())
    }

    /// Stops the server as SIGINT does, or as SIGUSR1.
    pub fn stop(&self, gracefully: bool) {
        signals::signal_self(if gracefully {
            Signal::User1
        } else {
            Signal::Interrupt
        });
    }
}

const KIB: usize = 1 << 10;

/// Words of the hash table at the start, as a power of two, unless `-o hashpower` says so.
const HASH_POWER: u32 = 16;

/// Steps of lengths that each thread counts items by, for `stats sizes`.
fn size_steps(settings: &Settings) -> usize {
    if settings.track_sizes {
        settings.item_size_max as usize / SIZE_STEP + 2
    } else {
        0
    }
}

/// Bytes that the environment asks to pretend are taken, so that tests can reach large limits.
fn malloced_at_start() -> u64 {
    std::env::var("T_MEMD_INITIAL_MALLOC")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}
