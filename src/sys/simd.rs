//! Comparing many bytes at once: SSE2, which every x86-64 has, and plain words elsewhere.
//!
//! The functions without it are the definition: the tests compare the others with them.

#![cfg_attr(not(target_arch = "x86_64"), forbid(unsafe_code))]

/// Bytes of a block.
pub const BLOCK_LEN: usize = 16;

/// Bits of the bytes of `block` that equal `a` or `b`, the first byte's lowest.
#[inline]
pub fn equal_to_either(block: &[u8; BLOCK_LEN], a: u8, b: u8) -> u32 {
    #[cfg(target_arch = "x86_64")]
    return sse2::equal_to_either(block, a, b);
    #[cfg(not(target_arch = "x86_64"))]
    plain::equal_to_either(block, a, b)
}

/// Bits of the words whose upper sixteen bits are `tag`, the first word's lowest.
#[inline]
pub fn tagged(words: &[u64; 8], tag: u16) -> u32 {
    #[cfg(target_arch = "x86_64")]
    return sse2::tagged(words, tag);
    #[cfg(not(target_arch = "x86_64"))]
    plain::tagged(words, tag)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain {
    use super::BLOCK_LEN;

    fn bits(answers: impl DoubleEndedIterator<Item = bool>) -> u32 {
        answers
            .rev()
            .fold(0, |bits, yes| bits << 1 | u32::from(yes))
    }

    pub fn equal_to_either(block: &[u8; BLOCK_LEN], a: u8, b: u8) -> u32 {
        bits(block.iter().map(|&byte| byte == a || byte == b))
    }

    pub fn tagged(words: &[u64; 8], tag: u16) -> u32 {
        bits(words.iter().map(|word| (word >> 48) as u16 == tag))
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::BLOCK_LEN;
    use std::arch::x86_64::{
        __m128i, _mm_castps_si128, _mm_castsi128_ps, _mm_cmpeq_epi8, _mm_cmpeq_epi16,
        _mm_movemask_epi8, _mm_or_si128, _mm_packs_epi16, _mm_packs_epi32, _mm_set_epi64x,
        _mm_set1_epi8, _mm_set1_epi16, _mm_setzero_si128, _mm_shuffle_ps, _mm_srai_epi32,
    };

    #[inline]
    pub fn equal_to_either(block: &[u8; BLOCK_LEN], a: u8, b: u8) -> u32 {
        let both = u128::from_le_bytes(*block);
        // SAFETY: every x86-64 has SSE2, and these compute on registers.
        unsafe {
            let block = _mm_set_epi64x((both >> 64) as i64, both as i64);
            let equal_a = _mm_cmpeq_epi8(block, _mm_set1_epi8(a as i8));
            let equal_b = _mm_cmpeq_epi8(block, _mm_set1_epi8(b as i8));
            _mm_movemask_epi8(_mm_or_si128(equal_a, equal_b)) as u32
        }
    }

    /// The tags, which are the upper quarters of the words, are brought together in one register
    /// in two steps, the upper halves first.
    #[inline]
    pub fn tagged(words: &[u64; 8], tag: u16) -> u32 {
        // SAFETY: every x86-64 has SSE2, and these compute on registers.
        unsafe {
            let tags = _mm_packs_epi32(tags_of_four(words, 0), tags_of_four(words, 4));
            let equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag as i16));
            _mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())) as u32
        }
    }

    /// The tags of four words from `first`, sign-extended to 32 bits.
    #[inline]
    fn tags_of_four(words: &[u64; 8], first: usize) -> __m128i {
        // SAFETY: every x86-64 has SSE2, and these compute on registers.
        unsafe {
            let pair = |low: usize| {
                let pair = _mm_set_epi64x(words[low + 1] as i64, words[low] as i64);
                _mm_castsi128_ps(pair)
            };
            let halves = _mm_shuffle_ps::<0b11_01_11_01>(pair(first), pair(first + 2));
            _mm_srai_epi32::<16>(_mm_castps_si128(halves))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    fn bytes_are_found_wherever_they_stand() {
        let mut seed = 99;
        for _ in 0..10_000 {
            // Few values, so that there is something to find; some above 127.
            let block = std::array::from_fn(|_| (next(&mut seed) % 6 * 50) as u8);
            let wanted = plain::equal_to_either(&block, 50, 250);
            assert_eq!(equal_to_either(&block, 50, 250), wanted, "{block:?}");
        }
    }

    #[test]
    fn tags_are_found_whatever_stands_below_them() {
        let mut seed = 7;
        for _ in 0..10_000 {
            let tag = [0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff][(next(&mut seed) % 6) as usize];
            let words = std::array::from_fn(|_| match next(&mut seed) % 3 {
                0 => u64::from(tag) << 48 | next(&mut seed) >> 16,
                _ => next(&mut seed),
            });
            assert_eq!(tagged(&words, tag), plain::tagged(&words, tag), "{words:?}");
        }
    }
}
