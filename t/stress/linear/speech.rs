//! Calls in the words of the protocols, and what the answers mean.

use super::cell::{Answer, Call, Life, Marks, Mode, Shown};
use crate::client::{Client, Reply, frame};

/// Lives that are told apart by what is left of them, some minutes later, too.
pub const LIVES: [Life; 3] = [Life::Ever, Life::Seconds(1000), Life::Seconds(3000)];
/// Stands in a value for many bytes, so that the machine has little to carry.
pub const BULK: char = '~';
/// What these bytes are.
const BULK_BYTE: u8 = b'.';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The classic commands, or those of the meta protocol if only they can say it.
    Text,
    Meta,
    Binary,
}

/// A call and how it is made.
#[derive(Clone, Debug)]
pub struct Request {
    pub language: Language,
    pub call: Call,
}

/// A key, and what [`BULK`] means in its values.
#[derive(Clone, Debug)]
pub struct Subject {
    pub key: String,
    pub bulk_len: usize,
}

impl Subject {
    fn written(&self, value: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for byte in value.bytes() {
            if char::from(byte) == BULK {
                bytes.resize(bytes.len() + self.bulk_len, BULK_BYTE);
            } else {
                bytes.push(byte);
            }
        }
        bytes
    }

    /// The other way round. A bulk of another length stays as it is, and is equal to nothing.
    fn read(&self, bytes: &[u8]) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let Some(at) = bytes.iter().position(|byte| *byte == BULK_BYTE) else {
            return text(bytes);
        };
        // Compared at once, for it is long.
        let bulk = vec![BULK_BYTE; self.bulk_len];
        match bytes[at..].strip_prefix(&bulk[..]) {
            Some(rest) if rest.first() != Some(&BULK_BYTE) => {
                format!("{}{BULK}{}", text(&bytes[..at]), self.read(rest))
            }
            _ => text(bytes),
        }
    }

    pub fn bytes(&self, request: &Request) -> Vec<u8> {
        match request.language {
            Language::Text => self.text(&request.call),
            Language::Meta => self.meta(&request.call),
            Language::Binary => self.frame(&request.call),
        }
    }

    fn text(&self, call: &Call) -> Vec<u8> {
        let key = &self.key;
        let line = match call {
            Call::Read { renew: None } => format!("gets {key}"),
            Call::Read { renew: Some(life) } => format!("gats {} {key}", expiry(*life)),
            Call::Touch(life) => format!("touch {key} {}", expiry(*life)),
            Call::Store {
                mode,
                value,
                flags,
                life,
                compare,
                ..
            } => {
                let (command, id) = match (mode, compare) {
                    (Mode::Set, Some(id)) => ("cas", format!(" {id}")),
                    (Mode::Set, None) => ("set", String::new()),
                    (Mode::Add, _) => ("add", String::new()),
                    (Mode::Replace, _) => ("replace", String::new()),
                    (Mode::Append, _) => ("append", String::new()),
                    (Mode::Prepend, _) => ("prepend", String::new()),
                };
                let (value, expiry) = (self.written(value), expiry(*life));
                let line = format!("{command} {key} {flags} {expiry} {}{id}\r\n", value.len());
                return [line.as_bytes(), &value, b"\r\n"].concat();
            }
            Call::Add { up, delta, .. } => {
                format!("{} {key} {delta}", if *up { "incr" } else { "decr" })
            }
            Call::Delete { .. } => format!("delete {key}"),
            Call::Flush => "flush_all".to_string(),
            _ => return self.meta(call),
        };
        format!("{line}\r\n").into_bytes()
    }

    fn meta(&self, call: &Call) -> Vec<u8> {
        let key = &self.key;
        let flag = |letter: char, number: Option<u64>| {
            number.map_or(String::new(), |number| format!(" {letter}{number}"))
        };
        let life = |letter: char, life: Option<Life>| {
            life.map_or(String::new(), |life| format!(" {letter}{}", expiry(life)))
        };
        let line = match call {
            Call::Look { renew, make } => {
                let letter = if *make { 'N' } else { 'T' };
                format!("mg {key}{} s v f c t", life(letter, *renew))
            }
            Call::Store {
                mode,
                value,
                flags,
                life,
                compare,
                or_stale,
            } => {
                let value = self.written(value);
                let mode = ["S", "E", "R", "A", "P"][*mode as usize];
                let id = flag('C', *compare);
                let stale = if *or_stale { " I" } else { "" };
                let (len, expiry) = (value.len(), expiry(*life));
                let line = format!("ms {key} {len} M{mode} F{flags} T{expiry}{id}{stale} c\r\n");
                return [line.as_bytes(), &value, b"\r\n"].concat();
            }
            Call::Add { up, delta, compare } => {
                let mode = if *up { 'I' } else { 'D' };
                format!("ma {key} M{mode} D{delta}{} c v", flag('C', *compare))
            }
            Call::Delete { compare } => format!("md {key}{}", flag('C', *compare)),
            Call::Invalidate { compare, renew } => {
                format!("md {key} I{}{}", flag('C', *compare), life('T', *renew))
            }
            Call::Empty => format!("md {key} x"),
            _ => return self.text(call),
        };
        format!("{line}\r\n").into_bytes()
    }

    fn frame(&self, call: &Call) -> Vec<u8> {
        let key = &self.key[..];
        let time = |life: Life| match life {
            Life::Ever => 0u32,
            Life::Seconds(seconds) => seconds,
            Life::Past => 3_000_000, // a Unix time, long ago
        };
        match call {
            Call::Read { renew: None } => frame(0x00, 0, 0, b"", key, b""),
            Call::Read { renew: Some(life) } => {
                frame(0x1d, 0, 0, &time(*life).to_be_bytes(), key, b"")
            }
            Call::Touch(life) => frame(0x1c, 0, 0, &time(*life).to_be_bytes(), key, b""),
            Call::Store {
                mode,
                value,
                flags,
                life,
                compare,
                ..
            } => {
                let opcode = [0x01, 0x02, 0x03, 0x0e, 0x0f][*mode as usize];
                let meta = [flags.to_be_bytes(), time(*life).to_be_bytes()].concat();
                let is_part = matches!(mode, Mode::Append | Mode::Prepend);
                let extras: &[u8] = if is_part { b"" } else { &meta };
                let id = compare.unwrap_or(0);
                frame(opcode, 0, id, extras, key, &self.written(value))
            }
            Call::Add { up, delta, compare } => {
                let opcode = if *up { 0x05 } else { 0x06 };
                let extras = [&delta.to_be_bytes()[..], &[0; 8], &[0xff; 4]].concat();
                frame(opcode, 0, compare.unwrap_or(0), &extras, key, b"")
            }
            Call::Delete { compare } => frame(0x04, 0, compare.unwrap_or(0), b"", key, b""),
            Call::Flush => frame(0x08, 0, 0, b"", "", b""),
            _ => unreachable!("no frame says {call:?}"),
        }
    }

    /// Waits for the answer.
    pub fn answer(&self, request: &Request, client: &mut Client) -> Answer {
        if request.language == Language::Binary {
            return self.answer_of_frame(&request.call, client.frame());
        }
        let line = client.line();
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "END" | "EN" | "NOT_FOUND" | "NF" => Answer::Missing,
            "EXISTS" | "EX" => Answer::Exists,
            "NOT_STORED" | "NS" => Answer::NotStored,
            "CLIENT_ERROR" if line.ends_with("non-numeric value") => Answer::NotNumeric,
            "STORED" | "TOUCHED" | "DELETED" | "OK" => done(None, None),
            "HD" => done(flag_in(&words, 'c'), None),
            "VALUE" => {
                let value = client.block(words[3].parse().expect(&line));
                assert_eq!(client.line(), "END");
                Answer::Shown(Shown {
                    value: self.read(&value),
                    flags: words[2].parse().expect(&line),
                    id: Some(words[4].parse().expect(&line)),
                    marks: None,
                })
            }
            "VA" => {
                let block = client.block(words[1].parse().expect(&line));
                let id = flag_in(&words, 'c');
                if matches!(request.call, Call::Add { .. }) {
                    let digits = String::from_utf8_lossy(&block);
                    return done(id, Some(digits.parse().expect(&digits)));
                }
                assert_eq!(flag_in(&words, 's'), Some(block.len() as u64), "{line}");
                Answer::Shown(Shown {
                    value: self.read(&block),
                    flags: flag_in(&words, 'f').expect(&line) as u32,
                    id,
                    marks: Some(marks_in(&words)),
                })
            }
            number => done(
                None,
                Some(number.parse().unwrap_or_else(|_| panic!("{line}"))),
            ),
        }
    }

    fn answer_of_frame(&self, call: &Call, reply: Reply) -> Answer {
        let mode = match call {
            Call::Store { mode, .. } => Some(*mode),
            _ => None,
        };
        match (reply.status, mode) {
            (0, _) if matches!(call, Call::Read { .. }) => Answer::Shown(Shown {
                value: self.read(&reply.value),
                flags: u32::from_be_bytes(reply.extras[..].try_into().unwrap()),
                id: Some(reply.cas),
                marks: None,
            }),
            (0, Some(_)) => done(Some(reply.cas), None),
            (0, None) => {
                let number = reply.value[..].try_into().map(u64::from_be_bytes).ok();
                done(number.map(|_| reply.cas), number)
            }
            // In the words of the other protocols.
            (1, Some(Mode::Replace)) | (2, Some(Mode::Add)) | (5, _) => Answer::NotStored,
            (1, _) => Answer::Missing,
            (2, _) => Answer::Exists,
            (6, _) => Answer::NotNumeric,
            (status, _) => panic!("{call:?}: status {status:#x}"),
        }
    }
}

fn done(id: Option<u64>, number: Option<u64>) -> Answer {
    Answer::Done { id, number }
}

fn expiry(life: Life) -> i64 {
    match life {
        Life::Ever => 0,
        Life::Seconds(seconds) => seconds.into(),
        Life::Past => -1,
    }
}

/// The number behind a letter. The words of a reply with a value begin with its length.
fn flag_in(words: &[&str], letter: char) -> Option<u64> {
    let mut found = words
        .iter()
        .skip(1)
        .filter_map(|word| word.strip_prefix(letter));
    found.next().map(|number| number.parse().expect(number))
}

fn marks_in(words: &[&str]) -> Marks {
    let left = words.iter().find_map(|word| word.strip_prefix('t'));
    let left = left.expect("mg was asked for t");
    let life = LIVES.into_iter().find(|life| match life {
        Life::Seconds(most) => left
            .parse()
            .is_ok_and(|left: u32| (most - 500..=*most).contains(&left)),
        _ => left == "-1",
    });
    let has = |mark: &str| words.contains(&mark);
    Marks {
        life: life.unwrap_or_else(|| panic!("a life that nobody gave: {left}")),
        won: has("Z"),
        stale: has("X"),
        wins: has("W"),
    }
}
