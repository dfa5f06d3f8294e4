//! Checks of values in a JSON body. Pure.

use serde_json::value::RawValue;

use crate::cause::Cause;
use crate::json::{self, Decimal, Kind};

/// Check of one value of a JSON body.
#[derive(Debug, Clone, Default)]
pub(crate) struct JsonCheck {
    /// JSON pointer (RFC 6901) of the value.
    pub(crate) pointer: String,
    pub(crate) kind: Option<Kind>,
    /// Right values; empty if any value is right.
    pub(crate) one_of: Vec<Box<RawValue>>,
    pub(crate) number: Limits,
}

/// Limits of a number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits(pub(crate) Vec<Limit>);

/// Limit of a number.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    pub(crate) side: Side,
    pub(crate) number: Decimal,
    /// The number as it is written in the scenario.
    pub(crate) written: String,
}

/// Side of a limit on which numbers are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Above,
    Below,
    AtLeast,
    AtMost,
}

impl JsonCheck {
    /// Cause of the failure of an answer with this body; `None` if the value is right.
    pub(super) fn failure(&self, body: &RawValue) -> Option<Cause> {
        let shown = match self.pointer.as_str() {
            "" => "the body",
            pointer => pointer,
        };
        let Some(value) = json::at(body, &self.pointer) else {
            return Some(format!("check failed: {shown} is missing").into());
        };
        if let Some(kind) = self.kind
            && kind != json::kind(value)
        {
            return Some(format!("check failed: {shown} is not {}", kind.with_article()).into());
        }
        let mut expected = self.one_of.iter();
        if !self.one_of.is_empty() && !expected.any(|expected| json::same(value, expected)) {
            let expected: Vec<&str> = self.one_of.iter().map(|value| value.get()).collect();
            let among = match expected.as_slice() {
                [_] => "equal to",
                _ => "one of",
            };
            let expected = expected.join(", ");
            return Some(format!("check failed: {shown} is not {among} {expected}").into());
        }
        let problem = self.number.problem(value)?;
        Some(format!("check failed: {shown} {problem}").into())
    }
}

impl Limits {
    /// Problem with `value`, as words after its name; `None` if it keeps all limits.
    fn problem(&self, value: &RawValue) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let Some(number) = Decimal::of(value) else {
            return Some("is not a number".to_owned());
        };
        let broken = self.0.iter().find(|limit| !limit.holds(&number))?;
        let (side, written) = (broken.side.words(), &broken.written);
        Some(format!("is not {side} {written}"))
    }
}

impl Limit {
    fn holds(&self, number: &Decimal) -> bool {
        match self.side {
            Side::Above => *number > self.number,
            Side::Below => *number < self.number,
            Side::AtLeast => *number >= self.number,
            Side::AtMost => *number <= self.number,
        }
    }
}

impl Side {
    fn words(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::AtLeast => "at least",
            Self::AtMost => "at most",
        }
    }
}
