//! The connection that a request came by, as those see it who carry the request out.

#![forbid(unsafe_code)]

use super::completion::Completions;
use crate::sys::socket::Address;
use std::os::fd::RawFd;
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Copy)]
pub struct Caller<'c> {
    /// Its descriptor.
    pub fd: RawFd,
    /// Where its datagram came from, if it was one.
    pub from: Option<&'c Address>,
    /// The name of the connection with its worker.
    pub token: u64,
    /// How its worker learns that work of other threads is done; `None`: it cannot wait.
    pub completions: Option<&'c Arc<dyn Completions>>,
}

impl Caller<'_> {
    /// A connection with that descriptor, which cannot wait for other threads.
    pub const fn without_waiting(fd: RawFd) -> Caller<'static> {
        Caller {
            fd,
            from: None,
            token: 0,
            completions: None,
        }
    }
}
