//! Errors of documents that are no records.

use super::version::SCHEMA_VERSION;

/// Reason why a document is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Text that is not JSON, or not of the record's shape.
    #[error("not a record of version {SCHEMA_VERSION}")]
    Shape(#[source] serde_json::Error),
    /// Version of another Bakeoff.
    #[error("record has schema version {found}, this program reads version {SCHEMA_VERSION}")]
    Version {
        /// Version in the document.
        found: u64,
    },
    /// Value that a field cannot have.
    #[error("{field} is {found}, expected {expected}")]
    Value {
        /// Name of the field.
        field: &'static str,
        /// Value of the field.
        found: String,
        /// Values that the field may have.
        expected: &'static str,
    },
}
