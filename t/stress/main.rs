//! A real server under many clients, in little memory: the stress and the soak tests.
//!
//! ```text
//! 8 threads, 6 connections each ─► every command, text and binary ─┐
//! guests that leave in mid-request ────────────────────────────────┼─► server, few MiB
//! operator: pages, crawls, dumps, flushes, limits ─────────────────┘
//! ```
//!
//! Every value proves itself (`value`), every reply stands where it belongs, sums are exact
//! where nothing may be lost (`sums`), keys meet in one bucket or stripe (`crowd`, `flood`), a few
//! commands at once are what they could be one after the other (`linear`), and in the end all
//! memory is accounted for.
//!
//! `STRESS_SECONDS` and `SOAK_SECONDS` in the environment make it longer, `STRESS_SEED` another
//! one; `make stress` and `make soak` do. doc/testing.txt tells more.

#![forbid(unsafe_code)]

mod aim;
mod client;
mod crowd;
mod flood;
mod hammer;
mod linear;
mod operator;
#[path = "../model/random.rs"]
mod random;
mod server;
mod soak;
mod sums;
mod value;

use hammer::{Keys, Load, Seen};
use operator::Care;
use random::Random;
use server::{Server, stat};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use value::record;

/// Threads with clients: more than there are workers, and than cores.
const THREADS: u64 = 8;

/// A number from the environment, or what it is without.
fn given(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty());
    text.map_or(default, |text| text.parse().expect(name))
}

/// Servers with little memory, small pieces and few classes, so that pages are to spare.
const SHAPES: &[&str] = &[
    "-t 4 -m 8 -f 3 -o slab_chunk_max=16,slab_automove_window=3,temporary_ttl=61",
    "-t 8 -m 4 -f 2 -o slab_chunk_max=4,slab_automove=2",
    "-t 4 -m 6 -C -f 4 -o slab_chunk_max=4",
    "-t 3 -m 8 -M -f 3 -o slab_chunk_max=64,hashpower=13",
    "-t 4 -m 8 -o no_modern,slab_reassign,lru_crawler,slab_chunk_max=16,slab_sizes=100-500-3000-10000",
];

const LOAD: Load = Load {
    keys: Keys::Below(3000),
    lens: &[40, 40, 40, 500, 500, 500, 500, 9000, 9000, 60_000, 300_000],
    expiries: &[0, 0, 0, 0, 30, 100, 5000],
    guests: 300,
};

#[test]
fn every_value_proves_itself_whatever_else_goes_on() {
    let seed = given("STRESS_SEED", 4711);
    let time = Duration::from_secs(given("STRESS_SECONDS", 8)) / SHAPES.len() as u32;
    for (index, options) in SHAPES.iter().enumerate() {
        let server = Server::start(options);
        let seen = Seen::default();
        std::thread::scope(|scope| {
            let (server, seen) = (&server, &seen);
            // Whoever fails takes the others along.
            let run = |work: Box<dyn FnOnce() + Send>| {
                scope.spawn(move || {
                    let _stop = StopOnPanic(&seen.stop);
                    work();
                });
            };
            for thread in 0..THREADS {
                let seed = seed * 100 + index as u64 * 10 + thread;
                run(Box::new(move || hammer::hammer(server, &LOAD, seen, seed)));
            }
            run(Box::new(move || {
                operator::operate(server, Care::Loses, &seen.stop, seed)
            }));
            pass(time, &seen.stop);
        });
        let mut operator = server.client();
        server.verify(&mut operator);
        assert!(
            seen.values.load(Relaxed) > 100,
            "{options}: few values were read"
        );
        // It works as before: all can be flushed, and there is room.
        operator.ask("flush_all");
        let last = record("last", 20_000, &mut Random::new(seed));
        let line = format!("set last 0 0 {}\r\n", last.len());
        operator.send(&[line.as_bytes(), &last, b"\r\nget last\r\n"].concat());
        assert_eq!(operator.line(), "STORED", "{options}");
        assert!(operator.line().starts_with("VALUE last 0 "), "{options}");
        assert!(operator.block(last.len()) == last, "{options}");
        assert_eq!(operator.line(), "END", "{options}");
        server.verify(&mut operator);
        println!(
            "{options}: {} requests, {} values, {} guests, {} times no memory",
            seen.requests.load(Relaxed),
            seen.values.load(Relaxed),
            seen.guests.load(Relaxed),
            seen.no_memory.load(Relaxed)
        );
        server.stop(operator);
    }
}

#[test]
fn sums_are_exact_while_pages_move_and_lists_change() {
    let shapes = [
        "-t 4 -m 128 -f 3 -o slab_chunk_max=16,slab_automove=2,slab_automove_window=3",
        "-t 8 -m 128 -o temporary_ttl=61",
    ];
    let seed = given("STRESS_SEED", 4711);
    let time = Duration::from_secs(given("STRESS_SECONDS", 4)) / shapes.len() as u32;
    for options in shapes {
        let server = Server::start(options);
        let mut client = server.client();
        sums::prepare(&mut client);
        let stop = AtomicBool::new(false);
        let done = std::thread::scope(|scope| {
            let (server, stop) = (&server, &stop);
            let clients: Vec<_> = (0..THREADS)
                .map(|me| {
                    scope.spawn(move || {
                        let _stop = StopOnPanic(stop);
                        sums::add_up(server, me, seed, stop)
                    })
                })
                .collect();
            scope.spawn(|| operator::operate(server, Care::Keeps, stop, seed));
            pass(time, stop);
            let outcomes: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
            let mut operator = server.client();
            for loss in ["evictions", "slab_reassign_busy_deletes"] {
                let lost = stat(&mut operator, loss);
                assert_eq!(lost, 0, "{options}: {loss}: the sums prove nothing");
            }
            outcomes
                .into_iter()
                .map(|outcome| outcome.unwrap())
                .collect::<Vec<_>>()
        });
        sums::check(&mut client, &done);
        server.verify(&mut client);
        println!(
            "{options}: {} pages moved",
            stat(&mut client, "slabs_moved")
        );
        server.stop(client);
    }
}

/// Lets so much time go by, and tells everyone to stop; sooner if somebody has failed.
fn pass(time: Duration, stop: &AtomicBool) {
    let began = std::time::Instant::now();
    while began.elapsed() < time && !stop.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    stop.store(true, Relaxed);
}

/// Tells the others to stop when its thread fails.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Relaxed);
        }
    }
}
