//! Settings of one run of a load.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use crate::error::LoadError;
use crate::share::Share;
use crate::workload::Workload;
use crate::workload::open_model::OpenModel;

/// Settings of one run of a load.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadConfig {
    /// Base address of the server, such as `http://127.0.0.1:8000`.
    pub host: String,
    /// Users or arrivals over time, of all shares together.
    pub workload: Workload,
    /// Share of the load that this process runs.
    pub share: Share,
    /// Length of the measured period; `None` measures until stopped, or to the end of the stages.
    pub run_time: Option<Duration>,
    /// Number of tasks of all users of all shares together, after which the load ends; `None` for any number.
    pub iterations: Option<NonZeroU64>,
    /// Time from the start of the last user to the beginning of the measured period.
    /// `None`: everything counts, from the first user on, as in Locust.
    pub warm_up: Option<Duration>,
    /// Longest wait for requests in flight at the end of the load.
    pub stop_timeout: Duration,
    /// Condition that ends the measured period before `run_time` is over; `None` without one.
    pub enough: Option<Enough>,
    /// Seed of all random choices: the same seed gives each user the same requests and wait times.
    pub seed: u64,
    /// Number of threads that run the load.
    pub threads: NonZeroUsize,
}

/// Condition that ends the measured period early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enough {
    /// Shortest measured period.
    pub at_least: Duration,
    /// Number of tasks of the measured period that each active user has to finish.
    pub tasks_per_user: NonZeroU32,
}

impl LoadConfig {
    /// Description of the load for people, such as `70 users at 10/s for 1m`.
    pub fn describe(&self) -> String {
        let time = self.run_time.map(humantime::format_duration);
        let time = time.map_or_else(String::new, |time| format!(" for {time}"));
        format!("{}{time}", self.workload)
    }

    /// Number of iterations of this share; `None` for any number.
    pub(crate) fn share_of_iterations(&self) -> Option<u64> {
        self.iterations
            .map(|iterations| self.share.count(iterations.get()))
    }

    /// `true` if the iterations of all shares include that of the arrival with this number.
    pub(crate) fn has_iteration(&self, number: u64) -> bool {
        self.iterations
            .is_none_or(|iterations| number < iterations.get())
    }

    /// Requests in flight at which this share sends no further arrivals.
    pub(crate) fn share_of_in_flight(&self, arrivals: &OpenModel) -> u32 {
        self.share_of(arrivals.max_in_flight.get())
    }

    /// Largest number of users of this share at once; 0 in an open model.
    pub(crate) fn share_of_users(&self) -> u32 {
        self.share_of(self.workload.most_users())
    }

    /// Checks that each share of an open model can have a request in flight.
    pub(crate) fn check_share(&self) -> Result<(), LoadError> {
        match &self.workload {
            Workload::OpenModel(arrivals)
                if u64::from(arrivals.max_in_flight.get()) < self.share.of() =>
            {
                Err(LoadError::Share {
                    max_in_flight: arrivals.max_in_flight.get(),
                    of: self.share.of(),
                })
            }
            _ => Ok(()),
        }
    }

    fn share_of(&self, total: u32) -> u32 {
        u32::try_from(self.share.count(total.into())).expect("a share is no larger than the whole")
    }
}
