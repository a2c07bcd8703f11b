//! What carries requests out, and does not own.

#![forbid(unsafe_code)]

use super::batch::Batch;
use super::verbose::CommandLog;
use super::waiting::Work;
use crate::server::Server;
use crate::server::caller::Caller;
use crate::server::completion::Ticket;
use crate::server::events::{CommandClass, KeyEvent};
use crate::store::{Key, ThreadState};
#[cfg(debug_assertions)]
use crate::wire::command::Admin;
use crate::wire::request::{Command, Keys, Request};
#[cfg(debug_assertions)]
use crate::wire::tokens::words;

/// What a worker lends a session for one call.
pub struct Context<'c, 's> {
    /// The server.
    pub server: &'s Server,
    /// The worker's own part of the store.
    pub local: &'c mut ThreadState,
    /// Memory for a batch.
    pub batch: &'c mut Batch,
    /// The connection that is served.
    pub(super) caller: Caller<'c>,
    /// Whether [`KeyEvent`]s are wanted: copied here, since every key asks for it.
    notes_keys: bool,
    /// What is logged on standard error.
    pub(super) log: CommandLog,
    /// Replies of one client that may wait to be sent, if memory for them is limited.
    pub(super) replies_max: Option<u32>,
}

/// What became of a request about a key, for [`Context::note`].
#[derive(Clone, Copy)]
pub struct Done {
    /// What the request did with it.
    pub class: CommandClass,
    /// Whether the key was found, or the value stored.
    pub hit: bool,
    /// Bytes of the value that was sent, or that the request came with.
    pub bytes: usize,
}

impl Done {
    /// What became of a key of a retrieval: of the bytes of its value, if it was found.
    pub fn of_get(keys: Keys, found: Option<usize>) -> Done {
        Done {
            class: match keys.touch {
                None => CommandClass::Get,
                Some(_) => CommandClass::GetAndTouch,
            },
            hit: found.is_some(),
            bytes: found.unwrap_or(0),
        }
    }

    /// What became of a request that has no value.
    pub fn without_value(class: CommandClass, hit: bool) -> Done {
        Done {
            class,
            hit,
            bytes: 0,
        }
    }
}

impl<'c, 's> Context<'c, 's> {
    /// What a session works with during one call.
    pub fn new(
        server: &'s Server,
        local: &'c mut ThreadState,
        batch: &'c mut Batch,
        caller: Caller<'c>,
        replies_max: Option<u32>,
    ) -> Context<'c, 's> {
        Context {
            server,
            local,
            batch,
            caller,
            notes_keys: server.wants_key_events(),
            log: CommandLog {
                client: caller.fd,
                verbosity: server.settings.verbosity.get(),
            },
            replies_max,
        }
    }

    /// Looks again at the switches that a command may have changed.
    pub(super) fn refresh(&mut self) {
        self.notes_keys = self.server.wants_key_events();
    }

    /// Counts bytes that have been sent to the client.
    pub fn count_written(&self, len: usize) {
        self.local.counters.thread.bytes_written.add(len as u64);
    }

    /// Tells what became of a request about a key, if anything wants to know of it: the one place
    /// for that.
    #[inline]
    pub(super) fn note(&self, input: &[u8], request: &Request, done: impl FnOnce() -> Done) {
        if self.notes_keys {
            self.note_key(input, request, done());
        }
    }

    #[cold]
    fn note_key(&self, input: &[u8], request: &Request, done: Done) {
        if let Some((key, hash)) = request.command.key(input) {
            self.server.note(&KeyEvent {
                key: key.bytes(),
                hash,
                class: done.class,
                hit: done.hit,
                bytes: done.bytes,
            });
        }
    }

    /// Logs whether the key of a request is there.
    pub(super) fn log_look(&self, input: &[u8], command: &Command) {
        if let Some((key, hash)) = command.key(input) {
            let is_found = self.server.store.contains(&Key::new(key.bytes(), hash));
            self.log.look(key.bytes(), is_found);
        }
    }

    /// Whether each request is to be looked at by itself.
    #[inline]
    pub(super) fn looks_at_each(&self) -> bool {
        self.log.has_commands() | self.replies_max.is_some()
    }

    /// Whether a request may have to wait for another thread.
    #[inline]
    pub(super) fn may_wait(&self) -> bool {
        cfg!(debug_assertions) && self.caller.completions.is_some()
    }

    /// What a request needs that another thread must do, if it may wait for that.
    pub(super) fn work_of<'i>(&self, input: &'i [u8], request: &Request) -> Option<Work<'i>> {
        self.caller.completions?;
        let name = waits_for(input, &request.command)?;
        Some(Work {
            subject: self.server.store.hash(name),
            name,
        })
    }

    /// Begins that.
    pub(super) fn begin(&self, work: &Work<'_>) -> Ticket {
        #[cfg(debug_assertions)]
        return self.server.debug_waits.begin(work.name, &self.caller);
        #[cfg(not(debug_assertions))]
        unreachable!("{:?} has been begun by nothing", work.name)
    }
}

/// What a request waits for. There is no such request yet but one for tests.
fn waits_for<'i>(input: &'i [u8], command: &Command) -> Option<&'i [u8]> {
    #[cfg(debug_assertions)]
    if let Command::Admin {
        admin: Admin::DebugWait,
        line,
    } = *command
    {
        return words(line.of(input)).nth(1);
    }
    let _ = (input, command);
    None
}
