//! Exact sums: what many clients add up on the same keys, in both protocols, with replies and
//! without, is there in the end, neither more nor less.

use crate::client::{Client, frame};
use crate::random::Random;
use crate::server::Server;
use crate::value::record;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Counters, and values that are changed by comparing ids.
const SHARED: usize = 3;
/// Parts that one client appends in all: the whole must fit an item.
const PARTS_MAX: u64 = 1500;
/// Keys that are leased in all: they stay.
const ROUNDS_MAX: u64 = 200_000;
/// What counters that go up and down begin with.
const MIDDLE: u64 = 1_000_000_000_000;

/// What one client has done, or seen done to it.
#[derive(Default)]
pub struct Done {
    /// Sum of what it has added, by key.
    added: HashMap<String, i64>,
    /// Times that its id was the right one, by key.
    swapped: HashMap<String, u64>,
    /// Parts that it has appended.
    parts: u64,
    /// Keys that it was told to fill.
    won: u64,
    /// Highest round of those keys.
    rounds: u64,
    /// Times that it had the lock.
    locked: u64,
}

/// Puts everything in its place, and so much beside it that there are pages to move.
pub fn prepare(client: &mut Client) {
    let mut random = Random::new(0);
    for (count, len) in [(50_000, 10), (1500, 9000), (4000, 2000)] {
        let mut lines = Vec::new();
        for n in 0..count {
            let key = format!("ballast{len}-{n}");
            let value = record(&key, len, &mut random);
            lines.extend(format!("set {key} 0 0 {} noreply\r\n", value.len()).bytes());
            lines.extend_from_slice(&value);
            lines.extend_from_slice(b"\r\n");
        }
        client.send(&lines);
        assert_eq!(client.ask("mn"), "MN");
    }
    for n in 0..SHARED {
        let (up, middle, shared) = (format!("up{n}"), format!("middle{n}"), format!("shared{n}"));
        store(client, &up, b"0");
        store(client, &middle, MIDDLE.to_string().as_bytes());
        store(client, &shared, &numbered(&shared, 0));
        store(client, &format!("parts{n}"), b"-");
    }
}

fn store(client: &mut Client, key: &str, value: &[u8]) {
    let line = format!("set {key} 0 0 {}\r\n", value.len());
    client.send(&[line.as_bytes(), value, b"\r\n"].concat());
    assert_eq!(client.line(), "STORED");
}

/// A number, and a record that proves the whole.
fn numbered(key: &str, number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let len = 10 + random.below(3000);
    [
        format!("{number} ").as_bytes(),
        &record(key, len, &mut random),
    ]
    .concat()
}

fn number_of(key: &str, value: &[u8]) -> u64 {
    let end = value
        .iter()
        .position(|&byte| byte == b' ')
        .expect("a number");
    let number = std::str::from_utf8(&value[..end]).unwrap().parse().unwrap();
    assert!(
        value == numbered(key, number),
        "{key}: the value of {number} is a wrong one"
    );
    number
}

/// One client, until it is told to stop.
pub fn add_up(server: &Server, me: u64, seed: u64, stop: &AtomicBool) -> Done {
    let mut random = Random::new(seed * 100 + me);
    let (mut text, mut binary) = (server.client(), server.client());
    let mut done = Done::default();
    while !stop.load(Relaxed) {
        add(&mut text, &mut binary, &mut random, &mut done);
        swap(&mut text, &mut binary, &mut random, &mut done);
        for _ in 0..3 {
            add_by_swap(&mut text, &mut random, &mut done);
        }
        if done.parts < PARTS_MAX {
            append(&mut text, &mut binary, me, &mut random, &mut done);
        }
        for _ in 0..5.min(ROUNDS_MAX - done.rounds) {
            lease(&mut text, &mut done);
        }
        lock(&mut text, &mut done);
    }
    done
}

/// A pipeline of additions on both connections, most of them silent.
fn add(text: &mut Client, binary: &mut Client, random: &mut Random, done: &mut Done) {
    let (mut lines, mut frames) = (String::new(), Vec::new());
    let mut replies = 0;
    for _ in 0..40 {
        let goes_up = random.percent(50);
        let n = random.below(SHARED);
        let delta = random.below(1000) as i64;
        let key = if goes_up {
            format!("up{n}")
        } else {
            format!("middle{n}")
        };
        let signed = if goes_up || random.percent(50) {
            delta
        } else {
            -delta
        };
        *done.added.entry(key.clone()).or_default() += signed;
        let (word, mode, opcode) = if signed < 0 {
            ("decr", "MD", 0x06)
        } else {
            ("incr", "MI", 0x05)
        };
        match random.below(5) {
            0 => lines += &format!("{word} {key} {delta} noreply\r\n"),
            1 => lines += &format!("ma {key} {mode} D{delta} q\r\n"),
            2 => {
                lines += &format!("ma {key} {mode} D{delta} v\r\n");
                replies += 2;
            }
            3 => {
                lines += &format!("{word} {key} {delta}\r\n");
                replies += 1;
            }
            _ => {
                let seed = u64::MAX;
                let extras = [
                    &(delta as u64).to_be_bytes()[..],
                    &seed.to_be_bytes(),
                    &[0xff; 4],
                ]
                .concat();
                let quiet = if random.percent(50) { 0x10 } else { 0 };
                frames.extend(frame(opcode + quiet, 0, 0, &extras, &key, b""));
            }
        }
    }
    text.send(format!("{lines}mn\r\n").as_bytes());
    frames.extend(frame(0x0a, 1, 0, b"", "", b""));
    binary.send(&frames);
    for _ in 0..replies {
        let line = text.line();
        assert!(
            line.starts_with("VA ") || line.parse::<u64>().is_ok(),
            "{line}"
        );
    }
    assert_eq!(text.line(), "MN");
    loop {
        let reply = binary.frame();
        assert_eq!(reply.status, 0);
        if reply.opaque == 1 {
            break;
        }
    }
}

/// Reads a value with its id, and writes the next one if nobody was faster.
fn swap(text: &mut Client, binary: &mut Client, random: &mut Random, done: &mut Done) {
    let key = format!("shared{}", random.below(SHARED));
    let stored = match random.below(3) {
        0 => {
            let line = text.ask(&format!("gets {key}"));
            let words: Vec<_> = line.split(' ').collect();
            let value = text.block(words[3].parse().unwrap());
            assert_eq!(text.line(), "END");
            let next = numbered(&key, number_of(&key, &value) + 1);
            let line = format!("cas {key} 0 0 {} {}\r\n", next.len(), words[4]);
            text.send(&[line.as_bytes(), &next, b"\r\n"].concat());
            match &text.line()[..] {
                "STORED" => true,
                "EXISTS" => false,
                other => panic!("{other}"),
            }
        }
        1 => {
            let line = text.ask(&format!("mg {key} c v"));
            let words: Vec<_> = line.split(' ').collect();
            let value = text.block(words[1].parse().unwrap());
            let next = numbered(&key, number_of(&key, &value) + 1);
            let line = format!("ms {key} {} C{}\r\n", next.len(), &words[2][1..]);
            text.send(&[line.as_bytes(), &next, b"\r\n"].concat());
            match &text.line()[..] {
                "HD" => true,
                "EX" => false,
                other => panic!("{other}"),
            }
        }
        _ => {
            binary.send(&frame(0x00, 0, 0, b"", &key, b""));
            let there = binary.frame();
            assert_eq!(there.status, 0);
            let next = numbered(&key, number_of(&key, &there.value) + 1);
            let opcode = *random.pick(&[0x01, 0x02, 0x03]); // with an id all are one
            binary.send(&frame(opcode, 0, there.cas, &[0; 8], &key, &next));
            match binary.frame().status {
                0 => true,
                2 => false,
                other => panic!("status {other}"),
            }
        }
    };
    *done.swapped.entry(key).or_default() += u64::from(stored);
}

/// Adds by reading a counter and writing it back, while others use `incr`: nothing that they
/// add in between is overwritten.
fn add_by_swap(text: &mut Client, random: &mut Random, done: &mut Done) {
    let key = format!("up{}", random.below(SHARED));
    let line = text.ask(&format!("gets {key}"));
    let words: Vec<_> = line.split(' ').collect();
    let value = text.block(words[3].parse().unwrap());
    assert_eq!(text.line(), "END");
    let delta = random.below(1000) as u64;
    let sum = String::from_utf8(value).unwrap().trim_end().parse::<u64>();
    let sum = (sum.unwrap() + delta).to_string();
    text.send(format!("cas {key} 0 0 {} {}\r\n{sum}\r\n", sum.len(), words[4]).as_bytes());
    match &text.line()[..] {
        "STORED" => *done.added.entry(key).or_default() += delta as i64,
        "EXISTS" => {}
        other => panic!("{other}"),
    }
}

/// Appends parts that tell whose they are, and which.
fn append(text: &mut Client, binary: &mut Client, me: u64, random: &mut Random, done: &mut Done) {
    let key = format!("parts{}", me as usize % SHARED);
    let part = format!("{me}:{};", done.parts);
    done.parts += 1;
    let len = part.len();
    match random.below(4) {
        0 => {
            text.send(format!("append {key} 0 0 {len} noreply\r\n{part}\r\nmn\r\n").as_bytes());
            assert_eq!(text.line(), "MN");
        }
        1 => {
            text.send(format!("append {key} 0 0 {len}\r\n{part}\r\n").as_bytes());
            assert_eq!(text.line(), "STORED");
        }
        2 => {
            text.send(format!("ms {key} {len} MA\r\n{part}\r\n").as_bytes());
            assert_eq!(text.line(), "HD");
        }
        _ => {
            binary.send(&frame(0x0e, 0, 0, b"", &key, part.as_bytes()));
            assert_eq!(binary.frame().status, 0);
        }
    }
}

/// Asks for a key that is not there until somebody does: one client is told to fill it.
fn lease(text: &mut Client, done: &mut Done) {
    let line = text.ask(&format!("mg lease{} N0 s", done.rounds));
    done.rounds += 1;
    match &line[..] {
        "HD s0 W" => done.won += 1,
        "HD s0 Z" => {}
        other => panic!("{other}"),
    }
}

/// `add` is a lock: who has it is alone, and gives it back.
fn lock(text: &mut Client, done: &mut Done) {
    text.send(b"add lock 0 0 1\r\nx\r\n");
    match &text.line()[..] {
        "STORED" => {
            assert_eq!(
                text.ask("delete lock"),
                "DELETED",
                "nobody else may have it"
            );
            done.locked += 1;
        }
        "NOT_STORED" => {}
        other => panic!("{other}"),
    }
}

/// Compares what is there with what all clients have done.
pub fn check(client: &mut Client, all: &[Done]) {
    let mut get = |key: &str| {
        let line = client.ask(&format!("get {key}"));
        let len = line.rsplit(' ').next().and_then(|len| len.parse().ok());
        let value = client.block(len.unwrap_or_else(|| panic!("{key}: {line}")));
        assert_eq!(client.line(), "END");
        value
    };
    for n in 0..SHARED {
        for (key, start) in [(format!("up{n}"), 0), (format!("middle{n}"), MIDDLE as i64)] {
            let sum: i64 = all.iter().filter_map(|done| done.added.get(&key)).sum();
            let value = get(&key);
            let found = String::from_utf8_lossy(value.trim_ascii_end());
            assert_eq!(found, (start + sum).to_string(), "{key}");
        }
        let key = format!("shared{n}");
        let swapped: u64 = all.iter().filter_map(|done| done.swapped.get(&key)).sum();
        assert_eq!(number_of(&key, &get(&key)), swapped, "{key}");
        let value = get(&format!("parts{n}"));
        let mut next = vec![0; all.len()];
        for part in value[1..]
            .split(|&byte| byte == b';')
            .filter(|part| !part.is_empty())
        {
            let part = std::str::from_utf8(part).unwrap();
            let (who, which) = part.split_once(':').expect(part);
            let who: usize = who.parse().expect(part);
            assert_eq!(which, next[who].to_string(), "client {who}: {part}");
            next[who] += 1;
        }
        for (who, done) in all.iter().enumerate().filter(|(who, _)| who % SHARED == n) {
            assert_eq!(next[who], done.parts, "what client {who} has appended");
        }
    }
    let rounds = all.iter().map(|done| done.rounds).max().unwrap();
    let won: u64 = all.iter().map(|done| done.won).sum();
    assert_eq!(won, rounds, "each key was leased to one client");
    let locked: u64 = all.iter().map(|done| done.locked).sum();
    let swapped: u64 = all.iter().flat_map(|done| done.swapped.values()).sum();
    let parts: u64 = all.iter().map(|done| done.parts).sum();
    println!("{swapped} swaps, {parts} parts, {rounds} leases, {locked} locks");
}
