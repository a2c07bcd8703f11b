//! What the process may have: descriptors, core files, locked memory; and what it keeps.

use super::check;
use std::fs;
use std::io::{Error, ErrorKind, Result};

/// Sets the limit of open descriptors, soft and hard, to exactly `limit`.
pub fn raise_nofile(limit: u64) -> Result<()> {
    let limit = libc::rlimit {
        rlim_cur: limit,
        rlim_max: limit,
    };
    // SAFETY: `limit` is valid for the call, which only reads it.
    check(unsafe { call!(setrlimit(libc::RLIMIT_NOFILE, &limit)) })?;
    Ok(())
}

/// Lets the system write a core file: no limit if that may be had, else as much as was
/// allowed anyway.
///
/// # Errors
/// A core file would still have no bytes.
pub fn allow_core() -> Result<()> {
    let free = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `free` is valid for the call, which only reads it.
    if check(unsafe { call!(setrlimit(libc::RLIMIT_CORE, &free)) }).is_ok() {
        return Ok(());
    }
    let mut limit = free;
    // SAFETY: `limit` is valid for both calls: one fills it, the other one reads it.
    unsafe {
        check(call!(getrlimit(libc::RLIMIT_CORE, &mut limit)))?;
        limit.rlim_cur = limit.rlim_max;
        check(call!(setrlimit(libc::RLIMIT_CORE, &limit)))?;
    }
    if limit.rlim_cur == 0 {
        return Err(Error::from(ErrorKind::PermissionDenied));
    }
    Ok(())
}

/// Keeps all memory of the process, now and later, from being swapped out.
///
/// # Errors
/// The process may lock only so much. What the kernel would grant now it would take from what is
/// mapped later, and refuse that: stacks of threads, and memory of the C library.
pub fn lock_memory() -> Result<()> {
    match memlock_limit() {
        libc::RLIM_INFINITY => {}
        _ if may_lock_all() => {}
        0 => return Err(Error::from_raw_os_error(libc::EPERM)),
        _ => return Err(Error::from_raw_os_error(libc::ENOMEM)),
    }
    // SAFETY: no pointers.
    check(unsafe { call!(mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE)) })?;
    Ok(())
}

/// Whether the process has the right to lock memory beyond its limit (`CAP_IPC_LOCK`).
fn may_lock_all() -> bool {
    const IPC_LOCK: u64 = 1 << 14;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let rights = rights.and_then(|rights| u64::from_str_radix(rights.trim(), 16).ok());
    rights.is_some_and(|rights| rights & IPC_LOCK != 0)
}

/// Bytes that the process may lock, unless it has the right to lock any.
pub fn memlock_limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for the call. If it fails nothing may be locked.
    unsafe { call!(getrlimit(libc::RLIMIT_MEMLOCK, &mut limit)) };
    limit.rlim_cur
}

/// Lets the C library give large blocks of memory back as soon as they are freed. By itself it
/// keeps up to 64 MiB once a block of 32 MiB has been freed (mallopt(3), `M_MMAP_THRESHOLD`): what
/// one client made a worker keep for a moment would never be given back.
pub fn give_large_blocks_back() {
    #[cfg(target_env = "gnu")]
    {
        const LARGE_BYTES: libc::c_int = 256 << 10;
        // SAFETY: no pointers.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
    }
}
