//! Plain error messages for arguments that are not numbers.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error as ClapError};

/// Replaces an error of the standard library about a number by one that says what is expected. Returns other errors unchanged.
pub(super) fn in_words(error: ClapError, command: &mut Command) -> ClapError {
    let problem = error.source().map(ToString::to_string);
    let problem = match problem.as_deref() {
        Some("invalid digit found in string" | "cannot parse integer from empty string") => {
            "it must be a whole number"
        }
        Some("number would be zero for non-zero type") => "it must be a whole number of at least 1",
        Some("number too large to fit in target type") => "it is too large",
        _ => return error,
    };
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let argument = text(ContextKind::InvalidArg);
    let value = text(ContextKind::InvalidValue);
    command.error(
        ErrorKind::ValueValidation,
        format!("invalid value '{value}' for '{argument}': {problem}"),
    )
}
