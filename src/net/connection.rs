//! One client: a socket, a session, and what is left over between two events.
//!
//! A connection owns memory only while it has a partial request (`stash`, or a draft in its
//! session) or replies that the client has not taken (`unsent`). Buffers are the worker's.

#![forbid(unsafe_code)]

use super::stash::Stash;
use super::stream::{Received, Stream};
use crate::commands::{Awaits, Output, Pin, Session};
use crate::server::conns::{ConnEntry, ConnState};
use crate::server::log::Reason;
use crate::store::ThreadState;
use crate::sys::epoll::Readiness;
use crate::sys::socket::Address;
use std::io::{IoSlice, IoSliceMut, Result};
use std::os::fd::RawFd;

/// A rest of a value that is at least so long is received into item memory; for less, the
/// copy is cheaper than a longer system call.
const DIRECT_LEN_MIN: usize = 4 << 10;

/// A client.
pub struct Connection<'s> {
    /// What `stats conns` shows of it; dropped before the stream, whose descriptor names it.
    entry: ConnEntry<'s>,
    stream: Stream,
    /// The protocol's side.
    pub session: Session<'s>,
    /// Input that has been read and not consumed.
    pub stash: Stash,
    /// What it goes on with.
    pub wants: Wants,
    /// Whether the connection stands in the worker's run queue.
    pub queued: bool,
    /// Why it is to be closed once its replies are sent, if it is.
    pub closing: Option<Reason>,
    /// Buffers that its stash counts as, if there is a limit.
    pub held: u32,
    /// When it last sent a command, or came, in seconds that the process was awake.
    pub active_s: u32,
    /// How much of the client's side has ended.
    pub ended: Ended,
    /// Whether a short read does not mean that the socket is empty: the end is in it, or urgent
    /// data, where a read stops.
    pub stops_short: bool,
    unsent: Option<Box<Unsent<'s>>>,
}

/// What a connection goes on with, once its replies so far are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// More input: the session has seen all of the stash.
    Input,
    /// A turn: the session has more to do, with the stash or without.
    Turn,
    /// A reply that is not ready. The connection is *parked*: nothing is read from it.
    Reply,
}

/// How much of a client's side has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Nothing.
    Nothing,
    /// It sends no more: what it has sent is read to the end, and answered.
    Sending,
    /// It is gone, and no reply can reach it.
    All,
}

/// Replies that the client has not taken yet.
struct Unsent<'s> {
    bytes: Vec<u8>,
    pins: Vec<Pin<'s>>,
    /// Bytes of all that which have been sent.
    sent: usize,
    len: usize,
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
        stream: Stream,
        entry: ConnEntry<'s>,
        session: Session<'s>,
        active_s: u32,
    ) -> Connection<'s> {
        Connection {
            entry,
            stream,
            session,
            stash: Stash::default(),
            wants: Wants::Input,
            queued: false,
            closing: None,
            held: 0,
            active_s,
            ended: Ended::Nothing,
            stops_short: false,
            unsent: None,
        }
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        self.stream.fd()
    }

    /// Where the client is.
    pub fn peer(&self) -> Address {
        self.entry.address()
    }

    /// Gives the stream away, to be sent events; whatever was left over is forgotten.
    pub fn into_watcher(self) -> Stream {
        self.entry.leave(ConnState::Watch);
        self.stream
    }

    /// Says in `stats conns` what it does until its next event. `now_s` is the clock second.
    #[inline]
    pub fn publish(&mut self, now_s: u32) {
        let state = match self.session.awaits() {
            Awaits::Dump => ConnState::Watch,
            _ if self.is_blocked() => ConnState::Blocked,
            _ if self.wants == Wants::Reply => ConnState::Waiting,
            Awaits::Command | Awaits::Reply => ConnState::Read,
            Awaits::Value => ConnState::Value,
            Awaits::Discard => ConnState::Swallow,
        };
        self.entry.set_state(state);
        if self.session.take_commanded() {
            self.entry.set_commanded(now_s);
        }
    }

    /// Whether it is for the client to say something: it is not in the middle of sending a
    /// value or of taking a reply, its turn is not due, and it has not just said something that
    /// has not been read yet. Only TCP has a reason to doubt that a silent client is there.
    /// A parked one waits for us, and is idle only if it has said that it will say no more: most
    /// such clients have gone, which TCP does not tell before something is sent to them. What it
    /// had said before is in its socket, and does not count.
    pub fn may_be_idle(&self) -> bool {
        let is_parked = self.wants == Wants::Reply;
        let is_its_turn = if is_parked {
            self.ended != Ended::Nothing
        } else {
            self.session.awaits() == Awaits::Command
        };
        let waits = is_its_turn && !self.queued && !self.is_blocked();
        let is_remote = |address: Address| !address.is_unix();
        waits
            && self.stream.local_address().is_ok_and(is_remote)
            && (is_parked || !self.stream.has_input())
    }

    /// Notes what an event says of the client's side.
    pub fn note_end(&mut self, event: Readiness) {
        let ended = match event {
            Readiness { gone: true, .. } => Ended::All,
            Readiness { hung_up: true, .. } => Ended::Sending,
            _ => Ended::Nothing,
        };
        self.ended = self.ended.max(ended);
        self.stops_short |= event.hung_up | event.urgent;
    }

    /// Whether it waits for a reply that would not reach the client.
    pub fn waits_in_vain(&self) -> bool {
        self.wants == Wants::Reply && self.ended == Ended::All
    }

    /// Whether the client has not taken all replies.
    pub fn is_blocked(&self) -> bool {
        self.unsent.is_some()
    }

    /// Reads once, and says where the input is. Bytes go into the value that is arriving, if there
    /// is one, and after that into `buffer`, behind what was stashed; a long stash is read into
    /// itself.
    ///
    /// # Errors
    /// `WouldBlock`: nothing there, nothing changed. Anything else: the connection is lost.
    pub fn receive(
        &mut self,
        local: &mut ThreadState,
        buffer: &mut [u8],
    ) -> Result<(Received, Input)> {
        if self.stash.is_long() {
            return Ok((self.stash.receive(&mut self.stream)?, Input::Stash));
        }
        let stashed = self.stash.bytes().len();
        buffer[..stashed].copy_from_slice(self.stash.bytes());
        let spare = &mut buffer[stashed..];
        let window = if stashed == 0 {
            self.session.window(local, DIRECT_LEN_MIN)
        } else {
            None
        };
        let (received, direct) = match window {
            Some(window) => {
                let window_len = window.len();
                let slices = &mut [IoSliceMut::new(window), IoSliceMut::new(spare)];
                let received = self.stream.recv_vectored(slices)?;
                (received, received.len.min(window_len))
            }
            None => (self.stream.recv(spare)?, 0),
        };
        self.session.received(direct);
        self.drop_stash();
        Ok((received, Input::Buffer(stashed + received.len - direct)))
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

    /// The stash has been copied, or will not be read.
    pub fn drop_stash(&mut self) {
        if self.session.awaits_secret() {
            self.stash.wipe(self.stash.bytes().len());
        }
        self.stash = Stash::default();
    }

    /// Reads what has come already, and drops it, before a connection is closed from
    /// this side: a socket that is closed with unread input is reset, and the last replies
    /// may be lost with it. Only so many reads, whatever the client sends.
    pub fn discard_input(&mut self, buffer: &mut [u8]) {
        const READS_MAX: usize = 16;
        for _ in 0..READS_MAX {
            let received = self.closing.map(|_| self.stream.recv(buffer));
            if !matches!(received, Some(Ok(Received { len: 1.., .. }))) {
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
            self.stream.send(out.bytes())?
        } else {
            send_slices(&mut self.stream, out.bytes(), out.pins(), 0)?
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
        let sent = send_slices(&mut self.stream, &unsent.bytes, &unsent.pins, unsent.sent)?;
        unsent.sent += sent;
        if unsent.sent == unsent.len {
            self.unsent = None;
        }
        Ok(sent)
    }
}

/// Sends bytes and pinned values from byte `skip` on, until the socket takes no more.
fn send_slices(stream: &mut Stream, bytes: &[u8], pins: &[Pin<'_>], skip: usize) -> Result<usize> {
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
    stream.send_slices(&mut slices)
}
