//! Readiness of descriptors: `epoll(7)`.

use super::check;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A set of watched descriptors; each is known by the token it was added with.
pub struct Epoll {
    fd: OwnedFd,
}

/// How a descriptor is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// Input, reported for as long as there is some.
    Readable,
    /// The same for a descriptor that stands in several sets: only some of those that wait are
    /// woken, at least one.
    Shared,
    /// Input, space for output and hang-up, each reported once per change. Such a
    /// registration never needs another system call.
    Edges,
}

/// What happened, filled by [`Epoll::wait`].
pub struct Events {
    list: Vec<libc::epoll_event>,
}

/// One ready descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Readiness {
    /// The token of [`Epoll::add`].
    pub token: u64,
    /// There may be input.
    pub readable: bool,
    /// The peer has closed its sending side, or the connection is gone: a short read does not mean
    /// that nothing is left.
    pub hung_up: bool,
    /// Urgent data is among the input. A read stops there, so the same holds.
    pub urgent: bool,
    /// The connection is gone: nothing that is sent reaches the peer.
    pub gone: bool,
}

impl Epoll {
    /// An empty set.
    pub fn new() -> Result<Epoll> {
        // SAFETY: no pointers. `epoll_create1(2)` ensures the descriptor is valid and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(check(call!(epoll_create1(libc::EPOLL_CLOEXEC)))?) };
        Ok(Epoll { fd })
    }

    /// Watches `fd`; closing it ends the watch.
    pub fn add(&self, fd: RawFd, token: u64, watch: Watch) -> Result<()> {
        let flags = match watch {
            Watch::Readable => libc::EPOLLIN,
            Watch::Shared => libc::EPOLLIN | libc::EPOLLEXCLUSIVE,
            Watch::Edges => {
                let input = libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP;
                input | libc::EPOLLOUT | libc::EPOLLET
            }
        };
        let mut event = libc::epoll_event {
            events: flags as u32,
            u64: token,
        };
        // SAFETY: `event` is valid for the call, which does not keep it.
        check(unsafe {
            call!(epoll_ctl(
                self.fd.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                fd,
                &raw mut event
            ))
        })?;
        Ok(())
    }

    /// Stops watching `fd`.
    pub fn remove(&self, fd: RawFd) -> Result<()> {
        // SAFETY: EPOLL_CTL_DEL ignores the event pointer.
        check(unsafe {
            call!(epoll_ctl(
                self.fd.as_raw_fd(),
                libc::EPOLL_CTL_DEL,
                fd,
                std::ptr::null_mut(),
            ))
        })?;
        Ok(())
    }

    /// Waits for events, at most `timeout_ms` (-1: without a limit). A signal counts as no events.
    pub fn wait(&self, events: &mut Events, timeout_ms: i32) -> Result<()> {
        events.list.clear();
        let capacity = i32::try_from(events.list.capacity()).unwrap_or(i32::MAX);
        // SAFETY: the vector has space for `capacity` events, and the kernel fills the `n` that it
        // reports.
        let n = unsafe {
            call!(epoll_wait(
                self.fd.as_raw_fd(),
                events.list.as_mut_ptr(),
                capacity,
                timeout_ms,
            ))
        };
        // SAFETY: that is what the kernel says.
        unsafe { events.filled(n.into()) }
    }

    /// As [`Epoll::wait`], for as long as `timeout` to the nanosecond. Where the kernel cannot
    /// (before Linux 5.11) it returns up to a millisecond too early.
    pub fn wait_for(&self, events: &mut Events, timeout: Duration) -> Result<()> {
        events.list.clear();
        let capacity = i32::try_from(events.list.capacity()).unwrap_or(i32::MAX);
        let timeout_spec = libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: the vector has space for `capacity` events, and the kernel fills the `n` that it
        // reports; `timeout_spec` is valid for the call, and there is no signal mask. (Not `call!`:
        // a plan of faults for `syscall` means futex(2), whose errors do not come here.)
        let n = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                events.list.as_mut_ptr(),
                capacity,
                &raw const timeout_spec,
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        // SAFETY: that is what the kernel says.
        match unsafe { events.filled(n) } {
            Err(e) if e.raw_os_error() == Some(libc::ENOSYS) => {
                let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
                self.wait(events, timeout_ms)
            }
            outcome => outcome,
        }
    }
}

impl Events {
    /// A wait has ended with `n`.
    ///
    /// # Safety
    /// The kernel has written so many events into the list, at most its capacity, unless `n` is
    /// negative and `errno` says why.
    unsafe fn filled(&mut self, n: libc::c_long) -> Result<()> {
        match usize::try_from(n) {
            Ok(n) => {
                // SAFETY: the caller promises that.
                unsafe { self.list.set_len(n) };
                Ok(())
            }
            Err(_) => match Error::last_os_error() {
                e if e.kind() == ErrorKind::Interrupted => Ok(()),
                e => Err(e),
            },
        }
    }

    /// Space for `capacity` events per wait.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            list: Vec::with_capacity(capacity),
        }
    }

    /// How many the last wait reported.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the last wait reported none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The event at `index` of the last wait.
    pub fn get(&self, index: usize) -> Readiness {
        let event = self.list[index];
        let has = |flags: libc::c_int| event.events & flags as u32 != 0;
        Readiness {
            token: event.u64,
            readable: has(libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR),
            hung_up: has(libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR),
            urgent: has(libc::EPOLLPRI),
            gone: has(libc::EPOLLHUP | libc::EPOLLERR),
        }
    }
}
