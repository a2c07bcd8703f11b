//! `-o idle_timeout`: the thread that has the workers look for silent clients.
//!
//! A worker's connections are its own, so this thread only says when to look, once a second,
//! by a message to each worker. It runs only if there is a timeout.
//!
//! All of this but starting and stopping runs on that thread, `mc-idletimeout`. It holds its
//! own mutex while it waits, and takes those of the inboxes under it.

#![forbid(unsafe_code)]

use super::inbox::{Message, Sender};
use crate::server::Server;
use crate::sys::seccomp::Role;
use crate::sys::thread;
use std::io::Result;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often workers look.
const PERIOD: Duration = Duration::from_secs(1);

/// The running thread.
pub struct IdleThread {
    end: Arc<End>,
    thread: JoinHandle<()>,
}

/// Whether the thread is to end, and what wakes it up for that.
#[derive(Default)]
struct End {
    is_near: Mutex<bool>,
    changed: Condvar,
}

impl IdleThread {
    /// Starts the thread, if the settings ask for a timeout.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(server: &'static Server, workers: Arc<[Sender]>) -> Result<Option<IdleThread>> {
        if server.settings.idle_timeout_s <= 0 {
            return Ok(None);
        }
        let end = Arc::new(End::default());
        let seen = Arc::clone(&end);
        let thread = thread::spawn("mc-idletimeout", Role::Worker, move || {
            run(server, &workers, &seen);
        })?;
        Ok(Some(IdleThread { end, thread }))
    }

    /// Ends the thread and waits until it has.
    pub fn stop(self) {
        *self.end.is_near.lock().unwrap() = true;
        self.end.changed.notify_one();
        let _ = self.thread.join();
    }
}

fn run(server: &Server, workers: &[Sender], end: &End) {
    let mut is_near = end.is_near.lock().unwrap();
    while !*is_near {
        if server.settings.verbosity.get() > 2 {
            log!("idle timeout thread at top of connection list");
        }
        for worker in workers {
            // A worker that is gone has no clients.
            let _ = worker.send(Message::Sweep);
        }
        if server.settings.verbosity.get() > 2 {
            let seconds = PERIOD.as_secs();
            log!("idle timeout thread finished pass, sleeping for {seconds}s");
        }
        (is_near, _) = end.changed.wait_timeout(is_near, PERIOD).unwrap();
    }
}
