//! Names and passwords in memory, and a comparison that takes equally long whatever they are.
//!
//! A line of a password file is kept as it is, padded with zeros. Each line is looked at, and
//! each of its bytes that the question reaches, so that the time shows nothing but the length of
//! what was asked, which the client knows.

#![forbid(unsafe_code)]

use std::hint::black_box;

/// Longest line that counts.
pub const LINE_LEN_MAX: usize = 255;
/// Lines that a file for text logins has at most.
const TEXT_LINES_MAX: usize = 8;
/// Longest name and password together, for SASL.
const SASL_LEN_MAX: usize = 252;

/// The lines of a password file.
#[derive(Default)]
pub struct Passwords {
    lines: Vec<Line>,
    /// Lines that were too long: they admit no client.
    pub too_long: usize,
}

/// `name:password`, without the line's end.
struct Line {
    bytes: [u8; LINE_LEN_MAX + 1],
    len: usize,
    /// Bytes before the first colon.
    name_len: usize,
}

impl Passwords {
    /// A file for text logins. `None`: it is empty, or has a line without a colon. What comes
    /// after the eighth line, or after a line that is too long, is not looked at; such a line
    /// counts as far as it may be long.
    pub fn of_text_file(bytes: &[u8]) -> Option<Passwords> {
        let mut table = Passwords::default();
        for text in lines(bytes).take(TEXT_LINES_MAX) {
            let kept = &text[..text.len().min(LINE_LEN_MAX)];
            let line = Line::new(kept.strip_suffix(b"\r").unwrap_or(kept));
            if line.name_len == line.len {
                return None;
            }
            table.lines.push(line);
            if kept.len() < text.len() {
                break;
            }
        }
        Some(table)
    }

    /// A file for SASL: any lines at all, of which those count that a question fits.
    pub fn of_sasl_file(bytes: &[u8]) -> Passwords {
        let mut table = Passwords::default();
        for text in lines(bytes) {
            if text.len() <= LINE_LEN_MAX {
                table.lines.push(Line::new(text));
            } else {
                table.too_long += 1;
            }
        }
        table
    }

    /// Whether a line is exactly this name and this password.
    pub fn has(&self, name: &[u8], password: &[u8]) -> bool {
        let len = name.len() + 1 + password.len();
        let mut found = false;
        for line in &self.lines {
            let differs = line.differs_from(name, password);
            found |= !differs & (line.len == len) & (line.name_len == name.len());
        }
        black_box(found)
    }

    /// Whether a line begins with name, colon and password, and ends there or goes on with
    /// another colon. Lines that begin with `name` have precedence over those with `or_name`.
    pub fn admits(&self, name: &[u8], or_name: &[u8], password: &[u8]) -> bool {
        let (mut known, mut first, mut second) = (false, false, false);
        for line in &self.lines {
            known |= line.is_of(name);
            first |= line.admits(name, password);
            second |= line.admits(or_name, password);
        }
        black_box(if known { first } else { second })
    }
}

/// The lines of a file without their line feeds, at least one; the last need not have any.
fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = file.strip_suffix(b"\n").unwrap_or(file);
    text.split(|&byte| byte == b'\n')
}

impl Line {
    fn new(text: &[u8]) -> Line {
        let mut bytes = [0; LINE_LEN_MAX + 1];
        bytes[..text.len()].copy_from_slice(text);
        let colon = text.iter().position(|&b| b == b':');
        Line {
            bytes,
            len: text.len(),
            name_len: colon.unwrap_or(text.len()),
        }
    }

    /// Whether the line begins with something else than name, colon, password.
    fn differs_from(&self, name: &[u8], password: &[u8]) -> bool {
        let given = name.iter().chain(b":").chain(password);
        let differences = self.bytes.iter().zip(given);
        let sum = differences.fold(0, |sum, (here, given)| sum | (here ^ given));
        let is_longer = name.len() + 1 + password.len() > LINE_LEN_MAX;
        black_box(sum) != 0 || is_longer
    }

    fn is_of(&self, name: &[u8]) -> bool {
        !self.differs_from(name, b"")
    }

    fn admits(&self, name: &[u8], password: &[u8]) -> bool {
        if name.len() + password.len() > SASL_LEN_MAX {
            return false;
        }
        let len = name.len() + 1 + password.len();
        let ends = (self.len == len) | matches!(self.bytes[len], b':' | b'\r');
        !self.differs_from(name, password) & ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(file: &[u8]) -> Passwords {
        Passwords::of_text_file(file).unwrap()
    }

    #[test]
    fn a_text_file_has_a_name_and_a_password_on_each_line() {
        let table = text(b"bob:hunter2\nann:pass word:x\r\n:\n#:\nlast:one");
        for (name, password) in [
            (&b"bob"[..], &b"hunter2"[..]),
            (b"ann", b"pass word:x"),
            (b"", b""),
            (b"#", b""),
            (b"last", b"one"),
        ] {
            assert!(table.has(name, password), "{}", name.escape_ascii());
        }
        for (name, password) in [
            (&b"bob"[..], &b"hunter"[..]),
            (b"bob", b"hunter22"),
            (b"bob", b"hunter2\r"),
            (b"bob", b"hunter2\0"),
            (b"bo", b"hunter2"),
            (b"ann:pass word", b"x"),
            (b"ann", b"pass word"),
            (b"bob", b"one"),
            (b"", b"bob"),
        ] {
            assert!(!table.has(name, password), "{}", password.escape_ascii());
        }
        assert!(!table.has(&[b'x'; 300], &[b'x'; 20_000]));
    }

    #[test]
    fn a_text_file_may_not_have_lines_without_a_colon() {
        for bad in [
            &b""[..],
            b"\n",
            b"bob:x\n\nann:y\n",
            b"bob\n",
            b"bob:x\n# remark\n",
        ] {
            assert!(Passwords::of_text_file(bad).is_none());
        }
    }

    #[test]
    fn eight_lines_of_a_text_file_count_and_a_long_one_ends_it() {
        let eight: Vec<u8> = (0..8)
            .flat_map(|n| format!("u{n}:p\n").into_bytes())
            .collect();
        let table = text(&[&eight[..], b"u8:p\nno colon\n"].concat());
        assert!(table.has(b"u7", b"p") && !table.has(b"u8", b"p"));

        let long = [b"bob:".as_slice(), &[b'x'; 300], b"\nann:y\n"].concat();
        let table = text(&long);
        assert!(table.has(b"bob", &[b'x'; 251]));
        assert!(!table.has(b"bob", &[b'x'; 300]) && !table.has(b"ann", b"y"));
        assert!(Passwords::of_text_file(&[b'x'; 300]).is_none());
    }

    #[test]
    fn a_sasl_file_ends_a_password_at_a_colon_or_the_line() {
        let table = Passwords::of_sasl_file(b"# users\n\nbob:pa:ss\nann:x\r\neve:\na:b:pw\nann:y");
        let admits = |name: &[u8], password: &[u8]| table.admits(name, name, password);
        for (name, password) in [
            (&b"bob"[..], &b"pa"[..]),
            (b"bob", b"pa:ss"),
            (b"ann", b"x"),
            (b"ann", b"y"),
            (b"eve", b""),
            (b"a:b", b"pw"),
            (b"a", b"b"),
            (b"a", b"b:pw"),
        ] {
            assert!(admits(name, password), "{}", name.escape_ascii());
        }
        for (name, password) in [
            (&b"bob"[..], &b"p"[..]),
            (b"bob", b"pa:s"),
            (b"bob", b"pa:sss"),
            (b"bob", b""),
            (b"ann", b"xx"),
            (b"ann", b"z"),
            (b"eve", b"x"),
            (b"nobody", b"x"),
        ] {
            assert!(!admits(name, password), "{}", password.escape_ascii());
        }
    }

    #[test]
    fn the_first_name_goes_before_the_second() {
        let table = Passwords::of_sasl_file(b"bob@here:one\nbob:two\nann:three\n");
        assert!(table.admits(b"bob@here", b"bob", b"one"));
        assert!(!table.admits(b"bob@here", b"bob", b"two"));
        assert!(table.admits(b"ann@here", b"ann", b"three"));
    }

    #[test]
    fn name_and_password_have_252_bytes_at_most() {
        let file = [b"bob:".as_slice(), &[b'x'; 249], b"\nann:", &[b'x'; 250]].concat();
        let table = Passwords::of_sasl_file(&file);
        assert!(table.admits(b"bob", b"bob", &[b'x'; 249]));
        assert!(!table.admits(b"ann", b"ann", &[b'x'; 250]));
        assert!(!table.admits(&[b'n'; 600], &[b'n'; 300], &[b'x'; 60_000]));
        let table = Passwords::of_sasl_file(&[b'x'; 256]);
        assert_eq!((table.lines.len(), table.too_long), (0, 1));
    }
}
