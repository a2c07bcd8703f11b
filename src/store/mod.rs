//! The cache engine: items by key, in bounded memory. No protocol, no sockets.
//!
//! ```text
//!  key ─ hash ─► table ──► item in the arena ◄── lru (who goes first)
//!                  │              ▲
//!                stripe         slabs (who has the memory)
//! ```
//!
//! | file     | holds                                                              |
//! |----------|--------------------------------------------------------------------|
//! | `item`   | the layout of an item and its id                                   |
//! | `arena`  | address space in pages                                             |
//! | `classes`| the sizes of chunks                                                |
//! | `slabs`  | pages cut into chunks, magazines, the pool of pages                |
//! | `space`  | arrays in address space of their own                               |
//! | `table`  | the hash table and the stripes that lock it                        |
//! | `lru`    | the lists that victims are taken from                              |
//! | `tail`   | walking a list from its tail                                       |
//! | `evict`  | memory for a new item: free, or made free                          |
//! | `bumps`  | reports of items in use, from those who read to the maintainer     |
//! | `maintain`| what the LRU maintainer does to the lists                          |
//! | `crawl`  | going through all items: to expire them, to list them              |
//! | `mover`  | emptying a page, so that another class can have it                 |
//! | `read`   | get, touch, and values pinned while they are sent                  |
//! | `write`  | drafts and commit                                                  |
//! | `join`   | append and prepend                                                 |
//! | `change` | delete and arithmetic                                              |
//! | `large`  | values that are chains of chunks                                   |
//! | `observe`| the seam for whoever wants to know what happens to items           |
//! | `flush`  | making everything older than a moment invisible                    |
//! | `clock`  | the one source of time                                             |
//! | `moment` | what a command sees of the words that all threads share, read once |
//!
//! Every call that names a key takes its hash ([`Store::hash`]), computed once, so that a
//! batch can prefetch. The thread's own state ([`ThreadState`]) comes along: its counters, its
//! free chunks, its reports to the maintainer. No thread is started in here: what runs in the
//! background is called by threads of `ops`.
//!
//! Lock order: item stripe, LRU list, slab class, arena (doc/threads.txt). A function that
//! works under a stripe takes its guard: `Stripe`, or `Held`, which knows the command's moment.

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
pub use key::Hashed;
pub use lru::Segment;
pub use maintain::{ListAges, ListState, Maintained, Tuning};
pub use mover::{ChunkStatus, MoveCounts, MoveRefused, PageMove, Pass, Source};
pub use slabs::ClassUsage;
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
