//! `stats conns`: what each open connection is doing.
//!
//! ```text
//! owner of a connection ── state, second of its last command ──► slot ◄── stats conns
//!                          (each only when it has changed)       by descriptor
//! ```
//!
//! The thread that owns a connection holds its [`ConnEntry`] and keeps the slot up to date;
//! `stats conns` asks no other thread, and waits for none. State and time are atomics. The address
//! is under the slot's mutex, which is taken when a connection comes or goes, and to show it: as
//! long as it is held, the descriptor belongs to that connection.
//!
//! Locks: one mutex a slot; nothing is taken under it.

#![forbid(unsafe_code)]

use crate::sys::socket::Address;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// Slots that memory is taken for at a time.
const BLOCK_LEN: usize = 64;

/// What a connection is doing, by the names that tools know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnState {
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
    /// It sends bytes that are read and dropped.
    Swallow,
    /// It does not read its replies.
    Blocked,
    /// It watches: it is sent log lines.
    Watch,
    /// A reply is not ready.
    Waiting,
}

impl ConnState {
    const ALL: [ConnState; 9] = [
        ConnState::Listening,
        ConnState::New,
        ConnState::Read,
        ConnState::Parse,
        ConnState::Value,
        ConnState::Swallow,
        ConnState::Blocked,
        ConnState::Watch,
        ConnState::Waiting,
    ];

    /// The name that tools know.
    pub fn name(self) -> &'static str {
        match self {
            ConnState::Listening => "conn_listening",
            ConnState::New => "conn_new_cmd",
            ConnState::Read => "conn_read",
            ConnState::Parse => "conn_parse_cmd",
            ConnState::Value => "conn_nread",
            ConnState::Swallow => "conn_swallow",
            ConnState::Blocked => "conn_mwrite",
            ConnState::Watch => "conn_watch",
            ConnState::Waiting => "conn_io_queue",
        }
    }
}

/// What kind of socket it is; decides which lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// It accepts clients; its address is where it is bound.
    Listener,
    /// It takes datagrams; its address is where it is bound.
    Datagrams,
    /// A client; its address is the other end's.
    Client,
}

/// The place of one descriptor.
pub(super) struct StatusSlot {
    state: AtomicU8,
    /// Clock second of the last command, or of the beginning.
    commanded_s: AtomicU32,
    open: Mutex<Option<(SocketKind, Address)>>,
}

/// The slots of all descriptors that the process may have.
pub struct Conns {
    blocks: Box<[OnceLock<Box<[StatusSlot]>>]>,
}

/// An open connection's slot; dropping it empties the slot. It must be dropped before the
/// descriptor is closed.
pub struct ConnEntry<'s> {
    /// None: the descriptor is beyond those that are shown.
    slot: Option<&'s StatusSlot>,
    /// What the slot says, so that it is written only for a change.
    state: ConnState,
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
    pub fn open(&self, fd: RawFd, kind: SocketKind, address: Address, now_s: u32) -> ConnEntry<'_> {
        let state = match kind {
            SocketKind::Listener => ConnState::Listening,
            SocketKind::Datagrams => ConnState::Read,
            SocketKind::Client => ConnState::New,
        };
        let slot = self.slot(fd);
        if let Some(slot) = slot {
            slot.state.store(state as u8, Relaxed);
            slot.commanded_s.store(now_s, Relaxed);
            *slot.open.lock().unwrap() = Some((kind, address));
        }
        ConnEntry {
            slot,
            state,
            commanded_s: now_s,
        }
    }

    /// Empties the slot of a connection whose entry was [left](ConnEntry::leave) in the table; gives
    /// its address.
    pub fn take(&self, fd: RawFd) -> Option<Address> {
        let slot = self.slot(fd)?;
        let (_, address) = slot.open.lock().unwrap().take()?;
        Some(address)
    }

    fn slot(&self, fd: RawFd) -> Option<&StatusSlot> {
        let fd = usize::try_from(fd).ok()?;
        let block = self.blocks.get(fd / BLOCK_LEN)?;
        Some(&block.get_or_init(new_block)[fd % BLOCK_LEN])
    }

    /// Gives each open connection, in the order of descriptors, under its slot's mutex.
    pub(super) fn each(&self, mut give: impl FnMut(RawFd, &StatusSlot, SocketKind, &Address)) {
        for (index, block) in self.blocks.iter().enumerate() {
            for (at, slot) in block.get().into_iter().flatten().enumerate() {
                if let Some((kind, address)) = &*slot.open.lock().unwrap() {
                    give((index * BLOCK_LEN + at) as RawFd, slot, *kind, address);
                }
            }
        }
    }
}

fn new_block() -> Box<[StatusSlot]> {
    let empty = || StatusSlot {
        state: AtomicU8::new(ConnState::New as u8),
        commanded_s: AtomicU32::new(0),
        open: Mutex::new(None),
    };
    std::iter::repeat_with(empty).take(BLOCK_LEN).collect()
}

impl StatusSlot {
    /// What its connection is doing.
    pub(super) fn state(&self) -> ConnState {
        ConnState::ALL[usize::from(self.state.load(Relaxed))]
    }

    /// Clock second of its last command, or of the beginning.
    pub(super) fn commanded_s(&self) -> u32 {
        self.commanded_s.load(Relaxed)
    }
}

impl ConnEntry<'_> {
    /// Says what the connection is doing.
    #[inline]
    pub fn set_state(&mut self, state: ConnState) {
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

    /// Leaves the slot filled: the connection stays open, and its new owner empties the slot by
    /// [`Conns::take`].
    pub fn leave(mut self, state: ConnState) {
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

impl Drop for ConnEntry<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            *slot.open.lock().unwrap() = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_by_its_number() {
        for (index, state) in ConnState::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, index);
        }
    }

    #[test]
    fn a_slot_is_filled_as_long_as_its_entry_is_held() {
        let conns = Conns::new(100);
        let listed = || {
            let mut list = Vec::new();
            conns.each(|fd, slot, kind, _| {
                list.push((fd, kind, slot.state(), slot.commanded_s()));
            });
            list
        };
        assert_eq!(listed(), []);
        let mut client = conns.open(70, SocketKind::Client, Address::Unnamed, 5);
        let listener = conns.open(3, SocketKind::Listener, Address::Unnamed, 2);
        client.set_state(ConnState::Read);
        client.set_commanded(9);
        let listening = (3, SocketKind::Listener, ConnState::Listening, 2);
        assert_eq!(
            listed(),
            [listening, (70, SocketKind::Client, ConnState::Read, 9)],
            "in the order of descriptors"
        );
        drop(client);
        assert_eq!(listed(), [listening]);
        drop(listener);
        let beyond = conns.open(128, SocketKind::Client, Address::Unnamed, 5);
        assert_eq!(listed(), [], "what has no slot is not shown");
        drop(beyond);
        let watcher = conns.open(7, SocketKind::Client, Address::Unnamed, 5);
        watcher.leave(ConnState::Watch);
        assert_eq!(listed(), [(7, SocketKind::Client, ConnState::Watch, 5)]);
        assert_eq!(conns.take(7), Some(Address::Unnamed));
        assert_eq!((conns.take(7), listed()), (None, vec![]));
    }
}
