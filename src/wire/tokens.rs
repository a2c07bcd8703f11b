//! Lines in tokens.

#![forbid(unsafe_code)]

/// Tokens of a line that are looked at, the command's name included.
const TOKENS_MAX: usize = 23;

/// The tokens of a line, as far as they are looked at.
pub struct Tokens<'i> {
    /// The line.
    pub line: &'i [u8],
    bounds: [(u32, u32); TOKENS_MAX],
    /// How many there are.
    pub len: usize,
}

impl<'i> Tokens<'i> {
    /// The first token is what stands before the first blank, even if that is nothing.
    pub fn of(line: &'i [u8]) -> Tokens<'i> {
        let mut tokens = Tokens {
            line,
            bounds: [(0, 0); TOKENS_MAX],
            len: 0,
        };
        let mut at = 0;
        while tokens.len < TOKENS_MAX {
            let end = line[at..]
                .iter()
                .position(|&b| b == b' ')
                .map_or(line.len(), |i| at + i);
            tokens.bounds[tokens.len] = (at as u32, end as u32);
            tokens.len += 1;
            let Some(skip) = line[end..].iter().position(|&b| b != b' ') else {
                break;
            };
            at = end + skip;
        }
        tokens
    }

    /// Token `index`, empty if there is none.
    pub fn get(&self, index: usize) -> &'i [u8] {
        if index < self.len {
            &self.line[self.start(index)..self.end(index)]
        } else {
            b""
        }
    }

    /// Where token `index` begins.
    pub fn start(&self, index: usize) -> usize {
        self.bounds[index].0 as usize
    }

    /// Where it ends.
    pub fn end(&self, index: usize) -> usize {
        self.bounds[index].1 as usize
    }

    /// The last one.
    pub fn last(&self) -> &'i [u8] {
        self.get(self.len - 1)
    }

    /// Whether the client wants no reply.
    pub fn is_quiet(&self) -> bool {
        self.last() == b"noreply"
    }
}

/// The tokens of an admin command's line, as far as they are looked at, its name included.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&b| b == b' ')
        .filter(|word| !word.is_empty())
        .take(TOKENS_MAX)
}
