//! The classic commands carried out: get, set and their kin.

#![forbid(unsafe_code)]

use super::context::Context;
use super::output::{Output, put_block, refusal};
use crate::server::prefixes::Deed;
use crate::store::{
    Access, Change, ChangeError, Found, Hashed, Hint, Meta, Mode, Outcome, StoreRules,
};
use crate::wire::Put;
use crate::wire::command::StoreVerb;
use crate::wire::reply;
use crate::wire::request::{Command, Exptime, Keys, Request, Storage};

impl<'s> Context<'_, 's> {
    /// Carries out an operation that needs no more input.
    #[inline]
    pub(super) fn run(
        &mut self,
        input: &[u8],
        request: &Request,
        hint: Hint,
        out: &mut Output<'s>,
    ) {
        match request.command {
            Command::Read {
                key,
                hash,
                keys,
                last,
                ..
            } => {
                self.read(key.of(input), Hashed { hash, hint }, keys, last, out);
            }
            Command::Put {
                ref storage,
                value,
                block,
            } => {
                let reply = self.put(input, storage, hint, value.of(input), block);
                out.put_unless(storage.quiet, reply);
            }
            Command::Delete { key, hash, quiet } => {
                self.count_prefix(key.of(input), Deed::Delete);
                let deleted = self.server.store.delete(self.local, key.of(input), hash);
                out.put_unless(
                    quiet,
                    if deleted {
                        reply::DELETED
                    } else {
                        reply::NOT_FOUND
                    },
                );
            }
            Command::Add {
                key,
                hash,
                delta,
                increment,
                quiet,
            } => {
                let sum = self.add(key.of(input), hash, delta, increment);
                put_sum(sum, quiet, out);
            }
            Command::Touch {
                key,
                hash,
                exptime,
                quiet,
            } => {
                let touched = self.touch(key.of(input), hash, exptime);
                let reply = if touched {
                    reply::TOUCHED
                } else {
                    reply::NOT_FOUND
                };
                out.put_unless(quiet, reply);
            }
            Command::Meta {
                verb,
                key,
                hash,
                flags,
            } => self.meta(
                verb,
                key.of(input),
                Hashed { hash, hint },
                flags.of(input),
                out,
            ),
            Command::MetaPut {
                ref storage,
                value,
                block,
            } => self.meta_put(input, storage, hint, value.of(input), block, out),
            Command::Frame { ref frame } => self.frame(input, frame, hint, out),
            Command::Say(reply) | Command::Refuse { reply, .. } => out.put(reply),
            // The session sees to these: they decide how the input goes on.
            Command::Admin { .. }
            | Command::Upload { .. }
            | Command::MetaUpload { .. }
            | Command::FrameUpload { .. }
            | Command::FrameLogin { .. }
            | Command::FrameFault { .. }
            | Command::Swallow { .. }
            | Command::Watch { .. }
            | Command::Close(_) => {}
        }
    }

    fn add(
        &mut self,
        key: &[u8],
        hash: u64,
        delta: u64,
        increment: bool,
    ) -> Result<u64, ChangeError> {
        let change = Change {
            delta,
            increment,
            compare: None,
            cas: 0,
            create: None,
        };
        let store = &self.server.store;
        store.change(self.local, key, hash, &change, |_, sum, _| sum)
    }

    fn touch(&mut self, key: &[u8], hash: u64, exptime: Exptime) -> bool {
        let store = &self.server.store;
        let access = Access::Touch(store.clock.expiry(exptime));
        let found = store.read(self.local, key, hash, access, |_| ());
        found.is_some()
    }

    /// One key of a retrieval, the `last` of its line or not.
    #[inline]
    pub(super) fn read(
        &mut self,
        key: &[u8],
        hash: Hashed,
        keys: Keys,
        last: bool,
        out: &mut Output<'s>,
    ) {
        let store = &self.server.store;
        let access = match keys.touch {
            None => Access::Get,
            Some(exptime) => Access::Touch(store.clock.expiry(exptime)),
        };
        let found = store.read(self.local, key, hash, access, |item| {
            put_value(key, &item, keys, out)
        });
        let hit = found.is_some();
        self.count_prefix(key, Deed::Get { hit });
        if last {
            out.put(reply::END);
        }
    }

    /// Stores a value that is here; returns the reply.
    #[inline]
    fn put(
        &mut self,
        input: &[u8],
        storage: &Storage,
        hint: Hint,
        value: &[u8],
        block: bool,
    ) -> &'static [u8] {
        let (store, key) = (&self.server.store, storage.key.of(input));
        self.count_prefix(key, Deed::Set);
        let (meta, terms) = (self.meta_of(storage), terms_of(storage));
        if block {
            let hash = Hashed {
                hash: storage.hash,
                hint,
            };
            let stored = store.put(self.local, key, hash, meta, value, &terms);
            return stored.map_or_else(refusal, |stored| outcome(stored.outcome));
        }
        // Memory comes before the end of the block is looked at: a value that could not be
        // stored anyway is told so.
        let draft = store.draft(self.local, key, storage.hash, meta, value.len(), &terms);
        draft.map_or_else(refusal, |_| reply::BAD_CHUNK)
    }

    #[inline]
    pub(super) fn meta_of(&self, storage: &Storage) -> Meta {
        let expires_s = self.server.store.clock.expiry(storage.exptime);
        Meta {
            client_flags: storage.client_flags,
            expires_s,
        }
    }
}

#[inline]
fn put_value<'s>(key: &[u8], item: &Found<'s, '_>, keys: Keys, out: &mut Output<'s>) {
    let cas = keys.with_cas.then(|| item.cas());
    out.put_value_line(key, item.client_flags(), item.value_len(), cas);
    put_block(item, out);
}

fn put_sum(sum: Result<u64, ChangeError>, quiet: bool, out: &mut Output<'_>) {
    match sum {
        Ok(_) if quiet => {}
        Ok(value) => {
            out.put_number(value);
            out.put(reply::CR_LF);
        }
        Err(fault) => out.put_unless(
            quiet,
            match fault {
                ChangeError::NotNumeric => reply::NOT_NUMERIC,
                ChangeError::NoMemory => reply::NO_MEMORY,
                // It asked for no id and for nothing to be made.
                ChangeError::NotFound | ChangeError::Exists | ChangeError::NoMemoryForNew => {
                    reply::NOT_FOUND
                }
            },
        ),
    }
}

/// What the store is to do for a storage command.
#[inline]
pub(super) fn mode_of(verb: StoreVerb) -> Mode {
    match verb {
        StoreVerb::Set => Mode::Set,
        StoreVerb::Add => Mode::Add,
        StoreVerb::Replace => Mode::Replace,
        StoreVerb::Append => Mode::Append,
        StoreVerb::Prepend => Mode::Prepend,
    }
}

#[inline]
pub(super) fn terms_of(storage: &Storage) -> StoreRules {
    let terms = StoreRules::from(mode_of(storage.verb));
    // A compare-and-swap that is refused leaves what is there.
    let replaces = terms.replaces && storage.compare.is_none();
    StoreRules {
        compare: storage.compare,
        replaces,
        ..terms
    }
}

#[inline]
pub(super) fn outcome(outcome: Outcome) -> &'static [u8] {
    match outcome {
        Outcome::Stored => reply::STORED,
        Outcome::NotStored => reply::NOT_STORED,
        Outcome::Exists => reply::EXISTS,
        Outcome::NotFound => reply::NOT_FOUND,
        Outcome::NoMemory => reply::NO_MEMORY_STORING,
    }
}
