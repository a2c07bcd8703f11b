//! The process itself: its number, its machine, time used, life in the background.

use super::check;
use std::ffi::CStr;
use std::fs::OpenOptions;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;

/// Goes on in the background, in a session of its own: this returns in a new process,
/// while the one that was called ends at once, with exit code 0.
///
/// `keep_directory`: stay in the working directory, else in `/`. `keep_streams`: go on
/// using standard input, output and error, else `/dev/null`. Call it before other threads
/// start: they would stay behind.
pub fn daemonize(keep_directory: bool, keep_streams: bool) -> Result<()> {
    // SAFETY: no other thread runs, so the child finds everything as it is here.
    match unsafe { call!(fork()) } {
        -1 => return Err(Error::last_os_error()),
        0 => {}
        // SAFETY: ends this process; what it would do at its end is left to the child.
        _ => unsafe { libc::_exit(0) },
    }
    // SAFETY: no pointers.
    check(unsafe { call!(setsid()) })?;
    if !keep_directory {
        std::env::set_current_dir("/")?;
    }
    if !keep_streams {
        let null = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")?;
        for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            // SAFETY: no pointers. No owned descriptor has the numbers of the streams, and `null`
            // has another one: they are open ever since the program began.
            check(unsafe { call!(dup2(null.as_raw_fd(), stream)) })?;
        }
    }
    Ok(())
}

/// Whether there is a process of that number, of any user.
pub fn is_alive(pid: i32) -> bool {
    // SAFETY: no pointers; signal 0 is none.
    pid > 0
        && match check(unsafe { call!(kill(pid, 0)) }) {
            Ok(_) => true,
            Err(e) => e.raw_os_error() == Some(libc::EPERM),
        }
}

/// The name of this machine; empty if it has none that can be shown.
pub fn host_name() -> String {
    const NAME_LEN_MAX: usize = 256;
    let mut buffer: [libc::c_char; NAME_LEN_MAX] = [0; NAME_LEN_MAX];
    // SAFETY: the buffer is writable for the length given, and its last byte stays zero.
    let failed = unsafe { call!(gethostname(buffer.as_mut_ptr(), NAME_LEN_MAX - 1)) } < 0;
    let bytes = buffer.map(libc::c_char::cast_unsigned);
    match CStr::from_bytes_until_nul(&bytes) {
        Ok(name) if !failed => name.to_string_lossy().into_owned(),
        _ => String::new(),
    }
}

/// The number of this process.
pub fn pid() -> u32 {
    std::process::id()
}

/// Processor time used so far by all threads, in microseconds: user, system.
pub fn rusage() -> (u64, u64) {
    // SAFETY: all-zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the call. With these arguments it cannot fail.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    (microseconds(usage.ru_utime), microseconds(usage.ru_stime))
}

fn microseconds(time: libc::timeval) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_process_is_alive_until_it_has_been_waited_for() {
        assert!(is_alive(pid().cast_signed()));
        assert!(!is_alive(0) && !is_alive(-1));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let number = child.id().cast_signed();
        assert!(is_alive(number));
        child.wait().unwrap();
        assert!(!is_alive(number));
    }

    #[test]
    fn work_shows_in_the_time_used() {
        let (user_us, system_us) = rusage();
        let before_us = user_us + system_us;
        while {
            let (user_us, system_us) = rusage();
            user_us + system_us < before_us + 2_000
        } {}
        assert_eq!(pid(), std::process::id());
    }

    #[test]
    fn the_machine_has_the_name_that_the_kernel_knows() {
        let known = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(host_name(), known.trim_end());
    }
}
