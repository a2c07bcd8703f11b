//! What the protocol works with and does not own.

#![forbid(unsafe_code)]

use super::batch::Batch;
use super::verbose::Log;
use crate::server::Server;
use crate::server::conns::Asker;
use crate::server::prefixes::Deed;
use crate::store::ThreadState;

/// What a worker lends a session for one call.
pub struct Context<'c, 's> {
    /// The server.
    pub server: &'s Server,
    /// The worker's own part of the store.
    pub local: &'c mut ThreadState,
    /// Memory for a batch.
    pub batch: &'c mut Batch,
    /// The connection that is served.
    pub(super) asker: Asker<'c>,
    /// Whether requests are counted by the prefix of their key: here, since it is asked for
    /// every key.
    pub(super) by_prefix: bool,
    /// What is told on standard error.
    pub(super) log: Log,
    /// Replies of one client that may wait to be sent, if memory for them is limited.
    pub(super) replies_max: Option<u32>,
}

impl<'c, 's> Context<'c, 's> {
    /// What a session works with during one call.
    pub fn new(
        server: &'s Server,
        local: &'c mut ThreadState,
        batch: &'c mut Batch,
        asker: Asker<'c>,
        replies_max: Option<u32>,
    ) -> Context<'c, 's> {
        Context {
            server,
            local,
            batch,
            asker,
            by_prefix: server.settings.detail_enabled.get(),
            log: Log {
                client: asker.fd,
                verbosity: server.settings.verbosity.get(),
            },
            replies_max,
        }
    }

    /// Looks again at the switches that a command may have changed.
    pub(super) fn refresh(&mut self) {
        self.by_prefix = self.server.settings.detail_enabled.get();
    }

    /// Counts bytes that have been sent to the client.
    pub fn count_written(&self, len: usize) {
        self.local.counters.thread.bytes_written.add(len as u64);
    }

    /// Counts a request by its prefix, if that is asked for.
    #[inline]
    pub(super) fn count_prefix(&self, key: &[u8], deed: Deed) {
        if self.by_prefix {
            self.server.prefixes.count(key, deed);
        }
    }

    /// Whether each operation is to be looked at by itself.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.log.tells_commands() | self.replies_max.is_some()
    }
}
