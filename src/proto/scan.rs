//! Finding the end of a token or line, eight bytes at a time.
//!
//! A byte of a word equals `b` where the word XOR `b` in all bytes is zero; the lowest zero
//! byte is found with the trick of Alan Mycroft (1987): `(x - 0x01…) & !x & 0x80…`. Higher
//! bytes may be reported wrongly after the first true one, so only the lowest is used.

#![forbid(unsafe_code)]

const ONES: u64 = 0x0101_0101_0101_0101;
const BLANKS: u64 = ONES * b' ' as u64;
const LINE_FEEDS: u64 = ONES * b'\n' as u64;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[inline]
fn find(
    bytes: &[u8],
    from: usize,
    hits: impl Fn(u64) -> u64,
    is_it: impl Fn(u8) -> bool,
) -> Option<usize> {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().ok()?);
        let found = hits(word);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes
        .get(at..)?
        .iter()
        .position(|&b| is_it(b))
        .map(|i| at + i)
}

/// The first blank or line feed at or after `from`: where a token ends.
#[inline]
pub fn token_end(bytes: &[u8], from: usize) -> Option<usize> {
    let hits = |word| zeros(word ^ BLANKS) | zeros(word ^ LINE_FEEDS);
    find(bytes, from, hits, |b| b == b' ' || b == b'\n')
}

/// The first line feed at or after `from`.
#[inline]
pub fn line_feed(bytes: &[u8], from: usize) -> Option<usize> {
    find(bytes, from, |word| zeros(word ^ LINE_FEEDS), |b| b == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agree_with_a_plain_loop_wherever_they_start() {
        let mut seed = 1u64;
        for len in 0..70 {
            let text: Vec<u8> = (0..len)
                .map(|_| {
                    seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(99);
                    [
                        b' ', b'\n', b'\r', 0x0b, 0x09, 0x21, 0x8a, 0xa0, 0, 255, b'k', b'k', b'k',
                        b'k', b'k', b'k',
                    ][(seed >> 40) as usize % 16]
                })
                .collect();
            for from in 0..=len {
                let plain =
                    |f: fn(u8) -> bool| text[from..].iter().position(|&b| f(b)).map(|i| from + i);
                assert_eq!(token_end(&text, from), plain(|b| b == b' ' || b == b'\n'));
                assert_eq!(line_feed(&text, from), plain(|b| b == b'\n'));
            }
        }
    }
}
