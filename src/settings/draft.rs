//! From the words of the command line to settings: options act from left to right, and what
//! concerns more than one is checked after all are read.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::given::Given;
use super::grammar::CommandLine;
use super::option_types::HashAlgorithm;
use super::refusal::Refusal;
use super::row::{OptionWord, Set};
use super::table::{PAGE_BYTES, Setting, Settings, find_extended};
use super::{checks, help};
use crate::sys::exit_code::FAILURE;

/// What the command line asks for.
#[derive(Debug)]
pub enum Start {
    /// Serve, with these settings.
    Run(Box<Settings>),
    /// Print this on standard output and end with exit code 0 (`-h`, `-V`, `-i`).
    Print(String),
}

/// Reads the command line; `args` comes without the program's own name, `program` is
/// how it was called. `is_root` says whether the process has root's rights: then -u must
/// name the user to run as.
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
            Set::Word(word) => self.word(word, given)?,
            Set::Print(text) => self.print = Some(help::text(text, &self.settings)),
            Set::Absent => return Err(row.absence()),
        }
        self.seen.push(row.name());
        Ok(())
    }

    fn word(&mut self, word: OptionWord, given: &Given<'_>) -> Result<(), Refusal> {
        match word {
            OptionWord::Extended => return self.extended(given),
            OptionWord::NoModern => self.no_modern(),
            OptionWord::NoSlabAutomove => self.settings.slab_automove.set(0),
            OptionWord::NoChunkedItems => self.settings.slab_chunk_max = PAGE_BYTES, // one chunk each
            OptionWord::RespObjMemLimit => self.settings.warnings.push(RESP_OBJ_MEM_LIMIT.into()),
            OptionWord::Nothing => {}
        }
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
    fn no_modern(&mut self) {
        if !self.has_seen("slab_chunk_max") {
            self.settings.slab_chunk_max = PAGE_BYTES;
        }
        let to = &mut self.settings;
        to.maxconns_fast = false;
        to.hash_algorithm = HashAlgorithm::Jenkins;
        to.slab_reassign = false;
        to.slab_automove.set(0);
        to.lru_crawler.set(false);
        to.lru_maintainer = false;
    }
}

/// Had a meaning once.
const RESP_OBJ_MEM_LIMIT: &str =
    "DEPRECATED: resp_obj_mem_limit no longer used. See read_buf_mem_limit,\n";
