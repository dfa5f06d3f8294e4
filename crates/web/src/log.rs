//! Log lines for the page's tab Logs.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Lines that are kept, as many as in Locust.
const MOST_LINES: usize = 500;

/// Newest log lines with their time.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<VecDeque<String>>,
}

impl Log {
    pub(crate) fn info(&self, what: &str) {
        self.add("INFO", what);
    }

    pub(crate) fn error(&self, what: &str) {
        self.add("ERROR", what);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    fn add(&self, level: &str, what: &str) {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(format!("[{now}] {level}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept() {
        let log = Log::default();
        for line in 0..MOST_LINES + 3 {
            log.info(&format!("line {line}"));
        }
        let lines = log.lines();
        assert_eq!(lines.len(), MOST_LINES);
        assert!(lines[0].ends_with("INFO: line 3"), "{}", lines[0]);
    }
}
