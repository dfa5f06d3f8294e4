//! Distributions of times at rest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::at_rest::AtRest;
use super::error::RecordError;
use crate::times::{EncodedTimes, Times};

/// [`EncodedTimes`] at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimesRecord {
    /// Exact sum, in microseconds.
    pub sum_us: u64,
    /// Exact shortest time, in microseconds.
    pub min_us: Option<u64>,
    /// Exact longest time, in microseconds.
    pub max_us: Option<u64>,
    /// HdrHistogram's V2 encoding of the times in microseconds, in base64; empty where there are none.
    pub hdr_v2_base64: String,
}

impl AtRest for Times {
    type Record = TimesRecord;

    fn to_record(&self) -> TimesRecord {
        self.encode().to_record()
    }

    fn from_record(field: &'static str, record: TimesRecord) -> Result<Self, RecordError> {
        Ok(decoded(field, &record)?.1)
    }
}

impl AtRest for EncodedTimes {
    type Record = TimesRecord;

    fn to_record(&self) -> TimesRecord {
        let known = |us| (!self.histogram.is_empty()).then_some(us);
        TimesRecord {
            sum_us: self.sum_us,
            min_us: known(self.min_us),
            max_us: known(self.max_us),
            hdr_v2_base64: STANDARD.encode(&self.histogram),
        }
    }

    fn from_record(field: &'static str, record: TimesRecord) -> Result<Self, RecordError> {
        Ok(decoded(field, &record)?.0)
    }
}

/// Times as they were encoded and as they are used.
///
/// An error if the second form cannot be had.
fn decoded(
    field: &'static str,
    record: &TimesRecord,
) -> Result<(EncodedTimes, Times), RecordError> {
    let error = |expected| RecordError::Value {
        field,
        found: "something else".to_owned(),
        expected,
    };
    let empty = EncodedTimes::default();
    let encoded = EncodedTimes {
        histogram: STANDARD
            .decode(&record.hdr_v2_base64)
            .map_err(|_| error("base64"))?,
        sum_us: record.sum_us,
        min_us: record.min_us.unwrap_or(empty.min_us),
        max_us: record.max_us.unwrap_or(empty.max_us),
    };
    let times = encoded
        .decode()
        .ok_or_else(|| error("a histogram that agrees with its sum and extremes"))?;
    Ok((encoded, times))
}
