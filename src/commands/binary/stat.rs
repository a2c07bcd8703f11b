//! Statistics: a frame for each, and an empty one at the end.

#![forbid(unsafe_code)]

use super::super::admin;
use super::super::context::Context;
use super::super::output::Output;
use crate::wire::Put;
use crate::wire::frame::fault::Fault;
use crate::wire::frame::header::{Parts, ReplyHeader, RequestIds};
use std::fmt::Display;

impl<'s> Context<'_, 's> {
    /// Those that the key of a request names, all of the general ones if it has none.
    pub(super) fn frame_stat(&mut self, parts: &Parts<'_>, out: &mut Output<'s>) {
        let (server, ids) = (self.server, parts.ids);
        let mut line = |name: &str, value: &dyn Display| put_stat(ids, name, value, out);
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
            key => {
                if let Err(fault) = self.frame_detail(key, ids, out) {
                    return ids.put_fault(fault, out);
                }
            }
        }
        ids.put_done(0, out);
    }

    /// `detail on`, `detail off`, `detail dump`, whatever stands behind that.
    fn frame_detail(
        &mut self,
        key: &[u8],
        ids: RequestIds,
        out: &mut Output<'s>,
    ) -> Result<(), Fault> {
        let settings = &self.server.settings;
        let what = key.strip_prefix(b"detail ");
        let what = what.filter(|_| settings.dump_enabled);
        match what.ok_or(Fault::NotFound)? {
            what if what.starts_with(b"on") => settings.detail_enabled.set(true),
            what if what.starts_with(b"off") => settings.detail_enabled.set(false),
            what if what.starts_with(b"dump") => {
                let mut text = Vec::new();
                admin::write_prefixes(self.server, &mut text);
                put_pair(ids, b"detailed", &text, out);
            }
            _ => return Err(Fault::NotFound),
        }
        self.refresh();
        Ok(())
    }
}

fn put_stat(ids: RequestIds, name: &str, value: &dyn Display, out: &mut Output<'_>) {
    put_pair(ids, name.as_bytes(), value.to_string().as_bytes(), out);
}

fn put_pair(ids: RequestIds, name: &[u8], value: &[u8], out: &mut Output<'_>) {
    let header = ReplyHeader {
        key_len: name.len(),
        value_len: value.len(),
        ..ReplyHeader::default()
    };
    ids.put(&header, out);
    out.put(name);
    out.put(value);
}
