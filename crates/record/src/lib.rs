//! Measurements: the types of a load, a run and an experiment, their times, and the versioned JSON that holds them.
//!
//! Nothing here draws a conclusion or a picture. The load generator writes these types; all other crates read them.
//!
//! ```
//! use std::time::Duration;
//!
//! let mut times = bakeoff_record::Times::new();
//! for ms in [10, 20, 30] {
//!     times.record(Duration::from_millis(ms));
//! }
//! assert_eq!(times.mean(), Some(Duration::from_millis(20)));
//! ```

pub mod coarse;
pub mod experiment;
#[cfg(any(test, feature = "fixture"))]
#[doc(hidden)]
pub mod fixture;
pub mod json;
pub mod machine;
pub mod metric;
pub mod moment;
pub mod run;
pub mod scenario;
pub mod stored;
pub mod summary;
pub mod timeline;
pub mod times;

pub use coarse::{CoarseRun, Source};
pub use experiment::{
    Agreement, Contender, ContenderKind, CoreSplit, Disagreement, Experiment, Fact, Floor, LeftOut,
    Plan, Problem, Restart, Run, RunLoad, Slo,
};
pub use json::{ExperimentRecord, LoadTestRecord, RecordError};
pub use machine::Machine;
pub use metric::Metric;
pub use run::{
    Arrivals, FailureCause, GeneratorUse, LoadTest, Mark, Measurement, RequestStats, Second,
    SecondOfName, Side, ThresholdOutcome, Usage, WAKE_UP_INTERVAL,
};
pub use scenario::{DataFileFacts, ScenarioFacts};
pub use stored::{Detail, Figures, RunId, RunState, StoredRun};
pub use summary::{PERCENTILES, Percentile, Summary, SummaryRow};
pub use timeline::{Step, StepFigures, Steps};
pub use times::{EncodedTimes, RequestTimes, Statistic, TimeKind, Times};
