//! `stats conns`: what each open connection is doing.
//!
//! ```text
//! owner of a connection ── state, second of its last command ──► slot ◄── stats conns
//!                          (each only when it has changed)       by descriptor
//! ```
//!
//! Whoever owns a connection holds its [`Seat`] and keeps the slot up to date; nobody is asked
//! for anything, and nobody waits. State and time are atomics. The address is under the
//! slot's mutex, which is taken when a connection comes or goes, and to show it: as long as
//! it is held, the descriptor belongs to that connection.
//!
//! Locks: one mutex a slot; nothing is taken under it.

#![forbid(unsafe_code)]

use super::Server;
use super::caller::Caller;
use crate::sys::socket::{self, Address};
use std::fmt::Display;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// Slots that memory is taken for at a time.
const BLOCK_LEN: usize = 64;

/// What a connection is doing, by the names that tools know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// It accepts clients.
    Listening,
    /// It has sent nothing yet.
    New,
    /// It waits for a command.
    Read,
    /// A command of its own is being carried out.
    Parse,
    /// Part of a value is missing.
    Value,
    /// It sends bytes that nobody wants.
    Swallow,
    /// It does not take its replies.
    Blocked,
    /// It is sent log lines.
    Watch,
    /// A reply is not ready.
    Waiting,
}

impl State {
    const ALL: [State; 9] = [
        State::Listening,
        State::New,
        State::Read,
        State::Parse,
        State::Value,
        State::Swallow,
        State::Blocked,
        State::Watch,
        State::Waiting,
    ];

    fn name(self) -> &'static str {
        match self {
            State::Listening => "conn_listening",
            State::New => "conn_new_cmd",
            State::Read => "conn_read",
            State::Parse => "conn_parse_cmd",
            State::Value => "conn_nread",
            State::Swallow => "conn_swallow",
            State::Blocked => "conn_mwrite",
            State::Watch => "conn_watch",
            State::Waiting => "conn_io_queue",
        }
    }
}

/// What kind of socket it is; decides which lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It accepts clients; its address is where it is bound.
    Listener,
    /// It takes datagrams; its address is where it is bound.
    Datagrams,
    /// A client; its address is the other end's.
    Client,
}

/// The place of one descriptor.
struct Slot {
    state: AtomicU8,
    /// Clock second of the last command, or of the beginning.
    commanded_s: AtomicU32,
    open: Mutex<Option<(Kind, Address)>>,
}

/// The slots of all descriptors that the process may have.
pub struct Conns {
    blocks: Box<[OnceLock<Box<[Slot]>>]>,
}

/// An open connection's slot; dropping it empties the slot. It must go before the descriptor
/// is closed.
pub struct Seat<'s> {
    /// None: the descriptor is beyond those that are shown.
    slot: Option<&'s Slot>,
    /// What the slot says, so that it is written only for a change.
    state: State,
    commanded_s: u32,
}

impl Conns {
    /// Empty slots for descriptors below `descriptors_max`.
    pub fn new(descriptors_max: usize) -> Conns {
        let blocks = descriptors_max.div_ceil(BLOCK_LEN);
        Conns {
            blocks: std::iter::repeat_with(OnceLock::new).take(blocks).collect(),
        }
    }

    /// Fills the slot of a connection that has just been opened, at clock second `now_s`.
    pub fn open(&self, fd: RawFd, kind: Kind, address: Address, now_s: u32) -> Seat<'_> {
        let state = match kind {
            Kind::Listener => State::Listening,
            Kind::Datagrams => State::Read,
            Kind::Client => State::New,
        };
        let slot = self.slot(fd);
        if let Some(slot) = slot {
            slot.state.store(state as u8, Relaxed);
            slot.commanded_s.store(now_s, Relaxed);
            *slot.open.lock().unwrap() = Some((kind, address));
        }
        Seat {
            slot,
            state,
            commanded_s: now_s,
        }
    }

    /// Empties the slot of a connection whose seat was given up; gives its address.
    pub fn take(&self, fd: RawFd) -> Option<Address> {
        let slot = self.slot(fd)?;
        let (_, address) = slot.open.lock().unwrap().take()?;
        Some(address)
    }

    fn slot(&self, fd: RawFd) -> Option<&Slot> {
        let fd = usize::try_from(fd).ok()?;
        let block = self.blocks.get(fd / BLOCK_LEN)?;
        Some(&block.get_or_init(new_block)[fd % BLOCK_LEN])
    }

    /// Gives each open connection, in the order of descriptors, under its slot's mutex.
    fn each(&self, mut give: impl FnMut(RawFd, &Slot, Kind, &Address)) {
        for (index, block) in self.blocks.iter().enumerate() {
            for (at, slot) in block.get().into_iter().flatten().enumerate() {
                if let Some((kind, address)) = &*slot.open.lock().unwrap() {
                    give((index * BLOCK_LEN + at) as RawFd, slot, *kind, address);
                }
            }
        }
    }
}

fn new_block() -> Box<[Slot]> {
    let empty = || Slot {
        state: AtomicU8::new(State::New as u8),
        commanded_s: AtomicU32::new(0),
        open: Mutex::new(None),
    };
    std::iter::repeat_with(empty).take(BLOCK_LEN).collect()
}

impl Seat<'_> {
    /// Says what the connection is doing.
    #[inline]
    pub fn set_state(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            if let Some(slot) = self.slot {
                slot.state.store(state as u8, Relaxed);
            }
        }
    }

    /// Says that it has sent a command, at clock second `now_s`.
    #[inline]
    pub fn set_commanded(&mut self, now_s: u32) {
        if self.commanded_s != now_s {
            self.commanded_s = now_s;
            if let Some(slot) = self.slot {
                slot.commanded_s.store(now_s, Relaxed);
            }
        }
    }

    /// Gives the seat up: the connection stays open, in the hands of whoever takes it out of
    /// the table by [`Conns::take`].
    pub fn give_up(mut self, state: State) {
        self.set_state(state);
        std::mem::forget(self);
    }

    /// The address that was given when it was opened.
    pub fn address(&self) -> Address {
        let open = self.slot.map(|slot| slot.open.lock().unwrap().clone());
        open.flatten()
            .map_or(Address::Unnamed, |(_, address)| address)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            *slot.open.lock().unwrap() = None;
        }
    }
}

impl Server {
    /// `stats conns`: a few lines for each open connection.
    pub fn stats_conns(&self, caller: Caller<'_>, mut line: impl FnMut(&str, &dyn Display)) {
        let now_s = self.store.clock.now();
        self.conns.each(|fd, slot, kind, address| {
            let mut of = |name: &str, value: &dyn Display| line(&format!("{fd}:{name}"), value);
            let asks = caller.fd == fd;
            let from = caller.from.filter(|_| asks);
            if kind == Kind::Datagrams {
                of("UDP", &"UDP");
            }
            of("addr", &shown(kind, from.unwrap_or(address)));
            if kind == Kind::Client || from.is_some() {
                let local = socket::local_address_of(fd).unwrap_or(Address::Unnamed);
                of("listen_addr", &shown(kind, &local));
            }
            let state = if asks {
                State::Parse
            } else {
                State::ALL[usize::from(slot.state.load(Relaxed))]
            };
            of("state", &state.name());
            let commanded_s = if asks {
                now_s
            } else {
                slot.commanded_s.load(Relaxed)
            };
            of("secs_since_last_cmd", &now_s.saturating_sub(commanded_s));
        });
    }
}

/// An address knows its family, and not that it is one of datagrams.
fn shown(kind: Kind, address: &Address) -> String {
    let text = address.to_string();
    match text.strip_prefix("tcp") {
        Some(rest) if kind == Kind::Datagrams => format!("udp{rest}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_by_its_number() {
        for (index, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, index);
        }
    }

    #[test]
    fn a_slot_is_filled_as_long_as_its_seat_is_held() {
        let conns = Conns::new(100);
        let listed = || {
            let mut list = Vec::new();
            conns.each(|fd, slot, kind, _| {
                let state = State::ALL[usize::from(slot.state.load(Relaxed))];
                list.push((fd, kind, state, slot.commanded_s.load(Relaxed)));
            });
            list
        };
        assert_eq!(listed(), []);
        let mut client = conns.open(70, Kind::Client, Address::Unnamed, 5);
        let listener = conns.open(3, Kind::Listener, Address::Unnamed, 2);
        client.set_state(State::Read);
        client.set_commanded(9);
        let listening = (3, Kind::Listener, State::Listening, 2);
        assert_eq!(
            listed(),
            [listening, (70, Kind::Client, State::Read, 9)],
            "in the order of descriptors"
        );
        drop(client);
        assert_eq!(listed(), [listening]);
        drop(listener);
        let beyond = conns.open(128, Kind::Client, Address::Unnamed, 5);
        assert_eq!(listed(), [], "what has no slot is not shown");
        drop(beyond);
        let watcher = conns.open(7, Kind::Client, Address::Unnamed, 5);
        watcher.give_up(State::Watch);
        assert_eq!(listed(), [(7, Kind::Client, State::Watch, 5)]);
        assert_eq!(conns.take(7), Some(Address::Unnamed));
        assert_eq!((conns.take(7), listed()), (None, vec![]));
    }
}
