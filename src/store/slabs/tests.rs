//! Pages, chunks and magazines: what comes back, what the limit allows, what is emptied.

use super::*;
use std::collections::HashSet;

const LIMIT: u64 = 3 << 20;

struct Fixture {
    slabs: Slabs,
    magazines: Arc<Magazines>,
}

impl Fixture {
    fn new() -> Fixture {
        let from = ClassSizes {
            chunk_size_min: 48,
            factor: 1.25,
            explicit: None,
            chunk_max: 512 << 10,
        };
        let arena = Arena::new(LIMIT).unwrap();
        let slabs = Slabs::new(&from, arena, LIMIT, 0).unwrap();
        let magazines = slabs.join();
        Fixture { slabs, magazines }
    }

    fn take(&self, class: usize) -> Option<ItemId> {
        self.slabs
            .pop(&self.magazines, class)
            .or_else(|| self.slabs.take(&self.magazines, class, Grow::Yes))
    }

    fn fill(&self, class: usize) -> HashSet<ItemId> {
        let mut taken = HashSet::new();
        while let Some(id) = self.take(class) {
            assert!(taken.insert(id), "handed out twice");
        }
        taken
    }

    fn give(&self, id: ItemId) {
        self.slabs.give(&self.magazines, id);
    }

    fn check(&self) {
        for class in self.slabs.classes.ids() {
            self.slabs.verify(class).unwrap();
        }
    }
}

#[test]
fn pages_that_are_free_as_a_whole_are_as_new_and_others_stay() {
    let f = Fixture::new();
    let taken = f.fill(1);
    let kept = *taken.iter().next().unwrap();
    f.slabs.arena.cas_word(kept).store(77, Relaxed);
    assert_eq!(f.slabs.rest_free_pages(1, 9), 0, "nothing is free");
    taken
        .iter()
        .filter(|&&id| id != kept)
        .for_each(|&id| f.give(id));
    let before = f.slabs.usages()[1];
    assert_eq!(f.slabs.rest_free_pages(1, 1), 1);
    assert_eq!(f.slabs.rest_free_pages(1, 9), 1);
    assert_eq!(f.slabs.rest_free_pages(1, 9), 0, "they are rested");
    assert_eq!(f.slabs.usages()[1], before, "they belong to the class");
    f.check();
    let page = f.slabs.arena.page_of(kept);
    let words = |id: &&ItemId| f.slabs.arena.page_of(**id) != page;
    assert!(
        taken
            .iter()
            .filter(words)
            .all(|&id| f.slabs.arena.header(id).state() == 0)
    );
    assert_eq!(
        f.slabs.arena.cas_word(kept).load(Relaxed),
        77,
        "what is used stays"
    );
    // All can be had again, each once.
    let again = f.fill(1);
    assert_eq!(again.len() + 1, taken.len());
    assert!(!again.contains(&kept));
    f.check();
}

#[test]
fn chunks_come_back_whole_and_pages_stop_at_the_limit() {
    let f = Fixture::new();
    let taken = f.fill(1);
    assert_eq!(taken.len(), 3 * 10922);
    assert!(f.take(5).is_some(), "a first page beyond the limit");
    assert!(f.take(45).is_none(), "but not for a finer class");
    f.check();
    for &id in &taken {
        f.give(id);
    }
    let all = ClassUsage {
        pages: 3,
        free: 3 * 10922,
    };
    assert_eq!(f.slabs.usages()[1], all);
    f.slabs.leave(&f.magazines);
    assert_eq!(f.slabs.usages()[1], all);
    assert_eq!(f.slabs.used(), 1 << 1 | 1 << 5, "no others are summed up");
    f.check();
}

#[test]
#[cfg_attr(miri, ignore = "too many steps")]
fn a_page_that_is_emptied_hands_nothing_out_and_moves_when_all_of_it_is_back() {
    let f = Fixture::new();
    let taken = f.fill(4);
    let page = f.slabs.begin_drain(4, PagePick::Oldest).unwrap();
    let (inside, outside): (Vec<_>, Vec<_>) = taken
        .iter()
        .partition(|&&id| f.slabs.arena.page_of(id) == page);
    for &id in &inside[1..] {
        f.give(id);
    }
    assert!(f.take(4).is_none(), "nothing of it is handed out");
    f.check();
    let state = f.slabs.draining(page);
    assert_eq!((state.cut, state.free), (inside.len(), inside.len() - 1));
    f.give(inside[0]);
    f.slabs.end_drain(page, 6);
    assert_eq!((f.slabs.pages_of(4), f.slabs.pages_of(6)), (2, 1));
    assert_eq!(f.fill(6).len(), f.slabs.classes.per_page(6));
    f.give(outside[0]);
    assert_eq!(f.take(4), Some(outside[0]));
    f.check();
}

#[test]
fn magazines_give_up_the_chunks_of_a_page_that_is_emptied() {
    let f = Fixture::new();
    let (a, b) = (f.take(1).unwrap(), f.fill(1));
    f.give(a);
    let page = f.slabs.arena.page_of(a);
    let emptied = f.slabs.begin_drain(1, PagePick::Oldest).unwrap();
    assert_eq!(emptied, page);
    assert_eq!(f.slabs.recall(page), 1);
    assert!(f.take(1).is_none());
    f.slabs.abandon_drain(page);
    assert_eq!(f.take(1), Some(a), "in service again");
    assert_eq!(b.len(), 3 * 10922 - 1);
    f.check();
    let mut stuck = page;
    for pick in [PagePick::Emptiest, PagePick::Oldest] {
        let next = f.slabs.begin_drain(1, pick).unwrap();
        assert_ne!(next, stuck, "another is tried");
        f.slabs.abandon_drain(next);
        stuck = next;
    }
}

#[test]
fn a_lower_limit_takes_pages_from_the_pool_and_a_higher_one_uses_them_again() {
    let f = Fixture::new();
    for id in f.fill(39) {
        f.give(id);
    }
    for _ in 0..2 {
        let page = f.slabs.begin_drain(39, PagePick::Emptiest).unwrap();
        f.slabs.end_drain(page, 0);
    }
    assert_eq!((f.slabs.pool_len(), f.slabs.malloced()), (2, LIMIT));
    f.slabs.set_limit(1 << 20, || {
        assert_eq!(f.slabs.pool_len(), 2, "noted before the pages go");
    });
    assert_eq!((f.slabs.pool_len(), f.slabs.malloced()), (0, 1 << 20));
    f.slabs.set_limit(LIMIT, || ());
    assert_eq!(f.fill(39).len(), 6);
    assert_eq!(f.slabs.arena.pages(), 4, "no page more than before");
    assert_eq!(
        f.slabs.begin_drain(5, PagePick::Oldest),
        None,
        "it has none"
    );
    f.check();
}
