//! Bytes in and out of sockets, and waiting until a socket takes some.

use super::socket::RawAddress;
use super::{check, check_len, retry};
use std::io::{IoSlice, IoSliceMut, Result};
use std::os::fd::RawFd;
use std::time::Duration;

/// Most slices that one call takes (`IOV_MAX` of Linux).
pub const SLICES_MAX: usize = 1024;

/// Receives into `buffer`. 0: the peer has finished. `WouldBlock`: nothing there yet.
pub fn recv(fd: RawFd, buffer: &mut [u8]) -> Result<usize> {
    retry(|| {
        // SAFETY: the buffer is valid for its length.
        check_len(unsafe { call!(recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0)) })
    })
}

/// Whether there is something to receive: not if the peer has finished or is lost.
pub fn is_readable(fd: RawFd) -> bool {
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    let mut first = [0_u8];
    let peeked = retry(|| {
        // SAFETY: the buffer is valid for its length.
        check_len(unsafe { call!(recv(fd, first.as_mut_ptr().cast(), first.len(), flags)) })
    });
    peeked.is_ok_and(|len| len > 0)
}

/// Receives into several buffers, one after the other.
pub fn recv_vectored(fd: RawFd, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
    let count = buffers.len().min(SLICES_MAX) as libc::c_int;
    retry(|| {
        // SAFETY: `IoSliceMut` has the layout of `iovec`; each names memory that is ours to write.
        check_len(unsafe { call!(readv(fd, buffers.as_mut_ptr().cast(), count)) })
    })
}

/// Sends from `buffer`, perhaps not all of it. Never raises SIGPIPE.
pub fn send(fd: RawFd, buffer: &[u8]) -> Result<usize> {
    retry(|| {
        // SAFETY: the buffer is valid for its length.
        check_len(unsafe {
            call!(send(
                fd,
                buffer.as_ptr().cast(),
                buffer.len(),
                libc::MSG_NOSIGNAL
            ))
        })
    })
}

/// Sends from several buffers, perhaps not all of them. Never raises SIGPIPE.
pub fn send_vectored(fd: RawFd, buffers: &[IoSlice<'_>]) -> Result<usize> {
    send_message(fd, None, buffers)
}

/// Sends from several buffers: to an address, or to the peer that the socket is connected with.
pub(super) fn send_message(
    fd: RawFd,
    to: Option<&RawAddress>,
    buffers: &[IoSlice<'_>],
) -> Result<usize> {
    // SAFETY: all-zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    if let Some(to) = to {
        let (name, name_len) = to.as_name();
        message.msg_name = name.cast_mut().cast();
        message.msg_namelen = name_len;
    }
    message.msg_iov = buffers.as_ptr().cast_mut().cast();
    message.msg_iovlen = buffers.len().min(SLICES_MAX);
    retry(|| {
        // SAFETY: `IoSlice` has the layout of `iovec`, and sendmsg only reads what it names; the
        // address is valid for its length.
        check_len(unsafe { call!(sendmsg(fd, &raw const message, libc::MSG_NOSIGNAL)) })
    })
}

/// Waits until a descriptor takes bytes, or until that time is over; whether it takes some, or
/// says why not.
pub fn wait_writable(fd: RawFd, at_most: Option<Duration>) -> bool {
    let timeout_ms = at_most.map_or(-1, |time| time.as_millis() as libc::c_int);
    let mut asked = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    let count = retry(|| {
        // SAFETY: one record, valid for the call.
        check(unsafe { call!(poll(&raw mut asked, 1, timeout_ms)) })
    });
    count.is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_can_be_received_stays_to_be_received() {
        let (here, mut there) = UnixStream::pair().unwrap();
        let fd = here.as_raw_fd();
        assert!(!is_readable(fd));
        there.write_all(b"x").unwrap();
        assert!(is_readable(fd) && is_readable(fd));
        assert_eq!(recv(fd, &mut [0; 2]).unwrap(), 1);
        assert!(!is_readable(fd));
        drop(there);
        assert!(!is_readable(fd), "an end is nothing to receive");
    }
}
