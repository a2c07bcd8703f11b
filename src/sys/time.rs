//! The clocks of the kernel.

use super::check;
#[cfg(miri)]
use super::testing::miri as libc;
use std::time::Duration;

/// Time since the machine was started. It runs on while the process is stopped and while the
/// machine is suspended, and it cannot be set: `CLOCK_BOOTTIME`.
///
/// The C library reads it without a system call, as it does other clocks (since Linux 5.3).
#[inline]
pub fn since_boot() -> Duration {
    read(libc::CLOCK_BOOTTIME)
}

/// Processor time that the calling thread has used: `CLOCK_THREAD_CPUTIME_ID`. It stands still
/// while the thread sleeps, waits for a lock or for a processor, or is stopped.
pub fn used_by_thread() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

#[inline]
fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for the call, which fills it.
    let read = check(unsafe { libc::clock_gettime(clock, &raw mut time) });
    debug_assert!(read.is_ok(), "Linux has had these clocks since 2.6.39");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clock_counts_what_passes_and_the_other_what_is_worked() {
        let (began, used) = (since_boot(), used_by_thread());
        std::thread::sleep(Duration::from_millis(20));
        let (passed, worked) = (since_boot() - began, used_by_thread() - used);
        assert!(passed >= Duration::from_millis(20));
        assert!(worked < passed, "{worked:?} of {passed:?}");
        while used_by_thread() - used < worked + Duration::from_millis(1) {}
    }
}
