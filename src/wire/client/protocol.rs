//! Requests to bytes, and bytes to pieces of replies, in a protocol that is chosen at run time.

#![forbid(unsafe_code)]

use super::piece::Front;
use super::{binary, meta, text};

/// How requests are written and replies read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClientProtocol {
    /// `get` and `set`.
    Text,
    /// `mg` and `ms`.
    Meta,
    /// The binary protocol.
    Binary,
}

impl ClientProtocol {
    /// Appends a key of a get: the one at `place` of `count`.
    pub fn get(self, place: u32, count: u32, key: &[u8], to: &mut Vec<u8>) {
        match self {
            ClientProtocol::Text => text::get(place, count, key, to),
            ClientProtocol::Meta => meta::get(place, count, key, to),
            ClientProtocol::Binary => binary::get(place, count, key, to),
        }
    }

    /// Appends a set; `write_value` appends the `len` bytes of its value.
    pub fn set(
        self,
        key: &[u8],
        ttl: u32,
        len: usize,
        to: &mut Vec<u8>,
        write_value: impl FnOnce(&mut Vec<u8>),
    ) {
        match self {
            ClientProtocol::Text => text::set(key, ttl, len, to),
            ClientProtocol::Meta => meta::set(key, ttl, len, to),
            ClientProtocol::Binary => binary::set(key, ttl, len, to),
        }
        write_value(to);
        if self != ClientProtocol::Binary {
            to.extend_from_slice(b"\r\n");
        }
    }

    /// Looks at the front of `bytes`.
    #[inline(always)]
    pub fn front(self, bytes: &[u8]) -> Front<'_> {
        match self {
            ClientProtocol::Text => text::front(bytes),
            ClientProtocol::Meta => meta::front(bytes),
            ClientProtocol::Binary => binary::front(bytes),
        }
    }

    /// Whether the values of a get of `count` keys are followed by [`Piece::End`](super::Piece); if not, its
    /// one reply is all.
    pub fn ends(self, count: u32) -> bool {
        self == ClientProtocol::Text || count > 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::piece::LINE_MAX;
    use super::*;

    /// Takes all pieces, while the bytes arrive in portions of `portion`.
    fn pieces(protocol: ClientProtocol, stream: &[u8], portion: usize) -> Vec<String> {
        let (mut taken, mut arrived) = (0, 0);
        let mut seen = Vec::new();
        loop {
            match protocol.front(&stream[taken..arrived]) {
                Front::Piece(piece, len) => {
                    seen.push(format!("{piece:?}"));
                    taken += len;
                }
                Front::Garbage(what) => {
                    seen.push(what);
                    return seen;
                }
                Front::Part(needed) => {
                    assert!(needed > arrived - taken, "it can be more than has arrived");
                    if arrived == stream.len() {
                        assert_eq!(taken, arrived, "all is taken");
                        return seen;
                    }
                    // What is said to be needed is needed: less gives nothing.
                    let least = (taken + needed).min(stream.len());
                    assert!(matches!(
                        protocol.front(&stream[taken..least - 1]),
                        Front::Part(_)
                    ));
                    arrived = (arrived + portion).min(stream.len());
                }
            }
        }
    }

    fn binary_reply(opcode: u8, status: u16, opaque: u32, extras: &[u8], value: &[u8]) -> Vec<u8> {
        let mut reply = vec![0x81, opcode, 0, 0, extras.len() as u8, 0];
        reply.extend_from_slice(&status.to_be_bytes());
        reply.extend_from_slice(&((extras.len() + value.len()) as u32).to_be_bytes());
        reply.extend_from_slice(&opaque.to_be_bytes());
        reply.extend_from_slice(&[0; 8]);
        reply.extend_from_slice(extras);
        reply.extend_from_slice(value);
        reply
    }

    #[test]
    fn replies_are_the_same_wherever_the_stream_is_cut() {
        let text = b"VALUE k:1 0 5\r\na\r\nbc\r\nVALUE k:2 7 0 99\r\n\r\nEND\r\nSTORED\r\nEND\r\n\
            SERVER_ERROR out of memory\r\nNOT_STORED\r\nERROR\r\n";
        let meta =
            b"VA 5\r\na\r\nbc\r\nEN\r\nVA 0 kk:2\r\n\r\nMN\r\nHD\r\nNS\r\nCLIENT_ERROR x\r\n";
        let binary = [
            binary_reply(0x00, 0, 0, &[0; 4], b"value"),
            binary_reply(0x09, 0, 3, &[0; 4], b""),
            binary_reply(0x00, 1, 0, b"", b"Not found"),
            binary_reply(0x0a, 0, 0, b"", b""),
            binary_reply(0x01, 0, 0, b"", b""),
            binary_reply(0x01, 0x82, 0, b"", b"Out of memory"),
        ]
        .concat();
        for (protocol, stream, count) in [
            (ClientProtocol::Text, &text[..], 8),
            (ClientProtocol::Meta, &meta[..], 7),
            (ClientProtocol::Binary, &binary[..], 6),
        ] {
            let whole = pieces(protocol, stream, stream.len());
            assert_eq!(whole.len(), count, "{whole:?}");
            for portion in 1..stream.len() {
                assert_eq!(
                    pieces(protocol, stream, portion),
                    whole,
                    "{protocol:?} by {portion}"
                );
            }
        }
    }

    #[test]
    fn what_no_server_says_is_noticed() {
        for (protocol, stream) in [
            (ClientProtocol::Text, &b"VALUE k 0 2\r\nabc\r\n"[..]),
            (ClientProtocol::Text, b"VALUE k 0\r\n"),
            (ClientProtocol::Text, b"VALUE k 0 -1\r\n"),
            (ClientProtocol::Text, b"VALUE k x 1\r\na\r\n"),
            (ClientProtocol::Text, b"VALUE k 0 99999999999\r\n"),
            (ClientProtocol::Text, b"STORED\n"),
            (ClientProtocol::Text, b"HD\r\n"),
            (ClientProtocol::Text, b"\r\n"),
            (ClientProtocol::Meta, b"VA\r\n"),
            (ClientProtocol::Meta, b"VA 1\r\nabc"),
            (ClientProtocol::Meta, b"STORED\r\n"),
            (ClientProtocol::Binary, &[0x80; 24]),
            (ClientProtocol::Binary, &binary_reply(0x05, 0, 0, b"", b"")),
            (
                ClientProtocol::Binary,
                &binary_reply(0x00, 0, 0, b"", b"value"),
            ),
        ] {
            assert!(
                matches!(protocol.front(stream), Front::Garbage(_)),
                "{protocol:?} {}",
                stream.escape_ascii()
            );
        }
        let endless = [b'x'; LINE_MAX];
        assert!(matches!(
            ClientProtocol::Text.front(&endless),
            Front::Garbage(_)
        ));
        assert_eq!(
            ClientProtocol::Text.front(&endless[1..]),
            Front::Part(LINE_MAX)
        );
    }

    #[test]
    fn requests_are_written_as_the_protocols_say() {
        let mut out = Vec::new();
        for (place, key) in [(0, b"a"), (1, b"b")] {
            ClientProtocol::Text.get(place, 2, key, &mut out);
        }
        ClientProtocol::Text.set(b"k", 60, 10, &mut out, |to| {
            to.extend_from_slice(b"0123456789")
        });
        ClientProtocol::Meta.get(0, 1, b"a", &mut out);
        for (place, key) in [(0, b"a"), (1, b"b")] {
            ClientProtocol::Meta.get(place, 2, key, &mut out);
        }
        ClientProtocol::Meta.set(b"k", 0, 1, &mut out, |to| to.push(b'x'));
        ClientProtocol::Meta.set(b"k", 60, 1, &mut out, |to| to.push(b'x'));
        let expected = "get a b\r\nset k 0 60 10\r\n0123456789\r\nmg a v\r\nmg a v k q\r\n\
            mg b v k q\r\nmn\r\nms k 1\r\nx\r\nms k 1 T60\r\nx\r\n";
        assert_eq!(
            out.escape_ascii().to_string(),
            expected.escape_default().to_string()
        );
    }
}
