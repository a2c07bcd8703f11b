//! How far a connection has come with logging in: it decides which frames are taken.

#![forbid(unsafe_code)]

/// Longest proof of who a client is that is looked at; no password is longer.
pub const PAYLOAD_LEN_MAX: u32 = 64 << 10;

/// How far a connection has come with logging in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It need not, and cannot.
    Needless,
    /// It has not logged in.
    Required,
    /// It has not logged in, and is expected to go on with the next step.
    Begun,
    /// It has logged in.
    Done,
}

impl Login {
    /// Whether it must before anything else.
    #[inline]
    pub fn is_due(self) -> bool {
        matches!(self, Login::Required | Login::Begun)
    }

    /// Whether it can.
    #[inline]
    pub fn is_possible(self) -> bool {
        self != Login::Needless
    }
}
