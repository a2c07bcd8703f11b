//! Tests of the protocol without a socket: the same answer however the input is cut, and
//! the parser against a naive twin.

mod frames;

use super::{Batch, Context, Next, Output, Session};
use crate::server::Server;
use crate::server::caller::Caller;
use crate::server::logins::Logins;
use crate::settings::Settings;
use crate::store::ThreadState;
use crate::store::hash::Secret;
use crate::wire::parse::{BATCH, Parser, Stop};
use crate::wire::request::{CloseCause, Command, Request};
use std::sync::Barrier;

/// Its socket does not exist.
const NOBODY: Caller<'_> = Caller::without_waiting(-1);

/// A server and one conversation with it, fed by hand.
struct Talk<'s> {
    server: &'s Server,
    session: Session<'s>,
    local: ThreadState,
    batch: Batch,
    out: Output<'s>,
    replies: Vec<u8>,
    /// Input that the session has not consumed.
    rest: Vec<u8>,
    closed: bool,
}

impl<'s> Talk<'s> {
    fn new(server: &'s Server) -> Talk<'s> {
        Talk {
            server,
            session: Session::new(&server.settings, server.settings.protocol),
            local: server.add_thread(),
            batch: Batch::default(),
            out: Output::new(),
            replies: Vec::new(),
            rest: Vec::new(),
            closed: false,
        }
    }

    fn feed(&mut self, input: &[u8]) {
        self.rest.extend_from_slice(input);
        while !self.closed {
            let mut turn = 7; // not a whole batch, so that turns end in odd places
            let mut cx = Context::new(self.server, &mut self.local, &mut self.batch, NOBODY, None);
            let handled = self
                .session
                .handle(&mut cx, &self.rest, &mut self.out, &mut turn);
            self.rest.drain(..handled.consumed);
            self.collect();
            match handled.next {
                Next::Input => break,
                Next::Close(_) | Next::Watch(_) => self.closed = true,
                Next::Wait => panic!("a caller that cannot wait has been told to"),
                Next::Flush | Next::Turn => {}
            }
        }
    }

    fn collect(&mut self) {
        self.out
            .each_piece(|piece| self.replies.extend_from_slice(piece));
        self.out.clear();
    }
}

fn server() -> Server {
    let settings = Settings {
        memory_bytes: crate::settings::Live::new(16 << 20),
        ..Settings::default()
    };
    Server::new(settings, Logins::default(), Secret::from_number(1)).unwrap()
}

/// A conversation that uses every command, right and wrong.
fn conversation() -> Vec<u8> {
    let mut text = Vec::new();
    let mut add = |part: &[u8]| text.extend_from_slice(part);
    add(b"set a 5 0 3\r\nabc\r\nget a b a\r\nadd a 0 0 1\r\nx\r\nadd b 1 0 2 \r\nxy\r\n");
    add(b"replace a 0 0 4\r\n\r\n\r\n\r\nget  a   b  \r\nappend a 0 0 2\r\nzz\r\nprepend a 0 0 1\r\n-\r\nget a\r\n");
    add(b"set n 0 0 2\r\n99\r\nincr n 1\r\ndecr n 101\r\nget n\nincr n x\r\nincr a 1\r\nincr none 1\r\n");
    add(
        b"set q 0 0 1 noreply\r\nq\r\nget q\r\ndelete q noreply\r\nget q\r\ndelete q\r\ndelete\r\n",
    );
    add(b"touch a 100\r\ntouch none 1\r\ntouch a x\r\ngat 100 a none\r\ngat x a\r\n");
    add(b"cas a 0 0 1 18446744073709551615\r\nx\r\ncas none 0 0 1 1\r\nx\r\ncas a 0 0 1 bad\r\nx\r\n");
    add(b"set a 0 0 3\r\nabcdef\r\nset a x 0 3\r\nabc\r\nset a 0 0 -1\r\nset a 0 0\r\nbogus\r\n\r\n");
    add(b"set big 0 0 9000\r\n");
    add(&[b'v'; 9000]);
    add(b"\r\nget big a big\r\nset huge 0 0 2000000\r\n");
    add(&vec![b'h'; 2_000_000]);
    add(b"\r\nget ");
    add(&[b'k'; 251]);
    add(b"\r\nget a ");
    add(&[b'k'; 251]);
    add(b" a\r\nget ");
    for n in 0..200 {
        add(format!("key{n} a ").as_bytes());
    }
    add(b"b\r\nversion\r\nverbosity 1\r\nverbosity\r\nflush_all x\r\nshutdown\r\nflush_all\r\nget a b\r\n");
    add(b"set last 0 0 4\r\nlast\r\nget last\r\nquit\r\nget last\r\n");
    text
}

#[test]
fn a_dump_rests_now_and_then_and_nothing_else_does() {
    let server = server();
    let mut talk = Talk::new(&server);
    for n in 0..2000 {
        talk.feed(format!("set key{n} 0 0 1\r\nx\r\n").as_bytes());
    }
    assert!(!talk.session.take_rest());
    talk.rest.extend_from_slice(b"lru_crawler metadump all\r\n");
    let (mut rests, mut next) = (0, Next::Turn);
    while next != Next::Input {
        let mut cx = Context::new(&server, &mut talk.local, &mut talk.batch, NOBODY, None);
        let handled = talk
            .session
            .handle(&mut cx, &talk.rest, &mut talk.out, &mut 32);
        talk.rest.drain(..handled.consumed);
        talk.collect();
        next = handled.next;
        rests += usize::from(next == Next::Turn && talk.session.take_rest());
        assert!(!talk.session.take_rest(), "said once");
    }
    // 250 items between two, and a thousand rows where there are none.
    assert!((8..=16).contains(&rests), "{rests} rests for 2000 items");
    let lines = talk.replies.split(|&byte| byte == b'\n');
    let listed = lines.filter(|line| line.starts_with(b"key=key")).count();
    assert_eq!(listed, 2000);
}

#[test]
fn a_conversation_gets_the_same_replies_wherever_it_is_cut() {
    let text = conversation();
    let whole = {
        let server = server();
        let mut talk = Talk::new(&server);
        talk.feed(&text);
        assert!(talk.closed);
        assert_eq!(
            talk.rest, b"get last\r\n",
            "nothing after quit is carried out"
        );
        talk.replies
    };
    assert!(whole.ends_with(b"VALUE last 0 4\r\nlast\r\nEND\r\n"));
    // Cuts of every size; single bytes but for the long runs, where nothing can happen.
    let mut seed = 5u64;
    for round in 0..60 {
        let server = server();
        let mut talk = Talk::new(&server);
        let mut rest = &text[..];
        while !rest.is_empty() && !talk.closed {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let in_run = rest.len() > 4000 && rest[..4000].iter().all(|&b| b == rest[0]);
            let most = if in_run {
                4000
            } else {
                [1, 3, 20, 400][round % 4]
            };
            let (piece, after) = rest.split_at((1 + (seed >> 33) as usize % most).min(rest.len()));
            talk.feed(piece);
            rest = after;
        }
        assert!(talk.replies == whole, "round {round} differs");
    }
}

#[test]
fn every_single_cut_of_a_short_conversation_gives_the_same_replies() {
    let text = b"set a 1 0 5\r\nhe\r\no\r\nget a\r\ngets b a\r\nset  a 2 0 1 noreply\r\nx\r\nget a \
                 a\r\nappend a 0 0 1\r\n\n\r\nincr a 1\r\nset a 0 0 2\r\nxyz\r\nget a\r\ngat 0 a\r\n";
    let reply = |pieces: &[&[u8]]| {
        let server = server();
        let mut talk = Talk::new(&server);
        pieces.iter().for_each(|piece| talk.feed(piece));
        talk.replies
    };
    // Ids of `gets` come from counters that start alike.
    let whole = reply(&[text]);
    for cut in 0..=text.len() {
        let (before, after) = text.split_at(cut);
        assert_eq!(reply(&[before, after]), whole, "cut at {cut}");
    }
}

/// What a line means, found the slow way: all tokens first, no short cuts.
fn naive(line: &[u8]) -> Vec<String> {
    let say = |text: &str| vec![format!("say {text}")];
    let key_ok = |key: &[u8]| (1..=250).contains(&key.len());
    let show = |key: &[u8]| key.escape_ascii().to_string();
    if line.len() + 2 < 4 {
        return say("CLIENT_ERROR bad command line format");
    }
    let mut tokens: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
    let name = tokens.remove(0);
    tokens.retain(|token| !token.is_empty());
    let (min, touch) = match name {
        b"get" | b"gets" => (1, None),
        b"gat" | b"gats" => (
            2,
            tokens
                .first()
                .map(|t| String::from_utf8_lossy(t).parse::<i64>()),
        ),
        _ => {
            return if tokens.iter().take(22).next_back() == Some(&&b"noreply"[..]) {
                vec![]
            } else {
                say("ERROR")
            };
        }
    };
    if tokens.len() < min {
        return say("CLIENT_ERROR bad command line format");
    }
    let exptime = match touch {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => return say("CLIENT_ERROR invalid exptime argument"),
    };
    let keys = &tokens[min - 1..];
    if !keys.iter().all(|key| key_ok(key)) {
        return say("CLIENT_ERROR bad command line format");
    }
    let last = keys.len() - 1;
    let with_cas = name.ends_with(b"s");
    keys.iter()
        .enumerate()
        .map(|(i, key)| format!("read {} {with_cas} {exptime:?} {}", show(key), i == last))
        .collect()
}

fn describe(request: &Request, input: &[u8]) -> String {
    match &request.command {
        Command::Get {
            key, keys, last, ..
        } => {
            let key = key.of(input).escape_ascii();
            format!("read {key} {} {:?} {last}", keys.with_cas, keys.touch)
        }
        Command::Reply(reply) => format!("say {}", String::from_utf8_lossy(reply).trim_end()),
        _ => "something else".into(),
    }
}

#[test]
fn retrievals_are_taken_apart_as_a_naive_parser_would() {
    let long = vec![b'k'; 250];
    let too_long = vec![b'k'; 251];
    let parts: Vec<&[u8]> = vec![
        b"get",
        b"gets",
        b"gat",
        b"gats",
        b"got",
        b"noreply",
        b" ",
        b" ",
        b" ",
        b" ",
        b" ",
        b"  ",
        b"a",
        b"key:00000000042",
        b"7",
        b"-1",
        b"\r",
        b"\t",
        b"\0",
        &long,
        &too_long,
    ];
    let mut seed = 3u64;
    let mut random = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(7);
        (seed >> 33) as usize % n
    };
    for _ in 0..20_000 {
        let mut line = parts[random(5)].to_vec();
        line.push(b' ');
        let most = if random(20) == 0 { 150 } else { 9 };
        for _ in 0..random(most) {
            line.extend_from_slice(parts[random(parts.len())]);
        }
        let input = [&line[..], b"\r\n"].concat();
        let (mut parser, mut ops, mut at, mut found) =
            (Parser::default(), Vec::new(), 0, Vec::new());
        loop {
            ops.clear();
            let (consumed, stop) = parser.parse(&input[at..], 1 + random(BATCH), &mut ops, |_| 0);
            found.extend(ops.iter().map(|op| describe(op, &input[at..])));
            at += consumed;
            if stop == Stop::Input {
                break;
            }
        }
        assert_eq!(at, input.len());
        assert_eq!(found, naive(&line), "{}", line.escape_ascii());
    }
}

#[test]
fn a_list_of_keys_can_be_left_before_any_key_and_taken_up_there() {
    let input = b"gat 9 aa b  cc \r\nget x\r\n";
    let mut whole = Vec::new();
    Parser::default().parse(input, BATCH, &mut whole, |_| 0);
    for skip in 0..whole.len() {
        let (mut parser, mut ops) = (Parser::default(), Vec::new());
        parser.parse(input, BATCH, &mut ops, |_| 0);
        parser.rewind(&ops[skip]);
        let rest = &input[ops[skip].start as usize..];
        let mut again = Vec::new();
        parser.parse(rest, BATCH, &mut again, |_| 0);
        let texts = |ops: &[Request], input: &[u8]| -> Vec<String> {
            ops.iter().map(|op| describe(op, input)).collect()
        };
        assert_eq!(texts(&again, rest), texts(&whole[skip..], input));
    }
}

/// The last place of a batch takes the answer to an endless list and the end of the connection.
#[test]
fn an_endless_list_behind_a_full_batch_is_one_request() {
    let mut input = b"mn\r\n".repeat(BATCH - 1);
    input.extend_from_slice(b"get ");
    input.resize(input.len() + (16 << 20), b'k');
    let (mut parser, mut ops) = (Parser::default(), Vec::new());
    let (_, stop) = parser.parse(&input, BATCH, &mut ops, |_| 0);
    assert_eq!((ops.len(), stop), (BATCH, Stop::Batch));
    assert!(matches!(
        ops[BATCH - 1].command,
        Command::ReplyAndClose {
            reply: crate::wire::reply::LINE_TOO_LONG,
            cause: CloseCause::BadInput
        }
    ));
    let server = server();
    let mut talk = Talk::new(&server);
    talk.feed(&input);
    let last = [
        &b"MN\r\n".repeat(BATCH - 1)[..],
        crate::wire::reply::LINE_TOO_LONG,
    ]
    .concat();
    assert_eq!((talk.replies == last, talk.closed), (true, true));
}

#[test]
fn an_endless_line_is_cut_off_at_the_same_place_however_it_arrives() {
    let server = server();
    for piece in [1, 7, 100] {
        let mut talk = Talk::new(&server);
        let mut fed = 0;
        while !talk.closed {
            talk.feed(&vec![b'x'; piece]);
            fed += piece;
        }
        assert!((2049..2049 + piece).contains(&fed), "closed after {fed}");
        let mut list = Talk::new(&server);
        list.feed(b"get ");
        list.feed(&vec![b'k'; 60_000]);
        assert!(!list.closed, "a list of keys may be long");
    }
}

/// A server that refuses values of more than a kilobyte.
fn server_of_small_items() -> Server {
    let settings = Settings {
        memory_bytes: crate::settings::Live::new(16 << 20),
        item_size_max: 1024,
        slab_chunk_max: 1024,
        ..Settings::default()
    };
    Server::new(settings, Logins::default(), Secret::from_number(1)).unwrap()
}

/// Refused values between good ones, whose blocks look like commands: a parser that is out of step
/// by a byte answers more.
#[test]
fn refused_values_are_answered_at_once_and_alike_wherever_they_are_cut() {
    const TOO_LARGE: &str = "SERVER_ERROR object too large for cache\r\n";
    const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";
    const OLD: &str = "VALUE a 0 3\r\nold\r\nEND\r\n";
    let set = |value: &str| format!("set a 0 0 {}\r\n{value}\r\n", value.len());
    // Lines, what is answered before the block and after it, up to what is
    // under the key then.
    let rows = [
        ("set a 0 0 1400", TOO_LARGE, "END\r\n"),
        ("set a 0 0 1400 noreply", "", "END\r\n"),
        ("add a 0 0 1400", TOO_LARGE, OLD),
        ("cas a 0 0 1400 1", TOO_LARGE, OLD),
        ("append a 0 0 1400 noreply", "", OLD),
        ("ms a 1400 q", TOO_LARGE, "END\r\n"),
        ("ms YQ== 1400 b", TOO_LARGE, "END\r\n"),
        ("set a x 0 1400", BAD_LINE, OLD),
        ("set a 0 x 1400 noreply", "", OLD),
        ("ms a 1400 !", BAD_LINE, OLD),
        ("ms a 1400 b", "CLIENT_ERROR error decoding key\r\n", OLD),
    ];
    let block = "get a\r\n".repeat(200) + "\r\n";
    let server = server_of_small_items();
    let (mut input, mut replies) = (Vec::new(), Vec::new());
    for (line, at_once, then) in rows {
        // "!" is no flag, so the line's length is not known to be one: what follows are lines.
        let block = if line.ends_with('!') { "" } else { &block };
        let head = format!("{}{line}\r\n", set("old"));
        let mut talk = Talk::new(&server);
        talk.feed(head.as_bytes());
        let said = String::from_utf8(talk.replies.clone()).unwrap();
        assert_eq!(said, format!("STORED\r\n{at_once}"), "{line}: at once");
        input.extend(format!("{head}{block}get a\r\n").bytes());
        replies.extend(format!("STORED\r\n{at_once}{then}").bytes());
    }
    let answers = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut talk = Talk::new(&server);
        pieces.for_each(|piece| talk.feed(piece));
        talk.replies
    };
    let whole = answers(&mut std::iter::once(&input[..]));
    assert_eq!(
        whole.escape_ascii().to_string(),
        replies.escape_ascii().to_string()
    );
    for len in [1, 2, 3, 7, 100, 1399, 1400, 1401, 1402, 1403, 5000] {
        assert!(
            answers(&mut input.chunks(len)) == replies,
            "pieces of {len}"
        );
    }
    for cut in (0..input.len()).step_by(if cfg!(miri) { 997 } else { 5 }) {
        let (one, two) = input.split_at(cut);
        assert!(
            answers(&mut [one, two].into_iter()) == replies,
            "cut at {cut}"
        );
    }
}

/// Has two conversations at the same time, again and again, and after each round `check`.
fn two_at_once(server: &Server, texts: [&[u8]; 2], rounds: u32, mut check: impl FnMut(u32)) {
    let (begin, end) = (Barrier::new(3), Barrier::new(3));
    std::thread::scope(|scope| {
        for text in texts {
            let (begin, end) = (&begin, &end);
            scope.spawn(move || {
                let mut talk = Talk::new(server);
                for _ in 0..rounds {
                    begin.wait();
                    talk.feed(text);
                    end.wait();
                }
                let replies = String::from_utf8(talk.replies).unwrap();
                assert!(
                    replies
                        .split("\r\n")
                        .all(|reply| matches!(reply, "OK" | ""))
                );
            });
        }
        for round in 0..rounds {
            begin.wait();
            end.wait();
            check(round);
        }
    });
}

#[test]
fn two_operators_at_once_leave_what_one_of_them_asked_for() {
    let server = server();
    let settings = &server.settings;
    let texts: [&[u8]; 2] = [
        b"lru mode flat\r\nlru temp_ttl 10\r\nlru tune 10 20 0.5 1.5\r\ncache_memlimit 16\r\nflush_all\r\n",
        b"lru mode segmented\r\nlru temp_ttl -1\r\nlru tune 30 40 0.25 2.5\r\ncache_memlimit 32\r\nflush_all 5000\r\n",
    ];
    two_at_once(&server, texts, 3000, |round| {
        let (segmented, temporary_ttl_s) = server.store.division();
        assert_eq!(settings.lru_segmented.get(), segmented, "{round}");
        let shown = settings
            .temp_lru
            .get()
            .then(|| settings.temporary_ttl.get());
        assert_eq!(shown, temporary_ttl_s, "{round}");
        let tuned = (
            settings.hot_lru_pct.get(),
            settings.warm_lru_pct.get(),
            settings.hot_max_factor.get(),
            settings.warm_max_factor.get(),
        );
        assert!(
            [(10, 20, 0.5, 1.5), (30, 40, 0.25, 2.5)].contains(&tuned),
            "{round}: {tuned:?}"
        );
        let limit = server.store.limit();
        assert_eq!(settings.memory_bytes.get(), limit, "{round}");
        // What is shown of the last flush is that of the one that is pending, or of none.
        let (shown, pending_s) = (settings.oldest_s.get(), server.store.flush_due_s());
        assert_eq!(
            pending_s == shown,
            pending_s != 0,
            "{round}: {shown} {pending_s}"
        );
    });
}
