//! Finding the end of a token or line, sixteen bytes at a time.

#![forbid(unsafe_code)]

use crate::sys::simd::equal_to_either;

/// The first byte at or after `from` that is one of two.
#[inline]
fn find(bytes: &[u8], from: usize, a: u8, b: u8) -> Option<usize> {
    let mut rest = bytes.get(from..)?;
    while let Some((block, after)) = rest.split_first_chunk() {
        let found = equal_to_either(block, a, b);
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize);
        }
        rest = after;
    }
    let index = rest.iter().position(|&byte| byte == a || byte == b)?;
    Some(bytes.len() - rest.len() + index)
}

/// The first blank or line feed at or after `from`: where a token ends.
#[inline]
pub fn token_end(bytes: &[u8], from: usize) -> Option<usize> {
    find(bytes, from, b' ', b'\n')
}

/// The first line feed at or after `from`.
#[inline]
pub fn line_feed(bytes: &[u8], from: usize) -> Option<usize> {
    find(bytes, from, b'\n', b'\n')
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
