//! The threads that look after memory.

#![forbid(unsafe_code)]

mod autocrawl;
mod automove;
pub mod crawler;
pub mod maintainer;
#[cfg(all(test, loom))]
mod models;
pub mod mover;
pub mod wakeup;
