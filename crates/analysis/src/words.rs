//! Figures and lists as a reader sees them. The unit is written by the caller, next to the figure or in the header.

use std::time::{Duration, SystemTime};

use crate::statistics::Estimate;
use bakeoff_record::summary::Percentile;
use bakeoff_record::times::ordinal_percentile;

/// A percentile of the response time in milliseconds, `> 5,000` where it is a lower bound.
pub fn percentile_ms(percentile: Percentile) -> String {
    let bound = if percentile.is_lower_bound { "> " } else { "" };
    format!("{bound}{}", ms(percentile.time))
}

/// A time in milliseconds with about three significant digits.
pub fn ms(time: Duration) -> String {
    figure(time.as_secs_f64() * 1e3)
}

/// A time in milliseconds to the microsecond, for a file rather than a reader.
pub fn exact_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A figure with about three significant digits, and thousands set apart.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "–".to_owned(),
        size if size >= 999.5 => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates, which is what is meant"
            )]
            let whole = count(size.round() as u64);
            if value < 0.0 {
                format!("-{whole}")
            } else {
                whole
            }
        }
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.0995 || size == 0.0 => format!("{value:.2}"),
        size if size >= 0.00995 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// An estimate with its interval, `2.00 (1.90 to 2.10)`, or without where it has none.
pub fn with_interval(estimate: Estimate) -> String {
    let point = figure(estimate.point_estimate);
    match estimate.confidence_interval {
        Some(interval) => {
            let (low, high) = (figure(interval.low), figure(interval.high));
            format!("{point} ({low} to {high})")
        }
        None => point,
    }
}

/// A probability, after "p".
pub fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("= {p:.3}")
    }
}

/// A whole number with its thousands set apart.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A ratio of 0 to 1 as a percentage.
pub fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let text = if percent == 0.0 || percent.fract() == 0.0 {
        format!("{percent:.0}")
    } else {
        figure(percent)
    };
    format!("{text} %")
}

/// A number of bytes in decimal units.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = UNITS.into_iter().find(|(size, _)| bytes as f64 >= *size);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(size, name)| format!("{} {name}", figure(bytes as f64 / size)),
    )
}

/// A time in seconds.
pub fn seconds(time: Duration) -> String {
    format!(
        "{} s",
        if time.subsec_nanos() == 0 {
            count(time.as_secs())
        } else {
            figure(time.as_secs_f64())
        }
    )
}

/// "a", "a and b", "a, b and c".
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The text with its first letter as at the start of a sentence.
pub fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

/// A number of things, such as "1 block" and "2 blocks".
pub fn several(number: usize, thing: &str) -> String {
    format!(
        "{} {thing}{}",
        count(number as u64),
        if number == 1 { "" } else { "s" }
    )
}

/// A moment in UTC, to the second, as RFC 3339 has it.
pub fn moment(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(bakeoff_record::moment::writable(time)).to_string()
}

/// The moment so long after another, as [`moment`] has it.
pub fn moment_after(start: SystemTime, since: Duration) -> String {
    moment(after(start, since))
}

/// The Unix time in whole seconds, so long after a moment.
pub fn epoch_second(start: SystemTime, since: Duration) -> u64 {
    epoch(start, since).as_secs()
}

/// The same with its fraction.
pub fn epoch_seconds(start: SystemTime, since: Duration) -> f64 {
    epoch(start, since).as_secs_f64()
}

fn epoch(start: SystemTime, since: Duration) -> Duration {
    after(start, since)
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// A record may hold any time; what no clock can tell is left out.
fn after(start: SystemTime, since: Duration) -> SystemTime {
    start.checked_add(since).unwrap_or(start)
}

/// A percentile as a column's header: 50 %, 99.9 %.
pub fn percentile(percentile: f64) -> String {
    format!("{percentile} %")
}

/// Quantile as a percentile: `p50`, `p99.9`.
pub fn short_percentile(quantile: f64) -> String {
    format!("p{}", (quantile * 1000.0).round() / 10.0)
}

/// Quantile in words: median, 95th percentile.
pub fn quantile(quantile: f64) -> String {
    // Four decimals, so that 0.999 is not 99.900000001 %.
    let percent = (quantile * 1e6).round() / 1e4;
    if (percent - 50.0).abs() < 1e-9 {
        return "median".to_owned();
    }
    ordinal_percentile(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (value, text) in [
            (0.0, "0.00"),
            (0.012_34, "0.012"),
            (0.001_234, "0.0012"),
            (0.192, "0.19"),
            (6.214, "6.21"),
            (9.999, "10.0"),
            (30.17, "30.2"),
            (99.99, "100"),
            (187.4, "187"),
            (999.9, "1,000"),
            (2253.0, "2,253"),
            (-1234.0, "-1,234"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn milliseconds_in_files_keep_their_microseconds() {
        for (us, text) in [(1, "0.001"), (1234, "1.234"), (10_000, "10")] {
            assert_eq!(exact_ms(Duration::from_micros(us)).to_string(), text);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn moments_outside_the_calendar_do_not_panic() {
        assert_eq!(
            moment(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            moment(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40)),
            "9999-12-31T23:59:59Z"
        );
    }

    #[test]
    fn quantiles_have_names() {
        for (value, name) in [
            (0.5, "median"),
            (0.95, "95th percentile"),
            (0.999, "99.9th percentile"),
            (0.91, "91st percentile"),
        ] {
            assert_eq!(quantile(value), name);
        }
    }

    #[test]
    fn lists_read_as_english() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
