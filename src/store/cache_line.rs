//! Cache lines: fetching one before it is needed, and keeping what two threads write apart.

/// Bytes of a cache line.
pub(super) const CACHE_LINE: usize = 64;

/// A value on cache lines of its own, with room for the pair that is fetched together: for what
/// stands in a row and is written by different threads.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Padded<T>(pub T);

/// Fetches a cache line that will be read soon.
#[inline]
pub(super) fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint: it reads nothing and cannot fault, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// The same for a line that will be written: other cores lose it now, not when it is needed.
#[inline]
pub(super) fn prefetch_to_write(at: *const u8) {
    // Not among what std has for every x86-64; those few that do not know it take it for a no-op.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    prefetch(at);
}
