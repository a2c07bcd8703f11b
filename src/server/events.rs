//! What happens to keys, told at one place: `commands::execute` calls [`Server::note`] once for each
//! key of a request that is carried out. What is counted by key begins here.

#![forbid(unsafe_code)]

use super::Server;
use super::prefixes::PrefixEvent;

/// What a command does with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandClass {
    /// `get`, `gets` and their binary forms.
    Get,
    /// `gat`, `gats` and the binary touches.
    GetAndTouch,
    /// `touch`.
    Touch,
    /// `set` and its kin.
    Store,
    /// `delete`.
    Delete,
    /// `incr` and `decr`.
    Arithmetic,
    /// `mg`.
    MetaGet,
    /// `ms`.
    MetaStore,
    /// `md`.
    MetaDelete,
    /// `ma`.
    MetaArithmetic,
}

/// One key of a request, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct KeyEvent<'k> {
    /// The key.
    pub key: &'k [u8],
    /// Its hash in the store.
    pub hash: u64,
    /// What the request did with it.
    pub class: CommandClass,
    /// Whether the key was found; of a value that is stored, whether it was. A value that is still
    /// arriving at that time is not stored yet.
    pub hit: bool,
    /// Bytes of the value that was sent, or that the request came with.
    pub bytes: usize,
}

impl Server {
    /// Whether anything wants to know of [`KeyEvent`]s: asked once for each batch of requests.
    pub fn wants_key_events(&self) -> bool {
        self.settings.detail_enabled.get()
    }

    /// Counts a request about a key for all that wants to know of it.
    pub fn note(&self, event: &KeyEvent<'_>) {
        let what = match event.class {
            CommandClass::Get | CommandClass::GetAndTouch => PrefixEvent::Get { hit: event.hit },
            CommandClass::Store => PrefixEvent::Store,
            CommandClass::Delete => PrefixEvent::Delete,
            // As in C memcached, `stats detail` knows nothing of these.
            CommandClass::Touch
            | CommandClass::Arithmetic
            | CommandClass::MetaGet
            | CommandClass::MetaStore
            | CommandClass::MetaDelete
            | CommandClass::MetaArithmetic => return,
        };
        self.prefixes.count(event.key, what);
    }
}
