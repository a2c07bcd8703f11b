//! What an operator asks for, and what all threads share so that it can be answered.

#![forbid(unsafe_code)]

pub mod caller;
pub mod completion;
pub mod conns;
pub mod daemon;
#[cfg(debug_assertions)]
pub mod debug_waits;
pub mod events;
pub mod log;
pub mod logins;
mod passwords;
pub mod prefixes;
pub mod stats;
pub mod supervisor;

use crate::counters::{Counters, SIZE_STEP, ThreadTotals};
use crate::settings::Settings;
use crate::store::hash::Secret;
use crate::store::{CLASSES_MAX, ClassSizes, Config, Store, ThreadState};
use crate::sys::seccomp::Role;
use crate::sys::signals::{self, Signal};
use crate::sys::thread;
use crate::upkeep::{
    crawler::{self, Crawler},
    maintainer,
    mover::{self, Mover},
};
use conns::Conns;
use log::Log;
use logins::Logins;
use prefixes::Prefixes;
use std::io::Result;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};

/// Everything that the threads of a server share.
pub struct Server {
    /// As started, and as changed since.
    pub settings: Settings,
    /// The cache.
    pub store: Store,
    /// Connections, as `stats` shows them.
    pub connections: Connections,
    /// Who looks for expired items.
    pub crawler: Crawler,
    /// Who moves pages.
    pub mover: Mover,
    /// Shared by the threads that look after memory while they work, taken alone by who wants
    /// them to rest.
    pub(crate) upkeep: RwLock<()>,
    /// What each of them is doing.
    pub conns: Conns,
    /// What is recorded for those who watch.
    pub log: Arc<Log>,
    /// What `stats detail` counts.
    pub prefixes: Prefixes,
    /// Who may log in.
    pub logins: Logins,
    /// Held by a command that changes several settings, and by who reads several: two operators
    /// at once leave what one of them asked for.
    together: Mutex<()>,
    threads: Mutex<Vec<Arc<Counters>>>,
    baseline: Mutex<stats::Baseline>,
    /// Requests that wait for an operator's word.
    #[cfg(debug_assertions)]
    pub debug_waits: debug_waits::DebugWaits,
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
            settings,
            connections: Connections::default(),
            crawler: Crawler::default(),
            mover: Mover::default(),
            upkeep: RwLock::default(),
            logins,
            together: Mutex::default(),
            threads: Mutex::default(),
            baseline: Mutex::default(),
            #[cfg(debug_assertions)]
            debug_waits: debug_waits::DebugWaits::default(),
        })
    }

    /// Starts the threads that look after memory, those that the settings want, and the one that
    /// looks after the files of users, if there are any. They run until the process ends.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start_upkeep(&'static self) -> Result<()> {
        let start = |name: &'static str, run: fn(&Server)| {
            thread::spawn(name, Role::Worker, move || run(self)).map(drop)
        };
        if self.settings.lru_maintainer {
            start("mc-lrumaint", maintainer::run)?;
        }
        if self.settings.slab_reassign {
            start("mc-slabmaint", mover::run)?;
        }
        if self.logins.has_files() {
            thread::spawn("mc-users", Role::Reader, || self.logins.follow())?;
        }
        // A command may enable it later.
        start("mc-itemcrawler", crawler::run)
    }

    /// A new thread's part of the store; `stats` sums its counters up from now on.
    pub fn add_thread(&self) -> ThreadState {
        self.store.join(self.add_counters())
    }

    /// Counters for a thread that has no business with the store.
    pub fn add_counters(&self) -> Arc<Counters> {
        let sizes = if self.settings.track_sizes {
            self.settings.item_size_max as usize / SIZE_STEP + 2
        } else {
            0
        };
        let counters = Arc::new(Counters::new(CLASSES_MAX, sizes));
        self.threads.lock().unwrap().push(Arc::clone(&counters));
        counters
    }

    /// What all threads have counted for the whole server.
    fn thread_totals(&self) -> ThreadTotals {
        let mut sum = ThreadTotals::default();
        for counters in self.threads.lock().unwrap().iter() {
            sum.add(&counters.thread);
        }
        sum
    }

    /// Held while settings that belong together are changed or read: no lock is held by who takes
    /// it, and nobody waits for long under it.
    pub fn settings_together(&self) -> MutexGuard<'_, ()> {
        self.together.lock().unwrap()
    }

    /// Gives the name and the value of each line of `stats settings` to `each`, as operators have
    /// left them.
    pub fn each_setting(&self, each: impl FnMut(&str, &str)) {
        let _together = self.settings_together();
        self.settings.each_stat(each);
    }

    /// Held by a thread of the upkeep while it works, not while it sleeps.
    pub(crate) fn at_work(&self) -> RwLockReadGuard<'_, ()> {
        self.upkeep.read().unwrap()
    }

    /// The store's invariant walk, for tests that have brought all clients to rest.
    ///
    /// # Errors
    /// What does not agree, in words.
    #[cfg(debug_assertions)]
    pub fn verify(&self) -> std::result::Result<crate::store::Census, String> {
        let _rest = self.upkeep.write().unwrap();
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

/// Bytes that the environment asks to pretend are taken, so that tests can reach large limits.
fn malloced_at_start() -> u64 {
    std::env::var("T_MEMD_INITIAL_MALLOC")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}
