//! Collects the reports of all workers, second by second.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bakeoff_record::times::{RequestTimes, TimeKind};
use bakeoff_record::{
    Arrivals, FailureCause, Measurement, RequestStats, Second, SecondOfName, Times,
};

use super::recorder::{MOST_CAUSES, OTHER_CAUSES};
use super::report::{Occurrences, ReportPart, RequestReport, StatsReport};
use crate::cause::Cause;
use crate::open_files::side_of;

/// A measurement that grows with each report of a worker.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) measurement: Measurement,
    /// For each request of the plan, the index of its name and method among the measurement's requests.
    entries: Vec<usize>,
    /// Seconds that not every worker has reported yet.
    open: BTreeMap<u64, OpenSecond>,
    /// For each worker, the first second that it has not reported yet.
    expected: Vec<u64>,
    begun: u64,
    /// Number of resets of the statistics so far.
    epoch: u32,
}

/// Name and method of a request of the plan, by which its stats are kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestName {
    pub(crate) name: String,
    pub(crate) method: String,
}

#[derive(Debug, Default)]
struct OpenSecond {
    /// Active users of each worker.
    users: Vec<u32>,
    /// Stats of each of the measurement's requests; empty until a worker has reported the second.
    by_name: Vec<OpenSecondOfName>,
}

#[derive(Debug, Default)]
struct OpenSecondOfName {
    requests: u64,
    failures: u64,
    response_times: Times,
}

impl Collector {
    /// A collector for the requests of a plan, in the order of the plan, and so many workers.
    pub(crate) fn new(plan: &[RequestName], workers: usize, started_at: SystemTime) -> Self {
        let mut names = plan.to_vec();
        names.sort();
        names.dedup();
        let entry = |request: &RequestName| {
            names
                .binary_search(request)
                .expect("the names are those of the plan, sorted")
        };
        let entries = plan.iter().map(entry).collect();
        let requests = names
            .into_iter()
            .map(|RequestName { name, method }| RequestStats {
                method,
                name,
                times: RequestTimes::default(),
                completed_in_period: 0,
                failed_in_period: 0,
                body_bytes: 0,
            });
        let measurement = Measurement {
            requests: requests.collect(),
            ..Measurement::nothing(started_at)
        };
        Self {
            measurement,
            entries,
            open: BTreeMap::new(),
            expected: vec![0; workers],
            begun: 0,
            epoch: 0,
        }
    }

    /// Resets the statistics. Reports from an epoch before `epoch` go into the timeline alone.
    pub(crate) fn reset(&mut self, epoch: u32) {
        (self.epoch, self.begun) = (epoch, 0);
        let measurement = &mut self.measurement;
        measurement.lag.clear();
        measurement.wake_up_delays.clear();
        measurement.user_time = measurement.user_time.map(|_| Duration::ZERO);
        measurement.failures.clear();
        measurement.arrivals = measurement.arrivals.map(|_| Arrivals::default());
        for stats in &mut measurement.requests {
            stats.times.clear();
            (stats.completed_in_period, stats.failed_in_period) = (0, 0);
            stats.body_bytes = 0;
        }
    }

    /// Adds a report. Returns `true` if all workers have now reported another second.
    pub(crate) fn add(&mut self, report: &StatsReport) -> bool {
        if report.epoch == self.epoch {
            self.add_stats(report);
        }
        self.add_second(report);
        self.expected[report.worker] = match report.part {
            ReportPart::Rest => report.second + 1,
            ReportPart::BeforeReset => report.second,
            ReportPart::Last => u64::MAX,
        };
        self.close_seconds()
    }

    fn add_stats(&mut self, report: &StatsReport) {
        self.begun += report.begun;
        let measurement = &mut self.measurement;
        measurement.lag.merge(&report.lag);
        measurement.wake_up_delays.merge(&report.wake_up_delays);
        if let Some(user_time) = &mut measurement.user_time {
            *user_time = user_time.saturating_add(report.user_time);
        }
        if let Some(arrivals) = &mut self.measurement.arrivals {
            arrivals.planned += report.arrived;
            arrivals.not_sent += report.not_sent;
        }
        for (request, &entry) in report.requests.iter().zip(&self.entries) {
            let stats = &mut self.measurement.requests[entry];
            stats.times.merge(&request.times);
            stats.completed_in_period += request.completed_in_period;
            stats.failed_in_period += request.failed_in_period;
            stats.body_bytes += request.body_bytes;
            for (cause, seen) in &request.causes {
                add_failures(&mut self.measurement.failures, stats, cause, *seen);
            }
        }
    }

    fn add_second(&mut self, report: &StatsReport) {
        let names = self.measurement.requests.len();
        let workers = self.expected.len();
        let second = self.open.entry(report.second).or_default();
        second.users.resize(workers, 0);
        // The users of a worker that has reported this second before, at a reset, count once.
        second.users[report.worker] = report.users;
        second.by_name.resize_with(names, OpenSecondOfName::default);
        for (request, &entry) in report.requests.iter().zip(&self.entries) {
            second.by_name[entry].add(request);
        }
    }

    /// Number of requests that have begun and have not ended.
    pub(crate) fn unfinished(&self) -> u64 {
        self.begun.saturating_sub(
            self.measurement
                .requests
                .iter()
                .map(RequestStats::requests)
                .sum(),
        )
    }

    /// Moves the seconds that all workers have reported to the timeline. Returns `true` if there was one.
    fn close_seconds(&mut self) -> bool {
        let expected = self
            .expected
            .iter()
            .copied()
            .min()
            .expect("a load has a worker");
        let timeline = &mut self.measurement.timeline;
        let before = timeline.len();
        while let Some(last_open) = self.open.keys().next_back()
            && (timeline.len() as u64) < expected.min(last_open + 1)
        {
            let index = timeline.len() as u64;
            let second = self.open.remove(&index).unwrap_or_default();
            timeline.push(second.close(Duration::from_secs(index)));
        }
        let closed = timeline.len() > before;
        if closed {
            self.measurement.unfinished = self.unfinished();
            self.measurement.failures.sort_by(|a, b| {
                let rank = |failure: &FailureCause| {
                    (
                        failure.name.clone(),
                        failure.method.clone(),
                        failure.cause.clone(),
                    )
                };
                b.occurrences
                    .cmp(&a.occurrences)
                    .then_with(|| rank(a).cmp(&rank(b)))
            });
        }
        closed
    }
}

impl OpenSecond {
    /// The second in the form of the timeline.
    fn close(self, since_start: Duration) -> Second {
        let mut all = OpenSecondOfName::default();
        for name in &self.by_name {
            all.requests += name.requests;
            all.failures += name.failures;
            all.response_times.merge(&name.response_times);
        }
        let by_name = if self.by_name.len() > 1 {
            self.by_name.iter().map(OpenSecondOfName::encode).collect()
        } else {
            Vec::new()
        };
        Second {
            since_start,
            users: self.users.iter().sum(),
            requests: all.requests,
            failures: all.failures,
            response_times: all.response_times.encode(),
            by_name,
        }
    }
}

impl OpenSecondOfName {
    fn add(&mut self, request: &RequestReport) {
        self.requests += request.requests;
        self.failures += request.failures;
        self.response_times
            .merge(&request.times[TimeKind::Response]);
        self.response_times.merge(&request.unmeasured_times);
    }

    fn encode(&self) -> SecondOfName {
        SecondOfName {
            requests: self.requests,
            failures: self.failures,
            response_times: self.response_times.encode(),
        }
    }
}

/// Adds failures of the requests of `stats`: under their own cause, or together once there are [`MOST_CAUSES`] causes.
fn add_failures(
    failures: &mut Vec<FailureCause>,
    stats: &RequestStats,
    cause: &Cause,
    seen: Occurrences,
) {
    let of_stats =
        |failure: &&mut FailureCause| failure.name == stats.name && failure.method == stats.method;
    let causes = failures.iter_mut().filter(of_stats).count();
    let known = failures
        .iter_mut()
        .filter(of_stats)
        .any(|failure| failure.cause == *cause);
    let cause = if known || causes < MOST_CAUSES {
        cause
    } else {
        &OTHER_CAUSES
    };
    if let Some(failure) = failures
        .iter_mut()
        .filter(of_stats)
        .find(|failure| failure.cause == *cause)
    {
        failure.occurrences += seen.count;
        failure.first_seen = failure.first_seen.min(seen.first);
        failure.last_seen = failure.last_seen.max(seen.last);
    } else {
        failures.push(FailureCause {
            method: stats.method.clone(),
            name: stats.name.clone(),
            cause: cause.to_string(),
            side: side_of(cause),
            occurrences: seen.count,
            first_seen: seen.first,
            last_seen: seen.last,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use bakeoff_record::times::TimeKind;

    use super::*;
    use crate::stats::recorder::{Finished, Recorder};
    use crate::stats::source::{NoReport, StatsSource};

    /// Reports that were made elsewhere.
    struct Received(VecDeque<StatsReport>);

    impl StatsSource for Received {
        fn next(&mut self, _: Duration) -> Result<StatsReport, NoReport> {
            self.0.pop_front().ok_or(NoReport::WorkersDone)
        }

        fn recycle(&mut self, _: StatsReport) {}
    }

    /// Two seconds of two workers, with a failure in each.
    fn reports() -> Vec<StatsReport> {
        let mut reports = Vec::new();
        for (second, part) in [(0, ReportPart::Rest), (1, ReportPart::Last)] {
            for worker in 0..2 {
                let mut recorder = Recorder(StatsReport::new(2));
                for (index, millis) in [20, 300].into_iter().enumerate() {
                    let planned = Duration::from_secs(second);
                    recorder.record(Finished {
                        request: index,
                        planned,
                        sent: planned + Duration::from_millis(1),
                        done: planned + Duration::from_millis(millis + worker),
                        measured: true,
                        in_period: true,
                        body_bytes: 7,
                        failure: (index == 1).then(|| format!("status 50{worker}").into()),
                        unanswered: false,
                    });
                }
                let report = StatsReport {
                    second,
                    worker: usize::try_from(worker).unwrap(),
                    part,
                    users: 3,
                    begun: 2,
                    user_time: Duration::from_secs(1),
                    ..recorder.0
                };
                reports.push(report);
            }
        }
        reports
    }

    /// The report in the forms in which records hold it, and back.
    fn sent_and_received(report: &StatsReport) -> StatsReport {
        let times = |times: &Times| times.encode().decode().unwrap();
        let request = |request: &RequestReport| {
            let mut received = RequestReport {
                times: RequestTimes::default(),
                unmeasured_times: times(&request.unmeasured_times),
                causes: HashMap::new(),
                ..*request
            };
            for kind in TimeKind::ALL {
                received.times[kind] = times(&request.times[kind]);
            }
            for (cause, seen) in &request.causes {
                received.causes.insert(cause.to_string().into(), *seen);
            }
            received
        };
        StatsReport {
            lag: times(&report.lag),
            wake_up_delays: times(&report.wake_up_delays),
            requests: report.requests.iter().map(request).collect(),
            ..*report
        }
    }

    fn collected(source: &mut dyn StatsSource) -> Measurement {
        let names = ["/a", "/b"].map(|name| RequestName {
            name: name.to_owned(),
            method: "GET".to_owned(),
        });
        let mut collector = Collector::new(&names, 2, SystemTime::UNIX_EPOCH);
        while let Ok(report) = source.next(Duration::ZERO) {
            collector.add(&report);
            source.recycle(report);
        }
        collector.measurement
    }

    #[test]
    fn reports_from_elsewhere_are_collected_like_those_of_threads() {
        let (mut threads, channels) = crate::stats::threads::channels(2);
        for report in reports() {
            channels.send(report);
        }
        drop(channels);
        let of_threads = collected(&mut threads);
        let received = reports().iter().map(sent_and_received).collect();
        assert_eq!(of_threads, collected(&mut Received(received)));
        let requests = of_threads.requests.iter().map(RequestStats::requests);
        assert_eq!(requests.collect::<Vec<_>>(), [4, 4]);
        let causes = of_threads.failures.iter();
        let causes: Vec<_> = causes
            .map(|failure| (failure.cause.as_str(), failure.occurrences))
            .collect();
        assert_eq!(causes, [("status 500", 2), ("status 501", 2)]);
        let users: Vec<u32> = of_threads
            .timeline
            .iter()
            .map(|second| second.users)
            .collect();
        assert_eq!(users, [6, 6]);
    }
}
