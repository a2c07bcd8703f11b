//! Models of what threads do to each other in the store, for loom: each runs under every order
//! of steps with so many preemptions, and with every value that a load may see.
//!
//! `make loom` runs them. It is the real code that runs; `loom_twins` says what stands beside the
//! arena. doc/testing.txt lists the faults that each model was seen to find.

use super::bumps::Bumps;
use super::locks::RawLock;
use super::loom_twins::STEP;
use super::*;
use crate::counters::Counters;
use crate::sys::sync::explore;
use evict::Try;
use hash::Secret;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// What a thread needs.
struct Client {
    store: Arc<Store>,
    thread: ThreadState,
}

impl Client {
    fn new(store: &Arc<Store>) -> Client {
        Client {
            store: Arc::clone(store),
            thread: store.join(Arc::new(Counters::new(CLASSES_MAX, 0))),
        }
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        let rules = Mode::Set.into();
        let stored = self.store.put(
            &mut self.thread,
            &self.store.key(key),
            Meta::default(),
            value,
            &rules,
        );
        assert_eq!(stored.unwrap().outcome, Outcome::Stored);
    }

    fn delete(&mut self, key: &[u8]) -> bool {
        self.store.delete(&mut self.thread, &self.store.key(key))
    }

    /// Reads the value after its stripe was left; none if the key is not there. All of its
    /// bytes must be alike.
    fn read(&mut self, key: &[u8]) -> Option<u8> {
        self.read_key(&self.store.clone().key(key))
    }

    /// The same, after a look without the lock.
    fn look_and_read(&mut self, key: &[u8]) -> Option<u8> {
        let hash = self.store.hash(key);
        let hint = match self.store.prefetch_item(hash, 0) {
            Probe::Seen(hint) => hint,
            Probe::Nothing | Probe::Overflow => Hint::default(),
        };
        self.read_key(&Key::with_hint(key, hash, hint))
    }

    fn read_key(&mut self, key: &Key<'_>) -> Option<u8> {
        let pinned = self
            .store
            .read(&mut self.thread, key, Access::Get, |found| found.pin())?;
        let mut bytes = pinned.pieces().flatten();
        let first = *bytes.next().unwrap();
        assert!(bytes.all(|&byte| byte == first), "two values mixed");
        // A second look: it stays so.
        assert!(pinned.pieces().flatten().all(|&byte| byte == first));
        Some(first)
    }
}

/// A store with chunks of one and of two [`STEP`]s, one stripe, and at first one bucket, which two
/// items fill.
fn store(hash_expand: bool) -> Arc<Store> {
    let config = Config {
        memory_bytes: 3 << 20,
        malloced_bytes: 0,
        item_size_max: 1 << 20,
        classes: ClassSizes {
            chunk_size_min: 48,
            factor: 1.25,
            explicit: Some(vec![STEP as u32]),
            chunk_max: 2 * STEP as u32,
        },
        use_cas: true,
        evict: true,
        segmented: false,
        hash_power: 1,
        hash_expand,
        secret: Secret::from_number(1),
        threads: 2,
    };
    Arc::new(Store::new(&config).unwrap())
}

const KEY: &[u8] = b"k";
const OTHER: &[u8] = b"o";
const THIRD: &[u8] = b"t";
/// The id of the first item of the only stripe.
const FIRST_CAS: u64 = 1;
const SMALL: usize = 16;
/// Bytes of a value that is a chain of two chunks.
const LARGE: usize = 2 * STEP + 100;

/// Runs both at the same time, on a store that `before` has been done to, and then the
/// invariant walk. No draft and no pin may be left.
fn race<A, B>(
    before: fn(&mut Client),
    one: impl FnOnce(&mut Client) -> A,
    two: impl FnOnce(&mut Client) -> B + Send + 'static,
) -> (Arc<Store>, A, B, Census)
where
    B: Send + 'static,
{
    race_on(store(false), before, one, two)
}

/// The same on a given store.
fn race_on<A, B>(
    store: Arc<Store>,
    before: fn(&mut Client),
    one: impl FnOnce(&mut Client) -> A,
    two: impl FnOnce(&mut Client) -> B + Send + 'static,
) -> (Arc<Store>, A, B, Census)
where
    B: Send + 'static,
{
    let mut first = Client::new(&store);
    before(&mut first);
    let mut second = Client::new(&store);
    let other = thread::Builder::new()
        .stack_size(1 << 16)
        .spawn(move || {
            let outcome = two(&mut second);
            (outcome, second)
        })
        .unwrap();
    let a = one(&mut first);
    let (b, second) = other.join().unwrap();
    let totals = Store::totals_of(&[&first.thread, &second.thread]);
    let census = store.verify(&totals).unwrap();
    assert_eq!(census.held, 0, "something is not given back");
    (store, a, b, census)
}

struct Guarded {
    lock: RawLock,
    value: UnsafeCell<u32>,
}

// SAFETY: loom checks each access.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded {
            lock: RawLock::default(),
            value: UnsafeCell::new(0),
        })
    }

    fn add(&self) {
        self.lock.lock();
        self.add_held();
    }

    fn try_add(&self) -> bool {
        let held = self.lock.try_lock();
        if held {
            self.add_held();
        }
        held
    }

    fn add_held(&self) {
        // SAFETY: the lock is held; loom checks that.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.lock.unlock();
    }

    fn value(&self) -> u32 {
        // SAFETY: all threads have ended; loom checks that.
        self.value.with(|value| unsafe { *value })
    }
}

#[test]
fn two_threads_that_lock_twice_exclude_each_other_and_both_come_through() {
    explore(Some(3), || {
        let guarded = Guarded::new();
        let shared = Arc::clone(&guarded);
        let other = thread::spawn(move || (0..2).for_each(|_| shared.add()));
        (0..2).for_each(|_| guarded.add());
        other.join().unwrap();
        assert_eq!(guarded.value(), 4);
    });
}

#[test]
fn of_three_threads_none_sleeps_for_ever() {
    explore(Some(3), || {
        let guarded = Guarded::new();
        let threads = [(); 2].map(|()| {
            let shared = Arc::clone(&guarded);
            thread::spawn(move || shared.add())
        });
        guarded.add();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(guarded.value(), 3);
    });
}

#[test]
fn who_only_tries_is_excluded_as_well() {
    explore(None, || {
        let guarded = Guarded::new();
        let shared = Arc::clone(&guarded);
        let other = thread::spawn(move || u32::from(shared.try_add()));
        guarded.add();
        let tried = other.join().unwrap();
        assert_eq!(guarded.value(), 1 + tried);
    });
}

#[test]
fn reports_come_whole_and_in_order_through_a_ring_that_is_full_at_times() {
    explore(Some(3), || {
        let bumps = Arc::new(Bumps::new());
        let shared = Arc::clone(&bumps);
        let writer = thread::spawn(move || {
            let accepted = |&n: &u64| shared.push(n, n);
            (1..=4).filter(accepted).collect::<Vec<u64>>()
        });
        let mut taken: Vec<_> = (0..3).filter_map(|_| bumps.pop()).collect();
        let put = writer.join().unwrap();
        taken.extend(std::iter::from_fn(|| bumps.pop()));
        assert!(taken.iter().all(|(hash, id)| hash == id));
        assert_eq!(taken.iter().map(|(hash, _)| *hash).collect::<Vec<_>>(), put);
    });
}

#[test]
fn a_pinned_value_outlives_its_key_and_its_memory_is_freed_once() {
    explore(Some(2), || {
        let (_, read, deleted, census) = race(
            |client| client.put(KEY, &[1; SMALL]),
            |reader| reader.read(KEY),
            |other| {
                let deleted = other.delete(KEY);
                other.put(OTHER, &[2; SMALL]);
                deleted
            },
        );
        assert!(matches!(read, None | Some(1)) && deleted);
        assert_eq!(census.linked, 1);
    });
}

#[test]
fn a_pinned_value_is_not_written_over() {
    explore(Some(2), || {
        let (_, read, ..) = race(
            |client| client.put(KEY, &[1; SMALL]),
            |reader| reader.read(KEY),
            |writer| writer.put(KEY, &[2; SMALL]),
        );
        assert!(matches!(read, Some(1 | 2)));
    });
}

#[test]
fn a_look_without_the_lock_finds_no_item_that_has_gone_or_come_instead() {
    explore(Some(2), || {
        let (_, read, _, census) = race(
            |client| client.put(KEY, &[1; SMALL]),
            |reader| reader.look_and_read(KEY),
            |other| {
                // What comes next gets the same chunk.
                other.delete(KEY);
                other.put(OTHER, &[2; SMALL]);
                other.put(KEY, &[3; SMALL]);
            },
        );
        assert!(matches!(read, None | Some(1 | 3)));
        assert_eq!(census.linked, 2);
    });
}

/// Two items, which fill their bucket.
fn a_full_bucket(client: &mut Client) {
    client.put(OTHER, &[2; SMALL]);
    client.put(KEY, &[1; SMALL]);
}

#[test]
fn the_last_item_of_a_full_bucket_is_found_while_one_more_comes_and_goes() {
    explore(Some(2), || {
        let (_, read, _, census) = race(
            a_full_bucket,
            // Its word becomes a link to where it stands then, and a slot again.
            |reader| reader.look_and_read(KEY),
            |other| {
                other.put(THIRD, &[3; SMALL]);
                other.delete(THIRD);
            },
        );
        assert_eq!((read, census.linked), (Some(1), 2));
    });
}

#[test]
fn an_item_of_a_chain_is_found_while_the_chain_ends_before_it_and_comes_back() {
    explore(Some(2), || {
        let (_, read, _, census) = race(
            |client| {
                a_full_bucket(client);
                client.put(THIRD, &[3; SMALL]);
            },
            |reader| {
                let hash = reader.store.hash(THIRD);
                reader.store.prefetch_overflow(hash);
                reader.look_and_read(THIRD)
            },
            |other| {
                other.delete(OTHER);
                other.put(OTHER, &[2; SMALL]);
            },
        );
        assert_eq!((read, census.linked), (Some(3), 3));
    });
}

#[test]
fn an_item_is_found_while_its_bucket_is_split() {
    explore(Some(2), || {
        let (store, read, _, census) = race_on(
            store(true),
            a_full_bucket,
            |reader| reader.look_and_read(KEY),
            |other| other.put(THIRD, &[3; SMALL]),
        );
        assert_eq!((read, census.linked), (Some(1), 3));
        assert_eq!(store.usage().power, 2, "it has grown");
    });
}

#[test]
fn an_item_is_found_while_its_bucket_is_merged_with_another() {
    explore(Some(2), || {
        let (store, read, _, census) = race_on(
            store(true),
            |client| {
                a_full_bucket(client);
                client.put(THIRD, &[3; SMALL]);
            },
            |reader| reader.look_and_read(KEY),
            |other| other.delete(THIRD) && other.delete(OTHER),
        );
        assert_eq!((read, census.linked), (Some(1), 1));
        assert_eq!(store.usage().power, 1, "it has shrunk");
    });
}

#[test]
fn a_pinned_number_is_not_written_over() {
    explore(Some(2), || {
        let (_, read, sum, _) = race(
            |client| client.put(KEY, b"11"),
            |reader| reader.read(KEY),
            |writer| {
                let change = Change {
                    delta: 11,
                    increment: true,
                    compare: None,
                    cas: 0,
                    create: None,
                };
                let store = &writer.store;
                let done = |_: Found<'_, '_>, sum, _| sum;
                store.change(&mut writer.thread, &store.key(KEY), &change, done)
            },
        );
        assert!(matches!(read, Some(b'1' | b'2')) && sum == Ok(22));
    });
}

#[test]
fn the_chain_of_a_pinned_value_outlives_its_key_and_is_freed_once() {
    explore(Some(2), || {
        let (_, read, _, census) = race(
            |client| client.put(KEY, &[1; LARGE]),
            |reader| reader.read(KEY),
            |other| {
                other.delete(KEY);
                other.put(OTHER, &[2; LARGE]);
            },
        );
        assert!(matches!(read, None | Some(1)));
        assert_eq!((census.linked, census.chained), (1, 2));
    });
}

#[test]
fn an_append_copies_what_is_there_while_another_writes_and_one_comes_after_the_other() {
    explore(Some(2), || {
        let (store, ..) = race(
            |client| client.put(KEY, b"11"),
            |one| {
                let terms = Mode::Append.into();
                let meta = Meta::default();
                let stored =
                    one.store
                        .put(&mut one.thread, &one.store.key(KEY), meta, b"1", &terms);
                assert_eq!(stored.unwrap().outcome, Outcome::Stored);
            },
            |two| two.put(KEY, b"22"),
        );
        let mut last = Client::new(&store);
        let value = store.read(&mut last.thread, &store.key(KEY), Access::Get, |found| {
            found.value().unwrap().to_vec()
        });
        let value = value.unwrap();
        assert!(value == b"22" || value == b"221", "{value:?}");
    });
}

#[test]
fn an_evicted_item_goes_once_and_its_reader_can_finish() {
    explore(Some(2), || {
        let (_, read, evicted, census) = race(
            |client| client.put(KEY, &[1; SMALL]),
            |reader| reader.read(KEY),
            |other| {
                let store = Arc::clone(&other.store);
                let evicted = store.evict_one(&mut other.thread, 1, Try::Last, None);
                other.put(OTHER, &[2; SMALL]);
                evicted
            },
        );
        assert!(matches!(read, None | Some(1)));
        let left = 1 + u64::from(census.linked == 2);
        assert!(census.linked == left && (evicted || left == 2));
    });
}

#[test]
fn a_dead_item_that_is_removed_stays_whole_for_whoever_reads_it() {
    explore(Some(2), || {
        let (_, read, _, census) = race(
            |client| {
                let terms = Mode::Set.into();
                let meta = Meta {
                    expires_s: client.store.clock.now() + 10,
                    ..Meta::default()
                };
                let (store, thread) = (&client.store, &mut client.thread);
                let stored = store.put(thread, &store.key(KEY), meta, &[1; SMALL], &terms);
                assert_eq!(stored.unwrap().outcome, Outcome::Stored);
            },
            |reader| reader.read(KEY),
            |other| {
                let store = Arc::clone(&other.store);
                store.clock.shift(20);
                store.evict_one(&mut other.thread, 1, Try::Last, None);
                other.put(OTHER, &[2; SMALL]);
            },
        );
        assert!(matches!(read, None | Some(1)));
        assert!(matches!(census.linked, 1 | 2));
    });
}

#[test]
fn an_evicted_item_that_is_deleted_at_the_same_time_goes_once() {
    explore(Some(2), || {
        let (.., census) = race(
            |client| client.put(KEY, &[1; SMALL]),
            |one| one.delete(KEY),
            |other| {
                let store = Arc::clone(&other.store);
                store.evict_one(&mut other.thread, 1, Try::Last, None)
            },
        );
        assert_eq!((census.linked, census.free), (0, 1));
    });
}

#[test]
fn a_flush_that_is_asked_for_while_another_becomes_due_is_not_forgotten() {
    explore(Some(2), || {
        let (store, ..) = race(
            |client| {
                client.put(KEY, &[1; SMALL]);
                let soon = FlushTime::At(client.store.clock.now() + 1);
                client.store.flush(&mut client.thread, soon);
                client.store.clock.shift(1);
            },
            |ticking| {
                let store = Arc::clone(&ticking.store);
                store.flush_if_due(&mut ticking.thread);
            },
            |other| {
                let later = FlushTime::At(other.store.clock.now() + 60);
                other.store.flush(&mut other.thread, later);
            },
        );
        assert_eq!(store.flush_due_s(), store.clock.now() + 60);
        assert_eq!(Client::new(&store).read(KEY), None, "nor is the other");
    });
}

#[test]
fn who_finds_that_no_flush_is_due_any_more_finds_nothing_from_before_it() {
    explore(Some(2), || {
        let (_, _, read, _) = race(
            |client| {
                client.put(KEY, &[1; SMALL]);
                let soon = FlushTime::At(client.store.clock.now() + 1);
                client.store.flush(&mut client.thread, soon);
                client.store.clock.shift(1);
            },
            |one| {
                let store = Arc::clone(&one.store);
                store.flush(&mut one.thread, FlushTime::Now);
            },
            |two| {
                let store = Arc::clone(&two.store);
                store.flush_if_due(&mut two.thread);
                two.read(KEY)
            },
        );
        assert_eq!(read, None);
    });
}

/// Stores `1` by this mode, if the item has this cas id.
fn join_one(client: &mut Client, compare: Option<u64>) -> Outcome {
    let meta = Meta::default();
    let terms = StoreRules {
        compare,
        ..Mode::Append.into()
    };
    let (store, thread) = (&client.store, &mut client.thread);
    let stored = store.put(thread, &store.key(KEY), meta, b"1", &terms);
    stored.unwrap().outcome
}

#[test]
fn nothing_that_was_there_before_a_flush_is_there_after_it() {
    explore(Some(2), || {
        let (store, ..) = race(
            |client| client.put(KEY, b"11"),
            |one| join_one(one, None),
            |two| {
                let store = Arc::clone(&two.store);
                store.flush(&mut two.thread, FlushTime::Now);
            },
        );
        assert_eq!(Client::new(&store).read(KEY), None);
    });
}

#[test]
fn an_append_with_an_id_and_an_invalidation_come_one_after_the_other() {
    explore(Some(2), || {
        let (store, appended, invalidated, _) = race(
            |client| client.put(KEY, b"11"),
            |one| {
                let store = &one.store;
                let thread = &mut one.thread;
                let cas = store.read(thread, &store.key(KEY), Access::Get, |found| found.cas());
                (cas.unwrap(), join_one(one, cas))
            },
            |two| {
                let stale = Removal {
                    stale: true,
                    ..Removal::default()
                };
                let store = Arc::clone(&two.store);
                store.remove(&mut two.thread, &store.key(KEY), &stale)
            },
        );
        assert_eq!(invalidated, Ok(()));
        let mut last = Client::new(&store);
        let is_stale = store.peek(&mut last.thread, &store.key(KEY), |found| found.is_stale());
        // A client that has read the new id may append after the mark, and takes it away.
        let (cas, outcome) = appended;
        let is_new = cas > FIRST_CAS && outcome == Outcome::Stored;
        assert!(is_stale == Some(true) || is_new, "{appended:?}");
    });
}

/// An item in one page of its class, and a second page with free chunks.
fn item_in_the_older_of_two_pages(client: &mut Client) {
    client.put(KEY, &[1; SMALL]);
    let store = &client.store;
    assert!(store.slabs.grow_from_system(1));
}

/// Goes over the oldest page of a class twice; gives the move if it is not done yet.
fn begin_to_move(mover: &mut Client, from: usize, to: usize) -> Option<PageMove> {
    let store = Arc::clone(&mover.store);
    let source = Source::Class(from);
    let mut moving = store
        .begin_move(source, to, PagePick::Oldest, Eviction::Forbidden)
        .unwrap();
    let passes = (0..2).map(|_| store.move_pass(&mut mover.thread, &mut moving, Patience::Wait));
    let is_done = passes.into_iter().any(|pass| pass == Pass::Done);
    (!is_done).then_some(moving)
}

/// When no other thread is in the way any more, one pass is enough. Then the classes have so many pages.
fn finish_to_move(store: &Arc<Store>, moving: Option<PageMove>, pages: [usize; 2]) {
    if let Some(mut moving) = moving {
        let mut last = Client::new(store);
        let pass = store.move_pass(&mut last.thread, &mut moving, Patience::Wait);
        assert_eq!(pass, Pass::Done, "a chunk of the page is nowhere");
    }
    assert_eq!([store.pages_of(1), store.pages_of(2)], pages);
    for class in [1, 2] {
        store.slabs.verify(class).unwrap();
    }
}

#[test]
fn an_item_is_moved_while_it_is_read_and_each_reader_finds_it_whole() {
    explore(Some(2), || {
        let (store, read, moving, _) = race(
            item_in_the_older_of_two_pages,
            |reader| reader.read(KEY),
            |mover| begin_to_move(mover, 1, 2),
        );
        assert_eq!(read, Some(1));
        finish_to_move(&store, moving, [1, 1]);
    });
}

#[test]
fn a_look_without_the_lock_finds_an_item_where_it_was_or_where_it_is() {
    explore(Some(2), || {
        let (store, read, moving, _) = race(
            item_in_the_older_of_two_pages,
            |reader| reader.look_and_read(KEY),
            |mover| begin_to_move(mover, 1, 0),
        );
        assert_eq!(read, Some(1));
        finish_to_move(&store, moving, [1, 0]);
    });
}

#[test]
fn no_magazine_keeps_a_chunk_of_a_page_that_has_moved() {
    explore(Some(2), || {
        let (store, _, moving, _) = race(
            item_in_the_older_of_two_pages,
            |client| {
                client.delete(KEY);
                client.put(OTHER, &[2; SMALL]);
            },
            |mover| begin_to_move(mover, 1, 2),
        );
        finish_to_move(&store, moving, [1, 1]);
    });
}

#[test]
fn a_value_that_is_written_over_while_its_page_is_emptied_is_not_lost() {
    explore(Some(2), || {
        let (store, _, moving, census) = race(
            item_in_the_older_of_two_pages,
            |client| {
                client.put(KEY, &[2; SMALL]);
                assert_eq!(client.read(KEY), Some(2));
            },
            |mover| begin_to_move(mover, 1, 2),
        );
        assert_eq!(census.linked, 1);
        finish_to_move(&store, moving, [1, 1]);
        assert_eq!(Client::new(&store).read(KEY), Some(2));
    });
}

/// Head and tail of a chain in one page of their class, and a second page with free chunks.
fn chain_in_the_older_of_two_pages(client: &mut Client) {
    client.put(KEY, &[1; LARGE]);
    let store = &client.store;
    assert!(store.slabs.grow_from_system(1));
}

#[test]
fn a_chunk_of_a_large_value_is_moved_when_its_last_reader_is_done() {
    explore(Some(2), || {
        let (store, read, moving, _) = race(
            |client| {
                client.put(KEY, &[1; LARGE]);
                let store = &client.store;
                assert!(store.slabs.grow_from_system(2));
            },
            |reader| reader.read(KEY),
            |mover| {
                let moving = begin_to_move(mover, 2, 1);
                // If the page has moved, this is written where the chunk was.
                mover.put(OTHER, &[2; SMALL]);
                moving
            },
        );
        assert_eq!(read, Some(1));
        finish_to_move(&store, moving, [2, 1]);
        assert_eq!(Client::new(&store).read(KEY), Some(1));
    });
}

#[test]
fn the_key_of_an_item_is_read_only_when_all_of_it_is_to_be_seen() {
    explore(Some(2), || {
        let (store, _, moving, census) = race(
            |client| {
                // Leaves a chunk in the magazine that has never had a class of lists.
                client.put(KEY, &[1; LARGE]);
                client.delete(KEY);
                client.put(KEY, &[1; SMALL]);
                let store = &client.store;
                assert!(store.slabs.grow_from_system(1));
            },
            |writer| writer.put(OTHER, &[2; SMALL]),
            |mover| begin_to_move(mover, 1, 2),
        );
        assert_eq!(census.linked, 2);
        finish_to_move(&store, moving, [1, 2]);
    });
}

#[test]
fn a_large_value_that_is_in_the_way_is_deleted_once() {
    explore(Some(2), || {
        let (store, _, moving, census) = race(
            chain_in_the_older_of_two_pages,
            |reader| (reader.read(KEY), reader.delete(KEY)),
            |mover| {
                let store = Arc::clone(&mover.store);
                let mut moving = store
                    .begin_move(Source::Class(1), 2, PagePick::Oldest, Eviction::Forbidden)
                    .unwrap();
                let pass = store.move_pass(&mut mover.thread, &mut moving, Patience::Delete);
                (pass != Pass::Done).then_some(moving)
            },
        );
        assert_eq!((census.linked, census.chained), (0, 0));
        finish_to_move(&store, moving, [1, 2]);
    });
}

#[test]
fn a_page_that_stays_after_all_serves_again() {
    explore(Some(2), || {
        let (store, ..) = race(
            item_in_the_older_of_two_pages,
            |client| client.delete(KEY),
            |mover| {
                let store = Arc::clone(&mover.store);
                let mut moving = store
                    .begin_move(Source::Class(1), 2, PagePick::Oldest, Eviction::Forbidden)
                    .unwrap();
                if store.move_pass(&mut mover.thread, &mut moving, Patience::Wait) != Pass::Done {
                    store.abandon_move(&moving);
                }
            },
        );
        Client::new(&store).put(OTHER, &[2; SMALL]);
    });
}
