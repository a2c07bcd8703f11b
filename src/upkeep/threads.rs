//! What others may ask of the threads that look after memory, and how these are started.

#![forbid(unsafe_code)]

use super::crawler::{self, Crawler};
use super::maintainer;
use super::mover::{self, Mover};
use super::shared::{Pause, UpkeepShared};
use crate::settings::Settings;
use crate::store::{Store, ThreadState};
use crate::sys::seccomp::Role;
use crate::sys::thread;
use std::io::Result;

/// The upkeep as other threads see it.
#[derive(Default)]
pub struct Upkeep {
    /// Looks for expired items.
    pub crawler: Crawler,
    /// Moves pages between slab classes.
    pub mover: Mover,
    /// Stops them all, for a test.
    pub pause: Pause,
}

impl Upkeep {
    /// Starts the threads that the settings want; they run until the process ends. `join` makes
    /// a thread's part of the store.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(
        &'static self,
        settings: &'static Settings,
        store: &'static Store,
        join: impl Fn() -> ThreadState,
    ) -> Result<()> {
        let shared = UpkeepShared {
            settings,
            store,
            pause: &self.pause,
        };
        if settings.lru_maintainer {
            let local = join();
            start("mc-lrumaint", move || {
                maintainer::run(shared, &self.crawler, local);
            })?;
        }
        if settings.slab_reassign {
            let local = join();
            start("mc-slabmaint", move || {
                mover::run(shared, &self.mover, local);
            })?;
        }
        // A command may enable it later.
        let local = join();
        start("mc-itemcrawler", move || {
            crawler::run(shared, &self.crawler, local);
        })
    }
}

fn start(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::spawn(name, Role::Worker, run).map(drop)
}
