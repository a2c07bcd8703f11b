//! The grammar of the command line: what GNU programs agree on.
//!
//! `getopts` knows which options exist and which take an argument. It reads a line as a
//! whole, though, and forgets the order; here every option must be dealt with before the
//! next one is looked at. So it is asked about one option at a time, and the rest of
//! the GNU rules stands around it: bundled flags, names cut to a unique prefix, and the
//! words of the complaints.
//!
//! Words are handled as [`Text`], which keeps any byte, so a file name need not be UTF-8.

use std::ffi::{OsStr, OsString};
use std::mem;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::vec;

use getopts::{Fail, HasArg, Matches, Occur, Options};

use super::numbers;
use super::refusal::Refusal;
use super::row::Argument;
use super::table::{Setting, rows};
use crate::sys::exit_code::FAILURE;

/// Bytes as a string: each byte is the character of the same number. `getopts` demands
/// UTF-8, and this way has it, while nothing is lost on the way back.
type Text = String;

/// The words of the command line, taken from left to right.
pub(super) struct CommandLine<'a> {
    program: &'a str,
    options: Options,
    words: vec::IntoIter<Text>,
    /// Letters after the one just taken: `vA` of `-vvA`.
    bundle: Text,
}

/// An option and its value, if it has one.
pub(super) type Taken = (&'static Setting, Option<OsString>);

impl<'a> CommandLine<'a> {
    pub fn new(program: &'a str, words: impl IntoIterator<Item = OsString>) -> CommandLine<'a> {
        let mut options = Options::new();
        for row in rows() {
            let Some(letter) = row.letter() else { continue };
            let has_arg = match row.argument() {
                Argument::None => HasArg::No,
                Argument::Optional => HasArg::Maybe,
                Argument::Required => HasArg::Yes,
            };
            let long = row.long().unwrap_or_default();
            options.opt(letter, long, "", "", has_arg, Occur::Multi);
        }
        let words: Vec<Text> = words.into_iter().map(|word| widen(&word)).collect();
        CommandLine {
            program,
            options,
            words: words.into_iter(),
            bundle: Text::new(),
        }
    }

    /// The next option, none at the end. Words that are no options are passed over.
    pub fn next_option(&mut self) -> Result<Option<Taken>, Refusal> {
        while self.bundle.is_empty() {
            let Some(word) = self.words.next() else {
                return Ok(None);
            };
            if word == "--" {
                self.words = Vec::new().into_iter();
            } else if let Some(long) = word.strip_prefix("--") {
                return self.take_long(long).map(Some);
            } else if let Some(letters) = word.strip_prefix('-') {
                self.bundle = letters.to_string();
            }
        }
        self.take_letter().map(Some)
    }

    fn take_letter(&mut self) -> Result<Taken, Refusal> {
        let letter = self.bundle.remove(0).to_string();
        // A dash among letters is no letter, but would look like the end of options.
        let verdict = match &*letter {
            "-" => Err(Fail::UnrecognizedOption(letter.clone())),
            _ => self.ask(&format!("-{letter}")),
        };
        let value = match verdict {
            Ok(_) => None,
            Err(Fail::ArgumentMissing(_)) => {
                let glued = mem::take(&mut self.bundle);
                let value = if glued.is_empty() {
                    self.words.next()
                } else {
                    Some(glued)
                };
                let complaint = || format!("option requires an argument -- '{letter}'");
                Some(value.ok_or_else(|| self.complain(&complaint()))?)
            }
            Err(_) => return Err(self.complain(&format!("invalid option -- '{letter}'"))),
        };
        self.taken(|row| row.letter() == Some(&*letter), value)
    }

    fn take_long(&mut self, text: &str) -> Result<Taken, Refusal> {
        let (start, _) = text.split_once('=').unwrap_or((text, ""));
        let name = self.complete(start, text)?;
        let whole = format!("--{name}{}", &text[start.len()..]);
        let value = match self.ask(&whole) {
            Ok(matches) => matches.opt_str(name),
            Err(Fail::ArgumentMissing(_)) => {
                let complaint = || format!("option '--{name}' requires an argument");
                let value = self.words.next();
                Some(value.ok_or_else(|| self.complain(&complaint()))?)
            }
            Err(_) => {
                let complaint = format!("option '--{name}' doesn't allow an argument");
                return Err(self.complain(&complaint));
            }
        };
        self.taken(|row| row.long() == Some(name), value)
    }

    /// The one long name that begins with `start`; `text` is all that was written.
    fn complete(&self, start: &str, text: &str) -> Result<&'static str, Refusal> {
        let mut names: Vec<_> = rows().filter_map(Setting::long).collect();
        names.retain(|name| name.starts_with(start));
        names.sort_unstable();
        match names[..] {
            [] => Err(self.complain(&format!("unrecognized option '--{text}'"))),
            [name] => Ok(name),
            _ if names.contains(&start) => Ok(names[0]),
            _ => {
                let list: String = names.iter().map(|name| format!(" '--{name}'")).collect();
                let complaint = format!("option '--{text}' is ambiguous; possibilities:{list}");
                Err(self.complain(&complaint))
            }
        }
    }

    fn ask(&self, option: &str) -> Result<Matches, Fail> {
        self.options.parse([option])
    }

    /// The row that was meant, and the value without its leading blanks.
    fn taken(
        &self,
        is_meant: impl Fn(&Setting) -> bool,
        value: Option<Text>,
    ) -> Result<Taken, Refusal> {
        let row = rows().find(|row| is_meant(row));
        let row = row.expect("getopts was told the names of the rows, and no others");
        let value = value.map(|value| narrow(value.trim_start_matches(numbers::is_blank)));
        Ok((row, value))
    }

    fn complain(&self, complaint: &str) -> Refusal {
        let complaint = narrow(complaint);
        let complaint = complaint.to_string_lossy();
        Refusal::new(
            FAILURE,
            format!("{}: {complaint}\nIllegal argument \"?\"", self.program),
        )
    }
}

fn widen(word: &OsStr) -> Text {
    word.as_bytes()
        .iter()
        .map(|&byte| char::from(byte))
        .collect()
}

fn narrow(text: &str) -> OsString {
    // Every character is one that `widen` made.
    OsString::from_vec(text.chars().map(|c| c as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parser sees: name of the option and its value, up to the end or error.
    fn read(args: &[&str]) -> String {
        let mut line = CommandLine::new("memcached", args.iter().map(OsString::from));
        let mut seen = Vec::new();
        loop {
            match line.next_option() {
                Ok(Some((row, value))) => {
                    let value = value.unwrap_or_default();
                    seen.push(format!("{}={}", row.name(), value.display()));
                }
                Ok(None) => return seen.join(" "),
                Err(refusal) => {
                    assert_eq!(refusal.exit_code, 1);
                    let (line, end) = refusal.message.split_once('\n').unwrap();
                    assert_eq!(end, "Illegal argument \"?\"\n");
                    seen.push(line.strip_prefix("memcached: ").unwrap().to_string());
                    return seen.join(" ");
                }
            }
        }
    }

    #[test]
    fn options_may_be_written_in_every_gnu_way() {
        for (args, seen) in [
            (&["-p", "1"][..], "p=1"),
            (&["-p1"], "p=1"),
            (&["-p=1"], "p==1"),
            (&["-p", "-1"], "p=-1"),
            (&["--port=1"], "p=1"),
            (&["--port", "1"], "p=1"),
            (&["--port", "--port"], "p=--port"),
            (&["--por=1"], "p=1"),
            (&["--port="], "p="),
            (&["-p", ""], "p="),
            (&["-vvA"], "v= v= A="),
            (&["-vAp1"], "v= A= p=1"),
            (&["-vp", "1", "-A"], "v= p=1 A="),
            (&["--verbose", "--verbose=3", "--verb"], "v= v=3 v="),
            (&["--listen", " x"], "l=x"),
            (&["-l", "a=b"], "l=a=b"),
            (&["--listen=a=b"], "l=a=b"),
            (&["word", "-v", "-", "word", "-A"], "v= A="),
            (&["-v", "--", "-A", "-q"], "v="),
            (&["-s", "grün"], "s=grün"),
            (&["-D", ":"], "D=:"),
        ] {
            assert_eq!(read(args), seen, "{args:?}");
        }
    }

    #[test]
    fn complaints_are_those_of_gnu_getopt() {
        for (args, seen) in [
            (&["-q"][..], "invalid option -- 'q'"),
            (&["-vq"], "v= invalid option -- 'q'"),
            (&["-v-"], "v= invalid option -- '-'"),
            (&["--foo"], "unrecognized option '--foo'"),
            (&["--foo=1"], "unrecognized option '--foo=1'"),
            (
                &["--unix", "x"],
                "option '--unix' is ambiguous; possibilities: '--unix-mask' '--unix-socket'",
            ),
            (&["-p"], "option requires an argument -- 'p'"),
            (&["--port"], "option '--port' requires an argument"),
            (
                &["--daemon=1"],
                "option '--daemon' doesn't allow an argument",
            ),
            (&["--dae=1"], "option '--daemon' doesn't allow an argument"),
            (&["--napi_ids=1"], "unrecognized option '--napi_ids=1'"),
        ] {
            assert_eq!(read(args), seen, "{args:?}");
        }
    }

    #[test]
    fn any_bytes_survive() {
        let name = OsString::from_vec(b"/tmp/\xff\xfe".to_vec());
        let mut line = CommandLine::new("memcached", ["-s".into(), name.clone()]);
        let (_, value) = line.next_option().unwrap().unwrap();
        assert_eq!(value, Some(name));
    }
}
