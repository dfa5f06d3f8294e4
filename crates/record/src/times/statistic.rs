//! Statistics of a distribution of times.

use std::fmt;

/// One number of a distribution of times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Shortest time.
    Min,
    /// Mean of all times.
    Mean,
    /// Longest time.
    Max,
    /// Percentile, 0 to 100.
    Percentile(f64),
    /// Mean without the requests that have no answer.
    MeanOfSuccesses,
    /// Longest time without those of the requests that have no answer.
    MaxOfSuccesses,
}

impl Statistic {
    /// Statistic of its name in a threshold: `p95`, `min`, `mean`, `median`, `max`; `None` for any other text.
    pub(crate) fn of_key(text: &str) -> Option<Self> {
        match text {
            "min" => Some(Self::Min),
            "mean" => Some(Self::Mean),
            "median" => Some(Self::Percentile(50.0)),
            "max" => Some(Self::Max),
            _ => {
                let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
                (0.0..=100.0)
                    .contains(&percent)
                    .then_some(Self::Percentile(percent))
            }
        }
    }

    /// Word in a name of JSON or CSV: `median`, `p95`.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Percentile(50.0) => "median".to_owned(),
            other => other.to_string(),
        }
    }

    /// Title of a column: `Median`, `95 %`.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Min => "Min".to_owned(),
            Self::Mean | Self::MeanOfSuccesses => "Average".to_owned(),
            Self::Max | Self::MaxOfSuccesses => "Max".to_owned(),
            Self::Percentile(percent) => format!("p{percent}"),
        }
    }

    /// Statistic of `noun` in words: `median response time`, `95th percentile of the response time`.
    pub(crate) fn of_noun(self, noun: &str) -> String {
        match self {
            Self::Min => format!("shortest {noun}"),
            Self::Mean | Self::MeanOfSuccesses => format!("mean {noun}"),
            Self::Max | Self::MaxOfSuccesses => format!("longest {noun}"),
            Self::Percentile(50.0) => format!("median {noun}"),
            Self::Percentile(percent) => format!("{} of the {noun}", ordinal_percentile(percent)),
        }
    }
}

/// Name in a threshold: `p95`.
impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Min => f.write_str("min"),
            Self::Mean | Self::MeanOfSuccesses => f.write_str("mean"),
            Self::Max | Self::MaxOfSuccesses => f.write_str("max"),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}

/// Percentile in words: `95th percentile`, `91st percentile`.
pub fn ordinal_percentile(percent: f64) -> String {
    let digits = percent.to_string();
    let is_teen = ["11", "12", "13"].iter().any(|teen| digits.ends_with(teen));
    let ending = match digits.chars().last() {
        Some('1') if !is_teen => "st",
        Some('2') if !is_teen => "nd",
        Some('3') if !is_teen => "rd",
        _ => "th",
    };
    format!("{digits}{ending} percentile")
}
