//! Protocols: requests to bytes, and bytes to pieces of replies. No sockets, no state: what
//! has been asked for is the business of [`inflight`](crate::inflight).
//!
//! A reply is taken from the front of the bytes that have arrived, as one or several pieces.
//! If a piece is not there yet as a whole nothing is taken, so it does not matter where the
//! stream was cut.
//!
//! What looks at the front is inlined into the loop that takes pieces: a piece that went
//! through memory cost a fifth of the generator's own time.

mod binary;
mod meta;
mod text;

use crate::options::Value;

pub use binary::{sasl_plain, stats as binary_stats};

/// How requests are written and replies read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// `get` and `set`.
    Text,
    /// `mg` and `ms`.
    Meta,
    /// The binary protocol.
    Binary,
}

/// What stands at the front of the bytes that have arrived.
#[derive(Debug, PartialEq)]
pub enum Front<'a> {
    /// This piece, and the bytes it takes.
    Piece(Piece<'a>, usize),
    /// The beginning of a piece, which needs that many bytes, or more.
    Part(usize),
    /// Nothing that a server says; it is told what.
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
const LINE_MAX: usize = 2048;

impl Protocol {
    /// Appends a key of a get: the one at `place` of `count`.
    pub fn get(self, place: u32, count: u32, key: &[u8], to: &mut Vec<u8>) {
        match self {
            Protocol::Text => text::get(place, count, key, to),
            Protocol::Meta => meta::get(place, count, key, to),
            Protocol::Binary => binary::get(place, count, key, to),
        }
    }

    /// Appends a set; `write_value` appends the `len` bytes of its value.
    pub fn set(
        self,
        key: &[u8],
        ttl: u32,
        len: usize,
        to: &mut Vec<u8>,
        write_value: impl FnOnce(&mut Vec<u8>),
    ) {
        match self {
            Protocol::Text => text::set(key, ttl, len, to),
            Protocol::Meta => meta::set(key, ttl, len, to),
            Protocol::Binary => binary::set(key, ttl, len, to),
        }
        write_value(to);
        if self != Protocol::Binary {
            to.extend_from_slice(b"\r\n");
        }
    }

    /// Looks at the front of `bytes`.
    #[inline(always)]
    pub fn front(self, bytes: &[u8]) -> Front<'_> {
        match self {
            Protocol::Text => text::front(bytes),
            Protocol::Meta => meta::front(bytes),
            Protocol::Binary => binary::front(bytes),
        }
    }

    /// Whether the values of a get of `count` keys are followed by [`Piece::End`]; if not, its
    /// one reply is all.
    pub fn ends(self, count: u32) -> bool {
        self == Protocol::Text || count > 1
    }
}

impl Value for Protocol {
    fn read(text: &str) -> Result<Protocol, String> {
        match text {
            "text" => Ok(Protocol::Text),
            "meta" => Ok(Protocol::Meta),
            "binary" => Ok(Protocol::Binary),
            _ => Err("text, meta or binary".to_string()),
        }
    }

    fn show(&self) -> String {
        let name = match self {
            Protocol::Text => "text",
            Protocol::Meta => "meta",
            Protocol::Binary => "binary",
        };
        name.to_string()
    }
}

/// The piece that a reply of one word is, of those that come all the time: found without a
/// search for the end of the line.
#[inline(always)]
fn frequent<'a, const N: usize>(
    bytes: &[u8],
    words: [(&'static [u8], Piece<'a>); N],
) -> Option<Front<'a>> {
    let is_first = |(line, _): &(&[u8], _)| bytes.starts_with(line);
    let (line, piece) = words.into_iter().find(is_first)?;
    Some(Front::Piece(piece, line.len()))
}

/// The first line, without its end, and the bytes it takes with it.
#[inline(always)]
fn line(bytes: &[u8]) -> Result<(&[u8], usize), Front<'static>> {
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
fn block(bytes: &[u8], line_len: usize, len: usize) -> Result<(&[u8], usize), Front<'static>> {
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
fn length(digits: &[u8]) -> Option<usize> {
    let is_number = (1..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let value = |sum, digit: &u8| sum * 10 + usize::from(digit - b'0');
    is_number.then(|| digits.iter().fold(0, value))
}

fn decimal(mut number: u64, to: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[start..]);
}

fn is_error(line: &[u8]) -> bool {
    line == b"ERROR" || line.starts_with(b"CLIENT_ERROR ") || line.starts_with(b"SERVER_ERROR ")
}

fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(100)];
    head.escape_ascii().to_string()
}

fn garbage(line: &[u8]) -> Front<'static> {
    Front::Garbage(format!("unexpected reply: {}", shown(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all pieces, while the bytes arrive in portions of `portion`.
    fn pieces(protocol: Protocol, stream: &[u8], portion: usize) -> Vec<String> {
        let (mut taken, mut arrived) = (0, 0);
        let mut seen = Vec::new();
        loop {
            match protocol.front(&stream[taken..arrived]) {
                Front::Piece(piece, len) => {
                    seen.push(format!("{piece:?}"));
                    taken += len;
                }
                Front::Garbage(what) => {
                    seen.push(what);
                    return seen;
                }
                Front::Part(needed) => {
                    assert!(needed > arrived - taken, "it can be more than has arrived");
                    if arrived == stream.len() {
                        assert_eq!(taken, arrived, "all is taken");
                        return seen;
                    }
                    // What is said to be needed is needed: less gives nothing.
                    let least = (taken + needed).min(stream.len());
                    assert!(matches!(
                        protocol.front(&stream[taken..least - 1]),
                        Front::Part(_)
                    ));
                    arrived = (arrived + portion).min(stream.len());
                }
            }
        }
    }

    fn binary_reply(opcode: u8, status: u16, opaque: u32, extras: &[u8], value: &[u8]) -> Vec<u8> {
        let mut reply = vec![0x81, opcode, 0, 0, extras.len() as u8, 0];
        reply.extend_from_slice(&status.to_be_bytes());
        reply.extend_from_slice(&((extras.len() + value.len()) as u32).to_be_bytes());
        reply.extend_from_slice(&opaque.to_be_bytes());
        reply.extend_from_slice(&[0; 8]);
        reply.extend_from_slice(extras);
        reply.extend_from_slice(value);
        reply
    }

    #[test]
    fn replies_are_the_same_wherever_the_stream_is_cut() {
        let text = b"VALUE k:1 0 5\r\na\r\nbc\r\nVALUE k:2 7 0 99\r\n\r\nEND\r\nSTORED\r\nEND\r\n\
            SERVER_ERROR out of memory\r\nNOT_STORED\r\nERROR\r\n";
        let meta =
            b"VA 5\r\na\r\nbc\r\nEN\r\nVA 0 kk:2\r\n\r\nMN\r\nHD\r\nNS\r\nCLIENT_ERROR x\r\n";
        let binary = [
            binary_reply(0x00, 0, 0, &[0; 4], b"value"),
            binary_reply(0x09, 0, 3, &[0; 4], b""),
            binary_reply(0x00, 1, 0, b"", b"Not found"),
            binary_reply(0x0a, 0, 0, b"", b""),
            binary_reply(0x01, 0, 0, b"", b""),
            binary_reply(0x01, 0x82, 0, b"", b"Out of memory"),
        ]
        .concat();
        for (protocol, stream, count) in [
            (Protocol::Text, &text[..], 8),
            (Protocol::Meta, &meta[..], 7),
            (Protocol::Binary, &binary[..], 6),
        ] {
            let whole = pieces(protocol, stream, stream.len());
            assert_eq!(whole.len(), count, "{whole:?}");
            for portion in 1..stream.len() {
                assert_eq!(
                    pieces(protocol, stream, portion),
                    whole,
                    "{protocol:?} by {portion}"
                );
            }
        }
    }

    #[test]
    fn what_no_server_says_is_noticed() {
        for (protocol, stream) in [
            (Protocol::Text, &b"VALUE k 0 2\r\nabc\r\n"[..]),
            (Protocol::Text, b"VALUE k 0\r\n"),
            (Protocol::Text, b"VALUE k 0 -1\r\n"),
            (Protocol::Text, b"VALUE k x 1\r\na\r\n"),
            (Protocol::Text, b"VALUE k 0 99999999999\r\n"),
            (Protocol::Text, b"STORED\n"),
            (Protocol::Text, b"HD\r\n"),
            (Protocol::Text, b"\r\n"),
            (Protocol::Meta, b"VA\r\n"),
            (Protocol::Meta, b"VA 1\r\nabc"),
            (Protocol::Meta, b"STORED\r\n"),
            (Protocol::Binary, &[0x80; 24]),
            (Protocol::Binary, &binary_reply(0x05, 0, 0, b"", b"")),
            (Protocol::Binary, &binary_reply(0x00, 0, 0, b"", b"value")),
        ] {
            assert!(
                matches!(protocol.front(stream), Front::Garbage(_)),
                "{protocol:?} {}",
                stream.escape_ascii()
            );
        }
        let endless = [b'x'; LINE_MAX];
        assert!(matches!(Protocol::Text.front(&endless), Front::Garbage(_)));
        assert_eq!(Protocol::Text.front(&endless[1..]), Front::Part(LINE_MAX));
    }

    #[test]
    fn requests_are_written_as_the_protocols_say() {
        let mut out = Vec::new();
        for (place, key) in [(0, b"a"), (1, b"b")] {
            Protocol::Text.get(place, 2, key, &mut out);
        }
        Protocol::Text.set(b"k", 60, 10, &mut out, |to| {
            to.extend_from_slice(b"0123456789")
        });
        Protocol::Meta.get(0, 1, b"a", &mut out);
        for (place, key) in [(0, b"a"), (1, b"b")] {
            Protocol::Meta.get(place, 2, key, &mut out);
        }
        Protocol::Meta.set(b"k", 0, 1, &mut out, |to| to.push(b'x'));
        Protocol::Meta.set(b"k", 60, 1, &mut out, |to| to.push(b'x'));
        let expected = "get a b\r\nset k 0 60 10\r\n0123456789\r\nmg a v\r\nmg a v k q\r\n\
            mg b v k q\r\nmn\r\nms k 1\r\nx\r\nms k 1 T60\r\nx\r\n";
        assert_eq!(
            out.escape_ascii().to_string(),
            expected.escape_default().to_string()
        );
    }
}
