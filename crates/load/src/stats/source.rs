//! Sources of the reports of workers.

use std::time::Duration;

use super::report::StatsReport;

/// Source of the reports of all workers of a load. Workers can be threads of this process, or processes elsewhere.
pub(crate) trait StatsSource {
    /// The next report, after a wait of up to `timeout`.
    ///
    /// # Errors
    /// [`NoReport`] with the reason why there is none.
    fn next(&mut self, timeout: Duration) -> Result<StatsReport, NoReport>;

    /// Takes back a report that was collected, so that a worker in this process can use its memory again.
    fn recycle(&mut self, report: StatsReport);
}

/// Reason why a source has no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoReport {
    /// No report came within the timeout.
    Timeout,
    /// Every worker has sent its last report.
    WorkersDone,
}
