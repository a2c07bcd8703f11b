//! Models of how threads hand things to each other through the kernel, for loom. The calls are
//! real; loom knows of them by `sync::Crossing`. `make loom` runs them.

use super::super::handover::{self, Message};
use super::super::sync::explore;
use super::super::wake::Waker;
use loom::cell::Cell;
use loom::thread;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

/// Something that only one thread may touch at a time; loom sees to that.
#[derive(Default)]
struct Work(Cell<u32>);

// SAFETY: loom checks each access.
unsafe impl Sync for Work {}

#[test]
fn descriptors_come_in_order_with_what_was_done_before_and_none_after_the_last() {
    explore(None, || {
        let (giver, taker) = handover::pair().unwrap();
        let work = Arc::new(Work::default());
        let shared = Arc::clone(&work);
        let worker = thread::spawn(move || {
            let (mut taken, mut has_ended) = (Vec::new(), false);
            while !has_ended {
                taker.wait();
                taker.take(|message| match message {
                    Message::Descriptor(fd, note) => {
                        assert!(!has_ended && shared.0.get() >= note);
                        taken.push((fd, note));
                    }
                    Message::Sweep => assert!(!has_ended),
                    Message::Stop => has_ended = true,
                });
            }
            taken
        });
        let mut numbers = Vec::new();
        for note in 1..=2 {
            let file: OwnedFd = File::open("/dev/null").unwrap().into();
            numbers.push((file.as_raw_fd(), note));
            if note == 1 {
                work.0.set(2);
            }
            giver.give(file, note).unwrap();
        }
        giver.sweep().unwrap();
        giver.stop().unwrap();
        let taken = worker.join().unwrap();
        let as_numbers = |(fd, note): &(OwnedFd, u32)| (fd.as_raw_fd(), *note);
        assert_eq!(taken.iter().map(as_numbers).collect::<Vec<_>>(), numbers);
    });
}

#[test]
fn what_is_given_to_one_who_is_gone_is_closed_and_what_he_took_is_his() {
    explore(None, || {
        let (giver, taker) = handover::pair().unwrap();
        let worker = thread::spawn(move || {
            let mut taken = Vec::new();
            taker.take(|message| {
                if let Message::Descriptor(fd, _) = message {
                    taken.push(fd);
                }
            });
            drop(taker);
            taken.len()
        });
        let file: OwnedFd = File::open("/dev/null").unwrap().into();
        let is_given = giver.give(file, 0).is_ok();
        let taken = worker.join().unwrap();
        assert!(taken == 0 || is_given);
    });
}

#[test]
fn who_clears_before_he_looks_misses_nothing() {
    explore(None, || {
        let waker = Arc::new(Waker::new().unwrap());
        let done = Arc::new(loom::sync::atomic::AtomicU32::new(0));
        let (shared, count) = (Arc::clone(&waker), Arc::clone(&done));
        let other = thread::spawn(move || {
            for _ in 0..2 {
                count.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
                shared.wake();
            }
        });
        let mut seen = 0;
        while seen < 2 {
            waker.wait();
            waker.clear();
            seen = done.load(loom::sync::atomic::Ordering::Relaxed);
        }
        other.join().unwrap();
    });
}
