//! The classic text protocol: `get` and `set`.

#![forbid(unsafe_code)]

use super::piece::{
    Front, Piece, Which, block, decimal, frequent, garbage, is_error, length, line, shown,
};

pub(super) fn get(place: u32, count: u32, key: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(if place == 0 { b"get " } else { b" " });
    to.extend_from_slice(key);
    if place + 1 == count {
        to.extend_from_slice(b"\r\n");
    }
}

pub(super) fn set(key: &[u8], ttl: u32, len: usize, to: &mut Vec<u8>) {
    to.extend_from_slice(b"set ");
    to.extend_from_slice(key);
    to.extend_from_slice(b" 0 ");
    decimal(ttl.into(), to);
    to.push(b' ');
    decimal(len as u64, to);
    to.extend_from_slice(b"\r\n");
}

#[inline(always)]
pub(super) fn front(bytes: &[u8]) -> Front<'_> {
    let words = [
        (&b"END\r\n"[..], Piece::End),
        (b"STORED\r\n", Piece::Stored),
    ];
    if let Some(front) = frequent(bytes, words) {
        return front;
    }
    let (line, line_len) = match line(bytes) {
        Ok(found) => found,
        Err(front) => return front,
    };
    match line.strip_prefix(b"VALUE ") {
        Some(words) => value(bytes, line, line_len, words),
        None if is_error(line) || line == b"NOT_STORED" => {
            Front::Piece(Piece::Refused(shown(line)), line_len)
        }
        None => garbage(line),
    }
}

/// `words` is what follows VALUE: the key, its flags, the length, perhaps a version.
#[inline(always)]
fn value<'a>(bytes: &'a [u8], line: &[u8], line_len: usize, words: &'a [u8]) -> Front<'a> {
    let mut words = words.split(|&byte| byte == b' ');
    let key = words.next().unwrap_or_default();
    let flags = words.next().and_then(length);
    let (Some(_), Some(len)) = (flags, words.next().and_then(length)) else {
        return garbage(line);
    };
    match block(bytes, line_len, len) {
        Ok((data, taken)) => {
            let key = Which::Name(key);
            Front::Piece(Piece::Value { key, data }, taken)
        }
        Err(front) => front,
    }
}
