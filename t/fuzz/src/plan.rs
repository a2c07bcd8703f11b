//! Fuzzer's bytes to a plan: the circumstances, and the steps of a conversation.
//!
//! ```text
//! | switches | pieces | stream, with marks in it ...                               |
//!
//! a mark      FF E0   what follows comes in another read
//!             FF E1   the other client goes on
//!             FF E2   a new client takes the place of this one
//!             FF E3   this client reads no replies from here on, or reads them again
//!             FF E4 s the clock moves by s seconds
//!             FF E5   the upkeep of memory has a turn
//!             FF E6 l n n ...   the l bytes that follow, so many times
//!             FF E7   a number, one more each time
//! ```
//!
//! Any other `FF` is a byte of the stream. So every input is a plan, most bytes of it are
//! bytes that a client sends, and a few of them may stand for a megabyte.

/// What begins a mark.
pub const MARK: u8 = 0xff;
/// The second byte of a mark.
pub const CUT: u8 = 0xe0;
pub const OTHER: u8 = 0xe1;
pub const NEW: u8 = 0xe2;
pub const READING: u8 = 0xe3;
pub const CLOCK: u8 = 0xe4;
pub const UPKEEP: u8 = 0xe5;
pub const REPEAT: u8 = 0xe6;
pub const NUMBER: u8 = 0xe7;

/// Bytes of all streams together, so that one input takes no more than a moment.
const STREAM_LEN_MAX: usize = 2 << 20;
/// Steps, for the same reason.
const STEPS_MAX: usize = 20_000;
/// Repeats within repeats.
const DEPTH_MAX: u32 = 2;

/// Bits of the first byte.
pub mod switch {
    /// Commands are told on standard error, as `-vv` does.
    pub const VERBOSE: u8 = 1;
    /// There is little memory for replies, as with `-o read_buf_mem_limit`.
    pub const LIMITED: u8 = 2;
    /// Clients log in.
    pub const LOGIN: u8 = 4;
    /// Nothing is evicted, as with `-M`.
    pub const KEEP: u8 = 8;
    /// No cas ids, as with `-C`.
    pub const NO_CAS: u8 = 16;
    /// Requests are counted by prefix, as with `-D`.
    pub const DETAIL: u8 = 32;
}

/// Something that happens.
#[derive(Debug)]
pub enum Step {
    /// The client sends this, and it is read at once.
    Send(Vec<u8>),
    /// The other client goes on.
    Other,
    /// A new client takes the place of this one.
    New,
    /// This client stops to read its replies, or begins again.
    Reading,
    /// The clock moves by so many seconds.
    Clock(u8),
    /// The upkeep of memory has a turn.
    Upkeep,
}

/// An input, read.
pub struct Plan {
    /// Bits of [`switch`].
    pub switches: u8,
    /// Decides into what pieces the stream is cut; 0: none but those of its marks.
    pub pieces: u8,
    /// What happens.
    pub steps: Vec<Step>,
    bytes_left: usize,
    number: u32,
}

impl Plan {
    /// Reads an input; there is none that is wrong, but one may be too short.
    pub fn read(data: &[u8]) -> Option<Plan> {
        let &[switches, pieces, ref stream @ ..] = data else {
            return None;
        };
        let mut plan = Plan {
            switches,
            pieces,
            steps: Vec::new(),
            bytes_left: STREAM_LEN_MAX,
            number: 0,
        };
        plan.steps.push(Step::Send(Vec::new()));
        plan.take(stream, 0);
        Some(plan)
    }

    /// Whether a switch is on.
    pub fn has(&self, switch: u8) -> bool {
        self.switches & switch != 0
    }

    /// All that is sent.
    pub fn stream(&self) -> Vec<u8> {
        let mut stream = Vec::new();
        for step in &self.steps {
            if let Step::Send(bytes) = step {
                stream.extend_from_slice(bytes);
            }
        }
        stream
    }

    /// Whether it is one client's, from the beginning to the end, and nothing else happens.
    pub fn is_plain(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Send(_)))
    }

    fn take(&mut self, mut rest: &[u8], depth: u32) {
        while let Some((&first, after)) = rest.split_first() {
            let plain = rest.iter().position(|&byte| byte == MARK);
            let plain = plain.unwrap_or(rest.len());
            if plain > 0 {
                self.send(&rest[..plain]);
                rest = &rest[plain..];
                continue;
            }
            rest = match *after {
                [CUT, ref rest @ ..] => self.step(Step::Send(Vec::new()), rest),
                [OTHER, ref rest @ ..] => self.step(Step::Other, rest),
                [NEW, ref rest @ ..] => self.step(Step::New, rest),
                [READING, ref rest @ ..] => self.step(Step::Reading, rest),
                [CLOCK, seconds, ref rest @ ..] => self.step(Step::Clock(seconds), rest),
                [UPKEEP, ref rest @ ..] => self.step(Step::Upkeep, rest),
                [NUMBER, ref rest @ ..] => {
                    self.send(self.number.to_string().as_bytes());
                    self.number = self.number.wrapping_add(1);
                    rest
                }
                [REPEAT, len, high, low, ref rest @ ..] if depth < DEPTH_MAX => {
                    let (again, rest) = rest.split_at(rest.len().min(usize::from(len)));
                    for _ in 0..u16::from_be_bytes([high, low]) {
                        let is_full = self.bytes_left == 0 || self.steps.len() >= STEPS_MAX;
                        if is_full || again.is_empty() {
                            break;
                        }
                        self.take(again, depth + 1);
                    }
                    rest
                }
                _ => {
                    self.send(&[first]);
                    after
                }
            };
        }
    }

    fn step<'r>(&mut self, step: Step, rest: &'r [u8]) -> &'r [u8] {
        if self.steps.len() < STEPS_MAX {
            self.steps.push(step);
        }
        rest
    }

    fn send(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(self.bytes_left)];
        self.bytes_left -= bytes.len();
        match self.steps.last_mut() {
            Some(Step::Send(begun)) => begun.extend_from_slice(bytes),
            _ => self.steps.push(Step::Send(bytes.to_vec())),
        }
    }
}

/// Where a stream is cut: a different place for every seed.
pub struct Pieces(u64);

impl Pieces {
    /// Those of a seed; with 0 there is one piece.
    pub fn of(seed: u8) -> Pieces {
        Pieces(u64::from(seed))
    }

    /// The length of the first piece of `rest`.
    pub fn next(&mut self, rest: &[u8]) -> usize {
        if self.0 == 0 {
            return rest.len();
        }
        for _ in 0..2 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407).max(1);
        }
        // Many tiny pieces of much would take for ever, and show no more than a few.
        let most = match (rest.len(), self.0 >> 60) {
            (50_000.., _) => 30_000,
            (4_000.., _) => 3_000,
            (_, 0..5) => 2,
            (_, 5..10) => 9,
            (_, 10..14) => 60,
            _ => 2_000,
        };
        (1 + (self.0 >> 33) as usize % most).min(rest.len())
    }
}
