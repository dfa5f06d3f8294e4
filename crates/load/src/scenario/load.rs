//! The table `[load]`: the workload and its limits.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::file::LoadTable;
use super::source::Source;
use crate::error::ScenarioError;
use crate::workload::Workload;
use crate::workload::open_model::OpenModel;
use crate::workload::stage::Stage;
use crate::workload::wait_time::WaitTime;

/// Default of `max_in_flight`: requests in flight at which further arrivals are not sent.
pub const MAX_IN_FLIGHT: NonZeroU32 = NonZeroU32::new(1000).expect("it is not zero");

/// Settings of the table `[load]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSettings {
    /// Users or arrivals over time; one user by default.
    pub workload: Workload,
    /// Length of the measured period; `None` runs until stopped.
    pub run_time: Option<Duration>,
    /// Number of tasks of all users together, after which the load ends; `None` for any number.
    pub iterations: Option<NonZeroU64>,
    /// Wait of a user between tasks; no wait by default.
    pub wait_time: WaitTime,
}

pub(super) fn build(source: &Source<'_>, table: LoadTable) -> Result<LoadSettings, ScenarioError> {
    let iterations = table.iterations.map(|count| NonZeroU64::from(count.0));
    let run_time = table.run_time.map(|period| period.0);
    let wait_time = table.wait_time.map(|wait| wait.0);
    Ok(LoadSettings {
        workload: workload(source, table)?,
        run_time,
        iterations,
        wait_time: wait_time.unwrap_or(WaitTime::Constant(Duration::ZERO)),
    })
}

fn workload(source: &Source<'_>, table: LoadTable) -> Result<Workload, ScenarioError> {
    let spawn_rate = table.spawn_rate.map_or(1.0, |rate| rate.0);
    let of_users = table.users.is_some() || table.spawn_rate.is_some();
    match (table.arrival_rate, table.stages) {
        (None, None) => Ok(Workload::Users {
            users: table.users.map_or(NonZeroU32::MIN, |users| users.0),
            spawn_rate,
        }),
        (None, Some(stages)) if table.users.is_some() => {
            let problem = "`stages` set the number of users; leave out `users`";
            Err(source.wrong(&stages.span(), problem))
        }
        (None, Some(stages)) if stages.get_ref().is_empty() => {
            Err(source.wrong(&stages.span(), "`stages` needs at least one stage"))
        }
        (None, Some(stages)) => Ok(Workload::Stages(
            stages
                .into_inner()
                .into_iter()
                .map(|stage| Stage {
                    duration: stage.duration.0,
                    users: stage.users,
                    spawn_rate: stage.spawn_rate.map_or(spawn_rate, |rate| rate.0),
                })
                .collect(),
        )),
        (Some(rate), stages) if of_users || stages.is_some() || table.wait_time.is_some() => {
            let problem = "an open model with `arrival_rate` has no users; leave out `users`, `spawn_rate`, `stages` and `wait_time`";
            Err(source.wrong(&rate.span(), problem))
        }
        (Some(rate), _) => Ok(Workload::OpenModel(OpenModel {
            rates: rate.into_inner().0,
            spacing: table.arrivals.unwrap_or_default().into(),
            max_in_flight: table.max_in_flight.map_or(MAX_IN_FLIGHT, |count| count.0),
        })),
    }
}
