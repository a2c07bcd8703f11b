//! Sleeping until a word changes: `futex(2)`, private to the process.

use super::sync::atomic::AtomicU32;

/// Sleeps while `word` holds `expected`; may also return for no reason.
#[cfg(not(loom))]
pub fn wait(word: &AtomicU32, expected: u32) {
    // SAFETY: `word` outlives the call; a null timeout means no time limit. The outcome
    // is of no interest: callers look at the word again.
    unsafe {
        call!(syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            std::ptr::null::<libc::timespec>(),
        ));
    }
}

/// Wakes one thread that sleeps on `word`.
#[cfg(not(loom))]
pub fn wake_one(word: &AtomicU32) {
    // SAFETY: FUTEX_WAKE reads no memory, it only needs the address as a name.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1,
        );
    }
}

#[cfg(loom)]
pub use checked::{wait, wake_one};

/// What `futex(2)` promises, for loom: the look at the word and the falling asleep are one
/// step to those who wake, and a sleeper wakes only if it is woken.
#[cfg(loom)]
mod checked {
    use super::AtomicU32;
    use loom::sync::atomic::Ordering::Relaxed;
    use loom::sync::{Condvar, Mutex};

    /// Who sleeps, in the order in which they went to sleep: the address of the word, and a
    /// number of each sleep.
    #[derive(Default)]
    struct Sleepers {
        list: Vec<(usize, u64)>,
        slept: u64,
    }

    loom::lazy_static! {
        static ref SLEEPERS: Mutex<Sleepers> = Mutex::default();
        static ref WOKEN: Condvar = Condvar::new();
    }

    /// As the other.
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

    /// As the other.
    pub fn wake_one(word: &AtomicU32) {
        let mut sleepers = SLEEPERS.lock().unwrap();
        let address = std::ptr::from_ref(word).addr();
        if let Some(at) = sleepers.list.iter().position(|own| own.0 == address) {
            sleepers.list.remove(at);
            WOKEN.notify_all();
        }
    }
}
