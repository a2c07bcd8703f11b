//! One client: a socket, a session, and what is left over between two events.
//!
//! A connection owns memory only while it has a partial request (`stash`, or a draft in its
//! session) or replies that the client has not taken (`unsent`). Buffers are the worker's.

#![forbid(unsafe_code)]

use super::stash::Stash;
use crate::commands::{Awaits, Output, Pin, Session};
use crate::server::conns::{ConnEntry, State};
use crate::server::log::Reason;
use crate::store::Local;
use crate::sys::io;
use crate::sys::socket::{self, Address};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Result};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// A rest of a value that is at least so long is received into item memory; for less, the
/// copy is cheaper than a longer system call.
const DIRECT_LEN_MIN: usize = 4 << 10;

/// A client.
pub struct Connection<'s> {
    /// What others are told about it; it goes before the socket.
    entry: ConnEntry<'s>,
    socket: OwnedFd,
    /// The protocol's side.
    pub session: Session<'s>,
    /// Input that has been read and not consumed.
    pub stash: Stash,
    /// Whether the session has seen all of the stash and wants more.
    pub wants_input: bool,
    /// Whether the connection stands in the worker's run queue.
    pub queued: bool,
    /// Why it is to be closed once its replies are sent, if it is.
    pub closing: Option<Reason>,
    /// Buffers that its stash counts as, if there is a limit.
    pub held: u32,
    /// When it last sent a command, or came, in seconds that the process was awake.
    pub active_s: u32,
    /// Whether the client sends no more: what it has sent is read to the end.
    pub hung_up: bool,
    unsent: Option<Box<Unsent<'s>>>,
}

/// Replies that the client has not taken yet.
struct Unsent<'s> {
    bytes: Vec<u8>,
    pins: Vec<Pin<'s>>,
    /// Bytes of all that which have been sent.
    sent: usize,
    len: usize,
}

/// What came of an attempt to read.
pub struct Received {
    /// Bytes received, wherever they went.
    pub total: usize,
    /// Where the input is.
    pub input: Input,
    /// Whether there was room for more, so that the socket is empty now.
    pub drained: bool,
}

/// Where input is.
#[derive(Clone, Copy)]
pub enum Input {
    /// In the worker's buffer, from its start, so many bytes.
    Buffer(usize),
    /// In the connection's stash.
    Stash,
}

impl<'s> Connection<'s> {
    /// A client that has just been accepted, when the process had been awake for `active_s`.
    pub fn new(
        socket: OwnedFd,
        entry: ConnEntry<'s>,
        session: Session<'s>,
        active_s: u32,
    ) -> Connection<'s> {
        Connection {
            entry,
            socket,
            session,
            stash: Stash::default(),
            wants_input: true,
            queued: false,
            closing: None,
            held: 0,
            active_s,
            hung_up: false,
            unsent: None,
        }
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Where the client is.
    pub fn peer(&self) -> Address {
        self.entry.address()
    }

    /// Gives the socket away, to be sent events; whatever was left over is forgotten.
    pub fn into_watcher(self) -> OwnedFd {
        self.entry.leave(State::Watch);
        self.socket
    }

    /// Says in `stats conns` what it does until its next event. `now_s` is the clock second.
    #[inline]
    pub fn publish(&mut self, now_s: u32) {
        let state = match self.session.awaits() {
            Awaits::Dump => State::Watch,
            _ if self.is_blocked() => State::Blocked,
            Awaits::Command => State::Read,
            Awaits::Value => State::Value,
            Awaits::Swallow => State::Swallow,
        };
        self.entry.set_state(state);
        if self.session.take_commanded() {
            self.entry.set_commanded(now_s);
        }
    }

    /// Whether it is for the client to say something: it is not in the middle of sending a
    /// value or of taking a reply, its turn is not due, and it has not just said something that
    /// has not been read yet. Only TCP has a reason to doubt that a silent client is there.
    pub fn may_be_idle(&self) -> bool {
        let waits = !self.queued && !self.is_blocked() && self.session.awaits() == Awaits::Command;
        let is_remote = |address: Address| !address.is_unix();
        waits
            && socket::local_address(&self.socket).is_ok_and(is_remote)
            && !io::is_readable(self.fd())
    }

    /// Whether the client has not taken all replies.
    pub fn is_blocked(&self) -> bool {
        self.unsent.is_some()
    }

    /// Reads once. Bytes go into the value that is arriving, if there is one, and after that
    /// into `buffer`, behind what was stashed; a long stash is read into itself.
    ///
    /// # Errors
    /// `WouldBlock`: nothing there, nothing changed. Anything else: the connection is lost.
    pub fn receive(&mut self, local: &mut Local, buffer: &mut [u8]) -> Result<Received> {
        let fd = self.socket.as_raw_fd();
        if self.stash.is_long() {
            let (total, drained) = self.stash.receive(fd)?;
            return Ok(Received {
                total,
                input: Input::Stash,
                drained,
            });
        }
        let stashed = self.stash.bytes().len();
        buffer[..stashed].copy_from_slice(self.stash.bytes());
        let spare = &mut buffer[stashed..];
        let room = spare.len();
        let window = if stashed == 0 {
            self.session.window(local, DIRECT_LEN_MIN)
        } else {
            None
        };
        let (total, direct_room) = match window {
            Some(window) => {
                let len = window.len();
                let slices = &mut [IoSliceMut::new(window), IoSliceMut::new(spare)];
                (io::recv_vectored(fd, slices)?, len)
            }
            None => (io::recv(fd, spare)?, 0),
        };
        let direct = total.min(direct_room);
        self.session.received(direct);
        self.drop_stash();
        Ok(Received {
            total,
            input: Input::Buffer(stashed + total - direct),
            drained: total < room + direct_room,
        })
    }

    /// The stash as input, without reading more; a short one is moved into `buffer`.
    pub fn unstash(&mut self, buffer: &mut [u8]) -> Input {
        if self.stash.is_long() {
            return Input::Stash;
        }
        let len = self.stash.bytes().len();
        buffer[..len].copy_from_slice(self.stash.bytes());
        self.drop_stash();
        Input::Buffer(len)
    }

    /// The stash has been copied, or nobody will read it.
    pub fn drop_stash(&mut self) {
        if self.session.awaits_secret() {
            self.stash.wipe(self.stash.bytes().len());
        }
        self.stash = Stash::default();
    }

    /// Reads what has come already, and throws it away, before a connection is closed from
    /// this side: a socket that is closed with unread input is reset, and the last replies
    /// may be lost with it. Not for ever, whatever the client sends.
    pub fn discard_input(&mut self, buffer: &mut [u8]) {
        const READS_MAX: usize = 16;
        for _ in 0..READS_MAX {
            if self.closing.is_none() || io::recv(self.socket.as_raw_fd(), buffer).unwrap_or(0) == 0
            {
                return;
            }
        }
    }

    /// Sends all of `out`, or keeps what the client does not take. `out` is empty after that.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn send(&mut self, out: &mut Output<'s>) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        assert!(self.unsent.is_none(), "no reply is made while others wait");
        let sent = if out.pins().is_empty() {
            would_block_is_zero(io::send(self.socket.as_raw_fd(), out.bytes()))?
        } else {
            send_slices(self.socket.as_raw_fd(), out.bytes(), out.pins(), 0)?
        };
        if sent == out.len() {
            out.clear();
            return Ok(sent);
        }
        let len = out.len();
        let (bytes, pins) = out.take();
        self.unsent = Some(Box::new(Unsent {
            bytes,
            pins,
            sent,
            len,
        }));
        Ok(sent)
    }

    /// Sends more of what waits; returns how many bytes went out.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn send_rest(&mut self) -> Result<usize> {
        let Some(unsent) = &mut self.unsent else {
            return Ok(0);
        };
        let sent = send_slices(
            self.socket.as_raw_fd(),
            &unsent.bytes,
            &unsent.pins,
            unsent.sent,
        )?;
        unsent.sent += sent;
        if unsent.sent == unsent.len {
            self.unsent = None;
        }
        Ok(sent)
    }
}

/// Sends bytes and pinned values from byte `skip` on, until the socket takes no more.
fn send_slices(fd: i32, bytes: &[u8], pins: &[Pin<'_>], skip: usize) -> Result<usize> {
    let mut slices: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    for pin in pins {
        slices.push(&bytes[at..pin.after]);
        slices.extend(pin.value.pieces());
        at = pin.after;
    }
    slices.push(&bytes[at..]);
    let mut to_skip = skip;
    let mut slices: Vec<IoSlice<'_>> = slices
        .into_iter()
        .map(|slice| {
            let skipped = to_skip.min(slice.len());
            to_skip -= skipped;
            IoSlice::new(&slice[skipped..])
        })
        .filter(|slice| !slice.is_empty())
        .collect();
    let mut rest = &mut slices[..];
    let mut sent = 0;
    while !rest.is_empty() {
        let asked: usize = rest
            .iter()
            .take(io::SLICES_MAX)
            .map(|slice| slice.len())
            .sum();
        let len = would_block_is_zero(io::send_vectored(fd, rest))?;
        sent += len;
        if len < asked {
            break; // a short count means that the socket is full: it says when it is not
        }
        IoSlice::advance_slices(&mut rest, len);
    }
    Ok(sent)
}

fn would_block_is_zero(outcome: Result<usize>) -> Result<usize> {
    match outcome {
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
        outcome => outcome,
    }
}
