//! Writing: values that arrive at once or in pieces, and what a mode makes of them.
//!
//! A value that is already here is stored by [`Store::put`]; one that is still arriving is
//! received into a [`Draft`], memory that no other thread knows of, and linked by
//! [`Store::commit`]. Dropping a draft gives its memory back, so a client that goes away
//! leaves nothing behind.
//!
//! Where the new value fits the chunk of the old one and no reader holds that, it is
//! written in its place: no chunk changes hands and no list is locked. The item is marked,
//! and a search for memory later treats it as new. Appending and prepending: see `join`.

use super::draft::Draft;
use super::engine::Store;
use super::events::StoreEnd;
use super::held::Held;
use super::item::state;
use super::key::Key;
use super::lru::Segment;
use super::observe::{Described, ttl_s};
use super::table::Slot;
use super::terms::{AllocError, Meta, Mode, Outcome, StoreRules, Stored};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// What the rules allow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// A new item.
    Fresh,
    /// A new item that is stale from the start and keeps the expiry of the old one.
    Stale,
    /// Nothing.
    Refused(Outcome),
}

impl Store {
    /// Memory for a value of `value_len` bytes.
    ///
    /// # Errors
    /// [`AllocError`], counted as the rules say. What is there is removed if the rules say so. When
    /// memory runs out later, inside of a large value, [`Draft::refuse`] does likewise.
    pub fn draft(
        &self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        meta: Meta,
        value_len: usize,
        rules: &StoreRules,
    ) -> Result<Draft<'_>, AllocError> {
        let bytes = key.bytes();
        let fits = self.fits(bytes.len(), meta.client_flags, value_len);
        let id = if fits {
            self.allocate_item(thread, bytes, meta, value_len, None)
        } else {
            None
        };
        if let Some(id) = id {
            let class = &thread.counters.class[self.header(id).class()];
            class.cmd_set.add(1);
            return Ok(Draft::new(self, id, key.hash()));
        }
        let counters = &thread.counters.thread;
        let (reason, counter) = if fits {
            (AllocError::NoMemory, &counters.store_no_memory)
        } else {
            (AllocError::TooLarge, &counters.store_too_large)
        };
        if !rules.refusal_uncounted {
            counter.add(1);
        }
        thread.notify_refused(bytes, rules, StoreEnd::Refused(reason));
        if rules.replaces {
            self.remove_quietly(thread, key);
        }
        Err(reason)
    }

    /// Stores a value that is here already.
    ///
    /// # Errors
    /// As [`draft`](Store::draft).
    #[inline]
    pub fn put(
        &self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        meta: Meta,
        value: &[u8],
        rules: &StoreRules,
    ) -> Result<Stored, AllocError> {
        if self.fits(key.bytes().len(), meta.client_flags, value.len())
            && let Some(stored) = self.put_in_place(thread, key, meta, value, rules)
        {
            return Ok(stored);
        }
        let mut draft = self.draft(thread, key, meta, value.len(), rules)?;
        if let Err(reason) = draft.write(thread, value) {
            return Err(draft.refuse(thread, rules, reason));
        }
        Ok(self.commit(thread, draft, rules))
    }

    /// Links a complete draft if the rules allow it.
    pub fn commit(&self, thread: &mut ThreadState, draft: Draft<'_>, rules: &StoreRules) -> Stored {
        debug_assert_eq!(draft.filled, self.header(draft.id).value_len());
        if matches!(rules.mode, Mode::Append | Mode::Prepend) {
            return self.join_values(thread, draft, rules);
        }
        let mut held = self.hold(thread, draft.hash);
        held.notify_look_up(&draft.key());
        let old = held.find_live_to_store(&draft.key());
        let verdict = held.verdict(old.as_ref(), rules);
        if let Verdict::Refused(outcome) = verdict {
            return draft.not_stored(held.thread, held.stripe.moment(), rules, outcome);
        }
        if let (Verdict::Stale, Some(slot)) = (verdict, &old) {
            let (header, new) = (self.header(slot.id), self.header(draft.id));
            let expires_s = header.expires_s.load(Relaxed);
            new.expires_s.store(expires_s, Relaxed);
            new.add_state(state::STALE | header.state() & state::WIN_SENT);
        }
        held.place(old, draft, rules)
    }

    /// Writes the value over the old one where that is possible. `None`: it is not, and
    /// nothing has been done.
    #[inline]
    fn put_in_place(
        &self,
        thread: &mut ThreadState,
        key: &Key<'_>,
        meta: Meta,
        value: &[u8],
        rules: &StoreRules,
    ) -> Option<Stored> {
        if !matches!(rules.mode, Mode::Set | Mode::Replace) {
            return None;
        }
        let len = self.key_offset + key.bytes().len() + value.len();
        let classes = &self.slabs.classes;
        let (home, finer) = (classes.class_for(len)?, classes.finer_for(len));
        let held = self.hold(thread, key.hash());
        let slot = held.find_hinted(key).filter(|slot| !held.is_dead(slot))?;
        let header = self.header(slot.id);
        // Acquires: the last reader of the value is done with it before it is written over.
        let alone = header.refs.load(Acquire) == 1;
        let class = header.class();
        let fits = class == home || Some(class) == finer;
        // TEMP is entered, and left, with another life only: as a new item.
        let moment = held.moment();
        let stays = (header.segment() == Segment::Temp as usize)
            == (moment.division()).is_temporary(meta.expires_s, moment.now_s());
        if !alone || !fits || !stays || header.has(state::CHUNKED) {
            return None;
        }
        held.notify_look_up(key);
        held.thread.counters.class[class].cmd_set.add(1);
        // SAFETY: the stripe is held, and there is no reference but its own; the class fits.
        Some(unsafe { held.write_over(key, slot, meta, value, rules) })
    }
}

impl Held<'_, '_> {
    /// Whether the rules let a value take the place of `old`; counts what that means for cas.
    fn verdict(&self, old: Option<&Slot<'_>>, rules: &StoreRules) -> Verdict {
        let counters = &self.thread.counters;
        match (rules.mode, old, rules.compare) {
            (Mode::Set, _, None) | (Mode::Add, None, _) | (Mode::Replace, Some(_), None) => {
                Verdict::Fresh
            }
            (Mode::Add, Some(slot), _) => {
                let header = self.store.header(slot.id);
                header.accessed_s.store(self.moment().now_s(), Relaxed);
                Verdict::Refused(Outcome::NotStored)
            }
            (_, None, Some(_)) => {
                counters.thread.cas_misses.add(1);
                Verdict::Refused(Outcome::NotFound)
            }
            (_, Some(slot), Some(given)) => {
                let class = &counters.class[self.store.header(slot.id).class()];
                let there = self.store.cas_of(slot.id);
                let verdict = if given != 0 && given == there {
                    Verdict::Fresh
                } else if rules.or_stale && given != 0 && given < there {
                    Verdict::Stale
                } else {
                    class.cas_badval.add(1);
                    return Verdict::Refused(Outcome::Exists);
                };
                class.cas_hits.add(1);
                verdict
            }
            (_, None, None) => Verdict::Refused(Outcome::NotStored),
            (Mode::Append | Mode::Prepend, Some(_), None) => Verdict::Fresh,
        }
    }

    /// Writes a value over that of the item at `slot`, if the rules allow it.
    ///
    /// # Safety
    /// 1. The item is linked here under `key`, is not chunked, and has no reference but its link's.
    /// 2. Its chunk holds the key and `value`.
    #[inline]
    unsafe fn write_over(
        &self,
        key: &Key<'_>,
        slot: Slot<'_>,
        mut meta: Meta,
        value: &[u8],
        rules: &StoreRules,
    ) -> Stored {
        // Copies, for the compiler has to load what lies behind `self` again after each write.
        let (store, thread, id) = (self.store, &*self.thread, slot.id);
        let (header, now_s) = (store.header(id), self.moment().now_s());
        let mut mark = if rules.binary_key {
            state::KEY_BINARY
        } else {
            0
        };
        match self.verdict(Some(&slot), rules) {
            Verdict::Fresh => {}
            Verdict::Stale => {
                meta.expires_s = header.expires_s.load(Relaxed);
                mark |= state::STALE | header.state() & state::WIN_SENT;
            }
            Verdict::Refused(outcome) => {
                if thread.is_observed() {
                    let described = Described {
                        class: header.class() as u8,
                        value_len: value.len() as u32,
                        ttl_s: ttl_s(now_s, meta.expires_s),
                    };
                    let end = StoreEnd::Judged(outcome);
                    thread.notify_store_end(key.bytes(), rules, end, described);
                }
                return Stored::not_stored(outcome, value.len());
            }
        }
        let before = store.accounted(id);
        store.set_meta(id, meta, value.len());
        // SAFETY: there is no other reference (1), and the chunk holds it (2).
        unsafe { store.write_value(id, 0, value) };
        header.accessed_s.store(now_s, Relaxed);
        header.set_state(state::LINKED | state::REWRITTEN | mark);
        self.renew_cas(id, rules.cas);
        thread.counters.thread.total_items.add(1);
        store.account_again(thread, id, before);
        self.notify_stored(key.bytes(), id, rules);
        store.stored(id)
    }
}
