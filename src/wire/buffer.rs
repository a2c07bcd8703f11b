//! Bytes that replies are written to, one after the other.
//!
//! A vector pays for every piece with a call that may grow it, and a reply has eight pieces.
//! Here all memory is there and initialised from the start, so that a piece of known length is
//! a comparison and a store, and a short one of unknown length two stores that may overlap.

#![forbid(unsafe_code)]

use crate::digits::{self, U64_LEN_MAX};

/// Bytes that a worker reads at a time.
pub const READ_BUFFER_LEN: usize = 64 << 10;
/// Bytes of copied replies after which they are to be sent before more are made.
pub const FULL_LEN: usize = 60 << 10;
/// Space that a single reply may take beyond that without the buffer growing: the largest
/// copied value with its line.
const MARGIN: usize = 8 << 10;
/// Bytes of the buffer that a worker makes replies in.
pub const WRITE_BUFFER_LEN: usize = FULL_LEN + MARGIN;

/// Bytes at the front of memory that is all initialised.
pub struct Buffer {
    memory: Vec<u8>,
    len: usize,
    /// What `memory` shrinks back to.
    least: usize,
}

impl Buffer {
    /// Empty, with space for `least` bytes.
    pub fn new(least: usize) -> Buffer {
        Buffer {
            memory: vec![0; least],
            len: 0,
            least,
        }
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[..self.len]
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all of them; memory beyond the usual goes back.
    pub fn clear(&mut self) {
        self.len = 0;
        if self.memory.len() > self.least {
            self.memory.truncate(self.least);
            self.memory.shrink_to_fit();
        }
    }

    /// Forgets those after the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Space for exactly `N` more bytes; what is written there counts once it is
    /// [`claimed`](Buffer::claim).
    #[inline]
    pub fn space<const N: usize>(&mut self) -> &mut [u8; N] {
        if self.memory.len() - self.len < N {
            self.grow(N);
        }
        self.memory[self.len..]
            .first_chunk_mut()
            .expect("it has grown")
    }

    /// Counts the first `len` bytes of the last space in.
    #[inline]
    pub fn claim(&mut self, len: usize) {
        debug_assert!(self.len + len <= self.memory.len());
        self.len += len;
    }

    /// Appends bytes.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        if self.memory.len() - self.len < bytes.len() {
            self.grow(bytes.len());
        }
        let end = self.len + bytes.len();
        self.memory[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    /// Appends a decimal number.
    #[inline]
    pub fn put_number(&mut self, value: u64) {
        let len = write_number(self.space::<U64_LEN_MAX>(), 0, value);
        self.claim(len);
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        let len = (self.len + more).max(2 * self.memory.len());
        self.memory.resize(len, 0);
    }
}

/// Writes `bytes` to `space[at..]`, for there they fit; returns where they end.
#[inline]
pub fn write(space: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let end = at + bytes.len();
    let space = &mut space[at..end];
    match (
        bytes.first_chunk::<8>(),
        bytes.last_chunk::<8>(),
        bytes.len(),
    ) {
        (Some(first), Some(last), ..=16) => {
            let tail = bytes.len() - 8;
            space[..8].copy_from_slice(first);
            space[tail..].copy_from_slice(last);
        }
        _ => space.copy_from_slice(bytes),
    }
    end
}

/// Writes `value` in decimal to `space[at..]`, where there is space for any number; returns where
/// it ends.
#[inline]
pub fn write_number(space: &mut [u8], at: usize, value: u64) -> usize {
    if value < 10 {
        space[at] = b'0' + value as u8;
        return at + 1;
    }
    if value >= 10_000 {
        let buffer = &mut [0; U64_LEN_MAX];
        return write(space, at, digits::format(buffer, value));
    }
    // Always four bytes, which takes no loop and no call; what comes next is written over those
    // that are too many.
    let (text, len) = small_number(value as u32);
    space[at..at + 4].copy_from_slice(&text);
    at + len
}

/// Up to four digits from the left, and how many.
#[inline]
fn small_number(value: u32) -> ([u8; 4], usize) {
    let (high, low) = (PAIRS[(value / 100) as usize], PAIRS[(value % 100) as usize]);
    let digits = u32::from_le_bytes([high[0], high[1], low[0], low[1]]);
    let zeros = u32::from(value < 1000) + u32::from(value < 100) + u32::from(value < 10);
    ((digits >> (8 * zeros)).to_le_bytes(), 4 - zeros as usize)
}

/// The numbers below 100 in two digits.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + value as u8 / 10, b'0' + value as u8 % 10];
        value += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length_stand_one_after_the_other() {
        let text: Vec<u8> = (0..=255).collect();
        let (mut buffer, mut twin) = (Buffer::new(16), Vec::new());
        for len in 0..300 {
            let piece = &text[..len % 256];
            buffer.put(piece);
            twin.extend_from_slice(piece);
            let end = write(buffer.space::<256>(), 0, piece);
            buffer.claim(end);
            twin.extend_from_slice(piece);
            assert_eq!(buffer.bytes(), twin);
        }
        buffer.truncate(100);
        assert_eq!(buffer.bytes(), &twin[..100]);
        buffer.clear();
        assert_eq!((buffer.len(), buffer.memory.len()), (0, 16));
    }

    #[test]
    fn numbers_are_written_as_the_library_writes_them() {
        let mut buffer = Buffer::new(0);
        let edges = (0..20).flat_map(|power| {
            let ten = 10u64.pow(power);
            [ten - 1, ten, ten + 1]
        });
        for value in edges.chain(0..1200).chain([u64::MAX]) {
            buffer.clear();
            buffer.put_number(value);
            assert_eq!(buffer.bytes(), value.to_string().as_bytes());
        }
    }
}
