//! Replies that are not ready: what is asked of other threads for a connection, and how its worker
//! learns that it is done.
//!
//! ```text
//! worker:  a request needs what is not in memory ─► begins it, with a ticket ─► parks the connection
//! another thread:                 does it ─► Completions::done(token, ticket)
//! worker:                                         its inbox ─► Session::complete ─► the request again
//! ```
//!
//! A ticket is used once in the life of the process, and a token names one connection, so an answer
//! that comes too late meets nothing.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The number of a piece of work that another thread does for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Ticket {
    /// One that has not been used yet.
    pub fn next() -> Ticket {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ticket(NEXT.fetch_add(1, Relaxed))
    }
}

/// The way to a worker, for threads that do work for its connections.
pub trait Completions: Send + Sync {
    /// The work of `ticket` for the connection `token` is done. May be called by any thread, at any
    /// time, also after the connection has gone. It does not wait.
    fn done(&self, token: u64, ticket: Ticket);
}
