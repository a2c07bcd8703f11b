//! A worker's inbox: what other threads have for it.
//!
//! ```text
//! listener, idle thread, others ─► messages, in order ─► worker
//!                      the first one ─► pipe ─► epoll_wait
//! ```
//!
//! Messages lie in a list; the pipe says that there are some. A thread that finds the list empty
//! writes one byte, so many messages cost one wake-up, and no thread ever waits for space in the
//! pipe.
//!
//! Any number of threads send, and only the worker receives. A message that was sent is received,
//! or the worker has ended before: then what it has not received is handed to it once more, to be
//! dropped, and later messages come back to the thread that sends them. If the system refuses the
//! byte, a client comes back, and any other message waits for the next one.
//!
//! Locks: one mutex for the list; a byte is written and read under it, which never waits, and no
//! other lock is taken.

#![forbid(unsafe_code)]

use crate::server::completion::{Completions, Ticket};
use crate::settings::Protocol;
use crate::sys::sync::Mutex;
use crate::sys::wake::WakePipe;
use std::io::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// What another thread has for a worker.
#[derive(Debug)]
pub enum Message {
    /// A client that has been accepted, and what the listener speaks that accepted it.
    Client(OwnedFd, Protocol),
    /// It is time to look for silent clients.
    Sweep,
    /// The worker is to end.
    Stop,
    /// What another thread did for the connection of this token is done.
    Done(u64, Ticket),
}

/// Messages of which memory is kept when there are none.
const MESSAGES_KEPT: usize = 64;

/// What both ends share. The pipe holds a byte if the list says that the worker is woken.
struct Shared {
    list: Mutex<List>,
    pipe: WakePipe,
}

#[derive(Default)]
struct List {
    messages: Vec<Message>,
    /// Whether the worker has been woken since it last received.
    is_woken: bool,
    /// Whether the worker has ended.
    is_closed: bool,
}

/// The end for the threads that send.
#[derive(Clone)]
pub struct Sender(Arc<Shared>);

/// The worker's end. Its descriptor is readable while there are messages.
pub struct Inbox(Arc<Shared>);

/// An empty inbox.
///
/// # Errors
/// The process has no more descriptors.
pub fn inbox() -> Result<(Sender, Inbox)> {
    let shared = Arc::new(Shared {
        list: Mutex::default(),
        pipe: WakePipe::new()?,
    });
    Ok((Sender(Arc::clone(&shared)), Inbox(shared)))
}

impl Sender {
    /// Sends a message. Never waits.
    ///
    /// # Errors
    /// The worker has ended, or the message is a client and the worker cannot be woken: the message
    /// comes back.
    pub fn send(&self, message: Message) -> std::result::Result<(), Message> {
        let mut list = self.0.list.lock().unwrap();
        if list.is_closed {
            return Err(message);
        }
        list.is_woken = list.is_woken || self.0.pipe.wake().is_ok();
        if !list.is_woken && matches!(message, Message::Client(..)) {
            return Err(message);
        }
        list.messages.push(message);
        Ok(())
    }
}

impl Completions for Sender {
    fn done(&self, token: u64, ticket: Ticket) {
        // A worker that has ended has no connections.
        let _ = self.send(Message::Done(token, ticket));
    }
}

impl Inbox {
    /// Takes all messages, in the order in which they were sent. `messages` is empty memory for
    /// those that come next.
    pub fn receive(&self, messages: &mut Vec<Message>) {
        debug_assert!(messages.is_empty());
        messages.shrink_to(MESSAGES_KEPT);
        let mut list = self.0.list.lock().unwrap();
        self.0.pipe.clear();
        list.is_woken = false;
        std::mem::swap(&mut list.messages, messages);
    }

    /// No message can be sent any more; gives those that have not been received.
    pub fn close(self) -> Vec<Message> {
        let mut list = self.0.list.lock().unwrap();
        list.is_closed = true;
        std::mem::take(&mut list.messages)
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.pipe.as_fd()
    }
}

#[cfg(all(test, loom))]
impl Inbox {
    /// Sleeps until there are messages.
    pub fn wait(&self) {
        self.0.pipe.wait();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sys::epoll::{Epoll, Events, Watch};
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// Whether the inbox says that there are messages.
    fn is_readable(epoll: &Epoll) -> bool {
        let mut events = Events::with_capacity(1);
        epoll.wait(&mut events, 0).unwrap();
        !events.is_empty()
    }

    fn watched(inbox: &Inbox) -> Epoll {
        let epoll = Epoll::new().unwrap();
        let fd = inbox.as_fd().as_raw_fd();
        epoll.add(fd, 0, Watch::Readable).unwrap();
        epoll
    }

    #[test]
    fn messages_come_in_order_and_a_socket_still_works() {
        let (sender, inbox) = inbox().unwrap();
        let epoll = watched(&inbox);
        assert!(!is_readable(&epoll));
        let (here, mut there) = UnixStream::pair().unwrap();
        sender
            .send(Message::Client(here.into(), Protocol::Ascii))
            .unwrap();
        sender.clone().send(Message::Sweep).unwrap();
        sender.send(Message::Stop).unwrap();
        assert!(is_readable(&epoll));
        let mut messages = Vec::new();
        inbox.receive(&mut messages);
        assert!(!is_readable(&epoll));
        let mut messages = messages.into_iter();
        let Some(Message::Client(socket, Protocol::Ascii)) = messages.next() else {
            panic!("the client comes first");
        };
        assert!(matches!(messages.next(), Some(Message::Sweep)));
        assert!(matches!(messages.next(), Some(Message::Stop)));
        assert!(messages.next().is_none());
        UnixStream::from(socket).write_all(b"x").unwrap();
        assert_eq!(there.read(&mut [0; 2]).unwrap(), 1);
    }

    #[test]
    fn a_thread_that_sends_never_waits_however_much_there_is() {
        let (sender, inbox) = inbox().unwrap();
        let epoll = watched(&inbox);
        let mut messages = Vec::new();
        for round in 1..=2 {
            for _ in 0..100_000 {
                sender.send(Message::Sweep).unwrap(); // more than a pipe has space for
            }
            inbox.receive(&mut messages);
            assert_eq!(messages.len(), 100_000, "round {round}");
            assert!(!is_readable(&epoll), "one wake-up for all of them");
            messages.clear();
        }
        inbox.receive(&mut messages);
        assert!(messages.is_empty() && messages.capacity() <= MESSAGES_KEPT);
    }

    #[test]
    fn what_a_worker_has_not_received_is_given_back_and_then_nothing_is_taken() {
        let (sender, inbox) = inbox().unwrap();
        let (here, mut there) = UnixStream::pair().unwrap();
        let client = |socket: UnixStream| Message::Client(socket.into(), Protocol::Auto);
        sender.send(Message::Stop).unwrap();
        sender.send(client(here.try_clone().unwrap())).unwrap();
        let left = inbox.close();
        assert!(matches!(&left[..], [Message::Stop, Message::Client(..)]));
        let refused = sender.send(client(here)).unwrap_err();
        assert!(matches!(refused, Message::Client(..)));
        drop((left, refused));
        assert_eq!(
            there.read(&mut [0]).unwrap(),
            0,
            "its descriptors are closed"
        );
    }
}
