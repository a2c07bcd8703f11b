//! The hash table: buckets of one cache line, grown in place, one stripe at a time.
//!
//! ```text
//! hash   [ tag:16 │ …            bucket in stripe …        │ stripe ]
//!
//! bucket [ slot │ slot │ slot │ slot │ slot │ slot │ slot │ slot or link ]   64 bytes
//! node   [ slot │ slot │ slot │ slot or link ]                               32 bytes
//! slot   [ tag:16 │ epoch:8 │ id:40 ]                                        0 = empty
//! link   [ 65535:16 │ number of the next node:48 ]
//! ```
//!
//! A look-up reads one line here and one of the item; a tag that does not match costs no
//! item access. The ninth item of a bucket makes a chain: the last word becomes a link to an
//! overflow node, which holds what stood there and the newcomer. Chains are packed: all words
//! before the last item are in use, and a node holds two items at least.
//!
//! Growth is linear hashing (Litwin, "Linear Hashing: A New Tool for File and Table
//! Addressing", 1980), but each stripe is a table of its own: it counts its items and
//! splits its own next bucket, under its own lock, when an insertion has filled it above
//! the target, and merges its last bucket with the one that it was split from when a removal has
//! emptied it far below. So growth needs no thread, no second table, no pause and no word that all
//! threads share, and it can never fall behind. Bucket `j` of stripe `s` lies at place
//! `j * stripes + s`; a row is one bucket of every stripe.
//!
//! Rows are memory of all stripes. A stripe that is fuller than the others, since a client has
//! gathered keys of one stripe (cas ids tell them apart), must not take it alone: its chains
//! get longer, and it begins a row by itself only when it has items enough for a whole page of the
//! machine. So the table's memory is in proportion to its items, and chains are bounded, whatever keys
//! there are. Rows that no stripe uses any more go back to the system.
//!
//! Threads that look ahead read words of buckets and nodes, and the sizes of stripes, without a
//! lock. They load each word once (`word`), and use what they find only as a hint: to fetch memory,
//! and to look there first once they hold the stripe. All that they may read stays mapped.
//!
//! Locks: one per stripe, first in the order. The pool of overflow nodes and the
//! committing of rows have mutexes of their own, which nest innermost.

mod buckets;
mod overflow;
mod stripe;
mod stripe_size;
mod walk;
mod word;

pub use buckets::{Hint, Probe, Size, Table, Usage};
pub use stripe::{Slot, Stripe};
pub use walk::TableWalk;
pub use word::EPOCHS;

#[cfg(all(test, loom))]
mod loom_models;
#[cfg(all(test, not(loom)))]
mod tests;
