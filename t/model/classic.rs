//! The classic commands.

use crate::maker::{Maker, Step};
use crate::want::Want;
use crate::world::{Adding, Fault, Mode, Outcome, Storing};

/// Bytes of a line that surely work.
const LINE_LEN_MAX: usize = 2000;
/// The reply to a block that does not end in CR LF.
pub const BAD_CHUNK: &str = "CLIENT_ERROR bad data chunk\r\n";
/// The reply to what can never fit.
pub const TOO_LARGE: &str = "SERVER_ERROR object too large for cache\r\n";
/// The reply to arithmetic on what is no number.
pub const NOT_NUMERIC: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";

impl Maker {
    /// Any classic command.
    pub fn classic(&mut self) -> Step {
        match self.random.below(100) {
            0..30 => self.retrieval(),
            30..68 => self.storage(),
            68..83 => self.arithmetic(),
            83..89 => self.delete(),
            89..96 => self.touch(),
            96 if self.random.one_in(20) => self.flush_all(),
            _ => self.constant(),
        }
    }

    fn retrieval(&mut self) -> Step {
        let command = *self.random.pick(&["get", "gets", "gat", "gats"]);
        let most = if self.random.one_in(30) { 90 } else { 4 };
        let count = 1 + self.random.below(most);
        let mut send = command.as_bytes().to_vec();
        let mut expires_s = None;
        if command.starts_with("gat") {
            let given = self.expiry();
            send.extend(format!(" {given}").bytes());
            expires_s = Some(self.world.expiry(given));
        }
        let mut want = Want::none();
        let mut key = Vec::new();
        for _ in 0..count {
            key = self.plain_key();
            // Only `get` and `gets` may have longer lines.
            if expires_s.is_some() && send.len() + key.len() > LINE_LEN_MAX {
                break;
            }
            send.extend_from_slice(if self.random.one_in(20) { b"  " } else { b" " });
            send.extend_from_slice(&key);
            self.read(&key, expires_s, command.ends_with('s'), &mut want);
        }
        want.put("END\r\n");
        self.put_line_end(&mut send);
        Step::about(&key, send, want)
    }

    /// CR LF, some with a blank before it; or LF alone, if that can be told from CR LF.
    pub fn put_line_end(&mut self, send: &mut Vec<u8>) {
        send.extend_from_slice(match self.random.below(16) {
            0 => b" \r\n",
            1 | 2 if !send.ends_with(b"\r") => b"\n",
            _ => b"\r\n",
        });
    }

    fn read(&mut self, key: &[u8], expires_s: Option<u32>, with_cas: bool, want: &mut Want) {
        let Some(item) = self.world.live(key) else {
            return;
        };
        want.put("VALUE ");
        want.put(key);
        want.put(format!(" {} {}", item.flags, item.value.len()));
        if with_cas {
            want.put(" ");
            want.put_cas(item.cas);
        }
        want.put("\r\n");
        want.put(&item.value);
        want.put("\r\n");
        if let Some(expires_s) = expires_s {
            item.expires_s = expires_s;
        }
        self.world.hit(key);
    }

    fn storage(&mut self) -> Step {
        const MODES: [(&str, Mode); 8] = [
            ("set", Mode::Set),
            ("set", Mode::Set),
            ("set", Mode::Set),
            ("add", Mode::Add),
            ("replace", Mode::Replace),
            ("append", Mode::Append),
            ("prepend", Mode::Prepend),
            ("cas", Mode::Set),
        ];
        let (command, mode) = *self.random.pick(&MODES);
        let key = self.plain_key();
        let value = self.value(&key);
        let (flags_text, flags) = self.lax_flags();
        let (expiry_text, given) = self.lax_expiry();
        let mut send = command.as_bytes().to_vec();
        send.push(b' ');
        send.extend_from_slice(&key);
        let len = self.length(value.len());
        send.extend(format!(" {flags_text} {expiry_text} {len}").bytes());
        let mut compare = None;
        if command == "cas" {
            let Some(id) = self.id_to_compare(&key) else {
                return self.ask_id(&key);
            };
            send.extend(format!(" {}", self.digits(id)).bytes());
            compare = Some(id);
        }
        let quiet = self.put_tail(&mut send);
        send.extend_from_slice(&value);
        let is_whole = self.put_block_end(&mut send);
        let storing = Storing {
            mode,
            value,
            flags,
            expires_s: self.world.expiry(given),
            compare,
            or_stale: false,
            cas: 0,
            coded: false,
            create: None,
            replaces: command == "set",
        };
        let size = self.world.size(&key, flags, storing.value.len());
        let reply = if !is_whole && size <= self.world.item_size_max {
            BAD_CHUNK
        } else {
            match self.world.store(&key, storing) {
                Outcome::Stored => "STORED\r\n",
                Outcome::NotStored => "NOT_STORED\r\n",
                Outcome::Exists => "EXISTS\r\n",
                Outcome::NotFound => "NOT_FOUND\r\n",
                Outcome::TooLarge => TOO_LARGE,
            }
        };
        Step::about(&key, send, unless(quiet, reply))
    }

    /// CR LF behind a block, or seldom something else; whether it is right.
    pub fn put_block_end(&mut self, send: &mut Vec<u8>) -> bool {
        let is_whole = !self.random.one_in(60);
        let end = if is_whole {
            "\r\n"
        } else {
            *self.random.pick(&["XX", "\n\n", "\r\r", "\n\r"])
        };
        send.extend(end.bytes());
        is_whole
    }

    /// Ends a line, with spare words and `noreply` or without; whether the reply is suppressed.
    fn put_tail(&mut self, send: &mut Vec<u8>) -> bool {
        if self.random.one_in(30) {
            send.extend_from_slice(b" spare words");
        }
        let quiet = self.random.one_in(6);
        if quiet {
            send.extend_from_slice(b" noreply");
        }
        self.put_line_end(send);
        quiet
    }

    /// The length of a value, some with zeros before it.
    pub fn length(&mut self, len: usize) -> String {
        match self.random.below(40) {
            0 => format!("{len:011}"),
            1 if len == 0 => "-0".into(),
            2 if len == 0 => "-".into(),
            _ => len.to_string(),
        }
    }

    fn lax_flags(&mut self) -> (String, u32) {
        let flags = self.client_flags();
        match self.random.below(50) {
            0 => (format!("+{flags}"), flags),
            1 => (format!("{flags:042}"), flags),
            2 => ("4294967297".into(), 1),
            3 => ("18446744073709551615".into(), u32::MAX),
            4 => ("-0".into(), 0),
            5 => (format!("{flags}\t7"), flags),
            6 => (format!("\t{flags}\0x"), flags),
            _ => (flags.to_string(), flags),
        }
    }

    fn lax_expiry(&mut self) -> (String, i64) {
        let given = self.expiry();
        match self.random.below(50) {
            0 => ("4294967297".into(), 4_294_967_297),
            1 => ("-9223372036854775808".into(), i64::MIN),
            2 if given >= 0 => (format!("+{given}"), given),
            3 if given >= 0 => (format!("{given:030}"), given),
            _ => (given.to_string(), given),
        }
    }

    fn arithmetic(&mut self) -> Step {
        let up = self.random.percent(50);
        let key = self.plain_key();
        let delta = self.number();
        let mut send = if up {
            b"incr ".to_vec()
        } else {
            b"decr ".to_vec()
        };
        send.extend_from_slice(&key);
        send.extend(format!(" {}", self.digits(delta)).bytes());
        let quiet = self.put_tail(&mut send);
        let adding = Adding {
            delta,
            up,
            compare: 0,
            cas: 0,
            create: None,
        };
        let reply = match self.world.add(&key, &adding) {
            Ok((sum, ..)) => format!("{sum}\r\n"),
            Err(Fault::NotNumeric) => NOT_NUMERIC.into(),
            Err(_) => "NOT_FOUND\r\n".into(),
        };
        Step::about(&key, send, unless(quiet, reply))
    }

    fn delete(&mut self) -> Step {
        let key = self.plain_key();
        let mut send = [b"delete ", &key[..]].concat();
        let quiet = self.put_tail(&mut send);
        let there = self.world.live(&key).is_some();
        self.world.remove(&key);
        let reply = if there {
            "DELETED\r\n"
        } else {
            "NOT_FOUND\r\n"
        };
        // As the last word the key itself is taken for noreply.
        let quiet = quiet || send.trim_ascii_end().ends_with(b" noreply");
        Step::about(&key, send, unless(quiet, reply))
    }

    fn touch(&mut self) -> Step {
        let key = self.plain_key();
        let given = self.expiry();
        let expires_s = self.world.expiry(given);
        let mut send = [b"touch ", &key[..]].concat();
        send.extend(format!(" {given}").bytes());
        let quiet = self.put_tail(&mut send);
        let there = self.world.live(&key);
        let reply = if there.is_some() {
            "TOUCHED\r\n"
        } else {
            "NOT_FOUND\r\n"
        };
        if let Some(item) = there {
            item.expires_s = expires_s;
            self.world.hit(&key);
        }
        Step::about(&key, send, unless(quiet, reply))
    }

    fn flush_all(&mut self) -> Step {
        let given = self.expiry();
        let mut send = b"flush_all".to_vec();
        // Without a time it is now. Few are, or nothing would grow old.
        let given = match self.random.below(8) {
            0 => 0,
            _ => {
                let given = if given <= 0 {
                    2 + given.unsigned_abs() as i64 % 9
                } else {
                    given
                };
                send.extend(format!(" {given}").bytes());
                given
            }
        };
        let quiet = self.random.one_in(5);
        send.extend_from_slice(if quiet { b" noreply\r\n" } else { b"\r\n" });
        self.world.flush(given);
        Step::new(send, unless(quiet, "OK\r\n"))
    }

    /// Commands that change nothing a client could notice.
    fn constant(&mut self) -> Step {
        const CASES: [(&str, &str); 11] = [
            ("version\r\n", "VERSION 1.6.45\r\n"),
            ("version noreply\n", "VERSION 1.6.45\r\n"),
            ("verbosity 0\r\n", "OK\r\n"),
            ("verbosity 1\r\n", "OK\r\n"),
            ("verbosity 1 noreply\r\n", ""),
            ("mn\r\n", "MN\r\n"),
            ("mn and more\r\n", "MN\r\n"),
            ("shutdown\r\n", "SERVER_ERROR: shutdown not enabled\r\n"),
            ("stats reset\r\n", "RESET\r\n"),
            ("stats detail on\r\n", "OK\r\n"),
            ("stats detail off\r\n", "OK\r\n"),
        ];
        let (send, reply) = *self.random.pick(&CASES);
        Step::new(send, Want::of(reply))
    }
}

/// A reply, unless the client wants none.
pub fn unless(quiet: bool, reply: impl AsRef<[u8]>) -> Want {
    if quiet { Want::none() } else { Want::of(reply) }
}
