//! The LRU maintainer: a thread that keeps the lists of each slab class in order, as often as
//! there is something to do, and decides once a second whether to crawl for expired items.
//!
//! A class in which nothing happens is looked at less and less often, up to once a second; one
//! in which something does, more and more often, down to a millisecond. Whatever there is to
//! do, the thread rests seventy-five times as long as it works; and eight times longer if all
//! it did was to sort again what had been sorted, while memory is half empty. But it never rests
//! for more than a second, and only its own work counts, as processor time: not the time for which
//! it was kept from working, by others or by a stop of the process.
//!
//! All of this runs on the maintainer's thread, `mc-lrumaint`.

#![forbid(unsafe_code)]

use super::autocrawl::Autocrawl;
use super::crawler::Crawler;
use super::shared::UpkeepShared;
use crate::settings::Settings;
use crate::store::{CLASSES_MAX, ThreadState, Tuning};
use crate::sys::time::used_by_thread;
use std::thread::sleep;
use std::time::Duration;

/// Bounds of the time between two looks at a class, microseconds.
const LOOK_MIN_US: u64 = 1000;
const LOOK_MAX_US: u64 = 999_999;
/// Rest, as a multiple of the work before it.
const REST: u32 = 75;
/// The same if no item was new, and none will be evicted for long.
const LONG_REST: u32 = 600;
/// The longest rest, whatever the work was.
const REST_MAX: Duration = Duration::from_secs(1);
/// Reports of items in use that are handled in one round.
const BUMPS_MAX: usize = 128;

/// When a class is due.
#[derive(Clone, Copy)]
struct Due {
    /// Time between two looks.
    every_us: u64,
    /// Time until the next.
    in_us: u64,
}

/// Maintains until the process ends.
pub(super) fn run(shared: UpkeepShared<'_>, crawler: &Crawler, mut local: ThreadState) {
    let store = shared.store;
    let mut due = [Due {
        every_us: LOOK_MIN_US,
        in_us: 0,
    }; CLASSES_MAX];
    let mut autocrawl = Autocrawl::default();
    let mut autocrawl_s = 0;
    let mut rest = Duration::from_micros(LOOK_MIN_US);
    loop {
        sleep(rest);
        let at_work = shared.pause.at_work();
        store.catch_up(&mut local);
        let used = used_by_thread();
        local.counters.thread.lru_maintainer_juggles.add(1);
        let tuning = tuning(shared.settings);
        let mut next_us = LOOK_MAX_US;
        let mut new = 0;
        for class in store.classes().ids() {
            let due = &mut due[class];
            due.in_us = due.in_us.saturating_sub(rest.as_micros() as u64);
            if due.in_us == 0 {
                let moved = store.maintain_class(&mut local, class, &tuning);
                new += moved.new;
                due.look_again(moved.all() > 0);
            }
            next_us = next_us.min(due.in_us);
        }
        if store.drain_bumps(BUMPS_MAX) > 0 {
            next_us = LOOK_MIN_US;
        }
        let now = store.clock.now();
        if now != autocrawl_s {
            autocrawl_s = now;
            autocrawl.look(shared, crawler, &local);
        }
        // What another class could use better is not kept while nothing happens.
        store.give_back(&local);
        drop(at_work);
        let times = if new == 0 && store.is_half_empty() {
            LONG_REST
        } else {
            REST
        };
        rest = rest_after(used_by_thread().saturating_sub(used), times, next_us);
    }
}

/// How long to rest after so much work, if the next class is due in `next_us`.
fn rest_after(work: Duration, times: u32, next_us: u64) -> Duration {
    Duration::from_micros(next_us.max(LOOK_MIN_US))
        .max(work.saturating_mul(times))
        .min(REST_MAX)
}

impl Due {
    fn look_again(&mut self, moved: bool) {
        self.every_us = if moved {
            self.every_us / 2
        } else {
            self.every_us + self.every_us / 8
        }
        .clamp(LOOK_MIN_US, LOOK_MAX_US);
        self.in_us = self.every_us;
    }
}

fn tuning(settings: &Settings) -> Tuning {
    let _together = settings.together.lock();
    Tuning {
        hot_pct: settings.hot_lru_pct.get(),
        warm_pct: settings.warm_lru_pct.get(),
        hot_max_factor: settings.hot_max_factor.get(),
        warm_max_factor: settings.warm_max_factor.get(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_a_multiple_of_the_work_up_to_a_second() {
        let (us, ms) = (Duration::from_micros, Duration::from_millis);
        assert_eq!(rest_after(us(20), REST, 0), us(1500));
        assert_eq!(rest_after(us(20), LONG_REST, 0), ms(12));
        assert_eq!(rest_after(us(0), REST, 0), us(LOOK_MIN_US));
        assert_eq!(rest_after(us(20), REST, 500_000), ms(500), "nothing is due");
        for work in [ms(14), ms(500), Duration::from_secs(600), Duration::MAX] {
            assert_eq!(rest_after(work, REST, LOOK_MAX_US), REST_MAX);
            assert_eq!(rest_after(work, LONG_REST, 0), REST_MAX);
        }
    }
}
