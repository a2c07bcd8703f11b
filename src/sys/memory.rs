//! Address space: reserved in one piece, made usable and given back in parts.

use super::check;
#[cfg(miri)]
use super::interpreted as libc;
use std::io::{Error, Result};
use std::ptr::NonNull;

/// A range of address space. Nothing of it may be touched until it is committed;
/// committed memory reads as zero until written.
///
/// 1. `base` is the start of `len` bytes of a mapping that lives as long as this value.
pub struct Reservation {
    base: NonNull<u8>,
    len: usize,
    /// What was mapped: more than is used, so that `base` can be aligned.
    mapping: (*mut libc::c_void, usize),
}

/// Bytes of a huge page; reservations begin at a multiple of it.
pub const HUGE_PAGE_LEN: usize = 2 << 20;

// SAFETY: the value only names a mapping; what threads do with its memory is the
// business of those who hold the pointers.
unsafe impl Send for Reservation {}
// SAFETY: as above; the methods are system calls that any thread may make.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves `len` bytes, which costs no memory.
    pub fn new(len: usize) -> Result<Reservation> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let mapped_len = len
            .checked_add(HUGE_PAGE_LEN)
            .ok_or_else(|| Error::from_raw_os_error(libc::ENOMEM))?;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches nothing of ours.
        let mapped = unsafe {
            call!(mmap(
                std::ptr::null_mut(),
                mapped_len,
                libc::PROT_NONE,
                flags,
                -1,
                0,
            ))
        };
        if mapped == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        let base = mapped.map_addr(|address| address.next_multiple_of(HUGE_PAGE_LEN));
        let base = NonNull::new(base.cast()).ok_or_else(Error::last_os_error)?;
        Ok(Reservation {
            base,
            len,
            mapping: (mapped, mapped_len),
        })
    }

    /// The first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes reserved.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is reserved.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes `len` bytes from `offset` readable and writable; both are multiples of the
    /// system's page size. Doing it twice is harmless.
    pub fn commit(&self, offset: usize, len: usize) -> Result<()> {
        self.assert_inside(offset, len);
        // SAFETY: inside the mapping by (1) and the assertion; only widens access.
        check(unsafe {
            call!(mprotect(
                self.base.as_ptr().add(offset).cast(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
            ))
        })?;
        Ok(())
    }

    /// Asks for huge pages where they fit. A hint: refusal changes nothing but speed.
    pub fn prefer_huge_pages(&self, offset: usize, len: usize) {
        self.assert_inside(offset, len);
        // SAFETY: inside the mapping; MADV_HUGEPAGE does not alter what memory holds.
        unsafe {
            call!(madvise(
                self.base.as_ptr().add(offset).cast(),
                len,
                libc::MADV_HUGEPAGE,
            ))
        };
    }

    /// Gives the memory of committed bytes back to the system: they stay usable and read as
    /// zero. Refusal changes nothing but how much memory is taken.
    ///
    /// # Safety
    /// 1. No reference to these bytes exists, but to atomics, for which zero is a value.
    pub unsafe fn discard(&self, offset: usize, len: usize) {
        self.assert_inside(offset, len);
        // SAFETY: inside the mapping, which is private and anonymous; (1).
        unsafe {
            call!(madvise(
                self.base.as_ptr().add(offset).cast(),
                len,
                libc::MADV_DONTNEED,
            ))
        };
    }

    /// Tells the address sanitizer that nobody may touch these bytes from now on. It takes
    /// addresses for names and keeps marks of its own; the bytes stay as they are.
    #[cfg(poison)]
    pub fn poison(&self, offset: usize, len: usize) {
        self.assert_inside(offset, len);
        // SAFETY: inside the mapping; no byte is read or written.
        unsafe { __asan_poison_memory_region(self.base.as_ptr().add(offset).cast(), len) };
    }

    /// Takes that back.
    #[cfg(poison)]
    pub fn unpoison(&self, offset: usize, len: usize) {
        self.assert_inside(offset, len);
        // SAFETY: as above.
        unsafe { __asan_unpoison_memory_region(self.base.as_ptr().add(offset).cast(), len) };
    }

    fn assert_inside(&self, offset: usize, len: usize) {
        assert!(
            offset.checked_add(len).is_some_and(|end| end <= self.len),
            "outside of the reservation"
        );
    }
}

// From <sanitizer/asan_interface.h>.
#[cfg(poison)]
unsafe extern "C" {
    fn __asan_poison_memory_region(address: *const libc::c_void, len: usize);
    fn __asan_unpoison_memory_region(address: *const libc::c_void, len: usize);
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours by (1), and with this value goes the last name for it.
        unsafe { libc::munmap(self.mapping.0, self.mapping.1) };
    }
}
