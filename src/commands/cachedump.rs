//! `stats cachedump`: what is in one list, for people.

#![forbid(unsafe_code)]

use super::call::{Answer, Call};
use crate::store::CLASSES_MAX;
use crate::wire::number::parse_u32;
use crate::wire::{Put, base64, reply};

const FORBIDDEN: &[u8] = b"CLIENT_ERROR stats cachedump not allowed\r\n";
const TOO_SHORT: &[u8] = b"CLIENT_ERROR bad command line\r\n";
const BAD_CLASS: &[u8] = b"CLIENT_ERROR Illegal slab id\r\n";

/// Bytes that `stats cachedump` lists at most, those of the lines included that it leaves out.
const CACHEDUMP_LEN_MAX: usize = 2 << 20;
/// Bytes of its shortest line, the key aside.
const CACHEDUMP_LINE_LEN: usize = b"ITEM  [0 b; 0 s]\r\n".len();
/// Items that it looks at for each line that is asked for, and for any number of them. Those that
/// it leaves out would else be without bound: a list may hold no others.
const LOOKS_PER_LINE: usize = 10;
const LOOKS_MIN: usize = 1000;

/// `stats cachedump <class> <limit>`: the newest items of a class's COLD list.
pub fn cachedump(call: &mut Call<'_, '_>, words: &[&[u8]]) -> Answer {
    if !call.server.settings.dump_enabled {
        return Answer::Say(FORBIDDEN);
    }
    let &[_, _, class, limit, ..] = words else {
        return Answer::Say(TOO_SHORT);
    };
    let Some((class, limit)) = parse_u32(class).zip(parse_u32(limit)) else {
        return Answer::Say(reply::BAD_LINE);
    };
    let class = class as usize;
    if class >= CLASSES_MAX {
        return Answer::Say(BAD_CLASS);
    }
    let (lines_max, looks_max) = match limit as usize {
        0 => (usize::MAX, usize::MAX),
        limit => (limit, (limit * LOOKS_PER_LINE).max(LOOKS_MIN)),
    };
    let store = &call.server.store;
    let epoch_s = store.clock.wall(0);
    let (mut lines, mut looks, mut len) = (0, 0, 0);
    store.list_cold(class, |item| {
        len += CACHEDUMP_LINE_LEN + item.key.len();
        if len > CACHEDUMP_LEN_MAX || lines == lines_max || looks == looks_max {
            return false;
        }
        looks += 1;
        // A key that came in base64, or in a frame, need not be text.
        if !item.is_key_binary && !base64::is_needed(item.key) {
            let expiry = match item.expires_s {
                0 => 0,
                second => epoch_s + i64::from(second),
            };
            call.out.put(b"ITEM ");
            call.out.put(item.key);
            let tail = format!(" [{} b; {expiry} s]\r\n", item.value_len);
            call.out.put(tail.as_bytes());
            len += tail.len() - b" [0 b; 0 s]\r\n".len();
            lines += 1;
        }
        true
    });
    call.out.put(reply::END);
    Answer::Written
}
