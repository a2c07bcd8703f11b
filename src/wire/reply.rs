//! The replies in text that are always the same, each written once.

#![forbid(unsafe_code)]
#![allow(missing_docs)] // the texts say what they are

pub const ERROR: &[u8] = b"ERROR\r\n";
pub const BAD_LINE: &[u8] = b"CLIENT_ERROR bad command line format\r\n";
pub const BAD_CHUNK: &[u8] = b"CLIENT_ERROR bad data chunk\r\n";
pub const BAD_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta argument\r\n";
pub const BAD_EXPIRY: &[u8] = b"CLIENT_ERROR invalid exptime argument\r\n";
pub const NOT_NUMERIC: &[u8] = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
pub const FLUSH_REFUSED: &[u8] = b"CLIENT_ERROR flush_all not allowed\r\n";
pub const DETAIL_REFUSED: &[u8] = b"CLIENT_ERROR stats detail not allowed\r\n";
pub const DETAIL_USAGE: &[u8] = b"CLIENT_ERROR usage: stats detail on|off|dump\r\n";
pub const SHUTDOWN_REFUSED: &[u8] = b"SERVER_ERROR: shutdown not enabled\r\n";
pub const SHUTDOWN_MODE: &[u8] = b"CLIENT_ERROR invalid shutdown mode\r\n";
pub const TOO_LARGE: &[u8] = b"SERVER_ERROR object too large for cache\r\n";
pub const NO_MEMORY_STORING: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";
pub const NO_MEMORY_READING: &[u8] = b"SERVER_ERROR Out of memory during read\r\n";
/// For a reply that cannot be made.
pub const NO_MEMORY: &[u8] = b"SERVER_ERROR out of memory\r\n";
pub const NO_MEMORY_RETRIEVING: &[u8] = b"SERVER_ERROR out of memory writing get response\r\n";
pub const LINE_TOO_LONG: &[u8] = b"SERVER_ERROR out of memory reading request\r\n";
pub const UNAUTHENTICATED: &[u8] = b"CLIENT_ERROR unauthenticated\r\n";
pub const LONG_AUTH_TOKEN: &[u8] = b"CLIENT_ERROR auth token too long\r\n";
pub const BAD_AUTH_END: &[u8] = b"CLIENT_ERROR bad command line termination\r\n";
pub const BAD_AUTH_TOKEN: &[u8] = b"CLIENT_ERROR bad authentication token format\r\n";
pub const AUTH_FAILURE: &[u8] = b"CLIENT_ERROR authentication failure\r\n";
/// For a client over the limit.
pub const TOO_MANY_CONNECTIONS: &[u8] = b"ERROR Too many open connections\r\n";
pub const NO_MEMORY_VIVIFYING: &[u8] = b"SERVER_ERROR Out of memory allocating new item\r\n";
pub const TOO_MANY_FLAGS: &[u8] = b"CLIENT_ERROR options flags are too long\r\n";
pub const DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR duplicate flag\r\n";
pub const INVALID_FLAG: &[u8] = b"CLIENT_ERROR invalid flag\r\n";
pub const BAD_TOKEN: &[u8] = b"CLIENT_ERROR bad token in command line format\r\n";
pub const BAD_META_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta value\r\n";
pub const BAD_SEED: &[u8] = b"CLIENT_ERROR invalid numeric initial value\r\n";
pub const BAD_BASE64: &[u8] = b"CLIENT_ERROR error decoding key\r\n";
pub const LONG_OPAQUE: &[u8] = b"CLIENT_ERROR opaque token too long\r\n";
pub const BAD_SET_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ms M token\r\n";
pub const BAD_ARITHMETIC_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ma M token\r\n";
pub const BAD_ARITHMETIC_FLAG: &[u8] = b"CLIENT_ERROR invalid or duplicate flag\r\n";
pub const NO_OP: &[u8] = b"MN\r\n";
pub const STORED: &[u8] = b"STORED\r\n";
pub const NOT_STORED: &[u8] = b"NOT_STORED\r\n";
pub const EXISTS: &[u8] = b"EXISTS\r\n";
pub const NOT_FOUND: &[u8] = b"NOT_FOUND\r\n";
pub const DELETED: &[u8] = b"DELETED\r\n";
pub const TOUCHED: &[u8] = b"TOUCHED\r\n";
pub const OK: &[u8] = b"OK\r\n";
pub const RESET: &[u8] = b"RESET\r\n";
pub const END: &[u8] = b"END\r\n";
/// The end of what meta commands list.
pub const EN: &[u8] = b"EN\r\n";
pub const CR_LF: &[u8] = b"\r\n";
