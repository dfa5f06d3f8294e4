//! Process that writes a run.

use procfs::process::Process;

/// Process with its start time, since a later process may have the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) process: i64,
    /// Start time in clock ticks since the start of the machine; 0 if it is unknown.
    pub(super) started: i64,
}

impl Owner {
    pub(super) fn this_process() -> Self {
        let process = i64::from(std::process::id());
        let started = started(process).unwrap_or(0);
        Self { process, started }
    }

    pub(super) fn is_alive(self) -> bool {
        started(self.process) == Some(self.started)
    }
}

/// Start time of the process with this id, in clock ticks; `None` if there is no such process.
fn started(process: i64) -> Option<i64> {
    let process = Process::new(i32::try_from(process).ok()?).ok()?;
    let started = process.stat().ok()?.starttime;
    i64::try_from(started).ok()
}
