//! The flags of meta commands: one letter each, its argument glued to it.

#![forbid(unsafe_code)]

use super::base64::{self, Decoded, ENCODED_LEN_MAX, NoKey};
use super::number::{parse_i64, parse_u32, parse_u64};
use super::reply;
use super::tokens::words;
use super::{KEY_LEN_MAX, Put};

/// The meta commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaVerb {
    /// `mg`
    Get,
    /// `ms`
    Set,
    /// `md`
    Delete,
    /// `ma`
    Arithmetic,
    /// `me`
    Debug,
    /// `mn`
    NoOp,
}

/// Tokens of a meta command's line at most, name, key and length included.
const TOKENS_MAX: usize = 20;
/// Longest opaque.
const OPAQUE_LEN_MAX: usize = 31;

/// The flags of a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags<'i> {
    /// A bit for every letter that is there, from `@` on.
    given: u64,
    text: &'i [u8],
    /// `C`: the cas id that the item must have.
    pub compare: u64,
    /// `E`: the cas id that it gets.
    pub cas: u64,
    /// `D`: by how much.
    pub delta: Option<u64>,
    /// `J`: the number to begin with.
    pub seed: u64,
    /// `F`: client flags.
    pub client_flags: u32,
    /// `N`: the expiry of an item that is made.
    pub vivify: i64,
    /// `R`: the time left below which the item should be renewed.
    pub recache: i64,
    /// `T`: the expiry.
    pub ttl: i64,
    /// `M`: what to do, 0 if it does not say.
    pub mode: u8,
}

/// Whether a token may be a flag at all: it begins with a digit or a letter, or with what
/// stands between the cases in ASCII.
pub fn is_flag(token: &[u8]) -> bool {
    matches!(token.first(), Some(b'0'..=b'9' | b'A'..=b'z'))
}

impl<'i> Flags<'i> {
    /// Whether the letter is there.
    #[inline]
    pub fn has(&self, letter: u8) -> bool {
        self.given & bit(letter) != 0
    }

    /// The flags in order, letter and argument.
    #[inline]
    pub fn each(&self) -> impl Iterator<Item = (u8, &'i [u8])> + use<'i> {
        words(self.text).filter_map(|word| word.split_first().map(|(&letter, rest)| (letter, rest)))
    }

    /// The id of `C`, if it is there.
    pub fn compare(&self) -> Option<u64> {
        self.has(b'C').then_some(self.compare)
    }

    /// Takes flags apart that [`check`] has found good.
    #[inline]
    pub fn read(text: &'i [u8]) -> Flags<'i> {
        Flags::scan(text, None).unwrap_or_default()
    }

    /// The flags of `me`, of which only one is looked at.
    pub fn read_debug(text: &'i [u8]) -> Flags<'i> {
        let mut flags = Flags {
            text,
            ..Flags::default()
        };
        if flags.each().any(|(letter, _)| letter == b'b') {
            flags.given = bit(b'b');
        }
        flags
    }

    /// Calls `with` with the key that is meant by `given`.
    ///
    /// # Errors
    /// It should be base64 and is not.
    #[inline]
    pub fn with_key<R>(
        &self,
        given: &[u8],
        with: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, &'static [u8]> {
        if !self.has(b'b') {
            return Ok(with(given));
        }
        match base64::decode(given) {
            Ok(key) => Ok(with(key.bytes())),
            Err(why) => Err(why.reply()),
        }
    }

    /// With a key its being base64 is checked where a flag says that it is.
    ///
    /// # Errors
    /// The reply to the first unknown or repeated letter, or to a key that is too long; else to
    /// the last bad argument, of which that of `F` has no text of its own.
    fn scan(text: &'i [u8], key: Option<&[u8]>) -> Result<Flags<'i>, &'static [u8]> {
        let mut flags = Flags {
            text,
            ..Flags::default()
        };
        let mut fault = None;
        for (letter, argument) in flags.each() {
            if letter < b'A' || KNOWN & bit(letter) == 0 {
                return Err(reply::INVALID_FLAG);
            }
            if flags.has(letter) {
                return Err(reply::DUPLICATE_FLAG);
            }
            flags.given |= bit(letter);
            match flags.argument(letter, argument) {
                Err(reply::BAD_LINE) => fault = fault.or(Some(reply::BAD_LINE)),
                Err(text) => fault = Some(text),
                Ok(()) => {}
            }
            if letter == b'b'
                && let Some(Err(why)) = key.map(base64::decode)
            {
                if why == NoKey::TooLong {
                    return Err(why.reply());
                }
                fault = Some(why.reply());
            }
        }
        fault.map_or(Ok(flags), Err)
    }

    fn argument(&mut self, letter: u8, text: &[u8]) -> Result<(), &'static [u8]> {
        match letter {
            b'C' => self.compare = parse_u64(text).ok_or(reply::BAD_TOKEN)?,
            b'E' => self.cas = parse_u64(text).ok_or(reply::BAD_TOKEN)?,
            b'N' => self.vivify = parse_i64(text).ok_or(reply::BAD_TOKEN)?,
            b'R' => self.recache = parse_i64(text).ok_or(reply::BAD_TOKEN)?,
            b'T' => self.ttl = parse_i64(text).ok_or(reply::BAD_TOKEN)?,
            b'F' => self.client_flags = parse_u32(text).ok_or(reply::BAD_LINE)?,
            b'D' => self.delta = Some(parse_u64(text).ok_or(reply::BAD_META_DELTA)?),
            b'J' => self.seed = parse_u64(text).ok_or(reply::BAD_SEED)?,
            b'M' => self.mode = text.first().copied().unwrap_or(0),
            _ => {}
        }
        Ok(())
    }
}

/// The letters that there are.
const KNOWN: u64 = {
    let letters = b"bcCDEfFhIJklLPMNOqRstTuvx";
    let (mut bits, mut index) = (0, 0);
    while index < letters.len() {
        bits |= bit(letters[index]);
        index += 1;
    }
    bits
};

/// A bit for each byte from `@` to DEL.
const fn bit(letter: u8) -> u64 {
    1 << (letter.wrapping_sub(b'@') & 63)
}

/// Checks a line of `tokens` tokens: the key as it was given, and the flags.
///
/// # Errors
/// The reply that refuses it.
pub fn check<'i>(
    verb: MetaVerb,
    key: &[u8],
    text: &'i [u8],
    tokens: usize,
) -> Result<Flags<'i>, &'static [u8]> {
    if verb == MetaVerb::Debug {
        return check_debug(key, text);
    }
    let flags = if is_too_long(key, text) {
        Err(reply::BAD_LINE)
    } else if tokens > TOKENS_MAX {
        Err(reply::TOO_MANY_FLAGS)
    } else {
        Flags::scan(text, Some(key))
    };
    if verb == MetaVerb::Arithmetic && flags.is_err() {
        return Err(reply::BAD_ARITHMETIC_FLAG);
    }
    let flags = flags?;
    if flags
        .each()
        .any(|(letter, text)| letter == b'O' && text.len() > OPAQUE_LEN_MAX)
    {
        return Err(reply::LONG_OPAQUE);
    }
    let modes: &[u8] = match verb {
        MetaVerb::Set => b"EAPRS",
        MetaVerb::Arithmetic => b"I+D-",
        _ => return Ok(flags),
    };
    if flags.has(b'M') && !modes.contains(&flags.mode) {
        return Err(if verb == MetaVerb::Set {
            reply::BAD_SET_MODE
        } else {
            reply::BAD_ARITHMETIC_MODE
        });
    }
    Ok(flags)
}

/// Whether a key as it was given is longer than any can be: in base64 a key takes more room.
#[inline]
fn is_too_long(key: &[u8], flags: &[u8]) -> bool {
    let is_coded = || words(flags).any(|word| word.starts_with(b"b"));
    key.len() > KEY_LEN_MAX && !(key.len() <= ENCODED_LEN_MAX && is_coded())
}

/// `me` looks at nothing but whether the key is base64.
fn check_debug<'i>(key: &[u8], text: &'i [u8]) -> Result<Flags<'i>, &'static [u8]> {
    let flags = Flags::read_debug(text);
    let good = !is_too_long(key, text) && flags.with_key(key, |_| ()).is_ok();
    if good {
        Ok(flags)
    } else {
        Err(reply::BAD_LINE)
    }
}

/// The key that is meant by one that [`check`] has found good.
pub enum RequestKey<'i> {
    /// As it was given.
    Plain(&'i [u8]),
    /// Decoded.
    Binary(Box<Decoded>),
}

impl<'i> RequestKey<'i> {
    /// Reads a key.
    #[inline]
    pub fn read(given: &'i [u8], is_binary: bool) -> RequestKey<'i> {
        match is_binary.then(|| base64::decode(given).ok()).flatten() {
            Some(decoded) => RequestKey::Binary(Box::new(decoded)),
            None => RequestKey::Plain(given),
        }
    }

    /// As it is shown to who gave it: base64 without what was skipped, and the flag that says
    /// so; else as it is.
    pub fn put(&self, out: &mut impl Put) {
        match self {
            RequestKey::Plain(bytes) => out.put(bytes),
            RequestKey::Binary(decoded) => {
                base64::encode(decoded.bytes(), |group| out.put(group));
                out.put(b" b");
            }
        }
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            RequestKey::Plain(bytes) => bytes,
            RequestKey::Binary(decoded) => decoded.bytes(),
        }
    }
}
