//! The invariant walk: every chunk is exactly one of free, in a magazine, linked, part of a
//! linked chain, or held by a draft or a pin; and all counts agree with what is found.
//!
//! It takes one lock at a time, so its result is true only while no thread stores anything.
//! In tests and debug builds only.

use super::classes::CLASSES_MAX;
use super::engine::Store;
use super::item::PAGE_LEN;
use super::item::{ItemId, accounted_len, state};
use super::lru::Segment;
use super::thread_state::ThreadState;
use crate::counters::ClassTotals;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

/// What the walk has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Items in the table.
    pub linked: u64,
    /// Chunks of their chains.
    pub chained: u64,
    /// Chunks on free lists and in magazines.
    pub free: u64,
    /// Chunks that belong to drafts, or to items that are only pinned any more.
    pub held: u64,
}

/// A chunk that has been found, and where.
type Seen = HashMap<ItemId, &'static str>;

impl Store {
    /// Walks everything. `totals` are the class counters of all threads, summed.
    ///
    /// # Errors
    /// What does not agree, in words.
    pub fn verify(&self, totals: &[ClassTotals]) -> Result<Census, String> {
        let mut seen = Seen::new();
        let mut census = Census::default();
        self.walk_table(&mut seen, &mut census, totals)?;
        self.walk_lists(&seen, census.linked)?;
        self.walk_free(&mut seen)?;
        self.walk_pages(&seen, &mut census)?;
        Ok(census)
    }

    fn walk_free(&self, seen: &mut Seen) -> Result<(), String> {
        let mut fault = Ok(());
        let mut found = |id, kind| {
            if fault.is_ok() {
                fault = note(seen, id, kind);
            }
        };
        for class in self.slabs.classes.ids() {
            self.slabs.verify(class)?;
            self.slabs.for_each_free(class, |id| found(id, FREE));
        }
        self.slabs.for_each_in_magazine(|id| found(id, FREE));
        fault
    }

    /// The sums that [`verify`](Store::verify) wants, of these threads.
    pub fn totals_of(threads: &[&ThreadState]) -> Vec<ClassTotals> {
        ClassTotals::of_threads(threads.iter().map(|thread| &*thread.counters), |_| true)
    }

    fn walk_table(
        &self,
        seen: &mut Seen,
        census: &mut Census,
        totals: &[ClassTotals],
    ) -> Result<(), String> {
        let mut bytes = vec![0u64; CLASSES_MAX];
        for index in 0..self.table.stripes() {
            let stripe = self.table.lock_index(index);
            let mut items = Vec::new();
            stripe.for_each(|id, _| items.push(id));
            for id in items {
                let header = self.header(id);
                note(seen, id, "linked")?;
                census.linked += 1;
                if !header.has(state::LINKED) || header.refs.load(Relaxed) == 0 {
                    return Err(format!("{id:?} is in the table and not marked as linked"));
                }
                let hash = self.hash_of(id, &stripe);
                if stripe.find(hash, |found| found == id).is_none() {
                    return Err(format!("{id:?} is not where its key belongs"));
                }
                let flags = header.client_flags.load(Relaxed);
                let len = accounted_len(self.use_cas, header.key_len(), flags, header.value_len());
                bytes[header.class()] += len as u64;
                census.chained += self.walk_chain(seen, id)?;
            }
        }
        if self.usage().items != census.linked {
            return Err(format!(
                "{} items are counted, {} found",
                self.usage().items,
                census.linked
            ));
        }
        for (class, (found, total)) in bytes.iter().zip(totals).enumerate() {
            if *found != total.mem_requested() {
                return Err(format!(
                    "class {class}: {} bytes counted, {found} found",
                    total.mem_requested()
                ));
            }
        }
        Ok(())
    }

    fn walk_chain(&self, seen: &mut Seen, head: ItemId) -> Result<u64, String> {
        if !self.header(head).has(state::CHUNKED) {
            return Ok(0);
        }
        let (mut chunks, mut len) = (0, 0);
        let mut next = self.first_chunk(head);
        while let Some(chunk) = next {
            note(seen, chunk, "chained")?;
            let header = self.header(chunk);
            if self.arena().prev(chunk) != Some(head)
                || header.value_len() > self.chunk_capacity(chunk)
            {
                return Err(format!("{chunk:?} is not a sound part of {head:?}"));
            }
            chunks += 1;
            len += header.value_len();
            next = self.next_chunk(chunk);
        }
        if len != self.header(head).value_len() {
            return Err(format!("the chain of {head:?} holds {len} bytes"));
        }
        Ok(chunks)
    }

    fn walk_lists(&self, seen: &Seen, linked: u64) -> Result<(), String> {
        let mut listed = 0;
        for (class, segment) in
            (0..CLASSES_MAX).flat_map(|class| Segment::ALL.map(|segment| (class, segment)))
        {
            let lists = self.lists(class);
            if lists.has_marks() {
                return Err(format!("a walk has left a mark in class {class}"));
            }
            let list = lists.list(segment);
            let (mut len, mut at) = (0, list.tail());
            while let Some(id) = at {
                let header = self.header(id);
                let is_here = header.class() == class && header.segment() == segment as usize;
                if seen.get(&id) != Some(&"linked") || !is_here {
                    return Err(format!("{id:?} is in {segment:?} of {class} by mistake"));
                }
                len += 1;
                at = lists.before(id);
            }
            if len != list.len {
                return Err(format!(
                    "{segment:?} of class {class} counts {}, holds {len}",
                    list.len
                ));
            }
            listed += len;
        }
        if listed != linked {
            return Err(format!("{linked} items are linked, {listed} are in lists"));
        }
        Ok(())
    }

    /// Every chunk of every page: what is neither linked nor free must be held by a draft or a pin,
    /// and say so. Every page belongs to a class or to none.
    fn walk_pages(&self, seen: &Seen, census: &mut Census) -> Result<(), String> {
        let without = self.slabs.pages_without_class();
        let mut pages = without.len();
        for page in 1..self.arena().pages() {
            let class = self.arena().class_of_page(page);
            if (class == 0) != without.contains(&page) {
                return Err(format!("page {page} is of class {class} and nowhere else"));
            }
            if class == 0 {
                continue;
            }
            pages += 1;
            let size = self.slabs.classes.size(class);
            for index in 0..self.slabs.cut_of(page) {
                let id = self.arena().chunk(page, index * size);
                let free = self.header(id).has(state::FREE);
                match seen.get(&id) {
                    Some(&FREE) if free => census.free += 1,
                    Some(&kind) if free || kind == FREE => {
                        return Err(format!("{id:?} is {kind}, its mark says the opposite"));
                    }
                    Some(_) => {}
                    None if free => return Err(format!("{id:?} is free and lost")),
                    None => census.held += 1,
                }
            }
        }
        let found = (pages * PAGE_LEN) as u64;
        let returned = self.slabs.returned() as u64 * PAGE_LEN as u64;
        let malloced = self.slabs.malloced() - self.malloced_at_start + returned;
        if found != malloced {
            return Err(format!(
                "{malloced} bytes of pages are counted, {found} found"
            ));
        }
        Ok(())
    }
}

/// The kind of a free chunk.
const FREE: &str = "free";

fn note(seen: &mut Seen, id: ItemId, kind: &'static str) -> Result<(), String> {
    match seen.insert(id, kind) {
        Some(before) => Err(format!("{id:?} is {before} and {kind}")),
        None => Ok(()),
    }
}
