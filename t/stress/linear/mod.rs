//! Histories of a few requests to one key by three clients at once, each of which must be one that
//! a server could give that does one thing after the other.
//!
//! ```text
//! leader: a key and its item ─► 3 clients, at the same moment ─► leader: what is there now?
//!                                   │ 1 to 3 requests each           │
//!                                   └── sent, answered, answer ──────┴─► search for an order
//! ```
//!
//! Values may be large, so that the server takes long between two looks at an item.

mod cell;
mod search;
mod speech;

use crate::client::Client;
use crate::given;
use crate::random::Random;
use crate::server::{Server, stat};
use cell::{Answer, Call, Cell, Life, Mode};
use search::{Event, Verdict, judge};
use speech::{BULK, LIVES, Language, Request, Subject};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const CLIENTS: usize = 3;
/// Bytes of the bulk of a value. Half a megabyte takes a server a tenth of a millisecond to copy.
const BULK_LENS: &[usize] = &[0, 0, 0, 3000, 100_000, 500_000, 500_000, 900_000];

/// Requests of a train.
const TRAIN: usize = 300;

/// Events of a client that are told on each side of the place where there is a fault.
const EVENTS_TOLD: usize = 5;

type Happening = Event<Call, Answer>;

/// What one client does in a round.
struct Part {
    subject: Subject,
    /// An id that the item had before the round.
    id: Option<u64>,
    requests: Vec<Request>,
    /// Whether it sends all of them at once.
    pipelines: bool,
    starts: Instant,
}

#[test]
fn every_history_could_be_that_of_one_command_after_the_other() {
    let shapes = ["-t 4 -m 256", "-t 4 -m 256 -o slab_chunk_max=16"];
    let time = Duration::from_secs(given("STRESS_SECONDS", 6)) / shapes.len() as u32;
    for options in shapes {
        let server = Server::start(options);
        let began = Instant::now();
        let mut random = Random::new(given("STRESS_SEED", 4711));
        let (mut rounds, mut unknown) = (0, 0);
        std::thread::scope(|scope| {
            // Whoever fails hangs up; so the others do not wait for ever.
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let (parts, todo) = channel();
                    let (done, happened) = channel();
                    let voice = Voice::new(number, &server, began);
                    scope.spawn(move || follow(voice, &todo, &done));
                    (parts, happened)
                })
                .collect();
            let mut leader = Voice::new(CLIENTS, &server, began);
            while began.elapsed() < time {
                rounds += 1;
                let history = play(&mut leader, &clients, rounds, &mut random);
                match judge(Cell::default(), &history) {
                    Verdict::Possible => {}
                    Verdict::Unknown => unknown += 1,
                    Verdict::Impossible(done) => panic!(
                        "{options}: round {rounds}, after {:?}: no order of these:\n{}",
                        began.elapsed(),
                        told(&history, &done)
                    ),
                }
            }
        });
        let mut operator = server.client();
        let evictions = stat(&mut operator, "evictions");
        assert_eq!(evictions, 0, "{options}: what is evicted proves nothing");
        server.verify(&mut operator);
        println!("{options}: {rounds} histories, {unknown} of them not decided");
        assert!(unknown * 20 <= rounds, "{options}: few have been decided");
        server.stop(operator);
    }
}

/// One round, and its history.
fn play(
    leader: &mut Voice,
    clients: &[(Sender<Part>, Receiver<Vec<Happening>>)],
    round: usize,
    random: &mut Random,
) -> Vec<Happening> {
    let subject = Subject {
        key: format!("k{round}"),
        bulk_len: *random.pick(BULK_LENS),
    };
    let mut maker = Maker {
        random,
        bulk: subject.bulk_len > 0,
        serial: 0,
    };
    let trains = !maker.bulk && maker.random.percent(60);
    let mut id = None;
    let mut history = leader.say_all(&subject, &mut id, &maker.prologue());
    // Time enough for all to wake up.
    let starts = Instant::now() + Duration::from_micros(80);
    for (number, (parts, _)) in clients.iter().enumerate() {
        let (requests, pipelines) = if trains {
            (maker.train(number), true)
        } else {
            maker.part(number)
        };
        // The longest call takes about as long.
        let window = 40
            + if number == 0 {
                0
            } else {
                subject.bulk_len / 2500
            };
        let part = Part {
            subject: subject.clone(),
            id,
            requests,
            pipelines,
            starts: starts + Duration::from_micros(maker.random.below(window) as u64),
        };
        parts.send(part).expect("a client that is there");
    }
    for (_, happened) in clients {
        history.extend(happened.recv().expect("a client that is there"));
    }
    history.extend(leader.say_all(&subject, &mut id, &[Maker::epilogue()]));
    // The memory is for the next key.
    leader.text.ask(&format!("delete {}", subject.key));
    history
}

/// A client's thread: one part after the other, until nobody gives it another.
fn follow(mut voice: Voice, todo: &Receiver<Part>, done: &Sender<Vec<Happening>>) {
    for mut part in todo.iter() {
        while Instant::now() < part.starts {
            std::hint::spin_loop();
        }
        let happened = if part.pipelines {
            voice.say_at_once(&part.subject, part.id, &part.requests)
        } else {
            voice.say_all(&part.subject, &mut part.id, &part.requests)
        };
        if done.send(happened).is_err() {
            return; // the leader has failed
        }
    }
}

/// A client that speaks all languages.
struct Voice {
    number: usize,
    text: Client,
    binary: Client,
    began: Instant,
}

impl Voice {
    fn new(number: usize, server: &Server, began: Instant) -> Voice {
        Voice {
            number,
            text: server.client(),
            binary: server.client(),
            began,
        }
    }

    fn client(&mut self, language: Language) -> &mut Client {
        match language {
            Language::Text | Language::Meta => &mut self.text,
            Language::Binary => &mut self.binary,
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// One request after the other; each that compares uses the last id that has been seen.
    fn say_all(
        &mut self,
        subject: &Subject,
        id: &mut Option<u64>,
        requests: &[Request],
    ) -> Vec<Happening> {
        let mut history = Vec::new();
        for request in requests {
            history.extend(self.say_at_once(subject, *id, std::slice::from_ref(request)));
            match history.last().map(|event: &Happening| &event.answer) {
                Some(Answer::Done { id: Some(seen), .. }) => *id = Some(*seen),
                Some(Answer::Shown(shown)) => *id = shown.id.or(*id),
                _ => {}
            }
        }
        history
    }

    /// All requests in one piece; they are of one language.
    fn say_at_once(
        &mut self,
        subject: &Subject,
        id: Option<u64>,
        requests: &[Request],
    ) -> Vec<Happening> {
        let requests: Vec<_> = requests.iter().map(|asked| asked.comparing(id)).collect();
        let bytes: Vec<u8> = requests
            .iter()
            .flat_map(|asked| subject.bytes(asked))
            .collect();
        let sent = self.now();
        let number = self.number;
        if let Some(first) = requests.first() {
            self.client(first.language).send(&bytes);
        }
        let mut history = Vec::new();
        for request in requests {
            let answer = subject.answer(&request, self.client(request.language));
            history.push(Event {
                client: number,
                call: request.call,
                answer,
                sent,
                answered: self.now(),
            });
        }
        history
    }
}

impl Request {
    /// With the id in the place of the one that its maker could not know.
    fn comparing(&self, id: Option<u64>) -> Request {
        let mut request = self.clone();
        if let Call::Store { compare, .. }
        | Call::Add { compare, .. }
        | Call::Delete { compare }
        | Call::Invalidate { compare, .. } = &mut request.call
        {
            *compare = compare.and(id);
        }
        request
    }
}

/// Makes what is asked for in a round.
struct Maker<'r> {
    random: &'r mut Random,
    /// Whether values have a bulk; otherwise they are numbers, mostly.
    bulk: bool,
    /// So many values have been made, all of them different.
    serial: usize,
}

impl Maker<'_> {
    /// What is there when the round begins: an item, mostly, and its id.
    fn prologue(&mut self) -> Vec<Request> {
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
    fn epilogue() -> Request {
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
    fn part(&mut self, client: usize) -> (Vec<Request>, bool) {
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
    fn train(&mut self, client: usize) -> Vec<Request> {
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
        self.random.percent(50).then_some(0)
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

/// The events in words; of many those around the place where no order goes on.
fn told(history: &[Happening], done: &[usize]) -> String {
    let mut lines = String::new();
    for (client, done) in done.iter().enumerate() {
        let events = history.iter().filter(|event| event.client == client);
        for (index, event) in events.enumerate() {
            if index.abs_diff(*done) > EVENTS_TOLD {
                continue;
            }
            let Event {
                call,
                answer,
                sent,
                answered,
                ..
            } = event;
            let mark = if index < *done { "    " } else { "not " };
            let (sent, answered) = (sent / 1000, answered / 1000);
            lines += &format!("{mark}client {client} {sent}..{answered} us: {call:?}\n");
            lines += &format!("         -> {answer:?}\n");
        }
    }
    lines
}

#[cfg(test)]
mod tests;
