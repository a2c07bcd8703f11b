//! The threads that look after memory: what they share, what others may ask of them, and their
//! start. They know the settings and the store, and no server.

#![forbid(unsafe_code)]

mod autocrawl;
mod automove;
pub mod crawler;
#[cfg(all(test, loom))]
mod loom_models;
mod maintainer;
pub mod mover;
mod shared;
mod threads;
pub mod wakeup;

pub use shared::Pause;
pub use threads::Upkeep;
