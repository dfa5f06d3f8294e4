//! Values generated for each request: `${random_int:1:1000}`, `${uuid}`, `${now}`, `${choice:a,b}`.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::SystemTime;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use serde_json::value::RawValue;

use crate::json;

/// List of all generated values, for errors.
const ALL: &str = "`${random_int:1:1000}`, `${uuid}`, `${now}`, `${now:unix}`, `${now:unix_ms}` and `${choice:a,b}`";

/// Kind of generated value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Generated {
    /// A whole number, each with the same probability.
    RandomInt(RangeInclusive<i64>),
    /// A random UUID (RFC 9562, version 4).
    Uuid,
    /// The time in UTC, such as `2026-01-31T08:15:00.123Z`.
    Now,
    /// Whole seconds since 1970.
    NowUnix,
    /// Whole milliseconds since 1970.
    NowUnixMs,
    /// A text from this list, each with the same probability.
    NextTask(Vec<String>),
}

impl Generated {
    /// The kind with this name; `None` if the name is that of a column or an extracted value.
    ///
    /// # Errors
    /// Problem with a name that begins like that of a generated value.
    pub(super) fn parse(name: &str) -> Result<Option<Self>, String> {
        let (function, arguments) = match name.split_once(':') {
            Some((function, arguments)) => (function, Some(arguments)),
            None => (name, None),
        };
        let generated = match (function, arguments) {
            ("uuid", None) => Self::Uuid,
            ("now", None) => Self::Now,
            ("now", Some("unix")) => Self::NowUnix,
            ("now", Some("unix_ms")) => Self::NowUnixMs,
            ("random_int", Some(arguments)) => {
                let range = arguments
                    .split_once(':')
                    .and_then(|(least, most)| Some(least.parse().ok()?..=most.parse().ok()?));
                Self::RandomInt(range.filter(|range| !range.is_empty()).ok_or_else(|| {
                    format!(
                        "has `${{{name}}}`, which needs the least and the most whole number, such as `${{random_int:1:1000}}`"
                    )
                })?)
            }
            ("choice", Some(arguments)) if !arguments.is_empty() => {
                Self::NextTask(arguments.split(',').map(str::to_owned).collect())
            }
            ("uuid" | "now" | "choice", Some(_)) => {
                return Err(format!(
                    "has `${{{name}}}`; values that are made for each request are {ALL}"
                ));
            }
            _ => return Ok(None),
        };
        Ok(Some(generated))
    }

    /// A new value.
    pub(crate) fn make(&self, random: &mut StdRng) -> Box<RawValue> {
        match self {
            Self::RandomInt(range) => whole(&random.random_range(range.clone())),
            Self::Uuid => json::string(&uuid(random)),
            Self::Now => {
                let now = humantime::format_rfc3339_millis(SystemTime::now());
                json::string(&now.to_string())
            }
            Self::NowUnix => whole(&since_1970().as_secs()),
            Self::NowUnixMs => whole(&since_1970().as_millis()),
            Self::NextTask(texts) => json::string(&texts[random.random_range(0..texts.len())]),
        }
    }
}

fn whole(number: &impl ToString) -> Box<RawValue> {
    RawValue::from_string(number.to_string()).expect("a whole number is JSON")
}

fn since_1970() -> std::time::Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

fn uuid(random: &mut StdRng) -> String {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use regex::Regex;

    use super::*;

    fn made(name: &str) -> Vec<String> {
        let generated = Generated::parse(name).unwrap().unwrap();
        let mut random = StdRng::seed_from_u64(7);
        let make = |_| generated.make(&mut random).get().to_owned();
        (0..100).map(make).collect()
    }

    #[test]
    fn values_have_the_form_that_their_name_says() {
        for (name, form) in [
            ("random_int:-3:3", "^-?[0-3]$"),
            (
                "uuid",
                "^\"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\"$",
            ),
            ("now", r#"^"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"$"#),
            ("now:unix", r"^\d{10}$"),
            ("now:unix_ms", r"^\d{13}$"),
            ("choice:red,green", "^\"(red|green)\"$"),
        ] {
            let form = Regex::new(form).unwrap();
            for value in made(name) {
                assert!(form.is_match(&value), "{name}: {value}");
            }
        }
    }

    #[test]
    fn random_values_differ_and_are_the_same_for_the_same_seed() {
        for (name, distinct) in [("random_int:1:3", 3), ("choice:a,b", 2), ("uuid", 100)] {
            let mut values = made(name);
            assert_eq!(values, made(name));
            values.sort();
            values.dedup();
            assert_eq!(values.len(), distinct, "{name}");
        }
    }

    #[test]
    fn a_name_that_says_something_impossible_is_refused() {
        for name in [
            "random_int:5:1",
            "random_int:x:1",
            "random_int:1",
            "choice:",
            "uuid:4",
            "now:x",
        ] {
            assert!(Generated::parse(name).is_err(), "{name}");
        }
        for name in ["id", "choice", "random_int", "a:b", "nowhere"] {
            assert_eq!(Generated::parse(name), Ok(None), "{name}");
        }
    }
}
