//! Puts what all threads saw together, second by second.

use bakeoff_record::times::{RequestTimes, TimeKind};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bakeoff_record::{
    Arrivals, FailureCause, Measurement, RequestStats, Second, SecondOfName, Times,
};

use crate::check::Cause;
use crate::open_files::side_of;
use crate::plan::Plan;
use crate::recorder::{MOST_CAUSES, OTHER_CAUSES, Occurrences, Part, Recorder, RequestRecord};

/// A measurement as it grows.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) measurement: Measurement,
    /// Which of the measurement's requests each kind of the plan belongs to.
    entries: Vec<usize>,
    /// Seconds that not every thread has handed over yet.
    open: BTreeMap<u64, OpenSecond>,
    /// Per thread: the first second that it has not handed over yet.
    expected: Vec<u64>,
    begun: u64,
    /// How often the figures have begun anew.
    epoch: u32,
}

#[derive(Debug, Default)]
struct OpenSecond {
    /// By thread.
    users: Vec<u32>,
    /// By entry of the measurement's requests; empty until a thread has handed it over.
    by_name: Vec<OpenSecondOfName>,
}

#[derive(Debug, Default)]
struct OpenSecondOfName {
    requests: u64,
    failures: u64,
    response_times: Times,
}

impl Collector {
    pub(crate) fn new(plan: &Plan, threads: usize, started_at: SystemTime) -> Self {
        let mut requests: Vec<RequestStats> = Vec::new();
        for planned in &plan.requests {
            requests.push(RequestStats {
                method: planned.method.to_string(),
                name: planned.name.clone(),
                times: RequestTimes::default(),
                completed_in_period: 0,
                failed_in_period: 0,
                body_bytes: 0,
            });
        }
        requests.sort_by(|a, b| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
        requests.dedup_by(|a, b| (&a.name, &a.method) == (&b.name, &b.method));
        let entry = |name: &str, method: &str| {
            requests
                .iter()
                .position(|entry| entry.name == name && entry.method == method)
        };
        let entries = plan
            .requests
            .iter()
            .map(|planned| entry(&planned.name, planned.method.as_str()).unwrap_or(0))
            .collect();
        let measurement = Measurement {
            requests,
            ..Measurement::nothing(started_at)
        };
        Self {
            measurement,
            entries,
            open: BTreeMap::new(),
            expected: vec![0; threads],
            begun: 0,
            epoch: 0,
        }
    }

    /// Lets the figures begin anew: what was seen in an earlier epoch than `epoch` goes into the timeline alone.
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

    /// Adds what a thread saw in one second. True where that second is now known of all threads.
    pub(crate) fn add(&mut self, recorder: &Recorder) -> bool {
        if recorder.epoch == self.epoch {
            self.add_figures(recorder);
        }
        self.add_second(recorder);
        self.expected[recorder.thread] = match recorder.part {
            Part::Rest => recorder.second + 1,
            Part::Beginning => recorder.second,
            Part::Last => u64::MAX,
        };
        self.close_seconds()
    }

    fn add_figures(&mut self, recorder: &Recorder) {
        self.begun += recorder.begun;
        let measurement = &mut self.measurement;
        measurement.lag.merge(&recorder.lag);
        measurement.wake_up_delays.merge(&recorder.wake_up_delays);
        if let Some(user_time) = &mut measurement.user_time {
            *user_time = user_time.saturating_add(recorder.user_time);
        }
        if let Some(arrivals) = &mut self.measurement.arrivals {
            arrivals.planned += recorder.arrived;
            arrivals.not_sent += recorder.not_sent;
        }
        for (task, &entry) in recorder.requests.iter().zip(&self.entries) {
            let stats = &mut self.measurement.requests[entry];
            stats.times.merge(&task.times);
            stats.completed_in_period += task.completed_in_period;
            stats.failed_in_period += task.failed_in_period;
            stats.body_bytes += task.body_bytes;
            for (cause, seen) in &task.causes {
                add_failures(&mut self.measurement.failures, stats, cause, *seen);
            }
        }
    }

    fn add_second(&mut self, recorder: &Recorder) {
        let names = self.measurement.requests.len();
        let threads = self.expected.len();
        let second = self.open.entry(recorder.second).or_default();
        second.users.resize(threads, 0);
        // A thread that has handed this second over before, when the figures began anew, counts once.
        second.users[recorder.thread] = recorder.users;
        second.by_name.resize_with(names, OpenSecondOfName::default);
        for (task, &entry) in recorder.requests.iter().zip(&self.entries) {
            second.by_name[entry].add(task);
        }
    }

    /// Requests that were begun and are not over.
    pub(crate) fn unfinished(&self) -> u64 {
        self.begun.saturating_sub(
            self.measurement
                .requests
                .iter()
                .map(RequestStats::requests)
                .sum(),
        )
    }

    /// Moves the seconds that all threads have handed over to the timeline. True if there were any.
    fn close_seconds(&mut self) -> bool {
        let expected = self.expected.iter().copied().min().unwrap_or(u64::MAX);
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
    /// The second as it goes into the timeline.
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
    fn add(&mut self, task: &RequestRecord) {
        self.requests += task.requests;
        self.failures += task.failures;
        self.response_times.merge(&task.times[TimeKind::Response]);
        self.response_times.merge(&task.unmeasured_times);
    }

    fn encode(&self) -> SecondOfName {
        SecondOfName {
            requests: self.requests,
            failures: self.failures,
            response_times: self.response_times.encode(),
        }
    }
}

/// Adds failures of the requests of `stats`, under their own cause as long as there are not too many causes.
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
