//! The only place that calls libc: what the system gives, in owned types and `io::Result`.
//!
//! ```text
//! epoll     readiness                  io       recv, send, readv, sendmsg
//! handover  descriptors over a pipe    futex    sleeping locks
//! memory    address space              process  user, limits, signals, thread names
//! wake      waking who waits there     seccomp  giving up system calls
//! socket    listeners, accept          datagram UDP in and out
//! simd      comparing many bytes
//! ```
//!
//! Everything here is a thin safe face over one or a few calls; nothing here knows what
//! a cache is. A number from the kernel becomes an owned type in the same statement.

pub mod datagram;
pub mod epoll;
pub mod futex;
pub mod handover;
pub mod io;
pub mod memory;
pub mod process;
pub mod seccomp;
pub mod simd;
pub mod socket;
pub mod wake;

use std::io::{Error, Result};

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
