//! Numbers as the C library reads them: operators' scripts depend on its leniency. Only that a
//! number beyond 32 bits becomes another one, no operator depends on: it is as large as can be here,
//! or refused, so that no server starts with a value that was not written.

/// The number a text begins with, as C's `atoi`: blanks, a sign, digits; the rest is
/// ignored, no digits are 0. What does not fit 32 bits is the largest that does, or the least.
pub(super) fn atoi(text: &str) -> i32 {
    let number = prefix(text, 10).0;
    number.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// As [`atoi`], but what does not fit is the greatest or smallest number there is.
pub(super) fn long(text: &str) -> i64 {
    prefix(text, 10).0
}

/// An octal number up to `max` and nothing else.
pub(super) fn octal(text: &str, max: u32) -> Option<u32> {
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let number = prefix(text, 8).0;
    u32::try_from(number)
        .ok()
        .filter(|&number| is_octal && number <= max)
}

/// The decimal fraction a text begins with, as C's `atof`, 0 if there is none.
///
/// Words (`inf`, `nan`) are no numbers here: no setting has a use for them.
pub(super) fn atof(text: &str) -> f64 {
    let text = text.trim_start();
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };

    let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    end += digits(end);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    text[..end].parse().unwrap_or(0.0)
}

/// A whole number of 32 bits and nothing else but white space after it.
pub(super) fn strict_i32(text: &str) -> Option<i32> {
    i32::try_from(strict(text)?).ok()
}

/// As [`strict_i32`], but without a minus.
pub(super) fn strict_u32(text: &str) -> Option<u32> {
    let is_negative = text.trim_start_matches(is_blank).starts_with('-');
    let number = strict(text).filter(|_| !is_negative)?;
    u32::try_from(number).ok()
}

fn strict(text: &str) -> Option<i64> {
    let (number, len) = prefix(text, 10);
    let rest = &text[len..];
    let whole = rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_whitespace());
    (len > 0 && whole).then_some(number)
}

/// The number at the start of `text`, saturating, and how many bytes it takes: none
/// if there are no digits.
fn prefix(text: &str, radix: u32) -> (i64, usize) {
    let blanks = text.len() - text.trim_start_matches(is_blank).len();
    let bytes = &text.as_bytes()[blanks..];
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = bytes[sign..]
        .iter()
        .map_while(|&byte| char::from(byte).to_digit(radix));

    let mut number = 0i64;
    let mut count = 0;
    for digit in digits {
        number = number.saturating_mul(radix.into());
        number = match bytes[0] {
            b'-' => number.saturating_sub(digit.into()),
            _ => number.saturating_add(digit.into()),
        };
        count += 1;
    }
    match count {
        0 => (0, 0),
        _ => (number, blanks + sign + count),
    }
}

/// What C's `isspace` takes for white space.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenient_numbers_end_where_the_digits_end() {
        for (text, number) in [
            ("11211abc", 11211),
            ("abc", 0),
            ("", 0),
            (" \t+7", 7),
            ("-1", -1),
            ("- 1", 0),
            ("4294967297", i32::MAX),
            ("99999999999999999999", i32::MAX),
            ("-4294967297", i32::MIN),
        ] {
            assert_eq!(atoi(text), number, "{text:?}");
        }
        for (text, number) in [
            ("64m", 64),
            ("abc", 0),
            ("4294967360", 4_294_967_360),
            ("-1", -1),
            ("99999999999999999999", i64::MAX),
            ("-99999999999999999999", i64::MIN),
        ] {
            assert_eq!(long(text), number, "{text:?}");
        }
    }

    #[test]
    fn octal_numbers_stand_alone() {
        assert_eq!(octal("0777", 0o7777), Some(0o777));
        assert_eq!(octal("0", 0o7777), Some(0));
        assert_eq!(octal("7777", 0o7777), Some(0o7777));
        for text in [
            "",
            "768",
            "888",
            "junk",
            "0777x",
            "-1",
            "+7",
            " 7",
            "10000",
            "77777777777777777777777",
        ] {
            assert_eq!(octal(text, 0o7777), None, "{text:?}");
        }
    }

    #[test]
    fn fractions_are_as_lenient_as_whole_numbers() {
        for (text, number) in [
            ("1.25", 1.25),
            ("1.5x", 1.5),
            (" 2", 2.0),
            (".5", 0.5),
            ("1e1", 10.0),
            ("1e", 1.0),
            ("x", 0.0),
            (".", 0.0),
            ("", 0.0),
        ] {
            assert_eq!(atof(text), number, "{text:?}");
        }
    }

    #[test]
    fn strict_numbers_stand_alone() {
        assert_eq!(strict_i32("16"), Some(16));
        assert_eq!(strict_i32("-16 "), Some(-16));
        assert_eq!(strict_u32("4294967295"), Some(u32::MAX));
        for text in [
            "",
            "x",
            "16k",
            "-",
            "4294967296",
            "-4294967295",
            "99999999999999999999",
        ] {
            assert_eq!(strict_i32(text), None, "{text:?}");
            assert_eq!(strict_u32(text), None, "{text:?}");
        }
        assert_eq!(strict_i32("4294967295"), None);
        assert_eq!(strict_u32("-1"), None);
    }
}
