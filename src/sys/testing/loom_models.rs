//! Models of how threads wake each other through the kernel, for loom. The calls are real; loom
//! knows of them by `sync::Crossing`. `make loom` runs them.

use super::super::sync::explore;
use super::super::wake::Waker;
use loom::thread;
use std::sync::Arc;

#[test]
fn a_thread_that_clears_before_it_looks_misses_nothing() {
    explore(None, || {
        let waker = Arc::new(Waker::new().unwrap());
        let done = Arc::new(loom::sync::atomic::AtomicU32::new(0));
        let (shared, count) = (Arc::clone(&waker), Arc::clone(&done));
        let other = thread::spawn(move || {
            for _ in 0..2 {
                count.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
                shared.wake();
            }
        });
        let mut seen = 0;
        while seen < 2 {
            waker.wait();
            waker.clear();
            seen = done.load(loom::sync::atomic::Ordering::Relaxed);
        }
        other.join().unwrap();
    });
}
