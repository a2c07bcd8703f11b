//! Exit codes of the server, once: those that are not plain failures are from `sysexits.h`.

/// Any other reason.
pub const FAILURE: i32 = 1;
/// The options contradict each other (`EX_USAGE`).
pub const USAGE: i32 = 64;
/// There is no such user (`EX_NOUSER`).
pub const NO_USER: i32 = 67;
/// The operating system refused something (`EX_OSERR`).
pub const OS_ERROR: i32 = 71;
