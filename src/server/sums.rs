//! Everything that is counted, summed at one moment.

#![forbid(unsafe_code)]

use crate::counters::{ClassTotals, ListTotals, ThreadTotals};
use crate::store::CLASSES_MAX;

/// What has been counted by a moment; the default is nothing.
pub(super) struct Sums {
    /// For the whole server.
    pub thread: ThreadTotals,
    /// By slab class.
    pub class: Vec<ClassTotals>,
    /// By slab class, over its LRU lists.
    pub list: Vec<ListTotals>,
}

impl Default for Sums {
    fn default() -> Sums {
        Sums {
            thread: ThreadTotals::default(),
            class: vec![ClassTotals::default(); CLASSES_MAX],
            list: vec![ListTotals::default(); CLASSES_MAX],
        }
    }
}

impl Sums {
    /// What has been counted after `before`.
    pub fn since(&self, before: &Sums) -> Sums {
        let class = self.class.iter().zip(&before.class);
        let list = self.list.iter().zip(&before.list);
        Sums {
            thread: self.thread.since(&before.thread),
            class: class.map(|(now, before)| now.since(before)).collect(),
            list: list.map(|(now, before)| now.since(before)).collect(),
        }
    }

    /// Makes a baseline of them. Sums are made while threads go on counting: some keys that were
    /// asked for have not been counted as hits or misses yet. They are left for later, or there
    /// would be more of those than of keys asked for after a reset.
    pub fn settle(&mut self) {
        let class = ClassTotals::of_all(&self.class);
        self.thread.cmd_get = class.get_hits() + self.thread.get_misses;
        self.thread.cmd_touch = class.touch_hits + self.thread.touch_misses;
    }
}
