//! The one place that time comes from: whole seconds.
//!
//! The counter starts at 62: 0 can mean "unset", and "older than a minute" never goes below
//! it. `uptime` shows it less 60. Wall time is read once, at the start, so that a clock that
//! is set later moves nothing. What passes is measured by the time since the machine was started:
//! it runs on while the process is stopped and while the machine is suspended.
//!
//! The counter is read by all, without asking the kernel ([`Clock::now`]). A thread that has waited,
//! for whatever reason, brings it up to date before the first thing that it does then
//! ([`Clock::update`]): a request that lay in the socket while the process stood still is judged
//! by the time at which it is answered. So nothing may rely on seeing every second: the counter
//! may rise by any number at once, and by whichever thread.
//!
//! Written by every thread, when a second has passed, and by the debug commands.

#![forbid(unsafe_code)]

use crate::sys::time::since_boot;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The counter at the start.
const FIRST: u32 = 62;
/// What `uptime` leaves out.
const BEFORE_START: u32 = 60;
/// An expiry above this many seconds is an absolute time: thirty days.
const RELATIVE_MAX_S: i64 = 60 * 60 * 24 * 30;

/// Whether time passes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Stopped,
}

/// Seconds since a little before the start.
pub struct Clock {
    reading: AtomicU64, // a `Reading`
    /// Seconds that the process has been awake.
    awake_s: AtomicU32,
    /// Unix time at counter 0.
    wall_at_zero_s: i64,
    /// Time since boot at the start.
    started: Duration,
    /// Seconds that had passed when a test stopped the clock.
    paused_at_s: Mutex<Option<u32>>,
}

/// The counter, and what it has been brought up to. Both in one word, as the counter is to rise
/// once for each second that passes, whichever thread notices it first.
#[derive(Clone, Copy)]
struct Reading {
    now_s: u32,
    /// Seconds since the start that are in it. It is behind when more have passed.
    passed_s: u32,
}

/// More seconds than ever pass: a clock that stands.
const PAUSED: u32 = u32::MAX;

impl Reading {
    fn of(word: u64) -> Reading {
        Reading {
            now_s: word as u32,
            passed_s: (word >> 32) as u32,
        }
    }

    fn word(self) -> u64 {
        u64::from(self.passed_s) << 32 | u64::from(self.now_s)
    }
}

impl Clock {
    /// Starts now.
    pub fn new() -> Clock {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs() as i64);
        let first = Reading {
            now_s: FIRST,
            passed_s: 0,
        };
        Clock {
            reading: AtomicU64::new(first.word()),
            awake_s: AtomicU32::new(FIRST),
            wall_at_zero_s: wall - i64::from(FIRST),
            started: since_boot(),
            paused_at_s: Mutex::default(),
        }
    }

    /// The second of the last update.
    #[inline]
    pub fn now(&self) -> u32 {
        Reading::of(self.reading.load(Relaxed)).now_s
    }

    /// Brings the counter up to date. It costs a look at the kernel's clock, and is written only
    /// if a second has passed.
    #[inline]
    pub fn update(&self) {
        self.count(self.passed());
    }

    /// Brings the counter up to date and says how long it will stay so.
    pub fn tick(&self) -> Duration {
        let passed = self.passed();
        self.count(passed);
        Duration::from_secs(passed.as_secs() + 1) - passed
    }

    #[inline]
    fn passed(&self) -> Duration {
        since_boot().saturating_sub(self.started)
    }

    #[inline]
    fn count(&self, passed: Duration) {
        let reading = Reading::of(self.reading.load(Relaxed));
        if passed.as_secs() > u64::from(reading.passed_s) {
            self.advance(passed.as_secs() as u32);
        }
    }

    /// Counts what has passed since the counter was last up to date; nothing if another thread
    /// has done that meanwhile.
    #[cold]
    fn advance(&self, passed_s: u32) {
        let risen = self.change(|reading| {
            let more_s = passed_s.checked_sub(reading.passed_s).filter(|&s| s > 0)?;
            Some(Reading {
                now_s: reading.now_s.saturating_add(more_s),
                passed_s,
            })
        });
        if risen.is_some() {
            self.awake_s.fetch_add(1, Relaxed);
        }
    }

    /// Changes the reading in one step, and gives the one before; none if `to` finds that there
    /// is nothing to change.
    fn change(&self, to: impl Fn(Reading) -> Option<Reading>) -> Option<Reading> {
        let word = |word| to(Reading::of(word)).map(Reading::word);
        let before = self.reading.fetch_update(Relaxed, Relaxed, word);
        before.ok().map(Reading::of)
    }

    /// Seconds in which the process has been awake: as [`Clock::now`], but however long it was
    /// stopped or suspended in one piece, it counts as one. For silence: a client that could not be heard
    /// was not silent.
    #[inline]
    pub fn awake(&self) -> u32 {
        self.awake_s.load(Relaxed)
    }

    /// Seconds that the server has been up, as `stats` counts them.
    pub fn uptime(&self) -> u32 {
        self.now() - BEFORE_START
    }

    /// Unix time of clock second `at_s`.
    pub fn wall(&self, at_s: u32) -> i64 {
        self.wall_at_zero_s + i64::from(at_s)
    }

    /// What a client's expiry means, as a clock second: 0 never; negative, or a time that is past,
    /// a second that is past; up to thirty days from now; above that a Unix time. What the
    /// counter will not reach, in 2162, is never.
    #[inline]
    pub fn expiry(&self, given: impl Into<i64>) -> u32 {
        self.expiry_at(self.now(), given)
    }

    /// The same at a second that has been read already.
    #[inline]
    pub fn expiry_at(&self, now_s: u32, given: impl Into<i64>) -> u32 {
        let at_s = match given.into() {
            0 => return 0,
            given @ ..0 => given,
            given @ ..=RELATIVE_MAX_S => i64::from(now_s) + given,
            given => given.saturating_sub(self.wall_at_zero_s),
        };
        u32::try_from(at_s.max(1)).unwrap_or(0)
    }

    /// Whether an item that has expiry `at_s` comes to its end before the time that a client
    /// names at second `now_s`, in the terms of [`Clock::expiry`].
    #[inline]
    pub fn is_before(&self, now_s: u32, at_s: u32, given: i64) -> bool {
        let until_s = match self.expiry_at(now_s, given) {
            0 if given != 0 => u32::MAX, // before what is beyond all seconds
            second => second,
        };
        (1..until_s).contains(&at_s)
    }

    /// Stops the clock, for tests.
    pub fn pause(&self) {
        self.run(Going::Stopped);
    }

    /// Lets it go on, and catch up.
    pub fn resume(&self) {
        self.run(Going::On);
    }

    fn run(&self, going: Going) {
        let paused = going == Going::Stopped;
        let mut paused_at_s = self.paused_at_s.lock().unwrap();
        if paused != paused_at_s.is_some() {
            let passed_s = paused_at_s.take().unwrap_or(PAUSED);
            let before = self.change(|reading| {
                Some(Reading {
                    passed_s,
                    ..reading
                })
            });
            *paused_at_s = before.map(|before| before.passed_s).filter(|_| paused);
        }
    }

    /// Moves the clock by `seconds`, for tests.
    pub fn shift(&self, seconds: i64) {
        self.change(|reading| {
            let now_s = (i64::from(reading.now_s) + seconds) as u32;
            Some(Reading { now_s, ..reading })
        });
        self.awake_s.fetch_add(seconds as u32, Relaxed);
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_relative_up_to_thirty_days_and_absolute_above() {
        let clock = Clock::new();
        let now = clock.now();
        assert_eq!(clock.expiry(0), 0);
        for given in [-1, i32::MIN.into(), i64::MIN] {
            assert_eq!(clock.expiry(given), 1);
        }
        assert_eq!(clock.expiry(1), now + 1);
        assert_eq!(clock.expiry(2_592_000), now + 2_592_000);
        assert_eq!(clock.expiry(2_592_001), 1, "1970 is long past");
        let soon = i32::try_from(clock.wall(now) + 100).unwrap();
        assert_eq!(clock.expiry(soon), now + 100);
    }

    #[test]
    fn an_expiry_beyond_2038_is_the_time_that_it_says_and_beyond_the_clock_never() {
        let clock = Clock::new();
        for bits in [31, 32] {
            for given in [(1 << bits) - 1, 1 << bits, (1 << bits) + 5] {
                assert_eq!(clock.wall(clock.expiry(given)), given);
            }
        }
        assert_eq!(clock.wall(clock.expiry(u32::MAX)), i64::from(u32::MAX));
        let last = clock.wall(u32::MAX);
        assert_eq!(clock.expiry(last), u32::MAX);
        for given in [last + 1, clock.wall(clock.now()) * 1000, i64::MAX] {
            assert_eq!(clock.expiry(given), 0);
        }
    }

    #[test]
    fn what_never_ends_is_before_nothing_and_nothing_is_before_the_past() {
        let clock = Clock::new();
        let now = clock.now();
        assert!(clock.is_before(now, now + 9, 10) && !clock.is_before(now, now + 10, 10));
        assert!(clock.is_before(now, now + 10, clock.wall(now) + 11));
        for given in [0, 10, 1 << 32, i64::MAX, -1] {
            assert!(!clock.is_before(now, 0, given), "{given}");
        }
        assert!(clock.is_before(now, now + 10, i64::MAX), "beyond the clock");
        assert!(!clock.is_before(now, now + 10, 0) && !clock.is_before(now, now + 10, -1));
    }

    #[test]
    fn a_paused_clock_moves_only_when_told() {
        let clock = Clock::new();
        clock.pause();
        let before = clock.now();
        clock.count(Duration::from_secs(7));
        assert_eq!(clock.now(), before);
        clock.shift(30);
        assert_eq!((clock.now(), clock.awake()), (before + 30, before + 30));
        clock.pause();
        clock.resume();
        clock.resume();
        assert_eq!(clock.now(), before + 30);
        clock.count(Duration::from_secs(7));
        assert_eq!(clock.now(), before + 37, "it catches up");
    }

    #[test]
    fn the_counter_rises_by_what_has_passed_and_never_falls() {
        let clock = Clock::new();
        let mut awake = clock.awake();
        for (passed_ms, now_s, wakes) in [
            (999, 0, 0),
            (1000, 1, 1),
            (1999, 1, 0),
            (36_000_000, 36_000, 1), // a night's sleep
            (2000, 36_000, 0),       // of a thread that was stopped before it could count
            (36_001_500, 36_001, 1),
        ] {
            clock.count(Duration::from_millis(passed_ms));
            awake += wakes;
            assert_eq!((clock.now(), clock.awake()), (FIRST + now_s, awake));
        }
        let left = clock.tick();
        assert!(left > Duration::ZERO && left <= Duration::from_secs(1));
    }

    #[test]
    fn a_second_that_many_threads_notice_is_counted_once() {
        let clock = Clock::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (1..=1000).for_each(|s| clock.count(Duration::from_secs(s))));
            }
        });
        assert_eq!(clock.now(), FIRST + 1000);
        assert!(clock.awake() <= FIRST + 1000);
    }
}
