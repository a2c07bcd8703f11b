//! The line of an entry, as a watcher is sent it.

#![forbid(unsafe_code)]

use super::entry::{Entry, LogEvent};
use crate::store::{AllocError, Event, Mode, Outcome, Seen, StoreEnd};
use crate::wire::percent;
use std::fmt::{self, Write};
use std::os::fd::RawFd;

/// Writes the line of an entry.
pub(super) fn write_line(to: &mut String, entry: &Entry, text: &[u8]) -> fmt::Result {
    let (s, us) = (entry.at_us / 1_000_000, entry.at_us % 1_000_000);
    write!(to, "ts={s}.{us:06} gid={} ", entry.gid)?;
    match entry.what {
        LogEvent::Item(event) => write_item(to, &event, text, entry.fd)?,
        LogEvent::Opened { port } => {
            to.push_str("type=conn_new ");
            write_peer(to, text, port)?;
            write!(to, " cfd={}", entry.fd)?;
        }
        LogEvent::Closed { port, reason } => {
            to.push_str("type=conn_close ");
            write_peer(to, text, port)?;
            write!(to, " reason={} cfd={}", reason.name(), entry.fd)?;
        }
        LogEvent::System => to.push_str(&String::from_utf8_lossy(text)),
    }
    to.push('\n');
    Ok(())
}

pub(super) fn write_item(to: &mut String, event: &Event, key: &[u8], fd: RawFd) -> fmt::Result {
    let kind = match event {
        Event::LookedUp { .. } => "item_get",
        Event::Stored { .. } => "item_store",
        Event::Evicted { .. } => "eviction",
        Event::Removed { .. } => "deleted",
    };
    write!(to, "type={kind} key=")?;
    percent::encode(key, |text| to.push_str(text));
    match *event {
        Event::LookedUp {
            seen,
            class,
            value_len,
        } => {
            let status = match seen {
                Seen::Found => "found",
                Seen::NotFound => "not_found",
                Seen::Flushed => "flushed",
                Seen::Expired => "expired",
            };
            write!(
                to,
                " status={status} clsid={class} cfd={fd} size={value_len}"
            )
        }
        Event::Stored {
            end,
            mode,
            compares,
            ttl_s,
            class,
            value_len,
        } => {
            let (status, command) = (status_of(end), command_of(mode, compares));
            write!(to, " status={status} cmd={command} ttl={ttl_s}")?;
            write!(to, " clsid={class} cfd={fd} size={value_len}")
        }
        Event::Evicted {
            is_fetched,
            ttl_s,
            idle_s,
            class,
            value_len,
        } => {
            let fetch = if is_fetched { "yes" } else { "no" };
            let ttl_s = ttl_s.map_or(-1, i64::from);
            write!(to, " fetch={fetch} ttl={ttl_s} la={idle_s}")?;
            write!(to, " clsid={class} size={value_len}")
        }
        Event::Removed {
            by,
            class,
            value_len,
        } => write!(to, " cmd={by} clsid={class} size={value_len}"),
    }
}

fn status_of(end: StoreEnd) -> &'static str {
    match end {
        StoreEnd::Judged(Outcome::Stored) => "stored",
        StoreEnd::Judged(Outcome::NotStored) => "not_stored",
        StoreEnd::Judged(Outcome::Exists) => "exists",
        StoreEnd::Judged(Outcome::NotFound) => "not_found",
        StoreEnd::Refused(AllocError::TooLarge) => "too_large",
        StoreEnd::Judged(Outcome::NoMemory)
        | StoreEnd::Refused(AllocError::NoMemory | AllocError::NoMemoryInside) => "no_memory",
    }
}

pub(super) fn command_of(mode: Mode, compares: bool) -> &'static str {
    match mode {
        Mode::Set | Mode::Replace if compares => "cas",
        Mode::Set => "set",
        Mode::Add => "add",
        Mode::Replace => "replace",
        Mode::Append => "append",
        Mode::Prepend => "prepend",
    }
}

fn write_peer(to: &mut String, ip: &[u8], port: Option<u16>) -> fmt::Result {
    let ip = String::from_utf8_lossy(ip);
    let transport = if port.is_some() { "tcp" } else { "local" };
    let port = port.unwrap_or(0);
    write!(to, "rip={ip} rport={port} transport={transport}")
}
