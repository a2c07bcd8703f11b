//! Whether replies are such that a client can take them apart, and belong to its requests.

/// Lines of text replies that are one word.
const WORDS: [&[u8]; 15] = [
    b"STORED",
    b"NOT_STORED",
    b"EXISTS",
    b"NOT_FOUND",
    b"DELETED",
    b"TOUCHED",
    b"OK",
    b"RESET",
    b"END",
    b"EN",
    b"MN",
    b"ERROR",
    b"HD",
    b"NS",
    b"NF",
];

/// What lines begin with that have more than a word.
const BEGINNINGS: [&[u8]; 24] = [
    b"HD ",
    b"NS ",
    b"EX",
    b"NF ",
    b"EN ",
    b"ME ",
    b"CLIENT_ERROR ",
    b"SERVER_ERROR ",
    b"ERROR ",
    b"SERVER_ERROR: ",
    b"VERSION ",
    b"STAT ",
    b"ITEM ",
    b"PREFIX ",
    b"mg ",
    b"BUSY ",
    b"BADCLASS ",
    b"NOSPARE ",
    b"SAME ",
    b"NOTSTARTED ",
    b"MEMLIMIT_TOO_SMALL ",
    b"MEMLIMIT_ADJUST_FAILED ",
    b"Error TLS ",
    b"MN ",
];

/// Takes replies in text apart.
///
/// # Errors
/// What a client could not take apart, and where.
pub fn check_text(replies: &[u8]) -> Result<(), String> {
    let mut rest = replies;
    while !rest.is_empty() {
        let shown = || rest[..rest.len().min(300)].escape_ascii().to_string();
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(format!("a line without end: {}", shown()));
        };
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        if line.starts_with(b"key=") {
            rest = after; // the one kind of line that ends in a bare line feed
            continue;
        }
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(format!("a line that ends in a bare line feed: {}", shown()));
        };
        let value_len = if line.starts_with(b"VALUE ") {
            let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
            let numbers = words.get(2..).unwrap_or_default();
            let are_numbers =
                matches!(numbers.len(), 2 | 3) && numbers.iter().all(|n| is_number(n));
            let Some(len) = number(words.get(3)).filter(|_| are_numbers) else {
                return Err(format!("a bad VALUE: {}", shown()));
            };
            Some(len)
        } else if line.starts_with(b"VA ") {
            let mut words = line.split(|&byte| byte == b' ');
            let Some(len) = number(words.nth(1).as_ref()) else {
                return Err(format!("a bad VA: {}", shown()));
            };
            Some(len)
        } else {
            None
        };
        rest = match value_len {
            Some(len) if after.get(len..len + 2) == Some(b"\r\n") => &after[len + 2..],
            Some(_) => return Err(format!("a value of another length: {}", shown())),
            None if is_known(line) => after,
            None => return Err(format!("a line that no client knows: {}", shown())),
        };
    }
    Ok(())
}

fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

fn number(word: Option<&&[u8]>) -> Option<usize> {
    let word = word.filter(|word| is_number(word))?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn is_known(line: &[u8]) -> bool {
    is_number(line) || WORDS.contains(&line) || BEGINNINGS.iter().any(|text| line.starts_with(text))
}

/// Bytes of a binary header.
pub const HEADER_LEN: usize = 24;
/// Longest header, extras and key together, as clients are told.
const HEAD_LEN_MAX: usize = 16 << 10;
const MAGIC: u8 = 0x80;
const MAGIC_REPLY: u8 = 0x81;
const STAT: u8 = 0x10;
/// Opcodes that may be answered by nothing.
const QUIET: [u8; 14] = [
    0x09, 0x0d, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1e, 0x24,
];

/// A frame, in either direction.
struct Frame<'b> {
    magic: u8,
    opcode: u8,
    opaque: [u8; 4],
    status: u16,
    extras_len: usize,
    key_len: usize,
    body_len: usize,
    /// As much of it as is there.
    body: &'b [u8],
}

impl<'b> Frame<'b> {
    fn read(bytes: &'b [u8]) -> Option<Frame<'b>> {
        let h: &[u8; HEADER_LEN] = bytes.first_chunk()?;
        let body_len = u32::from_be_bytes([h[8], h[9], h[10], h[11]]) as usize;
        let rest = &bytes[HEADER_LEN..];
        Some(Frame {
            magic: h[0],
            opcode: h[1],
            key_len: usize::from(u16::from_be_bytes([h[2], h[3]])),
            extras_len: usize::from(h[4]),
            status: u16::from_be_bytes([h[6], h[7]]),
            opaque: [h[12], h[13], h[14], h[15]],
            body_len,
            body: &rest[..rest.len().min(body_len)],
        })
    }

    /// Whether more can be said of a request than that it is refused, once its key is here.
    fn may_be_read(&self) -> bool {
        let head_len = self.key_len + self.extras_len;
        self.magic == MAGIC && head_len <= self.body_len && HEADER_LEN + head_len <= HEAD_LEN_MAX
    }

    fn is_whole(&self) -> bool {
        self.body.len() == self.body_len
    }

    fn answers(&self, request: &Frame<'_>) -> bool {
        self.opcode == request.opcode && self.opaque == request.opaque
    }

    /// Whether it is the last of the replies to its request.
    fn is_last(&self) -> bool {
        self.opcode != STAT || self.status != 0 || self.body_len == 0
    }
}

/// Takes replies in frames apart, and finds for each the request that it answers.
///
/// # Errors
/// What does not fit together.
pub fn check_binary(requests: &[u8], replies: &[u8], closed: bool) -> Result<(), String> {
    let replies = take_replies(replies)?;
    let mut left = &replies[..];
    let mut at = 0;
    while let Some(request) = Frame::read(&requests[at..]) {
        if !request.may_be_read() {
            break;
        }
        at += HEADER_LEN + request.body.len();
        let mut answered = false;
        while let Some((reply, rest)) = left.split_first()
            && reply.answers(&request)
        {
            (left, answered) = (rest, true);
            if reply.is_last() {
                break;
            }
        }
        if !request.is_whole() {
            break;
        }
        if !answered && !QUIET.contains(&request.opcode) {
            if closed {
                break;
            }
            let (opcode, opaque) = (request.opcode, request.opaque);
            return Err(format!("no reply to {opcode:#04x} {opaque:02x?}"));
        }
    }
    // One that was refused for what its header says.
    if let Some((reply, rest)) = left.split_first()
        && closed
        && Frame::read(&requests[at..]).is_some_and(|request| reply.answers(&request))
    {
        left = rest;
    }
    match left.first() {
        None => Ok(()),
        Some(r) => Err(format!(
            "a reply to nothing: {:#04x} {:02x?}",
            r.opcode, r.opaque
        )),
    }
}

fn take_replies(mut rest: &[u8]) -> Result<Vec<Frame<'_>>, String> {
    let mut replies = Vec::new();
    while !rest.is_empty() {
        let shown = || rest[..rest.len().min(60)].escape_ascii().to_string();
        let reply = Frame::read(rest).filter(Frame::is_whole);
        let Some(reply) = reply else {
            return Err(format!("part of a reply: {}", shown()));
        };
        let fits = reply.extras_len + reply.key_len <= reply.body_len;
        if reply.magic != MAGIC_REPLY || !fits || rest[5] != 0 {
            return Err(format!("a bad reply: {}", shown()));
        }
        rest = &rest[HEADER_LEN + reply.body_len..];
        replies.push(reply);
    }
    Ok(replies)
}

/// How many bytes of the last frame of `requests` are missing, if that is known.
pub fn missing(requests: &[u8]) -> Option<usize> {
    let mut rest = requests;
    while !rest.is_empty() {
        let frame = Frame::read(rest).filter(Frame::may_be_read)?;
        if !frame.is_whole() {
            return Some(frame.body_len - frame.body.len());
        }
        rest = &rest[HEADER_LEN + frame.body_len..];
    }
    Some(0)
}
