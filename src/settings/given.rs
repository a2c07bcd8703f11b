//! An option as the operator gave it.

use std::borrow::Cow;
use std::ffi::OsStr;

use super::numbers;
use super::refusal::Refusal;
use crate::sys::exit_code::FAILURE;

/// An option as it was given: the name used and the value, if any.
pub(super) struct Given<'a> {
    /// The name that was used.
    pub name: &'a str,
    /// Its value, if it came with one.
    pub value: Option<&'a OsStr>,
}

impl<'a> Given<'a> {
    /// That name with that value.
    pub fn new(name: &'a str, value: Option<&'a OsStr>) -> Given<'a> {
        Given { name, value }
    }

    /// The value as text; empty if there is none.
    pub fn text(&self) -> Cow<'a, str> {
        self.value.unwrap_or_default().to_string_lossy()
    }

    /// The value as a lenient number, see [`numbers::atoi`].
    pub fn int(&self) -> i32 {
        numbers::atoi(&self.text())
    }

    /// Refuses a name within `-o` that came without a value; `what` is missing.
    pub fn needs(&self, what: &str) -> Result<(), Refusal> {
        match self.value {
            Some(_) => Ok(()),
            None => Err(Refusal::new(FAILURE, format!("Missing {what}"))),
        }
    }
}
