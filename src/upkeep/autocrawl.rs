//! When to crawl for expired items: soon if many will have expired, seldom if few.
//!
//! Each class has a time at which it wants to be crawled. What a crawl has learnt of how soon
//! the items expire moves that time; a crawl goes through the whole table in any case, so the
//! classes that are nearly due come along.
//!
//! Called by the maintainer, once a second.

#![forbid(unsafe_code)]

use super::crawler::{Crawler, Job};
use super::shared::UpkeepShared;
use crate::store::{CLASSES_MAX, ClassSet, ExpiryHistogram, ThreadState};

/// Part of a class's items that makes a crawl worth its while: one in so many.
const WORTH: u64 = 100;
/// Steps of the time between two crawls, and the longest, seconds.
const STEP_S: u32 = 60;
const WAIT_MAX_S: u32 = 3600;
/// Slack after that time.
const SLACK_S: u32 = 5;
/// Classes that will be due within this time come along with those that are.
const ALONG_S: u32 = 60;

/// What is known of one class.
#[derive(Clone, Copy, Default)]
struct Class {
    wait_s: u32,
    /// Clock second of the next crawl.
    next_s: u32,
}

/// When each class wants to be crawled.
pub struct Autocrawl {
    classes: [Class; CLASSES_MAX],
}

impl Default for Autocrawl {
    fn default() -> Autocrawl {
        Autocrawl {
            classes: [Class::default(); CLASSES_MAX],
        }
    }
}

impl Autocrawl {
    /// Reads what the last crawl has found, and starts the next if it is time.
    pub fn look(&mut self, shared: UpkeepShared<'_>, crawler: &Crawler, local: &ThreadState) {
        if !shared.settings.lru_crawler.get() {
            return;
        }
        let clock = &shared.store.clock;
        let now = clock.now();
        if let Some(found) = crawler.take_findings() {
            for class in (0..CLASSES_MAX).filter(|&class| found.classes.has(class)) {
                let histogram = &found.histograms[class];
                let outlook = self.classes[class].learn(histogram, now);
                if found.is_auto {
                    // All lists of a class are gone through at once: they share a line.
                    local.notify_system(&format_args!(
                        "type=lru_crawler crawler={class} lru=cold low_mark={} next_reclaims={} \
                         since_run={} next_run={} elapsed={} examined={} reclaimed={}",
                        outlook.worth,
                        outlook.expiring,
                        now.saturating_sub(found.ended_s),
                        outlook.next_run_s,
                        found.ended_s.saturating_sub(found.begun_s),
                        histogram.seen,
                        histogram.reclaimed,
                    ));
                }
            }
        }
        let wanted = self.due(now);
        if wanted.is_empty() {
            return;
        }
        let job = Job { classes: wanted };
        // If it is busy, or an operator wants it, the next look will find the same.
        if crawler.start_auto(job, clock.awake()) {
            for class in (0..CLASSES_MAX).filter(|&class| wanted.has(class)) {
                self.classes[class].next_s = now + STEP_S + SLACK_S;
            }
        }
    }

    /// The classes to crawl now: none, or those that are due and those that nearly are.
    fn due(&self, now: u32) -> ClassSet {
        let by = |second: u32| {
            let mut set = ClassSet::default();
            (1..CLASSES_MAX)
                .filter(|&class| self.classes[class].next_s < second)
                .for_each(|class| set.insert(class));
            set
        };
        if by(now).is_empty() {
            ClassSet::default()
        } else {
            by(now + ALONG_S)
        }
    }
}

/// What a class expects of its next crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outlook {
    /// Items that make a crawl worth its while.
    worth: u64,
    /// Those that expire by the time that was looked for, or all that will within the hour.
    expiring: u64,
    /// Seconds until the next.
    next_run_s: u32,
}

impl Class {
    /// Waits longer or shorter, by when a part of the items that is worth a crawl will have
    /// expired.
    fn learn(&mut self, found: &ExpiryHistogram, now: u32) -> Outlook {
        let worth = (found.seen - found.never) / WORTH + 1;
        let mut expired = 0;
        let mut when_s = None;
        for (minute, count) in found.minutes.iter().enumerate() {
            expired += count;
            if expired > worth {
                when_s = Some(STEP_S * minute as u32);
                break;
            }
        }
        self.wait_s = match when_s {
            Some(at_s) if self.wait_s < at_s => self.wait_s + STEP_S,
            Some(_) => self.wait_s.saturating_sub(STEP_S),
            None if expired == 0 => self.wait_s + STEP_S,
            None => self.wait_s,
        }
        .min(WAIT_MAX_S);
        let next_run_s = self.wait_s + SLACK_S;
        self.next_s = now + next_run_s;
        Outlook {
            worth,
            expiring: expired,
            next_run_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(never: u64, minutes: &[(usize, u64)]) -> ExpiryHistogram {
        let mut histogram = ExpiryHistogram {
            never,
            seen: never,
            ..ExpiryHistogram::default()
        };
        for &(minute, count) in minutes {
            histogram.minutes[minute] += count;
            histogram.seen += count;
        }
        histogram
    }

    #[test]
    fn everything_is_due_at_the_start_and_a_minute_later() {
        let mut autocrawl = Autocrawl::default();
        assert!(autocrawl.due(62).has(1) && autocrawl.due(62).has(63));
        for class in &mut autocrawl.classes {
            class.learn(&found(0, &[]), 62);
        }
        assert!(autocrawl.due(127).is_empty());
        assert!(!autocrawl.due(128).is_empty());
    }

    #[test]
    fn a_class_without_expiring_items_is_crawled_less_and_less_down_to_once_an_hour() {
        let mut class = Class::default();
        for round in 1..100 {
            class.learn(&found(1000, &[]), 100);
            assert_eq!(class.wait_s, (round * STEP_S).min(3600));
        }
        class.learn(&found(0, &[(0, 500), (10, 500)]), 100);
        assert_eq!(class.wait_s, 3540, "a part expires within a minute: sooner");
    }

    #[test]
    fn the_wait_settles_at_when_a_hundredth_will_have_expired() {
        let mut class = Class::default();
        for _ in 0..50 {
            class.learn(&found(0, &[(7, 1000)]), 100);
        }
        assert!(
            (6 * 60..=7 * 60).contains(&class.wait_s),
            "{}",
            class.wait_s
        );
    }

    #[test]
    fn classes_that_are_nearly_due_come_along() {
        let mut autocrawl = Autocrawl::default();
        for (index, class) in autocrawl.classes.iter_mut().enumerate() {
            class.next_s = 1000 + index as u32 * 30;
        }
        let due = autocrawl.due(1031);
        assert!(due.has(1) && due.has(2) && due.has(3) && !due.has(4));
    }
}
