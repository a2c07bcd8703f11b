//! Servers that are compared: found, started, stopped.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use memcached::sys::{process, user};

use crate::connection::Stream;
use crate::option_types::Address;

/// A program that is a memcached.
pub struct Contender {
    /// How it is called in tables.
    pub name: String,
    /// What it says it is.
    pub version: String,
    file: PathBuf,
}

/// A server that was started here, and ends with this value.
pub struct Running {
    /// Where it listens.
    pub address: Address,
    child: Child,
}

/// A server that does not accept by then does not start.
const START_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl Contender {
    /// Asks the program what it is.
    pub fn new(name: &str, file: &Path) -> Result<Contender, String> {
        let complain = |why: String| format!("{}: {why}", file.display());
        let said = Command::new(file)
            .arg("-V")
            .output()
            .map_err(|e| complain(e.to_string()))?;
        let said = String::from_utf8_lossy(&said.stdout);
        let version = said.lines().next().unwrap_or_default().to_string();
        if !version.starts_with("memcached") {
            return Err(complain("this is no memcached".to_string()));
        }
        Ok(Contender {
            name: name.to_string(),
            version,
            file: file.to_path_buf(),
        })
    }

    /// Starts it with one worker, on a free port, and waits until it accepts.
    pub fn start(&self, megabytes: u64, pinned: bool) -> Result<Running, String> {
        let port = free_port().map_err(|e| format!("no free port: {e}"))?;
        let mut command = match pinned {
            true => {
                let mut command = Command::new("taskset");
                command.args(["-c", "0"]).arg(&self.file);
                command
            }
            false => Command::new(&self.file),
        };
        command
            .args(["-l", "127.0.0.1", "-U", "0", "-t", "1", "-c", "4096"])
            .args(["-p", &port.to_string(), "-m", &megabytes.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if user::is_root() {
            command.args(["-u", "root"]);
        }
        let mut running = Running {
            address: Address::Tcp(format!("127.0.0.1:{port}")),
            child: command.spawn().map_err(|e| e.to_string())?,
        };
        let begun = Instant::now();
        while Stream::connect(&running.address).is_err() {
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(format!("it ended at once: {status}"));
            }
            if begun.elapsed() > START_MAX {
                return Err("it does not accept".to_string());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It holds nothing that anyone would miss.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The server that was built with this program.
pub fn beside_this_program() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|e| format!("--server: {e}"))?;
    Ok(program.with_file_name("memcached"))
}

/// What PEER names, else `memcached` in PATH; none if that is the same program.
pub fn other_than(first: &Path) -> Option<PathBuf> {
    let named = env::var("PEER").unwrap_or_default();
    let found = match &*named {
        "" | "optional" => in_path("memcached")?,
        _ => PathBuf::from(named),
    };
    let is_same = found.canonicalize().ok() == first.canonicalize().ok();
    (!is_same).then_some(found)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Puts this process on the second core, if there is one and `taskset` is there. Servers are
/// then to be put on the first.
pub fn pin_to_second_core() -> bool {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let done = || {
        Command::new("taskset")
            .args(["-c", "-p", "1", &process::pid().to_string()])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    cores > 1 && done()
}

/// Processors and kernel, in a few words.
pub fn machine() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let of = |name: &str| -> Vec<&str> {
        let lines = info.lines().filter(|line| line.starts_with(name));
        lines
            .filter_map(|line| Some(line.split_once(": ")?.1.trim()))
            .collect()
    };
    let model = of("model name")
        .first()
        .copied()
        .unwrap_or("processor")
        .to_string();
    let cores = of("processor").len().max(1);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} x {model}, Linux {}", kernel.trim())
}
