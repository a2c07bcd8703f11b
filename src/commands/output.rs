//! Where replies collect before they are sent: copied bytes, and values that are sent from where
//! they lie.

#![forbid(unsafe_code)]

use crate::digits::U64_LEN_MAX;
use crate::store::{AllocError, Found, KEY_LEN_MAX, Pinned};
use crate::wire::Put;
use crate::wire::buffer::{Buffer, FULL_LEN, WRITE_BUFFER_LEN, write, write_number};
use crate::wire::reply::{CR_LF, NO_MEMORY_READING, NO_MEMORY_STORING, TOO_LARGE};

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
    /// Replies in it, if they are counted (`-o read_buf_mem_limit`).
    replies: u32,
}

/// Where an output stood.
#[derive(Clone, Copy)]
pub struct OutputMark {
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
    /// Empty, with memory for as many replies as are sent at once.
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
        self.bytes.is_empty()
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

    /// Takes out what has been written, and is empty then; for a client that cannot
    /// take it now.
    pub fn take(&mut self) -> (Vec<u8>, Vec<Pin<'s>>) {
        let taken = (self.bytes().to_vec(), std::mem::take(&mut self.pins));
        self.clear();
        taken
    }

    /// What there is now, to come back to.
    pub fn mark(&self) -> OutputMark {
        OutputMark {
            len: self.bytes.len() as u32, // a flush is due long before 4 GiB
            replies: self.replies,
        }
    }

    /// Takes back what has been added since; nothing may have been sent in between.
    pub fn take_back(&mut self, mark: OutputMark) {
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
        let space = self.bytes.space::<LEN_MAX>();
        let mut at = write(space, 0, b"VALUE ");
        at = write(space, at, key);
        at = write(space, at, b" ");
        at = write_number(space, at, u64::from(client_flags));
        at = write(space, at, b" ");
        at = write_number(space, at, len as u64);
        if let Some(cas) = cas {
            at = write(space, at, b" ");
            at = write_number(space, at, cas);
        }
        at = write(space, at, CR_LF);
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

impl Put for Output<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.put(bytes);
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
pub fn refusal(refused: AllocError) -> &'static [u8] {
    match refused {
        AllocError::TooLarge => TOO_LARGE,
        AllocError::NoMemory => NO_MEMORY_STORING,
        AllocError::NoMemoryInside => NO_MEMORY_READING,
    }
}
