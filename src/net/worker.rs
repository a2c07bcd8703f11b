//! A worker: one thread, one epoll set, the connections it was given.
//!
//! ```text
//! epoll_wait ─► recv into the read buffer ─► session ─► write buffer ─► one send
//!      ▲                                        │
//!      └──────────── run queue ◄── turn used up ┘
//! ```
//!
//! Registrations are edge-triggered and made once. So a connection that leaves input unread, since
//! its turn was over, must stand in the run queue; one whose client does not take its replies gets
//! an event when it does. One whose reply is not ready is parked until another thread sends the
//! worker a message.
//!
//! All of this runs on the worker's own thread, and it holds no lock.

#![forbid(unsafe_code)]

use super::conn_table::ConnTable;
use super::connection::{Connection, Input, Wants};
use super::inbox::{Inbox, Message, Sender, inbox};
use super::listen::Listening;
use super::logger::Arrivals;
use super::sleeping::Sleeping;
use super::stash::Stash;
use super::stream::Stream;
use super::udp::{Datagrams, Tools};
use crate::commands::{Awaits, Batch, Context, GREETING, Next, Output, Session, no_place};
use crate::server::Server;
use crate::server::caller::Caller;
use crate::server::completion::{Completions, Ticket};
use crate::server::conns::SocketKind;
use crate::server::log::{Admission, Reason, Recorder, Streams};
use crate::settings::{BUFFER_BYTES, Protocol};
use crate::store::ThreadState;
use crate::sys::epoll::{Epoll, Events, Readiness, Watch};
use crate::sys::errors::error_text;
use crate::sys::socket::Address;
use crate::wire::Put;
use crate::wire::buffer::READ_BUFFER_LEN;
use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events that one wait reports at most.
const EVENTS_MAX: usize = 256;
/// Operations in a turn when `-R` has its default or more: at least a whole batch.
const TURN_MIN: usize = 32;
/// Turns in a row of a connection that is alone, before the worker looks for events.
const TURNS_ALONE: usize = 8;
/// The default of `-R`.
const REQUESTS_DEFAULT: usize = 20;

/// Replies that fit into one buffer of `-o read_buf_mem_limit`, as C memcached counts them.
const REPLIES_PER_BUFFER: u32 = 18;

/// The token of the inbox.
const INBOX: u64 = u64::MAX;
/// The token of the first UDP socket; those of others are below it.
const DATAGRAMS: u64 = INBOX - 1;
/// A worker's own state.
pub struct Worker<'s> {
    server: &'s Server,
    epoll: Epoll,
    inbox: Inbox,
    /// What other threads tell it with that they have done something for a connection.
    completions: Arc<dyn Completions>,
    /// Memory for messages.
    messages: Vec<Message>,
    table: ConnTable<'s>,
    datagrams: Vec<Datagrams<'s>>,
    /// The run queue: connections that have more to do.
    queue: VecDeque<u64>,
    /// Connections that will have more to do, and when.
    sleeping: Sleeping,
    local: ThreadState,
    recorder: Arc<Recorder>,
    /// The way to the logger for clients that watch.
    watchers: Arrivals,
    read_buffer: Vec<u8>,
    out: Output<'s>,
    batch: Batch,
    /// Requests of a turn.
    budget: usize,
    /// Replies of one client that may wait to be sent, if `-o read_buf_mem_limit` says so.
    replies_max: Option<u32>,
    /// Buffers that partial requests may be kept in, if it does.
    buffers_max: Option<u32>,
    /// Buffers that they are kept in, if there is a limit.
    held: u32,
    /// No client can have been silent for too long before the process has been awake so long.
    idle_due_s: u32,
}

/// What a connection's turn ended with.
enum Outcome {
    /// It waits for an event.
    Waiting,
    /// It waits for another thread, which will send a message.
    Parked,
    /// It has more to do.
    Queued,
    /// It has more to do after a sleep.
    Sleeping,
    /// It is to be closed.
    Closed(Reason),
    /// It is to be given to the logger.
    Watching(Admission),
}

/// Whether a connection's socket holds input, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InSocket {
    /// None: an event will say so when there is some.
    Nothing,
    /// It has to be tried.
    Perhaps,
}

impl InSocket {
    fn unless(is_empty: bool) -> InSocket {
        if is_empty {
            InSocket::Nothing
        } else {
            InSocket::Perhaps
        }
    }
}

/// Whether other connections of the worker wait for their turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// None does: this one may have several turns.
    Alone,
    /// Some do: it has one turn, then it stands behind them.
    Queued,
}

impl Sharing {
    fn with_others(are_there: bool) -> Sharing {
        if are_there {
            Sharing::Queued
        } else {
            Sharing::Alone
        }
    }
}

/// Whether a worker goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Ends,
}

impl<'s> Worker<'s> {
    /// A worker, and what other threads send it messages with.
    ///
    /// # Errors
    /// The process has no more descriptors.
    pub fn new(server: &'s Server, watchers: Arrivals) -> Result<(Worker<'s>, Sender)> {
        let epoll = Epoll::new()?;
        let (sender, inbox) = inbox()?;
        epoll.add(inbox.as_fd().as_raw_fd(), INBOX, Watch::Readable)?;
        let requests = server.settings.requests_per_event as usize;
        let worker = Worker {
            server,
            epoll,
            inbox,
            completions: Arc::new(sender.clone()),
            messages: Vec::new(),
            table: ConnTable::default(),
            datagrams: Vec::new(),
            queue: VecDeque::new(),
            sleeping: Sleeping::default(),
            local: server.add_thread(),
            recorder: server.log.recorder(),
            watchers,
            read_buffer: vec![0; READ_BUFFER_LEN],
            out: Output::new(),
            batch: Batch::default(),
            budget: if requests >= REQUESTS_DEFAULT {
                requests.max(TURN_MIN)
            } else {
                requests
            },
            // One of the buffers is the one that is read into.
            replies_max: server
                .settings
                .buffers_max()
                .map(|buffers| (buffers - 1).max(1).saturating_mul(REPLIES_PER_BUFFER)),
            buffers_max: server.settings.buffers_max(),
            held: 0,
            idle_due_s: 0,
        };
        Ok((worker, sender))
    }

    /// Takes a UDP socket; other workers may read it as well.
    ///
    /// # Errors
    /// The system has no memory for the watch.
    pub fn add_datagrams(&mut self, socket: &Listening) -> Result<()> {
        let fd = socket.fd.try_clone()?;
        if self.server.settings.verbosity.get() > 1 {
            log!("<{} server listening (udp)", fd.as_raw_fd());
        }
        let now_s = self.server.store.clock.now();
        let address = socket.address.clone();
        let entry = self
            .server
            .conns
            .open(fd.as_raw_fd(), SocketKind::Datagrams, address, now_s);
        let token = DATAGRAMS - self.datagrams.len() as u64;
        self.epoll.add(fd.as_raw_fd(), token, Watch::Shared)?;
        self.datagrams.push(Datagrams::new(fd, entry));
        self.server.connections.opened();
        self.local.counters.thread.total_connections.add(1);
        Ok(())
    }

    /// Serves until a message says to stop.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            if let Err(e) = self.wait(&mut events) {
                panic!("epoll_wait: {e}");
            }
            for index in 0..events.len() {
                let event = events.get(index);
                if event.token == INBOX {
                    if self.take_messages() == Going::Ends {
                        return self.end();
                    }
                } else if let Some(socket) =
                    self.datagrams.get_mut((DATAGRAMS - event.token) as usize)
                {
                    self.recorder.attend(&mut self.local, socket.fd());
                    let mut tools = Tools {
                        server: self.server,
                        local: &mut self.local,
                        batch: &mut self.batch,
                        out: &mut self.out,
                        buffer: &mut self.read_buffer,
                    };
                    socket.serve(&mut tools);
                } else {
                    let others = index + 1 < events.len() || !self.queue.is_empty();
                    self.on_event(event, Sharing::with_others(others));
                }
            }
            // One turn each; one that is not done then stands behind those that have come since.
            for _ in 0..self.queue.len() {
                let Some(token) = self.queue.pop_front() else {
                    break;
                };
                let sharing = Sharing::with_others(!self.queue.is_empty());
                if let Some(client) = self.table.get(token) {
                    client.queued = false;
                    self.serve(token, InSocket::Perhaps, sharing);
                }
            }
        }
    }

    /// Waits for events, but not while a connection has something to do, or longer than one sleeps.
    fn wait(&mut self, events: &mut Events) -> Result<()> {
        if self.sleeping.is_empty() {
            let timeout_ms = if self.queue.is_empty() { -1 } else { 0 };
            return self.epoll.wait(events, timeout_ms);
        }
        let now = Instant::now();
        self.queue.extend(self.sleeping.take_due(now));
        match self.sleeping.first() {
            Some(due) if self.queue.is_empty() => self.epoll.wait_for(events, due - now),
            _ => self.epoll.wait(events, 0),
        }
    }

    /// Does what the messages of other threads ask for.
    fn take_messages(&mut self) -> Going {
        let mut messages = std::mem::take(&mut self.messages);
        self.inbox.receive(&mut messages);
        let mut going = Going::On;
        for message in messages.drain(..) {
            match message {
                Message::Client(socket, protocol) => self.add_client(socket, protocol),
                Message::Sweep => self.close_idle(),
                Message::Stop => going = Going::Ends,
                Message::Done(token, ticket) => self.complete(token, ticket),
            }
        }
        self.messages = messages;
        going
    }

    /// Gives back what the worker has. The connections it had, and those that it has not received,
    /// are closed.
    fn end(self) {
        let unreceived = self.inbox.close();
        let is_client = |message: &&Message| matches!(message, Message::Client(..));
        let count = self.table.iter().count() + unreceived.iter().filter(is_client).count();
        drop((self.table, unreceived));
        (0..count).for_each(|_| self.server.connections.closed());
        self.server.store.retire(self.local);
    }

    /// Closes connections that have been silent for more than the timeout. The time for which the
    /// process was stopped does not count.
    fn close_idle(&mut self) {
        self.server.store.catch_up(&mut self.local);
        let now_s = self.server.store.clock.awake();
        if now_s < self.idle_due_s {
            return;
        }
        let timeout_s = self.server.settings.idle_timeout_s.unsigned_abs();
        let mut due_s = now_s.saturating_add(timeout_s);
        let mut idle = Vec::new();
        for (token, client) in self.table.iter() {
            if now_s.saturating_sub(client.active_s) <= timeout_s {
                due_s = due_s.min(client.active_s.saturating_add(timeout_s));
            } else if client.may_be_idle() {
                idle.push((token, client.fd()));
            }
        }
        self.idle_due_s = due_s + 1;
        for (token, fd) in idle {
            if self.server.settings.verbosity.get() > 1 {
                log!("Closing idle fd {fd}");
            }
            self.local.counters.thread.idle_kicks.add(1);
            self.close(token, Reason::IdleTimeout);
        }
    }

    fn add_client(&mut self, socket: OwnedFd, protocol: Protocol) {
        let stream = Stream::Plain(socket);
        let fd = stream.fd();
        if self.server.settings.verbosity.get() > 1 {
            match protocol {
                Protocol::Auto => log!("<{fd} new auto-negotiating client connection"),
                Protocol::Ascii => log!("<{fd} new ascii client connection."),
                Protocol::Binary => log!("<{fd} new binary client connection."),
            }
        }
        let address = stream.peer_address().unwrap_or(Address::Unnamed);
        self.server.store.catch_up(&mut self.local);
        let clock = &self.server.store.clock;
        let entry = self
            .server
            .conns
            .open(fd, SocketKind::Client, address, clock.now());
        if self.recorder.wants_connections() {
            self.recorder.opened(fd, &entry.address());
        }
        let session = Session::new(&self.server.settings, protocol);
        let token = self
            .table
            .insert(Connection::new(stream, entry, session, clock.awake()));
        if self.epoll.add(fd, token, Watch::Edges).is_err() {
            self.close(token, Reason::Error);
        }
    }

    fn close(&mut self, token: u64, reason: Reason) {
        let Some(mut client) = self.table.take(token) else {
            return;
        };
        client.drop_stash();
        if client.session.awaits_secret() {
            wipe(&mut self.read_buffer); // with what it has left unfinished
        }
        self.held -= client.held;
        if self.server.settings.verbosity.get() > 1 {
            log!("<{} connection closed.", client.fd());
        }
        if self.recorder.wants_connections() {
            self.recorder.closed(client.fd(), &client.peer(), reason);
        }
        drop(client);
        self.server.connections.closed();
    }

    /// Gives a client to the logger.
    fn hand_over(&mut self, token: u64, admission: Admission) {
        if let Some(client) = self.table.take(token) {
            self.held -= client.held;
            // Registered with this worker, or its events would go on coming.
            let _ = self.epoll.remove(client.fd());
            let stream = client.into_watcher();
            self.watchers.add(self.server, admission, stream, GREETING);
        }
    }

    fn on_event(&mut self, event: Readiness, sharing: Sharing) {
        let Some(client) = self.table.get(event.token) else {
            return;
        };
        client.note_end(event);
        if client.queued {
            return; // its turn comes, and it reads until nothing is left
        }
        self.serve(event.token, InSocket::unless(!event.readable), sharing);
    }

    fn serve(&mut self, token: u64, in_socket: InSocket, sharing: Sharing) {
        match self.turn(token, in_socket, sharing) {
            Ok(Outcome::Waiting | Outcome::Parked) => {}
            Ok(Outcome::Queued) => {
                if let Some(client) = self.table.get(token) {
                    client.queued = true;
                    self.queue.push_back(token);
                }
            }
            Ok(Outcome::Sleeping) => {
                if let Some(client) = self.table.get(token) {
                    client.queued = true;
                    let rest_us = self.server.settings.lru_crawler_sleep.get();
                    let due = Instant::now() + Duration::from_micros(rest_us.into());
                    self.sleeping.add(due, token);
                }
            }
            Ok(Outcome::Watching(place)) => self.hand_over(token, place),
            Ok(Outcome::Closed(reason)) => {
                if let Some(client) = self.table.get(token) {
                    client.discard_input(&mut self.read_buffer);
                }
                self.give_up(token, reason);
            }
            Err(e) => {
                if self.server.settings.verbosity.get() > 0 {
                    let text = error_text(&e);
                    log!("Failed to read or write, and not due to blocking: {text}");
                }
                self.give_up(token, Reason::Error);
            }
        }
    }

    /// Closes a connection in the middle of its turn: replies made so far are forgotten.
    fn give_up(&mut self, token: u64, reason: Reason) {
        self.out.clear();
        self.close(token, reason);
    }

    /// One turn of a connection: sends what waits, then reads once, handles all of that and
    /// replies.
    ///
    /// # Errors
    /// The connection is lost.
    fn turn(&mut self, token: u64, in_socket: InSocket, sharing: Sharing) -> Result<Outcome> {
        let Some(client) = self.table.get(token) else {
            return Ok(Outcome::Waiting);
        };
        let was_blocked = client.is_blocked();
        if was_blocked {
            self.local
                .counters
                .thread
                .bytes_written
                .add(client.send_rest()? as u64);
            if client.is_blocked() {
                return Ok(Outcome::Waiting);
            }
        }
        if let Some(reason) = client.closing {
            return Ok(Outcome::Closed(reason));
        }
        match client.wants {
            Wants::Input => {}
            Wants::Reply if client.waits_in_vain() => return Ok(Outcome::Closed(Reason::Normal)),
            Wants::Reply => {
                client.publish(self.server.store.clock.now());
                return Ok(Outcome::Parked);
            }
            Wants::Turn => {
                let input = client.unstash(&mut self.read_buffer);
                return self.handle(token, input, InSocket::Perhaps, sharing);
            }
        }
        // What came while replies waited was announced long ago.
        if in_socket == InSocket::Nothing && !was_blocked {
            return Ok(Outcome::Waiting);
        }
        match client.receive(&mut self.local, &mut self.read_buffer) {
            Ok((received, _)) if received.len == 0 => Ok(Outcome::Closed(Reason::Normal)),
            Ok((received, input)) => {
                let bytes_read = &self.local.counters.thread.bytes_read;
                bytes_read.add(received.len as u64);
                // A client that has hung up is read to the end, where it is closed.
                let drained = received.drained && !client.stops_short;
                self.handle(token, input, InSocket::unless(drained), sharing)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                client.publish(self.server.store.clock.now());
                Ok(Outcome::Waiting)
            }
            Err(e) => Err(e),
        }
    }

    /// Handles input that has been read; the socket may hold more.
    fn handle(
        &mut self,
        token: u64,
        input: Input,
        in_socket: InSocket,
        sharing: Sharing,
    ) -> Result<Outcome> {
        let (consumed, next) = self.converse(token, input, sharing)?;
        let Some(client) = self.table.get(token) else {
            return Ok(Outcome::Waiting);
        };
        if let Some(buffers_max) = self.buffers_max {
            self.held -= std::mem::take(&mut client.held);
            client.held = client.stash.bytes().len().div_ceil(BUFFER_BYTES as usize) as u32;
            self.held += client.held;
            if self.held > buffers_max {
                self.local.counters.thread.read_buf_oom.add(1);
                return Ok(Outcome::Closed(Reason::Error));
            }
        }
        // A request that waits has come, though it is not consumed yet.
        if consumed > 0 || next == Next::Wait {
            client.active_s = self.server.store.clock.awake();
        }
        client.wants = match next {
            Next::Input => Wants::Input,
            Next::Wait => Wants::Reply,
            _ => Wants::Turn,
        };
        client.closing = match next {
            Next::Close(reason) => Some(reason),
            _ => None,
        };
        client.publish(self.server.store.clock.now());
        Ok(match next {
            _ if client.is_blocked() => Outcome::Waiting,
            Next::Close(reason) => Outcome::Closed(reason),
            Next::Watch(streams) => return self.begin_watching(token, streams),
            Next::Wait if client.waits_in_vain() => Outcome::Closed(Reason::Normal),
            Next::Wait => Outcome::Parked,
            Next::Input if in_socket == InSocket::Nothing => Outcome::Waiting,
            Next::Turn if client.session.take_rest() => Outcome::Sleeping,
            _ => Outcome::Queued,
        })
    }

    /// Lets the session handle input, as [`converse`] does; what it has not consumed is stashed.
    /// Returns how much it has consumed, and what it wants.
    fn converse(&mut self, token: u64, input: Input, sharing: Sharing) -> Result<(usize, Next)> {
        let Some(client) = self.table.get(token) else {
            return Ok((0, Next::Input));
        };
        let stash = std::mem::take(&mut client.stash);
        let bytes = match input {
            Input::Buffer(len) => &self.read_buffer[..len],
            Input::Stash => stash.bytes(),
        };
        let caller = Caller {
            fd: client.fd(),
            from: None,
            token,
            completions: Some(&self.completions),
        };
        // After reading: what the process slept through while the client's request was on its way
        // has passed for the request, too.
        self.server.store.catch_up(&mut self.local);
        self.recorder.attend(&mut self.local, caller.fd);
        let mut cx = Context::new(
            self.server,
            &mut self.local,
            &mut self.batch,
            caller,
            self.replies_max,
        );
        let outcome = converse(client, &mut cx, bytes, &mut self.out, self.budget, sharing);
        // Whether or not a connection is left, nothing may be left of a password.
        let had_secret =
            client.session.had_secret() || outcome.is_err() && client.session.awaits_secret();
        let at = outcome.as_ref().map_or(bytes.len(), |&(at, _)| at);
        client.stash = match input {
            Input::Buffer(_) => Stash::of(&bytes[at..]),
            Input::Stash => stash.without(at, had_secret),
        };
        if had_secret && let Input::Buffer(len) = input {
            wipe(&mut self.read_buffer[..len]);
        }
        outcome
    }

    /// Makes a watcher of a client, if there is a place for one; else it says so to the client.
    fn begin_watching(&mut self, token: u64, streams: Streams) -> Result<Outcome> {
        let reason = match self.server.log.reserve(streams) {
            Ok(admission) => return Ok(Outcome::Watching(admission)),
            Err(reason) => reason,
        };
        self.out.put(no_place(reason));
        if let Some(client) = self.table.get(token) {
            let sent = client.send(&mut self.out)?;
            self.local.counters.thread.bytes_written.add(sent as u64);
        }
        // A reply that short finds space in a socket that nothing waits for.
        Ok(Outcome::Queued)
    }

    /// Another thread has done something for a connection: it has its turn, if it waited for that.
    /// One that has gone meanwhile is not found, whichever connection has its slot now.
    fn complete(&mut self, token: u64, ticket: Ticket) {
        let Some(client) = self.table.get(token) else {
            return;
        };
        if !client.session.complete(ticket) || client.wants != Wants::Reply {
            return;
        }
        client.wants = Wants::Turn;
        // One that does not take its replies has its turn when it does.
        if !client.is_blocked() {
            client.queued = true;
            self.queue.push_back(token);
        }
    }
}

/// Overwrites what may have been a password, though it will not be read any more.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

/// Lets the session handle `input` and sends its replies, until it wants more input, waits
/// for the client, or has had its turns: one while other connections wait, else a few, before the
/// worker looks for events. Returns how much it has consumed, and what it wants.
fn converse<'s>(
    client: &mut Connection<'s>,
    cx: &mut Context<'_, 's>,
    input: &[u8],
    out: &mut Output<'s>,
    budget: usize,
    sharing: Sharing,
) -> Result<(usize, Next)> {
    let mut turns = match sharing {
        Sharing::Alone => TURNS_ALONE,
        Sharing::Queued => 1,
    };
    let mut left = budget;
    let mut at = 0;
    let next = loop {
        let handled = client.session.handle(cx, &input[at..], out, &mut left);
        at += handled.consumed;
        match handled.next {
            Next::Flush => {
                send(client, cx, out)?;
                if client.is_blocked() {
                    break Next::Flush;
                }
            }
            // Clients that may have come since do not wait for more of a dump.
            Next::Turn if client.session.awaits() == Awaits::Dump => break Next::Turn,
            Next::Turn => {
                cx.local.counters.thread.conn_yields.add(1);
                turns -= 1;
                if turns == 0 {
                    break Next::Turn;
                }
                left = budget;
            }
            next => break next,
        }
    };
    if !client.is_blocked() {
        send(client, cx, out)?;
    }
    Ok((at, next))
}

fn send<'s>(client: &mut Connection<'s>, cx: &Context<'_, 's>, out: &mut Output<'s>) -> Result<()> {
    let sent = client.send(out)?;
    cx.count_written(sent);
    Ok(())
}
