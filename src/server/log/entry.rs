//! One event, and a ring of them.

#![forbid(unsafe_code)]

use super::reason::Reason;
use super::streams::Streams;
use crate::store::Event;
use crate::sys::sync::Mutex;
use std::os::fd::RawFd;

/// What has happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum LogEvent {
    /// Something about an item; the text is its key.
    Item(Event),
    /// A connection has come; the text is the address of the other end.
    Opened { port: Option<u16> },
    /// A connection has gone; the text likewise.
    Closed { port: Option<u16>, reason: Reason },
    /// What the text says.
    System,
}

impl LogEvent {
    /// The stream that it belongs to.
    pub fn stream(&self) -> Streams {
        match self {
            LogEvent::Item(Event::LookedUp { .. }) => Streams::FETCHERS,
            LogEvent::Item(Event::Stored { .. }) => Streams::MUTATIONS,
            LogEvent::Item(Event::Evicted { .. }) => Streams::EVICTIONS,
            LogEvent::Item(Event::Removed { .. }) => Streams::DELETIONS,
            LogEvent::Opened { .. } | LogEvent::Closed { .. } => Streams::CONNEVENTS,
            LogEvent::System => Streams::SYSEVENTS,
        }
    }
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its number, of all threads' events together.
    pub gid: u64,
    /// Microseconds since 1970.
    pub at_us: u64,
    /// What has happened.
    pub what: LogEvent,
    /// The descriptor of the connection behind it.
    pub fd: RawFd,
    /// Bytes of its text.
    pub text_len: u32,
}

/// The entries of a ring, and their texts one after the other.
#[derive(Default)]
pub(super) struct Entries {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The texts.
    pub texts: Vec<u8>,
    /// Entries that were dropped, since the ring was full.
    pub dropped: u64,
}

impl Entries {
    /// Bytes that it takes.
    pub fn len(&self) -> usize {
        self.entries.len() * size_of::<Entry>() + self.texts.len()
    }
}

/// The entries of one thread that the logger has not taken yet.
pub(super) type Ring = Mutex<Entries>;
