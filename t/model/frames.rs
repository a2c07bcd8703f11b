//! The binary protocol: every opcode, and frames that are wrong.

use crate::maker::{Maker, Step};
use crate::want::{Cas, Want};
use crate::world::{Adding, Fault, Mode, Outcome, Storing};

const NOT_FOUND: (u16, &[u8]) = (0x01, b"Not found");
const EXISTS: (u16, &[u8]) = (0x02, b"Data exists for key.");
const TOO_LARGE: (u16, &[u8]) = (0x03, b"Too large.");
const INVALID: (u16, &[u8]) = (0x04, b"Invalid arguments");
const NOT_STORED: (u16, &[u8]) = (0x05, b"Not stored.");
const NOT_NUMERIC: (u16, &[u8]) = (0x06, b"Non-numeric server-side value for incr or decr");
const UNKNOWN: (u16, &[u8]) = (0x81, b"Unknown command");

/// A request in the making.
#[derive(Default)]
struct Frame {
    opcode: u8,
    extras: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
    opaque: [u8; 4],
    /// Data type and bucket, which nobody looks at.
    ignored: [u8; 3],
    cas: u64,
}

impl Frame {
    fn bytes(&self) -> Vec<u8> {
        let body_len = self.extras.len() + self.key.len() + self.value.len();
        let mut bytes = vec![0x80, self.opcode];
        bytes.extend((self.key.len() as u16).to_be_bytes());
        bytes.push(self.extras.len() as u8);
        bytes.extend(self.ignored);
        bytes.extend((body_len as u32).to_be_bytes());
        bytes.extend(self.opaque);
        bytes.extend(self.cas.to_be_bytes());
        [&bytes, &self.extras[..], &self.key, &self.value].concat()
    }

    fn reply(&self, status: u16, extras: &[u8], key: &[u8], value: &[u8], cas: Cas) -> Want {
        let mut head = vec![0x81, self.opcode];
        head.extend((key.len() as u16).to_be_bytes());
        head.extend([extras.len() as u8, 0]);
        head.extend(status.to_be_bytes());
        head.extend(((extras.len() + key.len() + value.len()) as u32).to_be_bytes());
        head.extend(self.opaque);
        let mut want = Want::of(head);
        want.put_wide_cas(cas);
        want.put(extras);
        want.put(key);
        want.put(value);
        want
    }

    fn done(&self, quiet: bool, cas: Cas) -> Want {
        if quiet {
            return Want::none();
        }
        self.reply(0, b"", b"", b"", cas)
    }

    fn refused(&self, (status, text): (u16, &[u8])) -> Want {
        self.reply(status, b"", b"", text, Cas::Known(0))
    }

    fn step(&self, want: Want) -> Step {
        Step::about(&self.key, self.bytes(), want)
    }
}

impl Maker {
    /// Any frame.
    pub fn frame(&mut self) -> Step {
        match self.random.below(100) {
            0..25 => self.frame_get(),
            25..35 => self.frame_touch(),
            35..68 => self.frame_store(),
            68..83 => self.frame_add(),
            83..90 => self.frame_delete(),
            90 if self.random.one_in(20) => self.frame_flush(),
            90 => self.frame_delete(),
            91..96 => self.frame_constant(),
            _ => self.frame_fault(),
        }
    }

    fn blank(&mut self, loud: u8, quiet: u8) -> (Frame, bool) {
        let is_quiet = self.random.one_in(3);
        let bits = self.random.next();
        let frame = Frame {
            opcode: if is_quiet { quiet } else { loud },
            key: self.any_key(),
            opaque: (bits as u32).to_be_bytes(),
            ignored: if self.random.one_in(10) {
                [7, 0x12, 0x34]
            } else {
                [0; 3]
            },
            ..Frame::default()
        };
        (frame, is_quiet)
    }

    fn frame_get(&mut self) -> Step {
        let with_key = self.random.percent(50);
        let (frame, quiet) = if with_key {
            self.blank(0x0c, 0x0d)
        } else {
            self.blank(0x00, 0x09)
        };
        self.frame_read(frame, None, with_key, true, quiet)
    }

    fn frame_touch(&mut self) -> Step {
        let kind = self.random.below(3);
        let (mut frame, quiet) = match kind {
            0 => (self.blank(0x1c, 0x1c).0, false),
            1 => self.blank(0x1d, 0x1e),
            _ => self.blank(0x23, 0x24),
        };
        let (bytes, expires_s) = self.wide_expiry();
        frame.extras = bytes;
        self.frame_read(frame, Some(expires_s), kind == 2, kind > 0, quiet)
    }

    /// An expiry without a sign: its bytes, and the second that it means.
    fn wide_expiry(&mut self) -> (Vec<u8>, u32) {
        let given = match self.expiry() {
            i64::MIN => u32::MAX,
            given if given < 0 => 3_000_000 + given.unsigned_abs() as u32,
            given => u32::try_from(given).unwrap_or(u32::MAX),
        };
        (
            given.to_be_bytes().to_vec(),
            self.world.expiry(given.into()),
        )
    }

    fn frame_read(
        &mut self,
        frame: Frame,
        expires_s: Option<u32>,
        with_key: bool,
        with_value: bool,
        quiet: bool,
    ) -> Step {
        let shown: &[u8] = if with_key { &frame.key } else { b"" };
        let Some(item) = self.world.live(&frame.key) else {
            let want = match (quiet, with_key) {
                (true, _) => Want::none(),
                (false, false) => frame.refused(NOT_FOUND),
                (false, true) => frame.reply(NOT_FOUND.0, b"", shown, b"", Cas::Known(0)),
            };
            return frame.step(want);
        };
        let value: &[u8] = if with_value { &item.value } else { b"" };
        let want = frame.reply(0, &item.flags.to_be_bytes(), shown, value, item.cas);
        if let Some(expires_s) = expires_s {
            item.expires_s = expires_s;
        }
        self.world.hit(&frame.key);
        frame.step(want)
    }

    fn frame_store(&mut self) -> Step {
        const MODES: [(u8, u8, Mode); 6] = [
            (0x01, 0x11, Mode::Set),
            (0x01, 0x11, Mode::Set),
            (0x02, 0x12, Mode::Add),
            (0x03, 0x13, Mode::Replace),
            (0x0e, 0x19, Mode::Append),
            (0x0f, 0x1a, Mode::Prepend),
        ];
        let (loud, quiet, mode) = *self.random.pick(&MODES);
        let (mut frame, quiet) = self.blank(loud, quiet);
        if self.random.one_in(4) {
            let Some(id) = self.id_to_compare(&frame.key) else {
                return self.frame_get_id(frame.key);
            };
            frame.cas = id;
        }
        let is_part = matches!(mode, Mode::Append | Mode::Prepend);
        let (mut flags, mut expires_s) = (0, 0);
        if !is_part {
            flags = self.client_flags();
            let (bytes, second) = self.wide_expiry();
            frame.extras = [&flags.to_be_bytes()[..], &bytes].concat();
            expires_s = second;
        }
        frame.value = self.value(&frame.key);
        let compare = Some(frame.cas).filter(|&cas| cas != 0 && self.world.use_cas);
        let storing = Storing {
            // With an id all of them mean: what is there, if it has that id.
            mode: if compare.is_some() && !is_part {
                Mode::Set
            } else {
                mode
            },
            value: frame.value.clone(),
            flags,
            expires_s,
            compare,
            or_stale: false,
            cas: 0,
            coded: false,
            create: None,
            replaces: mode == Mode::Set,
        };
        let want = match self.world.store(&frame.key, storing) {
            Outcome::Stored => frame.done(quiet, self.world.last_put().0),
            Outcome::Exists => frame.refused(EXISTS),
            Outcome::NotFound => frame.refused(NOT_FOUND),
            Outcome::TooLarge => frame.refused(TOO_LARGE),
            Outcome::NotStored => frame.refused(match mode {
                Mode::Add => EXISTS,
                Mode::Append | Mode::Prepend => NOT_STORED,
                Mode::Set | Mode::Replace => NOT_FOUND,
            }),
        };
        frame.step(want)
    }

    /// Reads an item to learn its id.
    fn frame_get_id(&mut self, key: Vec<u8>) -> Step {
        let frame = Frame {
            key,
            ..Frame::default()
        };
        let mut step = self.frame_read(frame, None, false, true, false);
        step.ends_batch = true;
        step
    }

    fn frame_add(&mut self) -> Step {
        let up = self.random.percent(50);
        let (mut frame, quiet) = if up {
            self.blank(0x05, 0x15)
        } else {
            self.blank(0x06, 0x16)
        };
        if self.random.one_in(5) {
            let Some(id) = self.id_to_compare(&frame.key) else {
                return self.frame_get_id(frame.key);
            };
            frame.cas = id;
        }
        let (delta, seed) = (self.number(), self.number());
        let (mut expiry, mut expires_s) = self.wide_expiry();
        if self.random.one_in(3) {
            expiry = vec![0xff; 4];
            expires_s = 0;
        }
        let creates = expiry != [0xff; 4];
        frame.extras = [&delta.to_be_bytes()[..], &seed.to_be_bytes(), &expiry].concat();
        let adding = Adding {
            delta,
            up,
            compare: frame.cas,
            cas: 0,
            create: creates.then_some((seed, expires_s)),
        };
        let want = match self.world.add(&frame.key, &adding) {
            Ok(_) if quiet => Want::none(),
            Ok((sum, cas, _)) => frame.reply(0, b"", b"", &sum.to_be_bytes(), cas),
            Err(Fault::NotFound) => frame.refused(NOT_FOUND),
            Err(Fault::Exists) => frame.refused(EXISTS),
            Err(Fault::NotNumeric) => frame.refused(NOT_NUMERIC),
        };
        frame.step(want)
    }

    fn frame_delete(&mut self) -> Step {
        let (mut frame, quiet) = self.blank(0x04, 0x14);
        if self.random.one_in(4) {
            let Some(id) = self.id_to_compare(&frame.key) else {
                return self.frame_get_id(frame.key);
            };
            frame.cas = id;
        }
        let compare = Some(frame.cas).filter(|&cas| cas != 0);
        let want = match self.world.judge(&frame.key, compare) {
            Ok(()) => {
                self.world.remove(&frame.key);
                frame.done(quiet, Cas::Known(0))
            }
            Err(Fault::NotFound) => frame.refused(NOT_FOUND),
            Err(_) => frame.refused(EXISTS),
        };
        frame.step(want)
    }

    fn frame_flush(&mut self) -> Step {
        let (mut frame, quiet) = self.blank(0x08, 0x18);
        frame.key.clear();
        let given = if self.random.one_in(8) {
            0
        } else {
            2 + self.random.below(9) as u32
        };
        if given != 0 || self.random.percent(50) {
            frame.extras = given.to_be_bytes().to_vec();
        }
        self.world.flush(given.into());
        Step::new(frame.bytes(), frame.done(quiet, Cas::Known(0)))
    }

    /// Requests that change nothing.
    fn frame_constant(&mut self) -> Step {
        let (mut frame, _) = self.blank(0x0a, 0x0a);
        frame.key.clear();
        let kind = self.random.below(6);
        let (opcode, want): (u8, fn(&Frame) -> Want) = match kind {
            0 => (0x0b, |frame| {
                frame.reply(0, b"", b"", b"1.6.45", Cas::Known(0))
            }),
            1 => (0x25, |frame| frame.refused(UNKNOWN)),
            2 => (0x20, |frame| frame.refused(UNKNOWN)),
            3 => (0x10, |frame| frame.refused(NOT_FOUND)),
            _ => (0x0a, |frame| frame.done(false, Cas::Known(0))),
        };
        frame.opcode = opcode;
        frame.cas = if self.random.one_in(4) { 5 } else { 0 };
        match kind {
            1 => {
                // What an opcode that nobody knows brings along is skipped.
                frame.opcode = *self
                    .random
                    .pick(&[0x1b, 0x1f, 0x25, 0x30, 0x3d, 0x70, 0xff]);
                let (extras_len, value_len) = (self.random.below(12), self.random.below(2000));
                frame.extras = self.text(extras_len);
                frame.key = self.any_key();
                frame.value = self.text(value_len);
            }
            3 => frame.key = b"bogus".to_vec(),
            _ => {}
        }
        Step::new(frame.bytes(), want(&frame))
    }

    /// What ends the connection.
    fn frame_fault(&mut self) -> Step {
        let (mut frame, _) = self.blank(0x00, 0x00);
        let mut want = None;
        match self.random.below(9) {
            0 => frame.key.clear(),
            1 => frame.extras = vec![0; 4],
            2 => frame.value = b"v".to_vec(),
            3 => frame.key = vec![b'l'; 251],
            4 => (frame.opcode, frame.value) = (0x01, b"no extras".to_vec()),
            5 => (frame.opcode, frame.extras) = (0x05, vec![0; 8]),
            6 => (frame.opcode, frame.extras) = (0x1c, vec![0; 8]),
            7 => {
                // It was all in order, and the client says good-bye.
                (frame.opcode, frame.key) = (0x07, Vec::new());
                want = Some(frame.done(false, Cas::Known(0)));
                if self.random.percent(50) {
                    frame.opcode = 0x17;
                    want = Some(Want::none());
                }
            }
            _ => {
                // The body is said to be shorter than the key.
                let mut send = frame.bytes();
                send[11] = 0;
                send[8..11].fill(0);
                return Step::new(send, frame.refused(UNKNOWN)).closing();
            }
        }
        let want = want.unwrap_or_else(|| frame.refused(INVALID));
        Step::new(frame.bytes(), want).closing()
    }
}
