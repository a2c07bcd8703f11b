//! The progress line: on standard error, and only if that is a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the line changes, and how often it is looked whether the phase is over.
const LINE_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Shows how far a phase is, on the calling thread, until `is_over`; `keys` is how many keys
/// each load thread has done.
pub fn show(name: &str, start: Instant, keys: &[AtomicU64], is_over: impl Fn() -> bool) {
    if !stderr().is_terminal() {
        return;
    }
    let (mut shown_at, mut shown) = (start, 0);
    while !is_over() {
        std::thread::sleep(LOOK_EVERY);
        let now = Instant::now();
        let since = now - shown_at;
        if since < LINE_EVERY {
            continue;
        }
        let sum: u64 = keys.iter().map(|keys| keys.load(Ordering::Relaxed)).sum();
        let rate = (sum - shown) as f64 / since.as_secs_f64();
        let seconds = (now - start).as_secs();
        let _ = write!(
            stderr(),
            "\r{name}: {seconds} s, {sum} keys, {rate:.0} per second\x1b[K"
        );
        (shown_at, shown) = (now, sum);
    }
    // The line is wiped away: the summary says it all.
    let _ = write!(stderr(), "\r\x1b[K");
}
