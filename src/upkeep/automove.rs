//! Which page should move where (automove): the decision, without any threads.
//!
//! A cache is well divided when its classes evict items of the same age. Each round looks at
//! every class; over a window of rounds, the class whose evicted items are youngest gets a page
//! from the one whose tail is oldest, if they differ enough. A class with several pages' worth of
//! free chunks gives one to the pool.

#![forbid(unsafe_code)]

use std::collections::VecDeque;

/// A class as it is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSample {
    /// Items ever evicted.
    pub evicted: u64,
    /// Allocations ever failed.
    pub out_of_memory: u64,
    /// Seconds since the last access of the COLD tail.
    pub age_s: u32,
    /// Free chunks.
    pub free_chunks: u64,
    /// Chunks in a page.
    pub per_page: u64,
    /// Pages.
    pub pages: u64,
}

impl ClassSample {
    fn has_pages_to_spare(&self) -> bool {
        self.free_chunks as f64 / self.per_page as f64 > FREE_PAGES
    }
}

/// What operators can choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The youngest class gets a page if its age is below this part of the oldest's.
    pub ratio: f64,
    /// Rounds that are looked back at.
    pub window: u32,
}

/// What is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Stay,
    /// A page that is hardly used, from this class to the pool.
    Free(usize),
    /// A page between these classes.
    Move {
        /// Where it is used least.
        from: usize,
        /// Where it is wanted.
        to: usize,
    },
}

/// A round of one class.
#[derive(Clone, Copy, Default)]
struct Cell {
    /// Its part of all evicted items.
    ratio: f64,
    /// Whether it evicted any.
    seen: bool,
    /// Whether it was short of memory, or has grown.
    dirty: bool,
    age_s: u32,
}

/// The rounds of one class.
#[derive(Default, Clone)]
struct Window {
    before: ClassSample,
    cells: VecDeque<Cell>,
}

/// What has been seen of all classes, and the rules for it.
pub struct Automover {
    rules: Rules,
    classes: Vec<Window>,
    rounds: u32,
}

/// Free chunks, in pages, above which a page goes to the pool.
const FREE_PAGES: f64 = 2.5;
/// Part of all evicted items that makes a class a candidate, in however few rounds it evicted.
const RATIO_HIGH: f64 = 0.25;
/// A page is taken only from a class that has more than so many.
const PAGES_KEPT: u64 = 2;

impl Automover {
    /// One that has seen nothing yet.
    pub fn new(rules: Rules) -> Automover {
        Automover {
            rules,
            classes: Vec::new(),
            rounds: 0,
        }
    }

    /// The rules that it goes by.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// One round. `samples` has an entry for each class id, the first of them unused; `full`:
    /// the limit of memory has been reached.
    pub fn look(&mut self, samples: &[ClassSample], full: bool) -> Decision {
        self.note(samples);
        if let Some(class) = self.with_too_much(samples, full) {
            return Decision::Free(class);
        }
        if self.rounds < self.rules.window {
            return Decision::Stay;
        }
        let oldest = self.oldest(samples);
        let youngest = self.youngest(samples.len());
        match (oldest, youngest) {
            (Some((from, old_s)), Some((to, young_s, evicts_now)))
                if from != to && evicts_now && young_s < old_s * self.rules.ratio =>
            {
                Decision::Move { from, to }
            }
            _ => Decision::Stay,
        }
    }

    fn note(&mut self, samples: &[ClassSample]) {
        if self.classes.is_empty() {
            let window = |&before| Window {
                before,
                cells: VecDeque::new(),
            };
            self.classes = samples.iter().map(window).collect();
        }
        let evicted =
            |now: &ClassSample, before: &ClassSample| now.evicted.saturating_sub(before.evicted);
        let total: u64 = samples
            .iter()
            .zip(&self.classes)
            .map(|(now, window)| evicted(now, &window.before))
            .sum();
        for (now, window) in samples.iter().zip(&mut self.classes) {
            let own = evicted(now, &window.before);
            let is_short = now.out_of_memory > window.before.out_of_memory;
            window.cells.push_back(Cell {
                ratio: if total == 0 {
                    0.0
                } else {
                    own as f64 / total as f64
                },
                seen: own > 0,
                dirty: own > 0 || is_short || now.pages > window.before.pages,
                age_s: now.age_s,
            });
            if window.cells.len() > self.rules.window as usize {
                window.cells.pop_front();
            }
            window.before = *now;
        }
        self.rounds = self.rounds.saturating_add(1);
    }

    /// A class with free memory that it has not needed for as long as is remembered.
    fn with_too_much(&self, samples: &[ClassSample], full: bool) -> Option<usize> {
        (1..samples.len()).find(|&class| {
            let sample = &samples[class];
            full && sample.pages > 1 && sample.has_pages_to_spare() && self.is_clean(class)
        })
    }

    /// The classes with pages to spare that have not grown, nor been short of memory, for as long as
    /// is remembered.
    pub fn quiet<'a>(&'a self, samples: &'a [ClassSample]) -> impl Iterator<Item = usize> + 'a {
        (1..samples.len()).filter(|&class| {
            let cells = &self.classes[class].cells;
            let is_known = cells.len() >= self.rules.window as usize;
            is_known && samples[class].has_pages_to_spare() && self.is_clean(class)
        })
    }

    fn is_clean(&self, class: usize) -> bool {
        self.classes[class].cells.iter().all(|cell| !cell.dirty)
    }

    fn oldest(&self, samples: &[ClassSample]) -> Option<(usize, f64)> {
        (1..samples.len())
            .filter(|&class| samples[class].pages > PAGES_KEPT)
            .map(|class| (class, self.classes[class].age_s()))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// The class whose evicted items are youngest, their age, and whether it evicts any just now.
    fn youngest(&self, classes: usize) -> Option<(usize, f64, bool)> {
        (1..classes)
            .map(|class| (class, &self.classes[class]))
            .filter(|(_, window)| window.is_needy(self.rules.window))
            .map(|(class, window)| {
                let now = window.cells.back().is_some_and(|cell| cell.seen);
                (class, window.age_s(), now)
            })
            .min_by(|(_, a, _), (_, b, _)| a.total_cmp(b))
    }
}

impl Window {
    fn age_s(&self) -> f64 {
        self.mean(|cell| f64::from(cell.age_s))
    }

    fn is_needy(&self, window: u32) -> bool {
        let seen = self.cells.iter().filter(|cell| cell.seen).count();
        seen > window as usize / 2 || self.mean(|cell| cell.ratio) > RATIO_HIGH
    }

    fn mean(&self, of: impl Fn(&Cell) -> f64) -> f64 {
        let sum: f64 = self.cells.iter().map(of).sum();
        sum / self.cells.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        ratio: 0.8,
        window: 3,
    };

    fn class(evicted: u64, age_s: u32, pages: u64) -> ClassSample {
        ClassSample {
            evicted,
            age_s,
            pages,
            per_page: 100,
            ..ClassSample::default()
        }
    }

    /// Shows the same classes for some rounds, with so many more evicted items each time.
    fn decisions(classes: &[(u64, u32, u64)], rounds: u64) -> Vec<Decision> {
        let mut automover = Automover::new(RULES);
        (1..=rounds)
            .map(|round| {
                let sample = |&(each, age_s, pages)| class(each * round, age_s, pages);
                let samples: Vec<ClassSample> = std::iter::once(ClassSample::default())
                    .chain(classes.iter().map(sample))
                    .collect();
                automover.look(&samples, true)
            })
            .collect()
    }

    #[test]
    fn a_page_goes_from_the_oldest_class_to_the_youngest_once_the_window_is_full() {
        let moved = Decision::Move { from: 1, to: 2 };
        assert_eq!(
            decisions(&[(0, 500, 5), (10, 20, 3)], 4),
            [Decision::Stay, Decision::Stay, moved, moved]
        );
    }

    #[test]
    fn classes_of_nearly_the_same_age_keep_what_they_have() {
        let quiet = decisions(&[(5, 100, 5), (5, 90, 5)], 6);
        assert!(quiet.iter().all(|&decision| decision == Decision::Stay));
    }

    #[test]
    fn a_class_keeps_its_last_two_pages_and_one_that_gives_nothing_up_wants_none() {
        let few = decisions(&[(0, 500, 2), (10, 20, 2)], 6);
        assert!(few.iter().all(|&decision| decision == Decision::Stay));
        let content = decisions(&[(0, 500, 5), (0, 20, 5)], 6);
        assert!(content.iter().all(|&decision| decision == Decision::Stay));
    }

    #[test]
    fn free_memory_goes_to_the_pool_when_memory_is_full_and_the_class_is_quiet() {
        let free = ClassSample {
            free_chunks: 251,
            ..class(0, 0, 4)
        };
        let samples = [ClassSample::default(), free];
        assert_eq!(
            Automover::new(RULES).look(&samples, true),
            Decision::Free(1)
        );
        assert_eq!(Automover::new(RULES).look(&samples, false), Decision::Stay);
        let mut busy = Automover::new(RULES);
        busy.look(&[ClassSample::default(), class(0, 0, 4)], true);
        let grown = ClassSample { pages: 5, ..free };
        assert_eq!(
            busy.look(&[ClassSample::default(), grown], true),
            Decision::Stay
        );
    }

    #[test]
    fn a_class_is_quiet_when_it_has_pages_to_spare_and_has_not_grown_in_a_window() {
        let free = ClassSample {
            free_chunks: 251,
            ..class(0, 0, 4)
        };
        let mut automover = Automover::new(RULES);
        let mut quiet = |sample: ClassSample| {
            let samples = [ClassSample::default(), sample];
            automover.look(&samples, false);
            automover.quiet(&samples).collect::<Vec<usize>>()
        };
        let grown = ClassSample { pages: 5, ..free };
        let full = ClassSample {
            free_chunks: 249,
            ..grown
        };
        assert_eq!([quiet(free), quiet(free)], [[]; 2], "not known for long");
        assert_eq!(quiet(free), [1]);
        assert_eq!(
            [quiet(grown), quiet(grown), quiet(grown)],
            [[]; 3],
            "it has grown"
        );
        assert_eq!((quiet(grown), quiet(full)), (vec![1], vec![]));
    }
}
