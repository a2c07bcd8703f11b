//! The commands that tune a running server: what memory it may take, and the threads that
//! look after memory. External storage answers as a server without it does.

#![forbid(unsafe_code)]

use super::call::{Answer, Call, begins};
use super::dump::{Dump, DumpFormat};
use crate::server::Server;
use crate::settings::{Live, Number, Settings};
use crate::store::{ClassSet, MoveRefused, Source};
use crate::upkeep::crawler::Job;
use crate::upkeep::mover::MoveError;
use crate::wire::Put;
use crate::wire::number::{parse_i32, parse_u32};
use crate::wire::reply;

const LIMIT_TOO_SMALL: &[u8] = b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n";
const LIMIT_NOT_BYTES: &[u8] = b"MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n";
const LIMIT_OUT_OF_BOUNDS: &[u8] = b"MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
const REASSIGN_DISABLED: &[u8] = b"CLIENT_ERROR slab reassignment disabled\r\n";
const MOVE_BUSY: &[u8] = b"BUSY currently processing reassign request\r\n";
const MOVE_BAD_CLASS: &[u8] = b"BADCLASS invalid src or dst class id\r\n";
const MOVE_NO_SPARE: &[u8] = b"NOSPARE source class has no spare pages\r\n";
const MOVE_SAME: &[u8] = b"SAME src and dst class are identical\r\n";
const BAD_WINDOW: &[u8] = b"CLIENT_ERROR automove window too low or too high\r\n";
const BAD_PERCENTS: &[u8] = b"ERROR hot and warm pcts must not exceed 80\r\n";
const BAD_AGES: &[u8] = b"ERROR hot/warm age factors must be greater than 0\r\n";
const CRAWLER_NOT_STARTED: &[u8] = b"ERROR failed to start lru crawler thread\r\n";
const CRAWLER_DISABLED: &[u8] = b"CLIENT_ERROR lru crawler disabled\r\n";
const CRAWLER_BUSY: &[u8] = b"BUSY currently processing crawler request\r\n";
const CRAWL_BAD_CLASS: &[u8] = b"BADCLASS invalid class id\r\n";
const CRAWL_NOTHING: &[u8] = b"NOTSTARTED no items to crawl\r\n";
const CRAWL_UNKNOWN: &[u8] = b"ERROR an unknown error happened\r\n";
const METADUMP_FORBIDDEN: &[u8] = b"ERROR metadump not allowed\r\n";
const MGDUMP_FORBIDDEN: &[u8] = b"ERROR key dump not allowed\r\n";
const METADUMP_PIPELINED: &[u8] = b"ERROR cannot pipeline other commands before metadump\r\n";
const MGDUMP_PIPELINED: &[u8] = b"ERROR cannot pipeline other commands before mgdump\r\n";
const SLEEP_TOO_LONG: &[u8] = b"CLIENT_ERROR sleep must be one second or less\r\n";
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
    let settings = &call.server.settings;
    let together = call.server.settings.together.lock();
    // Other commands need not wait for the settings while memory goes back to the system.
    let note = || {
        settings.memory_bytes.set(bytes);
        drop(together);
    };
    // What was taken at the start stays.
    if settings.large_pages || !call.server.store.set_limit(bytes, note) {
        return say(LIMIT_OUT_OF_BOUNDS);
    }
    if settings.verbosity.get() > 0 {
        log!("maxbytes adjusted to {megabytes}m");
    }
    say(reply::OK)
}

/// `slabs reassign <from> <to>`, `slabs automove ...`
pub fn slabs(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    match words {
        [_, what, from, to] if begins(what, b"reassign") => {
            if !call.server.settings.slab_reassign {
                return say(REASSIGN_DISABLED);
            }
            match parse_i32(from).zip(parse_i32(to)) {
                Some((from, to)) => say(reassign(call.server, from, to)),
                None => say(reply::BAD_LINE),
            }
        }
        [_, what, rest @ ..] if begins(what, b"automove") => automove(&call.server.settings, rest),
        _ => say(reply::ERROR),
    }
}

fn reassign(server: &Server, from: i32, to: i32) -> &'static [u8] {
    if from == to {
        return MOVE_SAME;
    }
    let source = match from {
        -1 => Some(Source::Any),
        _ => usize::try_from(from).ok().map(Source::Class),
    };
    let Some((from, to)) = source.zip(usize::try_from(to).ok()) else {
        return MOVE_BAD_CLASS;
    };
    match server.upkeep.mover.request(&server.store, from, to) {
        Ok(()) => reply::OK,
        Err(MoveError::Busy) => MOVE_BUSY,
        Err(MoveError::Impossible(MoveRefused::BadClass)) => MOVE_BAD_CLASS,
        Err(MoveError::Impossible(MoveRefused::NoSpare)) => MOVE_NO_SPARE,
        Err(MoveError::Impossible(MoveRefused::Same)) => MOVE_SAME,
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
                Some((percents, ages)) => tune(call.server, percents, ages),
                None => say(reply::ERROR),
            }
        }
        // The rest needs the maintainer.
        _ if !call.server.settings.lru_maintainer => say(reply::ERROR),
        [_, what, mode, ..] if begins(what, b"mode") => {
            let segmented = begins(mode, b"segmented");
            if !segmented && !begins(mode, b"flat") {
                return say(reply::ERROR);
            }
            let _together = call.server.settings.together.lock();
            call.server.store.set_segmented(segmented);
            call.server.settings.lru_segmented.set(segmented);
            say(reply::OK)
        }
        [_, what, ttl, ..] if begins(what, b"temp_ttl") => match parse_i32(ttl) {
            Some(ttl) => say(temporary_ttl(call.server, ttl)),
            None => say(reply::ERROR),
        },
        _ => say(reply::ERROR),
    }
}

/// A negative time turns TEMP off.
fn temporary_ttl(server: &Server, ttl_s: i32) -> &'static [u8] {
    let ttl_s = u32::try_from(ttl_s).ok();
    let _together = server.settings.together.lock();
    server.store.set_temporary_ttl(ttl_s);
    server.settings.temp_lru.set(ttl_s.is_some());
    if let Some(ttl_s) = ttl_s {
        server.settings.temporary_ttl.set(ttl_s);
    }
    reply::OK
}

fn tune(server: &Server, (hot, warm): (u32, u32), (hot_age, warm_age): (f64, f64)) -> Answer {
    // The sum wraps, as it always has.
    if hot.wrapping_add(warm) > 80 {
        return say(BAD_PERCENTS);
    }
    if hot_age <= 0.0 || warm_age <= 0.0 {
        return say(BAD_AGES);
    }
    let (_together, settings) = (server.settings.together.lock(), &server.settings);
    settings.hot_lru_pct.set(hot);
    settings.warm_lru_pct.set(warm);
    settings.hot_max_factor.set(hot_age);
    settings.warm_max_factor.set(warm_age);
    say(reply::OK)
}

/// `lru_crawler ...`
pub fn lru_crawler(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    let settings = &call.server.settings;
    let enabled = settings.lru_crawler.get();
    match words {
        [_, what] if begins(what, b"enable") => {
            if enabled {
                return say(CRAWLER_NOT_STARTED);
            }
            settings.lru_crawler.set(true);
            say(reply::OK)
        }
        [_, what] if begins(what, b"disable") => {
            settings.lru_crawler.set(false);
            say(reply::OK)
        }
        [_, what, classes] if begins(what, b"crawl") => say(crawl(call.server, classes)),
        [_, what, classes] if begins(what, b"metadump") => dump(call, classes, DumpFormat::Meta),
        [_, what, classes] if begins(what, b"mgdump") => dump(call, classes, DumpFormat::Get),
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

/// `lru_crawler crawl <classes>`
fn crawl(server: &Server, classes: &[u8]) -> &'static [u8] {
    if !server.settings.lru_crawler.get() {
        return CRAWLER_DISABLED;
    }
    if classes == b"hash" {
        return CRAWL_UNKNOWN; // only a dump can go by the hash table
    }
    let classes = match parse_classes(classes) {
        Ok(classes) => classes,
        Err(fault) => return fault,
    };
    if server
        .upkeep
        .crawler
        .start(Job { classes }, server.store.clock.awake())
    {
        reply::OK
    } else {
        CRAWLER_BUSY
    }
}

/// `lru_crawler metadump|mgdump <classes>|all|hash`
fn dump(call: &mut Call<'_, '_>, classes: &[u8], kind: DumpFormat) -> Answer {
    let (pipelined, forbidden) = match kind {
        DumpFormat::Meta => (METADUMP_PIPELINED, METADUMP_FORBIDDEN),
        DumpFormat::Get => (MGDUMP_PIPELINED, MGDUMP_FORBIDDEN),
    };
    let server = call.server;
    if !server.settings.dump_enabled {
        return say(forbidden);
    }
    if call.caller.from.is_some() {
        // It would be longer than a message of datagrams.
        return say(reply::ERROR);
    }
    if !call.out.is_empty() {
        return say(pipelined);
    }
    if !server.settings.lru_crawler.get() {
        return say(CRAWLER_DISABLED);
    }
    let classes = match classes {
        b"hash" => ClassSet::ALL,
        _ => match parse_classes(classes) {
            Ok(classes) => classes,
            Err(fault) => return say(fault),
        },
    };
    let Some(entry) = server.upkeep.crawler.start_dump(server.store.clock.awake()) else {
        return say(CRAWLER_BUSY);
    };
    call.local.counters.thread.lru_crawler_starts.add(1);
    call.out.put(reply::OK);
    call.dump = Some(Dump::new(kind, classes, entry));
    Answer::Written
}

/// `all`, or ids with commas between them.
fn parse_classes(text: &[u8]) -> Result<ClassSet, &'static [u8]> {
    if text == b"all" {
        return Ok(ClassSet::ALL);
    }
    let mut classes = ClassSet::default();
    for id in text.split(|&byte| byte == b',').filter(|id| !id.is_empty()) {
        match parse_u32(id.strip_prefix(b"+").unwrap_or(id)) {
            Some(class @ 1..=CLASS_MAX) => classes.insert(class as usize),
            _ => return Err(CRAWL_BAD_CLASS),
        }
    }
    if classes.is_empty() {
        return Err(CRAWL_NOTHING);
    }
    Ok(classes)
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
