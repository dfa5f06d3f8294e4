//! Documents: text with a version.

use serde::{Deserialize, Serialize};

use super::error::RecordError;
use super::version::SCHEMA_VERSION;

/// Reads a record; an error for any other version, whatever else is wrong.
pub(super) fn parse<'json, Record: Deserialize<'json>>(
    json: &'json str,
) -> Result<Record, RecordError> {
    /// Version alone, so that a newer record is called newer and not malformed.
    #[derive(Deserialize)]
    struct Version {
        schema_version: u64,
    }
    let Version { schema_version } = serde_json::from_str(json).map_err(RecordError::Shape)?;
    if schema_version != u64::from(SCHEMA_VERSION) {
        return Err(RecordError::Version {
            found: schema_version,
        });
    }
    serde_json::from_str(json).map_err(RecordError::Shape)
}

/// Record as indented JSON with a newline at its end.
pub(super) fn write(record: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(record)
        .expect("records have string keys and no failing serializers");
    json.push('\n');
    json
}
