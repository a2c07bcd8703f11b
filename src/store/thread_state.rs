//! What one thread has of a store for itself.

#![forbid(unsafe_code)]

use super::bumps::Bumps;
use super::engine::Store;
use super::events::{Event, Observer};
use super::slabs::Magazines;
use crate::counters::Counters;
use std::fmt;
use std::sync::Arc;

/// One thread's state: what it alone writes, or nearly.
pub struct ThreadState {
    /// Its counters.
    pub counters: Arc<Counters>,
    pub(super) magazines: Arc<Magazines>,
    pub(super) bumps: Arc<Bumps>,
    /// What hears of what it does to items, if anything does.
    observer: Option<Arc<dyn Observer>>,
}

impl ThreadState {
    /// Makes `observer` hear of what this thread does from now on; none: nothing hears of it.
    pub fn set_observer(&mut self, observer: Option<Arc<dyn Observer>>) {
        self.observer = observer;
    }

    /// Whether there is an observer.
    #[inline]
    pub fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// Notifies of something that is not about one key.
    pub fn notify_system(&self, text: &dyn fmt::Display) {
        if let Some(observer) = &self.observer {
            observer.system(text);
        }
    }

    pub(super) fn notify(&self, key: &[u8], event: Event) {
        if let Some(observer) = &self.observer {
            observer.item(key, event);
        }
    }
}

impl Store {
    /// A thread's state; the counters are shared with those who sum them up.
    pub fn join(&self, counters: Arc<Counters>) -> ThreadState {
        let bumps = Arc::new(Bumps::new());
        self.bump_rings.lock().unwrap().push(Arc::clone(&bumps));
        ThreadState {
            counters,
            magazines: self.slabs.join(),
            bumps,
            observer: None,
        }
    }

    /// Ends a thread's state: its free chunks go back to the classes.
    pub fn retire(&self, thread: ThreadState) {
        self.slabs.leave(&thread.magazines);
        let mut rings = self.bump_rings.lock().unwrap();
        rings.retain(|ring| !Arc::ptr_eq(ring, &thread.bumps));
    }

    /// Gives a thread's free chunks back to the classes, before it rests.
    pub fn give_back(&self, thread: &ThreadState) {
        self.slabs.empty(&thread.magazines);
    }
}
