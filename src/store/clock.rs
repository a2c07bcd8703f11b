//! The one place that time comes from: whole seconds, advanced by a tick.
//!
//! The counter starts at 62: 0 can mean "unset", and "older than a minute" never goes below
//! it. `uptime` shows it less 60. Wall time is read once, at the start, so that a clock that
//! is set later moves nothing.
//!
//! Written by the listener thread (`tick`) and by the debug commands; read by all.

#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The counter at the start.
const FIRST: u32 = 62;
/// What `uptime` leaves out.
const BEFORE_START: u32 = 60;
/// An expiry above this many seconds is an absolute time: thirty days.
const RELATIVE_MAX_S: i64 = 60 * 60 * 24 * 30;

/// Seconds since a little before the start.
pub struct Clock {
    now_s: AtomicU32,
    /// Unix time at counter 0.
    wall_at_zero_s: i64,
    started: Instant,
    debug: Mutex<Debug>,
}

/// What the debug commands have done to the clock.
#[derive(Default)]
struct Debug {
    paused: bool,
    offset_s: i64,
}

impl Clock {
    /// Starts now.
    pub fn new() -> Clock {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs() as i64);
        Clock {
            now_s: AtomicU32::new(FIRST),
            wall_at_zero_s: wall - i64::from(FIRST),
            started: Instant::now(),
            debug: Mutex::default(),
        }
    }

    /// The current second.
    #[inline]
    pub fn now(&self) -> u32 {
        self.now_s.load(Relaxed)
    }

    /// Brings the counter up to date and says how long it will stay so.
    pub fn tick(&self) -> Duration {
        let debug = self.debug.lock().unwrap();
        let elapsed = self.started.elapsed();
        if !debug.paused {
            let now = i64::from(FIRST) + elapsed.as_secs() as i64 + debug.offset_s;
            self.now_s.store(now as u32, Relaxed);
        }
        Duration::from_secs(elapsed.as_secs() + 1) - elapsed
    }

    /// Seconds that the server has been up, as `stats` counts them.
    pub fn uptime(&self) -> u32 {
        self.now() - BEFORE_START
    }

    /// Unix time of clock second `at_s`.
    pub fn wall(&self, at_s: u32) -> i64 {
        self.wall_at_zero_s + i64::from(at_s)
    }

    /// What a client's expiry means: 0 never; negative at once; up to thirty days from now;
    /// above that a Unix time, at once if it is before the start. The result is a clock second.
    pub fn expiry(&self, given: impl Into<i64>) -> u32 {
        self.expiry_at(self.now(), given)
    }

    /// The same for one who has read the clock already.
    pub fn expiry_at(&self, now_s: u32, given: impl Into<i64>) -> u32 {
        match given.into() {
            0 => 0,
            ..0 => 1,
            given @ ..=RELATIVE_MAX_S => now_s + given as u32,
            given => u32::try_from(given - self.wall_at_zero_s)
                .unwrap_or(0)
                .max(1),
        }
    }

    /// Stops or resumes the clock, for tests.
    pub fn pause(&self, paused: bool) {
        self.debug.lock().unwrap().paused = paused;
    }

    /// Moves the clock by `seconds`, for tests.
    pub fn shift(&self, seconds: i64) {
        let mut debug = self.debug.lock().unwrap();
        debug.offset_s += seconds;
        self.now_s
            .store((i64::from(self.now()) + seconds) as u32, Relaxed);
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
        assert_eq!(clock.expiry(-1), 1);
        assert_eq!(clock.expiry(i32::MIN), 1);
        assert_eq!(clock.expiry(1), now + 1);
        assert_eq!(clock.expiry(2_592_000), now + 2_592_000);
        assert_eq!(clock.expiry(2_592_001), 1, "1970 is long past");
        let far = clock.expiry(u32::MAX);
        assert_eq!(clock.wall(far), i64::from(u32::MAX), "unsigned: in 2106");
        let soon = i32::try_from(clock.wall(now) + 100).unwrap();
        assert_eq!(clock.expiry(soon), now + 100);
    }

    #[test]
    fn a_paused_clock_moves_only_when_told() {
        let clock = Clock::new();
        clock.pause(true);
        let before = clock.now();
        clock.tick();
        assert_eq!(clock.now(), before);
        clock.shift(30);
        clock.tick();
        assert_eq!(clock.now(), before + 30);
        clock.pause(false);
        clock.tick();
        assert!(clock.now() >= before + 30);
    }
}
