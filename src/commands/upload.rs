//! Values that are still arriving: received into a draft, stored when they are complete.

#![forbid(unsafe_code)]

use super::binary;
use super::classic::{mode_of, outcome_reply, rules_of};
use super::context::{Context, Done};
use super::meta;
use super::output::{Output, refusal};
use crate::server::events::CommandClass;
use crate::store::{AllocError, Draft, Key, Mode, StoreRules, ThreadState};
use crate::wire::Put;
use crate::wire::flags::{Flags, RequestKey};
use crate::wire::frame::fault::Fault;
use crate::wire::frame::header::{Frame, RequestIds};
use crate::wire::frame::opcode::BinaryVerb;
use crate::wire::reply;
use crate::wire::request::{Command, MetaStorage, Request, Storage};

/// A value that is arriving.
pub struct Upload<'s> {
    draft: Draft<'s>,
    rules: StoreRules,
    answer: Answer,
    /// What stands where CR LF should, as far as it is here; it is CR LF in the binary protocol,
    /// which sends none.
    end: [u8; 2],
    end_len: usize,
}

/// How the reply to a value that had to be waited for is written.
enum Answer {
    /// In one line, or not at all.
    Classic { quiet: bool },
    /// As these flags ask for.
    Meta { key: Box<[u8]>, flags: Box<[u8]> },
    /// In a frame, if it is an error or not quiet. The value is bare.
    Frame {
        ids: RequestIds,
        mode: Mode,
        quiet: bool,
    },
}

/// What is said of a refused value, which is read all the same.
#[derive(Clone, Copy)]
pub enum DeferredReply {
    /// This, or nothing.
    Text(&'static [u8]),
    /// An error of the binary protocol.
    Fault(RequestIds, Fault),
}

impl DeferredReply {
    /// Appends it.
    pub fn put(self, out: &mut Output<'_>) {
        match self {
            DeferredReply::Text(reply) => out.put(reply),
            DeferredReply::Fault(ids, fault) => ids.put_fault(fault, out),
        }
    }
}

impl<'s> Upload<'s> {
    fn new(draft: Draft<'s>, rules: StoreRules, answer: Answer) -> Upload<'s> {
        let (end, end_len) = match answer {
            Answer::Frame { .. } => ([b'\r', b'\n'], 2),
            _ => ([0; 2], 0),
        };
        Upload {
            draft,
            rules,
            answer,
            end,
            end_len,
        }
    }

    /// Whether CR LF stands behind the value.
    fn ends_well(&self) -> bool {
        self.end == reply::CR_LF
    }

    /// Takes what it can of `bytes`: how many, and whether memory was found for them.
    pub fn take(
        &mut self,
        local: &mut ThreadState,
        bytes: &[u8],
    ) -> (usize, Result<(), AllocError>) {
        let missing = self.draft.missing();
        let (value, after) = bytes.split_at(missing.min(bytes.len()));
        let taken = self.draft.write(local, value);
        let taken = taken.map_err(|refused| self.draft.refuse(local, &self.rules, refused));
        let mut len = missing - self.draft.missing();
        if len == missing {
            for &byte in after.iter().take(self.end.len() - self.end_len) {
                self.end[self.end_len] = byte;
                self.end_len += 1;
                len += 1;
            }
        }
        (len, taken)
    }

    /// Whether all of it is here, and what should be CR LF.
    pub fn is_complete(&self) -> bool {
        self.draft.missing() == 0 && self.end_len == self.end.len()
    }

    /// What remains to be read when memory has run out, and the reply.
    pub fn rest(&self) -> (u32, DeferredReply) {
        let left = (self.draft.missing() + self.end.len() - self.end_len) as u32;
        let quiet = match &self.answer {
            Answer::Classic { quiet } => *quiet,
            // The one error that `q` hides.
            Answer::Meta { flags, .. } => Flags::read(flags).has(b'q'),
            Answer::Frame { ids, .. } => {
                return (left, DeferredReply::Fault(*ids, Fault::NoMemoryReading));
            }
        };
        let reply = if quiet { b"" } else { reply::NO_MEMORY_READING };
        (left, DeferredReply::Text(reply))
    }

    /// The reply if the rest of it will not come.
    pub fn cut_short(&self) -> &'static [u8] {
        match &self.answer {
            Answer::Classic { quiet: true } | Answer::Frame { .. } => b"",
            Answer::Classic { quiet: false } | Answer::Meta { .. } => reply::BAD_CHUNK,
        }
    }

    /// Memory to receive into, if at least `least` bytes of the value are missing and stand
    /// there in one piece.
    pub fn window(&mut self, local: &mut ThreadState, least: usize) -> Option<&mut [u8]> {
        if self.draft.missing() < least {
            return None;
        }
        let window = self.draft.window(local).ok();
        window.filter(|window| window.len() >= least)
    }

    /// Claims `len` bytes received into the last window.
    pub fn received(&mut self, len: usize) {
        self.draft.advance(len);
    }
}

impl<'s> Context<'_, 's> {
    /// Memory for a value that is still arriving, or the reply that refuses it.
    pub(super) fn begin_upload(
        &mut self,
        input: &[u8],
        storage: &Storage,
    ) -> Result<Upload<'s>, &'static [u8]> {
        let key = Key::new(storage.key.of(input), storage.hash);
        let rules = rules_of(storage);
        let (meta, len) = (self.meta_of(storage), storage.len as usize);
        let store = &self.server.store;
        match store.draft(self.local, &key, meta, len, &rules) {
            Ok(draft) => Ok(Upload::new(
                draft,
                rules,
                Answer::Classic {
                    quiet: storage.quiet,
                },
            )),
            Err(_) if storage.quiet => Err(b""),
            Err(refused) => Err(refusal(refused)),
        }
    }

    /// Memory for a value that is still arriving, or the reply that refuses it.
    pub(super) fn begin_meta_upload(
        &mut self,
        input: &[u8],
        storage: &MetaStorage,
    ) -> Result<Upload<'s>, &'static [u8]> {
        let (given, text) = (storage.key.of(input), storage.flags.of(input));
        let flags = Flags::read(text);
        let key = RequestKey::read(given, flags.has(b'b'));
        let (meta, rules) = self.meta_rules(&flags);
        let sought = Key::new(key.bytes(), storage.hash);
        let len = storage.len as usize;
        let store = &self.server.store;
        match store.draft(self.local, &sought, meta, len, &rules) {
            Ok(draft) => {
                let answer = Answer::Meta {
                    key: given.into(),
                    flags: text.into(),
                };
                Ok(Upload::new(draft, rules, answer))
            }
            Err(refused) => Err(refusal(refused)),
        }
    }

    /// Memory for a value that is still arriving, or what is to be said of it.
    pub(super) fn begin_frame_upload(
        &mut self,
        input: &[u8],
        frame: &Frame,
    ) -> Result<Upload<'s>, DeferredReply> {
        let parts = frame.parts(input);
        let ids = parts.ids;
        let (BinaryVerb::Store(verb), Some(hash)) = (frame.opcode.verb, frame.hash) else {
            return Err(DeferredReply::Fault(ids, Fault::Invalid)); // no other request has a value
        };
        let mode = mode_of(verb);
        let (meta, rules) = self.frame_rules(&parts, mode);
        let key = Key::new(parts.key, hash);
        let (store, len) = (&self.server.store, frame.value.len as usize);
        match store.draft(self.local, &key, meta, len, &rules) {
            Ok(draft) => {
                let quiet = frame.opcode.quiet;
                Ok(Upload::new(
                    draft,
                    rules,
                    Answer::Frame { ids, mode, quiet },
                ))
            }
            Err(refused) => Err(DeferredReply::Fault(ids, refused.into())),
        }
    }

    /// What is known of the key of a value that is still arriving.
    pub(super) fn begun_upload(&self, request: &Request) -> Option<Done> {
        let (class, len) = match request.command {
            Command::Upload { ref storage } => (CommandClass::Store, storage.len),
            Command::MetaUpload { ref storage } => (CommandClass::MetaStore, storage.len),
            Command::FrameUpload { ref frame } if frame.hash.is_some() => {
                (CommandClass::Store, frame.value.len)
            }
            _ => return None,
        };
        Some(Done {
            class,
            hit: false,
            bytes: len as usize,
        })
    }

    /// Stores a value that has arrived.
    pub(super) fn finish_upload(&mut self, upload: Upload<'s>, out: &mut Output<'s>) {
        let is_whole = upload.ends_well();
        let Upload {
            draft,
            rules,
            answer,
            ..
        } = upload;
        let stored = is_whole.then(|| self.server.store.commit(self.local, draft, &rules));
        match (answer, stored) {
            (Answer::Classic { quiet }, Some(stored)) => {
                out.put_unless(quiet, outcome_reply(stored.outcome));
            }
            (Answer::Classic { quiet }, None) => out.put_unless(quiet, reply::BAD_CHUNK),
            (Answer::Meta { key, flags }, Some(stored)) => {
                let flags = Flags::read(&flags);
                let key = RequestKey::read(&key, flags.has(b'b'));
                meta::put_stored(&key, &flags, &stored, out);
            }
            (Answer::Frame { ids, mode, quiet }, Some(stored)) => {
                binary::put_stored(ids, mode, quiet, Ok(stored), out);
            }
            (Answer::Meta { .. } | Answer::Frame { .. }, None) => out.put(reply::BAD_CHUNK),
        }
    }
}
