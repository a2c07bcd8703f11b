//! What a cache does with one key, one call after the other.

use super::search::Machine;

/// How long an item lives. Nothing expires by itself while it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    Ever,
    /// So many seconds, which are more than a round takes.
    Seconds(u32),
    /// It is over already.
    Past,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
}

/// What a client asks for. `compare`: the id that the item must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A retrieval, which may give the item another life.
    Read {
        renew: Option<Life>,
    },
    /// The same by `mg`, which sees the marks, and wins; it may make an item that is not there.
    Look {
        renew: Option<Life>,
        make: bool,
    },
    Touch(Life),
    Store {
        mode: Mode,
        value: String,
        flags: u32,
        life: Life,
        compare: Option<u64>,
        /// A lower id will do, and makes the item stale.
        or_stale: bool,
    },
    Add {
        up: bool,
        delta: u64,
        compare: Option<u64>,
    },
    Delete {
        compare: Option<u64>,
    },
    /// `md` with I.
    Invalidate {
        compare: Option<u64>,
        renew: Option<Life>,
    },
    /// `md` with x.
    Empty,
    Flush,
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Missing,
    Exists,
    NotStored,
    NotNumeric,
    /// It is done; the id that the item has now and the number in it, if the answer tells.
    Done {
        id: Option<u64>,
        number: Option<u64>,
    },
    Shown(Shown),
}

/// An item in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub value: String,
    pub flags: u32,
    pub id: Option<u64>,
    pub marks: Option<Marks>,
}

/// What only `mg` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub life: Life,
    pub won: bool,
    pub stale: bool,
    pub wins: bool,
}

/// A key and what is under it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cell {
    item: Option<Item>,
    /// The highest id that has been seen; those that come after it are higher.
    last_id: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item {
    value: String,
    flags: u32,
    life: Life,
    /// `None`: the item got a new one, and no answer has told it yet. It is none of those that
    /// clients know, or they would have seen it.
    id: Option<u64>,
    stale: bool,
    won: bool,
}

impl Item {
    fn has(&self, compare: Option<u64>) -> bool {
        compare.is_none() || compare == self.id
    }
}

impl Machine for Cell {
    type Call = Call;
    type Answer = Answer;

    fn after(&self, call: &Call, answer: &Answer) -> Option<Cell> {
        let mut next = self.clone();
        let is_right = match call {
            Call::Read { renew } => next.read(*renew, answer),
            Call::Look { renew, make } => next.look(*renew, *make, answer),
            Call::Touch(life) => next.touch(*life, answer),
            Call::Store { .. } => next.store(call, answer),
            Call::Add { up, delta, compare } => next.add(*up, *delta, *compare, answer),
            Call::Delete { compare } => next.delete(*compare, answer),
            Call::Invalidate { compare, renew } => next.invalidate(*compare, *renew, answer),
            Call::Empty => next.empty(answer),
            Call::Flush => {
                next.item = None;
                matches!(answer, Answer::Done { .. })
            }
        };
        if next
            .item
            .as_ref()
            .is_some_and(|item| item.life == Life::Past)
        {
            next.item = None;
        }
        is_right.then_some(next)
    }
}

impl Cell {
    /// The item has a new id; whether it can be the one that is told, if one is.
    fn renew_id(&mut self, told: Option<u64>) -> bool {
        let item = self.item.as_mut().expect("what was written is there");
        item.id = None;
        self.learn_id(told)
    }

    /// An answer shows the id of the item: whether that is right.
    fn learn_id(&mut self, told: Option<u64>) -> bool {
        let item = self.item.as_mut().expect("what was seen is there");
        match (item.id, told) {
            (_, None) => true,
            (Some(known), Some(told)) => known == told,
            (None, Some(told)) => {
                item.id = Some(told);
                std::mem::replace(&mut self.last_id, told) < told
            }
        }
    }

    fn read(&mut self, renew: Option<Life>, answer: &Answer) -> bool {
        let Some(item) = &mut self.item else {
            return *answer == Answer::Missing;
        };
        let Answer::Shown(shown) = answer else {
            return false;
        };
        let is_right = (&item.value, item.flags) == (&shown.value, shown.flags);
        item.life = renew.unwrap_or(item.life);
        is_right && self.learn_id(shown.id)
    }

    fn look(&mut self, renew: Option<Life>, make: bool, answer: &Answer) -> bool {
        let is_new = self.item.is_none();
        if is_new && !make {
            return *answer == Answer::Missing;
        }
        let life = renew.unwrap_or(Life::Ever);
        let item = self.item.get_or_insert_with(|| Item::new("", 0, life));
        if !make {
            item.life = renew.unwrap_or(item.life);
        }
        let marks = Marks {
            life: item.life,
            won: item.won,
            stale: item.stale,
            wins: (is_new || item.stale) && !item.won,
        };
        item.won |= marks.wins;
        let Answer::Shown(shown) = answer else {
            return false;
        };
        let is_right = (&item.value, item.flags) == (&shown.value, shown.flags);
        is_right && shown.marks == Some(marks) && self.learn_id(shown.id)
    }

    fn touch(&mut self, life: Life, answer: &Answer) -> bool {
        let Some(item) = &mut self.item else {
            return *answer == Answer::Missing;
        };
        item.life = life;
        matches!(answer, Answer::Done { .. })
    }

    fn store(&mut self, call: &Call, answer: &Answer) -> bool {
        let Call::Store {
            mode,
            value,
            flags,
            life,
            compare,
            or_stale,
        } = call
        else {
            unreachable!("a call to store");
        };
        let mut new = Item::new(value, *flags, *life);
        match (mode, &self.item) {
            (Mode::Add, None) | (Mode::Set, None) if compare.is_none() => {}
            (Mode::Set, None) => return *answer == Answer::Missing,
            (Mode::Append | Mode::Prepend | Mode::Replace, None) | (Mode::Add, _) => {
                return *answer == Answer::NotStored;
            }
            (_, Some(old)) if !old.has(*compare) => {
                // An id that is not known yet is above those that are.
                let is_lower = old.id.is_none_or(|id| *compare < Some(id));
                if !(is_lower && *or_stale) {
                    return *answer == Answer::Exists;
                }
                (new.stale, new.won, new.life) = (true, old.won, old.life);
            }
            (Mode::Append | Mode::Prepend, Some(old)) => {
                let parts = if *mode == Mode::Append {
                    [&old.value[..], value]
                } else {
                    [value, &old.value[..]]
                };
                new = Item::new(&parts.concat(), old.flags, old.life);
            }
            (Mode::Set | Mode::Replace, Some(_)) => {}
        }
        self.item = Some(new);
        matches!(answer, Answer::Done { id, .. } if self.renew_id(*id))
    }

    fn add(&mut self, up: bool, delta: u64, compare: Option<u64>, answer: &Answer) -> bool {
        let Some(item) = &mut self.item else {
            return *answer == Answer::Missing;
        };
        if !item.value.is_empty() && !item.has(compare) {
            return *answer == Answer::Exists;
        }
        let Some(number) = number_in(&item.value) else {
            return *answer == Answer::NotNumeric;
        };
        let sum = if up {
            number.wrapping_add(delta)
        } else {
            number.saturating_sub(delta)
        };
        let digits = sum.to_string();
        if digits.len() > item.value.len() {
            *item = Item::new(&digits, item.flags, item.life);
        } else {
            item.value = format!("{digits:len$}", len = item.value.len());
        }
        let Answer::Done { id, number } = answer else {
            return false;
        };
        *number == Some(sum) && self.renew_id(*id)
    }

    fn delete(&mut self, compare: Option<u64>, answer: &Answer) -> bool {
        match &self.item {
            None => *answer == Answer::Missing,
            Some(item) if !item.has(compare) => *answer == Answer::Exists,
            Some(_) => {
                self.item = None;
                matches!(answer, Answer::Done { .. })
            }
        }
    }

    fn invalidate(&mut self, compare: Option<u64>, renew: Option<Life>, answer: &Answer) -> bool {
        match &mut self.item {
            None => *answer == Answer::Missing,
            Some(item) if !item.has(compare) => *answer == Answer::Exists,
            Some(item) => {
                (item.stale, item.won) = (true, false);
                item.life = renew.unwrap_or(item.life);
                matches!(answer, Answer::Done { .. }) && self.renew_id(None)
            }
        }
    }

    /// The value goes, and with it flags, life and marks; the id stays.
    fn empty(&mut self, answer: &Answer) -> bool {
        let Some(item) = &mut self.item else {
            return *answer == Answer::Missing;
        };
        let id = item.id;
        *item = Item::new("", 0, Life::Ever);
        item.id = id;
        matches!(answer, Answer::Done { .. })
    }
}

impl Item {
    /// One that nobody has been told to renew, with an id that is not known.
    fn new(value: &str, flags: u32, life: Life) -> Item {
        Item {
            value: value.to_string(),
            flags,
            life,
            id: None,
            stale: false,
            won: false,
        }
    }
}

/// A number, and what comes after a blank; nothing else is written in these tests.
fn number_in(value: &str) -> Option<u64> {
    value.split(' ').next()?.parse().ok()
}
