//! The size of a stripe, and which bucket a key belongs to.

/// How many buckets a stripe has (the low half), and the mask of the hash bits that tell them
/// apart (the high half): one word, so that a thread without the lock sees both as of one moment.
#[derive(Clone, Copy)]
pub(super) struct StripeSize(pub(super) u64);

impl StripeSize {
    pub(super) fn new(buckets: u32) -> StripeSize {
        let mask = buckets.next_power_of_two() - 1;
        StripeSize(u64::from(mask) << 32 | u64::from(buckets))
    }

    #[inline]
    pub(super) fn buckets(self) -> u32 {
        self.0 as u32
    }

    /// The bucket of a key: those below the split point of the round already have twins, which
    /// one more bit of the hash tells apart.
    #[inline]
    pub(super) fn index(self, hash: u64) -> u32 {
        let mask = (self.0 >> 32) as u32;
        let index = hash as u32 & mask;
        if index < self.buckets() {
            index
        } else {
            index & (mask >> 1)
        }
    }

    /// The number of hash bits that all keys of a bucket have in common.
    pub(super) fn bits_of(self, bucket: u32) -> u32 {
        let round = 1 << self.buckets().ilog2();
        let was_split = bucket < self.buckets() - round || bucket >= round;
        self.buckets().ilog2() + u32::from(was_split)
    }
}
