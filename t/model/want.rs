//! A reply that is foretold: bytes, and holes for what only the server can know.

use std::collections::{HashMap, HashSet};

/// A cas id: one that a client has given, or one that the server draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cas {
    Known(u64),
    /// A number of [`Ids`]; its value is learnt when it is first shown.
    Drawn(usize),
}

/// The ids that the server has drawn.
#[derive(Default)]
pub struct Ids {
    drawn: Vec<(Vec<u8>, Option<u64>)>,
    /// The last one that was seen of each key. Later ones of that key are larger.
    last: HashMap<Vec<u8>, u64>,
    /// No two are alike.
    seen: HashSet<u64>,
}

impl Ids {
    /// The server draws one for this key.
    pub fn draw(&mut self, key: &[u8]) -> Cas {
        self.drawn.push((key.to_vec(), None));
        Cas::Drawn(self.drawn.len() - 1)
    }

    pub fn value(&self, cas: Cas) -> Option<u64> {
        match cas {
            Cas::Known(value) => Some(value),
            Cas::Drawn(index) => self.drawn[index].1,
        }
    }

    /// The server shows `value` for `cas`.
    fn meet(&mut self, cas: Cas, value: u64) -> Result<(), String> {
        if let Some(expected) = self.value(cas) {
            let fault = || format!("cas id {value} instead of {expected}");
            return (value == expected).then_some(()).ok_or_else(fault);
        }
        let Cas::Drawn(index) = cas else {
            return Ok(());
        };
        let (key, met) = &mut self.drawn[index];
        *met = Some(value);
        let last = self.last.insert(key.clone(), value).unwrap_or(0);
        if value <= last {
            return Err(format!(
                "cas id {value} was drawn after {last} of the same key"
            ));
        }
        if !self.seen.insert(value) {
            return Err(format!("cas id {value} was drawn twice"));
        }
        Ok(())
    }
}

enum Piece {
    Bytes(Vec<u8>),
    Cas(Cas),
    /// As eight bytes.
    WideCas(Cas),
    /// A decimal number between these.
    Between(u64, u64),
}

/// A reply that is foretold.
#[derive(Default)]
pub struct Want(Vec<Piece>);

impl Want {
    /// Nothing.
    pub fn none() -> Want {
        Want::default()
    }

    pub fn of(bytes: impl AsRef<[u8]>) -> Want {
        let mut want = Want::none();
        want.put(bytes);
        want
    }

    pub fn put(&mut self, bytes: impl AsRef<[u8]>) {
        match self.0.last_mut() {
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes.as_ref()),
            _ => self.0.push(Piece::Bytes(bytes.as_ref().to_vec())),
        }
    }

    pub fn put_cas(&mut self, cas: Cas) {
        self.0.push(Piece::Cas(cas));
    }

    pub fn put_wide_cas(&mut self, cas: Cas) {
        self.0.push(Piece::WideCas(cas));
    }

    pub fn put_between(&mut self, least: u64, most: u64) {
        self.0.push(Piece::Between(least, most));
    }

    /// Takes this reply from the front of `got`.
    pub fn take(&self, ids: &mut Ids, got: &mut &[u8]) -> Result<(), String> {
        for piece in &self.0 {
            match piece {
                Piece::Bytes(bytes) => {
                    let Some(rest) = got.strip_prefix(&bytes[..]) else {
                        let same = bytes.iter().zip(*got).take_while(|(a, b)| a == b).count();
                        return Err(format!("byte {same} of these differs: {}", show(bytes)));
                    };
                    *got = rest;
                }
                Piece::Cas(cas) => ids.meet(*cas, number(got)?)?,
                Piece::WideCas(cas) => {
                    let (head, rest) = got.split_first_chunk().ok_or("no cas id")?;
                    *got = rest;
                    ids.meet(*cas, u64::from_be_bytes(*head))?;
                }
                Piece::Between(least, most) => {
                    let found = number(got)?;
                    if !(least..=most).contains(&&found) {
                        return Err(format!("{found} is not from {least} to {most}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// For people.
    pub fn show(&self, ids: &Ids) -> String {
        let each = self.0.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => show(bytes),
            Piece::Cas(cas) | Piece::WideCas(cas) => match ids.value(*cas) {
                Some(value) => format!("{{cas {value}}}"),
                None => "{a new cas}".into(),
            },
            Piece::Between(least, most) => format!("{{{least}..={most}}}"),
        });
        each.collect()
    }
}

/// A decimal number from the front of `got`.
fn number(got: &mut &[u8]) -> Result<u64, String> {
    let len = got.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = got.split_at(len);
    *got = rest;
    let text = String::from_utf8_lossy(digits);
    text.parse().map_err(|_| format!("no number: {text:?}"))
}

/// Bytes for people; long runs of them are left out.
pub fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 160;
    if bytes.len() <= 2 * SHOWN {
        return bytes.escape_ascii().to_string();
    }
    let (head, tail) = (&bytes[..SHOWN], &bytes[bytes.len() - SHOWN..]);
    let hidden = bytes.len() - 2 * SHOWN;
    format!(
        "{} [{hidden} bytes] {}",
        head.escape_ascii(),
        tail.escape_ascii()
    )
}
