//! What the protocol works with and does not own.

#![forbid(unsafe_code)]

use super::op::Op;
use super::verbose::Log;
use crate::ops::Server;
use crate::store::Local;

/// What a worker lends a session for one call.
pub struct Context<'c, 's> {
    /// The server.
    pub server: &'s Server,
    /// The worker's own part of the store.
    pub local: &'c mut Local,
    /// Memory for a batch.
    pub ops: &'c mut Vec<Op>,
    /// What is told on standard error.
    pub log: Log,
    /// Replies of one client that may wait to be sent, if memory for them is limited.
    pub replies_max: Option<usize>,
}

impl Context<'_, '_> {
    /// Whether each operation is to be looked at by itself.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.log.tells_commands() | self.replies_max.is_some()
    }
}
