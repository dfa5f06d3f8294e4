//! Conversion between core types and their records, both ways.

use std::time::{Duration, SystemTime};

use super::error::RecordError;
use super::unit;

/// Core type that is stored as another type.
pub(super) trait AtRest: Sized {
    /// Type of the field in a record.
    type Record;

    /// Record of the value.
    fn to_record(&self) -> Self::Record;

    /// Value of a record that was read as `field`.
    fn from_record(field: &'static str, record: Self::Record) -> Result<Self, RecordError>;
}

/// Implements [`AtRest`], `From<&Core>` and `TryFrom<Record>` for a struct or an enum.
///
/// `{ a, b }` are fields with the same name on both sides, `{ a => b }` fields that the record calls `b`, and `[ A, B ]`
/// variants. Each field is converted by its own [`AtRest`].
macro_rules! at_rest {
    ($core:ident, $record:ident { $($field:ident),* $(,)? } $({ $($own:ident => $stored:ident),+ $(,)? })?) => {
        impl $crate::json::at_rest::AtRest for $core {
            type Record = $record;

            fn to_record(&self) -> $record {
                $record {
                    $($field: $crate::json::at_rest::AtRest::to_record(&self.$field),)*
                    $($($stored: $crate::json::at_rest::AtRest::to_record(&self.$own),)+)?
                }
            }

            fn from_record(_: &'static str, record: $record) -> Result<Self, $crate::json::error::RecordError> {
                Ok(Self {
                    $($field: $crate::json::at_rest::AtRest::from_record(stringify!($field), record.$field)?,)*
                    $($($own: $crate::json::at_rest::AtRest::from_record(stringify!($stored), record.$stored)?,)+)?
                })
            }
        }
        at_rest!(@from $core, $record);
    };
    ($core:ident, $record:ident [ $($variant:ident),+ $(,)? ]) => {
        impl $crate::json::at_rest::AtRest for $core {
            type Record = $record;

            fn to_record(&self) -> $record {
                match self { $(Self::$variant => $record::$variant),+ }
            }

            fn from_record(_: &'static str, record: $record) -> Result<Self, $crate::json::error::RecordError> {
                Ok(match record { $($record::$variant => Self::$variant),+ })
            }
        }
        at_rest!(@from $core, $record);
    };
    (@from $core:ident, $record:ident) => {
        impl From<&$core> for $record {
            fn from(core: &$core) -> Self {
                $crate::json::at_rest::AtRest::to_record(core)
            }
        }

        impl TryFrom<$record> for $core {
            type Error = $crate::json::error::RecordError;

            fn try_from(record: $record) -> Result<Self, $crate::json::error::RecordError> {
                $crate::json::at_rest::AtRest::from_record(stringify!($core), record)
            }
        }
    };
}

pub(super) use at_rest;

/// Types that are stored as they are.
macro_rules! as_it_is {
    ($($plain:ty),+) => {
        $(impl AtRest for $plain {
            type Record = Self;

            fn to_record(&self) -> Self {
                self.to_owned()
            }

            fn from_record(_: &'static str, record: Self) -> Result<Self, RecordError> {
                Ok(record)
            }
        })+
    };
}

as_it_is!(bool, u32, u64, f64, String);

impl<Value: AtRest> AtRest for Option<Value> {
    type Record = Option<Value::Record>;

    fn to_record(&self) -> Self::Record {
        self.as_ref().map(AtRest::to_record)
    }

    fn from_record(field: &'static str, record: Self::Record) -> Result<Self, RecordError> {
        let value = record.map(|record| Value::from_record(field, record));
        value.transpose()
    }
}

impl<Value: AtRest> AtRest for Vec<Value> {
    type Record = Vec<Value::Record>;

    fn to_record(&self) -> Self::Record {
        self.iter().map(AtRest::to_record).collect()
    }

    fn from_record(field: &'static str, records: Self::Record) -> Result<Self, RecordError> {
        let values = records.into_iter();
        values
            .map(|record| Value::from_record(field, record))
            .collect()
    }
}

/// Milliseconds.
impl AtRest for Duration {
    type Record = f64;

    fn to_record(&self) -> f64 {
        unit::ms(*self)
    }

    fn from_record(field: &'static str, ms: f64) -> Result<Self, RecordError> {
        unit::duration(field, ms)
    }
}

/// Text of RFC 3339 to the nanosecond.
impl AtRest for SystemTime {
    type Record = String;

    fn to_record(&self) -> String {
        crate::moment::exact_moment(*self)
    }

    fn from_record(field: &'static str, text: String) -> Result<Self, RecordError> {
        unit::moment(field, &text)
    }
}
