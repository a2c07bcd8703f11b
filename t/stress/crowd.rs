//! Many keys in few places: of one bucket, whose chain grows and shrinks under those who look
//! along it, and of one stripe, which splits its buckets meanwhile.
//!
//! ```text
//! 3 lookers, 3 movers: bursts ─► a group of one bucket, all of them the same  ┐
//! one of the hammer's threads: every command ─► all groups                    ├─► server
//! operator: pages, crawls, dumps, flushes ────────────────────────────────────┘
//! ```
//!
//! A burst is one or two requests, hundreds of times in a pipeline, so that a look and a change of
//! the same word of a bucket meet within nanoseconds. What is read proves itself (`value`).

use crate::aim::{self, BUCKET_BITS_ITEMS};
use crate::client::Client;
use crate::hammer::{self, CasIds, Keys, Load, Seen, read_text};
use crate::operator::{self, Care};
use crate::random::Random;
use crate::server::{Server, stat};
use crate::value::{flags_of, record, start_of};
use crate::{StopOnPanic, given, pass};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Groups of one bucket, and keys of each.
const GROUPS: usize = 12;
const GROUP_LEN: usize = 30;
/// So many items fill a bucket, or the last node of a chain: the next one makes a node.
const FULL: &[usize] = &[8, 8, 8, 11, 14];
/// Requests of a burst.
const BURST: usize = 300;
/// Requests of all clients that one group takes before it is the turn of the next one.
const FOCUS: u64 = 20_000;
/// Lookers, and as many movers.
const PAIRS: u64 = 3;

/// Stripes that are filled one after the other, for the next one grows as if it were new.
const STRIPES: usize = 4;
/// Keys of one stripe that come and go together, and how many of them in one burst.
const FLOOD: usize = 2000;
const FLOOD_STEP: usize = 50;

#[test]
fn keys_of_one_bucket_come_and_go_while_they_are_looked_for() {
    let groups = aim::buckets(GROUPS, GROUP_LEN);
    let load = Load {
        keys: chosen(groups.iter().flatten()),
        lens: &[40, 40, 40, 40, 500, 3000, 40_000],
        expiries: &[0, 0, 0, 30, 5000],
        guests: 50,
    };
    // Small tables, that grow or not, and a large one. Memory is short in the first.
    let shapes = [
        "-t 4 -m 8 -f 3 -o hashpower=13,slab_chunk_max=16,slab_automove=2",
        "-t 4 -m 64 -o hashpower=13,no_hashexpand",
        "-t 4 -m 64",
    ];
    for (options, time) in rounds(&shapes) {
        let server = Server::start(options);
        meet(&server, &groups);
        let care = if options == shapes[0] {
            Care::Loses
        } else {
            Care::Keeps
        };
        let burst = |looks: bool, client: &mut Client, seen: &Seen, random: &mut Random| {
            let turn = (seen.requests.load(Relaxed) / FOCUS) as usize;
            let way = turn + turn / GROUPS;
            let scene = Scene {
                group: &groups[turn % GROUPS],
                full: FULL[way % FULL.len()],
                is_calm: way % 4 != 3,
            };
            let bytes = if looks {
                scene.look(random)
            } else {
                scene.come_and_go(random)
            };
            client.send(&bytes);
        };
        run(server, &load, care, time, burst);
    }
}

#[test]
fn a_stripe_grows_and_is_emptied_while_its_keys_are_looked_for() {
    let stripes = aim::stripes(STRIPES, FLOOD);
    let load = Load {
        keys: chosen(stripes.iter().flat_map(|stripe| stripe.iter().step_by(10))),
        lens: &[40, 40, 40, 500],
        expiries: &[0, 0, 0, 0, 5000],
        guests: 10,
    };
    for (options, time) in rounds(&["-t 4 -m 64 -o hashpower=13", "-t 2 -m 8 -f 3"]) {
        let server = Server::start(options);
        meet(&server, &stripes);
        let steps = AtomicU64::new(0);
        let burst = |looks: bool, client: &mut Client, _: &Seen, random: &mut Random| {
            let steps_of_one = 2 * (FLOOD / FLOOD_STEP);
            let step = if looks {
                steps.load(Relaxed)
            } else {
                steps.fetch_add(1, Relaxed)
            } as usize;
            let stripe = &stripes[step / steps_of_one % stripes.len()];
            let bytes = if looks {
                look_around(stripe, random)
            } else {
                rise_and_fall(stripe, step % steps_of_one, random)
            };
            client.send(&bytes);
        };
        run(server, &load, Care::Loses, time, burst);
    }
}

/// What a hammer does to these keys.
fn chosen<'k>(keys: impl Iterator<Item = &'k String>) -> Keys {
    let (counters, records) = keys.cloned().partition(|key| key.starts_with('n'));
    Keys::Chosen { records, counters }
}

/// Each shape for some seconds, all of them again and again.
fn rounds<'s>(shapes: &[&'s str]) -> impl Iterator<Item = (&'s str, Duration)> {
    let seconds = given("STRESS_SECONDS", 2 * shapes.len() as u64);
    let turns = (seconds / (10 * shapes.len() as u64)).max(1);
    let each = Duration::from_secs(seconds) / (turns as u32 * shapes.len() as u32);
    let all: Vec<_> = shapes.iter().map(|options| (*options, each)).collect();
    (0..turns).flat_map(move |_| all.clone())
}

/// Sees to it that the server has the same opinion of which keys meet: the low bits of an item's
/// cas id name its stripe. Without that the test proves nothing.
pub fn meet(server: &Server, groups: &[Vec<String>]) {
    if !cfg!(debug_assertions) {
        println!("a server that does not check itself has a secret of its own: no keys meet");
        return;
    }
    const STRIPES_MIN: u64 = 1024;
    let mut client = server.client();
    for group in groups {
        let mut stripes = group.iter().take(20).map(|key| {
            client.send(format!("ms {key} 1 c\r\n1\r\n").as_bytes());
            let line = client.line();
            let id: u64 = line.strip_prefix("HD c").expect(&line).parse().unwrap();
            id % STRIPES_MIN
        });
        let first = stripes.next();
        assert!(
            stripes.all(|stripe| Some(stripe) == first),
            "keys of one stripe"
        );
    }
    assert_eq!(client.ask("flush_all"), "OK");
}

/// All clients at one server, for so long; `burst` sends what a looker or a mover asks for.
fn run(
    server: Server,
    load: &Load,
    care: Care,
    time: Duration,
    burst: impl Fn(bool, &mut Client, &Seen, &mut Random) + Sync,
) {
    let seed = given("STRESS_SEED", 4711);
    let seen = Seen::default();
    std::thread::scope(|scope| {
        let (server, seen, burst) = (&server, &seen, &burst);
        for thread in 0..2 * PAIRS {
            scope.spawn(move || {
                let _stop = StopOnPanic(&seen.stop);
                let mut random = Random::new(seed * 100 + thread);
                let (mut client, mut ids) = (server.client(), CasIds::new());
                while !seen.stop.load(Relaxed) {
                    burst(thread % 2 == 0, &mut client, seen, &mut random);
                    read_text(&mut client, seen, &mut ids);
                    seen.requests.fetch_add(BURST as u64, Relaxed);
                }
            });
        }
        scope.spawn(move || {
            let _stop = StopOnPanic(&seen.stop);
            hammer::hammer(server, load, seen, seed * 100 + 50);
        });
        scope.spawn(move || {
            let _stop = StopOnPanic(&seen.stop);
            operator::operate(server, care, &seen.stop, seed);
        });
        pass(time, &seen.stop);
    });
    let mut operator = server.client();
    server.verify(&mut operator);
    println!(
        "{}: {} requests, {} values, {} pages moved, table {} KiB",
        server.options(),
        seen.requests.load(Relaxed),
        seen.values.load(Relaxed),
        stat(&mut operator, "slabs_moved"),
        stat(&mut operator, "hash_bytes") >> 10
    );
    assert!(seen.values.load(Relaxed) > 100, "few values were read");
    server.stop(operator);
}

/// One request, or two in turns, again and again; `mn` at the end, for `read_text`.
fn burst_of(requests: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..BURST {
        bytes.extend_from_slice(&requests[number % requests.len()]);
    }
    bytes.extend_from_slice(b"mn\r\n");
    bytes
}

/// What all bursts are about for a while.
struct Scene<'g> {
    /// Keys of one bucket.
    group: &'g [String],
    /// So many of them fill the bucket, or a node.
    full: usize,
    /// These stay, and one more comes and goes; otherwise all do.
    is_calm: bool,
}

impl Scene<'_> {
    /// Looks for the item that stands where a link will be, or for any.
    fn look(&self, random: &mut Random) -> Vec<u8> {
        let key = match random.below(4) {
            0..3 => &self.group[self.full - 1],
            _ if self.is_calm => &self.group[random.below(self.full + 1)],
            _ => random.pick(self.group),
        };
        let line = match random.below(12) {
            0..5 => format!("get {key}"),
            5 => format!("gets {key} {} {key}", random.pick(self.group)),
            6 => format!("get {}", self.group.join(" ")),
            7 => format!("mg {key} k v f s c t h l"),
            8 => format!("mg {key} k v u q"),
            9 => format!("gat 5000 {key}"),
            10 => format!("touch {key} 0"),
            _ => format!("me {key}"),
        };
        burst_of(&[format!("{line}\r\n").into_bytes()])
    }

    /// Lets the next item come and go, or any; or changes one where it is.
    fn come_and_go(&self, random: &mut Random) -> Vec<u8> {
        let (comer, other) = if self.is_calm {
            (
                &self.group[self.full],
                random.pick(&self.group[..self.full]),
            )
        } else {
            (random.pick(self.group), random.pick(self.group))
        };
        match random.below(18) {
            0..10 => burst_of(&[store("set", comer, random), gone(comer, random)]),
            10 | 11 => burst_of(&[store("add", comer, random), gone(comer, random)]),
            // An item takes the place of another, or its value is written over.
            12 => burst_of(&[store("set", other, random), store("set", other, random)]),
            13 => burst_of(&[store("set", other, random), change(other, random)]),
            14 => burst_of(&[change(other, random), change(comer, random)]),
            _ => self.settle(random),
        }
    }

    /// Fills the bucket anew, in order: so many items and no more.
    fn settle(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = Vec::new();
        for key in self.group {
            bytes.extend(gone(key, random));
        }
        for key in &self.group[..self.full] {
            bytes.extend(store("set", key, random));
        }
        bytes.extend_from_slice(b"mn\r\n");
        bytes
    }
}

fn store(command: &str, key: &str, random: &mut Random) -> Vec<u8> {
    let value = if key.starts_with('n') {
        start_of(key).to_string().into_bytes()
    } else {
        let len = *random.pick(&[5, 5, 5, 100]);
        record(key, len, random)
    };
    let line = format!("{command} {key} {} 0 {}\r\n", flags_of(key), value.len());
    [line.as_bytes(), &value, b"\r\n"].concat()
}

fn gone(key: &str, random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => format!("md {key}\r\n"),
        1 => format!("touch {key} -1\r\n"),
        _ => format!("delete {key}\r\n"),
    }
    .into_bytes()
}

/// Changes a value: a counter by one more or less, a record by another one behind or before it.
fn change(key: &str, random: &mut Random) -> Vec<u8> {
    if key.starts_with('n') {
        return match random.below(4) {
            0 => format!("incr {key} 3\r\n"),
            1 => format!("decr {key} 3\r\n"),
            2 => format!("ma {key} q\r\n"),
            _ => format!("ma {key} MD v k\r\n"),
        }
        .into_bytes();
    }
    match random.below(4) {
        0 => format!("md {key} I T30\r\n").into_bytes(),
        1 => format!("touch {key} 5000\r\n").into_bytes(),
        place => {
            let part = record(key, random.below(20), random);
            let (mode, len) = (["MA", "MP"][place - 2], part.len());
            let line = format!("ms {key} {len} {mode}\r\n");
            [line.as_bytes(), &part, b"\r\n"].concat()
        }
    }
}

/// Looks for any keys of a stripe, many at a time or one by one.
fn look_around(stripe: &[String], random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..BURST / 20 {
        let keys: Vec<&str> = (0..20).map(|_| &random.pick(stripe)[..]).collect();
        if random.percent(50) {
            bytes.extend(format!("gets {}\r\n", keys.join(" ")).bytes());
        } else {
            for key in keys {
                bytes.extend(format!("mg {key} k v f c s\r\n").bytes());
            }
        }
    }
    bytes.extend_from_slice(b"mn\r\n");
    bytes
}

/// Some of the keys come in the first half of the steps, and go in the second.
fn rise_and_fall(stripe: &[String], step: usize, random: &mut Random) -> Vec<u8> {
    let half = FLOOD / FLOOD_STEP;
    let first = step % half * FLOOD_STEP;
    let mut bytes = Vec::new();
    for key in &stripe[first..first + FLOOD_STEP] {
        bytes.extend(if step < half {
            store("set", key, random)
        } else {
            gone(key, random)
        });
    }
    bytes.extend_from_slice(b"mn\r\n");
    bytes
}

/// A group stays one bucket however much the stripe grows for it.
const _: () = assert!(GROUP_LEN * GROUPS < BUCKET_BITS_ITEMS);
