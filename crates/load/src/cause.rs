//! Causes of failures.

use std::borrow::Cow;

/// Cause of the failure of a request, without varying parts, so that failures can be counted by cause.
pub(crate) type Cause = Cow<'static, str>;
