//! `watch`: the connection stops being one for commands and is sent lines instead.

#![forbid(unsafe_code)]

use super::context::Context;
use super::output::Output;
use crate::server::log::{NoPlace, Streams};
use crate::wire::reply;
use crate::wire::tokens::words;

const REFUSED: &[u8] = b"CLIENT_ERROR watch commands not allowed\r\n";
const PIPELINED: &[u8] = b"ERROR cannot pipeline other commands before watch\r\n";
const TOO_MANY: &[u8] = b"WATCHER_TOO_MANY log watcher limit reached\r\n";
const FAILED: &[u8] = b"WATCHER_FAILED failed to add log watcher\r\n";
/// What a watcher is sent before the first line.
pub const GREETING: &[u8] = reply::OK;

/// The streams that a line asks for, or the reply that refuses them.
pub fn watch(
    cx: &Context<'_, '_>,
    line: &[u8],
    out: &Output<'_>,
) -> Result<Streams, &'static [u8]> {
    if !cx.server.settings.watch_enabled {
        return Err(REFUSED);
    }
    // A datagram has no stream for the lines.
    if cx.caller.from.is_some() {
        return Err(reply::ERROR);
    }
    if !out.is_empty() {
        return Err(PIPELINED);
    }
    let words: Vec<&[u8]> = words(line).skip(1).collect();
    Streams::named(&words).ok_or(reply::ERROR)
}

/// The reply to a watcher that cannot be added.
pub fn no_place(reason: NoPlace) -> &'static [u8] {
    match reason {
        NoPlace::Full => TOO_MANY,
        NoPlace::NoMemory => FAILED,
    }
}
