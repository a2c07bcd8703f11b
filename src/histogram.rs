//! Latencies, counted in buckets whose width grows with them.
//!
//! ```text
//! bucket    0 … 127   128 … 255   256 … 383   384 … 511   …
//! width        1          1           2           4          each 128 buckets twice as wide
//! ```
//!
//! A power of two is cut into 128 buckets, so a bucket is at most 1/128 of what it counts: a
//! percentile is given as the upper end of its bucket and is never below the true one, and
//! at most 0.8 % above it ([`ERROR_MAX`]). The largest value is kept exactly.
//!
//! One thread records; what several have recorded is added up.

#![forbid(unsafe_code)]

/// Buckets per power of two, as a power of two.
const BITS: u32 = 7;
const PER_POWER: usize = 1 << BITS;
const BUCKETS: usize = (64 - BITS as usize + 1) * PER_POWER;

/// A percentile is at most this part above the true one.
pub const ERROR_MAX: f64 = 1.0 / PER_POWER as f64;

/// Counts of values, in nanoseconds.
#[derive(Clone)]
pub struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Histogram {
    /// Without values.
    #[must_use]
    pub fn new() -> Histogram {
        Histogram {
            buckets: vec![0; BUCKETS].into_boxed_slice(),
            count: 0,
            sum: 0,
            max: 0,
        }
    }

    /// Counts a value `times` times.
    pub fn record(&mut self, value: u64, times: u64) {
        self.buckets[bucket_of(value)] += times;
        self.count += times;
        self.sum += u128::from(value) * u128::from(times);
        self.max = self.max.max(value);
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// Values counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value; 0 if there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean; 0 if there are no values.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }

    /// The least value that at least `percent` of all do not exceed, by nearest rank, or up
    /// to [`ERROR_MAX`] more; 0 if there are no values.
    pub fn percentile(&self, percent: f64) -> u64 {
        let rank = ((percent / 100.0 * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, times) in self.buckets.iter().enumerate() {
            seen += times;
            if seen >= rank {
                return upper_end(bucket).min(self.max);
            }
        }
        self.max
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

fn bucket_of(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    shift as usize * PER_POWER + (value >> shift) as usize
}

/// The largest value that a bucket counts.
fn upper_end(bucket: usize) -> u64 {
    let shift = (bucket / PER_POWER).saturating_sub(1);
    let top = (bucket - shift * PER_POWER) as u64;
    (top << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_gapless_and_as_narrow_as_promised() {
        let mut next = 0u64;
        for bucket in 0..BUCKETS {
            let end = upper_end(bucket);
            assert_eq!((bucket_of(next), bucket_of(end)), (bucket, bucket));
            assert!((end - next) as f64 <= next as f64 * ERROR_MAX);
            if bucket + 1 == BUCKETS {
                assert_eq!(end, u64::MAX);
            } else {
                next = end + 1;
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_a_sorted_list_within_the_error() {
        let mut random = 7u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for round in 0..20 {
            let mut list = Vec::new();
            let mut halves = [Histogram::new(), Histogram::new()];
            for index in 0..1 + round * 53 {
                let value = next() >> (next() % 64);
                let times = 1 + next() % 3;
                halves[index % 2].record(value, times);
                list.extend((0..times).map(|_| value));
            }
            let [mut all, other] = halves;
            all.add(&other);
            list.sort_unstable();
            assert_eq!(
                (all.count(), all.max()),
                (list.len() as u64, list[list.len() - 1])
            );
            let mean = list.iter().map(|&value| value as f64).sum::<f64>() / list.len() as f64;
            assert!((all.mean() - mean).abs() <= mean * 1e-9);
            for percent in [0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
                let rank = (percent / 100.0 * list.len() as f64).ceil() as usize;
                let exact = list[rank.max(1) - 1];
                let given = all.percentile(percent);
                assert!(given >= exact, "{percent}: {given} < {exact}");
                assert!((given - exact) as f64 <= exact as f64 * ERROR_MAX);
            }
        }
    }

    #[test]
    fn nothing_counted_is_nothing_shown() {
        let empty = Histogram::new();
        assert_eq!(
            (empty.percentile(99.0), empty.max(), empty.count()),
            (0, 0, 0)
        );
        assert_eq!(empty.mean(), 0.0);
    }
}
