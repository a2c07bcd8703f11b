//! Requests that wait for their replies, of one connection: what the server says next is held
//! against what it was asked.

use std::collections::VecDeque;

use crate::keys::{KEY_LEN_MAX, Keys, scramble};
use crate::option_types::Sizes;
use crate::payload::{PROOF_LEN, Payload};
use crate::results::{Kind, Results};
use memcached::wire::client::{ClientProtocol, Piece, Which};

/// Requests in the order in which they were sent, and so will be answered.
pub struct InFlight {
    requests: VecDeque<Request>,
    /// The keys of all of them, one after the other.
    keys: VecDeque<u64>,
    /// Keys of the first request that have been passed: found, or not.
    passed: u32,
    /// Whether it has had an error.
    failed: bool,
}

#[derive(Clone, Copy)]
struct Request {
    kind: Kind,
    keys: u32,
    since_ns: u64,
}

/// A request that has been answered.
#[derive(Debug, PartialEq)]
pub struct Done {
    /// What it was.
    pub kind: Kind,
    /// From when its time counts.
    pub since_ns: u64,
}

/// What replies are judged by.
pub struct Judge {
    /// How keys are called.
    pub keys: Keys,
    /// What is spoken.
    pub protocol: ClientProtocol,
    /// Whether every value must prove itself.
    pub verify: bool,
    /// How large values are.
    pub sizes: Sizes,
}

impl Judge {
    /// The size of a key's value. A key keeps it, so that the memory a load needs does not
    /// wander.
    pub fn value_len(&self, id: u64) -> usize {
        self.sizes.of(scramble(id))
    }

    /// Whether this is a value of that key. One that is too short for a proof must at least
    /// have the right size.
    fn is_right(&self, id: u64, name: &[u8], value: &[u8]) -> bool {
        let can_prove = value.len() >= PROOF_LEN || value.len() == self.value_len(id);
        can_prove && Payload::proves(name, value)
    }
}

impl InFlight {
    /// None yet.
    pub fn new() -> InFlight {
        InFlight {
            requests: VecDeque::new(),
            keys: VecDeque::new(),
            passed: 0,
            failed: false,
        }
    }

    /// Adds a request whose time counts from `since_ns`; its keys follow, by [`Self::add_key`].
    pub fn add(&mut self, kind: Kind, keys: u32, since_ns: u64) {
        self.requests.push_back(Request {
            kind,
            keys,
            since_ns,
        });
    }

    /// Adds a key to the last request.
    pub fn add_key(&mut self, id: u64) {
        self.keys.push_back(id);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Gives up all, as (kind, since when) each.
    pub fn abandon(&mut self) -> impl Iterator<Item = (Kind, u64)> {
        self.keys.clear();
        (self.passed, self.failed) = (0, false);
        self.requests
            .drain(..)
            .map(|request| (request.kind, request.since_ns))
    }

    /// Takes a piece of the reply to the first request. Returns the request if this was the
    /// end of it. Keys that were not found are added to `missed`. The error says what does
    /// not fit: the connection is out of step then.
    pub fn take(
        &mut self,
        piece: Piece<'_>,
        judge: &Judge,
        results: &mut Results,
        missed: &mut Vec<u64>,
    ) -> Result<Option<Done>, String> {
        let Some(&request) = self.requests.front() else {
            return Err(format!("a reply that nobody asked for: {}", name(&piece)));
        };
        let ends = judge.protocol.ends(request.keys);
        let is_over = match (request.kind, piece) {
            (Kind::Get, Piece::Value { key, data }) => {
                let place = self.place_of(request, &key, judge)?;
                self.pass_misses(place, results, missed);
                self.found(data, judge, results);
                !ends
            }
            (Kind::Get, Piece::Miss) if !ends => true,
            (Kind::Get, Piece::End) if ends => true,
            (Kind::Set, Piece::Stored) => true,
            (kind, Piece::Refused(reply)) => {
                results.refused(reply);
                self.failed = true;
                // Of several quiet gets each can fail, and the end still comes.
                kind == Kind::Set || !ends || judge.protocol == ClientProtocol::Text
            }
            (kind, piece) => return Err(format!("{} as the reply to a {kind}", name(&piece))),
        };
        Ok(is_over.then(|| self.finish(request, results, missed)))
    }

    /// The place, among the keys of the first request, of one that was found.
    fn place_of(&self, request: Request, key: &Which<'_>, judge: &Judge) -> Result<u32, String> {
        let mut places = self.passed..request.keys;
        let place = match key {
            Which::TheOne => (request.keys == 1).then_some(0),
            Which::Place(place) => places.contains(place).then_some(*place),
            Which::Name(name) => judge
                .keys
                .id_of(name)
                .and_then(|id| places.find(|&place| self.keys[place as usize] == id)),
        };
        place.ok_or_else(|| match key {
            Which::Name(name) => format!("a value of '{}', not asked for", name.escape_ascii()),
            _ => "a value that was not asked for".to_string(),
        })
    }

    fn found(&mut self, data: &[u8], judge: &Judge, results: &mut Results) {
        let id = self.keys[self.passed as usize];
        self.passed += 1;
        results.hits += 1;
        if judge.verify {
            let mut buffer = [0; KEY_LEN_MAX];
            let name = judge.keys.name(id, &mut buffer);
            if !judge.is_right(id, name, data) {
                results.wrong(name, data);
            }
        }
    }

    /// Passes the keys up to `place`: they have not been found.
    fn pass_misses(&mut self, place: u32, results: &mut Results, missed: &mut Vec<u64>) {
        for passed in self.passed..place {
            results.misses += 1;
            missed.push(self.keys[passed as usize]);
        }
        self.passed = place;
    }

    fn finish(&mut self, request: Request, results: &mut Results, missed: &mut Vec<u64>) -> Done {
        if request.kind == Kind::Get && !self.failed {
            self.pass_misses(request.keys, results, missed);
        }
        self.requests.pop_front();
        for _ in 0..request.keys {
            self.keys.pop_front();
        }
        (self.passed, self.failed) = (0, false);
        results.keys += u64::from(request.keys);
        Done {
            kind: request.kind,
            since_ns: request.since_ns,
        }
    }
}

fn name(piece: &Piece<'_>) -> String {
    match piece {
        Piece::Value { .. } => "a value".to_string(),
        Piece::Miss => "a miss".to_string(),
        Piece::End => "an end of values".to_string(),
        Piece::Stored => "stored".to_string(),
        Piece::Refused(reply) => format!("'{reply}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        waiting: InFlight,
        judge: Judge,
        results: Results,
        missed: Vec<u64>,
    }

    impl Case {
        /// Waits for a get of these keys.
        fn get(protocol: ClientProtocol, ids: &[u64]) -> Case {
            let mut waiting = InFlight::new();
            waiting.add(Kind::Get, ids.len() as u32, 5);
            ids.iter().for_each(|&id| waiting.add_key(id));
            Case {
                waiting,
                judge: Judge {
                    keys: Keys::new("k", 2, 10).unwrap(),
                    protocol,
                    verify: true,
                    sizes: Sizes::fixed(30),
                },
                results: Results::default(),
                missed: Vec::new(),
            }
        }

        fn take(&mut self, piece: Piece<'_>) -> Result<bool, String> {
            let done =
                self.waiting
                    .take(piece, &self.judge, &mut self.results, &mut self.missed)?;
            Ok(done.is_some())
        }

        /// A sound value of the key `name`.
        fn value(&mut self, key: Which<'_>, name: &[u8]) -> Result<bool, String> {
            let mut data = Vec::new();
            Payload::new().write(name, 30, 1, &mut data);
            self.take(Piece::Value { key, data: &data })
        }
    }

    #[test]
    fn keys_without_a_value_are_misses() {
        let mut case = Case::get(ClientProtocol::Text, &[1, 2, 2, 3]);
        assert_eq!(case.value(Which::Name(b"k2"), b"k2"), Ok(false));
        assert_eq!(case.value(Which::Name(b"k2"), b"k2"), Ok(false));
        assert_eq!(case.take(Piece::End), Ok(true));
        assert_eq!((case.results.hits, case.results.misses), (2, 2));
        assert_eq!(case.missed, [1, 3]);
        assert!(case.waiting.is_empty());
        assert_eq!(case.results.troubles(), 0);
    }

    #[test]
    fn a_value_out_of_order_or_not_asked_for_is_noticed() {
        let mut case = Case::get(ClientProtocol::Text, &[1, 2]);
        assert!(case.value(Which::Name(b"k3"), b"k3").is_err());
        assert_eq!(case.value(Which::Name(b"k2"), b"k2"), Ok(false));
        assert!(case.value(Which::Name(b"k1"), b"k1").is_err());
        let mut case = Case::get(ClientProtocol::Binary, &[1, 2]);
        assert!(case.value(Which::Place(2), b"k1").is_err());
        assert_eq!(case.value(Which::Place(1), b"k2"), Ok(false));
        assert!(case.value(Which::Place(1), b"k2").is_err());
        assert!(case.take(Piece::Miss).is_err());
    }

    #[test]
    fn the_value_of_another_key_is_wrong() {
        for protocol in [ClientProtocol::Meta, ClientProtocol::Binary] {
            let mut case = Case::get(protocol, &[1]);
            assert_eq!(case.value(Which::TheOne, b"k2"), Ok(true));
            assert_eq!(case.results.troubles(), 1);
        }
    }

    #[test]
    fn a_value_too_short_for_a_proof_has_the_right_size() {
        for (len, troubles) in [(3, 0), (4, 1)] {
            let mut case = Case::get(ClientProtocol::Meta, &[1]);
            case.judge.sizes = Sizes::fixed(len);
            let mut data = Vec::new();
            Payload::new().write(b"k1", 3, 1, &mut data);
            let key = Which::TheOne;
            assert_eq!(case.take(Piece::Value { key, data: &data }), Ok(true));
            assert_eq!(case.results.troubles(), troubles);
        }
    }

    #[test]
    fn errors_are_counted_and_end_what_they_end() {
        let refused = || Piece::Refused("SERVER_ERROR out of memory".to_string());
        let mut case = Case::get(ClientProtocol::Text, &[1, 2]);
        assert_eq!(case.take(refused()), Ok(true));
        assert_eq!((case.results.misses, case.results.troubles()), (0, 1));
        let mut case = Case::get(ClientProtocol::Meta, &[1, 2]);
        assert_eq!(case.take(refused()), Ok(false));
        assert_eq!(case.take(Piece::End), Ok(true));
        let mut case = Case::get(ClientProtocol::Meta, &[1]);
        assert_eq!(case.take(refused()), Ok(true));
        assert!(case.take(Piece::Miss).is_err(), "nobody asked");
    }

    #[test]
    fn a_set_takes_no_value_and_a_get_is_not_stored() {
        let mut case = Case::get(ClientProtocol::Text, &[1]);
        assert!(case.take(Piece::Stored).is_err());
        assert_eq!(case.take(Piece::End), Ok(true));
        case.waiting.add(Kind::Set, 1, 7);
        case.waiting.add_key(1);
        assert!(case.value(Which::Name(b"k1"), b"k1").is_err());
        assert!(case.take(Piece::End).is_err());
        assert_eq!(case.take(Piece::Stored), Ok(true));
        assert_eq!(case.results.keys, 2);
    }
}
