//! The file that says which ports the server got: `MEMCACHED_PORT_FILENAME`.
//!
//! All of this runs in the first thread, before the others start.

#![forbid(unsafe_code)]

use super::listen::Listening;
use crate::sys::errors::error_text;
use crate::sys::file::{self, Step};
use crate::sys::socket::Address;
use std::path::Path;

/// Writes which ports the server got, for the program that started it, to the file that the
/// environment variable `MEMCACHED_PORT_FILENAME` names, if it is set.
///
/// Call it once all sockets listen: readers take the file as the sign of that. A failure
/// is said on standard error and changes nothing else. A server on a unix socket writes no file.
pub fn write(listening: &[Listening]) {
    let Some(path) = std::env::var_os("MEMCACHED_PORT_FILENAME") else {
        return;
    };
    if listening.iter().any(|socket| socket.address.is_unix()) {
        return;
    }
    if let Err(message) = write_ports(Path::new(&path), listening) {
        log!("{message}");
    }
}

/// Writes the file. The error is the line for standard error.
fn write_ports(path: &Path, listening: &[Listening]) -> Result<(), String> {
    let mut lines = String::new();
    for socket in listening {
        let family = match socket.address {
            Address::Tcp4(_) => "INET",
            Address::Tcp6(_) => "INET6",
            Address::Unix(_) | Address::Unnamed => continue,
        };
        let port = socket.address.port().unwrap_or_default();
        let transport = if socket.is_udp { "UDP" } else { "TCP" };
        lines += &format!("{transport} {family}: {port}\n");
    }
    file::replace(path, ".lck", &lines).map_err(|failed| {
        let verb = match failed.step {
            Step::Open => "open",
            Step::Write => "write",
            Step::Rename => "rename",
        };
        let (new, text) = (failed.unfinished.display(), error_text(&failed.error));
        format!("Failed to {verb} \"{new}\": {text}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::listen::{ListenOptions, open};
    use crate::net::listen_list::Allowed;
    use std::fs;

    #[test]
    fn the_port_file_has_a_line_for_each_socket_in_order() {
        let path = std::env::temp_dir().join(format!("port-file.{}", std::process::id()));
        let options = ListenOptions {
            tcp_port: -1,
            udp_port: 0,
            listen: Some("127.0.0.1,127.0.0.1"),
            socket_path: None,
            socket_mask: 0o700,
            backlog: 1024,
            mark: 0,
            allowed: Allowed::All,
            is_verbose: false,
        };
        let sockets = open(&options).unwrap();
        write_ports(&path, &sockets).unwrap();
        let ports = sockets.iter().map(|s| s.address.port().unwrap());
        let lines: String = ports.map(|port| format!("TCP INET: {port}\n")).collect();
        assert_eq!(fs::read_to_string(&path).unwrap(), lines);

        write_ports(&path, &[]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        fs::remove_file(&path).unwrap();

        let failed = write_ports(Path::new("/no/such/directory/ports"), &[]).unwrap_err();
        let text = "Failed to open \"/no/such/directory/ports.lck\": No such file or directory";
        assert_eq!(failed, text);
    }
}
