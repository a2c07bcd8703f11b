//! Sockets from name to accepted client: resolve, create, bind, listen, accept.
//!
//! Each function is one or a few system calls, and a descriptor from the kernel becomes
//! an `OwnedFd` in the same statement. Which addresses to try and what to say when one
//! fails is decided in `net`. Bytes in and out are in `io`.
//!
//! Every socket is non-blocking and is closed on exec.

use super::{check, retry};
use std::ffi::{CStr, CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::mem::{offset_of, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fmt, fs, ptr};

/// One end of a connection, or where a listener is bound.
///
/// Its `Display` form is the one of `stats conns`: `tcp:1.2.3.4:11211`,
/// `tcp6:[::1]:11211`, `unix:/path`, and `?:<AF 0>` for an end without an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP over IPv4.
    Tcp4(SocketAddrV4),
    /// TCP over IPv6.
    Tcp6(SocketAddrV6),
    /// A unix socket bound to a path.
    Unix(PathBuf),
    /// A unix socket without a path, as every client has that did not bind its own end.
    Unnamed,
}

impl Address {
    /// The port, if the address has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Address::Tcp4(address) => Some(address.port()),
            Address::Tcp6(address) => Some(address.port()),
            Address::Unix(_) | Address::Unnamed => None,
        }
    }

    /// Whether this is one end of a unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self, Address::Unix(_) | Address::Unnamed)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp4(address) => write!(f, "tcp:{}:{}", address.ip(), address.port()),
            // Not the address' own form, which may add a scope.
            Address::Tcp6(address) => write!(f, "tcp6:[{}]:{}", address.ip(), address.port()),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Unnamed => f.write_str("?:<AF 0>"),
        }
    }
}

/// The addresses a listener may bind for `host`, in the resolver's order; no host
/// stands for all interfaces. The error's text is the resolver's, without a prefix.
pub fn resolve(host: Option<&str>, port: u16) -> Result<Vec<SocketAddr>> {
    let host = host.map(CString::new).transpose()?;
    let host = host.as_deref().map_or(ptr::null(), CStr::as_ptr);
    let service = CString::new(port.to_string())?;
    // SAFETY: all-zero is a valid addrinfo, and means "no wishes".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = libc::AI_PASSIVE;
    hints.ai_family = libc::AF_UNSPEC;
    hints.ai_socktype = libc::SOCK_STREAM;

    let mut found = AddressList(ptr::null_mut());
    // SAFETY: the strings end with NUL, `hints` is initialised, all live through the call.
    let code = unsafe { call!(getaddrinfo(host, service.as_ptr(), &hints, &mut found.0)) };
    match code {
        0 => Ok(found.to_vec()),
        libc::EAI_SYSTEM => Err(Error::last_os_error()),
        code => {
            // SAFETY: gai_strerror gives a static string for any code.
            let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
            Err(Error::other(text.to_string_lossy()))
        }
    }
}

/// What `getaddrinfo` found: null, or the head of a list that is ours to free.
struct AddressList(*mut libc::addrinfo);

impl AddressList {
    fn to_vec(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        let mut next = self.0;
        // SAFETY: null ends the list; every other node is valid until `drop` frees it.
        while let Some(node) = unsafe { next.as_ref() } {
            let mut address = RawAddress::empty();
            let len = (node.ai_addrlen as usize).min(size_of::<libc::sockaddr_storage>());
            // SAFETY: `ai_addr` holds `ai_addrlen` bytes, `storage` at least as many as
            // are copied, and they are apart from each other.
            unsafe {
                ptr::copy_nonoverlapping(
                    node.ai_addr.cast::<u8>(),
                    (&raw mut address.storage).cast::<u8>(),
                    len,
                );
            }
            address.len = len as libc::socklen_t;
            match address.decode() {
                Address::Tcp4(address) => addresses.push(address.into()),
                Address::Tcp6(address) => addresses.push(address.into()),
                Address::Unix(_) | Address::Unnamed => {} // a family we did not ask for
            }
            next = node.ai_next;
        }
        addresses
    }
}

impl Drop for AddressList {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list came from getaddrinfo and is freed once, here.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// A TCP socket of the address' family, ready to be bound as a listener.
///
/// Linux hands keep-alive, linger and `TCP_NODELAY` on to the sockets that the listener
/// accepts, so nothing is left to set for each client.
pub fn tcp(address: &SocketAddr) -> Result<OwnedFd> {
    let socket = internet(address, libc::SOCK_STREAM)?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    // Off: a close neither waits for the peer nor resets the connection.
    let linger = libc::linger {
        l_onoff: 0,
        l_linger: 0,
    };
    set_option(&socket, libc::SOL_SOCKET, libc::SO_LINGER, linger)?;
    set_option(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    Ok(socket)
}

/// A UDP socket of the address' family, ready to be bound.
pub fn udp(address: &SocketAddr) -> Result<OwnedFd> {
    internet(address, libc::SOCK_DGRAM)
}

/// Makes the buffer for what is sent as large as the kernel allows; its bytes before and after.
pub fn grow_send_buffer(socket: &OwnedFd) -> Result<(i32, i32)> {
    let len = || get_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF);
    let before = len()?;
    // The kernel cuts it to what the system's settings allow.
    set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, SEND_BUFFER_MAX)?;
    Ok((before, len()?))
}

/// What is asked for to hold the replies of a UDP socket.
const SEND_BUFFER_MAX: libc::c_int = 256 << 20;

fn internet(address: &SocketAddr, kind: libc::c_int) -> Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let socket = new(family, kind)?;
    if address.is_ipv6() {
        // The IPv4 side has a socket of its own.
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    Ok(socket)
}

/// Marks what goes through a socket, for packet filters and routing.
pub fn set_mark(socket: &OwnedFd, mark: u32) -> Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_MARK, mark)
}

/// The network queue that the last packet of a connection came by, as the kernel numbers
/// them; none if it does not know, as of connections within one machine.
pub fn napi_id(socket: &OwnedFd) -> Option<u32> {
    let id = get_option(socket, libc::SOL_SOCKET, libc::SO_INCOMING_NAPI_ID);
    id.ok().map(i32::cast_unsigned).filter(|&id| id != 0)
}

/// The descriptors that the parent process has left open for this one: `count` of them,
/// from the first one after standard error. Those that are not open are left out.
///
/// Call it once, before anything opens descriptors; a second call gives none.
pub fn inherited(count: usize) -> Vec<OwnedFd> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let first = libc::STDERR_FILENO + 1;
    let numbers = first..first.saturating_add(i32::try_from(count).unwrap_or(0));
    numbers
        // SAFETY: no pointers. From now on they are not inherited any further.
        .filter(|&fd| unsafe { call!(fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC)) } == 0)
        // SAFETY: they are open, as the call before has shown, and have been since before
        // this process opened any; so no code here owns them, and they are taken once.
        .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
        .collect()
}

/// Whether it is a stream socket that clients can connect to.
pub fn is_stream_listener(socket: &OwnedFd) -> bool {
    let is = |name, value| get_option(socket, libc::SOL_SOCKET, name).is_ok_and(|is| is == value);
    is(libc::SO_TYPE, libc::SOCK_STREAM) && is(libc::SO_ACCEPTCONN, 1)
}

/// Gives a listener that another process has made what ours have.
pub fn adopt(socket: &OwnedFd) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { call!(fcntl(socket.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK)) })?;
    if !local_address(socket)?.is_unix() {
        set_option(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
        set_option(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    }
    Ok(())
}

/// A unix stream socket.
pub fn unix() -> Result<OwnedFd> {
    new(libc::AF_UNIX, libc::SOCK_STREAM)
}

fn new(family: libc::c_int, kind: libc::c_int) -> Result<OwnedFd> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers. `socket(2)` ensures the descriptor is valid and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(check(call!(socket(family, kind, 0)))?) })
}

/// `T` is the type that the option's manual page names, `int` for a switch.
fn get_option(socket: &OwnedFd, level: libc::c_int, name: libc::c_int) -> Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, the size of `value`.
    check(unsafe {
        call!(getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        ))
    })?;
    Ok(value)
}

fn set_option<T>(socket: &OwnedFd, level: libc::c_int, name: libc::c_int, value: T) -> Result<()> {
    // SAFETY: the kernel reads the value's own bytes, during the call.
    check(unsafe {
        call!(setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<T>() as libc::socklen_t,
        ))
    })?;
    Ok(())
}

/// Binds a TCP or UDP socket.
pub fn bind(socket: &OwnedFd, address: &SocketAddr) -> Result<()> {
    RawAddress::of_internet(address).bind(socket)
}

/// Binds a unix socket to `path`, whose file gets exactly the permission bits of `mode`.
///
/// A socket that is there already is removed if no server answers at it, as after a crash. Where
/// one does the path is in use, as is that of any other file, which is left alone. Only the
/// first [`UNIX_PATH_MAX`] bytes of the path count. Keep what is returned until the socket
/// listens: before that it does not answer, and another server might take it for left over.
///
/// The process' umask changes for a moment: call this while no other thread makes files.
pub fn bind_unix(socket: &OwnedFd, path: &Path, mode: u32) -> Result<Turn> {
    let path = unix_path(path);
    if path.as_os_str().is_empty() {
        // To the kernel this would mean a socket without a file.
        return Err(Error::from_raw_os_error(libc::ENOENT));
    }
    let turn = Turn::at(path);
    let address = RawAddress::of_unix(path);
    if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && !address.answers()?
    {
        // If this fails, bind says why in the operator's terms.
        let _ = fs::remove_file(path);
    }
    let _umask = Umask::set(!mode & 0o777);
    address.bind(socket)?;
    Ok(turn)
}

/// The right to put a socket into a directory: of two servers that start at the same moment one
/// waits for the other.
///
/// It is a lock on the directory itself, which leaves no file behind. Where it cannot be had
/// (the directory may not be read, its file system has no such locks, another process holds it for
/// long) there is no turn, and one goes without.
#[derive(Debug)]
pub struct Turn {
    _directory: Option<File>,
}

impl Turn {
    fn at(path: &Path) -> Turn {
        const TRIES: u32 = 100;
        const PAUSE: Duration = Duration::from_millis(10);
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let directory = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY) // the opening of a pipe would wait for a writer
            .open(directory.unwrap_or(Path::new(".")))
            .ok();
        let Some(file) = &directory else {
            return Turn { _directory: None };
        };
        for _ in 0..TRIES {
            // SAFETY: no pointers. Closing the file gives the lock back.
            let locked =
                check(unsafe { call!(flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB)) });
            match locked {
                Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                _ => break, // it is ours, or cannot be had here (NFS)
            }
        }
        Turn {
            _directory: directory,
        }
    }
}

/// Bytes of path that a unix address holds; the last of its 108 is for the NUL.
pub const UNIX_PATH_MAX: usize = 107;

const SUN_PATH: usize = offset_of!(libc::sockaddr_un, sun_path);
const _: () = assert!(size_of::<libc::sockaddr_un>() == SUN_PATH + UNIX_PATH_MAX + 1);

fn unix_path(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    Path::new(OsStr::from_bytes(&bytes[..bytes.len().min(UNIX_PATH_MAX)]))
}

/// The file creation mask, put back when this goes.
struct Umask {
    before: libc::mode_t,
}

impl Umask {
    fn set(mask: u32) -> Umask {
        // SAFETY: no pointers; umask cannot fail.
        let before = unsafe { libc::umask(mask) };
        Umask { before }
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        // SAFETY: no pointers; umask cannot fail.
        unsafe { libc::umask(self.before) };
    }
}

/// Lets clients queue on a bound socket. May be called again to change the backlog,
/// which the kernel caps; 0 is how a listener is all but closed.
pub fn listen(socket: &OwnedFd, backlog: i32) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { call!(listen(socket.as_raw_fd(), backlog)) })?;
    Ok(())
}

/// Takes the next client from a listener's queue. `WouldBlock`: none waits.
pub fn accept(listener: &OwnedFd) -> Result<(OwnedFd, Address)> {
    retry(|| {
        let mut peer = RawAddress::empty();
        let (storage, len) = peer.parts();
        // The flags are named anew: these two are not inherited.
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: `peer` has space for any address and tells how much.
        let fd = check(unsafe { call!(accept4(listener.as_raw_fd(), storage, len, flags)) })?;
        // SAFETY: `accept4(2)` ensures the descriptor is valid and ours.
        Ok((unsafe { OwnedFd::from_raw_fd(fd) }, peer.decode()))
    })
}

/// Whether an error says that this process may not have another descriptor.
pub fn is_out_of_descriptors(error: &Error) -> bool {
    error.raw_os_error() == Some(libc::EMFILE)
}

/// Where a socket is bound: the port the kernel chose, or the address a client reached.
pub fn local_address(socket: impl AsFd) -> Result<Address> {
    local_address_of(socket.as_fd().as_raw_fd())
}

/// The same for a socket that other code owns.
pub fn local_address_of(socket: RawFd) -> Result<Address> {
    let mut address = RawAddress::empty();
    let (storage, len) = address.parts();
    // SAFETY: `address` has space for any address and tells how much.
    check(unsafe { call!(getsockname(socket, storage, len)) })?;
    Ok(address.decode())
}

/// The address of the other end of a connected socket.
pub fn peer_address(socket: impl AsFd) -> Result<Address> {
    let mut address = RawAddress::empty();
    let (storage, len) = address.parts();
    // SAFETY: `address` has space for any address and tells how much.
    check(unsafe { call!(getpeername(socket.as_fd().as_raw_fd(), storage, len)) })?;
    Ok(address.decode())
}

/// An address in the kernel's form.
///
/// 1. `storage` is initialised in full, has space and alignment for every family, and
///    the first `len` bytes (or all, if `len` is more) hold an address of its family.
pub(super) struct RawAddress {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl RawAddress {
    /// No address yet, space for any.
    pub(super) fn empty() -> RawAddress {
        RawAddress {
            // SAFETY: all-zero is a valid sockaddr_storage, of the family "unspecified".
            storage: unsafe { std::mem::zeroed() },
            len: size_of::<libc::sockaddr_storage>() as libc::socklen_t,
        }
    }

    fn of_internet(address: &SocketAddr) -> RawAddress {
        match address {
            SocketAddr::V4(address) => RawAddress::of(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(address.ip().octets()),
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(address) => RawAddress::of(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: address.ip().octets(),
                },
                sin6_scope_id: address.scope_id(),
            }),
        }
    }

    /// The path must have been cut by [`unix_path`].
    fn of_unix(path: &Path) -> RawAddress {
        let mut address = libc::sockaddr_un {
            sun_family: libc::AF_UNIX as libc::sa_family_t,
            sun_path: [0; UNIX_PATH_MAX + 1],
        };
        for (to, from) in address.sun_path.iter_mut().zip(path.as_os_str().as_bytes()) {
            *to = *from as libc::c_char;
        }
        RawAddress::of(address)
    }

    fn of<T: Form>(address: T) -> RawAddress {
        const { assert!(fits::<T>()) };
        let mut raw = RawAddress::empty();
        // SAFETY: there is space and alignment for a `T`, whose bytes are all initialised,
        // so the storage stays so.
        unsafe { (&raw mut raw.storage).cast::<T>().write(address) };
        raw.len = size_of::<T>() as libc::socklen_t;
        raw
    }

    fn read<T: Form>(&self) -> T {
        const { assert!(fits::<T>()) };
        // SAFETY: by (1) there are that many initialised bytes, in alignment, and any
        // bytes are a valid `T`.
        unsafe { (&raw const self.storage).cast::<T>().read() }
    }

    /// What a call that writes an address is given.
    pub(super) fn parts(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        ((&raw mut self.storage).cast(), &raw mut self.len)
    }

    /// What a call that reads an address is given.
    pub(super) fn as_name(&self) -> (*const libc::sockaddr, libc::socklen_t) {
        let len = self.len.min(size_of_val(&self.storage) as libc::socklen_t);
        ((&raw const self.storage).cast(), len)
    }

    /// Whether a server listens at this address, or has it for another kind of socket.
    fn answers(&self) -> Result<bool> {
        let socket = unix()?;
        let (name, len) = self.as_name();
        // SAFETY: `name` is valid for `len` bytes, which the call only reads.
        match check(unsafe { call!(connect(socket.as_raw_fd(), name, len)) }) {
            Ok(_) => Ok(true),
            // Others wait there, so many that the queue is full.
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(e) => match e.raw_os_error() {
                Some(libc::EPROTOTYPE) => Ok(true),
                Some(libc::ECONNREFUSED | libc::ENOENT) => Ok(false),
                _ => Err(e),
            },
        }
    }

    fn bind(&self, socket: &OwnedFd) -> Result<()> {
        let storage = (&raw const self.storage).cast();
        // SAFETY: by (1) there are `len` bytes to read: only `of` makes what is bound.
        check(unsafe { call!(bind(socket.as_raw_fd(), storage, self.len)) })?;
        Ok(())
    }

    pub(super) fn decode(&self) -> Address {
        match libc::c_int::from(self.storage.ss_family) {
            libc::AF_INET => {
                let raw: libc::sockaddr_in = self.read();
                let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
                Address::Tcp4(SocketAddrV4::new(ip, u16::from_be(raw.sin_port)))
            }
            libc::AF_INET6 => {
                let raw: libc::sockaddr_in6 = self.read();
                Address::Tcp6(SocketAddrV6::new(
                    Ipv6Addr::from(raw.sin6_addr.s6_addr),
                    u16::from_be(raw.sin6_port),
                    raw.sin6_flowinfo,
                    raw.sin6_scope_id,
                ))
            }
            libc::AF_UNIX => {
                let raw: libc::sockaddr_un = self.read();
                let len = (self.len as usize).saturating_sub(SUN_PATH);
                let path = raw.sun_path.iter().take(len).map(|c| c.cast_unsigned());
                let path: Vec<u8> = path.take_while(|b| *b != 0).collect();
                if path.is_empty() {
                    Address::Unnamed
                } else {
                    Address::Unix(PathBuf::from(OsStr::from_bytes(&path)))
                }
            }
            _ => Address::Unnamed,
        }
    }
}

/// One of the structs that `storage` may really be.
///
/// # Safety
/// Integers alone: no padding, and any bytes are a valid value.
unsafe trait Form {}

// SAFETY: integers and arrays of them, laid out by the kernel without gaps.
unsafe impl Form for libc::sockaddr_in {}
// SAFETY: as above.
unsafe impl Form for libc::sockaddr_in6 {}
// SAFETY: as above.
unsafe impl Form for libc::sockaddr_un {}

const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<libc::sockaddr_storage>()
        && align_of::<T>() <= align_of::<libc::sockaddr_storage>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    fn any_port() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    fn option(socket: &OwnedFd, level: libc::c_int, name: libc::c_int) -> libc::c_int {
        get_option(socket, level, name).unwrap()
    }

    /// Accepts one client that is known to be on its way.
    fn accept_soon(listener: &OwnedFd) -> (OwnedFd, Address) {
        loop {
            match accept(listener) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                outcome => return outcome.unwrap(),
            }
        }
    }

    fn temp_path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{name}.{}", std::process::id()))
    }

    #[test]
    fn an_accepted_client_is_known_by_address_and_inherits_the_options() {
        let listener = tcp(&any_port()).unwrap();
        bind(&listener, &any_port()).unwrap();
        listen(&listener, 16).unwrap();
        let bound = local_address(&listener).unwrap();
        let port = bound.port().unwrap();
        assert_ne!(port, 0);
        assert_eq!(bound.to_string(), format!("tcp:127.0.0.1:{port}"));
        assert_eq!(accept(&listener).unwrap_err().kind(), ErrorKind::WouldBlock);

        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let (accepted, peer) = accept_soon(&listener);
        let client_port = client.local_addr().unwrap().port();
        assert_eq!(peer.to_string(), format!("tcp:127.0.0.1:{client_port}"));
        assert_eq!(peer_address(&accepted).unwrap(), peer);
        assert_eq!(local_address(&accepted).unwrap(), bound);

        assert_ne!(option(&accepted, libc::IPPROTO_TCP, libc::TCP_NODELAY), 0);
        assert_ne!(option(&accepted, libc::SOL_SOCKET, libc::SO_KEEPALIVE), 0);
        let mut stream = TcpStream::from(accepted);
        let read = stream.read(&mut [0]).unwrap_err();
        assert_eq!(read.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn a_port_that_is_listened_on_is_in_use() {
        let other = TcpListener::bind(any_port()).unwrap();
        let address = other.local_addr().unwrap();
        let socket = tcp(&address).unwrap();
        let refused = bind(&socket, &address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn the_resolver_knows_numbers_and_all_interfaces() {
        let v4 = resolve(Some("127.0.0.1"), 11211).unwrap();
        assert_eq!(v4, [SocketAddr::from((Ipv4Addr::LOCALHOST, 11211))]);
        let v6 = resolve(Some("::1"), 1).unwrap();
        assert_eq!(v6, [SocketAddr::from((Ipv6Addr::LOCALHOST, 1))]);
        let all = resolve(None, 5).unwrap();
        assert!(all.contains(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5))));
        assert!(all.iter().all(|a| a.ip().is_unspecified() && a.port() == 5));
    }

    #[test]
    fn a_bad_name_is_refused_in_the_resolvers_words() {
        let refused = resolve(Some("no such host"), 1).unwrap_err();
        assert!(refused.raw_os_error().is_none(), "{refused}");
        assert!(!refused.to_string().is_empty());
        assert!(resolve(Some("nul\0inside"), 1).is_err());
    }

    #[test]
    fn a_unix_socket_has_the_mode_asked_for_and_replaces_a_stale_one() {
        let path = temp_path("socket-mode");
        for mode in [0o700, 0o777, 0o770] {
            // From the second round on, the file of the round before is in the way.
            let listener = unix().unwrap();
            bind_unix(&listener, &path, mode).unwrap();
            listen(&listener, 16).unwrap();
            let file = fs::metadata(&path).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, mode);

            let shown = format!("unix:{}", path.display());
            assert_eq!(local_address(&listener).unwrap().to_string(), shown);
            let mut client = UnixStream::connect(&path).unwrap();
            let (accepted, peer) = accept_soon(&listener);
            assert_eq!(peer, Address::Unnamed);
            assert_eq!(peer.to_string(), "?:<AF 0>");
            assert_eq!(local_address(&accepted).unwrap().to_string(), shown);
            client.write_all(b"x").unwrap();
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_path_where_a_server_answers_is_in_use() {
        let path = temp_path("socket-alive");
        let refusal = || bind_unix(&unix().unwrap(), &path, 0o700).err();
        let listener = unix().unwrap();
        let turn = bind_unix(&listener, &path, 0o700).unwrap();
        listen(&listener, 0).unwrap();
        drop(turn);
        // From the second round on, the queue is full of earlier connections.
        for _ in 0..3 {
            assert_eq!(refusal().unwrap().kind(), ErrorKind::AddrInUse);
        }
        drop(listener);
        let datagrams = new(libc::AF_UNIX, libc::SOCK_DGRAM).unwrap();
        bind_unix(&datagrams, &path, 0o700).unwrap();
        assert_eq!(refusal().unwrap().kind(), ErrorKind::AddrInUse);
        drop(datagrams);
        assert!(refusal().is_none(), "no server is there any more");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_keeps_its_path() {
        let path = temp_path("socket-file");
        fs::write(&path, "precious").unwrap();
        let refused = bind_unix(&unix().unwrap(), &path, 0o700).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();
        assert!(bind_unix(&unix().unwrap(), Path::new(""), 0o700).is_err());
    }

    #[test]
    fn a_path_that_is_too_long_is_cut() {
        let mut long = temp_path("socket-long-").into_os_string();
        long.push("x".repeat(200));
        let long = PathBuf::from(long);
        for _ in 0..2 {
            bind_unix(&unix().unwrap(), &long, 0o700).unwrap();
        }
        let cut = unix_path(&long);
        assert_eq!(cut.as_os_str().len(), UNIX_PATH_MAX);
        fs::remove_file(cut).unwrap();
    }

    #[test]
    fn an_ipv6_address_is_shown_in_brackets_and_without_a_scope() {
        let address = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 3);
        assert_eq!(Address::Tcp6(address).to_string(), "tcp6:[::1]:80");
        let raw = RawAddress::of_internet(&address.into());
        assert_eq!(raw.decode(), Address::Tcp6(address));
    }
}
