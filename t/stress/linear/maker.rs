//! Requests for a round: which, in which words, and in which order.

use super::cell::{Call, Life, Mode};
use super::speech::{BULK, LIVES, Language, Request};
use crate::random::Random;

/// Requests of a train.
const TRAIN: usize = 300;

/// Makes what is asked for in a round.
pub struct Maker<'r> {
    pub random: &'r mut Random,
    /// Whether values have a bulk; otherwise they are numbers, mostly.
    bulk: bool,
    /// Whether some requests compare ids; most of those that do are refused in a train.
    compares: bool,
    /// So many values have been made, all of them different.
    serial: usize,
}

impl<'r> Maker<'r> {
    /// For values with a bulk, or without.
    pub fn new(random: &'r mut Random, bulk: bool) -> Maker<'r> {
        Maker {
            random,
            bulk,
            compares: true,
            serial: 0,
        }
    }

    /// What is there when the round begins: an item, mostly, and its id.
    pub fn prologue(&mut self) -> Vec<Request> {
        let meta = |call| Request {
            language: Language::Meta,
            call,
        };
        let mut requests = vec![meta(Call::Store {
            mode: Mode::Set,
            value: self.whole(),
            flags: 5,
            life: Life::Ever,
            compare: None,
            or_stale: false,
        })];
        match self.random.below(12) {
            0 => requests.push(meta(Call::Delete { compare: None })),
            1 => requests.push(meta(Call::Invalidate {
                compare: None,
                renew: None,
            })),
            _ => {}
        }
        requests
    }

    /// What is there when it is over.
    pub fn epilogue() -> Request {
        Request {
            language: Language::Meta,
            call: Call::Look {
                renew: None,
                make: false,
            },
        }
    }

    /// Requests of one client, and whether they are sent at once. The first of them all takes
    /// long, if the value is large, and others come in between.
    pub fn part(&mut self, client: usize) -> (Vec<Request>, bool) {
        let count = *self.random.pick(&[1, 1, 2, 3]);
        let pipelines = self.random.percent(40);
        let binary = self.random.percent(30);
        let mut requests: Vec<Request> = (0..count).map(|_| self.request(binary)).collect();
        if self.bulk && client == 0 {
            let mode = *self
                .random
                .pick(&[Mode::Append, Mode::Append, Mode::Prepend]);
            requests[0] = self.store(mode).in_words(binary);
        } else if self.bulk && self.random.percent(50) {
            let call = match self.random.below(3) {
                0 => Call::Flush,
                _ => Call::Invalidate {
                    compare: None,
                    renew: None,
                },
            };
            requests[0] = call.in_words(binary);
        }
        (requests, pipelines)
    }

    /// Requests of one kind, hundreds of them: what takes a server no time to carry out meets all
    /// the same. One client changes an item, another ends its life and lets it begin anew.
    pub fn train(&mut self, client: usize) -> Vec<Request> {
        self.compares = self.random.one_in(4);
        let binary = self.random.percent(30);
        let kind = self.random.below(8);
        let mut change = || match kind {
            0..4 => self.store(Mode::Append),
            4 => self.store(Mode::Replace),
            5 => Call::Touch(self.life()),
            _ => self.add(),
        };
        let calls: Vec<Call> = match client {
            0 => (0..TRAIN).map(|_| change()).collect(),
            1 => {
                let end = match kind {
                    0 => Call::Delete { compare: None },
                    _ => Call::Flush,
                };
                let mut cycle = || {
                    [
                        self.store(Mode::Set),
                        end.clone(),
                        Call::Read { renew: None },
                    ]
                };
                (0..TRAIN / 3).flat_map(|_| cycle()).collect()
            }
            // More than two would make too many orders.
            _ => Vec::new(),
        };
        calls
            .into_iter()
            .map(|call| call.in_words(binary))
            .collect()
    }

    fn request(&mut self, binary: bool) -> Request {
        let call = match self.random.below(20) {
            0..5 => self.read(),
            5 | 6 => Call::Touch(self.life()),
            7..10 => {
                let mode = *self
                    .random
                    .pick(&[Mode::Set, Mode::Set, Mode::Add, Mode::Replace]);
                self.store(mode)
            }
            10 => self.store(Mode::Append),
            11..13 => Call::Delete {
                compare: self.compare(),
            },
            13..16 => Call::Invalidate {
                compare: self.compare(),
                renew: self.renew(),
            },
            16 => Call::Empty,
            17 => Call::Flush,
            _ if self.bulk => self.read(),
            _ => self.add(),
        };
        let mut request = call.in_words(binary);
        if !binary && self.random.percent(50) {
            request.language = Language::Text;
        }
        request.sayable()
    }

    fn read(&mut self) -> Call {
        let renew = self.renew();
        match self.random.below(8) {
            0..3 => Call::Read { renew },
            3 => Call::Look {
                renew: Some(Life::Seconds(1000)),
                make: true,
            },
            _ => Call::Look { renew, make: false },
        }
    }

    fn add(&mut self) -> Call {
        Call::Add {
            up: self.random.percent(60),
            delta: *self.random.pick(&[1, 7, 90, 1_000_000]),
            compare: self.compare(),
        }
    }

    fn store(&mut self, mode: Mode) -> Call {
        let is_part = matches!(mode, Mode::Append | Mode::Prepend);
        let can_compare = is_part || mode == Mode::Set;
        let compare = if can_compare { self.compare() } else { None };
        Call::Store {
            mode,
            value: if is_part { self.bit() } else { self.whole() },
            flags: if is_part {
                0
            } else {
                self.random.below(4) as u32
            },
            life: if is_part { Life::Ever } else { self.life() },
            compare,
            or_stale: mode == Mode::Set && self.random.percent(40),
        }
    }

    /// A value that nobody else stores in this round.
    fn whole(&mut self) -> String {
        self.serial += 1;
        let serial = self.serial;
        match (self.bulk, self.random.below(4)) {
            (true, 0..3) => format!("a{BULK}{serial}"),
            (false, 0..3) => (97 + serial).to_string(),
            _ => format!("text{serial};"),
        }
    }

    /// What is appended or prepended.
    fn bit(&mut self) -> String {
        self.serial += 1;
        let serial = self.serial;
        if self.bulk {
            format!("<{serial}>")
        } else {
            serial.to_string()
        }
    }

    fn life(&mut self) -> Life {
        if self.random.one_in(8) {
            return Life::Past;
        }
        *self.random.pick(&LIVES)
    }

    fn renew(&mut self) -> Option<Life> {
        self.random.percent(40).then(|| *self.random.pick(&LIVES))
    }

    /// A place for an id, or none.
    fn compare(&mut self) -> Option<u64> {
        (self.compares && self.random.percent(50)).then_some(0)
    }
}

impl Call {
    /// As a frame or in text. What frames cannot say becomes something that they can.
    fn in_words(self, binary: bool) -> Request {
        let (language, call) = match self {
            call if !binary => (Language::Meta, call),
            Call::Invalidate { .. } | Call::Empty => (Language::Binary, Call::Flush),
            Call::Look { renew, .. } => (Language::Binary, Call::Read { renew }),
            call => (Language::Binary, call),
        };
        Request { language, call }.sayable()
    }
}

impl Request {
    /// What classic commands cannot say is said by meta commands, and what frames cannot say not at
    /// all.
    fn sayable(mut self) -> Request {
        let is_text = self.language == Language::Text;
        match &mut self.call {
            Call::Store { or_stale, .. } if self.language == Language::Binary => *or_stale = false,
            Call::Store {
                mode,
                compare: Some(_),
                or_stale,
                ..
            } if is_text && (*or_stale || *mode != Mode::Set) => self.language = Language::Meta,
            Call::Add {
                compare: Some(_), ..
            }
            | Call::Delete { compare: Some(_) }
                if is_text =>
            {
                self.language = Language::Meta;
            }
            _ => {}
        }
        self
    }
}
