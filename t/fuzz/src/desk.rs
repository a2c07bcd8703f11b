//! A server without sockets, and its clients: what a worker does, done by hand.

use super::plan::{Pieces, Plan, Step, switch};
use memcached::commands::{Awaits, Batch, Context, Next, Output, Pin, Session};
use memcached::server::Server;
use memcached::server::caller::Caller;
use memcached::server::logins::{Environment, Logins};
use memcached::settings::{Live, Protocol, Settings};
use memcached::store::hash::Secret;
use memcached::store::{Eviction, PagePick, Patience, Source, ThreadState, Tuning};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The user who may log in, as the password file has it.
const USER: &[u8] = b"bob:secret\n";
/// Operations in a turn: not a whole batch, so that turns end in odd places.
pub const TURN: usize = 7;
/// Replies that may wait where memory for them is limited.
const REPLIES_MAX: u32 = 18;
/// Bytes that are received into item memory at least: all, for every value comes in this way
/// or the other.
const WINDOW_MIN: usize = 64;

/// What clients of a desk speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Text,
    Binary,
}

/// How a server is to be.
pub struct Terms {
    /// Bits of [`switch`].
    pub switches: u8,
    pub language: Language,
    /// `-m`, in megabytes.
    pub megabytes: u64,
}

impl Terms {
    fn has(&self, switch: u8) -> bool {
        self.switches & switch != 0
    }

    /// Such a server, and the file of its users. Its clock stands still.
    pub fn server(&self) -> (Server, Option<Users>) {
        let logs_in = self.has(switch::LOGIN);
        let users = logs_in.then(Users::new);
        let path = users.as_ref().map(|users| users.0.clone());
        let settings = Settings {
            memory_bytes: Live::new(self.megabytes << 20),
            item_size_max: 200 << 10,
            slab_chunk_max: 16 << 10,
            hash_power: 12,
            threads: 1,
            connections_max: 8,
            worker_logbuf_kib: 4,
            watcher_logbuf_kib: 4,
            evict: !self.has(switch::KEEP),
            use_cas: !self.has(switch::NO_CAS),
            verbosity: Live::new(if self.has(switch::VERBOSE) { 2 } else { 0 }),
            detail_enabled: Live::new(self.has(switch::DETAIL)),
            auth_file: path.clone().filter(|_| self.language == Language::Text),
            sasl: logs_in && self.language == Language::Binary,
            ..Settings::default()
        };
        let environment = Environment {
            password_file: path.map(Into::into),
            config_directory: Some("/no/such/directory".into()),
            host: "here".into(),
            ..Environment::default()
        };
        let logins = Logins::read(&settings, &environment).expect("the file is there");
        let server =
            Server::new(settings, logins, Secret::from_number(1)).expect("there is address space");
        server.store.clock.pause();
        (server, users)
    }
}

/// A file with the one user who may log in, removed in the end.
pub struct Users(PathBuf);

impl Users {
    fn new() -> Users {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let (process, serial) = (std::process::id(), SERIAL.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(format!("fuzz-users.{process}.{serial}"));
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(USER));
        written.expect("a file can be written");
        Users(path)
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// One end of a connection, and the other.
pub struct Client<'s> {
    session: Session<'s>,
    /// Input that the session has not consumed.
    rest: Vec<u8>,
    /// Replies that the client has not read, as the worker keeps them.
    unread: Vec<(Vec<u8>, Vec<Pin<'s>>)>,
    reads: bool,
    pub closed: bool,
    /// All that was sent, and all that came back.
    pub sent: Vec<u8>,
    pub replies: Vec<u8>,
}

/// A server's worker.
pub struct Desk<'s> {
    server: &'s Server,
    language: Language,
    local: ThreadState,
    batch: Batch,
    out: Output<'s>,
    replies_max: Option<u32>,
    turn: usize,
    next_class: usize,
}

impl<'s> Desk<'s> {
    /// One whose clients have turns of so many operations.
    pub fn new(server: &'s Server, terms: &Terms, turn: usize) -> Desk<'s> {
        Desk {
            server,
            language: terms.language,
            local: server.add_thread(),
            batch: Batch::default(),
            out: Output::new(),
            replies_max: terms.has(switch::LIMITED).then_some(REPLIES_MAX),
            turn,
            next_class: 1,
        }
    }

    /// A client who has just come.
    pub fn client(&self) -> Client<'s> {
        let protocol = match self.language {
            Language::Text => Protocol::Ascii,
            Language::Binary => Protocol::Binary,
        };
        Client {
            session: Session::new(&self.server.settings, protocol),
            rest: Vec::new(),
            unread: Vec::new(),
            reads: true,
            closed: false,
            sent: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Carries out a plan with two clients; those who are still there at the end read what
    /// waits for them and are given back, with all who have left before.
    pub fn run(&mut self, plan: &Plan) -> Vec<Client<'s>> {
        let (mut here, mut there, mut gone) = (self.client(), self.client(), Vec::new());
        let mut pieces = Pieces::of(plan.pieces);
        for step in &plan.steps {
            match step {
                Step::Send(bytes) => {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() && !here.closed {
                        let (piece, after) = rest.split_at(pieces.next(rest));
                        self.receive(&mut here, piece);
                        rest = after;
                    }
                }
                Step::Other => std::mem::swap(&mut here, &mut there),
                Step::New => {
                    // It leaves replies unread and requests unfinished.
                    let mut left = std::mem::replace(&mut here, self.client());
                    left.closed = true;
                    left.unread.clear();
                    gone.push(left);
                }
                Step::Reading => {
                    here.reads = !here.reads;
                    self.go_on(&mut here);
                }
                Step::Clock(seconds) => {
                    self.server.store.clock.shift(i64::from(*seconds));
                    self.server.store.flush_if_due(&mut self.local);
                }
                Step::Upkeep => self.upkeep(),
            }
        }
        for client in [&mut here, &mut there] {
            client.reads = true;
            self.go_on(client);
        }
        gone.extend([here, there]);
        gone
    }

    /// Lets a client send `piece`, and serves it.
    pub fn receive(&mut self, client: &mut Client<'s>, piece: &[u8]) {
        client.sent.extend_from_slice(piece);
        let mut piece = piece;
        // As the connection does it: into item memory, if that is what comes next.
        if client.rest.is_empty()
            && client.unread.is_empty()
            && let Some(window) = client.session.window(&mut self.local, WINDOW_MIN)
        {
            let len = window.len().min(piece.len());
            window[..len].copy_from_slice(&piece[..len]);
            client.session.received(len);
            piece = &piece[len..];
        }
        client.rest.extend_from_slice(piece);
        self.go_on(client);
    }

    /// Serves a client until it has to send or to read something.
    fn go_on(&mut self, client: &mut Client<'s>) {
        if client.reads {
            client.read();
        }
        while !client.closed && client.unread.is_empty() {
            let mut turn = self.turn;
            let caller = Caller::without_waiting(-1);
            let (local, batch) = (&mut self.local, &mut self.batch);
            let mut cx = Context::new(self.server, local, batch, caller, self.replies_max);
            let rest = &client.rest;
            let handled = client
                .session
                .handle(&mut cx, rest, &mut self.out, &mut turn);
            assert!(
                handled.consumed <= rest.len(),
                "more is consumed than there was"
            );
            assert!(
                handled.consumed > 0 || turn < self.turn || handled.next != Next::Turn,
                "a turn in which nothing was done"
            );
            client.rest.drain(..handled.consumed);
            client.session.had_secret();
            if !self.out.is_empty() {
                client.unread.push(self.out.take());
            }
            if client.reads {
                client.read();
            }
            match handled.next {
                Next::Input => break,
                // Nobody sends events here.
                Next::Close(_) | Next::Watch(_) => client.closed = true,
                Next::Wait => panic!("a caller that cannot wait has been told to"),
                Next::Flush | Next::Turn => {}
            }
        }
    }

    /// What the threads of the upkeep do now and then: lists in order, and a page moved.
    fn upkeep(&mut self) {
        let (store, settings) = (&self.server.store, &self.server.settings);
        let tuning = Tuning {
            hot_pct: settings.hot_lru_pct.get(),
            warm_pct: settings.warm_lru_pct.get(),
            hot_max_factor: settings.hot_max_factor.get(),
            warm_max_factor: settings.warm_max_factor.get(),
        };
        for class in store.classes().ids() {
            store.maintain_class(&mut self.local, class, &tuning);
        }
        store.drain_bumps(128);
        let to = self.next_class % store.classes().ids().end;
        self.next_class += 7;
        let begun = store.begin_move(Source::Any, to, PagePick::Oldest, Eviction::Allowed);
        let Ok(mut moving) = begun else {
            return;
        };
        let done = (0..3).any(|pass| {
            let patience = if pass < 2 {
                Patience::Wait
            } else {
                Patience::Delete
            };
            let pass = store.move_pass(&mut self.local, &mut moving, patience);
            pass == memcached::store::Pass::Done
        });
        if !done {
            store.abandon_move(&moving);
        }
        store.take_page_request();
    }

    /// Finishes what a client of text has begun, and asks it something: whether the session is
    /// in step with it.
    pub fn check_text_step(&mut self, client: &mut Client<'s>) {
        const SOME: &[u8] = &[b'x'; 900];
        for _ in 0..400 {
            match client.session.awaits() {
                Awaits::Dump | Awaits::Reply => break,
                Awaits::Command if client.rest.is_empty() => break,
                Awaits::Command => self.receive(client, b"\n"),
                Awaits::Value | Awaits::Discard => self.receive(client, SOME),
            }
        }
        if client.closed || client.session.awaits() != Awaits::Command || !client.rest.is_empty() {
            return; // too long
        }
        let before = client.replies.len();
        self.receive(client, b"version\r\n");
        let reply = &client.replies[before..];
        let known = [&b"VERSION "[..], b"CLIENT_ERROR unauthenticated\r\n"];
        let limited = self.replies_max.is_some() && client.closed;
        assert!(
            limited || known.iter().any(|known| reply.starts_with(known)),
            "out of step: {}",
            reply.escape_ascii()
        );
    }

    /// Sends what is missing of a client's last frame, then one more, which must be answered.
    pub fn check_binary_step(&mut self, client: &mut Client<'s>) {
        const NO_OP: &[u8] = b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\xfe\xed\xfa\xce\0\0\0\0\0\0\0\0";
        let missing = super::replies::missing(&client.sent);
        let Some(missing) = missing.filter(|&missing| missing <= 300 << 10) else {
            return;
        };
        self.receive(client, &vec![0; missing]);
        if client.closed {
            return;
        }
        self.receive(client, NO_OP);
        let header = &client.replies[client.replies.len().saturating_sub(24)..];
        let refused = client.closed && client.replies.ends_with(b"Auth failure.");
        assert!(
            refused || header.get(12..16) == Some(b"\xfe\xed\xfa\xce"),
            "out of step: {}",
            header.escape_ascii()
        );
    }

    /// Ends the worker, when all its clients are gone: all memory must be back.
    pub fn check_memory(self) {
        let verify = || match self.server.verify() {
            Ok(census) => assert_eq!(census.held, 0, "chunks in nobody's hands"),
            Err(fault) => panic!("{fault}"),
        };
        verify();
        self.server.store.retire(self.local);
        verify();
    }
}

impl Client<'_> {
    /// Reads all that waits.
    fn read(&mut self) {
        for (bytes, pins) in self.unread.drain(..) {
            let mut at = 0;
            for pin in &pins {
                self.replies.extend_from_slice(&bytes[at..pin.after]);
                pin.value
                    .pieces()
                    .for_each(|piece| self.replies.extend_from_slice(piece));
                at = pin.after;
            }
            self.replies.extend_from_slice(&bytes[at..]);
        }
    }
}
