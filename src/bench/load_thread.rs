//! One thread of the load, with connections, random numbers and counts of its own.
//!
//! ```text
//! closed loop   each connection: send a batch ──► all its replies are here ──► send the next
//! open loop     a request is due every 1/rate s; it goes to the next connection that is not full
//! ```
//!
//! In the open loop a request's time counts from when it was due, whether or not it could be sent
//! then. So a server that stands still for a second is charged with every request that should
//! have been made in that second, and not only with those that were under way when it began.
//! Those that are still due when the time is over are sent and waited for, too.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memcached::sys::epoll::{Epoll, Events, Watch};
use memcached::sys::errors::error_text;
use memcached::sys::thread;

use crate::connection::{Connection, Stream};
use crate::cpu::{self, Work};
use crate::inflight::Judge;
use crate::keys::{KEY_LEN_MAX, Picker, Rng, scramble};
use crate::option_types::Ratio;
use crate::payload::Payload;
use crate::results::{Kind, Results};

/// What all load threads send, and how they judge the replies.
pub struct Job {
    /// What is spoken, how keys are called, how large values are, whether they are verified.
    pub judge: Judge,
    /// Makes the values.
    pub payload: Payload,
    /// How many gets for how many sets.
    pub ratio: Ratio,
    /// Keys of a get.
    pub keys_per_get: u32,
    /// Whether a key that was not found is stored.
    pub look_aside: bool,
    /// When values expire, as sent to the server; 0: they do not.
    pub ttl: u32,
    /// Requests in flight on a connection.
    pub pipeline: usize,
    /// How long to wait for replies at the end.
    pub timeout: Duration,
}

/// What load threads do together.
#[derive(Clone, Copy, Debug)]
pub enum Phase {
    /// Each key is set once, as fast as it goes.
    Fill,
    /// The load, each connection as fast as replies come; for a time or for a number of
    /// requests.
    Closed(Until),
    /// The load at so many requests per second, of all load threads together.
    Open(f64, Until),
}

/// How long a phase lasts.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So long.
    Time(Duration),
    /// So many requests of all load threads together.
    Requests(u64),
}

/// What became of a phase in one load thread.
pub struct Outcome {
    /// What was counted.
    pub results: Results,
    /// From the start of the phase to the last reply.
    pub took: Duration,
    /// Processor time of the thread; none if the system does not tell.
    pub work: Option<Work>,
}

/// One thread of the load.
pub struct LoadThread<'a> {
    job: &'a Job,
    /// This load thread's number, and how many there are.
    place: (u64, u64),
    connections: Vec<Connection>,
    epoll: Epoll,
    events: Events,
    buffer: Vec<u8>,
    rng: Rng,
    picker: Picker,
    serial: u32,
    missed: Vec<u64>,
}

/// A phase under way in one load thread.
struct Course<'a> {
    phase: Phase,
    start: Instant,
    /// Requests to make in this load thread.
    limit: u64,
    /// Those made, and the refills.
    made: u64,
    /// When no more are made, and when no more are waited for; none: when nothing comes any more.
    end_ns: Option<u64>,
    last_arrival_ns: u64,
    /// Requests in flight.
    in_flight: usize,
    results: Results,
    /// Keys answered so far, for the progress line.
    progress: &'a AtomicU64,
    /// The connection that is looked at first for the next request.
    turn: usize,
}

/// Events of one wait.
const EVENTS_MAX: usize = 1024;
/// Bytes that are received at once, at most.
const BUFFER_LEN: usize = 256 << 10;
/// A batch of the fill phase has at most so many sets, and no more once it has so many bytes.
const FILL_BATCH: usize = 64;
const FILL_LEN_MAX: usize = 64 << 10;

impl<'a> LoadThread<'a> {
    /// A load thread of `place.1`, with these connections.
    pub fn new(
        job: &'a Job,
        place: (u64, u64),
        seed: u64,
        picker: Picker,
        streams: Vec<Stream>,
    ) -> io::Result<LoadThread<'a>> {
        let epoll = Epoll::new()?;
        for (token, stream) in (0..).zip(&streams) {
            stream.stop_waiting()?;
            epoll.add(stream.fd() as RawFd, token, Watch::Edges)?;
        }
        let mut rng = Rng::new(scramble(seed ^ (place.0 << 32)));
        Ok(LoadThread {
            job,
            place,
            connections: streams.into_iter().map(Connection::new).collect(),
            epoll,
            events: Events::with_capacity(EVENTS_MAX),
            buffer: vec![0; BUFFER_LEN],
            serial: rng.next() as u32,
            rng,
            picker,
            missed: Vec::new(),
        })
    }

    /// Runs a phase that began at `start`, on the calling thread. `results` is what is added to.
    pub fn run(
        &mut self,
        phase: Phase,
        start: Instant,
        results: Results,
        progress: &AtomicU64,
    ) -> io::Result<Outcome> {
        thread::wait_exactly();
        let before = cpu::of_this_thread();
        let mut course = self.course(phase, start, results, progress);
        if !matches!(phase, Phase::Open(..)) {
            for index in 0..self.connections.len() {
                self.next_batch(index, course.now(), &mut course);
            }
        }
        loop {
            let now_ns = course.now();
            let next_due_ns = match phase {
                Phase::Open(rate, _) => self.make_due(rate, now_ns, &mut course),
                _ => None,
            };
            let give_up_ns = course.give_up_ns(self.job.timeout);
            if course.is_over(now_ns) && course.in_flight == 0
                || give_up_ns.is_some_and(|end| now_ns >= end)
                || self
                    .connections
                    .iter()
                    .all(|connection| !connection.is_open)
            {
                break;
            }
            let wake_ns = [
                next_due_ns,
                give_up_ns,
                course.end_ns.filter(|&end| end > now_ns),
            ];
            let wake_ns = wake_ns.into_iter().flatten().min().unwrap_or(u64::MAX);
            let wait = Duration::from_nanos(wake_ns - now_ns.min(wake_ns)).min(WAIT_MAX);
            self.epoll.wait_for(&mut self.events, wait)?;
            for index in 0..self.events.len() {
                let event = self.events.get(index);
                let stops_short = event.hung_up | event.urgent;
                self.serve(event.token as usize, stops_short, &mut course);
            }
            course
                .progress
                .store(course.results.keys, Ordering::Relaxed);
        }
        self.give_up(&mut course);
        Ok(Outcome {
            took: Duration::from_nanos(course.last_arrival_ns),
            work: Work::between(before, cpu::of_this_thread()),
            results: course.results,
        })
    }

    fn course<'c>(
        &self,
        phase: Phase,
        start: Instant,
        results: Results,
        progress: &'c AtomicU64,
    ) -> Course<'c> {
        let (place, places) = self.place;
        let share = |all: u64| all / places + u64::from(place < all % places);
        let (limit, end) = match phase {
            Phase::Fill => (share(self.job.judge.keys.count()), None),
            Phase::Closed(Until::Requests(all)) => (share(all), None),
            Phase::Closed(Until::Time(time)) => (u64::MAX, Some(time)),
            Phase::Open(rate, until) => {
                let all = match until {
                    Until::Requests(all) => all,
                    Until::Time(time) => (rate * time.as_secs_f64()).ceil() as u64,
                };
                (share(all), Some(Duration::from_secs_f64(all as f64 / rate)))
            }
        };
        Course {
            phase,
            start,
            limit,
            made: 0,
            end_ns: end.map(|end| end.as_nanos() as u64),
            last_arrival_ns: 0,
            in_flight: 0,
            results,
            progress,
            turn: 0,
        }
    }

    /// Sends and receives on a connection that is ready.
    fn serve(&mut self, index: usize, stops_short: bool, course: &mut Course<'_>) {
        if !self.connections[index].is_open {
            return;
        }
        let mut at_ns = None;
        loop {
            let connection = &mut self.connections[index];
            let start = course.start;
            let clock = || start.elapsed().as_nanos() as u64;
            let judge = &self.job.judge;
            let results = &mut course.results;
            let before = connection.waiting.len();
            let received =
                connection.receive(&mut self.buffer, clock, judge, results, &mut self.missed);
            course.in_flight -= before - connection.waiting.len();
            match received {
                Ok(None) => break,
                Ok(Some(arrival)) => {
                    course.last_arrival_ns = course.last_arrival_ns.max(arrival.at_ns);
                    at_ns = Some(arrival.at_ns);
                    if !arrival.more && !stops_short {
                        break;
                    }
                }
                Err(why) => return self.lose(index, why, course),
            }
        }
        let connection = &mut self.connections[index];
        if self.job.look_aside {
            connection.refills.append(&mut self.missed);
        }
        self.missed.clear();
        match at_ns {
            Some(at_ns) if matches!(course.phase, Phase::Open(..)) => {
                self.refill(index, at_ns, course);
                self.flush(index, course);
            }
            Some(at_ns) if connection.waiting.is_empty() => self.next_batch(index, at_ns, course),
            // What could not be sent may be sent now.
            _ => self.flush(index, course),
        }
    }

    /// Closed loop and fill: the connection's next requests, if there are to be any.
    fn next_batch(&mut self, index: usize, now_ns: u64, course: &mut Course<'_>) {
        if course.is_over(now_ns) {
            return;
        }
        if let Phase::Fill = course.phase {
            let (place, places) = self.place;
            let mut count = 0;
            while count < FILL_BATCH
                && course.made < course.limit
                && self.connections[index].out.len() < FILL_LEN_MAX
            {
                self.make_set(index, place + course.made * places, now_ns, course);
                course.made += 1;
                count += 1;
            }
        } else {
            let refills = self.refill(index, now_ns, course);
            for _ in refills..self.job.pipeline {
                if course.made == course.limit {
                    break;
                }
                self.make_next(index, now_ns, course);
            }
        }
        self.flush(index, course);
    }

    /// Open loop: makes what is due, as far as connections are not full. Returns when the next
    /// one is due; none if it waits for a connection, or if there is none.
    fn make_due(&mut self, rate: f64, now_ns: u64, course: &mut Course<'_>) -> Option<u64> {
        let (place, places) = self.place;
        while course.made < course.limit {
            let number = course.made * places + place;
            let due_ns = (number as f64 / rate * 1e9) as u64;
            if due_ns > now_ns {
                self.flush_all(course);
                return Some(due_ns);
            }
            let count = self.connections.len();
            let not_full = (course.turn..course.turn + count)
                .map(|turn| turn % count)
                .find(|&at| {
                    let connection = &self.connections[at];
                    connection.is_open && connection.waiting.len() < self.job.pipeline
                });
            let Some(index) = not_full else { break };
            self.make_next(index, due_ns, course);
            course.turn = (index + 1) % count;
        }
        self.flush_all(course);
        None
    }

    fn flush_all(&mut self, course: &mut Course<'_>) {
        for index in 0..self.connections.len() {
            if !self.connections[index].out.is_empty() {
                self.flush(index, course);
            }
        }
    }

    /// Stores what the connection did not find; returns how many sets these are.
    fn refill(&mut self, index: usize, since_ns: u64, course: &mut Course<'_>) -> usize {
        let mut refills = std::mem::take(&mut self.connections[index].refills);
        let count = refills.len();
        for id in refills.drain(..) {
            self.make_set(index, id, since_ns, course);
        }
        self.connections[index].refills = refills;
        count
    }

    /// Adds the next request of the load to what a connection sends.
    fn make_next(&mut self, index: usize, since_ns: u64, course: &mut Course<'_>) {
        course.made += 1;
        let Ratio { gets, sets } = self.job.ratio;
        let is_get = sets == 0 || self.rng.below(u64::from(gets) + u64::from(sets)) < gets.into();
        if !is_get {
            let id = self.picker.pick(&mut self.rng);
            return self.make_set(index, id, since_ns, course);
        }
        let judge = &self.job.judge;
        let connection = &mut self.connections[index];
        let count = self.job.keys_per_get;
        let mut buffer = [0; KEY_LEN_MAX];
        connection.waiting.add(Kind::Get, count, since_ns);
        for place in 0..count {
            let id = self.picker.pick(&mut self.rng);
            connection.waiting.add_key(id);
            let name = judge.keys.name(id, &mut buffer);
            judge.protocol.get(place, count, name, &mut connection.out);
        }
        course.in_flight += 1;
    }

    fn make_set(&mut self, index: usize, id: u64, since_ns: u64, course: &mut Course<'_>) {
        let Job { judge, payload, .. } = self.job;
        let connection = &mut self.connections[index];
        let mut buffer = [0; KEY_LEN_MAX];
        let name = judge.keys.name(id, &mut buffer);
        let len = judge.value_len(id);
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let write_value = |to: &mut Vec<u8>| payload.write(name, len, serial, to);
        judge
            .protocol
            .set(name, self.job.ttl, len, &mut connection.out, write_value);
        connection.waiting.add(Kind::Set, 1, since_ns);
        connection.waiting.add_key(id);
        course.in_flight += 1;
    }

    fn flush(&mut self, index: usize, course: &mut Course<'_>) {
        if let Err(e) = self.connections[index].flush(&mut course.results) {
            self.lose(index, error_text(&e), course);
        }
    }

    /// A connection can be used no more: what it waited for is not answered.
    fn lose(&mut self, index: usize, why: String, course: &mut Course<'_>) {
        let connection = &mut self.connections[index];
        if !connection.is_open {
            return;
        }
        connection.is_open = false;
        connection.out.clear();
        // What may still come is not read.
        let _ = self.epoll.remove(connection.fd());
        course.in_flight -= connection.waiting.len();
        let now_ns = course.now();
        for (kind, since_ns) in connection.waiting.abandon() {
            course
                .results
                .given_up(kind, now_ns.saturating_sub(since_ns));
        }
        course.results.lost(why);
    }

    /// The end: what has not been answered never will be. That goes for requests, too, that
    /// were due and could not be sent.
    fn give_up(&mut self, course: &mut Course<'_>) {
        for index in 0..self.connections.len() {
            if !self.connections[index].waiting.is_empty() {
                self.lose(index, "no reply in time".to_string(), course);
            }
        }
        if let Phase::Open(rate, _) = course.phase {
            let now_ns = course.now();
            let (place, places) = self.place;
            for made in course.made..course.limit {
                let due_ns = ((made * places + place) as f64 / rate * 1e9) as u64;
                course
                    .results
                    .given_up(Kind::Get, now_ns.saturating_sub(due_ns));
            }
        }
    }
}

/// Waits are cut to this, so that sums of times stay within bounds.
const WAIT_MAX: Duration = Duration::from_secs(3600);

impl Course<'_> {
    /// Time since the start of the phase.
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Whether no more requests are to be made.
    fn is_over(&self, now_ns: u64) -> bool {
        let is_late = match self.phase {
            Phase::Closed(_) => self.end_ns.is_some_and(|end| now_ns >= end),
            // What was due within the time is made even if that is late.
            Phase::Fill | Phase::Open(..) => false,
        };
        self.made >= self.limit || is_late
    }

    /// When replies are no longer waited for. A phase without an end of its own is given up
    /// when nothing has come for that long.
    fn give_up_ns(&self, timeout: Duration) -> Option<u64> {
        let from_ns = self.end_ns.unwrap_or(self.last_arrival_ns);
        from_ns.checked_add(timeout.as_nanos() as u64)
    }
}
