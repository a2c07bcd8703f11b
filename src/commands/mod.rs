//! What a request does: no socket in sight.
//!
//! ```text
//! input ─► wire::parse ─► batch of requests ─► hash, prefetch ─► classic, meta, admin ─► output
//!                                                                     │
//!                                                               store, server
//! ```
//!
//! | file              | holds                                                     |
//! |-------------------|-----------------------------------------------------------|
//! | `session`         | one connection's conversation                             |
//! | `batch`           | requests that are looked ahead for together               |
//! | `upload`          | values that are still arriving                            |
//! | `classic`, `meta` | commands about a key                                      |
//! | `admin`, `memory_commands` | commands that are not about a key; `debug` for tests |
//! | `dump`            | listing all items                                         |
//! | `watch`           | turning a connection into one that is sent events         |
//! | `auth`            | who clients say that they are, in text                    |
//! | `binary`          | requests of the binary protocol                           |
//! | `output`          | where replies collect                                     |
//! | `verbose`         | the log of commands on standard error                     |
//!
//! A [`Session`] is the protocol's side of one connection. It may be given input in any
//! pieces; what it has not consumed must be given again, with more behind it.

#![forbid(unsafe_code)]

mod admin;
mod auth;
mod batch;
mod binary;
mod cachedump;
mod call;
mod classic;
mod context;
#[cfg(debug_assertions)]
mod debug;
mod dump;
mod execute;
mod memory_commands;
mod meta;
mod output;
mod session;
mod upload;
mod verbose;
mod waiting;
mod watch;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use context::Context;
pub use output::{Output, Pin};
pub use session::{Awaits, Next, Progress, Session};
pub use watch::{GREETING, no_place};
