//! A model of what background threads sleep on, for loom. `make loom` runs it.

#![forbid(unsafe_code)]

use super::wakeup::Wakeup;
use crate::sys::sync::{Mutex, explore};
use loom::thread;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_wakeup_of_a_thread_that_is_awake_is_not_lost() {
    explore(None, || {
        let (wakeup, jobs) = (Arc::new(Wakeup::default()), Arc::new(Mutex::new(0)));
        let (waker, queue) = (Arc::clone(&wakeup), Arc::clone(&jobs));
        let other = thread::spawn(move || {
            for _ in 0..2 {
                *queue.lock().unwrap() += 1;
                waker.wake();
            }
        });
        let mut done = 0;
        while done < 2 {
            let found = std::mem::take(&mut *jobs.lock().unwrap());
            done += found;
            if found == 0 {
                // Under loom time does not pass: after a wake-up that is lost it sleeps without end.
                wakeup.wait(Duration::ZERO);
            }
        }
        other.join().unwrap();
    });
}
