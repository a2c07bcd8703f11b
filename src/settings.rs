//! Settings: what an operator can choose, from the command line to `stats settings`.
//!
//! Every option is declared once, as a row of `settings/table.rs`. Five readers walk
//! the rows: the option parser, `-h`, `stats settings`, and the tests below, one of
//! which holds the man page against them.
//!
//! ```text
//! argv ──► grammar ──► row and value ──► kind reads it ──► field ──► checks ──► Settings
//!          GNU rules                     range, own error            of options
//! ```
//!
//! A row without a field is an option that other versions of memcached have and this
//! one has not yet: it is known by name and refused. A feature that arrives turns its
//! row into one with a field, in its place.
//!
//! Options act strictly from left to right: `-V -c 0` prints the version, `-c 0 -V`
//! complains. What concerns more than one option is checked after all are read.
//!
//! Elsewhere: nothing here touches the system. Whether the user exists, an address
//! resolves or a limit can be raised is found out by those who do it.
#![forbid(unsafe_code)]

mod checks;
mod grammar;
mod help;
mod kinds;
mod live;
mod numbers;
mod row;
mod table;
mod tuning;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

pub use crate::store::hash::published::Algorithm as HashAlgorithm;
pub use checks::{SASL_IS_BINARY, item_lock_power};
pub use kinds::Protocol;
pub use live::{Live, Number, Together};
pub use table::Settings;

use crate::sys::exit_code::FAILURE;
use grammar::CommandLine;
use row::{Given, Set, Setting};
use table::{SETTINGS, WORDS};

/// The version this server says it is, on the command line and on the wire.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes of a buffer that `-o read_buf_mem_limit` is counted in.
pub const BUFFER_BYTES: u32 = 16 << 10;

/// What the command line asks for.
#[derive(Debug)]
pub enum Start {
    /// Serve, with these settings.
    Run(Box<Settings>),
    /// Print this on standard output and end with exit code 0 (`-h`, `-V`, `-i`).
    Print(String),
}

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
    fn not_available(option: &str) -> Refusal {
        let line = format!("memcached: option {option} is not available in this version");
        Refusal::new(FAILURE, line)
    }
}

/// Reads the command line; `args` comes without the program's own name, `program` is
/// how it was called. `is_root` tells whether the process has root's rights, for then
/// it must be told as whom to run.
///
/// Fails with the first option that cannot be obeyed; remarks made before are part of
/// the message.
pub fn parse(
    program: &str,
    args: impl IntoIterator<Item = OsString>,
    is_root: bool,
) -> Result<Start, Refusal> {
    let mut draft = Draft::default();
    let outcome = draft.read(CommandLine::new(program, args), is_root);
    if let Err(mut refusal) = outcome {
        let remarks = draft.settings.warnings.concat();
        refusal.message.insert_str(0, &remarks);
        return Err(refusal);
    }
    Ok(match draft.print {
        Some(text) => Start::Print(text),
        None => Start::Run(Box::new(draft.settings)),
    })
}

impl Settings {
    /// Buffers that a worker may hold for partial requests and for unsent replies, if there
    /// is a limit.
    pub fn buffers_max(&self) -> Option<u32> {
        let each = self.buffer_bytes_max / self.threads / BUFFER_BYTES;
        (self.buffer_bytes_max != 0).then_some(each.max(1))
    }

    /// Gives `stats settings` row by row, as operators have left them: key, value.
    pub fn each_stat(&self, mut f: impl FnMut(&str, &str)) {
        let _together = self.together.lock();
        for row in SETTINGS.iter().filter(|row| !row.stat.is_empty()) {
            f(row.stat, &(row.show)(self));
        }
    }
}

/// Settings while the command line is being read.
#[derive(Default)]
struct Draft {
    settings: Settings,
    /// Names of the options met so far: a few care whether another came before.
    seen: Vec<&'static str>,
    /// Set by an option that prints and ends.
    print: Option<String>,
}

impl Draft {
    fn read(&mut self, mut line: CommandLine, is_root: bool) -> Result<(), Refusal> {
        while let Some((row, value)) = line.next_option()? {
            let name = row.name();
            self.apply(row, &Given::new(name, value.as_deref()))?;
            if self.print.is_some() {
                return Ok(());
            }
        }
        if self.settings.udp_port != 0 && !self.has_seen("p") {
            self.settings.tcp_port = self.settings.udp_port;
        }
        if self.has_seen("D") {
            self.settings.detail_enabled.set(true);
        }
        let given = checks::OptionsGiven {
            chunk_max: self.has_seen("slab_chunk_max"),
            protocol: self.has_seen("B"),
            temporary_ttl: self.has_seen("temporary_ttl"),
        };
        checks::after_options(&mut self.settings, &given)?;
        checks::user(&self.settings, is_root)?;
        checks::hash_power(&self.settings)
    }

    fn apply(&mut self, row: &'static Setting, given: &Given<'_>) -> Result<(), Refusal> {
        match row.set {
            Set::Field(set) => set(&mut self.settings, given)?,
            Set::Word(act) => act(self, given)?,
            Set::Print(text) => self.print = Some(text(&self.settings)),
            Set::Absent => return Err(row.absence()),
        }
        self.seen.push(row.name());
        Ok(())
    }

    fn has_seen(&self, name: &str) -> bool {
        self.seen.contains(&name)
    }

    /// `-o`: a list of names, some with values, split at commas.
    fn extended(&mut self, given: &Given<'_>) -> Result<(), Refusal> {
        let mut rest = given.value.unwrap_or_default().as_bytes();
        // Nothing after the last comma is no element; nothing before one is.
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|&byte| byte == b',')
                .unwrap_or(rest.len());
            let element = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            let mut parts = element.splitn(2, |&byte| byte == b'=');
            let name = String::from_utf8_lossy(parts.next().unwrap_or_default());
            let value = parts.next().map(OsStr::from_bytes);
            let row = find_extended(&name).ok_or_else(|| {
                let element = String::from_utf8_lossy(element);
                Refusal::new(FAILURE, format!("Illegal suboption \"{element}\""))
            })?;
            self.apply(row, &Given::new(&name, value))?;
        }
        Ok(())
    }

    /// `-o no_modern`: the ways of older versions, as far as they differ here.
    fn no_modern(&mut self, _: &Given<'_>) -> Result<(), Refusal> {
        if !self.has_seen("slab_chunk_max") {
            self.settings.slab_chunk_max = table::PAGE_BYTES;
        }
        let to = &mut self.settings;
        to.maxconns_fast = false;
        to.hash_algorithm = HashAlgorithm::Jenkins;
        to.slab_reassign = false;
        to.slab_automove.set(0);
        to.lru_crawler.set(false);
        to.lru_maintainer = false;
        Ok(())
    }

    /// `-o no_slab_automove`
    fn no_slab_automove(&mut self, _: &Given<'_>) -> Result<(), Refusal> {
        self.settings.slab_automove.set(0);
        Ok(())
    }

    /// `-o no_chunked_items`: an item lies in one chunk.
    fn no_chunked_items(&mut self, _: &Given<'_>) -> Result<(), Refusal> {
        self.settings.slab_chunk_max = table::PAGE_BYTES;
        Ok(())
    }

    /// `-o resp_obj_mem_limit`: had a meaning once.
    fn resp_obj_mem_limit(&mut self, _: &Given<'_>) -> Result<(), Refusal> {
        let line = "DEPRECATED: resp_obj_mem_limit no longer used. See read_buf_mem_limit,\n";
        self.settings.warnings.push(line.to_string());
        Ok(())
    }

    /// A name that asks for what is so anyway.
    fn nothing(&mut self, _: &Given<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

fn rows() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(WORDS)
}

fn find_extended(name: &str) -> Option<&'static Setting> {
    rows().find(|row| row.answers_to(name))
}

#[cfg(test)]
mod tests;
