//! A line of `stats`, declared: what it is called, what it is, when it is shown, and where its
//! value comes from.

#![forbid(unsafe_code)]

use super::server::Server;
use crate::counters::{Field, StatKind};
use std::fmt;

/// One line of a list. `V` is what the list is about at the moment it is made: the sums of all
/// threads, or a slab class, or a connection.
pub(super) struct StatRow<V> {
    /// Its name, its kind, and what it says.
    pub field: Field,
    /// When it is shown; empty words if always.
    pub when: When<V>,
    value: fn(&Server, &V) -> Value,
}

/// When a line is shown: in words for doc/stats.txt, and as a question.
pub(super) type When<V> = (&'static str, fn(&Server, &V) -> bool);

/// The row of a counter that is shown under its own name: `counted!(thread.cmd_get)`. The file
/// says by a type `Line` what its list is about; that has the sums under these names.
macro_rules! counted {
    (thread.$name:ident) => { counted!(@ ThreadTotals, thread.$name) };
    (class.$name:ident) => { counted!(@ ClassTotals, class.$name) };
    (list.$name:ident) => { counted!(@ ListTotals, list.$name) };
    (@ $Totals:ident, $part:ident.$name:ident) => {
        Line::of($Totals::field(stringify!($name)), |_, of| of.$part.$name.into())
    };
}
pub(super) use counted;

/// What a line shows.
pub(super) enum Value {
    /// A number.
    Number(u64),
    /// Seconds, given in microseconds.
    Seconds(u64),
    /// A word that does not change.
    Word(&'static str),
    /// Any other text.
    Text(String),
}

impl<V> StatRow<V> {
    /// A line with a value of its own.
    pub const fn new(
        kind: StatKind,
        name: &'static str,
        help: &'static str,
        value: fn(&Server, &V) -> Value,
    ) -> StatRow<V> {
        let field = Field { name, kind, help };
        StatRow::of(field, value)
    }

    /// A line for what is declared elsewhere.
    pub const fn of(field: Field, value: fn(&Server, &V) -> Value) -> StatRow<V> {
        StatRow {
            field,
            when: ("", |_, _| true),
            value,
        }
    }

    /// The same, shown only then.
    pub const fn only(self, when: When<V>) -> StatRow<V> {
        StatRow { when, ..self }
    }
}

/// Gives name and value of each row that is shown, in order.
pub(super) fn show<V>(
    rows: &[StatRow<V>],
    server: &Server,
    of: &V,
    mut give: impl FnMut(&str, &Value),
) {
    for row in rows.iter().filter(|row| (row.when.1)(server, of)) {
        give(row.field.name, &(row.value)(server, of));
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Seconds(us) => write!(f, "{}.{:06}", us / 1_000_000, us % 1_000_000),
            Value::Word(word) => f.write_str(word),
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Number(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Value {
        Value::Number(number as u64)
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Value {
        Value::Number(is_so.into())
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Value {
        Value::Word(word)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}
