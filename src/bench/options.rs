//! Options: each declared once, as a row of a table; the parser, `--help` and the tests walk
//! the rows.
//!
//! A row is a field with its doc comment, which is its help, its default, and how it is
//! written: `-p, --pipeline=<num>`, `--ttl=<seconds>`, or without `=` for a switch. What a
//! field takes is the matter of its type, by [`Value`].

use memcached::wire::client::ClientProtocol;
use std::ffi::OsString;

use getopts::{HasArg, Occur};

/// Declares a struct of options: its fields, their defaults, and its [`Table`].
///
/// [`Table`]: crate::options::Table
macro_rules! options {
    ($(#[doc = $about:literal])+ $name:ident, $command:literal, $usage:expr, {$(
        $(#[doc = $help:literal])+
        $field:ident: $ty:ty = $default:expr, $option:literal;
    )+}) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub struct $name { $($(#[doc = $help])+ pub $field: $ty,)+ }

        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)+ }
            }
        }

        impl $crate::options::Table for $name {
            const COMMAND: &'static str = $command;
            const USAGE: &'static str = $usage;
            const ROWS: &'static [$crate::options::Row<$name>] = &[$($crate::options::Row {
                option: $option,
                help: &[$($help),+],
                read: |to, text| {
                    to.$field = $crate::options::Value::read(text)?;
                    Ok(())
                },
                show: |of| $crate::options::Value::show(&of.$field),
            }),+];
        }
    };
}

/// One option of the struct `T`.
pub struct Row<T> {
    /// How it is written.
    pub option: &'static str,
    /// Its lines of `--help`.
    pub help: &'static [&'static str],
    /// Gives the field its value.
    pub read: fn(&mut T, &str) -> Result<(), String>,
    /// The field's value as one would write it.
    pub show: fn(&T) -> String,
}

/// A struct of options.
pub trait Table: Default + 'static {
    /// The word that comes before them on the command line, if any.
    const COMMAND: &'static str;
    /// What `--help` says before it lists them.
    const USAGE: &'static str;
    /// All of them, in the order of `--help`.
    const ROWS: &'static [Row<Self>];
}

/// What an option can be given.
pub trait Value: Sized {
    /// Reads what was written; the error says what would be right, without naming the option.
    fn read(text: &str) -> Result<Self, String>;
    /// The value as one would write it; empty if there is none.
    fn show(&self) -> String;
}

impl<T> Row<T> {
    /// `p` of `-p, --pipeline=<num>`; empty if there is no short form.
    pub fn letter(&self) -> &'static str {
        let (first, _) = self.option.split_once(", ").unwrap_or_default();
        first.trim_start_matches('-')
    }

    /// `pipeline` of `-p, --pipeline=<num>`.
    pub fn name(&self) -> &'static str {
        let (_, long) = self.option.split_once("--").unwrap_or_default();
        long.split('=').next().unwrap_or_default()
    }

    fn takes_value(&self) -> bool {
        self.option.contains('=')
    }
}

/// Reads a command line; of an option given twice the last one counts. The error is a line
/// for the user.
pub fn read<T: Table>(words: &[OsString]) -> Result<T, String> {
    let mut grammar = getopts::Options::new();
    for row in T::ROWS {
        let has_arg = if row.takes_value() {
            HasArg::Yes
        } else {
            HasArg::No
        };
        grammar.opt(row.letter(), row.name(), "", "", has_arg, Occur::Multi);
    }
    let matches = grammar.parse(words).map_err(|fail| fail.to_string())?;
    if let Some(word) = matches.free.first() {
        return Err(format!("'{word}' is not an option"));
    }
    let mut options = T::default();
    for row in T::ROWS {
        if !matches.opt_present(row.name()) {
            continue;
        }
        let text = matches.opt_strs(row.name()).pop().unwrap_or_default();
        (row.read)(&mut options, &text)
            .map_err(|wanted| format!("--{}: '{text}' is not {wanted}", row.name()))?;
    }
    Ok(options)
}

/// Where the explanations begin in `--help`, and where lines end.
const COLUMN: usize = 30;
const WIDTH: usize = 80;

/// The options of `--help`, with their defaults.
pub fn help<T: Table>() -> String {
    let defaults = T::default();
    let mut text = String::new();
    for row in T::ROWS {
        let lines: Vec<_> = row.help.iter().map(|line| line.trim()).collect();
        let mut about = lines.join(" ").trim_end_matches('.').replace('`', "");
        let default = (row.show)(&defaults);
        if row.takes_value() && !default.is_empty() {
            about.push_str(&format!(" (default: {default})"));
        }
        let indent = if row.letter().is_empty() { 6 } else { 2 };
        let mut left = format!("{:indent$}{}", "", row.option);
        for line in fold(&about, WIDTH - COLUMN) {
            text.push_str(&format!("{left:COLUMN$}{line}\n"));
            left.clear();
        }
    }
    text
}

/// Lines of at most `width` bytes, if no word is longer.
pub fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

impl Value for bool {
    fn read(_: &str) -> Result<bool, String> {
        Ok(true)
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl Value for String {
    fn read(text: &str) -> Result<String, String> {
        Ok(text.to_string())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Value for ClientProtocol {
    fn read(text: &str) -> Result<ClientProtocol, String> {
        match text {
            "text" => Ok(ClientProtocol::Text),
            "meta" => Ok(ClientProtocol::Meta),
            "binary" => Ok(ClientProtocol::Binary),
            _ => Err("text, meta or binary".to_string()),
        }
    }

    fn show(&self) -> String {
        let name = match self {
            ClientProtocol::Text => "text",
            ClientProtocol::Meta => "meta",
            ClientProtocol::Binary => "binary",
        };
        name.to_string()
    }
}

impl Value for u64 {
    fn read(text: &str) -> Result<u64, String> {
        text.parse().map_err(|_| "a whole number".to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    fn read(text: &str) -> Result<u32, String> {
        text.parse()
            .map_err(|_| "a whole number below 2^32".to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A switch or a value that need not be given.
impl<T: Value> Value for Option<T> {
    fn read(text: &str) -> Result<Option<T>, String> {
        T::read(text).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Compare;
    use crate::load::Load;

    fn given(words: &[&str]) -> Result<Load, String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        read(&words)
    }

    #[test]
    fn the_last_of_two_counts_and_a_switch_takes_nothing() {
        let load = given(&["-p", "3", "--pipeline=5", "--verify", "-k7"]).unwrap();
        assert_eq!((load.pipeline.get(), load.keys.get()), (5, 7));
        assert!(load.verify && !load.look_aside);
        assert!(given(&["--verify=1"]).is_err());
    }

    #[test]
    fn complaints_name_the_option_and_what_it_takes() {
        for (words, complaint) in [
            (
                &["-p", "0"][..],
                "--pipeline: '0' is not a whole number from 1",
            ),
            (&["--ttl=x"], "--ttl: 'x' is not a whole number below 2^32"),
            (&["word"], "'word' is not an option"),
            (&["--nonsense"], "Unrecognized option: 'nonsense'"),
            (&["-p"], "Argument to option 'p' missing"),
        ] {
            assert_eq!(given(words).unwrap_err(), complaint);
        }
    }

    fn names_are_unique_and_defaults_can_be_written<T: Table>() {
        let mut names: Vec<_> = T::ROWS
            .iter()
            .flat_map(|row| [row.name(), row.letter()])
            .collect();
        names.retain(|name| !name.is_empty());
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let defaults = T::default();
        for row in T::ROWS {
            let shown = (row.show)(&defaults);
            if row.takes_value() && !shown.is_empty() {
                let mut again = T::default();
                (row.read)(&mut again, &shown).unwrap();
                assert_eq!((row.show)(&again), shown, "{}", row.option);
            }
        }
    }

    #[test]
    fn the_tables_are_sound() {
        names_are_unique_and_defaults_can_be_written::<Load>();
        names_are_unique_and_defaults_can_be_written::<Compare>();
    }

    #[test]
    fn the_man_page_has_every_option_as_it_is_written() {
        let page = include_str!("../../doc/memcached-bench.1").replace("\\-", "-");
        let written = Load::ROWS.iter().map(|row| row.option);
        for option in written.chain(Compare::ROWS.iter().map(|row| row.option)) {
            assert!(page.contains(&format!(".B {option}\n")), "no {option}");
        }
    }
}
