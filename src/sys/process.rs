//! What a process can do to itself: user, limits, signals, thread names, time used.

use super::seccomp::{self, Role};
use super::{check, stderr};
use std::ffi::{CStr, CString};
use std::fs::{self, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::thread::{Builder, JoinHandle};
use std::{fmt, ptr};

/// Why a process that was started as root could not become somebody else.
#[derive(Debug)]
pub enum PrivilegeError {
    /// No user was named, and running as root must be asked for.
    NoUser,
    /// No such user.
    UnknownUser(String),
    /// The supplementary groups stay.
    Groups(Error),
    /// The user or group id stays.
    Identity(String),
}

impl PrivilegeError {
    /// The status to exit with, from `sysexits.h`.
    pub fn exit_code(&self) -> i32 {
        match self {
            PrivilegeError::NoUser => 64,
            PrivilegeError::UnknownUser(_) => 67,
            PrivilegeError::Groups(_) | PrivilegeError::Identity(_) => 71,
        }
    }
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivilegeError::NoUser => f.write_str("must add '-u root' to start as root"),
            PrivilegeError::UnknownUser(user) => {
                write!(f, "can't find the user {user} to switch to")
            }
            PrivilegeError::Groups(error) => {
                let error = error_text(error);
                write!(f, "failed to drop supplementary groups: {error}")
            }
            PrivilegeError::Identity(user) => {
                write!(f, "failed to assume identity of user {user}")
            }
        }
    }
}

/// Whether the process has the rights of root, real or effective.
pub fn is_root() -> bool {
    // SAFETY: no pointers; these calls cannot fail.
    unsafe { libc::getuid() == 0 || libc::geteuid() == 0 }
}

/// Becomes `user`, for good: no supplementary groups, then the group, then the user.
///
/// Does nothing, and does not even look the user up, unless the process is root. In a
/// sandbox that forbids only the change of groups the rest is done all the same and the
/// complaint is returned, to be shown. Call it before other threads start.
pub fn drop_privileges(
    user: Option<&str>,
) -> std::result::Result<Option<PrivilegeError>, PrivilegeError> {
    if !is_root() {
        return Ok(None);
    }
    let user = user.filter(|u| !u.is_empty());
    let user = user.ok_or(PrivilegeError::NoUser)?;
    let (uid, gid) = look_up(user).ok_or_else(|| PrivilegeError::UnknownUser(user.into()))?;

    // SAFETY: a count of zero means that nothing is read through the pointer.
    let groups = match check(unsafe { call!(setgroups(0, ptr::null())) }) {
        Ok(_) => None,
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => Some(PrivilegeError::Groups(e)),
        Err(e) => return Err(PrivilegeError::Groups(e)),
    };
    // The group first: afterwards the right to change it is gone.
    // SAFETY: no pointers.
    if unsafe { call!(setgid(gid)) < 0 || call!(setuid(uid)) < 0 } {
        return Err(PrivilegeError::Identity(user.into()));
    }
    Ok(groups)
}

/// Ids of a user known by name; a number is not a name.
fn look_up(user: &str) -> Option<(libc::uid_t, libc::gid_t)> {
    const BUFFER_MAX: usize = 1 << 20;
    let user = CString::new(user).ok()?;
    let mut buffer: Vec<libc::c_char> = vec![0; 1024];
    loop {
        // SAFETY: all-zero is a valid passwd, with null pointers.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = ptr::null_mut();
        // SAFETY: `user` ends with NUL, the buffer is writable for its length, and the
        // three outlive both the call and all use of what it stores in them.
        let code = unsafe {
            call!(getpwnam_r(
                user.as_ptr(),
                &mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &mut found,
            ))
        };
        match code {
            libc::ERANGE if buffer.len() < BUFFER_MAX => buffer.resize(buffer.len() * 4, 0),
            libc::EINTR => {}
            0 if !found.is_null() => return Some((entry.pw_uid, entry.pw_gid)),
            _ => return None,
        }
    }
}

/// Sets the limit of open descriptors, soft and hard, to exactly `limit`.
pub fn raise_nofile(limit: u64) -> Result<()> {
    let limit = libc::rlimit {
        rlim_cur: limit,
        rlim_max: limit,
    };
    // SAFETY: `limit` is valid for the call, which only reads it.
    check(unsafe { call!(setrlimit(libc::RLIMIT_NOFILE, &limit)) })?;
    Ok(())
}

/// Lets the system write a core file: no limit if that may be had, else as much as was
/// allowed anyway.
///
/// # Errors
/// A core file would still have no bytes.
pub fn allow_core() -> Result<()> {
    let free = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `free` is valid for the call, which only reads it.
    if check(unsafe { call!(setrlimit(libc::RLIMIT_CORE, &free)) }).is_ok() {
        return Ok(());
    }
    let mut limit = free;
    // SAFETY: `limit` is valid for both calls: one fills it, the other one reads it.
    unsafe {
        check(call!(getrlimit(libc::RLIMIT_CORE, &mut limit)))?;
        limit.rlim_cur = limit.rlim_max;
        check(call!(setrlimit(libc::RLIMIT_CORE, &limit)))?;
    }
    if limit.rlim_cur == 0 {
        return Err(Error::from(ErrorKind::PermissionDenied));
    }
    Ok(())
}

/// Keeps all memory of the process, now and later, from being swapped out.
///
/// # Errors
/// The process may lock only so much. What the kernel would grant now it would take from what is
/// mapped later, and refuse that: stacks of threads, and memory of the C library.
pub fn lock_memory() -> Result<()> {
    match memlock_limit() {
        libc::RLIM_INFINITY => {}
        _ if may_lock_all() => {}
        0 => return Err(Error::from_raw_os_error(libc::EPERM)),
        _ => return Err(Error::from_raw_os_error(libc::ENOMEM)),
    }
    // SAFETY: no pointers.
    check(unsafe { call!(mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE)) })?;
    Ok(())
}

/// Whether the process has the right to lock memory beyond its limit (`CAP_IPC_LOCK`).
fn may_lock_all() -> bool {
    const IPC_LOCK: u64 = 1 << 14;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let rights = rights.and_then(|rights| u64::from_str_radix(rights.trim(), 16).ok());
    rights.is_some_and(|rights| rights & IPC_LOCK != 0)
}

/// Bytes that the process may lock, unless it has the right to lock any.
pub fn memlock_limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for the call. If it fails nothing may be locked.
    unsafe { call!(getrlimit(libc::RLIMIT_MEMLOCK, &mut limit)) };
    limit.rlim_cur
}

/// Goes on in the background, in a session of its own: this returns in a new process,
/// while the one that was called ends at once, with exit code 0.
///
/// `keep_directory`: stay in the working directory, else in `/`. `keep_streams`: go on
/// using standard input, output and error, else `/dev/null`. Call it before other threads
/// start: they would stay behind.
pub fn daemonize(keep_directory: bool, keep_streams: bool) -> Result<()> {
    // SAFETY: no other thread runs, so the child finds everything as it is here.
    match unsafe { call!(fork()) } {
        -1 => return Err(Error::last_os_error()),
        0 => {}
        // SAFETY: ends this process; what it would do at its end is left to the child.
        _ => unsafe { libc::_exit(0) },
    }
    // SAFETY: no pointers.
    check(unsafe { call!(setsid()) })?;
    if !keep_directory {
        std::env::set_current_dir("/")?;
    }
    if !keep_streams {
        let null = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")?;
        for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            // SAFETY: no pointers. Nobody owns the numbers of the streams, and `null` has
            // another one: they are open ever since the program began.
            check(unsafe { call!(dup2(null.as_raw_fd(), stream)) })?;
        }
    }
    Ok(())
}

/// Whether there is a process of that number, whoever runs it.
pub fn is_alive(pid: i32) -> bool {
    // SAFETY: no pointers; signal 0 is none.
    pid > 0
        && match check(unsafe { call!(kill(pid, 0)) }) {
            Ok(_) => true,
            Err(e) => e.raw_os_error() == Some(libc::EPERM),
        }
}

/// Makes writing to a closed connection an error instead of the end of the process.
pub fn ignore_sigpipe() {
    // SAFETY: SIG_IGN is no function of ours that could run at a bad time.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// A signal that the operator steers the server with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: stop.
    Interrupt,
    /// SIGTERM: stop.
    Terminate,
    /// SIGHUP: read files again.
    Hangup,
    /// SIGUSR1: stop gracefully, keeping what can be kept.
    User1,
}

impl Signal {
    /// Every signal that [`SignalFd`] takes over.
    pub const ALL: [Signal; 4] = [
        Signal::Interrupt,
        Signal::Terminate,
        Signal::Hangup,
        Signal::User1,
    ];

    fn number(self) -> libc::c_int {
        match self {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::Hangup => libc::SIGHUP,
            Signal::User1 => libc::SIGUSR1,
        }
    }
}

/// The operator's signals as a descriptor that is readable when one has come. So they
/// are handled between two events like any other, and there is no handler to be careful
/// in.
///
/// Several signals of one kind that wait at the same time are one.
pub struct SignalFd {
    fd: OwnedFd,
}

impl SignalFd {
    /// Blocks the signals in the calling thread and reads them here instead.
    ///
    /// Threads inherit what is blocked, so this must come before the first of them
    /// starts: one thread that does not block a signal would be killed by it. A process
    /// that forks into the background must make its epoll set afterwards, since that
    /// watches the signals of the process that added the descriptor.
    pub fn new() -> Result<SignalFd> {
        // SAFETY: all-zero bytes are a place for a sigset_t, which sigemptyset fills.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is valid, and the numbers are signals, so these cannot fail.
        unsafe {
            libc::sigemptyset(&mut set);
            for signal in Signal::ALL {
                libc::sigaddset(&mut set, signal.number());
            }
        }
        // SAFETY: `set` is initialised; the old mask is not asked for.
        match unsafe { call!(pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut())) } {
            0 => {}
            code => return Err(Error::from_raw_os_error(code)),
        }
        let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
        // SAFETY: `set` is initialised. `signalfd(2)` ensures the descriptor is valid and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(check(call!(signalfd(-1, &set, flags)))?) };
        Ok(SignalFd { fd })
    }

    /// The next signal that has come, if any.
    pub fn next(&self) -> Result<Option<Signal>> {
        loop {
            // SAFETY: all-zero is a valid signalfd_siginfo.
            let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
            let len = size_of::<libc::signalfd_siginfo>();
            // SAFETY: the kernel writes at most `len` bytes, the size of `info`, whose
            // fields are integers.
            let read = unsafe { call!(read(self.fd.as_raw_fd(), (&raw mut info).cast(), len)) };
            if read < 0 {
                match Error::last_os_error() {
                    e if e.kind() == ErrorKind::Interrupted => continue,
                    e if e.kind() == ErrorKind::WouldBlock => return Ok(None),
                    e => return Err(e),
                }
            }
            // The kernel gives whole records only. A signal we did not ask for cannot be
            // among them; should it be, the next one is looked at.
            let number = info.ssi_signo.cast_signed();
            if let Some(signal) = Signal::ALL.into_iter().find(|s| s.number() == number) {
                return Ok(Some(signal));
            }
        }
    }
}

/// Sends this process one of the signals that [`SignalFd`] reads.
pub fn signal_self(signal: Signal) {
    // SAFETY: no pointers; our own process exists, so this cannot fail.
    unsafe { libc::kill(libc::getpid(), signal.number()) };
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Names the calling thread for `ps` and debuggers, which see the first 15 bytes.
fn set_thread_name(name: &str) {
    const NAME_LEN_MAX: usize = 15;
    let mut buffer = [0_u8; NAME_LEN_MAX + 1];
    for (to, from) in buffer[..NAME_LEN_MAX].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: the last byte stays zero, so the name ends inside the buffer, which lives
    // through the call.
    unsafe { call!(prctl(libc::PR_SET_NAME, buffer.as_ptr())) };
}

/// Starts a thread with that name, see `set_thread_name`, which gives up what its role does not
/// need, if that was asked for ([`seccomp::turn_on`]). That it cannot is the end of the process.
///
/// # Errors
/// The system has no more threads, or no memory for one.
pub fn spawn<T: Send + 'static>(
    name: &'static str,
    role: Role,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    #[cfg(feature = "faults")]
    super::testing::faults::thread()?;
    Builder::new().spawn(move || {
        set_thread_name(name);
        seccomp::restrict(role).unwrap_or_else(|e| {
            stderr::line(format_args!(
                "failed to drop privileges: {}",
                error_text(&e)
            ));
            stderr::flush();
            std::process::exit(1);
        });
        body()
    })
}

/// The name of this machine; empty if it has none that can be shown.
pub fn host_name() -> String {
    const NAME_LEN_MAX: usize = 256;
    let mut buffer: [libc::c_char; NAME_LEN_MAX] = [0; NAME_LEN_MAX];
    // SAFETY: the buffer is writable for the length given, and its last byte stays zero.
    let failed = unsafe { call!(gethostname(buffer.as_mut_ptr(), NAME_LEN_MAX - 1)) } < 0;
    let bytes = buffer.map(libc::c_char::cast_unsigned);
    match CStr::from_bytes_until_nul(&bytes) {
        Ok(name) if !failed => name.to_string_lossy().into_owned(),
        _ => String::new(),
    }
}

/// The number of this process.
pub fn pid() -> u32 {
    std::process::id()
}

/// Processor time used so far by all threads, in microseconds: user, system.
pub fn rusage() -> (u64, u64) {
    // SAFETY: all-zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the call. With these arguments it cannot fail.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    (microseconds(usage.ru_utime), microseconds(usage.ru_stime))
}

fn microseconds(time: libc::timeval) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000 + time.tv_usec.cast_unsigned()
}

/// Lets the C library give large blocks of memory back as soon as they are freed. By itself it
/// keeps up to 64 MiB once a block of 32 MiB has been freed (mallopt(3), `M_MMAP_THRESHOLD`): what
/// one client made a worker keep for a moment would stay for ever.
pub fn give_large_blocks_back() {
    #[cfg(target_env = "gnu")]
    {
        const LARGE_BYTES: libc::c_int = 256 << 10;
        // SAFETY: no pointers.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
    }
}

/// Lets waits of the calling thread end when their time is over, and not up to 50 microseconds
/// later, as the kernel else does to wake several at once.
pub fn wait_exactly() {
    const SLACK_NS: libc::c_ulong = 1;
    // SAFETY: no pointers. It cannot fail, and if it did, waits would only be longer.
    unsafe { call!(prctl(libc::PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0)) };
}

/// What the system calls an error: `Address already in use`, and nothing around it.
///
/// The `Display` form of an error adds its number, which people who grep for the
/// well-known texts do not expect.
pub fn error_text(error: &Error) -> String {
    let Some(code) = error.raw_os_error() else {
        return error.to_string();
    };
    let mut buffer = [0; 128];
    // SAFETY: the buffer is writable for its length.
    let failed = unsafe { call!(strerror_r(code, buffer.as_mut_ptr(), buffer.len())) } != 0;
    let bytes = buffer.map(libc::c_char::cast_unsigned);
    match CStr::from_bytes_until_nul(&bytes) {
        Ok(text) if !failed => text.to_string_lossy().into_owned(),
        _ => format!("Unknown error {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_the_system_calls_it() {
        let text = |code| error_text(&Error::from_raw_os_error(code));
        assert_eq!(text(libc::EADDRINUSE), "Address already in use");
        assert_eq!(text(libc::EMFILE), "Too many open files");
        assert_eq!(text(99_999), "Unknown error 99999");
        assert_eq!(error_text(&Error::other("plain")), "plain");
    }

    #[test]
    fn signals_are_read_in_the_thread_that_blocked_them() {
        let signals = SignalFd::new().unwrap();
        assert_eq!(signals.next().unwrap(), None);
        for signal in [Signal::Hangup, Signal::User1] {
            // SAFETY: no pointers; the signal goes to this thread, which blocks it.
            unsafe { libc::raise(signal.number()) };
            assert_eq!(signals.next().unwrap(), Some(signal));
        }
        assert_eq!(signals.next().unwrap(), None);
    }

    #[test]
    fn a_thread_name_is_cut_to_what_the_kernel_keeps() {
        let name = |given: &'static str| {
            let named = move || {
                set_thread_name(given);
                fs::read_to_string("/proc/thread-self/comm").unwrap()
            };
            std::thread::spawn(named).join().unwrap()
        };
        assert_eq!(name("mc-worker"), "mc-worker\n");
        assert_eq!(name("mc-a-rather-long-name"), "mc-a-rather-lon\n");
    }

    #[test]
    fn users_are_looked_up_by_name_alone() {
        assert_eq!(look_up("root"), Some((0, 0)));
        assert_eq!(look_up("0"), None);
        assert_eq!(look_up("no-such-user-here"), None);
        assert_eq!(look_up("nul\0inside"), None);
    }

    #[test]
    fn the_wish_to_stay_root_must_be_spoken() {
        for user in [None, Some("")] {
            match drop_privileges(user) {
                Ok(_) => assert!(!is_root()),
                Err(refused) => {
                    assert_eq!(refused.exit_code(), 64);
                    assert_eq!(refused.to_string(), "must add '-u root' to start as root");
                }
            }
        }
        match drop_privileges(Some("no-such-user-here")) {
            Ok(_) => assert!(!is_root()),
            Err(refused) => {
                assert_eq!(refused.exit_code(), 67);
                let text = "can't find the user no-such-user-here to switch to";
                assert_eq!(refused.to_string(), text);
            }
        }
    }

    #[test]
    fn a_process_is_alive_until_it_has_been_waited_for() {
        assert!(is_alive(pid().cast_signed()));
        assert!(!is_alive(0) && !is_alive(-1));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let number = child.id().cast_signed();
        assert!(is_alive(number));
        child.wait().unwrap();
        assert!(!is_alive(number));
    }

    #[test]
    fn work_shows_in_the_time_used() {
        let (user_us, system_us) = rusage();
        let before_us = user_us + system_us;
        while {
            let (user_us, system_us) = rusage();
            user_us + system_us < before_us + 2_000
        } {}
        assert_eq!(pid(), std::process::id());
    }

    #[test]
    fn the_machine_has_the_name_that_the_kernel_knows() {
        let known = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(host_name(), known.trim_end());
    }
}
