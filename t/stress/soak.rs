//! Soak: a full cache that goes on evicting, with every value looked at, and memory that stays
//! where it was.

use crate::hammer::{Keys, Load, Seen, hammer};
use crate::server::{Server, stat, wait_for};
use crate::{StopOnPanic, given, pass};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A server and its load.
struct Shape {
    name: &'static str,
    options: &'static str,
    load: Load,
    /// The heap may grow by so much after the warm-up: what is more is a leak. Long replies to
    /// clients that do not read them need buffers, and many such clients at a time are rare.
    heap_growth_max_kib: u64,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "small values",
        options: "-t 4 -m 4 -f 2",
        load: Load {
            keys: Keys::Below(20_000),
            lens: &[60, 200, 1000],
            expiries: &[0],
            guests: 0,
        },
        heap_growth_max_kib: 512,
    },
    Shape {
        name: "values of all lengths, clients that leave in mid-request",
        options: "-t 4 -m 10 -f 2",
        load: Load {
            keys: Keys::Below(8000),
            lens: &[40, 500, 500, 9000, 60_000, 300_000],
            expiries: &[0, 0, 0, 100],
            guests: 100,
        },
        heap_growth_max_kib: 1536,
    },
    Shape {
        name: "short lives, chains of small chunks",
        options: "-t 4 -m 8 -f 2 -o slab_chunk_max=16,temporary_ttl=61",
        load: Load {
            keys: Keys::Below(20_000),
            lens: &[100, 1000, 10_000, 100_000],
            expiries: &[0, 1, 2, 5, 60],
            guests: 10,
        },
        heap_growth_max_kib: 1536,
    },
];

/// All other memory may grow by so much: pages of the cache that had not been touched as a whole
/// (huge pages come by 2 MiB). That no chunk of them is lost is for the invariant walk to say.
const OTHERS_GROWTH_MAX_KIB: u64 = 4 << 10;
/// Requests at least after the warm-up, however slow the machine is: enough for a leak to show.
const REQUESTS_MIN: u64 = 50_000;
/// Clients that come and go after it, so that what is lost with a connection shows, too.
const PASSERS_BY: u64 = 1000;
const THREADS: u64 = 4;

#[test]
fn a_full_cache_serves_right_values_in_flat_memory() {
    let time = Duration::from_secs(given("SOAK_SECONDS", 3)) / SHAPES.len() as u32;
    for (index, shape) in SHAPES.iter().enumerate() {
        let server = Server::start(shape.options);
        let mut operator = server.client();
        let seen = Seen::default();
        let (warm, end) = std::thread::scope(|scope| {
            let (server, seen) = (&server, &seen);
            let _stop = StopOnPanic(&seen.stop);
            for thread in 0..THREADS {
                scope.spawn(move || {
                    let _stop = StopOnPanic(&seen.stop);
                    hammer(server, &shape.load, seen, index as u64 * 10 + thread);
                });
            }
            // Warm: all memory has been handed out, and many items have made room for others.
            wait_for("the cache to be full and turned over", || {
                let evictions = stat(&mut operator, "evictions");
                seen.stop.load(Relaxed) || evictions > 3000
            });
            let warm = server.memory();
            let enough = seen.requests.load(Relaxed) + REQUESTS_MIN;
            come_and_go(server);
            wait_for("enough requests", || {
                seen.stop.load(Relaxed) || seen.requests.load(Relaxed) >= enough
            });
            pass(time, &seen.stop);
            (warm, server.memory())
        });
        let evictions = stat(&mut operator, "evictions");
        server.verify(&mut operator);
        println!(
            "{}: {} requests, {} values, {evictions} evictions; {warm:?} after the warm-up, {end:?} at the end",
            shape.name,
            seen.requests.load(Relaxed),
            seen.values.load(Relaxed),
        );
        let heap_kib = end.heap_kib.saturating_sub(warm.heap_kib);
        let others_kib = end.others_kib().saturating_sub(warm.others_kib());
        assert!(
            heap_kib <= shape.heap_growth_max_kib && others_kib <= OTHERS_GROWTH_MAX_KIB,
            "{}: {warm:?} grew to {end:?}",
            shape.name
        );
        server.stop(operator);
    }
}

/// Many clients, one after another: each other one goes in the middle of a value.
fn come_and_go(server: &Server) {
    for number in 0..PASSERS_BY {
        let mut client = server.client();
        if number % 2 == 0 {
            assert_eq!(client.ask("mn"), "MN");
        } else {
            client.push(b"set half 0 0 500\r\nha");
        }
    }
}
