//! The only place that calls libc: what the system gives, in owned types and `io::Result`.
//!
//! ```text
//! io        recv, send, readv, sendmsg  epoll     readiness
//! socket    listeners, accept           datagram  UDP in and out
//! wake      waking an epoll_wait        futex     sleeping locks
//! memory    address space               time      the kernel's clocks
//! process   number, background          user      the user it runs as
//! limits    descriptors, locked memory  signals   those of the operator
//! thread    names, roles                seccomp   giving up system calls
//! file      files that appear whole     stderr    lines for the operator
//! errors    what an error is called     exit_code of the server
//! simd      comparing many bytes        sync      mutexes, atomics
//! ```
//!
//! Everything here is a thin safe face over one or a few calls; nothing here knows what
//! a cache is. A number from the kernel becomes an owned type in the same statement.
//!
//! A libc call that can fail is written `call!(name(arguments))`. That is the call and nothing
//! else, unless the crate is built with the feature `faults` (see its module): then a test can
//! have it fail.

#[macro_use]
pub mod testing;

/// Calls a libc function.
#[cfg(not(feature = "faults"))]
macro_rules! call {
    ($name:ident($($argument:expr),* $(,)?)) => { libc::$name($($argument),*) };
}

pub mod datagram;
pub mod epoll;
pub mod errors;
pub mod exit_code;
pub mod file;
pub mod futex;
pub mod io;
pub mod limits;
pub mod memory;
pub mod process;
pub mod seccomp;
pub mod signals;
pub mod simd;
pub mod socket;
pub mod stderr;
pub mod sync;
pub mod thread;
pub mod time;
pub mod user;
pub mod wake;

use std::io::{Error, ErrorKind, Result};

/// Turns the `-1` of a libc call into the `errno` it left.
pub fn check(ret: libc::c_int) -> Result<libc::c_int> {
    if ret == -1 {
        Err(Error::last_os_error())
    } else {
        Ok(ret)
    }
}

/// [`check`] for the calls that return a size.
pub fn check_len(ret: libc::ssize_t) -> Result<usize> {
    usize::try_from(ret).map_err(|_| Error::last_os_error())
}

/// Makes a call again as long as a signal interrupts it.
fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Calls that are made as they are, and why no test has them fail.
    const WITHOUT_FAULTS: &[(&str, &str, &str)] = &[
        (
            "epoll.rs",
            "syscall",
            "it waits; plans for this name mean futex(2)",
        ),
        (
            "futex.rs",
            "syscall",
            "waking fails only for an address that is not mapped",
        ),
        (
            "limits.rs",
            "mallopt",
            "without it memory is given back later",
        ),
        (
            "memory.rs",
            "munmap",
            "an unmapping of all of a mapping does not fail",
        ),
        ("process.rs", "_exit", "does not return"),
        (
            "process.rs",
            "getrusage",
            "fails only for an unknown argument",
        ),
        ("seccomp.rs", "_exit", "does not return"),
        ("seccomp.rs", "poll", "made in the same place"),
        (
            "seccomp.rs",
            "sigaction",
            "fails only for an unknown signal",
        ),
        (
            "seccomp.rs",
            "write",
            "made in a signal handler, where no mutex may be taken",
        ),
        ("signals.rs", "getpid", "cannot fail"),
        ("signals.rs", "kill", "a signal to ourselves: `shutdown`"),
        (
            "signals.rs",
            "sigaddset",
            "fails only for an unknown signal",
        ),
        ("signals.rs", "sigemptyset", "cannot fail"),
        ("signals.rs", "signal", "fails only for an unknown signal"),
        ("socket.rs", "freeaddrinfo", "cannot fail"),
        ("socket.rs", "gai_strerror", "cannot fail"),
        ("socket.rs", "umask", "cannot fail"),
        (
            "time.rs",
            "clock_gettime",
            "fails only for an unknown clock",
        ),
        ("user.rs", "geteuid", "cannot fail"),
        ("user.rs", "getuid", "cannot fail"),
        ("wake.rs", "read", "fails only if no thread woke it"),
        (
            "wake.rs",
            "write",
            "fails only if the reader is awake anyway",
        ),
    ];

    #[test]
    fn every_libc_call_can_have_a_fault_or_has_a_reason_not_to() {
        let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sys");
        let mut found = Vec::new();
        for entry in fs::read_dir(room).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                continue; // what tests are made with
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("\nmod tests {").next().unwrap();
            let mut rest = code;
            while let Some((_, after)) = rest.split_once("libc::") {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let len = after.find(|c| !is_part(c)).unwrap_or(after.len());
                if after[len..].starts_with('(') {
                    found.push((file.clone(), after[..len].to_owned()));
                }
                rest = &after[len..];
            }
        }
        found.sort();
        found.dedup();
        let listed = WITHOUT_FAULTS
            .iter()
            .map(|(file, name, _)| (file.to_string(), name.to_string()));
        assert_eq!(
            found,
            listed.collect::<Vec<_>>(),
            "left: in the source, right: with a reason"
        );
    }
}
