//! Bad input in text: the exact error, nothing else, and the stream stays in step.

use crate::classic::unless;
use crate::maker::{Maker, Step};
use crate::meta::encode;
use crate::want::Want;

const BAD_LINE: &str = "CLIENT_ERROR bad command line format\r\n";
const BAD_EXPIRY: &str = "CLIENT_ERROR invalid exptime argument\r\n";
const BAD_DELTA: &str = "CLIENT_ERROR invalid numeric delta argument\r\n";
const BAD_TOKEN: &str = "CLIENT_ERROR bad token in command line format\r\n";
const BAD_SUM_FLAG: &str = "CLIENT_ERROR invalid or duplicate flag\r\n";

/// Lines with errors: what is sent, `K` for the key, and the reply.
const LINES: &[(&str, &str)] = &[
    ("\r\n", BAD_LINE),
    ("\n", BAD_LINE),
    ("x\r\n", BAD_LINE),
    ("  \r\n", "ERROR\r\n"),
    ("wibble K\r\n", "ERROR\r\n"),
    ("wibble noreply\r\n", ""),
    (" get K\r\n", "ERROR\r\n"),
    ("GET K\r\n", "ERROR\r\n"),
    ("get\r\n", BAD_LINE),
    ("gat 5\r\n", BAD_LINE),
    ("gat x K\r\n", BAD_EXPIRY),
    ("gat 9223372036854775808 K\r\n", BAD_EXPIRY),
    ("delete\r\n", BAD_LINE),
    ("touch K\r\n", BAD_LINE),
    ("touch K +5\r\n", BAD_EXPIRY),
    ("touch K x noreply\r\n", ""),
    ("incr K\r\n", BAD_LINE),
    ("incr K -1\r\n", BAD_DELTA),
    ("incr K 18446744073709551616\r\n", BAD_DELTA),
    ("decr K 00000000000000000000001\r\n", BAD_DELTA),
    ("decr K 1x\r\n", BAD_DELTA),
    ("flush_all x\r\n", BAD_EXPIRY),
    ("flush_all x noreply\r\n", ""),
    ("verbosity\r\n", BAD_LINE),
    ("set K 0 0\r\n", BAD_LINE),
    ("set K 0 0 x\r\n", BAD_LINE),
    ("set K 0 0 -1 noreply\r\n", BAD_LINE),
    ("set K 0 0 2147483646\r\n", BAD_LINE),
    ("set K 0 0 000000000001\r\n", BAD_LINE),
    ("mg\r\n", BAD_LINE),
    ("mg K !\r\n", BAD_LINE),
    ("mg K v v\r\n", "CLIENT_ERROR duplicate flag\r\n"),
    ("mg K v z q\r\n", "CLIENT_ERROR invalid flag\r\n"),
    ("mg K S\r\n", "CLIENT_ERROR invalid flag\r\n"),
    ("mg K T\r\n", BAD_TOKEN),
    ("mg K N5x v\r\n", BAD_TOKEN),
    ("mg K C-1\r\n", BAD_TOKEN),
    ("mg K F4294967296\r\n", BAD_LINE),
    (
        "mg K Dx\r\n",
        "CLIENT_ERROR invalid numeric delta value\r\n",
    ),
    (
        "mg K Jx\r\n",
        "CLIENT_ERROR invalid numeric initial value\r\n",
    ),
    ("mg K Tx z\r\n", "CLIENT_ERROR invalid flag\r\n"),
    (
        "mg K N30 O12345678901234567890123456789012\r\n",
        "CLIENT_ERROR opaque token too long\r\n",
    ),
    (
        "mg K v s t c f k l h u q O1 P L T0 R1 N1 I x F1\r\n",
        "CLIENT_ERROR options flags are too long\r\n",
    ),
    ("mg Zm9 b N30\r\n", "CLIENT_ERROR error decoding key\r\n"),
    ("mg ==== b\r\n", "CLIENT_ERROR error decoding key\r\n"),
    (
        "md K I x O12345678901234567890123456789012\r\n",
        "CLIENT_ERROR opaque token too long\r\n",
    ),
    ("md K q q\r\n", "CLIENT_ERROR duplicate flag\r\n"),
    ("ma K z\r\n", BAD_SUM_FLAG),
    ("ma K v v\r\n", BAD_SUM_FLAG),
    ("ma K D-1 N0\r\n", BAD_SUM_FLAG),
    ("ma Zm9 b N0\r\n", BAD_SUM_FLAG),
    (
        "ma K Mi N0\r\n",
        "CLIENT_ERROR invalid mode for ma M token\r\n",
    ),
    (
        "ma K N0 O12345678901234567890123456789012\r\n",
        "CLIENT_ERROR opaque token too long\r\n",
    ),
    ("me\r\n", BAD_LINE),
    ("me K !\r\n", BAD_LINE),
    ("me Zm9 b q\r\n", BAD_LINE),
    ("mx K\r\n", "ERROR\r\n"),
    ("ms K\r\n", BAD_LINE),
    ("ms K S3\r\n", BAD_LINE),
    ("lru_crawler wibble\r\n", "ERROR\r\n"),
    (
        "cache_memlimit 7\r\n",
        "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n",
    ),
];

/// Lines whose block is swallowed: the line up to the length, and what follows it.
const BLOCKS: &[(&str, &str, &str)] = &[
    ("set K x 0 ", "", BAD_LINE),
    ("set K 0 9x ", "", BAD_LINE),
    ("set K -1 0 ", "", BAD_LINE),
    ("set K -18446744073709551611 0 ", "", BAD_LINE),
    ("set K 18446744073709551616 0 ", "", BAD_LINE),
    ("add K 0 9223372036854775808 ", "", BAD_LINE),
    ("set K 0x10 0 ", " noreply", ""),
    ("cas K 0 0 ", "", BAD_LINE),
    ("cas K 0 0 ", " q", BAD_LINE),
    ("cas K 0 0 ", " noreply", ""),
    ("ms K ", " q q", "CLIENT_ERROR duplicate flag\r\n"),
    ("ms K ", " Z", "CLIENT_ERROR invalid flag\r\n"),
    ("ms K ", " Tx q", BAD_TOKEN),
    ("ms K ", " F4294967296", BAD_LINE),
    (
        "ms K ",
        " MX",
        "CLIENT_ERROR invalid mode for ms M token\r\n",
    ),
    (
        "ms K ",
        " M",
        "CLIENT_ERROR invalid mode for ms M token\r\n",
    ),
    (
        "ms K ",
        " O12345678901234567890123456789012",
        "CLIENT_ERROR opaque token too long\r\n",
    ),
    ("ms Zm9 ", " b", "CLIENT_ERROR error decoding key\r\n"),
];

impl Maker {
    /// Something that no server should be sent.
    pub fn bad(&mut self) -> Step {
        let key = loop {
            let key = self.plain_key();
            // As the last word of a line it would be taken for something else.
            if key != b"noreply" {
                break key;
            }
        };
        match self.random.below(20) {
            0..11 => {
                let &(line, reply) = self.random.pick(LINES);
                Step::about(&key, with_key(line, &key), Want::of(reply))
            }
            11..16 => {
                let &(before, after, reply) = self.random.pick(BLOCKS);
                let block = self.value(&key);
                let mut send = with_key(before, &key);
                send.extend(format!("{}{after}\r\n", block.len()).bytes());
                send.extend_from_slice(&block);
                send.extend_from_slice(b"\r\n");
                Step::about(&key, send, Want::of(reply))
            }
            16 => self.block_as_lines(&key),
            17 | 18 => self.long_key(),
            _ => self.farewell(&key),
        }
    }

    /// A length that cannot be: what follows is taken for lines.
    fn block_as_lines(&mut self, key: &[u8]) -> Step {
        let line = self.random.pick(&["set K 0 0 +3\r\n", "ms K 3 !\r\n"]);
        let mut send = with_key(line, key);
        send.extend_from_slice(b"abc\r\n");
        Step::about(key, send, Want::of(format!("{BAD_LINE}ERROR\r\n")))
    }

    /// Keys of 251 bytes and more; in base64, those that take more room than the longest, or
    /// that decode to more.
    fn long_key(&mut self) -> Step {
        let len = 251 + self.random.below(300);
        if self.random.one_in(4) {
            let text = encode(&vec![b'l'; len]);
            let line = format!("mg {text} b\r\nms {text} 1 b\r\nx\r\nma {text} b N0\r\n");
            let want = format!("{BAD_LINE}{BAD_LINE}{BAD_SUM_FLAG}");
            return Step::new(line.into_bytes(), Want::of(want));
        }
        let key = vec![b'l'; len];
        let quiet = self.random.one_in(3);
        let tail = if quiet { " noreply" } else { "" };
        let block = self.value(b"k");
        let (line, want) = match self.random.below(8) {
            0 => ("get a K bb".into(), Want::of(BAD_LINE)),
            1 => ("gats 5 K a".into(), Want::of(BAD_LINE)),
            2 => (format!("delete K{tail}"), unless(quiet, BAD_LINE)),
            3 => (format!("incr K 1{tail}"), unless(quiet, BAD_LINE)),
            4 => (format!("touch K 1{tail}"), unless(quiet, BAD_LINE)),
            5 => ("mg K v".into(), Want::of(BAD_LINE)),
            6 => ("ma K N0".into(), Want::of(BAD_SUM_FLAG)),
            _ => (
                format!("set K 0 0 {}{tail}", block.len()),
                unless(quiet, BAD_LINE),
            ),
        };
        let mut send = with_key(&format!("{line}\r\n"), &key);
        if line.starts_with("set") {
            send.extend_from_slice(&block);
            send.extend_from_slice(b"\r\n");
        }
        Step::new(send, want)
    }

    /// What ends the connection.
    fn farewell(&mut self, key: &[u8]) -> Step {
        let send = match self.random.below(4) {
            0 => b"quit\r\n".to_vec(),
            1 => b"quit noreply\r\n".to_vec(),
            2 => with_key("GET / HTTP/1.1\r\n", key),
            _ => vec![b'x'; 2049 + self.random.below(100)],
        };
        Step::new(send, Want::none()).closing()
    }
}

/// The line with this key for `K`; no word of it but the key has that letter.
fn with_key(line: &str, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in line.split(" K").enumerate() {
        if index > 0 {
            bytes.push(b' ');
            bytes.extend_from_slice(key);
        }
        bytes.extend(part.bytes());
    }
    bytes
}
