//! Reports of the workers that are threads of this process.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::report::StatsReport;
use super::source::{NoReport, StatsSource};

/// Seconds that a thread can be ahead of the collector before its seconds run together.
const SECONDS_AHEAD: usize = 8;

/// The reports of all threads.
#[derive(Debug)]
pub(crate) struct ThreadStats {
    reports: Receiver<StatsReport>,
    cleared: Sender<StatsReport>,
}

/// Channels of one thread: for its reports, and for cleared ones that come back.
#[derive(Debug, Clone)]
pub(crate) struct ReportChannels {
    reports: Sender<StatsReport>,
    cleared: Receiver<StatsReport>,
}

/// The source of the reports of so many threads, and the channels for each thread.
pub(crate) fn channels(threads: usize) -> (ThreadStats, ReportChannels) {
    let (reports, all_reports) = bounded(SECONDS_AHEAD * threads);
    let (clear, cleared) = bounded(SECONDS_AHEAD * threads);
    let stats = ThreadStats {
        reports: all_reports,
        cleared: clear,
    };
    (stats, ReportChannels { reports, cleared })
}

impl StatsSource for ThreadStats {
    fn next(&mut self, timeout: Duration) -> Result<StatsReport, NoReport> {
        self.reports
            .recv_timeout(timeout)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => NoReport::Timeout,
                RecvTimeoutError::Disconnected => NoReport::WorkersDone,
            })
    }

    fn recycle(&mut self, mut report: StatsReport) {
        report.clear();
        // Where there is no room for it, it is not needed again.
        let _ = self.cleared.try_send(report);
    }
}

impl ReportChannels {
    /// `true` if the collector is so far behind that no report can be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.reports.is_full()
    }

    /// An empty report whose memory was used before, if there is one.
    pub(crate) fn cleared(&self) -> Option<StatsReport> {
        self.cleared.try_recv().ok()
    }

    /// Sends a report if there is room. Returns the report if it was not sent.
    pub(crate) fn try_send(&self, report: StatsReport) -> Option<StatsReport> {
        self.reports
            .try_send(report)
            .err()
            .map(TrySendError::into_inner)
    }

    /// Sends a report after waiting for room.
    pub(crate) fn send(&self, report: StatsReport) {
        // Sending fails only where the collector has ended, and then nobody wants the result.
        let _ = self.reports.send(report);
    }
}
