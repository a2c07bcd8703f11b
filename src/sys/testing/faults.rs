//! Faults on purpose: libc calls that fail or do less than they could, as a plan says.
//!
//! Only with the cargo feature `faults`, which is for tests. Each call of this room that can
//! fail is made through `call!`, which asks here first. The plan is taken from the environment
//! variable `MEMCACHED_FAULTS` before the first call, or from the command `debugfaults`:
//!
//! ```text
//! plan  rule; rule; …     the first rule for a call that is due decides
//! rule  CALL FAULT [after N] [every N | one_in N] [times N]
//! CALL  the name of the libc function, as in the list below
//! FAULT the name of an errno, or `short N`: at most N bytes (recv, readv, send, sendmsg)
//!
//! after N    the first N calls are let pass
//! every N    of the others each Nth has the fault; 1 if not said
//! one_in N   of the others one in N has it, at random
//! times N    so often at most
//! seed N     a rule of its own: where the random numbers begin
//!
//! recv short 1; recv EINTR every 3; accept4 EMFILE after 2 times 50
//! ```
//!
//! What the kernel promises still holds. A socket that is watched for changes and has refused
//! bytes, or taken fewer than it could, says when there is space or input again; after such a
//! fault it is asked to tell anew. Datagrams are never sent in part.
//!
//! Any thread comes here; the plan's mutex is held for a moment and no other taken under it.

use std::collections::HashMap;
use std::ffi::c_int;
use std::io::{Error, Result};
use std::sync::{LazyLock, Mutex, MutexGuard};

macro_rules! calls {
    ($($name:ident)*) => {
        /// Every call that can have a fault, by the name of its libc function.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Call { $(
            #[doc = stringify!($name)]
            $name
        ),* }

        const CALLS: &[(Call, &str)] = &[$((Call::$name, stringify!($name))),*];
    };
}

calls! {
    accept4 bind connect dup2 epoll_create1 epoll_ctl epoll_wait eventfd fcntl flock fork getaddrinfo
    gethostname getpeername getpwnam_r getrlimit getsockname getsockopt kill listen madvise
    mlock2 mlockall mmap mprotect pipe2 poll prctl pthread_create pthread_sigmask read readv recv recvfrom
    send sendmsg setgid setgroups setrlimit setsid setsockopt setuid signalfd socket strerror_r
    syscall write
}

macro_rules! errnos {
    ($($name:ident)*) => {
        const ERRNOS: &[(&str, c_int)] = &[$((stringify!($name), libc::$name)),*];
    };
}

errnos! {
    EACCES EADDRINUSE EAFNOSUPPORT EAGAIN ECONNABORTED ECONNRESET EHOSTUNREACH EINTR EINVAL EIO
    EMFILE ENETDOWN ENFILE ENOBUFS ENOENT ENOMEM ENOSPC ENOSYS EPERM EPIPE EPROTO ESRCH ETIMEDOUT
}

/// Calls a libc function, unless the plan has it fail.
macro_rules! call {
    // These may do a part, and have to be reported again afterwards.
    (recv($($argument:expr),* $(,)?)) => { $crate::sys::testing::faults::recv($($argument),*) };
    (readv($($argument:expr),* $(,)?)) => { $crate::sys::testing::faults::readv($($argument),*) };
    (send($($argument:expr),* $(,)?)) => { $crate::sys::testing::faults::send($($argument),*) };
    (sendmsg($($argument:expr),* $(,)?)) => { $crate::sys::testing::faults::sendmsg($($argument),*) };
    (epoll_ctl($($argument:expr),* $(,)?)) => { $crate::sys::testing::faults::epoll_ctl($($argument),*) };
    ($name:ident($($argument:expr),* $(,)?)) => {{
        use $crate::sys::testing::faults::{self, Call};
        match faults::fate(Call::$name) {
            Some(errno) => faults::Refused::refused(Call::$name, errno),
            None => libc::$name($($argument),*),
        }
    }};
}

/// What a plan may do to a call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Errno(c_int),
    Short(usize),
}

/// Which of the calls have a fault.
#[derive(Clone, Copy, Debug)]
enum Pace {
    Every(u64),
    OneIn(u64),
}

#[derive(Debug)]
struct Rule {
    call: Call,
    fault: Fault,
    after: u64,
    pace: Pace,
    /// Faults that are left.
    times: u64,
    /// Calls seen.
    seen: u64,
}

#[derive(Debug)]
struct Plan {
    rules: Vec<Rule>,
    random: u64,
}

/// How often a call was made, and how often it had a fault.
#[derive(Clone, Copy, Default)]
struct Count {
    calls: u64,
    faults: u64,
}

struct State {
    plan: Plan,
    counts: [Count; CALLS.len()],
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    let text = std::env::var("MEMCACHED_FAULTS").unwrap_or_default();
    let plan = Plan::parse(&text).unwrap_or_else(|complaint| {
        eprintln!("MEMCACHED_FAULTS: {complaint}");
        std::process::exit(1);
    });
    Mutex::new(State {
        plan,
        counts: [Count::default(); CALLS.len()],
    })
});

/// Sockets that are watched for changes: the epoll set, and how each is watched there.
static WATCHED: LazyLock<Mutex<HashMap<c_int, (c_int, libc::epoll_event)>>> =
    LazyLock::new(Mutex::default);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// Replaces the plan; counts begin anew.
///
/// # Errors
/// What is wrong with the text; the old plan stays.
pub fn set_plan(text: &str) -> std::result::Result<(), String> {
    let plan = Plan::parse(text)?;
    let mut state = locked(&STATE);
    state.plan = plan;
    state.counts = [Count::default(); CALLS.len()];
    Ok(())
}

/// Each call by name: how often it was made since the plan was set, and with a fault.
pub fn counts(mut each: impl FnMut(&str, u64, u64)) {
    let counts = locked(&STATE).counts;
    for (&(_, name), count) in CALLS.iter().zip(counts) {
        each(name, count.calls, count.faults);
    }
}

/// The fault that the next call has: its errno. What is only shortened passes.
pub fn fate(call: Call) -> Option<c_int> {
    match next(call) {
        Some(Fault::Errno(errno)) => Some(errno),
        Some(Fault::Short(_)) | None => None,
    }
}

/// [`fate`] for a thread that is to be started, which is no call of this room.
///
/// # Errors
/// The plan refuses it.
pub fn thread() -> Result<()> {
    fate(Call::pthread_create).map_or(Ok(()), |errno| Err(Error::from_raw_os_error(errno)))
}

fn next(call: Call) -> Option<Fault> {
    let mut state = locked(&STATE);
    let fault = state.plan.next(call);
    let count = &mut state.counts[call as usize];
    count.calls += 1;
    count.faults += u64::from(fault.is_some());
    fault
}

impl Plan {
    fn parse(text: &str) -> std::result::Result<Plan, String> {
        let mut plan = Plan {
            rules: Vec::new(),
            random: 1,
        };
        let rules = text.split(';').map(str::trim);
        for rule in rules.filter(|rule| !rule.is_empty() && *rule != "none") {
            let mut words = rule.split_whitespace();
            let outcome = match words.next().unwrap_or_default() {
                "seed" => number(words.next()).map(|seed| plan.random = seed),
                call => Rule::parse(call, &mut words).map(|rule| plan.rules.push(rule)),
            };
            match (outcome, words.next()) {
                (Some(()), None) => {}
                _ => return Err(format!("not a rule: {rule}")),
            }
        }
        Ok(plan)
    }

    fn next(&mut self, call: Call) -> Option<Fault> {
        let random = &mut self.random;
        let mut rules = self.rules.iter_mut().filter(|rule| rule.call == call);
        rules.find_map(|rule| rule.next(random))
    }
}

impl Rule {
    fn parse<'t>(call: &str, words: &mut impl Iterator<Item = &'t str>) -> Option<Rule> {
        let &(call, _) = CALLS.iter().find(|(_, name)| *name == call)?;
        let fault = match words.next()? {
            "short" => {
                let may_be_short = [Call::recv, Call::readv, Call::send, Call::sendmsg];
                let len = number(words.next()).filter(|len| *len > 0)?;
                may_be_short
                    .contains(&call)
                    .then_some(Fault::Short(len as usize))?
            }
            name => Fault::Errno(ERRNOS.iter().find(|(known, _)| *known == name)?.1),
        };
        let mut rule = Rule {
            call,
            fault,
            after: 0,
            pace: Pace::Every(1),
            times: u64::MAX,
            seen: 0,
        };
        while let Some(word) = words.next() {
            let value = number(words.next())?;
            match word {
                "after" => rule.after = value,
                "every" => rule.pace = Pace::Every(value.max(1)),
                "one_in" => rule.pace = Pace::OneIn(value.max(1)),
                "times" => rule.times = value,
                _ => return None,
            }
        }
        Some(rule)
    }

    fn next(&mut self, random: &mut u64) -> Option<Fault> {
        self.seen += 1;
        if self.seen <= self.after || self.times == 0 {
            return None;
        }
        let is_due = match self.pace {
            Pace::Every(n) => (self.seen - self.after).is_multiple_of(n),
            Pace::OneIn(n) => scramble(random).is_multiple_of(n),
        };
        self.times -= u64::from(is_due);
        is_due.then_some(self.fault)
    }
}

fn number(word: Option<&str>) -> Option<u64> {
    word?.parse().ok()
}

/// The next random number (splitmix64).
fn scramble(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What a call gives back when it fails.
pub trait Refused {
    /// Fails like that call.
    fn refused(call: Call, errno: c_int) -> Self;
}

impl Refused for c_int {
    fn refused(call: Call, errno: c_int) -> c_int {
        match call {
            Call::getpwnam_r | Call::pthread_sigmask | Call::strerror_r => errno,
            Call::getaddrinfo => {
                set_errno(errno);
                libc::EAI_SYSTEM
            }
            _ => {
                set_errno(errno);
                -1
            }
        }
    }
}

impl Refused for libc::ssize_t {
    fn refused(_: Call, errno: c_int) -> libc::ssize_t {
        set_errno(errno);
        -1
    }
}

impl Refused for i64 {
    fn refused(_: Call, errno: c_int) -> i64 {
        set_errno(errno);
        -1
    }
}

impl Refused for *mut libc::c_void {
    fn refused(_: Call, errno: c_int) -> *mut libc::c_void {
        set_errno(errno);
        libc::MAP_FAILED
    }
}

fn set_errno(errno: c_int) {
    // SAFETY: the address of this thread's own errno, always valid.
    unsafe { *libc::__errno_location() = errno };
}

fn errno() -> c_int {
    Error::last_os_error().raw_os_error().unwrap_or_default()
}

/// Makes a call that may do a part; `make` is given how many bytes at most.
fn partly(call: Call, fd: c_int, make: impl FnOnce(usize) -> libc::ssize_t) -> libc::ssize_t {
    let result = match next(call) {
        None => return make(usize::MAX),
        Some(Fault::Short(len_max)) => make(len_max),
        Some(Fault::Errno(errno)) => Refused::refused(call, errno),
    };
    let errno = errno();
    announce_again(fd);
    set_errno(errno);
    result
}

/// Has epoll look at a socket anew, if it is watched for changes.
fn announce_again(fd: c_int) {
    if let Some((epoll, mut event)) = locked(&WATCHED).get(&fd).copied() {
        // SAFETY: `event` is valid for the call. A socket that is not in the set any more is
        // an error without consequences.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_MOD, fd, &raw mut event) };
    }
}

/// # Safety
/// As `recv(2)`: `buffer` is writable for `len` bytes.
pub unsafe fn recv(
    fd: c_int,
    buffer: *mut libc::c_void,
    len: usize,
    flags: c_int,
) -> libc::ssize_t {
    partly(Call::recv, fd, |len_max| {
        // SAFETY: the caller's promise, for no more bytes.
        unsafe { libc::recv(fd, buffer, len.min(len_max), flags) }
    })
}

/// # Safety
/// As `send(2)`: `bytes` is readable for `len` bytes.
pub unsafe fn send(
    fd: c_int,
    bytes: *const libc::c_void,
    len: usize,
    flags: c_int,
) -> libc::ssize_t {
    partly(Call::send, fd, |len_max| {
        // SAFETY: the caller's promise, for no more bytes.
        unsafe { libc::send(fd, bytes, len.min(len_max), flags) }
    })
}

/// # Safety
/// As `readv(2)`: the `count` slices are valid, and each writable for its length.
pub unsafe fn readv(fd: c_int, slices: *const libc::iovec, count: c_int) -> libc::ssize_t {
    partly(Call::readv, fd, |len_max| {
        // SAFETY: the caller's promise, for no more bytes.
        unsafe {
            let slices = cut(slices, count as usize, len_max);
            libc::readv(fd, slices.as_ptr(), slices.len() as c_int)
        }
    })
}

/// # Safety
/// As `sendmsg(2)`: the message is valid, and so is all that it names.
pub unsafe fn sendmsg(fd: c_int, message: *const libc::msghdr, flags: c_int) -> libc::ssize_t {
    partly(Call::sendmsg, fd, |len_max| {
        // SAFETY: the caller's promise, for no more bytes.
        unsafe {
            let mut message = *message;
            // A datagram, which has a name, goes in one piece.
            let len_max = if message.msg_name.is_null() {
                len_max
            } else {
                usize::MAX
            };
            let mut slices = cut(message.msg_iov, message.msg_iovlen, len_max);
            message.msg_iov = slices.as_mut_ptr();
            message.msg_iovlen = slices.len();
            libc::sendmsg(fd, &raw const message, flags)
        }
    })
}

/// The first `len` bytes of these slices.
///
/// # Safety
/// There are `count` of them.
unsafe fn cut(slices: *const libc::iovec, count: usize, mut len: usize) -> Vec<libc::iovec> {
    // SAFETY: the caller's promise.
    let slices = unsafe { std::slice::from_raw_parts(slices, count) };
    let mut cut = Vec::with_capacity(count);
    for slice in slices {
        let iov_len = slice.iov_len.min(len);
        len -= iov_len;
        cut.push(libc::iovec {
            iov_base: slice.iov_base,
            iov_len,
        });
        if len == 0 {
            break;
        }
    }
    cut
}

/// # Safety
/// As `epoll_ctl(2)`: `event` is valid, unless the call ignores it.
pub unsafe fn epoll_ctl(
    epoll: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut libc::epoll_event,
) -> c_int {
    if let Some(errno) = fate(Call::epoll_ctl) {
        return Refused::refused(Call::epoll_ctl, errno);
    }
    // SAFETY: the caller's promise.
    let result = unsafe { libc::epoll_ctl(epoll, operation, fd, event) };
    let mut watched = locked(&WATCHED);
    watched.remove(&fd);
    if operation == libc::EPOLL_CTL_ADD && result == 0 {
        // SAFETY: the caller's promise; this operation does not ignore it.
        let event = unsafe { *event };
        if event.events & libc::EPOLLET as u32 != 0 {
            watched.insert(fd, (epoll, event));
        }
    }
    result
}
