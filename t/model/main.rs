//! The server against a model: random requests in both protocols, right and wrong, and every
//! reply is foretold to the byte.
//!
//! ```text
//!              ┌─► world: a map, a clock, plain rules ─► want ─┐
//! seed ─► maker                                                ├─► equal?
//!              └─► bytes, in any pieces ─► server ─────────────┘
//! ```
//!
//! The protocol and the store are the real ones, in this process, without sockets and
//! threads; the clock is stopped and moved by hand. There is memory enough, so nothing is ever
//! evicted; but between any two requests, and before their replies have been sent, the LRU
//! lists are juggled, rows are crawled and pages are moved, none of which anyone may notice.
//! Each run ends with the invariant walk of the store.
//!
//! `MODEL_SEED` and `MODEL_OPS` in the environment choose another run and a longer one;
//! `make model` does. doc/testing.txt tells more.

#![forbid(unsafe_code)]

mod bad;
mod classic;
mod frames;
mod maker;
mod meta;
mod random;
mod talk;
mod upkeep;
mod want;
mod world;

use maker::{Maker, Step};
use memcached::server::Server;
use memcached::server::logins::Logins;
use memcached::settings::{self, Start};
use memcached::store::hash::Secret;
use random::Random;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use talk::Talk;
use upkeep::Upkeep;
use want::show;
use world::World;

/// What a run is, unless the environment says otherwise.
const SEED: u64 = 20_240_229;
const OPS: u64 = 60_000;
/// Steps of the clock. Seldom all that is young is gone.
const SECONDS: [u32; 21] = [
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 7, 7, 7, 100,
];
/// Requests that are shown of a key, and of all keys.
const SHOWN: usize = 12;

/// Options of the servers. Each has its part of the requests.
const SHAPES: &[&str] = &[
    "-m 1024",
    "-m 1024 -C",
    "-m 1024 -I 4m -o slab_chunk_max=16",
    "-m 1024 -I 3k -f 2 -o slab_chunk_max=1,no_modern",
    "-m 1024 -f 3 -o temporary_ttl=61,hashpower=13",
];

#[test]
fn the_server_answers_as_the_model_foretells() {
    let given = |name: &str, default| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.map_or(default, |text| text.parse().expect(name))
    };
    let (seed, ops) = (given("MODEL_SEED", SEED), given("MODEL_OPS", OPS));
    for (index, options) in SHAPES.iter().enumerate() {
        let mut run = Run {
            name: format!("MODEL_SEED={seed} MODEL_OPS={ops}, {options}"),
            last_of_key: HashMap::new(),
            last: VecDeque::new(),
            done: 0,
        };
        let seed = seed.wrapping_mul(SHAPES.len() as u64) + index as u64;
        // With every other shape requests are carried out one at a time.
        converse(
            &mut run,
            options,
            seed,
            ops / SHAPES.len() as u64,
            index % 2 == 1,
        );
    }
}

fn server(options: &str) -> Server {
    let words = options.split(' ').map(OsString::from);
    match settings::parse("memcached", words, false) {
        Ok(Start::Run(settings)) => {
            Server::new(*settings, Logins::default(), Secret::from_number(1)).unwrap()
        }
        other => panic!("{options}: {other:?}"),
    }
}

fn converse(run: &mut Run, options: &str, seed: u64, ops: u64, one_by_one: bool) {
    let server = server(options);
    let store = &server.store;
    store.clock.pause();
    let (now, wall) = (store.clock.now(), store.clock.wall(0));
    let use_cas = server.settings.use_cas;
    let head_len = if use_cas { 40 } else { 32 };
    let chunk_len = store.classes().size(store.classes().last());
    let in_pieces = move |key_len, len| head_len + key_len + len > chunk_len;
    let mut world = World::new(now, wall, Box::new(in_pieces));
    world.use_cas = use_cas;
    world.item_size_max = server.settings.item_size_max as usize;
    let mut maker = Maker::new(Random::new(seed), world, chunk_len);
    let mut talks = [
        Talk::new(&server, one_by_one),
        Talk::new(&server, one_by_one),
    ];
    let mut upkeep = Upkeep::new(&server);
    run.done = 0;
    while run.done < ops {
        let is_binary = maker.random.percent(40);
        let steps = batch(&mut maker, is_binary);
        talk(
            run,
            &mut maker,
            &mut talks[usize::from(is_binary)],
            &mut upkeep,
            &steps,
        );
        if maker.random.one_in(8) {
            let seconds = *maker.random.pick(&SECONDS);
            run.note(None, format!("time goes by: {seconds} s"));
            maker.world.pass(seconds);
            upkeep.pass(seconds);
        }
        if maker.random.one_in(200) {
            half_a_request(run, &mut maker, &mut talks[0]);
        }
    }
    drop(talks);
    let census = server.verify_or_none();
    println!(
        "{}: {} requests, {} items left; {census}, {}",
        run.name,
        run.done,
        maker.world.len(),
        upkeep.told()
    );
}

/// Requests that are sent together.
fn batch(maker: &mut Maker, is_binary: bool) -> Vec<Step> {
    let most = *maker.random.pick(&[1, 2, 5, 12, 60]);
    let mut steps = Vec::new();
    while steps.len() < most {
        let step = if is_binary {
            maker.frame()
        } else {
            match maker.random.below(20) {
                0 => maker.bad(),
                1..10 => maker.classic(),
                _ => maker.meta(),
            }
        };
        let ends = step.ends_batch;
        steps.push(step);
        if ends {
            break;
        }
    }
    steps
}

/// Sends the requests and holds the replies against what is foretold.
fn talk(
    run: &mut Run,
    maker: &mut Maker,
    talk: &mut Talk<'_>,
    upkeep: &mut Upkeep<'_>,
    steps: &[Step],
) {
    let bytes: Vec<u8> = steps.iter().flat_map(|step| step.send.clone()).collect();
    // Something happens while some requests have been carried out, and not answered yet.
    let (first, second) = bytes.split_at(maker.random.below(bytes.len() + 1));
    talk.feed(first, &mut maker.random);
    upkeep.work(&mut maker.random);
    talk.feed(second, &mut maker.random);
    talk.send();
    let replies = std::mem::take(&mut talk.replies);
    let mut got = &replies[..];
    for step in steps {
        run.done += 1;
        run.note(step.key.as_deref(), show(&step.send));
        let before = got;
        if let Err(fault) = step.want.take(&mut maker.world.ids, &mut got) {
            let want = step.want.show(&maker.world.ids);
            run.fail(
                step,
                &format!("{fault}\nwanted: {want}\n   got: {}", show(before)),
            );
        }
    }
    let last = steps.last().expect("at least one");
    if !got.is_empty() {
        run.fail(last, &format!("more was said: {}", show(got)));
    }
    if last.closes != talk.closed {
        run.fail(last, &format!("closed: {}", talk.closed));
    }
    if talk.closed {
        talk.begin_anew();
    }
}

/// A client goes in the middle of a value, after a word or without.
fn half_a_request(run: &mut Run, maker: &mut Maker, talk: &mut Talk<'_>) {
    let key = maker.plain_key();
    let value = maker.text(2000);
    let send = [b"set ", &key[..], b" 0 0 2500\r\n", &value].concat();
    talk.feed(&send, &mut maker.random);
    let mut want = "";
    if maker.random.percent(50) {
        talk.end();
        want = classic::BAD_CHUNK;
    }
    run.note(Some(&key), "half a value, and the client is gone".into());
    let got = std::mem::take(&mut talk.replies);
    assert_eq!(show(&got), show(want.as_bytes()), "{}", run.name);
    talk.begin_anew();
}

/// What has been done, for the day on which something is wrong.
struct Run {
    name: String,
    /// The last requests about each key, with their numbers.
    last_of_key: HashMap<Vec<u8>, VecDeque<(u64, String)>>,
    last: VecDeque<(u64, String)>,
    /// Requests that have been answered.
    done: u64,
}

impl Run {
    fn note(&mut self, key: Option<&[u8]>, text: String) {
        let push = |list: &mut VecDeque<(u64, String)>| {
            if list.len() == SHOWN {
                list.pop_front();
            }
            list.push_back((self.done, text.clone()));
        };
        push(&mut self.last);
        if let Some(key) = key {
            push(self.last_of_key.entry(key.to_vec()).or_default());
        }
    }

    fn fail(&self, step: &Step, fault: &str) -> ! {
        let lines = |list: &VecDeque<(u64, String)>| -> String {
            let lines = list
                .iter()
                .map(|(number, text)| format!("\n{number:9}  {text}"));
            lines.collect()
        };
        let of_key = step.key.as_ref().and_then(|key| self.last_of_key.get(key));
        panic!(
            "{}\nrequest {}: {fault}\n\nthe last ones of the key:{}\n\nthe last ones of all:{}\n",
            self.name,
            self.done,
            of_key.map(lines).unwrap_or_default(),
            lines(&self.last)
        );
    }
}

/// The invariant walk is there in builds that check themselves.
trait Verify {
    fn verify_or_none(&self) -> String;
}

impl Verify for Server {
    #[cfg(debug_assertions)]
    fn verify_or_none(&self) -> String {
        let census = self.verify().expect("all memory is accounted for");
        assert_eq!(census.held, 0, "drafts and pins are gone");
        format!("{census:?}")
    }

    #[cfg(not(debug_assertions))]
    fn verify_or_none(&self) -> String {
        "not verified: no debug assertions".into()
    }
}
