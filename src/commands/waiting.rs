//! Work that other threads do for the requests of a session whose replies are not ready.
//!
//! All work of a batch is begun before its first request is carried out. The batch ends at the
//! first request whose work is not done; when it is, the input is parsed again from there. So a
//! request may be met several times, and is known by its *subject*: the hash of what it wants.

#![forbid(unsafe_code)]

use crate::server::completion::Ticket;

/// What a request wants of another thread.
pub(super) struct Work<'i> {
    /// What it is known by.
    pub subject: u64,
    /// What it is about.
    pub name: &'i [u8],
}

/// A piece of work that has been begun.
struct Entry {
    subject: u64,
    ticket: Ticket,
    is_done: bool,
}

/// What is under way for a session, or done and not used yet.
#[cfg_attr(not(debug_assertions), allow(dead_code))] // a release build has no such request yet
#[derive(Default)]
pub(super) struct Waiting {
    works: Vec<Entry>,
    /// What the session cannot go on without.
    blocked_on: Option<Ticket>,
}

#[cfg_attr(not(debug_assertions), allow(dead_code))]
impl Waiting {
    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// Whether work for that subject has been begun.
    pub fn has(&self, subject: u64) -> bool {
        self.works.iter().any(|work| work.subject == subject)
    }

    /// Notes work that has been begun.
    pub fn add(&mut self, subject: u64, ticket: Ticket) {
        self.works.push(Entry {
            subject,
            ticket,
            is_done: false,
        });
    }

    /// Whether the work for that subject, which has been begun, is done. If not, the session waits
    /// for it.
    pub fn is_done(&mut self, subject: u64) -> bool {
        let mut works = self.works.iter();
        let open = works.find(|work| work.subject == subject && !work.is_done);
        self.blocked_on = open.map(|work| work.ticket);
        open.is_none()
    }

    /// Takes work that is done out; `None`: it is not, and the session waits for it.
    pub fn take_done(&mut self, subject: u64) -> Option<Ticket> {
        let index = self.works.iter().position(|work| work.subject == subject)?;
        let is_done = self.is_done(subject);
        is_done.then(|| self.works.remove(index).ticket)
    }

    /// The work of a ticket is done. Whether the session can go on now.
    pub fn complete(&mut self, ticket: Ticket) -> bool {
        for work in &mut self.works {
            work.is_done |= work.ticket == ticket;
        }
        let can_go_on = self.blocked_on == Some(ticket);
        if can_go_on {
            self.blocked_on = None;
        }
        can_go_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_goes_on_when_what_it_waits_for_is_done_and_not_before() {
        let (mut waiting, one, two) = (Waiting::default(), Ticket::next(), Ticket::next());
        waiting.add(1, one);
        waiting.add(2, two);
        assert!(waiting.has(1) && waiting.has(2) && !waiting.has(3));
        assert!(!waiting.is_done(1));
        assert_eq!(waiting.take_done(1), None);
        assert!(!waiting.complete(two), "the other one comes first");
        assert!(!waiting.complete(Ticket::next()), "of an earlier time");
        assert!(waiting.complete(one));
        assert!(!waiting.complete(one), "said once");
        assert!(waiting.is_done(1), "as often as it is asked");
        assert_eq!(waiting.take_done(1), Some(one));
        assert_eq!(waiting.take_done(2), Some(two));
        assert!(waiting.is_empty());
    }
}
