//! A setting that may change while the server runs, and the lock for several of them.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

/// A number, or a switch, that any thread may read and change at any time.
///
/// Nothing else is published together with it, so relaxed access is enough.
pub struct Live<T: Number>(T::Cell);

impl<T: Number> Live<T> {
    /// A live setting that starts with `value`.
    pub fn new(value: T) -> Live<T> {
        Live(value.cell())
    }

    /// The value of this moment.
    #[inline]
    pub fn get(&self) -> T {
        T::load(&self.0)
    }

    /// Changes the value for all threads.
    pub fn set(&self, value: T) {
        value.store(&self.0);
    }
}

impl<T: Number + fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Held while several settings that belong together are changed or read, so that two operators
/// at once leave what one of them asked for.
///
/// Lock: taken with no other held, and never for long.
#[derive(Debug, Default)]
pub struct Together(Mutex<()>);

impl Together {
    /// Waits for the lock, and holds it as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap()
    }
}

/// What has an atomic twin.
pub trait Number: Copy {
    /// The twin.
    type Cell;

    /// A new twin that holds this number.
    fn cell(self) -> Self::Cell;

    /// What the twin holds.
    fn load(cell: &Self::Cell) -> Self;

    /// Puts this number into the twin.
    fn store(self, cell: &Self::Cell);
}

impl Number for bool {
    type Cell = AtomicBool;

    fn cell(self) -> AtomicBool {
        AtomicBool::new(self)
    }

    fn load(cell: &AtomicBool) -> bool {
        cell.load(Relaxed)
    }

    fn store(self, cell: &AtomicBool) {
        cell.store(self, Relaxed);
    }
}

impl Number for u32 {
    type Cell = AtomicU32;

    fn cell(self) -> AtomicU32 {
        AtomicU32::new(self)
    }

    fn load(cell: &AtomicU32) -> u32 {
        cell.load(Relaxed)
    }

    fn store(self, cell: &AtomicU32) {
        cell.store(self, Relaxed);
    }
}

impl Number for u64 {
    type Cell = AtomicU64;

    fn cell(self) -> AtomicU64 {
        AtomicU64::new(self)
    }

    fn load(cell: &AtomicU64) -> u64 {
        cell.load(Relaxed)
    }

    fn store(self, cell: &AtomicU64) {
        cell.store(self, Relaxed);
    }
}

impl Number for f64 {
    type Cell = AtomicU64;

    fn cell(self) -> AtomicU64 {
        AtomicU64::new(self.to_bits())
    }

    fn load(cell: &AtomicU64) -> f64 {
        f64::from_bits(cell.load(Relaxed))
    }

    fn store(self, cell: &AtomicU64) {
        cell.store(self.to_bits(), Relaxed);
    }
}
