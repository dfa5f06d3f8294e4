//! `bakeoff runs`: the history of load tests.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use bakeoff_history::import::{self, Format, Texts};
use bakeoff_history::{History, HistoryError};
use bakeoff_record::json::LoadTestRecord;
use bakeoff_record::{CoarseRun, Detail, LoadTest, RunId, Source, StoredRun};

use crate::args::{RunsArgs, RunsCommand};
use crate::exit::{Exit, hinted};
use crate::files::{all, write};
use crate::history;
use crate::output::{data, say, terminal};

/// Lists, shows, compares, exports, imports or deletes runs of the history.
pub(crate) fn run(args: &RunsArgs) -> anyhow::Result<Exit> {
    let store = Store::find(args)?;
    match &args.command {
        RunsCommand::List { words } => store.list(&words.join(" ")),
        RunsCommand::Show { run } => store.open()?.show(*run),
        RunsCommand::Compare {
            runs,
            html,
            markdown,
        } => store
            .open()?
            .compare(runs, html.as_deref(), markdown.as_deref()),
        RunsCommand::Export { run, file } => store.open()?.export(*run, file.as_deref()),
        RunsCommand::Import { files, name } => {
            let runs = read_all(files, name.as_deref())?;
            Runs(store.history()?).import(files, &runs)
        }
        RunsCommand::Rm { runs } => {
            store.check_found()?;
            Runs(store.history()?).remove(runs)
        }
    }?;
    Ok(Exit::Done)
}

/// Path of the history.
struct Store {
    path: PathBuf,
    /// `true` if the user named the file.
    is_named: bool,
}

impl Store {
    fn find(args: &RunsArgs) -> anyhow::Result<Self> {
        let is_named = args.store.is_some();
        let path = args.store.clone().or_else(history::usual_path);
        let path = path.ok_or_else(|| {
            let what = anyhow!("cannot find the history: neither XDG_DATA_HOME nor HOME is set");
            hinted(
                Exit::Usage,
                what,
                "choose the file of the history with --store",
            )
        })?;
        Ok(Self { path, is_named })
    }

    fn list(&self, words: &str) -> anyhow::Result<()> {
        if !self.path.exists() && !self.is_named {
            say("the history has no runs yet; `bakeoff swarm` adds every run");
            return Ok(());
        }
        let runs = self.open()?.0.list(words).map_err(with_hint)?;
        if runs.is_empty() {
            say("no run found");
            return Ok(());
        }
        data(&bakeoff_report::runs::list(&runs, terminal(&io::stdout())))
    }

    /// Opens an existing history for reading, and never makes a new one.
    fn open(&self) -> anyhow::Result<Runs> {
        self.check_found()?;
        History::open_to_read(&self.path)
            .map(Runs)
            .map_err(with_hint)
    }

    fn check_found(&self) -> anyhow::Result<()> {
        if !self.path.exists() {
            let what = anyhow!(
                "cannot open the history {}: no such file",
                self.path.display()
            );
            let hint = "`bakeoff swarm` makes this file; choose another file with --store";
            return Err(hinted(Exit::Usage, what, hint));
        }
        Ok(())
    }

    /// Opens the history for changes.
    fn history(&self) -> anyhow::Result<History> {
        History::open(&self.path).map_err(with_hint)
    }
}

struct Runs(History);

impl Runs {
    fn test(&self, run: i64) -> anyhow::Result<LoadTest> {
        self.0.load_test(RunId(run)).map_err(with_hint)
    }

    fn show(&self, run: i64) -> anyhow::Result<()> {
        let shown = terminal(&io::stdout());
        data(&match self.0.detail(RunId(run)).map_err(with_hint)? {
            Detail::Full(test) => {
                bakeoff_report::terminal::render_measurement(&test.measurement, shown)
            }
            Detail::Coarse(run) => bakeoff_report::runs::show(&run, shown),
        })
    }

    fn compare(
        &self,
        runs: &[i64],
        html: Option<&Path>,
        markdown: Option<&Path>,
    ) -> anyhow::Result<()> {
        let runs = runs.iter().map(|run| {
            let stored = self.0.run(RunId(*run)).map_err(with_hint)?;
            Ok((stored, self.0.detail(RunId(*run)).map_err(with_hint)?))
        });
        let runs = runs.collect::<anyhow::Result<Vec<(StoredRun, Detail)>>>()?;
        data(&bakeoff_report::runs::compare(
            &runs,
            terminal(&io::stdout()),
        ))?;
        let one = |path: Option<&Path>, render: fn(&[(StoredRun, Detail)]) -> String| {
            let Some(path) = path else { return Ok(()) };
            write(path, render(&runs))?;
            say(&format!("wrote {}", path.display()));
            Ok(())
        };
        all([
            one(html, bakeoff_report::runs::compare_html),
            one(markdown, bakeoff_report::runs::compare_markdown),
        ])
    }

    fn export(&self, run: i64, file: Option<&Path>) -> anyhow::Result<()> {
        let record = bakeoff_report::json::render_load_test(&self.test(run)?);
        let Some(path) = file else {
            return data(&record);
        };
        write(path, &record)?;
        say(&format!("wrote {}", path.display()));
        Ok(())
    }

    fn import(&mut self, files: &[PathBuf], runs: &[Detail]) -> anyhow::Result<()> {
        for (run, file) in runs.iter().zip(files) {
            let file = file.display();
            match run {
                Detail::Full(test) => {
                    let run = self.0.import(test).map_err(with_hint)?;
                    say(&format!("{file} is run {run}"));
                }
                Detail::Coarse(coarse) => {
                    let run = self.0.import_coarse(coarse).map_err(with_hint)?;
                    say(&format!("{file} is run {run}, {}", coarse.source.caveat()));
                }
            }
        }
        Ok(())
    }

    /// Deletes the runs, or none of them if one does not exist.
    fn remove(&self, runs: &[i64]) -> anyhow::Result<()> {
        for run in runs {
            self.0.run(RunId(*run)).map_err(with_hint)?;
        }
        for run in runs {
            self.0.delete(RunId(*run)).map_err(with_hint)?;
            say(&format!("deleted run {run}"));
        }
        Ok(())
    }
}

/// Reads every file, so that an error prevents all imports.
fn read_all(files: &[PathBuf], name: Option<&str>) -> anyhow::Result<Vec<Detail>> {
    if name.is_some() && files.len() > 1 {
        let what = anyhow!("cannot give one name to {} runs", files.len());
        return Err(hinted(
            Exit::Usage,
            what,
            "with --name, import the files one by one",
        ));
    }
    files.iter().map(|file| read(file, name)).collect()
}

fn read(file: &Path, name: Option<&str>) -> anyhow::Result<Detail> {
    let read = || -> anyhow::Result<Detail> {
        let text = text_of(file)?;
        match import::detect(&text)? {
            Format::Record => {
                let mut ours = LoadTest::try_from(LoadTestRecord::from_json(&text)?)?;
                if let Some(name) = name {
                    name.clone_into(&mut ours.name);
                }
                Ok(Detail::Full(Box::new(ours)))
            }
            Format::Foreign(source) => {
                let run = read_foreign(file, &text, source, name)?;
                Ok(Detail::Coarse(Box::new(run)))
            }
        }
    };
    read()
        .with_context(|| format!("cannot import {}", file.display()))
        .map_err(|error| hinted(Exit::Usage, error, HINT))
}

/// Reads a file of another program, with Locust's other CSV files from the same folder.
fn read_foreign(
    file: &Path,
    text: &str,
    source: Source,
    name: Option<&str>,
) -> anyhow::Result<CoarseRun> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let prefix = stem.strip_suffix("_stats");
    let beside = |rest: &str| -> anyhow::Result<Option<String>> {
        let prefix = prefix.filter(|_| source == Source::LocustCsv);
        let path = prefix.map(|prefix| file.with_file_name(format!("{prefix}_{rest}.csv")));
        let path = path.filter(|path| path.exists());
        path.map(|path| text_of(&path)).transpose()
    };
    let (history, failures) = (beside("stats_history")?, beside("failures")?);
    let texts = Texts {
        name: name.or(prefix).unwrap_or(&stem),
        main: text,
        locust_history: history.as_deref(),
        locust_failures: failures.as_deref(),
    };
    let run = import::read(source, &texts);
    run.with_context(|| match (&history, &failures) {
        (None, None) => format!("the file looks like a {}", source.title()),
        _ => format!(
            "the file looks like a {}, read with the files beside it",
            source.title()
        ),
    })
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

const HINT: &str = "supported files are the JSON of `bakeoff runs export` and `bakeoff swarm --record`, Locust's PREFIX_stats.csv and --json, \
     k6's --summary-export, and the output of wrk";

fn with_hint(error: HistoryError) -> anyhow::Error {
    match error {
        HistoryError::NoSuchRun { .. } => {
            hinted(Exit::Usage, error, "`bakeoff runs list` lists all runs")
        }
        HistoryError::Coarse { .. } => hinted(
            Exit::Usage,
            error,
            "such a run has no record; keep the file that was imported",
        ),
        HistoryError::Damaged { .. } => hinted(
            Exit::Environment,
            error,
            "`bakeoff runs rm` deletes the run",
        ),
        error => {
            let hint = history::hint(&error);
            hinted(Exit::Environment, error, hint)
        }
    }
}
