//! Opening of a read-only history.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::HistoryError;
use super::file::{self, Found, VERSION};

/// Opens the file for reading. Makes no other files, unless another process has it open.
pub(super) fn open(path: &Path) -> Result<Connection, HistoryError> {
    let failed = |source| HistoryError::Database {
        path: path.to_owned(),
        source,
    };
    let connection = connect(path).map_err(failed)?;
    connection.busy_timeout(file::PATIENCE).map_err(failed)?;
    match file::found(&connection).map_err(failed)? {
        Found::History(VERSION) => Ok(connection),
        Found::History(found) => Err(HistoryError::Older {
            path: path.to_owned(),
            found,
        }),
        Found::Newer(found) => Err(HistoryError::Newer {
            path: path.to_owned(),
            found,
        }),
        Found::Nothing | Found::Foreign => Err(HistoryError::Foreign {
            path: path.to_owned(),
        }),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if is_in_use(path) {
        return Connection::open_with_flags(path, flags);
    }
    // In this mode, SQLite does not need an index in shared memory, which cannot be made in a read-only folder. No other process
    // has the file open, because a writer has a log in the same folder. A writer that starts now first writes to its log, and
    // changes the file at its end, long after this command has read it.
    Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI)
}

/// `true` if a writer has the file open, or died before its log was merged into the file.
fn is_in_use(path: &Path) -> bool {
    let is_written = |ending| fs::metadata(beside(path, ending)).is_ok_and(|log| log.len() > 0);
    is_written("-wal") || is_written("-journal")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// URI of a file that does not change.
fn immutable(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_escapes_what_would_end_it() {
        assert_eq!(
            immutable(Path::new("/a b/?c#%.sqlite")),
            "file:///a%20b/%3Fc%23%25.sqlite?immutable=1"
        );
    }
}
