//! The way to a peer: bytes in, bytes out, whatever lies between.
//!
//! Nothing else in this room sends or receives on a connection. Outside of it the descriptor is a
//! number, by which events, `stats conns` and lines of the log name the connection.
//!
//! A stream belongs to one thread at a time and holds no lock. It never waits.

#![forbid(unsafe_code)]

use crate::sys::io;
use crate::sys::socket::{self, Address};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Result};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// A connection to a peer.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Plain(OwnedFd),
}

/// What came of an attempt to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes received; 0: the peer sends no more.
    pub len: usize,
    /// Whether nothing more is there, until an event says so.
    pub drained: bool,
}

impl Received {
    /// So many bytes of a plain socket, where there was space for `asked`: it had no more, or it
    /// would have filled that.
    fn plain(len: usize, asked: usize) -> Received {
        Received {
            len,
            drained: len < asked,
        }
    }
}

impl Stream {
    /// Its descriptor, to be watched and to be named.
    pub fn fd(&self) -> RawFd {
        match self {
            Stream::Plain(socket) => socket.as_raw_fd(),
        }
    }

    /// Receives into `buffer`, once.
    ///
    /// # Errors
    /// `WouldBlock`: nothing is there. Anything else: the connection is lost.
    pub fn recv(&mut self, buffer: &mut [u8]) -> Result<Received> {
        match self {
            Stream::Plain(socket) => {
                let len = io::recv(socket.as_raw_fd(), buffer)?;
                Ok(Received::plain(len, buffer.len()))
            }
        }
    }

    /// Receives into several buffers, one after the other, once.
    ///
    /// # Errors
    /// Those of [`Stream::recv`].
    pub fn recv_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<Received> {
        match self {
            Stream::Plain(socket) => {
                let asked = buffers.iter().map(|buffer| buffer.len()).sum();
                let len = io::recv_vectored(socket.as_raw_fd(), buffers)?;
                Ok(Received::plain(len, asked))
            }
        }
    }

    /// Sends from `bytes`, once; how many of them the peer's side has taken, 0 if it takes none
    /// now.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Stream::Plain(socket) => would_block_is_zero(io::send(socket.as_raw_fd(), bytes)),
        }
    }

    /// Sends slices, none of them empty, until all are sent or the peer's side takes no more; how
    /// many bytes.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn send_slices(&mut self, slices: &mut [IoSlice<'_>]) -> Result<usize> {
        let Stream::Plain(socket) = self;
        let (mut rest, mut sent) = (slices, 0);
        while !rest.is_empty() {
            let together = rest.iter().take(io::SLICES_MAX);
            let asked: usize = together.map(|slice| slice.len()).sum();
            let len = would_block_is_zero(io::send_vectored(socket.as_raw_fd(), rest))?;
            sent += len;
            if len < asked {
                break; // a short count means that the socket is full: it says when it is not
            }
            IoSlice::advance_slices(&mut rest, len);
        }
        Ok(sent)
    }

    /// Whether there is something to receive: not if the peer sends no more, or is lost.
    pub fn has_input(&self) -> bool {
        match self {
            Stream::Plain(socket) => io::is_readable(socket.as_raw_fd()),
        }
    }

    /// Where the peer is.
    ///
    /// # Errors
    /// Those of `getpeername(2)`.
    pub fn peer_address(&self) -> Result<Address> {
        match self {
            Stream::Plain(socket) => socket::peer_address(socket),
        }
    }

    /// Where the peer has reached us.
    ///
    /// # Errors
    /// Those of `getsockname(2)`.
    pub fn local_address(&self) -> Result<Address> {
        match self {
            Stream::Plain(socket) => socket::local_address(socket),
        }
    }
}

fn would_block_is_zero(outcome: Result<usize>) -> Result<usize> {
    match outcome {
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn pair() -> (Stream, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        (Stream::Plain(here.into()), there)
    }

    #[test]
    fn a_short_read_says_that_nothing_more_is_there() {
        let (mut stream, mut there) = pair();
        let nothing = stream.recv(&mut [0; 4]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        assert!(!stream.has_input());
        there.write_all(b"abcdefg").unwrap();
        assert!(stream.has_input());
        let received = |len, drained| Received { len, drained };
        assert_eq!(stream.recv(&mut [0; 4]).unwrap(), received(4, false));
        let (mut first, mut second) = ([0; 2], [0; 2]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(
            stream.recv_vectored(&mut buffers).unwrap(),
            received(3, true)
        );
        assert_eq!((&first, &second), (b"ef", b"g\0"));
        drop(there);
        assert_eq!(stream.recv(&mut [0; 4]).unwrap(), received(0, true));
        assert!(stream.send(b"x").is_err());
    }

    #[test]
    fn a_peer_that_reads_nothing_takes_so_much_and_no_more() {
        let (mut stream, mut there) = pair();
        let block = [b'x'; 1000];
        let many = || vec![IoSlice::new(&block); 3 * io::SLICES_MAX];
        let taken = stream.send_slices(&mut many()).unwrap();
        assert!(taken > 0 && taken < 3 * io::SLICES_MAX * block.len());
        assert_eq!(stream.send_slices(&mut many()).unwrap(), 0);
        assert_eq!(stream.send(&block).unwrap(), 0);
        there.read_exact(&mut vec![0; taken]).unwrap();
        assert_eq!(stream.send(&block).unwrap(), block.len());
    }
}
