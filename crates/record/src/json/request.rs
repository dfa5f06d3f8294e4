//! Requests of one name at rest: their times by kind, and the causes of their failures.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::at_rest::{AtRest, at_rest};
use super::error::RecordError;
use super::times::TimesRecord;
use super::unit;
use crate::run::{FailureCause, RequestStats, Side};
use crate::times::{RequestTimes, TimeKind};

/// [`RequestStats`] at rest. Fields that it does not know are refused by `RequestTimesRecord`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of `RequestStats` and their documentation is there"
)]
pub struct RequestStatsRecord {
    pub method: String,
    pub name: String,
    pub completed_in_period: u64,
    pub failed_in_period: u64,
    pub body_bytes: u64,
    #[serde(flatten)]
    pub times: RequestTimesRecord,
}

/// [`RequestTimes`] at rest: one field for each kind, under the kind's name and in the order of [`TimeKind::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTimesRecord([TimesRecord; TimeKind::ALL.len()]);

/// [`FailureCause`] at rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `FailureCause` and their documentation is there"
)]
pub struct FailureCauseRecord {
    pub method: String,
    pub name: String,
    pub cause: String,
    /// `None` if the side follows from the text of the cause, as it does in records from before sides were stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<SideRecord>,
    pub occurrences: u64,
    pub first_seen_ms: f64,
    pub last_seen_ms: f64,
}

/// [`Side`] at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the variants are those of `Side` and their documentation is there"
)]
pub enum SideRecord {
    Generator,
    Server,
}

at_rest!(
    RequestStats,
    RequestStatsRecord {
        method,
        name,
        completed_in_period,
        failed_in_period,
        body_bytes,
        times
    }
);
at_rest!(Side, SideRecord [Generator, Server]);

impl AtRest for FailureCause {
    type Record = FailureCauseRecord;

    fn to_record(&self) -> FailureCauseRecord {
        // The server's causes are written as they always were.
        let usual = Side::Server;
        let is_usual = self.side == usual && side_by_text(&self.cause) == usual;
        FailureCauseRecord {
            method: self.method.clone(),
            name: self.name.clone(),
            cause: self.cause.clone(),
            side: (!is_usual).then(|| self.side.to_record()),
            occurrences: self.occurrences,
            first_seen_ms: unit::ms(self.first_seen),
            last_seen_ms: unit::ms(self.last_seen),
        }
    }

    fn from_record(_: &'static str, record: FailureCauseRecord) -> Result<Self, RecordError> {
        let side = match record.side {
            Some(side) => side.try_into()?,
            None => side_by_text(&record.cause),
        };
        Ok(Self {
            method: record.method,
            name: record.name,
            cause: record.cause,
            side,
            occurrences: record.occurrences,
            first_seen: unit::duration("first_seen_ms", record.first_seen_ms)?,
            last_seen: unit::duration("last_seen_ms", record.last_seen_ms)?,
        })
    }
}

impl From<&FailureCause> for FailureCauseRecord {
    fn from(cause: &FailureCause) -> Self {
        cause.to_record()
    }
}

/// Side of a cause in a record without sides: the generator's causes have always begun with these words.
fn side_by_text(cause: &str) -> Side {
    let mut beginnings = ["too many open files", "no local port"].into_iter();
    if beginnings.any(|beginning| cause.starts_with(beginning)) {
        Side::Generator
    } else {
        Side::Server
    }
}

impl AtRest for RequestTimes {
    type Record = RequestTimesRecord;

    fn to_record(&self) -> RequestTimesRecord {
        RequestTimesRecord(TimeKind::ALL.map(|kind| self[kind].to_record()))
    }

    fn from_record(_: &'static str, record: RequestTimesRecord) -> Result<Self, RecordError> {
        let mut times = Self::default();
        for (kind, record) in TimeKind::ALL.into_iter().zip(record.0) {
            times[kind] = AtRest::from_record(kind.name(), record)?;
        }
        Ok(times)
    }
}

impl Serialize for RequestTimesRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (kind, times) in TimeKind::ALL.into_iter().zip(&self.0) {
            map.serialize_entry(kind.name(), times)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RequestTimesRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RequestTimesVisitor)
    }
}

struct RequestTimesVisitor;

impl<'de> Visitor<'de> for RequestTimesVisitor {
    type Value = RequestTimesRecord;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("times by kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found: [Option<TimesRecord>; TimeKind::ALL.len()] = Default::default();
        while let Some(name) = map.next_key::<String>()? {
            let Some(kind) = TimeKind::ALL.into_iter().find(|kind| kind.name() == name) else {
                return Err(A::Error::custom(format!("unknown field `{name}`")));
            };
            if found[kind as usize].replace(map.next_value()?).is_some() {
                return Err(A::Error::duplicate_field(kind.name()));
            }
        }
        let mut times: [TimesRecord; TimeKind::ALL.len()] = Default::default();
        for kind in TimeKind::ALL {
            times[kind as usize] = match found[kind as usize].take() {
                None if kind.is_in_every_record() => {
                    return Err(A::Error::missing_field(kind.name()));
                }
                record => record.unwrap_or_default(),
            };
        }
        Ok(RequestTimesRecord(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_record_without_sides_has_them_by_the_text_of_its_causes() {
        for (cause, side) in [
            (
                "too many open files (limit 1,024) on the machine",
                Side::Generator,
            ),
            ("no local port of 32768 to 60999 left", Side::Generator),
            ("connection refused", Side::Server),
        ] {
            let mut failure = fixture::measurement("/", &[], &[1], 1).failures.remove(0);
            failure.cause = cause.to_owned();
            let record = FailureCauseRecord {
                side: None,
                ..failure.to_record()
            };
            assert_eq!(
                FailureCause::from_record("failures", record).unwrap().side,
                side
            );
        }
    }

    #[test]
    fn sides_come_back_whatever_the_text_says() {
        for side in [Side::Generator, Side::Server] {
            for cause in ["no local port left", "connection refused"] {
                let mut failure = fixture::measurement("/", &[], &[1], 1).failures.remove(0);
                (failure.cause, failure.side) = (cause.to_owned(), side);
                let json = serde_json::to_string(&failure.to_record()).unwrap();
                let back =
                    FailureCause::from_record("failures", serde_json::from_str(&json).unwrap());
                assert_eq!(back.unwrap(), failure);
            }
        }
    }

    #[test]
    fn unknown_and_missing_kinds_of_times_are_refused() {
        let stats = fixture::measurement("/", &[1], &[], 1).requests.remove(0);
        let json = serde_json::to_value(stats.to_record()).unwrap();
        let read = |json: serde_json::Value| serde_json::from_value::<RequestStatsRecord>(json);
        assert_eq!(read(json.clone()).unwrap(), stats.to_record());
        for kind in TimeKind::ALL {
            let mut without = json.clone();
            without.as_object_mut().unwrap().remove(kind.name());
            assert_eq!(
                read(without).is_err(),
                kind.is_in_every_record(),
                "{kind:?}"
            );
        }
        let mut with = json;
        with["surplus"] = serde_json::Value::Null;
        assert!(read(with).is_err());
    }
}
