//! What happened: counts, latencies, and what went wrong.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use memcached::histogram::Histogram;

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It asks for values.
    Get,
    /// It stores one.
    Set,
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Get => "get",
            Kind::Set => "set",
        })
    }
}

/// Counts of one thread, or of all.
#[derive(Clone, Default)]
pub struct Results {
    /// Latencies of gets and of sets; none before the load is measured.
    pub latency: Option<Box<[Histogram; 2]>>,
    /// Requests answered, by kind.
    pub requests: [u64; 2],
    /// Keys of these requests.
    pub keys: u64,
    /// Keys that were found.
    pub hits: u64,
    /// Keys that were not.
    pub misses: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// Values that did not prove themselves.
    pub wrong: u64,
    /// Error replies.
    pub refused: u64,
    /// Requests that were not answered.
    pub unanswered: u64,
    /// Connections that were lost or out of step.
    pub lost: u64,
    /// What went wrong, as it is shown, and how often.
    pub messages: BTreeMap<String, u64>,
}

/// Messages that are told apart.
const MESSAGES_MAX: usize = 10;

impl Results {
    /// One that counts latencies, too.
    pub fn with_latencies() -> Results {
        Results {
            latency: Some(Box::new([Histogram::new(), Histogram::new()])),
            ..Results::default()
        }
    }

    /// Counts answered requests.
    pub fn answered(&mut self, kind: Kind, latency_ns: u64, times: u64) {
        if times > 0 {
            self.requests[kind as usize] += times;
            self.timed(kind, latency_ns, times);
        }
    }

    /// Counts a request that was given up after that time; it would have taken longer.
    pub fn given_up(&mut self, kind: Kind, waited_ns: u64) {
        self.unanswered += 1;
        self.timed(kind, waited_ns, 1);
    }

    fn timed(&mut self, kind: Kind, latency_ns: u64, times: u64) {
        if let Some(latency) = &mut self.latency {
            latency[kind as usize].record(latency_ns, times);
        }
    }

    /// Counts an error reply.
    pub fn refused(&mut self, reply: String) {
        self.refused += 1;
        self.note(reply);
    }

    /// Counts a value that is not one of the key's.
    pub fn wrong(&mut self, key: &[u8], value: &[u8]) {
        self.wrong += 1;
        if self.messages.len() < MESSAGES_MAX {
            let head = &value[..value.len().min(20)];
            let (key, len) = (key.escape_ascii(), value.len());
            self.note(format!(
                "wrong value of {key}: {len} bytes, '{}'",
                head.escape_ascii()
            ));
        }
    }

    /// Counts a connection that can be used no more.
    pub fn lost(&mut self, why: String) {
        self.lost += 1;
        self.note(why);
    }

    fn note(&mut self, message: String) {
        if self.messages.len() < MESSAGES_MAX || self.messages.contains_key(&message) {
            *self.messages.entry(message).or_default() += 1;
        }
    }

    /// How much went wrong; 0 is as it should be.
    pub fn troubles(&self) -> u64 {
        self.wrong + self.refused + self.unanswered + self.lost
    }

    /// Requests answered.
    pub fn all_requests(&self) -> u64 {
        self.requests.iter().sum()
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Results) {
        for kind in [Kind::Get as usize, Kind::Set as usize] {
            self.requests[kind] += other.requests[kind];
            if let (Some(mine), Some(theirs)) = (&mut self.latency, &other.latency) {
                mine[kind].add(&theirs[kind]);
            }
        }
        self.keys += other.keys;
        self.hits += other.hits;
        self.misses += other.misses;
        self.sent += other.sent;
        self.received += other.received;
        self.add_troubles(other);
    }

    /// Adds what went wrong for another one, and nothing else.
    pub fn add_troubles(&mut self, other: &Results) {
        self.wrong += other.wrong;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.lost += other.lost;
        for (message, times) in &other.messages {
            *self.messages.entry(message.clone()).or_default() += times;
        }
    }
}
