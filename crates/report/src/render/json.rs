//! Results as the JSON of [`crate::record`].

use crate::experiment::Experiment;
use crate::record::{ExperimentRecord, LoadTestRecord};
use crate::run::LoadTest;

/// The experiment's record.
pub fn render_experiment(experiment: &Experiment) -> String {
    ExperimentRecord::from_experiment(experiment).to_json()
}

/// The load test's record.
pub fn render_load_test(test: &LoadTest) -> String {
    LoadTestRecord::from_load_test(test).to_json()
}
