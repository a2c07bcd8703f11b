//! memcached: start-up, as a table of contents.

#![forbid(unsafe_code)]

use memcached::log;
use memcached::net::activation;
use memcached::net::idle::IdleThread;
use memcached::net::inbox::Sender;
use memcached::net::listen::{self, ListenOptions, Listening};
use memcached::net::listen_list::Allowed;
use memcached::net::listener::Listener;
use memcached::net::logger::{Arrivals, Logger};
use memcached::net::port_file;
use memcached::net::worker::Worker;
use memcached::server::Server;
use memcached::server::daemon::{self, PidFile};
use memcached::server::logins::{Environment, Logins};
use memcached::server::supervisor::Supervisor;
use memcached::settings::{self, Refusal, Settings, Start};
use memcached::store::hash::Secret;
use memcached::sys::errors::error_text;
use memcached::sys::exit_code::FAILURE;
use memcached::sys::memory::{self, HUGE_PAGE_LEN};
use memcached::sys::seccomp::{self, Role};
use memcached::sys::signals::{Signal, SignalFd};
use memcached::sys::{stderr, thread, user};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What is said when the system refuses a thread, or a filter of system calls.
const NO_THREAD: &str = "failed to start a thread";
const NOT_RESTRICTED: &str = "failed to drop privileges";

fn main() {
    stderr::tell_panics();
    let passed = activation::passed();
    let settings = read_settings();
    let environment = Environment::of_process();
    daemon::prepare(&settings).unwrap_or_else(|refusal| refuse(&refusal));
    // Signals are blocked before the first thread starts, so that none of them takes one.
    let signals = SignalFd::new().unwrap_or_else(|e| fail("signalfd", &e));
    if settings.drop_privileges {
        seccomp::turn_on().unwrap_or_else(|e| fail(NOT_RESTRICTED, &e));
    }
    stderr::start(|write| thread::spawn("mc-stderr", Role::Worker, write))
        .unwrap_or_else(|e| fail(NO_THREAD, &e));
    memory::lock_commits(settings.lock_memory);
    // It lives until the process ends, and every thread may borrow it.
    let logins = read_logins(&settings, &environment);
    let server: &'static Server = Box::leak(Box::new(
        Server::new(settings, logins, Secret::of_process())
            .unwrap_or_else(|e| fail("failed to make the cache", &e)),
    ));
    daemon::lock_memory(&server.settings);
    print_classes(server);
    preallocate(server);
    let listening = open_sockets(&server.settings, passed);
    check_limit(&server.settings, listening.len());
    port_file::write(&listening);
    let (datagrams, listening): (Vec<_>, Vec<_>) =
        listening.into_iter().partition(|socket| socket.is_udp);
    let watchers = Arrivals::default();
    start_logger(server, watchers.clone());
    let (workers, threads) = start_workers(server, &datagrams, &watchers);
    drop(datagrams); // the workers have their own descriptors
    server
        .start_upkeep()
        .unwrap_or_else(|e| fail(NO_THREAD, &e));
    let pid_file = PidFile::write(&server.settings);
    let idle =
        IdleThread::start(server, Arc::clone(&workers)).unwrap_or_else(|e| fail(NO_THREAD, &e));
    let mut listener =
        Listener::new(server, listening, workers, signals).unwrap_or_else(|e| fail("epoll", &e));
    let supervisor = Supervisor::find();
    supervisor.ready();
    seccomp::restrict(Role::Listener).unwrap_or_else(|e| fail(NOT_RESTRICTED, &e));
    match listener.run() {
        Ok(signal) => {
            supervisor.stopping();
            stop(&server.settings, signal, &listener, idle, threads);
            pid_file.remove();
            stderr::flush();
        }
        Err(e) => {
            log!("Exiting on error");
            fail("epoll", &e);
        }
    }
}

fn read_settings() -> Settings {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    match settings::parse(&program.to_string_lossy(), args, user::is_root()) {
        Ok(Start::Run(settings)) => {
            settings
                .warnings
                .iter()
                .for_each(|warning| log!("{}", warning.trim_end()));
            *settings
        }
        Ok(Start::Print(text)) => {
            // The reader may have gone.
            let _ = std::io::stdout().write_all(text.as_bytes());
            end(0);
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// Who may log in, read by the user that the server runs as.
fn read_logins(settings: &Settings, environment: &Environment) -> Logins {
    let logins = Logins::read(settings, environment);
    logins.unwrap_or_else(|message| {
        let exit_code = FAILURE;
        refuse(&Refusal { message, exit_code })
    })
}

/// `-L`: pages are taken before anyone asks for them.
fn preallocate(server: &Server) {
    if server.settings.large_pages
        && let Err(needed) = server.store.preallocate()
    {
        let megabytes = needed >> 20;
        log!("Error while preallocating slab memory!");
        log!(
            "If using -L or other prealloc options, max memory must be at least {megabytes} \
             megabytes."
        );
        end(FAILURE);
    }
}

/// `-vv`: the table of slab classes, which operators compare.
fn print_classes(server: &Server) {
    if server.settings.verbosity.get() < 2 {
        return;
    }
    if server.settings.large_pages {
        log!("huge page size: {HUGE_PAGE_LEN}");
    }
    let classes = server.store.classes();
    for class in classes.ids() {
        let (size, per_page) = (classes.size(class), classes.per_page(class));
        log!("slab class {class:3}: chunk size {size:9} perslab {per_page:7}");
    }
}

/// The logger ends with the process: what has not been sent by then is lost.
fn start_logger(server: &'static Server, arrivals: Arrivals) {
    let logger = Logger::new(server, arrivals).unwrap_or_else(|e| fail("logger", &e));
    thread::spawn("mc-log", Role::Worker, move || logger.run())
        .unwrap_or_else(|e| fail(NO_THREAD, &e));
}

/// Workers, and the UDP sockets that each of them reads: all, or, if the interfaces are a
/// list, one worker each.
fn start_workers(
    server: &'static Server,
    datagrams: &[Listening],
    watchers: &Arrivals,
) -> (Arc<[Sender]>, Vec<JoinHandle<()>>) {
    let threads = server.settings.threads;
    let is_shared = server.settings.threads_per_udp == threads;
    let start = |worker_index| {
        let (mut worker, sender) =
            Worker::new(server, watchers.clone()).unwrap_or_else(|e| fail("worker", &e));
        for (index, socket) in (0..).zip(datagrams) {
            if is_shared || index % threads == worker_index {
                worker
                    .add_datagrams(socket)
                    .unwrap_or_else(|e| fail("worker", &e));
            }
        }
        let thread = thread::spawn("mc-worker", Role::Worker, move || worker.run())
            .unwrap_or_else(|e| fail(NO_THREAD, &e));
        (sender, thread)
    };
    let (workers, threads): (Vec<_>, _) = (0..threads).map(start).unzip();
    (workers.into(), threads)
}

/// The sockets that the settings ask for, or else those that a supervisor has passed.
fn open_sockets(settings: &Settings, passed: Vec<OwnedFd>) -> Vec<Listening> {
    let options = ListenOptions {
        tcp_port: settings.tcp_port,
        udp_port: settings.udp_port,
        listen: settings.listen.as_deref(),
        socket_path: settings.socket_path.as_deref(),
        socket_mask: settings.socket_mask,
        backlog: settings.backlog,
        mark: settings.socket_mark,
        allowed: if settings.auth_file.is_some() {
            Allowed::Ascii
        } else if settings.sasl {
            Allowed::Binary
        } else {
            Allowed::All
        },
        is_verbose: settings.verbosity.get() > 1,
    };
    let opened = if passed.is_empty() {
        listen::open(&options)
    } else {
        activation::adopt(passed)
    };
    opened.unwrap_or_else(|refusal| refuse(&refusal))
}

/// Descriptors that a worker is reckoned with in the check of `-c`.
const WORKER_DESCRIPTORS: usize = 5;

fn check_limit(settings: &Settings, listeners: usize) {
    let reserved = listeners + WORKER_DESCRIPTORS * settings.threads as usize;
    if reserved + 1 >= settings.connections_max as usize {
        log!("Maxconns setting is too low, use -c to increase.");
        end(FAILURE);
    }
}

/// Ends the other threads; after SIGUSR1, and with `-v`, it tells of each step.
fn stop(
    settings: &Settings,
    signal: Signal,
    listener: &Listener<'_>,
    idle: Option<IdleThread>,
    workers: Vec<JoinHandle<()>>,
) {
    let gracefully = signal == Signal::User1;
    let is_verbose = settings.verbosity.get() > 0;
    if gracefully {
        log!("Gracefully stopping");
    } else if is_verbose {
        log!("Exiting normally");
    }
    let tell = |line| {
        if gracefully && is_verbose {
            log!("{line}");
        }
    };
    tell("asking workers to stop");
    listener.stop_workers();
    tell("asking background threads to stop");
    idle.into_iter().for_each(IdleThread::stop);
    tell("stopped idle timeout thread");
    tell("closing connections");
    tell("reaping worker threads");
    for worker in workers {
        let _ = worker.join();
    }
    tell("all background threads stopped");
}

fn fail(what: &str, error: &std::io::Error) -> ! {
    log!("{what}: {}", error_text(error));
    end(FAILURE);
}

fn refuse(refusal: &Refusal) -> ! {
    stderr::text(refusal.message.as_bytes());
    end(refusal.exit_code);
}

/// Ends the process when what it had to say has been written.
fn end(exit_code: i32) -> ! {
    stderr::flush();
    std::process::exit(exit_code);
}
