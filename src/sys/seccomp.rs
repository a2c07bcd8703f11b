//! Giving up system calls for good: `seccomp(2)`.
//!
//! A thread that has found its place needs few calls. Here it gives up the others, so that
//! an attacker who takes it over by a fault of ours can open no file, no socket and no shell.
//!
//! ```text
//! call ─► architecture ours? ─► number in the list? ─► argument as it must be? ─► allowed
//!                 │ no                  │ no                     │ no
//!                 └─────────────────────┴────────────────────────┴──► SIGSYS: the end
//! ```
//!
//! The list is turned into a program of the kernel's packet filter, one or a few
//! instructions per row, and the kernel runs it before each call of the thread. A call that
//! is not allowed raises SIGSYS; its handler says which one it was and ends the process.
//!
//! What every thread may do is in `WORKER`, what two roles may do besides in `LISTENER` and
//! `READER`. A thread cannot be started without a role (`thread::spawn`), so none is forgotten;
//! threads that a restricted thread starts have its filter besides.

use super::check;
use std::io::{Error, ErrorKind, Result};
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What kind of thread is restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A thread that serves clients, looks after memory or sends lines: it opens nothing.
    Worker,
    /// The thread that reads files again, and writes none.
    Reader,
    /// The thread that accepts clients and ends the process.
    Listener,
}

/// Whether threads are restricted in this process: written once, before the first is started.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// The kernel's name of the architecture that this program was built for.
const ARCHITECTURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xC000_003E)
} else if cfg!(target_arch = "aarch64") {
    Some(0xC000_00B7)
} else if cfg!(target_arch = "riscv64") {
    Some(0xC000_00F3)
} else {
    None
};

/// A row of the list: a system call, and what its arguments must be like. Of an argument
/// the low 32 bits count.
#[derive(Clone, Copy)]
enum Rule {
    /// Allowed.
    Any(libc::c_long),
    /// Allowed if this argument has this value.
    Equal(libc::c_long, usize, u32),
    /// Allowed if this argument is the number of our own process.
    Own(libc::c_long, usize),
    /// Allowed if this argument has one of these bits.
    With(libc::c_long, usize, u32),
    /// Allowed if this argument has none of these bits.
    Without(libc::c_long, usize, u32),
    /// Not carried out, and answered with this error.
    Fails(libc::c_long, libc::c_int),
}

use Rule::{Any, Equal, Fails, Own, With, Without};

/// From <linux/prctl.h>; the C library gives its memory names with it.
const PR_SET_VMA: u32 = 0x5356_4d41;

/// What a thread needs that serves clients: bytes in and out, memory, waiting, time.
static WORKER: &[Rule] = &[
    // The C library looks into a file of the kernel's before it gives memory back, and does
    // without if it may not.
    Fails(libc::SYS_openat, libc::EACCES),
    Any(libc::SYS_epoll_pwait),
    Any(libc::SYS_epoll_pwait2),
    #[cfg(target_arch = "x86_64")]
    Any(libc::SYS_epoll_wait),
    Any(libc::SYS_recvfrom),
    Any(libc::SYS_sendto),
    Any(libc::SYS_sendmsg),
    Any(libc::SYS_recvmsg),
    Any(libc::SYS_recvmmsg),
    Any(libc::SYS_sendmmsg),
    Any(libc::SYS_read),
    Any(libc::SYS_readv),
    Any(libc::SYS_write),
    Any(libc::SYS_writev),
    Any(libc::SYS_futex),
    Any(libc::SYS_close),
    Any(libc::SYS_shutdown),
    Any(libc::SYS_epoll_ctl),
    Any(libc::SYS_fcntl),
    Any(libc::SYS_dup),
    Any(libc::SYS_getsockname),
    Any(libc::SYS_getpeername),
    Any(libc::SYS_getsockopt),
    // Memory, never to be run as a program.
    Without(libc::SYS_mmap, 2, libc::PROT_EXEC as u32),
    Without(libc::SYS_mprotect, 2, libc::PROT_EXEC as u32),
    Any(libc::SYS_munmap),
    Any(libc::SYS_mremap),
    Any(libc::SYS_madvise),
    Any(libc::SYS_mlock2),
    Any(libc::SYS_brk),
    // Whether standard error takes more.
    Any(libc::SYS_ppoll),
    #[cfg(target_arch = "x86_64")]
    Any(libc::SYS_poll),
    Any(libc::SYS_clock_gettime),
    Any(libc::SYS_gettimeofday),
    Any(libc::SYS_clock_nanosleep),
    Any(libc::SYS_nanosleep),
    Any(libc::SYS_sched_yield),
    Any(libc::SYS_sched_getaffinity),
    Any(libc::SYS_restart_syscall),
    Any(libc::SYS_getrusage),
    Any(libc::SYS_getrandom),
    Any(libc::SYS_getpid),
    Any(libc::SYS_gettid),
    // Another thread of this process, with its name; not another process. Of the newer call
    // the flags cannot be seen, so the C library is made to use the older one.
    With(libc::SYS_clone, 0, libc::CLONE_THREAD as u32),
    Fails(libc::SYS_clone3, libc::ENOSYS),
    Any(libc::SYS_set_robust_list),
    Any(libc::SYS_rseq),
    Equal(libc::SYS_prctl, 0, libc::PR_SET_NAME as u32),
    Equal(libc::SYS_prctl, 0, PR_SET_VMA),
    // A panic asks where it is, to tell of itself, and does without if it may not.
    Fails(libc::SYS_getcwd, libc::EACCES),
    Fails(libc::SYS_readlinkat, libc::EACCES),
    #[cfg(target_arch = "x86_64")]
    Fails(libc::SYS_readlink, libc::EACCES),
    // The command `shutdown`, and the end of a panic.
    Own(libc::SYS_kill, 0),
    Own(libc::SYS_tgkill, 0),
    Any(libc::SYS_rt_sigaction),
    Any(libc::SYS_rt_sigprocmask),
    Any(libc::SYS_rt_sigreturn),
    Any(libc::SYS_sigaltstack),
    Any(libc::SYS_exit),
    Any(libc::SYS_exit_group),
];

/// What the listener needs besides.
static LISTENER: &[Rule] = &[
    Any(libc::SYS_accept4),
    Any(libc::SYS_listen),
    Any(libc::SYS_setsockopt),
    // The file with the number of the process, in the end.
    Any(libc::SYS_unlinkat),
    #[cfg(target_arch = "x86_64")]
    Any(libc::SYS_unlink),
];

/// What a thread needs besides that reads files: nothing that makes one, or writes to it.
static READER: &[Rule] = &[
    Without(
        libc::SYS_openat,
        2,
        (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32,
    ),
    Any(libc::SYS_fstat),
    Any(libc::SYS_newfstatat),
    Any(libc::SYS_statx),
    Any(libc::SYS_lseek),
];

/// From now on each thread that is started is restricted by its role, as is one that calls
/// [`restrict`]. Call it before the first is.
///
/// # Errors
/// Filters are not known for this architecture.
pub fn turn_on() -> Result<()> {
    ARCHITECTURE.ok_or_else(|| Error::from(ErrorKind::Unsupported))?;
    report_violations()?;
    IS_ON.store(true, Relaxed);
    Ok(())
}

/// Gives up, in the calling thread and for good, all system calls that its role does not need;
/// nothing, unless that was turned on.
///
/// # Errors
/// The kernel does not know such filters, or they are not known for this architecture.
pub fn restrict(role: Role) -> Result<()> {
    if !IS_ON.load(Relaxed) {
        return Ok(());
    }
    let architecture = ARCHITECTURE.ok_or_else(|| Error::from(ErrorKind::Unsupported))?;
    let more = match role {
        Role::Worker => &[][..],
        Role::Reader => READER,
        Role::Listener => LISTENER,
    };
    // Of two rows about a call the first one counts whose argument is as it says.
    let rules = more.iter().chain(WORKER);
    let mut program = program(architecture, std::process::id(), rules);
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: no pointers. A thread that can gain no privileges needs none to give some up.
    check(unsafe { call!(prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) })?;
    // SAFETY: `filter` names the instructions of `program`, and both outlive the call, which
    // copies them.
    check(unsafe {
        call!(prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const filter,
        ))
    })?;
    Ok(())
}

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_BITS: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// An instruction of the kernel's packet filter; `yes` and `no` are how many of the
/// instructions after it are passed over.
fn step(code: u32, operand: u32, yes: u8, no: u8) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: yes,
        jf: no,
        k: operand,
    }
}

/// Where in the kernel's record of the call the low half of an argument is.
fn argument(index: usize) -> u32 {
    let low_half = if cfg!(target_endian = "big") { 4 } else { 0 };
    (offset_of!(libc::seccomp_data, args) + index * size_of::<u64>() + low_half) as u32
}

/// The program: jumps stay within a row's own instructions, so the list may be of any length.
fn program<'r>(
    architecture: u32,
    pid: u32,
    rules: impl Iterator<Item = &'r Rule>,
) -> Vec<libc::sock_filter> {
    let trap = step(RETURN, libc::SECCOMP_RET_TRAP, 0, 0);
    let allow = step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
    let number = step(LOAD, offset_of!(libc::seccomp_data, nr) as u32, 0, 0);
    let mut program = vec![
        step(LOAD, offset_of!(libc::seccomp_data, arch) as u32, 0, 0),
        step(IF_EQUAL, architecture, 1, 0),
        trap,
        number,
    ];
    for rule in rules {
        let (call, index, test) = match *rule {
            Any(call) => {
                program.extend([step(IF_EQUAL, call as u32, 0, 1), allow]);
                continue;
            }
            Fails(call, error) => {
                let answer = libc::SECCOMP_RET_ERRNO | error as u32;
                program.extend([
                    step(IF_EQUAL, call as u32, 0, 1),
                    step(RETURN, answer, 0, 0),
                ]);
                continue;
            }
            // The last step passes over "allow" if the argument is not as it must be.
            Equal(call, index, value) => (call, index, step(IF_EQUAL, value, 0, 1)),
            Own(call, index) => (call, index, step(IF_EQUAL, pid, 0, 1)),
            With(call, index, bits) => (call, index, step(IF_BITS, bits, 0, 1)),
            Without(call, index, bits) => (call, index, step(IF_BITS, bits, 1, 0)),
        };
        program.extend([
            step(IF_EQUAL, call as u32, 0, 4),
            step(LOAD, argument(index), 0, 0),
            test,
            allow,
            number, // for the rows that follow
        ]);
    }
    program.push(trap);
    program
}

/// Has SIGSYS end the process with a line that says why.
fn report_violations() -> Result<()> {
    // SAFETY: all-zero is a valid sigaction: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_violation as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: `action` is valid for the call, and its handler does only what a handler may.
    check(unsafe { libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut()) })?;
    Ok(())
}

/// Where in the record of a SIGSYS the number of the call is: behind three numbers, their
/// padding, and the address of the call.
const SYSCALL_AT: usize = 16 + size_of::<usize>();

/// How long the line may wait until standard error takes it.
const GRACE_MS: libc::c_int = 1000;

/// Says which call it was, and ends the process. It allocates nothing and takes no lock.
extern "C" fn on_violation(_: libc::c_int, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel passes a full record, which has that number there.
    let call = unsafe { info.byte_add(SYSCALL_AT).cast::<i32>().read() };
    let mut line =
        *b"Seccomp policy failure. Caught syscall 0000. It is not among those allowed.\n";
    let digits = &mut line[39..43];
    let mut rest = call.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut stderr = libc::pollfd {
        fd: libc::STDERR_FILENO,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `stderr` and the line are valid for their lengths; the calls are allowed in a
    // handler, and by the filter. The reader may have stopped, and then the end must not wait.
    unsafe {
        if libc::poll(&raw mut stderr, 1, GRACE_MS) > 0 {
            libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len());
        }
        libc::_exit(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would say to a call; a naive machine for the instructions used here.
    fn verdict(program: &[libc::sock_filter], call: &libc::seccomp_data) -> u32 {
        let words: [u32; 16] = {
            let mut words = [0; 16];
            words[0] = call.nr.cast_unsigned();
            words[1] = call.arch;
            for (index, arg) in call.args.iter().enumerate() {
                words[4 + index * 2] = *arg as u32;
                words[5 + index * 2] = (arg >> 32) as u32;
            }
            words
        };
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let step = &program[at];
            at += 1;
            let jump = match u32::from(step.code) {
                LOAD => {
                    accumulator = words[step.k as usize / 4];
                    continue;
                }
                RETURN => return step.k,
                IF_EQUAL => accumulator == step.k,
                IF_BITS => accumulator & step.k != 0,
                code => panic!("instruction {code}"),
            };
            at += usize::from(if jump { step.jt } else { step.jf });
        }
    }

    const OURS: u32 = 7;

    fn ask(rules: &[Rule], nr: libc::c_long, args: [u64; 6]) -> u32 {
        let call = libc::seccomp_data {
            nr: nr as i32,
            arch: OURS,
            instruction_pointer: 0,
            args,
        };
        verdict(&program(OURS, 1234, rules.iter()), &call)
    }

    #[test]
    fn what_is_not_listed_is_trapped() {
        let refused = libc::SECCOMP_RET_ERRNO | libc::EACCES as u32;
        for call in [libc::SYS_openat, libc::SYS_getcwd, libc::SYS_readlinkat] {
            assert_eq!(ask(WORKER, call, [0; 6]), refused, "{call}");
        }
        for call in [libc::SYS_socket, libc::SYS_execve, libc::SYS_bind] {
            assert_eq!(ask(WORKER, call, [0; 6]), libc::SECCOMP_RET_TRAP, "{call}");
        }
        let listener = [LISTENER, WORKER].concat();
        for call in [libc::SYS_socket, libc::SYS_execve, libc::SYS_bind] {
            assert_eq!(ask(&listener, call, [0; 6]), libc::SECCOMP_RET_TRAP);
        }
        for call in [libc::SYS_accept4, libc::SYS_recvfrom, libc::SYS_unlinkat] {
            assert_eq!(ask(&listener, call, [0; 6]), libc::SECCOMP_RET_ALLOW);
        }
        assert_eq!(ask(&listener, libc::SYS_openat, [0; 6]), refused);
    }

    #[test]
    fn who_reads_files_writes_none() {
        let reader = [READER, WORKER].concat();
        let refused = libc::SECCOMP_RET_ERRNO | libc::EACCES as u32;
        for (flags, expected) in [
            (libc::O_RDONLY | libc::O_CLOEXEC, libc::SECCOMP_RET_ALLOW),
            (libc::O_WRONLY | libc::O_CLOEXEC, refused),
            (libc::O_RDWR, refused),
            (libc::O_RDONLY | libc::O_CREAT, refused),
        ] {
            let args = [0, 0, flags as u64, 0, 0, 0];
            assert_eq!(ask(&reader, libc::SYS_openat, args), expected, "{flags:o}");
        }
        let unlink = ask(&reader, libc::SYS_unlinkat, [0; 6]);
        assert_eq!(unlink, libc::SECCOMP_RET_TRAP);
    }

    #[test]
    fn every_call_of_another_architecture_is_trapped() {
        let call = libc::seccomp_data {
            nr: libc::SYS_read as i32,
            arch: OURS + 1,
            instruction_pointer: 0,
            args: [0; 6],
        };
        let program = program(OURS, 1, WORKER.iter());
        assert_eq!(verdict(&program, &call), libc::SECCOMP_RET_TRAP);
    }

    #[test]
    fn arguments_decide_where_a_rule_says_so() {
        let (allow, trap) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_TRAP);
        let thread = libc::CLONE_THREAD as u64;
        let executable = (libc::PROT_EXEC | libc::PROT_READ) as u64;
        let writable = (libc::PROT_WRITE | libc::PROT_READ) as u64;
        for (nr, args, expected) in [
            (libc::SYS_clone, [thread | 5, 0, 0, 0, 0, 0], allow),
            (libc::SYS_clone, [5, 0, 0, 0, 0, 0], trap),
            (libc::SYS_mmap, [0, 1, writable, 0, 0, 0], allow),
            (libc::SYS_mmap, [0, 1, executable, 0, 0, 0], trap),
            (libc::SYS_kill, [1234, 15, 0, 0, 0, 0], allow),
            (libc::SYS_kill, [1, 15, 0, 0, 0, 0], trap),
            (libc::SYS_prctl, [PR_SET_VMA.into(), 0, 0, 0, 0, 0], allow),
            (
                libc::SYS_prctl,
                [libc::PR_SET_NAME as u64, 0, 0, 0, 0, 0],
                allow,
            ),
            (
                libc::SYS_prctl,
                [libc::PR_SET_SECCOMP as u64, 0, 0, 0, 0, 0],
                trap,
            ),
            (libc::SYS_exit_group, [0; 6], allow),
        ] {
            assert_eq!(ask(WORKER, nr, args), expected, "{nr} {args:?}");
        }
        let unknown = ask(WORKER, libc::SYS_clone3, [0; 6]);
        assert_eq!(unknown, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);
    }
}
