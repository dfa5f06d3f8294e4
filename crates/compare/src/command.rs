//! Commands that are run to their end: the steps of a set-up, and the question for a contender's version.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::contender::family::Family;
use crate::contender::log::Log;

/// Time between two looks at a running command.
const POLL: Duration = Duration::from_millis(20);

/// Limits of a command's running time.
pub(crate) struct Limits<'a> {
    /// The longest time; `None` where only `stop` ends it.
    pub(crate) time: Option<Duration>,
    /// Ends it early.
    pub(crate) stop: &'a CancellationToken,
}

/// Output of a command that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Captured {
    Stdout,
    StdoutAndStderr,
}

/// A command that has ended. What it has left running is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) family: Family,
    pub(crate) said: Log,
}

/// Reason why a command did not end by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEnded {
    /// It cannot be started.
    #[error(transparent)]
    Start(#[from] std::io::Error),
    /// It was stopped.
    #[error("it was stopped")]
    Stopped,
    /// It took too long, and was ended.
    #[error("it did not end within {} s", limit.as_secs())]
    Late {
        /// The longest time.
        limit: Duration,
    },
}

/// Runs a command until it ends by itself. Whatever else comes first ends it with everything that it started.
pub(crate) fn run_to_end(
    mut command: Command,
    captured: Captured,
    limits: &Limits<'_>,
) -> Result<Ended, NotEnded> {
    let (said, out) = Log::new()?;
    command.stdin(Stdio::null());
    match captured {
        Captured::Stdout => command.stderr(Stdio::null()),
        Captured::StdoutAndStderr => command.stderr(out.try_clone()?),
    };
    command.stdout(out);
    let began = Instant::now();
    let mut family = Family::start(command)?;
    loop {
        if let Some(status) = family.ended() {
            return Ok(Ended {
                status,
                family,
                said,
            });
        }
        let wrong = match limits.time {
            _ if limits.stop.is_cancelled() => Some(NotEnded::Stopped),
            Some(limit) if began.elapsed() >= limit => Some(NotEnded::Late { limit }),
            _ => None,
        };
        if let Some(wrong) = wrong {
            family.kill();
            return Err(wrong);
        }
        std::thread::sleep(POLL);
    }
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
        Ok(ended.said.read().unwrap())
    }

    #[test]
    fn a_command_ends_with_its_first_process_whoever_holds_its_output() {
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
    fn a_command_is_ended_by_time_and_by_whoever_stops_it() {
        let stop = CancellationToken::new();
        let script = "trap '' TERM; while :; do sleep 616262; done";
        let late = run(script, Duration::ZERO, &stop).unwrap_err();
        assert_eq!(late, "it did not end within 0 s");
        stop.cancel();
        let stopped = run(script, Duration::MAX, &stop).unwrap_err();
        assert_eq!(stopped, "it was stopped");
    }
}
