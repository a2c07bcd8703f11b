//! A run: what can be asked of it, and its phases.
//!
//! Each phase starts all load threads and waits for them, so between two phases
//! nothing is in flight; that is when the server's processor time is read.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::connection::Stream;
use crate::cpu::{Meter, Usage, Work};
use crate::inflight::Judge;
use crate::keys::{Keys, Picker};
use crate::load_thread::{Job, LoadThread, Outcome, Phase, Until};
use crate::login::Login;
use crate::option_types::{Above0, Address, Count, Distribution, Ratio, Sizes};
use crate::payload::Payload;
use crate::progress;
use crate::results::Results;
use memcached::wire::client::ClientProtocol;

const USAGE: &str = "\
Usage: memcached-bench [options]
       memcached-bench compare [options]    servers in turn; see compare --help

Loads a memcached and tells what its requests cost and how long they take.
Ends with 0 if all replies were right, with 1 if some were wrong, errors or
missing, with 2 if it could not do what was asked.
";

options! {
    /// Options of a run.
    Load, "", USAGE, {
    /// Where the server listens: host, host:port, or the path
    /// of a unix socket, with a slash.
    server: Address = Address::Tcp("127.0.0.1:11211".to_string()), "-s, --server=<addr>";
    /// text (get, set), meta (mg, ms) or binary.
    protocol: ClientProtocol = ClientProtocol::Text, "-P, --protocol=<name>";
    /// Log in first, as name:password in the first line of
    /// this file says.
    login: Option<String> = None, "--login=<file>";
    /// Connections, of all threads together.
    connections: Count = Count(50), "-c, --connections=<num>";
    /// Requests in flight on a connection. They are sent as one
    /// batch, the next one when all replies are there.
    pipeline: Count = Count(1), "-p, --pipeline=<num>";
    /// Threads that make the load.
    threads: Count = Count(1), "-t, --threads=<num>";
    /// Number of keys.
    keys: Count = Count(100_000), "-k, --keys=<num>";
    /// What keys begin with; their number follows.
    key_prefix: String = "key:".to_string(), "--key-prefix=<text>";
    /// Length of keys; the number has leading zeros.
    key_length: Count = Count(14), "--key-length=<bytes>";
    /// Which key is next: uniform, sequential, or zipf:<exponent>.
    distribution: Distribution = Distribution::Uniform, "-d, --distribution=<name>";
    /// Size of values: bytes, least-most, or a list of these,
    /// each with a weight: 100:9,1000-4000:1.
    value_size: Sizes = Sizes::fixed(100), "-v, --value-size=<sizes>";
    /// Gets for sets.
    ratio: Ratio = Ratio { gets: 9, sets: 1 }, "-r, --ratio=<gets:sets>";
    /// Keys per get; quiet gets in meta and binary.
    multi_get: Count = Count(1), "-m, --multi-get=<num>";
    /// Store a key that was not found, as a program does that
    /// keeps its results in a cache.
    look_aside: bool = false, "-a, --look-aside";
    /// Every value that is read must prove that it is one of its
    /// key's, and whole.
    verify: bool = false, "-V, --verify";
    /// Expiry of values, as sent to the server; 0 is never.
    ttl: u32 = 0, "--ttl=<seconds>";
    /// First store every key once.
    fill: bool = false, "-f, --fill";
    /// Make the load that long before it is measured.
    warm_up: Option<Above0> = None, "-w, --warm-up=<seconds>";
    /// Measure for that long.
    time: Above0 = Above0(10.0), "-T, --time=<seconds>";
    /// Make that many requests, instead of going by time.
    requests: Option<Count> = None, "-n, --requests=<num>";
    /// Make that many requests per second, however long replies
    /// take; latency counts from when a request was due.
    rate: Option<Above0> = None, "-R, --rate=<num>";
    /// How long replies are waited for at the end.
    timeout: Above0 = Above0(10.0), "--timeout=<seconds>";
    /// Random choices are the same ones for the same seed.
    seed: u64 = 1, "--seed=<num>";
    /// Process of the server, whose processor time is read from
    /// /proc; else the server is asked for it (stats).
    pid: Option<u64> = None, "--pid=<num>";
    /// The summary as JSON.
    json: bool = false, "-j, --json";
    /// Show this and end.
    help: bool = false, "-h, --help";
    /// Show the version and end.
    version: bool = false, "--version";
    }
}

/// What came of a run.
pub struct Summary {
    /// What was counted under the load; what went wrong in any phase.
    pub results: Results,
    /// How long the load took, to the last reply.
    pub took: Duration,
    /// Processor time of the server under the load, if it can be had.
    pub server: Option<Usage>,
    /// Part of a processor's time that the busiest of our threads used or waited for.
    pub busiest: Option<f64>,
}

/// From this part of a processor's time on it was us who could not go faster.
pub const BUSY: f64 = 0.95;

/// A run that is set up: connections are open, nothing has been sent.
pub struct Session<'a> {
    load_threads: Vec<LoadThread<'a>>,
    meter: Option<Meter>,
    phase: Phase,
    /// What went wrong before the load.
    early: Results,
    is_quiet: bool,
}

/// Runs all phases. The error says what could not be done, or not begun.
pub fn run(options: &Load) -> Result<Summary, String> {
    let job = job(options)?;
    let mut session = Session::open(options, &job)?;
    if options.fill {
        session.fill()?;
    }
    if let Some(Above0(seconds)) = options.warm_up {
        session.warm_up(seconds)?;
    }
    session.load()
}

/// What load threads have to do. The error says which options do not go together.
pub fn job(options: &Load) -> Result<Job, String> {
    if options.threads.0 > options.connections.0 {
        return Err("--threads: each needs a connection".to_string());
    }
    let keys = Keys::new(
        &options.key_prefix,
        options.key_length.get(),
        options.keys.0,
    )
    .map_err(|why| format!("--key-length, --key-prefix: {why}"))?;
    let keys_per_get = u32::try_from(options.multi_get.0).unwrap_or(u32::MAX);
    if keys_per_get > KEYS_PER_GET_MAX {
        return Err(format!("--multi-get: at most {KEYS_PER_GET_MAX} keys"));
    }
    if options.pipeline.0 > PIPELINE_MAX {
        return Err(format!("--pipeline: at most {PIPELINE_MAX} requests"));
    }
    let protocol = options.protocol;
    Ok(Job {
        judge: Judge {
            keys,
            protocol,
            verify: options.verify,
            sizes: options.value_size.clone(),
        },
        payload: Payload::new(),
        ratio: options.ratio,
        keys_per_get,
        look_aside: options.look_aside,
        ttl: options.ttl,
        pipeline: options.pipeline.get(),
        timeout: Duration::from_secs_f64(options.timeout.0),
    })
}

/// More than servers take in one request.
const KEYS_PER_GET_MAX: u32 = 10_000;
const PIPELINE_MAX: u64 = 100_000;

impl<'a> Session<'a> {
    /// Connects, and logs in if that is asked for.
    pub fn open(options: &Load, job: &'a Job) -> Result<Session<'a>, String> {
        let login = match &options.login {
            Some(file) => {
                let login = Login::read(&PathBuf::from(file));
                Some(login.map_err(|why| format!("--login: {why}"))?)
            }
            None => None,
        };
        let threads = options.threads.0;
        let mut load_threads = Vec::new();
        for thread in 0..threads {
            let (all, threads_len) = (options.connections.get(), threads as usize);
            let count = all / threads_len + usize::from((thread as usize) < all % threads_len);
            let mut streams = Vec::new();
            for _ in 0..count {
                streams.push(connect(options, login.as_ref())?);
            }
            let picker = Picker::new(options.distribution, options.keys.0, thread, threads);
            let load_thread =
                LoadThread::new(job, (thread, threads), options.seed, picker, streams);
            load_threads.push(load_thread.map_err(|e| format!("epoll: {e}"))?);
        }
        let meter = match options.pid {
            Some(pid) => {
                let meter = Meter::Process(pid);
                meter.read().ok_or("--pid: there is no such process")?;
                Some(meter)
            }
            None => Meter::stats(&options.server, options.protocol, login.as_ref()),
        };
        let until = match options.requests {
            Some(Count(requests)) => Until::Requests(requests),
            None => Until::Time(Duration::from_secs_f64(options.time.0)),
        };
        Ok(Session {
            load_threads,
            meter,
            phase: phase(options.rate, until),
            early: Results::default(),
            is_quiet: false,
        })
    }

    /// Shows no progress.
    pub fn quiet(&mut self) {
        self.is_quiet = true;
    }

    /// Stores each key once.
    pub fn fill(&mut self) -> Result<(), String> {
        self.prepare("fill", Phase::Fill)
    }

    /// The load, without measuring it.
    pub fn warm_up(&mut self, seconds: f64) -> Result<(), String> {
        let until = Until::Time(Duration::from_secs_f64(seconds));
        let phase = match self.phase {
            Phase::Open(rate, _) => Phase::Open(rate, until),
            Phase::Closed(_) | Phase::Fill => Phase::Closed(until),
        };
        self.prepare("warm-up", phase)
    }

    fn prepare(&mut self, name: &str, phase: Phase) -> Result<(), String> {
        let outcomes = self.run(name, phase, &Results::default())?;
        for outcome in outcomes {
            self.early.add_troubles(&outcome.results);
        }
        Ok(())
    }

    /// The load, measured.
    pub fn load(&mut self) -> Result<Summary, String> {
        let before = self.meter.as_ref().and_then(Meter::read);
        let outcomes = self.run("load", self.phase, &Results::with_latencies())?;
        let after = self.meter.as_ref().and_then(Meter::read);
        let mut summary = Summary {
            results: Results::with_latencies(),
            took: Duration::ZERO,
            server: before.zip(after).map(|(before, after)| after.since(before)),
            busiest: None,
        };
        for outcome in outcomes {
            summary.results.add(&outcome.results);
            summary.took = summary.took.max(outcome.took);
            let busy = outcome.work.map(|work| busy(work, outcome.took));
            summary.busiest = [summary.busiest, busy]
                .into_iter()
                .flatten()
                .reduce(f64::max);
        }
        summary.results.add_troubles(&self.early);
        Ok(summary)
    }

    /// Runs a phase on a thread for each load thread.
    fn run(&mut self, name: &str, phase: Phase, results: &Results) -> Result<Vec<Outcome>, String> {
        let progress: Vec<AtomicU64> = self
            .load_threads
            .iter()
            .map(|_| AtomicU64::new(0))
            .collect();
        let start = Instant::now();
        let outcomes: Result<Vec<_>, _> = std::thread::scope(|scope| {
            let load_threads = self.load_threads.iter_mut().zip(&progress);
            let threads: Vec<_> = load_threads
                .map(|(load_thread, progress)| {
                    scope.spawn(move || load_thread.run(phase, start, results.clone(), progress))
                })
                .collect();
            if !self.is_quiet {
                progress::show(name, start, &progress, || {
                    threads.iter().all(|thread| thread.is_finished())
                });
            }
            // A panic has ended the process by then.
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().ok();
            threads.into_iter().filter_map(join).collect()
        });
        outcomes.map_err(|e: std::io::Error| format!("epoll: {e}"))
    }
}

fn phase(rate: Option<Above0>, until: Until) -> Phase {
    match rate {
        Some(Above0(rate)) => Phase::Open(rate, until),
        None => Phase::Closed(until),
    }
}

fn connect(options: &Load, login: Option<&Login>) -> Result<Stream, String> {
    let at = &options.server;
    let stream = Stream::connect(at).map_err(|e| {
        let why = memcached::sys::errors::error_text(&e);
        format!("{at}: {why}")
    })?;
    if let Some(login) = login {
        login
            .perform(&stream, options.protocol)
            .map_err(|why| format!("{at}: login refused: {why}"))?;
    }
    Ok(stream)
}

/// Part of the time that a thread ran or would have liked to.
fn busy(work: Work, took: Duration) -> f64 {
    let wanted_ns = work.running_ns + work.waiting_ns;
    wanted_ns as f64 / took.as_nanos().max(1) as f64
}
