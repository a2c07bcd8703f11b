//! `stats detail`: requests counted by the prefix of their key.
//!
//! Counting is off unless asked for (`-D`, `stats detail on`). While it is on, a request takes
//! the lock of the share that its prefix falls into, after the store is done with it.
//!
//! Locks: one mutex a share, taken last; nothing is taken under it. A dump holds a share while it
//! writes its prefixes, so shares are small, and no client can choose which one a prefix falls into.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Prefixes that are counted at most; later ones are ignored.
pub const PREFIXES_MAX: usize = 65_536;
/// Shares of the prefixes, each with its own lock: workers seldom meet, and no share ever has many
/// more than 64.
const SHARES: usize = 1024;

/// What a request does with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixEvent {
    /// Asks for it.
    Get {
        /// It was there.
        hit: bool,
    },
    /// Stores under it, or tries to.
    Store,
    /// Deletes it, whether it is there or not.
    Delete,
}

/// What has been counted for a prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    get: u64,
    hit: u64,
    set: u64,
    delete: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            get,
            hit,
            set,
            delete,
        } = self;
        write!(f, "get {get} hit {hit} set {set} del {delete}")
    }
}

type Share = HashMap<Box<[u8]>, Counts>;

/// All prefixes that have been met.
pub struct Prefixes {
    delimiter: u8,
    shares: Box<[Mutex<Share>]>,
    /// Says which share a prefix falls into, by a secret of the process.
    hasher: RandomState,
    /// How many there are in all shares.
    len: AtomicUsize,
}

impl Prefixes {
    /// None yet; a prefix ends before the first `delimiter` of its key.
    pub fn new(delimiter: u8) -> Prefixes {
        Prefixes {
            delimiter,
            shares: std::iter::repeat_with(Mutex::default)
                .take(SHARES)
                .collect(),
            hasher: RandomState::new(),
            len: AtomicUsize::new(0),
        }
    }

    /// Counts a request. A key without a prefix is not counted.
    pub fn count(&self, key: &[u8], event: PrefixEvent) {
        let Some(end) = key.iter().position(|&byte| byte == self.delimiter) else {
            return;
        };
        let prefix = &key[..end];
        let index = self.hasher.hash_one(prefix) as usize % SHARES;
        let mut share = self.shares[index].lock().unwrap();
        if !share.contains_key(prefix) {
            if self.len.fetch_add(1, Relaxed) >= PREFIXES_MAX {
                self.len.fetch_sub(1, Relaxed);
                return;
            }
            share.insert(prefix.into(), Counts::default());
        }
        let Some(counts) = share.get_mut(prefix) else {
            return;
        };
        match event {
            PrefixEvent::Get { hit } => {
                counts.get += 1;
                counts.hit += u64::from(hit);
            }
            PrefixEvent::Store => counts.set += 1,
            PrefixEvent::Delete => counts.delete += 1,
        }
    }

    /// Forgets them all.
    pub fn clear(&self) {
        for share in self.shares.iter() {
            let mut share = share.lock().unwrap();
            self.len.fetch_sub(share.len(), Relaxed);
            share.clear();
        }
    }

    /// Gives each prefix and what has been counted for it, a share at a time.
    pub fn each(&self, mut line: impl FnMut(&[u8], &dyn fmt::Display)) {
        for share in self.shares.iter() {
            for (prefix, counts) in share.lock().unwrap().iter() {
                line(prefix, counts);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(prefixes: &Prefixes) -> Vec<String> {
        let mut lines = Vec::new();
        prefixes.each(|prefix, counts| {
            lines.push(format!("{} {counts}", String::from_utf8_lossy(prefix)));
        });
        lines.sort();
        lines
    }

    #[test]
    fn a_prefix_ends_before_the_first_delimiter_and_may_be_empty() {
        let prefixes = Prefixes::new(b':');
        prefixes.count(b"a:b:c", PrefixEvent::Get { hit: true });
        prefixes.count(b"a:", PrefixEvent::Get { hit: false });
        prefixes.count(b":x", PrefixEvent::Store);
        prefixes.count(b"ab:", PrefixEvent::Delete);
        prefixes.count(b"none", PrefixEvent::Delete);
        assert_eq!(
            dump(&prefixes),
            [
                " get 0 hit 0 set 1 del 0",
                "a get 2 hit 1 set 0 del 0",
                "ab get 0 hit 0 set 0 del 1"
            ]
        );
        prefixes.clear();
        assert!(dump(&prefixes).is_empty());
    }

    /// What is written under one lock is bounded, whatever the prefixes. These are alike in every
    /// sum of their bytes that multiplies by 31.
    #[test]
    fn no_share_is_large_whatever_the_prefixes() {
        let prefixes = Prefixes::new(b'/');
        for n in 0..PREFIXES_MAX {
            let pairs = (0..16).flat_map(|bit| if n >> bit & 1 == 0 { *b"Aa" } else { *b"BB" });
            prefixes.count(&pairs.chain(*b"/").collect::<Vec<u8>>(), PrefixEvent::Store);
        }
        let lens = prefixes
            .shares
            .iter()
            .map(|share| share.lock().unwrap().len());
        assert_eq!(lens.clone().sum::<usize>(), PREFIXES_MAX);
        let most = lens.max().unwrap();
        assert!(most < 200, "{most} under one lock");
    }

    #[test]
    fn prefixes_beyond_the_limit_are_ignored_and_a_clear_makes_room() {
        let prefixes = Prefixes::new(b'/');
        for n in 0..PREFIXES_MAX + 10 {
            prefixes.count(format!("{n}/").as_bytes(), PrefixEvent::Store);
        }
        assert_eq!(dump(&prefixes).len(), PREFIXES_MAX);
        prefixes.count(b"0/", PrefixEvent::Store);
        assert!(dump(&prefixes).contains(&"0 get 0 hit 0 set 2 del 0".into()));
        prefixes.clear();
        prefixes.count(b"new/", PrefixEvent::Store);
        assert_eq!(dump(&prefixes).len(), 1);
    }
}
