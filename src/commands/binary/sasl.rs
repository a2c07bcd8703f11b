//! Logging in: SASL with the mechanism PLAIN, `[act as] NUL user NUL password` in one step.

#![forbid(unsafe_code)]

use super::super::context::Context;
use super::super::output::Output;
use crate::server::logins::Logins;
use crate::wire::frame::fault::Fault;
use crate::wire::frame::header::{Frame, Parts};
use crate::wire::frame::login::Login;
use crate::wire::frame::opcode::BinaryVerb;

/// The one mechanism.
const PLAIN: &[u8] = b"PLAIN";
/// Longest name of a mechanism.
const MECHANISM_LEN_MAX: usize = 32;
/// Longest proof that counts as one.
const PAYLOAD_LEN_REFUSED: u32 = 512 << 10;
/// The status of a login that goes on with another step.
const CONTINUE: u16 = 0x21;

/// The mechanisms on offer, with a space between two.
pub fn mechanisms(logins: &Logins) -> &'static [u8] {
    if logins.offers_plain() { PLAIN } else { b"" }
}

impl Context<'_, '_> {
    /// A login that is all here: the state after it. A client that tries again must succeed again.
    pub fn frame_login(
        &mut self,
        input: &[u8],
        frame: &Frame,
        before: Login,
        out: &mut Output<'_>,
    ) -> Login {
        let parts = frame.parts(input);
        let payload = frame.value.of(input);
        let ids = parts.ids;
        if is_too_long_a_name(&parts) {
            ids.put_fault(Fault::Invalid, out);
            return Login::Required;
        }
        let is_plain = match frame.opcode.verb {
            // The name of the mechanism was given when the login was begun.
            BinaryVerb::SaslStep => before == Login::Begun,
            _ => self.server.logins.offers_plain() && parts.key.eq_ignore_ascii_case(PLAIN),
        };
        if is_plain && payload.is_empty() && frame.opcode.verb == BinaryVerb::SaslAuth {
            ids.put_value(CONTINUE, b"", 0, out);
            return Login::Begun;
        }
        let admitted = is_plain && admits(&self.server.logins, payload);
        self.count_login(admitted);
        if admitted {
            ids.put_value(0, b"Authenticated", 0, out);
            Login::Done
        } else {
            ids.put_fault(Fault::Denied, out);
            Login::Required
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
