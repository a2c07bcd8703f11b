//! `-vv`: every command line and its reply, on standard error.
//!
//! ```text
//! <27 get foo                 the line, as it came
//! >27 sending key foo         a hit
//! >27 END                     the reply, if it is one line that says how it went
//! >27 NOREPLY STORED          the same, withheld from the client
//! ```
//!
//! With `-vvv` each look for a key is told as well. A session takes this way, one operation at
//! a time, only if there is something to tell: the ordinary way knows nothing of it.
//!
//! All of this runs on a worker's thread, which holds no lock then, and waits for nobody
//! who should read (`sys::stderr`).

#![forbid(unsafe_code)]

use super::context::Context;
use super::output::Output;
use crate::store::Hint;
use crate::sys::stderr;
use crate::wire::flags::{Flags, Key, MetaVerb};
use crate::wire::reply;
use crate::wire::request::{Command, MetaStorage, Request, Storage};

/// What is told of one connection.
#[derive(Clone, Copy)]
pub struct Log {
    /// The number of its descriptor, by which its lines are known.
    pub client: i32,
    /// How much is told: `-v` once, twice or more.
    pub verbosity: u32,
}

impl Log {
    /// Whether commands and replies are told.
    #[inline]
    pub fn tells_commands(self) -> bool {
        self.verbosity > 1
    }

    fn tells_looks(self) -> bool {
        self.verbosity > 2
    }

    /// A line: a mark, the client, and bytes as they are.
    fn line(self, mark: char, note: &str, bytes: &[u8]) {
        let mut line = format!("{mark}{} {note}", self.client).into_bytes();
        line.extend_from_slice(bytes);
        tell(line);
    }

    /// What the first byte of a client has shown.
    pub fn begins(self, protocol: &str) {
        tell(format!("{}: Client using the {protocol} protocol", self.client).into_bytes());
    }

    /// The command line that an operation begins, if it is the line's first one.
    pub fn request(self, input: &[u8], request: &Request) {
        if matches!(request.command, Command::Read { first: false, .. }) {
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

    /// The reply of a command of which only faults are told.
    fn fault(self, reply: &[u8]) {
        if [&b"CLIENT_ERROR"[..], b"SERVER_ERROR", b"ERROR"]
            .iter()
            .any(|fault| reply.starts_with(fault))
        {
            self.reply(reply);
        }
    }

    fn look(self, key: &[u8], is_found: bool) {
        let mut line = if is_found {
            b"> FOUND KEY ".to_vec()
        } else {
            b"> NOT FOUND ".to_vec()
        };
        line.extend_from_slice(key);
        tell(line);
    }
}

/// Writes a line in one piece, so that those of several threads do not mix.
fn tell(mut line: Vec<u8>) {
    line.push(b'\n');
    stderr::text(&line);
}

impl<'s> Context<'_, 's> {
    /// Carries out an operation that needs no more input, and tells of it.
    #[cold]
    pub(super) fn run_told(
        &mut self,
        input: &[u8],
        request: &Request,
        hint: Hint,
        out: &mut Output<'s>,
    ) {
        let log = self.log;
        if log.tells_looks() {
            self.tell_look(input, &request.command);
        }
        let (mark, before) = (out.mark(), out.bytes().len());
        let mut withheld = None;
        match request.command {
            // The reply is made in any case, told, and taken back.
            Command::Put {
                storage,
                value,
                block,
            } if storage.quiet => {
                let storage = Storage {
                    quiet: false,
                    ..storage
                };
                let command = Command::Put {
                    storage,
                    value,
                    block,
                };
                self.run(
                    input,
                    &Request {
                        command,
                        ..*request
                    },
                    hint,
                    out,
                );
                withheld = Some(out.bytes()[before..].to_vec());
                out.take_back(mark);
            }
            _ => self.run(input, request, hint, out),
        }
        let made = &out.bytes()[before.min(out.bytes().len())..];
        match request.command {
            _ if withheld.is_some() => {
                log.answer("NOREPLY ", &withheld.unwrap_or_default());
            }
            Command::Read { key, last, .. } => {
                if made.starts_with(b"VALUE ") {
                    log.line('>', "sending key ", key.of(input));
                }
                if last {
                    log.reply(reply::END);
                }
            }
            Command::Meta {
                verb: MetaVerb::NoOp,
                ..
            }
            | Command::Put { .. }
            | Command::Say(_)
            | Command::Refuse { .. } => {
                log.reply(made);
            }
            _ => log.fault(made),
        }
    }

    fn tell_look(&mut self, input: &[u8], body: &Command) {
        let (given, hash, flags) = match *body {
            Command::Read { key, hash, .. }
            | Command::Delete { key, hash, .. }
            | Command::Add { key, hash, .. }
            | Command::Touch { key, hash, .. }
            | Command::Put {
                storage: Storage { key, hash, .. },
                ..
            }
            | Command::Upload {
                storage: Storage { key, hash, .. },
            } => (key, hash, None),
            Command::Meta {
                verb: MetaVerb::NoOp,
                ..
            } => return,
            Command::Meta {
                key, hash, flags, ..
            }
            | Command::MetaPut {
                storage: MetaStorage {
                    key, hash, flags, ..
                },
                ..
            }
            | Command::MetaUpload {
                storage: MetaStorage {
                    key, hash, flags, ..
                },
            } => (key, hash, Some(flags)),
            _ => return,
        };
        let is_binary = flags.is_some_and(|flags| Flags::read(flags.of(input)).has(b'b'));
        let key = Key::read(given.of(input), is_binary);
        let is_found = self.server.store.contains(key.bytes(), hash);
        self.log.look(key.bytes(), is_found);
    }
}
