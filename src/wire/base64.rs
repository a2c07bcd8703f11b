//! Keys in base64: RFC 4648 with padding. Bytes that are not of the alphabet are skipped. A key
//! is as long as what it decodes to.

#![forbid(unsafe_code)]

use super::KEY_LEN_MAX;
use super::reply;

/// Longest text of a key: that of the longest key.
pub const ENCODED_LEN_MAX: usize = KEY_LEN_MAX.div_ceil(3) * 4;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A decoded key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    bytes: [u8; KEY_LEN_MAX],
    len: usize,
}

impl Decoded {
    /// The key.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// Not groups of four, wrong padding, or nothing in it.
    Malformed,
    /// More than a key may have.
    TooLong,
}

impl NoKey {
    /// The reply that says so. A key that is too long is that in any writing.
    pub fn reply(self) -> &'static [u8] {
        match self {
            NoKey::Malformed => reply::BAD_BASE64,
            NoKey::TooLong => reply::BAD_LINE,
        }
    }
}

fn value_of(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Whether `key` cannot stand in a line of text as it is: it would be several words of it, or
/// several lines.
pub fn is_needed(key: &[u8]) -> bool {
    key.iter().any(|&byte| byte == b' ' || byte == b'\n')
}

/// Decodes `text`. What follows the first padded group must still make groups of four.
///
/// # Errors
/// [`NoKey`].
pub fn decode(text: &[u8]) -> Result<Decoded, NoKey> {
    let digits = || text.iter().filter(|&&b| b == b'=' || value_of(b).is_some());
    let count = digits().count();
    if count == 0 || !count.is_multiple_of(4) {
        return Err(NoKey::Malformed);
    }
    let mut decoded = Decoded {
        bytes: [0; KEY_LEN_MAX],
        len: 0,
    };
    let (mut group, mut filled, mut padding) = (0, 0, 0);
    for &byte in digits() {
        // Padding counts as zero bits.
        group = group << 6 | value_of(byte).unwrap_or(0);
        padding += usize::from(byte == b'=');
        filled += 1;
        if filled == 4 {
            if padding > 2 {
                return Err(NoKey::Malformed);
            }
            let [_, bytes @ ..] = u32::to_be_bytes(group);
            let kept = &bytes[..3 - padding];
            let room = decoded.bytes.get_mut(decoded.len..decoded.len + kept.len());
            room.ok_or(NoKey::TooLong)?.copy_from_slice(kept);
            decoded.len += kept.len();
            if padding > 0 {
                break;
            }
            (group, filled) = (0, 0);
        }
    }
    if decoded.len == 0 {
        return Err(NoKey::Malformed);
    }
    Ok(decoded)
}

/// Encodes `bytes`, group by group.
pub fn encode(bytes: &[u8], mut put: impl FnMut(&[u8; 4])) {
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |index: usize| {
            if index <= chunk.len() {
                ALPHABET[(group >> (18 - 6 * index)) as usize & 63]
            } else {
                b'='
            }
        };
        put(&[digit(0), digit(1), digit(2), digit(3)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for len in 1..=300 {
            let key: Vec<u8> = (0..len).map(|i| (i * 37 + len) as u8).collect();
            let mut text = Vec::new();
            encode(&key, |group| text.extend_from_slice(group));
            if len <= KEY_LEN_MAX {
                assert_eq!(decode(&text).unwrap().bytes(), key);
                assert!(text.len() <= ENCODED_LEN_MAX);
            } else {
                assert_eq!(decode(&text), Err(NoKey::TooLong));
            }
        }
    }

    #[test]
    fn the_known_cases_of_right_and_wrong() {
        let key = |text: &[u8]| decode(text).ok().map(|d| d.bytes().to_vec());
        assert_eq!(key(b"Zm9v").as_deref(), Some(&b"foo"[..]));
        assert_eq!(
            key(b"Z!m9.v").as_deref(),
            Some(&b"foo"[..]),
            "other bytes are skipped"
        );
        assert_eq!(key(b"YQ==").as_deref(), Some(&b"a"[..]));
        assert_eq!(key(b"YSBiDQoAYw==").as_deref(), Some(&b"a b\r\n\0c"[..]));
        for wrong in [&b"Zm9"[..], b"Zm-v", b"====", b"Z===", b"", b"abc"] {
            assert_eq!(key(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
