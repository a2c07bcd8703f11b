//! A drop-in memcached.
//!
//! ```text
//!               ┌────────────┐ pipe   ┌──────────┐  stripe, list, class locks
//! clients ────► │ listener   │ ─────► │ worker 1 │ ◄──────┐
//!               │ accepts,   │ ─────► │ worker 2 │ ◄──────┤   ┌───────────────┐
//!               │ ticks,     │   …    │    …     │        ├──►│ store: table, │
//!               │ signals    │ ─────► │ worker N │ ◄──────┘   │ lru, slabs    │
//!               └────────────┘        └──────────┘            └───────────────┘
//!                                 rings, │ clients that watch
//!                                        ▼
//!                                  ┌──────────┐
//!                                  │ logger   │ ────► watchers
//!                                  └──────────┘
//!       ┌──────────────────────────────┐
//!       │ maintainer, crawler, mover   │ ────► store
//!       └──────────────────────────────┘
//! ```
//!
//! The listener is the process's first thread: it accepts clients, hands them to the
//! workers in turn, advances the clock and obeys signals. A worker owns the connections it
//! was given, one epoll set, one buffer to read into and one to write from; UDP sockets are
//! read by workers, too. All share one store, whose items are locked by stripes of the hash.
//! Three threads look after memory: they keep the LRU lists in order, find what has expired,
//! and move pages. The logger sends those who watch what the other threads have recorded; it sleeps as long
//! as nobody does.
//!
//! The rooms, from the top; calls go down this list, never up:
//!
//! | room       | holds                                                        |
//! |------------|--------------------------------------------------------------|
//! | `net`      | sockets: listener, workers, connections, logger              |
//! | `proto`    | bytes to requests to replies, no sockets                     |
//! | `ops`      | what an operator asks for; the upkeep of memory; logins      |
//! | `settings` | every option, once                                           |
//! | `counters` | every counter, once                                          |
//! | `store`    | the cache engine, no protocol                                |
//! | `sys`      | the only place that calls libc                               |
//!
//! `src/bench` is another program, the load generator `memcached-bench`: it uses `sys`.

#[macro_use]
mod macros;

pub mod counters;
pub mod net;
pub mod ops;
pub mod proto;
pub mod settings;
pub mod store;
pub mod sys;
