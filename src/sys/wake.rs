//! Waking a thread that waits for descriptors: `eventfd(2)`, `pipe(7)`.

use super::sync::Crossing;
use super::{check, check_len, retry};
use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A descriptor that becomes readable when a thread wakes it, until it is cleared.
pub struct Waker(OwnedFd, Crossing);

impl Waker {
    /// One that is not readable.
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
            // SAFETY: the buffer is valid for its length. That it fails means that it is clear.
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

/// A pipe that carries no message of its own: bytes in it say that there is one elsewhere.
pub struct WakePipe {
    reader: OwnedFd,
    writer: OwnedFd,
    crossing: Crossing,
}

impl WakePipe {
    /// An empty pipe.
    ///
    /// # Errors
    /// The process has no more descriptors.
    pub fn new() -> Result<WakePipe> {
        let mut ends = [0; 2];
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: `ends` has space for two descriptors.
        check(unsafe { call!(pipe2(ends.as_mut_ptr(), flags)) })?;
        // SAFETY: `pipe2(2)` ensures that both are valid and ours.
        let [reader, writer] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        let crossing = Crossing::default();
        Ok(WakePipe {
            reader,
            writer,
            crossing,
        })
    }

    /// Makes it readable. Never waits.
    ///
    /// # Errors
    /// The system refuses to write; a full pipe is no error.
    pub fn wake(&self) -> Result<()> {
        let call = || {
            retry(|| {
                // SAFETY: one byte, valid for the call.
                check_len(unsafe {
                    call!(write(self.writer.as_raw_fd(), [0_u8].as_ptr().cast(), 1))
                })
            })
        };
        let written = self.crossing.step(call, |written, waiting| {
            *waiting += usize::from(written.is_ok());
        });
        match written {
            Err(e) if e.kind() != ErrorKind::WouldBlock => Err(e),
            _ => Ok(()),
        }
    }

    /// Makes it unreadable again, after a few wake-ups at most.
    pub fn clear(&self) {
        let mut bytes = [0_u8; 8];
        let call = || {
            let read = retry(|| {
                // SAFETY: the buffer is valid for its length.
                check_len(unsafe {
                    call!(read(
                        self.reader.as_raw_fd(),
                        bytes.as_mut_ptr().cast(),
                        bytes.len()
                    ))
                })
            });
            read.unwrap_or(0)
        };
        self.crossing.step(call, |len, waiting| *waiting -= len);
    }
}

impl AsFd for WakePipe {
    /// The end that is readable.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

#[cfg(all(test, loom))]
impl WakePipe {
    /// Sleeps until it is readable.
    pub fn wait(&self) {
        self.crossing.wait();
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
