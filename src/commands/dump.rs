//! Listing all items as the client takes them: `lru_crawler metadump` and `mgdump`.
//!
//! For a dump the worker itself walks the table, a few rows in each of the connection's turns,
//! and stops while the output is full. So a client that reads slowly, or not at all, holds up
//! nothing but its own output; and one that reads fast does not get all of a
//! processor, for a dump rests now and then, as the crawler does. Nothing is written to a
//! socket under a lock.

#![forbid(unsafe_code)]

use super::context::Context;
use super::output::Output;
use crate::store::{ClassSet, Crawl, Found};
use crate::upkeep::crawler::DumpEntry;
use crate::wire::Put;
use crate::wire::base64;
use crate::wire::percent;
use crate::wire::reply;
use std::io::Write;

/// What a row of the table, a handful of items, takes of a connection's turn.
const ROW_COST: usize = 4;
/// Work between two rests: 250 items or a thousand empty rows. The crawler looks at a thousand
/// items in that time.
const WORK_PER_REST: usize = 1000;
const ITEM_WORK: usize = 4;

/// What a line tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DumpFormat {
    /// All about the item.
    Meta,
    /// A command that fetches it.
    Get,
}

/// A dump under way.
pub struct Dump<'s> {
    kind: DumpFormat,
    crawl: Crawl,
    entry: DumpEntry<'s>,
    /// Work since the last rest.
    unrested: usize,
}

impl<'s> Dump<'s> {
    /// A dump of these classes.
    pub fn new(kind: DumpFormat, classes: ClassSet, entry: DumpEntry<'s>) -> Dump<'s> {
        Dump {
            kind,
            crawl: Crawl::new(classes, 0),
            entry,
            unrested: 0,
        }
    }

    /// Writes lines until the output is full, the turn is over, or all is said: true.
    pub fn step(
        &mut self,
        cx: &mut Context<'_, 's>,
        out: &mut Output<'s>,
        turn: &mut usize,
    ) -> bool {
        let store = &cx.server.store;
        self.entry.progress(store.clock.awake());
        while *turn > 0 && !out.is_full() {
            *turn = turn.saturating_sub(ROW_COST);
            let kind = self.kind;
            let listed = store.list_row(cx.local, &mut self.crawl, |item| match kind {
                DumpFormat::Meta => put_meta(&item, store.clock.wall(0), out),
                DumpFormat::Get => put_get(&item, out),
            });
            let Some(listed) = listed else {
                out.put(match self.kind {
                    DumpFormat::Meta => reply::END,
                    DumpFormat::Get => reply::EN,
                });
                return true;
            };
            self.unrested += (listed * ITEM_WORK).max(1);
        }
        false
    }

    /// Whether it is to rest now for as long as `lru_crawler_sleep` says; said once.
    pub fn take_rest(&mut self) -> bool {
        let is_due = self.unrested >= WORK_PER_REST;
        if is_due {
            self.unrested = 0;
        }
        is_due
    }
}

/// `key=… exp=… la=… cas=… fetch=… cls=… size=… flags=… `; `epoch_s` is the Unix time of clock
/// second 0.
fn put_meta(item: &Found<'_, '_>, epoch_s: i64, out: &mut Output<'_>) {
    out.put(b"key=");
    percent::encode(item.key(), |text| out.put(text.as_bytes()));
    let expiry = match item.expires_s() {
        0 => -1,
        second => epoch_s + i64::from(second),
    };
    // Writing to memory cannot fail.
    let _ = writeln!(
        out,
        " exp={expiry} la={} cas={} fetch={} cls={} size={} flags={} ",
        epoch_s + i64::from(item.accessed_s()),
        item.cas(),
        if item.is_fetched() { "yes" } else { "no" },
        item.class(),
        item.accounted_len(),
        item.client_flags(),
    );
}

/// `mg <key>[ b]`
fn put_get(item: &Found<'_, '_>, out: &mut Output<'_>) {
    out.put(b"mg ");
    if item.is_key_binary() || base64::is_needed(item.key()) {
        base64::encode(item.key(), |text| out.put(text));
        out.put(b" b");
    } else {
        out.put(item.key());
    }
    out.put(reply::CR_LF);
}
