//! `stats sizes`: how many items have which length.

#![forbid(unsafe_code)]

use super::server::Server;
use super::stat_row::{StatRow, Value, show};
use crate::counters::StatKind::{Gauge, Text};
use std::fmt::Display;

/// The line of `stats sizes` if sizes are not tracked.
pub(super) static NO_SIZES: &[StatRow<()>] = &[StatRow::new(
    Text,
    "sizes_status",
    "disabled: there are no other lines.",
    |_, ()| Value::Word("disabled"),
)
.only(("without track_sizes", |server, ()| {
    !server.settings.track_sizes
}))];

/// The lines of `stats sizes` otherwise; on the wire the name of each is a length.
pub(super) static SIZES: &[StatRow<u64>] = &[StatRow::new(
    Gauge,
    "<bytes>",
    "Linked items of at most so many bytes, and less than 32 fewer.",
    |_, items| Value::Number(*items),
)
.only(("with track_sizes", |server, _| server.settings.track_sizes))];

impl Server {
    /// `stats sizes`: how many items have which length, in steps of 32 bytes.
    pub fn stats_sizes(&self, mut line: impl FnMut(&str, &dyn Display)) {
        show(NO_SIZES, self, &(), |name, value| line(name, value));
        self.counters.each_size(|bytes, items| {
            show(SIZES, self, &items, |_, value| {
                line(&bytes.to_string(), value)
            });
        });
    }
}
