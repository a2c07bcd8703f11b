//! What is going on, for clients that watch: streams of events, from the threads where they happen
//! to the logger that sends them.
//!
//! ```text
//! worker 1 ── entry ──► ring ┐
//! worker 2 ── entry ──► ring ┼─► logger (net/logger.rs): in order ─► lines ─► watchers
//! other threads ──────► ring ┘
//! ```
//!
//! A thread makes an entry only if its stream is watched, and never waits: a ring that is full
//! drops the entry. The logger takes a ring's entries by giving it an empty one.
//!
//! Locks: a mutex for each ring, taken last: under an item's stripe and an LRU list, or, by the
//! logger, under that of the list of rings. The list of watchers has one that is taken alone.

#![forbid(unsafe_code)]

mod drain;
mod entry;
mod line;
#[allow(clippy::module_inception)] // the type that the directory is named after
mod log;
#[cfg(all(test, loom))]
mod loom_models;
mod reason;
mod recorder;
mod streams;
#[cfg(all(test, not(loom)))]
mod tests;

pub use drain::Drain;
pub use log::{Admission, Log, NoPlace, WATCHERS_MAX};
pub use reason::Reason;
pub use recorder::Recorder;
pub use streams::Streams;
