//! The protocol: bytes in, bytes out, no socket in sight.
//!
//! ```text
//! input ─► parse ─► batch of operations ─► hash, prefetch ─► classic, admin ─► output
//!             ▲                                                   │
//!          command (the table)                                  store, ops
//! ```
//!
//! | file              | holds                                                     |
//! |-------------------|-----------------------------------------------------------|
//! | `session`         | one connection's conversation, and batches                |
//! | `upload`          | values that are still arriving                            |
//! | `parse`           | lines to operations, with `op`, `tokens`, `scan`, `number` |
//! | `command`         | the table of commands                                     |
//! | `classic`, `meta` | carrying them out; `flags` and `base64` for meta          |
//! | `admin`, `tune`   | commands that are not about a key; `debug` for tests      |
//! | `dump`            | listing all items                                         |
//! | `watch`           | turning a connection into one that is sent events         |
//! | `auth`            | who clients say that they are, in text                    |
//! | `binary`          | the binary protocol, to the same batches                  |
//! | `reply`           | the fixed replies, and where replies collect, in a `buffer` |
//! | `verbose`         | what is told on standard error                            |
//!
//! A [`Session`] is the protocol's side of one connection. It may be given input in any
//! pieces; what it has not consumed must be given again, with more behind it.

#![forbid(unsafe_code)]

mod admin;
mod auth;
mod base64;
mod binary;
mod buffer;
mod classic;
mod command;
mod context;
#[cfg(debug_assertions)]
mod debug;
mod dump;
mod flags;
mod meta;
mod number;
mod op;
mod parse;
mod reply;
mod scan;
mod session;
mod tokens;
mod tune;
mod upload;
mod verbose;
mod watch;

#[cfg(test)]
mod tests;

pub use command::COMMANDS;
pub use context::Context;
pub use op::Op;
pub use reply::{NO_MEMORY, Output, Pin, TOO_MANY_CONNECTIONS, WRITE_BUFFER_LEN};
pub use session::{Awaits, Handled, Next, Session};
pub use watch::{GREETING, no_place};

/// Bytes that a worker reads at a time.
pub const READ_BUFFER_LEN: usize = 64 << 10;
