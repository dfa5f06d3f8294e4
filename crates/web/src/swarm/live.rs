//! State of a load for the page, updated every second at a cost that does not grow with the run.

use bakeoff_record::Measurement;

use crate::points::Points;

/// State of a load, as in Locust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Spawning,
    Running,
    Stopping,
    Stopped,
}

/// State of the current or last load.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) state: State,
    pub(crate) host: String,
    pub(crate) users: u32,
    /// Number of the load. A reset of the statistics increases it too.
    pub(crate) run: u64,
    /// Measurement so far; `None` before the first load.
    pub(crate) measurement: Option<Measurement>,
    pub(crate) points: Points,
    /// Error that ended the last load.
    pub(crate) error: Option<String>,
}

impl Live {
    pub(crate) fn new(host: String) -> Self {
        Self {
            state: State::Ready,
            host,
            users: 0,
            run: 0,
            measurement: None,
            points: Points::new(),
            error: None,
        }
    }

    /// Starts a new load.
    pub(super) fn begin(&mut self, host: String) {
        *self = Self {
            state: State::Spawning,
            run: self.run + 1,
            ..Self::new(host)
        };
    }

    /// Deletes the measurement.
    pub(super) fn forget(&mut self) {
        (self.measurement, self.points) = (None, Points::new());
        self.run += 1;
    }

    /// Updates a running load.
    pub(super) fn follow(&mut self, state: State, users: u32, so_far: &Measurement) {
        (self.state, self.users) = (state, users);
        self.take(so_far);
    }

    /// Ends the load with its measurement or error.
    pub(super) fn end(&mut self, outcome: Result<Measurement, String>) {
        (self.state, self.users) = (State::Stopped, 0);
        match outcome {
            Ok(measurement) => self.take(&measurement),
            Err(error) => self.error = Some(error),
        }
    }

    fn take(&mut self, so_far: &Measurement) {
        let known = self.measurement.take();
        let goes_on = known.as_ref().is_some_and(|known| {
            known.started_at == so_far.started_at && known.timeline.len() <= so_far.timeline.len()
        });
        if known.is_some() && !goes_on {
            self.run += 1;
            self.points = Points::new();
        }
        let mut timeline = match known {
            Some(known) if goes_on => known.timeline,
            _ => Vec::new(),
        };
        let new = &so_far.timeline[timeline.len()..];
        for second in new {
            self.points.push(second);
        }
        timeline.extend_from_slice(new);
        self.measurement = Some(with_timeline(so_far, timeline));
    }
}

/// Copy of a measurement with another timeline. The timeline is long and is not copied.
fn with_timeline(measurement: &Measurement, timeline: Vec<bakeoff_record::Second>) -> Measurement {
    Measurement {
        warm_up: measurement.warm_up,
        period: measurement.period,
        users: measurement.users,
        requests: measurement.requests.clone(),
        failures: measurement.failures.clone(),
        timeline,
        marks: measurement.marks.clone(),
        lag: measurement.lag.clone(),
        wake_up_delays: measurement.wake_up_delays.clone(),
        unfinished: measurement.unfinished,
        user_time: measurement.user_time,
        fewest_rounds: measurement.fewest_rounds,
        distinct_requests: measurement.distinct_requests,
        arrivals: measurement.arrivals,
        connections_opened: measurement.connections_opened,
        interrupted: measurement.interrupted,
        ..Measurement::nothing(measurement.started_at)
    }
}
