//! Files that others read while they are made: whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::io::{Error, Write};
use std::path::{Path, PathBuf};

/// What could not be done, and why.
#[derive(Debug)]
pub struct ReplaceError {
    /// The step that failed.
    pub step: Step,
    /// The file that was to be renamed.
    pub unfinished: PathBuf,
    /// Why.
    pub error: Error,
}

/// A step of [`replace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opening the file that is to be renamed.
    Open,
    /// Writing it.
    Write,
    /// Giving it its name.
    Rename,
}

/// Puts a file with this text at `path`, in the place of one that is there. The text goes to a
/// second file first, whose name has `suffix` at its end, so that no reader finds a part of it.
///
/// # Errors
/// One of the steps fails; the second file may stay then.
pub fn replace(path: &Path, suffix: &str, text: &str) -> Result<(), ReplaceError> {
    let mut unfinished = OsString::from(path);
    unfinished.push(suffix);
    let unfinished = PathBuf::from(unfinished);
    let write = || {
        let mut file = fs::File::create(&unfinished).map_err(|e| (Step::Open, e))?;
        file.write_all(text.as_bytes())
            .map_err(|e| (Step::Write, e))?;
        fs::rename(&unfinished, path).map_err(|e| (Step::Rename, e))
    };
    write().map_err(|(step, error)| ReplaceError {
        step,
        unfinished,
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failure_names_its_step() {
        let path = std::env::temp_dir().join(format!("file-replace.{}", std::process::id()));
        let second = PathBuf::from(format!("{}.new", path.display()));
        fs::write(&second, "left over from a crash, and longer").unwrap();
        for text in ["one\n", "two\n"] {
            replace(&path, ".new", text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert!(!second.exists());
        }
        fs::remove_file(&path).unwrap();
        let failed = |path: &Path| replace(path, ".new", "x").unwrap_err();
        let nowhere = failed(Path::new("/no/such/directory/file"));
        assert_eq!(nowhere.step, Step::Open);
        assert_eq!(nowhere.unfinished, Path::new("/no/such/directory/file.new"));
        fs::create_dir(&path).unwrap();
        assert_eq!(failed(&path).step, Step::Rename);
        fs::remove_dir(&path).unwrap();
        fs::remove_file(&second).unwrap();
    }
}
