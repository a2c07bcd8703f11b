//! Tests of what looks after memory: LRU, crawl, page moves, limits; alone and all at once.
//! Each ends with the invariant walk.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const TUNING: Tuning = Tuning {
    hot_pct: 20,
    warm_pct: 40,
    hot_max_factor: 0.2,
    warm_max_factor: 2.0,
};

fn put_for(client: &mut Client<'_>, key: &str, len: usize, ttl_s: u32) {
    let expires_s = if ttl_s == 0 {
        0
    } else {
        client.store.clock.now() + ttl_s
    };
    let meta = Meta {
        client_flags: 0,
        expires_s,
    };
    let store = client.store;
    let value = value_for(key.as_bytes(), len);
    let terms = Mode::Set.into();
    let stored = store.put(
        &mut client.thread,
        &store.key(key.as_bytes()),
        meta,
        &value,
        &terms,
    );
    assert_eq!(stored.map(|stored| stored.outcome), Ok(Outcome::Stored));
}

fn lens(store: &Store, class: usize) -> [u64; 4] {
    store.list_state(class).ages.map(|list| list.items)
}

/// The class that such items are counted in.
fn class_of(client: &mut Client<'_>, key: &str) -> usize {
    let store = client.store;
    store
        .peek(&mut client.thread, &store.key(key.as_bytes()), |found| {
            found.class()
        })
        .unwrap()
}

fn is_there(client: &mut Client<'_>, key: &str, len: usize) -> bool {
    let expected = value_for(key.as_bytes(), len);
    client
        .get(key.as_bytes())
        .is_some_and(|(value, _)| value == expected)
}

/// The order of events shows the bound: what goes while the first item is told was not looked
/// at before, but for as many as are looked at in one hold; and that it can go at all, that the
/// lists are not held.
#[test]
fn a_list_is_shown_a_few_items_at_a_time_and_others_have_it_in_between() {
    let store = Store::new(&config(8)).unwrap();
    store.set_segmented(false);
    let mut client = Client::new(&store);
    for n in (0..1000).rev() {
        put_for(&mut client, &format!("key{n:03}"), 100, 0);
    }
    let class = class_of(&mut client, "key000");
    let mut shown = Vec::new();
    store.list_cold(class, |item| {
        if shown.is_empty() {
            for n in 1..999 {
                client.delete(format!("key{n:03}").as_bytes());
            }
            put_for(&mut client, "new", 100, 0);
        }
        shown.push(String::from_utf8(item.key.to_vec()).unwrap());
        true
    });
    let expected: Vec<_> = (0..LISTED_PER_HOLD).chain([999]).collect();
    let expected: Vec<_> = expected.iter().map(|n| format!("key{n:03}")).collect();
    assert_eq!(shown, expected);
    // A listing that ends early leaves nothing behind.
    let mut left = 2;
    store.list_cold(class, |_| {
        left -= 1;
        left > 0
    });
    assert_eq!(left, 0);
    client.verify();
}

#[test]
fn items_that_nobody_asks_for_sink_to_cold_and_those_in_use_rise_to_warm() {
    let store = Store::new(&config(8)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    for n in 0..100 {
        put_for(&mut client, &format!("key{n}"), 500, 0);
    }
    let class = class_of(&mut client, "key0");
    assert_eq!(lens(&store, class), [100, 0, 0, 0]);
    while store
        .maintain_class(&mut client.thread, class, &TUNING)
        .all()
        > 0
    {}
    assert_eq!(lens(&store, class), [20, 0, 80, 0], "HOT keeps its part");
    for key in ["key0", "key1", "key99"] {
        assert!(is_there(&mut client, key, 500) && is_there(&mut client, key, 500));
    }
    assert_eq!(store.drain_bumps(1000), 2, "what is in HOT is not reported");
    assert_eq!(lens(&store, class), [20, 2, 78, 0]);
    store.clock.shift(1);
    while store
        .maintain_class(&mut client.thread, class, &TUNING)
        .all()
        > 0
    {}
    assert_eq!(lens(&store, class), [0, 3, 97, 0], "an age of 0 is over");
    let events = store.list_events(class);
    assert_eq!((events.moves_to_cold, events.moves_to_warm), (99, 3));
    client.verify();
}

#[test]
fn a_report_that_is_out_of_date_does_nothing() {
    let store = Store::new(&config(8)).unwrap();
    let mut client = Client::new(&store);
    store.clock.pause();
    for n in 0..50 {
        put_for(&mut client, &format!("key{n}"), 500, 0);
    }
    let class = class_of(&mut client, "key0");
    store.clock.shift(1);
    let maintained = store.maintain_class(&mut client.thread, class, &TUNING);
    assert_eq!((maintained.new, maintained.old), (50, 0), "all leave HOT");
    for n in 0..50 {
        let key = format!("key{n}");
        assert!(is_there(&mut client, &key, 500) && is_there(&mut client, &key, 500));
    }
    for n in 0..40 {
        assert!(client.delete(format!("key{n}").as_bytes()));
    }
    for n in 0..20 {
        put_for(&mut client, &format!("other{n}"), 500, 0);
    }
    assert_eq!(store.drain_bumps(1000), 50);
    assert_eq!(lens(&store, class), [20, 10, 0, 0]);
    store.clock.shift(1);
    let maintained = store.maintain_class(&mut client.thread, class, &TUNING);
    assert_eq!(
        (maintained.new, maintained.old),
        (20, 0),
        "HOT ages without COLD"
    );
    client.verify();
}

#[test]
fn what_is_asked_for_stays_in_warm_while_others_use_up_cold() {
    let store = Store::new(&config(4)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    let asked: Vec<_> = (0..10).map(|n| format!("asked{n}")).collect();
    for key in &asked {
        put_for(&mut client, key, 4000, 0);
    }
    let class = class_of(&mut client, &asked[0]);
    for key in asked.iter().chain(&asked) {
        assert!(is_there(&mut client, key, 4000));
    }
    // A thread that stores has no maintainer to wait for: what is next in HOT goes, all in one second.
    store.clock.shift(1);
    let mut others = 0;
    let mut store_others = |client: &mut Client<'_>, until: u64| {
        while store.list_events(class).evicted < until {
            put_for(client, &format!("other{others}"), 4000, 0);
            others += 1;
        }
    };
    let mut evicted = 20;
    store_others(&mut client, evicted);
    while lens(&store, class)[Segment::Cold as usize] > 0 {
        evicted += 1;
        store_others(&mut client, evicted);
    }
    let warm = lens(&store, class)[Segment::Warm as usize];
    assert_eq!(warm, 10, "they have become warm on the way");
    // Now it comes, for one visit, after which there are more to be stored than it has moved.
    let maintained = store.maintain_class(&mut client.thread, class, &TUNING);
    assert!(maintained.new > 0);
    store_others(&mut client, evicted + u64::from(maintained.new) + 100);
    let gone: Vec<_> = asked
        .iter()
        .filter(|key| !is_there(&mut client, key, 4000))
        .collect();
    assert!(gone.is_empty(), "{gone:?}");

    // When no client asks for them they leave, once there is something to be older than.
    store.clock.shift(10);
    store_others(&mut client, 3000);
    while store
        .maintain_class(&mut client.thread, class, &TUNING)
        .all()
        > 0
    {}
    let [_, warm, cold, _] = lens(&store, class);
    assert!(warm == 0 && cold > 0, "{warm} warm, {cold} cold");
    client.verify();
}

#[test]
fn flat_mode_empties_the_other_lists_and_segments_come_back() {
    let store = Store::new(&config(8)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..30 {
        put_for(&mut client, &format!("key{n}"), 500, 0);
    }
    let class = class_of(&mut client, "key0");
    store.set_segmented(false);
    put_for(&mut client, "flat", 500, 0);
    assert!(is_there(&mut client, "key3", 500) && is_there(&mut client, "key3", 500));
    for _ in 0..3 {
        store.maintain_class(&mut client.thread, class, &TUNING);
    }
    assert_eq!(lens(&store, class), [0, 0, 31, 0]);
    store.set_segmented(true);
    put_for(&mut client, "hot", 500, 0);
    assert_eq!(lens(&store, class), [1, 0, 31, 0]);
    client.verify();
}

#[test]
fn temporary_items_expire_and_are_not_given_up_before_others() {
    let store = Store::new(&config(2)).unwrap();
    store.clock.pause();
    store.set_temporary_ttl(Some(61));
    let mut client = Client::new(&store);
    put_for(&mut client, "canary", 1000, 30);
    let class = class_of(&mut client, "canary");
    for n in 0..5000 {
        put_for(&mut client, &format!("key{n}"), 1000, 0);
    }
    assert_eq!(lens(&store, class)[Segment::Temp as usize], 1);
    assert!(is_there(&mut client, "canary", 1000));
    // A longer life makes an ordinary item of it, written anew or touched.
    put_for(&mut client, "short", 1000, 20);
    put_for(&mut client, "canary", 1000, 0);
    let touch = Access::Touch(0);
    store.read(&mut client.thread, &store.key(b"short"), touch, |_| ());
    let temporary: u64 = store
        .classes()
        .ids()
        .map(|class| lens(&store, class)[Segment::Temp as usize])
        .sum();
    assert_eq!(temporary, 0);
    put_for(&mut client, "short", 1000, 20);
    let class = class_of(&mut client, "short");
    store.clock.shift(20);
    store.maintain_class(&mut client.thread, class, &TUNING);
    assert_eq!(lens(&store, class)[Segment::Temp as usize], 0);
    assert_eq!(store.list_events(class).reclaimed, 1);
    client.verify();
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn small_items_have_their_home_first_and_smaller_chunks_when_that_is_full() {
    let store = Store::new(&config(4)).unwrap();
    let mut client = Client::new(&store);
    let mut stored = 0;
    while class_of_small(&mut client, stored) == 1 {
        stored += 1;
    }
    assert_eq!(stored, store.classes().per_page(1));
    let finer = class_of_small(&mut client, stored);
    assert_eq!(store.classes().size(finer), 64);
    for n in 0..200_000 {
        class_of_small(&mut client, n);
    }
    assert_eq!((store.pages_of(1), store.pages_of(finer)), (1, 3));
    let (home, fine) = (lens(&store, 1), lens(&store, finer));
    let newest_page = store.classes().per_page(1) as u64;
    assert_eq!(home.iter().sum::<u64>(), newest_page);
    assert!(fine.iter().sum::<u64>() > 3 * 16_000);
    // The first page is not a refuge: its items are evicted in their turn.
    assert!(client.get(b"key000000").is_none());
    client.verify();
}

fn class_of_small(client: &mut Client<'_>, n: usize) -> usize {
    let key = format!("key{n:06}");
    put_for(client, &key, 12, 0);
    class_of(client, &key)
}

#[test]
fn a_crawl_removes_what_is_dead_and_tells_when_the_rest_will_be() {
    let store = Store::new(&config(16)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    for n in 0..1000 {
        put_for(&mut client, &format!("flushed{n}"), 100, 0);
    }
    store.flush(&mut client.thread, FlushTime::Now);
    for n in 0..300 {
        put_for(&mut client, &format!("never{n}"), 100, 0);
        put_for(&mut client, &format!("soon{n}"), 100, 10);
        put_for(&mut client, &format!("minutes{n}"), 100, 200);
        put_for(&mut client, &format!("large{n}"), 3000, 5000);
    }
    let (small, large) = (
        class_of(&mut client, "never0"),
        class_of(&mut client, "large0"),
    );
    store.clock.shift(10);
    let mut histograms: Box<ExpiryHistograms> =
        Box::new(std::array::from_fn(|_| Default::default()));
    let mut only_small = ClassSet::default();
    only_small.insert(small);
    let mut crawl = Crawl::new(only_small, 0);
    while store
        .crawl_row(&mut client.thread, &mut crawl, &mut histograms)
        .is_some()
    {}
    let found = &histograms[small];
    assert!(found.reclaimed >= 300);
    assert_eq!((found.seen, found.never, found.minutes[3]), (600, 300, 300));
    assert_eq!(histograms[large].seen, 0, "another class");
    let mut crawl = Crawl::new(ClassSet::ALL, 0);
    while store
        .crawl_row(&mut client.thread, &mut crawl, &mut histograms)
        .is_some()
    {}
    assert_eq!(histograms[large].hour_plus, 300);
    assert_eq!(client.verify().linked, 900);
    assert!(is_there(&mut client, "minutes7", 100) && is_there(&mut client, "large7", 3000));
}

#[test]
fn a_dump_lists_every_living_item_once_and_leaves_no_mark() {
    let store = Store::new(&config(16)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    for n in 0..5000 {
        put_for(&mut client, &format!("key{n}"), 10, u32::from(n < 1000) * 5);
    }
    store.clock.shift(5);
    let mut keys = Vec::new();
    let mut crawl = Crawl::new(ClassSet::ALL, 0);
    while store
        .list_row(&client.thread, &mut crawl, |item| {
            assert!(!item.is_fetched());
            keys.push(item.key().to_vec());
        })
        .is_some()
    {}
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4000);
    client.verify();
}

/// Moves a page and returns what was done, or the last pass if it stayed busy.
fn move_page(client: &mut Client<'_>, from: usize, to: usize) -> Result<MoveCounts, Pass> {
    let store = client.store;
    let mut moving = store
        .begin_move(Source::Class(from), to, PagePick::Oldest, Eviction::Allowed)
        .unwrap();
    let mut pass = Pass::Done;
    for _ in 0..20 {
        pass = store.move_pass(&mut client.thread, &mut moving, Patience::Wait);
        if pass == Pass::Done {
            return Ok(moving.done);
        }
    }
    store.abandon_move(&moving);
    Err(pass)
}

type Result<T, E> = std::result::Result<T, E>;

#[test]
fn items_survive_the_move_of_their_page_with_value_cas_and_marks() {
    let store = Store::new(&config(16)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..3000 {
        put_for(&mut client, &format!("key{n}"), 1000, 0);
    }
    let class = class_of(&mut client, "key2999");
    let before: Vec<_> = (0..3000)
        .map(|n| client.get(format!("key{n}").as_bytes()).unwrap())
        .collect();
    let (lens_before, pages) = (lens(&store, class), store.pages_of(class));
    let done = move_page(&mut client, class, 0).unwrap();
    assert!(done.rescues as usize > store.classes().per_page(class) - 20);
    assert_eq!(lens(&store, class), lens_before);
    assert_eq!(store.pages_of(class), pages, "a new page for the old");
    assert_eq!(store.pool_len(), 1);
    for (n, before) in before.iter().enumerate() {
        assert_eq!(
            client.get(format!("key{n}").as_bytes()).as_ref(),
            Some(before)
        );
    }
    client.verify();
}

#[test]
fn chains_survive_the_move_of_a_page_of_chunks_and_of_heads() {
    let store = Store::new(&config(32)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..60 {
        put_for(&mut client, &format!("key{n}"), 200_000 + n * 777, 0);
    }
    let last = store.classes().last();
    let done = move_page(&mut client, last, 0).unwrap();
    assert!(done.chunk_rescues > 0 && done.busy_deletes == 0, "{done:?}");
    // The heads are small, and alone on their page: what has no finer class makes a second.
    let head_class = 1;
    for n in 0..12_000 {
        put_for(&mut client, &format!("small{n:06}"), 43, 0);
    }
    assert!(store.pages_of(head_class) >= 2);
    let done = move_page(&mut client, head_class, 0).unwrap();
    assert!(done.rescues >= 60);
    for n in 0..60 {
        assert!(
            is_there(&mut client, &format!("key{n}"), 200_000 + n * 777),
            "{n}"
        );
    }
    client.verify();
}

#[test]
fn a_page_with_a_draft_or_a_pinned_large_value_waits_for_them() {
    let store = Store::new(&config(16)).unwrap();
    let mut client = Client::new(&store);
    let (meta, terms) = (Meta::default(), Mode::Set.into());
    let draft = store
        .draft(&mut client.thread, &store.key(b"draft"), meta, 1000, &terms)
        .unwrap();
    for n in 0..3000 {
        put_for(&mut client, &format!("key{n}"), 1000, 0);
    }
    let class = store.classes().class_for(1050).unwrap();
    assert_eq!(store.pages_of(class), 1);
    for n in 0..3000 {
        put_for(&mut client, &format!("wide{n}"), 1070, 0);
    }
    let busy = move_page(&mut client, class, 0).unwrap_err();
    assert_eq!(busy, Pass::Busy(1, ChunkStatus::BusyFloating));
    client.verify();
    drop(draft);
    move_page(&mut client, class, 0).unwrap();

    put_for(&mut client, "large", 300_000, 0);
    put_for(&mut client, "other", 700_000, 0);
    put_for(&mut client, "third", 900_000, 0);
    let pin = store
        .read(
            &mut client.thread,
            &store.key(b"large"),
            Access::Get,
            |found| found.pin(),
        )
        .unwrap();
    let last = store.classes().last();
    let busy = move_page(&mut client, last, 0).unwrap_err();
    assert!(
        matches!(busy, Pass::Busy(_, ChunkStatus::BusyActive)),
        "{busy:?}"
    );
    let value: Vec<u8> = pin.pieces().flatten().copied().collect();
    assert_eq!(value, value_for(b"large", 300_000));
    drop(pin);
    move_page(&mut client, last, 0).unwrap();
    assert!(is_there(&mut client, "large", 300_000));
    client.verify();
}

#[test]
fn a_plain_value_that_is_being_read_moves_and_its_reader_keeps_the_old_copy() {
    let store = Store::new(&config(16)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..3000 {
        put_for(&mut client, &format!("key{n}"), 2000, 0);
    }
    let class = class_of(&mut client, "key0");
    let pin = store
        .read(
            &mut client.thread,
            &store.key(b"key0"),
            Access::Get,
            |found| found.pin(),
        )
        .unwrap();
    let busy = move_page(&mut client, class, 0).unwrap_err();
    assert_eq!(busy, Pass::Busy(1, ChunkStatus::BusyFloating));
    assert!(is_there(&mut client, "key0", 2000));
    assert!(client.delete(b"key0"), "the copy is the item now");
    let value: Vec<u8> = pin.pieces().flatten().copied().collect();
    assert_eq!(value, value_for(b"key0", 2000));
    drop(pin);
    move_page(&mut client, class, 0).unwrap();
    assert_eq!(client.verify().held, 0);
}

#[test]
fn pages_come_from_any_class_in_turn_and_impossible_moves_are_refused() {
    let store = Store::new(&config(16)).unwrap();
    let mut client = Client::new(&store);
    for n in 0..3000 {
        put_for(&mut client, &format!("a{n}"), 1100, 0);
        put_for(&mut client, &format!("b{n}"), 1400, 0);
    }
    let (a, b) = (class_of(&mut client, "a0"), class_of(&mut client, "b0"));
    let refused = |from, to| store.check_move(from, to).unwrap_err();
    assert_eq!(refused(Source::Class(a), a), MoveRefused::Same);
    assert_eq!(refused(Source::Class(a), 64), MoveRefused::BadClass);
    assert_eq!(refused(Source::Class(64), a), MoveRefused::BadClass);
    assert_eq!(refused(Source::Class(0), a), MoveRefused::NoSpare);
    assert_eq!(refused(Source::Class(5), a), MoveRefused::NoSpare);
    let turns: Vec<_> = (0..4)
        .map(|_| store.check_move(Source::Any, 1).unwrap())
        .collect();
    assert_eq!(turns, [a, b, a, b]);
}

#[test]
fn everything_at_once_and_no_value_is_ever_wrong() {
    let store = Store::new(&config(6)).unwrap();
    store.set_temporary_ttl(Some(3));
    let stop = AtomicBool::new(false);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3u64)
            .map(|thread| {
                let (store, done) = (&store, &done);
                scope.spawn(move || {
                    let mut client = Client::new(store);
                    let proven = use_everything(&mut client, &mut Random(thread));
                    assert!(
                        proven > steps(20_000) as usize / 100,
                        "only {proven} values could be looked at"
                    );
                    done.lock().unwrap().push(client.thread);
                })
            })
            .collect();
        let keeper = scope.spawn(|| {
            let mut client = Client::new(&store);
            keep_up(&mut client, &stop);
            done.lock().unwrap().push(client.thread);
        });
        let outcomes: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        stop.store(true, Relaxed);
        keeper.join().unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.is_ok()));
    });
    let threads = done.into_inner().unwrap();
    let totals = Store::totals_of(&threads.iter().collect::<Vec<_>>());
    let census = store.verify(&totals).unwrap();
    assert_eq!(census.held, 0, "drafts and pins are gone");
}

/// Returns how many values have been found, and found right.
fn use_everything(client: &mut Client<'_>, random: &mut Random) -> usize {
    let store = client.store;
    let mut pins = Vec::new();
    let mut proven = 0;
    for _ in 0..steps(8_000) {
        let key = format!("key{}", random.below(500));
        let len = match random.below(60) {
            0 => 150_000,
            1..10 => random.below(9000) as usize,
            _ => random.below(200) as usize,
        };
        match random.below(8) {
            0 => drop(client.delete(key.as_bytes())),
            1..4 => {
                let value = value_for(key.as_bytes(), len);
                // No memory is a fair answer while others hold it; a wrong value is not.
                let _ = client.put(key.as_bytes(), &value, Mode::Set);
            }
            4 => {
                let value = value_for(key.as_bytes(), len);
                let _ = client.upload(key.as_bytes(), &value, Mode::Add);
            }
            5 => pins.extend(store.read(
                &mut client.thread,
                &store.key(key.as_bytes()),
                Access::Touch(store.clock.now() + 1 + random.below(5) as u32),
                |found| (key.clone(), found.pin()),
            )),
            _ => {
                if let Some((value, _)) = client.get(key.as_bytes()) {
                    assert_eq!(value, value_for(key.as_bytes(), value.len()));
                    proven += 1;
                }
            }
        }
        if pins.len() > 15 {
            for (key, pin) in pins.drain(..) {
                let value: Vec<u8> = pin.pieces().flatten().copied().collect();
                let expected = value_for(key.as_bytes(), value.len());
                assert_eq!(value, expected, "a pinned value stays");
                proven += 1;
            }
        }
    }
    proven
}

fn keep_up(client: &mut Client<'_>, stop: &AtomicBool) {
    let store = client.store;
    let mut random = Random(99);
    let mut histograms: Box<ExpiryHistograms> =
        Box::new(std::array::from_fn(|_| Default::default()));
    while !stop.load(Relaxed) {
        for class in store.classes().ids() {
            store.maintain_class(&mut client.thread, class, &TUNING);
        }
        store.drain_bumps(1000);
        let mut crawl = Crawl::new(ClassSet::ALL, 0);
        for _ in 0..200 {
            store.crawl_row(&mut client.thread, &mut crawl, &mut histograms);
        }
        if let Ok(from) = store.check_move(Source::Any, 0) {
            let to = random.below(2) as usize * (1 + random.below(20) as usize);
            if to != from {
                let _ = move_page(client, from, to);
            }
        }
        match random.below(60) {
            0 => store.flush(&mut client.thread, FlushTime::Now),
            1 => store.clock.shift(1),
            4 => drop(store.set_limit((4 + random.below(6)) << 20, || ())),
            5 => store.set_segmented(random.below(2) == 0),
            _ => {}
        }
    }
}
