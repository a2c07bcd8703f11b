//! The meta commands: `mg` and `ms`; quiet ones, ended by `mn`, for several keys.

#![forbid(unsafe_code)]

use super::piece::{
    Front, Piece, Which, block, decimal, frequent, garbage, is_error, length, line, shown,
};

pub(super) fn get(place: u32, count: u32, key: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(b"mg ");
    to.extend_from_slice(key);
    if count == 1 {
        to.extend_from_slice(b" v\r\n");
        return;
    }
    to.extend_from_slice(b" v k q\r\n");
    if place + 1 == count {
        to.extend_from_slice(b"mn\r\n");
    }
}

pub(super) fn set(key: &[u8], ttl: u32, len: usize, to: &mut Vec<u8>) {
    to.extend_from_slice(b"ms ");
    to.extend_from_slice(key);
    to.push(b' ');
    decimal(len as u64, to);
    if ttl != 0 {
        to.extend_from_slice(b" T");
        decimal(ttl.into(), to);
    }
    to.extend_from_slice(b"\r\n");
}

#[inline(always)]
pub(super) fn front(bytes: &[u8]) -> Front<'_> {
    let words = [
        (&b"HD\r\n"[..], Piece::Stored),
        (b"EN\r\n", Piece::Miss),
        (b"MN\r\n", Piece::End),
    ];
    if let Some(front) = frequent(bytes, words) {
        return front;
    }
    let (line, line_len) = match line(bytes) {
        Ok(found) => found,
        Err(front) => return front,
    };
    match line.strip_prefix(b"VA ") {
        Some(words) => value(bytes, line, line_len, words),
        None if is_error(line) || line == b"NS" => {
            Front::Piece(Piece::Refused(shown(line)), line_len)
        }
        None => garbage(line),
    }
}

/// `words` is what follows VA: the length, and the key if it was asked for.
#[inline(always)]
fn value<'a>(bytes: &'a [u8], line: &[u8], line_len: usize, words: &'a [u8]) -> Front<'a> {
    let mut words = words.split(|&byte| byte == b' ');
    let Some(len) = words.next().and_then(length) else {
        return garbage(line);
    };
    let key = words.find_map(|word| word.strip_prefix(b"k"));
    match block(bytes, line_len, len) {
        Ok((data, taken)) => {
            let key = key.map_or(Which::TheOne, Which::Name);
            Front::Piece(Piece::Value { key, data }, taken)
        }
        Err(front) => front,
    }
}
