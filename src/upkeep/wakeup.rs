//! What a background thread sleeps on.

#![forbid(unsafe_code)]

use crate::sys::sync::{Condvar, Mutex};
use std::time::Duration;

/// One thread waits; anyone may ring. A ring while it is awake is not lost.
#[derive(Default)]
pub struct Wakeup {
    rung: Mutex<bool>,
    waiting: Condvar,
}

impl Wakeup {
    /// Wakes the thread, now or when it next wants to sleep.
    pub fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.waiting.notify_one();
    }

    /// Sleeps until the bell rings or the time is over.
    pub fn wait(&self, at_most: Duration) {
        let rung = self.rung.lock().unwrap();
        let (mut rung, _) = self
            .waiting
            .wait_timeout_while(rung, at_most, |rung| !*rung)
            .unwrap();
        *rung = false;
    }
}
