//! Why a connection ends.

#![forbid(unsafe_code)]

use crate::wire::request::CloseCause;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client has closed it, or said `quit`.
    Normal,
    /// It is lost, or broke the rules.
    Error,
    /// The client has been silent for too long.
    IdleTimeout,
}

impl From<CloseCause> for Reason {
    fn from(cause: CloseCause) -> Reason {
        match cause {
            CloseCause::Quit => Reason::Normal,
            CloseCause::BadInput => Reason::Error,
        }
    }
}

impl Reason {
    /// The word for it in the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Reason::Normal => "normal",
            Reason::Error => "error",
            Reason::IdleTimeout => "idle_timeout",
        }
    }
}
