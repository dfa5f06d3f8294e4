//! Conclusions from an experiment: statistics, comparisons, gates, verdicts and their interpretation in sentences.
//!
//! Every function is pure: the same records give byte-identical output. This crate measures nothing and draws nothing.

pub mod analysis;
pub mod compared;
pub mod comparison;
pub mod derived;
pub mod interpretation;
pub mod judged;
pub mod measured;
pub mod noise;
pub mod precision;
pub mod shift;
pub mod statistics;
pub mod sweep;
pub mod turn;
pub mod verdict;
pub mod words;

pub use analysis::{Analysis, UnderLoad};
pub use compared::Compared;
pub use comparison::{BlockRatio, Comparison};
pub use interpretation::{Paragraph, interpret, verdict_sentence};
pub use judged::Judged;
pub use measured::Measured;
pub use noise::Noise;
pub use precision::Precision;
pub use shift::Shift;
pub use statistics::{ConfidenceInterval, Estimate};
pub use sweep::{SweepPoint, SweepResult};
pub use turn::{Disturbance, FailedTurn, TurnFailure, Turns, VoidedBlock, voided_blocks};
pub use verdict::{FEWEST_ROUNDS, Gate, Obstacle, Reading, Reason, Verdict};
