//! Input that has been read and not consumed.
//!
//! It is short as a rule, part of a request, and is copied in front of what is read next. A
//! list of keys may grow long: then reading goes on here, behind what there is, and the list
//! is taken from the front, so that each byte is moved a bounded number of times however
//! small the pieces are that it comes in.

#![forbid(unsafe_code)]

use super::stream::{Received, Stream};
use crate::wire::buffer::READ_BUFFER_LEN;
use std::io::Result;

/// A stash above this length is read into and parsed where it is.
const LONG_LEN: usize = READ_BUFFER_LEN / 2;

/// Input that waits. Without any it is a null pointer: most clients never have some.
#[derive(Default)]
pub struct Stash(Option<Box<Held>>);

/// The bytes `start..end` of `memory`; never empty.
struct Held {
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl Stash {
    /// A stash of these bytes, and no more memory than that.
    pub fn of(bytes: &[u8]) -> Stash {
        if bytes.is_empty() {
            return Stash(None);
        }
        Stash(Some(Box::new(Held {
            memory: bytes.to_vec(),
            start: 0,
            end: bytes.len(),
        })))
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |held| held.bytes())
    }

    /// Whether it is to be used where it is.
    pub fn is_long(&self) -> bool {
        self.bytes().len() > LONG_LEN
    }

    /// Reads once, behind what there is, into a stash that is long.
    ///
    /// # Errors
    /// Those of [`Stream::recv`].
    pub fn receive(&mut self, from: &mut Stream) -> Result<Received> {
        let held = self.0.as_mut().expect("a long stash holds something");
        if held.memory.len() - held.end < LONG_LEN {
            // Memory grows only by what is left: what has been consumed is not kept.
            let mut memory = vec![0; (held.memory.len() - held.start).max(held.bytes().len()) * 2];
            memory[..held.bytes().len()].copy_from_slice(held.bytes());
            held.end -= held.start;
            held.start = 0;
            // It may hold a password, and wiping it costs less than the copy did.
            held.memory.fill(0);
            std::hint::black_box(&mut held.memory);
            held.memory = memory;
        }
        let received = from.recv(&mut held.memory[held.end..])?;
        held.end += received.len;
        Ok(received)
    }

    /// Overwrites the first `len` bytes, which may have been a password.
    pub fn wipe(&mut self, len: usize) {
        if let Some(held) = &mut self.0 {
            let bytes = &mut held.memory[held.start..held.start + len];
            bytes.fill(0);
            std::hint::black_box(bytes);
        }
    }

    /// Takes `len` bytes from the front; a rest that is short gives the memory back. Of a
    /// `secret` nothing is left there.
    #[must_use]
    pub fn without(mut self, len: usize, secret: bool) -> Stash {
        if secret {
            self.wipe(len);
        }
        if let Some(held) = &mut self.0 {
            held.start += len;
        }
        if self.is_long() {
            return self;
        }
        let rest = Stash::of(self.bytes());
        if secret {
            self.wipe(self.bytes().len());
        }
        rest
    }
}

impl Held {
    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_long_stash_grows_behind_and_is_taken_from_the_front() {
        let (mut there, here) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut here = Stream::Plain(here.into());
        let text: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        let mut stash = Stash::of(&text[..40_000]);
        let (mut given, mut taken) = (40_000, 0);
        for piece in [1, 7, 1000, 30_000] {
            while given < text.len() * 3 / 4 && given - taken < 90_000 {
                there.write_all(&text[given..given + piece]).unwrap();
                let received = stash.receive(&mut here).unwrap();
                assert_eq!((received.len, received.drained), (piece, true));
                given += piece;
                assert_eq!(stash.bytes(), &text[taken..given]);
                if piece > 1 && given - taken > 60_000 {
                    stash = stash.without(20_000, false);
                    taken += 20_000;
                }
                if piece == 1 && given > 40_100 {
                    break;
                }
            }
        }
        stash = stash.without(given - taken - 5, true);
        assert!(!stash.is_long() && stash.0.as_ref().unwrap().memory.len() == 5);
        assert_eq!(stash.bytes(), &text[given - 5..given]);
    }
}
