//! Inputs as people write them down, in the files of `corpus`:
//!
//! ```text
//! # What the input shows.
//! with login cut=3
//! set a 0 0 5\r\nabc
//! {cut}de\r\n
//! {65535*get a\r\n}
//! :80 00 0005 00 00 0000 00000001 0000000a 0000000000000000
//! ```
//!
//! A line that begins with `#` is a remark. The line `with` names switches and how the stream
//! is cut. A line that begins with `:` is hexadecimal digits. Of any other line all bytes but
//! its end are sent; in it `\r \n \t \0 \\ \{ \} \xNN` are bytes, and what stands in braces is a mark
//! of `plan`: `{cut} {other} {new} {reading} {clock 5} {upkeep} {number}`, or a count, a star,
//! and what is to be sent so many times.

use super::plan::{self, switch};

/// The switches by their names.
const SWITCHES: [(&str, u8); 6] = [
    ("verbose", switch::VERBOSE),
    ("limited", switch::LIMITED),
    ("login", switch::LOGIN),
    ("keep", switch::KEEP),
    ("no-cas", switch::NO_CAS),
    ("detail", switch::DETAIL),
];

/// The marks that are one word.
const MARKS: [(&str, u8); 6] = [
    ("cut", plan::CUT),
    ("other", plan::OTHER),
    ("new", plan::NEW),
    ("reading", plan::READING),
    ("upkeep", plan::UPKEEP),
    ("number", plan::NUMBER),
];

/// The input that a recipe stands for.
///
/// # Errors
/// The line that is no recipe.
pub fn read(recipe: &str) -> Result<Vec<u8>, String> {
    let mut input = vec![0, 0];
    for line in recipe.lines() {
        let wrong = || format!("not a recipe: {line}");
        if line.starts_with('#') {
            continue;
        } else if let Some(words) = line.strip_prefix("with ") {
            for word in words.split(' ') {
                let switch = SWITCHES.iter().find(|(name, _)| *name == word);
                if let Some((_, switch)) = switch {
                    input[0] |= switch;
                } else {
                    let seed = word.strip_prefix("cut=").and_then(|seed| seed.parse().ok());
                    input[1] = seed.ok_or_else(wrong)?;
                }
            }
        } else if let Some(digits) = line.strip_prefix(':') {
            let digits: String = digits.split_whitespace().collect();
            for at in (0..digits.len()).step_by(2) {
                let pair = digits.get(at..at + 2).ok_or_else(wrong)?;
                input.push(u8::from_str_radix(pair, 16).map_err(|_| wrong())?);
            }
        } else {
            let rest = stretch(line, false, &mut input).ok_or_else(wrong)?;
            if !rest.is_empty() {
                return Err(wrong());
            }
        }
    }
    Ok(input)
}

/// Bytes and marks up to the end of the line, or to the brace that closes them.
fn stretch<'l>(mut rest: &'l str, inner: bool, to: &mut Vec<u8>) -> Option<&'l str> {
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '}' if inner => return Some(after),
            '}' => return None,
            '{' => mark(after, to)?,
            '\\' => escape(after, to)?,
            _ => {
                to.extend_from_slice(&rest.as_bytes()[..first.len_utf8()]);
                after
            }
        };
    }
    (!inner).then_some(rest)
}

fn escape<'l>(rest: &'l str, to: &mut Vec<u8>) -> Option<&'l str> {
    let (name, after) = rest.split_at_checked(1)?;
    if name == "x" {
        let (digits, after) = after.split_at_checked(2)?;
        to.push(u8::from_str_radix(digits, 16).ok()?);
        return Some(after);
    }
    to.push(match name {
        "r" => b'\r',
        "n" => b'\n',
        "t" => b'\t',
        "0" => 0,
        "\\" | "{" | "}" => name.as_bytes()[0],
        _ => return None,
    });
    Some(after)
}

fn mark<'l>(rest: &'l str, to: &mut Vec<u8>) -> Option<&'l str> {
    let end = rest.find(['}', '*'])?;
    let (name, after) = (&rest[..end], &rest[end + 1..]);
    if rest[end..].starts_with('*') {
        let [high, low] = name.parse::<u16>().ok()?.to_be_bytes();
        let mut again = Vec::new();
        let after = stretch(after, true, &mut again)?;
        to.extend([
            plan::MARK,
            plan::REPEAT,
            again.len().try_into().ok()?,
            high,
            low,
        ]);
        to.extend(again);
        return Some(after);
    }
    if let Some(seconds) = name.strip_prefix("clock ") {
        to.extend([plan::MARK, plan::CLOCK, seconds.parse().ok()?]);
    } else {
        let (_, code) = MARKS.iter().find(|(known, _)| *known == name)?;
        to.extend([plan::MARK, *code]);
    }
    Some(after)
}

/// The recipe of an input, marks included as bytes; [`read`] takes it back.
pub fn write(input: &[u8]) -> String {
    let &[switches, pieces, ref stream @ ..] = input else {
        return String::new();
    };
    let mut recipe = format!("with cut={pieces}");
    for (name, switch) in SWITCHES {
        if switches & switch != 0 {
            recipe.push(' ');
            recipe.push_str(name);
        }
    }
    recipe.push('\n');
    for line in stream.split_inclusive(|&byte| byte == b'\n') {
        // What begins a line of another kind is not to be taken for it.
        let mut begins = true;
        for &byte in line {
            match byte {
                b'\r' => recipe.push_str("\\r"),
                b'\n' => recipe.push_str("\\n"),
                b'{' | b'}' | b'\\' => recipe.extend(['\\', char::from(byte)]),
                b'#' | b':' | b'w' if begins => recipe.push_str(&format!("\\x{byte:02x}")),
                b' '..=b'~' => recipe.push(char::from(byte)),
                _ => recipe.push_str(&format!("\\x{byte:02x}")),
            }
            begins = false;
        }
        recipe.push('\n');
    }
    recipe
}
