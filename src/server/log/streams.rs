//! The streams of events that a client may watch.

#![forbid(unsafe_code)]

/// Streams of events, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams(pub(super) u32);

/// All streams by name, in the order in which a shortened name is looked up. Those that have
/// no constant are known, and nothing is ever sent in them.
pub(super) const STREAMS: [&str; 10] = [
    "rawcmds",
    "evictions",
    "fetchers",
    "mutations",
    "sysevents",
    "connevents",
    "proxyreqs",
    "proxyevents",
    "proxyuser",
    "deletions",
];

impl Streams {
    /// Items that are evicted.
    pub const EVICTIONS: Streams = Streams(1 << 1);
    /// Look-ups.
    pub const FETCHERS: Streams = Streams(1 << 2);
    /// Attempts to store.
    pub const MUTATIONS: Streams = Streams(1 << 3);
    /// What background threads do.
    pub const SYSEVENTS: Streams = Streams(1 << 4);
    /// Connections that come and go.
    pub const CONNEVENTS: Streams = Streams(1 << 5);
    /// Items that clients remove.
    pub const DELETIONS: Streams = Streams(1 << 9);
    /// All that are about items.
    pub(super) const OF_ITEMS: Streams = Streams(
        Streams::EVICTIONS.0 | Streams::FETCHERS.0 | Streams::MUTATIONS.0 | Streams::DELETIONS.0,
    );

    /// The streams of these words, which may be cut short; without words, look-ups. None if
    /// there is no such stream.
    pub fn named(words: &[&[u8]]) -> Option<Streams> {
        if words.is_empty() {
            return Some(Streams::FETCHERS);
        }
        let of = |word: &&[u8]| {
            let mut names = STREAMS.iter();
            let index = names.position(|name| name.as_bytes().starts_with(word));
            index.map(|index| 1 << index)
        };
        let mut bits = words.iter().map(of);
        bits.try_fold(0, |union, bit| Some(union | bit?))
            .map(Streams)
    }

    /// Whether they have one in common.
    pub fn meets(self, other: Streams) -> bool {
        self.0 & other.0 != 0
    }
}
