//! What runs produced: the record of a run and of an experiment, their statistics, the verdict, and how all of it is shown.
//!
//! Everything here but [`history`], which reads and writes a file, is a pure function of its arguments:
//! the same records give byte-identical output. This crate measures nothing and starts nothing.
//!
//! ```
//! use std::time::Duration;
//!
//! let mut times = bakeoff_report::Times::new();
//! for ms in [10, 20, 30] {
//!     times.record(Duration::from_millis(ms));
//! }
//! assert_eq!(times.mean(), Some(Duration::from_millis(20)));
//! ```

pub mod analysis;
pub mod coarse;
pub mod comparison;
pub mod experiment;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod history;
pub mod import;
pub mod interpretation;
pub mod precision;
pub mod record;
pub mod render;
pub mod run;
pub mod scenario;
pub mod shift;
pub mod statistics;
pub mod summary;
pub mod sweep;
pub mod times;
pub mod turn;
pub mod verdict;
pub mod words;

pub use analysis::{Analysis, ContenderResult, Noise, UnderLoad};
pub use coarse::{CoarseRun, Source};
pub use comparison::{BlockRatio, Comparison, Metric};
pub use experiment::{
    Agreement, Contender, ContenderKind, CoreSplit, Disagreement, Experiment, Fact, Floor, LeftOut,
    Machine, Plan, PrimaryMetric, Problem, Restart, Run, RunLoad, Slo,
};
pub use history::{Detail, Entry, History, HistoryError, NewRun, RunId, RunState, StoredRun};
pub use interpretation::{Paragraph, verdict_sentence};
pub use precision::Precision;
pub use record::{ExperimentRecord, LoadTestRecord, RecordError};
pub use run::{
    Arrivals, FailureCause, GeneratorUse, LoadTest, Mark, Measurement, RequestStats, Second,
    SecondOfName, ThresholdOutcome, Usage, WAKE_UP_INTERVAL,
};
pub use scenario::{DataFileFacts, ScenarioFacts};
pub use shift::Shift;
pub use statistics::{ConfidenceInterval, Estimate};
pub use summary::{PERCENTILES, Percentile, Summary, SummaryRow};
pub use sweep::{SweepPoint, SweepResult};
pub use times::{EncodedTimes, Times};
pub use turn::{Disturbance, FailedTurn, TurnFailure, Turns, VoidedBlock, voided_blocks};
pub use verdict::{FEWEST_ROUNDS, Gate, Obstacle, Reading, Reason, Verdict};

// Lets the fixture name the crate as the example that shares it does.
#[cfg(test)]
extern crate self as bakeoff_report;
#[cfg(test)]
mod fixture;
