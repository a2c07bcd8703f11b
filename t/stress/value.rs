//! Values that prove themselves.
//!
//! A value is made of records, so that what is appended and prepended can be told apart:
//!
//! ```text
//! <key length sum>text<key length sum>text…
//! ```
//!
//! `sum` is a hash of the key and the text. A counter is a number instead: counter *n* stays
//! near *n* times [`COUNTER`]. Client flags are a hash of the key.

use crate::random::Random;
use std::sync::OnceLock;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Distance between two counters.
const COUNTER: u64 = 1_000_000;

/// Bytes that texts are cut from.
fn pool() -> &'static [u8] {
    static POOL: OnceLock<Vec<u8>> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut random = Random::new(1);
        (0..1 << 20).map(|_| random.next() as u8).collect()
    })
}

/// A value of one record, with so many bytes of text.
pub fn record(key: &str, len: usize, random: &mut Random) -> Vec<u8> {
    let pool = pool();
    let from = random.below(pool.len() - len);
    let text = &pool[from..from + len];
    let mut value = format!("<{key} {len} {:x}>", sum(key, text)).into_bytes();
    value.extend_from_slice(text);
    value
}

fn sum(key: &str, text: &[u8]) -> u64 {
    xxh3_64_with_seed(text, xxh3_64(key.as_bytes()))
}

/// The client flags of this key.
pub fn flags_of(key: &str) -> u32 {
    xxh3_64(key.as_bytes()) as u32 | 1
}

/// The number that a counter begins with.
pub fn start_of(key: &str) -> u64 {
    let number: u64 = key[1..].parse().expect("a counter has a number");
    number * COUNTER + COUNTER / 10
}

/// What is wrong with a value that was read under this key, if anything is.
pub fn fault(key: &str, value: &[u8]) -> Option<String> {
    let whole = match key.as_bytes()[0] {
        b'n' => is_counter(key, value),
        // Made, or emptied, by a meta command.
        b'v' if value.is_empty() => true,
        _ => is_records(key, value),
    };
    let shown = &value[..value.len().min(100)];
    (!whole).then(|| format!("{key}: {} bytes: {}", value.len(), shown.escape_ascii()))
}

fn is_counter(key: &str, value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let number: Option<u64> = text.trim_end_matches(' ').parse().ok();
    number.is_some_and(|number| number.abs_diff(start_of(key)) < COUNTER / 2)
}

fn is_records(key: &str, value: &[u8]) -> bool {
    let mut rest = value;
    while !rest.is_empty() {
        match after_record(key, rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    !value.is_empty()
}

/// What stands behind the first record, if that is right.
fn after_record<'v>(key: &str, value: &'v [u8]) -> Option<&'v [u8]> {
    let end = value.iter().take(300).position(|&byte| byte == b'>')?;
    let head = std::str::from_utf8(&value[1..end]).ok()?;
    let mut words = head.split(' ');
    if value[0] != b'<' || words.next()? != key {
        return None;
    }
    let len: usize = words.next()?.parse().ok()?;
    let told = u64::from_str_radix(words.next()?, 16).ok()?;
    let text = value.get(end + 1..end + 1 + len)?;
    (sum(key, text) == told).then(|| &value[end + 1 + len..])
}

#[test]
fn a_value_that_is_not_what_it_says_is_found_out() {
    let mut random = Random::new(3);
    let good = record("k1", 500, &mut random);
    let twice = [&good[..], &record("k1", 0, &mut random)].concat();
    assert_eq!((fault("k1", &good), fault("k1", &twice)), (None, None));
    assert!(fault("k2", &good).is_some(), "another's value");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(fault("k1", &bad).is_some(), "byte {at} is another one");
        assert!(at == 0 || fault("k1", &good[..at]).is_some(), "cut at {at}");
    }
    assert!(fault("n3", b"3100005  ").is_none() && fault("n4", b"3100005").is_some());
}
