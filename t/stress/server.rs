//! The real server as a process of its own, and what its operator sees of it.

use crate::aim::SECRET;
use crate::client::Client;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Resident memory of a server, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub heap_kib: u64,
    pub all_kib: u64,
}

impl Memory {
    /// What is not the heap: items, the hash table, stacks, the program.
    pub fn others_kib(&self) -> u64 {
        self.all_kib - self.heap_kib
    }
}

/// A server that runs.
pub struct Server {
    child: Child,
    port: u16,
    options: String,
    /// Where its standard error goes.
    stderr: PathBuf,
}

impl Server {
    /// Starts one on a free port; returns when it accepts.
    pub fn start(options: &str) -> Server {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), SERIAL.fetch_add(1, Relaxed));
        let scratch = |what: &str| std::env::temp_dir().join(format!("memcached-{name}.{what}"));
        let (ports, stderr) = (scratch("ports"), scratch("stderr"));
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let user: &[&str] = if is_root { &["-u", "root"] } else { &[] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_memcached"))
            .args(options.split_whitespace())
            .args(["-A", "-l", "127.0.0.1", "-p", "-1"])
            .args(user)
            .env("MEMCACHED_PORT_FILENAME", &ports)
            .env("MALLOC_ARENA_MAX", "1") // of glibc: one heap, so that it can be measured
            .env("MEMCACHED_HASH_SECRET", SECRET.to_string()) // read by debug builds
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut port = None;
        wait_for("the server to listen", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{options}: {status}: {}", read(&stderr));
            }
            let text = std::fs::read_to_string(&ports).unwrap_or_default();
            let line = text.lines().next().and_then(|line| line.rsplit(' ').next());
            port = line.and_then(|number| number.parse().ok());
            port.is_some()
        });
        let _ = std::fs::remove_file(&ports);
        Server {
            child,
            port: port.unwrap(),
            options: options.to_string(),
            stderr,
        }
    }

    /// What it was started with.
    pub fn options(&self) -> &str {
        &self.options
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::new(self.port)
    }

    /// Resident memory: how much of it is the heap of the C library, and all of it.
    pub fn memory(&self) -> Memory {
        let maps = std::fs::read_to_string(format!("/proc/{}/smaps", self.child.id())).unwrap();
        let mut memory = Memory::default();
        let mut is_heap = false;
        for line in maps.lines() {
            if let Some(kib) = line.strip_prefix("Rss:") {
                let kib: u64 = kib.trim_end_matches("kB").trim().parse().unwrap();
                memory.all_kib += kib;
                memory.heap_kib += if is_heap { kib } else { 0 };
            } else if !line.split(' ').next().unwrap().ends_with(':') {
                is_heap = line.ends_with("[heap]"); // another mapping begins
            }
        }
        memory
    }

    /// Once all other clients are gone and nothing is being moved any more: every chunk of
    /// memory is accounted for.
    pub fn verify(&self, operator: &mut Client) {
        operator.ask("slabs automove 0");
        wait_for("the others to be gone", || {
            stat(operator, "curr_connections") == 1 && stat(operator, "slab_reassign_running") == 0
        });
        if !cfg!(debug_assertions) {
            return; // the walk is in builds that check themselves
        }
        operator.send(b"debugverify\r\n");
        let mut lines = Vec::new();
        loop {
            let line = operator.line();
            assert!(!line.contains("ERROR"), "{}: {line}", self.options);
            if line == "END" {
                break;
            }
            lines.push(line);
        }
        let held = lines.iter().find(|line| line.starts_with("STAT held "));
        assert_eq!(
            held.map(String::as_str),
            Some("STAT held 0"),
            "{}",
            self.options
        );
    }

    /// Ends it, in order.
    pub fn stop(mut self, mut operator: Client) {
        operator.send(b"shutdown\r\n");
        let mut status = None;
        wait_for("the server to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let told = read(&self.stderr);
        assert!(
            status.unwrap().success(),
            "{}: {status:?} {told}",
            self.options
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten();
        if ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let end = ended.map_or("it was alive".to_string(), |status| status.to_string());
            eprintln!("{}: {end}: {}", self.options, read(&self.stderr));
        }
        let _ = std::fs::remove_file(&self.stderr);
    }
}

fn read(path: &PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Waits until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The general statistics.
pub fn stats(operator: &mut Client, command: &str) -> HashMap<String, String> {
    operator.send(format!("{command}\r\n").as_bytes());
    let mut stats = HashMap::new();
    loop {
        let line = operator.line();
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("STAT"), Some(name), value) => {
                stats.insert(name.to_string(), value.unwrap_or_default().to_string());
            }
            _ => return stats,
        }
    }
}

/// One of them.
pub fn stat(operator: &mut Client, name: &str) -> u64 {
    stats(operator, "stats")[name].parse().unwrap()
}
