//! The log: which streams are watched, by whom, and the rings of all threads.

#![forbid(unsafe_code)]

use super::entry::Ring;
use super::streams::Streams;
use crate::sys::sync::Mutex;
use crate::sys::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use crate::sys::wake::Waker;
use std::collections::VecDeque;
use std::io::Result;
use std::sync::Arc;

/// Watchers at a time.
pub const WATCHERS_MAX: usize = 20;

/// The log: what is wanted, and what waits to be sent.
pub struct Log {
    /// Streams that are watched.
    wanted: AtomicU32,
    /// The number of the next event.
    pub(super) next_gid: AtomicU64,
    /// Bytes of a ring at most.
    pub(super) ring_len: usize,
    /// Bytes of the lines that wait for a watcher, at most.
    watcher_len: usize,
    /// The rings of all threads.
    pub(super) rings: Mutex<Vec<Arc<Ring>>>,
    /// The streams of each watcher's place.
    places: Mutex<Vec<Streams>>,
    /// Wakes the logger when it has something to do at once.
    pub waker: Waker,
}

/// The right to become a watcher, and memory for what will wait for it.
pub struct Admission {
    /// What it wants to see.
    pub streams: Streams,
    /// The number of the first event that it is sent.
    pub first_gid: u64,
    /// What waits for it.
    pub waiting: VecDeque<u8>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// There are too many watchers.
    Full,
    /// There is no memory.
    NoMemory,
}

impl Log {
    /// A log without watchers; the sizes are in bytes.
    ///
    /// # Errors
    /// The process has no more descriptors.
    pub fn new(ring_len: usize, watcher_len: usize) -> Result<Log> {
        Ok(Log {
            wanted: AtomicU32::new(0),
            next_gid: AtomicU64::new(1),
            ring_len,
            watcher_len,
            rings: Mutex::default(),
            places: Mutex::default(),
            waker: Waker::new()?,
        })
    }

    /// Whether one of these streams is watched.
    #[inline]
    pub fn wants(&self, streams: Streams) -> bool {
        Streams(self.wanted.load(Relaxed)).meets(streams)
    }

    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.places.lock().unwrap().len()
    }

    /// Takes a place for a watcher of these streams. From now on their events are kept for it.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn reserve(&self, streams: Streams) -> std::result::Result<Admission, NoPlace> {
        let mut places = self.places.lock().unwrap();
        if places.len() >= WATCHERS_MAX {
            return Err(NoPlace::Full);
        }
        let mut waiting = VecDeque::new();
        waiting
            .try_reserve_exact(self.watcher_len)
            .map_err(|_| NoPlace::NoMemory)?;
        places.push(streams);
        self.publish(&places);
        Ok(Admission {
            streams,
            first_gid: self.next_gid.fetch_add(1, Relaxed),
            waiting,
        })
    }

    /// A watcher of these streams has gone.
    pub fn leave(&self, streams: Streams) {
        let mut places = self.places.lock().unwrap();
        if let Some(at) = places.iter().position(|&place| place == streams) {
            places.swap_remove(at);
        }
        self.publish(&places);
    }

    fn publish(&self, places: &[Streams]) {
        let wanted = places.iter().fold(0, |bits, place| bits | place.0);
        self.wanted.store(wanted, SeqCst);
    }
}
