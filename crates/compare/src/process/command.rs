//! Commands that run to their end: the steps of a set-up, and the command that prints a version.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::process::log::Log;
use crate::process::tree::ProcessTree;

/// Time between two looks at a running command.
const POLL: Duration = Duration::from_millis(20);

/// Limits of a command's running time.
pub(crate) struct Limits<'a> {
    /// Time limit; `None` if only `stop` ends the command.
    pub(crate) time: Option<Duration>,
    /// Ends the command early.
    pub(crate) stop: &'a CancellationToken,
}

/// Output of a command that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Captured {
    Stdout,
    StdoutAndStderr,
}

/// A command that has ended. Its `Drop` ends the processes that the command has left running.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) tree: ProcessTree,
    pub(crate) output: Log,
}

/// Reason why a command did not end by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEnded {
    /// The program cannot be started.
    #[error(transparent)]
    Start(#[from] std::io::Error),
    /// The stop token ended it.
    #[error("it was stopped")]
    Stopped,
    /// The time limit ended it.
    #[error("it did not end within {} s", limit.as_secs())]
    Late {
        /// The time limit.
        limit: Duration,
    },
}

/// Runs a command until it ends by itself. The time limit or the stop token ends it early, with every process that it started.
///
/// # Errors
/// [`NotEnded`] for a command that did not end by itself.
pub(crate) fn run_to_end(
    mut command: Command,
    captured: Captured,
    limits: &Limits<'_>,
) -> Result<Ended, NotEnded> {
    let (output, out) = Log::new()?;
    command.stdin(Stdio::null());
    match captured {
        Captured::Stdout => command.stderr(Stdio::null()),
        Captured::StdoutAndStderr => command.stderr(out.try_clone()?),
    };
    command.stdout(out);
    let began = Instant::now();
    let mut tree = ProcessTree::start(command)?;
    loop {
        if let Some(status) = tree.ended() {
            return Ok(Ended {
                status,
                tree,
                output,
            });
        }
        let ended_by = match limits.time {
            _ if limits.stop.is_cancelled() => Some(NotEnded::Stopped),
            Some(limit) if began.elapsed() >= limit => Some(NotEnded::Late { limit }),
            _ => None,
        };
        if let Some(ended_by) = ended_by {
            tree.kill();
            return Err(ended_by);
        }
        std::thread::sleep(POLL);
    }
}

/// The command `words`, to be run in `directory`. A relative path of a program is relative to `directory` too.
///
/// # Panics
/// If `words` is empty.
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

/// Path of a program: relative to `directory`, or for a bare name in the folders of `PATH`. `None` without such a file.
pub(crate) fn find_program(program: &str, directory: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(directory.join(program)).filter(|path| path.is_file());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&path).map(|folder| folder.join(program));
    paths.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn run(script: &str, time: Duration, stop: &CancellationToken) -> Result<String, String> {
        let limits = Limits {
            time: Some(time),
            stop,
        };
        let ended = run_to_end(shell(script), Captured::Stdout, &limits);
        let ended = ended.map_err(|wrong| wrong.to_string())?;
        Ok(ended.output.read().unwrap())
    }

    #[test]
    fn a_command_ends_with_its_first_process_even_if_another_holds_its_output() {
        let stop = CancellationToken::new();
        let said = run("sleep 616161 & echo 1.0", Duration::MAX, &stop).unwrap();
        assert_eq!(said, "1.0\n");
        let left = procfs::process::all_processes().unwrap();
        let left = left.filter_map(|process| process.ok()?.cmdline().ok());
        assert!(
            !left
                .into_iter()
                .any(|words| words.contains(&"616161".to_owned()))
        );
    }

    #[test]
    fn a_command_is_ended_by_its_time_limit_and_by_the_stop_token() {
        let stop = CancellationToken::new();
        let script = "trap '' TERM; while :; do sleep 616262; done";
        let late = run(script, Duration::ZERO, &stop).unwrap_err();
        assert_eq!(late, "it did not end within 0 s");
        stop.cancel();
        let stopped = run(script, Duration::MAX, &stop).unwrap_err();
        assert_eq!(stopped, "it was stopped");
    }
}
