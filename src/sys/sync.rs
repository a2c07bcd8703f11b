//! What threads meet at: the mutexes, condition variables and atomics of `std`.
//!
//! Built with `--cfg loom` they are those of the crate `loom` instead, which runs a test under
//! every order of steps, and of values seen, that the language allows (`make loom`,
//! doc/testing.txt). Modules that a model covers take theirs from here; in every other build
//! these are other names of the same types.

#[cfg(not(loom))]
pub use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, atomic};

#[cfg(loom)]
pub use super::testing::loom_sync::{Condvar, Crossing, Mutex, MutexGuard, OnceLock, atomic};

#[cfg(all(test, loom))]
pub use super::testing::loom_sync::explore;

/// A place in the kernel where threads meet: a pipe, an event counter. Only loom has to know.
#[cfg(not(loom))]
#[derive(Clone, Default)]
pub struct Crossing {}

#[cfg(not(loom))]
impl Crossing {
    /// Makes a call that changes how many messages wait here, by `change`.
    #[inline]
    pub fn step<R>(&self, call: impl FnOnce() -> R, _: impl FnOnce(&R, &mut usize)) -> R {
        call()
    }
}
