//! The cache engine: items by key, in bounded memory. No protocol, no sockets.
//!
//! ```text
//!  key ─ hash ─► table ──► item in the arena ◄── lru (what is evicted next)
//!                  │              ▲
//!                stripe         slabs (which class has the memory)
//! ```
//!
//! | file          | holds                                                                   |
//! |---------------|-------------------------------------------------------------------------|
//! | `terms`       | the vocabulary: what callers ask for, and what they are answered        |
//! | `key`         | a key with its hash                                                     |
//! | `config`      | what a store is made from                                               |
//! | `engine`      | the store itself: its parts, what it says of itself                     |
//! | `thread_state`| what one thread has of a store for itself                               |
//! | `moment`      | what a command sees of the words that all threads share, read once      |
//! | `held`        | a held stripe, with its moment and the thread that holds it             |
//! | `read`        | get and touch                                                           |
//! | `found`       | an item that was found, and values pinned while they are sent           |
//! | `write`       | what becomes of a value: put, commit                                    |
//! | `draft`       | items in the making                                                     |
//! | `join`        | append and prepend                                                      |
//! | `change`      | delete and arithmetic                                                   |
//! | `link`        | link, unlink, replace, references, bytes accounting, expiry             |
//! | `flush`       | making everything older than a moment invisible                         |
//! | `prefetch`    | looking ahead for a batch                                               |
//! | `item`        | the layout of an item and its id                                        |
//! | `large`       | values that are chains of chunks                                        |
//! | `arena`       | address space in pages                                                  |
//! | `classes`     | the sizes of chunks                                                     |
//! | `slabs`       | pages cut into chunks, magazines, the pool of pages                     |
//! | `space`       | arrays in address space of their own                                    |
//! | `table`       | the hash table and the stripes that lock it                             |
//! | `lru`         | the lists that items are evicted from                                   |
//! | `tail`        | walking a list from its tail                                            |
//! | `evict`       | memory for a new item: free, or freed by an eviction                    |
//! | `bumps`       | reports of items in use, from threads that read to the maintainer       |
//! | `maintain`    | what the LRU maintainer does to the lists                               |
//! | `crawl`       | going through all items: to expire them, to list them                   |
//! | `mover`       | emptying a page, so that another class can have it                      |
//! | `events`      | what observers hear of; `observe` notifies them                         |
//! | `clock`       | the one source of time                                                  |
//! | `verify`      | the invariant walk of tests                                             |
//!
//! Every call that names a key takes a [`Key`], made once for a request, so that a batch can
//! prefetch. The thread's own state ([`ThreadState`]) comes along: its counters, its free chunks, its
//! reports to the maintainer. No thread is started in here: what runs in the background is called
//! by threads of `upkeep`.
//!
//! Lock order: item stripe, LRU list, slab class, arena (doc/threads.txt). What works under a stripe
//! is a method of its guard: `HeldStripe`, which knows the command's moment, or `Held`, which knows
//! the thread and the hash, too; what works under lists is a method of `HeldLists` or takes one.
//! No two files import each other (t/tidy.t). Tests of one file stand at its end or in a directory of
//! its name, those of the whole store in `tests`; `loom_models` shows what threads do to each other.

mod arena;
mod bumps;
mod cache_line;
mod change;
mod classes;
pub mod clock;
mod config;
mod crawl;
mod draft;
mod engine;
mod events;
mod evict;
mod flush;
mod found;
pub mod hash;
mod held;
mod item;
mod join;
mod key;
mod large;
mod link;
mod locks;
#[cfg(loom)]
mod loom_twins;
mod lru;
mod maintain;
mod moment;
mod mover;
mod observe;
mod prefetch;
mod read;
mod slabs;
mod space;
mod table;
mod tail;
mod terms;
mod thread_state;
#[cfg(any(test, debug_assertions))]
mod verify;
mod write;

pub use arena::LIMIT_MAX;
pub use classes::{CLASSES_MAX, ClassSet, ClassSizes, Classes};
pub use config::Config;
pub use crawl::{Crawl, ExpiryHistogram, ExpiryHistograms, LISTED_PER_HOLD, Listed, MINUTES};
pub use draft::Draft;
pub use engine::Store;
pub use events::{Event, Observer, Seen, StoreEnd};
pub use found::{Found, Pinned};
pub use item::{KEY_LEN_MAX, accounted_len};
pub use key::Key;
pub use lru::Segment;
pub use maintain::{ListAges, ListState, Maintained, Tuning};
pub use mover::{ChunkStatus, Eviction, MoveCounts, MoveRefused, PageMove, Pass, Patience, Source};
pub use slabs::{ClassUsage, PagePick};
pub use table::{Hint, Probe, Usage};
pub use terms::{
    Access, AllocError, Change, ChangeError, FlushTime, Meta, MetaRead, Mode, Outcome, Removal,
    StoreRules, Stored,
};
pub use thread_state::ThreadState;
#[cfg(any(test, debug_assertions))]
pub use verify::Census;

/// Steps of a run in a test: fewer under Miri, where each takes a thousand times as long.
#[cfg(test)]
const fn steps(count: u64) -> u64 {
    if cfg!(miri) { count / 100 } else { count }
}

#[cfg(all(test, loom))]
mod loom_models;
#[cfg(all(test, not(loom)))]
mod tests;
