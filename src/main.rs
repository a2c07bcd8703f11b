//! memcached: start-up, as a table of contents.

#![forbid(unsafe_code)]

use memcached::log;
use memcached::net::listener::Listener;
use memcached::net::logger::Logger;
use memcached::net::sockets;
use memcached::net::worker::Worker;
use memcached::ops::Server;
use memcached::ops::logins::{Environment, Logins};
use memcached::settings::{self, Settings, Start};
use memcached::sys::process::{self, Signal, SignalFd};
use std::io::Write;
use std::process::exit;

/// Exit codes besides 0.
const FAILURE: i32 = 1;
const OS_ERROR: i32 = 71;

fn main() {
    let settings = read_settings();
    prepare_process(&settings);
    // Signals are blocked before the first thread starts, so that none of them takes one.
    let signals = SignalFd::new().unwrap_or_else(|e| fail("signalfd", &e));
    // It lives until the process ends, and every thread may borrow it.
    let logins = read_logins(&settings);
    let server: &'static Server = Box::leak(Box::new(
        Server::new(settings, logins).unwrap_or_else(|e| fail("memory", &e)),
    ));
    print_classes(server);
    let listening = open_sockets(&server.settings);
    check_limit(&server.settings, listening.len());
    sockets::write_port_file(&listening);
    let (datagrams, listening): (Vec<_>, Vec<_>) =
        listening.into_iter().partition(|socket| socket.is_udp);
    start_logger(server);
    let (workers, threads) = start_workers(server, &datagrams);
    drop(datagrams); // the workers have their own descriptors
    server
        .start_upkeep()
        .unwrap_or_else(|e| fail("failed to start a thread", &e));
    let listener =
        Listener::new(server, listening, workers, signals).unwrap_or_else(|e| fail("epoll", &e));
    match listener.run() {
        Ok(signal) => {
            for thread in threads {
                let _ = thread.join();
            }
            say_goodbye(&server.settings, signal);
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
    match settings::parse(&program.to_string_lossy(), args, process::is_root()) {
        Ok(Start::Run(settings)) => {
            settings
                .warnings
                .iter()
                .for_each(|warning| log!("{}", warning.trim_end()));
            *settings
        }
        Ok(Start::Print(text)) => {
            // Whoever asked may have stopped reading.
            let _ = std::io::stdout().write_all(text.as_bytes());
            exit(0);
        }
        Err(refusal) => {
            log_text(&refusal.message);
            exit(refusal.exit_code);
        }
    }
}

/// Limits while still root, then the user that the operator has named.
fn prepare_process(settings: &Settings) {
    // A debug build goes on: under a memory checker the limit cannot be changed.
    let raised = process::raise_nofile(u64::from(settings.connections_max));
    if raised.is_err() && !cfg!(debug_assertions) {
        log!(
            "failed to set rlimit for open files. Try starting as root or requesting smaller \
             maxconns value."
        );
        exit(OS_ERROR);
    }
    match process::drop_privileges(settings.user.as_deref()) {
        Ok(None) => {}
        Ok(Some(tolerated)) => log!("{tolerated}"),
        Err(e) => {
            log!("{e}");
            exit(e.exit_code());
        }
    }
    process::ignore_sigpipe();
}

/// Who may log in, read by the user that the server runs as.
fn read_logins(settings: &Settings) -> Logins {
    let logins = Logins::read(settings, &Environment::of_process());
    logins.unwrap_or_else(|complaint| {
        log_text(&complaint);
        exit(FAILURE);
    })
}

/// `-vv`: the table of slab classes, which operators compare.
fn print_classes(server: &Server) {
    if server.settings.verbosity.get() < 2 {
        return;
    }
    let classes = server.store.classes();
    for class in classes.ids() {
        let (size, per_page) = (classes.size(class), classes.per_page(class));
        log!("slab class {class:3}: chunk size {size:9} perslab {per_page:7}");
    }
}

/// The logger ends with the process: what nobody has been sent by then is lost.
fn start_logger(server: &'static Server) {
    let logger = Logger::new(server).unwrap_or_else(|e| fail("logger", &e));
    let run = move || {
        process::set_thread_name("mc-log");
        logger.run()
    };
    std::thread::Builder::new()
        .spawn(run)
        .unwrap_or_else(|e| fail("failed to start a thread", &e));
}

/// Workers, and the UDP sockets that each of them reads: all, or, if the interfaces are a
/// list, one worker each.
fn start_workers(
    server: &'static Server,
    datagrams: &[sockets::Listening],
) -> (
    Vec<memcached::sys::handover::Giver>,
    Vec<std::thread::JoinHandle<()>>,
) {
    let threads = server.settings.threads;
    let is_shared = server.settings.threads_per_udp == threads;
    let start = |worker_index| {
        let (mut worker, giver) = Worker::new(server).unwrap_or_else(|e| fail("worker", &e));
        for (index, socket) in (0..).zip(datagrams) {
            if is_shared || index % threads == worker_index {
                worker
                    .add_datagrams(socket)
                    .unwrap_or_else(|e| fail("worker", &e));
            }
        }
        let run = move || {
            process::set_thread_name("mc-worker");
            worker.run();
        };
        let thread = std::thread::Builder::new()
            .spawn(run)
            .unwrap_or_else(|e| fail("failed to start a thread", &e));
        (giver, thread)
    };
    (0..threads).map(start).unzip()
}

fn open_sockets(settings: &Settings) -> Vec<sockets::Listening> {
    let request = sockets::Request {
        tcp_port: settings.tcp_port,
        udp_port: settings.udp_port,
        listen: settings.listen.as_deref(),
        socket_path: settings.socket_path.as_deref(),
        socket_mask: settings.socket_mask,
        backlog: settings.backlog,
        ascii_only: settings.auth_file.is_some(),
        binary_only: settings.sasl && settings.auth_file.is_none(),
    };
    sockets::open(&request).unwrap_or_else(|refusal| {
        log_text(&refusal.message);
        exit(refusal.exit_code);
    })
}

/// Descriptors that a worker is reckoned with in the check of `-c`.
const WORKER_DESCRIPTORS: usize = 5;

fn check_limit(settings: &Settings, listeners: usize) {
    let reserved = listeners + WORKER_DESCRIPTORS * settings.threads as usize;
    if reserved + 1 >= settings.connections_max as usize {
        log!("Maxconns setting is too low, use -c to increase.");
        exit(FAILURE);
    }
}

fn say_goodbye(settings: &Settings, signal: Signal) {
    if signal == Signal::User1 {
        log!("Gracefully stopping");
    } else if settings.verbosity.get() > 0 {
        log!("Exiting normally");
    }
}

fn fail(what: &str, error: &std::io::Error) -> ! {
    log!("{what}: {}", process::error_text(error));
    exit(FAILURE);
}

/// Text that has its line ends already, if it has any.
fn log_text(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
