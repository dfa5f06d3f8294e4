//! Moments in UTC as text.

use std::time::{Duration, SystemTime};

/// Moment in UTC, to the nanosecond.
pub fn exact_moment(time: SystemTime) -> String {
    humantime::format_rfc3339_nanos(writable(time)).to_string()
}

/// The formatter panics outside the years 1970 to 9999; a clock that far off is shown as the nearest of them.
pub fn writable(time: SystemTime) -> SystemTime {
    const YEAR_10000: u64 = 253_402_300_800;
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    SystemTime::UNIX_EPOCH + since.min(Duration::new(YEAR_10000 - 1, 999_999_999))
}
