//! The logger: one thread that sends watchers what all threads have recorded.
//!
//! ```text
//! new watchers ─► greet ─┐                        ┌─► waiting bytes ─► watcher 1
//! rings ─► gather ─► in order ─► a line for each ─┼─► waiting bytes ─► watcher 2
//! ```
//!
//! It sleeps as long as there are no watchers. While there are some it makes a pass at once if a
//! ring fills up or a watcher moves, else after a pause that grows as long as nothing happens.
//!
//! A watcher that does not read blocks no other: when its buffer is full, lines are skipped until
//! the next pass, and a line says how many before the next one that fits.
//!
//! All of this runs on the logger's own thread; the locks that it takes are those of
//! server/log, each for a moment.

#![forbid(unsafe_code)]

use super::stream::Stream;
use crate::counters::Counters;
use crate::server::Server;
use crate::server::log::{Admission, Drain, Reason, Recorder, Streams};
use crate::sys::epoll::{Epoll, Events, Watch};
use std::collections::VecDeque;
use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Arc, Mutex};

/// Shortest pause between two passes, and the longest, in milliseconds.
const PAUSE_MIN_MS: i32 = 1;
const PAUSE_MAX_MS: i32 = 100;
/// Bytes that must stay free for a note on skipped lines.
const MARGIN: usize = 128;
/// Events that one wait reports at most.
const EVENTS_MAX: usize = 32;
/// What watchers send is read and dropped in pieces of this size.
const INPUT_LEN: usize = 16 << 10;
/// The token of the waker; those of watchers are their descriptors.
const WAKER: u64 = u64::MAX;

/// Watchers on their way from their workers to the logger. The mutex is taken alone, to add one or
/// to take all.
#[derive(Clone, Default)]
pub struct Arrivals(Arc<Mutex<Vec<(Admission, Stream)>>>);

impl Arrivals {
    /// Gives a watcher to the logger of `server`, which sends `greeting` to it first.
    pub fn add(&self, server: &Server, mut place: Admission, stream: Stream, greeting: &[u8]) {
        place.waiting.extend(greeting);
        self.0.lock().unwrap().push((place, stream));
        server.log.waker.wake();
    }

    /// Takes all that have come since the last call.
    fn take(&self) -> Vec<(Admission, Stream)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The logger's own state.
pub struct Logger<'s> {
    server: &'s Server,
    epoll: Epoll,
    arrivals: Arrivals,
    watchers: Vec<Watcher>,
    drain: Drain,
    counters: Arc<Counters>,
    recorder: Arc<Recorder>,
}

/// A connection that is sent lines.
struct Watcher {
    stream: Stream,
    streams: Streams,
    first_gid: u64,
    waiting: VecDeque<u8>,
    /// Most bytes that may wait.
    waiting_max: usize,
    /// Lines that did not fit since the last note on skipped ones.
    skipped: u64,
    /// Whether the buffer was full in this pass.
    is_stuck: bool,
    is_gone: bool,
}

impl<'s> Logger<'s> {
    /// A logger without watchers, which will come as `arrivals`.
    ///
    /// # Errors
    /// The process has no more descriptors.
    pub fn new(server: &'s Server, arrivals: Arrivals) -> Result<Logger<'s>> {
        let epoll = Epoll::new()?;
        let waker = server.log.waker.as_fd().as_raw_fd();
        epoll.add(waker, WAKER, Watch::Readable)?;
        Ok(Logger {
            server,
            epoll,
            arrivals,
            watchers: Vec::new(),
            drain: Drain::default(),
            counters: server.add_counters(),
            recorder: server.log.recorder(),
        })
    }

    /// Serves until the process ends.
    pub fn run(mut self) -> ! {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut pause_ms = PAUSE_MIN_MS;
        loop {
            let wait_ms = if self.watchers.is_empty() {
                -1
            } else {
                pause_ms
            };
            if let Err(e) = self.epoll.wait(&mut events, wait_ms) {
                panic!("epoll_wait: {e}");
            }
            for index in 0..events.len() {
                match events.get(index).token {
                    WAKER => self.server.log.waker.clear(),
                    fd => self.listen_to(fd as RawFd),
                }
            }
            for (place, stream) in self.arrivals.take() {
                self.greet(place, stream);
            }
            let is_busy = self.pass();
            self.remove_gone();
            pause_ms = if is_busy {
                PAUSE_MIN_MS
            } else {
                (pause_ms + 1 + pause_ms / 8).min(PAUSE_MAX_MS)
            };
        }
    }

    fn greet(&mut self, place: Admission, stream: Stream) {
        let Admission {
            streams,
            first_gid,
            waiting,
        } = place;
        let fd = stream.fd();
        let is_watched = self.epoll.add(fd, fd as u64, Watch::Readable).is_ok();
        self.watchers.push(Watcher {
            stream,
            streams,
            first_gid,
            waiting_max: waiting.capacity(),
            waiting,
            skipped: 0,
            is_stuck: false,
            is_gone: !is_watched,
        });
    }

    /// Drops what a watcher sends, and notices when it goes.
    fn listen_to(&mut self, fd: RawFd) {
        let found = |watcher: &&mut Watcher| watcher.stream.fd() == fd;
        if let Some(watcher) = self.watchers.iter_mut().find(found) {
            let read = watcher.stream.recv(&mut [0; INPUT_LEN]);
            watcher.is_gone |= match read {
                Ok(received) => received.len == 0,
                Err(e) => e.kind() != ErrorKind::WouldBlock,
            };
        }
    }

    /// Turns what has been recorded into lines and sends them; false if there was nothing.
    fn pass(&mut self) -> bool {
        let counts = self.drain.gather(&self.server.log);
        self.count(counts);
        let thread = &self.counters.thread;
        let watchers = &mut self.watchers;
        self.drain.each(|gid, streams, line| {
            for watcher in &mut *watchers {
                if watcher.streams.meets(streams) && gid >= watcher.first_gid {
                    let is_queued = watcher.queue(line.as_bytes());
                    thread.log_watcher_sent.add(u64::from(is_queued));
                    thread.log_watcher_skipped.add(u64::from(!is_queued));
                }
            }
        });
        self.drain.clear();
        for watcher in watchers {
            watcher.flush();
            watcher.is_stuck = false;
        }
        counts != (0, 0)
    }

    /// Counts entries that were taken out of the rings, and those for which the ring was full.
    fn count(&self, (written, dropped): (u64, u64)) {
        let thread = &self.counters.thread;
        thread.log_worker_written.add(written);
        thread.log_worker_dropped.add(dropped);
    }

    /// Closes the connections of watchers that have gone. After the last one memory goes back.
    fn remove_gone(&mut self) {
        let server = self.server;
        let watched = !self.watchers.is_empty();
        for watcher in self.watchers.extract_if(.., |watcher| watcher.is_gone) {
            let fd = watcher.stream.fd();
            server.log.leave(watcher.streams);
            if server.settings.verbosity.get() > 1 {
                log!("<{fd} connection closed.");
            }
            if let Some(peer) = server.conns.take(fd) {
                self.recorder.closed(fd, &peer, Reason::Error);
            }
            drop(watcher);
            server.connections.closed();
        }
        if watched && self.watchers.is_empty() {
            let counts = self.drain.end(&server.log);
            self.count(counts);
        }
    }
}

impl Watcher {
    /// Lets a line wait if it fits; false if it is skipped.
    fn queue(&mut self, line: &[u8]) -> bool {
        if !self.is_stuck && !self.has_room(line) {
            self.flush();
            self.is_stuck = !self.has_room(line);
        }
        if self.is_stuck || self.is_gone {
            self.skipped += 1;
            return false;
        }
        if self.skipped > 0 {
            let skipped = std::mem::take(&mut self.skipped);
            self.waiting.extend(format!("skipped={skipped}\n").bytes());
        }
        self.waiting.extend(line);
        true
    }

    fn has_room(&self, line: &[u8]) -> bool {
        self.waiting.len() + line.len() + MARGIN <= self.waiting_max
    }

    /// Sends what the socket takes.
    fn flush(&mut self) {
        while !self.waiting.is_empty() && !self.is_gone {
            let (front, _) = self.waiting.as_slices();
            match self.stream.send(front) {
                Ok(0) => return, // it takes no more now
                Ok(len) => drop(self.waiting.drain(..len)),
                Err(_) => self.is_gone = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn watcher(waiting_max: usize) -> (Watcher, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let watcher = Watcher {
            stream: Stream::Plain(here.into()),
            streams: Streams::FETCHERS,
            first_gid: 1,
            waiting: VecDeque::with_capacity(waiting_max),
            waiting_max,
            skipped: 0,
            is_stuck: false,
            is_gone: false,
        };
        (watcher, there)
    }

    #[test]
    fn a_watcher_that_does_not_read_is_told_how_much_it_has_missed() {
        let (mut watcher, mut there) = watcher(4096);
        let line = |n: usize| format!("{n:0>99}\n");
        let (mut sent, mut n) = (Vec::new(), 0);
        while watcher.queue(line(n).as_bytes()) {
            sent.push(line(n));
            n += 1;
        }
        assert!(watcher.is_stuck && watcher.waiting.len() <= 4096);
        let mut text = vec![0; 50 * 100];
        there.read_exact(&mut text).unwrap();
        assert!(!watcher.queue(b"x\n"), "not before the next pass");
        watcher.flush();
        watcher.is_stuck = false;
        assert!(watcher.queue(line(n).as_bytes()));
        while !watcher.waiting.is_empty() {
            let mut more = [0; 1000];
            let len = there.read(&mut more).unwrap();
            text.extend_from_slice(&more[..len]);
            watcher.flush();
        }
        drop(watcher);
        there.read_to_end(&mut text).unwrap();
        let expected = sent.concat() + "skipped=2\n" + &line(n);
        assert!(text == expected.into_bytes());
    }

    #[test]
    fn a_watcher_that_has_gone_is_noticed_when_it_is_sent_something() {
        let (mut watcher, there) = watcher(4096);
        drop(there);
        assert!(watcher.queue(b"x\n"));
        watcher.flush();
        assert!(watcher.is_gone);
        assert!(!watcher.queue(b"y\n"));
    }
}
