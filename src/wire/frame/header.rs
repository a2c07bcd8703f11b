//! The header of a frame, and replies.
//!
//! | at | bytes | request          | reply            |
//! |---:|------:|------------------|------------------|
//! |  0 |     1 | 0x80             | 0x81             |
//! |  1 |     1 | opcode           | the same         |
//! |  2 |     2 | bytes of key     | bytes of key     |
//! |  4 |     1 | bytes of extras  | bytes of extras  |
//! |  5 |     1 | any              | 0                |
//! |  6 |     2 | any              | status           |
//! |  8 |     4 | bytes of body    | bytes of body    |
//! | 12 |     4 | opaque           | the same         |
//! | 16 |     8 | cas id, 0 none   | cas id, 0 none   |
//!
//! Numbers are big-endian. The body is extras, key and value.

#![forbid(unsafe_code)]

use super::super::Put;
use super::super::span::Span;
use super::fault::Fault;
use super::opcode::Opcode;

/// The first byte of every request.
pub const MAGIC: u8 = 0x80;
/// The first byte of every reply.
pub const MAGIC_REPLY: u8 = 0x81;
/// Bytes of a header.
pub const HEADER_LEN: usize = 24;

/// The header of a request, as it was sent: nothing has been checked. Lengths in bytes.
#[derive(Clone, Copy, Debug)]
pub struct FrameHeader {
    /// [`MAGIC`], or it is no request.
    pub magic: u8,
    /// What is asked for.
    pub opcode: u8,
    /// Of the key.
    pub key_len: usize,
    /// Of the extras.
    pub extras_len: usize,
    /// Of extras, key and value together.
    pub body_len: usize,
    /// The client's mark, which the reply repeats.
    pub opaque: [u8; 4],
    /// What the item's cas id must be, 0 if it may be any.
    pub cas: u64,
}

impl FrameHeader {
    /// Takes 24 bytes apart.
    #[inline]
    pub fn read(bytes: &[u8; HEADER_LEN]) -> FrameHeader {
        let [
            magic,
            opcode,
            k0,
            k1,
            extras,
            _,
            _,
            _,
            b0,
            b1,
            b2,
            b3,
            o0,
            o1,
            o2,
            o3,
            cas @ ..,
        ] = *bytes;
        FrameHeader {
            magic,
            opcode,
            key_len: usize::from(u16::from_be_bytes([k0, k1])),
            extras_len: usize::from(extras),
            body_len: u32::from_be_bytes([b0, b1, b2, b3]) as usize,
            opaque: [o0, o1, o2, o3],
            cas: u64::from_be_bytes(cas),
        }
    }

    /// Bytes of the value; the body has been checked to hold extras and key.
    #[inline]
    pub fn value_len(&self) -> usize {
        self.body_len - self.extras_len - self.key_len
    }
}

/// A request that has been checked: all of it is in the input but, perhaps, its value.
#[derive(Clone, Copy)]
pub struct Frame {
    /// What it asks for.
    pub opcode: &'static Opcode,
    /// Where in the input it begins.
    pub start: u32,
    /// The hash of its key, if it is about one.
    pub hash: Option<u64>,
    /// Its value.
    pub value: Span,
}

/// A frame taken apart.
pub struct Parts<'i> {
    /// What its reply repeats.
    pub ids: RequestIds,
    /// As many bytes as its opcode wants.
    pub extras: &'i [u8],
    /// Empty if its opcode has none.
    pub key: &'i [u8],
    /// What the item's cas id must be, 0 if it may be any.
    pub cas: u64,
}

impl Frame {
    /// Its parts, the value aside, in the input that it stands in.
    #[inline]
    pub fn parts<'i>(&self, input: &'i [u8]) -> Parts<'i> {
        let rest = &input[self.start as usize..];
        let (head, body) = rest.split_first_chunk().expect("checked by the parser");
        let header = FrameHeader::read(head);
        let (extras, after) = body.split_at(header.extras_len);
        Parts {
            ids: RequestIds::of(&header),
            extras,
            key: &after[..header.key_len],
            cas: header.cas,
        }
    }

    /// What its reply repeats.
    pub fn ids(&self, input: &[u8]) -> RequestIds {
        self.parts(input).ids
    }
}

impl Parts<'_> {
    /// The number at byte `at` of the extras.
    #[inline]
    pub fn u32_at(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.extras[at..at + 4].try_into().expect("four bytes"))
    }

    /// The number at byte `at` of the extras.
    #[inline]
    pub fn u64_at(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.extras[at..at + 8].try_into().expect("eight bytes"))
    }
}

/// What every reply repeats of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestIds {
    opcode: u8,
    opaque: [u8; 4],
}

/// What a reply's header says besides. Lengths in bytes.
#[derive(Default)]
pub struct ReplyHeader {
    /// 0 for success, else that of a [`Fault`].
    pub status: u16,
    /// Of the key.
    pub key_len: usize,
    /// Of the value.
    pub value_len: usize,
    /// The item's id, 0 for none.
    pub cas: u64,
}

/// What the reply repeats of a request of which the header alone is known to be there.
pub fn ids_at(input: &[u8], start: u32) -> RequestIds {
    let head = input[start as usize..].first_chunk();
    RequestIds::of(&FrameHeader::read(head.expect("checked by the parser")))
}

impl RequestIds {
    /// What the reply to such a request repeats.
    pub fn of(header: &FrameHeader) -> RequestIds {
        RequestIds {
            opcode: header.opcode,
            opaque: header.opaque,
        }
    }

    /// A header without extras. Key and value are the caller's to put.
    #[inline]
    pub fn put(self, header: &ReplyHeader, out: &mut impl Put) {
        out.put(&self.encode(header, 0));
    }

    /// A header with client flags as extras. Key and value are the caller's to put.
    #[inline]
    pub fn put_with_flags(self, header: &ReplyHeader, client_flags: u32, out: &mut impl Put) {
        let mut bytes = [0; HEADER_LEN + 4];
        bytes[..HEADER_LEN].copy_from_slice(&self.encode(header, 4));
        bytes[HEADER_LEN..].copy_from_slice(&client_flags.to_be_bytes());
        out.put(&bytes);
    }

    /// A whole reply that has a value, or nothing, behind the header.
    pub fn put_value(self, status: u16, value: &[u8], cas: u64, out: &mut impl Put) {
        let header = ReplyHeader {
            status,
            value_len: value.len(),
            cas,
            ..ReplyHeader::default()
        };
        self.put(&header, out);
        out.put(value);
    }

    /// A whole reply that says that all is well.
    #[inline]
    pub fn put_done(self, cas: u64, out: &mut impl Put) {
        let header = ReplyHeader {
            cas,
            ..ReplyHeader::default()
        };
        self.put(&header, out);
    }

    /// A whole reply that says what is wrong.
    pub fn put_fault(self, fault: Fault, out: &mut impl Put) {
        self.put_value(fault.status(), fault.text(), 0, out);
    }

    #[inline]
    fn encode(self, header: &ReplyHeader, extras_len: u8) -> [u8; HEADER_LEN] {
        let body_len = usize::from(extras_len) + header.key_len + header.value_len;
        let [k0, k1] = (header.key_len as u16).to_be_bytes();
        let [s0, s1] = header.status.to_be_bytes();
        let [b0, b1, b2, b3] = (body_len as u32).to_be_bytes();
        let [o0, o1, o2, o3] = self.opaque;
        let [c0, c1, c2, c3, c4, c5, c6, c7] = header.cas.to_be_bytes();
        [
            MAGIC_REPLY,
            self.opcode,
            k0,
            k1,
            extras_len,
            0,
            s0,
            s1,
            b0,
            b1,
            b2,
            b3,
            o0,
            o1,
            o2,
            o3,
            c0,
            c1,
            c2,
            c3,
            c4,
            c5,
            c6,
            c7,
        ]
    }
}
