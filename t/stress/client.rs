//! A connection: bytes out, lines and frames in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait for what may not come at all.
const MOMENT: Duration = Duration::from_millis(5);

/// A client that waits for its replies.
pub struct Client {
    stream: TcpStream,
    /// What has been received, from `at` on not looked at yet.
    input: Vec<u8>,
    at: usize,
}

/// A reply of the binary protocol.
pub struct Reply {
    pub opcode: u8,
    pub status: u16,
    pub opaque: u32,
    pub cas: u64,
    pub extras: Vec<u8>,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

impl Client {
    pub fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(MOMENT)).unwrap();
        Client {
            stream,
            input: Vec::new(),
            at: 0,
        }
    }

    /// Sends all of it. A server that does not take it has replies that it cannot send: they
    /// are received meanwhile.
    pub fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(error) if is_timeout(&error) => {
                    self.receive_for(MOMENT);
                }
                Err(error) => panic!("cannot send: {error}"),
            }
        }
    }

    /// Sends what the server takes in a moment, whatever becomes of it.
    pub fn push(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Receives something, if anything comes for so long.
    pub fn receive_for(&mut self, time: Duration) -> bool {
        let mut bytes = vec![0; 1 << 16];
        self.stream.set_read_timeout(Some(time)).unwrap();
        let received = match self.stream.read(&mut bytes) {
            Ok(0) => panic!("the server has closed the connection"),
            Ok(len) => len,
            Err(error) if is_timeout(&error) => return false,
            Err(error) => panic!("cannot receive: {error}"),
        };
        self.input.drain(..std::mem::take(&mut self.at));
        self.input.extend_from_slice(&bytes[..received]);
        true
    }

    /// One line, without its end.
    pub fn line(&mut self) -> String {
        let mut searched = 0;
        loop {
            let input = &self.input[self.at..];
            let found = input[searched..].windows(2).position(|two| two == b"\r\n");
            if let Some(position) = found {
                let len = searched + position;
                let line = String::from_utf8_lossy(&input[..len]).into_owned();
                self.at += len + 2;
                return line;
            }
            searched = input.len().saturating_sub(1);
            assert!(self.receive_for(PATIENCE), "no line has come");
        }
    }

    pub fn exact(&mut self, len: usize) -> Vec<u8> {
        while self.input.len() - self.at < len {
            assert!(self.receive_for(PATIENCE), "no reply has come");
        }
        self.at += len;
        self.input[self.at - len..self.at].to_vec()
    }

    /// Asks for a reply of one line.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.line()
    }

    /// The data block behind a line.
    pub fn block(&mut self, len: usize) -> Vec<u8> {
        let mut block = self.exact(len + 2);
        assert!(
            block.ends_with(b"\r\n"),
            "a block of {len} bytes does not end there"
        );
        block.truncate(len);
        block
    }

    /// One frame.
    pub fn frame(&mut self) -> Reply {
        let head = self.exact(24);
        assert_eq!(head[0], 0x81, "a frame begins here");
        let u16_at = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let u32_at = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
        let (key_len, extras_len) = (usize::from(u16_at(2)), usize::from(head[4]));
        let extras = self.exact(extras_len);
        let key = self.exact(key_len);
        let value = self.exact(u32_at(8) as usize - extras_len - key_len);
        Reply {
            opcode: head[1],
            status: u16_at(6),
            opaque: u32_at(12),
            cas: u64::from_be_bytes(head[16..24].try_into().unwrap()),
            extras,
            key,
            value,
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// A request of the binary protocol.
pub fn frame(opcode: u8, opaque: u32, cas: u64, extras: &[u8], key: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, opcode];
    bytes.extend((key.len() as u16).to_be_bytes());
    bytes.extend([extras.len() as u8, 0, 0, 0]);
    bytes.extend(((extras.len() + key.len() + value.len()) as u32).to_be_bytes());
    bytes.extend(opaque.to_be_bytes());
    bytes.extend(cas.to_be_bytes());
    [&bytes, extras, key.as_bytes(), value].concat()
}
