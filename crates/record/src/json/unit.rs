//! Moments and durations as JSON holds them.

use std::time::{Duration, SystemTime};

use super::error::RecordError;
use super::version::SCHEMA_VERSION;

/// Milliseconds; exact to the nanosecond up to a month.
pub fn ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

/// Duration of `ms` milliseconds.
///
/// # Errors
/// [`RecordError::Value`] with the name `field` if it is negative or longer than 580 years.
pub fn duration(field: &'static str, ms: f64) -> Result<Duration, RecordError> {
    let nanoseconds = (ms * 1e6).round();
    if !(0.0..u64::MAX as f64).contains(&nanoseconds) {
        return Err(RecordError::Value {
            field,
            found: ms.to_string(),
            expected: "0 or more, and less than 580 years",
        });
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    let nanoseconds = nanoseconds as u64;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Moment of an RFC 3339 text.
///
/// # Errors
/// [`RecordError::Value`] with the name `field` for any other text.
pub fn moment(field: &'static str, text: &str) -> Result<SystemTime, RecordError> {
    let expected = "a moment like 2025-01-31T12:00:00Z";
    humantime::parse_rfc3339(text).map_err(|_| RecordError::Value {
        field,
        found: text.to_owned(),
        expected,
    })
}

/// Checks the version of a record.
///
/// # Errors
/// [`RecordError::Version`] for any but [`SCHEMA_VERSION`].
pub fn version(found: u32) -> Result<(), RecordError> {
    if found == SCHEMA_VERSION {
        Ok(())
    } else {
        Err(RecordError::Version {
            found: found.into(),
        })
    }
}
