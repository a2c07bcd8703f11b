//! Requests: what a line or a frame asks for, in terms of the input that it stands in.

#![forbid(unsafe_code)]

use super::command::{Admin, StoreVerb};
use super::flags::{Flags, MetaVerb, RequestKey};
use super::frame::fault::Fault;
use super::frame::header::Frame;
use super::span::Span;
use std::fmt;

/// An expiry as a client gave it, in little space: connections and requests hold one. What does
/// not fit in its 48 bits is farther away than any clock reaches, and is kept as the farthest that
/// does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exptime([u16; 3]);

impl From<i64> for Exptime {
    #[inline]
    fn from(given: i64) -> Exptime {
        let near = given.clamp(-1 << 47, (1 << 47) - 1);
        Exptime([near as u16, (near >> 16) as u16, (near >> 32) as u16])
    }
}

impl From<Exptime> for i64 {
    #[inline]
    fn from(Exptime([low, middle, high]): Exptime) -> i64 {
        i64::from(high.cast_signed()) << 32 | i64::from(middle) << 16 | i64::from(low)
    }
}

impl fmt::Debug for Exptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        i64::from(*self).fmt(f)
    }
}

/// What the keys of a retrieval are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Whether the reply shows cas ids.
    pub with_cas: bool,
    /// The new expiry, as the client gave it, for `gat` and `gats`.
    pub touch: Option<Exptime>,
}

/// Why a connection is to be closed after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The client has asked for it.
    Quit,
    /// What it sends is no request, and it cannot be known where the next one begins.
    BadInput,
}

/// A storage command, its value aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The key.
    pub key: Span,
    /// The hash of the key.
    pub hash: u64,
    /// What is to be done with the value.
    pub verb: StoreVerb,
    /// The cas id that the item must have, for `cas`.
    pub compare: Option<u64>,
    /// Client flags.
    pub client_flags: u32,
    /// Expiry as the client gave it.
    pub exptime: Exptime,
    /// Bytes of the value.
    pub len: u32,
    /// Whether there is no reply.
    pub quiet: bool,
}

/// An `ms` command, its value aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaStorage {
    /// The key as it was given.
    pub key: Span,
    /// The hash of the key that is meant.
    pub hash: u64,
    /// The flags; they have been checked.
    pub flags: Span,
    /// Bytes of the value.
    pub len: u32,
}

/// One request: a key of a retrieval, or one whole other command.
#[derive(Clone, Copy)]
pub struct Request {
    /// Where in the input it begins.
    pub start: u32,
    /// What it asks for.
    pub command: Command,
}

impl Request {
    /// Not looked ahead for yet.
    #[inline]
    pub fn new(start: usize, command: Command) -> Request {
        Request {
            start: start as u32,
            command,
        }
    }
}

/// What a request asks for.
#[allow(missing_docs)] // the fields are named in the texts of the variants, or are plain
#[derive(Clone, Copy)]
pub enum Command {
    /// One key of a retrieval; the line's first and last are marked.
    Get {
        key: Span,
        hash: u64,
        keys: Keys,
        first: bool,
        last: bool,
    },
    /// A value that is here; CR LF may not be where it should be.
    Store {
        storage: Storage,
        value: Span,
        ends_in_crlf: bool,
    },
    /// A value that is still arriving: the rest of the input belongs to it.
    Upload { storage: Storage },
    /// The reply, at once; the value of `len` bytes that follows is refused.
    Discard { len: u32, reply: &'static [u8] },
    /// Deletes a key.
    Delete { key: Span, hash: u64, quiet: bool },
    /// Increments or decrements.
    Arithmetic {
        key: Span,
        hash: u64,
        delta: u64,
        increment: bool,
        quiet: bool,
    },
    /// Gives a key a new expiry.
    Touch {
        key: Span,
        hash: u64,
        exptime: Exptime,
        quiet: bool,
    },
    /// A meta command without a value. Key and flags are as they were given, and checked.
    Meta {
        verb: MetaVerb,
        key: Span,
        hash: u64,
        flags: Span,
    },
    /// `ms` with a value that is here.
    MetaStore {
        storage: MetaStorage,
        value: Span,
        ends_in_crlf: bool,
    },
    /// `ms` with a value that is still arriving.
    MetaUpload { storage: MetaStorage },
    /// A command that is not about a key; `line` is without its end.
    Admin { admin: Admin, line: Span },
    /// A binary request that is all here.
    Frame { frame: Frame },
    /// One whose value is still arriving: the rest of the input belongs to it.
    FrameUpload { frame: Frame },
    /// One that logs in; `is_whole` is false if its value is too long to wait for.
    FrameLogin { frame: Frame, is_whole: bool },
    /// One that is answered with an error; `skip` bytes of it follow, or all is over.
    FrameError {
        fault: Fault,
        skip: u32,
        closes: bool,
    },
    /// A fixed reply.
    Reply(&'static [u8]),
    /// The connection is to be sent events from now on; `line` says which.
    Watch { line: Span },
    /// The connection is to be closed after the replies so far.
    Close(CloseCause),
    /// A last reply, and the same.
    ReplyAndClose {
        reply: &'static [u8],
        cause: CloseCause,
    },
}

impl Command {
    /// The hash of the key that it is about.
    #[inline]
    pub fn hash(&self) -> Option<u64> {
        match *self {
            Command::Get { hash, .. }
            | Command::Store {
                storage: Storage { hash, .. },
                ..
            }
            | Command::Delete { hash, .. }
            | Command::Arithmetic { hash, .. }
            | Command::Meta { hash, .. }
            | Command::MetaStore {
                storage: MetaStorage { hash, .. },
                ..
            }
            | Command::Touch { hash, .. } => Some(hash),
            Command::Frame { ref frame } => frame.hash,
            _ => None,
        }
    }

    /// Bytes of the value that it writes.
    #[inline]
    pub fn value_len(&self) -> usize {
        match *self {
            Command::Store { value, .. }
            | Command::MetaStore { value, .. }
            | Command::Frame {
                frame: Frame { value, .. },
            } => value.len as usize,
            _ => 0,
        }
    }

    /// The key that it is about, and its hash.
    pub fn key<'i>(&self, input: &'i [u8]) -> Option<(RequestKey<'i>, u64)> {
        let (given, hash, flags) = match *self {
            Command::Get { key, hash, .. }
            | Command::Delete { key, hash, .. }
            | Command::Arithmetic { key, hash, .. }
            | Command::Touch { key, hash, .. }
            | Command::Store {
                storage: Storage { key, hash, .. },
                ..
            }
            | Command::Upload {
                storage: Storage { key, hash, .. },
            } => (key, hash, Span::default()),
            Command::Meta {
                key, hash, flags, ..
            }
            | Command::MetaStore {
                storage: MetaStorage {
                    key, hash, flags, ..
                },
                ..
            }
            | Command::MetaUpload {
                storage: MetaStorage {
                    key, hash, flags, ..
                },
            } => (key, hash, flags),
            Command::Frame { ref frame } | Command::FrameUpload { ref frame } => {
                return Some((RequestKey::Plain(frame.parts(input).key), frame.hash?));
            }
            _ => return None,
        };
        let is_base64 = Flags::read(flags.of(input)).has(b'b');
        Some((RequestKey::read(given.of(input), is_base64), hash))
    }

    /// Whether a request is over with it.
    #[inline]
    pub fn ends_request(&self) -> bool {
        !matches!(self, Command::Get { last: false, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exptime_is_kept_as_it_is_or_as_far_away_as_can_be() {
        for given in [
            0,
            1,
            -1,
            2_592_000,
            1 << 31,
            -1 << 31,
            1 << 32,
            (1 << 47) - 1,
        ] {
            assert_eq!(i64::from(Exptime::from(given)), given);
        }
        assert_eq!(i64::from(Exptime::from(i64::MAX)), (1 << 47) - 1);
        assert_eq!(i64::from(Exptime::from(i64::MIN)), -1 << 47);
    }

    #[test]
    fn a_request_is_no_longer_than_it_must_be() {
        assert_eq!(size_of::<Request>(), 72);
    }
}
