//! `stats slabs`: the pages and chunks of each slab class, declared line by line.

#![forbid(unsafe_code)]

use super::server::Server;
use super::stat_row::{StatRow, counted, show};
use crate::counters::ClassTotals;
use crate::counters::StatKind::{Counter, Gauge};
use crate::store::ClassUsage;
use std::fmt::Display;

/// A class that owns pages.
pub(super) struct Slab {
    chunk_size: usize,
    per_page: usize,
    usage: ClassUsage,
    class: ClassTotals,
}

impl Slab {
    fn chunks(&self) -> u64 {
        self.usage.pages * self.per_page as u64
    }
}

/// All classes together.
pub(super) struct AllSlabs {
    active: u64,
}

type Line = StatRow<Slab>;

/// The lines of a class in `stats slabs`, in order; on the wire each begins with `<class>:`.
#[rustfmt::skip] // a table
pub(super) static SLABS: &[StatRow<Slab>] = &[
    Line::new(Gauge, "chunk_size", "Bytes of a chunk.", |_, of| of.chunk_size.into()),
    Line::new(Gauge, "chunks_per_page", "Chunks in a page.", |_, of| of.per_page.into()),
    Line::new(Gauge, "total_pages", "Pages of the class.", |_, of| of.usage.pages.into()),
    Line::new(Gauge, "total_chunks", "Chunks of the class.", |_, of| of.chunks().into()),
    Line::new(Gauge, "used_chunks", "Chunks in use.", |_, of| of.chunks().saturating_sub(of.usage.free).into()),
    Line::new(Gauge, "free_chunks", "Free chunks.", |_, of| of.usage.free.into()),
    Line::new(Gauge, "free_chunks_end", "0: there is no such list.", |_, _| 0u64.into()),
    Line::new(Counter, "get_hits", "Keys asked for and found.", |_, of| of.class.get_hits().into()),
    counted!(class.cmd_set),
    counted!(class.delete_hits),
    counted!(class.incr_hits),
    counted!(class.decr_hits),
    counted!(class.cas_hits),
    counted!(class.cas_badval),
    counted!(class.touch_hits),
];

/// The lines at the end of `stats slabs`.
#[rustfmt::skip] // a table
pub(super) static ALL_SLABS: &[StatRow<AllSlabs>] = &[
    StatRow::new(Gauge, "active_slabs", "Classes that own pages.", |_, of| of.active.into()),
    StatRow::new(Gauge, "total_malloced", "Bytes of all pages, those of no class included.", |server, _| {
        server.store.malloced().into()
    }),
];

impl Server {
    /// `stats slabs`: the classes that own pages.
    pub fn stats_slabs(&self, mut line: impl FnMut(&str, &dyn Display)) {
        let (_, since) = self.sums_and_since();
        let (classes, usages) = (self.store.classes(), self.store.class_usages());
        let mut active = 0;
        for class in classes.ids().filter(|&class| usages[class].pages > 0) {
            active += 1;
            let slab = Slab {
                chunk_size: classes.size(class),
                per_page: classes.per_page(class),
                usage: usages[class],
                class: since.class[class],
            };
            show(SLABS, self, &slab, |name, value| {
                line(&format!("{class}:{name}"), value);
            });
        }
        show(ALL_SLABS, self, &AllSlabs { active }, |name, value| {
            line(name, value);
        });
    }
}
