//! What options take: addresses, numbers within bounds, sizes, shares, names.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::options::Value;

/// The port of a server that is named without one.
const PORT: u16 = 11211;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq)]
pub enum Address {
    /// `host:port`, to be resolved when connecting.
    Tcp(String),
    /// A unix socket.
    Unix(PathBuf),
}

impl Value for Address {
    fn read(text: &str) -> Result<Address, String> {
        if text.contains('/') {
            return Ok(Address::Unix(PathBuf::from(text)));
        }
        if let Ok(host) = text.parse::<IpAddr>() {
            return Ok(Address::Tcp(SocketAddr::new(host, PORT).to_string()));
        }
        let bare = text.trim_end_matches(|c: char| c.is_ascii_digit());
        match bare.strip_suffix(':') {
            Some(host) if !host.is_empty() && text[bare.len()..].parse::<u16>().is_ok() => {
                Ok(Address::Tcp(text.to_string()))
            }
            None if !text.is_empty() && !text.contains(':') => {
                Ok(Address::Tcp(format!("{text}:{PORT}")))
            }
            _ => Err("<host>, <host>:<port> or the path of a unix socket, with a slash".into()),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(name) => write!(f, "{name}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A number of things of which there must be one at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count(pub u64);

impl Count {
    /// The number.
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Value for Count {
    fn read(text: &str) -> Result<Count, String> {
        match text.parse() {
            Ok(number @ 1..=COUNT_MAX) => Ok(Count(number)),
            Ok(1..) => Err(format!("a number up to {COUNT_MAX}")),
            _ => Err("a whole number from 1".to_string()),
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// More than anyone needs, and far from where sums overflow.
const COUNT_MAX: u64 = 1_000_000_000_000;

/// A quantity that may have a fraction and is above zero: seconds, requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Above0(pub f64);

impl Value for Above0 {
    fn read(text: &str) -> Result<Above0, String> {
        match text.parse() {
            Ok(number) if number > 0.0 && number <= QUANTITY_MAX => Ok(Above0(number)),
            _ => Err(format!("a number above 0, up to {QUANTITY_MAX}")),
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

const QUANTITY_MAX: f64 = 1e9;

/// How many gets there are for how many sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Parts that are gets.
    pub gets: u32,
    /// Parts that are sets.
    pub sets: u32,
}

impl Value for Ratio {
    fn read(text: &str) -> Result<Ratio, String> {
        let numbers = text
            .split_once(':')
            .map(|(gets, sets)| (gets.parse(), sets.parse()));
        match numbers {
            Some((Ok(gets @ ..=RATIO_MAX), Ok(sets @ ..=RATIO_MAX))) if gets + sets > 0 => {
                Ok(Ratio { gets, sets })
            }
            _ => Err(format!(
                "<gets>:<sets>, each up to {RATIO_MAX}, such as 9:1"
            )),
        }
    }

    fn show(&self) -> String {
        format!("{}:{}", self.gets, self.sets)
    }
}

const RATIO_MAX: u32 = 1_000_000;

/// Which key comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Each key as often as any other.
    Uniform,
    /// The key of rank r in proportion to 1 / r to the power of this exponent.
    Zipf(f64),
    /// One after the other, then again from the first.
    Sequential,
}

impl Value for Distribution {
    fn read(text: &str) -> Result<Distribution, String> {
        let wanted =
            || "uniform, sequential, zipf or zipf:<exponent>, above 0 up to 10".to_string();
        match text {
            "uniform" => Ok(Distribution::Uniform),
            "sequential" => Ok(Distribution::Sequential),
            "zipf" => Ok(Distribution::Zipf(ZIPF_EXPONENT)),
            _ => match text.strip_prefix("zipf:").map(str::parse) {
                Some(Ok(exponent)) if exponent > 0.0 && exponent <= 10.0 => {
                    Ok(Distribution::Zipf(exponent))
                }
                _ => Err(wanted()),
            },
        }
    }

    fn show(&self) -> String {
        match self {
            Distribution::Uniform => "uniform".to_string(),
            Distribution::Zipf(exponent) => format!("zipf:{exponent}"),
            Distribution::Sequential => "sequential".to_string(),
        }
    }
}

const ZIPF_EXPONENT: f64 = 0.99;

/// How large values are: a list of sizes or ranges, each with a weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes(Vec<SizeRange>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct SizeRange {
    least: u32,
    most: u32,
    weight: u32,
}

/// The largest value that is made; servers take less than that unless told.
const SIZE_MAX: u32 = 1 << 30;
const WEIGHT_MAX: u32 = 1_000_000;

impl Sizes {
    /// One size for all.
    pub fn fixed(bytes: u32) -> Sizes {
        Sizes(vec![SizeRange {
            least: bytes,
            most: bytes,
            weight: 1,
        }])
    }

    /// The size that a number, taken at random, stands for.
    pub fn of(&self, random: u64) -> usize {
        let total: u64 = self.0.iter().map(|range| u64::from(range.weight)).sum();
        let mut place = (random >> 32) % total;
        for range in &self.0 {
            match place.checked_sub(range.weight.into()) {
                Some(rest) => place = rest,
                None => {
                    let width = u64::from(range.most - range.least) + 1;
                    let low = random & u64::from(u32::MAX);
                    return range.least as usize + ((low * width) >> 32) as usize;
                }
            }
        }
        unreachable!("the place is below the sum of the weights");
    }
}

impl Value for Sizes {
    fn read(text: &str) -> Result<Sizes, String> {
        let ranges: Option<Vec<_>> = text.split(',').map(size_range).collect();
        ranges.map(Sizes).ok_or_else(|| {
            format!("<bytes>, <least>-<most>, or a list of these with weights, such as 100:9,1000-4000:1; up to {SIZE_MAX}")
        })
    }

    fn show(&self) -> String {
        let one = |range: &SizeRange| {
            let weight = match range.weight {
                1 => String::new(),
                weight => format!(":{weight}"),
            };
            match range.least == range.most {
                true => format!("{}{weight}", range.least),
                false => format!("{}-{}{weight}", range.least, range.most),
            }
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(",")
    }
}

fn size_range(text: &str) -> Option<SizeRange> {
    let (sizes, weight) = text.split_once(':').unwrap_or((text, "1"));
    let (least, most) = sizes.split_once('-').unwrap_or((sizes, sizes));
    let range = SizeRange {
        least: least.parse().ok()?,
        most: most.parse().ok()?,
        weight: weight.parse().ok()?,
    };
    let sound = range.least <= range.most
        && range.most <= SIZE_MAX
        && (1..=WEIGHT_MAX).contains(&range.weight);
    sound.then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_or_without_a_port_or_paths() {
        for (text, shown) in [
            ("localhost", "localhost:11211"),
            ("10.0.0.1:7", "10.0.0.1:7"),
            ("::1", "[::1]:11211"),
            ("[::1]:7", "[::1]:7"),
            ("./sock", "./sock"),
        ] {
            assert_eq!(Address::read(text).unwrap().show(), shown);
        }
        for text in ["", ":7", "host:", "host:70000", "host:x"] {
            assert!(Address::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_come_as_often_as_their_weights_say() {
        let sizes = Sizes::read("10:3,100-199:1").unwrap();
        let mut rng = crate::keys::Rng::new(1);
        let drawn: Vec<usize> = (0..40_000).map(|_| sizes.of(rng.next())).collect();
        let small = drawn.iter().filter(|&&size| size == 10).count();
        assert!((29_000..31_000).contains(&small), "{small}");
        assert!(
            drawn
                .iter()
                .all(|size| *size == 10 || (100..200).contains(size))
        );
        assert!(drawn.contains(&100) && drawn.contains(&199));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["", "x", "9-1", "1:0", "1,", "-1", "2147483648", "1-2-3"] {
            assert!(Sizes::read(text).is_err(), "{text:?}");
        }
        for text in ["0:0", "1", "1:x", "-1:1", "1:4294967295"] {
            assert!(Ratio::read(text).is_err(), "{text:?}");
        }
        for text in ["zipf:0", "zipf:x", "zipf:NaN", "zipf:11", "even", ""] {
            assert!(Distribution::read(text).is_err(), "{text:?}");
        }
        for text in ["0", "-1", "NaN", "inf", "x", ""] {
            assert!(Above0::read(text).is_err(), "{text:?}");
        }
        assert!(Count::read("9999999999999").is_err());
    }
}
