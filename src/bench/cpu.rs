//! Processor time: the server's, to tell what a request costs it, and our own, to tell
//! whether it was us who could not go faster.

use std::fs;

use crate::connection::Stream;
use crate::login::Login;
use crate::option_types::Address;
use memcached::wire::client::{ClientProtocol, binary_stats};

/// Processor time that a process has used so far, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// In its own code.
    pub user_us: u64,
    /// In the kernel, on its behalf.
    pub system_us: u64,
}

impl Usage {
    /// What was used since then.
    pub fn since(self, before: Usage) -> Usage {
        Usage {
            user_us: self.user_us.saturating_sub(before.user_us),
            system_us: self.system_us.saturating_sub(before.system_us),
        }
    }
}

/// Where the server's processor time can be had from.
pub enum Meter {
    /// `/proc` knows the process.
    Process(u64),
    /// The server tells it, on a connection of its own.
    Stats(Stream, ClientProtocol),
}

impl Meter {
    /// By the server's statistics.
    pub fn stats(at: &Address, protocol: ClientProtocol, login: Option<&Login>) -> Option<Meter> {
        let stream = Stream::connect(at).ok()?;
        if let Some(login) = login {
            login.perform(&stream, protocol).ok()?;
        }
        Some(Meter::Stats(stream, protocol))
    }

    /// What it says now; none if it cannot tell.
    pub fn read(&self) -> Option<Usage> {
        match self {
            Meter::Process(pid) => of_process(*pid),
            Meter::Stats(stream, protocol) => of_server(stream, *protocol),
        }
    }
}

/// `/proc/PID/stat` counts in hundredths of a second, whatever the kernel's own clock does.
const US_PER_TICK: u64 = 10_000;

fn of_process(pid: u64) -> Option<Usage> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second word is the name, in parentheses, and may hold anything.
    let (_, words) = text.rsplit_once(')')?;
    let mut words = words.split_ascii_whitespace().skip(11);
    let mut time = || Some(words.next()?.parse::<u64>().ok()? * US_PER_TICK);
    Some(Usage {
        user_us: time()?,
        system_us: time()?,
    })
}

/// `stats` of a server has `rusage_user` and `rusage_system`, as seconds and microseconds.
fn of_server(stream: &Stream, protocol: ClientProtocol) -> Option<Usage> {
    let reply = match protocol {
        ClientProtocol::Binary => stream.ask(&binary_stats(), binary_end),
        _ => stream.ask(b"stats\r\n", |reply| {
            let is_refused = !reply.starts_with(b"STAT ") && reply.ends_with(b"\r\n");
            reply.ends_with(b"END\r\n") || is_refused
        }),
    };
    let reply = reply.ok()?;
    Some(Usage {
        user_us: seconds_after(&reply, b"rusage_user")?,
        system_us: seconds_after(&reply, b"rusage_system")?,
    })
}

/// Whether the last packet has neither key nor value, as the one that ends `stat`, or is an
/// error.
fn binary_end(reply: &[u8]) -> bool {
    let mut rest = reply;
    while let Some((header, body)) = rest.split_first_chunk::<24>() {
        let len = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
        if len == 0 || header[6..8] != [0, 0] {
            return true;
        }
        rest = body.get(len..).unwrap_or_default();
    }
    false
}

/// The time that follows a name, with or without a blank: `rusage_user 1.234567`.
fn seconds_after(reply: &[u8], name: &[u8]) -> Option<u64> {
    let place = reply
        .windows(name.len())
        .position(|window| window == name)?;
    let text: String = reply[place + name.len()..]
        .iter()
        .skip_while(|&&byte| byte == b' ')
        .take_while(|&&byte| byte.is_ascii_digit() || byte == b'.')
        .map(|&byte| char::from(byte))
        .collect();
    let seconds: f64 = text.parse().ok()?;
    Some((seconds * 1e6).round() as u64)
}

/// What a thread did: nanoseconds on a processor, and waiting for one.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// On a processor.
    pub running_ns: u64,
    /// Ready to run while others did.
    pub waiting_ns: u64,
}

impl Work {
    /// The difference, if both are known.
    pub fn between(before: Option<Work>, after: Option<Work>) -> Option<Work> {
        let (before, after) = (before?, after?);
        Some(Work {
            running_ns: after.running_ns - before.running_ns,
            waiting_ns: after.waiting_ns - before.waiting_ns,
        })
    }
}

/// What the calling thread has done so far; none if the kernel does not tell.
pub fn of_this_thread() -> Option<Work> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    Some(Work {
        running_ns: numbers.next()?.ok()?,
        waiting_ns: numbers.next()?.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_in_both_forms_of_statistics() {
        let text = b"STAT rusage_user 1.250000\r\nSTAT rusage_system 0.000007\r\nEND\r\n";
        assert_eq!(seconds_after(text, b"rusage_user"), Some(1_250_000));
        assert_eq!(seconds_after(text, b"rusage_system"), Some(7));
        assert_eq!(seconds_after(text, b"rusage_other"), None);
        let packet = b"..rusage_user1.250000\x81\x10rusage_system0.000007\x81";
        assert_eq!(seconds_after(packet, b"rusage_user"), Some(1_250_000));
        assert_eq!(seconds_after(packet, b"rusage_system"), Some(7));
    }

    #[test]
    fn the_end_of_binary_statistics_is_an_empty_packet() {
        let mut row = vec![0x81, 0x10, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4];
        row.resize(24, 0);
        row.extend_from_slice(b"pid7");
        let mut end = vec![0x81, 0x10];
        end.resize(24, 0);
        let whole = [&row[..], &end].concat();
        for len in 0..whole.len() {
            assert!(!binary_end(&whole[..len]), "{len}");
        }
        assert!(binary_end(&whole));
    }

    #[test]
    fn this_process_has_used_time() {
        let pid = u64::from(std::process::id());
        assert!(of_process(pid).is_some());
        assert_eq!(of_process(u64::MAX), None);
    }
}
