//! What a thread makes entries with.

#![forbid(unsafe_code)]

use super::entry::{Entry, LogEvent, Ring};
use super::log::Log;
use super::reason::Reason;
use super::streams::Streams;
use crate::store::{Event, Observer, ThreadState};
use crate::sys::socket::Address;
use crate::sys::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::fmt;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a thread makes entries with.
pub struct Recorder {
    log: Arc<Log>,
    pub(super) ring: Arc<Ring>,
    /// The descriptor of the connection that is served.
    pub(super) fd: AtomicI32,
}

impl Log {
    /// A recorder for one thread, and its ring.
    pub fn recorder(self: &Arc<Log>) -> Arc<Recorder> {
        let ring = Arc::new(Ring::default());
        self.rings.lock().unwrap().push(Arc::clone(&ring));
        Arc::new(Recorder {
            log: Arc::clone(self),
            ring,
            fd: AtomicI32::new(-1),
        })
    }
}

impl Recorder {
    /// Has `local` report what it does for the client of `fd`, as long as that is watched.
    /// (A background thread has no clients: it makes its recorder the observer of its `ThreadState`
    /// once.)
    #[inline]
    pub fn attend(self: &Arc<Recorder>, local: &mut ThreadState, fd: RawFd) {
        let is_wanted = self.log.wants(Streams::OF_ITEMS);
        if is_wanted != local.is_observed() {
            let observer: Arc<dyn Observer> = self.clone();
            local.set_observer(is_wanted.then_some(observer));
        }
        if is_wanted {
            self.fd.store(fd, Relaxed);
        }
    }

    /// A connection has come.
    pub fn opened(&self, fd: RawFd, peer: &Address) {
        if self.log.wants(Streams::CONNEVENTS) {
            let port = peer.port();
            self.add(LogEvent::Opened { port }, fd, ip_of(peer).as_bytes());
        }
    }

    /// A connection has gone.
    pub fn closed(&self, fd: RawFd, peer: &Address, reason: Reason) {
        if self.log.wants(Streams::CONNEVENTS) {
            let what = LogEvent::Closed {
                port: peer.port(),
                reason,
            };
            self.add(what, fd, ip_of(peer).as_bytes());
        }
    }

    /// Whether events of connections are watched.
    pub fn wants_connections(&self) -> bool {
        self.log.wants(Streams::CONNEVENTS)
    }

    fn add(&self, what: LogEvent, fd: RawFd, text: &[u8]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_us = now.map_or(0, |since| since.as_micros() as u64);
        let log = &*self.log;
        let mut entries = self.ring.lock().unwrap();
        let before = entries.len();
        if before + size_of::<Entry>() + text.len() > log.ring_len {
            entries.dropped += 1;
            return;
        }
        // Under the lock, so that the entries of a ring are in order.
        let gid = log.next_gid.fetch_add(1, Relaxed);
        entries.texts.extend_from_slice(text);
        entries.entries.push(Entry {
            gid,
            at_us,
            what,
            fd,
            text_len: text.len() as u32,
        });
        let half = log.ring_len / 2;
        let is_half_full = before < half && entries.len() >= half;
        drop(entries);
        if is_half_full {
            log.waker.wake(); // or the rest might be dropped
        }
    }
}

impl Observer for Recorder {
    fn item(&self, key: &[u8], event: Event) {
        let what = LogEvent::Item(event);
        if self.log.wants(what.stream()) {
            self.add(what, self.fd.load(Relaxed), key);
        }
    }

    fn system(&self, text: &dyn fmt::Display) {
        if self.log.wants(Streams::SYSEVENTS) {
            self.add(LogEvent::System, -1, text.to_string().as_bytes());
        }
    }
}

/// The address without a port; of a unix socket only that it is one.
fn ip_of(peer: &Address) -> String {
    match peer {
        Address::Tcp4(address) => address.ip().to_string(),
        Address::Tcp6(address) => address.ip().to_string(),
        Address::Unix(_) | Address::Unnamed => String::from("unix"),
    }
}
