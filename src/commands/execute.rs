//! Carrying out a batch: the one frame around all requests of both protocols.
//!
//! ```text
//! input ─► parse ─► begin the work of other threads ─► look ahead ─► each request: execute ─► note
//! ```
//!
//! Where each request must be looked at by itself (it is logged on standard error, or memory for
//! replies is limited) a batch is one request, and `execute_singly` stands around `execute`.
//!
//! All of this runs on a worker's thread; it holds no lock but inside of a call of the store.

#![forbid(unsafe_code)]

use super::admin;
use super::batch::Batch;
use super::context::{Context, Done};
use super::output::Output;
use super::session::{Language, Next, Session, SessionState, block_len};
use super::upload::DeferredReply;
use super::waiting::{Waiting, Work};
use super::watch::watch;
use crate::server::completion::Ticket;
use crate::server::log::Reason;
use crate::store::{Hint, Key};
use crate::wire::command::Admin;
use crate::wire::frame;
use crate::wire::frame::opcode::BinaryVerb;
use crate::wire::parse::{BATCH, Parser, Stop};
use crate::wire::request::{CloseCause, Command, Request, Storage};
use crate::wire::{Put, reply};

/// How a batch goes on after a request.
pub(super) enum Flow {
    /// With the next request.
    Next,
    /// Not before the session has done something else: the next request is parsed again.
    Pause,
    /// Not at all: the session wants this.
    End(Next),
    /// Behind that byte of the input.
    SkipTo(usize),
    /// With this request once more, when its reply is ready.
    #[cfg_attr(not(debug_assertions), allow(dead_code))]
    Wait,
}

impl<'s> Session<'s> {
    /// Parses and carries out one batch: how many bytes it takes, and what is wanted then. `None`:
    /// go on with the rest. `SINGLY`: each request is looked at by itself.
    #[inline]
    pub(super) fn batch<const SINGLY: bool>(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        out: &mut Output<'s>,
        budget: &mut usize,
    ) -> (usize, Option<Next>) {
        let mut batch = std::mem::take(cx.batch);
        let requests_max = if SINGLY {
            1
        } else if self.parser.is_in_list() && cx.caller.from.is_none() {
            // Keys of a list are looked up a batch at a time, which counts as one request. What
            // comes after the list may be in its last batch; but each command of a datagram is alone.
            BATCH
        } else {
            BATCH.min(*budget)
        };
        let (consumed, stop) = self.fill(cx, input, &mut batch, requests_max);
        self.commanded |= !batch.is_empty();
        if cx.may_wait() {
            self.begin_work(cx, input, &batch);
        }
        batch.prefetch(&cx.server.store);
        let mut outcome = (consumed, (stop == Stop::Input).then_some(Next::Input));
        let mut ended = 0;
        let mut requests = batch.iter();
        while let Some((request, hint)) = requests.next() {
            if out.is_full() {
                outcome = self.stop_before(request, Some(Next::Flush));
                break;
            }
            // Keys of retrievals, of which there are many, are looked up without another call.
            if !SINGLY && let Command::Get { last, .. } = request.command {
                execute_get(cx, input, request, hint, out);
                ended += usize::from(last);
                continue;
            }
            let flow = if SINGLY {
                self.execute_singly(cx, input, request, hint, out)
            } else {
                self.execute(cx, input, request, hint, out)
            };
            ended += usize::from(request.command.ends_request());
            match flow {
                Flow::Next => continue,
                Flow::Pause => match requests.next() {
                    Some((next, _)) => outcome = self.stop_before(next, None),
                    None => outcome.1 = None,
                },
                Flow::End(next) => outcome.1 = Some(next),
                Flow::SkipTo(at) => outcome = (at, None),
                Flow::Wait => outcome = self.stop_before(request, Some(Next::Wait)),
            }
            break;
        }
        // Keys of a list that are looked at singly are not counted one by one.
        *budget = budget.saturating_sub(ended.max(usize::from(!SINGLY)));
        *cx.batch = batch;
        outcome
    }

    /// Goes back to a request that has not been carried out: the next batch begins with it.
    fn stop_before(&mut self, request: &Request, next: Option<Next>) -> (usize, Option<Next>) {
        self.parser.rewind(request);
        if next == Some(Next::Flush) {
            self.list_begins = None; // what has been sent cannot be taken back
        }
        (request.start as usize, next)
    }

    /// Parses at most `requests_max` requests; the buckets of all keys are asked for before the
    /// first is looked at.
    #[inline]
    fn fill(
        &mut self,
        cx: &Context<'_, 's>,
        input: &[u8],
        batch: &mut Batch,
        requests_max: usize,
    ) -> (usize, Stop) {
        let store = &cx.server.store;
        let hash = |key: &[u8]| {
            let hash = store.hash(key);
            store.prefetch_bucket(hash);
            hash
        };
        let requests = batch.begin();
        let (consumed, stop) = match self.language {
            Language::Binary => {
                let (len, stop) =
                    frame::parse::parse(input, requests_max, requests, hash, self.login);
                // A frame of which some is missing may be another login.
                let is_cut = stop == Stop::Input && len < input.len();
                self.had_secret |= self.login.is_due() || self.login.is_possible() && is_cut;
                (len, stop)
            }
            _ => self.parser.parse(input, requests_max, requests, hash),
        };
        debug_assert!(requests.len() <= requests_max);
        (consumed, stop)
    }

    /// Carries out one request.
    #[inline(never)]
    fn execute(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        hint: &Hint,
        out: &mut Output<'s>,
    ) -> Flow {
        if let Command::Frame { ref frame } = request.command {
            if let Some(done) = cx.frame(input, frame, *hint, out) {
                cx.note(input, request, || done);
            }
            return if frame.opcode.verb == BinaryVerb::Quit {
                close(CloseCause::Quit)
            } else {
                Flow::Next
            };
        }
        if let Some(done) = cx.run(input, request, *hint, out) {
            cx.note(input, request, || done);
            return Flow::Next;
        }
        self.execute_other(cx, input, request, hint, out)
    }

    /// Carries out a request that is not about an item that is here, or whose value is not.
    fn execute_other(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        hint: &Hint,
        out: &mut Output<'s>,
    ) -> Flow {
        match request.command {
            Command::Reply(reply) => out.put(reply),
            Command::Discard { len, reply } => {
                self.refuse(cx, len, DeferredReply::Text(reply), out);
            }
            #[cfg(debug_assertions)]
            Command::Admin {
                admin: Admin::DebugWait,
                ..
            } => return self.debug_wait(cx, input, request, out),
            Command::Admin { admin, line } => {
                return self.admin(cx, admin, line.of(input), out);
            }
            Command::Upload { .. } | Command::MetaUpload { .. } | Command::FrameUpload { .. } => {
                self.begin_upload(cx, input, request, out);
            }
            Command::FrameLogin { .. } | Command::FrameError { .. } => {
                return self.execute_frame(cx, input, request, out);
            }
            // Always the last of its batch.
            Command::Watch { line } => match watch(cx, line.of(input), out) {
                Ok(streams) => return Flow::End(Next::Watch(streams)),
                Err(reply) => out.put(reply),
            },
            Command::Close(cause) => return close(cause),
            Command::ReplyAndClose { reply, cause } => {
                out.put(reply);
                return close(cause);
            }
            Command::Get { .. } => execute_get(cx, input, request, hint, out),
            // These have been carried out.
            Command::Frame { .. }
            | Command::Store { .. }
            | Command::Delete { .. }
            | Command::Arithmetic { .. }
            | Command::Touch { .. }
            | Command::Meta { .. }
            | Command::MetaStore { .. } => {}
        }
        Flow::Next
    }

    /// Carries out a frame that decides how the input goes on.
    fn execute_frame(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        out: &mut Output<'s>,
    ) -> Flow {
        match request.command {
            Command::FrameLogin {
                ref frame,
                is_whole,
            } => self.log_in_by_frame(cx, input, frame, is_whole, out),
            Command::FrameError {
                fault,
                skip,
                closes,
            } => {
                frame::header::ids_at(input, request.start).put_fault(fault, out);
                self.skip(skip);
                if closes {
                    return close(CloseCause::BadInput);
                }
            }
            _ => {}
        }
        Flow::Next
    }

    /// A value comes next that is not all here, or is refused.
    fn begin_upload(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        out: &mut Output<'s>,
    ) {
        let (begun, len) = match request.command {
            Command::Upload { ref storage } => {
                let begun = cx.begin_upload(input, storage);
                (begun.map_err(DeferredReply::Text), block_len(storage.len))
            }
            Command::MetaUpload { ref storage } => {
                let begun = cx.begin_meta_upload(input, storage);
                (begun.map_err(DeferredReply::Text), block_len(storage.len))
            }
            Command::FrameUpload { ref frame } => {
                (cx.begin_frame_upload(input, frame), frame.value.len)
            }
            _ => return,
        };
        if let Some(done) = cx.begun_upload(request) {
            cx.note(input, request, || done);
        }
        self.receive(cx, begun, len, out);
    }

    /// Carries out a command that is not about a key.
    fn admin(
        &mut self,
        cx: &mut Context<'_, 's>,
        admin: Admin,
        line: &[u8],
        out: &mut Output<'s>,
    ) -> Flow {
        let from = out.bytes().len();
        let ran = admin::run(admin, line, cx, out);
        cx.refresh();
        if cx.log.has_commands() {
            cx.log.admin(&out.bytes()[from..], ran.withheld);
        }
        match ran.dump {
            Some(dump) => {
                let is_idle = matches!(self.state, SessionState::Commands);
                debug_assert!(is_idle, "work is under way that nothing will wait for");
                self.state = SessionState::Dump(Box::new(dump));
                Flow::Pause
            }
            None => Flow::Next,
        }
    }

    /// [`Session::execute`] of the only request of a batch: it is logged on standard error, or
    /// there is little memory for replies, or both.
    #[cold]
    fn execute_singly(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        hint: &Hint,
        out: &mut Output<'s>,
    ) -> Flow {
        if matches!(request.command, Command::Get { first: true, .. }) {
            self.list_begins = Some(out.mark());
        }
        let before = out.len();
        let flow = if cx.log.has_commands() {
            self.execute_and_log(cx, input, request, hint, out)
        } else {
            self.execute(cx, input, request, hint, out)
        };
        let has_replied = out.len() > before;
        if has_replied && cx.replies_max.is_some_and(|max| out.count_reply() > max) {
            return self.run_short(cx, input, request, out);
        }
        flow
    }

    /// Carries out a request and logs it with its reply.
    fn execute_and_log(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        hint: &Hint,
        out: &mut Output<'s>,
    ) -> Flow {
        let log = cx.log;
        if !self.is_ready(cx, input, request) {
            return Flow::Wait; // it is logged when it is carried out, once
        }
        log.request(input, request);
        if log.has_looks() {
            cx.log_look(input, &request.command);
        }
        let (mark, before) = (out.mark(), out.bytes().len());
        if let Command::Store { storage, .. } = request.command
            && storage.quiet
        {
            // The reply is made in any case, logged, and taken back.
            let mut loud = *request;
            if let Command::Store { storage, .. } = &mut loud.command {
                *storage = Storage {
                    quiet: false,
                    ..*storage
                };
            }
            let flow = self.execute(cx, input, &loud, hint, out);
            log.withheld(&out.bytes()[before..]);
            out.take_back(mark);
            return flow;
        }
        let flow = self.execute(cx, input, request, hint, out);
        log.made(input, &request.command, &out.bytes()[before..]);
        flow
    }

    /// Memory for replies has run short: a retrieval is answered with an error instead, if
    /// nothing of its reply has been sent; with any other command the connection ends, and
    /// no reply that waits is sent.
    fn run_short(
        &mut self,
        cx: &mut Context<'_, 's>,
        input: &[u8],
        request: &Request,
        out: &mut Output<'s>,
    ) -> Flow {
        cx.local.counters.thread.response_obj_oom.add(1);
        let (Command::Get { key, last, .. }, Some(begins)) =
            (request.command, self.list_begins.take())
        else {
            out.clear();
            return Flow::End(Next::Close(Reason::Error));
        };
        out.take_back(begins);
        out.put(reply::NO_MEMORY_RETRIEVING);
        if last {
            return Flow::Next;
        }
        // The line is complete, or no key of it would have been looked up.
        self.parser = Parser::default();
        let at = (key.start + key.len) as usize;
        let rest = input[at..].iter().position(|&byte| byte == b'\n');
        Flow::SkipTo(at + rest.map_or(0, |len| len + 1))
    }
}

/// Carries out one key of a retrieval.
#[inline]
fn execute_get<'s>(
    cx: &mut Context<'_, 's>,
    input: &[u8],
    request: &Request,
    hint: &Hint,
    out: &mut Output<'s>,
) {
    if let Command::Get {
        key,
        hash,
        keys,
        last,
        ..
    } = request.command
    {
        let key = Key::with_hint(key.of(input), hash, *hint);
        let found = cx.get(&key, keys, last, out);
        cx.note(input, request, || Done::of_get(keys, found));
    }
}

/// The session ends.
fn close(cause: CloseCause) -> Flow {
    Flow::End(Next::Close(cause.into()))
}

/// Requests that wait for other threads.
#[cfg_attr(not(debug_assertions), allow(dead_code))] // a release build has no such request yet
impl<'s> Session<'s> {
    /// Begins the work of all requests of a batch that want any, before the first is carried out;
    /// of those behind a command that is not about a key only when that has been carried out: it may
    /// be a dump, which takes the place of the list of work.
    #[cold]
    fn begin_work(&mut self, cx: &Context<'_, 's>, input: &[u8], batch: &Batch) {
        for request in batch.requests() {
            if let Some(work) = cx.work_of(input, request) {
                self.begin(cx, &work);
            } else if matches!(request.command, Command::Admin { .. }) {
                break;
            }
        }
    }

    /// Begins a piece of work, unless it is under way.
    fn begin(&mut self, cx: &Context<'_, 's>, work: &Work<'_>) {
        let waiting = self.waiting();
        if !waiting.has(work.subject) {
            waiting.add(work.subject, cx.begin(work));
        }
    }

    /// The session's list of work; what is not empty in the end stays until the next call.
    fn waiting(&mut self) -> &mut Waiting {
        if !matches!(self.state, SessionState::Waiting(_)) {
            self.state = SessionState::Waiting(Box::default());
        }
        match &mut self.state {
            SessionState::Waiting(waiting) => waiting,
            _ => unreachable!("it has just been made"),
        }
    }

    /// Whether a request can be carried out now; its work is begun. If not, the session waits.
    fn is_ready(&mut self, cx: &Context<'_, 's>, input: &[u8], request: &Request) -> bool {
        let Some(work) = cx.work_of(input, request) else {
            return true;
        };
        self.begin(cx, &work); // a request of the same subject may have used the last one
        self.waiting().is_done(work.subject)
    }

    /// The finished work that a request wants. `None`: it is under way, and the session waits.
    fn wait_for(&mut self, cx: &Context<'_, 's>, work: &Work<'_>) -> Option<Ticket> {
        self.begin(cx, work); // a request of the same subject may have used the last one
        let waiting = self.waiting();
        let done = waiting.take_done(work.subject);
        if waiting.is_empty() {
            self.state = SessionState::Commands;
        }
        done
    }

    /// `debugwait <name>`: answered when `debugdone <name>` has been said by another client.
    #[cfg(debug_assertions)]
    fn debug_wait(
        &mut self,
        cx: &Context<'_, 's>,
        input: &[u8],
        request: &Request,
        out: &mut Output<'s>,
    ) -> Flow {
        let from = out.bytes().len();
        match cx.work_of(input, request) {
            None => out.put(reply::ERROR),
            Some(work) => match self.wait_for(cx, &work) {
                None => return Flow::Wait,
                Some(_) => {
                    for piece in [b"DONE ", work.name, reply::CR_LF] {
                        out.put(piece);
                    }
                }
            },
        }
        if cx.log.has_commands() {
            cx.log.reply(&out.bytes()[from..]);
        }
        Flow::Next
    }
}
