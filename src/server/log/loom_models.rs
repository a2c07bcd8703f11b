//! Models of the log, for loom. `make loom` runs them.

#![forbid(unsafe_code)]

use super::{Drain, Log, Streams};
use crate::store::Observer;
use crate::sys::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};
use crate::sys::sync::{Mutex, explore};
use loom::thread;
use std::sync::Arc;

/// The numbers, and the texts, of all entries that are there.
fn gather(drain: &mut Drain, log: &Log) -> Vec<(u64, String)> {
    drain.gather(log);
    let mut found = Vec::new();
    drain.each(|gid, _, line| {
        let (_, text) = line.trim_end().split_once("type=").unwrap();
        found.push((gid, text.to_owned()));
    });
    drain.clear();
    assert!(found.is_sorted_by(|one, two| one.0 < two.0));
    found
}

#[test]
fn each_entry_is_drained_once_and_those_of_a_thread_in_order() {
    explore(Some(2), || {
        let log = Arc::new(Log::new(4096, 64).unwrap());
        let _place = log.reserve(Streams::SYSEVENTS).unwrap();
        let threads = ["a", "b"].map(|name| {
            let recorder = log.recorder();
            thread::spawn(move || {
                for count in 0..2 {
                    recorder.system(&format_args!("type={name}{count}"));
                }
            })
        });
        let mut drain = Drain::default();
        let mut found = gather(&mut drain, &log);
        for thread in threads {
            thread.join().unwrap();
        }
        found.extend(gather(&mut drain, &log));
        for name in ['a', 'b'] {
            let own = found.iter().filter(|(_, text)| text.starts_with(name));
            let own: Vec<_> = own.collect();
            assert!(own[0].0 < own[1].0 && own.len() == 2);
            assert!(own[0].1.ends_with('0') && own[1].1.ends_with('1'));
        }
    });
}

#[test]
fn what_happens_after_a_watcher_was_admitted_is_kept_for_it() {
    explore(None, || {
        let log = Arc::new(Log::new(4096, 64).unwrap());
        let recorder = log.recorder();
        // Stands for the messages between clients.
        let is_told = Arc::new(AtomicU32::new(0));
        let asked = Arc::clone(&is_told);
        let other = thread::spawn(move || {
            let is_told = asked.load(Acquire) == 1;
            recorder.system(&"type=x");
            is_told
        });
        let first_gid = log.reserve(Streams::SYSEVENTS).unwrap().first_gid;
        is_told.store(1, Release);
        let must_be_there = other.join().unwrap();
        let found = gather(&mut Drain::default(), &log);
        if must_be_there {
            assert!(found[0].0 >= first_gid);
        }
    });
}

#[test]
fn the_logger_is_woken_by_a_ring_that_is_half_full_and_by_what_else_there_is() {
    explore(Some(3), || {
        // Half of a ring: one entry.
        let log = Arc::new(Log::new(100, 64).unwrap());
        log.reserve(Streams::SYSEVENTS).unwrap();
        let recorder = log.recorder();
        let teller = thread::spawn(move || recorder.system(&"type=x"));
        // As a new watcher is handed over (net/logger.rs).
        let arrived = Arc::new(Mutex::new(0));
        let (host, list) = (Arc::clone(&log), Arc::clone(&arrived));
        let worker = thread::spawn(move || {
            *list.lock().unwrap() += 1;
            host.waker.wake();
        });
        // As the logger does it: it clears before it looks.
        let (mut drain, mut entries, mut arrivals) = (Drain::default(), 0, 0);
        while entries + arrivals < 2 {
            log.waker.wait();
            log.waker.clear();
            arrivals += std::mem::take(&mut *arrived.lock().unwrap());
            entries += gather(&mut drain, &log).len();
        }
        assert_eq!((entries, arrivals), (1, 1));
        teller.join().unwrap();
        worker.join().unwrap();
    });
}
