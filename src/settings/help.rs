//! Texts for standard output: `-h`, `-V` and `-i`.

use super::row::{Argument, PrintedText, Set};
use super::table::{Setting, Settings, rows};

/// The version this server says it is, on the command line and on the wire.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Flags in the order in which `-h` explains them.
pub(super) const ORDER: &str = "pUsaAldrumMckvhiVPfnLDtRCbBISFXWYeZNo";

/// Where the explanations begin.
const COLUMN: usize = 33;

/// The text that an option asks for.
pub(super) fn text(which: PrintedText, of: &Settings) -> String {
    match which {
        PrintedText::Usage => usage(of),
        PrintedText::Version => version(),
        PrintedText::Licence => format!("{}\n{LICENCE}", version()),
    }
}

/// `-V`: the name and the version.
fn version() -> String {
    format!("memcached {VERSION}\n")
}

/// `-h`: every option of this version, with its value so far.
fn usage(of: &Settings) -> String {
    let mut text = version();
    let place = |row: &Setting| ORDER.find(row.letter().unwrap_or("o"));
    let mut flags: Vec<_> = rows().filter(|row| row.letter().is_some()).collect();
    flags.sort_by_key(|row| place(row));
    for row in flags {
        entry(&mut text, row.option, row, of);
    }
    for row in rows() {
        if let Some(name) = row.extended() {
            entry(&mut text, &format!("    - {name}:"), row, of);
        }
    }
    text
}

/// Adds what `-h` says about one row. A line of help that begins with a flag of its own
/// (`-vv: ...`) is an entry of its own.
fn entry(text: &mut String, option: &str, row: &Setting, of: &Settings) {
    if row.help.is_empty() || matches!(row.set, Set::Absent) {
        return;
    }
    for (index, line) in row.help.iter().enumerate() {
        let line = line.trim().trim_end_matches('.').replace('`', "");
        let (left, right) = match line.split_once(": ") {
            Some(own) if line.starts_with('-') => own,
            _ if index == 0 => (option, &*line),
            _ => ("", &*line),
        };
        let is_last = index + 1 == row.help.len();
        let default = if is_last {
            default_of(row, of)
        } else {
            String::new()
        };
        text.push_str(&format!("{left:COLUMN$}{right}{default}\n"));
    }
}

fn default_of(row: &Setting, of: &Settings) -> String {
    let value = (row.typed)(of);
    match row.argument() {
        Argument::Required if !value.is_empty() => format!(" (default: {value})"),
        _ => String::new(),
    }
}

const LICENCE: &str = include_str!("../../LICENSE");
