//! Values in files of other programs, each checked to be possible.

use std::time::{Duration, SystemTime};

use super::ImportError;

/// Largest number of requests, above that of any load test. Sums of such numbers stay exact.
pub(super) const MOST_REQUESTS: f64 = 1e15;

/// Longest time in seconds, about three years, above that of any load test.
const LONGEST_SECONDS: f64 = 1e8;

pub(super) fn seconds(field: &str, seconds: f64) -> Result<Duration, ImportError> {
    if !(0.0..=LONGEST_SECONDS).contains(&seconds) {
        return Err(value(
            field,
            &seconds,
            "a time of 0 or more, and less than three years",
        ));
    }
    Ok(Duration::from_secs_f64(seconds))
}

pub(super) fn ms(field: &str, ms: f64) -> Result<Duration, ImportError> {
    seconds(field, ms / 1e3)
}

/// Number of requests. Some programs write whole numbers with a decimal point.
pub(super) fn count(field: &str, number: f64) -> Result<u64, ImportError> {
    if !(0.0..=MOST_REQUESTS).contains(&number) || number.fract() != 0.0 {
        return Err(value(field, &number, "a whole number of 0 or more"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be whole and in range"
    )]
    let number = number as u64;
    Ok(number)
}

pub(super) fn users(field: &str, number: f64) -> Result<u32, ImportError> {
    let users = count(field, number)?;
    u32::try_from(users).map_err(|_| value(field, &number, "a number of users"))
}

/// Requests per second.
pub(super) fn rate(field: &str, rate: f64) -> Result<f64, ImportError> {
    if (0.0..=MOST_REQUESTS).contains(&rate) {
        Ok(rate)
    } else {
        Err(value(field, &rate, "a rate of 0 or more"))
    }
}

/// Time in Unix seconds.
pub(super) fn moment(field: &str, unix_seconds: f64) -> Result<SystemTime, ImportError> {
    const YEAR_10000: f64 = 253_402_300_800.0;
    if !(0.0..YEAR_10000).contains(&unix_seconds) {
        return Err(value(
            field,
            &unix_seconds,
            "a moment in seconds since 1970",
        ));
    }
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(unix_seconds))
}

/// Number in a text.
pub(super) fn number(field: &str, text: &str) -> Result<f64, ImportError> {
    text.trim()
        .parse()
        .map_err(|_| value(field, &format!("{text:?}"), "a number"))
}

pub(super) fn per_second(requests: u64, period: Option<Duration>) -> Option<f64> {
    let period = period.filter(|period| !period.is_zero())?;
    Some(requests as f64 / period.as_secs_f64())
}

/// Duration of this number of requests at this rate.
pub(super) fn period(requests: u64, per_second: f64) -> Option<Duration> {
    (requests > 0 && per_second > 0.0)
        .then(|| Duration::try_from_secs_f64(requests as f64 / per_second).ok())
        .flatten()
        .filter(|period| period.as_secs_f64() <= LONGEST_SECONDS)
}

pub(super) fn value(field: &str, found: &impl ToString, expected: &'static str) -> ImportError {
    const LONGEST: usize = 60;
    ImportError::Value {
        field: shortened(field, LONGEST),
        found: shortened(&found.to_string(), LONGEST),
        expected,
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most).chain(['…']).collect()
}
