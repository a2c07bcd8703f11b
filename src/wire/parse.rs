//! Bytes to requests: command lines are taken apart here, nothing is carried out.
//!
//! A batch is filled with up to [`BATCH`] requests, so that all keys can be hashed and
//! fetched before the first is carried out. A request is one key of a retrieval, or one
//! whole other command; it remembers where in the input it began, so that work can stop
//! before it and be taken up there.
//!
//! The frequent shapes (`get key`, `set key flags exptime bytes`) are recognised in one pass
//! over their bytes; everything else goes through tokens.

#![forbid(unsafe_code)]

use super::KEY_LEN_MAX;
use super::command::{self, StoreVerb, Verb};
use super::flags::{self, MetaVerb};
use super::number::{parse_i32, parse_i64, parse_u64};
use super::reply;
use super::request::{CloseCause, Command, Keys, MetaStorage, Request, Storage};
use super::scan::{line_feed, token_end};
use super::span::Span;
use super::tokens::Tokens;
use crate::digits::{parse_flags, parse_signed};

/// Operations in a batch.
pub const BATCH: usize = u32::BITS as usize; // a bit for each fits a word
/// A line whose end has not arrived may be so long; lists of keys may be longer.
const LINE_LEN_MAX: usize = 2048;
/// Longest list of keys. C memcached takes any; one connection must not take all memory.
const KEYS_LEN_MAX: usize = 16 << 20;
/// Blanks that may stand before `get` in a line that is still arriving.
const BLANKS_MAX: usize = 100;
/// Shortest line, its end included.
const LINE_LEN_MIN: usize = 4;
/// Longest value that a line can announce.
const VALUE_LEN_MAX: i32 = i32::MAX - 2;

/// Why parsing stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The batch is full, or its last request decides how the input goes on.
    Batch,
    /// No complete line is left.
    Input,
}

/// Where parsing goes on.
#[derive(Clone, Copy)]
enum Step {
    /// Here, with the next line.
    Next(usize),
    /// Here, but what follows is not a command line.
    Halt(usize),
}

/// A list of keys that is being taken apart. Its line is complete and its keys are legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct List {
    keys: Keys,
    /// Where the line begins, as long as no key has been taken from it.
    line: Option<u32>,
}

/// Takes input apart. Between calls it knows only how far an unfinished line has been
/// searched for its end, and whether it stands within a list of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parser {
    /// Bytes at the start of the next input that hold no line feed.
    searched: u32,
    list: Option<List>,
}

/// What the functions below share: the input, and the batch that they fill.
struct Fill<'a, H> {
    input: &'a [u8],
    requests: &'a mut Vec<Request>,
    hash: H,
}

impl Parser {
    /// Fills `requests` with at most `requests_max` of them from `input`; returns how many bytes they
    /// take, and why there are not more.
    pub fn parse(
        &mut self,
        input: &[u8],
        requests_max: usize,
        requests: &mut Vec<Request>,
        hash: impl Fn(&[u8]) -> u64,
    ) -> (usize, Stop) {
        let searched = std::mem::take(&mut self.searched) as usize;
        let mut fill = Fill {
            input,
            requests,
            hash,
        };
        let mut at = 0;
        while fill.requests.len() < requests_max {
            if self.list.is_some() {
                at = self.keys(&mut fill, at, requests_max);
                continue;
            }
            let short = fill
                .short_get(at)
                .or_else(|| fill.plain_set(at))
                .or_else(|| fill.short_meta_get(at));
            let step = match short {
                Some(step) => step,
                None => {
                    let from = if at == 0 { searched } else { at };
                    match line_feed(input, from) {
                        Some(end) if self.begin_long_get(input, at, end) => Step::Next(at + 4),
                        Some(end) => self.line(&mut fill, at, end),
                        None => return (at, self.unfinished(&mut fill, at)),
                    }
                }
            };
            match step {
                Step::Next(next) => at = next,
                Step::Halt(next) => return (next, Stop::Batch),
            }
        }
        (at, Stop::Batch)
    }

    /// Whether the next input begins within a list of keys.
    pub fn is_in_list(&self) -> bool {
        self.list.is_some()
    }

    /// Goes back to `request`, which has not been carried out: the next input begins there.
    pub fn rewind(&mut self, request: &Request) {
        self.searched = 0;
        self.list = match request.command {
            Command::Get {
                keys, first: false, ..
            } => Some(List { keys, line: None }),
            _ => None,
        };
    }

    /// The line at `at` has no end yet: is that bearable?
    fn unfinished<H>(&mut self, fill: &mut Fill<'_, H>, at: usize) -> Stop {
        let rest = &fill.input[at..];
        self.searched = rest.len() as u32; // as positions in input are everywhere here
        if rest.len() <= LINE_LEN_MAX {
            return Stop::Input;
        }
        let blanks = rest
            .iter()
            .take(BLANKS_MAX)
            .take_while(|&&b| b == b' ')
            .count();
        let is_list = rest[blanks..].starts_with(b"get ") || rest[blanks..].starts_with(b"gets ");
        if is_list && rest.len() <= KEYS_LEN_MAX {
            return Stop::Input;
        }
        // One request: no more may be wanted.
        let cause = CloseCause::BadInput;
        let body = if is_list {
            let reply = reply::LINE_TOO_LONG;
            Command::ReplyAndClose { reply, cause }
        } else {
            Command::Close(cause)
        };
        fill.push(at, body);
        Stop::Batch
    }

    /// One line, `input[at..end]` and its line feed.
    fn line<H: Fn(&[u8]) -> u64>(
        &mut self,
        fill: &mut Fill<'_, H>,
        at: usize,
        line_feed: usize,
    ) -> Step {
        let input = fill.input;
        let next = line_feed + 1;
        let end = if input[at..line_feed].ends_with(b"\r") {
            line_feed - 1
        } else {
            line_feed
        };
        if next - at < LINE_LEN_MIN {
            return fill.say(at, reply::BAD_LINE, next);
        }
        let tokens = Tokens::of(&input[at..end]);
        let Some(command) = command::lookup(tokens.get(0)) else {
            return fill.unknown(at, &tokens, next);
        };
        if tokens.len < command.tokens_min {
            return fill.say(at, reply::BAD_LINE, next);
        }
        match command.verb {
            Verb::Get { .. } | Verb::GetAndTouch { .. } => {
                self.retrieval(fill, at, &tokens, command.verb, next)
            }
            Verb::Store(_) | Verb::CompareAndSwap => fill.storage(at, &tokens, command.verb, next),
            Verb::Meta(verb) => fill.meta(at, &tokens, verb, next),
            Verb::Delete | Verb::Arithmetic { .. } | Verb::Touch => {
                if let Some(command) = fill.keyed(at, &tokens, command.verb) {
                    fill.push(at, command);
                }
                Step::Next(next)
            }
            Verb::Watch => {
                let line = Span::new(at, end);
                fill.push(at, Command::Watch { line });
                Step::Halt(next)
            }
            Verb::Quit => {
                fill.push(at, Command::Close(CloseCause::Quit));
                Step::Halt(next)
            }
            Verb::Admin(admin) => {
                let line = Span::new(at, end);
                fill.push(at, Command::Admin { admin, line });
                Step::Next(next)
            }
        }
    }

    /// A retrieval in tokens.
    fn retrieval<H>(
        &mut self,
        fill: &mut Fill<'_, H>,
        at: usize,
        tokens: &Tokens<'_>,
        verb: Verb,
        next: usize,
    ) -> Step {
        let keys = match verb {
            Verb::GetAndTouch { with_cas } => match parse_i64(tokens.get(1)) {
                Some(exptime) => Keys {
                    with_cas,
                    touch: Some(exptime.into()),
                },
                None => return fill.say(at, reply::BAD_EXPIRY, next),
            },
            verb => Keys {
                with_cas: matches!(verb, Verb::Get { with_cas: true }),
                touch: None,
            },
        };
        self.begin_list(fill, at, tokens, keys, next)
    }

    /// `get key key …` in legal keys, without looking for tokens first; false if it is
    /// anything else.
    #[inline]
    fn begin_long_get(&mut self, input: &[u8], at: usize, line_feed: usize) -> bool {
        let Some(list) = input[at..line_feed].strip_prefix(b"get ") else {
            return false;
        };
        if matches!(list, [] | [b' ' | b'\r', ..]) || has_long_key(list) {
            return false;
        }
        self.list = Some(List {
            keys: Keys {
                with_cas: false,
                touch: None,
            },
            line: Some(at as u32),
        });
        true
    }

    /// A retrieval: all keys must be legal, or none is looked up.
    fn begin_list<H>(
        &mut self,
        fill: &mut Fill<'_, H>,
        at: usize,
        tokens: &Tokens<'_>,
        keys: Keys,
        next: usize,
    ) -> Step {
        let first = tokens.start(if keys.touch.is_some() { 2 } else { 1 });
        if has_long_key(&tokens.line[first..]) {
            return fill.say(at, reply::BAD_LINE, next);
        }
        self.list = Some(List {
            keys,
            line: Some(at as u32),
        });
        Step::Next(at + first)
    }

    /// Takes keys from `at`, where one begins, until the line ends or the batch is full; returns where
    /// that is.
    fn keys<H: Fn(&[u8]) -> u64>(
        &mut self,
        fill: &mut Fill<'_, H>,
        mut at: usize,
        requests_max: usize,
    ) -> usize {
        let Some(List { keys, mut line }) = self.list else {
            return at;
        };
        let input = fill.input;
        while fill.requests.len() < requests_max {
            let Some(end) = token_end(input, at) else {
                break;
            };
            let mut next = end;
            while input.get(next) == Some(&b' ') {
                next += 1;
            }
            let rest = &input[next..];
            let line_end = match rest {
                [b'\n', ..] => Some(next + 1),
                [b'\r', b'\n', ..] => Some(next + 2),
                _ => None,
            };
            let ends_here = end == next && input[at..end].ends_with(b"\r");
            let key = Span::new(at, if ends_here { end - 1 } else { end });
            let hash = (fill.hash)(key.of(input));
            let first = line.is_some();
            let start = line.take().map_or(at, |start| start as usize);
            fill.push(
                start,
                Command::Get {
                    key,
                    hash,
                    keys,
                    first,
                    last: line_end.is_some(),
                },
            );
            self.list = line_end.is_none().then_some(List { keys, line });
            at = line_end.unwrap_or(next);
            if line_end.is_some() {
                break;
            }
        }
        at
    }
}

impl<H> Fill<'_, H> {
    #[inline]
    fn push(&mut self, start: usize, body: Command) {
        self.requests.push(Request::new(start, body));
    }

    fn say(&mut self, at: usize, reply: &'static [u8], next: usize) -> Step {
        self.push(at, Command::Reply(reply));
        Step::Next(next)
    }

    /// No command of that name. A browser that has lost its way is sent away.
    fn unknown(&mut self, at: usize, tokens: &Tokens<'_>, next: usize) -> Step {
        if tokens.len > 1 && tokens.last().starts_with(b"HTTP/") {
            self.push(at, Command::Close(CloseCause::BadInput));
            return Step::Halt(next);
        }
        if tokens.is_quiet() {
            Step::Next(next)
        } else {
            self.say(at, reply::ERROR, next)
        }
    }

    /// A refused value, and the reply, which does not wait for it.
    fn discard(&mut self, at: usize, len: u32, reply: &'static [u8], next: usize) -> Step {
        let len = len + reply::CR_LF.len() as u32; // a length leaves space for that
        self.push(at, Command::Discard { len, reply });
        Step::Halt(next)
    }

    /// A complete `ms`: is its value here too?
    fn meta_value(&mut self, at: usize, storage: MetaStorage, next: usize) -> Step {
        let end = next + storage.len as usize;
        let Some(after) = self.input.get(end..end + 2) else {
            self.push(at, Command::MetaUpload { storage });
            return Step::Halt(next);
        };
        let ends_in_crlf = after == reply::CR_LF;
        let value = Span::new(next, end);
        self.push(
            at,
            Command::MetaStore {
                storage,
                value,
                ends_in_crlf,
            },
        );
        Step::Next(end + 2)
    }

    /// A complete storage command: is its value here too?
    #[inline]
    fn value(&mut self, at: usize, storage: Storage, next: usize) -> Step {
        let end = next + storage.len as usize;
        let Some(after) = self.input.get(end..end + 2) else {
            self.push(at, Command::Upload { storage });
            return Step::Halt(next);
        };
        let ends_in_crlf = after == reply::CR_LF;
        self.push(
            at,
            Command::Store {
                storage,
                value: Span::new(next, end),
                ends_in_crlf,
            },
        );
        Step::Next(end + 2)
    }
}

impl<H: Fn(&[u8]) -> u64> Fill<'_, H> {
    /// `get key`, one key and nothing else, in one pass.
    #[inline]
    fn short_get(&mut self, at: usize) -> Option<Step> {
        let input = self.input;
        if !input[at..].starts_with(b"get ") {
            return None;
        }
        let start = at + 4;
        let end = key_end(input, start).filter(|&end| input[end] == b'\n')?;
        let key_end = if input[start..end].ends_with(b"\r") {
            end - 1
        } else {
            end
        };
        let key = Span::new(start, key_end);
        if !is_key_len(key.len as usize) {
            return None;
        }
        let hash = (self.hash)(key.of(input));
        let keys = Keys {
            with_cas: false,
            touch: None,
        };
        self.push(
            at,
            Command::Get {
                key,
                hash,
                keys,
                first: true,
                last: true,
            },
        );
        Some(Step::Next(end + 1))
    }

    /// `set key flags exptime bytes` with plain numbers of up to nine digits, in one pass.
    #[inline]
    fn plain_set(&mut self, at: usize) -> Option<Step> {
        let input = self.input;
        if !input[at..].starts_with(b"set ") {
            return None;
        }
        let start = at + 4;
        let end = key_end(input, start).filter(|&end| input[end] == b' ')?;
        if !is_key_len(end - start) {
            return None;
        }
        let (client_flags, end_of_flags) = plain_number(input, end + 1, b' ')?;
        let (exptime, end_of_exptime) = plain_number(input, end_of_flags + 1, b' ')?;
        let (len, end_of_len) = plain_number(input, end_of_exptime + 1, b'\r')?;
        if input.get(end_of_len + 1) != Some(&b'\n') {
            return None;
        }
        let key = Span::new(start, end);
        let storage = Storage {
            key,
            hash: (self.hash)(key.of(input)),
            verb: StoreVerb::Set,
            compare: None,
            client_flags,
            exptime: i64::from(exptime).into(),
            len,
            quiet: false,
        };
        Some(self.value(at, storage, end_of_len + 2))
    }

    /// A storage command in tokens. If the length is known, a refused value is discarded; if
    /// not, what follows is taken for command lines.
    fn storage(&mut self, at: usize, tokens: &Tokens<'_>, verb: Verb, next: usize) -> Step {
        let Some(len) = value_len(tokens.get(4)) else {
            return self.say(at, reply::BAD_LINE, next);
        };
        let quiet = tokens.is_quiet();
        let key = Span::new(at + tokens.start(1), at + tokens.end(1));
        // These two read on past blanks, as C's library does.
        let client_flags = parse_flags(&tokens.line[tokens.start(2)..]);
        let exptime = parse_signed(&tokens.line[tokens.start(3)..]);
        let (verb, compare) = match verb {
            Verb::Store(verb) => (verb, Some(None)),
            _ => (StoreVerb::Set, parse_u64(tokens.get(5)).map(Some)),
        };
        if let (Some(client_flags), Some(exptime), Some(compare), true) =
            (client_flags, exptime, compare, is_key_len(key.len as usize))
        {
            let storage = Storage {
                key,
                hash: (self.hash)(key.of(self.input)),
                verb,
                compare,
                client_flags,
                exptime: exptime.into(),
                len,
                quiet,
            };
            return self.value(at, storage, next);
        }
        self.discard(at, len, if quiet { b"" } else { reply::BAD_LINE }, next)
    }

    /// A meta command: flags are checked here, and read once more when it is carried out.
    fn meta(&mut self, at: usize, tokens: &Tokens<'_>, verb: MetaVerb, next: usize) -> Step {
        if verb == MetaVerb::NoOp {
            return self.say(at, reply::NO_OP, next);
        }
        let first_flag = if verb == MetaVerb::Set { 3 } else { 2 };
        let len = match verb {
            MetaVerb::Set => value_len(tokens.get(2)),
            _ => Some(0),
        };
        let is_flag = |index| flags::is_flag(tokens.get(index));
        let Some(len) = len.filter(|_| (first_flag..tokens.len).all(is_flag)) else {
            return self.say(at, reply::BAD_LINE, next);
        };
        let flags_at = if tokens.len > first_flag {
            tokens.start(first_flag)
        } else {
            tokens.line.len()
        };
        let flags = Span::new(at + flags_at, at + tokens.line.len());
        let key = Span::new(at + tokens.start(1), at + tokens.end(1));
        match self.meta_hash(verb, key, flags, tokens.len) {
            Ok(hash) if verb == MetaVerb::Set => {
                let storage = MetaStorage {
                    key,
                    hash,
                    flags,
                    len,
                };
                self.meta_value(at, storage, next)
            }
            Ok(hash) => {
                self.push(
                    at,
                    Command::Meta {
                        verb,
                        key,
                        hash,
                        flags,
                    },
                );
                Step::Next(next)
            }
            Err(refusal) if verb == MetaVerb::Set => self.discard(at, len, refusal, next),
            Err(refusal) => self.say(at, refusal, next),
        }
    }

    /// Checks key and flags of a meta command; the hash of the key that is meant.
    fn meta_hash(
        &self,
        verb: MetaVerb,
        key: Span,
        flags: Span,
        tokens: usize,
    ) -> Result<u64, &'static [u8]> {
        let flags = flags::check(verb, key.of(self.input), flags.of(self.input), tokens)?;
        flags.with_key(key.of(self.input), &self.hash)
    }

    /// `get key`-like: `mg key v`, in one pass.
    #[inline]
    fn short_meta_get(&mut self, at: usize) -> Option<Step> {
        let input = self.input;
        if !input[at..].starts_with(b"mg ") {
            return None;
        }
        let start = at + 3;
        let end = key_end(input, start)?;
        let next = match input.get(end..)? {
            [b' ', b'v', b'\r', b'\n', ..] => end + 4,
            [b' ', b'v', b'\n', ..] => end + 3,
            _ => return None,
        };
        if !is_key_len(end - start) {
            return None;
        }
        let key = Span::new(start, end);
        let hash = (self.hash)(key.of(input));
        let flags = Span::new(end + 1, end + 2);
        self.push(
            at,
            Command::Meta {
                verb: MetaVerb::Get,
                key,
                hash,
                flags,
            },
        );
        Some(Step::Next(next))
    }

    /// The commands about one key and no value. `None`: it is refused, silently.
    fn keyed(&self, at: usize, tokens: &Tokens<'_>, verb: Verb) -> Option<Command> {
        let quiet = tokens.is_quiet();
        let refuse = |reply| (!quiet).then_some(Command::Reply(reply));
        let key = Span::new(at + tokens.start(1), at + tokens.end(1));
        if !is_key_len(key.len as usize) {
            return refuse(reply::BAD_LINE);
        }
        let hash = (self.hash)(key.of(self.input));
        match verb {
            Verb::Arithmetic { increment } => match parse_u64(tokens.get(2)) {
                Some(delta) => Some(Command::Arithmetic {
                    key,
                    hash,
                    delta,
                    increment,
                    quiet,
                }),
                None => refuse(reply::BAD_DELTA),
            },
            Verb::Touch => match parse_i64(tokens.get(2)) {
                Some(exptime) => Some(Command::Touch {
                    key,
                    hash,
                    exptime: exptime.into(),
                    quiet,
                }),
                None => refuse(reply::BAD_EXPIRY),
            },
            _ => Some(Command::Delete { key, hash, quiet }),
        }
    }
}

/// The length that a line announces.
fn value_len(text: &[u8]) -> Option<u32> {
    let len = parse_i32(text).filter(|len| (0..=VALUE_LEN_MAX).contains(len))?;
    Some(len as u32)
}

fn is_key_len(len: usize) -> bool {
    (1..=KEY_LEN_MAX).contains(&len)
}

/// Where the key at `at` ends, looking no farther than a key and its line end can reach.
#[inline]
fn key_end(input: &[u8], at: usize) -> Option<usize> {
    let reach = input.len().min(at + KEY_LEN_MAX + 2);
    token_end(&input[..reach], at)
}

/// Whether a list of keys holds one that is too long.
///
/// Where 251 bytes hold a blank, no key reaches over them; so it is enough to step from the
/// last blank of such a window to the next window.
fn has_long_key(list: &[u8]) -> bool {
    let mut rest = list;
    while let Some(window) = rest.get(..=KEY_LEN_MAX) {
        match window.iter().rposition(|&b| b == b' ') {
            Some(blank) => rest = &rest[blank + 1..],
            None => return true,
        }
    }
    false
}

/// One to nine digits from `at`, ended by `until`; the number and where that stands.
#[inline]
fn plain_number(input: &[u8], at: usize, until: u8) -> Option<(u32, usize)> {
    let mut value = 0;
    for (len, &byte) in input.get(at..)?.iter().take(10).enumerate() {
        if byte == until && len > 0 {
            return Some((value, at + len));
        }
        if !byte.is_ascii_digit() || len == 9 {
            return None;
        }
        value = value * 10 + u32::from(byte - b'0');
    }
    None
}
