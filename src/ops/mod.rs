//! What an operator asks for, and what all threads share so that it can be answered.

#![forbid(unsafe_code)]

pub mod stats;

use crate::counters::{Counters, ThreadTotals};
use crate::settings::Settings;
use crate::store::{CLASSES_MAX, ClassSizes, Config, Store};
use crate::sys::process::{self, Signal};
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
    threads: Mutex<Vec<Arc<Counters>>>,
    baseline: Mutex<stats::Baseline>,
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
    /// A server with an empty cache, not serving yet.
    pub fn new(settings: Settings) -> Result<Server> {
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
            hash_power: if settings.hash_power == 0 {
                HASH_POWER
            } else {
                settings.hash_power
            },
            hash_expand: settings.hash_expand,
            algorithm: settings.hash_algorithm,
            threads: settings.threads,
        };
        Ok(Server {
            store: Store::new(&config)?,
            settings,
            connections: Connections::default(),
            threads: Mutex::default(),
            baseline: Mutex::default(),
        })
    }

    /// Counters for a new thread; `stats` sums them up from now on.
    pub fn add_thread(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::new(CLASSES_MAX));
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

    /// The store's invariant walk, for tests that have brought everything to rest.
    ///
    /// # Errors
    /// What does not agree, in words.
    #[cfg(debug_assertions)]
    pub fn verify(&self) -> std::result::Result<crate::store::Census, String> {
        self.store.verify(&self.class_totals())
    }

    /// Stops the server as SIGINT does, or as SIGUSR1.
    pub fn stop(&self, gracefully: bool) {
        process::signal_self(if gracefully {
            Signal::User1
        } else {
            Signal::Interrupt
        });
    }
}

/// Words of the hash table at the start, as a power of two, unless `-o hashpower` says so.
const HASH_POWER: u32 = 16;

/// Bytes that the environment asks to pretend are taken, so that tests can reach large limits.
fn malloced_at_start() -> u64 {
    std::env::var("T_MEMD_INITIAL_MALLOC")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}
