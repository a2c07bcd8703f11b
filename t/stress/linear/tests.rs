//! Histories made by hand: some that can be, and some that cannot.

use super::cell::{Answer, Call, Cell, Life, Marks, Mode, Shown};
use super::search::{Event, Verdict, judge};

/// Client, the time from and to, call and answer.
type Row = (usize, u64, u64, Call, Answer);

const DONE: Answer = Answer::Done {
    id: None,
    number: None,
};
const TOUCH: Call = Call::Touch(Life::Ever);
const READ: Call = Call::Read { renew: None };
const LOOK: Call = Call::Look {
    renew: None,
    make: false,
};
const DELETE: Call = Call::Delete { compare: None };
const INVALIDATE: Call = Call::Invalidate {
    compare: None,
    renew: None,
};

fn store(mode: Mode, value: &str, compare: Option<u64>) -> Call {
    Call::Store {
        mode,
        value: value.to_string(),
        flags: 0,
        life: Life::Ever,
        compare,
        or_stale: false,
    }
}

fn incr(delta: u64) -> Call {
    Call::Add {
        up: true,
        delta,
        compare: None,
    }
}

fn id(id: u64) -> Answer {
    Answer::Done {
        id: Some(id),
        number: None,
    }
}

fn number(number: u64) -> Answer {
    Answer::Done {
        id: None,
        number: Some(number),
    }
}

fn shown(value: &str, id: u64) -> Answer {
    Answer::Shown(Shown {
        value: value.to_string(),
        flags: 0,
        id: Some(id),
        marks: None,
    })
}

/// What `mg` shows: won (Z), stale (X), wins (W).
fn marked(value: &str, id: u64, marks: &str) -> Answer {
    Answer::Shown(Shown {
        value: value.to_string(),
        flags: 0,
        id: Some(id),
        marks: Some(Marks {
            life: Life::Ever,
            won: marks.contains('Z'),
            stale: marks.contains('X'),
            wins: marks.contains('W'),
        }),
    })
}

/// Whether the rows are possible, after an item `a` with the id 1 was stored.
fn can_be(rows: &[Row]) -> bool {
    let first = (9, 0, 1, store(Mode::Set, "a", None), id(1));
    let events: Vec<_> = std::iter::once(&first)
        .chain(rows)
        .map(|(client, sent, answered, call, answer)| Event {
            client: *client,
            call: call.clone(),
            answer: answer.clone(),
            sent: *sent,
            answered: *answered,
        })
        .collect();
    judge(Cell::default(), &events) == Verdict::Possible
}

#[test]
fn an_invalidation_is_not_lost() {
    let append = |answer| (0, 2, 9, store(Mode::Append, "b", Some(1)), answer);
    let md = (1, 3, 8, INVALIDATE, DONE);
    let look = |answer| (2, 10, 11, LOOK, answer);
    assert!(can_be(&[
        append(id(2)),
        md.clone(),
        look(marked("ab", 3, "XW"))
    ]));
    assert!(can_be(&[
        append(Answer::Exists),
        md.clone(),
        look(marked("a", 2, "XW"))
    ]));
    // Both are told that it is done, and one has been forgotten.
    assert!(!can_be(&[
        append(id(2)),
        md.clone(),
        look(marked("ab", 2, ""))
    ]));
    assert!(!can_be(&[
        append(id(3)),
        md.clone(),
        look(marked("ab", 3, ""))
    ]));
    assert!(!can_be(&[
        append(id(2)),
        md.clone(),
        look(marked("a", 3, "XW"))
    ]));
    // One after the other there is one order only.
    let later = (1, 10, 11, INVALIDATE, DONE);
    let look = |answer| (2, 12, 13, LOOK, answer);
    assert!(!can_be(&[
        append(Answer::Exists),
        later.clone(),
        look(marked("a", 2, "XW"))
    ]));
    // One client is told to renew it.
    assert!(can_be(&[
        later.clone(),
        look(marked("a", 2, "XW")),
        (0, 14, 15, LOOK, marked("a", 2, "ZX"))
    ]));
    assert!(!can_be(&[
        later,
        look(marked("a", 2, "XW")),
        (0, 14, 15, LOOK, marked("a", 2, "XW"))
    ]));
}

#[test]
fn nothing_comes_through_a_flush() {
    let flush = (1, 3, 8, Call::Flush, DONE);
    let read = |answer| (2, 10, 11, READ, answer);
    let changes = [
        (store(Mode::Append, "b", None), id(2), "ab"),
        (store(Mode::Replace, "b", None), id(2), "b"),
        (store(Mode::Set, "b", Some(1)), id(2), "b"),
        (TOUCH, DONE, "a"),
    ];
    for (call, answer, value) in changes {
        let change = (0, 2, 9, call, answer);
        assert!(can_be(&[
            change.clone(),
            flush.clone(),
            read(Answer::Missing)
        ]));
        assert!(!can_be(&[change, flush.clone(), read(shown(value, 2))]));
    }
    // What does not need the old item comes after it, too.
    let set = (0, 2, 9, store(Mode::Set, "b", None), id(2));
    assert!(can_be(&[set.clone(), flush.clone(), read(shown("b", 2))]));
    assert!(can_be(&[set, flush, read(Answer::Missing)]));
}

#[test]
fn ids_and_values_belong_together() {
    // An id that no answer told is learned by reading, and stays.
    let untold = (0, 2, 9, store(Mode::Set, "b", None), DONE);
    let read = |at, answer| (1, at, at + 1, READ, answer);
    assert!(can_be(&[
        untold.clone(),
        read(3, shown("a", 1)),
        read(5, shown("b", 7)),
        read(10, shown("b", 7))
    ]));
    assert!(!can_be(&[
        untold.clone(),
        read(5, shown("b", 7)),
        read(10, shown("b", 8))
    ]));
    assert!(
        !can_be(&[untold.clone(), read(5, shown("b", 1))]),
        "an old id"
    );
    assert!(
        !can_be(&[untold, read(5, shown("b", 7)), read(7, shown("a", 1))]),
        "back"
    );
    // Of two who swap one wins.
    let swap = |client, value, answer| (client, 2, 9, store(Mode::Set, value, Some(1)), answer);
    assert!(can_be(&[swap(0, "b", id(2)), swap(1, "c", Answer::Exists)]));
    assert!(!can_be(&[swap(0, "b", id(2)), swap(1, "c", id(3))]));
    assert!(!can_be(&[
        swap(0, "b", Answer::Exists),
        swap(1, "c", Answer::Exists)
    ]));
    let delete = |client, answer| (client, 2, 9, DELETE, answer);
    assert!(!can_be(&[delete(0, DONE), delete(1, DONE)]));
}

#[test]
fn numbers_are_added_up() {
    let set = (9, 2, 3, store(Mode::Set, "8", None), id(2));
    let incr = |client, delta, answer| (client, 4, 9, incr(delta), answer);
    let read = |value, id| (2, 10, 11, READ, shown(value, id));
    assert!(can_be(&[
        set.clone(),
        incr(0, 1, number(9)),
        incr(1, 2, number(11)),
        read("11", 4)
    ]));
    assert!(can_be(&[
        set.clone(),
        incr(0, 1, number(11)),
        incr(1, 2, number(10)),
        read("11", 4)
    ]));
    assert!(
        !can_be(&[
            set.clone(),
            incr(0, 1, number(9)),
            incr(1, 2, number(10)),
            read("10", 4)
        ]),
        "lost"
    );
    // In one client's pipeline the order is that of the requests.
    assert!(!can_be(&[
        set,
        incr(0, 1, number(11)),
        incr(0, 2, number(10))
    ]));
}
