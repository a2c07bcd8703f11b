//! The commands that are not about a key.

#![forbid(unsafe_code)]

use super::number::parse_u32;
use super::parse::words;
use super::reply::{self, Output};
use super::session::Context;
use crate::ops::Server;
use crate::settings::VERSION;
use crate::store::{FlushTime, Local};
use std::fmt::Display;
use std::io::Write;

/// Carries a command out.
pub type Run = for<'s> fn(&mut Call<'_, 's>, &[&[u8]]) -> Answer;

/// What a handler works with; its words come beside it, the command's name first.
pub struct Call<'c, 's> {
    pub(super) server: &'s Server,
    local: &'c mut Local,
    pub(super) out: &'c mut Output<'s>,
    /// Whether the line ends in `noreply`.
    quiet: bool,
}

/// What the client is told.
pub enum Answer {
    /// This, unless the line ends in `noreply`.
    Say(&'static [u8]),
    /// What has been written, whatever the line ends in.
    Written,
}

impl<'s> Context<'_, 's> {
    /// Runs the handler of a line.
    pub(super) fn admin(&mut self, run: Run, line: &[u8], out: &mut Output<'s>) {
        let words: Vec<&[u8]> = words(line).collect();
        let quiet = words.last() == Some(&&b"noreply"[..]);
        let mut call = Call {
            server: self.server,
            local: self.local,
            out,
            quiet,
        };
        match run(&mut call, &words) {
            Answer::Say(reply) => out.put_unless(quiet, reply),
            Answer::Written => {}
        }
    }
}

impl Call<'_, '_> {
    fn stat(&mut self, name: &str, value: &dyn Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.out, "STAT {name} {value}\r\n");
    }
}

/// Whether `word` is `name` or the beginning of it: sub-commands may be cut short.
pub(super) fn begins(word: &[u8], name: &[u8]) -> bool {
    !word.is_empty() && name.starts_with(word)
}

/// `flush_all [exptime] [noreply]`
pub fn flush_all(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    call.local.counters.thread.cmd_flush.add(1);
    if !call.server.settings.flush_enabled {
        return Answer::Say(reply::FLUSH_REFUSED);
    }
    let given = words.get(1).filter(|_| words.len() > 2 || !call.quiet);
    let Some(exptime) = given.map_or(Some(0), |word| super::number::parse_i32(word)) else {
        return Answer::Say(reply::BAD_EXPIRY);
    };
    let store = &call.server.store;
    let now = store.clock.now();
    // The flush takes effect when the second before the one named begins, as it always has;
    // a time before the start comes out as the first second and means never.
    let (when, oldest_s) = match (
        exptime,
        store.clock.expiry(exptime) - u32::from(exptime != 0),
    ) {
        (..=0, _) => (FlushTime::Now, now - 1),
        (_, 0) => (FlushTime::Never, 0),
        (_, second) => (FlushTime::At(second), second),
    };
    call.server.settings.oldest_s.set(oldest_s);
    store.flush(call.local, when);
    Answer::Say(reply::OK)
}

/// `version`
pub fn version(call: &mut Call<'_, '_>, _: &[&[u8]]) -> Answer {
    call.out.put(b"VERSION ");
    call.out.put(VERSION.as_bytes());
    call.out.put(reply::CR_LF);
    Answer::Written
}

/// Highest level that `verbosity` sets.
const VERBOSITY_MAX: u32 = 2;

/// `verbosity <level> [noreply]`
pub fn verbosity(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    match words.get(1).and_then(|word| parse_u32(word)) {
        Some(level) => {
            call.server.settings.verbosity.set(level.min(VERBOSITY_MAX));
            Answer::Say(reply::OK)
        }
        None => Answer::Say(reply::BAD_LINE),
    }
}

/// `shutdown [graceful]`
pub fn shutdown(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    if !call.server.settings.shutdown_enabled {
        return Answer::Say(reply::SHUTDOWN_REFUSED);
    }
    let gracefully = match words {
        [_] => false,
        [_, mode] if begins(mode, b"graceful") => true,
        _ => return Answer::Say(reply::SHUTDOWN_MODE),
    };
    call.server.stop(gracefully);
    Answer::Written
}

/// `stats [what]`
pub fn stats(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let server = call.server;
    match words.get(1).copied() {
        None => server.stats(|name, value| call.stat(name, value)),
        Some(what) if begins(what, b"reset") => {
            server.stats_reset();
            call.out.put(reply::RESET);
            return Answer::Written;
        }
        Some(what) if begins(what, b"settings") => {
            server
                .settings
                .each_stat(|name, value| call.stat(name, &value));
        }
        Some(b"items") => server.stats_items(|name, value| call.stat(name, value)),
        Some(b"sizes") => call.stat("sizes_status", &"disabled"),
        Some(b"slabs") => server.stats_slabs(|name, value| call.stat(name, value)),
        Some(_) => {
            call.out.put(reply::ERROR);
            return Answer::Written;
        }
    }
    call.out.put(reply::END);
    Answer::Written
}

/// `debugtime p|r|<seconds>`: stops, resumes or moves the clock. Debug builds only.
pub fn debug_time(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    if !cfg!(debug_assertions) {
        return Answer::Say(reply::ERROR);
    }
    let store = &call.server.store;
    match words.get(1).copied() {
        Some(b"p") => store.clock.pause(true),
        Some(b"r") => store.clock.pause(false),
        Some(word) => match std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse().ok())
        {
            Some(seconds) => store.clock.shift(seconds),
            None => return Answer::Say(reply::ERROR),
        },
        None => return Answer::Say(reply::ERROR),
    }
    store.flush_if_due(call.local);
    Answer::Say(reply::OK)
}

/// `debugitem lock|unlock|ref|unref <key>`. Debug builds only.
pub fn debug_item(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let &[_, action, key, ..] = words else {
        return Answer::Say(reply::ERROR);
    };
    if !cfg!(debug_assertions) {
        return Answer::Say(reply::ERROR);
    }
    let store = &call.server.store;
    let hash = store.hash(key);
    let done = match action {
        b"lock" => {
            store.debug_lock(hash);
            true
        }
        b"unlock" => {
            store.debug_unlock(hash);
            true
        }
        b"ref" => store.debug_ref(key, hash),
        b"unref" => store.debug_unref(key, hash),
        _ => return Answer::Say(reply::ERROR),
    };
    Answer::Say(if done { reply::OK } else { reply::MISS })
}

/// `debugverify`: the store's invariant walk; what it has found, or what is wrong. Only
/// while nobody else stores. Debug builds only.
#[cfg(debug_assertions)]
pub fn debug_verify(call: &mut Call<'_, '_>, _: &[&[u8]]) -> Answer {
    match call.server.verify() {
        Ok(census) => {
            call.stat("linked", &census.linked);
            call.stat("chained", &census.chained);
            call.stat("free", &census.free);
            call.stat("held", &census.held);
            call.out.put(reply::END);
        }
        Err(fault) => {
            let _ = write!(call.out, "SERVER_ERROR {fault}\r\n");
        }
    }
    Answer::Written
}

/// Not in this build.
#[cfg(not(debug_assertions))]
pub fn debug_verify(_: &mut Call<'_, '_>, _: &[&[u8]]) -> Answer {
    Answer::Say(reply::ERROR)
}

/// `misbehave`: tries what a sandboxed worker must not be able to do. Debug builds only.
pub fn misbehave(_: &mut Call<'_, '_>, _: &[&[u8]]) -> Answer {
    if !cfg!(debug_assertions) {
        return Answer::Say(reply::ERROR);
    }
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
    let shell = std::process::Command::new("true").status().is_ok();
    Answer::Say(if socket || shell {
        reply::ERROR
    } else {
        reply::OK
    })
}
