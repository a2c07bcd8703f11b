//! A row of a table of settings `S`, and what its option literal says.

use super::given::Given;
use super::refusal::Refusal;
use crate::sys::exit_code::USAGE;

/// One row: how an option is written, read, explained and shown.
///
/// | option literal              | is                                     |
/// |-----------------------------|----------------------------------------|
/// | `-p, --port=<num>`          | a flag with an argument                |
/// | `-v, --verbose[=x]`         | its long form may have an argument     |
/// | `-D <char>`                 | a flag without a long form             |
/// | `-o hashpower=<num>`        | a name within `-o`                     |
/// | `-o [no_]maxconns_fast`     | two names within `-o`, one the inverse |
pub(super) struct SettingRow<S> {
    /// How it is written; empty if nothing on the command line sets it.
    pub option: &'static str,
    /// Its key in `stats settings`; empty if it is not shown there.
    pub stat: &'static str,
    /// Its lines of `-h`; none if `-h` keeps quiet about it.
    pub help: &'static [&'static str],
    /// What happens when the option is met.
    pub set: Set<S>,
    /// Its value as `stats settings` shows it.
    pub show: fn(&S) -> String,
    /// Its value as an operator would write it; empty if there is none.
    pub typed: fn(&S) -> String,
}

/// What an option does.
pub(super) enum Set<S> {
    /// Gives a field of the settings its value.
    Field(fn(&mut S, &Given<'_>) -> Result<(), Refusal>),
    /// Acts on several fields, or on what comes after it.
    Word(OptionWord),
    /// Prints a text and ends.
    Print(PrintedText),
    /// Nothing yet: this version does not have it.
    Absent,
}

/// An option that sets no field of its own.
#[derive(Clone, Copy)]
pub(super) enum OptionWord {
    /// `-o`: a list of further options.
    Extended,
    /// `-o no_modern`
    NoModern,
    /// `-o no_slab_automove`
    NoSlabAutomove,
    /// `-o no_chunked_items`
    NoChunkedItems,
    /// `-o resp_obj_mem_limit`
    RespObjMemLimit,
    /// Asks for what is so anyway.
    Nothing,
}

/// A text for standard output.
#[derive(Clone, Copy)]
pub(super) enum PrintedText {
    /// `-h`
    Usage,
    /// `-V`
    Version,
    /// `-i`
    Licence,
}

/// Whether an option takes an argument.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Argument {
    None,
    Optional,
    Required,
}

impl<S> SettingRow<S> {
    /// An option that is known by name but not there yet, with the value that
    /// `stats settings` shows in the meantime.
    pub const fn absent(
        option: &'static str,
        stat: &'static str,
        show: fn(&S) -> String,
    ) -> SettingRow<S> {
        SettingRow {
            option,
            stat,
            help: &[],
            set: Set::Absent,
            show,
            typed: |_| String::new(),
        }
    }

    /// An option that acts instead of setting a field.
    pub const fn word(
        option: &'static str,
        help: &'static [&'static str],
        set: Set<S>,
    ) -> SettingRow<S> {
        SettingRow {
            option,
            stat: "",
            help,
            set,
            show: |_| String::new(),
            typed: |_| String::new(),
        }
    }

    /// The letter of a flag: `p`.
    pub fn letter(&self) -> Option<&'static str> {
        let tail = self.option.strip_prefix('-')?;
        let is_flag = !tail.starts_with("o ") && !tail.is_empty();
        is_flag.then(|| &tail[..1])
    }

    /// The long name of a flag: `port`.
    pub fn long(&self) -> Option<&'static str> {
        let (_, tail) = self.option.split_once("--")?;
        tail.split(['=', '[']).next()
    }

    /// The name within `-o`: `hashpower`, `maxconns_fast`.
    pub fn extended(&self) -> Option<&'static str> {
        let tail = self.option.strip_prefix("-o ")?;
        tail.strip_prefix("[no_]").unwrap_or(tail).split('=').next()
    }

    /// Whether `name` within `-o` means this row.
    pub fn answers_to(&self, name: &str) -> bool {
        let Some(own) = self.extended() else {
            return false;
        };
        let inverse = self
            .option
            .starts_with("-o [no_]")
            .then(|| name.strip_prefix("no_"));
        own == name || inverse.flatten() == Some(own)
    }

    /// Whether an argument belongs to it.
    pub fn argument(&self) -> Argument {
        if self.option.contains("[=") {
            Argument::Optional
        } else if self.option.contains('<') {
            Argument::Required
        } else {
            Argument::None
        }
    }

    /// The letter of a flag or the name within `-o`; empty if it has neither.
    pub fn name(&self) -> &'static str {
        self.letter().or(self.extended()).unwrap_or_default()
    }

    /// The refusal of a row that is [`Set::Absent`].
    pub fn absence(&self) -> Refusal {
        let name = self.name();
        match (name, self.long()) {
            ("Z", _) => Refusal::new(USAGE, "This server is not built with TLS support."),
            (_, Some(long)) => Refusal::not_available(&format!("-{name} (--{long})")),
            (_, None) if self.letter().is_some() => Refusal::not_available(&format!("-{name}")),
            (_, None) => Refusal::not_available(&format!("-o {name}")),
        }
    }
}
