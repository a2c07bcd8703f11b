//! Models of the inbox, for loom. The calls to the kernel are real; loom knows of them by
//! `sync::Crossing`. `make loom` runs them.

#![forbid(unsafe_code)]

use super::inbox::{Message, inbox};
use crate::server::completion::{Completions, Ticket};
use crate::settings::Protocol;
use crate::sys::sync::explore;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

fn client() -> Message {
    let file: OwnedFd = File::open("/dev/null").unwrap().into();
    Message::Client(file, Protocol::Auto)
}

fn number(message: &Message) -> Option<i32> {
    match message {
        Message::Client(fd, _) => Some(fd.as_raw_fd()),
        _ => None,
    }
}

#[test]
fn messages_come_in_order_and_none_is_lost_before_the_last() {
    explore(None, || {
        let (sender, inbox) = inbox().unwrap();
        let worker = thread::spawn(move || {
            let (mut clients, mut sweeps, mut messages) = (Vec::new(), 0, Vec::new());
            loop {
                inbox.wait();
                inbox.receive(&mut messages);
                for message in messages.drain(..) {
                    match message {
                        Message::Client(fd, _) => clients.push(fd),
                        Message::Sweep => sweeps += 1,
                        Message::Stop => return (clients, sweeps, inbox.close().len()),
                        Message::Done(..) => unreachable!("no work was begun"),
                    }
                }
            }
        });
        let mut numbers = Vec::new();
        for _ in 0..2 {
            let message = client();
            numbers.extend(number(&message));
            sender.send(message).unwrap();
        }
        sender.send(Message::Sweep).unwrap();
        sender.send(Message::Stop).unwrap();
        let (clients, sweeps, left) = worker.join().unwrap();
        let clients: Vec<_> = clients.iter().map(AsRawFd::as_raw_fd).collect();
        assert_eq!((clients, sweeps, left), (numbers, 1, 0));
    });
}

#[test]
fn of_two_senders_each_wakes_the_worker_or_the_other_has() {
    explore(Some(3), || {
        let (sender, inbox) = inbox().unwrap();
        let other: Arc<dyn Completions> = Arc::new(sender.clone());
        let ticket = Ticket::next();
        let thread = thread::spawn(move || other.done(7, ticket));
        sender.send(Message::Sweep).unwrap();
        let (mut sweeps, mut done, mut messages) = (0, Vec::new(), Vec::new());
        while sweeps + done.len() < 2 {
            inbox.wait(); // loom reports a thread that waits for what never comes
            inbox.receive(&mut messages);
            for message in messages.drain(..) {
                match message {
                    Message::Done(token, ticket) => done.push((token, ticket)),
                    _ => sweeps += 1,
                }
            }
        }
        thread.join().unwrap();
        assert_eq!((sweeps, done), (1, vec![(7, ticket)]));
    });
}

#[test]
fn what_was_done_before_a_message_was_sent_is_seen_by_the_worker() {
    explore(None, || {
        let (sender, inbox) = inbox().unwrap();
        let work = Arc::new(AtomicU32::new(0));
        let shared = Arc::clone(&work);
        let thread = thread::spawn(move || {
            shared.store(1, Relaxed);
            sender.send(Message::Sweep).unwrap();
        });
        inbox.wait();
        inbox.receive(&mut Vec::new());
        assert_eq!(work.load(Relaxed), 1);
        thread.join().unwrap();
    });
}

#[test]
fn a_message_to_a_worker_that_ends_is_received_given_back_or_refused() {
    explore(None, || {
        let (sender, inbox) = inbox().unwrap();
        let worker = thread::spawn(move || {
            let mut messages = Vec::new();
            inbox.receive(&mut messages);
            let received = messages.len();
            (received, inbox.close().len())
        });
        let message = client();
        let refused = sender.send(message).is_err();
        let (received, left) = worker.join().unwrap();
        assert_eq!(received + left + usize::from(refused), 1);
    });
}
