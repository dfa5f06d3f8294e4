//! Results as the JSON of [`bakeoff_record::json`].

use bakeoff_analysis::derived::experiment_record;
use bakeoff_record::experiment::Experiment;
use bakeoff_record::json::LoadTestRecord;
use bakeoff_record::run::LoadTest;

/// Record of the experiment.
pub fn render_experiment(experiment: &Experiment) -> String {
    experiment_record(experiment).to_json()
}

/// Record of the load test.
pub fn render_load_test(test: &LoadTest) -> String {
    LoadTestRecord::from_load_test(test).to_json()
}
