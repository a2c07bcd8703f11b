//! Whether a history is linearizable: whether there is an order of all its calls, each between the
//! moment when it was sent and the moment when its answer had come, in which a machine that does
//! one thing after the other gives the same answers.
//!
//! All orders are tried, as in Wing and Gong, "Testing and Verifying Concurrent Objects" (1993);
//! where two of them have carried out the same calls and lead to the same state, only the first
//! goes on (Lowe, "Testing for Linearizability", 2017).

use std::collections::HashSet;
use std::hash::Hash;

/// Something that is asked and answers, one call at a time.
pub trait Machine: Clone + Eq + Hash {
    type Call;
    type Answer;
    /// The state after a call. `None`: it would have given another answer.
    fn after(&self, call: &Self::Call, answer: &Self::Answer) -> Option<Self>;
}

/// A call that has been answered.
#[derive(Clone, Debug)]
pub struct Event<C, A> {
    /// Whose it is. What one client sends takes effect in that order, also in a pipeline.
    pub client: usize,
    pub call: C,
    pub answer: A,
    /// Nanoseconds since some moment: before it was sent, and after its answer had come.
    pub sent: u64,
    pub answered: u64,
}

/// What there is to say of a history.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Possible,
    /// There is none: at most so many events of each client can be carried out.
    Impossible(Vec<usize>),
    /// There are too many to try.
    Unknown,
}

/// States that are tried at most.
const STATES_MAX: usize = 200_000;

/// Looks for such an order. The events of a client come in the order of their sending.
pub fn judge<M: Machine>(start: M, events: &[Event<M::Call, M::Answer>]) -> Verdict {
    let clients = events
        .iter()
        .map(|event| event.client + 1)
        .max()
        .unwrap_or(0);
    let of_client = |client| {
        events
            .iter()
            .filter(|event| event.client == client)
            .collect()
    };
    let mut search = Search::<M> {
        events: (0..clients).map(of_client).collect(),
        done: vec![0; clients],
        most_done: vec![0; clients],
        seen: HashSet::new(),
    };
    match search.ends_well(start) {
        _ if search.seen.len() > STATES_MAX => Verdict::Unknown,
        true => Verdict::Possible,
        false => Verdict::Impossible(search.most_done),
    }
}

struct Search<'e, M: Machine> {
    /// By client.
    events: Vec<Vec<&'e Event<M::Call, M::Answer>>>,
    /// Events of each client that have been carried out.
    done: Vec<usize>,
    /// The same when most of all had been.
    most_done: Vec<usize>,
    /// What has been tried: that many events of each client, and where they led to.
    seen: HashSet<(Vec<usize>, M)>,
}

impl<M: Machine> Search<'_, M> {
    /// Whether the events that are left can be carried out in some order; or it is given up.
    fn ends_well(&mut self, state: M) -> bool {
        let left: Vec<_> = (0..self.events.len())
            .filter_map(|client| self.events[client].get(self.done[client]).copied())
            .collect();
        if left.is_empty() || self.seen.len() > STATES_MAX {
            return true;
        }
        if !self.seen.insert((self.done.clone(), state.clone())) {
            return false;
        }
        if self.done.iter().sum::<usize>() > self.most_done.iter().sum() {
            self.most_done.clone_from(&self.done);
        }
        // Whatever was sent after one of them had been answered comes after it.
        let first_answer = left.iter().map(|event| event.answered).min();
        left.into_iter().any(|event| {
            let may_be_next = first_answer.is_some_and(|first| event.sent <= first);
            let Some(next) = may_be_next
                .then(|| state.after(&event.call, &event.answer))
                .flatten()
            else {
                return false;
            };
            self.done[event.client] += 1;
            let ends_well = self.ends_well(next);
            self.done[event.client] -= 1;
            ends_well
        })
    }
}

/// A number that is written and read.
#[cfg(test)]
#[derive(Clone, PartialEq, Eq, Hash)]
struct Register(u32);

#[cfg(test)]
impl Machine for Register {
    /// What is written; nothing to read.
    type Call = Option<u32>;
    /// What is there then.
    type Answer = u32;
    fn after(&self, call: &Option<u32>, answer: &u32) -> Option<Register> {
        let next = call.unwrap_or(self.0);
        (next == *answer).then_some(Register(next))
    }
}

#[cfg(test)]
fn judged(rows: &[(usize, Option<u32>, u32, u64, u64)]) -> bool {
    let events: Vec<_> = rows
        .iter()
        .map(|&(client, call, answer, sent, answered)| Event {
            client,
            call,
            answer,
            sent,
            answered,
        })
        .collect();
    judge(Register(0), &events) == Verdict::Possible
}

#[test]
fn a_register_is_judged_rightly() {
    let write = |client, value, sent, answered| (client, Some(value), value, sent, answered);
    let read = |client, value, sent, answered| (client, None, value, sent, answered);
    assert!(judged(&[]));
    // While it is being written the old and the new value may be read, but not the old one last.
    assert!(judged(&[
        write(0, 1, 0, 9),
        read(1, 0, 1, 2),
        read(1, 1, 3, 4)
    ]));
    assert!(!judged(&[
        write(0, 1, 0, 9),
        read(1, 1, 1, 2),
        read(1, 0, 3, 4)
    ]));
    assert!(!judged(&[
        write(0, 1, 0, 9),
        read(1, 1, 1, 2),
        read(2, 0, 3, 4)
    ]));
    assert!(judged(&[
        write(0, 1, 0, 9),
        read(1, 1, 1, 3),
        read(2, 0, 2, 4)
    ]));
    // What has been written is there.
    assert!(!judged(&[write(0, 1, 0, 1), read(1, 0, 2, 3)]));
    // Two see two writes in different orders.
    let twice = [write(0, 1, 0, 9), write(1, 2, 0, 9)];
    let both = |reads: &[_]| judged(&[&twice[..], reads].concat());
    assert!(both(&[
        read(2, 1, 1, 2),
        read(2, 2, 3, 4),
        read(3, 2, 5, 6)
    ]));
    assert!(!both(&[
        read(2, 1, 1, 2),
        read(2, 2, 3, 4),
        read(3, 1, 5, 6)
    ]));
    // In a pipeline all have the same times; the order stays.
    assert!(judged(&[write(0, 1, 0, 9), read(0, 1, 0, 9)]));
    assert!(!judged(&[read(0, 1, 0, 9), write(0, 1, 0, 9)]));
}
