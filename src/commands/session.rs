//! One connection's conversation: what it is in the middle of, and how it goes on.

#![forbid(unsafe_code)]

use super::auth::{self, LoginLine};
use super::context::Context;
use super::dump::Dump;
use super::output::{Output, OutputMark};
use super::upload::{DeferredReply, Upload};
use super::waiting::Waiting;
use crate::server::completion::Ticket;
use crate::server::log::{Reason, Streams};
use crate::settings::{Protocol, Settings};
use crate::store::ThreadState;
use crate::wire::Put;
use crate::wire::frame::header::{Frame, MAGIC};
use crate::wire::frame::login::Login;
use crate::wire::parse::Parser;
use crate::wire::reply;

/// What became of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
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
    /// Its replies sent, and no input, until [`Session::complete`] says that it can go on.
    Wait,
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
    /// Bytes of a value that has been refused.
    Discard,
    /// Nothing: a reply is not ready.
    Reply,
    /// Nothing: a dump goes on.
    Dump,
}

/// The protocol's side of a connection.
pub struct Session<'s> {
    pub(super) language: Language,
    /// How far the client has come with logging in, in the binary protocol.
    pub(super) login: Login,
    /// Whether the input of the last call may have held a password.
    pub(super) had_secret: bool,
    /// Whether a command has come since that was asked for.
    pub(super) commanded: bool,
    pub(super) parser: Parser,
    pub(super) state: SessionState<'s>,
    /// Where the reply to a retrieval that is not over begins, if replies are counted.
    pub(super) list_begins: Option<OutputMark>,
}

/// What the client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
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
pub(super) enum SessionState<'s> {
    /// Command lines.
    #[default]
    Commands,
    /// The rest of a value, then CR LF.
    Value(Box<Upload<'s>>),
    /// Bytes of a value that has been refused, and answered.
    Discard { left: u32 },
    /// Nothing: a dump goes on.
    Dump(Box<Dump<'s>>),
    /// Command lines, of which the first ones may have to wait for what has been begun for them.
    Waiting(Box<Waiting>),
}

impl<'s> Session<'s> {
    /// With a client of a listener for this protocol.
    pub fn new(settings: &Settings, protocol: Protocol) -> Session<'s> {
        // Where clients log in, no listener is without that, whatever it was opened for.
        let (language, login) = if settings.auth_file.is_some() {
            (Language::TextLogin, Login::Needless)
        } else if settings.sasl {
            (Language::Binary, Login::Required)
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
            state: SessionState::default(),
            list_begins: None,
        }
    }

    /// Carries out what `input` holds, with replies to `out`; `budget` is how many requests
    /// it may carry out before other connections have their turn, and is counted down.
    pub fn handle(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        budget: &mut usize,
    ) -> Progress {
        let mut consumed = 0;
        loop {
            let (len, next) = self.step(cx, &input[consumed..], out, budget);
            consumed += len;
            if let Some(next) = next {
                return Progress { consumed, next };
            }
        }
    }

    /// What can be done in one piece: how many bytes it takes, and what is wanted then. `None`: go
    /// on with the rest.
    #[inline]
    fn step(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        budget: &mut usize,
    ) -> (usize, Option<Next>) {
        match &mut self.state {
            SessionState::Commands | SessionState::Waiting(_) => {}
            SessionState::Dump(dump) => {
                if !dump.step(cx, out, budget) {
                    let next = if *budget == 0 {
                        Next::Turn
                    } else {
                        Next::Flush
                    };
                    return (0, Some(next));
                }
                self.state = SessionState::Commands;
            }
            SessionState::Value(_) | SessionState::Discard { .. } => {
                let (len, is_over) = self.block(cx, input, out);
                return (len, (!is_over).then_some(Next::Input));
            }
        }
        if input.is_empty() {
            return (0, Some(Next::Input));
        }
        if *budget == 0 {
            return (0, Some(Next::Turn));
        }
        match self.language {
            Language::Text if cx.looks_at_each() => self.batch::<true>(cx, input, out, budget),
            // Frames are not logged, and have no memory for replies of their own.
            Language::Text | Language::Binary => self.batch::<false>(cx, input, out, budget),
            Language::Unknown => {
                self.negotiate(cx, input[0]);
                (0, None)
            }
            Language::TextLogin => self.log_in_by_text(cx, input, out, budget),
        }
    }

    /// The first byte of a client tells what it speaks.
    fn negotiate(&mut self, cx: &Context<'_, 's>, first: u8) {
        let (language, name) = if first == MAGIC {
            (Language::Binary, "binary")
        } else {
            (Language::Text, "ascii")
        };
        self.language = language;
        // A datagram is a session of its own: that is not logged.
        if cx.log.has_commands() && cx.caller.from.is_none() {
            cx.log.begins(name);
        }
    }

    /// Takes from `input` what belongs to a value, or to one that has been refused: how many
    /// bytes, and whether that was all of it.
    fn block(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
    ) -> (usize, bool) {
        match &mut self.state {
            SessionState::Commands | SessionState::Dump(_) | SessionState::Waiting(_) => (0, true),
            SessionState::Value(upload) => {
                let (len, taken) = upload.take(cx.local, input);
                if taken.is_err() {
                    let (left, due) = upload.rest();
                    self.refuse(cx, left, due, out);
                    return (len, true); // of the value; what is to be discarded comes next
                }
                if !upload.is_complete() {
                    return (len, false);
                }
                if let SessionState::Value(upload) = std::mem::take(&mut self.state) {
                    let (log, before) = (cx.log, out.bytes().len());
                    cx.finish_upload(*upload, out);
                    if log.has_commands() {
                        log.reply(&out.bytes()[before..]);
                    }
                }
                (len, true)
            }
            SessionState::Discard { left } => {
                let len = input.len().min(*left as usize);
                *left -= len as u32;
                if *left > 0 {
                    return (len, false);
                }
                self.state = SessionState::Commands;
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
        budget: &mut usize,
    ) -> (usize, Option<Next>) {
        if out.is_full() {
            return (0, Some(Next::Flush));
        }
        *budget -= 1;
        self.had_secret = true;
        match auth::read(input) {
            LoginLine::Partial => (0, Some(Next::Input)),
            LoginLine::NotALogin => (0, Some(Next::Close(Reason::Error))),
            LoginLine::Refused(len, reply) => {
                self.commanded = true;
                out.put(reply);
                (len, None)
            }
            LoginLine::Attempt(len, user, password) => {
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

    /// Whether the reply to a command has been begun and is to be continued.
    pub fn is_in_reply(&self) -> bool {
        self.parser.is_in_list()
    }

    /// There will be no more input: a value of which some is missing is answered as a bad one,
    /// unless it stands in a frame. The rest of a line is nothing.
    pub fn end(&mut self, cx: &Context<'_, 's>, out: &mut Output<'s>) {
        let before = out.bytes().len();
        match std::mem::take(&mut self.state) {
            SessionState::Commands
            | SessionState::Dump(_)
            | SessionState::Discard { .. }
            | SessionState::Waiting(_) => {}
            SessionState::Value(upload) => out.put(upload.cut_short()),
        }
        let reply = &out.bytes()[before..];
        if cx.log.has_commands() && !reply.is_empty() {
            cx.log.reply(reply);
        }
    }

    /// What it is in the middle of.
    #[inline]
    pub fn awaits(&self) -> Awaits {
        match self.state {
            SessionState::Commands => Awaits::Command,
            SessionState::Value(_) => Awaits::Value,
            SessionState::Discard { .. } => Awaits::Discard,
            SessionState::Waiting(_) => Awaits::Reply,
            SessionState::Dump(_) => Awaits::Dump,
        }
    }

    /// After a turn that was used up: whether the next one is to wait for as long as
    /// `lru_crawler_sleep` says. Said once.
    pub fn take_rest(&mut self) -> bool {
        match &mut self.state {
            SessionState::Dump(dump) => dump.take_rest(),
            _ => false,
        }
    }

    /// What a ticket stands for is ready. Whether the session can go on now.
    pub fn complete(&mut self, ticket: Ticket) -> bool {
        match &mut self.state {
            SessionState::Waiting(waiting) => waiting.complete(ticket),
            _ => false,
        }
    }

    /// Whether a command has come since the last call.
    #[inline]
    pub fn take_commanded(&mut self) -> bool {
        std::mem::take(&mut self.commanded)
    }

    pub(super) fn log_in_by_frame(
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
            self.login = Login::Required;
            let fault = cx.frame_long_login(input, frame);
            let due = DeferredReply::Fault(frame.ids(input), fault);
            self.refuse(cx, frame.value.len, due, out);
        }
    }

    /// A value of `len` bytes comes next, its end included, or is refused.
    pub(super) fn receive(
        &mut self,
        cx: &Context<'_, 's>,
        begun: Result<Upload<'s>, DeferredReply>,
        len: u32,
        out: &mut Output<'s>,
    ) {
        match begun {
            Ok(upload) => self.state = SessionState::Value(Box::new(upload)),
            Err(due) => self.refuse(cx, len, due, out),
        }
    }

    /// Refuses a value of which `left` bytes are still to come. The reply comes at once: a client that
    /// sends a gigabyte need not wait for it until the end. The bytes are read all the same, so that
    /// the stream stays in step. A frame that a datagram cuts short is not answered: the rest
    /// of it will not come.
    pub(super) fn refuse(
        &mut self,
        cx: &Context<'_, 's>,
        left: u32,
        due: DeferredReply,
        out: &mut Output<'s>,
    ) {
        let is_cut_short = cx.caller.from.is_some() && matches!(due, DeferredReply::Fault(..));
        if !is_cut_short {
            due.put(out);
        }
        if let DeferredReply::Text(reply) = due
            && cx.log.has_commands()
        {
            cx.log.reply(reply);
        }
        self.skip(left);
    }

    /// `len` bytes come next that belong to no request.
    pub(super) fn skip(&mut self, len: u32) {
        if len > 0 {
            self.state = SessionState::Discard { left: len };
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
            SessionState::Value(upload) => upload.window(local, least),
            _ => None,
        }
    }

    /// Claims `len` bytes received into the last window.
    pub fn received(&mut self, len: usize) {
        if let SessionState::Value(upload) = &mut self.state {
            upload.received(len);
        }
    }
}

/// Bytes of a value in text and of the CR LF behind it.
pub(super) fn block_len(value_len: u32) -> u32 {
    value_len + reply::CR_LF.len() as u32
}
