//! What is sent to a supervisor: `sd_notify(3)`, the protocol that systemd's services of type
//! `notify` speak.
//!
//! Each message is one datagram to the unix socket that the environment names; a path, or an
//! abstract name after an `@`. A failure to send is no reason not to serve.
//!
//! All of this runs in the first thread.

#![forbid(unsafe_code)]

use crate::sys::errors::error_text;
use crate::sys::process;
use std::env;
use std::ffi::OsStr;
use std::io::Result;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long a supervisor that reads nothing is waited for in the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The supervisor of this process, if there is one.
pub struct Supervisor {
    /// Connected at the start: a sandboxed thread can open none.
    socket: Option<UnixDatagram>,
}

impl Supervisor {
    /// Looks into the environment for the socket of a supervisor.
    pub fn find() -> Supervisor {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else {
            return Supervisor { socket: None };
        };
        let socket = connect(&name).inspect_err(|e| {
            let (name, text) = (name.display(), error_text(e));
            log!("NOTIFY_SOCKET {name}: {text}");
        });
        Supervisor {
            socket: socket.ok(),
        }
    }

    /// Says that clients are served, and by which process. A supervisor that is behind is waited
    /// for, as it waits for this; later it is not, as clients would have to wait as well.
    pub fn ready(&self) {
        let pid = process::pid();
        self.tell(&format!("READY=1\nMAINPID={pid}\n"));
        if let Some(socket) = &self.socket {
            let _ = socket.set_write_timeout(Some(PATIENCE));
        }
    }

    /// Says that the server is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\n");
    }

    fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket {
            // A supervisor that has gone is no error.
            let _ = socket.send(message.as_bytes());
        }
    }
}

fn connect(name: &OsStr) -> Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_under_a_path_and_under_an_abstract_name() {
        let name = format!("memcached-supervisor-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, name) in [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.clone().into_os_string(),
            ),
            (
                UnixDatagram::bind_addr(&abstract_name).unwrap(),
                format!("@{name}").into(),
            ),
        ] {
            Supervisor {
                socket: connect(&name).ok(),
            }
            .tell("READY=1\n");
            let mut buffer = [0; 64];
            let len = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], b"READY=1\n");
        }
        std::fs::remove_file(&path).unwrap();
        let _idle = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor {
            socket: connect(path.as_os_str()).ok(),
        };
        supervisor.ready();
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        while filler.send_to(b"x", &path).is_ok() {}
        supervisor.stopping(); // it does not wait until the supervisor reads
        std::fs::remove_file(&path).unwrap();
        assert!(connect(path.as_os_str()).is_err());
    }
}
