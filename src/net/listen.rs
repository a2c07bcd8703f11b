//! Listening sockets: from what the operator asked for to sockets that accept.
//!
//! The `-l` list is read (`listen_list`), every host in it is resolved, and each address gets a
//! socket.
//!
//! | asked for      | gives                                                           |
//! |----------------|-----------------------------------------------------------------|
//! | a socket path  | one unix socket, and no TCP or UDP at all                       |
//! | port 0         | nothing                                                         |
//! | no list        | 0.0.0.0 and \[::\], two sockets; one of them may be in use      |
//! | a list         | every address of every host; an item without any refuses all    |
//!
//! A refusal carries all lines that belong on stderr. Operators and scripts know these
//! lines by heart, so they are spelled as they always were, oddities included.

#![forbid(unsafe_code)]

use super::listen_list::{Allowed, ListItem, parse_list};
use crate::settings::{Protocol, Refusal, SASL_IS_BINARY};
use crate::sys::errors::error_text;
use crate::sys::exit_code;
use crate::sys::socket::{self, Address};
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// What the `-l`, `-p`, `-s`, `-a` and `-b` options and the protocol options ask for.
pub struct ListenOptions<'a> {
    /// 0: no TCP, -1: a port of the kernel's choice.
    pub tcp_port: i32,
    /// The same for UDP.
    pub udp_port: i32,
    /// The list of `-l`, all of them joined with commas.
    pub listen: Option<&'a str>,
    /// The path of `-s`.
    pub socket_path: Option<&'a Path>,
    /// Permission bits of the socket file.
    pub socket_mask: u32,
    /// Clients that may wait to be accepted.
    pub backlog: i32,
    /// The mark of TCP sockets, 0 for none.
    pub mark: u32,
    /// What clients may speak.
    pub allowed: Allowed,
    /// Whether to log what was made of a socket: `-vv`.
    pub is_verbose: bool,
}

/// A socket that clients can reach.
#[derive(Debug)]
pub struct Listening {
    /// The socket itself, non-blocking.
    pub fd: OwnedFd,
    /// Whether it takes datagrams and is to be read; else it accepts clients.
    pub is_udp: bool,
    /// The protocol its list item names; without one the server's default holds.
    pub protocol: Option<Protocol>,
    /// Where it is bound, with the port that it got.
    pub address: Address,
}

/// Opens every socket that was asked for, or none.
///
/// Warnings that do not stop the server go to stderr at once.
pub fn open(options: &ListenOptions<'_>) -> Result<Vec<Listening>, Refusal> {
    refuse_text(options)?;
    let mut opening = Opening {
        backlog: options.backlog,
        is_udp: false,
        mark: options.mark,
        is_verbose: options.is_verbose,
        listening: Vec::new(),
        messages: String::new(),
    };
    if let Some(path) = options.socket_path {
        if let Err(failure) = opening.unix(path, options.socket_mask) {
            return Err(opening.refuse(failure, &format!("UNIX socket: {}", path.display())));
        }
        return Ok(opening.listening);
    }
    for (is_udp, port, name) in [
        (false, options.tcp_port, "TCP"),
        (true, options.udp_port, "UDP"),
    ] {
        opening.is_udp = is_udp;
        let (outcome, asked_for) = match options.listen {
            _ if port == 0 => continue,
            Some(list) => (
                opening.list(list, port, options.allowed),
                format!("one of interface(s) {list}"),
            ),
            None => (
                opening.host(None, port, None),
                format!("{name} port {port}"),
            ),
        };
        if let Err(failure) = outcome {
            return Err(opening.refuse(failure, &asked_for));
        }
    }
    Ok(opening.listening)
}

/// Why one item of the list could not be opened.
enum Failure {
    /// The process has no descriptor left: no other item would fare better.
    Descriptors,
    /// Anything else; the text ends the last line of the refusal.
    Because(String),
}

/// What is open so far, and what there is to complain about.
struct Opening {
    backlog: i32,
    /// Whether sockets for datagrams are opened now.
    is_udp: bool,
    mark: u32,
    is_verbose: bool,
    listening: Vec<Listening>,
    messages: String,
}

impl Opening {
    /// Opens every item of a list. All are tried, even after one has failed, so that the
    /// operator sees at once all that is wrong.
    fn list(&mut self, list: &str, port: i32, allowed: Allowed) -> Result<(), Failure> {
        let items = parse_list(list, allowed);
        let items = items.map_err(|message| {
            self.messages = message;
            Failure::Because("Invalid argument".into())
        })?;
        let mut outcome = Ok(());
        for item in items {
            if item.restricted {
                log!("WARNING: negotiating ports are ascii only when ascii authentication enabled");
            }
            let port = item.port.unwrap_or(port);
            match self.host(item.host, port, item.protocol) {
                Ok(()) => {}
                Err(Failure::Descriptors) => return Err(Failure::Descriptors),
                Err(failure) => outcome = Err(failure),
            }
        }
        outcome
    }

    /// Opens all addresses of a host. One that is in use is passed over, unless all are.
    fn host(
        &mut self,
        host: Option<&str>,
        port: i32,
        protocol: Option<Protocol>,
    ) -> Result<(), Failure> {
        let port = match port {
            ..-1 => return Err(self.fail("getaddrinfo()", NO_SUCH_SERVICE.into())),
            -1 => 0,
            // Cut to 16 bits, as the resolver did when it was given the number as a text.
            port => port as u16,
        };
        let addresses = socket::resolve(host, port)
            .map_err(|error| self.fail("getaddrinfo()", error_text(&error)))?;

        let mut passed_over = None;
        let mut any = false;
        for address in addresses {
            let made = if self.is_udp {
                socket::udp(&address)
            } else {
                socket::tcp(&address)
            };
            let fd = match made {
                Ok(fd) => fd,
                Err(error) if socket::is_out_of_descriptors(&error) => {
                    return Err(Failure::Descriptors);
                }
                // Most likely a system without IPv6, whose resolver has heard of it.
                Err(error) => {
                    passed_over = Some(error);
                    continue;
                }
            };
            if self.is_udp {
                self.grow_send_buffer(&fd);
            }
            if self.mark != 0 {
                // Only root may; for others this is logged, and the socket has no mark.
                let marked = socket::set_mark(&fd, self.mark);
                let _ = marked.map_err(|e| log!("setsockopt: {}", error_text(&e)));
            }
            match socket::bind(&fd, &address) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    passed_over = Some(error);
                    continue;
                }
                Err(error) => return Err(self.fail("bind()", error_text(&error))),
            }
            self.listen(fd, protocol)?;
            any = true;
        }
        match passed_over {
            Some(error) if !any => Err(Failure::Because(error_text(&error))),
            _ => Ok(()),
        }
    }

    /// A larger buffer for the replies of many clients; where there is none the socket keeps its
    /// own.
    fn grow_send_buffer(&self, fd: &OwnedFd) {
        match socket::grow_send_buffer(fd) {
            Ok((before, after)) if self.is_verbose => {
                let fd = fd.as_raw_fd();
                log!("<{fd} send buffer was {before}, now {after}");
            }
            Ok(_) => {}
            Err(e) => log!("setsockopt: {}", error_text(&e)),
        }
    }

    fn unix(&mut self, path: &Path, mask: u32) -> Result<(), Failure> {
        let fd = socket::unix().map_err(|e| self.fail("socket()", error_text(&e)))?;
        let bound = socket::bind_unix(&fd, path, mask);
        let _turn = bound.map_err(|e| self.fail("bind()", error_text(&e)))?;
        self.listen(fd, None)
    }

    /// Makes a bound socket one that clients can reach.
    fn listen(&mut self, fd: OwnedFd, protocol: Option<Protocol>) -> Result<(), Failure> {
        if !self.is_udp {
            socket::listen(&fd, self.backlog).map_err(|e| self.fail("listen()", error_text(&e)))?;
        }
        // Asked of the kernel, since only it knows the port that 0 has become.
        let address = socket::local_address(&fd);
        let address = address.map_err(|e| self.fail("getsockname()", error_text(&e)))?;
        self.listening.push(Listening {
            fd,
            is_udp: self.is_udp,
            protocol,
            address,
        });
        Ok(())
    }

    /// The refusal of what was asked for, with all complaints.
    fn refuse(self, failure: Failure, asked_for: &str) -> Refusal {
        let mut message = self.messages;
        message += &match failure {
            Failure::Descriptors => "server_socket: Too many open files\n".into(),
            Failure::Because(reason) => format!("failed to listen on {asked_for}: {reason}\n"),
        };
        Refusal {
            message,
            exit_code: exit_code::OS_ERROR,
        }
    }

    /// Notes the call that failed.
    fn fail(&mut self, call: &str, reason: String) -> Failure {
        self.messages += &format!("{call}: {reason}\n");
        Failure::Because(reason)
    }
}

/// What the resolver says to a negative port.
const NO_SUCH_SERVICE: &str = "Servname not supported for ai_socktype";

/// A server that asks for SASL has no listener for text, where clients would not log in.
fn refuse_text(options: &ListenOptions<'_>) -> Result<(), Refusal> {
    if options.allowed != Allowed::Binary {
        return Ok(());
    }
    let items = options.listen.map(|list| parse_list(list, Allowed::All));
    let speaks_text =
        |item: &ListItem<'_>| matches!(item.protocol, Some(Protocol::Ascii | Protocol::Auto));
    match items {
        Some(Ok(items)) if items.iter().any(speaks_text) => {
            Err(Refusal::new(exit_code::USAGE, SASL_IS_BINARY))
        }
        _ => Ok(()), // what is wrong with a list is said when it is opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;

    const ANY_PORT: ListenOptions<'_> = ListenOptions {
        tcp_port: -1,
        udp_port: 0,
        listen: None,
        socket_path: None,
        socket_mask: 0o700,
        backlog: 1024,
        mark: 0,
        allowed: Allowed::All,
        is_verbose: false,
    };

    fn open_listed(list: &str) -> Result<Vec<Listening>, Refusal> {
        open(&ListenOptions {
            listen: Some(list),
            ..ANY_PORT
        })
    }

    fn temp_path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{name}.{}", std::process::id()))
    }

    #[test]
    fn no_list_means_a_socket_for_each_address_family() {
        let sockets = open(&ANY_PORT).unwrap();
        let shown = |socket: &Listening| {
            let address = socket.address.to_string();
            address.rsplit_once(':').unwrap().0.to_owned()
        };
        let shown: Vec<_> = sockets.iter().map(shown).collect();
        // Each once, in the resolver's order; a system without IPv6 has the first alone.
        let known = ["tcp:0.0.0.0", "tcp6:[::]"];
        let once = |kind: &&str| shown.iter().filter(|s| s == kind).count() == 1;
        assert!(once(&known[0]), "{shown:?}");
        assert!(shown.len() == 1 || known.iter().all(once), "{shown:?}");
        for socket in &sockets {
            let port = socket.address.port().unwrap();
            if matches!(socket.address, Address::Tcp4(_)) {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            }
        }
    }

    #[test]
    fn an_address_in_use_is_passed_over_unless_none_is_left() {
        let other = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let tcp_port = i32::from(other.local_addr().unwrap().port());
        let options = ListenOptions {
            tcp_port,
            ..ANY_PORT
        };
        let refusal = |what: &str| Refusal {
            message: format!("failed to listen on {what}: Address already in use\n"),
            exit_code: 71,
        };
        match open(&options) {
            Ok(sockets) => assert!(matches!(sockets[0].address, Address::Tcp6(_))),
            Err(refused) => assert_eq!(refused, refusal(&format!("TCP port {tcp_port}"))),
        }

        let list = format!("127.0.0.1:-1,127.0.0.1:{tcp_port}");
        let refused = open_listed(&list).unwrap_err();
        assert_eq!(refused, refusal(&format!("one of interface(s) {list}")));
    }

    #[test]
    fn every_item_of_a_list_gets_its_socket_and_protocol() {
        let sockets = open_listed("127.0.0.1,proto[ascii]:127.0.0.1:0;proto[n]:127.0.0.1").unwrap();
        let protocols: Vec<_> = sockets.iter().map(|s| s.protocol).collect();
        assert_eq!(
            protocols,
            [None, Some(Protocol::Ascii), Some(Protocol::Auto)]
        );
        assert!(open_listed("").unwrap().is_empty());
    }

    #[test]
    fn port_zero_turns_tcp_off() {
        for listen in [None, Some("127.0.0.1")] {
            let options = ListenOptions {
                tcp_port: 0,
                listen,
                ..ANY_PORT
            };
            assert!(open(&options).unwrap().is_empty());
        }
    }

    #[test]
    fn a_refusal_names_the_call_and_then_what_was_asked_for() {
        let refused = open_listed("127.0.0.1:-2").unwrap_err();
        let service = "Servname not supported for ai_socktype";
        let lines = format!(
            "getaddrinfo(): {service}\n\
             failed to listen on one of interface(s) 127.0.0.1:-2: {service}\n"
        );
        assert_eq!(refused.message, lines);
        assert_eq!(refused.exit_code, 71);

        // An address for documentation, so no machine's own.
        let refused = open_listed("192.0.2.1").unwrap_err();
        assert!(refused.message.starts_with("bind(): Cannot assign "));

        let refused = open_listed("h:x").unwrap_err();
        assert!(refused.message.starts_with("Invalid port number: \"x\"\n"));
        assert!(refused.message.contains("interface(s) h:x: "));
    }

    #[test]
    fn with_sasl_no_listener_speaks_text() {
        let open_with_sasl = |list: &'static str| {
            open(&ListenOptions {
                listen: Some(list),
                allowed: Allowed::Binary,
                ..ANY_PORT
            })
        };
        for list in [
            "proto[ascii]:127.0.0.1",
            "127.0.0.1,proto[neg]:127.0.0.1",
            "proto[]:127.0.0.1",
        ] {
            let refused = open_with_sasl(list).unwrap_err();
            assert_eq!(refused.message, format!("{SASL_IS_BINARY}\n"));
            assert_eq!(refused.exit_code, 64);
        }
        let sockets = open_with_sasl("127.0.0.1,proto[binary]:127.0.0.1").unwrap();
        assert_eq!(sockets.len(), 2);
    }

    #[test]
    fn a_unix_socket_replaces_tcp_and_writes_no_ports() {
        let path = temp_path("sockets-unix");
        let options = ListenOptions {
            socket_path: Some(&path),
            ..ANY_PORT
        };
        let sockets = open(&options).unwrap();
        assert_eq!(sockets.len(), 1);
        assert!(sockets[0].address.is_unix());
        UnixStream::connect(&path).unwrap();
        fs::remove_file(&path).unwrap();

        fs::write(&path, "in the way").unwrap();
        let refused = open(&options).unwrap_err();
        let path_shown = path.display();
        let lines = format!(
            "bind(): Address already in use\n\
             failed to listen on UNIX socket: {path_shown}: Address already in use\n"
        );
        assert_eq!(refused.message, lines);
        fs::remove_file(&path).unwrap();
    }
}
