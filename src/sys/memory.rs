//! Address space: reserved in one piece that can grow, made usable and given back in parts.
//!
//! ```text
//! 16 TiB   [ reservation 1 ·· may grow ·· ]   [ reservation 2 ·· ]   …            64 TiB
//! ```
//!
//! The kernel puts one mapping beside the other, where none could grow. So a reservation is put
//! at a place of our own choice in the wide middle of the address space, terabytes from the next
//! one. So what is reserved, which shows as "virtual size", can stay in proportion to what is used.
//! That it is free there is the usual case. Where the address space is smaller (39 bits, 512 GiB, are
//! common on small arm64 machines), or the kernel takes no wishes, a reservation is put elsewhere and
//! may not be able to grow: it is made long at once.

use super::check;
use super::errors::error_text;
#[cfg(miri)]
use super::testing::miri as libc;
use std::hash::{BuildHasher, RandomState};
use std::io::{Error, Result};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// A range of address space. Nothing of it may be touched until it is committed;
/// committed memory reads as zero until written.
///
/// 1. `base` is the start of `len` bytes of mappings that live as long as this value; `len` only
///    grows.
pub struct Reservation {
    base: NonNull<u8>,
    len: AtomicUsize,
    /// Held while it grows.
    growing: Mutex<()>,
}

/// Lengths that are reserved and committed are multiples of this, and so of every page size
/// that Linux has on the machines that this is built for (4 to 64 KiB).
pub const COMMIT_STEP: usize = 64 << 10;

/// Whether what is committed is locked, see [`lock_commits`].
static LOCKS: AtomicBool = AtomicBool::new(false);

/// From now on has the system keep committed memory from being swapped out, or stops that.
///
/// It is for those who may lock less than is reserved: what is committed is locked as it is
/// touched. Once the system refuses, one line says so and no more is asked for.
pub fn lock_commits(on: bool) {
    LOCKS.store(on, Relaxed);
}

/// Whether committed memory is locked: that was asked for and has never failed.
pub fn locks_commits() -> bool {
    LOCKS.load(Relaxed)
}

/// Bytes of a huge page; reservations begin at a multiple of it.
pub const HUGE_PAGE_LEN: usize = 2 << 20;

/// Where reservations are put: in so many places from the first, so far from each other. The
/// places lie between those that Linux gives out by itself on x86-64 and, with 48 bits, on arm64.
const PLACES: (usize, usize, usize) = (5, 17 << 40, 9 << 40);
/// A reservation lies up to so many bytes above its place, by chance: no attacker shall foresee
/// addresses.
const PLACE_SPREAD: usize = 1 << 40;

// SAFETY: the value only names a mapping; what threads do with its memory is the
// business of those who hold the pointers.
unsafe impl Send for Reservation {}
// SAFETY: as above; the methods are system calls that any thread may make.
unsafe impl Sync for Reservation {}

/// Bytes that are reserved at least, if there is address space for it, where a reservation may not
/// be able to grow: what a table of a billion items takes.
const ELSEWHERE_LEN: usize = if cfg!(miri) { 0 } else { 16 << 30 };

/// Maps `len` bytes that nothing may touch: where `at` says, if it says so, or where the kernel
/// likes.
fn map(at: Option<usize>, len: usize) -> Result<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let (wanted, fixed) = match at {
        Some(at) => (at, libc::MAP_FIXED_NOREPLACE),
        None => (0, 0),
    };
    // SAFETY: a fresh mapping touches nothing of ours: at a given address it fails where there is
    // a mapping already, and kernels before 4.17 take the address for a wish.
    let mapped = unsafe {
        call!(mmap(
            std::ptr::without_provenance_mut(wanted),
            len,
            libc::PROT_NONE,
            flags | fixed,
            -1,
            0,
        ))
    };
    if mapped == libc::MAP_FAILED {
        return Err(Error::last_os_error());
    }
    if at.is_some_and(|at| at != mapped.addr()) {
        // SAFETY: the mapping is ours, and no pointer leads into it yet.
        unsafe { libc::munmap(mapped, len) };
        return Err(Error::from_raw_os_error(libc::EEXIST));
    }
    NonNull::new(mapped.cast()).ok_or_else(|| Error::from_raw_os_error(libc::EFAULT))
}

/// Maps `len` bytes, at a multiple of [`HUGE_PAGE_LEN`], where the mapping may grow.
fn map_apart(len: usize) -> Option<NonNull<u8>> {
    // The interpreter's memory lies where it lies; and the thread sanitizer has plans of its own for
    // the middle of the address space (`t/sanitize/run` builds with `--cfg anywhere`).
    if cfg!(any(miri, anywhere)) {
        return None;
    }
    static SERIAL: AtomicUsize = AtomicUsize::new(0);
    let (count, first, apart) = PLACES;
    let place = first + SERIAL.fetch_add(1, Relaxed) % count * apart;
    let spread = RandomState::new().hash_one(place) as usize % PLACE_SPREAD;
    map(Some(place + spread / HUGE_PAGE_LEN * HUGE_PAGE_LEN), len).ok()
}

/// The same where the kernel likes: more is mapped at first, so that the start can be chosen.
#[cfg(not(miri))]
fn map_anywhere(len: usize) -> Result<NonNull<u8>> {
    let more = len
        .checked_add(HUGE_PAGE_LEN)
        .ok_or_else(|| Error::from_raw_os_error(libc::ENOMEM))?;
    let start = map(None, more)?;
    let before = start.addr().get().next_multiple_of(HUGE_PAGE_LEN) - start.addr().get();
    // SAFETY: both parts lie in the mapping, and no pointer leads into them; the middle is left.
    unsafe {
        if before > 0 {
            libc::munmap(start.as_ptr().cast(), before);
        }
        if before < HUGE_PAGE_LEN {
            libc::munmap(
                start.add(before + len).as_ptr().cast(),
                HUGE_PAGE_LEN - before,
            );
        }
        Ok(start.add(before))
    }
}

#[cfg(miri)]
fn map_anywhere(len: usize) -> Result<NonNull<u8>> {
    map(None, len)
}

/// Maps `len` bytes or more where the kernel likes; gives the first, and how many there are.
fn map_elsewhere(len: usize) -> Result<(NonNull<u8>, usize)> {
    let longer = len.max(ELSEWHERE_LEN);
    match map_anywhere(longer) {
        Ok(base) => Ok((base, longer)),
        Err(_) => Ok((map_anywhere(len)?, len)),
    }
}

impl Reservation {
    /// Reserves `len` bytes, rounded up to [`COMMIT_STEP`], which costs no memory; more where it may
    /// not be able to grow.
    pub fn new(len: usize) -> Result<Reservation> {
        let len = len
            .max(1)
            .checked_next_multiple_of(COMMIT_STEP)
            .ok_or_else(|| Error::from_raw_os_error(libc::ENOMEM))?;
        let (base, len) = match map_apart(len) {
            Some(base) => (base, len),
            None => map_elsewhere(len)?,
        };
        Ok(Reservation::of(base, len))
    }

    /// Of a mapping that no other code knows of.
    fn of(base: NonNull<u8>, len: usize) -> Reservation {
        Reservation {
            base,
            len: AtomicUsize::new(len),
            growing: Mutex::default(),
        }
    }

    /// Makes it `len` bytes long at least, where it stands.
    ///
    /// # Errors
    /// That of `mmap(2)`: `EEXIST` if something else lies behind it, `ENOMEM` if there is no
    /// address space (`ulimit -v`).
    pub fn grow(&self, len: usize) -> Result<()> {
        let _one_at_a_time = self.growing.lock().unwrap();
        let have = self.len();
        let wanted = len
            .checked_next_multiple_of(COMMIT_STEP)
            .ok_or_else(|| Error::from_raw_os_error(libc::ENOMEM))?;
        if wanted > have {
            let end = self.base.addr().get() + have;
            map(Some(end), wanted - have)?;
            self.len.store(wanted, Release);
        }
        Ok(())
    }

    /// The first byte.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes reserved.
    pub fn len(&self) -> usize {
        self.len.load(Acquire)
    }

    /// Whether nothing is reserved.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        if locks_commits() {
            self.lock(offset, len);
        }
        Ok(())
    }

    /// Has bytes stay in memory from when they are touched. What a reservation does not fill is
    /// not counted against what the process may lock.
    fn lock(&self, offset: usize, len: usize) {
        self.assert_inside(offset, len);
        // SAFETY: inside the mapping; locking alters nothing of what memory holds.
        let locked = check(unsafe {
            call!(mlock2(
                self.base.as_ptr().add(offset).cast(),
                len,
                libc::MLOCK_ONFAULT as libc::c_uint,
            ))
        });
        if let Err(e) = locked
            && LOCKS.swap(false, Relaxed)
        {
            let text = error_text(&e);
            log!(
                "warning: -k: mlock2() failed: {text}; memory taken from now on may be swapped out"
            );
        }
    }

    /// Asks for huge pages where they fit. A hint: refusal changes nothing but speed.
    pub fn prefer_huge_pages(&self, offset: usize, len: usize) {
        self.advise(offset, len, libc::MADV_HUGEPAGE);
    }

    /// Asks for small pages, even where the system prefers huge ones. A hint, likewise.
    pub fn avoid_huge_pages(&self, offset: usize, len: usize) {
        self.advise(offset, len, libc::MADV_NOHUGEPAGE);
    }

    fn advise(&self, offset: usize, len: usize, advice: libc::c_int) {
        self.assert_inside(offset, len);
        // SAFETY: inside the mapping; this advice does not alter what memory holds.
        unsafe { call!(madvise(self.base.as_ptr().add(offset).cast(), len, advice)) };
    }

    /// Gives the memory of committed bytes back to the system: they stay usable and read as
    /// zero. Refusal changes nothing but how much memory is taken.
    ///
    /// # Safety
    /// 1. No reference to these bytes exists, but to atomics, for which zero is a value.
    /// 2. They are committed, and both numbers are multiples of the system's page size.
    pub unsafe fn discard(&self, offset: usize, len: usize) {
        self.assert_inside(offset, len);
        // What is locked has to be named as such, and Linux before 5.18 cannot.
        for advice in [libc::MADV_DONTNEED, MADV_DONTNEED_LOCKED] {
            // SAFETY: inside the mapping, which is private and anonymous; (1).
            let given =
                unsafe { call!(madvise(self.base.as_ptr().add(offset).cast(), len, advice)) };
            if given == 0 {
                return;
            }
        }
        for word in 0..len / size_of::<AtomicU64>() {
            // SAFETY: inside of what can be written, and aligned, by (2); to others who look at
            // these bytes they are atomics, by (1).
            let word = unsafe { self.base.add(offset).cast::<AtomicU64>().add(word).as_ref() };
            word.store(0, Relaxed);
        }
    }

    /// Tells the address sanitizer that no code may touch these bytes from now on. It takes
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
            offset.checked_add(len).is_some_and(|end| end <= self.len()),
            "outside of the reservation"
        );
    }
}

/// From <linux/mman.h>.
const MADV_DONTNEED_LOCKED: libc::c_int = 24;

// From <sanitizer/asan_interface.h>.
#[cfg(poison)]
unsafe extern "C" {
    fn __asan_poison_memory_region(address: *const libc::c_void, len: usize);
    fn __asan_unpoison_memory_region(address: *const libc::c_void, len: usize);
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the mappings are ours by (1), and with this value goes the last name for them.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len()) };
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(
        anywhere,
        ignore = "it asks for the place that the thread sanitizer chooses"
    )]
    fn a_reservation_grows_in_place_and_keeps_what_it_holds() {
        let space = Reservation::new(COMMIT_STEP).unwrap();
        space.commit(0, COMMIT_STEP).unwrap();
        let first = space.base();
        // SAFETY: committed above, and of this test alone.
        unsafe { first.write(7) };
        // Where the kernel has put it elsewhere it cannot grow; on Linux for x86-64 it can.
        space.grow(1 << 30).unwrap();
        assert_eq!(space.len(), 1 << 30);
        assert_eq!(space.base(), first);
        space.commit((1 << 30) - COMMIT_STEP, COMMIT_STEP).unwrap();
        // SAFETY: committed, and of this test alone.
        unsafe {
            assert_eq!(first.read(), 7);
            assert_eq!(first.add((1 << 30) - 1).read(), 0);
        }
    }

    #[test]
    fn a_reservation_that_lies_elsewhere_has_room_from_the_start() {
        let (base, len) = map_elsewhere(COMMIT_STEP).unwrap();
        let space = Reservation::of(base, len);
        // What a table of some millions of items takes, whatever lies behind it.
        space.grow(1 << 30).unwrap();
        space.commit((1 << 30) - COMMIT_STEP, COMMIT_STEP).unwrap();
        assert!(base.addr().get().is_multiple_of(HUGE_PAGE_LEN));
    }

    #[test]
    fn locked_memory_that_is_given_back_reads_as_zero() {
        let space = Reservation::new(COMMIT_STEP).unwrap();
        space.commit(0, COMMIT_STEP).unwrap();
        space.lock(0, COMMIT_STEP);
        // SAFETY: committed, and of this test alone, which has no reference to it.
        unsafe {
            space.base().write_bytes(7, COMMIT_STEP);
            space.discard(0, COMMIT_STEP);
            for at in [0, 1, COMMIT_STEP - 1] {
                assert_eq!(space.base().add(at).read(), 0);
            }
        }
    }

    #[test]
    fn many_reservations_of_one_process_keep_out_of_each_others_way() {
        let spaces: Vec<_> = (0..40)
            .map(|_| Reservation::new(1 << 30).unwrap())
            .collect();
        for space in &spaces {
            assert!(space.base().addr().get().is_multiple_of(HUGE_PAGE_LEN));
            let _ = space.grow(2 << 30);
        }
        let mut ranges: Vec<_> = spaces
            .iter()
            .map(|space| (space.base().addr().get(), space.len()))
            .collect();
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
        }
    }

    #[test]
    #[cfg_attr(
        anywhere,
        ignore = "it asks for the place that the thread sanitizer chooses"
    )]
    fn where_there_is_no_address_space_nothing_is_reserved() {
        assert!(Reservation::new(usize::MAX).is_err());
        let space = Reservation::new(COMMIT_STEP).unwrap();
        assert!(space.grow(usize::MAX - COMMIT_STEP).is_err());
        assert_eq!(space.len(), COMMIT_STEP, "it is as it was");
    }
}
