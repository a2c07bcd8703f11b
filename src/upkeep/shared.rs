//! What the threads that look after memory borrow of the server.

#![forbid(unsafe_code)]

use crate::settings::Settings;
use crate::store::Store;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What each of these threads needs.
#[derive(Clone, Copy)]
pub(super) struct UpkeepShared<'s> {
    /// As operators have left them.
    pub settings: &'s Settings,
    /// The memory that is looked after.
    pub store: &'s Store,
    /// What a thread holds while it works.
    pub pause: &'s Pause,
}

/// Lets a test stop the threads of the upkeep, all at once, between two pieces of their work.
///
/// Lock: the outermost, taken with no other held. The threads share it while they work.
#[derive(Default)]
pub struct Pause(RwLock<()>);

impl Pause {
    /// Held by a thread of the upkeep while it works, not while it sleeps.
    pub(super) fn at_work(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap()
    }

    /// Waits until none of them works, and keeps them from it as long as the guard lives.
    pub fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap()
    }
}
