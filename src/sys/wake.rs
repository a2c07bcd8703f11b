//! Waking a thread that waits for descriptors: `eventfd(2)`.

use super::check;
use super::sync::Crossing;
use std::io::Result;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A descriptor that becomes readable when anybody wakes, until it is cleared.
pub struct Waker(OwnedFd, Crossing);

impl Waker {
    /// One that nobody has asked for anything.
    ///
    /// # Errors
    /// The process has no more descriptors.
    pub fn new() -> Result<Waker> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: no pointers. `eventfd(2)` ensures the descriptor is valid and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(check(call!(eventfd(0, flags)))?) };
        Ok(Waker(fd, Crossing::default()))
    }

    /// Makes it readable. Never waits.
    pub fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        let call = || {
            // SAFETY: the buffer is valid for its length. That it fails means that the counter is
            // full, and then it is readable.
            unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) }
        };
        self.1.step(call, |_, waiting| *waiting = 1);
    }

    /// Makes it unreadable again.
    pub fn clear(&self) {
        let mut count = [0u8; size_of::<u64>()];
        let call = || {
            // SAFETY: the buffer is valid for its length. That it fails means that nobody woke.
            unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) }
        };
        self.1.step(call, |_, waiting| *waiting = 0);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(all(test, loom))]
impl Waker {
    /// Sleeps until it is readable.
    pub fn wait(&self) {
        self.1.wait();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::epoll::{Epoll, Events, Watch};
    use super::*;

    #[test]
    fn a_waker_wakes_once_however_often_it_was_asked_to() {
        let (waker, epoll) = (Waker::new().unwrap(), Epoll::new().unwrap());
        epoll
            .add(waker.as_fd().as_raw_fd(), 7, Watch::Readable)
            .unwrap();
        let mut events = Events::with_capacity(1);
        epoll.wait(&mut events, 0).unwrap();
        assert!(events.is_empty());
        waker.wake();
        waker.wake();
        epoll.wait(&mut events, -1).unwrap();
        assert_eq!(events.get(0).token, 7);
        waker.clear();
        epoll.wait(&mut events, 0).unwrap();
        assert!(events.is_empty());
    }
}
