//! Replies: the fixed lines, each written once, and where replies collect before they are
//! sent.

#![forbid(unsafe_code)]

use super::buffer::{Buffer, write, write_number};
use crate::store::digits::U64_LEN_MAX;
use crate::store::{Found, KEY_LEN_MAX, Pinned, Refused};

pub const ERROR: &[u8] = b"ERROR\r\n";
pub const BAD_LINE: &[u8] = b"CLIENT_ERROR bad command line format\r\n";
pub const BAD_CHUNK: &[u8] = b"CLIENT_ERROR bad data chunk\r\n";
pub const BAD_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta argument\r\n";
pub const BAD_EXPIRY: &[u8] = b"CLIENT_ERROR invalid exptime argument\r\n";
pub const NOT_NUMERIC: &[u8] = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
pub const FLUSH_REFUSED: &[u8] = b"CLIENT_ERROR flush_all not allowed\r\n";
pub const DETAIL_REFUSED: &[u8] = b"CLIENT_ERROR stats detail not allowed\r\n";
pub const DETAIL_USAGE: &[u8] = b"CLIENT_ERROR usage: stats detail on|off|dump\r\n";
pub const SHUTDOWN_REFUSED: &[u8] = b"SERVER_ERROR: shutdown not enabled\r\n";
pub const SHUTDOWN_MODE: &[u8] = b"CLIENT_ERROR invalid shutdown mode\r\n";
pub const TOO_LARGE: &[u8] = b"SERVER_ERROR object too large for cache\r\n";
pub const NO_MEMORY_STORING: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";
pub const NO_MEMORY_READING: &[u8] = b"SERVER_ERROR Out of memory during read\r\n";
/// For a reply that cannot be made.
pub const NO_MEMORY: &[u8] = b"SERVER_ERROR out of memory\r\n";
pub const NO_MEMORY_RETRIEVING: &[u8] = b"SERVER_ERROR out of memory writing get response\r\n";
pub const LINE_TOO_LONG: &[u8] = b"SERVER_ERROR out of memory reading request\r\n";
pub const UNAUTHENTICATED: &[u8] = b"CLIENT_ERROR unauthenticated\r\n";
pub const LONG_AUTH_TOKEN: &[u8] = b"CLIENT_ERROR auth token too long\r\n";
pub const BAD_AUTH_END: &[u8] = b"CLIENT_ERROR bad command line termination\r\n";
pub const BAD_AUTH_TOKEN: &[u8] = b"CLIENT_ERROR bad authentication token format\r\n";
pub const AUTH_FAILURE: &[u8] = b"CLIENT_ERROR authentication failure\r\n";
/// For a client over the limit.
pub const TOO_MANY_CONNECTIONS: &[u8] = b"ERROR Too many open connections\r\n";
pub const NO_MEMORY_VIVIFYING: &[u8] = b"SERVER_ERROR Out of memory allocating new item\r\n";
pub const TOO_MANY_FLAGS: &[u8] = b"CLIENT_ERROR options flags are too long\r\n";
pub const DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR duplicate flag\r\n";
pub const INVALID_FLAG: &[u8] = b"CLIENT_ERROR invalid flag\r\n";
pub const BAD_TOKEN: &[u8] = b"CLIENT_ERROR bad token in command line format\r\n";
pub const BAD_META_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta value\r\n";
pub const BAD_SEED: &[u8] = b"CLIENT_ERROR invalid numeric initial value\r\n";
pub const BAD_BASE64: &[u8] = b"CLIENT_ERROR error decoding key\r\n";
pub const LONG_OPAQUE: &[u8] = b"CLIENT_ERROR opaque token too long\r\n";
pub const BAD_SET_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ms M token\r\n";
pub const BAD_ARITHMETIC_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ma M token\r\n";
pub const BAD_ARITHMETIC_FLAG: &[u8] = b"CLIENT_ERROR invalid or duplicate flag\r\n";
pub const NO_OP: &[u8] = b"MN\r\n";
pub const STORED: &[u8] = b"STORED\r\n";
pub const NOT_STORED: &[u8] = b"NOT_STORED\r\n";
pub const EXISTS: &[u8] = b"EXISTS\r\n";
pub const NOT_FOUND: &[u8] = b"NOT_FOUND\r\n";
pub const DELETED: &[u8] = b"DELETED\r\n";
pub const TOUCHED: &[u8] = b"TOUCHED\r\n";
pub const OK: &[u8] = b"OK\r\n";
pub const RESET: &[u8] = b"RESET\r\n";
pub const END: &[u8] = b"END\r\n";
/// The end of what meta commands list.
pub const EN: &[u8] = b"EN\r\n";
pub const CR_LF: &[u8] = b"\r\n";

/// Bytes of copied replies after which they are to be sent before more are made.
const FULL_LEN: usize = 60 << 10;
/// Room that a single reply may take beyond that without the buffer growing: the largest
/// copied value with its line.
const MARGIN: usize = 8 << 10;
/// Bytes of the buffer that a worker makes replies in.
pub const WRITE_BUFFER_LEN: usize = FULL_LEN + MARGIN;
/// Pinned values that wait at most, and bytes of them after which no more are added.
const PINS_MAX: usize = 64;
const PINNED_LEN: usize = 1 << 20;
/// Values up to this long are copied; longer ones are sent from where they lie.
/// doc/performance.txt says how the figure was found.
pub const COPY_LEN_MAX: usize = 1 << 10;

/// Replies in order: copied bytes, with pinned values in between.
///
/// ```text
/// bytes   VALUE a 0 3 abc END  VALUE b 0 9000 │ END
/// pins                                       9000 bytes of b, after byte 42
/// ```
pub struct Output<'s> {
    bytes: Buffer,
    pins: Vec<Pin<'s>>,
    pinned_len: usize,
    /// Replies in it, if somebody counts them.
    replies: u32,
}

/// Where an output stood.
#[derive(Clone, Copy)]
pub struct Mark {
    len: u32,
    replies: u32,
}

/// A value that is sent from the item's memory.
pub struct Pin<'s> {
    /// It comes after so many of the copied bytes.
    pub after: usize,
    /// The value.
    pub value: Pinned<'s>,
}

impl<'s> Output<'s> {
    /// Empty, with room for a full load of replies.
    pub fn new() -> Output<'s> {
        Output {
            bytes: Buffer::new(WRITE_BUFFER_LEN),
            pins: Vec::new(),
            pinned_len: 0,
            replies: 0,
        }
    }

    /// Counts one more reply; says how many there are.
    pub fn count_reply(&mut self) -> u32 {
        self.replies += 1;
        self.replies
    }

    /// Whether replies should be sent before more are made.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL_LEN || self.pins.len() >= PINS_MAX || self.pinned_len >= PINNED_LEN
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == 0
    }

    /// The copied bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }

    /// The pinned values, in order.
    pub fn pins(&self) -> &[Pin<'s>] {
        &self.pins
    }

    /// Bytes to send in all.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.pinned_len
    }

    /// All bytes to send, in order.
    pub fn each_piece(&self, mut give: impl FnMut(&[u8])) {
        let mut at = 0;
        for pin in &self.pins {
            give(&self.bytes()[at..pin.after]);
            pin.value.pieces().for_each(&mut give);
            at = pin.after;
        }
        give(&self.bytes()[at..]);
    }

    /// Takes out what has been written, leaving room for more; for a client that cannot
    /// take it now.
    pub fn take(&mut self) -> (Vec<u8>, Vec<Pin<'s>>) {
        let taken = (self.bytes().to_vec(), std::mem::take(&mut self.pins));
        self.clear();
        taken
    }

    /// What there is now, to come back to.
    pub fn mark(&self) -> Mark {
        Mark {
            len: self.bytes.len() as u32, // a flush is due long before 4 GiB
            replies: self.replies,
        }
    }

    /// Takes back what has been added since; nothing may have been sent in between.
    pub fn take_back(&mut self, mark: Mark) {
        let len = mark.len as usize;
        self.bytes.truncate(len);
        self.replies = mark.replies;
        while let Some(pin) = self.pins.pop_if(|pin| pin.after > len) {
            self.pinned_len -= pin.value.value_len();
        }
    }

    /// Forgets everything; memory taken for an unusual reply goes back.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.pins.clear();
        self.pinned_len = 0;
        self.replies = 0;
    }

    /// Appends bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.put(bytes);
    }

    /// Appends a reply, unless the client wants none.
    #[inline]
    pub fn put_unless(&mut self, quiet: bool, reply: &[u8]) {
        if !quiet {
            self.put(reply);
        }
    }

    /// Appends a decimal number.
    #[inline]
    pub fn put_number(&mut self, value: u64) {
        self.bytes.put_number(value);
    }

    /// Appends the line that announces a value: `VALUE`, the key, client flags and length,
    /// perhaps the cas id.
    #[inline]
    pub fn put_value_line(&mut self, key: &[u8], client_flags: u32, len: usize, cas: Option<u64>) {
        const LEN_MAX: usize = b"VALUE ".len() + KEY_LEN_MAX + 3 * (1 + U64_LEN_MAX) + 2;
        let room = self.bytes.room::<LEN_MAX>();
        let mut at = write(room, 0, b"VALUE ");
        at = write(room, at, key);
        at = write(room, at, b" ");
        at = write_number(room, at, u64::from(client_flags));
        at = write(room, at, b" ");
        at = write_number(room, at, len as u64);
        if let Some(cas) = cas {
            at = write(room, at, b" ");
            at = write_number(room, at, cas);
        }
        at = write(room, at, CR_LF);
        self.bytes.claim(at);
    }

    /// Appends a value that is sent from where it lies.
    pub fn put_pinned(&mut self, value: Pinned<'s>) {
        self.pinned_len += value.value_len();
        self.pins.push(Pin {
            after: self.bytes.len(),
            value,
        });
    }
}

impl Default for Output<'_> {
    fn default() -> Self {
        Output::new()
    }
}

impl std::io::Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The value and its CR LF.
#[inline]
pub fn put_block<'s>(item: &Found<'s, '_>, out: &mut Output<'s>) {
    put_value(item, out);
    out.put(CR_LF);
}

/// The value: copied if it is short, else sent from where it lies.
#[inline]
pub fn put_value<'s>(item: &Found<'s, '_>, out: &mut Output<'s>) {
    match item.value() {
        Some(value) if value.len() <= COPY_LEN_MAX => out.put(value),
        _ => out.put_pinned(item.pin()),
    }
}

/// The reply to a value for which there is no memory.
pub fn refusal(refused: Refused) -> &'static [u8] {
    match refused {
        Refused::TooLarge => TOO_LARGE,
        Refused::NoMemory => NO_MEMORY_STORING,
        Refused::NoMemoryInside => NO_MEMORY_READING,
    }
}
