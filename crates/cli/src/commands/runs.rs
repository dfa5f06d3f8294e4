//! `bakeoff runs`: what the history knows.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use bakeoff_report::record::LoadTestRecord;
use bakeoff_report::{History, HistoryError, LoadTest, RunId, render};

use super::compare::{terminal, write};
use super::history;
use crate::args::{RunsArgs, RunsCommand};
use crate::exit::{Exit, hinted};
use crate::output::{data, say};

/// Does what is asked for with the runs of the history.
pub(crate) fn run(args: &RunsArgs) -> anyhow::Result<Exit> {
    let store = Store::find(args)?;
    match &args.command {
        RunsCommand::List { words } => store.list(&words.join(" ")),
        RunsCommand::Show { run } => {
            let measurement = store.open()?.test(*run)?.measurement;
            let shown = terminal(&io::stdout());
            data(&render::terminal::render_measurement(&measurement, shown))
        }
        RunsCommand::Compare { runs } => store.open()?.compare(runs),
        RunsCommand::Export { run, file } => store.open()?.export(*run, file.as_deref()),
        RunsCommand::Import { files } => Runs(store.history()?).import(files),
        RunsCommand::Rm { runs } => store.open()?.remove(runs),
    }?;
    Ok(Exit::Done)
}

/// Where the history is.
struct Store {
    path: PathBuf,
    /// Whether the user named it.
    is_named: bool,
}

impl Store {
    fn find(args: &RunsArgs) -> anyhow::Result<Self> {
        let is_named = args.store.is_some();
        let path = args.store.clone().or_else(history::usual_path);
        let path = path.ok_or_else(|| {
            let what = anyhow!("neither XDG_DATA_HOME nor HOME is set");
            hinted(
                Exit::Usage,
                what,
                "name the file of the history with --store",
            )
        })?;
        Ok(Self { path, is_named })
    }

    fn list(&self, words: &str) -> anyhow::Result<()> {
        if !self.path.exists() && !self.is_named {
            say("no run is kept yet; `bakeoff swarm` keeps every run");
            return Ok(());
        }
        let runs = self.open()?.0.list(words).map_err(told)?;
        if runs.is_empty() {
            say("no run is found");
            return Ok(());
        }
        data(&render::runs::list(&runs, terminal(&io::stdout())))
    }

    /// The runs that are there; none are made where there is no history.
    fn open(&self) -> anyhow::Result<Runs> {
        if !self.path.exists() {
            let what = anyhow!("there is no history {}", self.path.display());
            let hint = "`bakeoff swarm` makes one; name another file with --store";
            return Err(hinted(Exit::Usage, what, hint));
        }
        self.history().map(Runs)
    }

    fn history(&self) -> anyhow::Result<History> {
        History::open(&self.path).map_err(told)
    }
}

struct Runs(History);

impl Runs {
    fn test(&self, run: i64) -> anyhow::Result<LoadTest> {
        self.0.load_test(RunId(run)).map_err(told)
    }

    fn compare(&self, runs: &[i64]) -> anyhow::Result<()> {
        let runs = runs.iter().map(|run| {
            let stored = self.0.run(RunId(*run)).map_err(told)?;
            Ok((stored, self.test(*run)?))
        });
        let runs = runs.collect::<anyhow::Result<Vec<_>>>()?;
        data(&render::runs::compare(&runs, terminal(&io::stdout())))
    }

    fn export(&self, run: i64, file: Option<&Path>) -> anyhow::Result<()> {
        let record = render::json::render_load_test(&self.test(run)?);
        let Some(path) = file else {
            return data(&record);
        };
        write(path, &record)?;
        say(&format!("wrote {}", path.display()));
        Ok(())
    }

    /// Reads every file before the first run is added.
    fn import(&mut self, files: &[PathBuf]) -> anyhow::Result<()> {
        let tests = files.iter().map(|file| read(file));
        let tests = tests.collect::<anyhow::Result<Vec<_>>>()?;
        for (test, file) in tests.iter().zip(files) {
            let run = self.0.import(test).map_err(told)?;
            say(&format!("{} is run {run}", file.display()));
        }
        Ok(())
    }

    /// Deletes nothing unless every run is there.
    fn remove(&self, runs: &[i64]) -> anyhow::Result<()> {
        for run in runs {
            self.0.run(RunId(*run)).map_err(told)?;
        }
        for run in runs {
            self.0.delete(RunId(*run)).map_err(told)?;
            say(&format!("deleted run {run}"));
        }
        Ok(())
    }
}

fn read(file: &Path) -> anyhow::Result<LoadTest> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read {}", file.display()))
        .map_err(|error| hinted(Exit::Usage, error, HINT))?;
    let record = LoadTestRecord::from_json(&text).and_then(LoadTest::try_from);
    record
        .with_context(|| format!("{} is no record of a run", file.display()))
        .map_err(|error| hinted(Exit::Usage, error, HINT))
}

const HINT: &str = "import takes the JSON of `bakeoff runs export` or `bakeoff swarm --record`";

fn told(error: HistoryError) -> anyhow::Error {
    match error {
        HistoryError::NoSuchRun { .. } => hinted(
            Exit::Usage,
            error,
            "`bakeoff runs list` shows which there are",
        ),
        HistoryError::Damaged { .. } => {
            hinted(Exit::Environment, error, "`bakeoff runs rm` deletes it")
        }
        _ => hinted(Exit::Environment, error, "name another file with --store"),
    }
}
