//! The life of the process: its limits, its user and its place before it serves, and the
//! file with its number while it does.
//!
//! Limits are raised while root's rights last, sockets are opened when they are gone. What
//! can be refused is refused before the process goes into the background, so that the operator
//! who started it sees why.
//!
//! All of this runs in the first thread; but for the pid file, before the others start.

#![forbid(unsafe_code)]

use crate::settings::{Refusal, Settings};
use crate::sys::errors::error_text;
use crate::sys::file::{self, Step};
use crate::sys::{exit_code, limits, memory, process, signals, user};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Takes the limits and the user that the settings ask for, and goes into the background
/// if they ask for that.
///
/// # Errors
/// The first of these that cannot be had, with what to say and the status to exit with.
pub fn prepare(settings: &Settings) -> Result<(), Refusal> {
    if settings.large_pages {
        large_pages(Path::new(HUGE_PAGES)).map_err(|why| {
            let end = "Cannot enable large pages on this system\n\
                       (There is no support as of this version)";
            refusal(
                exit_code::FAILURE,
                &format!("{why}\nWill use default page size.\n{end}"),
            )
        })?;
    }
    limits::give_large_blocks_back();
    if settings.core_dumps && limits::allow_core().is_err() {
        return Err(refusal(
            exit_code::OS_ERROR,
            "failed to ensure corefile creation",
        ));
    }
    // A debug build goes on: under a memory checker the limit cannot be changed.
    let raised = limits::raise_nofile(u64::from(settings.connections_max));
    if raised.is_err() && !cfg!(debug_assertions) {
        return Err(refusal(exit_code::OS_ERROR, TOO_FEW_FILES));
    }
    match user::drop_privileges(settings.user.as_deref()) {
        Ok(None) => {}
        Ok(Some(tolerated)) => log!("{tolerated}"),
        Err(e) => return Err(refusal(e.exit_code(), &e.to_string())),
    }
    signals::ignore_sigpipe();
    if settings.daemon {
        // A core file goes into the working directory, and what is written with -v to the
        // terminal where the server was started.
        let keep_streams = settings.verbosity.get() > 0;
        let daemon = process::daemonize(settings.core_dumps, keep_streams);
        daemon.map_err(|_| {
            refusal(
                exit_code::FAILURE,
                "failed to daemon() in order to daemonize",
            )
        })?;
    }
    Ok(())
}

/// Where the kernel says whether huge pages are to be had: `always [madvise] never`.
const HUGE_PAGES: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// `-L`: whether there are huge pages. The store asks for them in any case.
fn large_pages(file: &Path) -> Result<(), &'static str> {
    match fs::read_to_string(file) {
        Ok(text) if text.contains("[never]") => Err("Transparent huge pages support disabled."),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            Err("Transparent huge pages support not detected.")
        }
        Err(_) => Err("Transparent huge pages could not read the configuration."),
    }
}

const TOO_FEW_FILES: &str = "failed to set rlimit for open files. Try starting as root or \
                             requesting smaller maxconns value.";

fn refusal(exit_code: i32, line: &str) -> Refusal {
    let message = format!("{line}\n");
    Refusal { message, exit_code }
}

/// `-k`: keeps memory from being swapped out, if that may be had: all of it, or else that of the
/// cache, as it is taken. Most systems let a user lock a certain number of bytes, and to lock all
/// memory would count what is only reserved.
///
/// Call it when the cache has its address space, and [`memory::lock_commits`] before that.
pub fn lock_memory(settings: &Settings) {
    if !settings.lock_memory {
        return;
    }
    let Err(e) = limits::lock_memory() else {
        return memory::lock_commits(false); // what comes later is locked anyway
    };
    let (text, limit) = (error_text(&e), limits::memlock_limit());
    if !memory::locks_commits() || limit < settings.memory_bytes.get() {
        log!("warning: -k invalid, mlockall() failed: {text}");
    }
    if memory::locks_commits() {
        let kilobytes = limit >> 10;
        log!("-k: memory of the cache is locked as it is taken, up to {kilobytes} kB");
    }
}

/// The file of `-P`, with the number of the process.
pub struct PidFile {
    /// Where it is, if it is to be removed in the end.
    to_remove: Option<PathBuf>,
}

impl PidFile {
    /// Writes the file, if one is asked for. A failure is a line on standard error, no more.
    pub fn write(settings: &Settings) -> PidFile {
        if let Some(path) = &settings.pid_file {
            if let Some(pid) = running(path) {
                log!("WARNING: The pid file contained the following (running) pid: {pid}");
            }
            if let Err(line) = write_pid(path, process::pid()) {
                log!("{line}");
            }
        }
        PidFile {
            to_remove: settings.pid_file.clone().filter(|_| settings.daemon),
        }
    }

    /// Removes the file of a server in the background. In the foreground it is left to
    /// the supervisor, which may have written it.
    pub fn remove(self) {
        let Some(path) = self.to_remove else { return };
        if let Err(e) = fs::remove_file(&path) {
            let (path, text) = (path.display(), error_text(&e));
            log!("Could not remove the pid file {path}: {text}");
        }
    }
}

/// The process that an old file names, if it runs.
fn running(path: &Path) -> Option<i32> {
    let text = fs::read_to_string(path).ok()?;
    let pid = text.trim().parse().ok()?;
    process::is_alive(pid).then_some(pid)
}

/// Writes the file. The error is the line for standard error.
fn write_pid(path: &Path, pid: u32) -> Result<(), String> {
    file::replace(path, ".tmp", &format!("{pid}\n")).map_err(|failed| {
        let (new, path) = (failed.unfinished.display(), path.display());
        let text = error_text(&failed.error);
        match failed.step {
            Step::Open => format!("Could not open the pid file {new} for writing: {text}"),
            Step::Write => format!("Could not write the pid file {new}: {text}"),
            Step::Rename => {
                format!("Could not rename the pid file from {new} to {path}: {text}")
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temp_path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("{name}.{}", std::process::id()))
    }

    #[test]
    fn an_old_file_counts_only_if_its_process_runs() {
        let path = temp_path("life-old");
        assert_eq!(running(&path), None);
        let own = process::pid().cast_signed();
        for (text, pid) in [
            (format!("{own}\n"), Some(own)),
            (format!(" {own}"), Some(own)),
            (String::new(), None),
            (String::from("junk\n"), None),
            (String::from("-1\n"), None),
            (String::from("2147483647\n"), None),
            (String::from("99999999999999999999\n"), None),
        ] {
            fs::write(&path, &text).unwrap();
            assert_eq!(running(&path), pid, "{text:?}");
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn huge_pages_are_there_if_the_kernel_says_so() {
        let path = temp_path("life-pages");
        let absent = "Transparent huge pages support not detected.";
        assert_eq!(large_pages(&path), Err(absent));
        let never = "Transparent huge pages support disabled.";
        for (text, outcome) in [
            ("always madvise [never]\n", Err(never)),
            ("always [madvise] never\n", Ok(())),
            ("[always] madvise never\n", Ok(())),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(large_pages(&path), outcome);
        }
        fs::remove_file(&path).unwrap();
        let unreadable = "Transparent huge pages could not read the configuration.";
        assert_eq!(large_pages(&std::env::temp_dir()), Err(unreadable));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_a_line() {
        let path = temp_path("life-directory");
        let shown = path.display();
        fs::create_dir(&path).unwrap();
        let line =
            format!("Could not rename the pid file from {shown}.tmp to {shown}: Is a directory");
        assert_eq!(write_pid(&path, 1), Err(line));
        fs::remove_dir(&path).unwrap();
        fs::remove_file(format!("{shown}.tmp")).unwrap();
        let line = "Could not open the pid file /no/such/directory.tmp for writing: \
                    No such file or directory";
        assert_eq!(
            write_pid(Path::new("/no/such/directory"), 1),
            Err(line.into())
        );
    }
}
