//! Clients that use every command on keys that they share, and look at every reply.

use crate::client::{Client, frame};
use crate::random::Random;
use crate::server::Server;
use crate::value::{fault, flags_of, record, start_of};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What clients do.
pub struct Load {
    /// Which keys there are.
    pub keys: Keys,
    /// Lengths of values: one is picked, and the length is below it.
    pub lens: &'static [usize],
    /// Expiries that are given, in seconds.
    pub expiries: &'static [u32],
    /// Of a thousand batches so many are a guest's, who does not behave.
    pub guests: usize,
}

/// The keys of a load.
pub enum Keys {
    /// So many records, and a few counters.
    Below(usize),
    /// These records and counters, which somebody has chosen.
    Chosen {
        records: Vec<String>,
        counters: Vec<String>,
    },
}

impl Keys {
    /// How many records there are.
    fn len(&self) -> usize {
        match self {
            Keys::Below(count) => *count,
            Keys::Chosen { records, .. } => records.len(),
        }
    }

    fn record(&self, index: usize) -> String {
        match self {
            Keys::Below(_) => format!("k{index}"),
            Keys::Chosen { records, .. } => records[index].clone(),
        }
    }

    fn any_record(&self, random: &mut Random) -> String {
        self.record(random.below(self.len()))
    }

    fn counter(&self, random: &mut Random) -> String {
        match self {
            Keys::Below(_) => format!("n{}", random.below(COUNTERS)),
            Keys::Chosen { counters, .. } => random.pick(counters).clone(),
        }
    }
}

/// What all clients have seen.
#[derive(Default)]
pub struct Seen {
    pub stop: AtomicBool,
    pub values: AtomicU64,
    pub requests: AtomicU64,
    pub guests: AtomicU64,
    /// Requests that were answered with an error of the server's, for want of memory.
    pub no_memory: AtomicU64,
}

/// Requests in a batch.
const BATCH: usize = 60;
/// Connections of one thread, all with a batch under way.
const CONNECTIONS: usize = 3;
/// Counters, and keys that may be empty.
const COUNTERS: usize = 20;

/// One thread's clients, until they are told to stop.
pub fn hammer(server: &Server, load: &Load, seen: &Seen, seed: u64) {
    let mut random = Random::new(seed);
    let mut texts: Vec<_> = (0..CONNECTIONS).map(|_| server.client()).collect();
    let mut binaries: Vec<_> = (0..CONNECTIONS).map(|_| server.client()).collect();
    let mut ids = HashMap::new();
    while !seen.stop.load(Relaxed) {
        let mut wanted = Vec::new();
        for (text, binary) in texts.iter_mut().zip(&mut binaries) {
            text.send(&text_batch(load, &ids, &mut random));
            let (bytes, asked) = frames(load, &ids, &mut random);
            binary.send(&bytes);
            wanted.push(asked);
        }
        for ((text, binary), asked) in texts.iter_mut().zip(&mut binaries).zip(&wanted) {
            read_text(text, seen, &mut ids);
            read_frames(binary, asked, seen, &mut ids);
        }
        let done = 2 * CONNECTIONS * BATCH;
        seen.requests.fetch_add(done as u64, Relaxed);
        if random.below(1000) < load.guests {
            seen.guests.fetch_add(1, Relaxed);
            visit(server, load, &mut random);
            let (list, one) = if random.percent(50) {
                (&mut texts, random.below(CONNECTIONS))
            } else {
                (&mut binaries, random.below(CONNECTIONS))
            };
            list[one] = server.client();
        }
    }
}

fn key(load: &Load, random: &mut Random) -> String {
    match random.below(20) {
        0 => load.keys.counter(random),
        1 => format!("v{}", random.below(COUNTERS)),
        // A few keys meet all clients at once.
        2..6 => load.keys.record(random.below(8.min(load.keys.len()))),
        _ => load.keys.any_record(random),
    }
}

fn some_value(load: &Load, key: &str, random: &mut Random) -> Vec<u8> {
    if key.starts_with('n') {
        return start_of(key).to_string().into_bytes();
    }
    let most = *random.pick(load.lens);
    let len = random.below(most);
    record(key, len, random)
}

/// A part to be added to a value: nothing to a counter.
fn some_part(key: &str, random: &mut Random) -> Vec<u8> {
    if key.starts_with('n') {
        return Vec::new();
    }
    let len = random.below(1000);
    record(key, len, random)
}

/// Ids of items that have been seen lately.
pub type CasIds = HashMap<String, u64>;

fn text_batch(load: &Load, ids: &CasIds, random: &mut Random) -> Vec<u8> {
    let mut batch = Vec::new();
    for serial in 0..BATCH {
        text_request(load, ids, serial, random, &mut batch);
    }
    batch.extend_from_slice(b"mn\r\n");
    batch
}

/// One request in text: reads, changes and stores, half of them by meta commands.
fn text_request(load: &Load, ids: &CasIds, serial: usize, random: &mut Random, to: &mut Vec<u8>) {
    let key = key(load, random);
    let expiry = *random.pick(load.expiries);
    let cas = ids.get(&key).copied().unwrap_or(1);
    let quiet = random.percent(30);
    let asked = Text {
        cas,
        expiry,
        noreply: if quiet { " noreply" } else { "" },
        q: if quiet { " q" } else { "" },
        serial,
        key,
    };
    let (line, block) = match random.below(40) {
        0..20 => (asked.read(load, random), None),
        20..26 => (asked.change(load, random), None),
        26..29 => asked.join(random),
        _ => asked.store(load, random),
    };
    to.extend(line.bytes());
    to.extend_from_slice(b"\r\n");
    if let Some(block) = block {
        to.extend_from_slice(&block);
        to.extend_from_slice(b"\r\n");
    }
}

/// What a request in text is made of.
struct Text {
    key: String,
    /// An id that the item had lately.
    cas: u64,
    expiry: u32,
    /// Words by which a reply is not wanted, or nothing.
    noreply: &'static str,
    q: &'static str,
    /// Its place in the batch.
    serial: usize,
}

impl Text {
    fn read(&self, load: &Load, random: &mut Random) -> String {
        let (expiry, serial) = (self.expiry, self.serial);
        let (key, q) = (&self.key, self.q);
        match random.below(20) {
            0..8 => {
                let (one, any) = (load.keys.record(1), load.keys.any_record(random));
                format!("get {key} {one} {key} {any}")
            }
            8 | 9 => format!("gets {key} {}", load.keys.record(2)),
            10 => format!("gat {expiry} {key}"),
            11 => format!("gats {expiry} {key} {}", load.keys.record(3)),
            12 => format!("touch {key} {expiry}{}", self.noreply),
            13..17 => format!("mg {key} s v k t f c h l O{serial}{q}"),
            17 => format!("mg {key} v k f T{expiry} R30 O{serial}{q}"),
            18 => format!("mg v{} v k N30 O{serial}", random.below(COUNTERS)),
            _ => format!("me {key}"),
        }
    }

    fn change(&self, load: &Load, random: &mut Random) -> String {
        let (cas, serial, flags) = (self.cas, self.serial, flags_of(&self.key));
        let (key, noreply, q) = (&self.key, self.noreply, self.q);
        let other = random.below(COUNTERS);
        let counter = load.keys.counter(random);
        match random.below(12) {
            0 | 1 => format!("delete {key}{noreply}"),
            2 | 3 => format!("md {key} O{serial}{q} C{cas}"),
            4 | 5 => format!("md {key} I T30 O{serial}{q}"),
            6 | 7 => format!("md v{other} x F{flags} O{serial}{q}"),
            8 => format!("incr {counter} 3{noreply}"),
            9 => format!("decr {counter} 3{noreply}"),
            10 => {
                let start = start_of(&counter);
                format!("ma {counter} N0 J{start} D2 O{serial}{q} v k")
            }
            _ => format!("ma {counter} MD D2 O{serial}{q} v k t"),
        }
    }

    fn join(&self, random: &mut Random) -> (String, Option<Vec<u8>>) {
        let (key, serial) = (&self.key, self.serial);
        let part = some_part(key, random);
        let len = part.len();
        let line = match random.below(6) {
            0 | 1 => format!("append {key} 0 0 {len}{}", self.noreply),
            2 | 3 => format!("prepend {key} 0 0 {len}{}", self.noreply),
            4 => format!("ms {key} {len} MA O{serial}{}", self.q),
            _ => format!("ms {key} {len} MP O{serial}{}", self.q),
        };
        (line, Some(part))
    }

    fn store(&self, load: &Load, random: &mut Random) -> (String, Option<Vec<u8>>) {
        let (cas, expiry, serial) = (self.cas, self.expiry, self.serial);
        let (key, noreply, q) = (&self.key, self.noreply, self.q);
        let flags = flags_of(key);
        let value = some_value(load, key, random);
        let len = value.len();
        let line = match random.below(11) {
            0 => format!("cas {key} {flags} {expiry} {len} {cas}{noreply}"),
            1 => format!("ms {key} {len} F{flags} T{expiry} O{serial}{q} C{cas} I"),
            2 | 3 => format!("ms {key} {len} F{flags} T{expiry} O{serial}{q}"),
            4 => format!("add {key} {flags} {expiry} {len}{noreply}"),
            5 => format!("replace {key} {flags} {expiry} {len}{noreply}"),
            _ => format!("set {key} {flags} {expiry} {len}{noreply}"),
        };
        (line, Some(value))
    }
}

/// Reads the replies of a batch, up to the end.
pub fn read_text(client: &mut Client, seen: &Seen, ids: &mut CasIds) {
    let mut last = -1;
    loop {
        let line = client.line();
        let words: Vec<&str> = line.split(' ').collect();
        // What is numbered comes in the order in which it was asked for.
        if words[0].len() == 2
            && let Some(serial) = words.iter().skip(1).find_map(|word| word.strip_prefix('O'))
        {
            let serial: i64 = serial.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(serial > last, "{line} after {last}");
            last = serial;
        }
        match words[0] {
            "MN" => return,
            "VALUE" => {
                let (key, flags, len) = (words[1], words[2], words[3].parse().expect(&line));
                prove(key, flags.parse().expect(&line), &client.block(len), seen);
                if let Some(cas) = words.get(4) {
                    ids.insert(key.to_string(), cas.parse().expect(&line));
                }
            }
            "VA" => {
                let found = |letter: char| {
                    words
                        .iter()
                        .skip(2)
                        .find_map(|word| word.strip_prefix(letter))
                };
                let key = found('k').expect(&line);
                let value = client.block(words[1].parse().expect(&line));
                let flags = found('f').map_or(flags_of(key), |flags| flags.parse().expect(&line));
                prove(key, flags, &value, seen);
                if let Some(size) = found('s') {
                    assert_eq!(size, value.len().to_string(), "{line}");
                }
                if let Some(cas) = found('c') {
                    ids.insert(key.to_string(), cas.parse().expect(&line));
                }
            }
            "STORED" | "NOT_STORED" | "EXISTS" | "NOT_FOUND" | "DELETED" | "TOUCHED" | "END" => {
                assert_eq!(words.len(), 1, "{line}");
            }
            "HD" | "EN" | "NF" | "NS" | "EX" | "ME" => {}
            "SERVER_ERROR" if line.to_lowercase().contains("out of memory") => {
                seen.no_memory.fetch_add(1, Relaxed);
            }
            "CLIENT_ERROR" if line.ends_with("non-numeric value") => {}
            number => assert!(number.parse::<u64>().is_ok(), "{line}"),
        }
    }
}

fn prove(key: &str, flags: u32, value: &[u8], seen: &Seen) {
    if let Some(fault) = fault(key, value) {
        panic!("a wrong value: {fault}");
    }
    // What a meta command or a frame has made has none.
    let right =
        flags == flags_of(key) || flags == 0 && !key.starts_with('k') || key.starts_with('v');
    assert!(right, "the flags of {key} are {flags}");
    seen.values.fetch_add(1, Relaxed);
}

/// A request that has been sent: opcode and key.
type Asked = (u8, String);

/// A batch of frames, and what it asks for, by opaque.
fn frames(load: &Load, ids: &CasIds, random: &mut Random) -> (Vec<u8>, Vec<Asked>) {
    let (mut bytes, mut asked) = (Vec::new(), Vec::new());
    for opaque in 0..BATCH as u32 {
        let key = key(load, random);
        let expiry = random.pick(load.expiries).to_be_bytes();
        let meta = [flags_of(&key).to_be_bytes(), expiry].concat();
        let seen = ids.get(&key).copied().unwrap_or(1);
        let cas = if random.one_in(4) { seen } else { 0 };
        let quiet = random.percent(40);
        let (opcode, frame) = match random.below(20) {
            0..7 => {
                let opcode = [[0x00, 0x0c], [0x09, 0x0d]][usize::from(quiet)][random.below(2)];
                (opcode, frame(opcode, opaque, 0, b"", &key, b""))
            }
            7 | 8 => {
                let opcode = *random.pick(&[0x1c, 0x1d, 0x1e, 0x23, 0x24]);
                (opcode, frame(opcode, opaque, 0, &expiry, &key, b""))
            }
            9..14 => {
                let opcode = *random.pick(&[0x01, 0x01, 0x02, 0x03]) + if quiet { 0x10 } else { 0 };
                let value = some_value(load, &key, random);
                (opcode, frame(opcode, opaque, cas, &meta, &key, &value))
            }
            14 => {
                let opcode = [[0x0e, 0x0f], [0x19, 0x1a]][usize::from(quiet)][random.below(2)];
                let part = some_part(&key, random);
                (opcode, frame(opcode, opaque, cas, b"", &key, &part))
            }
            15 => {
                let opcode = if quiet { 0x14 } else { 0x04 };
                (opcode, frame(opcode, opaque, cas, b"", &key, b""))
            }
            16..18 => {
                let key = load.keys.counter(random);
                let opcode = *random.pick(&[0x05, 0x06]) + if quiet { 0x10 } else { 0 };
                let numbers = [2u64.to_be_bytes(), start_of(&key).to_be_bytes()].concat();
                let extras = [&numbers[..], &[0; 4]].concat();
                let frame = frame(opcode, opaque, 0, &extras, &key, b"");
                bytes.extend_from_slice(&frame);
                asked.push((opcode, key));
                continue;
            }
            18 => (0x0b, frame(0x0b, opaque, 0, b"", "", b"")),
            _ => (0x25, frame(0x25, opaque, 0, b"", &key, b"nobody knows")),
        };
        bytes.extend_from_slice(&frame);
        asked.push((opcode, key));
    }
    bytes.extend(frame(0x0a, BATCH as u32, 0, b"", "", b""));
    (bytes, asked)
}

fn read_frames(client: &mut Client, asked: &[Asked], seen: &Seen, ids: &mut CasIds) {
    let mut next = 0;
    loop {
        let reply = client.frame();
        assert!(reply.opaque >= next, "{} after {next}", reply.opaque);
        next = reply.opaque + 1;
        let Some((opcode, key)) = asked.get(reply.opaque as usize) else {
            assert_eq!((reply.opcode, reply.status), (0x0a, 0));
            return;
        };
        assert_eq!(reply.opcode, *opcode, "the reply of {}", reply.opaque);
        let has_key = matches!(opcode, 0x0c | 0x0d | 0x23 | 0x24);
        assert!(
            !has_key || reply.key == key.as_bytes(),
            "a reply about another key than {key}"
        );
        match (opcode, reply.status) {
            (0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24, 0) => {
                let flags = u32::from_be_bytes(reply.extras[..].try_into().unwrap());
                prove(key, flags, &reply.value, seen);
                ids.insert(key.clone(), reply.cas);
            }
            (0x05 | 0x06, 0) => {
                let number = u64::from_be_bytes(reply.value[..].try_into().unwrap());
                prove(key, 0, number.to_string().as_bytes(), seen);
            }
            (0x25, status) => assert_eq!(status, 0x81),
            (_, 0x82) => drop(seen.no_memory.fetch_add(1, Relaxed)),
            (_, 0 | 1 | 2 | 5 | 6) => {}
            (opcode, status) => panic!("{opcode:#x} {key}: status {status:#x}"),
        }
    }
}

/// One who leaves in the middle of a request, or of a reply.
fn visit(server: &Server, load: &Load, random: &mut Random) {
    let mut guest = server.client();
    let key = key(load, random);
    let value = record(&key, 1 + random.below(50_000), random);
    let many: String = (0..40)
        .map(|_| format!(" {}", load.keys.any_record(random)))
        .collect();
    let part = &value[..random.below(value.len())];
    match random.below(7) {
        0 => guest.push(
            &[
                format!("set {key} 1 0 {}\r\n", value.len()).as_bytes(),
                part,
            ]
            .concat(),
        ),
        1 => guest.push(&[format!("ms {key} {}\r\n", value.len()).as_bytes(), part].concat()),
        2 => {
            let whole = frame(0x01, 0, 0, &[0; 8], &key, &value);
            guest.push(&whole[..random.below(whole.len())]);
        }
        3 => guest.push(format!("get{many}\r\n").repeat(20).as_bytes()),
        4 => guest.push(b"lru_crawler metadump all\r\n"),
        5 => guest.push(b"lru_crawler mgdump hash\r\n"),
        _ => guest.push(b"watch mutations evictions\r\n"),
    }
    if random.percent(50) {
        guest.receive_for(Duration::from_millis(5));
    }
}
