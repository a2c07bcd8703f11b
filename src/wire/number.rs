//! The strict numbers of the protocol: digits, with a limit on their count, and nothing else.
//! The lenient ones of older fields are in `crate::digits`.

#![forbid(unsafe_code)]

/// Characters of a 32-bit number at most, sign included.
const LEN_MAX_32: usize = 11;
/// Characters of a 64-bit number at most, sign included.
const LEN_MAX_64: usize = 22;

/// 1 to 22 digits, at most 2^64 - 1.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > LEN_MAX_64 {
        return None;
    }
    text.iter().try_fold(0u64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// 1 to 11 digits, at most 2^32 - 1.
pub fn parse_u32(text: &[u8]) -> Option<u32> {
    if text.len() > LEN_MAX_32 {
        return None;
    }
    u32::try_from(parse_u64(text)?).ok()
}

/// As [`parse_u64`] with an optional minus that counts towards the length; a lone minus is 0.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > LEN_MAX_64 {
        return None;
    }
    match text.strip_prefix(b"-") {
        Some(b"") => Some(0),
        Some(digits) => 0i64.checked_sub_unsigned(parse_u64(digits)?),
        None => i64::try_from(parse_u64(text)?).ok(),
    }
}

/// As [`parse_u32`] with an optional minus that counts towards the length; a lone minus is 0.
pub fn parse_i32(text: &[u8]) -> Option<i32> {
    if text.is_empty() || text.len() > LEN_MAX_32 {
        return None;
    }
    match text.strip_prefix(b"-") {
        Some(b"") => Some(0),
        Some(digits) => 0i32.checked_sub_unsigned(u32::try_from(parse_u64(digits)?).ok()?),
        None => i32::try_from(parse_u64(text)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_bounds_are_checked_before_they_can_overflow() {
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"0000000000000000000001"), Some(1));
        assert_eq!(parse_u64(b"00000000000000000000001"), None);
        assert_eq!(parse_u32(b"4294967295"), Some(u32::MAX));
        assert_eq!(parse_u32(b"4294967296"), None);
        assert_eq!(parse_i32(b"-2147483648"), Some(i32::MIN));
        assert_eq!(parse_i32(b"2147483648"), None);
        assert_eq!(parse_i32(b"-2147483649"), None);
        assert_eq!((parse_i32(b"-"), parse_i32(b"-0")), (Some(0), Some(0)));
        assert_eq!(parse_i32(b"00000000001"), Some(1));
        assert_eq!(parse_i32(b"000000000001"), None);
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_i64(b"9223372036854775808"), None);
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"-9223372036854775809"), None);
        assert_eq!((parse_i64(b"-"), parse_i64(b"-0")), (Some(0), Some(0)));
        assert_eq!(parse_i64(b"-000000000000000000001"), Some(-1));
        assert_eq!(parse_i64(b"-0000000000000000000001"), None);
        for text in [&b""[..], b"+1", b" 1", b"1 ", b"x", b"--1", b"0x1"] {
            assert_eq!((parse_u64(text), parse_u32(text)), (None, None));
            assert_eq!((parse_i64(text), parse_i32(text)), (None, None));
        }
    }
}
