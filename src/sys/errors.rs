//! What an error is called.

use std::ffi::CStr;
use std::io::Error;

/// What the system calls an error: `Address already in use`, and nothing around it.
///
/// The `Display` form of an error adds its number, which people who grep for the
/// well-known texts do not expect.
pub fn error_text(error: &Error) -> String {
    let Some(code) = error.raw_os_error() else {
        return error.to_string();
    };
    let mut buffer = [0; 128];
    // SAFETY: the buffer is writable for its length.
    let failed = unsafe { call!(strerror_r(code, buffer.as_mut_ptr(), buffer.len())) } != 0;
    let bytes = buffer.map(libc::c_char::cast_unsigned);
    match CStr::from_bytes_until_nul(&bytes) {
        Ok(text) if !failed => text.to_string_lossy().into_owned(),
        _ => format!("Unknown error {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_the_system_calls_it() {
        let text = |code| error_text(&Error::from_raw_os_error(code));
        assert_eq!(text(libc::EADDRINUSE), "Address already in use");
        assert_eq!(text(libc::EMFILE), "Too many open files");
        assert_eq!(text(99_999), "Unknown error 99999");
        assert_eq!(error_text(&Error::other("plain")), "plain");
    }
}
