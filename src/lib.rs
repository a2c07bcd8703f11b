//! A drop-in memcached.
//!
//! ```text
//!               ┌────────────┐ inbox  ┌──────────┐  stripe, list, class locks
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
//! and move pages. The logger sends watchers what the other threads have recorded; it sleeps as long
//! as there are none.
//!
//! The rooms, from the top; calls go down this list, never up:
//!
//! | room        | holds                                                        |
//! |-------------|--------------------------------------------------------------|
//! | `net`       | sockets: listener, workers, connections, logger              |
//! | `commands`  | what a request does                                          |
//! | `server`    | what all threads share and an operator asks for; logins      |
//! | `upkeep`    | the threads that look after memory                           |
//! | `wire`      | bytes to requests and replies: no store, no server, no socket |
//! | `settings`  | every option, once                                           |
//! | `store`     | the cache engine, no protocol                                |
//! | `counters`  | every counter, once                                          |
//! | `digits`    | decimal numbers                                              |
//! | `histogram` | latencies in buckets                                         |
//! | `sys`       | the only place that calls libc                               |
//!
//! `src/bench` is another program, the load generator `memcached-bench`: it uses `wire`, `histogram` and
//! `sys`. t/tidy.t keeps all this; doc/house.txt says how to add to it.

#[macro_use]
mod macros;

pub mod commands;
pub mod counters;
pub mod digits;
pub mod histogram;
pub mod net;
pub mod server;
pub mod settings;
pub mod store;
pub mod sys;
pub mod upkeep;
pub mod wire;
