//! The commands that are not about a key.

#![forbid(unsafe_code)]

use super::cachedump::cachedump;
use super::call::{Answer, Call, begins};
use super::context::Context;
#[cfg(debug_assertions)]
use super::debug;
use super::dump::Dump;
use super::memory_commands;
use super::output::Output;
use crate::server::Server;
use crate::settings::VERSION;
use crate::store::{FlushTime, ThreadState};
use crate::wire::Put;
use crate::wire::base64;
use crate::wire::command::Admin;
use crate::wire::number::parse_u32;
use crate::wire::reply;
use crate::wire::tokens::words;
use std::io::Write;

/// What a handler leaves to be done.
pub struct Ran<'s> {
    /// It goes on before the next command.
    pub dump: Option<Dump<'s>>,
    /// The reply, if the client wants none.
    pub withheld: Option<&'static [u8]>,
}

/// Runs the handler of a line.
pub fn run<'s>(
    admin: Admin,
    line: &[u8],
    cx: &mut Context<'_, 's>,
    out: &mut Output<'s>,
) -> Ran<'s> {
    let words: Vec<&[u8]> = words(line).collect();
    let quiet = words.last() == Some(&&b"noreply"[..]);
    let mut call = Call {
        server: cx.server,
        local: cx.local,
        caller: cx.caller,
        out,
        dump: None,
        quiet,
    };
    let mut withheld = None;
    match handle(admin, &mut call, &words) {
        Answer::Say(reply) if quiet => withheld = Some(reply),
        Answer::Say(reply) => call.out.put(reply),
        Answer::Written => {}
    }
    Ran {
        dump: call.dump,
        withheld,
    }
}

fn handle(admin: Admin, call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    match admin {
        Admin::FlushAll => flush_all(call, words),
        Admin::Version => version(call),
        Admin::Verbosity => verbosity(call, words),
        Admin::Stats => stats(call, words),
        Admin::Shutdown => shutdown(call, words),
        Admin::CacheMemlimit => memory_commands::cache_memlimit(call, words),
        Admin::Slabs => memory_commands::slabs(call, words),
        Admin::Lru => memory_commands::lru(call, words),
        Admin::LruCrawler => memory_commands::lru_crawler(call, words),
        Admin::Extstore => memory_commands::extstore(call, words),
        Admin::RefreshCerts => memory_commands::refresh_certs(call, words),
        #[cfg(debug_assertions)]
        Admin::DebugTime => debug::time(call, words),
        #[cfg(debug_assertions)]
        Admin::DebugItem => debug::item(call, words),
        #[cfg(debug_assertions)]
        Admin::DebugVerify => debug::verify(call, words),
        #[cfg(all(debug_assertions, feature = "faults"))]
        Admin::DebugFaults => debug::faults(call, words),
        #[cfg(debug_assertions)]
        Admin::DebugDone => debug::done(call, words),
        // The session carries it out: it may have to wait.
        #[cfg(debug_assertions)]
        Admin::DebugWait => Answer::Written,
        #[cfg(debug_assertions)]
        Admin::Misbehave => debug::misbehave(call, words),
    }
}

/// `flush_all [exptime] [noreply]`
fn flush_all(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    call.local.counters.thread.cmd_flush.add(1);
    if !call.server.settings.flush_enabled {
        return Answer::Say(reply::FLUSH_REFUSED);
    }
    let given = words.get(1).filter(|_| words.len() > 2 || !call.quiet);
    let Some(exptime) = given.map_or(Some(0), |word| crate::wire::number::parse_i64(word)) else {
        return Answer::Say(reply::BAD_EXPIRY);
    };
    flush(call.server, call.local, exptime);
    Answer::Say(reply::OK)
}

/// Flushes at the time that a client has given.
pub(super) fn flush(server: &Server, local: &mut ThreadState, exptime: impl Into<i64>) {
    let (store, exptime) = (&server.store, exptime.into());
    let now = store.clock.now();
    // The flush takes effect when the second before the one named begins, as it always has;
    // a time before the start comes out as the first second and means never, as does one that
    // the clock does not reach.
    let second = store.clock.expiry_at(now, exptime).saturating_sub(1);
    let (when, oldest_s) = match (exptime, second) {
        (..=0, _) => (FlushTime::Now, now - 1),
        (_, 0) => (FlushTime::Never, 0),
        (_, second) => (FlushTime::At(second), second),
    };
    // What is shown and what is pending are of one command.
    store.flush_and_note(local, when, || server.settings.oldest_s.set(oldest_s));
}

/// `version`
fn version(call: &mut Call<'_, '_>) -> Answer {
    call.out.put(b"VERSION ");
    call.out.put(VERSION.as_bytes());
    call.out.put(reply::CR_LF);
    Answer::Written
}

/// Highest level that `verbosity` sets.
const VERBOSITY_MAX: u32 = 2;

/// `verbosity <level> [noreply]`
fn verbosity(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    match words.get(1).and_then(|word| parse_u32(word)) {
        Some(level) => {
            call.server.settings.verbosity.set(level.min(VERBOSITY_MAX));
            Answer::Say(reply::OK)
        }
        None => Answer::Say(reply::BAD_LINE),
    }
}

/// `shutdown [graceful]`
fn shutdown(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
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
fn stats(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let server = call.server;
    match words.get(1).copied() {
        None => server.stats(|name, value| call.stat(name, value)),
        Some(what) if begins(what, b"reset") => {
            server.stats_reset();
            call.out.put(reply::RESET);
            return Answer::Written;
        }
        Some(what) if begins(what, b"detail") => return detail(call, words),
        Some(what) if begins(what, b"settings") => {
            server
                .settings
                .each_stat(|name, value| call.stat(name, &value));
        }
        Some(what) if begins(what, b"cachedump") => return cachedump(call, words),
        Some(what) if begins(what, b"conns") => {
            server.stats_conns(call.caller, |name, value| call.stat(name, value));
        }
        // Nothing is stored outside.
        Some(what) if begins(what, b"extstore") => {}
        Some(b"items") => server.stats_items(|name, value| call.stat(name, value)),
        Some(b"sizes") => server.stats_sizes(|name, value| call.stat(name, value)),
        Some(b"slabs") => server.stats_slabs(|name, value| call.stat(name, value)),
        Some(_) => {
            call.out.put(reply::ERROR);
            return Answer::Written;
        }
    }
    call.out.put(reply::END);
    Answer::Written
}

/// `stats detail on|off|dump`
fn detail(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let settings = &call.server.settings;
    if !settings.dump_enabled {
        call.out.put(reply::DETAIL_REFUSED);
        return Answer::Written;
    }
    match words.get(2).copied() {
        Some(what) if begins(what, b"on") => settings.detail_enabled.set(true),
        Some(what) if begins(what, b"off") => settings.detail_enabled.set(false),
        Some(what) if begins(what, b"dump") => {
            write_prefixes(call.server, call.out);
            return Answer::Written;
        }
        _ => {
            call.out.put(reply::DETAIL_USAGE);
            return Answer::Written;
        }
    }
    call.out.put(reply::OK);
    Answer::Written
}

/// What requests have been counted by prefix, to memory: that cannot fail.
pub(super) fn write_prefixes(server: &Server, to: &mut impl Write) {
    server.prefixes.each(|prefix, counts| {
        let _ = to.write_all(b"PREFIX ");
        if base64::is_needed(prefix) {
            base64::encode(prefix, |group| drop(to.write_all(group)));
        } else {
            let _ = to.write_all(prefix);
        }
        let _ = write!(to, " {counts}\r\n");
    });
    let _ = to.write_all(reply::END);
}
