//! Contenders that are a process of this machine, with every process that it starts in turn.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bakeoff_record::{ContenderKind, Fact};
use tokio_util::sync::CancellationToken;

use crate::contender::{
    Consumption, ContenderConfig, Deployment, Missing, Running, StartError, facts, fill, free_port,
};
use crate::cores::Cores;
use crate::hash;
use crate::process::command::{command, find_program};
use crate::process::log::Log;
use crate::process::tree::ProcessTree;

/// Command line of a server. `{port}` and `{bakeoff}` are filled in.
#[derive(Debug)]
pub(crate) struct CommandLine {
    program: String,
    arguments: Vec<String>,
}

impl CommandLine {
    /// `None` for a command line without a program.
    pub(crate) fn new(words: Vec<String>) -> Option<Self> {
        let mut words = words.into_iter();
        Some(Self {
            program: words.next().filter(|program| !program.is_empty())?,
            arguments: words.collect(),
        })
    }

    /// Path of the program; `None` if it is not installed.
    fn path(&self, contender: &ContenderConfig) -> Option<PathBuf> {
        let program = fill(&self.program, "0").ok()?;
        find_program(&program, &contender.directory)
    }

    fn words(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.program).chain(&self.arguments)
    }
}

impl Deployment for CommandLine {
    fn kind(&self) -> ContenderKind {
        ContenderKind::Process
    }

    fn detail(&self) -> String {
        let words: Vec<&str> = self.words().map(String::as_str).collect();
        words.join(" ").replace("{bakeoff}", "bakeoff")
    }

    fn is_here(&self, contender: &ContenderConfig) -> Result<(), Missing> {
        let program = fill(&self.program, "0").map_err(|error| Missing {
            reason: bakeoff_load::with_causes(&error),
            remedy: "give the program's path instead of {bakeoff}".into(),
        })?;
        match find_program(&program, &contender.directory) {
            Some(_) => Ok(()),
            None => Err(Missing {
                reason: format!("`{program}` is not installed"),
                remedy: format!("install `{program}` or correct the path"),
            }),
        }
    }

    fn is_made_by_set_up(&self) -> bool {
        true
    }

    fn facts(&self, contender: &ContenderConfig, stop: &CancellationToken) -> Vec<Fact> {
        let path = self.path(contender);
        let program =
            path.map(|path| facts::fact("SHA-256 of its program", hash::of_file_in_words(&path)));
        let named = facts::named_by(&self.arguments, contender);
        let others = facts::of(contender, facts::Environment::Inherited, stop);
        program.into_iter().chain(named).chain(others).collect()
    }

    fn start(
        &self,
        contender: &ContenderConfig,
        cores: Option<&Cores>,
    ) -> Result<Box<dyn Running>, StartError> {
        let _on_its_cores = cores.map(Cores::as_contender);
        let port = free_port()?;
        let filled = |text: &str| fill(text, &port.to_string());
        let words = self.words().map(|word| filled(word));
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        let env = contender.env.iter();
        let env = env.map(|(name, value)| Ok((name, filled(value)?)));
        let env: Vec<_> = env.collect::<Result<_, StartError>>()?;
        let (log, out) = Log::new().map_err(StartError::Log)?;
        let err = out.try_clone().map_err(StartError::Log)?;
        let mut command = command(&words, &contender.directory);
        command
            .envs(env)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        let tree =
            ProcessTree::start(command).map_err(|source: io::Error| StartError::Program {
                program: words[0].clone(),
                source,
            })?;
        Ok(Box::new(RunningProcess {
            tree,
            log,
            address: format!("http://127.0.0.1:{port}"),
        }))
    }
}

/// A started process and all of its descendants.
struct RunningProcess {
    tree: ProcessTree,
    log: Log,
    address: String,
}

impl Running for RunningProcess {
    fn address(&self) -> &str {
        &self.address
    }

    fn ended(&mut self) -> Option<String> {
        let status = self.tree.ended();
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
        for process in self.tree.processes() {
            let Ok(stat) = process.stat() else { continue };
            // `cutime` and `cstime` hold the times of children that have ended and were waited for.
            let waited_for = u64::try_from(stat.cutime + stat.cstime)
                .expect("the kernel counts the times of children from zero up");
            let ticks = stat.utime + stat.stime + waited_for;
            sum.cpu += Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64);
            sum.memory_bytes += stat.rss * procfs::page_size();
        }
        // Without a process, consumption is unknown, not zero.
        (sum.memory_bytes > 0).then_some(sum)
    }
}
