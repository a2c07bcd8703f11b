//! Sleeping until a word changes: `futex(2)`, private to the process.

#[cfg(not(loom))]
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
pub use super::testing::loom_futex::{wait, wake_one};
