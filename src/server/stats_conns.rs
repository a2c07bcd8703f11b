//! `stats conns`: the lines of each open connection, declared.

#![forbid(unsafe_code)]

use super::caller::Caller;
use super::conns::{ConnState, SocketKind, StatusSlot};
use super::server::Server;
use super::stat_row::{StatRow, show};
use crate::counters::StatKind::{Gauge, Text};
use crate::sys::socket::{self, Address};
use std::fmt::Display;
use std::os::fd::RawFd;

/// An open connection.
pub(super) struct Conn {
    kind: SocketKind,
    address: String,
    /// Where a client has connected to.
    local_address: Option<String>,
    state: ConnState,
    silent_s: u32,
}

type Line = StatRow<Conn>;

/// The lines of a connection, in order; on the wire each begins with `<descriptor>:`.
#[rustfmt::skip] // a table
pub(super) static CONNS: &[StatRow<Conn>] = &[
    Line::new(Text, "UDP", "UDP: it is a socket of datagrams.", |_, _| "UDP".into())
        .only(("of UDP sockets", |_, of| of.kind == SocketKind::Datagrams)),
    Line::new(Text, "addr", "Address of a client, or where a listener is bound.", |_, of| of.address.clone().into()),
    Line::new(Text, "listen_addr", "Where a client has connected to.", |_, of| {
        of.local_address.clone().unwrap_or_default().into()
    })
    .only(("of clients", |_, of| of.local_address.is_some())),
    Line::new(Text, "state", "What the connection is doing.", |_, of| of.state.name().into()),
    Line::new(Gauge, "secs_since_last_cmd", "Seconds since the last command, or since the connection was opened.",
        |_, of| of.silent_s.into()),
];

impl Server {
    /// `stats conns`: a few lines for each open connection.
    pub fn stats_conns(&self, caller: Caller<'_>, mut line: impl FnMut(&str, &dyn Display)) {
        let now_s = self.store.clock.now();
        self.conns.each(|fd, slot, kind, address| {
            let conn = conn(caller, fd, (slot, kind, address), now_s);
            show(CONNS, self, &conn, |name, value| {
                line(&format!("{fd}:{name}"), value);
            });
        });
    }
}

/// What is shown of a connection; the one that asks is in the middle of a command, and its
/// datagram, if it was one, has an address.
fn conn(
    caller: Caller<'_>,
    fd: RawFd,
    (slot, kind, address): (&StatusSlot, SocketKind, &Address),
    now_s: u32,
) -> Conn {
    let asks = caller.fd == fd;
    let from = caller.from.filter(|_| asks);
    let is_client = kind == SocketKind::Client || from.is_some();
    let local = || socket::local_address_of(fd).unwrap_or(Address::Unnamed);
    let (state, commanded_s) = if asks {
        (ConnState::Parse, now_s)
    } else {
        (slot.state(), slot.commanded_s())
    };
    Conn {
        kind,
        address: shown(kind, from.unwrap_or(address)),
        local_address: is_client.then(|| shown(kind, &local())),
        state,
        silent_s: now_s.saturating_sub(commanded_s),
    }
}

/// An address knows its family, and not that it is one of datagrams.
fn shown(kind: SocketKind, address: &Address) -> String {
    let text = address.to_string();
    match text.strip_prefix("tcp") {
        Some(rest) if kind == SocketKind::Datagrams => format!("udp{rest}"),
        _ => text,
    }
}
