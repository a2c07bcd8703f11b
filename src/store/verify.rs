//! The invariant walk: every chunk is exactly one of free, in a magazine, linked, part of a
//! linked chain, or in somebody's hands; and all counts agree with what is found.
//!
//! It takes one lock at a time, so it tells the truth only while no thread stores anything.
//! In tests and debug builds only.

use super::item::{ItemId, state};
use super::lru::Segment;
use super::slabs::CLASSES_MAX;
use super::{Local, Store, accounted_len};
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
        let mut uncut = vec![(0, 0); CLASSES_MAX];
        for (class, uncut) in uncut.iter_mut().enumerate().skip(1) {
            let mut fault = Ok(());
            *uncut = self.slabs.for_each_free(&self.arena, class, |id| {
                if fault.is_ok() {
                    fault = note(&mut seen, id, "free");
                }
            });
            fault?;
        }
        self.walk_pages(&seen, &mut census, &uncut, totals)?;
        Ok(census)
    }

    /// The sums that [`verify`](Store::verify) wants, of these threads.
    pub fn totals_of(locals: &[&Local]) -> Vec<ClassTotals> {
        let mut totals = vec![ClassTotals::default(); CLASSES_MAX];
        for local in locals {
            for (sum, class) in totals.iter_mut().zip(&local.counters.class) {
                sum.add(class);
            }
        }
        totals
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
                let hash = self.hash_of(id);
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
            if *found != total.mem_requested {
                return Err(format!(
                    "class {class}: {} bytes counted, {found} found",
                    total.mem_requested
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
            if header.prev() != head || header.value_len() > self.chunk_room(chunk) {
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
        for class in 0..CLASSES_MAX {
            let list = self.lru.list(class, Segment::Cold as usize);
            let (mut len, mut at) = (0, list.tail());
            while let Some(id) = at {
                if seen.get(&id) != Some(&"linked") || self.header(id).class() != class {
                    return Err(format!("{id:?} is in the list of class {class} by mistake"));
                }
                len += 1;
                at = list.before(&self.arena, id);
            }
            if len != list.len {
                return Err(format!(
                    "the list of class {class} counts {}, holds {len}",
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

    /// Every chunk of every page: what is neither linked nor free must be in a magazine, and
    /// as many as the threads say, or in somebody's hands.
    fn walk_pages(
        &self,
        seen: &Seen,
        census: &mut Census,
        uncut: &[(usize, usize)],
        totals: &[ClassTotals],
    ) -> Result<(), String> {
        let mut in_magazine = vec![0u64; CLASSES_MAX];
        for page in 1..self.arena.pages() {
            let class = self.arena.class_of_page(page);
            let (size, (cut_next, cut_left)) = (self.slabs.classes.size(class), uncut[class]);
            for index in 0..self.slabs.classes.per_page(class) {
                let offset = self.arena.page_start(page) + index * size;
                if (cut_next..cut_next + cut_left * size).contains(&offset) {
                    continue;
                }
                let id = ItemId::at(offset);
                let free = self.header(id).has(state::FREE);
                match seen.get(&id) {
                    Some(&"free") if free => census.free += 1,
                    Some(&kind) if free || kind == "free" => {
                        return Err(format!("{id:?} is {kind}, its mark says the opposite"));
                    }
                    Some(_) => {}
                    None if free => in_magazine[class] += 1,
                    None => census.held += 1,
                }
            }
        }
        for (class, (found, total)) in in_magazine.iter().zip(totals).enumerate() {
            if *found != total.in_magazine {
                return Err(format!(
                    "class {class}: {found} chunks are lost, {} are in magazines",
                    total.in_magazine
                ));
            }
            census.free += found;
        }
        Ok(())
    }
}

fn note(seen: &mut Seen, id: ItemId, kind: &'static str) -> Result<(), String> {
    match seen.insert(id, kind) {
        Some(before) => Err(format!("{id:?} is {before} and {kind}")),
        None => Ok(()),
    }
}
