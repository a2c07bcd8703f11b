//! What the background threads do, by hand and at the worst moments.

use crate::random::Random;
use memcached::server::Server;
use memcached::store::{
    ClassSet, Crawl, Eviction, ExpiryHistograms, PageMove, PagePick, Pass, Patience, Source,
    ThreadState, Tuning,
};

/// The work of maintainer, crawler and mover.
pub struct Upkeep<'s> {
    server: &'s Server,
    local: ThreadState,
    crawl: Crawl,
    moving: Option<PageMove>,
    moved: u64,
    juggled: u64,
    rescued: u64,
}

const TUNING: Tuning = Tuning {
    hot_pct: 20,
    warm_pct: 40,
    hot_max_factor: 0.2,
    warm_max_factor: 2.0,
};

impl<'s> Upkeep<'s> {
    pub fn new(server: &'s Server) -> Upkeep<'s> {
        Upkeep {
            server,
            local: server.add_thread(),
            crawl: Crawl::new(ClassSet::ALL, 0),
            moving: None,
            moved: 0,
            juggled: 0,
            rescued: 0,
        }
    }

    /// The clock goes on, as the listener's tick makes it.
    pub fn pass(&mut self, seconds: u32) {
        self.server.store.clock.shift(seconds.into());
        self.server.store.flush_if_due(&mut self.local);
    }

    /// Something of all that, or nothing.
    pub fn work(&mut self, random: &mut Random) {
        let store = &self.server.store;
        match random.below(12) {
            0 | 1 => {
                for class in store.classes().ids() {
                    let done = store.maintain_class(&mut self.local, class, &TUNING);
                    self.juggled += u64::from(done.all());
                }
                store.drain_bumps(1000);
            }
            2 | 3 => self.crawl_some(),
            4 | 5 => self.move_some(random),
            6 => store.give_back(&self.local),
            _ => {}
        }
    }

    fn crawl_some(&mut self) {
        let store = &self.server.store;
        let mut histograms: Box<ExpiryHistograms> =
            Box::new(std::array::from_fn(|_| Default::default()));
        for _ in 0..50 {
            let row = store.crawl_row(&mut self.local, &mut self.crawl, &mut histograms);
            if row.is_none() {
                self.crawl = Crawl::new(ClassSet::ALL, 0);
            }
        }
    }

    /// One pass over a page. Nothing is given up for it: there is memory.
    fn move_some(&mut self, random: &mut Random) {
        let store = &self.server.store;
        let Some(moving) = &mut self.moving else {
            let to = *random.pick(&[0, 0, 1, 5, 10, store.classes().last()]);
            let pick = match random.percent(50) {
                true => PagePick::Emptiest,
                false => PagePick::Oldest,
            };
            self.moving = store
                .begin_move(Source::Any, to, pick, Eviction::Allowed)
                .ok();
            return;
        };
        if store.move_pass(&mut self.local, moving, Patience::Wait) == Pass::Done {
            self.moved += 1;
            self.rescued += moving.done.rescues + moving.done.chunk_rescues;
            self.moving = None;
        } else if random.one_in(20) {
            store.abandon_move(moving);
            self.moving = None;
        }
    }

    /// For people.
    pub fn told(&self) -> String {
        let Upkeep {
            juggled,
            moved,
            rescued,
            ..
        } = self;
        format!("{juggled} items juggled, {moved} pages moved, {rescued} chunks rescued")
    }
}

impl Drop for Upkeep<'_> {
    fn drop(&mut self) {
        if let Some(moving) = &self.moving {
            self.server.store.abandon_move(moving);
        }
    }
}
