//! Values of an experiment file: durations, percentages, objectives, answer rules.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bakeoff_load::parse_duration;
use bakeoff_record::{Metric, Slo};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::answers::AnswerRule;

/// Path of a file that is named relative to a folder. It is never empty, so that errors show it.
pub(super) fn beside(folder: &Path, file: &Path) -> PathBuf {
    let path = folder.join(file);
    if path.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    path
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnswerRule {
    json: String,
    equal: Option<bool>,
    within: Option<f64>,
}

impl RawAnswerRule {
    pub(super) fn resolve(self) -> Result<AnswerRule, String> {
        let pointer = self.json;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "`json` must be a JSON pointer such as \"/answer\", not {pointer:?}"
            ));
        }
        match (self.equal, self.within) {
            (Some(true), None) => Ok(AnswerRule::Equal { pointer }),
            (None, Some(most)) if most >= 0.0 => Ok(AnswerRule::Within { pointer, most }),
            _ => Err(
                "a rule is { json = \"/answer\", equal = true } or { json = \"/score\", within = 0.02 }"
                    .to_owned(),
            ),
        }
    }
}

/// Name of a primary metric, such as `response_time.p95`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RawMetric(pub(super) Metric);

impl Default for RawMetric {
    fn default() -> Self {
        Self(Metric::SuccessesPerSecond)
    }
}

impl TryFrom<String> for RawMetric {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Metric::primary_of_key(&text).map(Self).ok_or_else(|| {
            let keys = Metric::primary().map(|metric| format!("`{}`", metric.key()));
            format!(
                "unknown metric `{text}`, expected one of {}",
                keys.collect::<Vec<_>>().join(", ")
            )
        })
    }
}

/// A time above zero, such as `"5s"`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct PositiveDuration(pub(super) Duration);

impl TryFrom<String> for PositiveDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match parse_duration(&text) {
            Ok(duration) if !duration.is_zero() => Ok(Self(duration)),
            Ok(_) => Err("a time above zero is needed, such as \"5s\"".into()),
            Err(problem) => Err(problem),
        }
    }
}

/// A percentage from 0 to below 100, such as `"5%"`, as a ratio.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Percent(pub(super) f64);

impl Default for Percent {
    fn default() -> Self {
        Self(0.05)
    }
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_share(&text).map(Self)
    }
}

/// Parses a percentage such as `5%` or `0.5`, where the sign may be left out, into a ratio of at least 0.
///
/// # Errors
/// The expected form, if `text` is not a percentage.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(percent) if percent >= 0.0 && percent.is_finite() => Ok(percent / 100.0),
        _ => Err("a percentage such as \"5%\" is needed".into()),
    }
}

/// Parses a percentage below 100 %, in the form of [`parse_percent`], into a ratio below 1.
///
/// # Errors
/// The expected form and range, if `text` is not such a percentage.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let share = parse_percent(text).ok().filter(|share| *share < 1.0);
    share.ok_or_else(|| "a percentage from 0 to below 100 is needed, such as \"5%\"".into())
}

/// Objective of a text such as `p95 < 500ms`.
///
/// # Errors
/// The correct form, for any other text.
pub fn parse_slo(text: &str) -> Result<Slo, String> {
    RawSlo::try_from(text.to_owned()).map(|slo| slo.0)
}

/// Price of a core per hour: a number above zero.
#[derive(Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Price(pub(super) f64);

impl TryFrom<f64> for Price {
    type Error = String;

    fn try_from(price: f64) -> Result<Self, String> {
        if price.is_finite() && price > 0.0 {
            Ok(Self(price))
        } else {
            Err("a price above zero is needed, such as 0.04".into())
        }
    }
}

/// Objective for response times, such as `"p95 < 500ms"`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RawSlo(pub(super) Slo);

impl TryFrom<String> for RawSlo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an objective; write it like \"p95 < 500ms\"");
        let (percentile, limit) = text.split_once('<').ok_or_else(wrong)?;
        let percent = percentile.trim().strip_prefix('p').ok_or_else(wrong)?;
        let percent: f64 = percent.parse().map_err(|_| wrong())?;
        let below = parse_duration(limit).map_err(|_| wrong())?;
        if !(percent > 0.0 && percent < 100.0) || below.is_zero() {
            return Err(wrong());
        }
        Ok(Self(Slo {
            quantile: percent / 100.0,
            below,
        }))
    }
}

/// Time before the measured period in which a contender warms up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawWarmUp")]
pub struct WarmUp {
    /// Shortest warm-up, after all users have started.
    pub at_least: Duration,
    /// Longest warm-up. If it equals `at_least`, the warm-up has a fixed length.
    pub at_most: Duration,
}

impl Default for WarmUp {
    /// A warm-up of one to ten seconds, until the rate has settled.
    fn default() -> Self {
        Self {
            at_least: Duration::from_secs(1),
            at_most: Duration::from_secs(10),
        }
    }
}

impl WarmUp {
    /// A warm-up of a fixed length.
    pub fn fixed(time: Duration) -> Self {
        Self {
            at_least: time,
            at_most: time,
        }
    }

    /// `true` if the warm-up ends once the rate has settled.
    pub fn is_detected(self) -> bool {
        self.at_least < self.at_most
    }
}

/// `"auto"`, a time, or a table with both bounds.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "write \"auto\", a duration such as \"5s\", or { at_least = \"1s\", at_most = \"10s\" }"
)]
enum RawWarmUp {
    Text(String),
    #[serde(rename_all = "snake_case")]
    Bounds(RawBounds),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBounds {
    #[serde(deserialize_with = "time")]
    at_least: Duration,
    #[serde(deserialize_with = "time")]
    at_most: Duration,
}

fn time<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(value)?;
    parse_duration(&text).map_err(D::Error::custom)
}

impl TryFrom<RawWarmUp> for WarmUp {
    type Error = String;

    fn try_from(raw: RawWarmUp) -> Result<Self, String> {
        match raw {
            RawWarmUp::Text(text) if text == "auto" => Ok(Self::default()),
            RawWarmUp::Text(text) => parse_duration(&text).map(Self::fixed).map_err(|error| {
                format!("not a duration ({error}); write it like \"5s\", or \"auto\"")
            }),
            RawWarmUp::Bounds(RawBounds { at_least, at_most }) if at_least <= at_most => {
                Ok(Self { at_least, at_most })
            }
            RawWarmUp::Bounds(_) => Err("`at_least` is more than `at_most`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_numbers_with_or_without_their_sign() {
        for (text, ratio) in [
            ("5", 0.05),
            ("5%", 0.05),
            ("5 %", 0.05),
            ("0.5%", 0.005),
            ("0", 0.0),
        ] {
            assert_eq!(parse_percent(text), Ok(ratio), "{text}");
            assert_eq!(parse_share(text), Ok(ratio), "{text}");
        }
        assert_eq!(parse_percent("150%"), Ok(1.5));
        for text in ["", "%", "5%%", "-1%", "x", "inf", "NaN"] {
            let error = parse_percent(text).unwrap_err();
            assert!(error.contains("such as \"5%\""), "{text}: {error}");
            assert!(parse_share(text).is_err(), "{text}");
        }
        let error = parse_share("100%").unwrap_err();
        assert!(error.contains("below 100"), "{error}");
    }
}
