//! Keys as in a URI, by RFC 3986: its unreserved characters stand for themselves, any other byte is
//! a percent sign and two hexadecimal digits.

#![forbid(unsafe_code)]

/// Gives `key` encoded, a piece at a time.
pub fn encode(key: &[u8], mut put: impl FnMut(&str)) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in key {
        let mut text = [
            b'%',
            HEX[usize::from(byte >> 4)],
            HEX[usize::from(byte & 15)],
        ];
        let len = if is_unreserved(byte) {
            text[0] = byte;
            1
        } else {
            text.len()
        };
        put(str::from_utf8(&text[..len]).unwrap_or_default()); // it is ASCII
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_letters_digits_and_four_marks_is_encoded() {
        let mut text = String::new();
        encode(b"aZ09-._~ %\xff\0,", |piece| text.push_str(piece));
        assert_eq!(text, "aZ09-._~%20%25%FF%00%2C");
        for byte in 0..=255u8 {
            let mut text = String::new();
            encode(&[byte], |piece| text.push_str(piece));
            assert!(text.len() == 3 || text.as_bytes() == [byte], "{byte}");
        }
    }
}
