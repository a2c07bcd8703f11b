//! The user that the process runs as.

use super::check;
use super::errors::error_text;
use super::exit_code;
use std::ffi::CString;
use std::io::Error;
use std::{fmt, ptr};

/// Why a process that was started as root could not become another user.
#[derive(Debug)]
pub enum PrivilegeError {
    /// No user was named, and running as root must be asked for.
    NoUser,
    /// No such user.
    UnknownUser(String),
    /// The supplementary groups stay.
    Groups(Error),
    /// The user or group id stays.
    Identity(String),
}

impl PrivilegeError {
    /// The status to exit with.
    pub fn exit_code(&self) -> i32 {
        match self {
            PrivilegeError::NoUser => exit_code::USAGE,
            PrivilegeError::UnknownUser(_) => exit_code::NO_USER,
            PrivilegeError::Groups(_) | PrivilegeError::Identity(_) => exit_code::OS_ERROR,
        }
    }
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivilegeError::NoUser => f.write_str("must add '-u root' to start as root"),
            PrivilegeError::UnknownUser(user) => {
                write!(f, "can't find the user {user} to switch to")
            }
            PrivilegeError::Groups(error) => {
                let error = error_text(error);
                write!(f, "failed to drop supplementary groups: {error}")
            }
            PrivilegeError::Identity(user) => {
                write!(f, "failed to assume identity of user {user}")
            }
        }
    }
}

/// Whether the process has the rights of root, real or effective.
pub fn is_root() -> bool {
    // SAFETY: no pointers; these calls cannot fail.
    unsafe { libc::getuid() == 0 || libc::geteuid() == 0 }
}

/// Becomes `user`, for good: no supplementary groups, then the group, then the user.
///
/// Does nothing, and does not even look the user up, unless the process is root. In a
/// sandbox that forbids only the change of groups the rest is done all the same and the
/// complaint is returned, to be shown. Call it before other threads start.
pub fn drop_privileges(
    user: Option<&str>,
) -> std::result::Result<Option<PrivilegeError>, PrivilegeError> {
    if !is_root() {
        return Ok(None);
    }
    let user = user.filter(|u| !u.is_empty());
    let user = user.ok_or(PrivilegeError::NoUser)?;
    let (uid, gid) = look_up(user).ok_or_else(|| PrivilegeError::UnknownUser(user.into()))?;

    // SAFETY: a count of zero means that nothing is read through the pointer.
    let groups = match check(unsafe { call!(setgroups(0, ptr::null())) }) {
        Ok(_) => None,
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => Some(PrivilegeError::Groups(e)),
        Err(e) => return Err(PrivilegeError::Groups(e)),
    };
    // The group first: afterwards the right to change it is gone.
    // SAFETY: no pointers.
    if unsafe { call!(setgid(gid)) < 0 || call!(setuid(uid)) < 0 } {
        return Err(PrivilegeError::Identity(user.into()));
    }
    Ok(groups)
}

/// Ids of a user known by name; a number is not a name.
fn look_up(user: &str) -> Option<(libc::uid_t, libc::gid_t)> {
    const BUFFER_MAX: usize = 1 << 20;
    let user = CString::new(user).ok()?;
    let mut buffer: Vec<libc::c_char> = vec![0; 1024];
    loop {
        // SAFETY: all-zero is a valid passwd, with null pointers.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = ptr::null_mut();
        // SAFETY: `user` ends with NUL, the buffer is writable for its length, and the
        // three outlive both the call and all use of what it stores in them.
        let code = unsafe {
            call!(getpwnam_r(
                user.as_ptr(),
                &mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &mut found,
            ))
        };
        match code {
            libc::ERANGE if buffer.len() < BUFFER_MAX => buffer.resize(buffer.len() * 4, 0),
            libc::EINTR => {}
            0 if !found.is_null() => return Some((entry.pw_uid, entry.pw_gid)),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_looked_up_by_name_alone() {
        assert_eq!(look_up("root"), Some((0, 0)));
        assert_eq!(look_up("0"), None);
        assert_eq!(look_up("no-such-user-here"), None);
        assert_eq!(look_up("nul\0inside"), None);
    }

    #[test]
    fn the_wish_to_stay_root_must_be_spoken() {
        for user in [None, Some("")] {
            match drop_privileges(user) {
                Ok(_) => assert!(!is_root()),
                Err(refused) => {
                    assert_eq!(refused.exit_code(), 64);
                    assert_eq!(refused.to_string(), "must add '-u root' to start as root");
                }
            }
        }
        match drop_privileges(Some("no-such-user-here")) {
            Ok(_) => assert!(!is_root()),
            Err(refused) => {
                assert_eq!(refused.exit_code(), 67);
                let text = "can't find the user no-such-user-here to switch to";
                assert_eq!(refused.to_string(), text);
            }
        }
    }
}
