//! Commands for tests. They exist in debug builds only; to others they are unknown words.

#![forbid(unsafe_code)]

use super::call::{Answer, Call};
use crate::wire::Put;
use crate::wire::reply;
use std::io::Write;

const MISS: &[u8] = b"MISS\r\n";

/// `debugtime p|r|<seconds>`: stops, resumes or moves the clock.
pub fn time(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let store = &call.server.store;
    let seconds = |word| std::str::from_utf8(word).ok()?.parse().ok();
    match words.get(1).copied() {
        Some(b"p") => store.clock.pause(),
        Some(b"r") => store.clock.resume(),
        word => match word.and_then(seconds) {
            Some(seconds) => store.clock.shift(seconds),
            None => return Answer::Say(reply::ERROR),
        },
    }
    store.flush_if_due(call.local);
    Answer::Say(reply::OK)
}

/// `debugitem lock|unlock|ref|unref <key>`: holds an item's stripe, or a reference to it.
pub fn item(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let &[_, action, key, ..] = words else {
        return Answer::Say(reply::ERROR);
    };
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
        b"ref" => store.debug_ref(&store.key(key)),
        b"unref" => store.debug_unref(&store.key(key)),
        _ => return Answer::Say(reply::ERROR),
    };
    Answer::Say(if done { reply::OK } else { MISS })
}

/// `debugverify`: the store's invariant walk; what it has found, or what is wrong. Only
/// while no other client stores.
pub fn verify(call: &mut Call<'_, '_>, _: &[&[u8]]) -> Answer {
    match call.server.verify() {
        Ok(census) => {
            call.stat("linked", &census.linked);
            call.stat("chained", &census.chained);
            call.stat("free", &census.free);
            call.stat("held", &census.held);
            call.out.put(reply::END);
        }
        Err(fault) => {
            // Writing to memory cannot fail.
            let _ = write!(call.out, "SERVER_ERROR {fault}\r\n");
        }
    }
    Answer::Written
}

/// `debugfaults [plan]`: which libc calls fail from now on; without a plan, how often each was
/// made under the present one, and with a fault. `none` is a plan, too.
#[cfg(feature = "faults")]
pub fn faults(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    use crate::sys::testing::faults;
    if words.len() == 1 {
        faults::counts(|name, made, faulty| call.stat(name, &format!("{made} {faulty}")));
        call.out.put(reply::END);
        return Answer::Written;
    }
    let plan = String::from_utf8_lossy(&words[1..].join(&b' ')).into_owned();
    match faults::set_plan(&plan) {
        Ok(()) => Answer::Say(reply::OK),
        Err(complaint) => {
            // Writing to memory cannot fail.
            let _ = write!(call.out, "CLIENT_ERROR {complaint}\r\n");
            Answer::Written
        }
    }
}

/// `debugdone [name]`: what waits for that name need not wait any more; without a name, how many
/// wait for any.
pub fn done(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let waits = &call.server.debug_waits;
    let count = match words.get(1) {
        Some(name) => waits.finish(name),
        None => waits.len(),
    };
    call.stat("count", &count);
    call.out.put(reply::END);
    Answer::Written
}

/// `misbehave`: tries what a sandboxed worker must not be able to do.
pub fn misbehave(_: &mut Call<'_, '_>, _: &[&[u8]]) -> Answer {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
    let shell = std::process::Command::new("true").status().is_ok();
    Answer::Say(if socket || shell {
        reply::ERROR
    } else {
        reply::OK
    })
}
