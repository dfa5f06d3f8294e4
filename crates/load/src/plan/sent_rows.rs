//! Rows of a request's data that were sent, with one bit for each row.

use std::sync::atomic::{AtomicU64, Ordering};

/// Set of rows, to which all threads of a load add.
#[derive(Debug)]
pub(crate) struct SentRows(Box<[AtomicU64]>);

impl SentRows {
    /// An empty set for the rows below `rows`.
    pub(crate) fn new(rows: usize) -> Self {
        Self((0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Adds `row`. A row beyond those of the set is ignored.
    pub(crate) fn insert(&self, row: usize) {
        let Some(word) = self.0.get(row / 64) else {
            return;
        };
        let bit = 1 << (row % 64);
        // Most rows are sent many times. A read does not take the cache line from other threads.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Number of rows in the set.
    pub(crate) fn count(&self) -> u64 {
        self.0
            .iter()
            .map(|word| u64::from(word.load(Ordering::Relaxed).count_ones()))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_counts_once() {
        let rows = SentRows::new(130);
        for row in [0, 63, 64, 129, 64, 192, 1_000_000] {
            rows.insert(row);
        }
        assert_eq!(rows.count(), 4);
        assert_eq!(SentRows::new(0).count(), 0);
    }
}
