//! One connection's conversation: what it is in the middle of, and how it goes on.

#![forbid(unsafe_code)]

use super::admin::{self, Run};
use super::context::Context;
use super::dump::Dump;
use super::op::{Body, Op};
use super::parse::{BATCH, Parser, Stop};
use super::reply::{self, Mark, Output};
use super::upload::Upload;
use crate::settings::Protocol;
use crate::store::Local;

/// The first byte of every request of the binary protocol.
const BINARY_MAGIC: u8 = 0x80;

/// What became of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled {
    /// Bytes that are done with. The rest must be given again.
    pub consumed: usize,
    /// What the session wants.
    pub next: Next,
}

/// What a session wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More input.
    Input,
    /// Its replies sent, before it makes more of them from the rest of the input.
    Flush,
    /// Another turn for the rest of the input: this one is used up.
    Turn,
    /// Its replies sent and the connection closed.
    Close,
}

/// The protocol's side of a connection.
#[derive(Default)]
pub struct Session<'s> {
    /// Whether the first byte has been seen.
    begun: bool,
    parser: Parser,
    state: State<'s>,
    /// Where the reply to the retrieval in hand begins, if replies are counted.
    list_begins: Option<Mark>,
}

/// What the next input is.
#[derive(Default)]
enum State<'s> {
    /// Command lines.
    #[default]
    Commands,
    /// The rest of a value, then CR LF.
    Value(Box<Upload<'s>>),
    /// Bytes that belong to nobody, then the reply is due.
    Swallow { left: u64, reply: &'static [u8] },
    /// Not the input's turn: a dump goes on.
    Dump(Box<Dump<'s>>),
}

impl<'s> Session<'s> {
    /// Carries out what `input` holds, with replies to `out`; `turn` is how many operations
    /// it may do before others have theirs, and is counted down.
    pub fn handle(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        turn: &mut usize,
    ) -> Handled {
        if !self.begun && !input.is_empty() {
            self.begun = true;
            if self.is_foreign(cx, input[0]) {
                return Handled {
                    consumed: 0,
                    next: Next::Close,
                };
            }
            if cx.log.tells_commands() && cx.server.settings.protocol == Protocol::Auto {
                cx.log.begins("ascii");
            }
        }
        let mut at = 0;
        loop {
            let rest = &input[at..];
            if let State::Dump(dump) = &mut self.state {
                if dump.go_on(cx, out, turn) {
                    self.state = State::Commands;
                } else {
                    let next = if *turn == 0 { Next::Turn } else { Next::Flush };
                    return Handled { consumed: at, next };
                }
            }
            if !matches!(self.state, State::Commands) {
                let (len, is_over) = self.block(cx, rest, out);
                at += len;
                if !is_over {
                    return Handled {
                        consumed: at,
                        next: Next::Input,
                    };
                }
                continue;
            }
            if rest.is_empty() {
                return Handled {
                    consumed: at,
                    next: Next::Input,
                };
            }
            if *turn == 0 {
                return Handled {
                    consumed: at,
                    next: Next::Turn,
                };
            }
            let (consumed, next) = self.batch(cx, rest, out, turn);
            at += consumed;
            if let Some(next) = next {
                return Handled { consumed: at, next };
            }
        }
    }

    /// Takes from `input` what belongs to a value, or to one that nobody wants: how many bytes,
    /// and whether that was all of it.
    fn block(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
    ) -> (usize, bool) {
        match &mut self.state {
            State::Commands | State::Dump(_) => (0, true),
            State::Value(upload) => {
                let (len, taken) = upload.take(cx.local, input);
                if taken.is_err() {
                    let (left, reply) = upload.rest();
                    self.state = State::Swallow { left, reply };
                    return (len, true); // of the value; what is to be swallowed comes next
                }
                if !upload.is_complete() {
                    return (len, false);
                }
                if let State::Value(upload) = std::mem::take(&mut self.state) {
                    let (log, before) = (cx.log, out.bytes().len());
                    cx.finish_upload(*upload, out);
                    if log.tells_commands() {
                        log.reply(&out.bytes()[before..]);
                    }
                }
                (len, true)
            }
            State::Swallow { left, reply } => {
                let len = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                *left -= len as u64;
                if *left > 0 {
                    return (len, false);
                }
                out.put(reply);
                if cx.log.tells_commands() {
                    cx.log.reply(reply);
                }
                self.state = State::Commands;
                (len, true)
            }
        }
    }

    /// Whether the first byte announces the binary protocol, which this version does not
    /// speak: a client that is sent away at once need not wait for a reply.
    fn is_foreign(&self, cx: &Context<'_, 's>, first: u8) -> bool {
        first == BINARY_MAGIC && cx.server.settings.protocol == Protocol::Auto
    }

    /// Parses and carries out one batch. `None`: go on with the rest.
    #[inline]
    fn batch(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        turn: &mut usize,
    ) -> (usize, Option<Next>) {
        if cx.is_watched() {
            return self.batch_watched(cx, input, out, turn);
        }
        let store = &cx.server.store;
        let mut ops = std::mem::take(cx.ops);
        ops.clear();
        // Keys of a list are looked up a batch at a time, which counts as one request.
        let room = if self.parser.is_in_list() {
            BATCH
        } else {
            BATCH.min(*turn)
        };
        let mut ended = 0;
        let (consumed, stop) = self
            .parser
            .parse(input, room, &mut ops, |key| store.hash(key));
        prefetch(cx, &ops);
        let mut outcome = (consumed, (stop == Stop::Input).then_some(Next::Input));
        for op in &ops {
            let dumps = matches!(self.state, State::Dump(_));
            if dumps || out.is_full() {
                self.parser.rewind(op);
                outcome = (op.start as usize, Some(Next::Flush));
                break;
            }
            if matches!(op.body, Body::Close) {
                outcome.1 = Some(Next::Close);
                break;
            }
            ended += usize::from(op.body.ends_request());
            self.run(cx, input, &op.body, out);
        }
        if matches!(self.state, State::Dump(_)) {
            outcome.1 = None; // whatever comes next, it waits
        }
        *turn = turn.saturating_sub(ended.max(1));
        *cx.ops = ops;
        outcome
    }

    /// [`Session::batch`] of one operation: it is told on standard error, or there is little
    /// memory for replies, or both.
    #[cold]
    fn batch_watched(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        turn: &mut usize,
    ) -> (usize, Option<Next>) {
        let mut ops = std::mem::take(cx.ops);
        ops.clear();
        let hash = |key: &[u8]| cx.server.store.hash(key);
        let (consumed, stop) = self.parser.parse(input, 1, &mut ops, hash);
        let mut outcome = (consumed, (stop == Stop::Input).then_some(Next::Input));
        for op in &ops {
            if out.is_full() {
                self.parser.rewind(op);
                outcome = (op.start as usize, Some(Next::Flush));
                break;
            }
            if cx.log.tells_commands() {
                cx.log.request(input, op);
            }
            if matches!(op.body, Body::Close) {
                outcome.1 = Some(Next::Close);
                break;
            }
            *turn -= usize::from(op.body.ends_request()).min(*turn);
            if matches!(op.body, Body::Read { first: true, .. }) {
                self.list_begins = Some(out.mark());
            }
            let before = out.len();
            match op.body {
                Body::Swallow { .. } | Body::Upload { .. } | Body::MetaUpload { .. } => {
                    self.run(cx, input, &op.body, out);
                }
                Body::Admin { run, line } if cx.log.tells_commands() => {
                    let from = out.bytes().len();
                    let withheld = self.admin(cx, run, line.of(input), out);
                    cx.log.admin(&out.bytes()[from..], withheld);
                }
                Body::Admin { .. } => self.run(cx, input, &op.body, out),
                _ if cx.log.tells_commands() => cx.run_told(input, &op.body, out),
                _ => cx.run(input, &op.body, out),
            }
            let is_more = out.len() > before;
            if is_more && cx.replies_max.is_some_and(|max| out.count_reply() > max) {
                outcome = self.run_short(cx, input, op, consumed, out);
                break;
            }
        }
        if outcome.1 == Some(Next::Flush) {
            self.list_begins = None; // what has been sent cannot be taken back
        }
        if matches!(self.state, State::Dump(_)) {
            outcome.1 = None; // whatever comes next, it waits
        }
        *cx.ops = ops;
        outcome
    }

    /// Memory for replies has run short: a retrieval is answered with an error instead, if
    /// nothing of its reply has been sent; with any other command the connection ends, and
    /// no reply that waits is sent.
    fn run_short(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        op: &Op,
        consumed: usize,
        out: &mut Output<'s>,
    ) -> (usize, Option<Next>) {
        cx.local.counters.thread.response_obj_oom.add(1);
        let (Body::Read { last, .. }, Some(begins)) = (op.body, self.list_begins.take()) else {
            out.clear();
            return (consumed, Some(Next::Close));
        };
        out.take_back(begins);
        out.put(reply::NO_MEMORY_RETRIEVING);
        if last {
            return (consumed, None);
        }
        // The line is complete, or no key of it would have been looked up.
        self.parser = Parser::default();
        let rest = input[consumed..].iter().position(|&byte| byte == b'\n');
        (consumed + rest.map_or(0, |len| len + 1), None)
    }

    /// Carries out one operation.
    #[inline]
    fn run(&mut self, cx: &mut Context<'_, 's>, input: &[u8], body: &Body, out: &mut Output<'s>) {
        match *body {
            Body::Swallow { len, reply } => self.state = State::Swallow { left: len, reply },
            Body::Admin { run, line } => {
                self.admin(cx, run, line.of(input), out);
            }
            Body::Upload { ref storage } => match cx.begin_upload(input, storage) {
                Ok(upload) => self.state = State::Value(Box::new(upload)),
                Err(reply) => self.state = swallow(storage.len, reply),
            },
            Body::MetaUpload { ref storage } => match cx.begin_meta_upload(input, storage) {
                Ok(upload) => self.state = State::Value(Box::new(upload)),
                Err(reply) => self.state = swallow(storage.len, reply),
            },
            _ => cx.run(input, body, out),
        }
    }

    /// Runs the handler of a line; returns the reply if the client wants none.
    fn admin(
        &mut self,
        cx: &mut Context<'_, 's>,
        run: Run,
        line: &[u8],
        out: &mut Output<'s>,
    ) -> Option<&'static [u8]> {
        let ran = admin::run(run, line, cx.server, cx.local, out);
        if let Some(dump) = ran.dump {
            self.state = State::Dump(Box::new(dump));
        }
        ran.withheld
    }

    /// Whether a command comes next, or the rest of one.
    pub fn awaits_command(&self) -> bool {
        matches!(self.state, State::Commands)
    }

    /// Memory of an arriving value to receive into, if that is what comes next: at least
    /// `least` bytes of it, so that small rests take the ordinary way.
    pub fn window(&mut self, local: &mut Local, least: usize) -> Option<&mut [u8]> {
        match &mut self.state {
            State::Value(upload) => upload.window(local, least),
            _ => None,
        }
    }

    /// Claims `len` bytes received into the last window.
    pub fn received(&mut self, len: usize) {
        if let State::Value(upload) = &mut self.state {
            upload.received(len);
        }
    }
}

/// A refused value of `len` bytes and its CR LF are read all the same.
fn swallow<'s>(len: u32, reply: &'static [u8]) -> State<'s> {
    let left = u64::from(len) + reply::CR_LF.len() as u64;
    State::Swallow { left, reply }
}

/// Fetches what the batch will touch: first all buckets, then the items they point at, then
/// those that an overflow bucket points at.
#[inline]
fn prefetch(cx: &Context<'_, '_>, ops: &[Op]) {
    let store = &cx.server.store;
    let keyed = || {
        ops.iter()
            .filter_map(|op| op.body.hash().map(|hash| (hash, op)))
    };
    if ops.len() > 1 {
        // A request that is alone would only wait for itself.
        keyed().for_each(|(hash, _)| store.prefetch_bucket(hash));
    }
    let mut spilled = 0u32;
    for (index, (hash, op)) in keyed().enumerate() {
        let again = store.prefetch_item(hash, op.body.value_len());
        spilled |= u32::from(again) << index;
    }
    if spilled != 0 {
        for (index, (hash, _)) in keyed().enumerate() {
            if spilled >> index & 1 != 0 {
                store.prefetch_spilled(hash);
            }
        }
    }
}
