//! Frames without a socket: the same answer wherever the input is cut.

use super::{Talk, server};
use crate::server::Server;
use crate::server::logins::{Environment, Logins};
use crate::settings::{Protocol, Settings};
use crate::store::hash::Secret;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A frame as it should be.
fn frame(opcode: u8, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, opcode];
    bytes.extend((key.len() as u16).to_be_bytes());
    bytes.extend([extras.len() as u8, 0, 0, 0]);
    bytes.extend(((extras.len() + key.len() + value.len()) as u32).to_be_bytes());
    bytes.extend([0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0, 0, 0, 0]);
    [&bytes, extras, key, value].concat()
}

/// The same with an id.
fn with_cas(mut frame: Vec<u8>, cas: u64) -> Vec<u8> {
    frame[16..24].copy_from_slice(&cas.to_be_bytes());
    frame
}

/// Every opcode, obeyed and refused; nothing that closes the connection but the last.
fn conversation() -> Vec<u8> {
    let delta = |delta: u64, seed: u64, expiry: u32| {
        [
            &delta.to_be_bytes()[..],
            &seed.to_be_bytes(),
            &expiry.to_be_bytes(),
        ]
        .concat()
    };
    let (none, meta, expiry): (&[u8], &[u8], &[u8]) =
        (b"", &[0, 0, 0xca, 0xfe, 0, 0, 0, 0], &[0, 0, 1, 0]);
    let mut text = Vec::new();
    for opcode in [0x01, 0x02, 0x03, 0x11, 0x12, 0x13] {
        text.extend(frame(opcode, meta, b"a", b"value"));
        text.extend(frame(opcode, meta, &[opcode], b""));
        text.extend(with_cas(frame(opcode, meta, b"a", b"other"), 77));
    }
    for opcode in [0x0e, 0x0f, 0x19, 0x1a] {
        text.extend(frame(opcode, none, b"a", b"++"));
        text.extend(frame(opcode, none, b"none", b"++"));
    }
    for opcode in [0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14] {
        text.extend(frame(opcode, none, b"a", none));
        text.extend(frame(opcode, none, b"none", none));
    }
    text.extend(frame(0x01, meta, b"a", &[b'v'; 3000]));
    for opcode in [0x1c, 0x1d, 0x1e, 0x23, 0x24] {
        text.extend(frame(opcode, expiry, b"a", none));
        text.extend(frame(opcode, expiry, b"none", none));
    }
    for opcode in [0x05, 0x06, 0x15, 0x16] {
        text.extend(frame(opcode, &delta(3, 5, 0), b"n", none));
        text.extend(frame(opcode, &delta(3, 5, u32::MAX), b"none", none));
        text.extend(frame(opcode, &delta(3, 5, 0), b"a", none));
    }
    text.extend(frame(0x10, none, b"sizes", none));
    text.extend(frame(0x10, none, b"bogus", none));
    text.extend(frame(0x25, b"extras", b"key", b"value"));
    text.extend(frame(0x21, none, b"PLAIN", b"\0bob\0secret"));
    text.extend(frame(0x01, meta, b"huge", &vec![b'h'; 1_100_000]));
    for opcode in [0x0a, 0x0b, 0x20, 0x08, 0x18] {
        text.extend(frame(opcode, none, none, none));
    }
    text.extend(frame(0x08, expiry, none, none));
    text.extend(frame(0x00, none, b"a", none));
    text.extend(frame(0x07, none, none, none));
    text.extend(frame(0x00, none, b"after", none));
    text
}

/// Feeds `text` in pieces of these lengths, again and again; the replies.
fn replies<'s>(server: &'s Server, text: &[u8], lens: &[usize]) -> Talk<'s> {
    let mut talk = Talk::new(server);
    let mut rest = text;
    for &len in lens.iter().cycle() {
        let (piece, after) = rest.split_at(len.min(rest.len()));
        talk.feed(piece);
        rest = after;
        if rest.is_empty() || talk.closed {
            break;
        }
    }
    talk
}

#[test]
fn frames_get_the_same_replies_wherever_they_are_cut() {
    let text = conversation();
    let whole = {
        let server = server();
        let talk = replies(&server, &text, &[text.len()]);
        assert!(talk.closed);
        assert_eq!(
            talk.rest,
            frame(0x00, b"", b"after", b""),
            "not carried out"
        );
        talk.replies
    };
    assert!(whole.ends_with(&[0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0, 0, 0, 0]));
    for lens in [&[1][..], &[23], &[24], &[25], &[7, 100, 1, 5000], &[65_536]] {
        let server = server();
        assert!(replies(&server, &text, lens).replies == whole, "{lens:?}");
    }
}

#[test]
fn every_single_cut_of_a_few_frames_gives_the_same_replies() {
    let meta = &[0, 0, 0, 7, 0, 0, 0, 0];
    let text = [
        frame(0x01, meta, b"key", b"a value"),
        frame(0x09, b"", b"none", b""),
        frame(0x0d, b"", b"key", b""),
        frame(0x3f, b"ext", b"key", b"value"),
        frame(0x0e, b"", b"key", b" and more"),
        frame(0x0c, b"", b"key", b""),
        frame(0x00, b"", b"", b""),
    ]
    .concat();
    let whole = {
        let server = server();
        replies(&server, &text, &[text.len()]).replies
    };
    assert_eq!(&whole[whole.len() - 17..], b"Invalid arguments");
    for cut in 0..=text.len() {
        let server = server();
        let mut talk = Talk::new(&server);
        talk.feed(&text[..cut]);
        talk.feed(&text[cut..]);
        assert_eq!(talk.replies, whole, "cut at {cut}");
        assert!(talk.closed);
    }
}

/// Every header that can be made of these lengths, followed by bytes of no meaning: an
/// error, a close or a wait, and never an answer that is not a frame.
#[test]
fn lengths_that_lie_are_refused_or_waited_for() {
    let lengths = [
        0,
        1,
        8,
        250,
        251,
        16_359,
        16_360,
        65_535,
        1 << 20,
        1 << 30,
        (1 << 30) + 1,
        i32::MAX as u32,
        1 << 31,
        u32::MAX - 24,
        u32::MAX,
    ];
    let server = server();
    for opcode in [0x00, 0x01, 0x05, 0x0a, 0x0e, 0x10, 0x21, 0x30] {
        for key in lengths.iter().filter_map(|&len| u16::try_from(len).ok()) {
            for extras in [0, 4, 8, 20, 255] {
                for body in lengths {
                    let mut header = frame(opcode, b"", b"", b"");
                    header[2..4].copy_from_slice(&key.to_be_bytes());
                    header[4] = extras;
                    header[8..12].copy_from_slice(&body.to_be_bytes());
                    let mut talk = Talk::new(&server);
                    talk.feed(&header);
                    talk.feed(&[b'x'; 700]);
                    let mut rest = &talk.replies[..];
                    while let Some((head, body)) = rest.split_first_chunk::<24>() {
                        assert_eq!((head[0], head[1]), (0x81, opcode));
                        let len = u32::from_be_bytes(head[8..12].try_into().unwrap());
                        rest = &body[len as usize..];
                    }
                    assert!(rest.is_empty());
                }
            }
        }
    }
}

/// A file of users that is there as long as this is.
struct Users(PathBuf);

impl Drop for Users {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A server that bob may log in to.
fn sasl_server(test: &str) -> (Server, Users) {
    let users = Users(std::env::temp_dir().join(format!("{test}.{}", std::process::id())));
    std::fs::write(&users.0, "bob:secret\n").unwrap();
    std::fs::set_permissions(&users.0, Permissions::from_mode(0o600)).unwrap();
    let settings = Settings {
        sasl: true,
        protocol: Protocol::Binary,
        memory_bytes: crate::settings::Live::new(16 << 20),
        ..Settings::default()
    };
    let environment = Environment {
        password_file: Some(users.0.clone().into()),
        ..Environment::default()
    };
    let logins = Logins::read(&settings, &environment).unwrap();
    (
        Server::new(settings, logins, Secret::from_number(1)).unwrap(),
        users,
    )
}

#[test]
fn before_a_login_each_opcode_is_refused_but_four() {
    let (server, _users) = sasl_server("frames-gate");
    for opcode in 0..=255 {
        let mut talk = Talk::new(&server);
        let key: &[u8] = match opcode {
            0x0b | 0x20 => b"",
            _ => b"PLAIN",
        };
        talk.feed(&frame(opcode, b"", key, b""));
        let is_open = matches!(opcode, 0x0b | 0x20 | 0x21 | 0x22);
        assert_eq!(talk.closed, !is_open, "{opcode:#x}");
        let is_denied = talk.replies[6..8] == [0, 0x20];
        // A second step without a first is denied, too, and may be followed by a first.
        assert_eq!(is_denied, !is_open || opcode == 0x22, "{opcode:#x}");
    }
}

#[test]
fn a_login_may_be_cut_anywhere() {
    let (server, _users) = sasl_server("frames-cut");
    let text = [
        frame(0x21, b"", b"PLAIN", b"\0bob\0wrong"),
        frame(0x21, b"", b"plain", b"bob\0bob\0secret"),
        frame(0x0a, b"", b"", b""),
        frame(0x21, b"", b"PLAIN", b"\0bob\0secre"),
        frame(0x0a, b"", b"", b""),
    ]
    .concat();
    for cut in 0..=text.len() {
        let mut talk = Talk::new(&server);
        talk.feed(&text[..cut]);
        talk.feed(&text[cut..]);
        let mut statuses = Vec::new();
        let mut rest = &talk.replies[..];
        while let Some((head, body)) = rest.split_first_chunk::<24>() {
            statuses.push(head[7]);
            rest = &body[u32::from_be_bytes(head[8..12].try_into().unwrap()) as usize..];
        }
        assert_eq!(statuses, [0x20, 0, 0, 0x20, 0x20], "cut at {cut}");
        assert!(talk.closed, "the second failure has taken the login away");
    }
}

#[test]
fn input_that_may_hold_a_password_is_known() {
    let (server, _users) = sasl_server("frames-secret");
    let mut talk = Talk::new(&server);
    let login = frame(0x21, b"", b"PLAIN", b"\0bob\0secret");
    for attempt in ["the first", "another"] {
        assert!(talk.session.awaits_secret(), "{attempt}");
        talk.feed(&login[..login.len() - 3]);
        assert!(talk.session.had_secret(), "{attempt}, cut");
        talk.feed(&login[login.len() - 3..]);
        assert!(talk.session.had_secret(), "{attempt}");
    }
    talk.feed(&frame(0x0a, b"", b"", b""));
    assert!(!talk.session.had_secret() && !talk.closed);
}

/// Frames with some bytes changed, where a change does the most: in the header.
fn damaged(random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < 4000 {
        let key = vec![b'a' + random(3) as u8; 1 + random(3)];
        let value = vec![b'1'; [0, 1, 30][random(3)]];
        let mut bytes = match random(6) {
            0 => frame([0x00, 0x09, 0x0c, 0x0d][random(4)], b"", &key, b""),
            1 => frame([0x01, 0x02, 0x11, 0x13][random(4)], &[0; 8], &key, &value),
            2 => frame([0x0e, 0x0f, 0x19, 0x1a][random(4)], b"", &key, &value),
            3 => frame([0x05, 0x06, 0x15, 0x16][random(4)], &[0; 20], &key, b""),
            4 => frame([0x1c, 0x1d, 0x1e, 0x24][random(4)], &[0; 4], &key, b""),
            _ => frame([0x0a, 0x0b, 0x20, 0x25][random(4)], b"", b"", b""),
        };
        if random(20) == 0 {
            // Not the opcode: statistics differ from one moment to the next.
            bytes[2 + random(22)] = random(256) as u8;
        }
        text.extend(bytes);
    }
    text
}

#[test]
fn damaged_frames_are_answered_alike_wherever_they_are_cut() {
    let mut seed = 11u64;
    let mut random = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(7);
        (seed >> 33) as usize % n
    };
    let mut longest = 0;
    for round in 0..60 {
        let text = damaged(&mut random);
        let outcome = |lens: &[usize]| {
            let server = server();
            let talk = replies(&server, &text, lens);
            (talk.replies, talk.closed)
        };
        let whole = outcome(&[text.len()]);
        longest = longest.max(whole.0.len());
        for lens in [&[1][..], &[5, 31, 2], &[700, 1]] {
            assert!(outcome(lens) == whole, "round {round}, pieces of {lens:?}");
        }
    }
    assert!(longest > 2000, "some of it was understood");
}
