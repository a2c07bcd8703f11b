//! Keys that meet in the server's table: in one bucket, or in one stripe.
//!
//! The server hashes with a secret. One that checks itself takes it from the environment, so here
//! it is known, and keys can be tried until enough of them go where they should.

use memcached::store::hash::Secret;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The number of the secret that servers are started with.
pub const SECRET: u64 = 13;

/// Hash bits that tell a stripe of the smallest table that has all its stripes (`-t 4` and less).
pub const STRIPE_BITS: u32 = 10;
/// Bits that tell a bucket, too, while its stripe has less than this many items: stripes split, and
/// each doubling of their buckets takes a bit more.
pub const BUCKET_BITS: u32 = 16;
pub const BUCKET_BITS_ITEMS: usize = 7 << (BUCKET_BITS - STRIPE_BITS);
/// Keys that are tried for groups of one bucket: 32 for each place.
const TRIES: usize = 32 << BUCKET_BITS;

/// What the server makes of a key: the stripe in the low bits, then the bucket; the tag on top.
fn hash(key: &str) -> u64 {
    static OF_SERVERS: OnceLock<Secret> = OnceLock::new();
    let secret = OF_SERVERS.get_or_init(|| Secret::from_number(SECRET));
    secret.hash(key.as_bytes())
}

/// Every eighth is a counter.
fn key(number: usize) -> String {
    let letter = if number % 8 == 7 { 'n' } else { 'k' };
    format!("{letter}{number}")
}

/// Groups of keys, each of one bucket: so many, of this many keys at least, and in each the eighth
/// and the ninth have the same tag, too.
pub fn buckets(groups: usize, size: usize) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new(); 1 << BUCKET_BITS];
    for number in 0..TRIES {
        let hash = hash(&key(number));
        let place = hash as usize % all.len();
        all[place].push((number as u32, (hash >> 48) as u16));
    }
    let mut found: Vec<Vec<String>> = Vec::new();
    for mut group in all.into_iter().filter(|group| group.len() >= size) {
        let Some((one, other)) = twins(&group) else {
            continue;
        };
        // The eighth and the ninth come first: then each finds its place.
        for (place, index) in [(7, one), (8, other)] {
            group.swap(place, index);
        }
        found.push(
            group
                .iter()
                .map(|(number, _)| key(*number as usize))
                .collect(),
        );
        if found.len() == groups {
            break;
        }
    }
    assert_eq!(found.len(), groups, "too few groups of {size} with twins");
    found
}

/// Two keys of a group with the same tag; the second is not where the first has to go.
fn twins(group: &[(u32, u16)]) -> Option<(usize, usize)> {
    let mut places = HashMap::new();
    for (index, (_, tag)) in group.iter().enumerate() {
        match places.insert(tag, index) {
            Some(before) if index != 7 => return Some((before, index)),
            _ => {}
        }
    }
    None
}

/// So many stripes, with this many keys of each.
pub fn stripes(stripes: usize, size: usize) -> Vec<Vec<String>> {
    let mut found = vec![Vec::with_capacity(size); stripes];
    let mut numbers = 0..;
    while found.iter().any(|keys| keys.len() < size) {
        let key = key(numbers.next().expect("there are many numbers"));
        if let Some(keys) = found.get_mut(hash(&key) as usize % (1 << STRIPE_BITS))
            && keys.len() < size
        {
            keys.push(key);
        }
    }
    found
}

#[test]
fn keys_of_a_group_meet() {
    let groups = buckets(3, 30);
    for group in &groups {
        let places: Vec<u64> = group
            .iter()
            .map(|key| hash(key) % (1 << BUCKET_BITS))
            .collect();
        assert!(group.len() >= 30 && places.iter().all(|place| *place == places[0]));
        assert_eq!(hash(&group[7]) >> 48, hash(&group[8]) >> 48, "twins");
    }
    for (index, keys) in stripes(2, 20).iter().enumerate() {
        let stripes = keys
            .iter()
            .map(|key| hash(key) as usize % (1 << STRIPE_BITS));
        assert_eq!(stripes.collect::<Vec<_>>(), vec![index; 20]);
    }
}
