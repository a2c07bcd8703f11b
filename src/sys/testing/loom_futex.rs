//! Under loom only: what `futex(2)` promises. The look at the word and the falling asleep are one
//! step to threads that wake, and a sleeper wakes only if it is woken.

use super::super::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::{Condvar, Mutex};

/// Sleeping threads, in the order in which they went to sleep: the address of the word, and the
/// number of the sleep.
#[derive(Default)]
struct Sleepers {
    list: Vec<(usize, u64)>,
    slept: u64,
}

loom::lazy_static! {
    static ref SLEEPERS: Mutex<Sleepers> = Mutex::default();
    static ref WOKEN: Condvar = Condvar::new();
}

/// As `sys::futex::wait`.
pub fn wait(word: &AtomicU32, expected: u32) {
    let mut sleepers = SLEEPERS.lock().unwrap();
    if word.load(Relaxed) != expected {
        return;
    }
    sleepers.slept += 1;
    let own = (std::ptr::from_ref(word).addr(), sleepers.slept);
    sleepers.list.push(own);
    while sleepers.list.contains(&own) {
        sleepers = WOKEN.wait(sleepers).unwrap();
    }
}

/// As `sys::futex::wake_one`.
pub fn wake_one(word: &AtomicU32) {
    let mut sleepers = SLEEPERS.lock().unwrap();
    let address = std::ptr::from_ref(word).addr();
    if let Some(at) = sleepers.list.iter().position(|own| own.0 == address) {
        sleepers.list.remove(at);
        WOKEN.notify_all();
    }
}
