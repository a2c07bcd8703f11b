//! Frames to requests. A frame waits until all but its value is here; then it is checked, in
//! an order that clients can rely on, before anything is done.

#![forbid(unsafe_code)]

use super::super::KEY_LEN_MAX;
use super::super::parse::Stop;
use super::super::request::{CloseCause, Command, Request};
use super::super::span::Span;
use super::fault::Fault;
use super::header::{Frame, FrameHeader, HEADER_LEN, MAGIC};
use super::login::{self, Login};
use super::opcode::{self, BinaryVerb, Opcode};

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

/// Fills `requests` with at most `requests_max` of them from `input`; returns how many bytes they take,
/// and why there are not more. `login` is how far the client has come with that.
#[inline]
pub fn parse(
    input: &[u8],
    requests_max: usize,
    requests: &mut Vec<Request>,
    hash: impl Fn(&[u8]) -> u64,
    login: Login,
) -> (usize, Stop) {
    let mut at = 0;
    while requests.len() < requests_max {
        match frame(input, at, requests, &hash, login) {
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
    requests: &mut Vec<Request>,
    hash: &impl Fn(&[u8]) -> u64,
    login: Login,
) -> Step {
    let rest = &input[at..];
    let Some(head) = rest.first_chunk() else {
        return Step::Wait;
    };
    let header = FrameHeader::read(head);
    let value_at = HEADER_LEN + header.extras_len + header.key_len;
    if header.magic != MAGIC {
        return push(
            requests,
            at,
            Command::Close(CloseCause::BadInput),
            Step::Halt(at),
        );
    }
    if rest.len() < value_at && value_at <= HEAD_LEN_MAX {
        return Step::Wait;
    }
    let opcode = match check(&header, value_at, login) {
        Ok(opcode) => opcode,
        Err(fault) => {
            let command = Command::FrameError {
                fault,
                skip: 0,
                closes: true,
            };
            return push(requests, at, command, Step::Halt(at));
        }
    };
    let value = Span::new(at + value_at, at + value_at + header.value_len());
    let is_whole = rest.len() - value_at >= header.value_len();
    let Some(opcode) = opcode else {
        return unknown(requests, at, value, is_whole);
    };
    let key = &rest[value_at - header.key_len..value_at];
    let frame = Frame {
        opcode,
        start: at as u32,
        hash: opcode.has_item().then(|| hash(key)),
        value,
    };
    let end = at + value_at + header.value_len();
    match command_of(frame, is_whole, end) {
        Some((command, step)) => push(requests, at, command, step),
        None => Step::Wait,
    }
}

/// What is to be done with a good frame, and how the input goes on. `is_whole`: its value is here,
/// up to `end`. `None`: more of it must come first.
#[inline]
fn command_of(frame: Frame, is_whole: bool, end: usize) -> Option<(Command, Step)> {
    let value_start = frame.value.start as usize;
    if frame.opcode.logs_in() {
        // Too long a proof is none, however much of it is here.
        let is_short = frame.value.len <= login::PAYLOAD_LEN_MAX;
        let step = match (is_short, is_whole) {
            (true, true) => Step::Halt(end),
            (true, false) => return None,
            (false, _) => Step::Halt(value_start),
        };
        let is_whole = is_short;
        return Some((Command::FrameLogin { frame, is_whole }, step));
    }
    if !is_whole {
        return Some((Command::FrameUpload { frame }, Step::Halt(value_start)));
    }
    let step = if frame.opcode.verb == BinaryVerb::Quit {
        Step::Halt(end)
    } else {
        Step::Next(end)
    };
    Some((Command::Frame { frame }, step))
}

#[inline]
fn push(requests: &mut Vec<Request>, at: usize, command: Command, step: Step) -> Step {
    requests.push(Request::new(at, command));
    step
}

/// An unknown opcode: the error comes at once, and the value is skipped.
fn unknown(requests: &mut Vec<Request>, at: usize, value: Span, is_whole: bool) -> Step {
    let (skip, step) = if is_whole {
        (0, Step::Next((value.start + value.len) as usize))
    } else {
        (value.len, Step::Halt(value.start as usize))
    };
    let command = Command::FrameError {
        fault: Fault::Unknown,
        skip,
        closes: false,
    };
    push(requests, at, command, step)
}

/// The opcode of a request, `None` if there is no such; or what is so wrong with it that the
/// connection is to be closed.
#[inline]
fn check(
    header: &FrameHeader,
    value_at: usize,
    login: Login,
) -> Result<Option<&'static Opcode>, Fault> {
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
    if header.key_len > KEY_LEN_MAX || !opcode.is_none_or(|opcode| fits(opcode, header)) {
        return Err(Fault::Invalid);
    }
    Ok(opcode.filter(|opcode| login.is_possible() || !opcode.is_sasl()))
}

#[inline]
fn fits(opcode: &Opcode, header: &FrameHeader) -> bool {
    opcode.fits(header.extras_len, header.key_len, header.value_len())
}
