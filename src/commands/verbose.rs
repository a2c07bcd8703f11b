//! `-vv`: every command line and its reply, on standard error.
//!
//! ```text
//! <27 get foo                 the line, as it came
//! >27 sending key foo         a hit
//! >27 END                     the reply, if it is one line that says how it went
//! >27 NOREPLY STORED          the same, withheld from the client
//! ```
//!
//! With `-vvv` each look for a key is logged as well. A session takes this way, one request at
//! a time, only if there is something to tell: the ordinary way knows nothing of it.
//!
//! All of this runs on a worker's thread, which holds no lock then, and does not wait for a reader
//! who should read (`sys::stderr`).

#![forbid(unsafe_code)]

use crate::sys::stderr;
use crate::wire::reply;
use crate::wire::request::{Command, Request};

/// The log of one connection.
#[derive(Clone, Copy)]
pub struct CommandLog {
    /// The number of its descriptor, by which its lines are known.
    pub client: i32,
    /// How much is logged: `-v` once, twice or more.
    pub verbosity: u32,
}

impl CommandLog {
    /// Whether commands and replies are logged.
    #[inline]
    pub fn has_commands(self) -> bool {
        self.verbosity > 1
    }

    pub fn has_looks(self) -> bool {
        self.verbosity > 2
    }

    /// A line: a mark, the client, and bytes as they are.
    fn line(self, mark: char, note: &str, bytes: &[u8]) {
        let mut line = format!("{mark}{} {note}", self.client).into_bytes();
        line.extend_from_slice(bytes);
        write_line(line);
    }

    /// What the first byte of a client has shown.
    pub fn begins(self, protocol: &str) {
        write_line(format!("{}: Client using the {protocol} protocol", self.client).into_bytes());
    }

    /// The command line that a request begins, if it is the line's first one.
    pub fn request(self, input: &[u8], request: &Request) {
        if matches!(request.command, Command::Get { first: false, .. }) {
            return;
        }
        let rest = &input[request.start as usize..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        self.line('<', "", line.strip_suffix(b"\r").unwrap_or(line));
    }

    /// A reply that is one line.
    pub fn reply(self, reply: &[u8]) {
        self.answer("", reply);
    }

    fn answer(self, note: &str, reply: &[u8]) {
        let Some(line) = reply.strip_suffix(reply::CR_LF) else {
            return;
        };
        if !line.contains(&b'\n') && !line.starts_with(b"STAT ") {
            self.line('>', note, line);
        }
    }

    /// What a command that is not about a key has written, or would have.
    pub fn admin(self, made: &[u8], withheld: Option<&[u8]>) {
        match withheld {
            Some(reply) => self.answer("NOREPLY ", reply),
            None => self.reply(made),
        }
    }

    /// A reply that the client does not want.
    pub fn withheld(self, reply: &[u8]) {
        self.answer("NOREPLY ", reply);
    }

    /// What a request that needs no more input has written.
    pub fn made(self, input: &[u8], command: &Command, reply: &[u8]) {
        match *command {
            Command::Get { key, last, .. } => {
                if reply.starts_with(b"VALUE ") {
                    self.line('>', "sending key ", key.of(input));
                }
                if last {
                    self.reply(reply::END);
                }
            }
            Command::Store { .. }
            | Command::Reply(_)
            | Command::ReplyAndClose { .. }
            | Command::Watch { .. } => self.reply(reply),
            // They have been logged where they were made, or will be.
            Command::Admin { .. }
            | Command::Discard { .. }
            | Command::Upload { .. }
            | Command::MetaUpload { .. } => {}
            _ => self.fault(reply),
        }
    }

    /// The reply of a command of which only errors are logged.
    fn fault(self, reply: &[u8]) {
        if [&b"CLIENT_ERROR"[..], b"SERVER_ERROR", b"ERROR"]
            .iter()
            .any(|fault| reply.starts_with(fault))
        {
            self.reply(reply);
        }
    }

    /// A look for a key.
    pub fn look(self, key: &[u8], is_found: bool) {
        let mut line = if is_found {
            b"> FOUND KEY ".to_vec()
        } else {
            b"> NOT FOUND ".to_vec()
        };
        line.extend_from_slice(key);
        write_line(line);
    }
}

/// Writes a line in one piece, so that those of several threads do not mix.
fn write_line(mut line: Vec<u8>) {
    line.push(b'\n');
    stderr::text(&line);
}
