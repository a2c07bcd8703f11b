//! Connections that sleep between two turns, since a dump is not to take all of a processor.
//!
//! All of this runs on the worker's own thread, and it holds no lock.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::time::Instant;

/// The tokens of connections that sleep, in the order in which they wake up; of equals the first to
/// come first. How long they sleep can be changed (`lru_crawler sleep`), so the last to come may be
/// due first.
#[derive(Default)]
pub struct Sleeping(VecDeque<(Instant, u64)>);

impl Sleeping {
    /// Adds one that sleeps until `due`.
    pub fn add(&mut self, due: Instant, token: u64) {
        let at = self.0.partition_point(|&(other, _)| other <= due);
        self.0.insert(at, (due, token));
    }

    /// When the first of them wakes up.
    pub fn first(&self) -> Option<Instant> {
        self.0.front().map(|&(due, _)| due)
    }

    /// Whether none sleeps.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out those that are due by `now`.
    pub fn take_due(&mut self, now: Instant) -> impl Iterator<Item = u64> {
        let count = self.0.partition_point(|&(due, _)| due <= now);
        self.0.drain(..count).map(|(_, token)| token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_shorter_sleep_does_not_wait_behind_longer_ones() {
        let (mut sleeping, start) = (Sleeping::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        for (token, due_ms) in [(1, 1000), (2, 0), (3, 5), (4, 5), (5, 2000)] {
            sleeping.add(after(due_ms), token);
        }
        assert_eq!(sleeping.first(), Some(start));
        let due: Vec<_> = sleeping.take_due(after(5)).collect();
        assert_eq!(due, [2, 3, 4]);
        assert_eq!(sleeping.first(), Some(after(1000)));
        assert_eq!(sleeping.take_due(after(999)).count(), 0);
        let due: Vec<_> = sleeping.take_due(after(3000)).collect();
        assert_eq!(due, [1, 5]);
        assert!(sleeping.is_empty());
    }
}
