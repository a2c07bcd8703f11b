//! One connection's conversation: what it is in the middle of, and how it goes on.

#![forbid(unsafe_code)]

use super::admin;
use super::auth::{self, Knock};
use super::context::Context;
use super::dump::Dump;
use super::output::{Mark, Output};
use super::upload::{Due, Upload};
use super::watch::watch;
use crate::server::log::{Reason, Streams};
use crate::settings::{Protocol, Settings};
use crate::store::{Hashed, Hint, ThreadState};
use crate::wire::Put;
use crate::wire::command::Admin;
use crate::wire::frame;
use crate::wire::frame::header::{Frame, MAGIC};
use crate::wire::frame::login::Login;
use crate::wire::parse::{BATCH, Parser, Stop};
use crate::wire::reply;
use crate::wire::request::{Command, Request};

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
    /// To be sent the events of these streams, and no input any more. There are no replies to
    /// send.
    Watch(Streams),
    /// Its replies sent and the connection closed.
    Close(Reason),
}

/// What the next input of a session will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// A command, or the rest of one.
    Command,
    /// The rest of a value.
    Value,
    /// Bytes that nobody wants.
    Swallow,
    /// Nothing: a dump goes on.
    Dump,
}

/// The protocol's side of a connection.
pub struct Session<'s> {
    language: Language,
    /// How far the client has come with logging in, in the binary protocol.
    login: Login,
    /// Whether the input of the last call may have held a password.
    had_secret: bool,
    /// Whether a command has come since that was asked for.
    commanded: bool,
    parser: Parser,
    state: State<'s>,
    /// Where the reply to the retrieval in hand begins, if replies are counted.
    list_begins: Option<Mark>,
}

/// What the client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    /// Lines of text.
    Text,
    /// Frames.
    Binary,
    /// Its first byte will tell.
    Unknown,
    /// Lines of text, but it has not logged in.
    TextLogin,
}

/// What the next input is.
#[derive(Default)]
enum State<'s> {
    /// Command lines.
    #[default]
    Commands,
    /// The rest of a value, then CR LF.
    Value(Box<Upload<'s>>),
    /// Bytes that belong to nobody. What there was to be said of them has been said.
    Swallow { left: u32 },
    /// Not the input's turn: a dump goes on.
    Dump(Box<Dump<'s>>),
}

impl<'s> Session<'s> {
    /// With a client of a listener for this protocol.
    pub fn new(settings: &Settings, protocol: Protocol) -> Session<'s> {
        // Where clients log in, no listener is without that, whatever it was opened for.
        let (language, login) = if settings.auth_file.is_some() {
            (Language::TextLogin, Login::Needless)
        } else if settings.sasl {
            (Language::Binary, Login::Due)
        } else {
            let language = match protocol {
                Protocol::Auto => Language::Unknown,
                Protocol::Ascii => Language::Text,
                Protocol::Binary => Language::Binary,
            };
            (language, Login::Needless)
        };
        Session {
            language,
            login,
            had_secret: false,
            commanded: false,
            parser: Parser::default(),
            state: State::default(),
            list_begins: None,
        }
    }

    /// Carries out what `input` holds, with replies to `out`; `turn` is how many operations
    /// it may do before others have theirs, and is counted down.
    pub fn handle(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        turn: &mut usize,
    ) -> Handled {
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
            let (consumed, next) = match self.language {
                Language::Text | Language::Binary => self.batch(cx, rest, out, turn),
                Language::Unknown => {
                    let is_frame = rest[0] == MAGIC;
                    self.language = if is_frame {
                        Language::Binary
                    } else {
                        Language::Text
                    };
                    // Of a datagram, which is a session of its own, that is not told.
                    if cx.log.tells_commands() && cx.asker.from.is_none() {
                        cx.log.begins(if is_frame { "binary" } else { "ascii" });
                    }
                    continue;
                }
                Language::TextLogin => self.log_in_by_text(cx, rest, out, turn),
            };
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
                    let (left, due) = upload.rest();
                    self.refuse(cx, left, due, out);
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
            State::Swallow { left } => {
                let len = input.len().min(*left as usize);
                *left -= len as u32;
                if *left > 0 {
                    return (len, false);
                }
                self.state = State::Commands;
                (len, true)
            }
        }
    }

    /// Reads one line, or line and block, of a client that has not logged in.
    fn log_in_by_text(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        turn: &mut usize,
    ) -> (usize, Option<Next>) {
        if out.is_full() {
            return (0, Some(Next::Flush));
        }
        *turn -= 1;
        self.had_secret = true;
        match auth::read(input) {
            Knock::Partial => (0, Some(Next::Input)),
            Knock::Alien => (0, Some(Next::Close(Reason::Error))),
            Knock::Refused(len, reply) => {
                self.commanded = true;
                out.put(reply);
                (len, None)
            }
            Knock::Attempt(len, user, password) => {
                self.commanded = true;
                if cx.log_in(user, password) {
                    self.language = Language::Text;
                    out.put(reply::STORED);
                } else {
                    out.put(reply::AUTH_FAILURE);
                }
                (len, None)
            }
        }
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
        // Frames are not told, and have no memory for replies of their own.
        if cx.is_watched() && self.language != Language::Binary {
            return self.batch_watched(cx, input, out, turn);
        }
        let store = &cx.server.store;
        let mut batch = std::mem::take(cx.batch);
        batch.clear();
        // Keys of a list are looked up a batch at a time, which counts as one request. What comes
        // after the list may be in its last batch; but each command of a datagram is alone.
        let room = if self.parser.is_in_list() && cx.asker.from.is_none() {
            BATCH
        } else {
            BATCH.min(*turn)
        };
        let mut ended = 0;
        // All buckets are asked for before the first is looked at.
        let hash = |key: &[u8]| {
            let hash = store.hash(key);
            store.prefetch_bucket(hash);
            hash
        };
        let (consumed, stop) = match self.language {
            Language::Binary => {
                let (len, stop) =
                    frame::parse::parse(input, room, &mut batch.requests, hash, self.login);
                // A frame of which some is missing may be another login.
                let is_cut = stop == Stop::Input && len < input.len();
                self.had_secret |= self.login.is_due() || self.login.is_possible() && is_cut;
                (len, stop)
            }
            _ => self.parser.parse(input, room, &mut batch.requests, hash),
        };
        debug_assert!(batch.requests.len() <= room);
        self.commanded |= !batch.requests.is_empty();
        batch.prefetch(store);
        let mut outcome = (consumed, (stop == Stop::Input).then_some(Next::Input));
        for (request, hint) in batch.iter() {
            let dumps = matches!(self.state, State::Dump(_));
            if dumps || out.is_full() {
                self.parser.rewind(request);
                outcome = (request.start as usize, Some(Next::Flush));
                break;
            }
            if let Command::Read {
                key,
                hash,
                keys,
                last,
                ..
            } = request.command
            {
                cx.read(key.of(input), Hashed { hash, hint }, keys, last, out);
                ended += usize::from(last);
                continue;
            }
            // Always the last of its batch.
            if let Command::Watch { line } = request.command {
                match watch(cx, line.of(input), out) {
                    Ok(streams) => outcome.1 = Some(Next::Watch(streams)),
                    Err(reply) => out.put(reply),
                }
            }
            ended += usize::from(request.command.ends_request());
            self.run(cx, input, request, hint, out);
            if let Some(cause) = request.command.closes() {
                outcome.1 = Some(Next::Close(cause.into()));
                break;
            }
        }
        if matches!(self.state, State::Dump(_)) {
            outcome.1 = None; // whatever comes next, it waits
        }
        *turn = turn.saturating_sub(ended.max(1));
        *cx.batch = batch;
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
        let mut batch = std::mem::take(cx.batch);
        batch.clear();
        let hash = |key: &[u8]| cx.server.store.hash(key);
        let (consumed, stop) = self.parser.parse(input, 1, &mut batch.requests, hash);
        debug_assert!(batch.requests.len() <= 1);
        self.commanded |= !batch.requests.is_empty();
        let mut outcome = (consumed, (stop == Stop::Input).then_some(Next::Input));
        for (request, hint) in batch.iter() {
            if out.is_full() {
                self.parser.rewind(request);
                outcome = (request.start as usize, Some(Next::Flush));
                break;
            }
            if cx.log.tells_commands() {
                cx.log.request(input, request);
            }
            if let Command::Close(cause) = request.command {
                outcome.1 = Some(Next::Close(cause.into()));
                break;
            }
            *turn -= usize::from(request.command.ends_request()).min(*turn);
            if matches!(request.command, Command::Read { first: true, .. }) {
                self.list_begins = Some(out.mark());
            }
            let before = out.len();
            match request.command {
                Command::Watch { line } => match watch(cx, line.of(input), out) {
                    Ok(streams) => outcome.1 = Some(Next::Watch(streams)),
                    Err(reply) => {
                        out.put(reply);
                        if cx.log.tells_commands() {
                            cx.log.reply(reply);
                        }
                    }
                },
                Command::Swallow { .. } | Command::Upload { .. } | Command::MetaUpload { .. } => {
                    self.run(cx, input, request, hint, out);
                }
                Command::Admin { admin, line } if cx.log.tells_commands() => {
                    let from = out.bytes().len();
                    let withheld = self.admin(cx, admin, line.of(input), out);
                    cx.log.admin(&out.bytes()[from..], withheld);
                }
                Command::Admin { .. } => self.run(cx, input, request, hint, out),
                _ if cx.log.tells_commands() => cx.run_told(input, request, hint, out),
                _ => cx.run(input, request, hint, out),
            }
            if let Some(cause) = request.command.closes() {
                outcome.1 = Some(Next::Close(cause.into()));
            }
            let is_more = out.len() > before;
            if is_more && cx.replies_max.is_some_and(|max| out.count_reply() > max) {
                outcome = self.run_short(cx, input, request, consumed, out);
                break;
            }
        }
        if outcome.1 == Some(Next::Flush) {
            self.list_begins = None; // what has been sent cannot be taken back
        }
        if matches!(self.state, State::Dump(_)) {
            outcome.1 = None; // whatever comes next, it waits
        }
        *cx.batch = batch;
        outcome
    }

    /// Memory for replies has run short: a retrieval is answered with an error instead, if
    /// nothing of its reply has been sent; with any other command the connection ends, and
    /// no reply that waits is sent.
    fn run_short(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        consumed: usize,
        out: &mut Output<'s>,
    ) -> (usize, Option<Next>) {
        cx.local.counters.thread.response_obj_oom.add(1);
        let (Command::Read { last, .. }, Some(begins)) = (request.command, self.list_begins.take())
        else {
            out.clear();
            return (consumed, Some(Next::Close(Reason::Error)));
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
    fn run(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        hint: Hint,
        out: &mut Output<'s>,
    ) {
        match request.command {
            Command::Swallow { len, reply } => self.refuse(cx, len, Due::Text(reply), out),
            Command::Admin { admin, line } => {
                self.admin(cx, admin, line.of(input), out);
            }
            Command::Upload { ref storage } => {
                let begun = cx.begin_upload(input, storage);
                self.receive(cx, begun.map_err(Due::Text), block_len(storage.len), out);
            }
            Command::MetaUpload { ref storage } => {
                let begun = cx.begin_meta_upload(input, storage);
                self.receive(cx, begun.map_err(Due::Text), block_len(storage.len), out);
            }
            Command::FrameUpload { ref frame } => {
                let begun = cx.begin_frame_upload(input, frame);
                self.receive(cx, begun, frame.value.len, out);
            }
            Command::FrameLogin {
                ref frame,
                is_whole,
            } => self.log_in_by_frame(cx, input, frame, is_whole, out),
            Command::FrameFault { fault, skip, .. } => {
                frame::header::echo_at(input, request.start).put_fault(fault, out);
                self.skip(skip);
            }
            _ => cx.run(input, request, hint, out),
        }
    }

    /// Runs the handler of a line; returns the reply if the client wants none.
    fn admin(
        &mut self,
        cx: &mut Context<'_, 's>,
        admin: Admin,
        line: &[u8],
        out: &mut Output<'s>,
    ) -> Option<&'static [u8]> {
        let ran = admin::run(admin, line, cx, out);
        cx.refresh();
        if let Some(dump) = ran.dump {
            self.state = State::Dump(Box::new(dump));
        }
        ran.withheld
    }

    /// Whether the reply to a command has been begun and is to be continued.
    pub fn is_in_reply(&self) -> bool {
        self.parser.is_in_list()
    }

    /// There will be no more input: a value of which some is missing is answered as a bad one,
    /// unless it stands in a frame. The rest of a line is nothing.
    pub fn end(&mut self, cx: &Context<'_, 's>, out: &mut Output<'s>) {
        let before = out.bytes().len();
        match std::mem::take(&mut self.state) {
            State::Commands | State::Dump(_) | State::Swallow { .. } => {}
            State::Value(upload) => out.put(upload.cut_short()),
        }
        let reply = &out.bytes()[before..];
        if cx.log.tells_commands() && !reply.is_empty() {
            cx.log.reply(reply);
        }
    }

    /// What it is in the middle of.
    #[inline]
    pub fn awaits(&self) -> Awaits {
        match self.state {
            State::Commands => Awaits::Command,
            State::Value(_) => Awaits::Value,
            State::Swallow { .. } => Awaits::Swallow,
            State::Dump(_) => Awaits::Dump,
        }
    }

    /// After a turn that was used up: whether the next one is to wait for as long as
    /// `lru_crawler_sleep` says. Said once.
    pub fn take_rest(&mut self) -> bool {
        match &mut self.state {
            State::Dump(dump) => dump.take_rest(),
            _ => false,
        }
    }

    /// Whether a command has come since the last call.
    #[inline]
    pub fn take_commanded(&mut self) -> bool {
        std::mem::take(&mut self.commanded)
    }

    fn log_in_by_frame(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        frame: &Frame,
        is_whole: bool,
        out: &mut Output<'s>,
    ) {
        if is_whole {
            self.had_secret = true;
            self.login = cx.frame_login(input, frame, self.login, out);
        } else {
            self.login = Login::Due;
            let fault = cx.frame_long_login(input, frame);
            let due = Due::Fault(frame.echo(input), fault);
            self.refuse(cx, frame.value.len, due, out);
        }
    }

    /// A value of `len` bytes comes next, its end included, or is refused.
    fn receive(
        &mut self,
        cx: &Context<'_, 's>,
        begun: Result<Upload<'s>, Due>,
        len: u32,
        out: &mut Output<'s>,
    ) {
        match begun {
            Ok(upload) => self.state = State::Value(Box::new(upload)),
            Err(due) => self.refuse(cx, len, due, out),
        }
    }

    /// Refuses a value of which `left` bytes are still to come. That is said at once: whoever
    /// sends a gigabyte need not learn it at the end. The bytes are read all the same, so that
    /// the stream stays in step. A frame that a datagram cuts short is not answered: the rest
    /// of it will not come.
    fn refuse(&mut self, cx: &Context<'_, 's>, left: u32, due: Due, out: &mut Output<'s>) {
        let is_cut_short = cx.asker.from.is_some() && matches!(due, Due::Fault(..));
        if !is_cut_short {
            due.put(out);
        }
        if let Due::Text(reply) = due
            && cx.log.tells_commands()
        {
            cx.log.reply(reply);
        }
        self.skip(left);
    }

    /// `len` bytes that belong to nobody come next.
    fn skip(&mut self, len: u32) {
        if len > 0 {
            self.state = State::Swallow { left: len };
        }
    }

    /// Whether input may hold a password: what is kept of it is to be wiped out after use. By
    /// SASL a client may log in again at any time.
    pub fn awaits_secret(&self) -> bool {
        self.language == Language::TextLogin || self.login.is_possible()
    }

    /// Whether the input since the last question may have held a password.
    #[inline]
    pub fn had_secret(&mut self) -> bool {
        std::mem::take(&mut self.had_secret)
    }

    /// Memory of an arriving value to receive into, if that is what comes next: at least
    /// `least` bytes of it, so that small rests take the ordinary way.
    pub fn window(&mut self, local: &mut ThreadState, least: usize) -> Option<&mut [u8]> {
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

/// Bytes of a value in text and of the CR LF behind it.
fn block_len(value_len: u32) -> u32 {
    value_len + reply::CR_LF.len() as u32
}
