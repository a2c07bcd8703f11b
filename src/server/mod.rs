//! What an operator asks for, and what all threads share so that it can be answered.

#![forbid(unsafe_code)]

pub mod caller;
pub mod completion;
pub mod conns;
pub mod daemon;
#[cfg(debug_assertions)]
pub mod debug_waits;
pub mod events;
pub mod log;
pub mod logins;
mod passwords;
pub mod prefixes;
#[allow(clippy::module_inception)] // the type that the room is named after
mod server;
mod stat_row;
mod stats;
mod stats_conns;
mod stats_items;
mod stats_sizes;
mod stats_slabs;
#[cfg(test)]
mod stats_tests;
mod sums;
pub mod supervisor;

pub use server::{Connections, Server};
