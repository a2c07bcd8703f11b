//! The binary protocol: GET and SET; GETQ for several keys, ended by a NOOP.
//!
//! ```text
//! 0       1        2       4          5        6          8        12       16
//! │ magic │ opcode │ key n │ extras n │ (type) │ status   │ body n │ opaque │ version │ body …
//! ```
//!
//! The opaque of a GETQ is the key's place among those of its request.

#![forbid(unsafe_code)]

use super::super::frame::header::{HEADER_LEN, MAGIC, MAGIC_REPLY};
use super::piece::{Front, Piece, Which, shown};

const GET: u8 = 0x00;
const SET: u8 = 0x01;
const GETQ: u8 = 0x09;
const NOOP: u8 = 0x0a;
const STAT: u8 = 0x10;
const SASL_AUTH: u8 = 0x21;

const NOT_FOUND: u16 = 1;

/// Flags, which stand before a value that was found.
const GET_EXTRAS_LEN: usize = 4;

pub(super) fn get(place: u32, count: u32, key: &[u8], to: &mut Vec<u8>) {
    if count == 1 {
        request(GET, key, &[], 0, 0, to);
        return;
    }
    request(GETQ, key, &[], 0, place, to);
    if place + 1 == count {
        request(NOOP, b"", &[], 0, 0, to);
    }
}

pub(super) fn set(key: &[u8], ttl: u32, len: usize, to: &mut Vec<u8>) {
    let mut extras = [0; 8];
    extras[4..].copy_from_slice(&ttl.to_be_bytes());
    request(SET, key, &extras, len, 0, to);
}

/// A login by SASL PLAIN.
pub fn sasl_plain(name: &str, password: &str) -> Vec<u8> {
    let secret = format!("\0{name}\0{password}");
    let mut bytes = Vec::new();
    request(SASL_AUTH, b"PLAIN", &[], secret.len(), 0, &mut bytes);
    bytes.extend_from_slice(secret.as_bytes());
    bytes
}

/// A request for the server's statistics.
pub fn stats() -> Vec<u8> {
    let mut bytes = Vec::new();
    request(STAT, b"", &[], 0, 0, &mut bytes);
    bytes
}

/// Appends a request without its value, which has `value_len` bytes.
fn request(opcode: u8, key: &[u8], extras: &[u8], value_len: usize, opaque: u32, to: &mut Vec<u8>) {
    let body_len = extras.len() + key.len() + value_len;
    let mut header = [0; HEADER_LEN];
    header[0] = MAGIC;
    header[1] = opcode;
    header[2..4].copy_from_slice(&(key.len() as u16).to_be_bytes());
    header[4] = extras.len() as u8;
    header[8..12].copy_from_slice(&(body_len as u32).to_be_bytes());
    header[12..16].copy_from_slice(&opaque.to_be_bytes());
    to.extend_from_slice(&header);
    to.extend_from_slice(extras);
    to.extend_from_slice(key);
}

#[inline(always)]
pub(super) fn front(bytes: &[u8]) -> Front<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Front::Part(HEADER_LEN);
    };
    let &[
        magic,
        opcode,
        k0,
        k1,
        extras_len,
        _,
        s0,
        s1,
        b0,
        b1,
        b2,
        b3,
        o0,
        o1,
        o2,
        o3,
        ..,
    ] = header;
    let key_len = usize::from(u16::from_be_bytes([k0, k1]));
    let head_len = key_len + usize::from(extras_len);
    let body_len = u32::from_be_bytes([b0, b1, b2, b3]) as usize;
    if magic != MAGIC_REPLY || head_len > body_len {
        return Front::Garbage(format!("unexpected reply: {}", shown(header)));
    }
    let Some(body) = rest.get(..body_len) else {
        return Front::Part(HEADER_LEN + body_len);
    };
    let status = u16::from_be_bytes([s0, s1]);
    let piece = match (opcode, status) {
        (GET | GETQ, 0) if usize::from(extras_len) == GET_EXTRAS_LEN => Piece::Value {
            key: match opcode {
                GETQ => Which::Place(u32::from_be_bytes([o0, o1, o2, o3])),
                _ => Which::TheOne,
            },
            data: &body[head_len..],
        },
        (GET, NOT_FOUND) => Piece::Miss,
        (NOOP, 0) => Piece::End,
        (SET | SASL_AUTH, 0) => Piece::Stored,
        (GET | SET | GETQ | NOOP | SASL_AUTH, 1..) => {
            Piece::Refused(format!("status {status:#04x}: {}", shown(body)))
        }
        _ => return Front::Garbage(format!("unexpected reply: {}", shown(header))),
    };
    Front::Piece(piece, HEADER_LEN + body_len)
}
