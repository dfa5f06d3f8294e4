//! Version of the documents.

/// Version of the documents. A reader refuses any other.
pub const SCHEMA_VERSION: u32 = 1;
