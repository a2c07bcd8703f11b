//! `stats items`: the LRU lists of each slab class, declared line by line.

#![forbid(unsafe_code)]

use super::server::Server;
use super::stat_row::{StatRow, When, counted, show};
use crate::counters::{ClassTotals, ListTotals, StatKind};
use crate::store::{CLASSES_MAX, ListAges, ListState, Segment};
use Segment::{Cold, Hot, Temp, Warm};
use StatKind::{Counter, Gauge};
use std::fmt::Display;

/// The lists of a class that holds items.
pub(super) struct Items {
    number: u64,
    state: ListState,
    list: ListTotals,
    class: ClassTotals,
    /// Bytes of its items.
    mem_requested: u64,
}

impl Items {
    fn at(&self, segment: Segment) -> ListAges {
        self.state.ages[segment as usize]
    }
}

type Line = StatRow<Items>;

const MAINTAINED: When<Items> = ("with lru_maintainer", |server, _| {
    server.settings.lru_maintainer
});

/// The lines of a class in `stats items`, in order; on the wire each begins with `items:<class>:`.
#[rustfmt::skip] // a table
pub(super) static ITEMS: &[StatRow<Items>] = &[
    Line::new(Gauge, "number", "Items of the class.", |_, of| of.number.into()),
    Line::new(Gauge, "number_hot", "Items in HOT.", |_, of| of.at(Hot).items.into()).only(MAINTAINED),
    Line::new(Gauge, "number_warm", "Items in WARM.", |_, of| of.at(Warm).items.into()).only(MAINTAINED),
    Line::new(Gauge, "number_cold", "Items in COLD.", |_, of| of.at(Cold).items.into()).only(MAINTAINED),
    Line::new(Gauge, "number_temp", "Items in TEMP.", |_, of| of.at(Temp).items.into())
        .only(("with lru_maintainer and temporary_ttl", |server, _| {
            server.settings.lru_maintainer && server.settings.temp_lru.get()
        })),
    Line::new(Gauge, "age_hot", "Seconds since the last access of the item at the tail of HOT.",
        |_, of| of.at(Hot).tail_s.into()).only(MAINTAINED),
    Line::new(Gauge, "age_warm", "Seconds since the last access of the item at the tail of WARM.",
        |_, of| of.at(Warm).tail_s.into()).only(MAINTAINED),
    Line::new(Gauge, "age", "Seconds since the last access of the item at the tail of COLD.",
        |_, of| of.at(Cold).tail_s.into()),
    Line::new(Gauge, "mem_requested", "Bytes of the items: header, key and value.", |_, of| of.mem_requested.into()),
    counted!(list.evicted),
    counted!(list.evicted_nonzero),
    Line::new(Gauge, "evicted_time", "Seconds that the last evicted item had not been accessed for.",
        |_, of| of.state.evicted_s.into()),
    counted!(list.outofmemory),
    Line::new(Counter, "tailrepairs", "0: no item at the tail is ever lost.", |_, _| 0u64.into()),
    counted!(list.reclaimed),
    counted!(list.expired_unfetched),
    counted!(list.evicted_unfetched),
    counted!(list.evicted_active).only(MAINTAINED),
    counted!(class.crawler_reclaimed),
    counted!(class.crawler_items_checked),
    counted!(list.lrutail_reflocked),
    counted!(list.moves_to_cold).only(MAINTAINED),
    counted!(list.moves_to_warm).only(MAINTAINED),
    counted!(list.moves_within_lru).only(MAINTAINED),
    counted!(list.direct_reclaims).only(MAINTAINED),
    counted!(class.hits_to_hot).only(MAINTAINED),
    counted!(class.hits_to_warm).only(MAINTAINED),
    counted!(class.hits_to_cold).only(MAINTAINED),
    counted!(class.hits_to_temp).only(MAINTAINED),
];

impl Server {
    /// `stats items`: the LRU lists of the classes that hold items.
    pub fn stats_items(&self, mut line: impl FnMut(&str, &dyn Display)) {
        let (now, since) = self.sums_and_since();
        for class in 0..CLASSES_MAX {
            let state = self.store.list_state(class);
            let items = Items {
                number: state.ages.iter().map(|list| list.items).sum(),
                state,
                list: since.list[class],
                class: since.class[class],
                mem_requested: now.class[class].mem_requested(),
            };
            if items.number > 0 {
                show(ITEMS, self, &items, |name, value| {
                    line(&format!("items:{class}:{name}"), value);
                });
            }
        }
    }
}
