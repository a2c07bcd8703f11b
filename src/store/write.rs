//! Writing: values that arrive at once or in pieces, and what a mode makes of them.
//!
//! A value that is already here is stored by [`Store::put`]; one that is still arriving is
//! received into a [`Draft`], memory that nobody else knows of, and linked by
//! [`Store::commit`]. Dropping a draft gives its memory back, so a client that goes away
//! leaves nothing behind.
//!
//! Where the new value fits the chunk of the old one and nobody is reading that, it is
//! written in its place: no chunk changes hands and no list is locked. The item is marked,
//! and who looks for a victim later treats it as new. How a value is put after or before another
//! is told in `join`.

use super::draft::Draft;
use super::engine::Store;
use super::events::StoreEnd;
use super::held::Held;
use super::item::state;
use super::key::{Hashed, is_equal};
use super::lru::Segment;
use super::moment::Moment;
use super::observe::ttl_s;
use super::table::Slot;
use super::terms::{AllocError, Meta, Mode, Outcome, StoreRules, Stored};
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// What the terms allow.
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
    /// [`AllocError`], counted as the terms say. What is there is removed if the terms say so. When
    /// memory runs out later, inside of a large value, [`Draft::refuse`] does likewise.
    pub fn draft(
        &self,
        thread: &mut ThreadState,
        key: &[u8],
        hash: u64,
        meta: Meta,
        value_len: usize,
        terms: &StoreRules,
    ) -> Result<Draft<'_>, AllocError> {
        let fits = self.fits(key.len(), meta.client_flags, value_len);
        let id = if fits {
            self.allocate_item(thread, key, meta, value_len, None)
        } else {
            None
        };
        if let Some(id) = id {
            thread.counters.class[self.header(id).class()]
                .cmd_set
                .add(1);
            return Ok(Draft::new(self, id, hash));
        }
        let counters = &thread.counters.thread;
        let (refused, counter) = if fits {
            (AllocError::NoMemory, &counters.store_no_memory)
        } else {
            (AllocError::TooLarge, &counters.store_too_large)
        };
        if !terms.refusal_uncounted {
            counter.add(1);
        }
        self.notify_not_stored(thread, key, terms, StoreEnd::Refused(refused));
        if terms.replaces {
            self.remove_quietly(thread, key, hash);
        }
        Err(refused)
    }

    /// Stores a value that is here already.
    ///
    /// # Errors
    /// As [`draft`](Store::draft).
    #[inline]
    pub fn put(
        &self,
        thread: &mut ThreadState,
        key: &[u8],
        hash: impl Into<Hashed>,
        meta: Meta,
        value: &[u8],
        terms: &StoreRules,
    ) -> Result<Stored, AllocError> {
        let sought = hash.into();
        if self.fits(key.len(), meta.client_flags, value.len())
            && let Some(stored) = self.put_in_place(thread, key, sought, meta, value, terms)
        {
            return Ok(stored);
        }
        let hash = sought.hash;
        let mut draft = self.draft(thread, key, hash, meta, value.len(), terms)?;
        if let Err(refused) = draft.write(thread, value) {
            return Err(draft.refuse(thread, terms, refused));
        }
        Ok(self.commit(thread, draft, terms))
    }

    /// Links a complete draft if the terms allow it.
    pub fn commit(&self, thread: &mut ThreadState, draft: Draft<'_>, terms: &StoreRules) -> Stored {
        debug_assert_eq!(draft.filled, self.header(draft.id).value_len());
        if matches!(terms.mode, Mode::Append | Mode::Prepend) {
            return self.merge(thread, draft, terms);
        }
        let (id, hash) = (draft.id, draft.hash);
        let stripe = self.hold(hash);
        self.notify_look_up(thread, &stripe, hash, draft.key());
        let old = self.find_live_to_store(thread, &stripe, hash, draft.key());
        let moment = stripe.moment();
        let verdict = self.verdict(thread, moment, old.as_ref(), terms);
        if let Verdict::Refused(outcome) = verdict {
            self.notify_stored(thread, moment, (draft.key(), id), terms, outcome);
            return Stored {
                outcome,
                cas: 0,
                value_len: draft.filled,
            };
        }
        if let (Verdict::Stale, Some(slot)) = (verdict, &old) {
            let header = self.header(slot.id);
            let expires_s = header.expires_s.load(Relaxed);
            self.header(id).expires_s.store(expires_s, Relaxed);
            self.header(id)
                .add_state(state::STALE | header.state() & state::WIN_SENT);
        }
        self.place(thread, &stripe, old, draft, terms)
    }

    /// Whether the terms let a value take the place of `old`; counts what that means for cas.
    fn verdict(
        &self,
        thread: &ThreadState,
        moment: Moment,
        old: Option<&Slot<'_>>,
        terms: &StoreRules,
    ) -> Verdict {
        match (terms.mode, old, terms.compare) {
            (Mode::Set, _, None) | (Mode::Add, None, _) | (Mode::Replace, Some(_), None) => {
                Verdict::Fresh
            }
            (Mode::Add, Some(slot), _) => {
                let header = self.header(slot.id);
                header.accessed_s.store(moment.now_s(), Relaxed);
                Verdict::Refused(Outcome::NotStored)
            }
            (_, None, Some(_)) => {
                thread.counters.thread.cas_misses.add(1);
                Verdict::Refused(Outcome::NotFound)
            }
            (_, Some(slot), Some(given)) => {
                let class = &thread.counters.class[self.header(slot.id).class()];
                let there = self.cas_of(slot.id);
                let verdict = if given != 0 && given == there {
                    Verdict::Fresh
                } else if terms.or_stale && given != 0 && given < there {
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

    /// Writes the value over the old one where that is possible. `None`: it is not, and
    /// nothing has been done.
    #[inline]
    fn put_in_place(
        &self,
        thread: &mut ThreadState,
        key: &[u8],
        sought: Hashed,
        meta: Meta,
        value: &[u8],
        terms: &StoreRules,
    ) -> Option<Stored> {
        if !matches!(terms.mode, Mode::Set | Mode::Replace) {
            return None;
        }
        let len = self.key_offset + key.len() + value.len();
        let classes = &self.slabs.classes;
        let (home, finer) = (classes.class_for(len)?, classes.finer_for(len));
        let hash = sought.hash;
        let stripe = self.hold(hash);
        let moment = stripe.moment();
        let slot = stripe
            .find_at(sought.hint, hash, |id| {
                is_equal(self.key_of(id, &stripe), key)
            })
            .filter(|slot| !self.is_dead(moment, slot))?;
        let header = self.header(slot.id);
        // Acquires: who read the value last is done with it before it is written over.
        let alone = header.refs.load(Acquire) == 1;
        let class = header.class();
        let fits = class == home || Some(class) == finer;
        // TEMP is entered, and left, with another life only: as a new item.
        let division = moment.division();
        let stays = (header.segment() == Segment::Temp as usize)
            == division.is_temporary(meta.expires_s, moment.now_s());
        if !alone || !fits || !stays || header.has(state::CHUNKED) {
            return None;
        }
        self.notify_look_up(thread, &stripe, hash, key);
        thread.counters.class[class].cmd_set.add(1);
        let mut mark = if terms.binary_key {
            state::KEY_BINARY
        } else {
            0
        };
        let mut meta = meta;
        match self.verdict(thread, moment, Some(&slot), terms) {
            Verdict::Fresh => {}
            Verdict::Stale => {
                meta.expires_s = header.expires_s.load(Relaxed);
                mark |= state::STALE | header.state() & state::WIN_SENT;
            }
            Verdict::Refused(outcome) => {
                if thread.is_observed() {
                    let size = (class as u8, value.len() as u32);
                    let end = StoreEnd::Judged(outcome);
                    let ttl_s = ttl_s(moment, meta.expires_s);
                    self.notify_end(thread, key, terms, end, ttl_s, size);
                }
                return Some(Stored {
                    outcome,
                    cas: 0,
                    value_len: value.len(),
                });
            }
        }
        let before = self.accounted(slot.id);
        self.set_meta(slot.id, meta, value.len());
        // SAFETY: the stripe is held and nobody else has a reference; the class fits.
        unsafe { self.write_value(slot.id, 0, value) };
        header.accessed_s.store(moment.now_s(), Relaxed);
        header.set_state(state::LINKED | state::REWRITTEN | mark);
        self.renew_cas(&stripe, slot.id, terms.cas);
        thread.counters.thread.total_items.add(1);
        self.account_again(thread, slot.id, before);
        self.notify_stored(thread, moment, (key, slot.id), terms, Outcome::Stored);
        Some(self.stored(slot.id))
    }

    /// As `find_live`, for a thread that is about to store under the key: a dead item counts as
    /// reclaimed memory, as it does when a search meets it at a tail.
    pub(super) fn find_live_to_store<'t>(
        &self,
        thread: &mut ThreadState,
        stripe: &Held<'t>,
        hash: u64,
        key: &[u8],
    ) -> Option<Slot<'t>> {
        let slot = self.find(stripe, hash, key)?;
        let header = self.header(slot.id);
        if !self.is_dead(stripe.moment(), &slot) {
            return Some(slot);
        }
        self.count_reclaimed(&mut self.lists(header.class()), slot.id);
        self.reclaim_dead(thread, stripe, hash, slot);
        None
    }
}
