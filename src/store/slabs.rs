//! Slab allocator: the one owner of item memory.
//!
//! Memory comes in pages of one mebibyte. A page belongs to one class and is cut into
//! equal chunks, one after the other as they are needed, so memory that has never been filled
//! has not been touched (but by a system that backs it with huge pages).
//!
//! ```text
//! pool     [ page 9 │ page 4 ]            pages of no class
//! class 3  open: page 7, page 12          those of its pages that have free chunks
//!   page 7   [ item │ item │ free │ item │ ← not cut yet       ]   its own list of free chunks
//! magazine of worker 2     [ chunk, chunk, … ]   filled and drained by the half
//! ```
//!
//! Each thread keeps a small magazine per class, so most stores touch nothing here but its
//! own lock, which is never contended: only the page mover comes by, to fetch the chunks of a
//! page that it empties. Large chunks have no magazine: copying them costs more than the lock.
//!
//! Free chunks are listed by page, so that a page can be taken out of service at once: no
//! chunk of it is handed out any more, and it is empty when its list holds all that was cut.
//!
//! Locks: magazine, then class, then the page pool; all after the LRU lists.
//! Elsewhere: when [`Slabs::take`] finds nothing it says so; evicting is the work of
//! the store, from the tails of `lru`.

use super::arena::Arena;
use super::cache_line::Padded;
use super::classes::{CLASSES_MAX, ClassSizes, Classes};
use super::item::{ItemId, PAGE_LEN, state};
use super::space::{Plain, Space};
use crate::sys::sync::{Mutex, MutexGuard};
use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Chunks in a magazine at most, and bytes that they may hold together.
const MAGAZINE_CHUNKS: usize = 16;
const MAGAZINE_BYTES: usize = 16 << 10;
/// Pages of a class that are looked at while it is held.
const PAGES_PER_HOLD: usize = if cfg!(test) { 2 } else { 1024 };

/// What a page's class knows of it; guarded by the lock of that class.
#[derive(Default)]
#[repr(C)]
struct Page {
    /// The first free chunk; others follow through their links.
    free: AtomicU64,
    free_len: AtomicU32,
    /// Chunks cut so far.
    cut: AtomicU32,
}

// SAFETY: atomics side by side, without padding; zero is a value of each.
unsafe impl Plain for Page {}

/// The pages of one class.
#[derive(Default)]
struct Class {
    /// All of them, the oldest first.
    pages: Vec<u32>,
    /// Those with free chunks, or chunks not cut yet, that are not being emptied.
    open: Vec<u32>,
    /// The one that could not be emptied last: next time another is tried.
    stuck: Option<u32>,
    /// Chunks free or not cut in open pages.
    free: u64,
}

/// The pages of no class, and what is counted for all.
#[derive(Default)]
struct Pool {
    pages: Vec<u32>,
    /// Pages whose memory the system has back.
    returned: Vec<u32>,
    /// Pages that classes without any got beyond the limit and that have not gone back since.
    over_limit: u64,
}

/// The allocator.
pub struct Slabs {
    /// The memory itself.
    pub arena: Arena,
    /// The sizes.
    pub classes: Classes,
    states: Box<[Padded<Mutex<Class>>]>,
    /// One for each page of the arena.
    pages: Space<Page>,
    /// Classes of the table whose first page was full once: items go to their finer classes.
    first_page_full: Box<[AtomicBool]>,
    pool: Mutex<Pool>,
    /// Bytes of pages, those of the pool included. Written under the lock of the pool.
    malloced: AtomicU64,
    /// Bytes that pages may take; every class of the table may have one page beyond it.
    limit: AtomicU64,
    members: Mutex<Vec<Arc<Magazines>>>,
    /// Classes that have had a page, or large items, as bits: all others have nothing to count.
    used: AtomicU64,
}

/// The free chunks of one thread, by class.
pub struct Magazines {
    chunks: Mutex<Box<[Vec<ItemId>]>>,
}

/// What `stats slabs` shows of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassUsage {
    /// Pages it owns.
    pub pages: u64,
    /// Chunks that are free, not cut yet or in a magazine.
    pub free: u64,
}

/// Whether a class may get another page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grow {
    /// From the pool or, within the limit, from the system.
    Yes,
    /// What it has must do.
    No,
}

/// Which page of a class is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagePick {
    /// The one that has been there longest.
    Oldest,
    /// The one with the most free chunks.
    Emptiest,
}

/// How a page that is being emptied stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draining {
    /// Chunks that were ever cut from it.
    pub cut: usize,
    /// Those of them that are free.
    pub free: usize,
}

impl Slabs {
    /// No pages yet. `malloced` pretends that so many bytes are already taken.
    pub fn new(sizes: &ClassSizes, arena: Arena, limit: u64, malloced: u64) -> Result<Slabs> {
        Ok(Slabs {
            classes: Classes::new(sizes),
            states: std::iter::repeat_with(Padded::default)
                .take(CLASSES_MAX)
                .collect(),
            pages: Space::new(arena.pages())?,
            first_page_full: std::iter::repeat_with(AtomicBool::default)
                .take(CLASSES_MAX)
                .collect(),
            pool: Mutex::default(),
            malloced: AtomicU64::new(malloced),
            limit: AtomicU64::new(limit),
            members: Mutex::default(),
            used: AtomicU64::new(0),
            arena,
        })
    }

    /// Magazines for a thread, which the mover can reach into.
    pub fn join(&self) -> Arc<Magazines> {
        let magazines = Arc::new(Magazines {
            chunks: Mutex::new(std::iter::repeat_with(Vec::new).take(CLASSES_MAX).collect()),
        });
        self.members.lock().unwrap().push(Arc::clone(&magazines));
        magazines
    }

    /// Gives back what is in a thread's magazines.
    pub fn empty(&self, magazines: &Magazines) {
        let mut chunks = magazines.chunks.lock().unwrap();
        for (class, chunks) in chunks.iter_mut().enumerate() {
            self.drain(chunks, class, 0);
        }
    }

    /// Ends a thread's magazines: what is in them goes back.
    pub fn leave(&self, magazines: &Arc<Magazines>) {
        self.empty(magazines);
        let mut members = self.members.lock().unwrap();
        members.retain(|member| !Arc::ptr_eq(member, magazines));
    }

    /// Bytes of pages obtained from the system.
    pub fn malloced(&self) -> u64 {
        self.malloced.load(Relaxed)
    }

    /// What pages may take, in bytes; 0 for no limit.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Changes what pages may take; pages of the pool beyond it go back to the system.
    pub fn set_limit(&self, bytes: u64, note: impl FnOnce()) {
        self.limit.store(bytes, Relaxed);
        note();
        self.shrink();
    }

    /// The classes that anything has ever been counted for.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Notes that there is something to count for a class.
    pub fn note_used(&self, class: usize) {
        if self.used() >> class & 1 == 0 {
            self.used.fetch_or(1 << class, Relaxed);
        }
    }

    /// Whether one more page from the system would be too many.
    pub fn is_full(&self) -> bool {
        let limit = self.limit();
        limit != 0 && self.malloced() + PAGE_LEN as u64 > limit
    }

    /// Whether as many pages again as there are would not be too many.
    pub fn is_half_empty(&self) -> bool {
        let limit = self.limit();
        limit == 0 || self.malloced() * 2 <= limit
    }

    /// Pages of no class.
    pub fn pool_len(&self) -> usize {
        self.pool.lock().unwrap().pages.len()
    }

    /// Pages that classes got beyond the limit, as long as there are more pages than it allows.
    pub fn pages_over_limit(&self) -> u64 {
        let limit = self.limit();
        let pages = self.pool.lock().unwrap().over_limit;
        if limit != 0 && self.malloced() > limit {
            pages
        } else {
            0
        }
    }

    /// Pages and free chunks of every class, by its number. There may be thousands of threads: the
    /// magazines of each are locked once, for all classes, and of these only those in use are
    /// looked at.
    pub fn usages(&self) -> Vec<ClassUsage> {
        let used = self.used();
        let is_used = |class: &usize| used >> class & 1 != 0;
        let mut usages = vec![ClassUsage::default(); CLASSES_MAX];
        // One lock at a time: the order is magazine, then class.
        for member in self.members.lock().unwrap().iter() {
            let chunks = member.chunks.lock().unwrap();
            for class in (0..CLASSES_MAX).filter(is_used) {
                usages[class].free += chunks[class].len() as u64;
            }
        }
        for class in (0..CLASSES_MAX).filter(is_used) {
            let state = self.class(class);
            usages[class].pages = state.pages.len() as u64;
            usages[class].free += state.free;
        }
        usages
    }

    /// Pages of a class.
    pub fn pages_of(&self, class: usize) -> usize {
        self.class(class).pages.len()
    }

    /// Whether the first page of `home` was full once.
    #[inline]
    pub fn is_first_page_full(&self, home: usize) -> bool {
        self.first_page_full[home].load(Relaxed)
    }

    /// Notes that the first page of `home` is full.
    pub fn set_first_page_full(&self, home: usize) {
        self.first_page_full[home].store(true, Relaxed);
    }

    /// A chunk of `class` from the thread's magazine.
    #[inline]
    pub fn pop(&self, magazines: &Magazines, class: usize) -> Option<ItemId> {
        let id = magazines.chunks.lock().unwrap()[class].pop()?;
        Some(self.in_use(id))
    }

    /// A chunk of `class` for the thread that owns `magazines`: one that is free or, if
    /// it may [`Grow`], of a new page. `None` if there is none to be had.
    #[cold]
    pub fn take(&self, magazines: &Magazines, class: usize, grow: Grow) -> Option<ItemId> {
        let chunks = &mut magazines.chunks.lock().unwrap()[class];
        if let Some(id) = chunks.pop() {
            return Some(self.in_use(id));
        }
        let mut state = self.class(class);
        let first = match self.pop_free(&mut state, class) {
            Some(id) => id,
            None if grow == Grow::Yes => {
                self.grow(&mut state, class)?;
                self.pop_free(&mut state, class)?
            }
            None => return None,
        };
        for _ in 1..self.magazine_len(class) / 2 {
            let Some(id) = self.pop_free(&mut state, class) else {
                break;
            };
            chunks.push(id);
        }
        Some(self.in_use(first))
    }

    /// Gives a chunk back to the thread's magazine, or to its page if that is full or the
    /// page is being emptied.
    #[inline]
    pub fn give(&self, magazines: &Magazines, id: ItemId) {
        let class = self.arena.class_of(id);
        let most = self.magazine_len(class);
        if most == 0 || self.arena.is_draining(id) {
            return self.give_back(id);
        }
        self.set_free(id);
        let chunks = &mut magazines.chunks.lock().unwrap()[class];
        if chunks.len() >= most {
            self.drain(chunks, class, most / 2);
        }
        chunks.push(id);
    }

    /// Gives a chunk back to its page, from any thread.
    pub fn give_back(&self, id: ItemId) {
        let class = self.arena.class_of(id);
        self.set_free(id);
        let mut state = self.class(class);
        self.push_free(&mut state, class, id);
    }

    /// Marks a chunk that is not in use any more.
    #[inline]
    fn set_free(&self, id: ItemId) {
        self.arena.header(id).set_state(state::FREE);
        #[cfg(poison)]
        self.arena
            .poison(id, self.classes.size(self.arena.class_of(id)));
    }

    /// Marks a chunk that is the caller's from now on.
    #[inline]
    fn in_use(&self, id: ItemId) -> ItemId {
        debug_assert!(self.arena.header(id).has(state::FREE));
        #[cfg(poison)]
        self.arena
            .unpoison(id, self.classes.size(self.arena.class_of(id)));
        self.arena.header(id).set_state(0);
        id
    }

    fn class(&self, class: usize) -> MutexGuard<'_, Class> {
        // A panic ends the process, so no lock is ever found poisoned.
        self.states[class].0.lock().unwrap()
    }

    fn page(&self, page: usize) -> &Page {
        self.pages.get(page).expect("a page that was obtained")
    }

    /// Chunks that a magazine of `class` holds at most.
    fn magazine_len(&self, class: usize) -> usize {
        match MAGAZINE_BYTES / self.classes.size(class) {
            0 | 1 => 0,
            fitting => fitting.min(MAGAZINE_CHUNKS),
        }
    }

    #[cold]
    fn drain(&self, chunks: &mut Vec<ItemId>, class: usize, keep: usize) {
        if chunks.len() > keep {
            let mut state = self.class(class);
            for id in chunks.drain(keep..) {
                self.push_free(&mut state, class, id);
            }
        }
    }

    fn pop_free(&self, state: &mut Class, class: usize) -> Option<ItemId> {
        let number = *state.open.last()?;
        let page = self.page(number as usize);
        let id = if let Some(id) = self.arena.checked(page.free.load(Relaxed)) {
            page.free.store(self.arena.header(id).next_raw(), Relaxed);
            page.free_len
                .store(page.free_len.load(Relaxed) - 1, Relaxed);
            id
        } else {
            let cut = page.cut.load(Relaxed);
            let id = self
                .arena
                .chunk(number as usize, cut as usize * self.classes.size(class));
            // What the memory held before means nothing now.
            let header = self.arena.header(id);
            header.set_state(state::FREE);
            header.set_prev(None);
            // After that: a thread that counts this chunk among those that were cut sees it as a free one.
            page.cut.store(cut + 1, Release);
            id
        };
        state.free -= 1;
        if self.spare(number, class) == 0 {
            state.open.pop();
        }
        Some(id)
    }

    fn push_free(&self, state: &mut Class, class: usize, id: ItemId) {
        let number = self.arena.page_of(id) as u32;
        let was_full = self.spare(number, class) == 0;
        let page = self.page(number as usize);
        self.arena
            .header(id)
            .set_next(self.arena.checked(page.free.load(Relaxed)));
        page.free.store(id.raw(), Relaxed);
        page.free_len
            .store(page.free_len.load(Relaxed) + 1, Relaxed);
        if self.arena.is_draining(id) {
            return;
        }
        state.free += 1;
        if was_full {
            state.open.push(number);
        }
    }

    /// Chunks of a page that are free or not cut yet.
    fn spare(&self, number: u32, class: usize) -> u64 {
        let page = self.page(number as usize);
        let uncut = self.classes.per_page(class) as u64 - u64::from(page.cut.load(Relaxed));
        uncut + u64::from(page.free_len.load(Relaxed))
    }

    /// One more page for `class`: from the pool, or from the system if the limit allows. A
    /// class of the table that has none gets one all the same: it could otherwise never store
    /// anything.
    fn grow(&self, state: &mut Class, class: usize) -> Option<()> {
        let mut pool = self.pool.lock().unwrap();
        let page = match pool.pages.pop() {
            Some(page) => page,
            None => {
                let beyond = self.is_full();
                if beyond && (!state.pages.is_empty() || !self.classes.is_of_table(class)) {
                    return None;
                }
                let page = self.obtain(&mut pool)?;
                pool.over_limit += u64::from(beyond);
                page
            }
        };
        drop(pool);
        self.put_in_service(state, class, page);
        Some(())
    }

    /// Gives each class of the table its first page.
    ///
    /// # Errors
    /// The bytes that this takes, if they are more than the limit or the system has.
    pub fn preallocate(&self) -> std::result::Result<(), u64> {
        let needed = self.classes.last() as u64 * PAGE_LEN as u64;
        if self.limit() != 0 && self.limit() < needed {
            return Err(needed);
        }
        (1..=self.classes.last())
            .all(|class| self.grow_from_system(class))
            .then_some(())
            .ok_or(needed)
    }

    /// One more page for `class` if the limit allows, from the system even when there are pages
    /// in the pool; false if there is none.
    pub fn grow_from_system(&self, class: usize) -> bool {
        let mut state = self.class(class);
        let mut pool = self.pool.lock().unwrap();
        let page = if self.is_full() {
            None
        } else {
            self.obtain(&mut pool)
        };
        drop(pool);
        if let Some(page) = page {
            self.put_in_service(&mut state, class, page);
        }
        page.is_some()
    }

    /// A page from the system.
    fn obtain(&self, pool: &mut Pool) -> Option<u32> {
        let page = pool.returned.pop();
        if page.is_none() {
            // Before the page, which cannot be given back.
            self.pages.commit(self.arena.pages() + 1).ok()?;
        }
        let page = page.or_else(|| self.arena.commit_page().map(|page| page as u32))?;
        self.malloced.fetch_add(PAGE_LEN as u64, Relaxed);
        Some(page)
    }

    fn put_in_service(&self, state: &mut Class, class: usize, number: u32) {
        self.cut_anew(number);
        self.arena.set_class(number as usize, class);
        self.note_used(class);
        state.pages.push(number);
        state.open.push(number);
        state.free += self.classes.per_page(class) as u64;
    }

    /// Gives pages of the pool back to the system until the limit is kept. The pool is held for
    /// one page at a time, and not while the system takes it: there may be thousands, and threads
    /// that store wait for the pool.
    fn shrink(&self) {
        while let Some(page) = self.take_beyond_limit() {
            self.arena.give_back(page as usize);
            self.pool.lock().unwrap().returned.push(page);
        }
    }

    /// A page of the pool, if there are more pages than may be.
    fn take_beyond_limit(&self) -> Option<u32> {
        let limit = self.limit();
        let mut pool = self.pool.lock().unwrap();
        if limit == 0 || self.malloced() <= limit {
            return None;
        }
        let page = pool.pages.pop()?;
        pool.over_limit = pool.over_limit.saturating_sub(1);
        self.malloced.fetch_sub(PAGE_LEN as u64, Relaxed);
        Some(page)
    }
}

/// What the page mover does with pages: it alone calls these, for one page at a time.
impl Slabs {
    /// Takes a page of `class` out of service and returns its number. `None`: the class would be
    /// left without any.
    pub fn begin_drain(&self, class: usize, pick: PagePick) -> Option<usize> {
        let number = match pick {
            PagePick::Oldest => self.oldest(class),
            PagePick::Emptiest => self.emptiest(class),
        }?;
        let mut state = self.class(class);
        self.arena.mark_draining(number as usize, true);
        if let Some(at) = state.open.iter().position(|&open| open == number) {
            state.open.remove(at);
            state.free -= self.spare(number, class);
        }
        Some(number as usize)
    }

    /// The page of `class` that has been there longest, but for the one that was stuck. `None`: it
    /// has no two.
    fn oldest(&self, class: usize) -> Option<u32> {
        let state = self.class(class);
        let mut others = state
            .pages
            .iter()
            .filter(|&&page| state.stuck != Some(page));
        (others.next().copied()).filter(|_| state.pages.len() >= 2)
    }

    /// The one with the most free chunks. Others may have the class after every few pages that are
    /// looked at: they add pages at the end, and only the mover takes any away.
    fn emptiest(&self, class: usize) -> Option<u32> {
        let mut best = None;
        for from in (0..).step_by(PAGES_PER_HOLD) {
            let state = self.class(class);
            let pages = state.pages.iter().skip(from).take(PAGES_PER_HOLD);
            let others = pages.filter(|&&page| state.stuck != Some(page));
            let here = others.map(|&page| (self.spare(page, class), page));
            best = best.max(here.max_by_key(|&(spare, _)| spare));
            if from + PAGES_PER_HOLD >= state.pages.len() {
                return best
                    .filter(|_| state.pages.len() >= 2)
                    .map(|(_, page)| page);
            }
        }
        None
    }

    /// Gives the memory of pages of `class` that are free as a whole back to the system, of `most` at
    /// most; returns of how many. They stay pages of the class, of which nothing has been cut.
    /// The class is held for one of them at a time.
    pub fn rest_free_pages(&self, class: usize, most: usize) -> usize {
        // A chunk in a magazine keeps a whole page.
        for member in self.members.lock().unwrap().iter() {
            let chunks = &mut member.chunks.lock().unwrap()[class];
            self.drain(chunks, class, 0);
        }
        let (mut rested, mut from) = (0, 0);
        while rested < most {
            let state = self.class(class);
            let pages = state.pages.iter().skip(from).take(PAGES_PER_HOLD);
            let looked_at = pages.len();
            if looked_at == 0 {
                break;
            }
            let free = pages.enumerate().find(|(_, number)| {
                let (id, page) = (
                    self.arena.chunk(**number as usize, 0),
                    self.page(**number as usize),
                );
                let cut = page.cut.load(Relaxed);
                cut > 0 && page.free_len.load(Relaxed) == cut && !self.arena.is_draining(id)
            });
            let Some((at, &number)) = free else {
                from += looked_at;
                continue;
            };
            self.cut_anew(number);
            self.arena.give_back(number as usize);
            from += at + 1;
            rested += 1;
        }
        rested
    }

    /// A page of which nothing has been cut: its class is held, and no chunk of it is in use.
    fn cut_anew(&self, number: u32) {
        let page = self.page(number as usize);
        page.free.store(0, Relaxed);
        page.free_len.store(0, Relaxed);
        page.cut.store(0, Relaxed);
        // Chunks of another size may have been free here.
        #[cfg(poison)]
        self.arena
            .unpoison(self.arena.chunk(number as usize, 0), PAGE_LEN);
    }

    /// Chunks that have been cut from a page, looked at without a lock. Each of them has had a
    /// state since: what the memory held before it was cut is not to be seen any more.
    pub fn cut_of(&self, page: usize) -> usize {
        self.page(page).cut.load(Acquire) as usize
    }

    /// How far a page is emptied.
    pub fn draining(&self, page: usize) -> Draining {
        let _state = self.class(self.arena.class_of_page(page));
        let state = self.page(page);
        Draining {
            cut: state.cut.load(Relaxed) as usize,
            free: state.free_len.load(Relaxed) as usize,
        }
    }

    /// Fetches the chunks of `page` out of all magazines; returns how many there were.
    pub fn recall(&self, page: usize) -> usize {
        let class = self.arena.class_of_page(page);
        let mut recalled = 0;
        for member in self.members.lock().unwrap().iter() {
            let mut chunks = member.chunks.lock().unwrap();
            let mut state = self.class(class);
            chunks[class].retain(|&id| {
                let stays = self.arena.page_of(id) != page;
                if !stays {
                    self.push_free(&mut state, class, id);
                    recalled += 1;
                }
                stays
            });
        }
        recalled
    }

    /// Puts a page that could not be emptied back into service.
    pub fn abandon_drain(&self, page: usize) {
        let class = self.arena.class_of_page(page);
        let mut state = self.class(class);
        self.arena.mark_draining(page, false);
        state.stuck = Some(page as u32);
        let spare = self.spare(page as u32, class);
        if spare > 0 {
            state.open.push(page as u32);
            state.free += spare;
        }
    }

    /// Takes an empty page from its class and gives it to another, or to the pool (0).
    pub fn end_drain(&self, page: usize, to: usize) {
        let from = self.arena.class_of_page(page);
        let mut state = self.class(from);
        debug_assert_eq!(
            self.page(page).cut.load(Relaxed),
            self.page(page).free_len.load(Relaxed)
        );
        state.pages.retain(|&number| number as usize != page);
        self.arena.set_class(page, 0);
        drop(state);
        self.assign(page, to);
    }

    /// Takes a page from the pool for a class; false if the pool would be left empty.
    pub fn move_from_pool(&self, to: usize) -> bool {
        let mut pool = self.pool.lock().unwrap();
        if pool.pages.len() < 2 {
            return false;
        }
        let page = pool.pages.remove(0);
        drop(pool);
        self.assign(page as usize, to);
        true
    }

    fn assign(&self, page: usize, to: usize) {
        if to == 0 {
            self.pool.lock().unwrap().pages.push(page as u32);
            self.shrink();
        } else {
            self.put_in_service(&mut self.class(to), to, page as u32);
        }
    }
}

/// For the invariant walk.
#[cfg(any(test, debug_assertions))]
impl Slabs {
    /// Calls `each` with every free chunk that is not in a magazine.
    pub fn for_each_free(&self, class: usize, mut each: impl FnMut(ItemId)) {
        let state = self.class(class);
        for &number in &state.pages {
            let mut next = self
                .arena
                .checked(self.page(number as usize).free.load(Relaxed));
            while let Some(id) = next {
                each(id);
                next = self.arena.next(id);
            }
        }
    }

    /// Calls `each` with every chunk in a magazine.
    pub fn for_each_in_magazine(&self, mut each: impl FnMut(ItemId)) {
        for member in self.members.lock().unwrap().iter() {
            let chunks = member.chunks.lock().unwrap();
            chunks.iter().flatten().for_each(|&id| each(id));
        }
    }

    /// What does not agree in the pages of a class, in words.
    pub fn verify(&self, class: usize) -> std::result::Result<(), String> {
        let state = self.class(class);
        let mut free = 0;
        for &number in &state.pages {
            let draining = self.arena.is_draining(self.arena.chunk(number as usize, 0));
            let spare = self.spare(number, class);
            let is_open = state.open.contains(&number);
            if self.arena.class_of_page(number as usize) != class {
                return Err(format!("page {number} is not of class {class}"));
            }
            if is_open != (spare > 0 && !draining) {
                return Err(format!("page {number} has {spare} chunks, open: {is_open}"));
            }
            free += if draining { 0 } else { spare };
        }
        if free == state.free {
            Ok(())
        } else {
            Err(format!(
                "class {class}: {} free chunks, {free} found",
                state.free
            ))
        }
    }

    /// Pages whose memory the system has back.
    pub fn returned(&self) -> usize {
        self.pool.lock().unwrap().returned.len()
    }

    /// Numbers of the pages that belong to no class but are in the pool or were given back.
    pub fn pages_without_class(&self) -> Vec<usize> {
        let pool = self.pool.lock().unwrap();
        let all = pool.pages.iter().chain(&pool.returned);
        all.map(|&page| page as usize).collect()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
