//! Moving a page from one class to another: its items are copied elsewhere, one by one, while
//! everyone goes on using them.
//!
//! ```text
//!  begin ─► pass over all chunks ─┬─ all free ─► the page changes its class
//!              ▲                  └─ some are in use ───┐
//!              └──────────────── wait ◄─────────────────┘
//! ```
//!
//! A page that is being emptied hands out no chunk (`slabs`), so what is freed stays free and
//! passes make progress. A chunk counts as evacuated only when it lies on its page's free list;
//! anything else that is not a linked item or a part of one is busy: a draft, or an item that
//! is gone but still read. The mover never waits for a lock while it holds one: it finds the
//! key of an item under the lock of its lists, lets go, and then tries the item's stripe.
//!
//! All of this runs on the mover's thread; how long it waits between passes, and when it
//! ends a move, is the caller's business (`upkeep::mover`).

use super::engine::Store;
use super::evict::Try;
use super::held::Held;
use super::item::{HEADER_LEN, ItemId, state};
use super::item::{PAGE_LEN, Part};
use super::slabs::{Grow, PagePick};
use super::table::Slot;
use super::thread_state::ThreadState;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// Items that are evicted at most for the memory of one copy.
const ROUNDS: usize = 10;

/// Why a move is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveRefused {
    /// There is no such class, or none that has two pages.
    BadClass,
    /// The source has no page to spare.
    NoSpare,
    /// Source and destination are one.
    Same,
}

/// Where a page is to come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// From this class; 0 is the pool of pages.
    Class(usize),
    /// From the next class, in turn, that has two.
    Any,
}

/// Whether living items may be evicted for want of memory to copy others to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eviction {
    /// They may.
    Allowed,
    /// They may not.
    Forbidden,
}

/// What becomes of large items that are being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// The page waits for their readers.
    Wait,
    /// It has been busy for too long: they are deleted.
    Delete,
}

/// A page on its way.
#[derive(Debug)]
pub struct PageMove {
    page: usize,
    /// The class it leaves; 0: it comes from the pool, and has arrived.
    pub from: usize,
    /// The class it goes to; 0 is the pool.
    pub to: usize,
    eviction: Eviction,
    patience: Patience,
    /// What has been done so far.
    pub done: MoveCounts,
}

/// What a move has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoveCounts {
    /// Items copied.
    pub rescues: u64,
    /// Chunks of large items copied.
    pub chunk_rescues: u64,
    /// Free chunks fetched from magazines.
    pub inline_reclaim: u64,
    /// Large items that were in use for too long, and deleted.
    pub busy_deletes: u64,
    /// Times that there was no free chunk to copy to.
    pub busy_nomem: u64,
}

/// Why a chunk is not free, at the end of its visit. The names are those of `stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChunkStatus {
    /// Nothing was looked at.
    None,
    /// It was free, or is now.
    Pass,
    /// There is no memory to copy it to.
    Busy,
    /// A large item that is being read.
    BusyActive,
    /// It changed while it was looked at.
    BusyUploading,
    /// A draft, or an item that is gone but still read.
    BusyFloating,
    /// Its stripe is taken.
    Locked,
}

impl ChunkStatus {
    /// Its name in `stats`.
    pub fn name(self) -> &'static str {
        match self {
            ChunkStatus::None => "none",
            ChunkStatus::Pass => "pass",
            ChunkStatus::Busy => "busy",
            ChunkStatus::BusyActive => "busy_active",
            ChunkStatus::BusyUploading => "busy_uploading",
            ChunkStatus::BusyFloating => "busy_floating",
            ChunkStatus::Locked => "locked",
        }
    }

    /// The state that was kept as a number.
    pub fn from_number(number: u8) -> ChunkStatus {
        let all = [
            ChunkStatus::None,
            ChunkStatus::Pass,
            ChunkStatus::Busy,
            ChunkStatus::BusyActive,
            ChunkStatus::BusyUploading,
            ChunkStatus::BusyFloating,
            ChunkStatus::Locked,
        ];
        all[usize::from(number)]
    }

    fn is_busy(self) -> bool {
        !matches!(self, ChunkStatus::None | ChunkStatus::Pass)
    }
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The page has moved.
    Done,
    /// So many chunks are busy, and this is the last one's state.
    Busy(u64, ChunkStatus),
}

impl Store {
    /// Begins to empty a page. One move at a time.
    ///
    /// # Errors
    /// [`MoveRefused`].
    pub fn begin_move(
        &self,
        from: Source,
        to: usize,
        pick: PagePick,
        eviction: Eviction,
    ) -> Result<PageMove, MoveRefused> {
        let from = self.check_move(from, to)?;
        let page = if from == 0 {
            0
        } else {
            let page = self.slabs.begin_drain(from, pick);
            page.ok_or(MoveRefused::NoSpare)?
        };
        Ok(PageMove {
            page,
            from,
            to,
            eviction,
            patience: Patience::Wait,
            done: MoveCounts::default(),
        })
    }

    /// Whether a page may move like that, and from which class.
    ///
    /// # Errors
    /// [`MoveRefused`].
    pub fn check_move(&self, from: Source, to: usize) -> Result<usize, MoveRefused> {
        if from == Source::Class(to) {
            return Err(MoveRefused::Same);
        }
        let classes = &self.slabs.classes;
        // A finer class that is not in use has no pages to move.
        let exists = |class: usize| {
            classes.is_of_table(class)
                || classes.ids().contains(&class) && self.slabs.pages_of(class) > 0
        };
        if !exists(to) {
            return Err(MoveRefused::BadClass);
        }
        let spare = |class: usize| match class {
            0 => self.slabs.pool_len() >= 2,
            _ => self.slabs.pages_of(class) >= 2,
        };
        match from {
            Source::Class(from) if !exists(from) => Err(MoveRefused::BadClass),
            Source::Class(from) if !spare(from) => Err(MoveRefused::NoSpare),
            Source::Class(from) => Ok(from),
            Source::Any => {
                let last = self.next_source.load(Relaxed);
                let in_turn = (last + 1..classes.ids().end).chain(1..=last);
                let found = in_turn
                    .into_iter()
                    .find(|&class| class != to && spare(class))
                    .ok_or(MoveRefused::BadClass)?;
                self.next_source.store(found, Relaxed);
                Ok(found)
            }
        }
    }

    /// Goes over the page once.
    pub fn move_pass(
        &self,
        thread: &mut ThreadState,
        moving: &mut PageMove,
        patience: Patience,
    ) -> Pass {
        moving.patience = patience;
        if moving.from == 0 {
            if !self.slabs.move_from_pool(moving.to) {
                return Pass::Busy(0, ChunkStatus::None);
            }
            return Pass::Done;
        }
        let page = moving.page;
        moving.done.inline_reclaim += self.slabs.recall(page) as u64;
        let size = self.slabs.classes.size(moving.from);
        let (mut busy, mut status) = (0, ChunkStatus::None);
        let cut = self.slabs.draining(page).cut;
        for index in 0..cut {
            let id = self.arena().chunk(page, index * size);
            let found = self.evacuate(thread, moving, id);
            if found.is_busy() {
                busy += 1;
                status = found;
            }
        }
        // Chunks that threads have freed meanwhile may be in their magazines.
        moving.done.inline_reclaim += self.slabs.recall(page) as u64;
        let now = self.slabs.draining(page);
        if now.free < now.cut {
            return Pass::Busy(busy.max(1), status);
        }
        self.slabs.end_drain(page, moving.to);
        Pass::Done
    }

    /// Ends a move without success: the page goes back into service where it is.
    pub fn abandon_move(&self, moving: &PageMove) {
        if moving.from != 0 {
            self.slabs.abandon_drain(moving.page);
        }
    }

    /// Tries to get a chunk free.
    fn evacuate(&self, thread: &mut ThreadState, moving: &mut PageMove, id: ItemId) -> ChunkStatus {
        let header = self.header(id);
        let state = header.state_acquired();
        if state & state::FREE != 0 {
            return ChunkStatus::Pass;
        }
        if state & state::LINKED != 0 {
            return self.evacuate_item(thread, moving, id, id);
        }
        // A chunk of a chain has no key, a head has one. No lock is held: the link may be half
        // changed, and then leads anywhere in the arena, or nowhere.
        if state & state::CHUNKED != 0
            && header.key_len() == 0
            && let Some(head) = self.arena().prev(id)
        {
            return self.evacuate_item(thread, moving, head, id);
        }
        ChunkStatus::BusyFloating
    }

    /// Gets `chunk` free, which is the linked item `head` or a part of its chain.
    fn evacuate_item(
        &self,
        thread: &mut ThreadState,
        moving: &mut PageMove,
        head: ItemId,
        chunk: ItemId,
    ) -> ChunkStatus {
        let Some(hash) = self.hash_if_linked(head) else {
            return ChunkStatus::BusyFloating;
        };
        let Some(mut held) = self.try_hold(thread, hash) else {
            return ChunkStatus::Locked;
        };
        let Some(slot) = held.slot_of(head) else {
            return ChunkStatus::BusyUploading;
        };
        let header = self.header(head);
        // Acquires: the last reader of the value is done with it.
        let is_read = header.refs.load(Acquire) > 1;
        if held.is_dead(&slot) {
            held.unlink(slot);
            return self.status_of(chunk);
        }
        if is_read && header.has(state::CHUNKED) {
            if moving.patience == Patience::Delete {
                moving.done.busy_deletes += 1;
                held.notify_evicted(held.thread, slot.id);
                held.unlink(slot);
            }
            return ChunkStatus::BusyActive;
        }
        if head == chunk {
            held.rescue_item(moving, head)
        } else {
            held.rescue_chunk(moving, head, chunk)
        }
    }

    /// Whether a chunk is free now, or still read.
    fn status_of(&self, chunk: ItemId) -> ChunkStatus {
        if self.header(chunk).has(state::FREE) {
            ChunkStatus::Pass
        } else {
            ChunkStatus::BusyFloating
        }
    }

    /// The hash of an item's key, if `id` is a linked item: a hint. It may not be one any more when
    /// this returns, so the caller looks again under the stripe that the hint names. The length of
    /// the key is read once: what is hashed is what was found to lie within the chunk.
    fn hash_if_linked(&self, id: ItemId) -> Option<u64> {
        let page = self.arena().page_of(id);
        if page >= self.arena().pages() || self.arena().class_of_page(page) == 0 {
            return None;
        }
        let within = id.offset() % PAGE_LEN;
        let size = self.slabs.classes.size(self.arena().class_of_page(page));
        let header = self.header(id);
        let class = header.class();
        // Items leave the table and the lists under this lock, so while it is held a linked
        // item stays one and its key can be read.
        let _lists = self.lists(class);
        let is_chunk = within.is_multiple_of(size) && within / size < self.slabs.cut_of(page);
        // The bits first: the class is then that of the list that the item is in. If it is this
        // one, the item came there under the lock that is held, and its key is to be seen.
        let is_linked = header.state_acquired() & state::LINKED != 0;
        let is_item = is_chunk && is_linked && header.class() == class;
        let key_len = header.key_len();
        let key_fits = self.key_offset + key_len <= size;
        if !is_item || !key_fits {
            return None;
        }
        self.arena().reads(id, Part::Key);
        let at = self.arena().at(id);
        // SAFETY: within the chunk, of a page in use, by the checks above. It is a linked item of
        // the lists that are held, so its key is frozen.
        let key = unsafe { std::slice::from_raw_parts(at.add(self.key_offset).as_ptr(), key_len) };
        Some(self.hash(key))
    }

    /// Copies the first `len` bytes of a chunk to one of the same class that is this thread's
    /// alone; its links are to be set. The stripe of the item is held.
    fn copy_chunk(&self, from: ItemId, to: ItemId, len: usize) {
        self.header(to).copy_from(self.header(from));
        for part in [Part::Key, Part::Value] {
            self.arena().reads(from, part);
            self.arena().writes(to, part);
        }
        // SAFETY: both chunks hold `len` bytes. What comes after the header is written by
        // no thread: the stripe is held, and a draft is never copied.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.arena().at(from).add(HEADER_LEN).as_ptr(),
                self.arena().at(to).add(HEADER_LEN).as_ptr(),
                len - HEADER_LEN,
            );
        }
    }

    /// Notes from now on which class items are evicted from, or no longer.
    pub fn note_page_requests(&self, ask: bool) {
        self.notes_page_requests.store(ask, Relaxed);
    }

    /// The class that an item was last evicted from since this was asked, if any.
    pub fn take_page_request(&self) -> Option<usize> {
        let class = self.page_request.swap(0, Relaxed);
        (class != 0).then_some(class)
    }

    /// Pages of a class.
    pub fn pages_of(&self, class: usize) -> usize {
        self.slabs.pages_of(class)
    }

    /// Pages of no class.
    pub fn pool_len(&self) -> usize {
        self.slabs.pool_len()
    }

    /// Whether one more page from the system would be too many.
    pub fn is_full(&self) -> bool {
        self.slabs.is_full()
    }

    /// Whether as many pages again as there are would not be too many.
    pub fn is_half_empty(&self) -> bool {
        self.slabs.is_half_empty()
    }

    /// Pages that classes got beyond the limit, as long as it is not kept.
    pub fn pages_over_limit(&self) -> u64 {
        self.slabs.pages_over_limit()
    }
}

impl Held<'_, '_> {
    /// Memory of the page's class outside of it: free, or an old item's if that is allowed, but
    /// not that of the item that is to be copied.
    fn spare_chunk(&mut self, moving: &mut PageMove, copied: ItemId) -> Option<ItemId> {
        let (store, thread) = (self.store, &mut *self.thread);
        let (class, last) = (moving.from, store.slabs.classes.last());
        let to_pool = moving.to == 0;
        let grow = if to_pool { Grow::No } else { Grow::Yes };
        let free = |thread: &ThreadState| {
            let popped = store.slabs.pop(&thread.magazines, class);
            popped
                .or_else(|| store.slabs.take(&thread.magazines, class, grow))
                .or_else(|| {
                    // A class that is to lose a page to the pool gets none from there for it.
                    let has_grown = to_pool && store.slabs.grow_from_system(class);
                    let take = || store.slabs.take(&thread.magazines, class, Grow::No);
                    has_grown.then(take).flatten()
                })
        };
        let found = free(thread);
        if found.is_some() {
            return found;
        }
        moving.done.busy_nomem += 1;
        let keeping = Some(self.stripe.keeping(Some(copied)));
        for _ in 0..ROUNDS {
            let changed = moving.eviction == Eviction::Allowed
                && (store.evict_one(thread, class, Try::Another, keeping)
                    || class != last && store.evict_one(thread, last, Try::Another, keeping));
            if !changed {
                break;
            }
            let found = free(thread);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Copies a linked item to another chunk, which takes its place everywhere. Readers of the
    /// old one go on; it is free when the last of them is done.
    fn rescue_item(&mut self, moving: &mut PageMove, old: ItemId) -> ChunkStatus {
        let Some(new) = self.spare_chunk(moving, old) else {
            return ChunkStatus::Busy;
        };
        let store = self.store;
        let (header, copy) = (store.header(old), store.header(new));
        let len = if header.has(state::CHUNKED) {
            store.head_len(header.key_len())
        } else {
            store.key_offset + header.key_len() + header.value_len()
        };
        store.copy_chunk(old, new, len);
        copy.refs.store(1, Relaxed);
        {
            let mut lists = store.lists(header.class());
            lists.replace(old, new);
            header.remove_state(state::LINKED);
        }
        let slot: Option<Slot<'_>> = self.slot_of(old);
        let slot = slot.expect("an item that is kept stays in the table");
        self.stripe.replace(slot, self.hash, new, slot.epoch);
        if copy.has(state::CHUNKED) {
            store.rename_head(new);
            // The chain is the new head's now.
            header.remove_state(state::CHUNKED);
        }
        self.thread.counters.thread.total_items.add(1);
        moving.done.rescues += 1;
        store.drop_ref(Some(&mut *self.thread), old);
        store.status_of(old)
    }

    /// Copies one chunk of the chain of `head`, which has no readers.
    fn rescue_chunk(&mut self, moving: &mut PageMove, head: ItemId, old: ItemId) -> ChunkStatus {
        let store = self.store;
        if !store.chain_has(head, old) {
            return ChunkStatus::BusyUploading;
        }
        let Some(new) = self.spare_chunk(moving, head) else {
            return ChunkStatus::Busy;
        };
        store.copy_chunk(old, new, store.slabs.classes.size(moving.from));
        store.relink_chunk(head, old, new);
        moving.done.chunk_rescues += 1;
        store.slabs.give(&self.thread.magazines, old);
        ChunkStatus::Pass
    }
}
