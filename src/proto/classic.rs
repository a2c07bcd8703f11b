//! The classic commands carried out: get, set and their kin.

#![forbid(unsafe_code)]

use super::command::StoreVerb;
use super::parse::{Body, Keys, Storage};
use super::reply::{self, COPY_LEN_MAX, Output};
use super::session::{Context, Upload};
use crate::store::{Access, Arithmetic, Found, Meta, Mode, Outcome, Refused};

impl<'s> Context<'_, 's> {
    /// Carries out an operation that needs no more input.
    #[inline]
    pub(super) fn run(&mut self, input: &[u8], body: &Body, out: &mut Output<'s>) {
        match *body {
            Body::Read {
                key,
                hash,
                keys,
                last,
                ..
            } => {
                self.read(key.of(input), hash, keys, out);
                if last {
                    out.put(reply::END);
                }
            }
            Body::Put {
                ref storage,
                value,
                block,
            } => {
                let reply = self.put(input, storage, value.of(input), block);
                out.put_unless(storage.quiet, reply);
            }
            Body::Delete { key, hash, quiet } => {
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
            Body::Add {
                key,
                hash,
                delta,
                increment,
                quiet,
            } => {
                let sum = self
                    .server
                    .store
                    .add(self.local, key.of(input), hash, delta, increment);
                put_sum(sum, quiet, out);
            }
            Body::Touch {
                key,
                hash,
                exptime,
                quiet,
            } => {
                let store = &self.server.store;
                let access = Access::Touch(store.clock.expiry(exptime));
                let found = store.read(self.local, key.of(input), hash, access, |_| ());
                let reply = if found.is_some() {
                    reply::TOUCHED
                } else {
                    reply::NOT_FOUND
                };
                out.put_unless(quiet, reply);
            }
            Body::Admin { run, line } => self.admin(run, line.of(input), out),
            Body::Say(reply) => out.put(reply),
            // The session sees to these: they decide how the input goes on.
            Body::Upload { .. } | Body::Swallow { .. } | Body::Close => {}
        }
    }

    #[inline]
    fn read(&mut self, key: &[u8], hash: u64, keys: Keys, out: &mut Output<'s>) {
        let store = &self.server.store;
        let access = match keys.touch {
            None => Access::Get,
            Some(exptime) => Access::Touch(store.clock.expiry(exptime)),
        };
        store.read(self.local, key, hash, access, |item| {
            put_value(key, &item, keys, out)
        });
    }

    /// Stores a value that is here; returns the reply.
    #[inline]
    fn put(&mut self, input: &[u8], storage: &Storage, value: &[u8], block: bool) -> &'static [u8] {
        let (store, key) = (&self.server.store, storage.key.of(input));
        let (meta, mode) = (self.meta(storage), mode_of(storage));
        if block {
            let stored = store.put(self.local, key, storage.hash, meta, value, mode);
            return stored.map_or_else(refusal, outcome);
        }
        // Memory comes before the end of the block is looked at: a value that could not be
        // stored anyway is told so.
        let draft = store.draft(self.local, key, storage.hash, meta, value.len(), mode);
        draft.map_or_else(refusal, |_| reply::BAD_CHUNK)
    }

    /// Memory for a value that is still arriving, or the reply that refuses it.
    pub(super) fn begin_upload(
        &mut self,
        input: &[u8],
        storage: &Storage,
    ) -> Result<Upload<'s>, &'static [u8]> {
        let (key, mode) = (storage.key.of(input), mode_of(storage));
        let (meta, len) = (self.meta(storage), storage.len as usize);
        let draft = self
            .server
            .store
            .draft(self.local, key, storage.hash, meta, len, mode);
        match draft {
            Ok(draft) => Ok(Upload {
                draft,
                mode,
                quiet: storage.quiet,
                end: [0; 2],
                end_len: 0,
            }),
            Err(_) if storage.quiet => Err(b""),
            Err(refused) => Err(refusal(refused)),
        }
    }

    /// Stores a value that has arrived.
    pub(super) fn finish_upload(&mut self, upload: Upload<'s>, out: &mut Output<'s>) {
        let Upload {
            draft,
            mode,
            quiet,
            end,
            ..
        } = upload;
        let reply = if end == reply::CR_LF {
            outcome(self.server.store.commit(self.local, draft, mode))
        } else {
            reply::BAD_CHUNK
        };
        out.put_unless(quiet, reply);
    }

    #[inline]
    fn meta(&self, storage: &Storage) -> Meta {
        let expires_s = self.server.store.clock.expiry(storage.exptime);
        Meta {
            client_flags: storage.client_flags,
            expires_s,
        }
    }
}

#[inline]
fn put_value<'s>(key: &[u8], item: &Found<'s, '_>, keys: Keys, out: &mut Output<'s>) {
    let len = item.value_len();
    out.put(b"VALUE ");
    out.put(key);
    out.put(b" ");
    out.put_number(u64::from(item.client_flags()));
    out.put(b" ");
    out.put_number(len as u64);
    if keys.with_cas {
        out.put(b" ");
        out.put_number(item.cas());
    }
    out.put(reply::CR_LF);
    match item.value() {
        Some(value) if len <= COPY_LEN_MAX => out.put(value),
        _ => out.put_pinned(item.pin()),
    }
    out.put(reply::CR_LF);
}

fn put_sum(sum: Arithmetic, quiet: bool, out: &mut Output<'_>) {
    match sum {
        Arithmetic::Value(_) if quiet => {}
        Arithmetic::Value(value) => {
            out.put_number(value);
            out.put(reply::CR_LF);
        }
        Arithmetic::NotFound => out.put_unless(quiet, reply::NOT_FOUND),
        Arithmetic::NotNumeric => out.put_unless(quiet, reply::NOT_NUMERIC),
        Arithmetic::NoMemory => out.put_unless(quiet, reply::NO_MEMORY),
    }
}

#[inline]
fn mode_of(storage: &Storage) -> Mode {
    match storage.mode {
        StoreVerb::Set => Mode::Set,
        StoreVerb::Add => Mode::Add,
        StoreVerb::Replace => Mode::Replace,
        StoreVerb::Append => Mode::Append,
        StoreVerb::Prepend => Mode::Prepend,
        StoreVerb::Cas => Mode::Cas(storage.cas),
    }
}

#[inline]
fn outcome(outcome: Outcome) -> &'static [u8] {
    match outcome {
        Outcome::Stored => reply::STORED,
        Outcome::NotStored => reply::NOT_STORED,
        Outcome::Exists => reply::EXISTS,
        Outcome::NotFound => reply::NOT_FOUND,
    }
}

fn refusal(refused: Refused) -> &'static [u8] {
    match refused {
        Refused::TooLarge => reply::TOO_LARGE,
        Refused::NoMemory => reply::NO_MEMORY_STORING,
        Refused::NoMemoryInside => reply::NO_MEMORY_READING,
    }
}
