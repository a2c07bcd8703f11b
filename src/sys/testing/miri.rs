//! Under Miri only: libc, with calls that give memory of the interpreter's own.
//!
//! Miri knows nothing of address space that is reserved first and made usable later. Here all of
//! a mapping is usable from the start; every access to it is checked all the same, and so is
//! whether it is there still.

pub use ::libc::*;

use super::super::memory::HUGE_PAGE_LEN;
use std::alloc::{Layout, alloc_zeroed, dealloc};

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len, HUGE_PAGE_LEN).unwrap()
}

/// As `mmap(2)`, for memory that has no file.
pub unsafe fn mmap(
    _: *mut c_void,
    len: usize,
    _: c_int,
    _: c_int,
    _: c_int,
    _: off_t,
) -> *mut c_void {
    // SAFETY: the caller asks for one byte at least.
    let memory = unsafe { alloc_zeroed(layout(len)) };
    if memory.is_null() {
        return MAP_FAILED;
    }
    memory.cast()
}

/// As `munmap(2)`, for the whole of a mapping.
pub unsafe fn munmap(memory: *mut c_void, len: usize) -> c_int {
    // SAFETY: the caller's memory comes from `mmap`, with this length.
    unsafe { dealloc(memory.cast(), layout(len)) };
    0
}

/// As `mprotect(2)` that makes memory usable, which it is.
pub unsafe fn mprotect(_: *mut c_void, _: usize, _: c_int) -> c_int {
    0
}

/// As `madvise(2)` with `MADV_DONTNEED`; other advice is ignored.
pub unsafe fn madvise(memory: *mut c_void, len: usize, advice: c_int) -> c_int {
    if advice == MADV_DONTNEED {
        // SAFETY: the caller's memory lies in a mapping, and there is no reference to it but to
        // atomics.
        unsafe { memory.write_bytes(0, len) };
    }
    0
}

/// As `clock_gettime(2)`, for clocks that Miri does not know: its own steady one.
pub unsafe fn clock_gettime(_: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the caller promises that.
    unsafe { ::libc::clock_gettime(CLOCK_MONOTONIC, time) }
}
