//! The commands of the text protocol, one row each.

#![forbid(unsafe_code)]

use super::flags::MetaVerb;

/// What a storage command does with the value that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreVerb {
    /// Stores it.
    Set,
    /// The same, if there is no item.
    Add,
    /// The same, if there is one.
    Replace,
    /// Adds it at the end of what is there.
    Append,
    /// Adds it at the front of what is there.
    Prepend,
}

/// The commands that are not about a key: what follows the name is read where they are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `COMMANDS` has their names
pub enum Admin {
    FlushAll,
    Version,
    Verbosity,
    Stats,
    CacheMemlimit,
    Slabs,
    Lru,
    LruCrawler,
    Extstore,
    RefreshCerts,
    Shutdown,
    #[cfg(debug_assertions)]
    DebugTime,
    #[cfg(debug_assertions)]
    DebugItem,
    #[cfg(debug_assertions)]
    DebugVerify,
    #[cfg(all(debug_assertions, feature = "faults"))]
    DebugFaults,
    #[cfg(debug_assertions)]
    DebugWait,
    #[cfg(debug_assertions)]
    DebugDone,
    #[cfg(debug_assertions)]
    Misbehave,
}

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
    Store(StoreVerb),
    /// The same, with the cas id that the item must have.
    CompareAndSwap,
    /// A key and flags of one letter each.
    Meta(MetaVerb),
    /// A key.
    Delete,
    /// A key and a number.
    Arithmetic {
        /// Up or down.
        increment: bool,
    },
    /// A key and an expiry.
    Touch,
    /// Nothing.
    Quit,
    /// Streams of events; the connection is nothing else after that.
    Watch,
    /// Words that are read where it is carried out.
    Admin(Admin),
}

/// A row of the table.
pub struct Row {
    /// Its name.
    pub word: &'static [u8],
    /// Tokens that its line has at least, the name included.
    pub tokens_min: usize,
    /// What it is about.
    pub verb: Verb,
}

macro_rules! commands {
    ($($(#[$only:meta])? $row:ident: $word:literal, $tokens_min:literal, $verb:expr;)*) => {
        $($(#[$only])? static $row: Row = Row {
            word: $word,
            tokens_min: $tokens_min,
            verb: $verb,
        };)*

        /// Every command, in the order of the documentation.
        pub static COMMANDS: &[&Row] = &[$($(#[$only])? &$row),*];

        /// The command of that name: a `match`, not a walk of the table.
        pub fn lookup(word: &[u8]) -> Option<&'static Row> {
            match word { $($(#[$only])? $word => Some(&$row),)* _ => None }
        }
    };
}

commands! {
    GET:        b"get",        2, Verb::Get { with_cas: false };
    GETS:       b"gets",       2, Verb::Get { with_cas: true };
    GAT:        b"gat",        3, Verb::GetAndTouch { with_cas: false };
    GATS:       b"gats",       3, Verb::GetAndTouch { with_cas: true };
    SET:        b"set",        5, Verb::Store(StoreVerb::Set);
    ADD:        b"add",        5, Verb::Store(StoreVerb::Add);
    REPLACE:    b"replace",    5, Verb::Store(StoreVerb::Replace);
    APPEND:     b"append",     5, Verb::Store(StoreVerb::Append);
    PREPEND:    b"prepend",    5, Verb::Store(StoreVerb::Prepend);
    CAS:        b"cas",        5, Verb::CompareAndSwap;
    INCR:       b"incr",       3, Verb::Arithmetic { increment: true };
    DECR:       b"decr",       3, Verb::Arithmetic { increment: false };
    DELETE:     b"delete",     2, Verb::Delete;
    TOUCH:      b"touch",      3, Verb::Touch;
    MG: b"mg", 2, Verb::Meta(MetaVerb::Get);
    MS: b"ms", 3, Verb::Meta(MetaVerb::Set);
    MD: b"md", 2, Verb::Meta(MetaVerb::Delete);
    MA: b"ma", 2, Verb::Meta(MetaVerb::Arithmetic);
    ME: b"me", 2, Verb::Meta(MetaVerb::Debug);
    MN: b"mn", 1, Verb::Meta(MetaVerb::NoOp);
    QUIT:       b"quit",       1, Verb::Quit;
    FLUSH_ALL:  b"flush_all",  1, Verb::Admin(Admin::FlushAll);
    VERSION:    b"version",    1, Verb::Admin(Admin::Version);
    VERBOSITY:  b"verbosity",  1, Verb::Admin(Admin::Verbosity);
    STATS:      b"stats",      1, Verb::Admin(Admin::Stats);
    CACHE_MEMLIMIT: b"cache_memlimit", 1, Verb::Admin(Admin::CacheMemlimit);
    SLABS: b"slabs", 1, Verb::Admin(Admin::Slabs);
    LRU: b"lru", 1, Verb::Admin(Admin::Lru);
    LRU_CRAWLER: b"lru_crawler", 1, Verb::Admin(Admin::LruCrawler);
    WATCH: b"watch", 1, Verb::Watch;
    EXTSTORE: b"extstore", 1, Verb::Admin(Admin::Extstore);
    REFRESH_CERTS: b"refresh_certs", 1, Verb::Admin(Admin::RefreshCerts);
    SHUTDOWN:   b"shutdown",   1, Verb::Admin(Admin::Shutdown);
    #[cfg(debug_assertions)] DEBUGTIME: b"debugtime", 1, Verb::Admin(Admin::DebugTime);
    #[cfg(debug_assertions)] DEBUGITEM: b"debugitem", 1, Verb::Admin(Admin::DebugItem);
    #[cfg(debug_assertions)] DEBUGVERIFY: b"debugverify", 1, Verb::Admin(Admin::DebugVerify);
    #[cfg(all(debug_assertions, feature = "faults"))] DEBUGFAULTS: b"debugfaults", 1, Verb::Admin(Admin::DebugFaults);
    #[cfg(debug_assertions)] DEBUGWAIT: b"debugwait", 2, Verb::Admin(Admin::DebugWait);
    #[cfg(debug_assertions)] DEBUGDONE: b"debugdone", 1, Verb::Admin(Admin::DebugDone);
    #[cfg(debug_assertions)] MISBEHAVE: b"misbehave", 1, Verb::Admin(Admin::Misbehave);
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
