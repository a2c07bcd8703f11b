//! Frames to operations. A frame waits until all but its value is here; then it is checked, in
//! an order that clients can rely on, before anything is done.

#![forbid(unsafe_code)]

use super::super::KEY_LEN_MAX;
use super::super::parse::Stop;
use super::super::request::{CloseCause, Command, Request, Span};
use super::fault::Fault;
use super::header::{Frame, HEADER_LEN, Header, MAGIC};
use super::login::{self, Login};
use super::opcode::{self, Opcode, Verb};

/// Longest header, extras and key together.
const HEAD_LEN_MAX: usize = 16 << 10;
/// Longest command.
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

/// Fills `requests` with at most `requests_max` operations from `input`; returns how many bytes they take,
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
    let header = Header::read(head);
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
    let (value_start, end) = (value.start as usize, at + value_at + header.value_len());
    match (is_whole, opcode.verb) {
        // Too long a proof is none, however much of it is here.
        (_, Verb::SaslAuth | Verb::SaslStep) if value.len > login::PAYLOAD_LEN_MAX => {
            let command = Command::FrameLogin {
                frame,
                is_whole: false,
            };
            push(requests, at, command, Step::Halt(value_start))
        }
        (true, Verb::SaslAuth | Verb::SaslStep) => push(
            requests,
            at,
            Command::FrameLogin { frame, is_whole },
            Step::Halt(end),
        ),
        (false, Verb::SaslAuth | Verb::SaslStep) => Step::Wait,
        (true, Verb::Quit) => push(requests, at, Command::Frame { frame }, Step::Halt(end)),
        (true, _) => push(requests, at, Command::Frame { frame }, Step::Next(end)),
        (false, _) => push(
            requests,
            at,
            Command::FrameUpload { frame },
            Step::Halt(value_start),
        ),
    }
}

#[inline]
fn push(requests: &mut Vec<Request>, at: usize, command: Command, step: Step) -> Step {
    requests.push(Request::new(at, command));
    step
}

/// An opcode that nobody knows: told at once, and its value skipped.
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
