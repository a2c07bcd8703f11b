//! Standard error: lines for the operator, for which no thread waits.
//!
//! ```text
//! any thread ─► queue, bounded ─► mc-stderr ─► write(2), as long as that takes
//! ```
//!
//! The reader of standard error may have stopped: a pipe is full, a terminal stands still, a disk
//! is away. So a thread that has a line leaves it in the queue and goes on, and one thread writes.
//! Making the descriptor non-blocking instead would do so to every process that shares it, the
//! shell for one; and to look whether it takes more and then to write waits after all if
//! another process was faster, or if it is a file.
//!
//! What finds the queue full is dropped, whole lines of it, as is what finds no memory for it, and
//! what cannot be written (a full disk); a line says how many, at the place where they are missing,
//! as soon as there is space again.
//!
//! Before the thread is started (a process that goes into the background may have none) lines
//! are written at once, by the first thread, which waits until it takes more, but not long.
//!
//! The queue's mutex is held for a moment and no other taken under it; never while writing, but
//! before the thread is started.

#![forbid(unsafe_code)]

use super::io::wait_writable;
use std::fmt::Arguments;
use std::io::{ErrorKind, Result, Write};
use std::os::fd::RawFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that wait at most; a longer line may wait alone. The thread may have taken as many, which
/// it writes. At full load with `-vv` it takes 50 ms or so to fill it: longer than the thread waits
/// for a processor.
const QUEUE_LEN: usize = 4 << 20;
/// Memory of a queue that is kept when it is empty.
const KEPT_LEN: usize = 64 << 10;
/// Lines are written up to so many bytes at a time: a pipe does not mix those with what other
/// processes write (`PIPE_BUF`).
const PIECE_LEN: usize = 4096;
/// How long a thread that ends the process waits for a reader that takes nothing, and for one that
/// takes little, or for a processor for the thread.
const GRACE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

/// The number of standard error.
const FD: RawFd = 2;

static QUEUE: Queue = Queue::new();

/// Writes a line.
pub fn line(text: Arguments<'_>) {
    let mut line = text.to_string();
    line.push('\n');
    QUEUE.put(line.as_bytes());
}

/// Writes text that has its line ends already, if it has any. Lines of several threads do not
/// mix if each is given in one piece.
pub fn text(text: &[u8]) {
    QUEUE.put(text);
}

/// Starts the thread that writes, by `spawn`. Call it once the process has its final number, and
/// before there are other threads.
///
/// # Errors
/// Those of `spawn`.
pub fn start<T>(spawn: impl FnOnce(fn()) -> Result<T>) -> Result<()> {
    spawn(|| {
        QUEUE.lock().is_served = true;
        QUEUE.moved.notify_all();
        let mut writer = Writer::new(Stderr);
        let mut spare = Vec::new();
        loop {
            QUEUE.serve(&mut writer, &mut spare);
        }
    })?;
    let state = QUEUE.lock();
    let _state = QUEUE.moved.wait_while(state, |state| !state.is_served);
    Ok(())
}

/// Waits until all that was said has been written, or until that has taken too long. To be called
/// by the thread that is about to end the process.
pub fn flush() {
    QUEUE.flush();
}

/// Has a panic logged like any other line: the process ends after it even if it is not read.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        line(format_args!("\nthread '{name}' {info}"));
        let backtrace = std::backtrace::Backtrace::capture();
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            line(format_args!("stack backtrace:\n{backtrace}"));
        }
        flush();
    }));
}

/// Lines that wait, and the thread that waits for some.
struct Queue {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// A piece has been written, or given up.
    moved: Condvar,
}

struct State {
    text: Vec<u8>,
    /// Lines that did not fit. They follow `text`: there is none after them until it is taken.
    dropped: u64,
    /// Whether there is a thread that takes them.
    is_served: bool,
    /// Whether it writes.
    is_writing: bool,
    /// Pieces that it has been through.
    pieces: u64,
}

impl Queue {
    const fn new() -> Queue {
        Queue {
            state: Mutex::new(State {
                text: Vec::new(),
                dropped: 0,
                is_served: false,
                is_writing: false,
                pieces: 0,
            }),
            filled: Condvar::new(),
            moved: Condvar::new(),
        }
    }

    /// A panic elsewhere is logged through here, so a poisoned mutex must not be the end of it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, text: &[u8]) {
        let mut state = self.lock();
        let is_taken = if state.is_served {
            state.take(text)
        } else {
            state.write_now(text)
        };
        if !is_taken {
            state.dropped += lines(text);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Waits for lines and writes them. `spare` is memory for the next ones.
    fn serve(&self, writer: &mut Writer<impl Write>, spare: &mut Vec<u8>) {
        let waiting = self
            .filled
            .wait_while(self.lock(), |state| !state.has_some());
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.text, spare);
        let dropped = std::mem::take(&mut state.dropped);
        state.is_writing = true;
        drop(state);
        for piece in pieces(spare) {
            writer.write(piece);
            self.lock().pieces += 1;
            self.moved.notify_all();
        }
        writer.lost += dropped;
        writer.tell_lost();
        if spare.capacity() > KEPT_LEN {
            *spare = Vec::new();
        }
        spare.clear();
        self.lock().is_writing = false;
        self.moved.notify_all();
    }

    fn flush(&self) {
        let mut waited = Duration::ZERO;
        let mut state = self.lock();
        while state.is_served && (state.is_writing || state.has_some()) {
            let (pieces, began) = (state.pieces, Instant::now());
            let waiting = self.moved.wait_timeout(state, GRACE);
            let (now, timeout) = waiting.unwrap_or_else(PoisonError::into_inner);
            // Not more, or a process that was stopped would have waited for its reader meanwhile.
            waited += began.elapsed().min(GRACE);
            let is_still = timeout.timed_out() && now.pieces == pieces;
            if is_still && !wait_writable(FD, Some(Duration::ZERO)) || waited >= PATIENCE {
                return;
            }
            state = now;
        }
    }
}

impl State {
    /// Whether there is something to write.
    fn has_some(&self) -> bool {
        !self.text.is_empty() || self.dropped > 0
    }

    /// Takes text to be written; false if it does not fit. After a line that was dropped nothing
    /// fits, or no note could say where that is missing. Where there is no memory it does not fit
    /// either: else that would be written at once, to a reader who may have stopped, and the
    /// process ended after that, with the mutex held all the time.
    fn take(&mut self, text: &[u8]) -> bool {
        let free = QUEUE_LEN.saturating_sub(self.text.len());
        let fits = self.dropped == 0
            && (text.len() <= free || self.text.is_empty())
            && self.text.try_reserve(text.len()).is_ok();
        if fits {
            self.text.extend_from_slice(text);
        }
        fits
    }

    /// Writes text without a thread that does; false if it was not taken in time. A thread that has
    /// dropped a line is not waited for again.
    fn write_now(&mut self, text: &[u8]) -> bool {
        let patience = if self.dropped == 0 {
            GRACE
        } else {
            Duration::ZERO
        };
        let mut writer = Writer::new(Stderr);
        writer.lost = self.dropped;
        let mut is_written = |piece| {
            let is_ready = wait_writable(FD, Some(patience));
            is_ready && {
                writer.write(piece);
                writer.lost == 0
            }
        };
        let all = pieces(text).all(&mut is_written);
        if all {
            self.dropped = writer.lost;
        }
        all
    }
}

/// Writes pieces, and keeps account of those that cannot be written.
struct Writer<W> {
    to: W,
    /// Lines lost that nothing has been said of.
    lost: u64,
    /// Whether the last line that was written is not at its end.
    is_torn: bool,
}

impl<W: Write> Writer<W> {
    fn new(to: W) -> Writer<W> {
        Writer {
            to,
            lost: 0,
            is_torn: false,
        }
    }

    fn write(&mut self, piece: &[u8]) {
        self.tell_lost();
        if self.lost > 0 {
            self.lost += lines(piece);
            return;
        }
        let rest = self.write_most(piece);
        self.lost += lines(rest);
    }

    /// Says how many lines are missing here, if that can be written, in a line of its own.
    fn tell_lost(&mut self) {
        if self.lost > 0 {
            let end = if self.is_torn { "\n" } else { "" };
            let note = format!("{end}{} log lines dropped\n", self.lost);
            if self.write_most(note.as_bytes()).is_empty() {
                self.lost = 0;
            }
        }
    }

    /// Writes as much as it can; gives what it cannot.
    fn write_most<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let mut rest = text;
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(len) if len > 0 => {
                    self.is_torn = rest[len - 1] != b'\n';
                    rest = &rest[len..];
                }
                _ => break,
            }
        }
        rest
    }
}

/// The descriptor, as the parent process has left it: if it does not block, this does.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        loop {
            match std::io::stderr().write(bytes) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if !wait_writable(FD, None) {
                        return Err(e);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// How many lines text is; an unfinished one is one.
fn lines(text: &[u8]) -> u64 {
    let ends = text.iter().filter(|&&byte| byte == b'\n').count();
    let unfinished = usize::from(text.last().is_some_and(|&byte| byte != b'\n'));
    (ends + unfinished) as u64
}

/// Text in pieces of whole lines, as many as fit; a line that does not is cut.
fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let most = &rest[..rest.len().min(PIECE_LEN)];
        let end = match most.iter().rposition(|&byte| byte == b'\n') {
            Some(last) if most.len() < rest.len() => last + 1,
            _ => most.len(),
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue that a thread serves, which does not run yet.
    fn queue() -> Queue {
        let queue = Queue::new();
        queue.lock().is_served = true;
        queue
    }

    /// Takes so many writes, of so many bytes each at most, and then refuses.
    struct Disk {
        bytes: Vec<u8>,
        writes: usize,
        len_max: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.writes = self.writes.checked_sub(1).ok_or(ErrorKind::StorageFull)?;
            self.bytes.write(&bytes[..bytes.len().min(self.len_max)])
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn written(queue: &Queue, to: &mut Writer<Disk>) -> String {
        queue.serve(to, &mut Vec::new());
        String::from_utf8(std::mem::take(&mut to.to.bytes)).unwrap()
    }

    fn disk(writes: usize, len_max: usize) -> Writer<Disk> {
        Writer::new(Disk {
            bytes: Vec::new(),
            writes,
            len_max,
        })
    }

    #[test]
    fn what_finds_no_room_is_counted_where_it_is_missing() {
        let queue = queue();
        let line = format!("{}\n", "x".repeat(999));
        let fit = QUEUE_LEN / line.len();
        for _ in 0..fit + 3 {
            queue.put(line.as_bytes());
        }
        queue.put(b"short\n"); // it would fit, but behind what is missing
        assert!(queue.lock().text.len() <= QUEUE_LEN);
        let mut to = disk(usize::MAX, usize::MAX);
        let expected = line.repeat(fit) + "4 log lines dropped\n";
        assert!(written(&queue, &mut to) == expected);
        queue.put(b"a\nb\n");
        assert_eq!(written(&queue, &mut to), "a\nb\n");
    }

    #[test]
    fn a_line_longer_than_the_queue_is_taken_if_it_is_alone() {
        let queue = queue();
        let long = format!("{}\n", "x".repeat(QUEUE_LEN + 1));
        queue.put(long.as_bytes());
        queue.put(b"a\n");
        let mut to = disk(usize::MAX, usize::MAX);
        assert!(written(&queue, &mut to) == long + "1 log lines dropped\n");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_once_it_can() {
        let queue = queue();
        let mut to = disk(2, 3);
        queue.put(b"one\ntwo\n");
        assert_eq!(
            written(&queue, &mut to),
            "one\ntw",
            "the second line is torn"
        );
        queue.put(b"three\nfour\n");
        assert_eq!(written(&queue, &mut to), "");
        to.to.writes = usize::MAX;
        queue.put(b"five\n");
        assert_eq!(
            written(&queue, &mut to),
            "\n3 log lines dropped\nfive\n",
            "what is said of it is no part of that line"
        );
    }

    #[test]
    fn pieces_end_with_lines_and_are_no_longer_than_a_pipe_takes_in_one() {
        let text = format!("{}\n", "y".repeat(99)).repeat(100);
        let cut: Vec<_> = pieces(text.as_bytes()).map(<[u8]>::len).collect();
        assert_eq!(cut, [4000, 4000, 2000]);
        let long = "z".repeat(9000) + "\nend";
        let cut: Vec<_> = pieces(long.as_bytes()).map(<[u8]>::len).collect();
        assert_eq!(cut, [4096, 4096, 812]);
        assert_eq!(pieces(b"").count(), 0);
        assert_eq!(
            (lines(b""), lines(b"a"), lines(b"a\n"), lines(b"a\nb")),
            (0, 1, 1, 2)
        );
    }

    #[test]
    fn the_end_does_not_wait_where_nothing_moves() {
        let queue = queue();
        queue.put(b"a\n");
        queue.flush(); // no thread serves it
        assert_eq!(queue.lock().text, b"a\n");
        queue.serve(&mut disk(1, 9), &mut Vec::new());
        queue.flush();
    }
}
