//! Settings: what an operator can choose, from the command line to `stats settings`.
//!
//! Every option is declared once, as a row of `settings/table.rs`. Four readers walk
//! the rows: the option parser, `-h`, `stats settings`, and tests, one of which holds the
//! man page against them.
//!
//! ```text
//! argv ──► grammar ──► row and value ──► its type reads it ──► field ──► checks ──► Settings
//!          GNU rules                         range, own error            of options
//! ```
//!
//! A row without a field is an option that other versions of memcached have and this
//! one has not yet: it is known by name and refused. A feature that arrives turns its
//! row into one with a field, in its place.
//!
//! Options act strictly from left to right: `-V -c 0` prints the version, `-c 0 -V`
//! complains. What concerns more than one option is checked after all are read.
//!
//! Elsewhere: nothing here touches the system. Whether the user exists, an address
//! resolves or a limit can be raised is found out where it is done.
#![forbid(unsafe_code)]

mod checks;
mod draft;
mod given;
mod grammar;
mod help;
mod live;
mod numbers;
mod option_types;
mod refusal;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod upkeep_types;

pub use checks::SASL_IS_BINARY;
pub use draft::{Start, parse};
pub use help::VERSION;
pub use live::{Live, Number, Together};
pub use option_types::{HashAlgorithm, Protocol};
pub use refusal::Refusal;
pub use table::{BUFFER_BYTES, Settings};
