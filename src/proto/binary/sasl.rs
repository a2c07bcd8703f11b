//! Logging in: SASL with the mechanism PLAIN, `[act as] NUL user NUL password` in one step.

#![forbid(unsafe_code)]

use super::super::context::Context;
use super::super::reply::Output;
use super::fault::Fault;
use super::header::{Frame, Parts};
use super::opcode::Verb;
use crate::ops::logins::Logins;

/// The one mechanism.
const PLAIN: &[u8] = b"PLAIN";
/// Longest name of a mechanism.
const MECHANISM_LEN_MAX: usize = 32;
/// Longest proof that is looked at; no password is longer.
pub const PAYLOAD_LEN_MAX: u32 = 64 << 10;
/// Longest proof that counts as one.
const PAYLOAD_LEN_REFUSED: u32 = 512 << 10;
/// The status of a login that goes on with another step.
const CONTINUE: u16 = 0x21;

/// How far a connection has come with logging in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It need not, and cannot.
    Needless,
    /// It has not logged in.
    Due,
    /// It has not logged in, but has been told to prove who it is.
    Begun,
    /// It has logged in.
    Done,
}

impl Login {
    /// Whether it must before anything else.
    #[inline]
    pub fn is_due(self) -> bool {
        matches!(self, Login::Due | Login::Begun)
    }

    /// Whether it can.
    #[inline]
    pub fn is_possible(self) -> bool {
        self != Login::Needless
    }
}

/// The mechanisms on offer, with a space between two.
pub fn mechanisms(logins: &Logins) -> &'static [u8] {
    if logins.offers_plain() { PLAIN } else { b"" }
}

impl Context<'_, '_> {
    /// A login that is all here: the state after it. Whoever tries again must succeed again.
    pub fn frame_login(
        &mut self,
        input: &[u8],
        frame: &Frame,
        before: Login,
        out: &mut Output<'_>,
    ) -> Login {
        let parts = frame.parts(input);
        let payload = frame.value.of(input);
        let echo = parts.echo;
        if is_too_long_a_name(&parts) {
            echo.put_fault(Fault::Invalid, out);
            return Login::Due;
        }
        let is_plain = match frame.opcode.verb {
            // The name of the mechanism was given when the login was begun.
            Verb::SaslStep => before == Login::Begun,
            _ => self.server.logins.offers_plain() && parts.key.eq_ignore_ascii_case(PLAIN),
        };
        if is_plain && payload.is_empty() && frame.opcode.verb == Verb::SaslAuth {
            echo.put_value(CONTINUE, b"", 0, out);
            return Login::Begun;
        }
        let admitted = is_plain && admits(&self.server.logins, payload);
        self.count_login(admitted);
        if admitted {
            echo.put_value(0, b"Authenticated", 0, out);
            Login::Done
        } else {
            echo.put_fault(Fault::Denied, out);
            Login::Due
        }
    }

    /// A login whose proof is too long to be one: what is to be said when all of it has come.
    pub fn frame_long_login(&mut self, input: &[u8], frame: &Frame) -> Fault {
        if is_too_long_a_name(&frame.parts(input)) {
            return Fault::Invalid;
        }
        if frame.value.len > PAYLOAD_LEN_REFUSED {
            return Fault::NoMemoryToLogIn;
        }
        self.count_login(false);
        Fault::Denied
    }
}

fn is_too_long_a_name(parts: &Parts<'_>) -> bool {
    parts.key.len() > MECHANISM_LEN_MAX
}

fn admits(logins: &Logins, payload: &[u8]) -> bool {
    let mut fields = payload.split(|&b| b == 0);
    match [(); 4].map(|()| fields.next()) {
        [Some(act_as), Some(user), Some(password), None] => {
            logins.admits_by_plain(act_as, user, password)
        }
        _ => false,
    }
}
