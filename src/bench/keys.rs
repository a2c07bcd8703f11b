//! Keys: how they are called, and which one comes next.

use crate::option_types::Distribution;

/// Longest key of the protocols.
pub const KEY_LEN_MAX: usize = 250;

/// So many digits are a number of 64 bits, and more than any key's number has.
const DIGITS_MAX: usize = 18;

/// The names of all keys: a prefix, and the key's number with leading zeros.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The name of key 0.
    zero: Vec<u8>,
    prefix_len: usize,
    count: u64,
}

impl Keys {
    /// `count` keys of `length` bytes each. The error says why that is not possible.
    pub fn new(prefix: &str, length: usize, count: u64) -> Result<Keys, String> {
        let digits = count.saturating_sub(1).max(1).ilog10() as usize + 1;
        if length > KEY_LEN_MAX {
            return Err(format!("keys have at most {KEY_LEN_MAX} bytes"));
        }
        if prefix.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err("keys have no blanks or control characters".to_string());
        }
        if prefix.len() + digits > length {
            return Err(format!(
                "{count} keys with the prefix '{prefix}' need {} bytes each, not {length}",
                prefix.len() + digits
            ));
        }
        let mut zero = prefix.as_bytes().to_vec();
        zero.resize(length, b'0');
        Ok(Keys {
            zero,
            prefix_len: prefix.len(),
            count,
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Writes the name of a key to the start of `to`.
    pub fn name<'a>(&self, mut id: u64, to: &'a mut [u8; KEY_LEN_MAX]) -> &'a [u8] {
        let name = &mut to[..self.zero.len()];
        name.copy_from_slice(&self.zero);
        for digit in name.iter_mut().rev() {
            if id == 0 {
                break;
            }
            *digit = b'0' + (id % 10) as u8;
            id /= 10;
        }
        name
    }

    /// The number of the key of this name, if it is one of these keys.
    pub fn id_of(&self, name: &[u8]) -> Option<u64> {
        if name.len() != self.zero.len() || !name.starts_with(&self.zero[..self.prefix_len]) {
            return None;
        }
        // More digits than these are zeros, since there are not that many keys.
        let digits = &name[self.prefix_len..];
        let (zeros, digits) = digits.split_at(digits.len().saturating_sub(DIGITS_MAX));
        let mut is_number = zeros.iter().all(|&zero| zero == b'0');
        let mut id = 0u64;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            is_number &= digit <= 9;
            id = id.wrapping_mul(10).wrapping_add(digit.into());
        }
        (is_number && id < self.count).then_some(id)
    }
}

/// Random numbers, the same ones for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A fraction, from 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A number that looks random, always the same one for the same `x`.
pub fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Chooses keys for one thread.
#[derive(Clone, Debug)]
pub enum Picker {
    /// Any of that many.
    Uniform(u64),
    /// Some more than others.
    Zipf(Zipf),
    /// The next one of those that are this thread's own.
    Sequential {
        /// Which.
        next: u64,
        /// How far it is to the one after it: the number of threads.
        step: u64,
        /// How many keys there are.
        count: u64,
    },
}

impl Picker {
    /// For the thread of that number, of `threads`.
    pub fn new(distribution: Distribution, count: u64, thread: u64, threads: u64) -> Picker {
        match distribution {
            Distribution::Uniform => Picker::Uniform(count),
            Distribution::Zipf(exponent) => Picker::Zipf(Zipf::new(count, exponent)),
            Distribution::Sequential => Picker::Sequential {
                next: thread % count,
                step: threads,
                count,
            },
        }
    }

    /// The next key.
    pub fn pick(&mut self, rng: &mut Rng) -> u64 {
        match self {
            Picker::Uniform(count) => rng.below(*count),
            Picker::Zipf(zipf) => zipf.pick(rng),
            Picker::Sequential { next, step, count } => {
                let id = *next;
                *next = (id + *step) % *count;
                id
            }
        }
    }
}

/// Keys whose frequency falls with their rank: the key of rank r, from 1, comes in
/// proportion to 1 / r^s.
///
/// Drawn by rejection-inversion (W. Hormann, G. Derflinger, 1996): the inverse of the integral
/// of 1 / x^s gives a rank at once, which is right nearly always and else drawn again. It
/// takes no table, however many keys there are. Ranks are spread over the keys, so that
/// neighbours are not equally popular.
#[derive(Clone, Debug)]
pub struct Zipf {
    count: u64,
    exponent: f64,
    /// The integral up to below the first rank and up to above the last.
    area: (f64, f64),
    /// A rank that is not further than this above what was drawn needs no further look.
    shortcut: f64,
    /// A key is its rank times this, modulo the count; they have no common divisor.
    spread: u64,
}

impl Zipf {
    /// For `count` keys, with `exponent` above 0.
    pub fn new(count: u64, exponent: f64) -> Zipf {
        let mut zipf = Zipf {
            count,
            exponent,
            area: (0.0, 0.0),
            shortcut: 0.0,
            spread: spread_over(count),
        };
        zipf.area = (zipf.integral(1.5) - 1.0, zipf.integral(count as f64 + 0.5));
        zipf.shortcut = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.density(2.0));
        zipf
    }

    fn pick(&self, rng: &mut Rng) -> u64 {
        let rank = self.rank(rng);
        let key = u128::from(rank - 1) * u128::from(self.spread) % u128::from(self.count);
        key as u64
    }

    fn rank(&self, rng: &mut Rng) -> u64 {
        loop {
            let drawn = self.area.1 + rng.fraction() * (self.area.0 - self.area.1);
            let x = self.inverse(drawn);
            let rank = x.round().clamp(1.0, self.count as f64);
            if rank - x <= self.shortcut || drawn >= self.integral(rank + 0.5) - self.density(rank)
            {
                return rank as u64;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// Of the density, from 1 to `x`.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        let power = (1.0 - self.exponent) * log;
        // (e^p - 1) / p is 1 where the exponent is 1.
        let factor = if power.abs() < 1e-12 {
            1.0
        } else {
            power.exp_m1() / power
        };
        factor * log
    }

    /// The `x` up to which the integral is `area`.
    fn inverse(&self, area: f64) -> f64 {
        let scaled = (area * (1.0 - self.exponent)).max(-1.0);
        let factor = if scaled.abs() < 1e-12 {
            1.0
        } else {
            scaled.ln_1p() / scaled
        };
        (factor * area).exp()
    }
}

/// A number without a common divisor with `count`, near the golden part of it.
fn spread_over(count: u64) -> u64 {
    let golden = (count as f64 * 0.618_033_988_749_894_9) as u64;
    let coprime = |&number: &u64| divisor(number, count) == 1;
    (golden.max(1)..).find(coprime).unwrap_or(1)
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_number() {
        let keys = Keys::new("k:", 7, 100_000).unwrap();
        let mut buffer = [0; KEY_LEN_MAX];
        assert_eq!(keys.name(120, &mut buffer), b"k:00120");
        for id in [0, 1, 9, 10, 99_999] {
            let name = keys.name(id, &mut buffer).to_vec();
            assert_eq!(keys.id_of(&name), Some(id));
        }
        for name in [
            &b""[..],
            b"k:0012",
            b"k:001200",
            b"j:00120",
            b"k:0012x",
            b"k: 0120",
        ] {
            assert_eq!(keys.id_of(name), None);
        }
        let long = Keys::new("", 250, 10).unwrap();
        let name = long.name(7, &mut buffer).to_vec();
        assert_eq!(long.id_of(&name), Some(7));
        assert_eq!(long.id_of(&[&b"1"[..], &name[1..]].concat()), None);
        let few = Keys::new("k:", 7, 100).unwrap();
        assert_eq!(few.id_of(b"k:00100"), None);
    }

    #[test]
    fn keys_that_cannot_be_are_refused() {
        assert!(Keys::new("k:", 6, 100_000).is_err());
        assert!(Keys::new("k:", 251, 1).is_err());
        assert!(Keys::new("a b", 20, 1).is_err());
        assert!(Keys::new("", 1, 10).is_ok());
        assert!(Keys::new("", 1, 11).is_err());
    }

    /// What each key ought to get of all draws.
    fn shares(count: u64, exponent: f64) -> Vec<f64> {
        let weights: Vec<f64> = (1..=count)
            .map(|rank| (rank as f64).powf(-exponent))
            .collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    #[test]
    fn zipf_draws_each_rank_as_often_as_its_share() {
        const DRAWS: u64 = 400_000;
        for (count, exponent) in [
            (1, 1.0),
            (10, 0.5),
            (50, 0.99),
            (50, 1.0),
            (7, 3.0),
            (1000, 1.2),
        ] {
            let zipf = Zipf::new(count, exponent);
            let mut rng = Rng::new(3);
            let mut drawn = vec![0u64; count as usize];
            for _ in 0..DRAWS {
                drawn[zipf.rank(&mut rng) as usize - 1] += 1;
            }
            for (rank, share) in shares(count, exponent).iter().enumerate() {
                let expected = share * DRAWS as f64;
                // Six times what chance explains.
                let margin = 6.0 * (expected * (1.0 - share)).sqrt() + 1.0;
                let off = (drawn[rank] as f64 - expected).abs();
                assert!(off <= margin, "{count} {exponent} rank {}: {off}", rank + 1);
            }
        }
    }

    #[test]
    fn every_rank_has_a_key_of_its_own() {
        for count in [1, 2, 3, 10, 97, 1000] {
            let spread = spread_over(count);
            let mut keys: Vec<_> = (0..count).map(|rank| rank * spread % count).collect();
            keys.sort_unstable();
            assert!(keys.into_iter().eq(0..count));
        }
    }

    #[test]
    fn threads_share_a_sequence() {
        let mut rng = Rng::new(1);
        let mut seen = Vec::new();
        for thread in 0..3 {
            let mut picker = Picker::new(Distribution::Sequential, 9, thread, 3);
            seen.extend((0..3).map(|_| picker.pick(&mut rng)));
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..9));
    }

    #[test]
    fn uniform_reaches_every_key() {
        let mut rng = Rng::new(1);
        let mut picker = Picker::new(Distribution::Uniform, 5, 0, 1);
        let mut times = [0; 5];
        (0..5000).for_each(|_| times[picker.pick(&mut rng) as usize] += 1);
        assert!(
            times.iter().all(|time| (800..1200).contains(time)),
            "{times:?}"
        );
    }
}
