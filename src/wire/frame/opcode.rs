//! The opcodes, one row each: what a request consists of, and what it asks for.

#![forbid(unsafe_code)]

use super::super::command::StoreVerb;

/// What an opcode asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryVerb {
    /// An item; its key too if asked for.
    Get {
        /// Whether the reply repeats the key.
        with_key: bool,
    },
    /// A new expiry, and the item's flags.
    Touch,
    /// A new expiry, and the item; its key too if asked for.
    GetAndTouch {
        /// Whether the reply repeats the key.
        with_key: bool,
    },
    /// A value stored.
    Store(StoreVerb),
    /// A key deleted.
    Delete,
    /// A number changed.
    Arithmetic {
        /// Up or down.
        increment: bool,
    },
    /// All items gone.
    Flush,
    /// A reply.
    NoOp,
    /// The version.
    Version,
    /// Statistics.
    Stat,
    /// The connection closed.
    Quit,
    /// The names of the ways to log in.
    SaslList,
    /// A login begun.
    SaslAuth,
    /// A login continued.
    SaslStep,
}

/// Whether a request has a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Needed,
    Possible,
    Forbidden,
}

use Part::{Forbidden, Needed, Possible};

impl Part {
    #[inline]
    fn allows(self, len: usize) -> bool {
        match self {
            Needed => len > 0,
            Possible => true,
            Forbidden => len == 0,
        }
    }
}

/// A row of the table.
pub struct Opcode {
    /// What it asks for.
    pub verb: BinaryVerb,
    /// Whether the expected outcome has no reply: a miss where an item is asked for, success
    /// elsewhere.
    pub quiet: bool,
    /// Lengths that the extras may have.
    extras: [u8; 2],
    key: Part,
    value: Part,
}

impl Opcode {
    /// Whether a request has the parts that it must have, and no others, by their bytes.
    #[inline]
    pub fn fits(&self, extras_len: usize, key_len: usize, value_len: usize) -> bool {
        let [one, other] = self.extras.map(usize::from);
        (extras_len == one || extras_len == other)
            && self.key.allows(key_len)
            && self.value.allows(value_len)
    }

    /// Whether it is about the item of its key.
    #[inline]
    pub fn has_item(&self) -> bool {
        self.key == Needed && !self.logs_in()
    }

    /// Whether it may be asked for by who has not logged in.
    pub fn is_open_to_all(&self) -> bool {
        self.verb == BinaryVerb::Version || self.is_sasl()
    }

    /// Whether it is there only where clients log in.
    pub fn is_sasl(&self) -> bool {
        self.verb == BinaryVerb::SaslList || self.logs_in()
    }

    /// Whether it proves who the client is.
    #[inline]
    pub fn logs_in(&self) -> bool {
        matches!(self.verb, BinaryVerb::SaslAuth | BinaryVerb::SaslStep)
    }
}

macro_rules! opcodes {
    ($($row:ident: $code:literal $(quiet $quiet_row:ident: $quiet_code:literal)?,
        $extras:expr, $key:expr, $value:expr, $verb:expr;)*) => {
        $(opcodes!(@row $row, false, $extras, $key, $value, $verb);
        $(opcodes!(@row $quiet_row, true, $extras, $key, $value, $verb);)?)*

        /// The opcode of that number: a `match`, not a walk of the table.
        #[inline]
        pub fn lookup(code: u8) -> Option<&'static Opcode> {
            match code { $($code => Some(&$row), $($quiet_code => Some(&$quiet_row),)?)* _ => None }
        }
    };
    (@row $row:ident, $quiet:literal, $extras:expr, $key:expr, $value:expr, $verb:expr) => {
        static $row: Opcode = Opcode {
            verb: $verb,
            quiet: $quiet,
            extras: $extras,
            key: $key,
            value: $value,
        };
    };
}

opcodes! {
    // name and number, those of the quiet form; extras, key, value; what it asks for
    GET: 0x00 quiet GETQ: 0x09, [0, 0], Needed, Forbidden, BinaryVerb::Get { with_key: false };
    GETK: 0x0c quiet GETKQ: 0x0d, [0, 0], Needed, Forbidden, BinaryVerb::Get { with_key: true };
    SET: 0x01 quiet SETQ: 0x11, [8, 8], Needed, Possible, BinaryVerb::Store(StoreVerb::Set);
    ADD: 0x02 quiet ADDQ: 0x12, [8, 8], Needed, Possible, BinaryVerb::Store(StoreVerb::Add);
    REPLACE: 0x03 quiet REPLACEQ: 0x13, [8, 8], Needed, Possible, BinaryVerb::Store(StoreVerb::Replace);
    APPEND: 0x0e quiet APPENDQ: 0x19, [0, 0], Needed, Possible, BinaryVerb::Store(StoreVerb::Append);
    PREPEND: 0x0f quiet PREPENDQ: 0x1a, [0, 0], Needed, Possible, BinaryVerb::Store(StoreVerb::Prepend);
    DELETE: 0x04 quiet DELETEQ: 0x14, [0, 0], Needed, Forbidden, BinaryVerb::Delete;
    INCR: 0x05 quiet INCRQ: 0x15, [20, 20], Needed, Forbidden, BinaryVerb::Arithmetic { increment: true };
    DECR: 0x06 quiet DECRQ: 0x16, [20, 20], Needed, Forbidden, BinaryVerb::Arithmetic { increment: false };
    TOUCH: 0x1c, [4, 4], Needed, Forbidden, BinaryVerb::Touch;
    GAT: 0x1d quiet GATQ: 0x1e, [4, 4], Needed, Forbidden, BinaryVerb::GetAndTouch { with_key: false };
    GATK: 0x23 quiet GATKQ: 0x24, [4, 4], Needed, Forbidden, BinaryVerb::GetAndTouch { with_key: true };
    FLUSH: 0x08 quiet FLUSHQ: 0x18, [0, 4], Forbidden, Forbidden, BinaryVerb::Flush;
    NOOP: 0x0a, [0, 0], Forbidden, Forbidden, BinaryVerb::NoOp;
    VERSION: 0x0b, [0, 0], Forbidden, Forbidden, BinaryVerb::Version;
    STAT: 0x10, [0, 0], Possible, Forbidden, BinaryVerb::Stat;
    QUIT: 0x07 quiet QUITQ: 0x17, [0, 0], Forbidden, Forbidden, BinaryVerb::Quit;
    SASL_LIST: 0x20, [0, 0], Forbidden, Forbidden, BinaryVerb::SaslList;
    SASL_AUTH: 0x21, [0, 0], Needed, Possible, BinaryVerb::SaslAuth;
    SASL_STEP: 0x22, [0, 0], Needed, Possible, BinaryVerb::SaslStep;
}
