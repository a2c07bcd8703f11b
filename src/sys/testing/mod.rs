//! What tests are made with: libc calls that fail, a libc for Miri, models for loom.

#[cfg(feature = "faults")]
#[macro_use]
pub mod faults;
#[cfg(loom)]
pub mod loom_futex;
#[cfg(all(test, loom))]
mod loom_models;
#[cfg(loom)]
pub mod loom_sync;
#[cfg(miri)]
pub mod miri;
