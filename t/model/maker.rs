//! Requests: what is sent, what it does to the world, and what it is answered.
//!
//! This file has what all of them are made of. The requests themselves are in `classic`,
//! `meta`, `frames` and `bad`.

use crate::random::Random;
use crate::want::Want;
use crate::world::World;

/// One request.
pub struct Step {
    pub send: Vec<u8>,
    pub want: Want,
    /// The key that it is about.
    pub key: Option<Vec<u8>>,
    /// Nothing may be sent behind it before its reply has been looked at.
    pub ends_batch: bool,
    /// The server closes the connection after it.
    pub closes: bool,
}

impl Step {
    pub fn new(send: impl AsRef<[u8]>, want: Want) -> Step {
        Step {
            send: send.as_ref().to_vec(),
            want,
            key: None,
            ends_batch: false,
            closes: false,
        }
    }

    /// A request about a key.
    pub fn about(key: &[u8], send: impl AsRef<[u8]>, want: Want) -> Step {
        Step {
            key: Some(key.to_vec()),
            ..Step::new(send, want)
        }
    }

    pub fn closing(mut self) -> Step {
        (self.closes, self.ends_batch) = (true, true);
        self
    }
}

/// Makes requests and keeps the world in step with them.
pub struct Maker {
    pub random: Random,
    pub world: World,
    /// Keys that requests meet on often.
    hot: Vec<Vec<u8>>,
    /// The one that was picked last.
    last_key: Vec<u8>,
    /// Bytes that long values are cut from.
    pool: Vec<u8>,
    /// Longest value that lies in one chunk, about.
    pub chunk_len: usize,
}

/// Keys beside the hot ones.
const COLD_KEYS: usize = 3000;

impl Maker {
    pub fn new(mut random: Random, world: World, chunk_len: usize) -> Maker {
        let mut hot: Vec<Vec<u8>> = [&b"a"[..], b"bb", b"ccc", b"n1", b"n2", b"n3", b"noreply"]
            .iter()
            .map(|key| key.to_vec())
            .collect();
        hot.push(b"endsinCR\r".to_vec());
        hot.push(vec![1, 9, 0, 0xff, 0x80, b'%']);
        hot.push(vec![b'k'; 250]);
        hot.push(vec![b'm'; 186]);
        // These cannot be written in a line.
        hot.push(vec![b' '; 187]);
        hot.push(vec![b' '; 250]);
        hot.push(b"a b".to_vec());
        hot.push(b"two\r\nlines\0".to_vec());
        hot.push(b"\n".to_vec());
        let pool = (0..100_000)
            .map(|_| *random.pick(b"abcdefghijklmnopqrstuvwxyz0123456789 \r\n\0\xff"))
            .collect();
        Maker {
            random,
            world,
            last_key: hot[0].clone(),
            hot,
            pool,
            chunk_len,
        }
    }

    /// Any key; those that cannot be written in a line among them.
    pub fn any_key(&mut self) -> Vec<u8> {
        // Often the one of the last request: what it has done is looked at.
        if !self.random.percent(30) {
            self.last_key = if self.random.percent(65) {
                self.random.pick(&self.hot).clone()
            } else {
                format!("cold:{}", self.random.below(COLD_KEYS)).into_bytes()
            };
        }
        self.last_key.clone()
    }

    /// A key that can be written in a line.
    pub fn plain_key(&mut self) -> Vec<u8> {
        loop {
            let key = self.any_key();
            if is_plain(&key) {
                return key;
            }
        }
    }

    /// A value for this key, or a part of one: few are long.
    pub fn value(&mut self, key: &[u8]) -> Vec<u8> {
        if self.random.percent(45) {
            return self.numeric();
        }
        let is_hot = !key.starts_with(b"cold:");
        let longest = self.world.item_size_max - self.world.size(key, 0, 0);
        let here = self.world.live(key).map_or(0, |item| item.value.len());
        // About as long as what is there, which may be written in its place.
        if self.random.one_in(4) {
            let len = (here + self.random.below(6)).saturating_sub(3);
            return self.text(len);
        }
        // The longest that is taken, with client flags and without, and one more.
        let is_small = longest < 10_000;
        if self.random.one_in(if is_small { 20 } else { 700 }) {
            let len = longest - self.random.pick(&[4, 3, 0]) + self.random.below(2);
            return self.text(len);
        }
        let random = &mut self.random;
        let len = match random.below(1000) {
            0..600 => random.below(40),
            600..850 => random.below(600),
            850..900 => 1000 + random.below(50),
            900..990 => random.below(9000),
            _ if !is_hot => random.below(60_000),
            990..996 => (self.chunk_len + random.below(200)).saturating_sub(100),
            996..999 => random.below(self.world.item_size_max),
            _ => self.world.item_size_max + random.below(100_000),
        };
        self.text(len)
    }

    /// Bytes without a meaning.
    pub fn text(&mut self, len: usize) -> Vec<u8> {
        let from = self.random.below(self.pool.len());
        let mut text = Vec::with_capacity(len);
        let mut piece = &self.pool[from..];
        while text.len() < len {
            text.extend_from_slice(&piece[..piece.len().min(len - text.len())]);
            piece = &self.pool;
        }
        text
    }

    /// Numbers, and what looks like one.
    fn numeric(&mut self) -> Vec<u8> {
        let number = self.number();
        let random = &mut self.random;
        let text = match random.below(32) {
            0 => format!("  {number}"),
            1 => format!("+{number}"),
            2 => format!("000{number}"),
            3 => format!("{number} and more"),
            4 => format!("{number}x"),
            5 => format!("{number}\0x"),
            6 => format!("-{number}"),
            7 => format!("{number}{}", " ".repeat(random.below(5))),
            // Longer than what is copied into a reply.
            8 => format!("{number}{}", " ".repeat(1000 + random.below(2000))),
            9 => "18446744073709551616".into(),
            10 => "-18446744073709551615".into(),
            11 => "1.5".into(),
            12 => format!("\t{number}\n"),
            13 => "-9223372036854775809".into(),
            14 => "-0".into(),
            _ => number.to_string(),
        };
        text.into_bytes()
    }

    /// Numbers where something happens.
    pub fn number(&mut self) -> u64 {
        let random = &mut self.random;
        match random.below(12) {
            0 => u64::MAX - random.below(3) as u64,
            1 => (1 << 63) - 1 + random.below(3) as u64,
            2 => 10u64.pow(random.below(20) as u32),
            3 => 10u64.pow(random.below(20) as u32) - 1,
            4 => random.next(),
            _ => random.below(120) as u64,
        }
    }

    /// Digits of a number, some with zeros before them.
    pub fn digits(&mut self, number: u64) -> String {
        if self.random.one_in(10) {
            format!("{number:022}")
        } else {
            number.to_string()
        }
    }

    /// Client flags.
    pub fn client_flags(&mut self) -> u32 {
        *self
            .random
            .pick(&[0, 0, 0, 1, 5, 99, 1_000_000_000, u32::MAX])
    }

    /// An expiry, as any command takes it.
    pub fn expiry(&mut self) -> i64 {
        let unix = self.world.wall_at_zero_s + i64::from(self.world.now);
        let random = &mut self.random;
        match random.below(30) {
            0..17 => 0,
            17..20 => 1 + random.below(12) as i64,
            20 | 21 => 60 + random.below(500) as i64,
            22 => 2_592_000,
            23 => 2_592_001,
            24 => -(random.below(5) as i64),
            25 => i64::MIN,
            26 => *random.pick(&[i64::from(i32::MAX), 1 << 31, 1 << 32, unix * 1000, i64::MAX]),
            27 => random.below(4000) as i64,
            _ => unix + random.below(14) as i64 - 3,
        }
    }

    /// An id to give an item: 0 is none.
    pub fn new_id(&mut self) -> u64 {
        match self.random.below(10) {
            0 => 0,
            1 => u64::MAX,
            2 => self.random.next(),
            _ => 1 + self.random.below(9) as u64,
        }
    }

    /// An id that the item may have, or not. `None`: that of the item has not been seen yet, so
    /// nobody can know what comes of a comparison.
    pub fn id_to_compare(&mut self, key: &[u8]) -> Option<u64> {
        let there = match self.world.live(key).map(|item| item.cas) {
            Some(cas) => Some(self.world.ids.value(cas)?),
            None => None,
        };
        let random = &mut self.random;
        Some(match (there, random.below(10)) {
            (Some(id), 0..5) => id,
            (Some(id), 5) => id.wrapping_add(1),
            (Some(id), 6 | 7) => id.wrapping_sub(1),
            (_, 8) => 0,
            _ => 1 + random.below(9) as u64,
        })
    }
}

/// Whether a key can be written in a line.
pub fn is_plain(key: &[u8]) -> bool {
    !key.contains(&b' ') && !key.contains(&b'\n')
}
