//! History of runs: all load tests in one database file.
//!
//! This is the only module of the crate with side effects. A run is written during the load, one row per second, so that
//! a killed process loses at most its last second. The cost of a save does not grow with the run. Several processes can
//! use the file at the same time.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, params};

use bakeoff_record::coarse::CoarseRun;
use bakeoff_record::json::{CoarseRecord, MachineRecord, MeasurementRecord};
use bakeoff_record::machine::Machine;
use bakeoff_record::run::{LoadTest, Measurement};
use bakeoff_record::stored::{Detail, RunId, RunState, StoredRun};

mod blob;
mod entry;
mod error;
mod file;
mod owner;
mod read_only;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use error::{DamagedRun, HistoryError};
use owner::Owner;

/// Maximum number of runs in a list.
pub const MOST_LISTED: usize = 500;

/// A run at its start.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Name of the scenario.
    pub name: String,
    /// Address of the server.
    pub host: String,
    /// Description of the load for people, such as `70 users at 10/s for 1m`.
    pub config: String,
    /// Version of Bakeoff.
    pub bakeoff_version: String,
    /// Machine that makes the load.
    pub machine: Machine,
    /// Words of the user, for the search.
    pub tags: Vec<String>,
}

/// An open history.
#[derive(Debug)]
pub struct History {
    connection: Connection,
    path: PathBuf,
    owner: Owner,
    cut_short: Vec<StoredRun>,
}

impl History {
    /// Opens the history at `path`. Makes the file and its folder if they do not exist.
    ///
    /// Unfinished runs of dead processes are marked as cut short; [`History::cut_short`] lists them.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let connection = file::open(path)?;
        let mut history = Self {
            connection,
            path: path.to_owned(),
            owner: Owner::this_process(),
            cut_short: Vec::new(),
        };
        history.cut_short = history.mark_cut_short()?;
        Ok(history)
    }

    /// Opens the history at `path` like [`History::open`] or, if it is read-only, for reading.
    ///
    /// Unfinished runs of dead processes are shown as cut short in both cases.
    pub fn open_to_read(path: &Path) -> Result<Self, HistoryError> {
        match Self::open(path) {
            Err(HistoryError::ReadOnly { .. }) => Self::read_only(path),
            opened => opened,
        }
    }

    fn read_only(path: &Path) -> Result<Self, HistoryError> {
        let mut history = Self {
            connection: read_only::open(path)?,
            path: path.to_owned(),
            owner: Owner::this_process(),
            cut_short: Vec::new(),
        };
        let dead = history.unfinished()?.into_iter();
        let dead = dead.map(|run| history.run(run));
        let mut dead = dead.collect::<Result<Vec<_>, _>>()?;
        for run in &mut dead {
            run.state = RunState::CutShort;
        }
        history.cut_short = dead;
        Ok(history)
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs that were found to be cut short when the history was opened.
    pub fn cut_short(&self) -> &[StoredRun] {
        &self.cut_short
    }

    /// Adds a run that starts now.
    pub fn begin(&self, run: &NewRun) -> Result<RunId, HistoryError> {
        let machine = blob::json(&MachineRecord::from(&run.machine));
        let sql = "INSERT INTO runs (name, host, config, bakeoff_version, machine, started_at_ms, owner, owner_started, tags) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let values = params![
            run.name,
            run.host,
            run.config,
            run.bakeoff_version,
            machine,
            unix_ms(SystemTime::now()),
            self.owner.process,
            self.owner.started,
            blob::json(&run.tags)
        ];
        let inserted = self.connection.execute(sql, values);
        inserted.map_err(|error| self.database(error))?;
        Ok(RunId(self.connection.last_insert_rowid()))
    }

    /// Writes the part of `measurement` since the last save. Call this about once per second.
    ///
    /// A measurement with another start, as after a reset, replaces the earlier one.
    pub fn save(&mut self, run: RunId, measurement: &Measurement) -> Result<(), HistoryError> {
        self.write(run, measurement, RunState::Running)
    }

    /// Writes the final measurement of a run, and marks the run as finished.
    pub fn finish(&mut self, run: RunId, measurement: &Measurement) -> Result<(), HistoryError> {
        self.write(run, measurement, RunState::Finished)
    }

    /// Adds a run from a record.
    pub fn import(&mut self, test: &LoadTest) -> Result<RunId, HistoryError> {
        let run = self.begin(&NewRun {
            name: test.name.clone(),
            host: test.host.clone(),
            config: format!("imported, {} users at most", test.measurement.users),
            bakeoff_version: test.bakeoff_version.clone(),
            machine: test.machine.clone(),
            tags: Vec::new(),
        })?;
        self.finish(run, &test.measurement)?;
        Ok(run)
    }

    /// Adds a run of another program.
    pub fn import_coarse(&mut self, run: &CoarseRun) -> Result<RunId, HistoryError> {
        file::insert_coarse(&mut self.connection, self.owner, run)
            .map_err(|error| self.database(error))
    }

    /// Runs that contain every word of `search`, newest first, at most [`MOST_LISTED`].
    ///
    /// The search covers names, hosts, descriptions of the load, notes and tags, and ignores case.
    pub fn list(&self, search: &str) -> Result<Vec<StoredRun>, HistoryError> {
        let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
        let found = |run: &StoredRun| {
            let tags = run.tags.join(" ");
            let text = [&run.name, &run.host, &run.config, &run.notes, &tags];
            let text = text.map(|text| text.to_lowercase()).join("\n");
            words.iter().all(|word| text.contains(word))
        };
        self.select("ORDER BY id DESC", MOST_LISTED, found)
    }

    /// One run, as in a list.
    pub fn run(&self, run: RunId) -> Result<StoredRun, HistoryError> {
        let sql = format!("SELECT {} FROM runs WHERE id = ?1", file::COLUMNS);
        let found = self
            .connection
            .query_row(&sql, [run.0], file::stored_run)
            .optional();
        let found = found.map_err(|error| self.database(error))?;
        let found = found.ok_or_else(|| self.no_such_run(run))?;
        Ok(self.as_known(found))
    }

    /// Full data of a run.
    pub fn detail(&self, run: RunId) -> Result<Detail, HistoryError> {
        if self.run(run)?.source.is_none() {
            let test = self.load_test(run)?;
            return Ok(Detail::Full(Box::new(test)));
        }
        let sql = "SELECT name, measurement FROM runs WHERE id = ?1";
        let row = self
            .connection
            .query_row(sql, [run.0], |row| Ok((row.get(0)?, row.get(1)?)));
        let (name, record): (String, Option<Vec<u8>>) =
            row.map_err(|error| self.database(error))?;
        let read = || -> Result<CoarseRun, DamagedRun> {
            let record: CoarseRecord = blob::unpack(&record.ok_or(DamagedRun::Empty)?)?;
            Ok(record.into_run(name)?)
        };
        match read() {
            Ok(run) => Ok(Detail::Coarse(Box::new(run))),
            Err(source) => Err(self.damaged(run, source)),
        }
    }

    /// Full data of a run of Bakeoff.
    ///
    /// # Errors
    /// [`HistoryError::Coarse`] for a run of another program.
    pub fn load_test(&self, run: RunId) -> Result<LoadTest, HistoryError> {
        if let Some(from) = self.run(run)?.source {
            return Err(HistoryError::Coarse { run, from });
        }
        let sql =
            "SELECT name, host, bakeoff_version, machine, measurement FROM runs WHERE id = ?1";
        let row = self.connection.query_row(sql, [run.0], |row| {
            let texts: [String; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
            Ok((texts, row.get::<_, Option<Vec<u8>>>(4)?))
        });
        let row = row.optional().map_err(|error| self.database(error))?;
        let ([name, host, bakeoff_version, machine], measurement) =
            row.ok_or_else(|| self.no_such_run(run))?;
        let seconds = self.seconds(run)?;
        let read = || -> Result<LoadTest, DamagedRun> {
            let mut record: MeasurementRecord =
                blob::unpack(&measurement.ok_or(DamagedRun::Empty)?)?;
            for second in &seconds {
                record.timeline.push(blob::unpack(second)?);
            }
            let machine: MachineRecord =
                serde_json::from_str(&machine).map_err(DamagedRun::Json)?;
            Ok(LoadTest {
                name,
                host,
                bakeoff_version,
                machine: machine.try_into()?,
                measurement: record.try_into()?,
            })
        };
        read().map_err(|source| self.damaged(run, source))
    }

    /// Sets the notes of a run.
    pub fn set_notes(&self, run: RunId, notes: &str) -> Result<(), HistoryError> {
        let sql = "UPDATE runs SET notes = ?2 WHERE id = ?1";
        self.change(run, self.connection.execute(sql, params![run.0, notes]))
    }

    /// Sets the tags of a run, without empty ones.
    pub fn set_tags(&self, run: RunId, tags: &[String]) -> Result<(), HistoryError> {
        let tags: Vec<&str> = tags
            .iter()
            .map(|tag| tag.trim())
            .filter(|tag| !tag.is_empty())
            .collect();
        let sql = "UPDATE runs SET tags = ?2 WHERE id = ?1";
        self.change(
            run,
            self.connection
                .execute(sql, params![run.0, blob::json(&tags)]),
        )
    }

    /// Deletes a run.
    pub fn delete(&self, run: RunId) -> Result<(), HistoryError> {
        // The database deletes its seconds too.
        let sql = "DELETE FROM runs WHERE id = ?1";
        self.change(run, self.connection.execute(sql, [run.0]))
    }

    fn write(
        &mut self,
        run: RunId,
        measurement: &Measurement,
        state: RunState,
    ) -> Result<(), HistoryError> {
        match file::write(&mut self.connection, run, measurement, state) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.no_such_run(run)),
            Err(error) => Err(self.database(error)),
        }
    }

    fn seconds(&self, run: RunId) -> Result<Vec<Vec<u8>>, HistoryError> {
        let read = || -> rusqlite::Result<_> {
            let sql = "SELECT record FROM seconds WHERE run = ?1 ORDER BY second";
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([run.0], |row| row.get(0))?;
            rows.collect()
        };
        read().map_err(|error| self.database(error))
    }

    fn select(
        &self,
        clause: &str,
        most: usize,
        keep: impl Fn(&StoredRun) -> bool,
    ) -> Result<Vec<StoredRun>, HistoryError> {
        let read = || -> rusqlite::Result<_> {
            let sql = format!("SELECT {} FROM runs {clause}", file::COLUMNS);
            let mut statement = self.connection.prepare(&sql)?;
            let rows = statement.query_map([], file::stored_run)?;
            let kept = rows.filter(|row| row.as_ref().map_or(true, &keep));
            let known = kept.map(|row| row.map(|run| self.as_known(run)));
            known.take(most).collect()
        };
        read().map_err(|error| self.database(error))
    }

    /// Marks the run as cut short if its process is dead. A read-only file cannot store this.
    fn as_known(&self, mut run: StoredRun) -> StoredRun {
        if self.cut_short.iter().any(|dead| dead.id == run.id) {
            run.state = RunState::CutShort;
        }
        run
    }

    fn mark_cut_short(&self) -> Result<Vec<StoredRun>, HistoryError> {
        let mut cut_short = Vec::new();
        for run in self.unfinished()? {
            let sql = "UPDATE runs SET state = 'cut short' WHERE id = ?1 AND state = 'running'";
            let changed = self.connection.execute(sql, [run.0]);
            if changed.map_err(|error| self.database(error))? > 0 {
                cut_short.push(self.run(run)?);
            }
        }
        Ok(cut_short)
    }

    /// Unfinished runs of dead processes.
    fn unfinished(&self) -> Result<Vec<RunId>, HistoryError> {
        let read = || -> rusqlite::Result<Vec<(i64, Owner)>> {
            let sql = "SELECT id, owner, owner_started FROM runs WHERE state = 'running'";
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                let owner = Owner {
                    process: row.get(1)?,
                    started: row.get(2)?,
                };
                Ok((row.get(0)?, owner))
            })?;
            rows.collect()
        };
        let running = read().map_err(|error| self.database(error))?.into_iter();
        let dead = running.filter(|(_, owner)| !owner.is_alive());
        Ok(dead.map(|(id, _)| RunId(id)).collect())
    }

    fn change(&self, run: RunId, changed: rusqlite::Result<usize>) -> Result<(), HistoryError> {
        match changed.map_err(|error| self.database(error))? {
            0 => Err(self.no_such_run(run)),
            _ => Ok(()),
        }
    }

    fn database(&self, source: rusqlite::Error) -> HistoryError {
        file::failed(&self.path, source)
    }

    fn damaged(&self, run: RunId, source: DamagedRun) -> HistoryError {
        HistoryError::Damaged {
            path: self.path.clone(),
            run,
            source,
        }
    }

    fn no_such_run(&self, run: RunId) -> HistoryError {
        HistoryError::NoSuchRun {
            path: self.path.clone(),
            run,
        }
    }
}

fn unix_ms(moment: SystemTime) -> i64 {
    let since = moment
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
