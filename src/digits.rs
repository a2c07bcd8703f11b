//! Decimal numbers as C's library reads and everyone writes them.
//!
//! Stored values are incremented, and the numeric fields of old commands are read, by the
//! rules of `strtoull(3)` and `strtoll(3)`: leading white space, a sign, any number of digits,
//! and nothing but white space or NUL directly after. Clients rely on parts of that, but not
//! on what `strtoull` makes of a minus, the number negated modulo 2^64: what is below
//! zero is no unsigned number here.

#![forbid(unsafe_code)]

/// Longest decimal form of a `u64`.
pub const U64_LEN_MAX: usize = 20;

/// White space to `isspace(3)`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Sign and magnitude of the number at the start of `text`. `None`: no digits, more than
/// 64 bits, or something glued to the number.
fn scan(text: &[u8]) -> Option<(bool, u64)> {
    let start = text.iter().position(|&b| !is_space(b))?;
    let (negative, digits) = match text[start] {
        b'-' => (true, &text[start + 1..]),
        b'+' => (false, &text[start + 1..]),
        _ => (false, &text[start..]),
    };
    let mut value = 0u64;
    let mut len = 0;
    for &byte in digits.iter().take_while(|b| b.is_ascii_digit()) {
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        len += 1;
    }
    let ends = digits.get(len).is_none_or(|&b| is_space(b) || b == 0);
    (len > 0 && ends).then_some((negative, value))
}

/// An unsigned number by the rules of `strtoull(3)`, without a minus: counting down from
/// such a text would give a number that no client has stored.
pub fn parse_unsigned(text: &[u8]) -> Option<u64> {
    let (negative, value) = scan(text)?;
    (!negative).then_some(value)
}

/// Client flags: as [`parse_unsigned`], but -0 is 0. Beyond 32 bits the lower ones count.
pub fn parse_flags(text: &[u8]) -> Option<u32> {
    let (negative, value) = scan(text)?;
    (!negative || value == 0).then_some(value as u32)
}

/// A signed number by the rules of `strtoll(3)`.
pub fn parse_signed(text: &[u8]) -> Option<i64> {
    let (negative, value) = scan(text)?;
    if negative {
        0i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    }
}

/// Writes `value` in decimal to the end of `buffer` and returns the digits.
#[inline]
pub fn format(buffer: &mut [u8; U64_LEN_MAX], mut value: u64) -> &[u8] {
    let mut at = U64_LEN_MAX;
    loop {
        at -= 1;
        buffer[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &buffer[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers_are_read_as_strtoull_reads_them() {
        let cases: &[(&[u8], Option<u64>)] = &[
            (b"0", Some(0)),
            (b"+5", Some(5)),
            (b" 12", Some(12)),
            (b"\t5 7", Some(5)),
            (b"5\t7", Some(5)),
            (b"12\0", Some(12)),
            (b"12 34", Some(12)),
            (b"-0", None),
            (b"-1", None),
            (b" -5", None),
            (b"-9223372036854775808", None),
            (b"-9223372036854775809", None),
            (b"-18446744073709551611", None),
            (b"-18446744073709551615", None),
            (b"-18446744073709551616", None),
            (b"--5", None),
            (b"+-5", None),
            (b"-+5", None),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"5x", None),
            (b"0x10", None),
            (b"1.5", None),
            (b"", None),
            (b" ", None),
            (b"-", None),
        ];
        for (text, value) in cases {
            assert_eq!(
                parse_unsigned(text),
                *value,
                "{:?}",
                text.escape_ascii().to_string()
            );
        }
        let padded = [&[b'0'; 300][..], b"5"].concat();
        assert_eq!(parse_unsigned(&padded), Some(5));
    }

    #[test]
    fn flags_have_32_bits_and_are_not_below_zero() {
        let cases: &[(&[u8], Option<u32>)] = &[
            (b"0", Some(0)),
            (b"-0", Some(0)),
            (b"-000", Some(0)),
            (b"+7", Some(7)),
            (b"4294967297", Some(1)),
            (b"18446744073709551615", Some(u32::MAX)),
            (b"18446744073709551616", None),
            (b"-1", None),
            (b"-4294967296", None),
            (b"-18446744073709551611", None),
            (b"-18446744073709551616", None),
        ];
        for (text, value) in cases {
            assert_eq!(parse_flags(text), *value, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn signed_numbers_are_read_as_strtoll_reads_them() {
        assert_eq!(parse_signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_signed(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_signed(b"9223372036854775808"), None);
        assert_eq!(parse_signed(b"-9223372036854775809"), None);
        assert_eq!(parse_signed(b"-18446744073709551615"), None);
        assert_eq!(parse_signed(b"+90"), Some(90));
        assert_eq!(parse_signed(b"9x"), None);
    }

    #[test]
    fn numbers_are_written_as_display_writes_them() {
        for value in [0, 7, 10, 99, 100, 12_345_678_901, u64::MAX] {
            assert_eq!(
                format(&mut [0; U64_LEN_MAX], value),
                value.to_string().as_bytes()
            );
        }
    }
}
