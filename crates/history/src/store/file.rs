//! Tables of the history, and conversion of their rows.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::{
    Connection, ErrorCode, MAIN_DB, OptionalExtension, Row, Transaction, TransactionBehavior, ffi,
    params,
};

use super::{HistoryError, Owner, blob, unix_ms};
use bakeoff_record::coarse::CoarseRun;
use bakeoff_record::json::{CoarseRecord, MeasurementRecord, SecondRecord, SourceRecord};
use bakeoff_record::run::Measurement;
use bakeoff_record::stored::{Figures, RunId, RunState, StoredRun};

/// Version of the tables. A newer version is an error.
pub(super) const VERSION: i64 = 2;

/// Application id in the file, which no other program uses.
const APPLICATION: i64 = 0x626b_6f66;

/// Longest wait for another process that writes.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

const TABLES: &str = "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        host TEXT NOT NULL,
        config TEXT NOT NULL,
        bakeoff_version TEXT NOT NULL,
        machine TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'running',
        owner INTEGER NOT NULL,
        owner_started INTEGER NOT NULL,
        notes TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        users INTEGER NOT NULL DEFAULT 0,
        period_us INTEGER NOT NULL DEFAULT 0,
        requests INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        requests_per_second REAL,
        median_us INTEGER,
        p95_us INTEGER,
        p99_us INTEGER,
        -- The record of the measurement without its timeline, or that of a coarse run, compressed.
        measurement BLOB
    );
    -- The timeline: one compressed record a second.
    CREATE TABLE seconds (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
        second INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (run, second)
    ) WITHOUT ROWID;
";

/// Migrations: the first one upgrades a file from version 1 to version 2.
const LATER: [&str; 1] = [
    // Source of a coarse run; null for a run of Bakeoff. An unknown value is -1 in columns without nulls.
    "ALTER TABLE runs ADD COLUMN source TEXT;",
];

/// Unknown value in a column without nulls.
const UNKNOWN: i64 = -1;

/// Columns that [`stored_run`] reads, in its order.
pub(super) const COLUMNS: &str = "id, name, host, config, started_at_ms, state, notes, tags, \
    users, period_us, requests, failures, requests_per_second, median_us, p95_us, p99_us, source";

/// Opens the file. Makes its tables if they do not exist.
pub(super) fn open(path: &Path) -> Result<Connection, HistoryError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| HistoryError::Folder {
            path: folder.to_owned(),
            source,
        })?;
    }
    let failed = |source| failed(path, source);
    make_for_owner(path);
    let mut connection = Connection::open(path).map_err(failed)?;
    if connection.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(failed(read_only()));
    }
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    match prepare(&mut connection).map_err(failed)? {
        Found::Nothing | Found::History(_) => Ok(connection),
        Found::Foreign => Err(HistoryError::Foreign {
            path: path.to_owned(),
        }),
        Found::Newer(found) => Err(HistoryError::Newer {
            path: path.to_owned(),
            found,
        }),
    }
}

/// Error of a file that cannot be used or written.
pub(super) fn failed(path: &Path, source: rusqlite::Error) -> HistoryError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        // The second code is from a folder in which no file can be made.
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            HistoryError::ReadOnly { path, source }
        }
        _ => HistoryError::Database { path, source },
    }
}

fn read_only() -> rusqlite::Error {
    let code = ffi::Error::new(ffi::SQLITE_READONLY);
    rusqlite::Error::SqliteFailure(code, Some("the file is read-only".to_owned()))
}

/// Makes the file where there is none, readable by its owner alone: it names hosts and what they answered.
fn make_for_owner(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    // One that is there stays as it is, and one that cannot be made is an error of the database's.
    let _ = options.open(path);
}

/// Content of a database file.
pub(super) enum Found {
    /// No table.
    Nothing,
    /// A history of this version or an earlier one.
    History(i64),
    Foreign,
    Newer(i64),
}

pub(super) fn found(connection: &Connection) -> rusqlite::Result<Found> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(if application != APPLICATION && tables > 0 {
        Found::Foreign
    } else if version > VERSION {
        Found::Newer(version)
    } else if tables == 0 {
        Found::Nothing
    } else {
        Found::History(version.max(1))
    })
}

/// Upgrades the tables, and returns the content of the file before.
fn prepare(connection: &mut Connection) -> rusqlite::Result<Found> {
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = found(&transaction)?;
    let version = match found {
        Found::Nothing => {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            1
        }
        Found::History(version) => version,
        Found::Foreign | Found::Newer(_) => return Ok(found),
    };
    for (step, version) in LATER
        .into_iter()
        .zip(2..)
        .skip(usize::try_from(version - 1).unwrap_or(0))
    {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit()?;
    // Readers do not wait for the writer, and a second costs no flush to the disk. A file system that cannot do it
    // keeps its own mode, which is slower and as safe.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(found)
}

/// Writes the new part of a measurement. Returns `false` if there is no such run.
pub(super) fn write(
    connection: &mut Connection,
    run: RunId,
    measurement: &Measurement,
    state: RunState,
) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "SELECT started_at_ms FROM runs WHERE id = ?1";
    let known: Option<i64> = transaction
        .query_row(sql, [run.0], |row| row.get(0))
        .optional()?;
    let Some(known) = known else {
        return Ok(false);
    };
    let anew = known != unix_ms(measurement.started_at);
    write_seconds(&transaction, run, measurement, anew)?;
    write_totals(&transaction, run, measurement, state)?;
    transaction.commit()?;
    Ok(true)
}

fn write_seconds(
    transaction: &Transaction<'_>,
    run: RunId,
    measurement: &Measurement,
    anew: bool,
) -> rusqlite::Result<()> {
    if anew {
        transaction.execute("DELETE FROM seconds WHERE run = ?1", [run.0])?;
    }
    let sql = "SELECT coalesce(max(second) + 1, 0) FROM seconds WHERE run = ?1";
    let saved: i64 = transaction.query_row(sql, [run.0], |row| row.get(0))?;
    let sql = "INSERT INTO seconds (run, second, record) VALUES (?1, ?2, ?3)";
    let mut insert = transaction.prepare(sql)?;
    let new = measurement
        .timeline
        .iter()
        .skip(usize::try_from(saved).unwrap_or(0));
    for (second, record) in (saved..).zip(new) {
        insert.execute(params![
            run.0,
            second,
            blob::pack(&SecondRecord::from(record))
        ])?;
    }
    Ok(())
}

fn write_totals(
    transaction: &Transaction<'_>,
    run: RunId,
    measurement: &Measurement,
    state: RunState,
) -> rusqlite::Result<()> {
    let figures = Figures::of(measurement);
    let sql = "UPDATE runs SET started_at_ms = ?2, state = ?3, users = ?4, period_us = ?5, requests = ?6, failures = ?7, \
               requests_per_second = ?8, median_us = ?9, p95_us = ?10, p99_us = ?11, measurement = ?12 WHERE id = ?1";
    transaction.prepare(sql)?.execute(params![
        run.0,
        unix_ms(measurement.started_at),
        state_word(state),
        known(figures.users.map(u64::from)),
        figures.period.map_or(UNKNOWN, us),
        known(Some(figures.requests)),
        known(figures.failures),
        figures.requests_per_second,
        figures.median.map(us),
        figures.p95.map(us),
        figures.p99.map(us),
        blob::pack(&MeasurementRecord::without_timeline(measurement)),
    ])?;
    Ok(())
}

/// Adds a run of another program.
pub(super) fn insert_coarse(
    connection: &mut Connection,
    owner: Owner,
    run: &CoarseRun,
) -> rusqlite::Result<RunId> {
    let figures = Figures::from(run);
    let sql = "INSERT INTO runs (name, host, config, bakeoff_version, machine, owner, owner_started, state, source, \
               started_at_ms, users, period_us, requests, failures, requests_per_second, median_us, p95_us, p99_us, \
               measurement) \
               VALUES (?1, ?2, ?3, '', '', ?4, ?5, 'finished', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    connection.prepare(sql)?.execute(params![
        run.name,
        run.host.as_deref().unwrap_or_default(),
        format!("imported from {}", run.source.title()),
        owner.process,
        owner.started,
        SourceRecord::from(&run.source).word(),
        run.started_at.map_or(UNKNOWN, unix_ms),
        known(figures.users.map(u64::from)),
        figures.period.map_or(UNKNOWN, us),
        known(Some(figures.requests)),
        known(figures.failures),
        figures.requests_per_second,
        figures.median.map(us),
        figures.p95.map(us),
        figures.p99.map(us),
        blob::pack(&CoarseRecord::from(run)),
    ])?;
    Ok(RunId(connection.last_insert_rowid()))
}

/// Converts a row of [`COLUMNS`]. Invalid values, which Bakeoff does not write, become unknown.
pub(super) fn stored_run(row: &Row<'_>) -> rusqlite::Result<StoredRun> {
    let known = |column| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(column)?).ok());
    let source: Option<String> = row.get(16)?;
    let time = |column| {
        let us: Option<i64> = row.get(column)?;
        Ok::<_, rusqlite::Error>(us.map(|us| Duration::from_micros(us.unsigned_abs())))
    };
    Ok(StoredRun {
        id: RunId(row.get(0)?),
        name: row.get(1)?,
        host: row.get(2)?,
        config: row.get(3)?,
        started_at: known(4)?.map(moment),
        state: match row.get_ref(5)?.as_str()? {
            "running" => RunState::Running,
            "finished" => RunState::Finished,
            _ => RunState::CutShort,
        },
        source: source
            .and_then(|word| SourceRecord::of_word(&word))
            .and_then(|source| source.try_into().ok()),
        notes: row.get(6)?,
        tags: serde_json::from_str(row.get_ref(7)?.as_str()?).unwrap_or_default(),
        figures: Figures {
            users: known(8)?.map(|users| u32::try_from(users).unwrap_or(u32::MAX)),
            period: known(9)?.map(Duration::from_micros),
            requests: known(10)?.unwrap_or(0),
            failures: known(11)?,
            requests_per_second: row.get(12)?,
            median: time(13)?,
            p95: time(14)?,
            p99: time(15)?,
        },
    })
}

fn moment(unix_ms: u64) -> SystemTime {
    let since = Duration::from_millis(unix_ms);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn state_word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Finished => "finished",
        RunState::CutShort => "cut short",
    }
}

fn known(number: Option<u64>) -> i64 {
    number.map_or(UNKNOWN, |number| i64::try_from(number).unwrap_or(i64::MAX))
}

fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
