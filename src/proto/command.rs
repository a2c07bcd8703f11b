//! The commands of the text protocol, one row each.

#![forbid(unsafe_code)]

use super::admin::{self, Run};
#[cfg(debug_assertions)]
use super::debug;
use super::flags::MetaVerb;
use super::tune;
use crate::store::Mode;

/// What a command is about; it decides how its line is read.
#[derive(Clone, Copy)]
pub enum Verb {
    /// Keys to the end of the line.
    Get {
        /// Whether the reply shows cas ids.
        with_cas: bool,
    },
    /// An expiry, then keys to the end of the line.
    GetAndTouch {
        /// Whether the reply shows cas ids.
        with_cas: bool,
    },
    /// A line with the length of the value that follows.
    Store(Mode),
    /// The same, with the cas id that the item must have.
    CompareAndSwap,
    /// A key and flags of one letter each.
    Meta(MetaVerb),
    /// A key.
    Delete,
    /// A key and a number.
    Add {
        /// Up or down.
        increment: bool,
    },
    /// A key and an expiry.
    Touch,
    /// Nothing.
    Quit,
    /// Streams of events; the connection is nothing else after that.
    Watch,
    /// Words that the handler reads.
    Admin(Run),
}

/// A row of the table.
pub struct Command {
    /// Its name.
    pub word: &'static [u8],
    /// Tokens that its line has at least, the name included.
    pub tokens_min: usize,
    /// What it is about.
    pub verb: Verb,
}

macro_rules! commands {
    ($($(#[$only:meta])? $row:ident: $word:literal, $tokens_min:literal, $verb:expr;)*) => {
        $($(#[$only])? static $row: Command = Command {
            word: $word,
            tokens_min: $tokens_min,
            verb: $verb,
        };)*

        /// Every command, in the order of the documentation.
        pub static COMMANDS: &[&Command] = &[$($(#[$only])? &$row),*];

        /// The command of that name: a `match`, not a walk of the table.
        pub fn lookup(word: &[u8]) -> Option<&'static Command> {
            match word { $($(#[$only])? $word => Some(&$row),)* _ => None }
        }
    };
}

commands! {
    GET:        b"get",        2, Verb::Get { with_cas: false };
    GETS:       b"gets",       2, Verb::Get { with_cas: true };
    GAT:        b"gat",        3, Verb::GetAndTouch { with_cas: false };
    GATS:       b"gats",       3, Verb::GetAndTouch { with_cas: true };
    SET:        b"set",        5, Verb::Store(Mode::Set);
    ADD:        b"add",        5, Verb::Store(Mode::Add);
    REPLACE:    b"replace",    5, Verb::Store(Mode::Replace);
    APPEND:     b"append",     5, Verb::Store(Mode::Append);
    PREPEND:    b"prepend",    5, Verb::Store(Mode::Prepend);
    CAS:        b"cas",        5, Verb::CompareAndSwap;
    INCR:       b"incr",       3, Verb::Add { increment: true };
    DECR:       b"decr",       3, Verb::Add { increment: false };
    DELETE:     b"delete",     2, Verb::Delete;
    TOUCH:      b"touch",      3, Verb::Touch;
    MG: b"mg", 2, Verb::Meta(MetaVerb::Get);
    MS: b"ms", 3, Verb::Meta(MetaVerb::Set);
    MD: b"md", 2, Verb::Meta(MetaVerb::Delete);
    MA: b"ma", 2, Verb::Meta(MetaVerb::Arithmetic);
    ME: b"me", 2, Verb::Meta(MetaVerb::Debug);
    MN: b"mn", 1, Verb::Meta(MetaVerb::NoOp);
    QUIT:       b"quit",       1, Verb::Quit;
    FLUSH_ALL:  b"flush_all",  1, Verb::Admin(admin::flush_all);
    VERSION:    b"version",    1, Verb::Admin(admin::version);
    VERBOSITY:  b"verbosity",  1, Verb::Admin(admin::verbosity);
    STATS:      b"stats",      1, Verb::Admin(admin::stats);
    CACHE_MEMLIMIT: b"cache_memlimit", 1, Verb::Admin(tune::cache_memlimit);
    SLABS: b"slabs", 1, Verb::Admin(tune::slabs);
    LRU: b"lru", 1, Verb::Admin(tune::lru);
    LRU_CRAWLER: b"lru_crawler", 1, Verb::Admin(tune::lru_crawler);
    WATCH: b"watch", 1, Verb::Watch;
    EXTSTORE: b"extstore", 1, Verb::Admin(tune::extstore);
    REFRESH_CERTS: b"refresh_certs", 1, Verb::Admin(tune::refresh_certs);
    SHUTDOWN:   b"shutdown",   1, Verb::Admin(admin::shutdown);
    #[cfg(debug_assertions)] DEBUGTIME: b"debugtime", 1, Verb::Admin(debug::time);
    #[cfg(debug_assertions)] DEBUGITEM: b"debugitem", 1, Verb::Admin(debug::item);
    #[cfg(debug_assertions)] DEBUGVERIFY: b"debugverify", 1, Verb::Admin(debug::verify);
    #[cfg(all(debug_assertions, feature = "faults"))] DEBUGFAULTS: b"debugfaults", 1, Verb::Admin(debug::faults);
    #[cfg(debug_assertions)] MISBEHAVE: b"misbehave", 1, Verb::Admin(debug::misbehave);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_and_by_no_other() {
        for command in COMMANDS {
            assert_eq!(lookup(command.word).map(|c| c.word), Some(command.word));
            let upper = command.word.to_ascii_uppercase();
            assert!(lookup(&upper).is_none());
        }
        assert_eq!(lookup(b"").map(|c| c.word), None);
    }
}
