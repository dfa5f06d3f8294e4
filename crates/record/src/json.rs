//! JSON that Bakeoff writes and promises to read again: one document per experiment or load test.
//!
//! Units are in the names: `_ms`, `_us`, `_seconds`, `_bytes`, `_ratio` (1 is the whole), `_per_second`.
//! Every field is always there; a figure that was not measured is `null`. The schemas are in the crate's folder `schema`.

mod at_rest;
mod coarse;
mod document;
mod error;
mod experiment;
mod load_test;
mod machine;
mod measurement;
mod plan;
mod request;
mod scenario;
mod summary;
mod times;
pub mod unit;
mod version;

pub use coarse::{CoarseRecord, SourceRecord};
pub use error::RecordError;
pub use experiment::{
    AgreementRecord, ContenderKindRecord, ContenderRecord, DisagreementRecord, ExperimentRecord,
    FactRecord, GeneratorUseRecord, LeftOutRecord, ProblemRecord, RunRecord,
};
pub use load_test::LoadTestRecord;
pub use machine::MachineRecord;
pub use measurement::{MeasurementRecord, SecondRecord, UsageRecord};
pub use plan::{CoreSplitRecord, FloorRecord, PlanRecord, RestartRecord, RunLoadRecord, SloRecord};
pub use request::{FailureCauseRecord, RequestStatsRecord, SideRecord};
pub use scenario::{DataFileRecord, ScenarioRecord};
pub use summary::{PercentilesRecord, SummaryRecord, SummaryRowRecord};
pub use times::TimesRecord;
pub use version::SCHEMA_VERSION;
