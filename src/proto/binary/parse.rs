//! Frames to operations. A frame waits until all but its value is here; then it is checked, in
//! an order that clients can rely on, before anything is done.

#![forbid(unsafe_code)]

use super::super::op::{Body, Op, Span};
use super::super::parse::Stop;
use super::fault::Fault;
use super::header::{Frame, HEADER_LEN, Header, MAGIC};
use super::opcode::{self, Opcode, Verb};
use super::sasl::{self, Login};
use crate::ops::watch::Reason;
use crate::store::KEY_LEN_MAX;

/// Longest header, extras and key together.
const HEAD_LEN_MAX: usize = 16 << 10;
/// Longest body.
const BODY_LEN_MAX: usize = 1 << 30;

/// What becomes of the input after a frame.
enum Step {
    /// The next frame begins here.
    Next(usize),
    /// Something else does, or what is next depends on what comes of this frame.
    Halt(usize),
    /// This frame is not all here.
    Wait,
}

/// Fills `ops` with at most `room` operations from `input`; returns how many bytes they take,
/// and why there are not more. `login` is how far the client has come with that.
#[inline]
pub fn parse(
    input: &[u8],
    room: usize,
    ops: &mut Vec<Op>,
    hash: impl Fn(&[u8]) -> u64,
    login: Login,
) -> (usize, Stop) {
    let mut at = 0;
    while ops.len() < room {
        match frame(input, at, ops, &hash, login) {
            Step::Next(next) => at = next,
            Step::Halt(next) => return (next, Stop::Batch),
            Step::Wait => return (at, Stop::Input),
        }
    }
    (at, Stop::Batch)
}

/// The frame at `at`.
#[inline]
fn frame(
    input: &[u8],
    at: usize,
    ops: &mut Vec<Op>,
    hash: &impl Fn(&[u8]) -> u64,
    login: Login,
) -> Step {
    let rest = &input[at..];
    let Some(head) = rest.first_chunk() else {
        return Step::Wait;
    };
    let mut push = |body| {
        ops.push(Op {
            start: at as u32,
            body,
        });
    };
    let header = Header::read(head);
    if header.magic != MAGIC {
        push(Body::Close(Reason::Error));
        return Step::Halt(at);
    }
    let value_at = HEADER_LEN + header.extras_len + header.key_len;
    if rest.len() < value_at && value_at <= HEAD_LEN_MAX {
        return Step::Wait;
    }
    let opcode = match check(&header, value_at, login) {
        Ok(opcode) => opcode,
        Err(fault) => {
            push(Body::FrameFault {
                fault,
                skip: 0,
                closes: true,
            });
            return Step::Halt(at);
        }
    };
    let is_whole = rest.len() - value_at >= header.value_len();
    let value = Span::new(at + value_at, at + value_at + header.value_len());
    let next = at + value_at + if is_whole { header.value_len() } else { 0 };
    let Some(opcode) = opcode else {
        push(Body::FrameFault {
            fault: Fault::Unknown,
            skip: if is_whole { 0 } else { value.len },
            closes: false,
        });
        return if is_whole {
            Step::Next(next)
        } else {
            Step::Halt(next)
        };
    };
    let key = &rest[value_at - header.key_len..value_at];
    let frame = Frame {
        opcode,
        start: at as u32,
        hash: opcode.has_item().then(|| hash(key)),
        value,
    };
    if opcode.logs_in() {
        if !is_whole && header.value_len() <= sasl::PAYLOAD_LEN_MAX {
            return Step::Wait;
        }
        push(Body::FrameLogin { frame, is_whole });
        return Step::Halt(next);
    }
    if !is_whole {
        push(Body::FrameUpload { frame });
        return Step::Halt(next);
    }
    push(Body::Frame { frame });
    match opcode.verb {
        Verb::Quit => Step::Halt(next),
        _ => Step::Next(next),
    }
}

/// The opcode of a request, `None` if there is no such; or what is so wrong with it that the
/// connection is to be closed.
#[inline]
fn check(header: &Header, value_at: usize, login: Login) -> Result<Option<&'static Opcode>, Fault> {
    if value_at > HEAD_LEN_MAX {
        return Err(Fault::Invalid);
    }
    if header.extras_len + header.key_len > header.body_len {
        return Err(Fault::Unknown);
    }
    if header.body_len > BODY_LEN_MAX {
        return Err(Fault::Invalid);
    }
    let opcode = opcode::lookup(header.opcode);
    if login.is_due() && !opcode.is_some_and(Opcode::is_open_to_all) {
        return Err(Fault::Denied);
    }
    if header.key_len > KEY_LEN_MAX || opcode.is_some_and(|opcode| !opcode.fits(header)) {
        return Err(Fault::Invalid);
    }
    Ok(opcode.filter(|opcode| login.is_possible() || !opcode.is_sasl()))
}
