//! Signals: those of the operator as events, and those that would end the process.

use super::{check, check_len, retry};
use std::io::{Error, ErrorKind, Result};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// A signal that the operator steers the server with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: stop.
    Interrupt,
    /// SIGTERM: stop.
    Terminate,
    /// SIGHUP: read files again.
    Hangup,
    /// SIGUSR1: stop gracefully, keeping what can be kept.
    User1,
}

impl Signal {
    /// Every signal that [`SignalFd`] takes over.
    pub const ALL: [Signal; 4] = [
        Signal::Interrupt,
        Signal::Terminate,
        Signal::Hangup,
        Signal::User1,
    ];

    fn number(self) -> libc::c_int {
        match self {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::Hangup => libc::SIGHUP,
            Signal::User1 => libc::SIGUSR1,
        }
    }
}

/// The operator's signals as a descriptor that is readable when one has come. So they
/// are handled between two events like any other, and there is no handler to be careful
/// in.
///
/// Several signals of one kind that wait at the same time are one.
pub struct SignalFd {
    fd: OwnedFd,
}

impl SignalFd {
    /// Blocks the signals in the calling thread and reads them here instead.
    ///
    /// Threads inherit what is blocked, so this must come before the first of them
    /// starts: one thread that does not block a signal would be killed by it. A process
    /// that forks into the background must make its epoll set afterwards, since that
    /// watches the signals of the process that added the descriptor.
    pub fn new() -> Result<SignalFd> {
        // SAFETY: all-zero bytes are a place for a sigset_t, which sigemptyset fills.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is valid, and the numbers are signals, so these cannot fail.
        unsafe {
            libc::sigemptyset(&mut set);
            for signal in Signal::ALL {
                libc::sigaddset(&mut set, signal.number());
            }
        }
        // SAFETY: `set` is initialised; the old mask is not asked for.
        match unsafe { call!(pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut())) } {
            0 => {}
            code => return Err(Error::from_raw_os_error(code)),
        }
        let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
        // SAFETY: `set` is initialised. `signalfd(2)` ensures the descriptor is valid and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(check(call!(signalfd(-1, &set, flags)))?) };
        Ok(SignalFd { fd })
    }

    /// The next signal that has come, if any.
    pub fn next(&self) -> Result<Option<Signal>> {
        loop {
            // SAFETY: all-zero is a valid signalfd_siginfo.
            let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
            let len = size_of::<libc::signalfd_siginfo>();
            let read = retry(|| {
                // SAFETY: the kernel writes at most `len` bytes, the size of `info`, whose
                // fields are integers.
                check_len(unsafe { call!(read(self.fd.as_raw_fd(), (&raw mut info).cast(), len)) })
            });
            match read {
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
                read => read?,
            };
            // The kernel gives whole records only. A signal we did not ask for cannot be
            // among them; should it be, the next one is looked at.
            let number = info.ssi_signo.cast_signed();
            if let Some(signal) = Signal::ALL.into_iter().find(|s| s.number() == number) {
                return Ok(Some(signal));
            }
        }
    }
}

/// Sends this process one of the signals that [`SignalFd`] reads.
pub fn signal_self(signal: Signal) {
    // SAFETY: no pointers; our own process exists, so this cannot fail.
    unsafe { libc::kill(libc::getpid(), signal.number()) };
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes writing to a closed connection an error instead of the end of the process.
pub fn ignore_sigpipe() {
    // SAFETY: SIG_IGN is no function of ours that could run at a bad time.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_in_the_thread_that_blocked_them() {
        let signals = SignalFd::new().unwrap();
        assert_eq!(signals.next().unwrap(), None);
        for signal in [Signal::Hangup, Signal::User1] {
            // SAFETY: no pointers; the signal goes to this thread, which blocks it.
            unsafe { libc::raise(signal.number()) };
            assert_eq!(signals.next().unwrap(), Some(signal));
        }
        assert_eq!(signals.next().unwrap(), None);
    }
}
