//! Sockets that a supervisor has opened: `LISTEN_FDS`, as systemd passes them.
//!
//! A supervisor may listen before the server runs, so that no client is turned away while it
//! starts, and may have rights that the server has not. The sockets are descriptors from 3 on;
//! two variables of the environment say how many, and for which process. With such sockets
//! none is opened that `-p`, `-l` or `-s` ask for.
//!
//! All of this runs in the first thread, before the others start.

#![forbid(unsafe_code)]

use super::listen::Listening;
use crate::settings::Refusal;
use crate::sys::errors::error_text;
use crate::sys::exit_code;
use crate::sys::process;
use crate::sys::socket;
use std::env;
use std::os::fd::{AsRawFd, OwnedFd};

/// Sockets that are taken at most.
const SOCKETS_MAX: usize = 1024;

/// The descriptors that were passed to this process, none if it was started by hand.
///
/// Call it before any descriptor is opened, and before the process goes into the background:
/// what is passed is meant for one process number.
pub fn passed() -> Vec<OwnedFd> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(pid), Some(count)) if pid == process::pid() => {
            socket::inherited((count as usize).min(SOCKETS_MAX))
        }
        _ => Vec::new(),
    }
}

/// Makes listeners of what was passed.
///
/// # Errors
/// One of them is no stream socket that listens: the supervisor means another server.
pub fn adopt(passed: Vec<OwnedFd>) -> Result<Vec<Listening>, Refusal> {
    passed.into_iter().map(adopt_one).collect()
}

fn adopt_one(fd: OwnedFd) -> Result<Listening, Refusal> {
    let number = fd.as_raw_fd();
    let refusal = |what: &str| {
        let line = format!("LISTEN_FDS: descriptor {number}: {what}");
        Refusal::new(exit_code::OS_ERROR, line)
    };
    if !socket::is_stream_listener(&fd) {
        return Err(refusal("no stream socket that listens"));
    }
    let address = socket::adopt(&fd).and_then(|()| socket::local_address(&fd));
    Ok(Listening {
        address: address.map_err(|e| refusal(&error_text(&e)))?,
        is_udp: false,
        protocol: None,
        fd,
    })
}
