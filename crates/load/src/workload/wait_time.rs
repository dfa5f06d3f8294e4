//! Wait of a user between tasks.

use std::fmt;
use std::time::Duration;

/// Wait of a user between tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WaitTime {
    /// Constant time after every answer.
    Constant(Duration),
    /// Time after every answer, uniformly distributed from the first duration to the second.
    Between(Duration, Duration),
    /// Time after every answer, exponentially distributed with this mean.
    Poisson(Duration),
    /// Constant time between the starts of tasks. If an answer takes longer, the next task starts with the answer.
    ConstantPacing(Duration),
}

impl fmt::Display for WaitTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = humantime::format_duration;
        match *self {
            Self::Constant(Duration::ZERO) => f.write_str("no wait between requests"),
            Self::Constant(wait) => write!(f, "{} after every answer", words(wait)),
            Self::Between(shortest, longest) => write!(
                f,
                "{} to {} after every answer, uniformly distributed",
                words(shortest),
                words(longest)
            ),
            Self::Poisson(mean) => write!(
                f,
                "{} on average after every answer, exponentially distributed",
                words(mean)
            ),
            Self::ConstantPacing(period) => write!(
                f,
                "a request every {}, later only if the answer before took longer",
                words(period)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_in_words() {
        let (one, three) = (Duration::from_secs(1), Duration::from_millis(3500));
        for (wait, expected) in [
            (
                WaitTime::Constant(Duration::ZERO),
                "no wait between requests",
            ),
            (WaitTime::Constant(one), "1s after every answer"),
            (
                WaitTime::Between(one, three),
                "1s to 3s 500ms after every answer, uniformly distributed",
            ),
            (
                WaitTime::Poisson(one),
                "1s on average after every answer, exponentially distributed",
            ),
            (
                WaitTime::ConstantPacing(three),
                "a request every 3s 500ms, later only if the answer before took longer",
            ),
        ] {
            assert_eq!(wait.to_string(), expected);
        }
    }
}
