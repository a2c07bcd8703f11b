//! The listener: the process's first thread. It accepts clients and hands them to the
//! workers in turn, advances the clock if no other thread does, and obeys signals.
//!
//! When descriptors run out it stops accepting and looks every ten milliseconds whether a
//! client has gone, as an accept that fails would otherwise keep it busy for nothing.
//!
//! All of this runs on the listener thread, and it holds no lock.

#![forbid(unsafe_code)]

use super::inbox::{Message, Sender};
use super::listen::Listening;
use super::stream::Stream;
use crate::server::Server;
use crate::server::conns::{ConnEntry, SocketKind};
use crate::settings::Protocol;
use crate::store::ThreadState;
use crate::sys::epoll::{Epoll, Events, Watch};
use crate::sys::errors::error_text;
use crate::sys::signals::{Signal, SignalFd};
use crate::sys::socket;
use crate::wire::reply::TOO_MANY_CONNECTIONS;
use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The token of the signals; those of listeners are their indexes.
const SIGNALS: u64 = u64::MAX;
/// Events that one wait reports at most.
const EVENTS_MAX: usize = 64;
/// How often it is looked whether a client has gone, when descriptors had run out.
const RETRY: Duration = Duration::from_millis(10);
/// When accepting is tried again though none has: descriptors may have come from elsewhere.
const RETRY_ANYWAY: Duration = Duration::from_secs(1);

/// The listener's own state.
pub struct Listener<'s> {
    server: &'s Server,
    epoll: Epoll,
    _entries: Vec<ConnEntry<'s>>,
    listening: Vec<Listening>,
    workers: Arc<[Sender]>,
    next_worker: usize,
    /// The network queue of each of the first workers; shorter than `-N` until all are known.
    napi_ids: Vec<u32>,
    signals: SignalFd,
    local: ThreadState,
    paused: Option<Pause>,
}

/// Accepting is off since then, when so many connections were open.
struct Pause {
    since: Instant,
    open: u64,
}

impl<'s> Listener<'s> {
    /// A listener for these sockets, which feeds these workers.
    ///
    /// # Errors
    /// The process has no more descriptors.
    pub fn new(
        server: &'s Server,
        listening: Vec<Listening>,
        workers: Arc<[Sender]>,
        signals: SignalFd,
    ) -> Result<Listener<'s>> {
        let epoll = Epoll::new()?;
        epoll.add(signals.as_fd().as_raw_fd(), SIGNALS, Watch::Readable)?;
        let local = server.add_thread();
        let mut entries = Vec::new();
        for socket in &listening {
            let fd = socket.fd.as_raw_fd();
            if server.settings.verbosity.get() > 1 {
                let protocol = socket.protocol.unwrap_or(server.settings.protocol);
                log!("<{fd} server listening ({})", protocol.name());
            }
            server.connections.opened();
            let now_s = server.store.clock.now();
            entries.push(server.conns.open(
                fd,
                SocketKind::Listener,
                socket.address.clone(),
                now_s,
            ));
            local.counters.thread.total_connections.add(1);
        }
        let listener = Listener {
            server,
            epoll,
            _entries: entries,
            listening,
            workers,
            next_worker: 0,
            napi_ids: Vec::new(),
            signals,
            local,
            paused: None,
        };
        listener.watch()?;
        Ok(listener)
    }

    /// Serves until a signal says to stop; returns that.
    ///
    /// # Errors
    /// The event loop is broken.
    pub fn run(&mut self) -> Result<Signal> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let until_tick = self.server.store.clock.tick();
            self.server.store.flush_if_due(&mut self.local);
            let wait = if self.paused.is_some() {
                RETRY
            } else {
                until_tick
            };
            // Rounded up, or the last part of a millisecond would be spent spinning.
            let wait_ms = wait.as_millis() as i32 + 1;
            self.epoll.wait(&mut events, wait_ms)?;
            for index in 0..events.len() {
                match events.get(index).token {
                    SIGNALS => {
                        if let Some(signal) = self.stop_signal()? {
                            return Ok(signal);
                        }
                    }
                    listener => self.accept(listener as usize),
                }
            }
            self.resume_if_possible();
        }
    }

    fn watch(&self) -> Result<()> {
        for (index, listening) in self.listening.iter().enumerate() {
            self.epoll
                .add(listening.fd.as_raw_fd(), index as u64, Watch::Readable)?;
        }
        Ok(())
    }

    fn stop_signal(&self) -> Result<Option<Signal>> {
        while let Some(signal) = self.signals.next()? {
            if signal != Signal::Hangup {
                return Ok(Some(signal));
            }
            self.server.logins.reload();
        }
        Ok(None)
    }

    /// Tells the workers to close their connections and end.
    pub fn stop_workers(&self) {
        for worker in self.workers.iter() {
            // A worker that is gone needs no telling.
            let _ = worker.send(Message::Stop);
        }
    }

    /// Accepts one client. Not more at a time: `accept4(2)` wants a descriptor before it
    /// looks whether anyone waits, so asking once too often fails when the last one is taken.
    fn accept(&mut self, index: usize) {
        if self.paused.is_some() {
            return;
        }
        // Counted before the attempt: a client that goes after it has failed must be seen.
        let open = self.server.connections.open.load(Relaxed);
        match socket::accept(&self.listening[index].fd) {
            Ok((client, _)) => self.admit(client, self.listening[index].protocol),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {} // the client gave up
            Err(e) => {
                let text = error_text(&e);
                log!("accept4(): {text}");
                if socket::is_out_of_descriptors(&e) {
                    if self.server.settings.verbosity.get() > 0 {
                        log!("Too many open connections");
                    }
                    return self.pause(open);
                }
                log!("accept(): {text}");
                // Memory of the system, or a fault of the network: soon again, not at once.
                self.pause(u64::MAX);
            }
        }
    }

    fn admit(&mut self, client: OwnedFd, protocol: Option<Protocol>) {
        let settings = &self.server.settings;
        let thread = &self.local.counters.thread;
        let limit = settings.connections_max as i32 - 1;
        if settings.maxconns_fast && client.as_raw_fd() >= limit {
            thread.rejected_connections.add(1); // before the client sees that it is closed
            // If the line cannot be sent at once the client is closed without it.
            let _ = Stream::Plain(client).send(TOO_MANY_CONNECTIONS);
            return;
        }
        thread.total_connections.add(1);
        self.server.connections.opened();
        let protocol = protocol.unwrap_or(settings.protocol);
        let worker = self.worker_of_queue(&client).unwrap_or_else(|| {
            let next = (self.next_worker + 1) % self.workers.len();
            std::mem::replace(&mut self.next_worker, next)
        });
        let message = Message::Client(client, protocol);
        if self.workers[worker].send(message).is_err() {
            self.server.connections.closed();
        }
    }

    /// `-N`: the worker that serves the network queue that a client came by. When there turn
    /// out to be more queues than were counted on, they are shared out anew.
    fn worker_of_queue(&mut self, client: &OwnedFd) -> Option<usize> {
        let ids_max = self.server.settings.napi_ids as usize;
        if ids_max == 0 {
            return None;
        }
        let thread = &self.local.counters.thread;
        let Some(id) = socket::napi_id(client) else {
            thread.round_robin_fallback.add(1);
            return None;
        };
        if let Some(worker) = self.napi_ids.iter().position(|&known| known == id) {
            return Some(worker);
        }
        if self.napi_ids.len() == ids_max {
            thread.unexpected_napi_ids.add(1);
            self.napi_ids.clear();
        }
        self.napi_ids.push(id);
        Some(self.napi_ids.len() - 1)
    }

    /// Stops accepting until fewer than `open` connections are left: clients wait in the
    /// kernel's queue, or are refused by it.
    fn pause(&mut self, open: u64) {
        self.look_away();
        self.local.counters.thread.listen_disabled_num.add(1);
        self.server.connections.paused.store(true, Relaxed);
        self.paused = Some(Pause {
            since: Instant::now(),
            open,
        });
    }

    fn look_away(&self) {
        for listening in &self.listening {
            // One that stays watched or keeps its queue does no harm: no client is accepted.
            let _ = self.epoll.remove(listening.fd.as_raw_fd());
            let _ = socket::listen(&listening.fd, 0);
        }
    }

    fn resume_if_possible(&mut self) {
        let open = self.server.connections.open.load(Relaxed);
        let is_over = |pause: &mut Pause| {
            let elapsed = pause.since.elapsed();
            elapsed >= RETRY && open < pause.open || elapsed >= RETRY_ANYWAY
        };
        let Some(pause) = self.paused.take_if(is_over) else {
            return;
        };
        let thread = &self.local.counters.thread;
        thread
            .time_in_listen_disabled_us
            .add(pause.since.elapsed().as_micros() as u64);
        if let Err(e) = self.look_again() {
            let text = error_text(&e);
            log!("failed to listen again: {text}");
            // Whatever the system lacks, clients that are served have nothing to do with it.
            self.look_away();
            self.paused = Some(Pause {
                since: Instant::now(),
                open: 0,
            });
            return;
        }
        self.server.connections.paused.store(false, Relaxed);
    }

    fn look_again(&self) -> Result<()> {
        for listening in &self.listening {
            socket::listen(&listening.fd, self.server.settings.backlog)?;
        }
        self.watch()
    }
}
