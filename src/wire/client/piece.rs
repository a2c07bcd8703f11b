//! Pieces of replies: what all protocols have in common.

#![forbid(unsafe_code)]

use crate::digits::{self, U64_LEN_MAX};

/// What stands at the front of the bytes that have arrived.
#[derive(Debug, PartialEq)]
pub enum Front<'a> {
    /// This piece, and the bytes it takes.
    Piece(Piece<'a>, usize),
    /// The beginning of a piece, which needs that many bytes, or more.
    Part(usize),
    /// No reply of this protocol; the text says what it is.
    Garbage(String),
}

/// A reply, or a part of one.
#[derive(Debug, PartialEq)]
pub enum Piece<'a> {
    /// A key was found.
    Value {
        /// Which one.
        key: Which<'a>,
        /// Its value.
        data: &'a [u8],
    },
    /// The one key asked for was not found.
    Miss,
    /// There are no more values; keys that had none were not found.
    End,
    /// A value has been stored.
    Stored,
    /// An error reply, as it is shown.
    Refused(String),
}

/// How a reply names a key.
#[derive(Debug, PartialEq)]
pub enum Which<'a> {
    /// By its name.
    Name(&'a [u8]),
    /// By its place among the keys of its request.
    Place(u32),
    /// Not at all: there was one.
    TheOne,
}

/// Lines of replies are shorter.
pub(super) const LINE_MAX: usize = 2048;

/// The piece that a reply of one word is, of those that come all the time: found without a
/// search for the end of the line.
#[inline(always)]
pub(super) fn frequent<'a, const N: usize>(
    bytes: &[u8],
    words: [(&'static [u8], Piece<'a>); N],
) -> Option<Front<'a>> {
    let is_first = |(line, _): &(&[u8], _)| bytes.starts_with(line);
    let (line, piece) = words.into_iter().find(is_first)?;
    Some(Front::Piece(piece, line.len()))
}

/// The first line, without its end, and the bytes it takes with it.
#[inline(always)]
pub(super) fn line(bytes: &[u8]) -> Result<(&[u8], usize), Front<'static>> {
    let head = &bytes[..bytes.len().min(LINE_MAX)];
    match head.iter().position(|&byte| byte == b'\n') {
        Some(end) if end > 0 && head[end - 1] == b'\r' => Ok((&head[..end - 1], end + 1)),
        Some(end) => Err(garbage(&head[..end])),
        None if head.len() == LINE_MAX => Err(garbage(head)),
        None => Err(Front::Part(bytes.len() + 1)),
    }
}

/// The data block that follows a line of `line_len` bytes, and the bytes up to its end.
#[inline(always)]
pub(super) fn block(
    bytes: &[u8],
    line_len: usize,
    len: usize,
) -> Result<(&[u8], usize), Front<'static>> {
    let end = line_len + len;
    match bytes.get(end..end + 2) {
        None => Err(Front::Part(end + 2)),
        Some(b"\r\n") => Ok((&bytes[line_len..end], end + 2)),
        Some(_) => Err(Front::Garbage(format!(
            "a value of {len} bytes does not end there"
        ))),
    }
}

/// A number of bytes; none if it is not one, or beyond all reason.
#[inline(always)]
pub(super) fn length(digits: &[u8]) -> Option<usize> {
    let is_number = (1..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let value = |sum, digit: &u8| sum * 10 + usize::from(digit - b'0');
    is_number.then(|| digits.iter().fold(0, value))
}

/// Appends a decimal number.
pub(super) fn decimal(number: u64, to: &mut Vec<u8>) {
    to.extend_from_slice(digits::format(&mut [0; U64_LEN_MAX], number));
}

pub(super) fn is_error(line: &[u8]) -> bool {
    line == b"ERROR" || line.starts_with(b"CLIENT_ERROR ") || line.starts_with(b"SERVER_ERROR ")
}

pub(super) fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(100)];
    head.escape_ascii().to_string()
}

pub(super) fn garbage(line: &[u8]) -> Front<'static> {
    Front::Garbage(format!("unexpected reply: {}", shown(line)))
}
