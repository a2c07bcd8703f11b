//! The vocabulary of commands: what callers ask of the store, and what it answers. No code.

#![forbid(unsafe_code)]

/// What a client gives besides key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Meta {
    /// Client flags.
    pub client_flags: u32,
    /// Clock second of the expiry, 0 never.
    pub expires_s: u32,
}

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Stored in any case.
    Set,
    /// Stored if the key is not there.
    Add,
    /// Stored if the key is there.
    Replace,
    /// Put after the value that is there.
    Append,
    /// Put before the value that is there.
    Prepend,
}

/// By which rules a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRules {
    /// What is done with it.
    pub mode: Mode,
    /// The cas id that the item there must have; 0 matches none, but for [`Mode::Append`] and
    /// [`Mode::Prepend`], to which it means any. Not looked at by [`Mode::Add`].
    pub compare: Option<u64>,
    /// With `compare`: a lower id, but 0, is taken too, but the value is stale at once.
    pub or_stale: bool,
    /// The id of the new item, 0 for the next one.
    pub cas: u64,
    /// Whether the key came in base64 and is to be shown so.
    pub binary_key: bool,
    /// Append and prepend: the expiry of an item that is made if there is none.
    pub create: Option<u32>,
    /// Whether a value that is refused for its size or for want of memory takes away what is
    /// there, so that the old value is not read after that.
    pub replaces: bool,
    /// Whether such a refusal is not counted.
    pub refusal_uncounted: bool,
}

impl From<Mode> for StoreRules {
    fn from(mode: Mode) -> StoreRules {
        StoreRules {
            mode,
            compare: None,
            or_stale: false,
            cas: 0,
            binary_key: false,
            create: None,
            replaces: mode == Mode::Set,
            refusal_uncounted: false,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored.
    Stored,
    /// The mode's condition does not hold, or the joined value is impossible.
    NotStored,
    /// Another cas id.
    Exists,
    /// No such key.
    NotFound,
    /// There is no memory for one more item in the table.
    NoMemory,
}

/// What became of a value, and of the item if there is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whether it was stored.
    pub outcome: Outcome,
    /// The new item's cas id, 0 if there is none.
    pub cas: u64,
    /// Bytes of the new item's value, or of the refused one.
    pub value_len: usize,
}

impl Stored {
    /// For a value of so many bytes that was not stored.
    pub(super) fn not_stored(outcome: Outcome, value_len: usize) -> Stored {
        Stored {
            outcome,
            cas: 0,
            value_len,
        }
    }
}

/// Why there is no memory for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocError {
    /// It can never fit.
    TooLarge,
    /// Not now.
    NoMemory,
    /// Not for all of it: memory ran out while the chunks of a large value were filled.
    NoMemoryInside,
}

/// What is to be done with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// By how much.
    pub delta: u64,
    /// Up, modulo 2^64, or down, to 0 at most.
    pub increment: bool,
    /// The cas id that the item must have; 0 for any.
    pub compare: Option<u64>,
    /// The id that it gets, 0 for the next one.
    pub cas: u64,
    /// The number that is stored if there is none.
    pub create: Option<u64>,
}

/// Why a number was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// No such key.
    NotFound,
    /// Another cas id.
    Exists,
    /// What is there is not a number.
    NotNumeric,
    /// The number has grown and there is no memory.
    NoMemory,
    /// There is no memory for a new item.
    NoMemoryForNew,
}

/// How an item is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Removal {
    /// The cas id that it must have.
    pub compare: Option<u64>,
    /// Whether another id is not counted as a miss.
    pub mismatch_uncounted: bool,
    /// It stays, marked as stale, with a new cas id.
    pub stale: bool,
    /// It stays, with an empty value and these client flags.
    pub empty: Option<u32>,
    /// The expiry of what stays. Without: an emptied item never expires, one that is only
    /// stale keeps its own.
    pub expires_s: Option<u32>,
    /// The cas id of what stays, 0 for the next one if it is stale, else its own.
    pub cas: u64,
    /// The name by which observers hear of it; none, and they do not.
    pub event_name: Option<&'static str>,
}

/// Why a key is looked up; it decides what is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To read it.
    Get,
    /// To give it a new expiry (clock second, 0 never), and perhaps to read it.
    Touch(u32),
}

/// How a key is looked up by a meta command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MetaRead {
    /// A hit counts as a touch: the reader sets a new expiry.
    pub touches: bool,
    /// A hit leaves no mark.
    pub unmarked: bool,
    /// If there is no item an empty one is made, with this cas id or, if that is 0, the next.
    pub create: Option<u64>,
}

/// When to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushTime {
    /// Everything stored so far.
    Now,
    /// Everything that is stored when this clock second begins.
    At(u32),
    /// Not at all: a pending flush is forgotten.
    Never,
}
