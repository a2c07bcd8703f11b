//! What a cache is: a map, a clock, and plain rules. Nothing here knows how the server does it.

use crate::want::{Cas, Ids, Want};
use std::collections::HashMap;

/// Longest value that may be a number.
const NUMBER_LEN_MAX: usize = 512;
/// An expiry above this many seconds is a Unix time.
const RELATIVE_MAX_S: i64 = 60 * 60 * 24 * 30;
/// Bytes that count for an item besides key and value.
const ITEM_LEN: usize = 48 + 1 + 2;

/// An item.
#[derive(Clone, Debug)]
pub struct Item {
    pub value: Vec<u8>,
    pub flags: u32,
    /// Clock second of the expiry, 0 never.
    pub expires_s: u32,
    pub cas: Cas,
    /// A client has been told to renew it.
    pub won: bool,
    pub stale: bool,
    /// It was stored under a key in base64.
    pub coded: bool,
    /// It has been read.
    pub fetched: bool,
    /// When it was last written; the last access is not before that.
    pub written_s: u32,
    /// When it was last used in any way; the last access is not after that.
    pub used_s: u32,
}

/// Why an item is not there, or not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    NotFound,
    Exists,
    NotNumeric,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stored,
    NotStored,
    Exists,
    NotFound,
    TooLarge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
}

/// A request to store a value.
#[derive(Clone, Debug)]
pub struct Storing {
    pub mode: Mode,
    pub value: Vec<u8>,
    pub flags: u32,
    pub expires_s: u32,
    /// The id that must be there.
    pub compare: Option<u64>,
    /// A lower one will do, and makes the item stale.
    pub or_stale: bool,
    /// The id that it gets, 0 for one that is drawn.
    pub cas: u64,
    pub coded: bool,
    /// Append and prepend: the expiry of an item that is made.
    pub create: Option<u32>,
    /// A value that is too large takes away what is there.
    pub replaces: bool,
}

/// A request to add to a number.
#[derive(Clone, Copy, Debug)]
pub struct Adding {
    pub delta: u64,
    pub up: bool,
    /// 0 for any.
    pub compare: u64,
    pub cas: u64,
    /// The number and the expiry of an item that is made.
    pub create: Option<(u64, u32)>,
}

/// The cache as it should be.
pub struct World {
    /// The clock, as the server counts it.
    pub now: u32,
    /// Unix time of clock second 0.
    pub wall_at_zero_s: i64,
    pub use_cas: bool,
    /// -I
    pub item_size_max: usize,
    /// Whether a value of this length, under a key of that, lies in several chunks.
    pub in_pieces: Box<dyn Fn(usize, usize) -> bool>,
    pub ids: Ids,
    items: HashMap<Vec<u8>, Item>,
    /// Clock second of the flush to come, 0 for none.
    flush_s: u32,
    /// Id and length of the value that was put last.
    last_put: (Cas, usize),
}

impl World {
    pub fn new(
        now: u32,
        wall_at_zero_s: i64,
        in_pieces: Box<dyn Fn(usize, usize) -> bool>,
    ) -> World {
        World {
            now,
            wall_at_zero_s,
            use_cas: true,
            item_size_max: 1 << 20,
            in_pieces,
            ids: Ids::default(),
            items: HashMap::new(),
            flush_s: 0,
            last_put: (Cas::Known(0), 0),
        }
    }

    /// Time goes by.
    pub fn pass(&mut self, seconds: u32) {
        self.now += seconds;
        if self.flush_s != 0 && self.flush_s <= self.now {
            self.items.clear();
            self.flush_s = 0;
        }
    }

    /// What a client's expiry means, as a clock second.
    pub fn expiry(&self, given: i64) -> u32 {
        match given {
            0 => 0,
            ..0 => 1,
            given if given <= RELATIVE_MAX_S => self.now + given as u32,
            // What the clock never reaches is never.
            given => u32::try_from((given - self.wall_at_zero_s).max(1)).unwrap_or(0),
        }
    }

    /// Whether an item with that expiry has less time left than a client names.
    pub fn is_before(&self, expires_s: u32, given: i64) -> bool {
        let never = given != 0 && self.expiry(given) == 0;
        expires_s != 0 && (never || expires_s < self.expiry(given))
    }

    /// `flush_all`: now, at a second, or never.
    pub fn flush(&mut self, given: i64) {
        let second = self.expiry(given);
        if given <= 0 || second > 1 && second - 1 <= self.now {
            self.items.clear();
            self.flush_s = 0;
        } else {
            self.flush_s = second.saturating_sub(1); // a time before the start comes out as never
        }
    }

    /// The item under the key, if it is alive.
    pub fn live(&mut self, key: &[u8]) -> Option<&mut Item> {
        let item = self.items.get(key)?;
        if item.expires_s != 0 && item.expires_s <= self.now {
            self.items.remove(key);
        }
        self.items.get_mut(key)
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Seconds left, -1 for ever.
    pub fn ttl(&self, item: &Item) -> i64 {
        match item.expires_s.checked_sub(self.now) {
            Some(left) if left > 0 => i64::from(left),
            _ => -1,
        }
    }

    /// Seconds since the last access. Of what has been read that is only about true: a read need
    /// not be noted, and the maintainer may note it later.
    pub fn put_idle(&self, item: &Item, want: &mut Want) {
        let last_s = if item.fetched { self.now } else { item.used_s };
        let (least, most) = (self.now - last_s, self.now - item.written_s);
        want.put_between(least.into(), most.into());
    }

    /// The size that counts against -I.
    pub fn size(&self, key: &[u8], flags: u32, value_len: usize) -> usize {
        let flags = if flags == 0 { 0 } else { 4 };
        let cas = if self.use_cas { 8 } else { 0 };
        ITEM_LEN + cas + key.len() + flags + value_len
    }

    /// A new id for an item of this key, or the one that was given.
    pub fn renew(&mut self, key: &[u8], given: u64) -> Cas {
        match (self.use_cas, given) {
            (false, _) => Cas::Known(0),
            (true, 0) => self.ids.draw(key),
            (true, given) => Cas::Known(given),
        }
    }

    /// A client reads the item.
    pub fn hit(&mut self, key: &[u8]) {
        let now = self.now;
        if let Some(item) = self.live(key) {
            item.fetched = true;
            item.used_s = now;
        }
    }

    pub fn remove(&mut self, key: &[u8]) {
        self.items.remove(key);
    }

    /// Changes an item in any way. It may be dead after that.
    pub fn update(&mut self, key: &[u8], item: Item) {
        self.items.insert(key.to_vec(), item);
    }

    /// Id and length of the value that was put last.
    pub fn last_put(&self) -> (Cas, usize) {
        self.last_put
    }

    /// Puts an item under the key that nobody has read and that nobody is to renew.
    pub fn put(
        &mut self,
        key: &[u8],
        value: Vec<u8>,
        flags: u32,
        expires_s: u32,
        cas: Cas,
    ) -> &mut Item {
        self.last_put = (cas, value.len());
        let item = Item {
            value,
            flags,
            expires_s,
            cas,
            won: false,
            stale: false,
            coded: false,
            fetched: false,
            written_s: self.now,
            used_s: self.now,
        };
        self.items.insert(key.to_vec(), item);
        self.items.get_mut(key).expect("it has just been put there")
    }

    /// The id of the item under the key, if there is one. It must be known.
    fn id(&mut self, key: &[u8]) -> Option<u64> {
        let cas = self.live(key)?.cas;
        Some(
            self.ids
                .value(cas)
                .expect("asked for before it is compared"),
        )
    }

    pub fn store(&mut self, key: &[u8], storing: Storing) -> Outcome {
        if self.size(key, storing.flags, storing.value.len()) > self.item_size_max {
            if storing.replaces {
                self.remove(key);
            }
            return Outcome::TooLarge;
        }
        if matches!(storing.mode, Mode::Append | Mode::Prepend) {
            return self.join(key, storing);
        }
        let now = self.now;
        let there = self.live(key).cloned();
        let mut stale = false;
        match (storing.mode, &there, storing.compare) {
            (Mode::Add, Some(_), _) => {
                let item = self.live(key).expect("it is there");
                (item.written_s, item.used_s) = (now, now);
                return Outcome::NotStored;
            }
            (Mode::Add, None, _) => {}
            (_, None, Some(_)) => return Outcome::NotFound,
            (_, Some(_), Some(given)) => {
                let id = self.id(key).expect("it is there");
                stale = storing.or_stale && given != 0 && given < id;
                if !stale && (given == 0 || given != id) {
                    return Outcome::Exists;
                }
            }
            (Mode::Replace, None, None) => return Outcome::NotStored,
            (_, _, None) => {}
        }
        let cas = self.renew(key, storing.cas);
        let item = self.put(key, storing.value, storing.flags, storing.expires_s, cas);
        item.coded = storing.coded;
        if let (true, Some(old)) = (stale, there) {
            item.expires_s = old.expires_s;
            item.stale = true;
            item.won = old.won;
        }
        Outcome::Stored
    }

    fn join(&mut self, key: &[u8], storing: Storing) -> Outcome {
        let Some(old) = self.live(key).cloned() else {
            let Some(expires_s) = storing.create else {
                return Outcome::NotStored;
            };
            let cas = self.renew(key, storing.cas);
            let item = self.put(key, storing.value, storing.flags, expires_s, cas);
            item.coded = storing.coded;
            return Outcome::Stored;
        };
        if let Some(given) = storing.compare
            && given != 0
            && Some(given) != self.id(key)
        {
            return Outcome::Exists;
        }
        let value = if storing.mode == Mode::Append {
            [old.value, storing.value].concat()
        } else {
            [storing.value, old.value].concat()
        };
        if self.size(key, old.flags, value.len()) > self.item_size_max {
            return Outcome::NotStored;
        }
        let cas = self.renew(key, storing.cas);
        self.put(key, value, old.flags, old.expires_s, cas);
        Outcome::Stored
    }

    /// The number, the item's id, and whether it was made.
    pub fn add(&mut self, key: &[u8], adding: &Adding) -> Result<(u64, Cas, bool), Fault> {
        let Some(old) = self.live(key).cloned() else {
            let (seed, expires_s) = adding.create.ok_or(Fault::NotFound)?;
            let cas = self.renew(key, adding.cas);
            self.put(key, seed.to_string().into_bytes(), 0, expires_s, cas);
            return Ok((seed, cas, true));
        };
        if old.value.is_empty() || (self.in_pieces)(key.len(), old.value.len()) {
            return Err(Fault::NotNumeric);
        }
        if adding.compare != 0 && Some(adding.compare) != self.id(key) {
            return Err(Fault::Exists);
        }
        if old.value.len() > NUMBER_LEN_MAX {
            return Err(Fault::NotNumeric);
        }
        let number = lax(&old.value).ok_or(Fault::NotNumeric)?;
        let sum = if adding.up {
            number.wrapping_add(adding.delta)
        } else {
            number.saturating_sub(adding.delta)
        };
        let mut digits = sum.to_string().into_bytes();
        let cas = self.renew(key, adding.cas);
        if digits.len() > old.value.len() {
            self.put(key, digits, old.flags, old.expires_s, cas);
        } else {
            digits.resize(old.value.len(), b' ');
            let now = self.now;
            let item = self.live(key).expect("it is there");
            (item.value, item.cas) = (digits, cas);
            (item.written_s, item.used_s) = (now, now);
        }
        Ok((sum, cas, false))
    }

    /// Whether the item is there, and has the id that it must have.
    pub fn judge(&mut self, key: &[u8], compare: Option<u64>) -> Result<(), Fault> {
        let Some(cas) = self.live(key).map(|item| item.cas) else {
            return Err(Fault::NotFound);
        };
        match compare {
            Some(given) if Some(given) != self.ids.value(cas) => Err(Fault::Exists),
            _ => Ok(()),
        }
    }
}

/// A number as C's library reads it, but for a minus: there is nothing below zero.
pub fn lax(text: &[u8]) -> Option<u64> {
    let is_space = |byte: u8| byte == b' ' || (b'\t'..=b'\r').contains(&byte);
    let mut rest = text;
    while rest.first().is_some_and(|&byte| is_space(byte)) {
        rest = &rest[1..];
    }
    if rest.first() == Some(&b'+') {
        rest = &rest[1..];
    }
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = rest.get(len).copied();
    if len == 0 || after.is_some_and(|byte| byte != 0 && !is_space(byte)) {
        return None;
    }
    let digits = String::from_utf8_lossy(&rest[..len]);
    let digits = digits.trim_start_matches('0');
    let value: u128 = match digits.len() {
        0 => 0,
        1..=20 => digits.parse().ok()?,
        _ => return None,
    };
    u64::try_from(value).ok()
}
