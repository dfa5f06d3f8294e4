//! Values of arguments, parsed from text.

use std::time::Duration;

/// A time such as `90s`, `1h30m` or, as Locust has it, a bare number of seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    bakeoff_load::parse_duration(text)
}

/// A [`duration`] above zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be above zero".into()),
        time => Ok(time),
    }
}

/// A number of users or requests per second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("must be a number above zero".into()),
    }
}
