//! Why the server does not start.

use crate::sys::exit_code::FAILURE;

/// Why the server does not start.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For standard error, as it is: line ends included.
    pub message: String,
    /// Exit code of the process.
    pub exit_code: i32,
}

impl Refusal {
    /// A refusal of one line; a line end is added.
    pub fn new(exit_code: i32, line: impl Into<String>) -> Refusal {
        let mut message = line.into();
        message.push('\n');
        Refusal { message, exit_code }
    }

    /// The refusal of an option, or a value of one, that this version does not have.
    pub(super) fn not_available(option: &str) -> Refusal {
        let line = format!("memcached: option {option} is not available in this version");
        Refusal::new(FAILURE, line)
    }
}
