//! A connection: bytes on their way out, bytes that have arrived, and what waits for a reply.

use std::io::{self, Error, ErrorKind};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use memcached::sys::io::{recv, send};

use crate::inflight::{InFlight, Judge};
use crate::option_types::Address;
use crate::results::{Kind, Results};
use memcached::wire::client::Front;

/// A connected socket; it blocks until told not to.
pub enum Stream {
    /// Over TCP, without delay of small pieces.
    Tcp(TcpStream),
    /// To a unix socket.
    Unix(UnixStream),
}

/// How long a conversation outside of the load may stand still.
const PATIENCE: Duration = Duration::from_secs(10);

impl Stream {
    /// Connects.
    pub fn connect(to: &Address) -> io::Result<Stream> {
        match to {
            Address::Tcp(name) => {
                let stream = TcpStream::connect(name)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Ok(Stream::Tcp(stream))
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Ok(Stream::Unix(stream))
            }
        }
    }

    /// From now on neither sending nor receiving waits.
    pub fn stop_waiting(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_nonblocking(true),
            Stream::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    /// Sends a request and receives until `is_whole` is content with the reply; for streams
    /// that wait.
    pub fn ask(&self, request: &[u8], is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
        let mut sent = 0;
        while sent < request.len() {
            sent += send(self.fd(), &request[sent..])?;
        }
        let (mut reply, mut piece) = (Vec::new(), [0; 4096]);
        while !is_whole(&reply) {
            match recv(self.fd(), &mut piece)? {
                0 => return Err(closed()),
                n => reply.extend_from_slice(&piece[..n]),
            }
        }
        Ok(reply)
    }

    /// Its number.
    pub fn fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")
}

/// One of the connections that the load goes over.
pub struct Connection {
    stream: Stream,
    /// Requests that wait for their replies.
    pub waiting: InFlight,
    /// Keys that were not found and are to be stored.
    pub refills: Vec<u64>,
    /// Requests to send; those before `sent` are gone.
    pub out: Vec<u8>,
    sent: usize,
    /// The beginning of a reply, of which at least `needed` bytes are wanted.
    held: Vec<u8>,
    needed: usize,
    /// Whether it can be used.
    pub is_open: bool,
}

/// What arrived.
pub struct Arrival {
    /// When.
    pub at_ns: u64,
    /// Whether there may be more to receive.
    pub more: bool,
}

/// Bytes kept for the rest of a reply that has not arrived as a whole.
const REST_LEN_MIN: usize = 16 << 10;

impl Connection {
    /// Takes over a stream.
    pub fn new(stream: Stream) -> Connection {
        Connection {
            stream,
            waiting: InFlight::new(),
            refills: Vec::new(),
            out: Vec::new(),
            sent: 0,
            held: Vec::new(),
            needed: 0,
            is_open: true,
        }
    }

    /// The number of its socket.
    pub fn fd(&self) -> RawFd {
        self.stream.fd()
    }

    /// Sends what is to be sent, as far as that goes.
    pub fn flush(&mut self, results: &mut Results) -> io::Result<()> {
        while self.sent < self.out.len() {
            match send(self.stream.fd(), &self.out[self.sent..]) {
                Ok(n) => {
                    self.sent += n;
                    results.sent += n as u64;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(())
    }

    /// Receives once and judges what has arrived; `shared` is a buffer that all connections of a
    /// thread use. `clock` is asked when the bytes are there. None: nothing has arrived. Keys
    /// that were not found are added to `missed`. The error says why the connection can be
    /// used no more.
    pub fn receive(
        &mut self,
        shared: &mut [u8],
        clock: impl FnOnce() -> u64,
        judge: &Judge,
        results: &mut Results,
        missed: &mut Vec<u64>,
    ) -> Result<Option<Arrival>, String> {
        let mut held = std::mem::take(&mut self.held);
        let old_len = held.len();
        let free = if held.is_empty() {
            shared.len()
        } else {
            self.needed.saturating_sub(old_len).max(REST_LEN_MIN)
        };
        let received = if held.is_empty() {
            recv(self.fd(), shared)
        } else {
            held.resize(old_len + free, 0);
            recv(self.fd(), &mut held[old_len..])
        };
        let len = match received {
            Ok(0) => return Err(closed().to_string()),
            Ok(len) => len,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                held.truncate(old_len);
                self.held = held;
                return Ok(None);
            }
            Err(e) => return Err(e.to_string()),
        };
        let at_ns = clock();
        results.received += len as u64;
        if old_len == 0 {
            let taken = self.digest(&shared[..len], at_ns, judge, results, missed)?;
            held.extend_from_slice(&shared[taken..len]);
        } else {
            held.truncate(old_len + len);
            if held.len() >= self.needed {
                let taken = self.digest(&held, at_ns, judge, results, missed)?;
                held.drain(..taken);
            }
        }
        self.held = held;
        Ok(Some(Arrival {
            at_ns,
            more: len == free,
        }))
    }

    /// Takes all whole pieces of replies from the front of `bytes`. Returns how many bytes
    /// these are.
    fn digest(
        &mut self,
        bytes: &[u8],
        at_ns: u64,
        judge: &Judge,
        results: &mut Results,
        missed: &mut Vec<u64>,
    ) -> Result<usize, String> {
        let mut taken = 0;
        // Requests of one batch have one time; they are counted together.
        let mut run = (Kind::Get, 0, 0);
        let outcome = loop {
            match judge.protocol.front(&bytes[taken..]) {
                Front::Piece(piece, len) => {
                    taken += len;
                    let done = match self.waiting.take(piece, judge, results, missed) {
                        Ok(Some(done)) => done,
                        Ok(None) => continue,
                        Err(why) => break Err(why),
                    };
                    if (done.kind, done.since_ns) != (run.0, run.1) {
                        results.answered(run.0, at_ns.saturating_sub(run.1), run.2);
                        run = (done.kind, done.since_ns, 0);
                    }
                    run.2 += 1;
                }
                Front::Part(needed) => {
                    self.needed = needed;
                    break Ok(taken);
                }
                Front::Garbage(why) => break Err(why),
            }
        };
        results.answered(run.0, at_ns.saturating_sub(run.1), run.2);
        outcome
    }
}
