//! Durations as text.

use std::time::Duration;

/// Parses a duration such as `90s`, `1h30m` or `500ms`, or a whole number of seconds, as in Locust.
///
/// # Errors
/// The problem with the text, and the right form. Months and years are refused, since `30M` is meant to be minutes.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().map(Duration::from_secs);
        return seconds.map_err(|_| format!("`{text}` is too long a time"));
    }
    let mut units = text
        .split(|c: char| c.is_ascii_digit() || c.is_whitespace())
        .filter(|unit| !unit.is_empty());
    let is_calendar =
        |unit: &&str| *unit == "M" || unit.starts_with("month") || unit.starts_with('y');
    if let Some(unit) = units.find(is_calendar) {
        return Err(format!(
            "`{unit}` is no unit of a time; write `m` for minutes, as in 30m or 1h30m"
        ));
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is not a time ({error}); write it like 90s or 1h30m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_locust_reads_them() {
        for (text, seconds) in [
            ("90", 90.0),
            ("1h30m", 5400.0),
            ("1m 30s", 90.0),
            ("500ms", 0.5),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)));
        }
    }

    #[test]
    fn months_are_no_minutes() {
        for text in ["30M", "1month", "2years", "1y"] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains("write `m` for minutes"), "{error}");
        }
        for text in ["", "-1s", "soon", "1.5", "99999999999999999999999"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
