//! Going through all items, a few at a time: to remove the dead, to learn how soon the others
//! expire, to list them.
//!
//! A crawl follows the hash table, one row of a stripe at a time ([`TableWalk`]), and holds that
//! stripe for as long as it takes to look at a handful of items. It meets every item that
//! stays there all the time exactly once, whatever others do meanwhile; it puts no mark of its
//! own into any list. The threads that crawl, and their pace, are the callers'.

use super::cache_line::{CACHE_LINE, prefetch};
use super::classes::{CLASSES_MAX, ClassSet};
use super::engine::Store;
use super::found::Found;
use super::item::{ItemId, state};
use super::lru::{Mark, Segment};
use super::table::TableWalk;
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::Relaxed;

/// Minutes that are counted one by one in a histogram.
pub const MINUTES: usize = 60;

/// How soon the items of a class expire.
#[derive(Clone, Debug)]
pub struct ExpiryHistogram {
    /// Items seen, those that were removed not included.
    pub seen: u64,
    /// Of those, items that never expire.
    pub never: u64,
    /// Of those, items that live for more than an hour.
    pub hour_plus: u64,
    /// The others, by the minute in which they expire.
    pub minutes: [u64; MINUTES],
    /// Expired and flushed items that were removed.
    pub reclaimed: u64,
}

impl Default for ExpiryHistogram {
    fn default() -> ExpiryHistogram {
        ExpiryHistogram {
            seen: 0,
            never: 0,
            hour_plus: 0,
            minutes: [0; MINUTES],
            reclaimed: 0,
        }
    }
}

impl ExpiryHistogram {
    fn note(&mut self, ttl_s: Option<u32>) {
        self.seen += 1;
        match ttl_s {
            None => self.never += 1,
            Some(seconds) => match self.minutes.get_mut(seconds as usize / 60) {
                Some(minute) => *minute += 1,
                None => self.hour_plus += 1,
            },
        }
    }
}

/// What has been found in each class.
pub type ExpiryHistograms = [ExpiryHistogram; CLASSES_MAX];

/// A crawl under way.
pub struct Crawl {
    walk: TableWalk,
    /// Classes that are looked at.
    classes: ClassSet,
    found: Vec<(ItemId, u8)>,
}

impl Crawl {
    /// A crawl of these classes, from this stripe on.
    pub fn new(classes: ClassSet, first_stripe: usize) -> Crawl {
        Crawl {
            walk: TableWalk::from_stripe(first_stripe),
            classes,
            found: Vec::new(),
        }
    }

    /// Leaves a class out from now on.
    pub fn leave_out(&mut self, class: usize) {
        self.classes.remove(class);
    }

    /// The stripe that it has come to.
    pub fn stripe(&self) -> usize {
        self.walk.stripe()
    }
}

impl Store {
    /// Crawls one row: removes what is dead and counts the rest, by class. `None`: the crawl is
    /// over; otherwise the number of items looked at.
    pub fn crawl_row(
        &self,
        thread: &mut ThreadState,
        crawl: &mut Crawl,
        histograms: &mut ExpiryHistograms,
    ) -> Option<usize> {
        let stripe = self.hold_row(&mut crawl.walk, &mut crawl.found)?;
        self.fetch(&crawl.found);
        let (moment, now) = (stripe.moment(), stripe.moment().now_s());
        let mut checked = 0;
        for &(id, epoch) in &crawl.found {
            let header = self.header(id);
            let class = header.class();
            if !crawl.classes.has(class) {
                continue;
            }
            checked += 1;
            thread.counters.class[class].crawler_items_checked.add(1);
            let flushed = moment.is_flushed(epoch);
            if !flushed && !header.is_expired(now) {
                let at = header.expires_s.load(Relaxed);
                histograms[class].note((at != 0).then(|| at - now));
                continue;
            }
            let hash = self.hash_of(id, &stripe);
            if let Some(slot) = stripe.slot_of(hash, id) {
                histograms[class].reclaimed += 1;
                thread.counters.class[class].crawler_reclaimed.add(1);
                if !flushed && !header.has(state::FETCHED) {
                    self.lists(class).events.expired_unfetched += 1;
                }
                stripe.unlink_item(thread, hash, slot);
            }
        }
        Some(checked)
    }

    /// Gives each living item of one row to `each`, under its stripe, without leaving a mark on
    /// it. `None`: the crawl is over; otherwise the number of items.
    pub fn list_row<'s>(
        &'s self,
        thread: &ThreadState,
        crawl: &mut Crawl,
        mut each: impl for<'k> FnMut(Found<'s, 'k>),
    ) -> Option<usize> {
        let stripe = self.hold_row(&mut crawl.walk, &mut crawl.found)?;
        self.fetch(&crawl.found);
        let (moment, now) = (stripe.moment(), stripe.moment().now_s());
        let mut listed = 0;
        for &(id, epoch) in &crawl.found {
            let header = self.header(id);
            if !crawl.classes.has(header.class()) {
                continue;
            }
            let counters = &thread.counters.class[header.class()];
            counters.crawler_items_checked.add(1);
            listed += 1;
            if !moment.is_flushed(epoch) && !header.is_expired(now) {
                each(Found::new(id, &stripe));
            }
        }
        Some(listed)
    }

    /// Gives the items of a class that are in COLD to `each`, the newest first, until it says
    /// false. What comes into the list meanwhile is not among them.
    ///
    /// The class's lists are held to look at [`LISTED_PER_HOLD`] items, then others have them;
    /// `each` is called without them.
    pub fn list_cold(&self, class: usize, mut each: impl FnMut(Listed<'_>) -> bool) {
        let mut taken = Taken::default();
        let mut mark = self.take_listed(class, None, &mut taken);
        while taken.each(&mut each) {
            let Some(at) = mark else {
                return;
            };
            mark = self.take_listed(class, Some(at), &mut taken);
        }
        if let Some(mark) = mark {
            self.lists(class).take_mark(mark);
        }
    }

    /// Looks at the next items of COLD, from `mark` or the head on; marks the one after them.
    fn take_listed(&self, class: usize, mark: Option<Mark>, taken: &mut Taken) -> Option<Mark> {
        taken.keys.clear();
        taken.items.clear();
        let mut lists = self.lists(class);
        let mut at = match mark {
            Some(mark) => lists.take_mark(mark),
            None => lists.list(Segment::Cold).head(),
        };
        while taken.items.len() < LISTED_PER_HOLD
            && let Some(id) = at
        {
            let (header, key) = (self.header(id), self.key_of(id, &lists));
            taken.keys.extend_from_slice(key);
            taken.items.push((
                key.len(),
                Listed {
                    key: &[],
                    is_key_binary: header.has(state::KEY_BINARY),
                    value_len: header.value_len(),
                    expires_s: header.expires_s.load(Relaxed),
                },
            ));
            at = lists.after(id);
        }
        at.map(|id| lists.mark(id))
    }

    /// Fetches the headers of a row's items together, not one after the other.
    fn fetch(&self, found: &[(ItemId, u8)]) {
        for (id, _) in found {
            self.arena().prefetch(*id, CACHE_LINE, prefetch);
        }
    }
}

/// Items of a list that are looked at while it is held.
pub const LISTED_PER_HOLD: usize = 64;

/// What one look at a list has found.
#[derive(Default)]
struct Taken {
    /// The keys, one after the other.
    keys: Vec<u8>,
    /// The length of each, and what else there is to tell.
    items: Vec<(usize, Listed<'static>)>,
}

impl Taken {
    /// Gives the items; false if `each` has said so.
    fn each(&self, mut each: impl FnMut(Listed<'_>) -> bool) -> bool {
        let mut keys = &self.keys[..];
        self.items.iter().all(|&(len, item)| {
            let (key, rest) = keys.split_at(len);
            keys = rest;
            each(Listed { key, ..item })
        })
    }
}

/// An item of a list, as it was a moment ago.
#[derive(Clone, Copy)]
pub struct Listed<'k> {
    /// Its key.
    pub key: &'k [u8],
    /// Whether the key came in base64.
    pub is_key_binary: bool,
    /// Bytes of its value.
    pub value_len: usize,
    /// Clock second of its expiry, 0 never.
    pub expires_s: u32,
}
