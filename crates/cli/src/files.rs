//! Output files. Each is written completely, or not at all.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes `content` to the file at `path`, and makes its folder. The old content stays until the new one is complete, so that a
/// full disk or a killed process leaves no partial file.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    written(path, content.as_ref()).with_context(|| format!("cannot write {}", path.display()))
}

fn written(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)?;
    // A link stays a link. Anything but a file, such as /dev/stdout, is written directly.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let found = fs::metadata(&target);
    if found.as_ref().is_ok_and(|found| !found.is_file()) {
        return fs::write(&target, content);
    }
    let part = beside(&target);
    let put_in_place = fs::write(&part, content)
        .and_then(|()| match &found {
            Ok(found) => fs::set_permissions(&part, found.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&part, &target));
    if put_in_place.is_err() {
        // The file may not exist.
        let _ = fs::remove_file(&part);
    }
    put_in_place
}

/// Path of the temporary file for `path`, in the same folder, since a file cannot be renamed across file systems.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".part-{}", std::process::id()));
    name.into()
}

/// Errors of several files.
#[derive(Debug)]
pub(crate) struct NotWritten(Vec<anyhow::Error>);

impl NotWritten {
    /// Error of the first file.
    pub(crate) fn first(&self) -> Option<&anyhow::Error> {
        self.0.first()
    }
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{error:#}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NotWritten {}

/// Combines the results of several files into one error that names every file with an error, in the order of writing.
pub(crate) fn all(written: impl IntoIterator<Item = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut errors: Vec<_> = written.into_iter().filter_map(Result::err).collect();
    match errors.len() {
        0 => Ok(()),
        1 => Err(errors.remove(0)),
        _ => Err(NotWritten(errors).into()),
    }
}

/// Adds `markdown` to the summary of the GitHub job, if there is one.
pub(crate) fn add_to_job_summary(markdown: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    append(Path::new(&path), &markdown())
}

/// Appends to a file.
pub(crate) fn append(path: &Path, content: &str) -> anyhow::Result<()> {
    let open = || fs::OpenOptions::new().create(true).append(true).open(path);
    open()
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Checks that a file can be made in the folder of `path`. Makes the folder if it does not exist.
pub(crate) fn check_writable(path: &Path) -> anyhow::Result<()> {
    let part = beside(path);
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&part, ""))
        .and_then(|()| fs::remove_file(&part))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_its_permissions_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/out.csv");
        write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        write(&link, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        write(Path::new("/dev/null"), "gone").unwrap();
    }

    #[test]
    fn every_file_that_was_not_written_is_named() {
        let full = || write(Path::new("/dev/full"), "x");
        assert!(all([Ok(()), Ok(())]).is_ok());
        let one = all([Ok(()), full()]).unwrap_err();
        assert!(one.is::<io::Error>(), "{one:?}");
        let both = all([full(), Ok(()), write(Path::new("/dev/null/x"), "")]).unwrap_err();
        let both = format!("{both:#}");
        let mut parts = both.split("; ");
        let is_named = |part: Option<&str>, name: &str| {
            part.is_some_and(|part| part.starts_with(&format!("cannot write {name}: ")))
        };
        assert!(is_named(parts.next(), "/dev/full"), "{both}");
        assert!(is_named(parts.next(), "/dev/null/x"), "{both}");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "kept").unwrap();
        let below = file.join("below");
        for error in [
            write(&below, "x").unwrap_err(),
            check_writable(&below).unwrap_err(),
        ] {
            let error = format!("{error:#}");
            assert!(error.starts_with("cannot write "), "{error}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        check_writable(&folder.path().join("new")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
