//! How the logger takes entries out of the rings.

#![forbid(unsafe_code)]

use super::entry::Entries;
use super::line::write_line;
use super::log::Log;
use super::streams::Streams;

/// What the logger has taken out of the rings.
#[derive(Default)]
pub struct Drain {
    /// One for each ring: what was taken from it, or, between two passes, empty memory.
    pub(super) taken: Vec<Entries>,
    /// Which entries there are, in the order of their numbers: ring, entry, start of the text.
    order: Vec<(usize, usize, usize)>,
    line: String,
}

impl Drain {
    /// Takes all entries; gives how many, and how many were dropped.
    pub fn gather(&mut self, log: &Log) -> (u64, u64) {
        let rings = log.rings.lock().unwrap();
        self.taken.resize_with(rings.len(), Entries::default);
        self.order.clear();
        let mut dropped = 0;
        for (at, (ring, from_ring)) in rings.iter().zip(&mut self.taken).enumerate() {
            std::mem::swap(&mut *ring.lock().unwrap(), from_ring);
            dropped += from_ring.dropped;
            let mut start = 0;
            for (index, entry) in from_ring.entries.iter().enumerate() {
                self.order.push((at, index, start));
                start += entry.text_len as usize;
            }
        }
        drop(rings);
        let taken = &self.taken;
        self.order
            .sort_unstable_by_key(|&(ring, index, _)| taken[ring].entries[index].gid);
        (self.order.len() as u64, dropped)
    }

    /// Gives each entry that was taken: its number, its stream, and its line.
    pub fn each(&mut self, mut give: impl FnMut(u64, Streams, &str)) {
        for &(ring, index, start) in &self.order {
            let from_ring = &self.taken[ring];
            let entry = &from_ring.entries[index];
            let text = &from_ring.texts[start..start + entry.text_len as usize];
            self.line.clear();
            // Writing to memory cannot fail.
            let _ = write_line(&mut self.line, entry, text);
            give(entry.gid, entry.what.stream(), &self.line);
        }
    }

    /// Forgets what was taken, and keeps the memory for the next time.
    pub fn clear(&mut self) {
        self.order.clear();
        for from_ring in &mut self.taken {
            from_ring.entries.clear();
            from_ring.texts.clear();
            from_ring.dropped = 0;
        }
    }

    /// After the last watcher has gone: takes what was recorded until then, as [`Drain::gather`]
    /// does, and gives back all memory, its own and that of the rings.
    pub fn end(&mut self, log: &Log) -> (u64, u64) {
        *self = Drain::default();
        let counts = self.gather(log);
        *self = Drain::default();
        counts
    }
}
