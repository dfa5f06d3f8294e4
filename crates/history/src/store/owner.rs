//! The process that a run belongs to.

use procfs::process::Process;

/// A process, told apart from a later one with the same id by when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) process: i64,
    /// Clock ticks from the start of the machine; 0 where that is not known.
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

/// When the process with this id started; `None` if there is none.
fn started(process: i64) -> Option<i64> {
    let process = Process::new(i32::try_from(process).ok()?).ok()?;
    let started = process.stat().ok()?.starttime;
    i64::try_from(started).ok()
}
