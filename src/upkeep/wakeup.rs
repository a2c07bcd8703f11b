//! What a background thread sleeps on.

#![forbid(unsafe_code)]

use crate::sys::sync::{Condvar, Mutex};
use std::time::Duration;

/// One thread waits, any thread may wake it. A wake-up while it is awake is not lost.
#[derive(Default)]
pub struct Wakeup {
    /// Whether it has been woken since it last waited.
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Wakeup {
    /// Wakes the thread, now or when it next wants to sleep.
    pub fn wake(&self) {
        *self.is_woken.lock().unwrap() = true;
        self.changed.notify_one();
    }

    /// Sleeps until it is woken or the time is over.
    pub fn wait(&self, at_most: Duration) {
        let is_woken = self.is_woken.lock().unwrap();
        let (mut is_woken, _) = self
            .changed
            .wait_timeout_while(is_woken, at_most, |is_woken| !*is_woken)
            .unwrap();
        *is_woken = false;
    }
}
