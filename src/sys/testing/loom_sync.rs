//! Under loom only: what threads meet at, with the steps that loom is to know of.

use std::sync::{Arc, LockResult};
use std::time::Duration;

pub use loom::sync::{Mutex, MutexGuard};

/// The atomics of loom, made to notice more. Loom remembers the last access to an atomic, and
/// looks for other orders where a thread's step depends on another thread's last one. But a load
/// depends on stores only, and hides an earlier load of another thread from a store of its own
/// thread that follows. So each access is preceded by a store to a companion that is never read,
/// on which every later one depends; relaxed, it orders nothing.
pub mod atomic {
    use loom::sync::atomic::{self, Ordering::Relaxed};
    pub use loom::sync::atomic::{Ordering, fence};

    macro_rules! atomics {
        ($($Name:ident: $value:ty),*) => { $(
            /// As in `std`.
            #[derive(Default)]
            pub struct $Name {
                companion: atomic::AtomicU8,
                value: atomic::$Name,
            }

            #[allow(missing_docs)] // as in `std`
            impl $Name {
                pub fn new(value: $value) -> $Name {
                    let (companion, value) = (Default::default(), atomic::$Name::new(value));
                    $Name { companion, value }
                }

                fn noticed(&self) -> &atomic::$Name {
                    self.companion.store(0, Relaxed);
                    &self.value
                }

                pub fn load(&self, order: Ordering) -> $value {
                    self.noticed().load(order)
                }

                pub fn store(&self, value: $value, order: Ordering) {
                    self.noticed().store(value, order);
                }

                pub fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.noticed().swap(value, order)
                }

                pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                    self.noticed().fetch_add(value, order)
                }

                pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                    self.noticed().fetch_sub(value, order)
                }

                pub fn compare_exchange(
                    &self,
                    from: $value,
                    to: $value,
                    done: Ordering,
                    not: Ordering,
                ) -> Result<$value, $value> {
                    self.noticed().compare_exchange(from, to, done, not)
                }
            }
        )* };
    }

    atomics!(AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize,
        AtomicI32: i32);
}

/// A condition variable on which time never runs out: a wake-up that gets lost is a
/// thread that never ends, which loom reports.
#[derive(Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// As in `std`.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// As in `std`, without a limit.
    pub fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        _: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        while condition(&mut guard) {
            guard = self.0.wait(guard).unwrap();
        }
        Ok((guard, ()))
    }
}

/// A value that is made once, by the first thread that wants it.
pub struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    made: Mutex<bool>,
}

impl<T> OnceLock<T> {
    /// Without a value.
    pub fn new() -> OnceLock<T> {
        OnceLock {
            value: std::sync::OnceLock::new(),
            made: Mutex::new(false),
        }
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.made.lock().unwrap().then(|| self.value.get().unwrap())
    }

    /// The value, made if there is none.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let mut made = self.made.lock().unwrap();
        *made = true;
        self.value.get_or_init(make)
    }
}

/// A place in the kernel where threads meet. The calls there are real; this tells loom that each is
/// one step, which sees all that was done before the earlier ones.
#[derive(Clone, Default)]
pub struct Crossing {
    place: Arc<(Mutex<usize>, Condvar)>,
}

impl Crossing {
    /// Makes a call that changes how many messages wait here, by `change`.
    pub fn step<R>(&self, call: impl FnOnce() -> R, change: impl FnOnce(&R, &mut usize)) -> R {
        let mut waiting = self.place.0.lock().unwrap();
        let outcome = call();
        change(&outcome, &mut waiting);
        self.place.1.notify_one();
        outcome
    }

    /// Sleeps until a message waits here, as in `epoll_wait(2)`.
    pub fn wait(&self) {
        let waiting = self.place.0.lock().unwrap();
        let awake = |waiting: &mut usize| *waiting == 0;
        drop(
            self.place
                .1
                .wait_timeout_while(waiting, Duration::MAX, awake),
        );
    }
}

/// Runs `model` under every order of its threads' steps with at most so many preemptions (all
/// orders if there is no bound), and every value that its loads may see.
#[cfg(test)]
pub fn explore(preemptions_max: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let mut builder = loom::model::Builder::new();
    // LOOM_MAX_PREEMPTIONS asks for another bound.
    builder.preemption_bound = builder.preemption_bound.or(preemptions_max);
    builder.max_branches = 100_000;
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        model();
    });
    println!("{} orders", runs.load(Relaxed));
}
