//! Standard output.

use std::io::Write;

/// Prints a text. That its reader has gone is no error.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
