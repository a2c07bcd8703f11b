//! The protocols as bytes: input to requests, replies to bytes. No store, no server, no socket: a
//! unit test, a fuzzer, a load generator or a proxy can drive it with plain slices.

#![forbid(unsafe_code)]

pub mod base64;
pub mod buffer;
pub mod client;
pub mod command;
pub mod flags;
pub mod frame;
pub mod number;
pub mod parse;
pub mod percent;
pub mod reply;
pub mod request;
pub mod scan;
pub mod span;
pub mod tokens;

/// Longest key of any protocol.
pub const KEY_LEN_MAX: usize = 250;

/// Where bytes are written to, one piece behind the other: it grows, and cannot fail.
pub trait Put {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
