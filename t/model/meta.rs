//! The meta commands, with every flag.

use crate::classic::{BAD_CHUNK, NOT_NUMERIC, TOO_LARGE};
use crate::maker::{Maker, Step, is_plain};
use crate::want::{Cas, Want};
use crate::world::{Adding, Fault, Item, Mode, Outcome, Storing};

/// The longest key, written in base64.
const CODED_LEN_MAX: usize = 336;
/// Words of a line.
const WORDS_MAX: usize = 20;
/// Arguments of M; nothing but the first letter counts.
const SET_MODES: &[&str] = &["E", "A", "P", "R", "S", "Set", "Anything"];
const SUM_MODES: &[&str] = &["I", "+", "D", "-", "Down"];

/// The flags of a line in order: letter and argument.
struct Flags(Vec<(u8, String)>);

impl Flags {
    fn get(&self, letter: u8) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| *given == letter);
        found.map(|(_, argument)| &argument[..])
    }

    fn has(&self, letter: u8) -> bool {
        self.get(letter).is_some()
    }

    fn number(&self, letter: u8) -> Option<u64> {
        self.get(letter).map(|text| text.parse().expect("a number"))
    }

    fn expiry(&self, letter: u8) -> Option<i64> {
        self.get(letter).map(|text| text.parse().expect("a number"))
    }

    fn each(&self) -> impl Iterator<Item = (u8, &str)> {
        self.0
            .iter()
            .map(|(letter, argument)| (*letter, &argument[..]))
    }
}

impl Maker {
    /// Any meta command.
    pub fn meta(&mut self) -> Step {
        let key = self.any_key();
        match self.random.below(100) {
            0..38 => self.meta_get(&key),
            38..68 => self.meta_set(&key),
            68..82 => self.meta_arithmetic(&key),
            82..93 => self.meta_delete(&key),
            _ => self.meta_debug(&key),
        }
    }

    /// Asks for the id of an item without touching it.
    pub fn ask_id(&mut self, key: &[u8]) -> Step {
        let mut step = self.meta_debug(key);
        step.ends_batch = true;
        step
    }

    fn meta_get(&mut self, key: &[u8]) -> Step {
        let Some(flags) = self.flags(key, b"vsftckhluqONTREC", b"IxMFDJPL", &["", "?"]) else {
            return self.ask_id(key);
        };
        let (send, coded) = self.line("mg", key, None, &flags);
        let there = self.world.live(key).is_some();
        let made = !there && flags.has(b'N');
        if made {
            let cas = self.world.renew(key, flags.number(b'E').unwrap_or(0));
            self.world.put(key, Vec::new(), 0, 0, cas);
        }
        if !there && !made {
            let quiet = flags.has(b'q');
            let want = if quiet {
                Want::none()
            } else {
                refusal("EN", key, coded, &flags)
            };
            return Step::about(key, send, want);
        }
        let want = self.meta_hit(key, &flags, made);
        Step::about(key, send, want)
    }

    fn meta_hit(&mut self, key: &[u8], flags: &Flags, made: bool) -> Want {
        let mut item = self.world.live(key).expect("it is there").clone();
        let id = self.world.ids.value(item.cas);
        let same = flags.number(b'C').is_some_and(|given| Some(given) == id);
        let with_value = flags.has(b'v') && !same;
        let mut want = if with_value {
            Want::of(format!("VA {}", item.value.len()))
        } else {
            Want::of("HD")
        };
        let mut wins = made || item.stale;
        let now = self.world.now;
        for (letter, argument) in flags.each() {
            match letter {
                b'T' => item.expires_s = self.world.expiry(argument.parse().expect("a number")),
                b'N' if made => {
                    item.expires_s = self.world.expiry(argument.parse().expect("a number"));
                }
                b'R' => {
                    let given = argument.parse().expect("a number");
                    wins |= self.world.is_before(item.expires_s, given);
                }
                b's' => want.put(format!(" s{}", item.value.len())),
                b'f' => want.put(format!(" f{}", item.flags)),
                b't' => want.put(format!(" t{}", self.world.ttl(&item))),
                b'h' => want.put(format!(" h{}", u8::from(item.fetched))),
                b'l' => {
                    want.put(" l");
                    self.world.put_idle(&item, &mut want);
                }
                b'c' => {
                    want.put(" c");
                    want.put_cas(item.cas);
                }
                b'k' => put_key(key, is_shown_coded(key, &item), &mut want),
                b'O' => want.put(format!(" O{argument}")),
                _ => {}
            }
        }
        want.put(if item.won { " Z" } else { "" });
        want.put(if item.stale { " X" } else { "" });
        if wins && !item.won {
            want.put(" W");
            item.won = true;
        }
        want.put("\r\n");
        if with_value {
            want.put(&item.value);
            want.put("\r\n");
        }
        if !flags.has(b'u') {
            (item.fetched, item.used_s) = (true, now);
        }
        self.world.update(key, item);
        want
    }

    fn meta_set(&mut self, key: &[u8]) -> Step {
        let Some(flags) = self.flags(key, b"kcsOqFTECIMN", b"vtfhluxPLDJR", SET_MODES) else {
            return self.ask_id(key);
        };
        let value = self.value(key);
        let len = self.length(value.len());
        let (mut send, coded) = self.line("ms", key, Some(len), &flags);
        send.extend_from_slice(&value);
        let is_whole = self.put_block_end(&mut send);
        let mode = match flags.get(b'M').and_then(|text| text.chars().next()) {
            Some('E') => Mode::Add,
            Some('A') => Mode::Append,
            Some('P') => Mode::Prepend,
            Some('R') => Mode::Replace,
            _ => Mode::Set,
        };
        let expiry = |given: Option<i64>| self.world.expiry(given.unwrap_or(0));
        let storing = Storing {
            mode,
            value,
            flags: flags.number(b'F').unwrap_or(0) as u32,
            expires_s: expiry(flags.expiry(b'T')),
            compare: flags.number(b'C'),
            or_stale: flags.has(b'I'),
            cas: flags.number(b'E').unwrap_or(0),
            coded,
            create: flags.has(b'N').then(|| expiry(flags.expiry(b'N'))),
            replaces: true,
        };
        let sent_len = storing.value.len();
        let size = self.world.size(key, storing.flags, sent_len);
        if !is_whole && size <= self.world.item_size_max {
            return Step::about(key, send, Want::of(BAD_CHUNK));
        }
        let code = match self.world.store(key, storing) {
            Outcome::Stored => "HD",
            Outcome::NotStored => "NS",
            Outcome::Exists => "EX",
            Outcome::NotFound => "NF",
            Outcome::TooLarge => return Step::about(key, send, Want::of(TOO_LARGE)),
        };
        if code == "HD" && flags.has(b'q') {
            return Step::about(key, send, Want::none());
        }
        // What was stored may be dead already, with an id and a length all the same.
        let stored = (code == "HD").then(|| self.world.last_put());
        let (cas, value_len) = stored.unwrap_or((Cas::Known(0), sent_len));
        let mut want = Want::of(code);
        for (letter, argument) in flags.each() {
            match letter {
                b's' => want.put(format!(" s{value_len}")),
                b'c' => {
                    want.put(" c");
                    want.put_cas(cas);
                }
                _ => reflect(key, coded, letter, argument, &mut want),
            }
        }
        want.put("\r\n");
        Step::about(key, send, want)
    }

    fn meta_delete(&mut self, key: &[u8]) -> Step {
        let Some(flags) = self.flags(key, b"qOkCIxTFE", b"vstcfhluNRPLDJ", &["S"]) else {
            return self.ask_id(key);
        };
        let (send, coded) = self.line("md", key, None, &flags);
        let code = match self.world.judge(key, flags.number(b'C')) {
            Err(Fault::NotFound) => "NF",
            Err(_) => "EX",
            Ok(()) => "HD",
        };
        if code == "HD" {
            self.unmake(key, &flags);
        }
        if code == "HD" && flags.has(b'q') {
            return Step::about(key, send, Want::none());
        }
        Step::about(key, send, refusal(code, key, coded, &flags))
    }

    /// What `md` does to an item.
    fn unmake(&mut self, key: &[u8], flags: &Flags) {
        let expires_s = flags.expiry(b'T').map(|given| self.world.expiry(given));
        let given = flags.number(b'E').unwrap_or(0);
        let stale = flags.has(b'I');
        let old = self.world.live(key).expect("it is there").clone();
        if !stale && !flags.has(b'x') {
            return self.world.remove(key);
        }
        let cas = if stale || given != 0 {
            self.world.renew(key, given)
        } else {
            old.cas
        };
        if flags.has(b'x') {
            let client_flags = flags.number(b'F').unwrap_or(0) as u32;
            let expires_s = expires_s.unwrap_or(0);
            let item = self
                .world
                .put(key, Vec::new(), client_flags, expires_s, cas);
            item.stale = stale;
            return;
        }
        let item = self.world.live(key).expect("it is there");
        (item.stale, item.won, item.cas) = (true, false, cas);
        item.expires_s = expires_s.unwrap_or(old.expires_s);
    }

    fn meta_arithmetic(&mut self, key: &[u8]) -> Step {
        let Some(flags) = self.flags(key, b"qvtckONJDCTME", b"FIxPLsfhluR", SUM_MODES) else {
            return self.ask_id(key);
        };
        let (send, coded) = self.line("ma", key, None, &flags);
        let adding = Adding {
            delta: flags.number(b'D').unwrap_or(1),
            up: !flags
                .get(b'M')
                .is_some_and(|mode| mode.starts_with(['D', '-'])),
            compare: flags.number(b'C').unwrap_or(0),
            cas: flags.number(b'E').unwrap_or(0),
            create: flags
                .has(b'N')
                .then(|| (flags.number(b'J').unwrap_or(0), 0)),
        };
        let (sum, _, made) = match self.world.add(key, &adding) {
            Ok(done) => done,
            Err(Fault::NotNumeric) => return Step::about(key, send, Want::of(NOT_NUMERIC)),
            Err(Fault::NotFound) => {
                return Step::about(key, send, refusal("NF", key, coded, &flags));
            }
            Err(Fault::Exists) => return Step::about(key, send, refusal("EX", key, coded, &flags)),
        };
        let mut item = self.world.live(key).expect("it is there").clone();
        let digits = sum.to_string();
        let mut want = Want::of("HD");
        if flags.has(b'v') {
            want = Want::of(format!("VA {}", digits.len()));
        }
        for (letter, argument) in flags.each() {
            match letter {
                b'T' => item.expires_s = self.world.expiry(argument.parse().expect("a number")),
                b'N' if made => {
                    item.expires_s = self.world.expiry(argument.parse().expect("a number"));
                }
                b't' => want.put(format!(" t{}", self.world.ttl(&item))),
                b'c' => {
                    want.put(" c");
                    want.put_cas(item.cas);
                }
                _ => reflect(key, coded, letter, argument, &mut want),
            }
        }
        want.put("\r\n");
        if flags.has(b'v') {
            want.put(format!("{digits}\r\n"));
        }
        self.world.update(key, item);
        let quiet = flags.has(b'q');
        Step::about(key, send, if quiet { Want::none() } else { want })
    }

    fn meta_debug(&mut self, key: &[u8]) -> Step {
        let flags = Flags(Vec::new());
        let (send, _) = self.line("me", key, None, &flags);
        let Some(item) = self.world.live(key).cloned() else {
            return Step::about(key, send, Want::of("EN\r\n"));
        };
        let mut want = Want::of("ME ");
        want.put(if is_shown_coded(key, &item) {
            encode(key).into_bytes()
        } else {
            key.to_vec()
        });
        want.put(format!(" exp={} la=", self.world.ttl(&item)));
        self.world.put_idle(&item, &mut want);
        want.put(" cas=");
        want.put_cas(item.cas);
        want.put(if item.fetched {
            " fetch=yes cls="
        } else {
            " fetch=no cls="
        });
        want.put_between(1, 63);
        let size = self.world.size(key, item.flags, item.value.len());
        want.put(format!(" size={size}\r\n"));
        Step::about(key, send, want)
    }

    /// Some of the letters that mean something, and a few that do not. `None`: an id has to be
    /// asked for first.
    fn flags(&mut self, key: &[u8], letters: &[u8], inert: &[u8], modes: &[&str]) -> Option<Flags> {
        let mut flags = Vec::new();
        for (list, one_in) in [(letters, 4), (inert, 40)] {
            for &letter in list {
                if self.random.one_in(one_in) {
                    flags.push((letter, self.argument(key, letter, modes)?));
                }
            }
        }
        // These two belong together.
        let has = |flags: &[(u8, String)], letter| flags.iter().any(|(given, _)| *given == letter);
        if has(&flags, b'C')
            && letters.contains(&b'I')
            && !has(&flags, b'I')
            && self.random.percent(40)
        {
            flags.push((b'I', String::new()));
        }
        for last in (1..flags.len()).rev() {
            flags.swap(last, self.random.below(last + 1));
        }
        flags.truncate(WORDS_MAX - 4); // name, key, length, and b
        Some(Flags(flags))
    }

    fn argument(&mut self, key: &[u8], letter: u8, modes: &[&str]) -> Option<String> {
        let random = &mut self.random;
        Some(match letter {
            b'O' => "opaque%7Btext!of=31-bytes-12345"[..random.below(32)].to_string(),
            b'C' => return self.id_to_compare(key).map(|id| id.to_string()),
            b'E' => self.new_id().to_string(),
            b'T' | b'N' | b'R' => self.expiry().to_string(),
            b'F' => self.client_flags().to_string(),
            b'D' | b'J' => self.number().to_string(),
            b'M' => random.pick(modes).to_string(),
            _ => String::new(),
        })
    }

    /// The line, and whether the key is in base64.
    fn line(
        &mut self,
        command: &str,
        key: &[u8],
        len: Option<String>,
        flags: &Flags,
    ) -> (Vec<u8>, bool) {
        let coded = !is_plain(key) || self.random.one_in(6);
        let mut send = format!("{command} ").into_bytes();
        if coded {
            let mut text = encode(key);
            // What is not of the alphabet is skipped.
            if self.random.one_in(4) && text.len() < CODED_LEN_MAX {
                text.insert(self.random.below(text.len() + 1), '!');
            }
            send.extend(text.bytes());
        } else {
            send.extend_from_slice(key);
        }
        if let Some(len) = len {
            send.extend(format!(" {len}").bytes());
        }
        let place = self.random.below(flags.0.len() + 1);
        for (index, (letter, argument)) in flags.each().enumerate() {
            if coded && index == place {
                send.extend_from_slice(b" b");
            }
            send.extend_from_slice(if self.random.one_in(30) { b"  " } else { b" " });
            send.push(letter);
            send.extend(argument.bytes());
        }
        if coded && place == flags.0.len() {
            send.extend_from_slice(b" b");
        }
        self.put_line_end(&mut send);
        (send, coded)
    }
}

/// A reply that tells nothing about an item.
fn refusal(code: &str, key: &[u8], coded: bool, flags: &Flags) -> Want {
    let mut want = Want::of(code);
    for (letter, argument) in flags.each() {
        reflect(key, coded, letter, argument, &mut want);
    }
    want.put("\r\n");
    want
}

fn reflect(key: &[u8], coded: bool, letter: u8, argument: &str, want: &mut Want) {
    match letter {
        b'O' => want.put(format!(" O{argument}")),
        b'k' => put_key(key, coded, want),
        _ => {}
    }
}

/// Whether the key of an item is shown in base64: it was stored under such a one, or it cannot
/// be written in a line.
fn is_shown_coded(key: &[u8], item: &Item) -> bool {
    item.coded || !is_plain(key)
}

fn put_key(key: &[u8], coded: bool, want: &mut Want) {
    want.put(" k");
    if coded {
        want.put(format!("{} b", encode(key)));
    } else {
        want.put(key);
    }
}

/// Base64 with padding.
pub fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let mut text = String::new();
    for group in bits.as_bytes().chunks(6) {
        let mut index = 0;
        for at in 0..6 {
            index = index * 2 + usize::from(group.get(at) == Some(&b'1'));
        }
        text.push(char::from(ALPHABET[index]));
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
