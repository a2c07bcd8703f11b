//! Commands: against a naive twin, from several threads, and at the edges of memory.

use super::*;
use std::collections::HashMap;
use std::sync::Mutex;

fn compare(cas: u64) -> StoreRules {
    StoreRules {
        compare: Some(cas),
        ..Mode::Set.into()
    }
}

fn expected(twin: &HashMap<Vec<u8>, Vec<u8>>, key: &[u8], mode: Mode) -> Outcome {
    match (mode, twin.contains_key(key)) {
        (Mode::Set, _) | (Mode::Add, false) => Outcome::Stored,
        (Mode::Replace | Mode::Append | Mode::Prepend, true) => Outcome::Stored,
        _ => Outcome::NotStored,
    }
}

const MODES: [Mode; 6] = [
    Mode::Set,
    Mode::Set,
    Mode::Add,
    Mode::Replace,
    Mode::Append,
    Mode::Prepend,
];

#[test]
fn a_random_run_of_all_modes_agrees_with_a_map() {
    let store = Store::new(&config(256)).unwrap();
    let mut client = Client::new(&store);
    let mut twin: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let mut random = Random(1);
    for step in 0..steps(40_000) {
        let key = format!("key{}", random.below(700)).into_bytes();
        let len = match random.below(40) {
            0 => random.below(200_000) as usize, // a chain of chunks
            1..5 => random.below(9000) as usize,
            _ => random.below(300) as usize,
        };
        let mode = MODES[random.below(6) as usize];
        match random.below(5) {
            0 => assert_eq!(client.delete(&key), twin.remove(&key).is_some()),
            1 => assert_eq!(
                client.get(&key).map(|(v, _)| v),
                twin.get(&key).cloned(),
                "{step}"
            ),
            how => {
                let value = value_for(&key, len);
                let joined = match (mode, twin.get(&key)) {
                    (Mode::Append, Some(old)) => [&old[..], &value].concat(),
                    (Mode::Prepend, Some(old)) => [&value[..], old].concat(),
                    _ => value.clone(),
                };
                if !store.fits(key.len(), 0, joined.len()) {
                    continue;
                }
                let outcome = if how == 2 {
                    client.upload(&key, &value, mode)
                } else {
                    client.put(&key, &value, mode)
                };
                assert_eq!(outcome, Ok(expected(&twin, &key, mode)));
                if outcome == Ok(Outcome::Stored) {
                    twin.insert(key, joined);
                }
            }
        }
        if step % 5000 == 0 {
            assert_eq!(client.verify().linked, twin.len() as u64);
        }
    }
    for (key, value) in &twin {
        assert_eq!(client.get(key).map(|(v, _)| v).as_ref(), Some(value));
    }
    for key in twin.keys() {
        assert!(client.delete(key));
    }
    let census = client.verify();
    assert_eq!(
        (census.linked, census.chained, census.held),
        (0, 0, 0),
        "everything comes back"
    );
}

#[test]
fn threads_that_store_read_and_delete_in_little_memory_never_see_a_wrong_value() {
    let store = Store::new(&config(4)).unwrap();
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                let mut client = Client::new(store);
                let (mut random, mut pins) = (Random(thread), Vec::new());
                for _ in 0..steps(20_000) {
                    do_something(&mut client, &mut random, &mut pins);
                    if pins.len() > 20 {
                        for (key, pin) in pins.drain(..) {
                            let value: Vec<u8> = pin.pieces().flatten().copied().collect();
                            assert_eq!(value, value_for(&key, value.len()), "a pinned value stays");
                        }
                    }
                }
                drop(pins);
                done.lock().unwrap().push(client.thread);
            });
        }
    });
    let threads = done.into_inner().unwrap();
    let totals = Store::totals_of(&threads.iter().collect::<Vec<_>>());
    let census = store.verify(&totals).unwrap();
    assert!(census.linked > 0);
    assert_eq!(census.held, 0, "drafts and pins are gone");
}

/// A pinned value, and its key.
type Pin<'s> = (Vec<u8>, Pinned<'s>);

fn do_something<'s>(client: &mut Client<'s>, random: &mut Random, pins: &mut Vec<Pin<'s>>) {
    let store = client.store;
    let key = format!("key{}", random.below(3000)).into_bytes();
    match random.below(10) {
        0 => drop(client.delete(&key)),
        1..4 => {
            let len = match random.below(50) {
                0 => 150_000,
                _ => random.below(4000),
            };
            let value = value_for(&key, len as usize);
            // No memory is a fair answer while others hold it; a wrong value is not.
            let _ = client.put(&key, &value, Mode::Set);
        }
        4 => {
            let value = value_for(&key, random.below(2000) as usize);
            let _ = client.upload(&key, &value, Mode::Add);
        }
        5 => {
            let (thread, key) = (&mut client.thread, store.key(&key));
            let draft = store.draft(thread, &key, Meta::default(), 100_000, &Mode::Set.into());
            if let Ok(mut draft) = draft {
                let _ = draft.write(&mut client.thread, &[0; 70_000]);
            }
        }
        6 => {
            let (thread, sought) = (&mut client.thread, store.key(&key));
            let pin = store.read(thread, &sought, Access::Get, |found| found.pin());
            pins.extend(pin.map(|pin| (key, pin)));
        }
        7 => pins.clear(),
        8 if random.below(2000) == 0 => store.flush(&mut client.thread, FlushTime::Now),
        _ => {
            if let Some((value, _)) = client.get(&key) {
                assert_eq!(value, value_for(&key, value.len()));
            }
        }
    }
}

/// Few in the interpreter, which runs the test under many seeds instead.
const LOOKS: usize = if cfg!(miri) { 100 } else { 300_000 };

/// All in one bucket: the eighth item's word becomes a link, and a slot again, all the time.
#[test]
fn the_eighth_item_of_a_full_bucket_is_found_while_a_ninth_comes_and_goes() {
    let one_bucket = Config {
        hash_power: 3,
        hash_expand: false,
        ..config(1)
    };
    let store = Store::new(&one_bucket).unwrap();
    let mut client = Client::new(&store);
    let keys: Vec<[u8; 1]> = (b'1'..=b'9').map(|digit| [digit]).collect();
    for key in &keys[..8] {
        client.put(key, key, Mode::Set).unwrap();
    }
    std::thread::scope(|scope| {
        let readers = [7, 6].map(|index| {
            let (store, key) = (&store, &keys[index]);
            scope.spawn(move || {
                let mut thread = thread_state(store);
                let hash = store.hash(key);
                for _ in 0..LOOKS {
                    let hint = match store.prefetch_item(hash, 0) {
                        Probe::Seen(hint) => hint,
                        Probe::Nothing | Probe::Overflow => {
                            store.prefetch_overflow(hash);
                            Hint::default()
                        }
                    };
                    let found = store.read(
                        &mut thread,
                        &Key::with_hint(key, hash, hint),
                        Access::Get,
                        |found| found.value().map(|value| value == key),
                    );
                    assert_eq!(found, Some(Some(true)));
                }
                store.retire(thread);
            })
        });
        while readers.iter().any(|reader| !reader.is_finished()) {
            client.put(&keys[8], b"nine", Mode::Set).unwrap();
            assert!(client.delete(&keys[8]));
        }
    });
}

#[test]
fn increments_from_several_threads_add_up() {
    let store = Store::new(&config(8)).unwrap();
    let key = b"n";
    Client::new(&store).put(key, b"0", Mode::Set).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut thread = thread_state(&store);
                let up = Change {
                    delta: 3,
                    increment: true,
                    compare: None,
                    cas: 0,
                    create: None,
                };
                for _ in 0..steps(5000) {
                    assert!(matches!(
                        store.change(&mut thread, &store.key(key), &up, |_, _, _| ()),
                        Ok(())
                    ));
                }
                store.retire(thread);
            });
        }
    });
    let value = Client::new(&store).get(key).unwrap().0;
    assert_eq!(value, (12 * steps(5000)).to_string().as_bytes());
}

#[test]
fn a_number_keeps_its_length_and_marks_whoever_reads_it() {
    let store = Store::new(&config(8)).unwrap();
    let mut client = Client::new(&store);
    let key = b"n";
    let text = format!("10{}", " ".repeat(500)).into_bytes();
    client.put(key, &text, Mode::Set).unwrap();
    let marked = |found: Found<'_, '_>| {
        (
            found.value_len(),
            found.is_fetched(),
            found.is_stale(),
            found.is_win_sent(),
        )
    };
    let stale = Removal {
        stale: true,
        ..Removal::default()
    };
    store
        .remove(&mut client.thread, &store.key(key), &stale)
        .unwrap();
    let pin = store.read(&mut client.thread, &store.key(key), Access::Get, |found| {
        found.set_win_sent();
        found.pin()
    });
    let down = Change {
        delta: 1,
        increment: false,
        compare: None,
        cas: 0,
        create: None,
    };
    let left = store.change(
        &mut client.thread,
        &store.key(key),
        &down,
        |found, sum, _| (sum, marked(found)),
    );
    assert_eq!(left, Ok((9, (502, true, true, true))));
    let held: Vec<u8> = pin.unwrap().pieces().flatten().copied().collect();
    assert_eq!(held, text, "the reader has what it asked for");
    assert_eq!(
        client.get(key).unwrap().0,
        format!("9{}", " ".repeat(501)).into_bytes()
    );
    assert_eq!(client.verify().held, 0);
}

#[test]
fn a_cas_id_is_spent_by_exactly_one_of_those_who_hold_it() {
    let store = Store::new(&config(8)).unwrap();
    let mut first = Client::new(&store);
    first.put(b"k", b"0", Mode::Set).unwrap();
    let won: u64 = std::thread::scope(|scope| {
        let run = || {
            let mut client = Client::new(&store);
            let mut won = 0;
            for _ in 0..steps(3000) {
                let (value, cas) = client.get(b"k").unwrap();
                let next =
                    (String::from_utf8(value).unwrap().parse::<u64>().unwrap() + 1).to_string();
                if client.put(b"k", next.as_bytes(), compare(cas)) == Ok(Outcome::Stored) {
                    won += 1;
                }
            }
            won
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(first.get(b"k").unwrap().0, won.to_string().as_bytes());
    assert!(won >= steps(3000), "a loser has lost to a winner");
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_full_cache_gives_up_the_oldest_and_keeps_what_is_in_use() {
    let store = Store::new(&config(2)).unwrap();
    let mut client = Client::new(&store);
    let value = vec![b'x'; 1000];
    client.put(b"wanted", &value, Mode::Set).unwrap();
    for n in 0..20_000 {
        assert_eq!(
            client.put(format!("key{n}").as_bytes(), &value, Mode::Set),
            Ok(Outcome::Stored)
        );
        if n % 100 == 0 {
            assert!(client.get(b"wanted").is_some(), "after {n}");
        }
    }
    assert!(client.get(b"key19999").is_some());
    assert!(client.get(b"key0").is_none());
    let evicted: u64 = (0..CLASSES_MAX)
        .map(|class| store.list_events(class).evicted)
        .sum();
    assert_eq!(evicted + client.verify().linked, 20_001);
}

#[test]
fn without_evictions_what_does_not_fit_is_refused_and_nothing_is_lost() {
    let store = Store::new(&Config {
        evict: false,
        ..config(2)
    })
    .unwrap();
    let mut client = Client::new(&store);
    let value = vec![b'x'; 1000];
    let mut stored = 0;
    while client
        .put(format!("key{stored}").as_bytes(), &value, Mode::Set)
        .is_ok()
    {
        stored += 1;
    }
    assert!(stored > 1500);
    assert!((0..stored).all(|n| client.get(format!("key{n}").as_bytes()).is_some()));
    assert_eq!(
        client.put(b"key0", &[b'y'; 1001], Mode::Add),
        Err(AllocError::NoMemory)
    );
    assert_eq!(
        client.put(b"key0", &[b'y'; 1000], Mode::Set),
        Ok(Outcome::Stored),
        "in its place"
    );
    assert!(client.delete(b"key1"));
    assert_eq!(client.put(b"other", &value, Mode::Set), Ok(Outcome::Stored));
    client.verify();
}

#[test]
fn memory_that_runs_out_inside_a_large_value_comes_back_and_the_old_value_goes_or_stays() {
    let store = Store::new(&Config {
        evict: false,
        ..config(2)
    })
    .unwrap();
    let mut client = Client::new(&store);
    assert_eq!(
        client.put(b"a", &vec![1; 900_000], Mode::Set),
        Ok(Outcome::Stored)
    );
    let before = client.verify();
    assert_eq!(
        client.put(b"b", &vec![2; 1_040_000], Mode::Set),
        Err(AllocError::NoMemoryInside)
    );
    let (_, cas) = client.get(b"a").unwrap();
    for terms in [Mode::Add.into(), Mode::Replace.into(), compare(cas)] {
        let refused = client.put(b"a", &vec![3; 1_040_000], terms);
        assert_eq!(refused, Err(AllocError::NoMemoryInside));
        assert_eq!(client.get(b"a").unwrap().0, vec![1; 900_000], "it stays");
    }
    let after = client.verify();
    assert_eq!(
        (after.linked, after.chained, after.held),
        (1, before.chained, 0)
    );
    // A client that meant to replace it in any case shall not go on reading it.
    assert_eq!(
        client.put(b"a", &vec![3; 1_040_000], Mode::Set),
        Err(AllocError::NoMemoryInside)
    );
    assert_eq!(client.get(b"a"), None);
    let after = client.verify();
    assert_eq!((after.linked, after.chained, after.held), (0, 0, 0));
}

#[test]
fn a_flush_hides_what_was_stored_before_it_and_nothing_after_even_300_times() {
    let store = Store::new(&config(4)).unwrap();
    let mut client = Client::new(&store);
    for round in 0..300 {
        let (old, new) = (format!("old{round}"), format!("new{round}"));
        client.put(old.as_bytes(), b"x", Mode::Set).unwrap();
        store.flush(&mut client.thread, FlushTime::Now);
        client.put(new.as_bytes(), b"x", Mode::Set).unwrap();
        assert!(client.get(old.as_bytes()).is_none() && client.get(new.as_bytes()).is_some());
    }
    for round in 0..299 {
        assert!(
            client.get(format!("new{round}").as_bytes()).is_none(),
            "the epoch came round"
        );
    }
    client.verify();
}

#[test]
fn nothing_comes_back_when_its_epoch_does_wherever_it_lies() {
    let store = Store::new(&config(32)).unwrap();
    let mut client = Client::new(&store);
    let epochs = usize::from(table::EPOCHS);
    let key = |round: usize, n: usize| format!("key{round}.{n}").into_bytes();
    for round in 0..2 * epochs {
        for n in 0..300 {
            if round < epochs {
                client.put(&key(round, n), b"x", Mode::Set).unwrap();
            } else {
                assert_eq!(client.get(&key(round - epochs, n)), None, "{round}");
            }
        }
        store.flush(&mut client.thread, FlushTime::Now);
    }
    client.verify();
}

#[test]
fn a_later_flush_replaces_the_pending_one() {
    let store = Store::new(&config(4)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    client.put(b"k", b"x", Mode::Set).unwrap();
    store.flush(&mut client.thread, FlushTime::At(store.clock.now() + 5));
    store.flush(&mut client.thread, FlushTime::Never);
    store.clock.shift(10);
    store.flush_if_due(&mut client.thread);
    assert!(client.get(b"k").is_some());
    store.flush(&mut client.thread, FlushTime::At(store.clock.now() + 5));
    store.clock.shift(5);
    store.flush_if_due(&mut client.thread);
    assert!(client.get(b"k").is_none());
}

#[test]
fn a_flush_is_noted_before_the_walk_through_what_is_dead() {
    let store = Store::new(&config(4)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..2000 {
        client
            .put(format!("k{n}").as_bytes(), b"v", Mode::Set)
            .unwrap();
    }
    let items = store.usage().items;
    // What is shown of it waits for no walk.
    store.flush_and_note(&mut client.thread, FlushTime::Now, || {
        assert_eq!(store.usage().items, items);
    });
    assert!(store.usage().items < items, "a part is walked");
}

#[test]
fn a_flush_whose_second_has_begun_is_carried_out_whatever_is_asked_for_then() {
    for later in [FlushTime::At(1000), FlushTime::Never, FlushTime::Now] {
        let store = Store::new(&config(4)).unwrap();
        store.clock.pause();
        let mut client = Client::new(&store);
        client.put(b"k", b"x", Mode::Set).unwrap();
        store.flush(&mut client.thread, FlushTime::At(store.clock.now() + 1));
        // No thread has noticed yet: a worker is in the middle of what it has read.
        store.clock.shift(1);
        store.flush(&mut client.thread, later);
        assert!(client.get(b"k").is_none(), "{later:?}");
        let pending = matches!(later, FlushTime::At(_)).then_some(1000);
        assert_eq!(store.flush_due_s(), pending.unwrap_or(0));
    }
}

#[test]
fn a_flush_that_many_find_due_happens_once_and_before_any_of_them_goes_on() {
    const THREADS: usize = 3;
    let store = Store::new(&config(4)).unwrap();
    store.clock.pause();
    let barrier = std::sync::Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                let mut thread = thread_state(store);
                for _ in 0..100 {
                    let epoch = store.hold_stripe(0).moment().epoch();
                    barrier.wait();
                    if number == 0 {
                        store.flush(&mut thread, FlushTime::At(store.clock.now() + 1));
                        store.clock.shift(1);
                    }
                    barrier.wait();
                    store.flush_if_due(&mut thread);
                    let next = (epoch + 1) % table::EPOCHS;
                    assert_eq!(
                        store.hold_stripe(0).moment().epoch(),
                        next,
                        "it has happened"
                    );
                    barrier.wait();
                    assert_eq!(store.hold_stripe(0).moment().epoch(), next, "once");
                }
            });
        }
    });
}

#[test]
fn an_expired_item_is_missing_for_everyone_and_its_memory_is_taken_first() {
    let store = Store::new(&config(2)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    let expires_s = store.clock.now() + 10;
    let meta = Meta {
        client_flags: 7,
        expires_s,
    };
    store
        .put(
            &mut client.thread,
            &store.key(b"k"),
            meta,
            &[0; 5000],
            &Mode::Set.into(),
        )
        .unwrap();
    store.clock.shift(9);
    assert!(client.get(b"k").is_some());
    store.clock.shift(1);
    assert_eq!(
        client.put(b"k", b"x", Mode::Replace),
        Ok(Outcome::NotStored)
    );
    assert!(!client.delete(b"k"));
    assert!(client.get(b"k").is_none());
    assert_eq!(client.verify().linked, 0);
}

#[test]
fn an_append_to_the_oldest_item_of_a_full_cache_does_not_evict_it() {
    let store = Store::new(&config(2)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..4000 {
        let key = format!("key{n}");
        client
            .put(key.as_bytes(), &[b'x'; 1000], Mode::Set)
            .unwrap();
    }
    let oldest = (0..4000)
        .map(|n| format!("key{n}"))
        .find(|key| {
            store
                .peek(&mut client.thread, &store.key(key.as_bytes()), |_| ())
                .is_some()
        })
        .unwrap();
    let key = oldest.as_bytes();
    for n in 1..20 {
        assert_eq!(
            client.put(key, b"y", Mode::Append),
            Ok(Outcome::Stored),
            "append {n}"
        );
    }
    assert_eq!(client.get(key).unwrap().0.len(), 1019);
    client.verify();
}

#[test]
fn a_class_with_a_single_item_in_use_still_takes_a_new_one() {
    let sizes = ClassSizes {
        chunk_max: 1 << 20,
        ..config(2).classes
    };
    let store = Store::new(&Config {
        classes: sizes,
        ..config(2)
    })
    .unwrap();
    let mut client = Client::new(&store);
    for n in 0..4000 {
        client
            .put(format!("key{n}").as_bytes(), &[b'x'; 1000], Mode::Set)
            .unwrap();
    }
    for n in 0..20 {
        let key = format!("large{n}");
        assert_eq!(
            client.put(key.as_bytes(), &vec![n; 800_000], Mode::Set),
            Ok(Outcome::Stored)
        );
        assert!(client.get(key.as_bytes()).is_some() && client.get(key.as_bytes()).is_some());
    }
    client.verify();
}

#[test]
#[should_panic = "more than the window held"]
fn more_than_a_window_held_cannot_be_claimed() {
    let store = Store::new(&config(2)).unwrap();
    let mut thread = thread_state(&store);
    let terms = Mode::Set.into();
    let draft = store.draft(
        &mut thread,
        &store.key(b"k"),
        Meta::default(),
        900_000,
        &terms,
    );
    let mut draft = draft.ok().unwrap();
    assert!(draft.window(&mut thread).unwrap().len() <= 64 << 10);
    draft.advance(600_000);
}

#[test]
fn a_value_becomes_a_chain_when_every_chunk_of_its_size_is_in_hands() {
    let store = Store::new(&config(2)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..2000 {
        client
            .put(format!("key{n}").as_bytes(), &[b'x'; 2000], Mode::Set)
            .unwrap();
    }
    // Uploads that do not go on hold all chunks of the one page that their class gets.
    let (meta, terms) = (Meta::default(), Mode::Set.into());
    let drafts: Vec<_> = (0..64)
        .map_while(|n| {
            let key = format!("draft{n}");
            store
                .draft(
                    &mut client.thread,
                    &store.key(key.as_bytes()),
                    meta,
                    60_000,
                    &terms,
                )
                .ok()
        })
        .collect();
    assert_eq!(drafts.len(), 64, "more than a page holds");
    let value = value_for(b"large", 60_000);
    assert_eq!(client.put(b"large", &value, Mode::Set), Ok(Outcome::Stored));
    assert_eq!(client.get(b"large").unwrap().0, value);
    drop(drafts);
    let census = client.verify();
    assert!(census.chained > 0, "there is no chunk for the whole");
    assert_eq!(census.held, 0, "what the drafts held comes back");
    assert!(client.delete(b"large"));
    assert_eq!(client.verify().chained, 0);
}
