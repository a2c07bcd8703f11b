//! What happens between two looks of one command, and to threads that look for memory while they hold
//! a stripe: each test brings about one order of events, no luck is needed.

use super::*;
use crate::counters::ClassTotals;
use crate::sys::sync::Mutex;
use found::REFS_MAX;
use join::BEFORE_JOIN;
use slabs::Grow;
use std::cell::Cell;
use std::rc::Rc;

/// Does something each time before a value is joined, as another thread might; counts how often
/// that was, without the stripe and with it.
struct BetweenLooks {
    counts: Rc<Cell<[u32; 2]>>,
    /// What the other thread has counted.
    counters: Arc<Counters>,
}

impl BetweenLooks {
    fn new(store: &Arc<Store>, mut act: impl FnMut(&mut Client<'_>) + 'static) -> BetweenLooks {
        let (counts, store) = (Rc::<Cell<[u32; 2]>>::default(), Arc::clone(store));
        let counters = Arc::new(Counters::new(CLASSES_MAX, 0));
        let mut thread = Some(store.join(Arc::clone(&counters)));
        let counted = Rc::clone(&counts);
        let act = move |is_held: bool| {
            let mut now = counted.get();
            now[usize::from(is_held)] += 1;
            counted.set(now);
            if !is_held {
                let mut other = Client {
                    store: &store,
                    thread: thread.take().unwrap(),
                };
                act(&mut other);
                thread = Some(other.thread);
            }
        };
        BEFORE_JOIN.set(Some(Box::new(act)));
        BetweenLooks { counts, counters }
    }

    fn counts(&self) -> [u32; 2] {
        self.counts.get()
    }
}

impl Drop for BetweenLooks {
    fn drop(&mut self) {
        BEFORE_JOIN.set(None);
    }
}

fn mark_stale(client: &mut Client<'_>, key: &[u8]) {
    let stale = Removal {
        stale: true,
        ..Removal::default()
    };
    let store = client.store;
    store
        .remove(&mut client.thread, &store.key(key), &stale)
        .unwrap();
}

fn is_stale(client: &mut Client<'_>, key: &[u8]) -> bool {
    let store = client.store;
    store
        .peek(&mut client.thread, &store.key(key), |found| {
            found.is_stale()
        })
        .unwrap()
}

fn append_if(cas: u64) -> StoreRules {
    StoreRules {
        compare: Some(cas),
        ..Mode::Append.into()
    }
}

#[test]
fn an_append_with_an_id_is_refused_if_the_item_is_invalidated_between_its_looks() {
    let store = Arc::new(Store::new(&config(4)).unwrap());
    let mut client = Client::new(&store);
    client.put(b"k", b"old", Mode::Set).unwrap();
    let (_, cas) = client.get(b"k").unwrap();
    let looks = BetweenLooks::new(&store, |other| mark_stale(other, b"k"));
    assert_eq!(client.put(b"k", b"+", append_if(cas)), Ok(Outcome::Exists));
    assert_eq!(looks.counts(), [1, 0]);
    assert!(is_stale(&mut client, b"k"));
    assert_eq!(client.get(b"k").unwrap().0, b"old");
}

#[test]
fn an_append_carries_nothing_past_a_flush_that_comes_between_its_looks() {
    let store = Arc::new(Store::new(&config(4)).unwrap());
    let mut client = Client::new(&store);
    client.put(b"k", b"old", Mode::Set).unwrap();
    let looks = BetweenLooks::new(&store, |other| {
        other.store.flush(&mut other.thread, FlushTime::Now);
    });
    let appended = client.put(b"k", b"+", Mode::Append);
    assert_eq!(appended, Ok(Outcome::NotStored));
    assert_eq!(looks.counts(), [1, 0]);
    assert_eq!(client.get(b"k"), None);
}

#[test]
fn what_was_judged_before_a_flush_is_linked_as_from_before_it() {
    // A flush does not ask for the stripe, so it may come while a command holds it.
    let store = Store::new(&config(4)).unwrap();
    let mut client = Client::new(&store);
    client.put(b"k", b"1", Mode::Set).unwrap();
    let key = store.key(b"k");
    let mut held = store.hold(&mut client.thread, key.hash());
    let slot = held.find(&key).unwrap();
    let epoch = store.shared.begin_epoch(&Mutex::new(()).lock().unwrap());
    assert!(!held.is_dead(&slot), "the command has judged");
    let meta = Meta::default();
    let id = held.allocate_item(&key, meta, 0, Some(slot.id)).unwrap();
    held.replace(slot, id);
    let slot = held.find(&key).unwrap();
    assert!(slot.epoch != epoch);
    drop(held);
    assert_eq!(client.get(b"k"), None);
}

#[test]
fn an_append_to_a_value_that_changes_all_the_time_copies_it_three_times_at_most() {
    let store = Arc::new(Store::new(&config(4)).unwrap());
    let mut client = Client::new(&store);
    client.put(b"k", b"0", Mode::Set).unwrap();
    let mut n = 0;
    let looks = BetweenLooks::new(&store, move |other| {
        n += 1;
        let value = format!("{n}");
        other.put(b"k", value.as_bytes(), Mode::Set).unwrap();
    });
    let appended = client.put(b"k", b"+", Mode::Append);
    assert_eq!(appended, Ok(Outcome::Stored));
    assert_eq!(looks.counts(), [2, 1]);
    assert_eq!(client.get(b"k").unwrap().0, b"2+");
    // A client that gives an id is refused as soon as it is another.
    let (_, cas) = client.get(b"k").unwrap();
    assert_eq!(client.put(b"k", b"+", append_if(cas)), Ok(Outcome::Exists));
    assert_eq!(looks.counts(), [3, 1]);
}

#[test]
fn an_append_to_a_value_with_as_many_readers_as_may_be_takes_no_pin() {
    let store = Arc::new(Store::new(&config(4)).unwrap());
    let mut client = Client::new(&store);
    client.put(b"k", b"old", Mode::Set).unwrap();
    let pins: Vec<_> = (1..REFS_MAX)
        .filter_map(|_| {
            let thread = &mut client.thread;
            store.read(thread, &store.key(b"k"), Access::Get, |found| found.pin())
        })
        .collect();
    assert_eq!(pins.len(), usize::from(REFS_MAX) - 1);
    assert!(client.get(b"k").is_none(), "a miss for further readers");
    let looks = BetweenLooks::new(&store, |_| panic!("it was pinned"));
    let appended = client.put(b"k", b"+", Mode::Append);
    assert_eq!(appended, Ok(Outcome::Stored));
    assert_eq!(looks.counts(), [0, 1]);
    assert_eq!(client.get(b"k").unwrap().0, b"old+");
    drop(pins);
    assert_eq!(client.verify().held, 0);
}

#[test]
fn an_item_in_its_last_second_has_a_second_left_whenever_that_is_asked() {
    let store = Store::new(&config(4)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    let terms = Mode::Set.into();
    let meta = Meta {
        expires_s: store.clock.now() + 1,
        ..Meta::default()
    };
    let thread = &mut client.thread;
    store
        .put(thread, &store.key(b"k"), meta, b"v", &terms)
        .unwrap();
    let ttl = store.read_meta(
        thread,
        &store.key(b"k"),
        &MetaRead::default(),
        |found, _| {
            // The tick falls between the look-up and the reply.
            store.clock.shift(1);
            (found.ttl_s(), found.idle_s(), found.expiry(30))
        },
    );
    let before = store.clock.now() - 1;
    assert_eq!(ttl, Some((Some(1), 0, before + 30)));
    assert_eq!(client.get(b"k"), None);
}

#[test]
fn who_stores_under_the_key_of_a_dead_item_reclaims_it() {
    let store = Store::new(&config(4)).unwrap();
    store.clock.pause();
    let mut client = Client::new(&store);
    let terms = Mode::Set.into();
    let meta = Meta {
        expires_s: store.clock.now() + 1,
        ..Meta::default()
    };
    for key in [b"a", b"b", b"c"] {
        let thread = &mut client.thread;
        store
            .put(thread, &store.key(key), meta, b"v", &terms)
            .unwrap();
    }
    let reclaimed = || {
        let events = store.list_events(1);
        (events.reclaimed, events.expired_unfetched)
    };
    store.clock.shift(1);
    // None of them at a tail.
    client.put(b"c", b"new", Mode::Set).unwrap();
    assert_eq!(reclaimed(), (1, 1));
    assert_eq!(client.thread.counters.thread.get_expired.get(), 1);
    client.put(b"b", b"new", Mode::Add).unwrap();
    assert_eq!(reclaimed(), (2, 2));
    client.get(b"c").unwrap();
    store.flush(&mut client.thread, FlushTime::Now);
    client.put(b"c", b"newer", Mode::Set).unwrap();
    assert_eq!(reclaimed(), (3, 2));
    assert_eq!(client.thread.counters.thread.get_flushed.get(), 1);
}

/// A store of one page and one class for all, with one stripe of one bucket: a thread that holds a stripe
/// holds that of every item, and each removal moves the slots of others.
fn store_of_one_stripe() -> Arc<Store> {
    let config = Config {
        segmented: false,
        hash_power: 3,
        hash_expand: false,
        classes: ClassSizes {
            chunk_size_min: 48,
            factor: 1.25,
            explicit: Some(vec![1024]),
            chunk_max: 16 << 10,
        },
        ..config(1)
    };
    Arc::new(Store::new(&config).unwrap())
}

/// Stores items until there is no more memory.
fn fill(client: &mut Client<'_>) {
    let mut n = 0;
    while client.store.list_events(1).evicted == 0 {
        let key = format!("full{n}");
        let value = [b'x'; 500];
        client.put(key.as_bytes(), &value, Mode::Set).unwrap();
        n += 1;
        assert!(n < 2000, "it is never full");
    }
    // So that each search begins at the tail, and nothing is left over from the last one.
    client.store.give_back(&client.thread);
    while let Some(id) = client
        .store
        .slabs
        .take(&client.thread.magazines, 1, Grow::No)
    {
        client.store.release(None, id);
        let key = format!("more{n}");
        client.put(key.as_bytes(), b"x", Mode::Set).unwrap();
        client.store.give_back(&client.thread);
        n += 1;
    }
}

/// Keeps the memory of what is under `key` from being used again.
fn pin<'s>(client: &mut Client<'s>, key: &[u8]) -> Pinned<'s> {
    let pinned = client.store.read(
        &mut client.thread,
        &client.store.key(key),
        Access::Get,
        |found| found.pin(),
    );
    pinned.unwrap()
}

#[test]
fn a_number_takes_the_memory_of_its_neighbours_when_all_of_them_are_of_its_stripe() {
    let store = store_of_one_stripe();
    let mut client = Client::new(&store);
    fill(&mut client);
    client.put(b"n", b"9", Mode::Set).unwrap();
    let up = Change {
        delta: 1,
        increment: true,
        compare: None,
        cas: 0,
        create: None,
    };
    let mut pins = Vec::new();
    for sum in 10..200 {
        // The old one's memory does not come back, so each number needs that of another item. The
        // number itself is at the tail every now and then.
        pins.push(pin(&mut client, b"n"));
        let changed = store.change(&mut client.thread, &store.key(b"n"), &up, |_, sum, _| sum);
        assert_eq!(changed, Ok(sum));
    }
    assert_eq!(client.get(b"n").unwrap().0, b"199");
    assert!(store.list_events(1).evicted > 150);
    drop(pins);
    assert_eq!(client.verify().held, 0);
}

#[test]
fn the_oldest_of_all_is_not_given_up_for_itself() {
    let store = store_of_one_stripe();
    let mut client = Client::new(&store);
    client.put(b"n", b"9", Mode::Set).unwrap();
    let capacity = store.classes().per_page(1);
    for n in 1..capacity {
        let key = format!("full{n}");
        client.put(key.as_bytes(), b"x", Mode::Set).unwrap();
    }
    assert_eq!(store.list_events(1).evicted, 0);
    let thread = &mut client.thread;
    let up = Change {
        delta: 1,
        increment: true,
        compare: None,
        cas: 0,
        create: None,
    };
    let changed = store.change(thread, &store.key(b"n"), &up, |_, sum, _| sum);
    assert_eq!(changed, Ok(10));
    assert_eq!(client.get(b"n").unwrap().0, b"10");
    assert_eq!(client.get(b"full1"), None, "the next one goes");
    client.verify();
}

#[test]
fn whatever_needs_memory_under_a_stripe_gets_that_of_its_neighbours() {
    let store = store_of_one_stripe();
    let mut client = Client::new(&store);
    fill(&mut client);
    let (mut pins, mut others) = (Vec::new(), Vec::new());
    for n in 0..60 {
        let key = format!("k{n}");
        let key = key.as_bytes();
        let made = Change {
            delta: 1,
            increment: true,
            compare: None,
            cas: 0,
            create: Some(7),
        };
        let done = store.change(&mut client.thread, &store.key(key), &made, |_, sum, _| sum);
        assert_eq!(done, Ok(7), "a number that is made");
        pins.push(pin(&mut client, key));
        let emptied = Removal {
            empty: Some(0),
            ..Removal::default()
        };
        let done = store.remove(&mut client.thread, &store.key(key), &emptied);
        assert_eq!(done, Ok(()), "an item that is emptied");
        let key = format!("new{n}");
        let key = key.as_bytes();
        let ask = MetaRead {
            create: Some(0),
            ..MetaRead::default()
        };
        let thread = &mut client.thread;
        let made = store.read_meta(thread, &store.key(key), &ask, |found, is_new| {
            pins.push(found.pin());
            is_new
        });
        assert_eq!(made, Some(true), "an item that is made by mg");
        // An append that others get in the way of is done under the stripe.
        let looks = BetweenLooks::new(&store, move |other| {
            let key = format!("new{n}");
            other.put(key.as_bytes(), b"0", Mode::Set).unwrap();
        });
        let appended = client.put(key, b"+", Mode::Append);
        assert_eq!((appended, looks.counts()), (Ok(Outcome::Stored), [2, 1]));
        others.push(Arc::clone(&looks.counters));
        pins.push(pin(&mut client, key));
        assert_eq!(client.get(key).unwrap().0, b"0+");
    }
    drop(pins);
    others.push(Arc::clone(&client.thread.counters));
    let totals = ClassTotals::of_threads(others.iter().map(Arc::as_ref), |_| true);
    assert_eq!(store.verify(&totals).unwrap().held, 0);
}
