//! The meta commands carried out.
//!
//! Flags are looked at from left to right, each sees what those before it have done; what a
//! flag asks for is written in that order. Then come `Z`, `X` and `W`.

#![forbid(unsafe_code)]

use super::context::{Context, Done};
use super::output::{Output, put_block, refusal};
use crate::server::events::CommandClass;
use crate::store::{
    Change, ChangeError, Found, Hint, Key, Meta, MetaRead, Mode, Outcome, Removal, StoreRules,
    Stored,
};
use crate::wire::Put;
use crate::wire::base64;
use crate::wire::flags::{Flags, MetaVerb, RequestKey};
use crate::wire::reply;
use crate::wire::request::MetaStorage;

impl<'s> Context<'_, 's> {
    /// Carries out a meta command without a value.
    #[inline]
    pub(super) fn meta(
        &mut self,
        verb: MetaVerb,
        given: &Key<'_>,
        flags: &[u8],
        out: &mut Output<'s>,
    ) -> Option<Done> {
        let flags = match verb {
            MetaVerb::Debug => Flags::read_debug(flags),
            _ => Flags::read(flags),
        };
        let key = RequestKey::read(given.bytes(), flags.has(b'b'));
        let request = MetaRequest {
            key: &key,
            sought: given.with_bytes(key.bytes()),
            flags: &flags,
        };
        match verb {
            MetaVerb::Get => Some(self.meta_get(&request, out)),
            MetaVerb::Delete => Some(Done::without_value(
                CommandClass::MetaDelete,
                self.meta_delete(&request, out),
            )),
            MetaVerb::Arithmetic => Some(Done::without_value(
                CommandClass::MetaArithmetic,
                self.meta_arithmetic(&request, out),
            )),
            // It looks at an item without using it.
            MetaVerb::Debug => {
                self.meta_debug(&request.sought, out);
                None
            }
            // One has a value, the other is answered when it is read.
            MetaVerb::Set | MetaVerb::NoOp => None,
        }
    }

    #[inline]
    fn meta_get(&mut self, request: &MetaRequest<'_>, out: &mut Output<'s>) -> Done {
        let flags = request.flags;
        let how = MetaRead {
            touches: flags.has(b'T'),
            unmarked: flags.has(b'u'),
            create: flags.has(b'N').then_some(flags.cas),
        };
        let server = self.server;
        let store = &server.store;
        let found = store.read_meta(self.local, &request.sought, &how, |item, is_new| {
            let len = put_item(&item, is_new, flags, out);
            (!is_new, len)
        });
        if found.is_none() && !flags.has(b'q') {
            request.refuse(b"EN", out);
        }
        let (hit, bytes) = found.unwrap_or((false, 0));
        Done {
            class: CommandClass::MetaGet,
            hit,
            bytes,
        }
    }

    /// Whether the item was there.
    fn meta_delete(&mut self, request: &MetaRequest<'_>, out: &mut Output<'s>) -> bool {
        let flags = request.flags;
        let store = &self.server.store;
        let removal = Removal {
            compare: flags.compare(),
            mismatch_uncounted: false,
            stale: flags.has(b'I'),
            empty: flags.has(b'x').then_some(flags.client_flags),
            expires_s: flags.has(b'T').then(|| store.clock.expiry(flags.ttl)),
            cas: flags.cas,
            event_name: Some("md"),
        };
        let removed = store.remove(self.local, &request.sought, &removal);
        match removed {
            Ok(()) if flags.has(b'q') => {}
            Ok(()) => request.refuse(b"HD", out),
            Err(fault) => request.fault(fault, out),
        }
        removed.is_ok()
    }

    /// Whether there is a number now.
    fn meta_arithmetic(&mut self, request: &MetaRequest<'_>, out: &mut Output<'s>) -> bool {
        let flags = request.flags;
        let change = Change {
            delta: flags.delta.unwrap_or(1),
            increment: !matches!(flags.mode, b'D' | b'-'),
            compare: flags.compare(),
            cas: flags.cas,
            create: flags.has(b'N').then_some(flags.seed),
        };
        let server = self.server;
        let reply = |item: Found<'_, '_>, sum, is_new| {
            put_sum(request, &item, sum, is_new, out);
        };
        let changed = server
            .store
            .change(self.local, &request.sought, &change, reply);
        if let Err(fault) = changed {
            request.fault(fault, out);
        }
        changed.is_ok()
    }

    /// `me`: what there is to know about an item, for people.
    fn meta_debug(&mut self, key: &Key<'_>, out: &mut Output<'s>) {
        let found = self.server.store.peek(self.local, key, |item| {
            out.put(b"ME ");
            put_key(item.key(), is_encoded(&item), out);
            out.put(b" exp=");
            put_ttl(item.ttl_s(), out);
            for (name, value) in [
                (&b" la="[..], u64::from(item.idle_s())),
                (b" cas=", item.cas()),
            ] {
                out.put(name);
                out.put_number(value);
            }
            out.put(if item.is_fetched() {
                b" fetch=yes cls="
            } else {
                b" fetch=no cls="
            });
            out.put_number(item.class() as u64);
            out.put(b" size=");
            out.put_number(item.accounted_len());
            out.put(reply::CR_LF);
        });
        if found.is_none() {
            out.put(reply::EN);
        }
    }

    /// `ms` with a value that is here, or is not a value: then it is known how long it is, and CR LF
    /// is not behind it.
    pub(super) fn meta_store(
        &mut self,
        input: &[u8],
        storage: &MetaStorage,
        hint: Hint,
        value: Result<&[u8], u32>,
        out: &mut Output<'s>,
    ) -> Done {
        let given = storage.key.of(input);
        let flags = Flags::read(storage.flags.of(input));
        let key = RequestKey::read(given, flags.has(b'b'));
        let (meta, rules) = self.meta_rules(&flags);
        let store = &self.server.store;
        let sought = Key::with_hint(key.bytes(), storage.hash, hint);
        let mut hit = false;
        match value {
            Ok(value) => match store.put(self.local, &sought, meta, value, &rules) {
                Ok(stored) => {
                    hit = stored.outcome == Outcome::Stored;
                    put_stored(&key, &flags, &stored, out);
                }
                Err(refused) => out.put(refusal(refused)),
            },
            Err(len) => {
                let len = len as usize;
                let draft = store.draft(self.local, &sought, meta, len, &rules);
                out.put(draft.map_or_else(refusal, |_| reply::BAD_CHUNK));
            }
        }
        Done {
            class: CommandClass::MetaStore,
            hit,
            bytes: storage.len as usize,
        }
    }

    pub(super) fn meta_rules(&self, flags: &Flags<'_>) -> (Meta, StoreRules) {
        let clock = &self.server.store.clock;
        let mode = match flags.mode {
            b'E' => Mode::Add,
            b'A' => Mode::Append,
            b'P' => Mode::Prepend,
            b'R' => Mode::Replace,
            _ => Mode::Set,
        };
        let rules = StoreRules {
            mode,
            compare: flags.compare(),
            or_stale: flags.has(b'I'),
            cas: flags.cas,
            binary_key: flags.has(b'b'),
            create: flags.has(b'N').then(|| clock.expiry(flags.vivify)),
            replaces: true,
            refusal_uncounted: false,
        };
        let expires_s = clock.expiry(flags.ttl);
        (
            Meta {
                client_flags: flags.client_flags,
                expires_s,
            },
            rules,
        )
    }
}

/// What a reply needs to know of its request.
struct MetaRequest<'r> {
    key: &'r RequestKey<'r>,
    /// The key as the store has it.
    sought: Key<'r>,
    flags: &'r Flags<'r>,
}

impl MetaRequest<'_> {
    /// A reply that tells nothing about an item: the code, key and opaque.
    fn refuse(&self, code: &[u8], out: &mut Output<'_>) {
        out.put(code);
        for (letter, text) in self.flags.each() {
            put_reflected(self.key, letter, text, out);
        }
        out.put(reply::CR_LF);
    }

    fn fault(&self, fault: ChangeError, out: &mut Output<'_>) {
        match fault {
            ChangeError::NotFound => self.refuse(b"NF", out),
            ChangeError::Exists => self.refuse(b"EX", out),
            ChangeError::NotNumeric => out.put(reply::NOT_NUMERIC),
            ChangeError::NoMemory => out.put(reply::NO_MEMORY),
            ChangeError::NoMemoryForNew => out.put(reply::NO_MEMORY_VIVIFYING),
        }
    }
}

/// Key and opaque as the request has them; nothing for any other flag.
#[inline]
fn put_reflected(key: &RequestKey<'_>, letter: u8, text: &[u8], out: &mut Output<'_>) {
    match letter {
        b'O' => put_text(b" O", text, out),
        b'k' => {
            out.put(b" k");
            key.put(out);
        }
        _ => {}
    }
}

/// The reply of `mg` to a hit; returns the bytes of the value that it shows.
#[inline]
fn put_item<'s>(
    item: &Found<'s, '_>,
    is_new: bool,
    flags: &Flags<'_>,
    out: &mut Output<'s>,
) -> usize {
    let with_value = flags.has(b'v') && flags.compare().is_none_or(|given| given != item.cas());
    if with_value {
        out.put(b"VA ");
        out.put_number(item.value_len() as u64);
    } else {
        out.put(b"HD");
    }
    let mut wins = is_new;
    for (letter, text) in flags.each() {
        match letter {
            b'T' => item.set_expiry(item.expiry(flags.ttl)),
            b'N' if is_new => item.set_expiry(item.expiry(flags.vivify)),
            // An item with an expiry that comes before the time that the client names.
            b'R' => wins |= item.ends_before(flags.recache),
            b's' => put_count(b" s", item.value_len() as u64, out),
            b'c' => put_count(b" c", item.cas(), out),
            b'f' => put_count(b" f", u64::from(item.client_flags()), out),
            b'h' => put_count(b" h", u64::from(item.is_fetched()), out),
            b'l' => put_count(b" l", u64::from(item.idle_s()), out),
            b't' => {
                out.put(b" t");
                put_ttl(item.ttl_s(), out);
            }
            b'k' => {
                out.put(b" k");
                let encoded = is_encoded(item);
                put_key(item.key(), encoded, out);
                if encoded {
                    out.put(b" b");
                }
            }
            b'O' => put_text(b" O", text, out),
            _ => {}
        }
    }
    put_marks(item, wins, out);
    out.put(reply::CR_LF);
    if !with_value {
        return 0;
    }
    put_block(item, out);
    item.value_len()
}

/// Which client is to renew the item, and why: `Z` another one, `X` it is stale, `W` this one.
#[inline]
fn put_marks(item: &Found<'_, '_>, wins: bool, out: &mut Output<'_>) {
    let (stale, won) = (item.is_stale(), item.is_win_sent());
    if won {
        out.put(b" Z");
    }
    if stale {
        out.put(b" X");
    }
    if (wins || stale) && !won {
        item.set_win_sent();
        out.put(b" W");
    }
}

/// The reply of `ma` to a number that has changed or been made.
fn put_sum(
    request: &MetaRequest<'_>,
    item: &Found<'_, '_>,
    sum: u64,
    is_new: bool,
    out: &mut Output<'_>,
) {
    let flags = request.flags;
    let quiet = flags.has(b'q');
    let digits = sum.checked_ilog10().unwrap_or(0) + 1;
    if !quiet {
        if flags.has(b'v') {
            put_count(b"VA ", u64::from(digits), out);
        } else {
            out.put(b"HD");
        }
    }
    for (letter, text) in flags.each() {
        match letter {
            b'T' => item.set_expiry(item.expiry(flags.ttl)),
            b'N' if is_new => item.set_expiry(item.expiry(flags.vivify)),
            _ if quiet => {}
            b't' => {
                out.put(b" t");
                put_ttl(item.ttl_s(), out);
            }
            b'c' => put_count(b" c", item.cas(), out),
            _ => put_reflected(request.key, letter, text, out),
        }
    }
    if !quiet {
        out.put(reply::CR_LF);
        if flags.has(b'v') {
            out.put_number(sum);
            out.put(reply::CR_LF);
        }
    }
}

/// The reply of `ms`.
pub(super) fn put_stored(
    key: &RequestKey<'_>,
    flags: &Flags<'_>,
    stored: &Stored,
    out: &mut Output<'_>,
) {
    let code: &[u8] = match stored.outcome {
        Outcome::Stored if flags.has(b'q') => return,
        Outcome::Stored => b"HD",
        Outcome::NotStored => b"NS",
        Outcome::Exists => b"EX",
        Outcome::NotFound => b"NF",
        Outcome::NoMemory => return out.put(reply::NO_MEMORY_STORING),
    };
    out.put(code);
    for (letter, text) in flags.each() {
        match letter {
            b'c' => put_count(b" c", stored.cas, out),
            b's' => put_count(b" s", stored.value_len as u64, out),
            _ => put_reflected(key, letter, text, out),
        }
    }
    out.put(reply::CR_LF);
}

fn put_text(name: &[u8; 2], text: &[u8], out: &mut Output<'_>) {
    out.put(name);
    out.put(text);
}

#[inline]
fn put_count<const N: usize>(name: &[u8; N], count: u64, out: &mut Output<'_>) {
    out.put(name);
    out.put_number(count);
}

fn put_ttl(seconds: Option<u32>, out: &mut Output<'_>) {
    match seconds {
        Some(seconds) => out.put_number(u64::from(seconds)),
        None => out.put(b"-1"),
    }
}

/// Whether an item's key is shown in base64: it was stored under one, or cannot stand in a
/// line. The latter comes from the binary protocol, and from `b` of commands that set no mark.
fn is_encoded(item: &Found<'_, '_>) -> bool {
    item.is_key_binary() || base64::is_needed(item.key())
}

fn put_key(key: &[u8], is_binary: bool, out: &mut Output<'_>) {
    if is_binary {
        base64::encode(key, |group| out.put(group));
    } else {
        out.put(key);
    }
}
