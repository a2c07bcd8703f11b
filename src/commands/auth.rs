//! Logging in by text: a line like that of `set`, and a block `user password`.
//!
//! Nothing but that is listened to before, so lines are read here and not by the parser.

#![forbid(unsafe_code)]

use super::context::Context;
use crate::wire::number::parse_u32;
use crate::wire::reply;
use crate::wire::scan::line_feed;
use crate::wire::tokens::words;

/// A line whose end has not arrived may be so long.
const LINE_LEN_MAX: usize = 2048;
/// Shortest line, without its line feed.
const LINE_LEN_MIN: usize = 6;
/// Bytes of a shorter line after which it is certain that it is one.
const SHORT_LEN: usize = 3;
/// Longest block: with its line end it filled the buffer of 16 KiB that it was once read into.
const BLOCK_LEN_MAX: u32 = (16 << 10) - 2;

/// What the input of a client that has not logged in begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum LoginLine<'i> {
    /// Not enough to tell.
    Partial,
    /// Nothing that a client of this protocol says.
    NotALogin,
    /// A line of so many bytes, or a line and a block, that deserve this reply.
    Refused(usize, &'static [u8]),
    /// So many bytes that name a user and a password.
    Attempt(usize, &'i [u8], &'i [u8]),
}

/// Reads a line, and the block that it announces.
pub fn read(input: &[u8]) -> LoginLine<'_> {
    let Some(end) = line_feed(input, 0) else {
        return if input.len() > LINE_LEN_MAX {
            LoginLine::NotALogin
        } else {
            LoginLine::Partial
        };
    };
    if end < LINE_LEN_MIN {
        return if input.len() < SHORT_LEN {
            LoginLine::Partial
        } else {
            LoginLine::NotALogin
        };
    }
    let (line, after) = (&input[..end], end + 1);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let len = words(line).nth(4).and_then(parse_u32);
    let Some(len) = len.filter(|_| line.starts_with(b"set")) else {
        return LoginLine::Refused(after, reply::UNAUTHENTICATED);
    };
    if len > BLOCK_LEN_MAX {
        return LoginLine::Refused(after, reply::LONG_AUTH_TOKEN);
    }
    let block_end = after + len as usize;
    let Some(line_end) = input.get(block_end..block_end + 2) else {
        return LoginLine::Partial;
    };
    let consumed = block_end + 2;
    if line_end != reply::CR_LF {
        return LoginLine::Refused(consumed, reply::BAD_AUTH_END);
    }
    let block = &input[after..block_end];
    let Some(blank) = block.iter().position(|&b| b == b' ') else {
        return LoginLine::Refused(consumed, reply::BAD_AUTH_TOKEN);
    };
    LoginLine::Attempt(consumed, &block[..blank], &block[blank + 1..])
}

impl Context<'_, '_> {
    /// Whether user and password are right; counted.
    pub(super) fn log_in(&mut self, user: &[u8], password: &[u8]) -> bool {
        let admitted = self.server.logins.admits_by_text(user, password);
        self.count_login(admitted);
        admitted
    }

    /// Counts an attempt to log in.
    pub(super) fn count_login(&self, admitted: bool) {
        let thread = &self.local.counters.thread;
        thread.auth_cmds.add(1);
        if !admitted {
            thread.auth_errors.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_waits_for_the_whole_of_its_block() {
        let text = b"set x 0 0 7\r\nbob a b\r\nget";
        let whole = LoginLine::Attempt(22, b"bob", b"a b");
        for cut in 0..22 {
            assert_eq!(read(&text[..cut]), LoginLine::Partial, "{cut} bytes");
        }
        assert_eq!(read(&text[..22]), whole);
        assert_eq!(read(text), whole);
        assert_eq!(
            read(b"set x 0 0 7\nbob a b\r\n"),
            LoginLine::Attempt(21, b"bob", b"a b")
        );
    }

    #[test]
    fn a_short_line_is_no_line_of_this_protocol() {
        assert_eq!(read(b"\r\n"), LoginLine::Partial);
        assert_eq!(read(b"\r\n\r"), LoginLine::NotALogin);
        assert_eq!(read(b"quit\r\n"), LoginLine::NotALogin);
        assert_eq!(
            read(b"stats\r\n"),
            LoginLine::Refused(7, reply::UNAUTHENTICATED)
        );
        assert_eq!(read(&[b'x'; 2048]), LoginLine::Partial);
        assert_eq!(read(&[b'x'; 2049]), LoginLine::NotALogin);
    }
}
