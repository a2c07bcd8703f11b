//! Tests of the log, from entries to lines.

use super::entry::Entry;
use super::line::{command_of, write_item};
use super::streams::STREAMS;
use super::*;
use crate::store::{AllocError, Event, Mode, Observer, Seen, StoreEnd};
use crate::sys::socket::Address;
use crate::sys::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

const SEEN: Event = Event::LookedUp {
    seen: Seen::Found,
    class: 1,
    value_len: 4,
};

fn log(ring_len: usize) -> Arc<Log> {
    Arc::new(Log::new(ring_len, 1024).unwrap())
}

fn drained(drain: &mut Drain, log: &Log) -> Vec<String> {
    drain.gather(log);
    let mut lines = Vec::new();
    drain.each(|_, _, line| {
        let (_, line) = line.split_once(' ').unwrap();
        lines.push(line.trim_end().to_owned());
    });
    drain.clear();
    lines
}

#[test]
fn streams_are_known_by_their_first_letters() {
    let named = |word: &str| Streams::named(&[word.as_bytes()]);
    assert_eq!(named("evictions"), Some(Streams::EVICTIONS));
    assert_eq!(named("e"), Some(Streams::EVICTIONS));
    assert_eq!(named("f"), Some(Streams::FETCHERS));
    assert_eq!(named("mut"), Some(Streams::MUTATIONS));
    assert_eq!(named("s"), Some(Streams::SYSEVENTS));
    assert_eq!(named("conn"), Some(Streams::CONNEVENTS));
    assert_eq!(named("deletions"), Some(Streams::DELETIONS));
    assert_eq!(Streams::named(&[]), Some(Streams::FETCHERS));
    for name in STREAMS {
        assert!(named(name).is_some());
        assert_eq!(named(&format!("{name}x")), None);
        assert_eq!(named(&name.to_uppercase()), None);
    }
    let both = Streams::named(&[b"f", b"mutations", b"f"]).unwrap();
    assert!(both.meets(Streams::FETCHERS) && both.meets(Streams::MUTATIONS));
    assert!(!both.meets(Streams::EVICTIONS));
    assert_eq!(Streams::named(&[b"f", b"noreply"]), None);
}

#[test]
fn entries_are_made_only_for_what_is_watched_and_come_in_order() {
    let (log, mut taken) = (log(4096), Drain::default());
    let (one, two) = (log.recorder(), log.recorder());
    one.item(b"early", SEEN);
    assert!(drained(&mut taken, &log).is_empty());
    let place = log.reserve(Streams::named(&[b"f", b"s"]).unwrap()).unwrap();
    assert!(log.wants(Streams::OF_ITEMS) && place.first_gid == 1);
    one.fd.store(5, Relaxed);
    one.item(b"a b", SEEN);
    two.item(b"\xff,%~", SEEN);
    let by = "delete";
    two.item(
        b"c",
        Event::Removed {
            by,
            class: 1,
            value_len: 1,
        },
    );
    two.opened(9, &Address::Unnamed);
    one.system(&format_args!("type=slab_move src={} dst={} state=ok", 1, 2));
    assert_eq!(
        drained(&mut taken, &log),
        [
            "gid=2 type=item_get key=a%20b status=found clsid=1 cfd=5 size=4",
            "gid=3 type=item_get key=%FF%2C%25~ status=found clsid=1 cfd=-1 size=4",
            "gid=4 type=slab_move src=1 dst=2 state=ok",
        ]
    );
    log.leave(place.streams);
    assert!(!log.wants(Streams::OF_ITEMS) && log.watchers() == 0);
    one.item(b"late", SEEN);
    assert!(drained(&mut taken, &log).is_empty());
}

#[test]
fn a_full_ring_drops_entries_and_says_how_many() {
    let ring_len = 3 * (size_of::<Entry>() + 1);
    let (log, mut taken) = (log(ring_len), Drain::default());
    let recorder = log.recorder();
    log.reserve(Streams::FETCHERS).unwrap();
    for _ in 0..5 {
        recorder.item(b"k", SEEN);
    }
    assert_eq!(taken.gather(&log), (3, 2));
    taken.clear();
    recorder.item(b"k", SEEN);
    assert_eq!(taken.gather(&log), (1, 0));
    taken.clear();
    assert_eq!(taken.gather(&log), (0, 0));
}

#[test]
fn after_the_last_watcher_no_memory_is_kept() {
    let (log, mut taken) = (log(4096), Drain::default());
    let recorder = log.recorder();
    let place = log.reserve(Streams::FETCHERS).unwrap();
    for _ in 0..3 {
        recorder.item(b"k", SEEN);
        assert_eq!(taken.gather(&log), (1, 0));
        taken.clear();
    }
    recorder.item(b"k", SEEN);
    log.leave(place.streams);
    assert_eq!(taken.end(&log), (1, 0));
    let ring = recorder.ring.lock().unwrap();
    assert_eq!((ring.entries.capacity(), ring.texts.capacity()), (0, 0));
    assert_eq!(taken.taken.capacity(), 0);
}

#[test]
fn there_are_only_so_many_places() {
    let log = log(4096);
    for _ in 0..WATCHERS_MAX {
        assert!(log.reserve(Streams::EVICTIONS).is_ok());
    }
    assert_eq!(log.reserve(Streams::FETCHERS).err(), Some(NoPlace::Full));
    assert!(!log.wants(Streams::FETCHERS));
    log.leave(Streams::EVICTIONS);
    assert!(log.reserve(Streams::FETCHERS).is_ok());
    let huge = Arc::new(Log::new(4096, usize::MAX / 2 + 1).unwrap());
    let refused = huge.reserve(Streams::FETCHERS).err();
    assert_eq!(refused, Some(NoPlace::NoMemory));
    assert_eq!(huge.watchers(), 0);
}

#[test]
fn every_way_to_store_has_its_words() {
    let mut words = Vec::new();
    for mode in [
        Mode::Set,
        Mode::Add,
        Mode::Replace,
        Mode::Append,
        Mode::Prepend,
    ] {
        words.push(format!(
            "{} {}",
            command_of(mode, false),
            command_of(mode, true)
        ));
    }
    let expected = [
        "set cas",
        "add add",
        "replace cas",
        "append append",
        "prepend prepend",
    ];
    assert_eq!(words, expected);
    let mut line = String::new();
    let event = Event::Stored {
        end: StoreEnd::Refused(AllocError::TooLarge),
        mode: Mode::Set,
        compares: false,
        ttl_s: 0,
        class: 0,
        value_len: 0,
    };
    write_item(&mut line, &event, b"k", 7).unwrap();
    let expected = "type=item_store key=k status=too_large cmd=set ttl=0 clsid=0 cfd=7 size=0";
    assert_eq!(line, expected);
}
