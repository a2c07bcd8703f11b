//! Who may log in: the password files of `-Y` and of `-S`, read at the start and again when
//! they change.
//!
//! ```text
//! worker   ─ name, password ─► table in memory ◄─ the whole file ─ mc-users ◄─ SIGHUP, a second
//! ```
//!
//! A file may be a pipe, or on a disk that does not answer, and then a thread that opens it, or only
//! looks at it, waits. So once the server runs one thread of their own does that, `mc-users`,
//! which runs only if there are such files: workers and the listener look into memory. The
//! mutex of a table is held for a question or an exchange, never while a file is read; logins
//! are rare.

#![forbid(unsafe_code)]

use super::passwords::{LINE_LEN_MAX, Passwords};
use crate::settings::Settings;
use crate::sys::errors::error_text;
use crate::sys::process;
use crate::upkeep::wakeup::Wakeup;
use std::ffi::OsString;
use std::io::Result as IoResult;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{env, fs};

/// What the process's surroundings say about SASL.
#[derive(Default)]
pub struct Environment {
    /// `MEMCACHED_SASL_PWDB`, the password file.
    pub password_file: Option<OsString>,
    /// `SASL_CONF_PATH`, where `memcached.conf` lies.
    pub config_directory: Option<OsString>,
    /// The name of this machine, the realm of names that have none.
    pub host: String,
    /// Where paths begin that are relative: a daemon goes elsewhere before it reads them.
    pub directory: PathBuf,
}

impl Environment {
    /// That of this process. Call it before the working directory is left.
    pub fn of_process() -> Environment {
        Environment {
            password_file: env::var_os("MEMCACHED_SASL_PWDB"),
            config_directory: env::var_os("SASL_CONF_PATH"),
            host: process::host_name(),
            directory: env::current_dir().unwrap_or_default(),
        }
    }

    /// Where a file is that was named at the start. What has no name is nowhere.
    fn locate(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() {
            return PathBuf::new();
        }
        self.directory.join(path)
    }

    /// The configuration of SASL for this server, if there is one.
    fn config_file(&self) -> Option<PathBuf> {
        if let Some(directory) = &self.config_directory {
            return Some(self.directory.join(directory).join(CONFIG_NAME));
        }
        CONFIG_DIRECTORIES
            .map(|directory| Path::new(directory).join(CONFIG_NAME))
            .into_iter()
            .find(|path| path.exists())
            // A directory of that name holds it, as it always could.
            .map(|path| {
                if path.is_dir() {
                    path.join(CONFIG_NAME)
                } else {
                    path
                }
            })
    }
}

const CONFIG_NAME: &str = "memcached.conf";
const CONFIG_DIRECTORIES: [&str; 2] = ["/etc/sasl", "/etc/sasl2"];

/// How often it is looked whether the SASL file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// As good as never.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// The password files in use.
#[derive(Default)]
pub struct Logins {
    text: Option<TextUsers>,
    sasl: Option<SaslUsers>,
    /// Whether all files are to be read again, and what wakes the thread that does it.
    is_asked: AtomicBool,
    wakeup: Wakeup,
}

impl Logins {
    /// Reads the files that the settings ask for.
    ///
    /// # Errors
    /// Text for standard error, as it is; the server must not start.
    pub fn read(settings: &Settings, environment: &Environment) -> Result<Logins, String> {
        let text = settings.auth_file.as_deref();
        let text = text.map(|path| TextUsers::read(path, environment.locate(path)));
        // With both it is the text protocol that clients log in by.
        let sasl = (settings.sasl && text.is_none()).then(|| SaslUsers::read(environment));
        Ok(Logins {
            text: text.transpose()?,
            sasl: sasl.transpose()?,
            ..Logins::default()
        })
    }

    /// Whether there are files, so that a thread must [`follow`](Self::follow) them.
    pub fn has_files(&self) -> bool {
        self.text.is_some() || self.sasl.is_some()
    }

    /// Has all files read again, soon. It waits for nothing.
    pub fn reload(&self) {
        self.is_asked.store(true, Relaxed);
        self.wakeup.wake();
    }

    /// Reads files again when that is asked for or, for SASL, when they have changed: what
    /// `mc-users` does.
    pub fn follow(&self) -> ! {
        let pause = self.sasl.as_ref().map_or(FOREVER, |_| LOOK_EVERY);
        loop {
            self.wakeup.wait(pause);
            if self.is_asked.swap(false, Relaxed) {
                self.read_again();
            } else if let Some(sasl) = &self.sasl {
                sasl.look();
            }
        }
    }

    /// Reads all files again. What cannot be read stays as it was.
    fn read_again(&self) {
        if let Some(text) = &self.text {
            text.reload();
        }
        if let Some(sasl) = &self.sasl {
            sasl.reload();
        }
    }

    /// Whether a client that sends these may log in by text.
    pub fn admits_by_text(&self, user: &[u8], password: &[u8]) -> bool {
        let text = self.text.as_ref();
        text.is_some_and(|text| text.table.lock().unwrap().has(user, password))
    }

    /// Whether a client that sends these may log in by SASL PLAIN: as whom it wants to act,
    /// who it is, and its password.
    pub fn admits_by_plain(&self, act_as: &[u8], user: &[u8], password: &[u8]) -> bool {
        let sasl = self.sasl.as_ref();
        sasl.is_some_and(|sasl| sasl.admits(act_as, user, password))
    }

    /// Whether the mechanism PLAIN is on offer.
    pub fn offers_plain(&self) -> bool {
        self.sasl.as_ref().is_some_and(|sasl| sasl.offers_plain)
    }
}

/// The file of `-Y`.
struct TextUsers {
    /// As it was given, which is how it is shown.
    shown: PathBuf,
    path: PathBuf,
    table: Mutex<Passwords>,
}

impl TextUsers {
    fn read(shown: &Path, path: PathBuf) -> Result<TextUsers, String> {
        let users = TextUsers {
            shown: shown.into(),
            path,
            table: Mutex::default(),
        };
        *users.table.lock().unwrap() = users.table()?;
        Ok(users)
    }

    /// What the file holds now.
    fn table(&self) -> Result<Passwords, String> {
        let shown = self.shown.display();
        let bytes = fs::read(&self.path).map_err(|error| {
            let error = error_text(&error);
            format!("Could not open authfile [{shown}] for reading, error {error}: {error}\n")
        })?;
        Passwords::of_text_file(&bytes).ok_or_else(|| {
            // Without a line end, as it always was.
            format!("Authfile [{shown}] has a malformed entry. Should be 'user:password'")
        })
    }

    fn reload(&self) {
        match self.table() {
            Ok(table) => *self.table.lock().unwrap() = table,
            Err(complaint) => log!("{}; the users of before stay", complaint.trim_end()),
        }
    }
}

/// The file that `MEMCACHED_SASL_PWDB` names.
struct SaslUsers {
    path: PathBuf,
    host: String,
    /// Whether the configuration leaves PLAIN among the mechanisms.
    offers_plain: bool,
    table: Mutex<Passwords>,
    /// Of `mc-users` alone, which holds it while it reads.
    seen: Mutex<Seen>,
}

/// What is known of the file.
struct Seen {
    /// As it was when the table was read from it.
    stamp: Option<Stamp>,
    /// Whether a line has said that the file cannot be read any more.
    is_reported: bool,
}

/// What is different when a file has been: device, inode, bytes, time of the last change.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, u64, i64, i64);

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let m = fs::metadata(path).ok()?;
        Some(Stamp(m.dev(), m.ino(), m.len(), m.ctime(), m.ctime_nsec()))
    }
}

impl SaslUsers {
    fn read(environment: &Environment) -> Result<SaslUsers, String> {
        let refusal = |why: &str| format!("SASL: {why}\nError initializing sasl.\n");
        let Some(path) = environment.password_file.as_ref() else {
            return Err(refusal("MEMCACHED_SASL_PWDB must name a password file"));
        };
        let path = environment.locate(path.as_ref());
        let stamp = Stamp::of(&path);
        let table = read_table(&path).map_err(|error| {
            let error = error_text(&error);
            refusal(&format!("{}: {error}", path.display()))
        })?;
        Ok(SaslUsers {
            path,
            host: environment.host.clone(),
            offers_plain: read_config(environment),
            table: Mutex::new(table),
            seen: Mutex::new(Seen {
                stamp,
                is_reported: false,
            }),
        })
    }

    fn admits(&self, act_as: &[u8], user: &[u8], password: &[u8]) -> bool {
        let at_host = [b"@", self.host.as_bytes()].concat();
        let name = user.trim_ascii();
        if name.is_empty() {
            return false;
        }
        let has_realm = name.contains(&b'@');
        let full = if has_realm {
            name.to_vec()
        } else {
            [name, &at_host].concat()
        };
        // To act for another user would need a rule that allows it, and there is none.
        let is_itself = act_as.is_empty() || act_as == user || !has_realm && act_as == full;
        let bare = name.strip_suffix(&at_host[..]);
        let bare = bare.filter(|bare| !bare.is_empty()).unwrap_or(name);
        self.table.lock().unwrap().admits(&full, bare, password) && is_itself
    }

    fn reload(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.is_reported = false;
        self.read_again(&mut seen);
    }

    /// Reads the file if it has changed.
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap();
        if Stamp::of(&self.path) != seen.stamp {
            self.read_again(&mut seen);
        }
    }

    /// Reads the file, or leaves the table as it was: then the next look tries again, since what
    /// was in the way (too many open files) may be gone by then.
    fn read_again(&self, seen: &mut Seen) {
        let stamp = Stamp::of(&self.path);
        match read_table(&self.path) {
            Ok(table) => {
                *self.table.lock().unwrap() = table;
                *seen = Seen {
                    stamp,
                    is_reported: false,
                }
            }
            Err(error) if !seen.is_reported => {
                let (path, error) = (self.path.display(), error_text(&error));
                log!("SASL: {path}: {error}; the users of before stay");
                seen.is_reported = true;
            }
            Err(_) => {}
        }
    }
}

/// Reads a SASL password file, with remarks on standard error.
fn read_table(path: &Path) -> IoResult<Passwords> {
    /// Everybody may read it.
    const READABLE_BY_OTHERS: u32 = 0o004;
    let table = Passwords::of_sasl_file(&fs::read(path)?);
    let shown = path.display();
    if table.too_long > 0 {
        let count = table.too_long;
        log!("SASL: {shown}: lines of more than {LINE_LEN_MAX} bytes are ignored: {count}");
    }
    if fs::metadata(path)?.mode() & READABLE_BY_OTHERS != 0 {
        log!("SASL: {shown}: everybody can read the passwords");
    }
    Ok(table)
}

/// Whether the configuration leaves PLAIN to be offered; with remarks on standard error.
fn read_config(environment: &Environment) -> bool {
    let file = environment.config_file();
    let text = file.and_then(|path| fs::read_to_string(path).ok());
    let text = text.unwrap_or_default();
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| name.trim() == key);
        found.map(|(_, value)| value.trim())
    };
    if let Some(method) = value("pwcheck_method").filter(|&method| method != "auxprop") {
        log!("SASL: {CONFIG_NAME}: pwcheck_method {method} is not available; the password file is");
    }
    let Some(list) = value("mech_list") else {
        return true;
    };
    let has_plain = list
        .split_whitespace()
        .any(|name| name.eq_ignore_ascii_case("PLAIN"));
    if !has_plain {
        log!("SASL: {CONFIG_NAME}: mech_list has no PLAIN, the one mechanism there is");
    }
    has_plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn temp_file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("{name}.{}", std::process::id()));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn sasl(path: &Path) -> Result<Logins, String> {
        let settings = Settings {
            sasl: true,
            ..Settings::default()
        };
        let environment = Environment {
            password_file: Some(path.into()),
            config_directory: Some("/no/such/directory".into()),
            host: "here".into(),
            directory: PathBuf::new(),
        };
        Logins::read(&settings, &environment)
    }

    #[test]
    fn a_name_without_a_realm_is_of_this_machine() {
        let users = "bob@here:one\nann:two\neve@there:three\n:four\n";
        let path = temp_file("logins-realm", users);
        let logins = sasl(&path).unwrap();
        let admits = |user: &str, password: &str| {
            logins.admits_by_plain(b"", user.as_bytes(), password.as_bytes())
        };
        assert!(admits("bob", "one") && admits("bob@here", "one") && admits(" bob ", "one"));
        assert!(admits("ann", "two") && admits("ann@here", "two"));
        assert!(admits("eve@there", "three"));
        assert!(!admits("eve", "three") && !admits("eve@here", "three"));
        assert!(!admits("ann@there", "two") && !admits("", "two") && !admits("  ", ""));
        assert!(!admits("", "four") && !admits("@here", "four") && !admits(" @here ", "four"));
        let as_whom = |act_as: &[u8], user: &[u8]| logins.admits_by_plain(act_as, user, b"one");
        assert!(as_whom(b"", b"bob") && as_whom(b"bob", b"bob") && as_whom(b"bob@here", b"bob"));
        assert!(!as_whom(b"eve", b"bob") && !as_whom(b"bob", b"bob@here"));
        assert!(logins.offers_plain());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn without_files_no_client_is_admitted() {
        let none = Logins::default();
        assert!(!none.admits_by_text(b"", b"") && !none.admits_by_plain(b"", b"a", b""));
        assert!(!none.offers_plain());
        let refused = sasl(Path::new("/no/such/file")).err().unwrap();
        assert_eq!(
            refused,
            "SASL: /no/such/file: No such file or directory\nError initializing sasl.\n"
        );
    }

    #[test]
    fn a_text_file_is_read_again_and_a_bad_one_changes_nothing() {
        let path = temp_file("logins-text", "bob:one\n");
        let settings = Settings {
            auth_file: Some(path.clone()),
            ..Settings::default()
        };
        let logins = Logins::read(&settings, &Environment::default()).unwrap();
        assert!(logins.admits_by_text(b"bob", b"one"));
        fs::write(&path, "bob:two\n").unwrap();
        assert!(logins.admits_by_text(b"bob", b"one"));
        logins.read_again();
        assert!(logins.admits_by_text(b"bob", b"two"));
        fs::write(&path, "bob\n").unwrap();
        logins.read_again();
        assert!(logins.admits_by_text(b"bob", b"two"));
        fs::remove_file(&path).unwrap();
        logins.read_again();
        assert!(logins.admits_by_text(b"bob", b"two"));
    }
}
