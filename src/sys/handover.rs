//! Descriptors handed from one thread to another through a pipe: `pipe(7)`.
//!
//! What travels is a number, with a note that the giver leaves for the taker; the types on both sides see to it that each number is owned
//! by exactly one of them. A message is written in one piece, so none is ever torn.

use super::sync::Crossing;
use super::{check, check_len};
use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// Stands for "no more".
const STOP: RawFd = -1;
/// Stands for "look for silent clients".
const SWEEP: RawFd = -2;
const MESSAGE_LEN: usize = 2 * WORD_LEN;
/// Bytes of each of its halves: the descriptor, the note.
const WORD_LEN: usize = 4;
/// Messages that one call receives at most.
const MESSAGES_MAX: usize = 64;

/// The end that gives. It blocks while the pipe is full.
pub struct Giver(OwnedFd, Crossing);

/// The end that takes; it never blocks, and can be watched.
pub struct Taker(OwnedFd, Crossing);

/// What the giver has sent.
pub enum Message {
    /// A descriptor, now the taker's, and what the giver noted about it.
    Descriptor(OwnedFd, u32),
    /// Whoever has been silent for too long is to be closed.
    Sweep,
    /// There will be no more.
    Stop,
}

/// A pipe for descriptors.
///
/// # Errors
/// The process has no more descriptors.
pub fn pair() -> Result<(Giver, Taker)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    check(unsafe { call!(pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC)) })?;
    // SAFETY: `pipe2(2)` ensures that both are valid and ours.
    let (reader, writer) =
        unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    // SAFETY: no pointers.
    check(unsafe { call!(fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK)) })?;
    let pipe = Crossing::default();
    Ok((Giver(writer, pipe.clone()), Taker(reader, pipe)))
}

impl Giver {
    /// Gives a descriptor away, with a note.
    ///
    /// # Errors
    /// The taker is gone; the descriptor is closed.
    pub fn give(&self, descriptor: OwnedFd, note: u32) -> Result<()> {
        self.write(descriptor.as_raw_fd(), note)?;
        let _ = descriptor.into_raw_fd();
        Ok(())
    }

    /// Says that it is time to look for silent clients.
    ///
    /// # Errors
    /// The taker is gone.
    pub fn sweep(&self) -> Result<()> {
        self.write(SWEEP, 0)
    }

    /// Says that there will be no more.
    ///
    /// # Errors
    /// The taker is gone.
    pub fn stop(&self) -> Result<()> {
        self.write(STOP, 0)
    }

    fn write(&self, number: RawFd, note: u32) -> Result<()> {
        let mut message = [0; MESSAGE_LEN];
        message[..WORD_LEN].copy_from_slice(&number.to_ne_bytes());
        message[WORD_LEN..].copy_from_slice(&note.to_ne_bytes());
        loop {
            let call = || {
                // SAFETY: the buffer is valid for its length, which is below PIPE_BUF.
                check_len(unsafe {
                    call!(write(
                        self.0.as_raw_fd(),
                        message.as_ptr().cast(),
                        message.len()
                    ))
                })
            };
            match self.1.step(call, |_, waiting| *waiting += 1) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                outcome => return outcome.map(|_| ()),
            }
        }
    }
}

impl Taker {
    /// Takes what is there, at most a few dozen messages; the rest keeps the pipe readable.
    pub fn take(&self, mut each: impl FnMut(Message)) {
        let mut messages = [[0u8; MESSAGE_LEN]; MESSAGES_MAX];
        let call = || {
            // SAFETY: the buffer is valid for its size.
            let read = unsafe {
                call!(read(
                    self.0.as_raw_fd(),
                    messages.as_mut_ptr().cast(),
                    size_of_val(&messages),
                ))
            };
            usize::try_from(read).unwrap_or(0) / MESSAGE_LEN
        };
        let count = self.1.step(call, |count, waiting| *waiting -= count);
        for &[a, b, c, d, note @ ..] in &messages[..count] {
            match RawFd::from_ne_bytes([a, b, c, d]) {
                STOP => each(Message::Stop),
                SWEEP => each(Message::Sweep),
                fd => {
                    // SAFETY: `Giver::give` gave up a descriptor of this number, and only it
                    // writes to this pipe.
                    let descriptor = unsafe { OwnedFd::from_raw_fd(fd) };
                    each(Message::Descriptor(descriptor, u32::from_ne_bytes(note)));
                }
            }
        }
    }
}

impl AsFd for Taker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(all(test, loom))]
impl Taker {
    /// Sleeps until there is something to take.
    pub fn wait(&self) {
        self.1.wait();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_descriptor_arrives_and_still_works() {
        let (giver, taker) = pair().unwrap();
        let (here, mut there) = std::os::unix::net::UnixStream::pair().unwrap();
        giver.give(here.into(), 7).unwrap();
        giver.sweep().unwrap();
        giver.stop().unwrap();
        let (mut got, mut swept, mut stopped) = (Vec::new(), false, false);
        taker.take(|message| match message {
            Message::Descriptor(fd, note) => got.push((fd, note)),
            Message::Sweep => swept = true,
            Message::Stop => stopped = true,
        });
        assert!(swept && stopped && got.len() == 1);
        let (descriptor, note) = &got[0];
        assert_eq!(*note, 7);
        there.write_all(b"x").unwrap();
        let mut byte = [0];
        assert_eq!(
            super::super::io::recv(descriptor.as_raw_fd(), &mut byte).unwrap(),
            1
        );
        taker.take(|_| panic!("nothing more was sent"));
    }
}
