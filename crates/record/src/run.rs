//! Measurements of one load on one server.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use crate::machine::Machine;
use crate::times::{EncodedTimes, RequestTimes, TimeKind, Times};

/// One load on one server, outside any comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadTest {
    /// Name of the scenario.
    pub name: String,
    /// Address of the server.
    pub host: String,
    /// Version of Bakeoff that ran it.
    pub bakeoff_version: String,
    /// Machine that the load came from.
    pub machine: Machine,
    /// Measurement by the load generator.
    pub measurement: Measurement,
}

/// Time between two planned wake-ups of a thread of the load generator.
pub const WAKE_UP_INTERVAL: Duration = Duration::from_millis(10);

/// Measurement of one load over one measured period.
///
/// A request belongs to the period in which it was *planned* to start, so one in flight at the end is waited for
/// and counted, and one planned during the warm-up is not. Rates count what *completed* inside the period.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Start of the first user, warm-up included.
    pub started_at: SystemTime,
    /// Time before the measured period, its requests left out.
    pub warm_up: Duration,
    /// Length of the measured period, as it was.
    pub period: Duration,
    /// Most users active at once.
    pub users: u32,
    /// One entry per method and request name, sorted by name, then method.
    pub requests: Vec<RequestStats>,
    /// Failed requests of the measured period grouped by cause, most frequent first.
    pub failures: Vec<FailureCause>,
    /// One entry per second from the first user on, warm-up included.
    pub timeline: Vec<Second>,
    /// Changes of the load while it ran, in the order of time.
    pub marks: Vec<Mark>,
    /// Sent minus planned: how late the generator itself was.
    pub lag: Times,
    /// Delays of the generator's own timers in the measured period: how much later than planned a thread woke up that asked
    /// to be woken every [`WAKE_UP_INTERVAL`], one value for each wake-up that was planned. Empty in records from before
    /// this was measured.
    pub wake_up_delays: Times,
    /// Requests that have no answer yet while the load runs. At the end of a load they are failures, see
    /// [`RequestStats::times`], and this is 0; only records from before that have others here.
    pub unfinished: u64,
    /// Sum over all users of the time that their tasks of the measured period took: from the planned start of each task
    /// to the planned start of the user's next one. `None` in an open model, and in records from before this was measured.
    pub user_time: Option<Duration>,
    /// Tasks of the measured period that the user with the fewest finished. `None` where `user_time` is.
    pub fewest_rounds: Option<u32>,
    /// Different requests that were sent, warm-up included: the number of pairs of request and row of its data. `None` in
    /// records from before this was measured.
    pub distinct_requests: Option<u64>,
    /// Arrivals of an open model; `None` where users make the load.
    pub arrivals: Option<Arrivals>,
    /// Connections opened, warm-up included.
    pub connections_opened: u64,
    /// `true` if the load was stopped early.
    pub interrupted: bool,
}

impl Measurement {
    /// Measurement of a load that has just begun.
    pub fn nothing(started_at: SystemTime) -> Self {
        Self {
            started_at,
            warm_up: Duration::ZERO,
            period: Duration::ZERO,
            users: 0,
            requests: Vec::new(),
            failures: Vec::new(),
            timeline: Vec::new(),
            marks: Vec::new(),
            lag: Times::new(),
            wake_up_delays: Times::new(),
            unfinished: 0,
            user_time: None,
            fewest_rounds: None,
            distinct_requests: None,
            arrivals: None,
            connections_opened: 0,
            interrupted: false,
        }
    }

    /// Whole seconds of the measured period.
    pub fn measured_seconds(&self) -> impl Iterator<Item = &Second> {
        let (from, to) = (self.warm_up, self.warm_up + self.period);
        let second = Duration::from_secs(1);
        let timeline = self.timeline.iter();
        timeline.filter(move |at| at.since_start >= from && at.since_start + second <= to)
    }
}

/// Requests of one method and name.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestStats {
    /// HTTP method.
    pub method: String,
    /// Name that requests are grouped under.
    pub name: String,
    /// Times of them, by kind.
    pub times: RequestTimes,
    /// Requests, successful or not, that completed inside the measured period.
    pub completed_in_period: u64,
    /// Requests that failed inside the measured period.
    pub failed_in_period: u64,
    /// Bytes of all response bodies.
    pub body_bytes: u64,
}

impl RequestStats {
    /// Finished requests, successful or not.
    pub fn requests(&self) -> u64 {
        self.times.requests()
    }

    /// Requests that failed, those without an answer among them.
    pub fn failures(&self) -> u64 {
        self.times.failures()
    }

    /// Times that percentiles of the response time are taken from: response times, and the ages of the requests without an
    /// answer, which are lower bounds of their response times.
    pub fn percentile_times(&self) -> Cow<'_, Times> {
        self.times.with_unanswered(TimeKind::Response)
    }
}

/// Arrivals that an open model planned in the measured period, sent or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Arrivals that were due.
    pub planned: u64,
    /// Arrivals that were not sent, because the limit of requests in flight was reached.
    pub not_sent: u64,
}

impl Arrivals {
    /// Arrivals that were not sent over all that were due, 0 to 1.
    pub fn not_sent_ratio(self) -> f64 {
        self.not_sent as f64 / self.planned.max(1) as f64
    }
}

/// Change of a load while it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Time since the start of the load.
    pub at: Duration,
    /// Change as a sentence fragment: `70 users at 10/s asked for`.
    pub what: String,
}

/// Failed requests of one name with one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCause {
    /// HTTP method.
    pub method: String,
    /// Name that requests are grouped under.
    pub name: String,
    /// Cause as a sentence fragment without varying parts.
    pub cause: String,
    /// Side of the connection that the cause lies on.
    pub side: Side,
    /// Number of failures with this cause.
    pub occurrences: u64,
    /// Time of the first failure since the start of the load.
    pub first_seen: Duration,
    /// Time of the last failure since the start of the load.
    pub last_seen: Duration,
}

/// Side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Machine that makes the load, such as when it has no port left for a connection.
    Generator,
    /// Server under test, or the network to it.
    Server,
}

/// One second of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// Start of this second, from the start of the load.
    pub since_start: Duration,
    /// Users active at its end.
    pub users: u32,
    /// Requests completed in it, successful or not.
    pub requests: u64,
    /// Requests failed in it.
    pub failures: u64,
    /// Response times of the requests that succeeded in it.
    pub response_times: EncodedTimes,
    /// Figures of each entry of the measurement's `requests`, in their order; empty if there is only one entry,
    /// which the figures above are those of.
    pub by_name: Vec<SecondOfName>,
}

/// One second of the requests of one method and name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SecondOfName {
    /// Requests completed in it, successful or not.
    pub requests: u64,
    /// Requests failed in it.
    pub failures: u64,
    /// Response times of the requests that succeeded in it.
    pub response_times: EncodedTimes,
}

impl Second {
    /// Figures of all requests.
    pub fn of_all(&self) -> SecondFigures<'_> {
        SecondFigures {
            requests: self.requests,
            failures: self.failures,
            response_times: &self.response_times,
        }
    }

    /// Figures of one entry of the measurement's `requests`; `None` where the record has none.
    pub fn of_entry(&self, entry: usize) -> Option<SecondFigures<'_>> {
        if self.by_name.is_empty() {
            return (entry == 0).then(|| self.of_all());
        }
        self.by_name.get(entry).map(|second| SecondFigures {
            requests: second.requests,
            failures: second.failures,
            response_times: &second.response_times,
        })
    }
}

/// Figures of one second, of all requests or of one entry.
#[derive(Debug, Clone, Copy)]
pub struct SecondFigures<'a> {
    /// Requests that were completed in it.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Response times of the others.
    pub response_times: &'a EncodedTimes,
}

/// Outcome of one threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdOutcome {
    /// Metric with its limit: `response_time.p95 below 500ms`.
    pub threshold: String,
    /// Value that broke the threshold, such as `was 612ms`; `None` if the threshold was kept.
    pub failure: Option<String>,
}

/// Resources of a contender during the measured period; memory is read about once a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Processor time of its whole process tree or container. What the Docker engine spends on forwarding a published
    /// port is outside of both.
    pub cpu: Duration,
    /// Most memory it held at once, in bytes: the sum of its processes' resident sets, or the container's own count.
    pub peak_memory_bytes: u64,
}

/// Resources of the load generator during the measured period, and processor time taken by others.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GeneratorUse {
    /// Its own processor time over that of all cores that it may use.
    pub cpu_ratio: f64,
    /// The share of this machine's processor time that other machines on the same host took.
    pub steal_ratio: f64,
    /// The share of this machine's processor time that processes other than generator, contender and Docker engine took;
    /// `None` where the contender's own could not be seen.
    pub neighbour_ratio: Option<f64>,
    /// The share of the time in which some process waited for a processor, by the kernel's pressure stall information;
    /// `None` where the kernel has none. Contender and generator wait for each other too, so nothing is judged by it.
    pub pressure_ratio: Option<f64>,
}
