//! Order of the rows of a data file.

use serde::Deserialize;

/// Order in which users take the rows of a data file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RowOrder {
    /// One random order for all users. Each user starts at a random position.
    #[default]
    Shuffled,
    /// The order of the file. Each user starts with the first row.
    Sequential,
    /// One random order for all users. No row is taken twice in a load as long as there are rows that were not taken.
    Distinct,
    /// One row for each user: the first row for the first user, and the first row again after the last.
    PerUser,
}
