//! Debug builds only: requests that wait until an operator says so (`debugwait`, `debugdone`), to
//! test replies that are not ready.

#![forbid(unsafe_code)]

use super::caller::Caller;
use super::completion::{Completions, Ticket};
use std::sync::{Arc, Mutex};

struct Wait {
    name: Box<[u8]>,
    token: u64,
    ticket: Ticket,
    completions: Arc<dyn Completions>,
}

/// All requests that wait, of all connections. Its lock is taken last, and nothing is done under it.
#[derive(Default)]
pub struct DebugWaits(Mutex<Vec<Wait>>);

impl DebugWaits {
    /// Notes that a request of `caller` waits for that name.
    pub fn begin(&self, name: &[u8], caller: &Caller<'_>) -> Ticket {
        let ticket = Ticket::next();
        if let Some(completions) = caller.completions {
            self.0.lock().unwrap().push(Wait {
                name: name.into(),
                token: caller.token,
                ticket,
                completions: Arc::clone(completions),
            });
        }
        ticket
    }

    /// All that wait for that name are done; says how many they were. A thread that is no worker
    /// tells it to theirs.
    ///
    /// # Panics
    /// The system has no more threads.
    pub fn finish(&self, name: &[u8]) -> usize {
        let finished: Vec<Wait> = {
            let mut waits = self.0.lock().unwrap();
            waits.extract_if(.., |wait| *wait.name == *name).collect()
        };
        let count = finished.len();
        let tell = move || {
            for wait in &finished {
                wait.completions.done(wait.token, wait.ticket);
            }
        };
        std::thread::spawn(tell).join().unwrap();
        count
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
