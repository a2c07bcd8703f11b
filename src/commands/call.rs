//! What the handlers of commands that are not about a key work with, and answer.

#![forbid(unsafe_code)]

use super::dump::Dump;
use super::output::Output;
use crate::server::Server;
use crate::server::caller::Caller;
use crate::store::ThreadState;
use crate::wire::{Put, reply};
use std::fmt::Display;

/// What a handler works with; its words come beside it, the command's name first.
pub struct Call<'c, 's> {
    pub(super) server: &'s Server,
    pub(super) local: &'c mut ThreadState,
    pub(super) caller: Caller<'c>,
    pub(super) out: &'c mut Output<'s>,
    /// A dump that is to follow what has been written.
    pub(super) dump: Option<Dump<'s>>,
    /// Whether the line ends in `noreply`.
    pub(super) quiet: bool,
}

/// The reply of a handler.
pub enum Answer {
    /// This, unless the line ends in `noreply`.
    Say(&'static [u8]),
    /// What has been written, whatever the line ends in.
    Written,
}

impl Call<'_, '_> {
    /// One line of statistics; a value that is too long is cut.
    pub(super) fn stat(&mut self, name: &str, value: &dyn Display) {
        let value = value.to_string();
        let value = &value.as_bytes()[..value.len().min(STAT_LEN_MAX)];
        for part in [b"STAT ", name.as_bytes(), b" ", value, reply::CR_LF] {
            self.out.put(part);
        }
    }
}

/// Longest value of a statistic: clients have buffers for it.
const STAT_LEN_MAX: usize = 126;

/// Whether `word` is `name` or the beginning of it: sub-commands may be cut short.
pub(super) fn begins(word: &[u8], name: &[u8]) -> bool {
    !word.is_empty() && name.starts_with(word)
}
