//! Frames carried out.

#![forbid(unsafe_code)]

use super::super::admin;
use super::super::classic::mode_of;
use super::super::context::{Context, Done};
use super::super::output::{Output, put_value};
use super::sasl;
use crate::server::events::CommandClass;
use crate::settings::VERSION;
use crate::store::{
    Access, AllocError, Change, ChangeError, Found, Hint, Key, Meta, Mode, Outcome, Removal,
    StoreRules, Stored,
};
use crate::wire::Put;
use crate::wire::frame::fault::Fault;
use crate::wire::frame::header::{Frame, Parts, ReplyHeader, RequestIds};
use crate::wire::frame::opcode::BinaryVerb;

/// An increment with this expiry makes no item where there is none.
const DO_NOT_CREATE: u32 = u32::MAX;

impl<'s> Context<'_, 's> {
    /// Carries out a frame that is all here; what became of its key, if it is about one. Kept out
    /// of the loop that carries out text, which is the better for being short.
    #[inline(never)]
    pub fn frame(
        &mut self,
        input: &[u8],
        frame: &Frame,
        hint: Hint,
        out: &mut Output<'s>,
    ) -> Option<Done> {
        let parts = frame.parts(input);
        let quiet = frame.opcode.quiet;
        let Some(hash) = frame.hash else {
            self.frame_of_no_item(&parts, frame, out);
            return None;
        };
        let key = Key::with_hint(parts.key, hash, hint);
        Some(match frame.opcode.verb {
            BinaryVerb::Get { with_key } => {
                let asked = Asked {
                    access: Access::Get,
                    with_key,
                    with_value: true,
                    quiet,
                };
                self.frame_read(&parts, &key, &asked, out)
            }
            verb @ (BinaryVerb::Touch | BinaryVerb::GetAndTouch { .. }) => {
                let asked = Asked {
                    access: Access::Touch(self.server.store.clock.expiry(parts.u32_at(0))),
                    with_key: verb == BinaryVerb::GetAndTouch { with_key: true },
                    with_value: verb != BinaryVerb::Touch,
                    quiet,
                };
                self.frame_read(&parts, &key, &asked, out)
            }
            BinaryVerb::Store(verb) => {
                let value = frame.value.of(input);
                let (mode, len) = (mode_of(verb), value.len());
                let stored = self.frame_store(&parts, &key, mode, value);
                let hit = matches!(&stored, Ok(stored) if stored.outcome == Outcome::Stored);
                put_stored(parts.ids, mode, quiet, stored, out);
                Done {
                    class: CommandClass::Store,
                    hit,
                    bytes: len,
                }
            }
            BinaryVerb::Delete => {
                let removed = self.frame_delete(&parts, &key);
                let hit = removed.is_ok();
                put_done(parts.ids, quiet, removed, out);
                Done::without_value(CommandClass::Delete, hit)
            }
            BinaryVerb::Arithmetic { increment } => {
                let sum = self.frame_add(&parts, &key, increment);
                put_sum(parts.ids, quiet, sum, out);
                Done::without_value(CommandClass::Arithmetic, sum.is_ok())
            }
            // None of them is about an item.
            _ => return None,
        })
    }

    fn frame_of_no_item(&mut self, parts: &Parts<'_>, frame: &Frame, out: &mut Output<'s>) {
        let (ids, quiet) = (parts.ids, frame.opcode.quiet);
        match frame.opcode.verb {
            BinaryVerb::Flush => {
                let flushed = self.frame_flush(parts);
                put_done(ids, quiet, flushed, out);
            }
            BinaryVerb::NoOp => ids.put_done(0, out),
            BinaryVerb::Quit => put_done(ids, quiet, Ok::<(), Fault>(()), out),
            BinaryVerb::Version => ids.put_value(0, VERSION.as_bytes(), 0, out),
            BinaryVerb::Stat => self.frame_stat(parts, out),
            BinaryVerb::SaslList => ids.put_value(0, sasl::mechanisms(&self.server.logins), 0, out),
            // The session sees to logins: they change what it may be asked for. All others
            // are about an item.
            _ => {}
        }
    }

    #[inline]
    fn frame_store(
        &mut self,
        parts: &Parts<'_>,
        key: &Key<'_>,
        mode: Mode,
        value: &[u8],
    ) -> Result<Stored, AllocError> {
        let (meta, rules) = self.frame_rules(parts, mode);
        let store = &self.server.store;
        store.put(self.local, key, meta, value, &rules)
    }

    fn frame_delete(&mut self, parts: &Parts<'_>, key: &Key<'_>) -> Result<(), ChangeError> {
        let removal = Removal {
            compare: Some(parts.cas).filter(|&cas| cas != 0),
            mismatch_uncounted: true,
            event_name: None, // watchers see deletions by text only
            ..Removal::default()
        };
        let store = &self.server.store;
        store.remove(self.local, key, &removal)
    }

    #[inline]
    fn frame_read(
        &mut self,
        parts: &Parts<'_>,
        key: &Key<'_>,
        asked: &Asked,
        out: &mut Output<'s>,
    ) -> Done {
        let shown = if asked.with_key { parts.key } else { b"" };
        let store = &self.server.store;
        let found = store.read(self.local, key, asked.access, |item| {
            put_item(parts.ids, &item, shown, asked.with_value, out)
        });
        let done = Done {
            class: match asked.access {
                Access::Get => CommandClass::Get,
                Access::Touch(_) => CommandClass::GetAndTouch,
            },
            hit: found.is_some(),
            bytes: found.unwrap_or(0),
        };
        if done.hit || asked.quiet {
            return done;
        }
        if asked.with_key {
            // With the key in the place of a text.
            let header = ReplyHeader {
                status: Fault::NotFound.status(),
                key_len: shown.len(),
                ..ReplyHeader::default()
            };
            parts.ids.put(&header, out);
            out.put(shown);
        } else {
            parts.ids.put_fault(Fault::NotFound, out);
        }
        done
    }

    /// By what rules a value is stored.
    #[inline]
    pub fn frame_rules(&self, parts: &Parts<'_>, mode: Mode) -> (Meta, StoreRules) {
        let (store, settings) = (&self.server.store, &self.server.settings);
        let is_part = matches!(mode, Mode::Append | Mode::Prepend);
        let compare = Some(parts.cas).filter(|&cas| cas != 0 && settings.use_cas);
        // With an id all of them mean: what is there, if it has that id.
        let compared = compare.is_some() && !is_part;
        let rules = StoreRules {
            compare,
            replaces: mode == Mode::Set,
            refusal_uncounted: true,
            ..StoreRules::from(if compared { Mode::Set } else { mode })
        };
        let meta = if is_part {
            Meta::default()
        } else {
            Meta {
                client_flags: parts.u32_at(0),
                expires_s: store.clock.expiry(parts.u32_at(4)),
            }
        };
        (meta, rules)
    }

    /// The number and the cas id after it has changed.
    fn frame_add(
        &mut self,
        parts: &Parts<'_>,
        key: &Key<'_>,
        increment: bool,
    ) -> Result<(u64, u64), ChangeError> {
        let (seed, expiry) = (parts.u64_at(8), parts.u32_at(16));
        let change = Change {
            delta: parts.u64_at(0),
            increment,
            compare: Some(parts.cas),
            cas: 0,
            create: (expiry != DO_NOT_CREATE).then_some(seed),
        };
        let store = &self.server.store;
        store.change(self.local, key, &change, |item, sum, is_new| {
            if is_new {
                item.set_expiry(item.expiry(expiry));
            }
            (sum, item.cas())
        })
    }

    fn frame_flush(&mut self, parts: &Parts<'_>) -> Result<(), Fault> {
        if !self.server.settings.flush_enabled {
            return Err(Fault::Denied);
        }
        self.local.counters.thread.cmd_flush.add(1);
        let exptime = if parts.extras.is_empty() {
            0
        } else {
            parts.u32_at(0)
        };
        admin::flush(self.server, self.local, exptime);
        Ok(())
    }
}

/// What is asked for about an item.
struct Asked {
    access: Access,
    with_key: bool,
    with_value: bool,
    quiet: bool,
}

#[inline]
fn put_item<'s>(
    ids: RequestIds,
    item: &Found<'s, '_>,
    key: &[u8],
    with_value: bool,
    out: &mut Output<'s>,
) -> usize {
    let value_len = if with_value { item.value_len() } else { 0 };
    let header = ReplyHeader {
        status: 0,
        key_len: key.len(),
        value_len,
        cas: item.cas(),
    };
    ids.put_with_flags(&header, item.client_flags(), out);
    out.put(key);
    if with_value {
        put_value(item, out);
    }
    value_len
}

/// The reply to a value that was stored, or was not.
#[inline]
pub fn put_stored(
    ids: RequestIds,
    mode: Mode,
    quiet: bool,
    stored: Result<Stored, AllocError>,
    out: &mut Output<'_>,
) {
    let fault = match stored {
        Ok(Stored { outcome, cas, .. }) => match outcome {
            Outcome::Stored if quiet => return,
            Outcome::Stored => return ids.put_done(cas, out),
            Outcome::Exists => Fault::Exists,
            Outcome::NotFound => Fault::NotFound,
            Outcome::NoMemory => Fault::NoMemory,
            Outcome::NotStored => match mode {
                Mode::Add => Fault::Exists,
                Mode::Append | Mode::Prepend => Fault::NotStored,
                Mode::Set | Mode::Replace => Fault::NotFound,
            },
        },
        Err(refused) => refused.into(),
    };
    ids.put_fault(fault, out);
}

/// The reply to what has no cas id.
fn put_done<E: Into<Fault>>(
    ids: RequestIds,
    quiet: bool,
    outcome: Result<(), E>,
    out: &mut Output<'_>,
) {
    match outcome {
        Ok(()) if quiet => {}
        Ok(()) => ids.put_done(0, out),
        Err(why) => ids.put_fault(why.into(), out),
    }
}

/// The reply to a number that has changed, with its cas id, or has not.
fn put_sum(
    ids: RequestIds,
    quiet: bool,
    sum: Result<(u64, u64), ChangeError>,
    out: &mut Output<'_>,
) {
    match sum {
        Ok(_) if quiet => {}
        Ok((sum, cas)) => ids.put_value(0, &sum.to_be_bytes(), cas, out),
        Err(why) => ids.put_fault(why.into(), out),
    }
}
