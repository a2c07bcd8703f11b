//! The classic commands carried out: get, set and their kin.

#![forbid(unsafe_code)]

use super::context::{Context, Done};
use super::output::{Output, put_block, refusal};
use crate::server::events::CommandClass;
use crate::store::{
    Access, Change, ChangeError, Found, Hint, Key, Meta, Mode, Outcome, StoreRules,
};
use crate::wire::Put;
use crate::wire::command::StoreVerb;
use crate::wire::reply;
use crate::wire::request::{Command, Exptime, Keys, Request, Storage};

impl<'s> Context<'_, 's> {
    /// Carries out a request about an item, if all of it is here and it is no retrieval. `None`: it
    /// is another one, and nothing has been done.
    #[inline]
    pub(super) fn run(
        &mut self,
        input: &[u8],
        request: &Request,
        hint: Hint,
        out: &mut Output<'s>,
    ) -> Option<Done> {
        Some(match request.command {
            Command::Store {
                ref storage,
                value,
                ends_in_crlf,
            } => {
                let value = ends_in_crlf.then(|| value.of(input)).ok_or(value.len);
                self.store(input, storage, hint, value, out)
            }
            Command::Meta {
                verb,
                key,
                hash,
                flags,
            } => {
                let given = Key::with_hint(key.of(input), hash, hint);
                return self.meta(verb, &given, flags.of(input), out);
            }
            Command::MetaStore {
                ref storage,
                value,
                ends_in_crlf,
            } => {
                let value = ends_in_crlf.then(|| value.of(input)).ok_or(value.len);
                self.meta_store(input, storage, hint, value, out)
            }
            _ => return self.run_without_value(input, request, out),
        })
    }

    /// The classic requests that have no value.
    fn run_without_value(
        &mut self,
        input: &[u8],
        request: &Request,
        out: &mut Output<'s>,
    ) -> Option<Done> {
        Some(match request.command {
            Command::Delete { key, hash, quiet } => {
                let key = Key::new(key.of(input), hash);
                let hit = self.server.store.delete(self.local, &key);
                out.put_unless(quiet, found_or(hit, reply::DELETED));
                Done::without_value(CommandClass::Delete, hit)
            }
            Command::Arithmetic {
                key,
                hash,
                delta,
                increment,
                quiet,
            } => {
                let sum = self.add(&Key::new(key.of(input), hash), delta, increment);
                put_sum(sum, quiet, out);
                Done::without_value(CommandClass::Arithmetic, sum.is_ok())
            }
            Command::Touch {
                key,
                hash,
                exptime,
                quiet,
            } => {
                let hit = self.touch(&Key::new(key.of(input), hash), exptime);
                out.put_unless(quiet, found_or(hit, reply::TOUCHED));
                Done::without_value(CommandClass::Touch, hit)
            }
            _ => return None,
        })
    }

    fn add(&mut self, key: &Key<'_>, delta: u64, increment: bool) -> Result<u64, ChangeError> {
        let change = Change {
            delta,
            increment,
            compare: None,
            cas: 0,
            create: None,
        };
        let store = &self.server.store;
        store.change(self.local, key, &change, |_, sum, _| sum)
    }

    fn touch(&mut self, key: &Key<'_>, exptime: Exptime) -> bool {
        let store = &self.server.store;
        let access = Access::Touch(store.clock.expiry(exptime));
        let found = store.read(self.local, key, access, |_| ());
        found.is_some()
    }

    /// One key of a retrieval, the `last` of its line or not: the bytes of its value, if it is there.
    #[inline]
    pub(super) fn get(
        &mut self,
        key: &Key<'_>,
        keys: Keys,
        last: bool,
        out: &mut Output<'s>,
    ) -> Option<usize> {
        let store = &self.server.store;
        let access = match keys.touch {
            None => Access::Get,
            Some(exptime) => Access::Touch(store.clock.expiry(exptime)),
        };
        let found = store.read(self.local, key, access, |item| {
            put_value(key.bytes(), &item, keys, out);
            item.value_len()
        });
        if last {
            out.put(reply::END);
        }
        found
    }

    /// Stores a value that is here, or is not a value: then it is known how long it is, and CR LF is
    /// not behind it.
    #[inline]
    fn store(
        &mut self,
        input: &[u8],
        storage: &Storage,
        hint: Hint,
        value: Result<&[u8], u32>,
        out: &mut Output<'s>,
    ) -> Done {
        let store = &self.server.store;
        let key = Key::with_hint(storage.key.of(input), storage.hash, hint);
        let (meta, rules) = (self.meta_of(storage), rules_of(storage));
        let (outcome, reply) = match value {
            Ok(value) => match store.put(self.local, &key, meta, value, &rules) {
                Ok(stored) => (Some(stored.outcome), outcome_reply(stored.outcome)),
                Err(refused) => (None, refusal(refused)),
            },
            // Memory comes before the end of the block is looked at: of a value that could not be
            // stored anyway the client hears that.
            Err(len) => {
                let len = len as usize;
                let draft = store.draft(self.local, &key, meta, len, &rules);
                (None, draft.map_or_else(refusal, |_| reply::BAD_CHUNK))
            }
        };
        out.put_unless(storage.quiet, reply);
        Done {
            class: CommandClass::Store,
            hit: outcome == Some(Outcome::Stored),
            bytes: storage.len as usize,
        }
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
pub(super) fn rules_of(storage: &Storage) -> StoreRules {
    let rules = StoreRules::from(mode_of(storage.verb));
    // A compare-and-swap that is refused leaves what is there.
    let replaces = rules.replaces && storage.compare.is_none();
    StoreRules {
        compare: storage.compare,
        replaces,
        ..rules
    }
}

#[inline]
pub(super) fn outcome_reply(outcome: Outcome) -> &'static [u8] {
    match outcome {
        Outcome::Stored => reply::STORED,
        Outcome::NotStored => reply::NOT_STORED,
        Outcome::Exists => reply::EXISTS,
        Outcome::NotFound => reply::NOT_FOUND,
        Outcome::NoMemory => reply::NO_MEMORY_STORING,
    }
}

fn found_or(hit: bool, reply: &'static [u8]) -> &'static [u8] {
    if hit { reply } else { reply::NOT_FOUND }
}
