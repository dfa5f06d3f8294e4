//! Roles of metrics in experiments.

/// Place of a metric in the reports of experiments. Each role includes those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Can be the primary metric, which the verdict is about.
    Primary,
    /// Compared with the baseline.
    Compared,
    /// Shown side by side.
    Shown,
}
