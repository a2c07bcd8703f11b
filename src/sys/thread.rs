//! Threads: their names, what they may do, how exactly they wait.

use super::errors::error_text;
use super::exit_code;
use super::seccomp::{self, Role};
use super::stderr;
use std::io::Result;
use std::thread::{Builder, JoinHandle};

/// Names the calling thread for `ps` and debuggers, which see the first 15 bytes.
fn set_thread_name(name: &str) {
    const NAME_LEN_MAX: usize = 15;
    let mut buffer = [0_u8; NAME_LEN_MAX + 1];
    for (to, from) in buffer[..NAME_LEN_MAX].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: the last byte stays zero, so the name ends inside the buffer, which lives
    // through the call.
    unsafe { call!(prctl(libc::PR_SET_NAME, buffer.as_ptr())) };
}

/// Starts a thread with that name, see `set_thread_name`, which gives up what its role does not
/// need, if that was asked for ([`seccomp::turn_on`]). That it cannot is the end of the process.
///
/// # Errors
/// The system has no more threads, or no memory for one.
pub fn spawn<T: Send + 'static>(
    name: &'static str,
    role: Role,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    #[cfg(feature = "faults")]
    super::testing::faults::thread()?;
    Builder::new().spawn(move || {
        set_thread_name(name);
        seccomp::restrict(role).unwrap_or_else(|e| {
            stderr::line(format_args!(
                "failed to drop privileges: {}",
                error_text(&e)
            ));
            stderr::flush();
            std::process::exit(exit_code::FAILURE);
        });
        body()
    })
}

/// Lets waits of the calling thread end when their time is over, and not up to 50 microseconds
/// later, as the kernel else does to wake several at once.
pub fn wait_exactly() {
    const SLACK_NS: libc::c_ulong = 1;
    // SAFETY: no pointers. It cannot fail, and if it did, waits would only be longer.
    unsafe { call!(prctl(libc::PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_thread_name_is_cut_to_what_the_kernel_keeps() {
        let name = |given: &'static str| {
            let named = move || {
                set_thread_name(given);
                fs::read_to_string("/proc/thread-self/comm").unwrap()
            };
            std::thread::spawn(named).join().unwrap()
        };
        assert_eq!(name("mc-worker"), "mc-worker\n");
        assert_eq!(name("mc-a-rather-long-name"), "mc-a-rather-lon\n");
    }
}
