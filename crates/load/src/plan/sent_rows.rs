//! The rows of a request's data that were sent, as a bit for each.

use std::sync::atomic::{AtomicU64, Ordering};

/// A set of row indexes that all threads of a load add to.
#[derive(Debug)]
pub(crate) struct SentRows(Box<[AtomicU64]>);

impl SentRows {
    /// A set that has room for the rows below `rows`.
    pub(crate) fn new(rows: usize) -> Self {
        Self((0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Adds `row`; ignored where it is beyond what there is room for.
    pub(crate) fn insert(&self, row: usize) {
        let Some(word) = self.0.get(row / 64) else {
            return;
        };
        let bit = 1 << (row % 64);
        // Most rows are sent again and again: reading does not take the line from other threads.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The number of rows in the set.
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
