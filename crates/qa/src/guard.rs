//! Conversion of panics in libraries into errors.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use crate::error::BackendError;

/// Result of `read`. A panic in `read` becomes an error with the message of the panic.
///
/// Libraries that read model files, and operators in such files, panic on some malformed files. `read` must not change
/// anything that is used after an error.
pub(crate) fn no_panic<T>(
    read: impl FnOnce() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    panic::catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|payload| Err(format!("panicked: {}", message(&*payload)).into()))
}

/// Result of `read`. A panic in `read` becomes an error without the message of the panic, which can contain text of a request.
pub(crate) fn no_panic_on_text<T>(
    read: impl FnOnce() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("panicked".into()))
}

/// Message of a panic.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let failed =
            |read: fn() -> Result<(), BackendError>| no_panic(read).unwrap_err().to_string();
        assert_eq!(failed(|| panic!("no head")), "panicked: no head");
        assert_eq!(failed(|| panic!("{} heads", 2)), "panicked: 2 heads");
        assert_eq!(failed(|| panic::panic_any(7)), "panicked: no message");
        assert_eq!(failed(|| Err("no tail".into())), "no tail");
    }

    #[test]
    fn a_panic_over_text_is_an_error_without_its_message() {
        let failed = no_panic_on_text::<()>(|| panic!("no token for `secret`"));
        assert_eq!(failed.unwrap_err().to_string(), "panicked");
        assert_eq!(no_panic_on_text(|| Ok(7)).unwrap(), 7);
    }

    #[test]
    fn without_a_panic_it_changes_nothing() {
        assert_eq!(no_panic(|| Ok(7)).unwrap(), 7);
    }
}
