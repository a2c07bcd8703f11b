//! Statistics: a frame for each, and an empty one at the end.

#![forbid(unsafe_code)]

use super::super::context::Context;
use super::super::reply::Output;
use super::fault::Fault;
use super::header::{Echo, Parts, Says};
use std::fmt::Display;

impl<'s> Context<'_, 's> {
    /// Those that the key of a request names, all of the general ones if it has none.
    pub(super) fn frame_stat(&mut self, parts: &Parts<'_>, out: &mut Output<'s>) {
        let (server, echo) = (self.server, parts.echo);
        let mut line = |name: &str, value: &dyn Display| put_stat(echo, name, value, out);
        match parts.key {
            b"" => server.stats(line),
            b"items" => server.stats_items(line),
            b"slabs" => server.stats_slabs(line),
            b"sizes" => server.stats_sizes(line),
            // Of these two the beginning is enough.
            key if key.starts_with(b"settings") => {
                server.settings.each_stat(|name, value| line(name, &value));
            }
            key if key.starts_with(b"reset") => server.stats_reset(),
            _ => return echo.put_fault(Fault::NotFound, out),
        }
        echo.put_done(0, out);
    }
}

fn put_stat(echo: Echo, name: &str, value: &dyn Display, out: &mut Output<'_>) {
    let value = value.to_string();
    let says = Says {
        key_len: name.len(),
        value_len: value.len(),
        ..Says::default()
    };
    echo.put(&says, out);
    out.put(name.as_bytes());
    out.put(value.as_bytes());
}
