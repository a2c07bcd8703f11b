//! Listening sockets: from what the operator asked for to sockets that accept.
//!
//! Three steps, apart from each other: the `-l` list is read (`parse_list`, which
//! touches nothing), every host in it is resolved, and each address gets a socket.
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

use crate::settings::{Protocol, SASL_IS_BINARY};
use crate::sys::process::error_text;
use crate::sys::socket::{self, Address};
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// The operating system refused something (`EX_OSERR` of `sysexits.h`).
const EXIT_OS_ERROR: i32 = 71;
/// The options contradict each other (`EX_USAGE`).
const EXIT_USAGE: i32 = 64;

/// What the `-l`, `-p`, `-s`, `-a` and `-b` options and the protocol options ask for.
pub struct Request<'a> {
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
    /// Clients log in with ASCII commands, so no listener may speak anything else.
    pub ascii_only: bool,
    /// Clients log in by SASL, so no listener may speak text. `ascii_only` has precedence.
    pub binary_only: bool,
    /// Whether it is told what was made of a socket: `-vv`.
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

/// Why the server cannot start.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Everything to print on stderr, final newline included.
    pub message: String,
    /// The status to exit with.
    pub exit_code: i32,
}

/// Opens every socket that was asked for, or none.
///
/// Warnings that do not stop the server go to stderr at once.
pub fn open(request: &Request<'_>) -> Result<Vec<Listening>, Refusal> {
    refuse_text(request)?;
    let mut opening = Opening {
        backlog: request.backlog,
        is_udp: false,
        mark: request.mark,
        is_verbose: request.is_verbose,
        listening: Vec::new(),
        messages: String::new(),
    };
    if let Some(path) = request.socket_path {
        if let Err(failure) = opening.unix(path, request.socket_mask) {
            return Err(opening.refuse(failure, &format!("UNIX socket: {}", path.display())));
        }
        return Ok(opening.listening);
    }
    for (is_udp, port, name) in [
        (false, request.tcp_port, "TCP"),
        (true, request.udp_port, "UDP"),
    ] {
        opening.is_udp = is_udp;
        let (outcome, asked_for) = match request.listen {
            _ if port == 0 => continue,
            Some(list) => (
                opening.list(list, port, request.ascii_only),
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
    fn list(&mut self, list: &str, port: i32, ascii_only: bool) -> Result<(), Failure> {
        let items = parse_list(list, ascii_only);
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
                // Not everybody may; it is told, and the socket goes without.
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

    /// Room for the replies of many clients; without it there is less.
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
            exit_code: EXIT_OS_ERROR,
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

/// An item of the `-l` list.
#[derive(Debug, PartialEq, Eq)]
struct Item<'a> {
    protocol: Option<Protocol>,
    /// It asked to negotiate and was cut down to ASCII, which is worth a warning.
    restricted: bool,
    /// Without a host: all interfaces.
    host: Option<&'a str>,
    /// Without a port: the one of `-p`.
    port: Option<i32>,
}

/// Reads a list of `[proto[NAME]:][tag[NAME]:|tag_NAME_:]HOST[:PORT]`, separated by `,`
/// or `;`. The error is the text for stderr, with its newline if it has one.
fn parse_list(list: &str, ascii_only: bool) -> Result<Vec<Item<'_>>, String> {
    let items = list.split([',', ';']).filter(|item| !item.is_empty());
    items.map(|item| parse_item(item, ascii_only)).collect()
}

fn parse_item(item: &str, ascii_only: bool) -> Result<Item<'_>, String> {
    refuse_tls(item)?;
    let (protocol, rest) = parse_protocol(item)?;
    let rest = skip_tag(rest)?;
    let (host, port) = parse_host(rest)?;
    let port = port.map(parse_port).transpose()?;

    let restricted = ascii_only && protocol == Some(Protocol::Auto);
    if ascii_only && protocol == Some(Protocol::Binary) {
        return Err("Cannot use binary protocol when ascii authentication enabled\n".into());
    }
    Ok(Item {
        protocol: if restricted {
            Some(Protocol::Ascii)
        } else {
            protocol
        },
        restricted,
        host: Some(host).filter(|host| *host != "*"),
        port,
    })
}

/// The prefixes that only mean something to a server with TLS.
fn refuse_tls(item: &str) -> Result<(), String> {
    // The third is called by a wrong name in the text that operators know.
    for (prefix, shown) in [("notls:", "notls"), ("btls:", "btls"), ("mtls:", "otls")] {
        if item.starts_with(prefix) {
            return Err(format!(
                "'{shown}' option is valid only when SSL is enabled\n"
            ));
        }
    }
    Ok(())
}

/// Takes `proto[NAME]:` off the front. The leading part of a name is enough, even none
/// at all; a name that does not exist stands for the default.
fn parse_protocol(item: &str) -> Result<(Option<Protocol>, &str), String> {
    let Some(after) = item.strip_prefix("proto[") else {
        return Ok((None, item));
    };
    let (name, rest) =
        split_name(after, ']').ok_or_else(|| format!("Invalid protocol spec: \"{item}\"\n"))?;
    let protocol = if "ascii".starts_with(name) {
        Some(Protocol::Ascii)
    } else if "binary".starts_with(name) {
        Some(Protocol::Binary)
    } else if "negotiating".starts_with(name) {
        Some(Protocol::Auto)
    } else if "proxy".starts_with(name) {
        return Err(format!("Server not built with proxy: \"{item}\"\n"));
    } else {
        None
    };
    Ok((protocol, rest))
}

/// Takes `tag[NAME]:` or `tag_NAME_:` off the front. Only a proxy would read the name.
fn skip_tag(item: &str) -> Result<&str, String> {
    const TAG_LEN_MAX: usize = 8;
    let (after, end) = if let Some(after) = item.strip_prefix("tag[") {
        (after, ']')
    } else if let Some(after) = item.strip_prefix("tag_") {
        (after, '_')
    } else {
        return Ok(item);
    };
    let (name, rest) = split_name(after, end)
        .ok_or_else(|| format!("Invalid tag in socket config: \"{item}\"\n"))?;
    if !(1..=TAG_LEN_MAX).contains(&name.len()) {
        return Err(format!(
            "Listener tags must be between 1 and 8 characters: \"{item}\"\n"
        ));
    }
    Ok(rest)
}

/// Splits `NAME`, the character that ends it, a colon, and the rest.
fn split_name(text: &str, end: char) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(end)?;
    // A colon in the name means that the end was found too late, in the host.
    let rest = rest.strip_prefix(':')?;
    (!name.contains(':')).then_some((name, rest))
}

/// Splits `HOST[:PORT]`. Two colons or more without brackets are an IPv6 address, which
/// leaves no way to write a port.
fn parse_host(item: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(after) = item.strip_prefix('[') {
        // This text has no newline of its own; what follows it comes on the same line.
        let invalid = || format!("Invalid IPV6 address: \"{item}\"");
        let (host, rest) = after.split_once(']').ok_or_else(invalid)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(invalid()),
        };
    }
    Ok(match item.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (item, None),
    })
}

/// A decimal number of 32 bits, with blanks before and after it if need be.
fn parse_port(text: &str) -> Result<i32, String> {
    let invalid = || format!("Invalid port number: \"{text}\"\n");
    let number = text.trim_ascii_start();
    let sign_len = usize::from(number.starts_with(['-', '+']));
    let digits = number[sign_len..].bytes().take_while(u8::is_ascii_digit);
    let (number, after) = number.split_at(sign_len + digits.count());
    if !(after.is_empty() || after.starts_with(|c: char| c.is_ascii_whitespace())) {
        return Err(invalid());
    }
    number.parse().map_err(|_| invalid())
}

/// Nobody speaks text to a server that asks for SASL: nothing would ask who it is.
fn refuse_text(request: &Request<'_>) -> Result<(), Refusal> {
    let items = request.listen.map(|list| parse_list(list, false));
    let speaks_text =
        |item: &Item<'_>| matches!(item.protocol, Some(Protocol::Ascii | Protocol::Auto));
    match items {
        Some(Ok(items)) if request.binary_only && items.iter().any(speaks_text) => Err(Refusal {
            message: format!("{SASL_IS_BINARY}\n"),
            exit_code: EXIT_USAGE,
        }),
        _ => Ok(()), // what is wrong with a list is told when it is opened
    }
}

/// Tells whoever started the server which ports it got, in the file that the environment
/// variable `MEMCACHED_PORT_FILENAME` names, if it is set.
///
/// Call it once all sockets listen: readers take the file as the sign of that. A failure
/// is told on stderr and changes nothing else. A server on a unix socket writes no file.
pub fn write_port_file(listening: &[Listening]) {
    let Some(path) = std::env::var_os("MEMCACHED_PORT_FILENAME") else {
        return;
    };
    if listening.iter().any(|socket| socket.address.is_unix()) {
        return;
    }
    if let Err(message) = write_ports(&path, listening) {
        log!("{message}");
    }
}

/// The lines go to a second file first, so that nobody finds a part of them.
fn write_ports(path: &OsStr, listening: &[Listening]) -> Result<(), String> {
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

    let mut unfinished = OsString::from(path);
    unfinished.push(".lck");
    let failed = |verb: &str, error: &io::Error| {
        let (path, error) = (unfinished.display(), error_text(error));
        format!("Failed to {verb} \"{path}\": {error}")
    };
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).open(&unfinished);
    let mut file = file.map_err(|error| failed("open", &error))?;
    file.write_all(lines.as_bytes())
        .map_err(|error| failed("write", &error))?;
    fs::rename(&unfinished, path).map_err(|error| failed("rename", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;

    const ANY_PORT: Request<'_> = Request {
        tcp_port: -1,
        udp_port: 0,
        listen: None,
        socket_path: None,
        socket_mask: 0o700,
        backlog: 1024,
        mark: 0,
        ascii_only: false,
        binary_only: false,
        is_verbose: false,
    };

    fn open_listed(list: &str) -> Result<Vec<Listening>, Refusal> {
        open(&Request {
            listen: Some(list),
            ..ANY_PORT
        })
    }

    fn temp_path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{name}.{}", std::process::id()))
    }

    /// Host and port of a list with a single item.
    fn place(list: &str) -> (Option<&str>, Option<i32>) {
        let items = parse_list(list, false).unwrap();
        let [item] = items.as_slice() else {
            panic!("{list}: {items:?}")
        };
        (item.host, item.port)
    }

    fn protocol(list: &str) -> Option<Protocol> {
        parse_list(list, false).unwrap()[0].protocol
    }

    fn error(list: &str) -> String {
        parse_list(list, false).unwrap_err()
    }

    #[test]
    fn an_item_is_a_host_and_perhaps_a_port() {
        assert_eq!(place("127.0.0.1"), (Some("127.0.0.1"), None));
        assert_eq!(place("localhost:11211"), (Some("localhost"), Some(11211)));
        assert_eq!(place("[::1]"), (Some("::1"), None));
        assert_eq!(place("[::1]:80"), (Some("::1"), Some(80)));
        assert_eq!(place("::1"), (Some("::1"), None));
        assert_eq!(place("fe80::1:11211"), (Some("fe80::1:11211"), None));
        assert_eq!(place("*"), (None, None));
        assert_eq!(place("*:-1"), (None, Some(-1)));
        assert_eq!(place("h: 7 "), (Some("h"), Some(7)));
        for beyond in ["h:4294967296", "h:99999999999999999999"] {
            assert!(
                error(beyond).starts_with("Invalid port number: "),
                "{beyond}"
            );
        }
    }

    #[test]
    fn a_list_may_be_empty_and_is_split_at_commas_and_semicolons() {
        for empty in ["", ",", ";,;"] {
            assert_eq!(parse_list(empty, false), Ok(Vec::new()));
        }
        let items = parse_list("a,b:1;c,,[d]:2", false).unwrap();
        let hosts: Vec<_> = items.iter().map(|item| item.host.unwrap()).collect();
        assert_eq!(hosts, ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_protocol_is_known_by_its_first_letters() {
        assert_eq!(protocol("h"), None);
        assert_eq!(protocol("proto[ascii]:h"), Some(Protocol::Ascii));
        assert_eq!(protocol("proto[]:h"), Some(Protocol::Ascii));
        assert_eq!(protocol("proto[b]:h"), Some(Protocol::Binary));
        assert_eq!(protocol("proto[neg]:h"), Some(Protocol::Auto));
        assert_eq!(protocol("proto[asciix]:h"), None);
        assert_eq!(protocol("proto[http]:h"), None);
        assert_eq!(place("proto[ascii]:[::1]:5"), (Some("::1"), Some(5)));
        assert_eq!(error("proto[b:h"), "Invalid protocol spec: \"proto[b:h\"\n");
        assert!(error("proto[b:[::1]:5").starts_with("Invalid protocol spec: "));
        assert!(error("proto[proxy]:h").starts_with("Server not built with proxy: "));
    }

    #[test]
    fn tags_are_checked_and_left_out() {
        assert_eq!(place("tag[a]:h:1"), (Some("h"), Some(1)));
        assert_eq!(place("tag_12345678_:h"), (Some("h"), None));
        assert_eq!(place("proto[a]:tag[b]:h"), (Some("h"), None));
        assert_eq!(place("tagged"), (Some("tagged"), None));
        for bad in ["tag[]:h", "tag[123456789]:h", "tag__:h"] {
            let text = format!("Listener tags must be between 1 and 8 characters: \"{bad}\"\n");
            assert_eq!(error(bad), text);
        }
        for bad in ["tag[a:h", "tag_a:h", "tag[a:[::1]:5"] {
            assert_eq!(
                error(bad),
                format!("Invalid tag in socket config: \"{bad}\"\n")
            );
        }
    }

    #[test]
    fn what_is_no_item_is_refused_in_the_known_words() {
        for bad in ["", "x", "1x", "-", "99999999999999999999"] {
            let list = format!("h:{bad}");
            assert_eq!(error(&list), format!("Invalid port number: \"{bad}\"\n"));
        }
        assert_eq!(error("[::1"), "Invalid IPV6 address: \"[::1\"");
        assert_eq!(error("[::1]1"), "Invalid IPV6 address: \"[::1]1\"");
        for (prefix, shown) in [("notls", "notls"), ("btls", "btls"), ("mtls", "otls")] {
            let text = format!("'{shown}' option is valid only when SSL is enabled\n");
            assert_eq!(error(&format!("{prefix}:h")), text);
        }
    }

    #[test]
    fn with_ascii_logins_only_ascii_is_spoken() {
        let refused = parse_list("proto[binary]:h", true).unwrap_err();
        let text = "Cannot use binary protocol when ascii authentication enabled\n";
        assert_eq!(refused, text);
        let items = parse_list("proto[negotiating]:h,h", true).unwrap();
        assert_eq!(items[0].protocol, Some(Protocol::Ascii));
        assert!(items[0].restricted);
        assert!(!items[1].restricted);
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
        let request = Request {
            tcp_port,
            ..ANY_PORT
        };
        let refusal = |what: &str| Refusal {
            message: format!("failed to listen on {what}: Address already in use\n"),
            exit_code: 71,
        };
        match open(&request) {
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
            let request = Request {
                tcp_port: 0,
                listen,
                ..ANY_PORT
            };
            assert!(open(&request).unwrap().is_empty());
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
            open(&Request {
                listen: Some(list),
                binary_only: true,
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
        let request = Request {
            socket_path: Some(&path),
            ..ANY_PORT
        };
        let sockets = open(&request).unwrap();
        assert_eq!(sockets.len(), 1);
        assert!(sockets[0].address.is_unix());
        UnixStream::connect(&path).unwrap();
        fs::remove_file(&path).unwrap();

        fs::write(&path, "in the way").unwrap();
        let refused = open(&request).unwrap_err();
        let path_shown = path.display();
        let lines = format!(
            "bind(): Address already in use\n\
             failed to listen on UNIX socket: {path_shown}: Address already in use\n"
        );
        assert_eq!(refused.message, lines);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_port_file_has_a_line_for_each_socket_in_order() {
        let path = temp_path("sockets-ports");
        let sockets = open_listed("127.0.0.1,127.0.0.1").unwrap();
        write_ports(path.as_os_str(), &sockets).unwrap();
        let ports = sockets.iter().map(|s| s.address.port().unwrap());
        let lines: String = ports.map(|port| format!("TCP INET: {port}\n")).collect();
        assert_eq!(fs::read_to_string(&path).unwrap(), lines);

        write_ports(path.as_os_str(), &[]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        fs::remove_file(&path).unwrap();

        let failed = write_ports(OsStr::new("/no/such/directory/ports"), &[]).unwrap_err();
        let text = "Failed to open \"/no/such/directory/ports.lck\": No such file or directory";
        assert_eq!(failed, text);
    }
}
