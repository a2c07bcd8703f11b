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
mod maker;
mod search;
mod speech;

use crate::client::Client;
use crate::given;
use crate::random::Random;
use crate::server::{Server, stat};
use cell::{Answer, Call, Cell};
use maker::Maker;
use search::{Event, Verdict, judge};
use speech::{Language, Request, Subject};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const CLIENTS: usize = 3;
/// Bytes of the bulk of a value. Half a megabyte takes a server a tenth of a millisecond to copy.
const BULK_LENS: &[usize] = &[0, 0, 0, 3000, 100_000, 500_000, 500_000, 900_000];

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
    let mut maker = Maker::new(random, subject.bulk_len > 0);
    let trains = subject.bulk_len == 0 && maker.random.percent(60);
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
