//! The commands that tune a running server.
//!
//! Their syntax and refusals are complete. Of what they tune only the memory limit exists in
//! this version: there is no page mover, LRU maintainer, crawler or logger, and the replies
//! are those of a server that runs without them. What is to be kept for them is kept, and
//! `stats settings` shows it.

#![forbid(unsafe_code)]

use super::admin::{Answer, Call, begins};
use super::number::parse_u32;
use super::reply;
use crate::settings::{Live, Number, Settings};

const LIMIT_TOO_SMALL: &[u8] = b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n";
const LIMIT_NOT_BYTES: &[u8] = b"MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n";
const LIMIT_OUT_OF_BOUNDS: &[u8] = b"MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
const REASSIGN_DISABLED: &[u8] = b"CLIENT_ERROR slab reassignment disabled\r\n";
const BAD_WINDOW: &[u8] = b"CLIENT_ERROR automove window too low or too high\r\n";
const BAD_PERCENTS: &[u8] = b"ERROR hot and warm pcts must not exceed 80\r\n";
const BAD_AGES: &[u8] = b"ERROR hot/warm age factors must be greater than 0\r\n";
const CRAWLER_NOT_STARTED: &[u8] = b"ERROR failed to start lru crawler thread\r\n";
const CRAWLER_DISABLED: &[u8] = b"CLIENT_ERROR lru crawler disabled\r\n";
const METADUMP_PIPELINED: &[u8] = b"ERROR cannot pipeline other commands before metadump\r\n";
const MGDUMP_PIPELINED: &[u8] = b"ERROR cannot pipeline other commands before mgdump\r\n";
const SLEEP_TOO_LONG: &[u8] = b"CLIENT_ERROR sleep must be one second or less\r\n";
const WATCH_PIPELINED: &[u8] = b"ERROR cannot pipeline other commands before watch\r\n";
const WATCH_FAILED: &[u8] = b"WATCHER_FAILED failed to add log watcher\r\n";
const NO_TLS: &[u8] = b"Error TLS not enabled\r\n";

/// Least and greatest argument of `cache_memlimit`, in megabytes.
const LIMIT_MIN_MB: u32 = 8;
const LIMIT_MAX_MB: u32 = 1_000_000_000;
/// Longest sleep of the crawler, in microseconds.
const SLEEP_MAX_US: u32 = 1_000_000;
/// Highest class id that any command takes.
const CLASS_MAX: u32 = 63;
/// Longest text of a number with a fraction.
const REAL_LEN_MAX: usize = 31;

/// What can be watched.
const STREAMS: [&[u8]; 10] = [
    b"rawcmds",
    b"evictions",
    b"fetchers",
    b"mutations",
    b"sysevents",
    b"connevents",
    b"proxyreqs",
    b"proxyevents",
    b"proxyuser",
    b"deletions",
];

/// Settings of the external storage that take a whole number.
const EXTERNAL_COUNTS: [&[u8]; 8] = [
    b"item_size",
    b"item_age",
    b"low_ttl",
    b"recache_rate",
    b"compact_under",
    b"drop_under",
    b"max_sleep",
    b"drop_unread",
];

fn say(reply: &'static [u8]) -> Answer {
    Answer::Say(reply)
}

/// `OK` if what should be a number is one, else `fault`.
fn ok_if<T>(number: Option<T>, fault: &'static [u8]) -> Answer {
    say(if number.is_some() { reply::OK } else { fault })
}

/// Keeps a setting if there is a number for it, else answers `fault`.
fn keep<T: Number>(setting: &Live<T>, number: Option<T>, fault: &'static [u8]) -> Answer {
    match number {
        Some(number) => {
            setting.set(number);
            say(reply::OK)
        }
        None => say(fault),
    }
}

/// A number with a fraction, as `strtod(3)` reads it.
fn parse_real(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word)
        .ok()
        .filter(|text| text.len() <= REAL_LEN_MAX)?;
    text.parse().ok()
}

/// `cache_memlimit <megabytes> [noreply]`
pub fn cache_memlimit(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let Some(megabytes) = words.get(1).and_then(|word| parse_u32(word)) else {
        return say(reply::ERROR);
    };
    if megabytes < LIMIT_MIN_MB {
        return say(LIMIT_TOO_SMALL);
    }
    if megabytes > LIMIT_MAX_MB {
        return say(LIMIT_NOT_BYTES);
    }
    let bytes = u64::from(megabytes) << 20;
    if !call.server.store.set_limit(bytes) {
        return say(LIMIT_OUT_OF_BOUNDS);
    }
    let settings = &call.server.settings;
    settings.memory_bytes.set(bytes);
    if settings.verbosity.get() > 0 {
        log!("maxbytes adjusted to {megabytes}m");
    }
    say(reply::OK)
}

/// `slabs reassign <from> <to>`, `slabs automove ...`
pub fn slabs(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    match words {
        [_, what, _, _] if begins(what, b"reassign") => say(REASSIGN_DISABLED),
        [_, what, rest @ ..] if begins(what, b"automove") => automove(&call.server.settings, rest),
        _ => say(reply::ERROR),
    }
}

fn automove(settings: &Settings, words: &[&[u8]]) -> Answer {
    let number = words.get(1).copied();
    match words {
        [] => say(reply::ERROR),
        [what, ..] if begins(what, b"ratio") => keep(
            &settings.slab_automove_ratio,
            number.and_then(parse_real),
            reply::ERROR,
        ),
        // Only for external storage, which has no setting yet.
        [what, ..] if begins(what, b"freeratio") => match number.and_then(parse_real) {
            Some(_) => say(reply::OK),
            None => say(reply::ERROR),
        },
        [what, ..] if begins(what, b"window") => match number.and_then(parse_u32) {
            Some(window @ 3..=1800) => {
                settings.slab_automove_window.set(window);
                say(reply::OK)
            }
            Some(_) => say(BAD_WINDOW),
            None => say(reply::BAD_LINE),
        },
        [level, ..] => match parse_u32(level) {
            Some(level @ 0..=2) => {
                settings.slab_automove.set(level);
                say(reply::OK)
            }
            Some(_) => say(reply::ERROR),
            None => say(reply::BAD_LINE),
        },
    }
}

/// `lru tune ...`, `lru mode ...`, `lru temp_ttl ...`
pub fn lru(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    match words {
        [_, what, hot, warm, hot_age, warm_age, ..] if begins(what, b"tune") => {
            let percents = parse_u32(hot).zip(parse_u32(warm));
            let ages = parse_real(hot_age).zip(parse_real(warm_age));
            match percents.zip(ages) {
                Some((percents, ages)) => tune(&call.server.settings, percents, ages),
                None => say(reply::ERROR),
            }
        }
        // Flat is what it is; the rest needs the maintainer.
        [_, what, mode, ..] if begins(what, b"mode") && begins(mode, b"flat") => say(reply::OK),
        _ => say(reply::ERROR),
    }
}

fn tune(settings: &Settings, (hot, warm): (u32, u32), (hot_age, warm_age): (f64, f64)) -> Answer {
    // The sum wraps, as it always has.
    if hot.wrapping_add(warm) > 80 {
        return say(BAD_PERCENTS);
    }
    if hot_age <= 0.0 || warm_age <= 0.0 {
        return say(BAD_AGES);
    }
    settings.hot_lru_pct.set(hot);
    settings.warm_lru_pct.set(warm);
    settings.hot_max_factor.set(hot_age);
    settings.warm_max_factor.set(warm_age);
    say(reply::OK)
}

/// `lru_crawler ...`
pub fn lru_crawler(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let settings = &call.server.settings;
    let unsent = !call.out.is_empty();
    match words {
        [_, what] if begins(what, b"enable") => say(CRAWLER_NOT_STARTED),
        [_, what] if begins(what, b"disable") => say(reply::OK),
        [_, what, _] if begins(what, b"crawl") => say(CRAWLER_DISABLED),
        [_, what, _] if begins(what, b"metadump") => say(if unsent {
            METADUMP_PIPELINED
        } else {
            CRAWLER_DISABLED
        }),
        [_, what, _] if begins(what, b"mgdump") => say(if unsent {
            MGDUMP_PIPELINED
        } else {
            CRAWLER_DISABLED
        }),
        [_, what, count] if begins(what, b"tocrawl") => keep(
            &settings.lru_crawler_tocrawl,
            parse_u32(count),
            reply::BAD_LINE,
        ),
        [_, what, microseconds] if begins(what, b"sleep") => match parse_u32(microseconds) {
            Some(sleep @ 0..=SLEEP_MAX_US) => {
                settings.lru_crawler_sleep.set(sleep);
                say(reply::OK)
            }
            Some(_) => say(SLEEP_TOO_LONG),
            None => say(reply::BAD_LINE),
        },
        _ => say(reply::ERROR),
    }
}

/// `watch [stream ...]`
pub fn watch(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let known = |word: &&[u8]| STREAMS.iter().any(|stream| begins(word, stream));
    let reply = if !call.out.is_empty() {
        WATCH_PIPELINED
    } else if words[1..].iter().all(known) {
        WATCH_FAILED
    } else {
        reply::ERROR
    };
    call.out.put(reply);
    Answer::Written
}

/// `extstore ...`: taken whether there is external storage or not.
pub fn extstore(_: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    match words {
        [_, what, class, count, ..] if begins(what, b"free_memchunks") => {
            let class = parse_u32(class).filter(|&class| class <= CLASS_MAX);
            ok_if(class.zip(parse_u32(count)), reply::ERROR)
        }
        [_, what, number, ..] if EXTERNAL_COUNTS.iter().any(|name| begins(what, name)) => {
            ok_if(parse_u32(number), reply::ERROR)
        }
        [_, what, number, ..] if begins(what, b"max_frag") => {
            ok_if(parse_real(number), reply::ERROR)
        }
        _ => say(reply::ERROR),
    }
}

/// `refresh_certs`
pub fn refresh_certs(call: &mut Call<'_, '_>, _: &[&[u8]]) -> Answer {
    call.out.put(NO_TLS);
    Answer::Written
}
