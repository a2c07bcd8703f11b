//! What a fuzzer drives: the protocol and the store, whole and without sockets, by bytes that
//! clients might send, cut and interleaved in any way.
//!
//! | file      | holds                                                       |
//! |-----------|-------------------------------------------------------------|
//! | `plan`    | a fuzzer's bytes to what happens                            |
//! | `desk`    | a worker's part, by hand: clients, turns, replies, upkeep   |
//! | `replies` | whether replies can be taken apart, and answer the requests |
//! | `recipe`  | inputs in the notation of `corpus`, for people              |
//!
//! After each input: every reply can be taken apart, and answers a request; the stream is in
//! step, so that one more request is answered; the store passes its invariant walk; drafts,
//! pins and uploads are given back; and a client alone gets the same replies however what it
//! sends is cut.

#![forbid(unsafe_code)]

mod desk;
mod plan;
pub mod recipe;
mod replies;

use desk::{Client, Desk, Language, Terms};
use memcached::commands::{Batch, Output};
use memcached::net::udp;
use memcached::server::caller::Caller;
use memcached::sys::socket::Address;
use plan::{Pieces, Plan, Step, switch};

/// Megabytes where memory is to run out, and where it is not.
const TINY: u64 = 2;
const AMPLE: u64 = 64;

/// What a fuzzer calls with each input.
pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: [(&str, Target); 4] = [
    ("text", text),
    ("meta", meta),
    ("binary", binary),
    ("udp", udp),
];

/// Connections that speak text.
pub fn text(data: &[u8]) {
    converse(data, Language::Text);
}

/// The same, for a corpus of its own.
pub fn meta(data: &[u8]) {
    converse(data, Language::Text);
}

/// Connections that speak the binary protocol.
pub fn binary(data: &[u8]) {
    converse(data, Language::Binary);
}

fn converse(data: &[u8], language: Language) {
    let Some(plan) = Plan::read(data) else {
        return;
    };
    let stream = plan.stream();
    if holds_test_command(&stream) {
        return;
    }
    let terms = Terms {
        switches: plan.switches,
        language,
        megabytes: TINY,
    };
    let (server, _users) = terms.server();
    let mut desk = Desk::new(&server, &terms, desk::TURN);
    let mut clients = desk.run(&plan);
    for client in &mut clients {
        check_replies(client, language);
        match language {
            _ if client.closed => {}
            Language::Text => desk.check_text_step(client),
            Language::Binary => desk.check_binary_step(client),
        }
    }
    drop(clients);
    desk.check_memory();
    if plan.is_plain() && !plan.has(switch::LIMITED) && is_repeatable(&stream, language) {
        check_cuts(&plan, &stream, language);
    }
}

/// Commands that exist for tests, in debug builds alone, and hold locks, start processes or
/// set the clock.
fn holds_test_command(stream: &[u8]) -> bool {
    holds(stream, b"debug") || holds(stream, b"misbehave")
}

fn holds(stream: &[u8], word: &[u8]) -> bool {
    stream.windows(word.len()).any(|window| window == word)
}

/// Whether replies depend on nothing but the requests before. Statistics tell of time and of
/// turns; a dump and a watch begin only where no reply waits.
fn is_repeatable(stream: &[u8], language: Language) -> bool {
    match language {
        Language::Text => ![&b"stat"[..], b"dump", b"watch"]
            .iter()
            .any(|word| holds(stream, word)),
        Language::Binary => !holds(stream, b"\x80\x10"),
    }
}

fn check_replies(client: &Client<'_>, language: Language) {
    let checked = match language {
        Language::Text => replies::check_text(&client.replies),
        Language::Binary => replies::check_binary(&client.sent, &client.replies, client.closed),
    };
    if let Err(fault) = checked {
        panic!("{fault}");
    }
}

/// The same stream in one piece and in many: the same replies.
fn check_cuts(plan: &Plan, stream: &[u8], language: Language) {
    let replies = |pieces: u8, verbose: bool, turn: usize| {
        let verbose = if verbose { switch::VERBOSE } else { 0 };
        let terms = Terms {
            switches: plan.switches & !switch::VERBOSE | verbose,
            language,
            megabytes: AMPLE,
        };
        let (server, _users) = terms.server();
        let mut desk = Desk::new(&server, &terms, turn);
        let mut client = desk.client();
        let (mut pieces, mut rest) = (Pieces::of(pieces), stream);
        while !rest.is_empty() && !client.closed {
            let (piece, after) = rest.split_at(pieces.next(rest));
            desk.receive(&mut client, piece);
            rest = after;
        }
        (server.store.clock.wall(0), client.closed, client.replies)
    };
    let whole = replies(0, false, 1000);
    let cut = replies(plan.pieces.max(1), plan.has(switch::VERBOSE), desk::TURN);
    // Absolute times mean something else in the next second.
    if whole.0 != cut.0 {
        return;
    }
    // A line of more than 2048 bytes is taken if it comes at once, and else may not be.
    let is_long = stream
        .split(|&byte| byte == b'\n')
        .any(|line| line.len() > 2048);
    if cut.1 && is_long && whole.2.starts_with(&cut.2) {
        return;
    }
    assert_eq!(whole.1, cut.1, "closed in one case, and not in the other");
    if whole.2 != cut.2 {
        let at = whole
            .2
            .iter()
            .zip(&cut.2)
            .take_while(|(a, b)| a == b)
            .count();
        let from = at.saturating_sub(100);
        let show = |replies: &[u8]| {
            let end = replies.len().min(at + 100);
            replies[from..end].escape_ascii().to_string()
        };
        panic!("whole: {}\ncut: {}", show(&whole.2), show(&cut.2));
    }
}

/// Datagrams: each piece of the stream, up to a mark, is one.
pub fn udp(data: &[u8]) {
    let Some(plan) = Plan::read(data) else {
        return;
    };
    if holds_test_command(&plan.stream()) {
        return;
    }
    let terms = Terms {
        switches: plan.switches & !switch::LOGIN,
        language: Language::Text,
        megabytes: TINY,
    };
    let (server, _users) = terms.server();
    let (mut local, mut batch, mut out) = (server.add_thread(), Batch::default(), Output::new());
    let mut replies = udp::Replies::default();
    let mut buffer = vec![0; memcached::wire::buffer::READ_BUFFER_LEN];
    for step in &plan.steps {
        match step {
            Step::Send(bytes) => {
                let len = bytes.len().min(buffer.len());
                buffer[..len].copy_from_slice(&bytes[..len]);
                let mut tools = udp::Tools {
                    server: &server,
                    local: &mut local,
                    batch: &mut batch,
                    out: &mut out,
                    buffer: &mut buffer,
                };
                let mut sent = Vec::new();
                let caller = Caller {
                    from: Some(&Address::Unnamed),
                    ..Caller::without_waiting(-1)
                };
                replies.answer(&mut tools, len, caller, |pieces| {
                    sent.push([&*pieces[0], &*pieces[1]].concat());
                    Ok(pieces[0].len() + pieces[1].len())
                });
                check_datagrams(&bytes[..len], &sent);
            }
            Step::Clock(seconds) => server.store.clock.shift(i64::from(*seconds)),
            _ => {}
        }
    }
    server.store.retire(local);
    match server.verify() {
        Ok(census) => assert_eq!(census.held, 0, "chunks in nobody's hands"),
        Err(fault) => panic!("{fault}"),
    }
}

/// The numbers in the headers of replies, and what they hold together.
fn check_datagrams(request: &[u8], sent: &[Vec<u8>]) {
    let (mut text, mut due) = (Vec::new(), 0..0);
    for datagram in sent {
        assert!(
            (9..=1400).contains(&datagram.len()),
            "a datagram of a bad length"
        );
        let (header, payload) = datagram.split_at(8);
        let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        if due.is_empty() {
            due = 0..number(4);
        }
        assert_eq!(header[..2], request[..2], "not the id of the request");
        assert_eq!(Some(number(2)), due.next(), "not the next of its message");
        assert_eq!((number(4), number(6)), (due.end, 0));
        text.extend_from_slice(payload);
    }
    assert!(due.is_empty(), "a message that is not all there");
    let checked = if request.get(8) == Some(&0x80) {
        replies::check_binary(&request[8..], &text, true)
    } else {
        replies::check_text(&text)
    };
    if let Err(fault) = checked {
        panic!("{fault}");
    }
}
