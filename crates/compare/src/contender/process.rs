//! A contender that is a process on this machine, with everything it starts in turn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bakeoff_record::Fact;
use tokio_util::sync::CancellationToken;

use super::family::Family;
use super::log::Log;
use super::{Consumption, Missing, Running, fill, free_port};
use crate::file::ContenderConfig;
use crate::manifest;

/// A command line that can be started.
#[derive(Debug)]
pub(crate) struct ProcessContender {
    command: Vec<String>,
    directory: PathBuf,
    env: BTreeMap<String, String>,
}

impl ProcessContender {
    pub(super) fn new(command: &[String], config: &ContenderConfig) -> Result<Self, Missing> {
        let program = fill(&command[0], "0").map_err(|reason| Missing {
            reason,
            remedy: "give the program's path instead of {bakeoff}".into(),
        })?;
        find_program(&program, &config.directory).ok_or_else(|| Missing {
            reason: format!("`{program}` is not there"),
            remedy: format!("install `{program}` or correct the path"),
        })?;
        Ok(Self {
            command: command.to_vec(),
            directory: config.directory.clone(),
            env: config.env.clone(),
        })
    }

    pub(super) fn detail(&self) -> String {
        self.command.join(" ").replace("{bakeoff}", "bakeoff")
    }

    /// What is known of it, its program first.
    pub(super) fn facts(&self, config: &ContenderConfig, stop: &CancellationToken) -> Vec<Fact> {
        let program = fill(&self.command[0], "0").ok();
        let program = program.and_then(|program| find_program(&program, &self.directory));
        let identity =
            program.map(|path| manifest::fact("SHA-256 of its program", manifest::hash(&path)));
        let named = manifest::named_by(&self.command[1..], config);
        let facts = manifest::facts(config, true, stop);
        let facts = named.into_iter().chain(facts);
        identity.into_iter().chain(facts).collect()
    }

    pub(super) fn start(&self) -> Result<RunningProcess, String> {
        let port = free_port()?;
        let mut words = Vec::with_capacity(self.command.len());
        for word in &self.command {
            words.push(fill(word, &port.to_string())?);
        }
        let (log, out) =
            Log::new().map_err(|error| format!("cannot make a file for its log: {error}"))?;
        let err = out
            .try_clone()
            .map_err(|error| format!("cannot share its log file: {error}"))?;
        let env = self
            .env
            .iter()
            .map(|(name, value)| Ok((name, fill(value, &port.to_string())?)));
        let env = env.collect::<Result<Vec<_>, String>>()?;
        let mut command = command(&words, &self.directory);
        command
            .envs(env)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        let family = Family::start(command)
            .map_err(|error| format!("cannot start `{}`: {error}", words[0]))?;
        Ok(RunningProcess {
            family,
            log,
            address: format!("http://127.0.0.1:{port}"),
        })
    }
}

/// `words` as a command that runs in `directory`; a program given by a relative path is looked for there too.
pub(crate) fn command(words: &[String], directory: &Path) -> Command {
    let program = Path::new(&words[0]);
    let mut command = if words[0].contains('/') && program.is_relative() {
        let path = directory.join(program);
        Command::new(std::path::absolute(&path).unwrap_or(path))
    } else {
        Command::new(program)
    };
    command.args(&words[1..]);
    if !directory.as_os_str().is_empty() {
        command.current_dir(directory);
    }
    command
}

/// Whether `program` is a file, or a name on the `PATH`.
fn find_program(program: &str, directory: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(directory.join(program)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&path).map(|folder| folder.join(program));
    paths.find(|path| path.is_file())
}

/// A started process and all of its descendants.
pub(super) struct RunningProcess {
    family: Family,
    log: Log,
    address: String,
}

impl Running for RunningProcess {
    fn address(&self) -> &str {
        &self.address
    }

    fn ended(&mut self) -> Option<String> {
        let status = self.family.ended();
        status.map(|status| format!("it ended with {status}"))
    }

    fn last_lines(&mut self) -> String {
        self.log.last_lines()
    }

    fn consumption(&mut self) -> Option<Consumption> {
        let ticks_per_second = procfs::ticks_per_second();
        let mut sum = Consumption {
            cpu: Duration::ZERO,
            memory_bytes: 0,
        };
        for process in self.family.processes() {
            let Ok(stat) = process.stat() else { continue };
            // The times of children that have ended and were waited for are in cutime and cstime.
            let waited_for = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
            let ticks = stat.utime + stat.stime + waited_for;
            sum.cpu += Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64);
            sum.memory_bytes += stat.rss * procfs::page_size();
        }
        // Without a process there is nothing to see, which is not the same as nothing consumed.
        (sum.memory_bytes > 0).then_some(sum)
    }
}
