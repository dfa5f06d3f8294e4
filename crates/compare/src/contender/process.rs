//! A contender that is a process on this machine, with everything it starts in turn.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bakeoff_report::Fact;
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{Consumption, Missing, Running, fill, free_port, owner, tail};
use crate::file::ContenderConfig;
use crate::manifest;

/// Marks every process of a contender, whoever its parent is by now.
const MARK: &str = "BAKEOFF_CONTENDER";
/// How long a contender may take to end after SIGTERM, and again after SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
/// The end of a log that is read to show its last lines.
const LOG_TAIL_BYTES: u64 = 64 * 1024;

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
    pub(super) fn facts(&self, config: &ContenderConfig) -> Vec<Fact> {
        let program = fill(&self.command[0], "0").ok();
        let program = program.and_then(|program| find_program(&program, &self.directory));
        let identity =
            program.map(|path| manifest::fact("SHA-256 of its program", manifest::hash(&path)));
        let named = manifest::named_by(&self.command[1..], config);
        let facts = manifest::facts(config, true);
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
            log_file().map_err(|error| format!("cannot make a file for its log: {error}"))?;
        let err = out
            .try_clone()
            .map_err(|error| format!("cannot share its log file: {error}"))?;
        let env = self
            .env
            .iter()
            .map(|(name, value)| Ok((name, fill(value, &port.to_string())?)));
        let env = env.collect::<Result<Vec<_>, String>>()?;
        let mark = format!("{} {port}", owner::this_process());
        let child = command(&words, &self.directory)
            .envs(env)
            .env(MARK, &mark)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start `{}`: {error}", words[0]))?;
        Ok(RunningProcess {
            child,
            ended: None,
            mark,
            log,
            address: format!("http://127.0.0.1:{port}"),
        })
    }
}

/// A file without a name, once to read and once to append to: the contender's own position in it stays untouched.
fn log_file() -> std::io::Result<(File, File)> {
    let file = tempfile::NamedTempFile::new()?;
    let append = File::options().append(true).open(file.path())?;
    Ok((file.into_file(), append))
}

/// The environment variable that marks a set-up step, and its value: a step of a run that was killed is ended like a contender.
pub(crate) fn mark_of_set_up() -> (&'static str, String) {
    (MARK, format!("{} set-up", owner::this_process()))
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

/// Ends the processes of earlier runs that were killed before they could.
pub(super) fn end_abandoned() {
    // Again for what was started between the look and the kill.
    for _ in 0..2 {
        kill_abandoned();
    }
}

fn kill_abandoned() {
    for process in procfs::process::all_processes()
        .into_iter()
        .flatten()
        .flatten()
    {
        let Some(mark) = mark_of(&process) else {
            continue;
        };
        if owner::is_gone(&mark)
            && let Some(pid) = Pid::from_raw(process.pid)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The mark of a contender's process: the process that started it, and its port; or of a step of its set-up.
/// A process shows its environment a moment after it was started: the system returns from the start before it is in place.
fn mark_of(process: &Process) -> Option<String> {
    let mark = process.environ().ok()?.remove(OsStr::new(MARK))?;
    mark.into_string().ok()
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
    child: Child,
    ended: Option<ExitStatus>,
    mark: String,
    log: File,
    address: String,
}

impl Running for RunningProcess {
    fn address(&self) -> &str {
        &self.address
    }

    fn ended(&mut self) -> Option<String> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended.map(|status| format!("it ended with {status}"))
    }

    fn last_lines(&mut self) -> String {
        let mut bytes = Vec::new();
        let length = self.log.metadata().map_or(0, |metadata| metadata.len());
        let start = SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES));
        match self
            .log
            .seek(start)
            .and_then(|_| self.log.read_to_end(&mut bytes))
        {
            Ok(_) => tail(&String::from_utf8_lossy(&bytes)),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }

    fn consumption(&mut self) -> Option<Consumption> {
        let ticks_per_second = procfs::ticks_per_second();
        let mut sum = Consumption {
            cpu: Duration::ZERO,
            memory_bytes: 0,
        };
        for process in self.processes() {
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

impl RunningProcess {
    /// The child, its descendants, and whatever carries its mark.
    fn processes(&self) -> Vec<Process> {
        let mut all: Vec<(Process, i32, bool)> = Vec::new();
        for process in procfs::process::all_processes()
            .into_iter()
            .flatten()
            .flatten()
        {
            let Ok(stat) = process.stat() else { continue };
            let marked = mark_of(&process).is_some_and(|mark| mark == self.mark);
            all.push((process, stat.ppid, marked));
        }
        let root = i32::try_from(self.child.id()).unwrap_or(0);
        let mut members: HashSet<i32> = all
            .iter()
            .filter(|(_, _, marked)| *marked)
            .map(|(p, ..)| p.pid)
            .collect();
        // The process id of one that has ended and was waited for may be another's by now.
        if self.ended.is_none() {
            members.insert(root);
        }
        loop {
            let before = members.len();
            for (process, parent, _) in &all {
                if members.contains(parent) {
                    members.insert(process.pid);
                }
            }
            if members.len() == before {
                break;
            }
        }
        all.into_iter()
            .map(|(process, ..)| process)
            .filter(|process| members.contains(&process.pid))
            .collect()
    }

    /// Sends `signal` to the child's process group and to every process of it that has left the group.
    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group.filter(|_| self.ended.is_none()) {
            let _ = kill_process_group(group, signal);
        }
        for process in self.processes() {
            if let Some(pid) = Pid::from_raw(process.pid) {
                let _ = kill_process(pid, signal);
            }
        }
    }

    /// Waits until no process is left, at most for [`GRACE`].
    fn gone(&mut self) -> bool {
        let deadline = Instant::now() + GRACE;
        loop {
            let child_ended = self.ended().is_some();
            if child_ended && self.processes().is_empty() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        if self.ended().is_some() && self.processes().is_empty() {
            return;
        }
        self.signal(Signal::TERM);
        if self.gone() {
            return;
        }
        // Again for what was started between the look and the kill.
        for _ in 0..2 {
            self.signal(Signal::KILL);
            if self.gone() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// A process of `owner` that shows its environment, since it has answered, and ends with its input.
    fn marked(owner: &str) -> Child {
        let mut child = command(&["cat".to_owned()], Path::new(""))
            .env(MARK, format!("{owner} 8000"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_ref().unwrap(), "there").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "there\n");
        child
    }

    #[test]
    fn only_processes_of_owners_that_are_gone_are_ended() {
        let mut abandoned = marked(&owner::gone_process());
        let mut owned = marked(&owner::this_process());
        end_abandoned();
        // Waiting closes the input first, with which one that was overlooked ends by itself.
        assert_eq!(abandoned.wait().unwrap().signal(), Some(9));
        assert_eq!(owned.wait().unwrap().code(), Some(0));
    }
}
