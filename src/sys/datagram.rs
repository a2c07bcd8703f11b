//! Datagrams in and out of UDP sockets, each with the address of its other end.

use super::io::send_message;
use super::socket::{Address, RawAddress};
use super::{check_len, retry};
use std::io::{IoSlice, Result};
use std::os::fd::RawFd;

/// Where a datagram came from, and where the reply goes.
pub struct Peer(RawAddress);

impl Peer {
    /// The address, in a form that can be shown.
    pub fn address(&self) -> Address {
        self.0.decode()
    }
}

/// Receives one datagram into `buffer`; what is longer is cut. `WouldBlock`: nothing there yet.
pub fn recv_from(fd: RawFd, buffer: &mut [u8]) -> Result<(usize, Peer)> {
    retry(|| {
        let mut peer = RawAddress::empty();
        let (storage, storage_len) = peer.parts();
        // SAFETY: the buffer is valid for its length; `peer` has space for any address and
        // tells how much.
        let received = check_len(unsafe {
            call!(recvfrom(
                fd,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
                storage,
                storage_len,
            ))
        });
        received.map(|len| (len, Peer(peer)))
    })
}

/// Sends one datagram made of two pieces, all of it or nothing.
pub fn send_to(fd: RawFd, peer: &Peer, pieces: &[IoSlice<'_>; 2]) -> Result<usize> {
    send_message(fd, Some(&peer.0), pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_datagram_is_answered_to_where_it_came_from() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let fd = server.as_raw_fd();
        let mut buffer = [0; 16];
        let nothing = recv_from(fd, &mut buffer).err().unwrap();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);

        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .send_to(b"question", server.local_addr().unwrap())
            .unwrap();
        let (len, peer) = recv_from(fd, &mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"question");
        let port = client.local_addr().unwrap().port();
        assert_eq!(peer.address().to_string(), format!("tcp:127.0.0.1:{port}"));
        let pieces = [IoSlice::new(b"ans"), IoSlice::new(b"wer")];
        assert_eq!(send_to(fd, &peer, &pieces).unwrap(), 6);
        let len = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"answer");
    }
}
