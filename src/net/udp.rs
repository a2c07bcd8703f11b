//! Requests in datagrams: frames in and out.
//!
//! ```text
//! datagram  | id | sequence | total | 0 | command lines, all of them in this datagram |
//!              └── 8 bytes, four numbers of 16 bits, the higher byte first
//! reply     | id | 0 | 2 | 0 | 1392 bytes |   | id | 1 | 2 | 0 | the rest |
//! ```
//!
//! A datagram speaks text or the binary protocol, as its first byte says. Each command is
//! answered by a message of its own, cut into as many datagrams as it takes.
//! A datagram is a conversation of its own: nothing is left over from it. What a stream would
//! be closed for ends the datagram.
//!
//! The reply to a datagram is as untrustworthy as the address on it, and may be much longer
//! than the request: that is why UDP is off unless asked for.
//!
//! A worker has one of these for each UDP socket that it reads. Several workers may read the
//! same socket; each datagram goes to one of them. All of this runs on the worker's thread,
//! and it holds no lock.

#![forbid(unsafe_code)]

use crate::commands::{Batch, Context, Next, Output, Session};
use crate::server::Server;
use crate::server::caller::Caller;
use crate::server::conns::ConnEntry;
use crate::settings::Protocol;
use crate::store::ThreadState;
use crate::sys::datagram::{self, Peer};
use crate::wire::reply::NO_MEMORY;
use std::io::{ErrorKind, IoSlice, Result};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Bytes of the header of a frame.
const HEADER_LEN: usize = 8;
/// Payload of a datagram at most, so that it passes an Ethernet uncut.
const PAYLOAD_LEN_MAX: usize = 1400 - HEADER_LEN;
/// Longest message: as many datagrams as can be numbered.
const MESSAGE_LEN_MAX: usize = PAYLOAD_LEN_MAX * u16::MAX as usize;
/// Memory that is kept for messages.
const MESSAGE_LEN_KEPT: usize = 64 << 10;
/// Datagrams that are read before other connections have their turn.
const DATAGRAMS_PER_EVENT: usize = 32;

/// A socket that takes datagrams.
pub struct Datagrams<'s> {
    /// What `stats conns` shows of it; dropped before the socket, whose descriptor names it.
    entry: ConnEntry<'s>,
    socket: OwnedFd,
    replies: Replies,
}

/// What a worker lends it.
pub struct Tools<'c, 's> {
    /// The server.
    pub server: &'s Server,
    /// The worker's own part of the store.
    pub local: &'c mut ThreadState,
    /// Memory for a batch.
    pub batch: &'c mut Batch,
    /// Where replies collect.
    pub out: &'c mut Output<'s>,
    /// Memory to receive into: at least as long as the longest datagram.
    pub buffer: &'c mut [u8],
}

/// What answers datagrams, wherever they come from: memory for the message that is being made.
#[derive(Default)]
pub struct Replies {
    bytes: Vec<u8>,
    /// Whether it cannot be sent, as there are not so many datagrams in a message.
    is_too_long: bool,
}

impl<'s> Datagrams<'s> {
    /// A socket that is bound, and its place in `stats conns`.
    pub fn new(socket: OwnedFd, entry: ConnEntry<'s>) -> Datagrams<'s> {
        Datagrams {
            entry,
            socket,
            replies: Replies::default(),
        }
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Answers what has come. What is left after that is announced again.
    pub fn serve(&mut self, tools: &mut Tools<'_, 's>) {
        for _ in 0..DATAGRAMS_PER_EVENT {
            match datagram::recv_from(self.fd(), tools.buffer) {
                Ok((len, peer)) => {
                    tools.local.counters.thread.bytes_read.add(len as u64);
                    tools.server.store.catch_up(tools.local);
                    self.answer(tools, len, &peer);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                // A reply that could not be delivered, as a rule; the next call goes on.
                Err(_) => {}
            }
        }
    }

    /// Answers one datagram, `len` bytes of the buffer.
    fn answer(&mut self, tools: &mut Tools<'_, 's>, len: usize, peer: &Peer) {
        let fd = self.socket.as_raw_fd();
        let from = peer.address();
        let caller = Caller {
            from: Some(&from),
            ..Caller::without_waiting(fd)
        };
        let send = |pieces: &[IoSlice<'_>; 2]| datagram::send_to(fd, peer, pieces);
        if self.replies.answer(tools, len, caller, send) {
            self.entry.set_commanded(tools.server.store.clock.now());
        }
    }
}

/// The id and the payload of a frame, unless it is to be ignored: it must hold something, and
/// be all of its message.
fn request(frame: &[u8]) -> Option<([u8; 2], &[u8])> {
    let (header, payload) = frame.split_first_chunk::<HEADER_LEN>()?;
    let [id_high, id_low, _, _, total_high, total_low, _, _] = *header;
    let is_alone = u16::from_be_bytes([total_high, total_low]) == 1;
    (is_alone && !payload.is_empty()).then_some(([id_high, id_low], payload))
}

impl Replies {
    /// Carries out the commands of one datagram, `len` bytes of the buffer, and gives `send`
    /// each datagram of their replies, a header and a payload. Returns whether there was a
    /// command.
    pub fn answer<'s>(
        &mut self,
        tools: &mut Tools<'_, 's>,
        len: usize,
        caller: Caller<'_>,
        mut send: impl FnMut(&[IoSlice<'_>; 2]) -> Result<usize>,
    ) -> bool {
        let Some((id, input)) = request(&tools.buffer[..len]) else {
            return false;
        };
        // No reply waits for the client to take it, so their number is not limited.
        let mut cx = Context::new(tools.server, tools.local, tools.batch, caller, None);
        // Its first byte tells what it speaks, whatever connections speak.
        let mut session = Session::new(&tools.server.settings, Protocol::Auto);
        let mut at = 0;
        loop {
            let mut turn = 1; // a command at a time, for the messages
            let handled = session.handle(&mut cx, &input[at..], tools.out, &mut turn);
            at += handled.consumed;
            if handled.next == Next::Input {
                session.end(&cx, tools.out);
            }
            self.take(tools.out);
            let is_over = match handled.next {
                Next::Flush => continue,
                Next::Turn if session.is_in_reply() => continue,
                Next::Turn => false,
                // `watch` has been refused to a datagram, and it has nothing to wait for.
                Next::Input | Next::Close(_) | Next::Watch(_) | Next::Wait => true,
            };
            cx.count_written(self.send(id, &mut send));
            if is_over {
                return session.take_commanded();
            }
        }
    }

    /// Appends what `out` holds, and empties that.
    fn take(&mut self, out: &mut Output<'_>) {
        self.is_too_long |= self.bytes.len() + out.len() > MESSAGE_LEN_MAX;
        if !self.is_too_long {
            out.each_piece(|piece| self.bytes.extend_from_slice(piece));
        }
        out.clear();
    }

    /// Sends it in numbered datagrams, and is empty after that; returns how many bytes went
    /// out. When the socket takes no more, the rest is lost, as any datagram may be.
    fn send(
        &mut self,
        id: [u8; 2],
        mut send: impl FnMut(&[IoSlice<'_>; 2]) -> Result<usize>,
    ) -> usize {
        if std::mem::take(&mut self.is_too_long) {
            self.bytes.clear();
            self.bytes.extend_from_slice(NO_MEMORY);
        }
        let total = self.bytes.len().div_ceil(PAYLOAD_LEN_MAX) as u16;
        let mut sent = 0;
        for (sequence, payload) in (0u16..).zip(self.bytes.chunks(PAYLOAD_LEN_MAX)) {
            let header = header(id, sequence, total);
            let pieces = [IoSlice::new(&header), IoSlice::new(payload)];
            match send(&pieces) {
                Ok(len) => sent += len,
                Err(_) => break,
            }
        }
        self.bytes.clear();
        self.bytes.shrink_to(MESSAGE_LEN_KEPT);
        sent
    }
}

fn header(id: [u8; 2], sequence: u16, total: u16) -> [u8; HEADER_LEN] {
    let ([s0, s1], [t0, t1]) = (sequence.to_be_bytes(), total.to_be_bytes());
    [id[0], id[1], s0, s1, t0, t1, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Put;

    #[test]
    fn a_frame_is_all_of_its_message_and_holds_something() {
        assert_eq!(
            request(b"\x12\x34\0\x07\0\x01\xab\xcdx"),
            Some((*b"\x12\x34", &b"x"[..]))
        );
        for ignored in [
            &b""[..],
            b"mn\r\n",
            b"\0\x01\0\0\0\x01\0\0",
            b"\0\x01\0\0\0\x02\0\0x",
            b"\0\x01\0\0\x01\x01\0\0x",
            b"\0\x01\0\0\0\0\0\0x",
        ] {
            assert_eq!(request(ignored), None);
        }
    }

    #[test]
    fn a_message_that_cannot_be_numbered_is_not_kept() {
        let mut message = Replies::default();
        let mut out = Output::new();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..100 {
            out.put(&piece);
            message.take(&mut out);
        }
        assert!(message.is_too_long && message.bytes.len() <= MESSAGE_LEN_MAX);
        assert_eq!(header(*b"ab", 1, 0x102), *b"ab\0\x01\x01\x02\0\0");
    }
}
